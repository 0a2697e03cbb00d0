//! The journey as one document, `rootwalk.journey/1`; docs/journey.md describes it.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Serialize, Serializer};

use super::services::Plan;
use super::timing::ServerTiming;
use crate::time::iso_ms;
use crate::trace::Trace;
use crate::wire::Name;

/// The name and version of the JSON form; docs/journey.md describes it.
pub const SCHEMA: &str = "rootwalk.journey/1";

/// How a page was fetched, or why it was not. All moments are microseconds since the beginning of the journey.
#[derive(Clone, Debug, Serialize)]
pub struct Journey {
    /// The form of this document and its version: `rootwalk.journey/1`.
    pub schema: &'static str,
    /// What was asked for.
    pub url: String,
    /// When it began: milliseconds since 1970, in JSON as ISO 8601.
    #[serde(serialize_with = "moment")]
    pub began: u64,
    /// Whether each of its requests began with empty caches.
    pub cold: bool,
    /// How long all of it took.
    pub time_us: u64,
    /// One for each URL: the first, and one for each redirect that was followed.
    pub hops: Vec<Hop>,
}

/// The way to one URL.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Hop {
    /// The URL.
    pub url: String,
    /// When its fetching began.
    pub begun_us: u64,
    /// How long it took.
    pub time_us: u64,
    /// The caches that were looked at, in order.
    pub caches: Vec<CacheLook>,
    /// The questions of DNS, asked at once, each with its trace.
    pub lookups: Vec<Lookup>,
    /// What HTTPS records say (RFC 9460), if there are any.
    pub services: Option<Plan>,
    /// The race of the addresses (RFC 8305).
    pub race: Option<Race>,
    /// The connection.
    pub tcp: Option<Tcp>,
    /// What was agreed on over it, and who is at the other end.
    pub tls: Option<Tls>,
    /// What was sent.
    pub request: Option<Request>,
    /// What came back.
    pub response: Option<Response>,
    /// How it ended; `None` while it is under way.
    pub end: Option<End>,
}

/// Which cache was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheName {
    /// Connections to the host that wait for a request.
    Connections,
    /// Whole answers.
    Answers,
    /// Record sets and denials of which answers are made.
    Records,
    /// Which servers have which zone.
    Delegations,
}

/// What one cache knew.
#[derive(Clone, Debug, Serialize)]
pub struct CacheLook {
    /// Which cache.
    pub cache: CacheName,
    /// What was looked for.
    pub key: String,
    /// Whether it was there.
    pub found: bool,
    /// Seconds since it was learned.
    pub age_secs: Option<u64>,
    /// Seconds for which it stays good.
    pub left_secs: Option<u64>,
}

/// One question of DNS.
#[derive(Clone, Debug, Serialize)]
pub struct Lookup {
    /// The name.
    pub name: Name,
    /// The type: `A`, `AAAA` or `HTTPS`.
    #[serde(rename = "type")]
    pub qtype: Cow<'static, str>,
    /// When it was asked.
    pub begun_us: u64,
    /// When it was answered; `None` when nobody waited for it any longer.
    pub ended_us: Option<u64>,
    /// The addresses that it brought.
    pub addresses: Vec<IpAddr>,
    /// Under which name the trace is kept, for a link to it: `/t/ID`.
    pub id: Option<String>,
    /// How the answer was found.
    pub trace: Option<Trace>,
}

/// The race of the addresses.
#[derive(Clone, Debug, Serialize)]
pub struct Race {
    /// How the order among addresses of one family was chosen: a word of `proxy.balance`.
    pub policy: &'static str,
    /// Every address that was tried or refused, in order.
    pub attempts: Vec<Attempt>,
}

/// One address in the race.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The address and port.
    pub address: SocketAddr,
    /// Whose address it is; `None` when the URL names an address.
    pub host: Option<Name>,
    /// How it was found.
    pub found_by: FoundBy,
    /// Why it was tried, and why then.
    pub why: AttemptWhy,
    /// When it began.
    pub begun_us: u64,
    /// When it ended; `None` while it goes on.
    pub ended_us: Option<u64>,
    /// How it ended.
    pub end: Option<AttemptEnd>,
}

/// From where an address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// It stands in the URL.
    Url,
    /// A record A or AAAA.
    Record,
    /// A hint in an HTTPS record (RFC 9460 §7.3).
    Hint,
}

/// Why an address is tried at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptWhy {
    /// It is the best one.
    First,
    /// The one before has not answered for a while (RFC 8305 §5).
    Silence,
    /// The one before failed.
    Failure,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// There is a connection.
    Connected,
    /// A connection to this address waited already.
    Reused,
    /// The other end does not want any.
    Refused,
    /// No answer until the time was up.
    Silent,
    /// There is no way to it.
    Unreachable,
    /// Another address was faster.
    Overtaken,
    /// It is an address that is not connected to.
    Prohibited {
        /// Why.
        why: String,
    },
    /// Something else.
    Failed {
        /// What the system says.
        why: String,
    },
}

