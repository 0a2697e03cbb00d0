//! Signatures: which of those over a set are looked at, and what they may say.

use rootwalk::dnssec::{Accepts, Anchor, Anchors, Ds, Limits, Settings, Spent, Statement, Verdict, is_expanded};
use rootwalk::trace::{Bogus, Proof};
use rootwalk::wire::{Question, Rdatas, RecordType, RrSet};

use crate::edges::{PLAIN, chain, name, zone};
use crate::evidence::{Facts, Heard};
use crate::limits::{Zone, is_secure};
use crate::signer::{Form, Signer};
use crate::world::NOW_UNIX_SECS;

fn www() -> RrSet {
    RrSet::new(name("www.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]])
}

fn judged(zone: &Zone, set: &RrSet, proof: &[RrSet]) -> Verdict {
    zone.judge(&Statement::Set { set, proof }, &Limits::default(), &mut Spent::default())
}

fn with(set: &RrSet, sigs: &[&[u8]]) -> RrSet {
    RrSet { sigs: sigs.iter().copied().collect::<Rdatas>(), ..set.clone() }
}

/// RFC 6840 §5.4: what somebody else has signed as well, a zone above or beside, does no harm, wherever it stands.
#[test]
fn signatures_of_others_do_no_harm() {
    let (signer, zone) = zone("z.");
    let good = signer.rrsig(&www(), &signer.form());
    for other in [".", "y.", "a.z.", "www.y."] {
        let other = Signer::new(other, NOW_UNIX_SECS);
        let bad = other.rrsig(&www(), &other.form());
        for sigs in [&[&good[..], &bad][..], &[&bad, &good], &[&bad, &bad, &bad, &good]] {
            let verdict = judged(&zone, &with(&www(), sigs), &[]);
            assert!(is_secure(&verdict), "{}: {verdict:?}", other.zone);
        }
    }
    // The parent speaks of the DS set, whatever the child has signed (RFC 4035 §2.4).
    let ds = RrSet::new(name("cut.z."), RecordType::DS, 300, [&[0, 1, 15, 2, 0][..]]);
    let (child, good) = (Signer::new("cut.z.", NOW_UNIX_SECS), signer.rrsig(&ds, &signer.form()));
    let bad = child.rrsig(&ds, &child.form());
    for sigs in [[&good[..], &bad], [&bad, &good]] {
        let verdict = judged(&zone, &with(&ds, &sigs), &[]);
        assert!(is_secure(&verdict), "{verdict:?}");
    }
}

/// RFC 4035 §5.3.1: the number of labels is no larger than the owner has; and a wildcard stands in its zone, not above
/// it (CVE-2026-44690), whoever says that nothing closer exists.
#[test]
fn labels_lie_between_zone_and_owner() {
    let (signer, zone) = zone("z.");
    let (set, nothing) = (www(), chain(&signer, &[("b.z.", &[1])], PLAIN));
    for (labels, secure) in [(0, false), (1, true), (2, true), (3, false), (255, false)] {
        let set = signer.sign_as(set.clone(), &Form { labels: Some(labels), ..signer.form() });
        let verdict = judged(&zone, &set, &nothing);
        assert_eq!(is_secure(&verdict), secure, "{labels}: {verdict:?}");
        assert!(secure || matches!(verdict, Verdict::Bogus(Bogus::SignatureUnfit { .. })), "{verdict:?}");
    }
}

/// RFC 4035 §5.3.1, §5.3.4: one signature that holds is enough. Where one is of the very name, nobody has to show that
/// a wildcard may stand for it, wherever it stands among those of the wildcard; where that one does not hold, the other
/// is worth what it is by itself. What is tried is bounded in either case.
#[test]
fn a_signature_of_the_name_itself_needs_no_proof() {
    let (signer, zone) = zone("z.");
    let (own, wild) = (signer.form(), Form { labels: Some(1), ..signer.form() });
    let [own, wild] = [own, wild].map(|form| signer.rrsig(&www(), &form));
    let wrong = |sig: &[u8]| [&sig[..sig.len() - 1], &[sig[sig.len() - 1] ^ 1]].concat();
    let (wrong_own, wrong_wild) = (wrong(&own), wrong(&wild));
    let nothing = chain(&signer, &[("b.z.", &[1])], PLAIN);
    let most = Limits::default().signatures_per_set;
    let many = |sig: &[u8], last: &[u8]| [vec![sig.to_vec(); most], vec![last.to_vec()]].concat();
    let cases = [
        (vec![own.clone(), wild.clone()], true, true),
        (vec![wild.clone(), own.clone()], true, true),
        (vec![wrong_wild.clone(), own.clone()], true, true),
        (vec![wild.clone(), wrong_own.clone()], false, true),
        (vec![wrong_own.clone(), wild.clone()], false, true),
        (many(&wrong_wild, &own), true, true),
        (many(&wrong_own, &wild), false, false),
    ];
    for (nth, (sigs, without, with_proof)) in cases.iter().enumerate() {
        let set = with(&www(), &sigs.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (proof, secure) in [(&[][..], without), (&nothing, with_proof)] {
            let verdict = judged(&zone, &set, proof);
            assert_eq!(is_secure(&verdict), *secure, "case {nth}: {verdict:?}");
        }
    }
}

/// What was proved before need not be proved again, for as long as it still is, but for what a wildcard made: that is
/// worth what comes with it (RFC 4035 §5.3.4). Whether one made it is told from its signatures, or from those that were
/// asked for, and from nothing that looks like them.
#[test]
fn what_was_proved_before_is_proved() {
    let (signer, zone) = zone("z.");
    let nothing = chain(&signer, &[("b.z.", &[1])], PLAIN);
    let settings = Settings { anchors: zone.anchors.clone(), ..Settings::default() };
    for labels in [1, 2] {
        let set = signer.sign_as(www(), &Form { labels: Some(labels), ..signer.form() });
        for (is_known, proof) in [(false, &[][..]), (true, &[]), (true, &nothing), (false, &nothing)] {
            let mut facts = Facts::new(|_| Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() }));
            facts.proved.extend(is_known.then(|| (set.clone(), 77)));
            let (statement, mut spent) = (Statement::Set { set: &set, proof }, Spent::default());
            let (verdict, notes) = facts.judge((&settings, &Limits::default()), NOW_UNIX_SECS, &statement, &mut spent);
            let wanted = match labels {
                1 if proof.is_empty() => None,
                2 if is_known => Some(77),
                _ => Some(300),
            };
            assert_eq!(
                (is_secure(&verdict), spent.validations > 0),
                (wanted.is_some(), wanted != Some(77)),
                "{verdict:?}"
            );
            assert!(wanted.is_none_or(|ttl_secs| verdict == Verdict::Secure { ttl_secs }), "{verdict:?}");
            let told = notes.iter().any(|note| matches!(note, Proof::Known { owner, .. } if *owner == set.owner));
            assert_eq!(told, wanted == Some(77));
        }
        let as_data = |rtype| RrSet { rtype, rdatas: set.sigs.clone(), sigs: Rdatas::default(), ..set.clone() };
        assert_eq!([is_expanded(&set), is_expanded(&as_data(RecordType::RRSIG))], [labels == 1; 2]);
        assert!(!is_expanded(&as_data(RecordType::TXT)) && !is_expanded(&www()));
    }
}

/// RFC 4035 §5.3.3: no TTL is longer than that which was signed.
#[test]
fn the_ttl_is_that_which_was_signed() {
    let (signer, zone) = zone("z.");
    for (signed_secs, said_secs, left_secs) in [(300, 300, 300), (60, 300, 60), (300, 60, 60), (0, 300, 0)] {
        let form = Form { original_ttl_secs: Some(signed_secs), ..signer.form() };
        let set = signer.sign_as(RrSet { ttl_secs: said_secs, ..www() }, &form);
        assert_eq!(judged(&zone, &set, &[]), Verdict::Secure { ttl_secs: left_secs });
    }
}

/// RFC 4509 §3: a digest by SHA-1 does not count beside a better one, be there a key for it or not.
#[test]
fn sha1_does_not_count_beside_sha256() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let keys = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0).keys;
    let parent = Signer::new(".", NOW_UNIX_SECS);
    let root = Zone::new(&parent, std::slice::from_ref(&parent.dnskey), 0);
    let ds = |digest_type: u8, right: bool| {
        let algorithm = match digest_type {
            1 => &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
            _ => &aws_lc_rs::digest::SHA256,
        };
        let mut hash =
            aws_lc_rs::digest::digest(algorithm, &[signer.zone.wire(), &signer.dnskey].concat()).as_ref().to_vec();
        hash[0] ^= u8::from(!right);
        [&signer.tag().to_be_bytes()[..], &[15, digest_type], &hash].concat()
    };
    let accepts = Accepts { sha1: true, ..Accepts::default() };
    let judged = |all: &[Vec<u8>]| {
        let set = RrSet::new(name("z."), RecordType::DS, 300, all.iter().map(Vec::as_slice));
        let ds = parent.sign(set);
        let ask = |question: &Question| {
            let answer = match question.qtype {
                RecordType::DS => ds.clone(),
                _ if question.name.is_root() => root.keys.clone(),
                _ => keys.clone(),
            };
            Some(Heard { answer: Some(answer), ..Heard::default() })
        };
        let settings = Settings { anchors: root.anchors.clone(), accepts, ..Settings::default() };
        let statement = Statement::Set { set: &signer.sign(www()), proof: &[] };
        Facts::new(ask).judge((&settings, &Limits::default()), NOW_UNIX_SECS, &statement, &mut Spent::default()).0
    };
    assert!(is_secure(&judged(&[ds(1, true)])) && is_secure(&judged(&[ds(1, false), ds(2, true)])));
    assert!(matches!(judged(&[ds(1, true), ds(2, false)]), Verdict::Bogus(_)));
    // An unknown digest is no better one.
    assert!(is_secure(&judged(&[ds(1, true), ds(99, false)])));
    // For those who configure it, a trust anchor by SHA-1 counts beside others: he has chosen it.
    let mut anchors = Anchors::default();
    for rdata in [ds(1, true), ds(2, false)] {
        anchors.add(name("z."), Anchor::Ds(Ds::read(&rdata).unwrap()));
    }
    let zone = Zone { keys: keys.clone(), anchors };
    let settings = Settings { anchors: zone.anchors.clone(), accepts, ..Settings::default() };
    let ask = |_: &Question| Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() });
    let statement = Statement::Set { set: &signer.sign(www()), proof: &[] };
    let verdict =
        Facts::new(ask).judge((&settings, &Limits::default()), NOW_UNIX_SECS, &statement, &mut Spent::default()).0;
    assert!(is_secure(&verdict), "{verdict:?}");
}

