//! The servers of a scene: the pure lab, and over it what the scene has them say word by word.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::lab::{Lab, Packet, Reaction};
use rootwalk::policy::special_zones;
use rootwalk::time::Time;
use rootwalk::trace::{RouteKind, Transport};
use rootwalk::walk::ask::{Ask, Heard};
use rootwalk::walk::minimise::Minimisation;
use rootwalk::walk::{Route, SpecialZone, WalkSettings};
use rootwalk::wire::edns::{COOKIE, EXTENDED_ERROR};
use rootwalk::wire::{Edns, EdnsOption, Name, RrSet, Writer};

use super::resolver::{self, listen, query_bytes, refused};
use super::script::{Line, Said, Server, Zone};

/// The id of every query.
const ID: u16 = 4711;

/// Everybody who can be asked.
pub(crate) struct Stage {
    zones: BTreeMap<Name, Zone>,
    servers: BTreeMap<IpAddr, Server>,
    settings: Vec<(String, String)>,
    lab: Option<Lab>,
    counts: BTreeMap<(IpAddr, Transport), u64>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let (zones, servers, settings) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { zones, servers, settings, lab: None, counts: BTreeMap::new() }
    }

    pub(crate) fn zone(&mut self, zone: Zone) {
        self.zones.insert(zone.name.clone(), zone);
        self.lab = None;
    }

    pub(crate) fn server(&mut self, server: Server) {
        self.servers.insert(server.addr, server);
        self.lab = None;
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Loads the zones, if something has changed.
    pub(crate) fn build(&mut self) {
        if self.lab.is_some() {
            return;
        }
        let mut settings = "port = 53\nzone = [".to_owned();
        let mut files = Vec::new();
        for (name, zone) in &self.zones {
            let sign = if zone.signed { ", sign = { algorithm = \"ed25519\" }" } else { "" };
            let _ = write!(settings, "{{ name = \"{name}\", file = \"{name}\"{sign} }},");
            files.push((name.to_string(), self.zone_text(zone)));
        }
        settings.push_str("]\nserver = [");
        for server in self.servers.values() {
            let zones = server.zones.iter().map(|zone| format!("\"{zone}\"")).collect::<Vec<_>>().join(",");
            let (name, addr, faults) = (&server.name, server.addr, server.faults.join(","));
            let _ = write!(
                settings,
                "{{ name = \"{name}\", address = \"{addr}\", zones = [{zones}], faults = [{faults}] }},"
            );
        }
        settings.push_str("]\n");
        files.push(("lab.toml".to_owned(), settings));
        self.lab = Some(Lab::of_texts(files, 1_790_000_000).unwrap_or_else(|error| panic!("{error}")));
    }

    /// The SOA and NS records of the apex are made up, unless the scene has its own.
    fn zone_text(&self, zone: &Zone) -> String {
        let own = |rtype: &str| zone.text.lines().any(|line| line.starts_with("@ ") && line.contains(rtype));
        let mut text = format!("$TTL 3600\n$ORIGIN {}\n", zone.name);
        if !own(" SOA ") {
            text.push_str("@ SOA host. admin. 1 7200 900 1209600 300\n");
        }
        if !own(" NS ") {
            let holding = self.servers.values().filter(|server| server.zones.contains(&zone.name));
            let mut names: Vec<&Name> = holding.map(|server| &server.name).collect();
            names.sort();
            names.dedup();
            // A zone that nobody serves waits for a server that comes later.
            names.is_empty().then(|| text.push_str("@ NS nobody.\n"));
            names.iter().for_each(|name| text.extend(["@ NS ", &name.to_string(), "\n"]));
        }
        text + &zone.text
    }

    pub(crate) fn settings(&self) -> WalkSettings {
        let root = self.lab.as_ref().map(Lab::root_hints).unwrap_or_default();
        let mut hints: BTreeMap<Name, Vec<IpAddr>> = root.into_iter().collect();
        let mut settings = resolver::settings([], 53);
        settings.case_randomisation = false;
        for (key, value) in &self.settings {
            let number = || value.parse::<u32>().unwrap_or_else(|_| panic!("{key} is a number"));
            let limits = &mut settings.limits;
            match key.as_str() {
                "hint" => {
                    let (name, addr) = value.split_once(' ').expect("a name and an address");
                    hints.entry(super::script::name(name)).or_default().push(addr.parse().expect("an address"));
                }
                "forward" => settings.routes.0.push(route(RouteKind::Forward, value)),
                "stub" => settings.routes.0.push(route(RouteKind::Stub, value)),
                "case" => settings.case_randomisation = value == "on",
                "cookies" => settings.cookies = value == "on",
                "ipv4" => settings.ipv4 = value == "on",
                "ipv6" => settings.ipv6 = value == "on",
                "avoid" => settings.avoid.nets.push(value.parse().expect("a network")),
                "special" => {
                    let one = |(soa, why, exists): (RrSet, _, _)| {
                        (soa.owner.clone(), Arc::new(SpecialZone { soa, why, exists }))
                    };
                    settings.special = special_zones().filter(|_| value == "on").map(one).collect();
                }
                "private" => settings.private.nets.push(value.parse().expect("a network")),
                "minimisation" => {
                    settings.minimisation = match value.as_str() {
                        "off" => Minimisation::Off,
                        "relaxed" => Minimisation::Relaxed,
                        "strict" => Minimisation::Strict,
                        _ => panic!("minimisation is off, relaxed or strict"),
                    };
                }
                "queries" => limits.queries = number(),
                "queries_per_step" => limits.queries_per_step = number(),
                "bytes" => limits.bytes = number() as usize,
                "time_ms" => limits.time = Duration::from_millis(number().into()),
                "referrals" => limits.referrals = number(),
                "depth" => limits.depth = number(),
                "cname_links" => limits.cname_links = number(),
                _ => panic!("scenes know no setting `{key}`"),
            }
        }
        settings.hints = resolver::settings(hints, 53).hints;
        settings
    }

    /// What comes of an ask.
    pub(crate) fn exchange(&mut self, ask: &Ask, _now: Time) -> (Duration, Heard) {
        let (addr, transport) = (ask.server.ip(), ask.transport);
        let Some(server) = self.servers.get_mut(&addr) else { return listen(ask, ID, Vec::new(), Duration::ZERO) };
        let path = Duration::from_millis(server.delay_ms);
        let fits = |line: &Line| {
            line.asked.as_ref().is_none_or(|asked| *asked == ask.question)
                && line.transport.is_none_or(|wanted| wanted == transport)
                && line.edns.is_none_or(|wanted| wanted == ask.edns.is_some())
                && (!line.cookie || ask.edns.as_ref().is_some_and(|edns| edns.option(COOKIE).is_some()))
                && (!line.mixed || ask.question.name.wire().iter().any(u8::is_ascii_uppercase))
        };
        if let Some(nth) = server.lines.iter().position(fits) {
            let line = if server.lines[nth].once { server.lines.remove(nth) } else { server.lines[nth].clone() };
            if let Some(why) = line.lost {
                return (path, Heard::nothing(ask.id, why));
            }
            let packets = line.packets.iter().map(|said| said.packet(ask)).collect();
            return listen(ask, ID, packets, path);
        }
        let count = self.counts.entry((addr, transport)).or_default();
        *count += 1;
        let lab = self.lab.as_ref().expect("it was built");
        match lab.authority().react(addr, transport, &query_bytes(ask, ID), *count - 1) {
            None | Some(Reaction::Refused) => refused(ask, path),
            Some(Reaction::Packets(packets)) => listen(ask, ID, packets, path),
        }
    }
}

