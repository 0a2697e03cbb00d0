//! What is taken from a reply, and what is made of it, by rule: any records in any section, from any server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use rootwalk::trace::{DropWhy, Limit, Verdict, Wrong};
use rootwalk::walk::judge;
use rootwalk::walk::limits::SetLimits;
use rootwalk::walk::scrub::{self, Clean, Dropped};
use rootwalk::wire::{
    DNSClass, Edns, Flags, Name, Question, Record, RecordType, Reply, ResponseCode, RrSet, Section, Writer, write_query,
};

/// Names of the zone, of what is above and beside it, and of what is below.
const NAMES: &[&str] = &[
    ".",
    "test.",
    "zone.test.",
    "www.zone.test.",
    "a.www.zone.test.",
    "sub.zone.test.",
    "www.sub.zone.test.",
    "ns.sub.zone.test.",
    "ns.zone.test.",
    "*.zone.test.",
    "other.test.",
    "www.other.test.",
    "xzone.test.",
    "victim.",
];
const ZONES: &[&str] = &[".", "test.", "zone.test.", "sub.zone.test."];
const TYPES: &[RecordType] = &[
    RecordType::A,
    RecordType::AAAA,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::DNAME,
    RecordType::SOA,
    RecordType::DS,
    RecordType::TXT,
    RecordType::NSEC,
];

fn name() -> impl Strategy<Value = Name> {
    prop::sample::select(NAMES).prop_map(|name| name.parse().unwrap())
}

fn record() -> impl Strategy<Value = Record> {
    let class = prop_oneof![9 => Just(DNSClass::IN), 1 => Just(DNSClass::CH)];
    (name(), prop::sample::select(TYPES), class, name(), 0..4_u8).prop_map(|(owner, rtype, class, to, nth)| {
        let rdata = match rtype {
            RecordType::A => vec![192, 0, 2, nth],
            RecordType::AAAA => [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[nth]].concat(),
            RecordType::NS | RecordType::CNAME | RecordType::DNAME => to.wire().to_vec(),
            RecordType::SOA => [to.wire(), to.wire(), &[0; 20]].concat(),
            RecordType::DS => [&[0, nth, 13, 2][..], &[nth; 32]].concat(),
            RecordType::NSEC => [to.wire(), &[0, 1, 0x40]].concat(),
            _ => vec![1, b'a' + nth],
        };
        Record { owner, rtype, class, ttl_secs: 300, rdata: rdata.into() }
    })
}

fn reply() -> impl Strategy<Value = (Name, Question, Reply, bool)> {
    let section = || prop::collection::vec(record(), 0..8);
    let rcode = prop_oneof![
        6 => Just(ResponseCode::NoError),
        2 => Just(ResponseCode::NXDomain),
        1 => Just(ResponseCode::ServFail),
        1 => Just(ResponseCode::YXDomain),
    ];
    let asked = (name(), prop::sample::select(TYPES)).prop_map(|(name, qtype)| Question::new(name, qtype));
    let zone = prop::sample::select(ZONES).prop_map(|zone| zone.parse::<Name>().unwrap());
    (zone, asked, rcode, any::<(bool, bool, bool)>(), section(), section(), section(), any::<bool>())
        .prop_filter("servers are asked about their own zone", |(zone, asked, ..)| asked.name.is_within(zone))
        .prop_map(|(zone, asked, rcode, (aa, ra, tc), answer, authority, additional, may_follow)| {
            let flags = Flags::default().with_qr(true).with_aa(aa).with_ra(ra).with_tc(tc).with_rcode(rcode);
            let question = Some(asked.clone());
            let (id, edns, damage) = (0, None, Vec::new());
            let reply = Reply { id, flags, rcode, question, answer, authority, additional, edns, damage };
            (zone, asked, reply, may_follow)
        })
}

/// Everything that was taken, but for what was made here: the CNAMEs of DNAMEs.
fn taken(clean: &Clean) -> Vec<&RrSet> {
    let referral = clean.referral.iter().flat_map(|referral| [Some(&referral.ns), referral.ds.as_ref()]).flatten();
    clean.chain.iter().chain(&clean.answer).chain(&clean.soa).chain(&clean.proof).chain(referral).collect()
}

/// Owner, type and data.
type Datum = (Name, RecordType, Vec<u8>);

