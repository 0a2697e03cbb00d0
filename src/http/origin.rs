//! The way to an origin: which addresses it has, which of them may be connected to, and which of those is tried first.
//!
//! `connect` asks the resolver for addresses, `targets` judges each, `balance` puts them in order, `race` tries them,
//! and `pool` keeps connections that wait for their next request. `way` has the words that they share.

mod balance;
mod connect;
mod pool;
mod race;
mod targets;
mod way;

use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};

use crate::wire::Name;

pub(super) use balance::{Busy, HostPort, Wish};
pub(super) use connect::{Host, Unconnected};
pub(super) use pool::{Key, Origin, Pool};
pub(super) use way::{Answer, Connected, Guide, Link, Services, Way};

use balance::Balance;

pub use balance::Policy;

/// How others' pages are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Whether they are.
    pub on: bool,
    /// Private, loopback and other special addresses that may be connected to all the same (SSRF).
    pub allow: Vec<IpNet>,
    /// The prefix of the translator to IPv4 in this network: what is behind it is judged by its IPv4 address.
    pub translator: Option<Ipv6Net>,
    /// Ports to which CONNECT makes tunnels.
    pub connect_ports: Vec<u16>,
    /// How long looking up and connecting may take together.
    pub connect: Duration,
    /// How long an origin may take until the head of its answer is there, from the last octet of the request on.
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

/// Connections to origins, and what is known of their addresses.
#[derive(Debug)]
pub(super) struct Origins {
    pub(super) settings: ProxySettings,
    pub(super) pool: Arc<Pool>,
    balance: Arc<Balance>,
}

impl Origins {
    pub(super) fn new(settings: ProxySettings) -> Self {
        Self { pool: Arc::new(Pool::new(settings.pooled)), balance: Arc::new(Balance::new()), settings }
    }

    /// How one of the addresses of a host is chosen: as the deepest name above it says, or as for all.
    pub(super) fn policy(&self, host: &Host) -> Policy {
        let Host::Name(name) = host else { return self.settings.balance };
        let above = self.settings.balance_hosts.iter().filter(|(host, _)| name.is_within(host));
        above.max_by_key(|(host, _)| host.label_count()).map_or(self.settings.balance, |(_, policy)| *policy)
    }
}

/// Protocols over TLS, the better one first.
pub(super) const ALPN: &[&str] = &["h2", "http/1.1"];

/// Whether a web server may be there: below 1024 other things listen, and some of them take a request for a command.
pub(super) const fn is_web_port(port: u16) -> bool {
    matches!(port, 80 | 443 | 1024..)
}
