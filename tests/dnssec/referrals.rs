//! What came without being asked for, with referrals and with answers: it spares a question where it is a proof, and
//! costs no more than that question where it is none.

use std::cell::RefCell;

use rootwalk::dnssec::{Cut, Known as _, Limits, Settings, Span, Spent, Statement, Verdict};
use rootwalk::trace::{Bogus, Insecure};
use rootwalk::wire::{Question, Rdatas, RecordType, RrSet};

use crate::edges::{Kind, PLAIN, chain, name, zone};
use crate::evidence::{Facts, Heard};
use crate::limits::{Zone, is_secure};
use crate::signer::{Form, Signer, bitmap};
use crate::trust;
use crate::types::{A, DS, NS, SOA};
use crate::world::{NOW_UNIX_SECS, verdict_by};

/// What is known beforehand.
#[derive(Clone, Default)]
struct Given {
    /// From the referral to `cut.z.`.
    referral: Option<Cut>,
    /// From the answer itself.
    told: Vec<RrSet>,
    /// What is said of the DS set of `cut.z.` when it is asked for, and of the keys of `cut.z.`.
    ds: Heard,
    keys: Option<RrSet>,
    limits: Limits,
}

/// What becomes of a set, for which questions were asked, and what was proved on the way.
fn judged(zone: &Zone, given: &Given, set: &RrSet) -> (Verdict, Vec<String>, Vec<Span>) {
    let settings = Settings { anchors: zone.anchors.clone(), ..Settings::default() };
    let asked = RefCell::new(Vec::new());
    let mut facts = Facts::new(|question: &Question| {
        asked.borrow_mut().push(question.to_string());
        match (question.qtype, question.name == name("z.")) {
            (RecordType::DNSKEY, true) => Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() }),
            (RecordType::DNSKEY, false) => Some(Heard { answer: given.keys.clone(), ..Heard::default() }),
            _ => Some(given.ds.clone()),
        }
    });
    given.referral.iter().for_each(|cut| facts.refer(name("cut.z."), cut.clone()));
    facts.tell(given.told.clone());
    let statement = Statement::Set { set, proof: &given.told };
    let verdict = facts.judge((&settings, &given.limits), NOW_UNIX_SECS, &statement, &mut Spent::default()).0;
    let spans = std::mem::take(&mut facts.spans);
    drop(facts);
    let of_ds = asked.into_inner().into_iter().filter(|question| question.contains("DS")).collect();
    (verdict, of_ds, spans)
}

