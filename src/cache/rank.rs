//! How surely a thing is known.

use std::fmt;

use serde::Serialize;

/// How surely a record set is known: the order of RFC 2181 §5.4.1, least first.
///
/// What is known more surely is not replaced, as long as it is fresh, by what is known less surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// It stood behind an alias, where the question was for another name: good for that answer, and to be served when
    /// its time is over and there is nothing better (RFC 8767), but not as the answer to its own name.
    BehindAlias,
    /// From root hints: good enough to ask for something better (RFC 9609 §3).
    Hint,
    /// Additional data, glue, and the authority section of a referral.
    Additional,
    /// From the answer section of a reply without AA.
    NonAuthAnswer,
    /// From the authority section of a reply with AA.
    AuthAuthority,
    /// From the answer section of a reply with AA.
    AuthAnswer,
    /// From our own configuration.
    Local,
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BehindAlias => "behind an alias",
            Self::Hint => "root hint",
            Self::Additional => "glue or additional data",
            Self::NonAuthAnswer => "non-authoritative answer",
            Self::AuthAuthority => "authority section of an authoritative reply",
            Self::AuthAnswer => "authoritative answer",
            Self::Local => "local data",
        })
    }
}

/// What DNSSEC has shown of a thing (RFC 4035 §4.3). What is bogus is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// It was not judged: only what validates it may use it.
    #[default]
    Unchecked,
    /// It cannot be proved, and need not be.
    Insecure,
    /// It was proved.
    Secure,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_rfc_2181() {
        use Rank::{Additional, AuthAnswer, AuthAuthority, BehindAlias, Hint, Local, NonAuthAnswer};
        assert!([BehindAlias, Hint, Additional, NonAuthAnswer, AuthAuthority, AuthAnswer, Local].is_sorted());
    }
}
