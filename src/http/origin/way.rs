//! A way to an origin: where it is to lead, who asks on it, and the connection at its end.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::balance::{Busy, HostPort, Wish};
use super::pool::Origin;
use crate::http::problem::Problem;
use crate::journey::{Attempt, Plan, Spoken};
use crate::time::as_us;
use crate::wire::{Ede, Question, Record, ResponseCode};

/// Where to, for whom and how chosen.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Way<'a> {
    pub(in crate::http) name: &'a HostPort,
    pub(in crate::http) wish: Wish<'a>,
    /// Whether a connection that waits in the pool will do.
    pub(in crate::http) pooled: bool,
    pub(in crate::http) services: Services<'a>,
    /// From when on moments are counted.
    pub(in crate::http) origin: Instant,
}

impl Way<'_> {
    pub(in crate::http) fn since(&self, moment: Instant) -> u64 {
        as_us(moment - self.origin)
    }
}

/// What HTTPS records mean for this connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) enum Services<'a> {
    /// Nothing: they describe https.
    Ignored,
    /// They say where to connect.
    Followed(Spoken<'a>),
    /// If there are any, http is not the way (RFC 9460 §9.5).
    Upgrade(Spoken<'a>),
}

/// Who asks, and who is told what happens meanwhile.
pub(in crate::http) trait Guide {
    /// The answer to one question.
    fn find(&self, question: Question) -> impl Future<Output = Result<Answer, Problem>>;

    /// An attempt has begun, or ended.
    fn saw(&self, _attempt: &Attempt) {}

    /// HTTPS records were read.
    fn planned(&self, _plan: &Plan) {}
}

/// What DNS says.
#[derive(Debug)]
pub(in crate::http) struct Answer {
    pub(in crate::http) rcode: ResponseCode,
    pub(in crate::http) records: Vec<Record>,
    pub(in crate::http) ede: Option<Ede>,
}

impl Answer {
    /// The addresses, each with the least life of all records in the answer: an alias on the way may end first.
    pub(in crate::http) fn addresses(&self) -> Vec<(IpAddr, u32)> {
        let least = self.records.iter().map(|record| record.ttl_secs).min().unwrap_or(0);
        self.records.iter().filter_map(|record| Some((record.address()?, least))).collect()
    }
}

/// A connection that was just made, or one that waited.
#[derive(Debug)]
pub(in crate::http) enum Link {
    Fresh(TcpStream),
    Idle(Origin),
}

/// A connection, and what it took.
#[derive(Debug)]
pub(in crate::http) struct Connected {
    pub(in crate::http) link: Link,
    /// Counts the request at its address.
    pub(in crate::http) busy: Busy,
    pub(in crate::http) address: SocketAddr,
    /// Everything that was tried, and which of that won.
    pub(in crate::http) attempts: Vec<Attempt>,
    pub(in crate::http) nth: usize,
    /// The protocols that the HTTPS record of this endpoint names; empty where there is none.
    pub(in crate::http) alpn: Vec<String>,
    /// When the records say that the address has to be looked up again.
    pub(in crate::http) good_until: Instant,
}
