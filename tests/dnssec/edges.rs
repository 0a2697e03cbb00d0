//! What the RFCs allow and hardly anybody does: each is proved, or is not, by the sentence beside it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::BASE32HEX_NOPAD;
use proptest::prelude::*;
use rootwalk::dnssec::{Limits, Spent, Statement, Verdict};
use rootwalk::wire::{Name, Question, RecordType, RrSet};

use crate::limits::{Zone, is_secure};
use crate::signer::{Form, Signer, bitmap};
use crate::types::{A, DNAME, NS, SOA};
use crate::world::NOW_UNIX_SECS;

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A zone with one key and its trust anchor.
pub(crate) fn zone(apex: &str) -> (Signer, Zone) {
    let signer = Signer::new(apex, NOW_UNIX_SECS);
    let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    (signer, zone)
}

/// What becomes of the statement that there is no such name, or no such type.
pub(crate) fn denied(zone: &Zone, name: Name, qtype: RecordType, no_name: bool, proof: &[RrSet]) -> Verdict {
    let question = Question::new(name, qtype);
    let statement = Statement::Denial { question: &question, no_name, soa: None, proof };
    zone.judge(&statement, &Limits::default(), &mut Spent::default())
}

/// What becomes of a set that a wildcard made, with this proof.
fn made(zone: &Zone, set: &RrSet, proof: &[RrSet]) -> Verdict {
    zone.judge(&Statement::Set { set, proof }, &Limits::default(), &mut Spent::default())
}

/// The set at `source` under another name.
fn expand(signer: &Signer, source: &str, name: Name) -> RrSet {
    RrSet { owner: name, ..signer.one(source, RecordType::A, &[192, 0, 2, 1]) }
}

/// How an NSEC3 record may differ from others.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) algorithm: u8,
    pub(crate) flags: u8,
    pub(crate) salt: u8,
}

pub(crate) const PLAIN: Kind = Kind { algorithm: 1, flags: 0, salt: 0 };

/// The hash of a name with a salt of one octet.
fn hash(name: &Name, salt: u8) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &[name.to_lower().wire(), &[salt]].concat()).as_ref().to_vec()
}

/// The chain of NSEC3 records of these names.
pub(crate) fn chain(signer: &Signer, names: &[(&str, &[u16])], kind: Kind) -> Vec<RrSet> {
    let mut hashes: Vec<_> = names.iter().map(|(owner, types)| (hash(&name(owner), kind.salt), *types)).collect();
    hashes.sort();
    let next = hashes.iter().cycle().skip(1);
    let records = hashes.iter().zip(next).map(|((hash, types), (next, _))| {
        let head = [kind.algorithm, kind.flags, 0, 0, 1, kind.salt, 20];
        let rdata = [&head[..], next, &if types.is_empty() { Vec::new() } else { bitmap(types) }].concat();
        signer.one(&format!("{}.{}", BASE32HEX_NOPAD.encode(hash), signer.zone), RecordType::NSEC3, &rdata)
    });
    records.collect()
}

const NAMES: &[(&str, &[u16])] = &[("z.", &[NS, SOA]), ("www.z.", &[A]), ("ns.z.", &[A])];

/// RFC 5155 §8.1, §8.2: records of an unknown hash or with unknown flags are ignored, wherever they stand.
#[test]
fn unknown_nsec3_records_are_ignored() {
    let (signer, zone) = zone("z.");
    let right = chain(&signer, NAMES, PLAIN);
    let tried = |proof: &[RrSet]| denied(&zone, name("nope.z."), RecordType::A, true, proof);
    assert!(is_secure(&tried(&right)));
    for kind in [Kind { algorithm: 2, ..PLAIN }, Kind { flags: 2, ..PLAIN }, Kind { flags: 0x81, ..PLAIN }] {
        let unknown = chain(&signer, NAMES, kind);
        assert!(matches!(tried(&unknown), Verdict::Bogus(_)));
        assert!(
            is_secure(&tried(&[&unknown[..], &right].concat()))
                && is_secure(&tried(&[right.clone(), unknown].concat()))
        );
    }
}

