//! The front doors: queries in, answers out, over UDP, TCP and TLS.
//!
//! Each worker is one thread with its own runtime and its own `SO_REUSEPORT` sockets, so that a query is
//! received, answered and sent by one thread. What the answer is, a [`Responder`] says: at once when it can,
//! or later, from a task on the same worker.

mod bind;
mod conversation;
mod flow;
mod open;
mod quota;
mod tcp;
mod threads;
mod tls;
mod turns;
mod udp;
mod waiting;
mod worker;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::sys::tell_if_out_of_files;
use crate::tls::Certificate;
pub(crate) use bind::{BACKLOG, unbound};
pub use bind::{BindError, Doors};
pub use open::Open;
pub(crate) use quota::{Quota, Seat};
pub(crate) use threads::{Stop, drain};
pub(crate) use turns::Turns;

/// Pause after an error of `accept`.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits after an error of `accept`, mostly "too many open files", which only time heals.
pub(crate) async fn pause_after(error: &io::Error) {
    tell_if_out_of_files(error);
    tokio::time::sleep(PAUSE).await;
}

/// What a front door needs from the resolver behind it.
pub trait Responder: Clone + Send + Sync + 'static {
    /// These queries came together and are answered one after the other: what is known of all of them can be brought
    /// from memory at once. It may be left out.
    fn foresee<'a>(&self, queries: impl Iterator<Item = &'a [u8]>);

    /// Answers without waiting, if that is possible. `out` is empty and its room is used again: an answer
    /// that fits needs no allocation. It must not be longer than the transport carries.
    fn answer_now(&self, query: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Now;

    /// Answers a query for which [`Responder::answer_now`] said [`Now::Later`]; `None` sends nothing. The
    /// future runs on the worker's own thread, in a local task, and may be dropped at any await: when the client hangs
    /// up, under overload, and when the door closes.
    fn answer_later(&self, query: Vec<u8>, peer: Peer) -> impl Future<Output = Option<Vec<u8>>>;

    /// Whether a client may ask at all. Over TLS others are turned away before they shake hands, which costs as much
    /// as hundreds of refusals.
    fn admits(&self, client: IpAddr) -> bool;
}

/// What became of a query on the hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// The answer is in the buffer.
    Sent,
    /// The query deserves no answer. A TCP connection that brought it is closed after the answers due on it.
    Drop,
    /// The answer takes time.
    Later,
}

/// How queries come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP (RFC 1035 §4.2.1).
    Udp,
    /// TCP (RFC 7766).
    Tcp,
    /// TLS (RFC 7858).
    Tls,
    /// HTTP (RFC 8484).
    Http,
}

impl Transport {
    /// Whether nobody on the way sees more of a message than its length. HTTP without TLS is taken for that as well: it
    /// is for this machine, and for a server in front that has taken the TLS off.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Http)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
        })
    }
}

/// Who asked, how, and at which address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address and port.
    pub client: SocketAddr,
    /// How the query came.
    pub transport: Transport,
    /// The address and port that the client asked, also where the socket is bound to all addresses.
    pub local: SocketAddr,
    /// For how long the connection may be idle if the client wants to know that (RFC 7828); `None` where there is none
    /// of which that could be said.
    pub keepalive: Option<Duration>,
}

/// The limits of the front doors; each says what it guards against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSettings {
    /// Addresses to listen on, each over UDP and TCP. Port 0 takes a free port, the same for both.
    pub addresses: Vec<SocketAddr>,
    /// Addresses to listen on with TLS, if there is a certificate. Its connections are TCP connections, and counted and
    /// limited as these.
    pub tls_addresses: Vec<SocketAddr>,
    /// What clients of those are shown.
    pub certificate: Option<Certificate>,
    /// Worker threads, at least one.
    pub workers: usize,
    /// Queries of one worker that may wait for their answers at once (a flood of misses). Half of these places
    /// are kept to the end; a query in the other half may be displaced.
    pub waiting: usize,
    /// Queries of one client (an IPv4 address or an IPv6 /64) that may wait at once in one worker, so that one
    /// client cannot take all places, nor save up answers to have them sent in one pulse (DNSBomb, CVE-2024-33655).
    pub waiting_per_client: usize,
    /// When all places are taken, a new query displaces the oldest one that may be displaced, if that has waited
    /// this long; otherwise the new one is dropped. Queries that are answered quickly get through a flood of
    /// queries that never will be.
    pub displace_after: Duration,
    /// Answers over UDP that come later than this after their question are dropped, but for a few, while their client
    /// has many questions waiting: it has given them up, or saves them up for a pulse (DNSBomb, CVE-2024-33655). Zero
    /// drops none.
    pub discard_after: Duration,
    /// TCP connections at once, all workers together (RFC 7766 §6.2.2).
    pub tcp_connections: usize,
    /// TCP connections at once of one client, an IPv4 address or an IPv6 /64, when half of all are taken.
    pub tcp_per_client: usize,
    /// How long a TCP connection may stay without a complete query (RFC 7766 §6.2.3). From the moment that half
    /// of the connections are in use it shrinks, down to an eighth when all are.
    pub tcp_idle: Duration,
    /// The same for a client that asks how long it is (RFC 7828): it says so because it means to ask more.
    pub tcp_keepalive: Duration,
    /// How long a TCP client may take without reading any of the answers that wait for it.
    pub tcp_stalled: Duration,
    /// Queries of one TCP connection that may wait at once; further ones are read when these are answered.
    pub tcp_pipeline: usize,
    /// How long queries in hand may take to finish after the doors are told to close.
    pub drain: Duration,
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            tls_addresses: Vec::new(),
            certificate: None,
            workers: 1,
            waiting: 4096,
            waiting_per_client: 500,
            displace_after: Duration::from_millis(200),
            discard_after: Duration::from_millis(1900),
            tcp_connections: 512,
            tcp_per_client: 32,
            tcp_idle: Duration::from_secs(10),
            tcp_keepalive: Duration::from_secs(30),
            tcp_stalled: Duration::from_secs(5),
            tcp_pipeline: 100,
            drain: Duration::from_secs(1),
        }
    }
}

/// The key by which clients are told apart for limits: whoever has one IPv6 address commonly has its whole /64.
fn client_key(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}
