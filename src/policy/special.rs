//! Special-use names: answered here, never asked elsewhere (RFC 6761, RFC 6303 and their kin).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use super::LocalAnswer;
use crate::wire::{Ede, Name, Question, RecordType, ResponseCode, RrSet, ede};

/// RFC 6303 §3 gives the SOA and NS records of a locally served zone this TTL.
const TTL_SECS: u32 = 10_800;

/// How a zone is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Every name has the loopback addresses and nothing else.
    Localhost,
    /// No name exists.
    Nothing,
    /// Only the apex exists, and it has SOA and NS alone (RFC 6303 §3).
    Empty,
    /// As empty, but the reverse of the loopback address points to localhost.
    Loopback,
    /// Every name exists and has no records.
    Silent,
    /// The apex has the two addresses by which a network with a translator is known.
    Translator,
    /// The reverse of one of those.
    OfTranslator,
}

impl Kind {
    /// Whether the apex exists, and what is below that.
    fn exists(self) -> [bool; 2] {
        match self {
            Self::Localhost | Self::Silent => [true, true],
            Self::Nothing => [false, false],
            Self::Empty | Self::Loopback | Self::Translator | Self::OfTranslator => [true, false],
        }
    }
}

/// The addresses of ipv4only.arpa (RFC 7050 §2.2).
const TRANSLATOR: [[u8; 4]; 2] = [[192, 0, 0, 170], [192, 0, 0, 171]];

/// A zone that is served here, and the document that asks for it.
struct Local {
    kind: Kind,
    rule: &'static str,
}

/// Every zone that is not a row of numbers.
const ZONES: &[(&str, Kind, &str)] = &[
    ("localhost", Kind::Localhost, "RFC 6761 section 6.3"),
    ("test", Kind::Nothing, "RFC 6761 section 6.2"),
    ("invalid", Kind::Nothing, "RFC 6761 section 6.4"),
    ("onion", Kind::Nothing, "RFC 7686 section 2"),
    ("local", Kind::Nothing, "RFC 6762 section 22.1"),
    ("alt", Kind::Nothing, "RFC 9476 section 2"),
    ("home.arpa", Kind::Empty, "RFC 8375 section 4"),
    // Asked for by clients that look for an encrypted front door; where there is one, `designated` names it.
    ("resolver.arpa", Kind::Silent, "RFC 9462 section 6.4"),
    ("ipv4only.arpa", Kind::Translator, "RFC 8880 section 7"),
    ("170.0.0.192.in-addr.arpa", Kind::OfTranslator, "RFC 8880 section 7"),
    ("171.0.0.192.in-addr.arpa", Kind::OfTranslator, "RFC 8880 section 7"),
    ("0.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.2"),
    ("10.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.1"),
    ("127.in-addr.arpa", Kind::Loopback, "RFC 6303 section 4.2"),
    ("254.169.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.2"),
    ("168.192.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.1"),
    ("2.0.192.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.2"),
    ("100.51.198.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.2"),
    ("113.0.203.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.2"),
    ("255.255.255.255.in-addr.arpa", Kind::Empty, "RFC 6303 section 4.2"),
    ("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", Kind::Empty, "RFC 6303 section 4.3"),
    (
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
        Kind::Loopback,
        "RFC 6303 section 4.3",
    ),
    ("d.f.ip6.arpa", Kind::Empty, "RFC 6303 section 4.4"),
    ("8.e.f.ip6.arpa", Kind::Empty, "RFC 6303 section 4.5"),
    ("9.e.f.ip6.arpa", Kind::Empty, "RFC 6303 section 4.5"),
    ("a.e.f.ip6.arpa", Kind::Empty, "RFC 6303 section 4.5"),
    ("b.e.f.ip6.arpa", Kind::Empty, "RFC 6303 section 4.5"),
    ("8.b.d.0.1.0.0.2.ip6.arpa", Kind::Empty, "RFC 6303 section 4.6"),
];

/// The zones, and what tells quickly that a name is in none of them.
struct Locals {
    zones: BTreeMap<Name, Local>,
    /// How many labels their names have: only suffixes of those lengths are worth a look.
    lengths: BTreeSet<usize>,
    /// Their last labels: nearly every question ends with another one.
    tops: BTreeSet<Box<[u8]>>,
}

