//! Attacks that are too large for the zoo, as a lab of their own: a zone each, `NAME.attack.`, with a server each.

use std::fmt::Write as _;
use std::path::Path;

use rootwalk::wire::{Question, RecordType};

/// Zones of many names, and servers that send too much.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) ask: Question,
    /// Lines of the zone.
    zone: String,
    /// What is wrong with its server, in the words of zones/lab.toml.
    faults: &'static str,
    /// Zones below it, of which another server has all.
    below: Vec<(String, String)>,
    /// Packets that come in place of one.
    pub(crate) packets_each: u64,
}

impl Attack {
    fn new(name: &'static str, what: &'static str, zone: String) -> Self {
        let ask = Question::new(format!("www.{name}.attack.").parse().unwrap(), RecordType::A);
        Self { name, what, ask, zone, faults: "", below: Vec::new(), packets_each: 1 }
    }
}

/// So many lines, each made of its number.
fn lines(count: u32, line: impl Fn(u32) -> String) -> String {
    (1..=count).map(|nth| line(nth) + "\n").collect()
}

/// A label as long as labels get, with this number.
fn long(nth: u32) -> String {
    format!("{}{nth:03}", "x".repeat(60))
}

pub(crate) fn all() -> Vec<Attack> {
    let txt = Question::new("www.octets.attack.".parse().unwrap(), RecordType::TXT);
    let deep = Question::new(format!("{}labels.attack.", "a.".repeat(120)).parse().unwrap(), RecordType::A);
    vec![
        Attack {
            below: composed(),
            ..Attack::new(
                "camp",
                "twelve aliases of eight labels, each into a zone with four servers that do not exist before one that does (CAMP)",
                "www CNAME a.b.c.d.e.f.g.h.z1\n".to_owned()
                    + &lines(12, |nth| {
                        let dead = lines(4, |server| format!("z{nth} NS a{nth}-{server}.victim.attack."));
                        format!("{dead}z{nth} NS z.victim.attack.")
                    }),
            )
        },
        Attack::new(
            "nrdelegation",
            "a referral to 200 servers in a zone whose servers refuse (NRDelegationAttack)",
            lines(200, |nth| format!("www NS ns{nth}.refusing.attack.")),
        ),
        Attack::new(
            "flush-servers",
            "a referral to as many servers with long names as a set may have (CacheFlush)",
            lines(200, |nth| format!("www NS {}.victim.attack.", long(nth))),
        ),
        Attack::new(
            "flush-aliases",
            "aliases of 250 octets, one after another (CacheFlush)",
            lines(20, |nth| {
                let name = |nth| [long(nth), long(0), long(0)].join(".");
                let owner = if nth == 1 { "www".to_owned() } else { name(nth) };
                format!("{owner} CNAME {}", name(nth + 1))
            }),
        ),
        Attack::new(
            "records",
            "300 addresses in one set",
            lines(300, |nth| format!("www A 192.0.{}.{}", nth / 250, nth % 250)),
        ),
        Attack {
            ask: txt,
            ..Attack::new(
                "octets",
                "a set of 20 kB",
                lines(80, |nth| format!("www TXT \"{}\"", [long(nth), long(0), long(0), long(0)].join("."))),
            )
        },
        Attack {
            faults: "{ poison = { authority = [TYPES] } }",
            ..Attack::new("types", "300 types of one name beside the answer", "www A 192.0.2.1\n".to_owned())
        },
        Attack {
            faults: "\"compression_bomb\"",
            ..Attack::new("compression", "64 kB of names that are chains of pointers", "www A 192.0.2.1\n".to_owned())
        },
        Attack {
            faults: "{ wrong_ids_first = 1000 }",
            packets_each: 1001,
            ..Attack::new(
                "flood",
                "a thousand replies with other ids before the right one",
                "www A 192.0.2.1\n".to_owned(),
            )
        },
        Attack { ask: deep, ..Attack::new("labels", "a name of 122 labels", "*.a A 192.0.2.1\n".to_owned()) },
    ]
}

