//! How answers are looked up, as caches and walks take it.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use super::{RunError, trust};
use crate::cache::{Cache, Delegation, NameServer, Servers, TtlLimits};
use crate::config::{self, Domain, RootHint, ServerAddress, Settings};
use crate::dnssec;
use crate::drive::{self, Clock, World};
use crate::policy::{LocalData, special_zones};
use crate::time::Time;
use crate::trace::{RouteKind, Source};
use crate::upstream::{Upstream, UpstreamSettings};
use crate::walk::limits::{Limits, SetLimits};
use crate::walk::synthesis::{Dns64, Synthesis};
use crate::walk::{Avoid, LocalRoot, Private, Route, Routes, SpecialZone, SpecialZones, WalkSettings};
use crate::wire::Name;

/// A resolver's world, in which nothing is known yet, by this clock.
pub(super) fn world(settings: &Settings, clock: Clock) -> World {
    let (cache, upstream) = (&settings.cache, Upstream::new(upstream_settings(&settings.resolver)));
    let ttls = TtlLimits {
        positive_max_secs: cache.max_ttl_secs,
        positive_min_secs: cache.min_ttl_secs,
        negative_max_secs: cache.max_negative_ttl_secs,
        negative_min_secs: cache.min_negative_ttl_secs,
        delegation_min_secs: cache.min_delegation_ttl_secs,
        delegation_max_secs: cache.max_delegation_ttl_secs,
    };
    World {
        cache: Cache::new(cache.size.0, rand::random(), ttls).watched(upstream.guesses()),
        servers: Arc::new(Servers::new(rand::random())),
        settings: walk_settings(settings, clock.now()),
        upstream,
        local: drive::Local::default(),
        clock,
    }
}

pub(super) fn upstream_settings(resolver: &config::Resolver) -> UpstreamSettings {
    UpstreamSettings {
        ports: resolver.source_port_min..=resolver.source_port_max,
        avoid_ports: resolver.avoid_source_ports.clone(),
        sources: resolver.source_addresses.clone(),
        queries_per_server: resolver.queries_per_server,
    }
}

/// Whether this machine has the addresses from which servers are to be asked.
///
/// # Errors
/// Names the first that it has not.
pub(super) fn sources(settings: &Settings) -> Result<(), RunError> {
    let missing = |address: &IpAddr| UdpSocket::bind((*address, 0)).err().map(|source| (*address, source));
    match settings.resolver.source_addresses.iter().find_map(missing) {
        Some((address, source)) => Err(RunError::Source { address, source }),
        None => Ok(()),
    }
}

pub(super) fn walk_settings(settings: &Settings, now: Time) -> WalkSettings {
    let resolver = &settings.resolver;
    WalkSettings {
        limits: limits(&settings.limits),
        minimisation: resolver.qname_minimisation,
        case_randomisation: resolver.case_randomisation,
        cookies: resolver.cookies,
        nsid: resolver.nsid,
        ipv4: resolver.ipv4,
        ipv6: resolver.ipv6,
        avoid: Avoid {
            loopback: !resolver.query_loopback,
            private: !resolver.query_private,
            nets: resolver.do_not_query.clone(),
        },
        private: Private {
            nets: resolver.private_addresses.clone(),
            domains: domains(&resolver.private_domains),
            translator: settings.dns64.prefix.0,
        },
        routes: routes(settings),
        special: special(settings),
        synthesis: synthesis(settings),
        port: resolver.upstream_port,
        udp_size: resolver.udp_size,
        proofs: trust::proofs(&settings.dnssec, now),
        local_root: LocalRoot::default(),
        hints: Arc::new(hints(&settings.root_hints)),
    }
}

fn domains(given: &[Domain]) -> Vec<Name> {
    given.iter().map(|Domain(name)| name.clone()).collect()
}

/// What answers have beyond what servers say.
fn synthesis(settings: &Settings) -> Synthesis {
    let given = &settings.dns64;
    let dns64 = given.prefix.0.map(|net| Dns64 {
        prefix: net,
        exclude: given.exclude.clone(),
        ignore_aaaa: domains(&given.ignore_aaaa),
    });
    // A hosts file has no aliases.
    Synthesis { aliases: local_records(settings, &[]).ways_out(), dns64 }
}

