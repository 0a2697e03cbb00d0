//! Another validator over the same data: `delv` asks with CD and judges by itself.

use rootwalk::lab::Needs;

use super::running::Running;
use super::surety::{Surety, by_delv};
use super::{LAB, typed};

/// Questions beside those of the rows: both sides of cuts, denials of every kind, wildcards, aliases.
const MORE: &[&str] = &[
    ". NS",
    ". DNSKEY",
    ". DS",
    "nope. A",
    "com. DNSKEY",
    "nope.com. A",
    "example.com. DNSKEY",
    "example.com. DS",
    "deep.example.com. NS",
    "old.example.com. DNAME",
    "www.old.example.com. CNAME",
    "wild.example.com. A",
    "b.wild.example.com. MX",
    "a.b.nope.example.com. TXT",
    "shop.example.com. DS",
    "shop.example.com. NS",
    "example.net. DS",
    "example.org. DS",
    "nope.example.org. A",
    "*.wildcard.lab. A",
    "x.y.wildcard.lab. A",
    "nope.wildcard.lab. MX",
    "www.wildcard.lab. AAAA",
    "www.iterations.lab. A",
    "iterations.lab. DS",
    "unknownalg.lab. DS",
    "www.opt-out.lab. A",
    "unsigned.opt-out.lab. DS",
    "nope.opt-out.lab. A",
];

fn judged_here(lab: &Running, question: &str) -> (Surety, String) {
    let dug = lab.dig(question);
    let security = match dug.rcode.as_str() {
        "SERVFAIL" => Surety::Bogus,
        _ if dug.has("ad") => Surety::Secure,
        _ => Surety::Insecure,
    };
    (security, dug.text)
}

#[test]
fn delv_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("root.keys");
    let keys = keys.to_str().unwrap();
    let lab = Running::lab(&["--trust-anchor-out", keys]);
    let healthy = LAB.healthy().iter().map(|sample| typed(&sample.ask));
    let zoo = LAB.zoo().iter().filter(|row| row.needs == Needs::Validation).map(|row| typed(&row.ask));
    let all: Vec<String> = healthy.chain(zoo).chain(MORE.iter().map(|more| (*more).to_owned())).collect();
    for question in &all {
        let (here, ours) = judged_here(&lab, question);
        let (name, rtype) = question.split_once(' ').unwrap();
        let (there, theirs) = by_delv(lab.resolver, keys, name, rtype);
        // RFC 5155 §9.2: AD must not be set for what falls into an opt-out span; delv sees a valid signature and no
        // more.
        let opt_out = ["nope.com. A", "nope.opt-out.lab. A", "unsigned.opt-out.lab. DS"].contains(&question.as_str());
        let same = if opt_out { (here, there) == (Surety::Insecure, Surety::Secure) } else { here == there };
        assert!(same, "{question}: {here:?} here, {there:?} by delv\n{ours}\n{theirs}");
    }
    assert_eq!(judged_here(&lab, "www.old.example.com. CNAME").0, Surety::Secure);
}