fn kept(clean: &Clean) -> BTreeSet<Datum> {
    let sets = taken(clean).into_iter();
    sets.flat_map(|set| set.rdatas.iter().map(|rdata| (set.owner.clone(), set.rtype, rdata.to_vec()))).collect()
}

fn is_gone(dropped: &[Dropped], record: &Record) -> bool {
    dropped.iter().any(|gone| gone.owner == record.owner && gone.rtype == record.rtype)
}

fn is_glue(clean: &Clean, record: &Record) -> bool {
    record.address().is_some_and(|addr| clean.glue.contains(&(record.owner.clone(), addr)))
}

/// A CNAME beside the DNAME that it was made from is made anew here (RFC 6672 §3.1).
fn is_made(clean: &Clean, record: &Record) -> bool {
    let by_dname = |set: &RrSet| set.rtype == RecordType::DNAME && record.owner.is_below(&set.owner);
    record.rtype == RecordType::CNAME && clean.chain.iter().any(by_dname)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_from_outside_the_zone_is_taken((zone, asked, reply, may_follow) in reply()) {
        let (clean, _) = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| may_follow);
        // The CNAME that a DNAME stands for has an owner below that DNAME, which is in the zone.
        for set in taken(&clean) {
            prop_assert!(set.owner.is_within(&zone), "{} {}", set.owner, set.rtype);
        }
        for (owner, _) in &clean.glue {
            prop_assert!(owner.is_within(&zone), "{owner}");
        }
    }

    #[test]
    fn every_record_is_taken_or_reported((zone, asked, reply, may_follow) in reply()) {
        let sent: Vec<Record> = [&reply.answer, &reply.authority, &reply.additional].into_iter().flatten().cloned().collect();
        let (clean, dropped) = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| may_follow);
        let kept = kept(&clean);
        for record in &sent {
            let datum = (record.owner.clone(), record.rtype, record.rdata.to_vec());
            let found = kept.contains(&datum) || is_gone(&dropped, record) || is_glue(&clean, record) || is_made(&clean, record);
            prop_assert!(found, "{} {} is lost", record.owner, record.rtype);
        }
        let all: BTreeSet<Datum> =
            sent.iter().map(|record| (record.owner.clone(), record.rtype, record.rdata.to_vec())).collect();
        let made = |set: &RrSet| set.rtype == RecordType::CNAME
            && clean.chain.iter().any(|dname| dname.rtype == RecordType::DNAME && set.owner.is_below(&dname.owner));
        for set in taken(&clean).into_iter().filter(|set| !made(set)) {
            for rdata in set.rdatas.iter() {
                prop_assert!(all.contains(&(set.owner.clone(), set.rtype, rdata.to_vec())), "{} {} is invented", set.owner, set.rtype);
            }
        }
    }

    #[test]
    fn a_chain_leads_from_the_question_to_its_end((zone, asked, reply, may_follow) in reply()) {
        let (clean, _) = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| may_follow);
        let mut at = asked.name.clone();
        for link in clean.chain.iter().filter(|link| link.rtype == RecordType::CNAME) {
            prop_assert_eq!(&link.owner, &at);
            prop_assert_eq!(link.rdatas.len(), 1);
            at = link.targets().next().unwrap();
        }
        if asked.qtype != RecordType::CNAME {
            prop_assert_eq!(&clean.end, &at);
        }
        if let Some(answer) = &clean.answer {
            prop_assert_eq!((&answer.owner, answer.rtype), (&clean.end, asked.qtype));
        }
    }

    #[test]
    fn referrals_and_denials_are_about_the_question((zone, asked, reply, may_follow) in reply()) {
        let (clean, _) = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| may_follow);
        let verdict = judge::reply(&asked, &clean);
        if let Some(to) = &clean.referral {
            prop_assert!(to.ns.owner.is_below(&zone) && asked.name.is_within(&to.ns.owner), "to {}", to.ns.owner);
            prop_assert!(to.ds.as_ref().is_none_or(|ds| ds.owner == to.ns.owner));
        }
        match verdict {
            Verdict::Answer { records } => {
                prop_assert_eq!(clean.answer.as_ref().map(|set| set.rdatas.len()), Some(records));
            }
            Verdict::Alias { target } => prop_assert!(!clean.chain.is_empty() && target == clean.end),
            Verdict::Referral { .. } => prop_assert!(clean.referral.is_some() && clean.answer.is_none()),
            Verdict::NxDomain => {
                prop_assert!(clean.rcode == ResponseCode::NXDomain && clean.answer.is_none() && clean.chain.is_empty());
                prop_assert!(clean.soa.as_ref().is_none_or(|soa| asked.name.is_within(&soa.owner)));
            }
            Verdict::NoData => prop_assert!(clean.answer.is_none() && !clean.spoilt),
            _ => {}
        }
        // What is cut short says nothing for sure, and a failure denies nothing.
        if clean.tc || !matches!(clean.rcode, ResponseCode::NoError | ResponseCode::NXDomain) {
            let verdict = judge::reply(&asked, &clean);
            prop_assert!(!matches!(verdict, Verdict::Answer { .. } | Verdict::NxDomain | Verdict::NoData), "{verdict:?}");
        }
    }
}

