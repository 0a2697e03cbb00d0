//! Every row of the lab by real `dig`, over UDP and TCP, and what its trace must name.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]

mod chain;
mod delv;
mod dig;
mod messages;
#[path = "../common/running.rs"]
mod running;
mod shared;
#[path = "../common/surety.rs"]
mod surety;

use std::sync::{LazyLock, Mutex};

use rootwalk::lab::{Lab, Sample, ZooEntry};
use rootwalk::run;
use rootwalk::trace::Trace;
use rootwalk::wire::text::{rcode_name, set_lines, type_name};
use rootwalk::wire::{Question, RecordType, ResponseCode};

use dig::{Dug, record};
use running::Running;

static LAB: LazyLock<Lab> = LazyLock::new(|| Lab::embedded(run::unix_secs()).unwrap());

/// What the trace of a row must name, event by event: for each pattern there is an event whose words contain the parts
/// between the asterisks, in order.
const NAMED: &[(&str, &[&str])] = &[
    ("rebind", &["withheld from www.rebind.lab. A: 127.0.0.1*192.168.1.1"]),
    ("slow", &["ask ns1.slow.lab. (127.53.3.1)", "ns1.slow.lab. (127.53.3.1) after 4* ms*the answer"]),
    ("lossy", &["ns1.lossy.lab. (127.53.3.2) is silent for", "ns1.lossy.lab. (127.53.3.2) after*the answer"]),
    ("halfdead", &["ns2.halfdead.lab. (127.53.3.4) after*the answer"]),
    (
        "dead",
        &[
            "ns1.dead.lab. (127.53.3.5) is silent for",
            "ns2.dead.lab. (127.53.3.6) is silent for",
            "ask ns1.dead.lab. (127.53.3.5)*over TCP",
            "ask ns2.dead.lab. (127.53.3.6)*over TCP",
        ],
    ),
    ("refused", &["ns1.refused.lab. (127.53.3.7)*answered REFUSED", "ns2.refused.lab. (127.53.3.8)*answered REFUSED"]),
    (
        "servfail",
        &["ns1.servfail.lab. (127.53.3.9)*answered SERVFAIL", "ns2.servfail.lab. (127.53.3.10)*answered SERVFAIL"],
    ),
    (
        "lame",
        &["ns1.lame.lab. (127.53.3.11)*is lame: it refers to .", "ns2.lame.lab. (127.53.3.12)*is lame: it refers to ."],
    ),
    ("truncated", &["(127.53.3.13)*: truncated", "over TCP*as the answer over UDP was truncated"]),
    ("notcp", &["(127.53.3.14)*: truncated", "(127.53.3.14) failed over TCP: nothing listens there"]),
    ("noedns", &["(127.53.3.15)*does not understand EDNS", "ask ns1.noedns.lab.*again without EDNS"]),
    (
        "cookies",
        &[
            "(127.53.3.60)*with our cookie*wants another cookie",
            "ask ns1.cookies.lab.*cookie*",
            "with our cookie*the answer",
        ],
    ),
    ("ignoresedns", &["(127.53.3.16) after*the answer, 1 record"]),
    ("case", &["(127.53.3.17): a reply that does not keep the case", "ask ns1.case.lab.*over TCP"]),
    ("wrongid", &["ignored from ns1.wrongid.lab. (127.53.3.18): a reply with id*was sent"]),
    ("wrongquestion", &["ignored from ns1.wrongquestion.lab. (127.53.3.19): a reply to*not asked"]),
    (
        "poison",
        &["dropped www.example.com. A: outside the zone", "dropped example.com. NS: outside the zone", "the answer"],
    ),
    ("loop", &["aliases lead back to www.loop.lab."]),
    ("chain", &["limit reached: 11 links in a chain of aliases (limits.cname_links)"]),
    (
        "chain8",
        &[
            "alias for two.chain8b.lab.",
            "alias for three.chain8c.lab.",
            "alias for four.chain8.lab.",
            "alias for five.chain8b.lab.",
            "alias for six.chain8c.lab.",
            "the answer",
        ],
    ),
    ("upward", &["(127.53.3.32)*is lame: it refers to lab."]),
    ("cyclea", &["ns.cyclea.lab., a server of cycleb.lab., depends on itself"]),
    ("cycleb", &["ns.cycleb.lab., a server of cyclea.lab., depends on itself"]),
    (
        "nxns",
        &[
            "limit reached: 13 servers of one zone (limits.servers_per_zone)",
            "limit reached: 5 failed look-ups*(limits.failed_server_lookups)",
        ],
    ),
    (
        "selfglue",
        &["limit reached: 13 servers of one zone (limits.servers_per_zone)", "(127.53.3.31)*answered REFUSED"],
    ),
    ("bogus", &["bogus: the signature over www.bogus.lab. A is not what key*of bogus.lab. signed"]),
    ("expired", &["bogus: the signature over*expired.lab.*with key*expired 5 d ago"]),
    ("notyet", &["bogus: the signature over*notyet.lab.*with key*is valid only in*d"]),
    ("nosig", &["bogus: nosig.lab. is signed, but www.nosig.lab. A came without a signature"]),
    ("nokey", &["bogus: nokey.lab. does not have the key that its parent"]),
    ("nodenial", &["bogus: nodenial.lab. is signed, but does not prove that there is no nope.nodenial.lab. A"]),
    ("unknownalg", &["insecure: unknownalg.lab. is signed with algorithms that are not verified here: 123"]),
    (
        "iterations",
        &[
            "insecure: the NSEC3 records of iterations.lab. ask for 500, and the limit is 50 iterations of an NSEC3 hash (limits.nsec3_iterations)",
        ],
    ),
    ("keytrap", &["bogus: given up at the limit of 4 signatures that do not hold (limits.failed_validations)"]),
    ("hashes", &["bogus: given up at the limit of 100 NSEC3 hashes for one question (limits.nsec3_hashes)"]),
    (
        "signatures",
        &[
            "bogus: nothing signs www.signatures.lab. A up to the limit of 4 signatures over one set (limits.signatures_per_set)",
        ],
    ),
    ("keys", &["bogus: nothing signs keys.lab. DNSKEY up to the limit of 2 keys with one tag (limits.keys_per_tag)"]),
    ("ds", &["bogus: nothing signs ds.lab. DNSKEY up to the limit of 8 DS records of one zone (limits.ds_per_zone)"]),
    ("validations", &["bogus: given up at the limit of 48 signatures verified for one question (limits.validations)"]),
    ("opt-out", &["insecure:*unsigned.opt-out.lab.*opt-out.lab."]),
    (
        "wildcard",
        &[
            "key*of wildcard.lab. signs anything.wildcard.lab. A",
            "anything.wildcard.lab. does not exist, so the wildcard below wildcard.lab. answers for it",
            "secure: everything in the answer is proved",
        ],
    ),
    (
        "ent",
        &[
            "ent.lab. (127.53.3.33) after*the name does not exist",
            "ask*a.b.deep.ent.lab.*the whole question*relaxed minimisation",
        ],
    ),
];