/// All of them, made ready.
static LOCALS: LazyLock<Locals> = LazyLock::new(|| {
    let private = (16..=31).map(|octet| (format!("{octet}.172.in-addr.arpa"), "RFC 6303 section 4.1"));
    let shared = (64..=127).map(|octet| (format!("{octet}.100.in-addr.arpa"), "RFC 7793 section 1"));
    let rows = private.chain(shared).map(|(zone, rule)| (zone, Kind::Empty, rule));
    let named = ZONES.iter().map(|&(zone, kind, rule)| (zone.to_owned(), kind, rule));
    let local = |(zone, kind, rule): (String, Kind, _)| Some((zone.parse().ok()?, Local { kind, rule }));
    let zones: BTreeMap<Name, Local> = named.chain(rows).filter_map(local).collect();
    let lengths = zones.keys().map(Name::label_count).collect();
    let tops = zones.keys().filter_map(|zone| zone.labels().last()).map(Into::into).collect();
    Locals { zones, lengths, tops }
});

/// The local answer to a question of class IN; `None` when the name is not special.
pub(super) fn answer(question: &Question) -> Option<LocalAnswer> {
    let (zone, local) = find(&question.name)?;
    let at_apex = question.name == *zone;
    // DS belongs to the parent (RFC 4035 §3.1.4.1): a client that validates finds there that the zone is unsigned
    // (RFC 6303 §6, RFC 8375 §4), which no local answer could prove.
    if at_apex && question.qtype == RecordType::DS && zone.label_count() > 1 {
        return None;
    }
    let answer = records(question, zone, local.kind);
    // Names between the apex and the loopback address exist without records (RFC 8020 §2).
    let is_between = || local.kind == Kind::Loopback && loopback(zone).is_within(&question.name);
    let exists = local.kind.exists()[usize::from(!at_apex)] || is_between();
    let rcode = if exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
    let authority = if answer.is_empty() { vec![soa(zone)] } else { Vec::new() };
    let edes = vec![why(zone, local)];
    Some(LocalAnswer { rcode, answer, authority, edes, authoritative: true, ..LocalAnswer::default() })
}

/// All zones that are special, but for those that are the same for everybody: each with its SOA set, the rule by which
/// it is, and whether its apex exists, and what is below that.
pub fn special_zones() -> impl Iterator<Item = (RrSet, Ede, [bool; 2])> {
    let own = LOCALS.zones.iter().filter(|(_, local)| local.kind != Kind::Translator);
    own.map(|(zone, local)| (soa(zone), why(zone, local), local.kind.exists()))
}

fn why(zone: &Name, local: &Local) -> Ede {
    Ede::new(ede::SYNTHESIZED, format!("{zone} is answered here and asked nowhere else ({})", local.rule))
}

fn find(name: &Name) -> Option<(&'static Name, &'static Local)> {
    let Locals { zones, lengths, tops } = &*LOCALS;
    let top = name.labels().last()?;
    if !tops.iter().any(|known| known.eq_ignore_ascii_case(top)) {
        return None;
    }
    let own = name.label_count();
    lengths.iter().take_while(|&&length| length <= own).find_map(|&length| zones.get_key_value(&name.suffix(length)))
}

fn records(question: &Question, zone: &Name, kind: Kind) -> Vec<RrSet> {
    let (name, qtype) = (&question.name, question.qtype);
    let asked = |rtype| qtype == rtype || qtype == RecordType::ANY;
    let one = |rtype, rdata: &[u8]| vec![RrSet::new(name.clone(), rtype, TTL_SECS, [rdata])];
    match kind {
        Kind::Localhost if qtype == RecordType::AAAA => one(RecordType::AAAA, &Ipv6Addr::LOCALHOST.octets()),
        // RFC 8482 §4.1: one of the sets will do for ANY.
        Kind::Localhost if asked(RecordType::A) => one(RecordType::A, &Ipv4Addr::LOCALHOST.octets()),
        Kind::Localhost | Kind::Nothing => Vec::new(),
        Kind::Loopback if asked(RecordType::PTR) && *name == loopback(zone) => {
            one(RecordType::PTR, b"\x09localhost\x00")
        }
        _ if name != zone => Vec::new(),
        Kind::Translator if asked(RecordType::A) => {
            vec![RrSet::new(name.clone(), RecordType::A, TTL_SECS, TRANSLATOR.iter().map(|octets| &octets[..]))]
        }
        Kind::OfTranslator if asked(RecordType::PTR) => one(RecordType::PTR, b"\x08ipv4only\x04arpa\x00"),
        _ if qtype == RecordType::NS => one(RecordType::NS, zone.wire()),
        _ if asked(RecordType::SOA) => vec![RrSet { owner: name.clone(), ..soa(zone) }],
        _ => Vec::new(),
    }
}