/// RFC 4035 §5.3.1, RFC 4034 §3.1.5: a signature over another type is none over this one, and one that ends before it
/// begins holds at no time.
#[test]
fn signatures_that_fit_nothing() {
    let (signer, zone) = zone("z.");
    let judged = |form: Form| judged(&zone, &signer.sign_as(www(), &form), &[]);
    let other = judged(Form { covered: Some(RecordType::TXT), ..signer.form() });
    assert!(matches!(other, Verdict::Bogus(Bogus::SignatureUnfit { .. })), "{other:?}");
    // By so little that the time which is granted to clocks that are off would cover it.
    for apart_secs in [1, 100, 7000] {
        let [inception, expiration] =
            [apart_secs / 2, apart_secs / 2 - apart_secs].map(|off| NOW_UNIX_SECS.wrapping_add_signed(off));
        let verdict = judged(Form { inception, expiration, ..signer.form() });
        assert!(matches!(verdict, Verdict::Bogus(Bogus::ExpiredBeforeValid { .. })), "{apart_secs}: {verdict:?}");
    }
}

/// Of several signatures that do not hold the one is named that came closest, whichever stands first: one that a key
/// was tried on, then one out of its time, one whose key is not there, and one that could not have held at all.
#[test]
fn the_reason_is_the_signature_that_came_closest() {
    let (signer, zone) = zone("z.");
    let sig = |form: Form| signer.rrsig(&www(), &form);
    let mut wrong = sig(signer.form());
    *wrong.last_mut().unwrap() ^= 1;
    let early = sig(Form { inception: NOW_UNIX_SECS + 90_000, expiration: NOW_UNIX_SECS + 99_000, ..signer.form() });
    let unknown = sig(Form { key_tag: signer.tag() ^ 1, ..signer.form() });
    let unfit = sig(Form { covered: Some(RecordType::TXT), ..signer.form() });
    let sigs = [wrong, early, unknown, unfit];
    let why = |sigs: &[&[u8]]| match judged(&zone, &with(&www(), sigs), &[]) {
        Verdict::Bogus(why) => std::mem::discriminant(&why),
        other => panic!("{other:?}"),
    };
    let alone = sigs.each_ref().map(|sig| why(&[sig]));
    for (closer, further) in (0..4).flat_map(|one| (one + 1..4).map(move |other| (one, other))) {
        for pair in [[closer, further], [further, closer]] {
            assert_ne!(alone[closer], alone[further]);
            assert_eq!(why(&pair.map(|nth| &sigs[nth][..])), alone[closer], "{pair:?}");
        }
    }
}

/// RFC 4034 §6.2: the case of the signer's name is not signed.
#[test]
fn the_signer_in_capitals() {
    let (signer, zone) = zone("zone.");
    let set = RrSet { owner: name("www.zone."), ..www() };
    let mut sig = signer.rrsig(&set, &signer.form());
    sig[18..24].make_ascii_uppercase();
    assert_eq!(sig[18..24], *b"\x04ZONE\x00");
    let verdict = judged(&zone, &with(&set, &[&sig]), &[]);
    assert!(is_secure(&verdict), "{verdict:?}");
}
