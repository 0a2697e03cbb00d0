//! Every limit that may be reached, and under which key it is set.

use std::fmt;

use serde::Serialize;

/// The limit that ended a walk or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Queries sent for one client query.
    Queries,
    /// Queries sent to the servers of one zone for one question.
    QueriesPerStep,
    /// Bytes received for one client query.
    Bytes,
    /// Wall clock time for one client query.
    Time,
    /// Name servers of one zone that are looked at.
    ServersPerZone,
    /// Addresses of one name server that are used.
    AddressesPerServer,
    /// Links in a chain of CNAME and DNAME records.
    CnameLinks,
    /// Name server look-ups nested in one another.
    Depth,
    /// Sub-questions of one client query.
    Goals,
    /// Referrals followed for one question.
    Referrals,
    /// Name servers of one zone whose address could not be found.
    FailedServerLookups,
    /// Records of one set.
    RecordsPerSet,
    /// Octets of the data of one set.
    BytesPerSet,
    /// Types of one name in one reply.
    TypesPerName,
    /// Signatures verified for one client query (KeyTrap).
    Validations,
    /// Signatures that did not hold (KeyTrap).
    FailedValidations,
    /// Signatures over one set that are tried (KeyTrap).
    SignaturesPerSet,
    /// Keys of one zone with one tag that are tried (KeyTrap).
    KeysPerTag,
    /// DS records of one zone that are compared with a key whose tag they have.
    DsPerZone,
    /// Iterations of an NSEC3 hash (RFC 9276 §3.2).
    Nsec3Iterations,
    /// NSEC3 hashes computed for one client query (CVE-2023-50868).
    Nsec3Hashes,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Queries,
        Self::QueriesPerStep,
        Self::Bytes,
        Self::Time,
        Self::ServersPerZone,
        Self::AddressesPerServer,
        Self::CnameLinks,
        Self::Depth,
        Self::Goals,
        Self::Referrals,
        Self::FailedServerLookups,
        Self::RecordsPerSet,
        Self::BytesPerSet,
        Self::TypesPerName,
        Self::Validations,
        Self::FailedValidations,
        Self::SignaturesPerSet,
        Self::KeysPerTag,
        Self::DsPerZone,
        Self::Nsec3Iterations,
        Self::Nsec3Hashes,
    ];

    /// What is counted, in words that follow the number; and the key of the configuration that sets it, unless it is
    /// fixed.
    fn words(self) -> (&'static str, Option<&'static str>) {
        let (what, key) = match self {
            Self::Queries => ("queries for one question", "queries"),
            Self::QueriesPerStep => ("queries to one zone", "queries_per_step"),
            Self::Bytes => ("octets received for one question", "bytes"),
            Self::Time => ("milliseconds for one question", "time_ms"),
            Self::ServersPerZone => ("servers of one zone", "servers_per_zone"),
            Self::AddressesPerServer => ("addresses of one server", "addresses_per_server"),
            Self::CnameLinks => ("links in a chain of aliases", "cname_links"),
            Self::Depth => ("nested look-ups of name servers", "depth"),
            Self::Goals => return ("questions that one question leads to", None),
            Self::Referrals => ("referrals for one question", "referrals"),
            Self::FailedServerLookups => ("failed look-ups of a zone's name servers", "failed_server_lookups"),
            Self::RecordsPerSet => ("records in one set", "records_per_set"),
            Self::BytesPerSet => ("octets of data in one set", "bytes_per_set"),
            Self::TypesPerName => ("types of one name in one reply", "types_per_name"),
            Self::Validations => ("signatures verified for one question", "validations"),
            Self::FailedValidations => ("signatures that do not hold", "failed_validations"),
            Self::SignaturesPerSet => ("signatures over one set", "signatures_per_set"),
            Self::KeysPerTag => ("keys with one tag", "keys_per_tag"),
            Self::DsPerZone => ("DS records of one zone", "ds_per_zone"),
            Self::Nsec3Iterations => ("iterations of an NSEC3 hash", "nsec3_iterations"),
            Self::Nsec3Hashes => ("NSEC3 hashes for one question", "nsec3_hashes"),
        };
        (what, Some(key))
    }

    /// The key of the configuration that sets it, in the table `limits`; `None` for one that is fixed.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        self.words().1
    }

    /// Whether less than there is was looked at, and the walk goes on with that.
    #[must_use]
    pub fn is_cut(self) -> bool {
        matches!(self, Self::ServersPerZone | Self::AddressesPerServer)
    }
}

/// What is counted, and where the number stands: `queries for one question (limits.queries)`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, key) = self.words();
        f.write_str(what)?;
        key.iter().try_for_each(|key| write!(f, " (limits.{key})"))
    }
}
