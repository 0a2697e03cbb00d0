//! What was wrong with a server's reply.

use std::fmt;

use serde::Serialize;

use crate::wire::{Ede, Name};

use super::avoided::Avoided;
use super::why::{Transport, Unreachable};

/// What was wrong with a server's reply, so that another server has to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wrong {
    /// An error code that says nothing about the name.
    Rcode {
        /// Its mnemonic.
        rcode: String,
        /// Why, as the server itself says it: the first of its extended errors (RFC 8914).
        said: Option<Ede>,
    },
    /// FORMERR or NOTIMP to a query with EDNS.
    NoEdns,
    /// FORMERR, NOTIMP or BADVERS to a query with a cookie.
    NoCookies,
    /// It wants another cookie (RFC 7873 §5.3).
    BadCookie,
    /// It refers to its own zone, or upwards: it does not serve the zone (lame delegation).
    UpwardReferral {
        /// The zone to which it referred.
        to: Name,
    },
    /// It denies what it was asked in the name of a zone above: it does not serve the zone (lame delegation).
    OtherZone {
        /// The zone that it serves.
        serves: Name,
    },
    /// It refers to a zone below a signed one with neither a DS set nor the proof that there is none (RFC 4035 §3.1.4).
    Unproved {
        /// The zone to which it referred.
        zone: Name,
    },
    /// It answers from somebody else's data: RA without AA.
    Recursive,
    /// It was asked to do the looking up, and refers to others.
    NotRecursive,
    /// Neither an answer nor a referral nor a denial.
    Empty,
    /// A denial of the type, or of the name without authority or in a signed zone, that lacks its SOA record (RFC 2308
    /// §2).
    Bare,
    /// The answer was there, but damaged or beyond the limits.
    Unusable,
    /// Truncated even over TCP, or nothing to be had over TCP.
    Truncated,
    /// It was not asked.
    Avoided {
        /// Why.
        why: Avoided,
    },
    /// It could not be reached or did not answer.
    Unreachable {
        /// In which way.
        how: Unreachable,
        /// Over which transport.
        transport: Transport,
    },
}

impl Wrong {
    /// Whether nothing was heard of the server because nobody has asked it, as it counts as dead.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        matches!(self, Self::Avoided { why: Avoided::Dead { .. } })
    }

    /// Whether it was silent, now or to those who asked it before.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        self.is_left_alone() || matches!(self, Self::Unreachable { how: Unreachable::Timeout, .. })
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rcode { rcode, said: None } => write!(f, "answered {rcode}"),
            Self::Rcode { rcode, said: Some(said) } => write!(f, "answered {rcode} and says {said}"),
            Self::NoEdns => f.write_str("does not understand EDNS"),
            Self::NoCookies => f.write_str("does not understand a question with a cookie"),
            Self::BadCookie => f.write_str("wants another cookie"),
            Self::UpwardReferral { to } => {
                write!(f, "is lame: it refers to {to} instead of answering for its zone")
            }
            Self::OtherZone { serves } => write!(f, "is lame: it denies in the name of {serves}"),
            Self::Unproved { zone } => write!(f, "refers to {zone} without proof, in a signed zone"),
            Self::Recursive => f.write_str("is lame: it answers without authority, from recursion"),
            Self::NotRecursive => f.write_str("is no forwarder: it refers to others instead of looking the name up"),
            Self::Empty => f.write_str("is lame: it gave neither an answer nor a referral"),
            Self::Bare => f.write_str("gave a denial without a SOA record"),
            Self::Unusable => f.write_str("gave an answer that cannot be used"),
            Self::Truncated => f.write_str("truncated its answer and gave no whole one"),
            Self::Avoided { why } => write!(f, "is not asked: {why}"),
            Self::Unreachable { how, transport } => write!(f, "failed over {transport}: {how}"),
        }
    }
}
