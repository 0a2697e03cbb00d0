//! Settings that are lists of tables: one `[[forward]]` or `[[stub]]` for each zone, say.

use std::net::{IpAddr, Ipv6Addr};

use toml::de::DeValue;

use super::Problem;
use super::choices::Balance;
use super::complaint::{Found, nearest, not_a_section, unfit};
use super::settings::Settings;
use super::tables::{BalancedHost, ForwardZone, RootHint, StubZone};
use super::value::{Culprit, ServerAddress, Setting};
use crate::wire::Name;

/// The array of tables that replaces the compiled-in hints.
pub(super) const ROOT_HINT: &str = "root_hint";

/// One key of a table, as the documentation sees it.
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// What it means.
    pub(super) doc: &'static str,
    /// What may stand there, in words.
    pub(super) expected: fn() -> String,
    /// In a list that cannot be taken, the first entry that is at fault.
    culprit: fn(&DeValue<'_>) -> Option<Culprit>,
    /// The default as TOML; `None` when the key must be there.
    pub(super) default: Option<&'static str>,
}

/// A list of tables.
pub(super) struct List {
    /// The name between the brackets.
    pub(super) name: &'static str,
    /// The lines of documentation.
    pub(super) doc: &'static [&'static str],
    /// The keys of each table.
    pub(super) fields: &'static [Field],
    /// An example.
    pub(super) example: &'static str,
    /// How it is written as a variable, where it can be.
    pub(super) variable: Option<&'static str>,
    /// Takes the whole list over.
    pub(super) read: fn(&'static Self, &Written<'_>, &mut Settings) -> Found,
}

/// A list as it stands in the file.
pub(super) struct Written<'a> {
    /// What stands behind its name.
    pub(super) value: &'a DeValue<'a>,
    /// The byte at which its name stands.
    pub(super) at: usize,
    /// The whole file.
    pub(super) text: &'a str,
}

const ZONE: Field = Field {
    name: "zone",
    doc: "The zone; `\".\"` is everything. The deepest zone above a name decides.",
    expected: Name::expected,
    culprit: Name::culprit,
    default: None,
};
const FALLBACK: Field = Field {
    name: "fallback",
    doc: "When none of the servers gives an answer, look the name up from the root. Names of a private zone leak then.",
    expected: bool::expected,
    culprit: bool::culprit,
    default: Some("false"),
};

