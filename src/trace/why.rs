//! The reasons: why a server was chosen, a packet ignored, a record dropped, a limit reached.

use std::fmt;

use serde::Serialize;

use crate::wire::text::type_name;
use crate::wire::{Fault, Name, RecordType};

use super::limit::Limit;
use super::words::{Ms, counted, type_text, words};

/// How a question travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// UDP (RFC 1035 §4.2.1).
    Udp,
    /// TCP (RFC 7766).
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Why a question was sent in the form in which it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AskWhy {
    /// Only as many labels as this zone needs to see (RFC 9156).
    Minimised,
    /// The whole question.
    Full,
    /// A server gave an odd answer to the minimised question, so the whole one is asked.
    FullAfterTrouble,
    /// A part of the name is said not to exist, as some servers say of a name that only has others below it: that is
    /// believed of the whole name alone (relaxed minimisation, RFC 9156 §3).
    FullAfterDenial,
    /// The answer over UDP was truncated.
    TcpAfterTruncation,
    /// A reply that almost matched came over UDP: TCP cannot be forged from off the path.
    TcpAfterNearMiss,
    /// It stayed silent over UDP.
    TcpAfterSilence,
    /// It was silent over UDP a while ago, and answered over TCP.
    TcpAsBefore,
    /// It answered SERVFAIL or REFUSED, as some do for a moment only, or to a cookie that they do not know or letters
    /// of both cases, or ended the connection, and nobody else had an answer: asked with neither, unless it gave a
    /// cookie before.
    AfterFailure,
    /// A forwarder answered SERVFAIL or REFUSED to a question with CD, and nobody else had an answer: it may look
    /// further when it has to check what it finds (RFC 6840, appendix B).
    WithoutCd,
    /// The server did not understand EDNS (RFC 6891 §7).
    WithoutEdns,
    /// The server wants to be shown the cookie that it has just given (RFC 7873 §5.3).
    FreshCookie,
    /// The server did not accept the cookie that it had just given (RFC 7873 §5.3).
    TcpAfterBadCookie,
    /// A reply over UDP did not show our cookie, although this server does that (RFC 7873 §5.3).
    TcpAfterNoCookie,
    /// The server did not understand a question with a cookie.
    WithoutCookie,
    /// The servers of the root are asked for their own list (RFC 9609), or those of a stub zone.
    Priming,
    /// The whole question with recursion desired: others do the looking up.
    Forwarded,
}

impl fmt::Display for AskWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minimised => "minimised",
            Self::Full => "the whole question",
            Self::FullAfterTrouble => "the whole question, as the minimised one got no useful answer",
            Self::FullAfterDenial => "the whole question, as relaxed minimisation believes no denial of a part",
            Self::TcpAfterTruncation => "again over TCP, as the answer over UDP was truncated",
            Self::TcpAfterNearMiss => "again over TCP, as a reply over UDP almost matched",
            Self::TcpAfterSilence => "again over TCP, as nothing came over UDP",
            Self::TcpAsBefore => "over TCP at once, as nothing came over UDP a while ago",
            Self::AfterFailure => "again, as it failed and nobody else had an answer",
            Self::WithoutCd => "again without CD, as it failed with it and nobody else had an answer",
            Self::WithoutEdns => "again without EDNS, which the server does not understand",
            Self::FreshCookie => "again with the cookie that the server has just given",
            Self::TcpAfterBadCookie => "again over TCP, as the server does not accept its own cookie",
            Self::TcpAfterNoCookie => "again over TCP, as a reply over UDP did not show our cookie",
            Self::WithoutCookie => "again without a cookie, which the server does not understand",
            Self::Priming => "priming",
            Self::Forwarded => "forwarded, recursion desired",
        })
    }
}

/// Why this server was asked and not another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChoiceWhy {
    /// It is the only one that can be asked: the zone has no other, or none whose address is known and who is left.
    Only,
    /// One of those whose round-trip time lies in the band of the best.
    InBand {
        /// Its smoothed round-trip time in microseconds.
        srtt_us: u64,
        /// How many were in the band.
        band: usize,
    },
    /// Nothing has come from it yet, so that its round-trip time is not known.
    Unknown {
        /// How many candidates there were.
        band: usize,
    },
    /// Nothing has come of asking it before, nor of asking all others that are left.
    Again {
        /// How often it was asked the same.
        tries: u32,
    },
    /// Taken although others look better, to learn whether that is still so.
    Explored,
    /// Nothing came of asking it so often that it is left alone for a while, and so are all others (RFC 9520 §3.2).
    Resting {
        /// How often nothing came, in a row.
        silences: u8,
    },
    /// Nothing has come from it for this zone for a while: to see whether it is back.
    MayBeBack {
        /// For how many seconds.
        silent_secs: u64,
    },
    /// It is the copy of the root in this process (RFC 8806).
    Copy,
    /// The same server once more, for the reason that the ask gives.
    Same,
}