fn www() -> RrSet {
    RrSet::new(name("www.cut.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]])
}

fn unsigned(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Insecure(Insecure::Unsigned { .. }))
}

/// RFC 4035 §5.2: that a cut is unsigned may be told with the answer. It counts when it is the record at the cut,
/// signed by the zone above; anything else, true as it may be, says nothing, and the question is asked.
#[test]
fn what_came_with_the_answer_spares_a_question() {
    let (signer, zone) = zone("z.");
    let names: [(&str, &[u16]); 3] = [("z.", &[NS, SOA]), ("cut.z.", &[NS]), ("x.z.", &[A])];
    let hashed = chain(&signer, &names, PLAIN);
    let at_cut = chain(&signer, &names[1..2], PLAIN);
    let many = |set: &RrSet| {
        let mut rdata = set.rdatas.iter().next().unwrap().to_vec();
        rdata[3] = 51;
        signer.sign(RrSet::new(set.owner.clone(), set.rtype, 300, [&rdata[..]]))
    };
    let said = Given {
        ds: Heard { proof: vec![signer.nsec("cut.z.", "x.z.", &[NS])], ..Heard::default() },
        ..Given::default()
    };
    let with = |told: &[RrSet]| judged(&zone, &Given { told: told.to_vec(), ..said.clone() }, &www());
    for told in [&said.ds.proof[..], &at_cut, &hashed] {
        let (verdict, asked, spans) = with(told);
        assert!(unsigned(&verdict) && asked.is_empty(), "{verdict:?} {asked:?}");
        assert!(!spans.is_empty(), "RFC 8198: it says the same of other questions");
    }
    let elsewhere = chain(&signer, &[("z.", &[NS, SOA]), ("x.z.", &[A])], Kind { flags: 1, ..PLAIN });
    let other = Signer::new("z.", NOW_UNIX_SECS);
    let text = |set: &RrSet| signer.sign(RrSet { rtype: RecordType::TXT, sigs: Rdatas::default(), ..set.clone() });
    for told in [
        vec![],
        vec![signer.nsec("x.z.", "z.", &[NS])],
        vec![signer.nsec("z.", "z.", &[NS, SOA])],
        vec![signer.nsec("a.z.", "d.z.", &[A])],
        vec![other.nsec("cut.z.", "x.z.", &[NS])],
        elsewhere,
        vec![many(&at_cut[0])],
        vec![text(&at_cut[0]), text(&said.ds.proof[0])],
    ] {
        let (verdict, asked, _) = with(&told);
        assert!(unsigned(&verdict) && asked == ["cut.z. DS"], "{told:?}: {verdict:?} {asked:?}");
    }
    // One verification for the keys, and none is left for what was told: asking would not help.
    let limits = Limits { validations: 1, ..Limits::default() };
    let fresh = |next: &str| vec![signer.nsec("cut.z.", next, &[NS])];
    for (told, referral) in [(fresh("k.z."), None), (vec![], Some(fresh("l.z.")))] {
        let referral = referral.map(|proof| Cut { proof, ..Cut::default() });
        let given = Given { told, referral, limits: limits.clone(), ..said.clone() };
        let (verdict, asked, _) = judged(&zone, &given, &www());
        assert!(
            matches!(verdict, Verdict::Bogus(Bogus::TooCostly { .. })) && asked.is_empty(),
            "{verdict:?} {asked:?}"
        );
    }
}

/// What a user of a zone may have it sign, a TXT record under whatever name, is no NSEC, NSEC3 or DS record, although
/// its data be that of one.
#[test]
fn a_text_is_no_proof() {
    let (signer, zone) = zone("z.");
    let text = |set: RrSet| signer.sign(RrSet { rtype: RecordType::TXT, sigs: Rdatas::default(), ..set });
    let proofs = chain(&signer, &[("z.", &[NS, SOA]), ("a.z.", &[A])], PLAIN);
    let by_name = vec![signer.nsec("z.", "z.", &[NS, SOA])];
    for (nth, proof) in [proofs, by_name].into_iter().enumerate() {
        let of = |proof: &[RrSet]| is_secure(&crate::edges::denied(&zone, name("c.z."), RecordType::A, true, proof));
        assert!(of(&proof) && !of(&proof.into_iter().map(text).collect::<Vec<_>>()), "{nth}");
    }
    let cut = Signer::new("cut.z.", NOW_UNIX_SECS);
    let ds = signer.one("cut.z.", RecordType::DS, &trust::ds(&cut, 15, 2));
    for (ds, secure) in [(ds.clone(), true), (text(ds), false)] {
        let ds = Heard { answer: Some(ds), ..Heard::default() };
        let given = Given { ds, keys: Some(trust::keys(&cut, 300)), ..Given::default() };
        assert_eq!(is_secure(&judged(&zone, &given, &cut.sign(www())).0), secure);
    }
}

/// Where the DS set of a referral holds and the keys do not, the keys are wrong, and to ask for the DS set would not
/// help. Where it is the DS set that does not hold, it is asked for, and the reason is what is wrong with that.
#[test]
fn what_is_wrong_with_a_referral_is_asked_for() {
    let (signer, zone) = zone("z.");
    let cut = Signer::new("cut.z.", NOW_UNIX_SECS);
    let good_ds = signer.one("cut.z.", RecordType::DS, &trust::ds(&cut, 15, 2));
    let good_keys = trust::keys(&cut, 300);
    let spoilt = |by: &Signer, set: &RrSet| {
        let bare = RrSet { sigs: Rdatas::default(), ..set.clone() };
        let wrong = |form: Form| by.sign_as(bare.clone(), &form);
        let mut flipped = wrong(by.form());
        let mut sig = flipped.sigs.iter().next().unwrap().to_vec();
        *sig.last_mut().unwrap() ^= 1;
        flipped.sigs = [&sig[..]].into_iter().collect();
        let (past, future) = (NOW_UNIX_SECS - 86_400, NOW_UNIX_SECS + 86_400);
        vec![
            bare.clone(),
            flipped,
            wrong(Form { expiration: past, inception: past - 10, ..by.form() }),
            wrong(Form { inception: future, expiration: future + 10, ..by.form() }),
            wrong(Form { inception: future, expiration: past, ..by.form() }),
            wrong(Form { key_tag: by.tag() ^ 1, ..by.form() }),
            wrong(Form { covered: Some(RecordType::A), ..by.form() }),
        ]
    };
    let set = cut.sign(www());
    let with = |referred: &RrSet, asked: &RrSet, keys: &RrSet| {
        let referral = Some(Cut { ds: Some(referred.clone()), ..Cut::default() });
        let ds = Heard { answer: Some(asked.clone()), ..Heard::default() };
        judged(&zone, &Given { referral, ds, keys: Some(keys.clone()), ..Given::default() }, &set)
    };
    let (verdict, asked, _) = with(&good_ds, &good_ds, &good_keys);
    assert!(is_secure(&verdict) && asked.is_empty(), "{verdict:?} {asked:?}");
    for keys in spoilt(&cut, &good_keys) {
        let (verdict, asked, _) = with(&good_ds, &good_ds, &keys);
        assert!(matches!(verdict, Verdict::Bogus(_)) && asked.is_empty(), "{verdict:?} {asked:?}");
    }
    for ds in spoilt(&signer, &good_ds) {
        let (verdict, asked, _) = with(&ds, &good_ds, &good_keys);
        assert!(is_secure(&verdict) && asked == ["cut.z. DS"], "{ds:?}: {verdict:?} {asked:?}");
        let (verdict, asked, _) = with(&ds, &ds, &good_keys);
        let Verdict::Bogus(why) = verdict else { panic!("{verdict:?}") };
        let is_ds = !matches!(why, Bogus::DenialMissing { .. }) && why.to_string().contains("DS");
        assert!(is_ds && asked == ["cut.z. DS"], "{why:?} {asked:?}");
    }
}

/// RFC 8198 §5.4, RFC 9077 §3, RFC 4035 §5.3.3: what is kept for other questions lives no longer than what it was
/// proved with: than the denial that it is a part of, or the TTL that a wildcard's set was signed with.
#[test]
fn what_is_kept_for_others_lives_no_longer() {
    let (signer, zone) = zone("z.");
    let spans = |statement: &Statement<'_>| {
        let keys = |_: &Question| Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() });
        let mut facts = Facts::new(keys);
        let verdict = verdict_by(&zone.anchors, &mut facts, statement);
        assert!(is_secure(&verdict), "{verdict:?}");
        let ttls = facts.spans.iter().map(|span| span.set.ttl_secs);
        (facts.spans.len(), ttls.max())
    };
    let soa = |ttl_secs| signer.sign(RrSet::new(name("z."), RecordType::SOA, ttl_secs, [&[0; 22][..]]));
    let nsec = |ttl_secs| {
        let rdata = [name("z.").wire(), &bitmap(&[NS, SOA])].concat();
        signer.sign(RrSet::new(name("z."), RecordType::NSEC, ttl_secs, [&rdata[..]]))
    };
    let question = Question::new(name("c.z."), RecordType::A);
    for (soa_secs, nsec_secs) in [(7, 300), (300, 7)] {
        let (soa, proof) = (soa(soa_secs), [nsec(nsec_secs)]);
        let denial = Statement::Denial { question: &question, no_name: true, soa: Some(&soa), proof: &proof };
        assert_eq!(spans(&denial), (2, Some(7)));
    }
    let wild = RrSet::new(name("*.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let made = signer.sign_as(wild, &Form { original_ttl_secs: Some(9), ..signer.form() });
    let set = RrSet { owner: name("c.z."), ..made };
    let rdata = [name("z.").wire(), &bitmap(&[A])].concat();
    let gap = [signer.sign(RrSet::new(name("*.z."), RecordType::NSEC, 8, [&rdata[..]]))];
    assert_eq!(spans(&Statement::Set { set: &set, proof: &gap }), (2, Some(9)));
    // Whatever TTL somebody has written over that which was signed.
    let long = |set: &RrSet| RrSet { ttl_secs: 80_000, ..set.clone() };
    assert_eq!(spans(&Statement::Set { set: &long(&set), proof: &[long(&gap[0])] }), (2, Some(9)));
    let told = |proof: Vec<RrSet>| judged(&zone, &Given { told: proof, ..Given::default() }, &www()).2;
    let at_cut = told(vec![long(&signer.nsec("cut.z.", "x.z.", &[NS]))]);
    assert_eq!(at_cut.iter().map(|span| span.set.ttl_secs).collect::<Vec<_>>(), [300]);
}

/// That a zone is unsigned is known no longer than its parent has said so (RFC 4035 §5.3.3): it may be signed any day.
#[test]
fn an_unsigned_zone_is_known_for_as_long_as_its_proof() {
    let (signer, zone) = zone("z.");
    for (set_secs, signed_secs) in [(7, 300), (300, 7)] {
        let rdata = [name("x.z.").wire(), &bitmap(&[NS])].concat();
        let nsec = RrSet::new(name("cut.z."), RecordType::NSEC, 300, [&rdata[..]]);
        let nsec = signer.sign_as(nsec, &Form { original_ttl_secs: Some(signed_secs), ..signer.form() });
        let heard = Heard { proof: vec![RrSet { ttl_secs: set_secs, ..nsec }], ..Heard::default() };
        let mut facts = Facts::new(|question: &Question| match question.qtype {
            RecordType::DNSKEY => Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() }),
            _ => Some(heard.clone()),
        });
        let set = www();
        assert!(unsigned(&verdict_by(&zone.anchors, &mut facts, &Statement::Set { set: &set, proof: &[] })));
        assert_eq!(facts.zone(&name("cut.z.")).map(|trust| trust.ttl_secs), Some(7));
    }
}

