//! Zones whose servers the operator names: forward zones, where somebody else does the looking up, and stub zones,
//! whose authoritative servers are known beforehand.
//!
//! The deepest such zone above a name decides. A forwarder gets every question at or below its zone. The servers of a
//! stub zone stand in for its delegation, and what they delegate further is followed as anywhere else.

use std::net::IpAddr;
use std::sync::Arc;

use crate::cache::{Delegation, NameServer};
use crate::time::Time;
use crate::trace::{Informant, RouteKind, ServerAt, Source};
use crate::wire::Name;

/// A zone with the servers that the operator names for it.
#[derive(Clone, Debug)]
pub struct Route {
    /// What its servers are.
    pub kind: RouteKind,
    /// The zone with its servers. Those have no names of their own, each has one address.
    pub cut: Arc<Delegation>,
    /// The addresses with another port than all servers have.
    pub ports: Vec<(IpAddr, u16)>,
    /// Whether a stub zone's servers are asked for the zone's own list of servers first.
    pub prime: bool,
    /// Whether a question is looked up from the root when none of the servers gives an answer.
    pub fallback: bool,
}

/// All such zones.
#[derive(Clone, Debug, Default)]
pub struct Routes(pub Vec<Arc<Route>>);

impl Route {
    /// A zone with the addresses of its servers and their ports; `None` is the port that all servers have.
    #[must_use]
    pub fn new(kind: RouteKind, zone: Name, servers: &[(IpAddr, Option<u16>)]) -> Self {
        let server = |(addr, _): &(IpAddr, _)| NameServer { name: zone.clone(), addrs: [*addr].into_iter().collect() };
        let cut = Delegation {
            servers: servers.iter().map(server).collect(),
            zone,
            ds: None,
            proof: Box::default(),
            from: Source::Local,
            stored: Time::ZERO,
            requeried: Time::ZERO,
            expires: Time::FAR,
        };
        let ports = servers.iter().filter_map(|(addr, port)| Some((*addr, (*port)?))).collect();
        Self { kind, cut: Arc::new(cut), ports, prime: false, fallback: false }
    }

    /// Whether others do the looking up.
    pub(super) fn is_forward(&self) -> bool {
        self.kind == RouteKind::Forward
    }

    /// Whether its fallback comes before a second try: forwarders take their time, and the copy in this process says
    /// the same again. What is sent to the servers of a stub zone may get lost on the way, as to any.
    pub(super) fn is_asked_once(&self) -> bool {
        self.fallback && self.kind != RouteKind::Stub
    }

    /// How often one of so many servers is asked: `most` times without a fallback, and where a stub zone has one, all
    /// of them together.
    pub(super) fn most_tries(&self, most: u32, servers: usize) -> u32 {
        match self.kind {
            _ if !self.fallback => most,
            RouteKind::Stub => most.div_ceil(u32::try_from(servers).unwrap_or(u32::MAX).max(1)),
            RouteKind::Forward | RouteKind::LocalRoot => 1,
        }
    }

    /// The port of one of its servers.
    pub(super) fn port(&self, addr: IpAddr) -> Option<u16> {
        self.ports.iter().find(|(known, _)| *known == addr).map(|(_, port)| *port)
    }

    /// Whether `cut` is a better place to begin than the servers that the operator names.
    pub(super) fn yields_to(&self, cut: &Delegation) -> bool {
        let zone = &self.cut.zone;
        let primed = || cut.zone == *zone && cut.from.informant().is_some_and(|informant| informant.zone == *zone);
        !self.is_forward() && (cut.zone.is_below(zone) || self.prime && primed())
    }
}

impl Routes {
    /// The deepest zone at or above `name`, those in `without` left aside.
    pub(super) fn deepest(&self, name: &Name, without: &[Name]) -> Option<&Arc<Route>> {
        let above = self.0.iter().filter(|route| name.is_within(&route.cut.zone) && !without.contains(&route.cut.zone));
        above.max_by_key(|route| route.cut.zone.label_count())
    }

    /// The deepest such zone at or above `name`, unless that is the root, which is everybody's.
    pub(super) fn own(&self, name: &Name) -> Option<&Name> {
        self.deepest(name, &[]).map(|route| &route.cut.zone).filter(|zone| !zone.is_root())
    }