impl fmt::Display for ChoiceWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => f.write_str("the only one that can be asked"),
            Self::InBand { srtt_us, band: 1 } => write!(f, "the best left, RTT {}", Ms(*srtt_us)),
            Self::InBand { srtt_us, band } => write!(f, "one of {band} near the best, RTT {}", Ms(*srtt_us)),
            Self::Unknown { band: 1 } => f.write_str("not heard from yet"),
            Self::Unknown { band } => write!(f, "one of {band}, not heard from yet"),
            Self::Again { tries: 1 } => f.write_str("once more, as all that are left were asked before"),
            Self::Again { tries } => write!(f, "once more, as all that are left were asked {tries} times before"),
            Self::Explored => f.write_str("explored, to see whether it is better than we think"),
            Self::Resting { silences } => {
                write!(f, "once, although nothing came of asking it {silences} times in a row, nor of asking any other")
            }
            Self::MayBeBack { silent_secs } => {
                write!(f, "to see whether it is back: it has been silent for {silent_secs} s")
            }
            Self::Copy => f.write_str("it is at hand"),
            Self::Same => f.write_str("the same server again"),
        }
    }
}

/// A packet that came while a reply was awaited and was not that reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ignored {
    /// Another message id than was sent (RFC 5452 §9.1).
    WrongId {
        /// The id that came.
        got: u16,
        /// The id that was sent.
        want: u16,
    },
    /// Another question than was asked (RFC 5452 §9.1).
    WrongQuestion {
        /// The name in the question that came.
        name: Name,
        /// Its type.
        #[serde(rename = "type", serialize_with = "type_text")]
        qtype: RecordType,
    },
    /// No question at all.
    NoQuestion,
    /// The right question in another case (draft-vixie-dnsext-dns0x20-00).
    WrongCase,
    /// The right question with a cookie that is not ours (RFC 7873 §5.3).
    WrongCookie,
    /// The right question without our cookie, which this server shows otherwise (RFC 7873 §5.3).
    NoCookie,
    /// A query, not a response.
    NotAResponse,
    /// Bytes that are no message.
    Unreadable,
    /// Too few octets for an id.
    TooShort,
    /// What would be the reply, behind packets that almost were: it may be guessed as well (RFC 5452 §9.3).
    Guessable,
}

impl Ignored {
    /// Why nobody listens on after it; `None` when the reply may still come.
    ///
    /// Who has the right id comes from the server, unless it was guessed, so that this is all that the server has to
    /// say. Whoever did guess it has won no more than that TCP decides. A cookie that is not ours is somebody else's.
    #[must_use]
    pub fn ends(&self) -> Option<Unreachable> {
        match self {
            Self::WrongCase => Some(Unreachable::CaseMismatch),
            Self::NoCookie => Some(Unreachable::NoCookie),
            Self::Guessable => Some(Unreachable::NearMisses),
            Self::WrongQuestion { .. } | Self::NoQuestion | Self::NotAResponse | Self::Unreadable => {
                Some(Unreachable::Garbage)
            }
            Self::WrongId { .. } | Self::WrongCookie | Self::TooShort => None,
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongId { got, want } => write!(f, "a reply with id {got} where {want} was sent"),
            Self::WrongQuestion { name, qtype } => {
                write!(f, "a reply to {name} {}, which was not asked", type_name(*qtype))
            }
            Self::NoQuestion => f.write_str("a reply without a question"),
            Self::WrongCase => f.write_str("a reply that does not keep the case of the question"),
            Self::WrongCookie => f.write_str("a reply with a cookie that is not ours"),
            Self::NoCookie => f.write_str("a reply without our cookie, which this server shows otherwise"),
            Self::NotAResponse => f.write_str("a packet that is no response"),
            Self::Unreadable => f.write_str("bytes that are no DNS message"),
            Self::TooShort => f.write_str("fewer octets than an id has"),
            Self::Guessable => {
                f.write_str("a reply that matches, behind others that almost did: it may be guessed, too")
            }
        }
    }
}