/// A reply with authority and nothing but this answer.
fn answering(answer: Vec<Record>) -> Reply {
    Reply {
        id: 0,
        flags: Flags::default().with_qr(true).with_aa(true),
        rcode: ResponseCode::NoError,
        question: None,
        answer,
        authority: Vec::new(),
        additional: Vec::new(),
        edns: None,
        damage: Vec::new(),
    }
}

/// RFC 2181 §5: a set has no member twice, and names are the same in any case where the canonical form says so (RFC
/// 4034 §6.2, RFC 6840 §5.1); in types that came later, and in text, other octets are other data.
#[test]
fn what_differs_in_the_case_of_names_alone_is_one_record() {
    let owner: Name = "www.zone.test.".parse().unwrap();
    for (rtype, data, count) in [
        (RecordType::MX, [&b"\0\x0a\x02ab\0"[..], b"\0\x0a\x02AB\0"], 1),
        (RecordType::NS, [&b"\x02ab\0"[..], b"\x02aB\0"], 1),
        (RecordType::HTTPS, [&b"\0\x01\x02ab\0"[..], b"\0\x01\x02AB\0"], 2),
        (RecordType::TXT, [&b"\x02ab"[..], b"\x02AB"], 2),
    ] {
        let record = |rdata: &[u8]| {
            let (owner, rdata) = (owner.clone(), rdata.to_vec().into());
            Record { owner, rtype, class: DNSClass::IN, ttl_secs: 300, rdata }
        };
        let reply = answering(data.map(record).into());
        let asked = Question::new(owner.clone(), rtype);
        let zone = "zone.test.".parse().unwrap();
        let clean = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| true).0;
        assert_eq!(clean.answer.map(|set| set.rdatas.len()), Some(count), "{rtype}");
    }
}

/// Sets of a name with many types, in the order in which they came: those up to the limit are used, whatever else
/// stands between them, and each of the others is reported.
#[test]
fn types_beyond_the_limit_are_dropped_and_reported() {
    let limits = SetLimits { types_per_name: 20, ..SetLimits::default() };
    let (zone, crowded): (Name, Name) = ("zone.test.".parse().unwrap(), "www.zone.test.".parse().unwrap());
    let record = |owner: &Name, code: u16| Record {
        owner: owner.clone(),
        rtype: RecordType::Unknown(code),
        class: DNSClass::IN,
        ttl_secs: 300,
        rdata: vec![0].into(),
    };
    for asked in [65_290, 65_350] {
        let types = (65_280..65_380).flat_map(|code| [record(&crowded, code), record(&zone, 65_000)]);
        let reply = answering(types.collect());
        let question = Question::new(crowded.clone(), RecordType::Unknown(asked));
        let (clean, dropped) = scrub::reply(&zone, &question, reply, &limits, &|_| true);
        assert_eq!((clean.answer.is_some(), clean.spoilt), (asked == 65_290, asked != 65_290));
        let beyond = dropped
            .iter()
            .filter(|gone| matches!(gone.why, DropWhy::OverLimit { limit: Limit::TypesPerName, .. }))
            .map(|gone| &gone.owner);
        assert_eq!(beyond.collect::<Vec<_>>(), vec![&crowded; 80]);
    }
}