/// A zone, its servers, and what else is said of them.
fn route(kind: RouteKind, text: &str) -> Arc<Route> {
    let words: Vec<&str> = text.split(' ').collect();
    let servers: Vec<(IpAddr, Option<u16>)> =
        words.iter().filter_map(|word| Some((word.parse().ok()?, None))).collect();
    let route = Route::new(kind, super::script::name(words[0]), &servers);
    Arc::new(Route { prime: words.contains(&"prime"), fallback: words.contains(&"fallback"), ..route })
}

impl Said {
    fn packet(&self, ask: &Ask) -> Packet {
        let mut bytes = Vec::new();
        let id = if self.wrong_id { ID + 1 } else { ID };
        let mut question = self.question.clone().unwrap_or_else(|| ask.question.clone());
        if self.lower_case {
            question.name = question.name.to_lower();
        }
        let mut writer = Writer::new(id, self.flags, &mut bytes);
        writer.set_rcode(self.rcode);
        writer.question(&question);
        for (section, record) in &self.records {
            writer.record(*section, record).expect("there is room");
        }
        if self.edns && ask.edns.is_some() {
            let mut edns = Edns::new(1232, true);
            edns.options.extend(self.edes.iter().map(|(code, text)| {
                let data = [&code.to_be_bytes()[..], text.as_bytes()].concat();
                EdnsOption { code: EXTENDED_ERROR, data: data.into() }
            }));
            writer.opt(&edns);
        }
        writer.finish();
        bytes.truncate(bytes.len() - self.cut);
        Packet { delay: Duration::from_millis(self.delay_ms), bytes: self.raw.clone().unwrap_or(bytes) }
    }
}