/// Does `check` for each of the items, several at a time: most of them wait for servers that do not answer.
/// All are tried, whatever happens to one. What does not hold is tried once more when all others are done: on a machine
/// that has too much to do servers seem to be silent that are not. `check` is told whether it is that time.
fn each<T: Sync>(items: &[T], check: impl Fn(&T, bool) -> Result<(), String> + Sync) {
    let (next, failed) = (Mutex::new(items.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some(item) = next.lock().unwrap().next() else { break };
                    if check(item, false).is_err() {
                        failed.lock().unwrap().push(item);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let failures: Vec<String> = failed.into_iter().filter_map(|item| check(item, true).err()).collect();
    assert!(failures.is_empty(), "{} rows do not hold\n\n{}", failures.len(), failures.join("\n"));
}

fn typed(question: &Question) -> String {
    format!("{} {}", question.name, type_name(question.qtype))
}

/// Private addresses in a zone of the Internet, which are kept from clients.
const WITHHELD: &[&str] = &["www.rebind.lab. A 127.0.0.1", "www.rebind.lab. A 192.168.1.1"];

/// The answer that all zones together give, and that a client may see.
fn truth(question: &Question) -> Vec<String> {
    let mut lines: Vec<String> = LAB.truth(question).1.iter().flat_map(set_lines).map(|line| record(&line)).collect();
    lines.retain(|line| !line.contains(" RRSIG ") && !WITHHELD.contains(&line.as_str()));
    sorted(lines)
}

/// In order, and without quotes, which not everybody puts around the same data.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.iter_mut().for_each(|line| line.retain(|c| c != '"'));
    lines.sort();
    lines
}

/// What holds for every response to a query with RD.
fn check(question: &Question, rcodes: &[ResponseCode], edes: &[u16], ad: bool, dug: &Dug) -> Result<(), String> {
    let rcodes: Vec<String> = rcodes.iter().map(|code| rcode_name(*code).into_owned()).collect();
    let wrong = if !rcodes.contains(&dug.rcode) {
        format!("{} instead of {rcodes:?}", dug.rcode)
    } else if !edes.iter().all(|code| dug.edes.contains(code)) {
        format!("EDE {:?} without one of {edes:?}", dug.edes)
    } else if dug.rcode == "SERVFAIL" && dug.edes.is_empty() {
        "a SERVFAIL without EDE".to_owned()
    } else if dug.has("ad") != ad || dug.has("aa") || !dug.has("ra") || !dug.has("rd") || dug.has("tc") {
        format!("flags {:?}", dug.flags)
    } else if dug.rcode == "NOERROR" && sorted(dug.answer.clone()) != truth(question) {
        format!("the zones say {:#?}", truth(question))
    } else {
        return Ok(());
    };
    Err(format!("{}: {wrong}\n{}", typed(question), dug.text))
}

fn rows_by_dig(transport: &str) {
    // Failures are remembered for a while.
    let labs: [LazyLock<Running>; 2] = [LazyLock::new(|| Running::lab(&[])), LazyLock::new(|| Running::lab(&[]))];
    let healthy = LAB.healthy().iter().map(|Sample { ask, rcodes, ad, .. }| (ask, rcodes, &[][..], *ad));
    let rows: Vec<_> =
        healthy.chain(LAB.zoo().iter().map(|row| (&row.ask, &row.rcodes, &row.ede[..], row.ad))).collect();
    each(&rows, |(ask, rcodes, edes, ad), again| {
        let lab = &labs[usize::from(again)];
        check(ask, rcodes, edes, *ad, &lab.dig(&format!("{} {transport}", typed(ask))))?;
        // Once more, from the cache.
        check(ask, rcodes, edes, *ad, &lab.dig(&format!("{} {transport}", typed(ask))))
    });
}

#[test]
fn every_row_holds_over_udp() {
    rows_by_dig("+notcp");
}

#[test]
fn every_row_holds_over_tcp() {
    rows_by_dig("+tcp");
}

/// Whoever asks for `www` in a zone of the zoo, without a look at the list, meets what is wrong there all the same.
#[test]
fn the_www_of_every_row_shows_what_is_wrong() {
    let lab = Running::lab(&[]);
    let others = LAB.zoo().iter().filter(|row| row.ask != www(&row.name));
    let mut names: Vec<&str> = others.clone().map(|row| &*row.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["ent", "iterations", "nodenial", "opt-out", "wildcard"]);
    for row in others {
        // The name exists, in a zone whose proofs count for nothing.
        let rcodes = if row.name == "iterations" { &[ResponseCode::NoError][..] } else { &row.rcodes };
        let question = www(&row.name);
        check(&question, rcodes, &row.ede, row.ad, &lab.dig(&typed(&question))).unwrap();
    }
}

fn www(row: &str) -> Question {
    Question::new(format!("www.{row}.lab.").parse().unwrap(), RecordType::A)
}

#[test]
fn poison_harms_nobody() {
    let lab = Running::lab(&[]);
    let before = lab.dig("www.poison.lab");
    assert_eq!(before.answer, ["www.poison.lab. A 127.53.80.53"], "{}", before.text);
    for name in ["www.example.com.", "ns1.example.com."] {
        let dug = lab.dig(&format!("{name} A"));
        assert_eq!(dug.rcode, "NOERROR", "{}", dug.text);
        assert!(!dug.answer.is_empty() && !dug.text.contains("127.53.3.66"), "{}", dug.text);
    }
}

fn trace(question: &Question) -> Trace {
    run::trace_lab(&LAB, &run::lab_settings(&LAB), question.clone()).unwrap().trace
}

/// Whether `words` contain the parts of `pattern` between its asterisks, in order and in any case.
fn matches(pattern: &str, words: &str) -> bool {
    let mut rest = words.to_lowercase();
    pattern.to_lowercase().split('*').all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind.to_owned();
            true
        }
        None => false,
    })
}

#[test]
fn the_trace_of_every_row_names_what_is_wrong() {
    let rows: Vec<&ZooEntry> = LAB.zoo().iter().collect();
    let unknown: Vec<_> = rows.iter().filter(|row| !NAMED.iter().any(|(name, _)| *name == row.name)).collect();
    assert!(unknown.is_empty(), "rows of the zoo without an entry in NAMED: {unknown:?}");
    each(&rows, |row, _| {
        let trace = trace(&row.ask);
        let words: Vec<String> = trace.steps.iter().map(|entry| entry.event.to_string()).collect();
        let (_, patterns) = NAMED.iter().find(|(name, _)| *name == row.name).unwrap();
        let missing: Vec<_> =
            patterns.iter().filter(|pattern| !words.iter().any(|line| matches(pattern, line))).collect();
        match missing.as_slice() {
            [] => Ok(()),
            missing => Err(format!("{}: the trace does not name {missing:?}\n  {}\n", row.name, words.join("\n  "))),
        }
    });
}

#[test]
fn a_pattern_can_fail_to_match() {
    assert!(matches("Ask ns1.*over TCP", "ask NS1.example. over TCP (why)"));
    assert!(!matches("over TCP*ask", "ask ns1.example. over TCP"));
}