/// A record of the answer whose name cannot be read may be the one that was asked for, and a DNAME above that has no
/// target would lead to it: the reply is no denial (RFC 2308 §2.2 infers NODATA from an answer section without it).
/// Where it stands in another section it is.
#[test]
fn an_answer_that_cannot_be_read_is_no_denial() {
    let zone: Name = "zone.test".parse().unwrap();
    let asked = Question::new("www.zone.test".parse().unwrap(), RecordType::A);
    let (forward, to_itself, to_asked, to_zone) = (0xc0ff_u16, 0xc01f, 0xc00c, 0xc010);
    for (pointer, rtype, section, unusable) in [
        (forward, 1, 0, true),
        (to_itself, 1, 0, true),
        (forward, 1, 1, false),
        (forward, 1, 2, false),
        (to_asked, 5, 0, true),
        (to_zone, 5, 0, false),
        (to_zone, 39, 0, true),
    ] {
        let mut bytes = Vec::new();
        write_query(7, &asked, Flags::default().with_qr(true).with_aa(true), None, &mut bytes);
        bytes[7 + 2 * section] = 1;
        assert_eq!(bytes.len(), 0x1f);
        bytes.extend(pointer.to_be_bytes());
        bytes.extend_from_slice(&[0, rtype, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 1]);
        let reply = Reply::read(&bytes).unwrap();
        let (clean, _) = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| true);
        let verdict = judge::reply(&asked, &clean);
        assert_eq!(
            verdict,
            Verdict::Wrong(if unusable { Wrong::Unusable } else { Wrong::Bare }),
            "{pointer:x} {rtype}"
        );
    }
}

/// Wherever a reply is cut off, what is left of it says the same or is asked for again over TCP (RFC 2181 §9).
#[test]
fn a_reply_that_ends_anywhere_says_nothing_else() {
    let zone: Name = "zone.test".parse().unwrap();
    let asked = Question::new("www.sub.zone.test".parse().unwrap(), RecordType::A);
    let set = |owner: &str, rtype, rdata: &[u8]| RrSet::new(owner.parse().unwrap(), rtype, 60, [rdata]);
    let soa = || set("zone.test", RecordType::SOA, &[0; 22]);
    let ns = || set("sub.zone.test", RecordType::NS, b"\x02ns\x03sub\x04zone\x04test\0");
    let a = |owner| set(owner, RecordType::A, &[192, 0, 2, 1]);
    let alias = || set("www.sub.zone.test", RecordType::CNAME, b"\x01a\x04zone\x04test\0");
    for (aa, rcode, sections) in [
        (true, ResponseCode::NoError, [vec![a("www.sub.zone.test")], vec![], vec![]]),
        (true, ResponseCode::NoError, [vec![alias(), a("a.zone.test")], vec![], vec![]]),
        (true, ResponseCode::NoError, [vec![], vec![soa()], vec![]]),
        (true, ResponseCode::NXDomain, [vec![], vec![soa()], vec![]]),
        (false, ResponseCode::NoError, [vec![], vec![ns()], vec![a("ns.sub.zone.test")]]),
        (false, ResponseCode::BADVERS, [vec![], vec![], vec![]]),
    ] {
        let mut whole = Vec::new();
        let mut writer = Writer::new(7, Flags::default().with_qr(true).with_aa(aa).with_rcode(rcode), &mut whole);
        writer.set_rcode(rcode);
        writer.question(&asked);
        for (section, sets) in Section::ALL.into_iter().zip(&sections) {
            sets.iter().for_each(|set| writer.set(section, set, false).unwrap());
        }
        writer.opt(&Edns::new(1232, true));
        writer.finish();
        let judged = |len: usize| {
            let reply = Reply::read(&whole[..len]).ok()?;
            let (clean, _) = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| true);
            Some(match judge::reply(&asked, &clean) {
                Verdict::Referral { zone, servers, signed, .. } => Verdict::Referral { zone, servers, signed, glue: 0 },
                verdict => verdict,
            })
        };
        let all = judged(whole.len());
        for len in 0..whole.len() {
            let (part, is_code) = (judged(len), rcode == ResponseCode::BADVERS);
            // The upper bits of the code are in the OPT record: without it the reply is empty, and of no use either.
            let same = part.is_none() || part == Some(Verdict::Truncated) || part == all;
            assert!(same || is_code && part == Some(Verdict::Wrong(Wrong::Empty)), "{len}: {part:?}, not {all:?}");
        }
    }
}