/// The zones into which the aliases of the composed attack lead, each with the next alias.
fn composed() -> Vec<(String, String)> {
    let next = |nth| format!("a.b.c.d.e.f.g.h CNAME a.b.c.d.e.f.g.h.z{}.camp.attack.\n", nth + 1);
    (1..=12).map(|nth| (format!("z{nth}.camp.attack."), next(nth))).collect()
}

/// Writes the zones and lab.toml into a folder. The root and its servers are those of the lab that is compiled in.
pub(crate) fn write(folder: &Path) {
    let mut zones = Vec::new();
    let mut servers = Vec::new();
    let mut top = String::new();
    let mut zone = |name: &str, text: &str| {
        let file = format!("{}zone", if name == "." { "root." } else { name });
        let soa = if text.contains(" SOA ") { "" } else { "@ SOA ns h 1 1 1 1 60\n" };
        std::fs::write(folder.join(&file), format!("$ORIGIN {name}\n$TTL 300\n{soa}{text}")).unwrap();
        let sign = if matches!(name, "." | "attack.") { ", sign = {}" } else { "" };
        zones.push(format!("{{ name = \"{name}\", file = \"{file}\"{sign} }}"));
    };
    let mut server = |name: &str, address: &str, zones: &[String], faults: &str| {
        let zones: Vec<String> = zones.iter().map(|zone| format!("\"{zone}\"")).collect();
        let zones = zones.join(", ");
        servers
            .push(format!("{{ name = \"{name}\", address = \"{address}\", zones = [{zones}], faults = [{faults}] }}"));
    };
    let roots = ["a", "b", "c"].map(|letter| format!("{letter}.root-servers.lab."));
    let mut root = "attack. NS ns.attack.\nns.attack. A 127.53.1.1\n".to_owned();
    for (nth, name) in (1..).zip(&roots) {
        let _ = writeln!(root, "@ NS {name}\n{name} A 127.53.0.{nth}");
        server(name, &format!("127.53.0.{nth}"), &[".".into()], "");
    }
    zone(".", &root);
    server("ns.attack.", "127.53.1.1", &["attack.".into()], "");
    let mut delegate = |name: &str, address: &str| {
        let _ = writeln!(top, "{name} NS ns.{name}\nns.{name} A {address}");
        format!("@ NS ns\nns A {address}\n")
    };
    let types: Vec<String> =
        (0..300).map(|nth| format!("'www.types.attack. 60 IN TYPE{} \\# 0'", 65_280 - nth)).collect();
    for (nth, attack) in (10..).zip(all()) {
        let (name, address) = (attack.name, format!("127.53.3.{nth}"));
        let apex = delegate(name, &address);
        zone(&format!("{name}.attack."), &(apex + &attack.zone));
        let faults = attack.faults.replace("TYPES", &types.join(", "));
        server(&format!("ns.{name}.attack."), &address, &[format!("{name}.attack.")], &faults);
        if !attack.below.is_empty() {
            let names: Vec<String> = attack.below.iter().map(|(name, _)| name.clone()).collect();
            attack.below.iter().for_each(|(name, text)| zone(name, &format!("@ NS z.victim.attack.\n{text}")));
            server("z.victim.attack.", "127.53.3.3", &names, "");
        }
    }
    let victim = delegate("victim", "127.53.3.1") + "z A 127.53.3.3\n";
    zone("victim.attack.", &victim);
    server("ns.victim.attack.", "127.53.3.1", &["victim.attack.".into()], "");
    zone("refusing.attack.", &delegate("refusing", "127.53.3.2"));
    server("ns.refusing.attack.", "127.53.3.2", &["refusing.attack.".into()], "{ rcode = \"REFUSED\" }");
    zone("pulse.attack.", &(delegate("pulse", "127.53.3.4") + "* A 192.0.2.1\n"));
    server("ns.pulse.attack.", "127.53.3.4", &["pulse.attack.".into()], "{ delay_ms = 2500 }");
    zone("attack.", &format!("@ NS ns\nns A 127.53.1.1\n{top}"));
    let toml = format!("port = 53\nzone = [\n{},\n]\nserver = [\n{},\n]\n", zones.join(",\n"), servers.join(",\n"));
    std::fs::write(folder.join("lab.toml"), toml).unwrap();
}
