//! Addresses and networks.

use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};

use super::{Element, Setting};
use crate::wire::translator;

impl Setting for IpNet {
    fn expected() -> String {
        "a network, such as \"192.0.2.0/24\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        // A lone address is the network of that address.
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(Self::from))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Element for IpNet {
    const PLURAL: &'static str = "networks, such as [\"127.0.0.0/8\", \"2001:db8::/32\"]";
}

/// The address of a server, with a port where it is not the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// The address.
    pub addr: IpAddr,
    /// The port; `None` is the port of all servers.
    pub port: Option<u16>,
}

impl Setting for ServerAddress {
    fn expected() -> String {
        "an IP address, with a port if need be, such as \"192.0.2.1\" or \"[2001:db8::1]:5353\", and no link-local one"
            .into()
    }

    fn from_text(text: &str) -> Option<Self> {
        let plain = |addr| Self { addr, port: None };
        let full = |server: SocketAddr| Self { addr: server.ip(), port: Some(server.port()) };
        let server = text.parse().map(plain).or_else(|_| text.parse().map(full)).ok()?;
        // RFC 4007 §6: a link-local address says nothing without its interface, for which an `IpAddr` has no room.
        let is_link_local = matches!(server.addr, IpAddr::V6(addr) if addr.is_unicast_link_local());
        (server.port != Some(0) && !is_link_local).then_some(server)
    }

    fn show(&self) -> String {
        match self.port {
            Some(port) => SocketAddr::new(self.addr, port).show(),
            None => self.addr.show(),
        }
    }
}

impl Element for ServerAddress {
    const PLURAL: &'static str = "IP addresses, with ports if need be, such as [\"192.0.2.1\", \"[2001:db8::1]:5353\"]";
}

/// The prefix of a translator from IPv6 to IPv4, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dns64Prefix(pub Option<Ipv6Net>);

impl Setting for Dns64Prefix {
    fn expected() -> String {
        "an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, such as \"64:ff9b::/96\", or an empty string".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        let net: Ipv6Net = text.parse().ok()?;
        translator::LENGTHS.contains(&net.prefix_len()).then(|| Self(Some(net.trunc())))
    }

    fn show(&self) -> String {
        self.0.map_or_else(|| "\"\"".to_owned(), |net| format!("\"{net}\""))
    }
}