/// What is taken of a reply with this answer and this authority to a question about a name in `zone.test`.
fn clean(asked: &Question, answer: Vec<Record>, authority: Vec<Record>) -> (Clean, Vec<Dropped>) {
    let reply = Reply { authority, ..answering(answer) };
    scrub::reply(&"zone.test.".parse().unwrap(), asked, reply, &SetLimits::default(), &|_| true)
}

fn question(name: &str, qtype: RecordType) -> Question {
    Question::new(name.parse().unwrap(), qtype)
}

fn one(owner: &str, rtype: RecordType, rdata: &[u8]) -> Record {
    Record { owner: owner.parse().unwrap(), rtype, class: DNSClass::IN, ttl_secs: 300, rdata: rdata.to_vec().into() }
}

fn to(owner: &str, rtype: RecordType, target: &str) -> Record {
    one(owner, rtype, target.parse::<Name>().unwrap().wire())
}

/// The start of a signature over a set of this type, told from others by its last octet.
fn sig(owner: &str, covered: RecordType, last: u8) -> Record {
    one(owner, RecordType::RRSIG, &[&u16::from(covered).to_be_bytes()[..], &[0; 16], &[0, last]].concat())
}

/// What one reply may cost (KeyTrap, CVE-2024-1737): aliases, signatures and octets, as many as may be and one more.
#[test]
fn a_reply_has_no_more_of_anything_than_may_be() {
    let asked = question("a0.zone.test", RecordType::A);
    let link = |nth| to(&format!("a{nth}.zone.test"), RecordType::CNAME, &format!("a{}.zone.test", nth + 1));
    let (long, _) = clean(&asked, (0..40).map(link).collect(), Vec::new());
    assert_eq!((long.chain.len(), long.end), (16, "a16.zone.test".parse().unwrap()));
    let sigs = (0..40).map(|nth| sig("a0.zone.test", RecordType::A, nth));
    let signed = [one("a0.zone.test", RecordType::A, &[192, 0, 2, 1])].into_iter().chain(sigs).collect();
    assert_eq!(clean(&asked, signed, Vec::new()).0.answer.unwrap().sigs.len(), 8);
    let most = SetLimits::default().bytes;
    for (octets, limit) in [(most, None), (most + 1, Some(Limit::BytesPerSet))] {
        let asked = question("a0.zone.test", RecordType::TXT);
        let (large, dropped) = clean(&asked, vec![one("a0.zone.test", RecordType::TXT, &vec![0; octets])], Vec::new());
        let over = dropped.iter().find_map(|gone| match gone.why {
            DropWhy::OverLimit { limit, .. } => Some(limit),
            _ => None,
        });
        assert_eq!((large.answer.is_some(), large.spoilt, over), (limit.is_none(), limit.is_some(), limit));
        // At the end of an alias it is asked for again, at the name that it has.
        let behind = vec![
            to("b.zone.test", RecordType::CNAME, "a0.zone.test"),
            one("a0.zone.test", RecordType::TXT, &vec![0; octets]),
        ];
        let asked = question("b.zone.test", RecordType::TXT);
        assert!(!clean(&asked, behind, Vec::new()).0.spoilt);
    }
}

/// RFC 2181 §5.2: the least TTL is that of the set, whichever record has it.
#[test]
fn a_set_lives_as_long_as_the_first_of_its_records() {
    let record = |ttl_secs, last| Record { ttl_secs, ..one("www.zone.test", RecordType::A, &[192, 0, 2, last]) };
    for ttls_secs in [[60, 300, 200], [200, 60, 300], [300, 200, 60]] {
        let answer = ttls_secs.into_iter().zip(1..).map(|(ttl_secs, last)| record(ttl_secs, last)).collect();
        let (clean, _) = clean(&question("www.zone.test", RecordType::A), answer, Vec::new());
        assert_eq!(clean.answer.unwrap().ttl_secs, 60);
    }
}

