//! The HTTP front door: DNS over HTTP (RFC 8484), its JSON form, traces as they happen, and the forward proxy.
//!
//! One thread with a runtime of its own serves HTTP/1.1 and HTTP/2 on the same port, with TLS (`tls`) and without.
//! `strict` watches the octets for what could be read in two ways. Requests for others go to `proxy`, which resolves,
//! judges the address (`targets`), connects to that very address (`connect`, `race`) and passes on; `journey` does the
//! same for itself and writes down how. All others pass `guard`: under which name this server is called, and on behalf
//! of which web page. `routes` knows who answers what.

mod balance;
mod bind;
mod connect;
mod doh;
mod fault;
mod guard;
mod here;
mod hop;
mod journey;
mod json;
mod page;
mod pool;
mod problem;
mod proxy;
mod race;
mod routes;
mod strict;
mod targets;
mod tell;
mod tls;
mod watch;
mod worker;

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::wire::Name;

pub use balance::Policy;
pub use bind::{BindError, Doors};
pub use journey::{FetchSettings, Wanted, fetch, url};
pub use page::{Exhibit, Visit};
pub use tls::{Certificate, CertificateError};
pub use worker::Open;

/// How HTTP is served; each limit says what it guards against.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Addresses to listen on. Port 0 takes a free port.
    pub addresses: Vec<SocketAddr>,
    /// Addresses to listen on with TLS, if there is a certificate.
    pub tls_addresses: Vec<SocketAddr>,
    /// What clients of those are shown.
    pub certificate: Option<Certificate>,
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
    /// Traces and journeys that may be made at once.
    pub traces: usize,
    /// Networks whose clients may see what others have looked up.
    pub past_allow: Vec<IpNet>,
    /// Octets for the journeys of the past.
    pub journey_bytes: usize,
    /// What there is to see, in a lab.
    pub zoo: Vec<Exhibit>,
    /// How the proxy works.
    pub proxy: ProxySettings,
    /// How pages are fetched to show how.
    pub fetch: FetchSettings,
    /// How long requests in hand may take to finish after the doors are told to close.
    pub drain: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            tls_addresses: Vec::new(),
            certificate: None,
            hosts: Vec::new(),
            connections: 512,
            connections_per_client: 128,
            idle: Duration::from_secs(30),
            stalled: Duration::from_secs(300),
            waiting: 1024,
            traces: 8,
            past_allow: Vec::new(),
            journey_bytes: 4 << 20,
            zoo: Vec::new(),
            proxy: ProxySettings::default(),
            fetch: FetchSettings::default(),
            drain: Duration::from_secs(1),
        }
    }
}

/// How others' pages are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Whether they are.
    pub on: bool,
    /// Private, loopback and other special addresses that may be connected to all the same (SSRF).
    pub allow: Vec<IpNet>,
    /// Ports to which CONNECT makes tunnels.
    pub connect_ports: Vec<u16>,
    /// How long looking up and connecting may take together.
    pub connect: Duration,
    /// How long an origin may take until the head of its answer is there.
    pub answer: Duration,
    /// How long a tunnel may stay without an octet moving.
    pub tunnel_idle: Duration,
    /// Tunnels at once.
    pub tunnels: usize,
    /// Connections to origins that may wait for their next request.
    pub pooled: usize,
    /// How one of several addresses of a host is chosen.
    pub balance: Policy,
    /// The same for hosts at and below a name; the deepest name counts.
    pub balance_hosts: Vec<(Name, Policy)>,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            on: true,
            allow: Vec::new(),
            connect_ports: vec![443],
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(120),
            tunnel_idle: Duration::from_secs(600),
            tunnels: 512,
            pooled: 128,
            balance: Policy::TwoChoices,
            balance_hosts: Vec::new(),
        }
    }
}