/// RFC 4035 §5.2: the keys of a zone stand at its own name. What an alias has led to, or somebody has put under another
/// name of the zone, is not the zone's, although its keys may have signed it.
#[test]
fn keys_stand_at_the_name_of_their_zone() {
    let (signer, zone) = zone("z.");
    let cut = Signer::new("cut.z.", NOW_UNIX_SECS);
    let ds = Heard { answer: Some(signer.one("cut.z.", RecordType::DS, &trust::ds(&cut, 15, 2))), ..Heard::default() };
    let guest = Signer { zone: cut.zone.clone(), ..Signer::new("cut.z.", NOW_UNIX_SECS) };
    for (at, secure) in [("cut.z.", true), ("CUT.z.", true), ("guest.cut.z.", false), ("z.", false)] {
        let keys = [&cut.dnskey[..], &guest.dnskey];
        let keys = cut.sign(RrSet::new(name(at), RecordType::DNSKEY, 300, keys));
        let given = Given { ds: ds.clone(), keys: Some(keys), ..Given::default() };
        assert_eq!(is_secure(&judged(&zone, &given, &guest.sign(www())).0), secure, "{at}");
    }
}

/// The reason is about what was wrong: that of a signed set is not that its own signature is missing, when it is the
/// way to its zone that cannot be proved.
#[test]
fn who_is_to_blame_is_told() {
    let (signer, zone) = zone("z.");
    let cut = Signer::new("cut.z.", NOW_UNIX_SECS);
    let given = Given {
        ds: Heard { proof: vec![signer.nsec("x.z.", "z.", &[A, DS])], ..Heard::default() },
        ..Given::default()
    };
    let why = |set: &RrSet| match judged(&zone, &given, set).0 {
        Verdict::Bogus(why) => why,
        other => panic!("{other:?}"),
    };
    let (bare, signed) = (why(&www()), why(&cut.sign(www())));
    assert!(matches!(&bare, Bogus::SignatureMissing { rtype: RecordType::A, .. }), "{bare:?}");
    assert!(matches!(&signed, Bogus::DenialMissing { rtype: RecordType::DS, .. }), "{signed:?}");
}