/// Records of another class, and a signature without what it signs, are no data: the denial beside them stands.
#[test]
fn what_is_no_data_of_the_name_does_not_make_a_denial_doubtful() {
    let alone = sig("www.zone.test", RecordType::A, 0);
    let chaos = Record { class: DNSClass::CH, ..one("www.zone.test", RecordType::A, &[192, 0, 2, 1]) };
    let asked = question("www.zone.test", RecordType::A);
    // Nobody denies anything where there is nothing else.
    let (other, _) = clean(&asked, vec![chaos.clone()], Vec::new());
    assert_eq!(judge::reply(&asked, &other), Verdict::Wrong(Wrong::Unusable));
    for odd in [alone, chaos] {
        let soa = one("zone.test", RecordType::SOA, &[0; 22]);
        let (clean, dropped) = clean(&asked, vec![odd.clone()], vec![soa]);
        assert!(clean.answer.is_none() && !clean.spoilt && is_gone(&dropped, &odd), "{odd:?}");
        assert_eq!(judge::reply(&asked, &clean), Verdict::NoData);
    }
}

/// RFC 4035 §3.1.4.1: the DS set of a zone above says nothing of a name below it.
#[test]
fn the_ds_set_in_a_referral_answers_for_the_zone_that_it_names() {
    for (name, answers) in [("sub.zone.test", true), ("www.sub.zone.test", false)] {
        let ns = to("sub.zone.test", RecordType::NS, "ns.other.test");
        let ds = one("sub.zone.test", RecordType::DS, &[0, 1, 13, 2, 0]);
        let (clean, _) = clean(&question(name, RecordType::DS), Vec::new(), vec![ns, ds]);
        assert_eq!((clean.answer.is_some(), clean.referral.is_some()), (answers, !answers), "{name}");
    }
}

/// Addresses count for the servers that a reply names, in the class of these.
#[test]
fn nothing_but_the_address_of_a_server_is_glue() {
    let address = || one("ns.zone.test", RecordType::A, &[192, 0, 2, 1]);
    let chaos = || Record { class: DNSClass::CH, ..address() };
    for (qtype, additional, glue) in
        [(RecordType::NS, address(), 1), (RecordType::NS, chaos(), 0), (RecordType::PTR, address(), 0)]
    {
        let answer = vec![to("zone.test", qtype, "NS.zone.test")];
        let reply = Reply { additional: vec![additional], ..answering(answer) };
        let zone: Name = "zone.test.".parse().unwrap();
        let asked = Question::new(zone.clone(), qtype);
        let (clean, _) = scrub::reply(&zone, &asked, reply, &SetLimits::default(), &|_| true);
        assert_eq!((clean.answer.is_some(), clean.glue.len()), (true, glue), "{qtype}");
    }
}

/// RFC 6672 §3.1: what a DNAME makes of the name is what it says, whatever the server has made of it.
#[test]
fn the_cname_below_a_dname_is_made_here() {
    let dname = || to("zone.test", RecordType::DNAME, "other.test");
    let false_cname = to("www.zone.test", RecordType::CNAME, "victim");
    for answer in [vec![dname()], vec![false_cname.clone(), dname()], vec![dname(), false_cname]] {
        for qtype in [RecordType::CNAME, RecordType::A] {
            let (clean, _) = clean(&question("www.zone.test", qtype), answer.clone(), Vec::new());
            let made = clean.chain.iter().chain(&clean.answer).find(|set| set.rtype == RecordType::CNAME);
            assert_eq!(made.and_then(|set| set.targets().next()), Some("www.other.test".parse().unwrap()), "{qtype}");
        }
    }
    // An alias where it leads is an answer to ANY, as any other set is.
    let within =
        vec![to("sub.zone.test", RecordType::DNAME, "zone.test"), to("www.zone.test", RecordType::CNAME, "victim")];
    let (clean, _) = clean(&question("www.sub.zone.test", RecordType::ANY), within, Vec::new());
    assert_eq!((clean.end, clean.answer.unwrap().rtype), ("www.zone.test".parse().unwrap(), RecordType::CNAME));
}

/// RFC 4035 §2.2: the signature over a DNAME is one of the signatures at its own name, and belongs to the DNAME where
/// that leads elsewhere.
#[test]
fn signatures_that_were_asked_for_are_those_at_the_name() {
    let all = [sig("zone.test", RecordType::DNAME, 1), sig("zone.test", RecordType::SOA, 2)];
    let (clean, _) = clean(&question("zone.test", RecordType::RRSIG), all.into(), Vec::new());
    assert_eq!(clean.answer.map(|set| set.rdatas.len()), Some(2));
}
