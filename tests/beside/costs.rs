//! What is paid for trouble, held against the limits. `BESIDE_UNBOUND=1 cargo test --release --test beside costs --
//! --nocapture` prints what Unbound pays for the same beside it, which takes minutes, as Unbound is more patient.

use std::time::{Duration, Instant};

use rootwalk::lab::ZooEntry;
use rootwalk::walk::limits::Limits;
use rootwalk::wire::text::rcode_name;
use rootwalk::wire::{Name, Question, RecordType};

use super::lab::{LAB, Servers};
use super::namespace;
use super::peers::{Resolver, ask};

/// What was seen on the wire between a resolver and all servers, and what it took.
struct Cost {
    packets: u64,
    bytes: u64,
    cpu: Duration,
    time: Duration,
    said: String,
}

/// Datagrams and segments that came in on the one interface, which is all that were sent, and their octets.
fn seen() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap();
    let lo = text.lines().find_map(|line| line.trim().strip_prefix("lo:")).unwrap();
    let fields: Vec<u64> = lo.split_whitespace().map(|field| field.parse().unwrap()).collect();
    (fields[1], fields[0])
}

#[expect(clippy::disallowed_methods, reason = "a test has the real clock")]
fn cost(resolver: &Resolver, question: &Question) -> Cost {
    // What is the same for every question stays out: the root, its keys, and what is above the rows.
    for rtype in [RecordType::NS, RecordType::SOA] {
        ask(resolver.addr, &Question::new("wildcard.lab.".parse::<Name>().unwrap(), rtype));
    }
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

/// The rows of which somebody could make an attack.
fn rows() -> impl Iterator<Item = &'static ZooEntry> {
    const ATTACKS: &[&str] = &[
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
        "iterations",
        "bogus",
        "truncated",
        "notcp",
        "poison",
    ];
    LAB.zoo().iter().filter(|row| ATTACKS.contains(&row.name.as_str()))
}

#[test]
fn trouble_costs_no_more_than_the_limits() {
    namespace::within("costs::trouble_costs_no_more_than_the_limits", || {
        let servers = Servers::start();
        let limits = Limits::default();
        let beside = std::env::var_os("BESIDE_UNBOUND").is_some();
        for row in rows() {
            println!("{}: {}", row.name, row.what);
            let here = cost(&servers.ours(), &row.ask);
            println!("{}", line("rootwalk", &here));
            if beside {
                println!("{}", line("unbound", &cost(&servers.unbound(), &row.ask)));
            }
            // Each query is a packet and so is each reply; a query over TCP takes about ten with those of the connection.
            assert!(here.packets <= u64::from(limits.queries) * 10, "{}: {} packets", row.name, here.packets);
            // Replies have a limit of their own; queries are small, and so are the heads of packets.
            let most = u64::try_from(limits.bytes).unwrap() + 200 * here.packets;
            assert!(here.bytes <= most, "{}: {} octets", row.name, here.bytes);
        }
    });
}
