//! An attacker who holds a zone and all addresses but those of two honest servers, and says what the bytes say.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use rootwalk::lab::{Lab, Packet, Reaction};
use rootwalk::walk::ask::{Ask, Heard};
use rootwalk::wire::{Edns, Flags, Name, Question, RecordType, ResponseCode, RrSet, Section, Writer, rcode};

use super::resolver::{Ended, Resolver, listen, query_bytes, refused, settings};
use super::words::Words;

/// The id of every query.
const ID: u16 = 4711;
/// More than this a walk has no business to write down.
const MOST_EVENTS: usize = 20_000;

const ROOT: &str = "$TTL 3600
@ SOA a.root. admin. 1 7200 900 1209600 300
@ NS a.root.
a.root. A 192.0.2.1
evil.test. NS ns.evil.test.
ns.evil.test. A 192.0.2.66
victim.test. NS ns.victim.test.
ns.victim.test. A 192.0.2.3
";
const VICTIM: &str = "$TTL 3600
@ SOA ns.victim.test. admin.victim.test. 1 7200 900 1209600 300
@ NS ns.victim.test.
ns A 192.0.2.3
www A 192.0.2.80
";
const SETTINGS: &str = r#"
port = 53
zone = [{ name = ".", file = "root" }, { name = "victim.test.", file = "victim" }]
server = [
  { name = "a.root.", address = "192.0.2.1", zones = ["."] },
  { name = "ns.victim.test.", address = "192.0.2.3", zones = ["victim.test."] },
]
"#;

static HONEST: LazyLock<Lab> = LazyLock::new(|| {
    let files = [("lab.toml", SETTINGS), ("root", ROOT), ("victim", VICTIM)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Lab::of_texts(files.into(), 0).unwrap_or_else(|error| panic!("{error}"))
});

/// Walks through the attacker's zone: each ends within its limits, and whatever he said, nothing is known of others
/// but the truth.
pub fn walk(bytes: &[u8]) {
    let mut words = Words::new(bytes);
    let mut settings = settings(HONEST.root_hints(), 53);
    settings.ipv6 = words.octet() % 4 == 1;
    let seed = u64::from(words.octet());
    let mut resolver = Resolver::new(settings, seed);
    for _ in 0..4 {
        let question = words.question();
        let ended = resolver.resolve(&question, |ask, _| exchange(ask, &mut words));
        check(&resolver, &ended);
        resolver.now = resolver.now.plus_secs(words.one(&[0, 1, 61, 3601]));
        if words.is_empty() {
            break;
        }
    }
    let victim = Question::new(name("www.victim.test."), RecordType::A);
    let ended = resolver.resolve(&victim, |ask, _| exchange(ask, &mut Words::new(&[])));
    check(&resolver, &ended);
    assert!(ended.outcome.rcode == ResponseCode::NoError && is_truth(&ended.outcome.answer), "{:?}", ended.log);
}

fn name(text: &str) -> Name {
    text.parse().unwrap_or_else(|_| panic!("{text} is a name"))
}

fn is_truth(answer: &[RrSet]) -> bool {
    matches!(answer, [set] if set.rdatas.iter().eq([[192, 0, 2, 80]]))
}

fn check(resolver: &Resolver, ended: &Ended) {
    let limits = &resolver.settings.limits;
    assert!(ended.budget.queries() <= limits.queries, "{} queries", ended.budget.queries());
    assert!(ended.took <= limits.time, "{:?}", ended.took);
    assert!(ended.log.len() <= MOST_EVENTS, "{} events", ended.log.len());
    let (cache, now) = (&resolver.cache, resolver.now);
    let www = name("www.victim.test.");
    let known = cache.set(&www, RecordType::A, now);
    assert!(known.is_none_or(|known| is_truth(std::slice::from_ref(&known.set))), "the victim has a false address");
    for other in [RecordType::CNAME, RecordType::AAAA, RecordType::NS] {
        assert!(cache.set(&www, other, now).is_none(), "the victim has a false {other}");
    }
    for (zone, server) in [(".", [192, 0, 2, 1]), ("victim.test.", [192, 0, 2, 3])] {
        let Some(cut) = cache.delegation(&name(zone), now) else { continue };
        let addrs: Vec<IpAddr> = cut.servers.iter().flat_map(|server| server.addrs.iter().copied()).collect();
        assert!(cut.zone != name(zone) || addrs == [IpAddr::from(server)], "{zone} is served by {addrs:?}");
    }
    assert!(cache.delegation(&name("test."), now).is_none(), "a delegation that nobody gave");
}

/// The honest answer themselves; everybody else is the attacker.
fn exchange(ask: &Ask, words: &mut Words<'_>) -> (Duration, Heard) {
    let path = Duration::from_millis(20);
    match HONEST.authority().react(ask.server.ip(), ask.transport, &query_bytes(ask, ID), 0) {
        Some(Reaction::Packets(packets)) => listen(ask, ID, packets, path),
        Some(Reaction::Refused) => refused(ask, path),
        None => match words.octet() % 16 {
            0 => listen(ask, ID, Vec::new(), path),
            1 => refused(ask, path),
            2 => listen(ask, ID, vec![raw(ask, words)], path),
            3 => {
                let guess = packet(ask, ID + 1, words);
                let reply = packet(ask, ID, words);
                listen(ask, ID, vec![guess, reply], path)
            }
            _ => listen(ask, ID, vec![packet(ask, ID, words)], path),
        },
    }
}

/// Header and question are right, what follows are bytes.
fn raw(ask: &Ask, words: &mut Words<'_>) -> Packet {
    let mut bytes = query_bytes(ask, ID);
    bytes.truncate(12 + ask.question.name.wire().len() + 4);
    bytes[2] = 0x84;
    bytes[6..12].copy_from_slice(&[0, words.octet(), 0, words.octet(), 0, words.octet()]);
    let count = usize::from(words.octet());
    bytes.extend_from_slice(words.take(count));
    Packet { delay: Duration::ZERO, bytes }
}

/// A message in which only the content is odd.
fn packet(ask: &Ask, id: u16, words: &mut Words<'_>) -> Packet {
    let mut bytes = Vec::new();
    let bits = words.octet();
    let flags = Flags::default().with_qr(true).with_aa(bits & 1 == 0).with_tc(bits & 6 == 6).with_ra(bits & 24 == 24);
    let mut writer = Writer::new(id, flags, &mut bytes);
    writer.set_rcode(rcode(words.one(&[0, 0, 0, 3, 3, 0, 1, 2, 5, 6])));
    writer.question(&ask.question);
    for section in Section::ALL {
        for _ in 0..words.octet() % 6 {
            let _ = writer.record(section, &words.record(&ask.question.name));
        }
    }
    if bits & 32 == 0 {
        writer.opt(&Edns::new(1232, true));
    }
    writer.finish();
    let delay = Duration::from_millis(words.one(&[0, 0, 0, 600]));
    Packet { delay, bytes }
}