    /// The stub zone of this name whose servers are asked for its own list.
    pub(super) fn primed(&self, zone: &Name) -> Option<&Arc<Route>> {
        self.0.iter().find(|route| route.prime && !route.is_forward() && route.cut.zone == *zone)
    }

    /// The server of whom something was heard, with the port that the operator has given it.
    pub(super) fn server_at(&self, heard: &Informant) -> ServerAt {
        let route = self.0.iter().find(|route| route.cut.zone == heard.zone);
        ServerAt::new(heard.name.clone(), heard.addr, route.and_then(|route| route.port(heard.addr)))
    }

    /// Whether forwarders are named for this zone.
    pub(super) fn forward(&self, zone: &Name) -> bool {
        self.0.iter().any(|route| route.cut.zone == *zone && route.is_forward())
    }

    /// Whether a zone is the operator's own, or below one that is; the root is everybody's.
    pub(super) fn cover(&self, zone: &Name) -> bool {
        self.0.iter().any(|route| !route.cut.zone.is_root() && zone.is_within(&route.cut.zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name;

    fn routes() -> Routes {
        let zones = [("example", RouteKind::Forward), ("sub.example", RouteKind::Stub), (".", RouteKind::Forward)];
        let route = |(zone, kind)| Arc::new(Route::new(kind, name(zone), &[([192, 0, 2, 1].into(), None)]));
        Routes(zones.map(route).into())
    }

    #[test]
    fn the_deepest_zone_decides() {
        let routes = routes();
        let chosen = |place: &str, without: &[Name]| {
            routes.deepest(&name(place), without).map(|route| route.cut.zone.to_string())
        };
        assert_eq!(chosen("a.sub.example", &[]).as_deref(), Some("sub.example."));
        assert_eq!(chosen("sub.EXAMPLE", &[]).as_deref(), Some("sub.example."));
        assert_eq!(chosen("xsub.example", &[]).as_deref(), Some("example."));
        assert_eq!(chosen("other", &[]).as_deref(), Some("."));
        assert_eq!(chosen("a.sub.example", &[name("sub.example")]).as_deref(), Some("example."));
        assert_eq!(chosen("other", &[Name::root()]), None);
        assert!(routes.cover(&name("b.example")) && !routes.cover(&name("other")));
    }

    #[test]
    fn a_stub_zone_yields_to_what_it_delegates_and_a_forward_zone_does_not() {
        let servers = [([192, 0, 2, 1].into(), None)];
        let cut = |zone: &str, teller: &str| {
            let from = Source::server(name(teller), [192, 0, 2, 1].into(), None);
            let given = Route::new(RouteKind::Stub, name(zone), &servers);
            Delegation { from, ..(*given.cut).clone() }
        };
        let stub = Route::new(RouteKind::Stub, name("example"), &servers);
        assert!(stub.yields_to(&cut("a.example", "example")) && !stub.yields_to(&cut("example", ".")));
        assert!(!stub.yields_to(&cut("example", "example")));
        let primed = Route { prime: true, ..stub };
        assert!(primed.yields_to(&cut("example", "example")) && !primed.yields_to(&cut("example", ".")));
        let forward = Route { kind: RouteKind::Forward, ..primed };
        assert!(!forward.yields_to(&cut("a.example", "example")));
    }

    /// Who told something bogus is named as he was asked: with the port that the operator has given him for that zone.
    #[test]
    fn a_server_is_named_with_its_port() {
        let [first, second] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let route = Route::new(RouteKind::Stub, name("corp."), &[(first, Some(5300)), (second, None)]);
        let routes = Routes(vec![Arc::new(route)]);
        let named = |zone: &str, addr| {
            let heard = Informant { zone: name(zone), addr, name: None };
            routes.server_at(&heard).to_string()
        };
        assert_eq!([named("corp.", first), named("corp.", second)], ["192.0.2.1:5300", "192.0.2.2"]);
        assert_eq!(named("example.", first), "192.0.2.1", "asked there as a server of another zone");
    }
}
