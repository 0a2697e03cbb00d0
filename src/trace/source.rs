//! From whom a thing is known, and what kind of thing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use crate::wire::Name;

use super::why::Transport;
use super::words::behind;

/// From whom something is known. Cheap to clone: what one reply brought shares one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// The compiled-in or configured root hints.
    Hints,
    /// Our own configuration: local zones, special-use names.
    Local,
    /// A reply of an authoritative server.
    Server(#[serde(serialize_with = "behind")] Arc<Informant>),
}

/// The server that said something, and for which zone it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Informant {
    /// The zone for which the server was asked.
    pub zone: Name,
    /// The address that was asked.
    pub addr: IpAddr,
    /// The server's name, where it is known.
    pub name: Option<Name>,
}

impl Source {
    /// What the server at `addr` said when it was asked for `zone`. Keep and clone the value rather than
    /// building it again for each set of a reply: the clones share memory.
    #[must_use]
    pub fn server(zone: Name, addr: IpAddr, name: Option<Name>) -> Self {
        Self::Server(Arc::new(Informant { zone, addr, name }))
    }

    /// The server, when it was one.
    #[must_use]
    pub fn informant(&self) -> Option<&Informant> {
        match self {
            Self::Server(informant) => Some(informant),
            Self::Hints | Self::Local => None,
        }
    }

    /// Octets on the heap that fall to this clone; those who share the value share its size.
    pub(crate) fn heap_bytes(&self) -> usize {
        let Self::Server(informant) = self else { return 0 };
        let name = informant.name.as_ref().map_or(0, Name::heap_bytes);
        let whole = size_of::<Informant>() + 16 + informant.zone.heap_bytes() + name;
        whole.div_ceil(Arc::strong_count(informant))
    }
}

/// Short English for the trace: `ns1.example. (192.0.2.1), asked for example.`
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hints => f.write_str("the root hints"),
            Self::Local => f.write_str("local data"),
            Self::Server(server) => match &server.name {
                Some(name) => write!(f, "{name} ({}), asked for {}", server.addr, server.zone),
                None => write!(f, "{}, asked for {}", server.addr, server.zone),
            },
        }
    }
}

/// A server: its name where one is known, and its address. Each step that is about a server names it, so it is cheap to
/// clone: the clones share memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerAt(#[serde(serialize_with = "behind")] Arc<Whereabouts>);

/// Where a server is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Whereabouts {
    /// The name under which the delegation lists it.
    pub name: Option<Name>,
    /// Its address.
    pub addr: IpAddr,
    /// Its port, where the operator has given it one of its own.
    pub port: Option<u16>,
}

impl ServerAt {
    /// Addresses that stand for the copy of the root in this process (RFC 8806): one on no wire, and for those who do
    /// without IPv4 one that is discarded everywhere (RFC 6666).
    pub const LOCAL_ROOT: [IpAddr; 2] =
        [IpAddr::V4(Ipv4Addr::new(127, 88, 6, 0)), IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0x88, 6))];

    /// The server of this name, where one is known, at `addr`, with a port where the operator has given it one.
    #[must_use]
    pub fn new(name: Option<Name>, addr: IpAddr, port: Option<u16>) -> Self {
        Self(Arc::new(Whereabouts { name, addr, port }))
    }

    /// Whether this is not the same server: one that has two addresses is one.
    pub(crate) fn is_another(&self, than: &Self) -> bool {
        self.addr != than.addr && (self.name.is_none() || self.name != than.name)
    }

    /// Octets on the heap that fall to this clone.
    pub(crate) fn heap_bytes(&self) -> usize {
        let whole = size_of::<Whereabouts>() + 16 + self.name.as_ref().map_or(0, Name::heap_bytes);
        whole.div_ceil(Arc::strong_count(&self.0))
    }

    fn is_local_root(&self) -> bool {
        Self::LOCAL_ROOT.contains(&self.addr)
    }

    /// How a question travels to it, in words.
    pub(super) fn over(&self, transport: Transport) -> String {
        if self.is_local_root() { "in memory".to_owned() } else { format!("over {transport}") }
    }
}

impl Deref for ServerAt {
    type Target = Whereabouts;

    fn deref(&self) -> &Whereabouts {
        &self.0
    }
}

impl fmt::Display for ServerAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            _ if self.is_local_root() => f.write_str("the local copy of the root"),
            Some(name) => write!(f, "{name} ({})", self.addr),
            None => match self.port {
                Some(port) => write!(f, "{}", SocketAddr::new(self.addr, port)),
                None => write!(f, "{}", self.addr),
            },
        }
    }
}

/// A name server in a delegation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameServer {
    /// Its name.
    pub name: Name,
    /// Its glue addresses; empty when the name must be looked up.
    #[serde(serialize_with = "behind")]
    pub addrs: SmallVec<[IpAddr; 2]>,
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.addrs.iter().enumerate().try_for_each(|(nth, addr)| {
            f.write_str(if nth == 0 { " (" } else { ", " })?;
            write!(f, "{addr}{}", if nth + 1 == self.addrs.len() { ")" } else { "" })
        })
    }
}

/// What kind of knowledge a cache gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// A record set.
    Set,
    /// An alias on the way.
    Alias,
    /// That the name does not exist.
    NxDomain,
    /// That a name further up does not exist, and nothing below it (RFC 8020).
    NoTree,
    /// That the name has no such records.
    NoData,
    /// That no zone begins at the name, or one on the same servers.
    NoCut,
    /// The servers of a zone.
    Delegation,
    /// That this question failed a moment ago (RFC 9520).
    Failure,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set => "the record set",
            Self::Alias => "the alias",
            Self::NxDomain => "that there is no such name:",
            Self::NoTree => "that nothing exists at or below",
            Self::NoData => "that there is no such record:",
            Self::NoCut => "that the servers stay the same at",
            Self::Delegation => "the delegation",
            Self::Failure => "the recent failure",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_words_and_json() {
        let zone: Name = "example.".parse().expect("a name");
        let addr: IpAddr = [192, 0, 2, 1].into();
        let known = Source::server(zone.clone(), addr, zone.prepend(b"ns1").ok());
        assert_eq!(known.to_string(), "ns1.example. (192.0.2.1), asked for example.");
        assert_eq!(Source::server(zone, addr, None).to_string(), "192.0.2.1, asked for example.");
        let json = serde_json::to_string(&known).expect("JSON");
        assert_eq!(json, r#"{"kind":"server","zone":"example.","addr":"192.0.2.1","name":"ns1.example."}"#);
    }
}