/// All lists, in the order in which they are documented.
pub(super) const LISTS: &[List] = &[
    List {
        name: ROOT_HINT,
        doc: &[
            "The servers of the root zone from which a walk starts, one table for each address. The thirteen servers of the",
            "Internet are compiled in; one `[[root_hint]]` in the file replaces them all.",
        ],
        fields: &[
            Field {
                name: "name",
                doc: "The name of the server.",
                expected: Name::expected,
                culprit: Name::culprit,
                default: None,
            },
            Field {
                name: "address",
                doc: "One of its addresses.",
                expected: IpAddr::expected,
                culprit: IpAddr::culprit,
                default: None,
            },
        ],
        example: "[[root_hint]]\nname = \"a.root-servers.net.\"\naddress = \"198.41.0.4\"\n",
        variable: Some("ROOTWALK_ROOT_HINT=a.root.=192.0.2.1,b.root.=2001:db8::1"),
        read: |list, written, settings| {
            let blank = RootHint { name: Name::root(), address: Ipv6Addr::UNSPECIFIED.into() };
            tables(list, written, &mut settings.root_hints, &blank, |hint, key, value| match key {
                "name" => read(value, &mut hint.name),
                _ => read(value, &mut hint.address),
            })
        },
    },
    List {
        name: "forward",
        doc: &[
            "Zones about which other resolvers are asked, with recursion desired: everything at and below the zone goes",
            "to them, unless a deeper `[[forward]]` or `[[stub]]` is nearer. Several servers are chosen between by their",
            "round-trip times, as everywhere. What they say is checked as what any server says: they are believed about",
            "the name that was asked and nothing else. Addresses of private networks in their answers are withheld unless",
            "the zone is among `resolver.private_domains`. A forward zone is asked although its name is special",
            "(`server.locally_served_zones`). Answers are validated as all are, so the forwarders have to pass signatures",
            "on; a zone that the rest of the world does not know is not, unless it has a trust anchor of its own",
            "(`dnssec.trust_anchors`). Where the root cannot be asked, name the zone in `dnssec.negative_trust_anchors`.",
        ],
        fields: &[
            ZONE,
            Field {
                name: "servers",
                doc: "The resolvers; more than `limits.servers_per_zone` are not used.",
                expected: Vec::<ServerAddress>::expected,
                culprit: Vec::<ServerAddress>::culprit,
                default: None,
            },
            FALLBACK,
        ],
        example: "[[forward]]\nzone = \"corp.example.\"\nservers = [\"192.0.2.1\", \"192.0.2.2:5353\"]\n",
        variable: None,
        read: |list, written, settings| {
            let blank = ForwardZone::default();
            tables(list, written, &mut settings.forward, &blank, |zone, key, value| match key {
                "zone" => read(value, &mut zone.zone),
                "servers" => read(value, &mut zone.servers) && !zone.servers.is_empty(),
                _ => read(value, &mut zone.fallback),
            })
        },
    },
    List {
        name: "stub",
        doc: &[
            "Zones whose authoritative servers are given: they are asked in place of those that the parent zone delegates",
            "to. Zones that they delegate are followed as anywhere, also to addresses of private networks. A stub zone is",
            "asked although its name is special (`server.locally_served_zones`). Answers are validated as all are; a zone",
            "that the rest of the world does not know is not, unless it has a trust anchor of its own",
            "(`dnssec.trust_anchors`). Where the root cannot be asked, name the zone in `dnssec.negative_trust_anchors`.",
        ],
        fields: &[
            ZONE,
            Field {
                name: "servers",
                doc: "The authoritative servers; more than `limits.servers_per_zone` are not used.",
                expected: Vec::<ServerAddress>::expected,
                culprit: Vec::<ServerAddress>::culprit,
                default: None,
            },
            Field {
                name: "prime",
                doc: "Ask these servers for the zone's own list of servers first, and use that while it lasts.",
                expected: bool::expected,
                culprit: bool::culprit,
                default: Some("false"),
            },
            FALLBACK,
        ],
        example: "[[stub]]\nzone = \"lan.example.\"\nservers = [\"192.0.2.1\"]\n",
        variable: None,
        read: |list, written, settings| {
            let blank = StubZone::default();
            tables(list, written, &mut settings.stub, &blank, |zone, key, value| match key {
                "zone" => read(value, &mut zone.zone),
                "servers" => read(value, &mut zone.servers) && !zone.servers.is_empty(),
                "prime" => read(value, &mut zone.prime),
                _ => read(value, &mut zone.fallback),
            })
        },
    },
    List {
        name: "balance",
        doc: &["Hosts among whose addresses the proxy chooses otherwise than `proxy.balance` says."],
        fields: &[
            Field {
                name: "host",
                doc: "The host; names below it are meant as well. The deepest one counts.",
                expected: Name::expected,
                culprit: Name::culprit,
                default: None,
            },
            Field {
                name: "policy",
                doc: "How one of its addresses is chosen; `proxy.balance` explains the words.",
                expected: Balance::expected,
                culprit: Balance::culprit,
                default: None,
            },
        ],
        example: "[[balance]]\nhost = \"shop.example.\"\npolicy = \"least_time\"\n",
        variable: None,
        read: |list, written, settings| {
            let blank = BalancedHost { host: Name::root(), policy: Balance::TwoChoices };
            tables(list, written, &mut settings.balance, &blank, |host, key, value| match key {
                "host" => read(value, &mut host.host),
                _ => read(value, &mut host.policy),
            })
        },
    },
];

fn read<T: Setting>(value: &DeValue<'_>, into: &mut T) -> bool {
    T::from_toml(value).map(|value| *into = value).is_some()
}

/// Reads all tables of a list into `into`, or none of them when there is a mistake. Each begins as `blank`; `set` is
/// given known keys only and says whether the value fits.
fn tables<T: Clone>(
    list: &'static List,
    written: &Written<'_>,
    into: &mut Vec<T>,
    blank: &T,
    set: impl Fn(&mut T, &str, &DeValue<'_>) -> bool,
) -> Found {
    const FORM: &str = "a list of tables, each under a heading in two pairs of brackets";
    let Written { value, at, text } = *written;
    let Some(entries) = value.as_array() else { return vec![(at, not_a_section(list.name, FORM))] };
    let (mut read, mut found) = (Vec::new(), Found::new());
    for entry in entries {
        let Some(table) = entry.get_ref().as_table() else {
            found.push((entry.span().start, not_a_section(list.name, FORM)));
            continue;
        };
        let (mut item, before) = (blank.clone(), found.len());
        for (name, value) in table {
            let given = name.get_ref().as_ref();
            let Some(field) = list.fields.iter().find(|field| field.name == given) else {
                let nearest = nearest(given, list.fields.iter().map(|field| field.name)).map(str::to_owned);
                let problem = Problem::UnknownKey { section: list.name.into(), key: given.to_owned(), nearest };
                found.push((name.span().start, problem));
                continue;
            };
            if !set(&mut item, given, value.get_ref()) {
                let culprit = (field.culprit)(value.get_ref());
                found.push(unfit(format!("{}.{given}", list.name), (value.span(), text), culprit, field.expected));
            }
        }
        // A key that is misspelt is not missing as well.
        if found.len() == before {
            let needed = list.fields.iter().filter(|field| field.default.is_none());
            let absent = needed.filter(|field| !table.contains_key(field.name));
            found.extend(absent.map(|field| (entry.span().start, Problem::Lacks(list.name, field.name))));
        }
        read.push(item);
    }
    if found.is_empty() {
        *into = read;
    }
    found
}
