//! What the operator wants: a TOML file, overridden by the environment, overridden by flags.
//!
//! The root reads [`Settings`] once and hands plain values inward; no other module knows of files or variables.
//! [`Settings`] and everything about a key (default, range, documentation) stand in one table, in `settings/`.

mod choices;
mod complaint;
mod docs;
mod hints;
mod hosts;
mod list;
mod nets;
mod read;
mod section;
mod settings;
mod trust;
mod value;

use std::net::SocketAddr;
use std::path::Path;

use crate::walk::Avoid;
use crate::wire::{Name, Record, RecordType};

use section::Section;
use settings::{LISTS, SECTIONS};

pub use choices::{AnyAnswer, LogFormat};
pub use complaint::{Complaint, ConfigError, Place, Problem};
pub use docs::reference;
pub use hosts::Hosts;
pub use settings::{
    BalancedHost, Cache, Dns64, Dnssec, Fetch, ForwardZone, Http, Limits, Local, LocalRoot, Log, Proxy, Resolver,
    RootHint, Server, Settings, StubZone, Tls,
};
pub use trust::{NegativeTrustAnchor, TrustAnchor};
pub use value::{Bytes, Dns64Prefix, Domain, Hex, LocalRecord, Secret, ServerAddress};

/// Where settings come from; what stands later wins.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// What holds where no source says otherwise.
    pub base: Settings,
    /// A TOML file.
    pub file: Option<&'a Path>,
    /// Environment variables; those of the form `ROOTWALK_SECTION_KEY` are looked at, and others that may be meant so.
    pub variables: Vec<(String, String)>,
    /// Assignments of the form `section.key=value`, as `--set` takes them.
    pub assignments: &'a [String],
}

/// Reads all sources and checks that the whole makes sense.
///
/// # Errors
/// Every mistake that was found, not just the first.
pub fn load(sources: &Sources<'_>) -> Result<Settings, ConfigError> {
    let mut settings = sources.base.clone();
    let mut complaints = Vec::new();
    if let Some(path) = sources.file {
        match std::fs::read(path) {
            Ok(octets) => complaints = read::file(path, &octets, &mut settings),
            Err(error) => {
                let place = Place::WholeFile(path.to_owned());
                complaints.push(Complaint { place, problem: Problem::Unreadable(error) });
            }
        }
    }
    for (name, text) in &sources.variables {
        if let Err(problem) = read::variable(name, text, &mut settings) {
            complaints.push(Complaint { place: Place::Variable(name.clone()), problem });
        }
    }
    for text in sources.assignments {
        if let Err(problem) = read::assignment(text, &mut settings) {
            complaints.push(Complaint { place: Place::Flag(format!("--set {text}")), problem });
        }
    }
    let hosts = std::mem::take(&mut settings.hosts);
    settings.hosts = match settings.local.hosts.as_str() {
        "" => hosts,
        path => match std::fs::read_to_string(path) {
            Ok(text) => Hosts::read(&text),
            Err(error) => {
                let place = Place::WholeFile(path.into());
                complaints.push(Complaint { place, problem: Problem::NoHosts(error) });
                hosts
            }
        },
    };
    if complaints.is_empty() {
        // With variables or flags it may not be the file that is to be changed.
        let others = sources.variables.iter().any(|(name, _)| name.starts_with(read::PREFIX));
        let alone = !others && sources.assignments.is_empty();
        let place = sources.file.filter(|_| alone).map_or(Place::Together, |path| Place::WholeFile(path.to_owned()));
        let problems = check(&settings, &sources.base).into_iter();
        complaints = problems.map(|problem| Complaint { place: place.clone(), problem }).collect();
    }
    if complaints.is_empty() { Ok(settings) } else { Err(ConfigError(complaints)) }
}

/// Whether an environment variable counts.
#[must_use]
pub fn counts(name: &str, text: &str) -> bool {
    read::variable(name, text, &mut Settings::default()).unwrap_or(true)
}