/// RFC 5155 §8.2: what two chains of one zone show does not add up. One of them whole is a proof, if it comes first.
#[test]
fn two_chains_are_not_one() {
    let (signer, zone) = zone("z.");
    let (one, two) = (chain(&signer, NAMES, PLAIN), chain(&signer, NAMES, Kind { salt: 7, ..PLAIN }));
    let asked = || name("nope.z.");
    let tried = |proof: &[RrSet]| denied(&zone, asked(), RecordType::A, true, proof);
    assert!(is_secure(&tried(&[one.clone(), two.clone()].concat())));
    assert!(is_secure(&tried(&[two.clone(), one.clone()].concat())));
    // The apex by the one, all else by the other.
    let at_apex = |set: &&RrSet, salt| {
        *set.owner.labels().next().unwrap().to_ascii_uppercase()
            == *BASE32HEX_NOPAD.encode(&hash(&name("z."), salt)).as_bytes()
    };
    let apex = one.iter().filter(|set| at_apex(set, 0)).cloned();
    let mixed: Vec<RrSet> = apex.chain(two.iter().filter(|set| !at_apex(set, 7)).cloned()).collect();
    assert!(matches!(tried(&mixed), Verdict::Bogus(_)));
    assert!(matches!(tried(&mixed.into_iter().rev().collect::<Vec<_>>()), Verdict::Bogus(_)));
}

/// RFC 4035 §5.3.1: records from outside of the zone prove nothing of it, however many they are. An alias brings those
/// of its own zone along, in front of what proves its end.
#[test]
fn what_stands_outside_of_the_zone_takes_no_place() {
    let (signer, zone) = zone("z.");
    let strange = |nth| RrSet::new(name(&format!("n{nth}.evil.")), RecordType::NSEC, 60, [&[0, 0, 1, 0x40][..]]);
    let strange: Vec<RrSet> = (0..100).map(strange).collect();
    let proof = [strange, vec![signer.nsec("z.", "z.", &[NS, SOA])]].concat();
    assert!(is_secure(&denied(&zone, name("nope.z."), RecordType::A, true, &proof)));
}

/// RFC 4034 §4.1.1: the last record leads back to the apex, also where it is the first.
#[test]
fn a_zone_of_one_name() {
    let (signer, zone) = zone("z.");
    let proof = [signer.nsec("z.", "z.", &[NS, SOA])];
    let (a, mx) = (RecordType::A, RecordType::MX);
    for asked in ["nope.z.", "*.z.", "a.b.c.z."] {
        assert!(is_secure(&denied(&zone, name(asked), a, true, &proof)), "{asked}");
    }
    assert!(is_secure(&denied(&zone, name("z."), mx, false, &proof)));
    // What is there, what the parent has to say, and what is not in the zone.
    assert!(!is_secure(&denied(&zone, name("z."), RecordType::SOA, false, &proof)));
    assert!(!is_secure(&denied(&zone, name("z."), RecordType::DS, false, &proof)));
    assert!(!is_secure(&denied(&zone, name("y."), a, true, &proof)));
    let same = chain(&signer, &NAMES[..1], PLAIN);
    assert!(is_secure(&denied(&zone, name("nope.z."), a, true, &same)));
    assert!(is_secure(&denied(&zone, name("z."), mx, false, &same)));
    assert!(!is_secure(&denied(&zone, name("z."), RecordType::DS, false, &same)));
}

/// RFC 4592 §2.1.1: a wildcard of the root stands for all that there is not.
#[test]
fn a_wildcard_of_the_root() {
    let (signer, zone) = zone(".");
    let chain = [signer.nsec(".", "*.", &[NS, SOA]), signer.nsec("*.", "k.", &[A]), signer.nsec("k.", ".", &[A])];
    for (asked, by) in [("foo.", 1), ("x.foo.", 1), ("z.", 2), ("a.b.c.", 1)] {
        let set = expand(&signer, "*.", name(asked));
        assert!(is_secure(&made(&zone, &set, &chain[by..=by])), "{asked}");
        assert!(!is_secure(&made(&zone, &set, &chain[3 - by..=3 - by])), "{asked}, by another span");
    }
    // The name is there, and what lies below it is not made by a wildcard above.
    for asked in ["k.", "x.k."] {
        assert!(!is_secure(&made(&zone, &expand(&signer, "*.", name(asked)), &chain)), "{asked}");
    }
    assert!(is_secure(&made(&zone, &signer.one("*.", RecordType::A, &[192, 0, 2, 1]), &[])), "under its own name");
}

