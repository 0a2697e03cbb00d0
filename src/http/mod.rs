//! The HTTP front door: DNS over HTTP (RFC 8484), its JSON form, and traces as they happen.
//!
//! One thread with a runtime of its own serves HTTP/1.1 and cleartext HTTP/2 on the same port. Every request passes
//! [`guard`] first: who asks, under which name, and on behalf of which web page. Then [`routes`] finds who answers it.

mod bind;
mod doh;
mod guard;
mod json;
mod problem;
mod routes;
mod tell;
mod watch;
mod worker;

use std::net::SocketAddr;
use std::time::Duration;

use crate::wire::Name;

pub use bind::{BindError, Doors};
pub use worker::Open;

/// How HTTP is served; each limit says what it guards against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Addresses to listen on. Port 0 takes a free port.
    pub addresses: Vec<SocketAddr>,
    /// Names under which this server may be called, besides `localhost` and IP addresses (DNS rebinding).
    pub hosts: Vec<Name>,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one client: an IPv4 address or an IPv6 /64.
    pub connections_per_client: usize,
    /// How long a connection may take for its next request, head complete (slow loris).
    pub idle: Duration,
    /// How long a request in hand may go on without an octet moving in either direction.
    pub stalled: Duration,
    /// Questions that may wait for their answers at once.
    pub waiting: usize,
    /// Traces that may be made at once.
    pub traces: usize,
    /// How long requests in hand may take to finish after the doors are told to close.
    pub drain: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            hosts: Vec::new(),
            connections: 512,
            connections_per_client: 128,
            idle: Duration::from_secs(30),
            stalled: Duration::from_secs(300),
            waiting: 1024,
            traces: 8,
            drain: Duration::from_secs(1),
        }
    }
}