/// Why an exchange with a server came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreachable {
    /// Nothing listens there: ICMP port unreachable or TCP reset.
    Refused,
    /// There is no route to the address, or one that prohibits it, here or on the way.
    NoRoute,
    /// The connection ended before the reply was complete.
    Closed,
    /// No connection or no reply in time.
    Timeout,
    /// This machine does not let us send there: its firewall.
    Forbidden,
    /// The operating system could not send.
    Local,
    /// This program has as many files open as it may.
    OutOfFiles,
    /// None of the ports is free from which this program may ask.
    NoPort,
    /// What came is no reply to the question.
    Garbage,
    /// The reply over UDP had the right id and question, in another case.
    CaseMismatch,
    /// The reply over UDP had the right id and question, and not our cookie.
    NoCookie,
    /// Many packets came over UDP that were almost its reply.
    NearMisses,
    /// As many queries as may be are on their way to it already.
    Crowded,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "nothing listens there",
            Self::NoRoute => "there is no route to it",
            Self::Closed => "the connection was closed before the reply",
            Self::Timeout => "it did not answer in time",
            Self::Forbidden => "this machine forbids it (its firewall)",
            Self::Local => "this machine could not send",
            Self::OutOfFiles => "this program may open no more files (ulimit -n, LimitNOFILE)",
            Self::NoPort => "no port is free to ask from (resolver.source_port_min, resolver.source_port_max)",
            Self::Garbage => "what it sent is no reply to the question",
            Self::CaseMismatch => "its reply did not keep the case of the question",
            Self::NoCookie => "its reply did not show our cookie",
            Self::NearMisses => "many packets came that were almost its reply: somebody guesses",
            Self::Crowded => "as many queries as may be are on their way to it already (resolver.queries_per_server)",
        })
    }
}

/// Why a record in a reply was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DropWhy {
    /// The owner lies outside the zone that was asked (RFC 2181 §5.4.1).
    OutOfBailiwick,
    /// The answer holds records that the question does not lead to.
    NotAsked,
    /// An authority record that this kind of reply does not need.
    NotNeeded,
    /// An address for a name that is no server in this referral.
    NotGlue,
    /// It lies behind an alias, where only the canonical name's own servers have the say (RFC 2181 §5.4.1).
    BehindAlias,
    /// A second CNAME at a name (RFC 2181 §10.1).
    ExtraCname,
    /// Another class than IN.
    OtherClass,
    /// A referral that does not lead strictly down towards the question.
    NotDown,
    /// Its set, or the name with its types, is larger than the limits allow (CVE-2024-1737).
    OverLimit {
        /// Which.
        limit: Limit,
        /// Its value.
        value: usize,
    },
    /// The data cannot be read.
    Damaged {
        /// What is wrong with it.
        #[serde(serialize_with = "words")]
        fault: Fault,
    },
}

impl fmt::Display for DropWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OverLimit { limit, value } => return write!(f, "beyond the limit of {value} {limit}"),
            Self::Damaged { fault } => return write!(f, "its data cannot be read: {fault}"),
            Self::OutOfBailiwick => "outside the zone that was asked",
            Self::NotAsked => "not what was asked",
            Self::NotNeeded => "not needed for this kind of reply",
            Self::NotGlue => "no address of a server in this referral",
            Self::BehindAlias => "behind an alias: it counts only when asked for by its own name",
            Self::ExtraCname => "a name has one CNAME, and the first counts",
            Self::OtherClass => "another class than IN",
            Self::NotDown => "a referral must lead down towards the question",
        })
    }
}

/// What of a reply could not be used, apart from records that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Broken {
    /// A record whose owner or type cannot be read.
    Record {
        /// What is wrong with it.
        #[serde(serialize_with = "words")]
        fault: Fault,
    },
    /// The message ends before the records that its header promises.
    CutShort {
        /// How many are missing in the section in which it ends.
        missing: usize,
    },
    /// More records or octets than are read of one message.
    TooMuch {
        /// How many records were read.
        records: usize,
    },
    /// Octets follow after the last record.
    Trailing {
        /// How many.
        octets: usize,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { fault } => write!(f, "a record cannot be read: {fault}"),
            Self::CutShort { missing } => {
                write!(f, "the reply ends {} too early", counted(*missing, "record", "records"))
            }
            Self::TooMuch { records } => write!(f, "the reply is too large; only {records} records of it are read"),
            Self::Trailing { octets } => {
                write!(f, "{} after the end of the reply", counted(*octets, "octet", "octets"))
            }
        }
    }
}

/// What the servers are that the operator names for a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// They do the looking up for us.
    Forward,
    /// They are authoritative for the zone.
    Stub,
    /// It is a copy of the root in this process (RFC 8806).
    LocalRoot,
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forward => "forward",
            Self::Stub => "stub",
            Self::LocalRoot => "local root",
        })
    }
}

/// Why a walk goes to another name than the one that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DetourWhy {
    /// The operator's records make it an alias.
    Local,
    /// It is the reverse name of an address with an IPv4 address inside (RFC 6147 §5.3.1).
    Dns64,
}

impl fmt::Display for DetourWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "the local records make it an alias",
            Self::Dns64 => "it stands for an IPv4 address (DNS64)",
        })
    }
}