/// RFC 4592 §2.1.1, §2.1.3, RFC 4034 §3.1.3: an asterisk is a wildcard at the front alone, and there it is not counted.
#[test]
fn asterisks_inside_of_names() {
    let (signer, zone) = zone("z.");
    for own in ["*.*.z.", "a.*.z.", "*.a.*.z.", "**.z.", "*a.z."] {
        assert!(is_secure(&made(&zone, &signer.one(own, RecordType::A, &[192, 0, 2, 1]), &[])), "{own}");
    }
    // `*.*.z.` stands for what is not there below `*.z.`, and for nothing else.
    let proof = [signer.nsec("*.*.z.", "z.", &[A])];
    assert!(is_secure(&made(&zone, &expand(&signer, "*.*.z.", name("a.*.z.")), &proof)));
    assert!(is_secure(&made(&zone, &expand(&signer, "*.*.z.", name("b.a.*.z.")), &proof)));
    for other in ["a.b.z.", "b.z.", "*.z."] {
        assert!(!is_secure(&made(&zone, &expand(&signer, "*.*.z.", name(other)), &proof)), "{other}");
    }
    assert!(!is_secure(&made(&zone, &expand(&signer, "a.*.z.", name("a.b.z.")), &proof)));
}

/// RFC 6672 §3.3, §5.3.4.1: a DNAME at the apex is proved as any set is, and ends what NSEC records say.
#[test]
fn a_dname_at_the_apex() {
    let (signer, zone) = zone("z.");
    let dname = signer.one("z.", RecordType::DNAME, b"\x01y\x00");
    assert!(is_secure(&made(&zone, &dname, &[])));
    let proof = [signer.nsec("z.", "z.", &[NS, SOA, DNAME])];
    assert!(is_secure(&denied(&zone, name("z."), RecordType::A, false, &proof)));
    for no_name in [true, false] {
        assert!(!is_secure(&denied(&zone, name("x.z."), RecordType::A, no_name, &proof)));
    }
    let hashed = chain(&signer, &[("z.", &[NS, SOA, DNAME])], PLAIN);
    assert!(is_secure(&denied(&zone, name("z."), RecordType::A, false, &hashed)));
    assert!(!is_secure(&denied(&zone, name("x.z."), RecordType::A, true, &hashed)));
    // What a wildcard makes of one is not defined.
    let wild = RrSet { owner: name("x.z."), ..signer.one("*.z.", RecordType::DNAME, b"\x01y\x00") };
    assert!(!is_secure(&made(&zone, &wild, &[signer.nsec("*.z.", "z.", &[DNAME])])));
}

