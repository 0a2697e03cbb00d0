//! The events of a walk, each with its reason.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::time::Time;
use crate::wire::{Ede, Name, RecordType};

use super::avoided::Avoided;
use super::bogus::Bogus;
use super::inferred::Inferred;
use super::limit::Limit;
use super::proof::{Judged, Proof};
use super::source::{Known, NameServer, ServerAt, Source};
use super::stale::Stale;
use super::why::{AskWhy, Broken, ChoiceWhy, DetourWhy, DropWhy, Ignored, RouteKind, Transport};
use super::words::{behind, counted, type_text};
use super::wrong::Wrong;

/// The number of a goal inside its walk; 0 is the client's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct GoalId(pub u32);

/// Why a question is being resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// A client asked.
    Client,
    /// The servers of the root are not known yet (RFC 9609).
    Priming,
    /// The servers of a stub zone are asked for the zone's own list.
    StubPriming {
        /// That zone.
        zone: Name,
    },
    /// The address of a name server is needed.
    ServerAddress {
        /// The zone that the name server serves.
        zone: Name,
    },
    /// Keys, or what the parent says of a zone, are needed to prove the answer.
    Proof,
}

/// What a reply turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// The records that were asked for.
    Answer {
        /// How many.
        records: usize,
    },
    /// The name is an alias; the walk goes on with the target.
    Alias {
        /// Where the aliases in this reply lead.
        target: Name,
    },
    /// The servers of a zone further down.
    Referral {
        /// That zone.
        zone: Name,
        /// How many name servers it has.
        servers: usize,
        /// How many addresses came with them.
        glue: usize,
        /// Whether a DS set came along.
        signed: bool,
    },
    /// The name exists, but not with this type.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The minimised name exists, or may: one label more is asked.
    Deeper,
    /// Truncated: the whole answer is fetched over TCP.
    Truncated,
    /// A DNAME makes a name that is too long (RFC 6672 §2.2).
    TooLong,
    /// Aliases that lead back to themselves.
    AliasLoop {
        /// The name that came a second time.
        name: Name,
    },
    /// Nothing that can be used.
    Wrong(#[serde(serialize_with = "nested")] Wrong),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { records } => write!(f, "the answer, {}", counted(*records, "record", "records")),
            Self::Alias { target } => write!(f, "an alias for {target}"),
            Self::Referral { zone, servers, glue, signed } => {
                let (servers, glue) = (counted(*servers, "server", "servers"), counted(*glue, "address", "addresses"));
                write!(f, "a referral to {zone}: {servers}, {glue}{}", if *signed { ", signed" } else { "" })
            }
            Self::NoData => f.write_str("the name has no such record"),
            Self::NxDomain => f.write_str("the name does not exist"),
            Self::Deeper => f.write_str("no zone cut here, one label more"),
            Self::Truncated => f.write_str("truncated"),
            Self::TooLong => f.write_str("a DNAME that makes the name too long"),
            Self::AliasLoop { name } => write!(f, "aliases that lead back to {name}"),
            Self::Wrong(wrong) => write!(f, "the server {wrong}"),
        }
    }
}

