//! The HTTP front door: DNS over HTTP (RFC 8484), its JSON form, traces as they happen, and the forward proxy.
//!
//! One thread with a runtime of its own serves HTTP/1.1 and HTTP/2 on the same port, with TLS (`tls`) and without;
//! `bind` opens the doors, `worker` lives with each connection. `strict` watches the octets for what could be read in
//! two ways. `routes` knows who answers what, and hands each part what it works with and no more:
//!
//! * `proxy` takes requests for others. `origin` is the way there: it resolves, judges the address, connects to that
//!   very address and keeps connections for later.
//! * `journey` goes the same way for itself and writes down how.
//! * `doh` and `json` answer questions, `traces` tells how an answer was found, as it happens (`stream`), `flush` has
//!   names forgotten, and `page` shows all of it. What they are asked for `asked` reads, as it was typed. They pass
//!   `guard` first: under which name this server is called, and on behalf of which web page.
//!
//! Imports point one way here too; `tests/tidy.rs` has the order.

mod asked;
mod bind;
mod doh;
mod fault;
mod flush;
mod guard;
mod here;
mod hop;
mod journey;
mod json;
mod local;
mod origin;
mod page;
mod places;
mod problem;
mod proxy;
mod routes;
mod stream;
mod strict;
mod traces;
mod watch;
mod worker;

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::tls::Certificate;
use crate::wire::Name;

pub use asked::{is_url, meant, typed, url};
pub use bind::Doors;
pub use flush::{FlushError, ask_to_flush};
pub use journey::{FetchSettings, Wanted, fetch};
pub use origin::{Policy, ProxySettings};
pub use page::{Exhibit, Visit};

/// How HTTP is served; each limit says what it guards against.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Addresses to listen on. Port 0 takes a free port.
    pub addresses: Vec<SocketAddr>,
    /// Addresses to listen on with TLS, if there is a certificate.
    pub tls_addresses: Vec<SocketAddr>,
    /// What clients of those are shown.
    pub certificate: Option<Certificate>,
    /// Names under which this server may be called, besides `localhost`, IP addresses and the names in the certificate
    /// (DNS rebinding).
    pub hosts: Vec<Name>,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one client, an IPv4 address or an IPv6 /64, when half of all are taken.
    pub connections_per_client: usize,
    /// How long a connection may take for its next request, head complete (slow loris).
    pub idle: Duration,
    /// Questions that may wait for their answers at once.
    pub waiting: usize,
    /// Traces and journeys that may be made at once.
    pub traces: usize,
    /// Networks whose clients may see what others have looked up.
    pub past_allow: Vec<IpNet>,
    /// Networks whose clients may have names flushed.
    pub flush_allow: Vec<IpNet>,
    /// Octets for the journeys of the past.
    pub journey_bytes: usize,
    /// What there is to see, in a lab.
    pub zoo: Vec<Exhibit>,
    /// How the proxy works.
    pub proxy: ProxySettings,
    /// How pages are fetched to show how.
    pub fetch: FetchSettings,
}

impl HttpSettings {
    fn names(&self) -> guard::Names<'_> {
        guard::Names { listed: &self.hosts, certificate: self.certificate.as_ref() }
    }
}
