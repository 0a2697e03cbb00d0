//! What is paid for trouble, held against the limits. `BESIDE_UNBOUND=1 cargo test --release --test beside costs --
//! --nocapture` prints what Unbound pays for the same beside it, which takes minutes, as Unbound is more patient.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rootwalk::walk::limits::Limits;
use rootwalk::wire::text::rcode_name;
use rootwalk::wire::{Flags, Name, Question, RecordType, write_query};

use super::lab::{LAB, Servers};
use super::peers::{FIGURES, Resolver, ask};
use super::{attacks, namespace};

/// What was seen on the wire between a resolver and all servers, and what it took.
struct Cost {
    packets: u64,
    bytes: u64,
    cpu: Duration,
    time: Duration,
    said: String,
}

/// What this program says of itself.
struct Told {
    /// Questions sent to servers.
    asked: u64,
    /// Octets of messages from servers.
    received: u64,
    /// Octets in the cache.
    cached: u64,
}

/// The most that one question may take of the processor; more when the program is not optimised.
const MOST_CPU: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 50 });

/// Datagrams and segments that came in on the one interface, which is all that were sent, and their octets.
fn seen() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap();
    let lo = text.lines().find_map(|line| line.trim().strip_prefix("lo:")).unwrap();
    let fields: Vec<u64> = lo.split_whitespace().map(|field| field.parse().unwrap()).collect();
    (fields[1], fields[0])
}

fn told() -> Told {
    let mut stream = TcpStream::connect(FIGURES).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
    };
    Told {
        asked: figure("rootwalk_asked_total"),
        received: figure("rootwalk_received_bytes_total"),
        cached: figure("rootwalk_cache_bytes"),
    }
}

