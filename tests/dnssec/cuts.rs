//! Which side of a zone cut has the say, and what a denial needs: each record alone, by NSEC and by NSEC3.

use rootwalk::dnssec::Verdict;
use rootwalk::trace::Insecure;
use rootwalk::wire::{Question, RecordType, RrSet};

use crate::edges::{Kind, PLAIN, chain, denied, name, zone};
use crate::evidence::{Facts, Heard};
use crate::limits::{Zone, is_secure};
use crate::signer::Signer;
use crate::types::{A, CNAME, DNAME, DS, NS, SOA};
use crate::world::{NOW_UNIX_SECS, verdict_on};

/// The record at `owner` with these types, by NSEC up to `next` and by NSEC3.
fn both(signer: &Signer, owner: &str, next: &str, types: &[u16]) -> [RrSet; 2] {
    let hashed = chain(signer, &[(owner, types)], PLAIN).remove(0);
    [signer.nsec(owner, next, types), hashed]
}

/// What becomes of an unsigned set below `cut.z.` when this is all that is said of its DS set.
fn below_cut(zone: &Zone, proof: &RrSet) -> Verdict {
    let ask = |question: &Question| match question.qtype {
        RecordType::DNSKEY => Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() }),
        _ if question.name == name("cut.z.") => Some(Heard { proof: vec![proof.clone()], ..Heard::default() }),
        _ => None,
    };
    let set = RrSet::new(name("www.cut.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    verdict_on(&zone.anchors, &mut Facts::new(ask), &set)
}

/// RFC 4035 §5.2, RFC 5155 §8.9, RFC 6840 §4.4: a cut is unsigned when its parent has an NS set there and no DS set; a
/// record with the SOA bit is the child's, and without the NS bit there is no cut.
#[test]
fn an_unsigned_cut_has_ns_and_neither_ds_nor_soa() {
    let (signer, zone) = zone("z.");
    for rest in [&[][..], &[A], &[46, 47], &[A, 16, 28]] {
        for (types, unsigned) in [
            (&[NS][..], true),
            (&[NS, DS], false),
            (&[NS, SOA], false),
            (&[], false),
            (&[SOA], false),
            (&[CNAME], false),
        ] {
            for record in both(&signer, "cut.z.", "x.z.", &[types, rest].concat()) {
                let verdict = below_cut(&zone, &record);
                let insecure = matches!(&verdict, Verdict::Insecure(Insecure::Unsigned { .. }));
                assert_eq!(insecure, unsigned, "{types:?} {rest:?} by {:?}: {verdict:?}", record.rtype);
                assert!(insecure || matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
            }
        }
    }
    // Somebody else's, of the same name.
    let child = Signer::new("cut.z.", NOW_UNIX_SECS);
    for record in both(&child, "cut.z.", "x.cut.z.", &[NS]) {
        assert!(matches!(below_cut(&zone, &record), Verdict::Bogus(_)));
    }
}

/// RFC 6840 §4.1, RFC 6672 §5.3.4.1: of what lies below a cut or a DNAME its record says nothing, and at a cut it says
/// of the DS set alone.
#[test]
fn a_zone_ends_at_its_cuts() {
    let (signer, zone) = zone("z.");
    let apex = &[NS, SOA][..];
    for (types, ends) in [(&[NS][..], true), (&[NS, DS], true), (&[DNAME], true), (&[A], false)] {
        let by_name = [signer.nsec("cut.z.", "z.", types), signer.nsec("z.", "cut.z.", apex)];
        let by_hash = chain(&signer, &[("z.", apex), ("cut.z.", types)], PLAIN);
        for proof in [&by_name[..], &by_hash] {
            for no_name in [true, false] {
                let verdict = denied(&zone, name("a.cut.z."), RecordType::A, no_name, proof);
                assert_eq!(matches!(verdict, Verdict::Secure { .. }), !ends && no_name, "{types:?}: {verdict:?}");
            }
            let is_cut = types.contains(&NS);
            let of = |qtype| is_secure(&denied(&zone, name("cut.z."), qtype, false, proof));
            assert_eq!(of(RecordType::MX), !is_cut, "{types:?}");
            assert_eq!(of(RecordType::DS), !types.contains(&DS), "{types:?}");
            // The apex is the parent's for DS alone.
            assert!(!is_secure(&denied(&zone, name("z."), RecordType::DS, false, proof)));
            assert!(is_secure(&denied(&zone, name("z."), RecordType::MX, false, proof)));
        }
    }
}

/// RFC 4035 §5.4, RFC 5155 §8.4 to §8.7: a denial needs every one of its parts, an alias is no lack of data, and a
/// record that a wildcard has made is no part of any.
#[test]
fn denials_need_all_their_parts() {
    let (signer, zone) = zone("z.");
    let names: &[(&str, &[u16])] = &[("z.", &[NS, SOA]), ("alias.z.", &[CNAME]), ("b.z.", &[A]), ("k.z.", &[A])];
    let next = names.iter().cycle().skip(1);
    let by_name: Vec<RrSet> =
        names.iter().zip(next).map(|((owner, types), (next, _))| signer.nsec(owner, next, types)).collect();
    for chain in [by_name.clone(), chain(&signer, names, PLAIN)] {
        let tried = |asked: &str, no_name, proof: &[RrSet]| {
            is_secure(&denied(&zone, name(asked), RecordType::MX, no_name, proof))
        };
        assert!(tried("c.z.", true, &chain) && tried("b.z.", false, &chain) && tried("x.c.z.", true, &chain));
        assert!(!tried("b.z.", true, &chain) && !tried("c.z.", false, &chain) && !tried("alias.z.", false, &chain));
        // No part alone, nor all but one of those that are needed.
        assert!(chain.iter().all(|one| !tried("c.z.", true, std::slice::from_ref(one))));
        let without = |nth: usize| [&chain[..nth], &chain[nth + 1..]].concat();
        let needed = (0..chain.len()).filter(|nth| !tried("c.z.", true, &without(*nth))).count();
        assert!((2..=3).contains(&needed), "{needed}");
    }
    let made = |owner: &str| RrSet { owner: name(owner), ..signer.nsec("*.z.", "z.", &[A]) };
    let apex = signer.nsec("z.", "*.z.", &[NS, SOA]);
    for owner in ["b.z.", "a.z.", "\\000.z."] {
        for no_name in [true, false] {
            let verdict = denied(&zone, name("b.z."), RecordType::MX, no_name, &[made(owner), apex.clone()]);
            assert!(matches!(verdict, Verdict::Bogus(_)), "{owner}: {verdict:?}");
        }
    }
}

/// A zone speaks of itself: an NSEC record that leads out of it (CVE-2026-13321) or backwards, an NSEC3 record that
/// does not stand right below it (CVE-2026-10723), and a DS set that a wildcard has made show nothing, whoever has
/// signed them.
#[test]
fn records_out_of_place_show_nothing() {
    let (signer, zone) = zone("z.");
    let apex = || signer.nsec("z.", "a.z.", &[NS, SOA]);
    let tried = |proof: &[RrSet]| denied(&zone, name("m.z."), RecordType::A, true, proof);
    assert!(is_secure(&tried(&[apex(), signer.nsec("k.z.", "n.z.", &[A])])));
    // Two records where there is one in every zone: which of them counts nobody can tell.
    let [one, two] = ["n.z.", "l.z."].map(|next| signer.nsec("k.z.", next, &[A]));
    let twice = |one: &RrSet, two: &RrSet| {
        let rdatas = [one, two].map(|set| set.rdatas.iter().next().unwrap());
        signer.sign(RrSet::new(one.owner.clone(), one.rtype, 300, rdatas))
    };
    assert!([twice(&one, &two), twice(&two, &one)].into_iter().all(|both| !is_secure(&tried(&[apex(), both]))));
    for (owner, next) in [("k.z.", "n.zz."), ("k.z.", "zz."), ("k.z.", "."), ("k.z.", "b.z."), ("a.y.", "n.z.")] {
        let verdict = tried(&[apex(), signer.nsec(owner, next, &[A])]);
        assert!(matches!(verdict, Verdict::Bogus(_)), "{owner} {next}: {verdict:?}");
    }
    // The wildcard is denied as well, by the only other record.
    let right = chain(&signer, &[("z.", &[NS, SOA])], PLAIN).remove(0);
    assert!(is_secure(&tried(std::slice::from_ref(&right))));
    let other = RrSet { owner: right.owner.clone(), ..chain(&signer, &[("b.z.", &[A])], PLAIN).remove(0) };
    assert!(
        [twice(&right, &other), twice(&other, &right)]
            .iter()
            .all(|both| !is_secure(&tried(std::slice::from_ref(both))))
    );
    let label = right.owner.labels().next().unwrap();
    for above in ["b.z.", ".", "y."] {
        let owner = name(above).prepend(label).unwrap();
        let moved = signer.sign(RrSet { owner, ..right.clone() });
        assert!(!is_secure(&tried(&[moved])), "{above}");
    }
    let ds = signer.one("*.z.", RecordType::DS, &[0, 1, 15, 99, 0]);
    let judged = |ds: RrSet| {
        let ask = |question: &Question| match question.qtype {
            RecordType::DNSKEY => Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() }),
            _ => Some(Heard { answer: Some(ds.clone()), ..Heard::default() }),
        };
        let set = RrSet::new(name("cut.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
        verdict_on(&zone.anchors, &mut Facts::new(ask), &set)
    };
    let own = RrSet { owner: name("cut.z."), ..ds.clone() };
    assert!(matches!(judged(own), Verdict::Bogus(_)));
    let real = signer.one("cut.z.", RecordType::DS, &[0, 1, 15, 99, 0]);
    assert!(matches!(judged(real.clone()), Verdict::Insecure(Insecure::Digest { .. })));
    // That of another name.
    assert!(matches!(
        judged(RrSet { owner: name("cut.z."), ..signer.one("cut2.z.", RecordType::DS, &[0, 1, 15, 99, 0]) }),
        Verdict::Bogus(_)
    ));
    assert!(matches!(judged(signer.one("cut2.z.", RecordType::DS, &[0, 1, 15, 99, 0])), Verdict::Bogus(_)));
}

/// What becomes of an unsigned set below `own`, whose servers the operator names, when this is said of the DS set of
/// `own.z.`, and of others nothing.
fn below_own(zone: &Zone, own: &[&str], heard: &Heard) -> Verdict {
    let ask = |question: &Question| match question.qtype {
        RecordType::DNSKEY => Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() }),
        _ if question.name == name("own.z.") => Some(heard.clone()),
        _ => None,
    };
    let mut facts = Facts::new(ask);
    own.iter().for_each(|own| facts.own(name(own)));
    let set = RrSet::new(name("www.a.own.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    verdict_on(&zone.anchors, &mut facts, &set)
}

/// A zone with servers of the operator's own is unsigned when the world shows that it does not know it: that there is
/// no such name, be it by a DNAME above or by what a wildcard makes of it, with the proof that nothing else is there
/// (RFC 4035 §5.3.4). Without that proof the alias could be that of any other name.
#[test]
fn a_zone_that_the_world_does_not_know() {
    let (signer, zone) = zone("z.");
    let alias =
        |source: &str, owner: &str, rtype| RrSet { owner: name(owner), ..signer.one(source, rtype, b"\x01x\x00") };
    let wild = Some(alias("*.z.", "own.z.", RecordType::CNAME));
    let gap = |next: &str| vec![signer.nsec("*.z.", next, &[CNAME])];
    let hashed = |more: bool, flags| {
        let names: [(&str, &[u16]); 3] = [("z.", &[NS, SOA]), ("*.z.", &[CNAME]), ("own.z.", &[NS, DS])];
        chain(&signer, &names[..2 + usize::from(more)], Kind { flags, ..PLAIN })
    };
    let by_dname = Some(alias("z.", "z.", RecordType::DNAME));
    for (alias, proof, unknown) in [
        (wild.clone(), gap("p.z."), true),
        (wild.clone(), hashed(false, 0), true),
        (by_dname, vec![], true),
        (None, vec![signer.nsec("z.", "z.", &[NS, SOA])], true),
        (wild.clone(), vec![], false),
        (wild.clone(), gap("b.z."), false),
        (wild.clone(), gap("x.own.z."), false),
        (wild.clone(), hashed(false, 1), false),
        (wild, hashed(true, 0), false),
        (None, vec![], false),
    ] {
        for own in ["own.z.", "a.own.z."] {
            let verdict = below_own(&zone, &[own], &Heard { answer: None, alias: alias.clone(), proof: proof.clone() });
            let by_operator = matches!(verdict, Verdict::Insecure(Insecure::OwnServers { .. }));
            assert_eq!(by_operator, unknown, "{alias:?} {proof:?}: {verdict:?}");
            assert!(by_operator || matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
        }
    }
    // A name of the parent's, an alias of its own among them, is no cut; of what lies below it nothing is said.
    let no_cut = Heard { proof: vec![signer.nsec("own.z.", "p.z.", &[A])], ..Heard::default() };
    let own_alias = Heard { alias: Some(alias("own.z.", "own.z.", RecordType::CNAME)), ..Heard::default() };
    for heard in [no_cut, own_alias] {
        // Where it is the operator's, so is what lies below it, whether that has servers of its own or not.
        for own in [&["own.z."][..], &["own.z.", "a.own.z."]] {
            assert!(matches!(below_own(&zone, own, &heard), Verdict::Insecure(Insecure::OwnServers { .. })));
        }
        assert!(matches!(below_own(&zone, &["a.own.z."], &heard), Verdict::Bogus(_)));
    }
    // What the world knows of the zone counts.
    let cut = Heard { proof: vec![signer.nsec("own.z.", "p.z.", &[NS])], ..Heard::default() };
    assert!(matches!(below_own(&zone, &["own.z."], &cut), Verdict::Insecure(Insecure::Unsigned { .. })));
}

/// Where the world knows the zone whose servers the operator names, and that it is signed, the zone has the say on what
/// there is in it: a name that it denies is no reason not to prove what is said of it.
#[test]
fn a_zone_that_the_world_knows_says_what_is_in_it() {
    let ((signer, zone), child) = (zone("z."), Signer::new("own.z.", NOW_UNIX_SECS));
    let ds = signer.one("own.z.", RecordType::DS, &crate::trust::ds(&child, 15, 2));
    let keys = child.one("own.z.", RecordType::DNSKEY, &child.dnskey);
    let ask = |question: &Question| {
        let answer = match (question.qtype, question.name == name("own.z.")) {
            (RecordType::DNSKEY, true) => keys.clone(),
            (RecordType::DNSKEY, false) => zone.keys.clone(),
            (_, true) => ds.clone(),
            _ => return Some(Heard { proof: vec![child.nsec("own.z.", "own.z.", &[NS, SOA])], ..Heard::default() }),
        };
        Some(Heard { answer: Some(answer), ..Heard::default() })
    };
    let mut facts = Facts::new(ask);
    facts.own(name("own.z."));
    let set = RrSet::new(name("www.a.own.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let verdict = verdict_on(&zone.anchors, &mut facts, &set);
    assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
}

/// RFC 8020 §2: below a name that is not there nothing is, and nobody is asked for it.
#[test]
fn nothing_is_asked_of_what_lies_below_nothing() {
    let (signer, zone) = zone("z.");
    let ask = |question: &Question| match question.qtype {
        RecordType::DNSKEY => Some(Heard { answer: Some(zone.keys.clone()), ..Heard::default() }),
        _ => {
            assert_eq!(question.name, name("c.z."));
            Some(Heard { proof: vec![signer.nsec("z.", "z.", &[NS, SOA])], ..Heard::default() })
        }
    };
    let set = RrSet::new(name("a.b.c.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let verdict = verdict_on(&zone.anchors, &mut Facts::new(ask), &set);
    assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
}