impl fmt::Display for AttemptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Reused => f.write_str("was connected already"),
            Self::Refused => f.write_str("refused"),
            Self::Silent => f.write_str("did not answer"),
            Self::Unreachable => f.write_str("cannot be reached"),
            Self::Overtaken => f.write_str("was still trying"),
            Self::Prohibited { why } => f.write_str(why),
            Self::Failed { why } => write!(f, "failed ({why})"),
        }
    }
}

impl Attempt {
    /// `127.53.80.20:80 refused after 3 ms`, for a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        let (Some(end), Some(ended_us)) = (&self.end, self.ended_us) else {
            return format!("{} is being tried", self.address);
        };
        match end {
            AttemptEnd::Prohibited { why } => format!("{} is {why}", self.address),
            end => format!("{} {end} after {} ms", self.address, (ended_us - self.begun_us) / 1000),
        }
    }
}

/// A connection.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tcp {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// When the attempt began that won.
    pub begun_us: u64,
    /// When it was there.
    pub ended_us: u64,
    /// Octets sent over it in all.
    pub sent_bytes: u64,
    /// Octets received over it in all.
    pub received_bytes: u64,
}

/// What TLS agreed on, and whether the other end is who it should be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tls {
    /// When the handshake began.
    pub begun_us: u64,
    /// When it was done; `None` when it failed.
    pub ended_us: Option<u64>,
    /// The name that was asked for (SNI), or the address.
    pub server_name: String,
    /// Such as `TLS 1.3`.
    pub version: Option<String>,
    /// The cipher suite.
    pub cipher: Option<String>,
    /// The key exchange.
    pub key_exchange: Option<String>,
    /// The protocols that were offered.
    pub offered: Vec<String>,
    /// The protocol that was chosen of them.
    pub alpn: Option<String>,
    /// The certificates, that of the server first.
    pub certificates: Vec<Certificate>,
    /// Whether the chain leads to an authority that is trusted here, for this name, today.
    pub trusted: bool,
    /// Everything that is wrong.
    pub problems: Vec<String>,
}

/// One certificate.
#[derive(Clone, Debug, Serialize)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// For which names and addresses.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// From when on it is valid: milliseconds since 1970, in JSON as ISO 8601.
    #[serde(serialize_with = "moment")]
    pub not_before: u64,
    /// Until when it is valid.
    #[serde(serialize_with = "moment")]
    pub not_after: u64,
    /// Its key, such as `ECDSA 256 bits`.
    pub key: String,
    /// Its SHA-256 hash in hexadecimal.
    pub sha256: String,
}

/// The head of a request.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// What is asked for, without the host.
    pub target: String,
    /// Such as `HTTP/2`.
    pub version: &'static str,
    /// The fields, in order.
    pub headers: Vec<(String, String)>,
    /// When it was sent.
    pub begun_us: u64,
}

/// The head of a response, and what is known of its body.
#[derive(Clone, Debug, Serialize)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Its meaning, as the standard has it.
    pub reason: String,
    /// Such as `HTTP/2`.
    pub version: &'static str,
    /// The fields, in order; what is not ASCII is escaped.
    pub headers: Vec<(String, String)>,
    /// When the head was there.
    pub head_us: u64,
    /// What the server says about its own time, in the head and behind the body.
    pub server_timing: Vec<ServerTiming>,
    /// The body, once it was read.
    pub body: Option<Body>,
    /// The fields behind the body (RFC 9110 §6.5).
    pub trailers: Vec<(String, String)>,
}

/// What is known of a body. It is counted and thrown away.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Body {
    /// Octets, as they came: packed ones are not unpacked.
    pub bytes: u64,
    /// When the last of them was there.
    pub ended_us: u64,
    /// Whether there was more than is read.
    pub cut: bool,
}

/// How the way to one URL ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum End {
    /// With an answer that is no redirect.
    Page,
    /// With a redirect, which the next hop follows.
    Redirect {
        /// Where to.
        to: String,
    },
    /// An HTTPS record says that the host wants https (RFC 9460 §9.5); the next hop does that.
    Upgrade {
        /// Where to.
        to: String,
    },
    /// It failed.
    Failed {
        /// A word for programs: an error type of RFC 9209 where there is one.
        error: &'static str,
        /// A sentence for people.
        why: String,
    },
}

impl Journey {
    /// How it ended: as its last hop did.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.hops.last().and_then(|hop| hop.end.as_ref())
    }

    /// Whether no page was reached.
    #[must_use]
    pub fn failed(&self) -> bool {
        !matches!(self.end(), Some(End::Page))
    }
}

impl Hop {
    /// A hop that begins.
    #[must_use]
    pub fn new(url: String, begun_us: u64) -> Self {
        Self { url, begun_us, ..Self::default() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it")]
fn moment<S: Serializer>(unix_ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso_ms(*unix_ms))
}