/// What is the same for every question stays out: the root, its keys, and what is above the rows.
fn warm(resolver: &Resolver, top: &str) {
    for rtype in [RecordType::NS, RecordType::SOA] {
        ask(resolver.addr, &Question::new(top.parse::<Name>().unwrap(), rtype));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has the real clock")]
fn cost(resolver: &Resolver, question: &Question) -> Cost {
    let (before, cpu, begun) = (seen(), resolver.program.cpu(), Instant::now());
    let reply = ask(resolver.addr, question);
    let (time, after) = (begun.elapsed(), seen());
    // A scheduler's account of a thread that sleeps is complete.
    std::thread::sleep(Duration::from_millis(20));
    let said = reply.map_or("nothing".into(), |reply| rcode_name(reply.rcode).into_owned());
    // The query and the answer of the one who asks are not counted.
    Cost {
        packets: (after.0 - before.0).saturating_sub(2),
        bytes: after.1 - before.1,
        cpu: resolver.program.cpu() - cpu,
        time,
        said,
    }
}

fn line(who: &str, cost: &Cost) -> String {
    let Cost { packets, bytes, cpu, time, said } = cost;
    format!("  {who:8} {packets:5} packets {bytes:7} octets {cpu:9.1?} CPU {time:9.1?}  {said}")
}

/// Asks both, and holds what this program pays against its limits. `packets_each` is how many packets servers send in
/// the place of one.
fn pay(servers: &Servers, top: &str, name: &str, what: &str, question: &Question, packets_each: u64) {
    println!("{name}: {what}");
    let (limits, resolver) = (Limits::default(), servers.ours());
    warm(&resolver, top);
    let before = told();
    let here = cost(&resolver, question);
    let after = told();
    let (asked, received) = (after.asked - before.asked, after.received - before.received);
    let cached = after.cached.saturating_sub(before.cached);
    println!("{}, {asked} questions, {received} octets of replies, {cached} octets cached", line("rootwalk", &here));
    drop(resolver);
    if std::env::var_os("BESIDE_UNBOUND").is_some() {
        let resolver = servers.unbound();
        warm(&resolver, top);
        println!("{}", line("unbound", &cost(&resolver, question)));
    }
    assert!(asked <= limits.queries.into(), "{name}: {asked} questions");
    // The last message may be the largest there is; then nobody is asked any more.
    let most_received = u64::try_from(limits.bytes).unwrap() + 65_535;
    assert!(received <= most_received, "{name}: {received} octets of replies");
    // Each question is a packet and so is its reply; one over TCP takes about ten with those of the connection, and
    // more when the reply is long.
    let most_packets = asked * (10 + packets_each) + received / 500;
    assert!(here.packets <= most_packets, "{name}: {} packets", here.packets);
    // Questions are small, and so are the heads of packets, and what the one who asks gets.
    let most_bytes = received + 200 * here.packets + 3_000;
    assert!(here.bytes <= most_bytes, "{name}: {} octets", here.bytes);
    assert!(cached <= most_received, "{name}: {cached} octets cached");
    assert!(here.cpu <= MOST_CPU, "{name}: {:?}", here.cpu);
}

/// The rows of the zoo of which somebody could make an attack.
const ZOO: &[&str] = &[
    "nxns",
    "chain",
    "loop",
    "cyclea",
    "cycleb",
    "selfglue",
    "upward",
    "wrongid",
    "wrongquestion",
    "dead",
    "refused",
    "lame",
    "keytrap",
    "hashes",
    "signatures",
    "keys",
    "ds",
    "validations",
    "iterations",
    "bogus",
    "truncated",
    "notcp",
    "poison",
];

#[test]
fn trouble_costs_no_more_than_the_limits() {
    namespace::within("costs::trouble_costs_no_more_than_the_limits", || {
        let servers = Servers::start();
        for row in LAB.zoo().iter().filter(|row| ZOO.contains(&row.name.as_str())) {
            pay(&servers, "wildcard.lab.", &row.name, &row.what, &row.ask, 1);
        }
    });
}

#[test]
fn attacks_cost_no_more_than_the_limits() {
    namespace::within("costs::attacks_cost_no_more_than_the_limits", || {
        let servers = Servers::of_attacks();
        for attack in attacks::all() {
            pay(&servers, "attack.", attack.name, attack.what, &attack.ask, attack.packets_each);
        }
    });
}

/// DNSBomb: questions in somebody else's name to a server that answers late, so that all answers come at once.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test has the real clock")]
fn answers_that_were_saved_up_are_not_sent_at_once() {
    const QUESTIONS: u16 = 800;
    namespace::within("costs::answers_that_were_saved_up_are_not_sent_at_once", || {
        let servers = Servers::of_attacks();
        println!("pulse: {QUESTIONS} questions of one client to a server that answers after 2.5 s (DNSBomb)");
        let pulse = |who: &str, resolver: &Resolver| {
            warm(resolver, "attack.");
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(6))).unwrap();
            let cpu = resolver.program.cpu();
            for nth in 0..QUESTIONS {
                let mut query = Vec::new();
                let name = format!("n{nth}.pulse.attack.").parse().unwrap();
                write_query(nth, &Question::new(name, RecordType::A), Flags::default().with_rd(true), None, &mut query);
                socket.send_to(&query, resolver.addr).unwrap();
            }
            let (sent, mut reply) = (Instant::now(), [0; 65_535]);
            let mut tenths = [0; 100];
            while let Ok(len) = socket.recv(&mut reply) {
                tenths[usize::try_from(sent.elapsed().as_millis() / 100).unwrap().min(99)] += len;
            }
            let (all, most) = (tenths.iter().sum::<usize>(), tenths[1..].iter().max().unwrap());
            let cpu = resolver.program.cpu() - cpu;
            println!("  {who:8} {all:6} octets to the client, at most {most} in one tenth of a second, {cpu:.1?} CPU");
            *most
        };
        let most = pulse("rootwalk", &servers.ours());
        if std::env::var_os("BESIDE_UNBOUND").is_some() {
            pulse("unbound", &servers.unbound());
        }
        assert!(most < 5_000, "a pulse of {most} octets");
    });
}