/// The reverse name of the loopback address of a [`Kind::Loopback`] zone: that of ::1 is a zone of its own.
fn loopback(zone: &Name) -> Name {
    let host: &[&[u8]] = if zone.label_count() == 3 { &[b"1", b"0", b"0"] } else { &[] };
    Name::from_labels(host.iter().copied().chain(zone.labels())).unwrap_or_else(|_| zone.clone())
}

/// RFC 6303 §3: the SOA record that each locally served zone has, so that a "no" can be cached.
pub(super) fn soa(zone: &Name) -> RrSet {
    const TIMERS: [u32; 5] = [1, 3600, 1200, 604_800, TTL_SECS];
    let mut rdata = zone.wire().to_vec();
    rdata.extend_from_slice(b"\x06nobody\x07invalid\x00");
    rdata.extend(TIMERS.iter().flat_map(|timer| timer.to_be_bytes()));
    RrSet::new(zone.clone(), RecordType::SOA, TTL_SECS, [&rdata[..]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::set_lines;

    fn ask(name: &str, qtype: RecordType) -> Option<LocalAnswer> {
        answer(&Question::new(name.parse().unwrap(), qtype))
    }

    fn rcode(name: &str, qtype: RecordType) -> Option<ResponseCode> {
        ask(name, qtype).map(|answer| answer.rcode)
    }

    #[test]
    fn localhost_and_all_below_it_are_this_machine() {
        for name in ["localhost", "LocalHost", "a.b.localhost"] {
            let four: Vec<_> = ask(name, RecordType::A).unwrap().answer[0].addresses().collect();
            let six: Vec<_> = ask(name, RecordType::AAAA).unwrap().answer[0].addresses().collect();
            assert_eq!((four[0].to_string(), six[0].to_string()), ("127.0.0.1".into(), "::1".into()));
            let none = ask(name, RecordType::MX).unwrap();
            assert_eq!((none.rcode, none.answer.len(), none.authority.len()), (ResponseCode::NoError, 0, 1));
        }
        assert!(ask("localhost.example", RecordType::A).is_none());
    }

    #[test]
    fn names_that_do_not_exist_say_so_with_a_soa() {
        for name in ["test", "a.test", "x.invalid", "a.onion", "printer.local", "a.b.alt", "nas.home.arpa"] {
            let denied = ask(name, RecordType::A).unwrap();
            assert_eq!(denied.rcode, ResponseCode::NXDomain, "{name}");
            assert_eq!(denied.authority[0].rtype, RecordType::SOA);
            assert!(denied.edes[0].text.is_ascii() && denied.edes[0].text.contains("RFC "), "{:?}", denied.edes);
            assert!(name.ends_with(denied.authority[0].owner.to_string().trim_end_matches('.')), "{name}");
        }
        for name in ["example", "tests", "xinvalid", "arpa", "in-addr.arpa", "xipv4only.arpa", "."] {
            assert!(ask(name, RecordType::A).is_none(), "{name}");
        }
    }

    #[test]
    fn loopback_has_a_name() {
        let six = format!("1.{}ip6.arpa", "0.".repeat(31));
        for name in ["1.0.0.127.in-addr.arpa", six.as_str()] {
            let answer = ask(name, RecordType::PTR).unwrap();
            assert_eq!(answer.answer[0].targets().next().unwrap().to_string(), "localhost.", "{name}");
        }
        // 127.0.0.1 is a name without other records, the names above it exist because of it, 127.0.0.2 does not.
        assert_eq!(rcode("0.127.in-addr.arpa", RecordType::PTR), Some(ResponseCode::NoError));
        assert!(ask("0.127.in-addr.arpa", RecordType::PTR).unwrap().answer.is_empty());
        assert_eq!(rcode("1.0.0.127.in-addr.arpa", RecordType::A), Some(ResponseCode::NoError));
        assert_eq!(rcode("2.0.0.127.in-addr.arpa", RecordType::PTR), Some(ResponseCode::NXDomain));
    }

    #[test]
    fn the_name_that_shows_a_translator_needs_nobody() {
        let answer = ask("ipv4only.arpa", RecordType::A).unwrap();
        let addresses: Vec<String> = answer.answer[0].addresses().map(|address| address.to_string()).collect();
        assert_eq!(addresses, ["192.0.0.170", "192.0.0.171"]);
        // RFC 7050 §3: who gets an AAAA record learns the prefix of a translator, and here there is none.
        let none = ask("ipv4only.arpa", RecordType::AAAA).unwrap();
        assert_eq!((none.rcode, none.answer.len(), none.authority.len()), (ResponseCode::NoError, 0, 1));
        assert_eq!(rcode("a.ipv4only.arpa", RecordType::A), Some(ResponseCode::NXDomain));
        for host in ["170", "171"] {
            let answer = ask(&format!("{host}.0.0.192.in-addr.arpa"), RecordType::PTR).unwrap();
            assert_eq!(answer.answer[0].targets().next().unwrap().to_string(), "ipv4only.arpa.");
        }
    }

    /// RFC 6303 §3, RFC 2308 §2: records of the type that was asked for, or the SOA that lets a denial be kept.
    #[test]
    fn what_is_answered_fits_the_question() {
        let types = [1_u16, 2, 6, 12, 15, 28, 43, 65, 255].map(RecordType::from);
        for zone in LOCALS.zones.keys() {
            for (name, qtype) in ["", "x.", "1.", "1.0.0."].iter().flat_map(|label| types.map(|qtype| (label, qtype))) {
                let name = format!("{name}{zone}");
                let Some(told) = ask(&name, qtype) else { continue };
                for set in &told.answer {
                    assert_eq!((set.owner.to_string(), told.rcode), (name.clone(), ResponseCode::NoError));
                    assert!(set.rtype == qtype || qtype == RecordType::ANY, "{name} {qtype:?}: {set:?}");
                }
                let soa = format!("{zone} 10800 IN SOA {zone} nobody.invalid. 1 3600 1200 604800 10800");
                let expected = told.answer.is_empty().then_some(soa);
                let authority = told.authority.iter().flat_map(set_lines);
                assert_eq!(authority.collect::<Vec<_>>(), expected.as_slice(), "{name} {qtype:?}");
            }
        }
    }

    #[test]
    fn an_empty_zone_has_an_apex() {
        assert_eq!(ask("10.in-addr.arpa", RecordType::SOA).unwrap().answer[0].rtype, RecordType::SOA);
        assert_eq!(ask("10.in-addr.arpa", RecordType::NS).unwrap().answer[0].rtype, RecordType::NS);
        let nodata = ask("10.in-addr.arpa", RecordType::PTR).unwrap();
        assert_eq!((nodata.rcode, nodata.authority.len()), (ResponseCode::NoError, 1));
        assert_eq!(rcode("1.10.in-addr.arpa", RecordType::SOA), Some(ResponseCode::NXDomain));
        assert_eq!(rcode("_dns.resolver.arpa", RecordType::SVCB), Some(ResponseCode::NoError));
        assert!(ask("1.10.in-addr.arpa", RecordType::DS).is_some());
        // What the parent says about the zone is asked from the parent, but for the root: it hears of no such name.
        for zone in LOCALS.zones.keys() {
            assert_eq!(ask(&zone.to_string(), RecordType::DS).is_some(), zone.label_count() == 1, "{zone}");
        }
    }

    /// The reverse name of an address is local exactly when the address is in one of the blocks of the registries.
    #[test]
    fn the_borders_of_the_blocks_are_where_the_registries_draw_them() {
        let inside = "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.9.9.9 169.254.0.0 \
            172.16.0.0 172.31.255.255 192.0.2.0 192.168.0.0 198.51.100.255 203.0.113.1 255.255.255.255";
        let outside = "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.0.0.1 128.0.0.1 169.253.0.0 \
            169.255.0.0 172.15.0.0 172.32.0.0 192.0.1.0 192.0.3.0 192.167.0.0 192.169.0.0 198.51.101.0 203.0.112.0 \
            255.255.255.254 8.8.8.8";
        let local = |address: &str| {
            let octets = address.parse::<Ipv4Addr>().unwrap().octets();
            let [a, b, c, d] = octets;
            ask(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"), RecordType::PTR).is_some()
        };
        assert_eq!(inside.split_whitespace().filter(|address| !local(address)).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(outside.split_whitespace().filter(|address| local(address)).collect::<Vec<_>>(), [""; 0]);
        let six = |address: &str| {
            let nibbles = u128::from(address.parse::<Ipv6Addr>().unwrap());
            let labels = (0..32).map(|nth| format!("{:x}.", nibbles >> (4 * nth) & 15)).collect::<String>();
            ask(&format!("{labels}ip6.arpa"), RecordType::PTR).is_some()
        };
        for (address, local) in [
            ("::", true),
            ("::1", true),
            ("::2", false),
            ("fc00::1", false),
            ("fd00::1", true),
            ("fe80::1", true),
            ("febf:ffff::", true),
            ("fec0::", false),
            ("fe7f::", false),
            ("2001:db8::53", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(six(address), local, "{address}");
        }
    }
}
