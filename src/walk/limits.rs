//! Every limit of a walk as a number with the attack that it answers, and the one budget that is spent.

use std::time::Duration;

use crate::dnssec;
use crate::time::{Time, as_ms};
use crate::trace::{Event, Limit};

/// Sub-questions of one client query; each costs memory although the cache may answer it.
pub(super) const MAX_GOALS: usize = 128;

/// For how long after the client's question servers that may be slow are listened to although nobody is left to be
/// asked. Clients wait 5 s (dig, the stubs of glibc and systemd): they learn before that why there is no answer.
pub(super) const CLIENT_PATIENCE: Duration = Duration::from_millis(4500);

/// What one client query may cost at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Queries to servers for one client query, sub-questions included (NXNSAttack, CAMP).
    pub queries: u32,
    /// Queries for one question to the servers of one zone (CAMP: the product of limits matters).
    pub queries_per_step: u32,
    /// Octets received for one client query (amplification towards us).
    pub bytes: usize,
    /// Wall clock for one client query; clients give up after 5 s or try again.
    pub time: Duration,
    /// Name servers of a delegation that are looked at (NXNSAttack, NRDelegationAttack).
    pub servers_per_zone: usize,
    /// Addresses that are used for each of them (self-pointed glue, CVE-2026-3592).
    pub addresses_per_server: usize,
    /// Name servers whose addresses are looked up at once when none has glue.
    pub lookups_at_once: usize,
    /// Name servers of one zone whose address look-up may fail (NRDelegationAttack).
    pub failed_server_lookups: u32,
    /// CNAME and DNAME links from the question to the answer (RFC 1034 §3.6.2).
    pub cname_links: u32,
    /// Name server look-ups nested in one another (TsuNAME, CVE-2026-5950).
    pub depth: u32,
    /// Referrals followed for one question (RFC 1034 §5.3.3).
    pub referrals: u32,
    /// Attempts at one address for one question (RFC 9520 §3.1).
    pub tries_per_address: u32,
    /// Packets that almost match before a reply over UDP is not believed any more (RFC 5452 §9.3).
    pub near_misses: usize,
    /// Labels at which minimisation stops sending one question for each (RFC 9156 §2.3).
    pub minimise_count: u32,
    /// How many of those add a single label.
    pub minimise_one_label: u32,
    /// Servers that are not asked again because what they said was bogus, and in whose place others are (each costs
    /// what the question has cost so far).
    pub bogus_retries: u32,
    /// What may stand in a reply.
    pub sets: SetLimits,
    /// What proving the answer may cost.
    pub proofs: dnssec::Limits,
}

/// What of a reply is used at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// Members of one record set (CVE-2024-1737, CVE-2024-25590).
    pub records: usize,
    /// Octets of their data. What is larger than 16 kB with all that belongs to it is not cached either.
    pub bytes: usize,
    /// Types of one name in one reply (CVE-2024-1737). The cache has an entry for each name and type and no list of a
    /// name's types that could grow long, so that they need no counting over several replies.
    pub types_per_name: usize,
}

impl Default for SetLimits {
    fn default() -> Self {
        Self { records: 256, bytes: 16 * 1024, types_per_name: 100 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queries: 100,
            queries_per_step: 32,
            bytes: 100_000,
            time: Duration::from_secs(7),
            servers_per_zone: 13,
            addresses_per_server: 6,
            lookups_at_once: 2,
            failed_server_lookups: 5,
            cname_links: 11,
            depth: 16,
            referrals: 30,
            tries_per_address: 3,
            near_misses: 1,
            minimise_count: 10,
            minimise_one_label: 4,
            bogus_retries: 3,
            sets: SetLimits::default(),
            proofs: dnssec::Limits::default(),
        }
    }
}

/// What a walk has spent so far. Nothing resets it.
#[derive(Clone, Debug)]
pub struct Budget {
    queries: u32,
    bytes: usize,
    deadline: Time,
    patient_until: Time,
    /// What validation has cost.
    pub(super) proofs: dnssec::Spent,
}

impl Budget {
    /// The budget of a walk that begins at `now`.
    #[must_use]
    pub fn new(limits: &Limits, now: Time) -> Self {
        let (deadline, patient_until) = (now + limits.time, now + CLIENT_PATIENCE.min(limits.time));
        Self { queries: 0, bytes: 0, deadline, patient_until, proofs: dnssec::Spent::default() }
    }

    /// Until when the client is still there for the reply of a server that is slow.
    #[must_use]
    pub fn patient_until(&self) -> Time {
        self.patient_until
    }

    /// When the time is over.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.deadline
    }

    /// Queries sent so far.
    #[must_use]
    pub fn queries(&self) -> u32 {
        self.queries
    }

    /// Signatures verified so far.
    #[must_use]
    pub fn validations(&self) -> u32 {
        self.proofs.validations
    }

    /// Octets received so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes one query out of the budget.
    ///
    /// # Errors
    /// The limit that forbids it.
    pub fn spend_query(&mut self, limits: &Limits, now: Time) -> Result<(), Limit> {
        if now >= self.deadline {
            return Err(Limit::Time);
        }
        if self.queries >= limits.queries {
            return Err(Limit::Queries);
        }
        if self.bytes >= limits.bytes {
            return Err(Limit::Bytes);
        }
        self.queries += 1;
        Ok(())
    }

    /// So many queries were not sent after all.
    pub(super) fn take_back(&mut self, unsent: usize) {
        self.queries = self.queries.saturating_sub(u32::try_from(unsent).unwrap_or(u32::MAX));
    }

    /// Counts what was received.
    pub fn received(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Limits {
    /// What the trace says of a limit that is reached.
    pub(super) fn reached(&self, limit: Limit) -> Event {
        Event::LimitReached { limit, value: self.value(limit) }
    }

    /// The number behind a limit, for the trace.
    #[must_use]
    pub fn value(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Queries => self.queries.into(),
            Limit::QueriesPerStep => self.queries_per_step.into(),
            Limit::Bytes => self.bytes as u64,
            Limit::Time => as_ms(self.time),
            Limit::ServersPerZone => self.servers_per_zone as u64,
            Limit::AddressesPerServer => self.addresses_per_server as u64,
            Limit::Goals => MAX_GOALS as u64,
            Limit::CnameLinks => self.cname_links.into(),
            Limit::Depth => self.depth.into(),
            Limit::Referrals => self.referrals.into(),
            Limit::FailedServerLookups => self.failed_server_lookups.into(),
            Limit::Validations => self.proofs.validations.into(),
            Limit::FailedValidations => self.proofs.failed_validations.into(),
            Limit::RecordsPerSet => self.sets.records as u64,
            Limit::BytesPerSet => self.sets.bytes as u64,
            Limit::TypesPerName => self.sets.types_per_name as u64,
            Limit::SignaturesPerSet => self.proofs.signatures_per_set as u64,
            Limit::KeysPerTag => self.proofs.keys_per_tag as u64,
            Limit::DsPerZone => self.proofs.ds_per_zone as u64,
            Limit::Nsec3Iterations => self.proofs.nsec3_iterations.into(),
            Limit::Nsec3Hashes => self.proofs.nsec3_hashes.into(),
        }
    }
}