/// The keys in which two configurations differ, with their sections.
#[must_use]
pub fn differences(one: &Settings, other: &Settings) -> Vec<String> {
    let in_section = |section: &'static Section| {
        let differs = section.keys.iter().filter(|key| !(key.same)(one, other));
        differs.map(|key| format!("{}.{}", section.name, key.name))
    };
    let lists = LISTS.iter().filter(|list| !(list.same)(one, other)).map(|list| format!("[[{}]]", list.name));
    SECTIONS.iter().flat_map(in_section).chain(lists).collect()
}

/// Two places to listen of which one takes what is for the other.
fn same_place(settings: &Settings) -> Option<Problem> {
    let http = &settings.http;
    // Nobody asked for the usual place of HTTP, which can be done without.
    let is_asked = settings.named.has("http.listen");
    let lists = [
        ("server.listen", settings.server.listen.clone()),
        ("server.tls_listen", settings.server.tls_listen.clone()),
        ("http.listen", if is_asked { http.listen.clone() } else { Vec::new() }),
        ("http.tls_listen", http.tls_listen.clone()),
    ];
    let places = lists.into_iter().flat_map(|(key, list)| list.into_iter().map(move |address| (key, address)));
    let places: Vec<_> = places.filter(|(_, address)| address.port() != 0).collect();
    places.iter().enumerate().find_map(|(nth, two)| {
        let one = places[..nth].iter().find(|one| covers(&one.1, &two.1) || covers(&two.1, &one.1))?;
        Some(Problem::SamePlace(*one, *two))
    })
}

/// Whether a socket that listens at `one` takes what is sent to `other`.
fn covers(one: &SocketAddr, other: &SocketAddr) -> bool {
    let ip = one.ip() == other.ip() || one.ip().is_unspecified() && one.is_ipv4() == other.is_ipv4();
    ip && one.port() == other.port()
}

/// A zone that is to be looked up at this very resolver, as far as addresses say so.
fn itself(settings: &Settings) -> Option<Problem> {
    let (listen, port) = (&settings.server.listen, settings.resolver.upstream_port);
    let forward = settings.forward.iter().map(|zone| (&zone.zone, &zone.servers));
    let stub = settings.stub.iter().map(|zone| (&zone.zone, &zone.servers));
    let asked = forward.chain(stub).flat_map(|(zone, servers)| servers.iter().map(move |server| (zone, server)));
    let mut asked = asked.map(|(zone, server)| (zone, SocketAddr::new(server.addr, server.port.unwrap_or(port))));
    // Whoever listens on all addresses is reached by all of loopback.
    let is_here = |to: &SocketAddr, at: &SocketAddr| covers(at, to) && (at.ip() == to.ip() || to.ip().is_loopback());
    let (zone, server) = asked.find(|(_, server)| listen.iter().any(|at| is_here(server, at)))?;
    Some(Problem::Itself(zone.clone(), server))
}

/// A door with TLS without a certificate, or the reverse. Whose `base` has such a door brings a certificate for it.
fn tls(settings: &Settings, base: &Settings) -> Option<Problem> {
    let Settings { server, http, tls, .. } = settings;
    let doors = [("server.tls_listen", &server.tls_listen), ("http.tls_listen", &http.tls_listen)];
    let (has_none, has_both) = match (tls.certificate.is_empty(), tls.key.is_empty()) {
        (true, true) => (true, !base.server.tls_listen.is_empty()),
        (certificate, key) => (false, !certificate && !key),
    };
    match doors.iter().find(|(_, addresses)| !addresses.is_empty()) {
        Some((door, _)) => (!has_both).then_some(Problem::NoCertificate(door)),
        None => (!has_none).then_some(Problem::NoTls),
    }
}