/// RFC 1035 §2.3.4: names of 255 octets; the next closer name and the wildcard beside it are no longer than that.
#[test]
fn the_longest_names() {
    let (signer, zone) = zone("z.");
    let label = |count| "x".repeat(count);
    for first in [1, 2, 61, 62, 63] {
        let (mut long, mut rest) = (label(first), 255 - 3 - (first + 1));
        while rest > 0 {
            // No label has one octet, its length included.
            let octets = if rest == 65 { 63 } else { rest.min(64) };
            long = format!("{long}.{}", label(octets - 1));
            rest -= octets;
        }
        let long = name(&format!("{long}.z."));
        assert_eq!(long.wire().len(), 255);
        let by_name = [signer.nsec("z.", "z.", &[NS, SOA])];
        assert!(is_secure(&denied(&zone, long.clone(), RecordType::A, true, &by_name)), "{first}");
        assert!(is_secure(&denied(&zone, long, RecordType::A, true, &chain(&signer, &NAMES[..1], PLAIN))), "{first}");
    }
    // 255 octets, of which all but the first label are there.
    let above = format!("{}.{}.{}.{}.z.", label(61), label(62), label(62), label(61));
    let (above, long) = (name(&above), name(&format!("a.{above}")));
    assert_eq!(long.wire().len(), 255);
    let text = above.to_string();
    let by_name = [signer.nsec(&text, "z.", &[A])];
    assert!(is_secure(&denied(&zone, long.clone(), RecordType::A, true, &by_name)));
    let by_hash = chain(&signer, &[("z.", &[NS, SOA]), (&text, &[A])], PLAIN);
    assert!(is_secure(&denied(&zone, long.clone(), RecordType::A, true, &by_hash)));
    assert!(is_secure(&made(&zone, &expand(&signer, &format!("*.{text}"), long), &by_name)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// RFC 4034 §3.1.5, RFC 1982: times are compared as on a circle of 2^32 seconds, so that a signature holds in its
    /// time and an hour, or a tenth of its life, around it, wherever on the circle that is, be its life half of it.
    #[test]
    fn times_are_on_a_circle(
        inception in prop_oneof![any::<u32>(), u32::MAX - 5000..=u32::MAX, 0..5000_u32],
        life in prop_oneof![Just(0), Just(1 << 31), 0..20_u32, 0..40_000_u32, 0..1_u32 << 31, (1 << 31) - 8000..1_u32 << 31],
        early in any::<bool>(),
        beyond in -3600..7200_i64,
        off in -2..3_i64,
        exact in any::<bool>(),
    ) {
        let expiration = inception.wrapping_add(life);
        let skew = i64::from((life / 10).min(3600));
        // Seconds from the inception on.
        let after = match (early, exact) {
            (true, true) => off - skew,
            (false, true) => i64::from(life) + skew + off,
            (true, false) => -beyond,
            (false, false) => i64::from(life) + beyond,
        };
        let now_secs = u32::try_from((i64::from(inception) + after).rem_euclid(1 << 32)).unwrap();
        let signer = Signer::new("z.", now_secs);
        let set = RrSet::new(name("www.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
        let set = signer.sign_as(set, &Form { inception, expiration, ..signer.form() });
        let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
        let verdict = zone.at(now_secs, &Statement::Set { set: &set, proof: &[] });
        // What ends half of the circle after it begins may as well end before.
        let inside = life < 1 << 31 && (-skew..=i64::from(life) + skew).contains(&after);
        prop_assert_eq!(is_secure(&verdict), inside, "{:?}", verdict);
        if let Verdict::Secure { ttl_secs } = verdict {
            // As half of the circle before it cannot be told from half of it after.
            let left = Some(i64::from(life) - after).filter(|left| *left < 1 << 31).unwrap_or(0).clamp(0, 300);
            prop_assert_eq!(i64::from(ttl_secs), left);
        }
    }

    /// Names of any octets: NSEC records prove of each that it is not there, in the order of RFC 4034 §6.1 and in no
    /// other.
    #[test]
    fn any_octets_have_their_order(labels in proptest::collection::vec(any_label(), 3)) {
        let (signer, zone) = zone("z.");
        let below = |label: &[u8]| name("z.").prepend(label).unwrap();
        let key = |label: &Vec<u8>| label.to_ascii_lowercase();
        let mut sorted = labels.clone();
        sorted.sort_by_key(key);
        sorted.dedup_by_key(|label| key(label));
        prop_assume!(sorted.len() == 3 && !sorted.contains(&b"*".to_vec()));
        let nsec = |owner: &Name, next: &Name| {
            let rdata = [next.to_lower().wire(), &bitmap(&[A])].concat();
            signer.sign(RrSet::new(owner.clone(), RecordType::NSEC, 300, [&rdata[..]]))
        };
        let [first, middle, last] = [0, 1, 2].map(|nth| below(&sorted[nth]));
        // The wildcard is not there either, by the spans around those.
        let rest = [nsec(&name("z."), &first), nsec(&last, &name("z."))];
        let tried = |gap: RrSet| denied(&zone, middle.clone(), RecordType::A, true, &[&[gap][..], &rest].concat());
        prop_assert!(is_secure(&tried(nsec(&first, &last))));
        prop_assert!(!is_secure(&tried(nsec(&first, &middle))) && !is_secure(&tried(nsec(&middle, &last))));
        prop_assert!(!is_secure(&tried(nsec(&last, &first))));
    }
}

/// Dots, backslashes, NUL, upper case, and octets that are no ASCII.
fn any_label() -> impl Strategy<Value = Vec<u8>> {
    let odd = proptest::sample::select(b"\0.\\*AaZz[_\x7f\x80\xc1\xe1\xff".to_vec());
    proptest::collection::vec(prop_oneof![odd, any::<u8>()], 1..5)
}
