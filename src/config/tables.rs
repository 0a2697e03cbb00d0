//! What the tables of a list hold: `[[root_hint]]`, `[[forward]]`, `[[stub]]`, `[[balance]]`.

use std::net::IpAddr;

use super::choices::Balance;
use super::value::ServerAddress;
use crate::wire::Name;

/// One address from which a walk can start (RFC 1034 §5.3.2, SBELT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootHint {
    /// The name of the server.
    pub name: Name,
    /// One of its addresses.
    pub address: IpAddr,
}

/// A zone about which others are asked (RFC 1034 §5.3.1 calls what we are to them a stub resolver).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardZone {
    /// The zone.
    pub zone: Name,
    /// The resolvers to ask.
    pub servers: Vec<ServerAddress>,
    /// Whether to look up from the root when none of them answers.
    pub fallback: bool,
}

/// A zone whose authoritative servers are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StubZone {
    /// The zone.
    pub zone: Name,
    /// Its servers.
    pub servers: Vec<ServerAddress>,
    /// Whether those are asked for the zone's own list first.
    pub prime: bool,
    /// Whether to look up from the root when none of them answers.
    pub fallback: bool,
}

/// A host among whose addresses the proxy chooses in a way of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalancedHost {
    /// The name; those below it are meant as well.
    pub host: Name,
    /// How one of its addresses is chosen.
    pub policy: Balance,
}