/// What is right key by key and still wrong together, where all that nobody has set is as in `base`.
fn check(settings: &Settings, base: &Settings) -> Vec<Problem> {
    let (server, resolver, cache) = (&settings.server, &settings.resolver, &settings.cache);
    let mut problems = Vec::new();
    if server.listen.is_empty() {
        problems.push(Problem::Empty("server.listen"));
    }
    if server.allow.is_empty() {
        problems.push(Problem::Empty("server.allow"));
    }
    if settings.dnssec.validate && settings.dnssec.trust_anchors.is_empty() {
        problems.push(Problem::NoAnchor);
    }
    problems.extend(tls(settings, base));
    problems.extend(same_place(settings));
    if cache.min_ttl_secs > cache.max_ttl_secs {
        problems.push(Problem::Crossed("cache.min_ttl_secs", "cache.max_ttl_secs"));
    }
    if cache.min_negative_ttl_secs > cache.max_negative_ttl_secs {
        problems.push(Problem::Crossed("cache.min_negative_ttl_secs", "cache.max_negative_ttl_secs"));
    }
    if cache.min_delegation_ttl_secs > cache.max_delegation_ttl_secs {
        problems.push(Problem::Crossed("cache.min_delegation_ttl_secs", "cache.max_delegation_ttl_secs"));
    }
    let ports = resolver.source_port_min..=resolver.source_port_max;
    if ports.is_empty() {
        problems.push(Problem::Crossed("resolver.source_port_min", "resolver.source_port_max"));
    } else if ports.clone().all(|port| resolver.avoid_source_ports.contains(&port)) {
        problems.push(Problem::NoSourcePort(*ports.start(), *ports.end()));
    }
    let avoid = Avoid {
        loopback: !resolver.query_loopback,
        private: !resolver.query_private,
        nets: resolver.do_not_query.clone(),
    };
    let usable = |hint: &RootHint| {
        let family = if hint.address.is_ipv4() { resolver.ipv4 } else { resolver.ipv6 };
        family && avoid.why(hint.address, false).is_none()
    };
    let records = || settings.local.records.iter().map(|record| &record.0);
    let beside = |alias: &Record| records().filter(|record| record.owner == alias.owner).count() > 1;
    let alias = records().find(|record| record.rtype == RecordType::CNAME && beside(record));
    problems.extend(alias.map(|record| Problem::BesideAlias(record.owner.clone())));
    let zones = || settings.forward.iter().map(|zone| &zone.zone).chain(settings.stub.iter().map(|zone| &zone.zone));
    let twice = zones().find(|zone| zones().filter(|other| other == zone).count() > 1);
    problems.extend(twice.map(|zone| Problem::Twice(zone.clone())));
    let named = |servers: &[ServerAddress]| {
        let again =
            |(nth, server): &(usize, &ServerAddress)| servers[..*nth].iter().any(|other| other.addr == server.addr);
        servers.iter().enumerate().find(again).map(|(_, server)| Problem::SameAddress(server.addr))
    };
    problems.extend(settings.forward.iter().filter_map(|zone| named(&zone.servers)));
    problems.extend(settings.stub.iter().filter_map(|zone| named(&zone.servers)));
    problems.extend(itself(settings));
    if !zones().any(Name::is_root) && !settings.root_hints.iter().any(usable) {
        problems.push(Problem::NoWayOut);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a left-over resolv.conf would have it.
    #[test]
    fn a_zone_is_not_looked_up_at_the_door_of_this_resolver() {
        let asks_itself = |listen: &str, server: &str| {
            let mut settings = Settings::default();
            settings.server.listen = vec![listen.parse().unwrap()];
            let servers = vec![value::Setting::from_text(server).unwrap()];
            settings.forward = vec![ForwardZone { zone: Name::root(), servers: servers.clone(), fallback: false }];
            let forwards = itself(&settings).is_some();
            settings.stub = vec![StubZone { zone: Name::root(), servers, fallback: false, prime: false }];
            settings.forward.clear();
            assert_eq!(itself(&settings).is_some(), forwards);
            forwards
        };
        for (listen, server) in [
            ("127.0.0.1:53", "127.0.0.1"),
            ("127.0.0.1:5300", "127.0.0.1:5300"),
            ("0.0.0.0:53", "127.0.0.53"),
            ("[::]:53", "::1"),
            ("192.0.2.1:53", "192.0.2.1"),
        ] {
            assert!(asks_itself(listen, server), "{listen} {server}");
        }
        for (listen, server) in [
            ("127.0.0.1:53", "127.0.0.53"),
            ("127.0.0.1:53", "127.0.0.1:5300"),
            ("0.0.0.0:53", "::1"),
            ("0.0.0.0:53", "192.0.2.1"),
        ] {
            assert!(!asks_itself(listen, server), "{listen} {server}");
        }
    }
}