/// The operator's own records.
pub(super) fn local_data(settings: &Settings) -> LocalData {
    local_records(settings, &settings.hosts.entries)
}

fn local_records(settings: &Settings, hosts: &[(IpAddr, Vec<Name>)]) -> LocalData {
    let records: Vec<_> = settings.local.records.iter().map(|record| record.0.clone()).collect();
    LocalData::new(&records, hosts)
}

/// Special names that are looked up all the same: those with servers of their own, and the one by which DNS64 is found,
/// where there is some (RFC 8880 §7.1).
pub(super) fn routed_zones(settings: &Settings) -> Vec<Name> {
    let translator = settings.dns64.prefix.0.and_then(|_| "ipv4only.arpa".parse().ok());
    routes(settings).0.iter().map(|route| route.cut.zone.clone()).chain(translator).collect()
}

/// The special zones, but for those that are looked up all the same.
fn special(settings: &Settings) -> SpecialZones {
    let routed = routed_zones(settings);
    let is_special = |zone: &Name| settings.server.locally_served_zones && !routed.contains(zone);
    let zones = special_zones().filter(|(soa, ..)| is_special(&soa.owner));
    zones.map(|(soa, why, exists)| (soa.owner.clone(), Arc::new(SpecialZone { soa, why, exists }))).collect()
}

/// The zones whose servers the operator names.
fn routes(settings: &Settings) -> Routes {
    let route = |kind, zone: &Name, servers: &[ServerAddress]| {
        let servers: Vec<_> = servers.iter().map(|server| (server.addr, server.port)).collect();
        Route::new(kind, zone.clone(), &servers)
    };
    let forward = settings.forward.iter().map(|given| {
        let route = route(RouteKind::Forward, &given.zone, &given.servers);
        Route { fallback: given.fallback, ..route }
    });
    let stub = settings.stub.iter().map(|given| {
        let route = route(RouteKind::Stub, &given.zone, &given.servers);
        Route { fallback: given.fallback, prime: given.prime, ..route }
    });
    Routes(forward.chain(stub).map(Arc::new).collect())
}

fn limits(limits: &config::Limits) -> Limits {
    let (records, bytes, types_per_name) = (limits.records_per_set, limits.bytes_per_set, limits.types_per_name);
    Limits {
        queries: limits.queries,
        queries_per_step: limits.queries_per_step,
        bytes: limits.bytes,
        time: Duration::from_millis(limits.time_ms),
        servers_per_zone: limits.servers_per_zone,
        addresses_per_server: limits.addresses_per_server,
        lookups_at_once: limits.lookups_at_once,
        failed_server_lookups: limits.failed_server_lookups,
        cname_links: limits.cname_links,
        depth: limits.depth,
        referrals: limits.referrals,
        tries_per_address: limits.tries_per_address,
        near_misses: limits.near_misses,
        minimise_count: limits.minimise_count,
        minimise_one_label: limits.minimise_one_label,
        bogus_retries: limits.bogus_retries,
        sets: SetLimits { records, bytes, types_per_name },
        proofs: dnssec::Limits {
            validations: limits.validations,
            failed_validations: limits.failed_validations,
            signatures_per_set: limits.signatures_per_set,
            keys_per_tag: limits.keys_per_tag,
            ds_per_zone: limits.ds_per_zone,
            nsec3_iterations: limits.nsec3_iterations,
            nsec3_hashes: limits.nsec3_hashes,
        },
    }
}

/// The hints as a delegation of the root that never ends; the addresses of one name belong together.
fn hints(hints: &[RootHint]) -> Delegation {
    let mut servers: Vec<NameServer> = Vec::new();
    for RootHint { name, address } in hints {
        match servers.iter_mut().find(|server| server.name == *name) {
            Some(server) => server.addrs.push(*address),
            None => servers.push(NameServer { name: name.clone(), addrs: [*address].into_iter().collect() }),
        }
    }
    Delegation {
        zone: Name::root(),
        servers: servers.into(),
        ds: None,
        proof: Box::default(),
        from: Source::Hints,
        stored: Time::ZERO,
        requeried: Time::ZERO,
        expires: Time::FAR,
    }
}