/// Everything that can happen in a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A question has to be resolved.
    Goal {
        /// The name.
        name: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        qtype: RecordType,
        /// Why.
        purpose: Purpose,
        /// The goal that waits for it.
        parent: Option<GoalId>,
    },
    /// A cache knew something.
    FromCache {
        /// What.
        known: Known,
        /// Of which name.
        name: Name,
        /// Of which type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// Seconds since it was learned.
        age_secs: u64,
        /// Seconds for which it stays valid.
        left_secs: u64,
        /// Who told us.
        source: Source,
    },
    /// The answer is known, and fetched anew before its time is over.
    Refresh {
        /// Seconds for which it stays valid.
        left_secs: u64,
    },
    /// The whole answer is kept ready to send; the walk that follows shows of what it is made.
    Ready {
        /// Seconds since it was made.
        age_secs: u64,
        /// Seconds for which it stays valid.
        left_secs: u64,
    },
    /// What a cache knew is not used, as it is about to end.
    SetAside {
        /// What.
        known: Known,
        /// Of which name.
        name: Name,
        /// Seconds for which it stays valid.
        left_secs: u64,
    },
    /// The answer follows from what was proved for other questions (RFC 8198).
    Inferred {
        /// What follows, and from what.
        inferred: Inferred,
    },
    /// The name asks whether a key of the root is trusted here (RFC 8509).
    Sentinel {
        /// The tag of the key.
        tag: u16,
        /// Whether the name is to resolve where it is trusted, or where it is not.
        wanted: bool,
        /// Whether it is.
        trusted: bool,
    },
    /// An answer whose time is over is served (RFC 8767).
    Stale {
        /// How long ago, and why there is no better one.
        stale: Stale,
    },
    /// The answer has come so late that clients with many questions waiting may not be sent it over UDP (DNSBomb).
    Overdue {
        /// Milliseconds after the first client asked.
        after_ms: u64,
        /// Up to when it would have been sent to all, in milliseconds.
        most_ms: u64,
    },
    /// The client's question goes to the servers of a zone.
    Entered {
        /// The zone.
        zone: Name,
        /// Its servers, as its parent lists them.
        #[serde(serialize_with = "behind")]
        servers: Arc<[NameServer]>,
    },
    /// A question was sent.
    Asked {
        /// The number of the ask in this walk.
        ask: u32,
        /// The zone for which the server is asked.
        zone: Name,
        /// The server.
        server: ServerAt,
        /// The name sent, in the case sent.
        name: Name,
        /// The type sent.
        #[serde(rename = "type", serialize_with = "type_text")]
        qtype: RecordType,
        /// UDP or TCP.
        transport: Transport,
        /// Why in this form.
        why: AskWhy,
        /// Why this server.
        choice: ChoiceWhy,
        /// Milliseconds after which another server is asked as well.
        patience_ms: u64,
    },
    /// The same question is on its way to the same zone already, for another goal of this walk.
    Joined {
        /// The ask that is waited for.
        ask: u32,
        /// The zone.
        zone: Name,
        /// The name.
        name: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        qtype: RecordType,
    },
    /// A reply came.
    Heard {
        /// To which ask.
        ask: u32,
        /// From whom.
        server: ServerAt,
        /// Round-trip time in microseconds.
        rtt_us: u64,
        /// Its size in octets.
        bytes: usize,
        /// Its response code.
        rcode: Cow<'static, str>,
        /// Whether it was authoritative.
        aa: bool,
        /// Whether it came after the patience had run out.
        late: bool,
        /// Whether it showed our cookie, so that nobody off the path can have sent it (RFC 7873).
        cookie: bool,
        /// What it turned out to be.
        verdict: Verdict,
    },
    /// A server has said who it is (RFC 5001).
    Identified {
        /// In its reply to which ask.
        ask: u32,
        /// The server.
        server: ServerAt,
        /// What it calls itself: at most 64 octets, those that are not printable ASCII as `\\xHH`.
        identity: String,
    },
    /// A server has said why, in extended errors (RFC 8914), beside what stands in `said` of the verdict.
    Explained {
        /// In its reply to which ask.
        ask: u32,
        /// The server.
        server: ServerAt,
        /// What it says: four at most, each cut where it would be shown in more than 120 columns.
        edes: Vec<Ede>,
    },
    /// The patience with a server ran out; another one is asked, this one is still listened to.
    Late {
        /// The ask.
        ask: u32,
        /// The server.
        server: ServerAt,
        /// Milliseconds waited.
        after_ms: u64,
    },
    /// Nobody is left to be asked, and some of those who were silent may be slow: they are listened to for as long as
    /// clients wait.
    Patient {
        /// Those servers.
        servers: Vec<ServerAt>,
        /// For how many milliseconds more, at most.
        most_ms: u64,
    },
    /// A server will not be listened to any longer, or cannot be reached.
    Lost {
        /// The ask.
        ask: u32,
        /// The server.
        server: ServerAt,
        /// Why.
        wrong: Wrong,
    },
    /// A reply with a fault is taken after all: nobody has a better one, or two servers agree.
    LastResort {
        /// The ask.
        ask: u32,
        /// The server.
        server: ServerAt,
        /// What it says.
        verdict: Verdict,
    },
    /// A packet came that was not the reply.
    Ignored {
        /// While which ask was awaited.
        ask: u32,
        /// From which server's address it claims to be.
        server: ServerAt,
        /// What it was.
        what: Ignored,
    },
    /// A record in a reply was not used.
    Dropped {
        /// The ask.
        ask: u32,
        /// Its owner.
        owner: Name,
        /// Its type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// Why.
        why: DropWhy,
    },
    /// A part of a reply was left out, as it could not be read.
    Damaged {
        /// The ask.
        ask: u32,
        /// What is wrong.
        how: Broken,
    },
    /// The walk goes to another name than the one that was asked.
    Detour {
        /// The name that was asked.
        name: Name,
        /// The name to which it goes.
        target: Name,
        /// Why.
        why: DetourWhy,
    },
    /// AAAA records were made of A records (RFC 6147).
    Dns64 {
        /// The name that was asked.
        name: Name,
        /// The addresses that were made.
        addrs: Vec<IpAddr>,
        /// The addresses of which none were made: of private networks, for which the prefix of all does not stand (RFC
        /// 6052 §3.1).
        unfit: Vec<IpAddr>,
    },
    /// The operator says whom to ask about this part of the tree.
    Routed {
        /// The zone that he names.
        zone: Name,
        /// What the servers are.
        kind: RouteKind,
        /// Who they are.
        servers: Vec<ServerAt>,
    },
    /// None of the servers that the operator names gave an answer, so the question is looked up from the root.
    FellBack {
        /// The zone that he names.
        zone: Name,
        /// What the servers are.
        kind: RouteKind,
    },
    /// None of a zone's servers gave an answer, and what is known of the delegation is old: the zone above is asked for
    /// it anew.
    Requeried {
        /// The zone.
        zone: Name,
        /// Seconds since the zone above has told of it.
        age_secs: u64,
    },
    /// None of a zone's servers gave an answer, and they are among those of the zone above, one of whom has told of it:
    /// the others of these are asked.
    LedAstray {
        /// The zone.
        zone: Name,
        /// Who has told so.
        server: ServerAt,
    },
    /// None of the servers in the list that the root, or a stub zone, gave of itself gave an answer, or one that could
    /// be believed: the list is forgotten, and those that the configuration names are asked, who are others.
    ListForgotten {
        /// The zone.
        zone: Name,
        /// Seconds since the zone has told of it.
        age_secs: u64,
    },
    /// The address of a server is one that is not asked.
    NotAsked {
        /// The zone that it should serve.
        zone: Name,
        /// The server.
        server: ServerAt,
        /// Why.
        why: Avoided,
    },
    /// Records are kept from the client: a name on the Internet must not lead into a private network.
    Withheld {
        /// Their owner.
        owner: Name,
        /// Their type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The addresses in them.
        addrs: Vec<IpAddr>,
    },
    /// Addresses of name servers have to be looked up: none is known, or nobody answers at those that are.
    NoAddress {
        /// The zone whose servers they are.
        zone: Name,
        /// The names that are looked up.
        servers: Vec<Name>,
    },
    /// A name server's address depends on itself.
    Cycle {
        /// The name server.
        name: Name,
        /// The zone that it should serve.
        zone: Name,
    },
    /// Aliases that lead back to themselves.
    AliasLoop {
        /// The name that came a second time.
        name: Name,
    },
    /// A limit was reached.
    LimitReached {
        /// Which.
        limit: Limit,
        /// Its value.
        value: u64,
    },
    /// Something was proved on the way to the answer.
    Proved {
        /// What.
        proof: Proof,
    },
    /// What a cache knew is bogus, so that the servers are asked for it: it may be better by now.
    AskedAnew {
        /// What is wrong.
        reason: Bogus,
    },
    /// What came in one reply behind an alias is bogus, so that it is asked for by its own name.
    AskedByName {
        /// What is wrong.
        reason: Bogus,
    },
    /// What a server said is bogus, so that another one is asked.
    Doubted {
        /// For which zone it was asked.
        zone: Name,
        /// The server.
        server: ServerAt,
        /// What is wrong.
        reason: Bogus,
    },
    /// What became of the answer under validation. Of several the last counts: what is made here of secure
    /// data, such as an alias of the operator, may be insecure.
    Judged {
        /// Secure, insecure or bogus.
        judged: Judged,
    },
    /// The goal is reached or given up.
    Ended {
        /// The response code that follows from it.
        rcode: Cow<'static, str>,
        /// Extended errors, in words.
        edes: Vec<Ede>,
    },
}

impl Event {
    /// What the cache knows `now` of a name, told by `source` at the time `stored`, and valid until `expires`.
    #[must_use]
    pub fn from_cache(
        known: Known,
        (name, rtype): (&Name, RecordType),
        (source, stored, expires): (&Source, Time, Time),
        now: Time,
    ) -> Self {
        let (age_secs, left_secs) = (now.secs_since(stored).into(), expires.secs_since(now).into());
        Self::FromCache { known, name: name.clone(), rtype, age_secs, left_secs, source: source.clone() }
    }
}

/// For serde: what is wrong in a field of its own, as it has a kind like the verdict itself.
fn nested<S: Serializer>(wrong: &Wrong, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("wrong", wrong)?;
    map.end()
}
