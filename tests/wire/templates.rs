//! Answers ready to send, at every limit.

use proptest::collection::vec;
use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest};
use rootwalk::wire::{Ede, Edns, Extras, Flags, Name, PlainAnswer, QueryView, Question, Record, RecordType, Reply};
use rootwalk::wire::{ResponseCode, RrSet, Section, Sections, Template, Writer, write_query};

use super::strategies::{question, seeded, set};

/// How many whole sets the records are; `None` when the last one is in parts.
fn whole_sets(records: &[Record], sets: &[RrSet], dnssec_ok: bool) -> Option<usize> {
    let mut rest = records;
    for (nth, set) in sets.iter().enumerate() {
        if rest.is_empty() {
            return Some(nth);
        }
        let sigs = set.sigs.iter().map(|rdata| (RecordType::RRSIG, rdata)).filter(|_| dnssec_ok);
        let members: Vec<_> = set.rdatas.iter().map(|rdata| (set.rtype, rdata)).chain(sigs).collect();
        let (mine, others) = rest.split_at_checked(members.len())?;
        let alike = |(record, (rtype, rdata)): (&Record, &(RecordType, &[u8]))| {
            record.owner == set.owner && record.rtype == *rtype && record.rdata.eq_ignore_ascii_case(rdata)
        };
        // Addresses take turns.
        let (addresses, sigs) = members.split_at(if set.rtype == RecordType::A { set.rdatas.len() } else { 0 });
        let (own, others_of_set) = mine.split_at(addresses.len());
        let are_alike = |records: &[Record], members: &[_]| records.iter().zip(members).all(alike);
        let turned = |by: usize| [&addresses[by..], &addresses[..by]].concat();
        let is_turned = (0..=addresses.len()).any(|by| are_alike(own, &turned(by)));
        if !is_turned || !are_alike(others_of_set, sigs) {
            return None;
        }
        rest = others;
    }
    rest.is_empty().then_some(sets.len())
}

proptest! {
    #![proptest_config(seeded(24))]

    /// What is written from a set is what is copied from a template, compression aside.
    #[test]
    fn a_plain_answer_says_what_a_template_would(
        set in set(),
        edns in proptest::option::of(any::<bool>()),
        (ad, rd, cd) in any::<(bool, bool, bool)>(),
        option in vec(any::<u8>(), 0..227),
    ) {
        prop_assume!(PlainAnswer::fits(&set));
        let question = Question::new(set.owner.clone(), set.rtype);
        let sections = Sections { answer: std::slice::from_ref(&set), ..Sections::default() };
        let template = Template::build(&question, ResponseCode::NoError, &sections, edns == Some(true));
        let mut bytes = Vec::new();
        let edns = edns.map(|dnssec_ok| Edns::new(4096, dnssec_ok));
        write_query(7, &question, Flags::default().with_rd(rd).with_cd(cd), edns.as_ref(), &mut bytes);
        let query = QueryView::read(&bytes).expect("a good query");
        let extras = Extras { ad, options: &[(3, &option)], udp_size: 1232, ..Extras::default() };
        let plain = PlainAnswer { ttl_secs: set.ttl_secs, rdatas: set.rdatas.block(), sigs: set.sigs.block() };
        let [mut written, mut whole, mut copied] = [const { Vec::new() }; 3];
        plain.respond(&query, &extras, 512, &mut written);
        plain.respond(&query, &extras, 65_535, &mut whole);
        template.respond(&query, 0, &extras, 512, &mut copied);
        prop_assert!(written.len() <= 512);
        let read = |bytes: &[u8]| {
            let mut reply = Reply::read(bytes).expect("readable");
            // A name that is compressed takes the case of what it points to.
            reply.answer.iter_mut().for_each(|record| record.rdata.make_ascii_lowercase());
            reply
        };
        if whole.len() <= 512 {
            prop_assert_eq!(read(&written), read(&copied));
        } else {
            let (cut, copied) = (read(&written), read(&copied));
            prop_assert!(cut.flags.tc() && cut.answer.is_empty());
            prop_assert_eq!((cut.question, cut.edns), (copied.question, copied.edns));
        }
    }

    /// RFC 8467 §4.1: a multiple of 468 octets, and no more than there must be; nothing else about it changes.
    #[test]
    fn a_padded_response_tells_nothing_by_its_length(
        question in question(),
        answer in vec(set(), 0..12),
        sentence in 0..1000_usize,
        options in vec((20_000_u16..20_004, vec(any::<u8>(), 0..40)), 0..3),
    ) {
        let sections = Sections { answer: &answer, ..Sections::default() };
        let template = Template::build(&question, ResponseCode::NoError, &sections, true);
        let mut bytes = Vec::new();
        write_query(7, &question, Flags::default(), Some(&Edns::new(4096, true)), &mut bytes);
        let query = QueryView::read(&bytes).expect("a good query");
        let (edes, options): (_, Vec<_>) =
            ([Ede::new(22, "x".repeat(sentence))], options.iter().map(|(code, data)| (*code, &data[..])).collect());
        let (mut bare, mut full) = (Vec::new(), Vec::new());
        for (padded, out) in [(false, &mut bare), (true, &mut full)] {
            let extras = Extras { edes: &edes, options: &options, udp_size: 1232, padded, ..Extras::default() };
            // What stands before it is left alone.
            out.extend_from_slice(&[7; 9]);
            template.respond(&query, 0, &extras, 65_535, out);
            out.drain(..9);
        }
        let longest = bare.len() > 65_535 - 468;
        prop_assert!(full.len().is_multiple_of(468) || longest);
        prop_assert!((4..4 + 468).contains(&(full.len() - bare.len())) || longest);
        let (bare, mut full) = (Reply::read(&bare).expect("readable"), Reply::read(&full).expect("readable"));
        let padding = full.edns.as_mut().and_then(|edns| edns.options.pop()).expect("padding");
        prop_assert!(padding.code == 12 && padding.data.iter().all(|octet| *octet == 0), "the last one");
        prop_assert_eq!(bare, full);
    }

    #[test]
    fn responses_are_valid_at_every_limit(
        question in question(),
        answer in vec(set(), 0..8),
        authority in vec(set(), 0..4),
        additional in vec(set(), 0..6),
        edns in proptest::option::of(any::<bool>()),
        lens in [(); 2].map(|()| prop_oneof![Just(0_usize), 1..60_usize, 400..700_usize]),
        age_secs in prop_oneof![Just(0), 0..200_000_u32],
    ) {
        let dnssec_ok = edns == Some(true);
        let sections =
            Sections { answer: &answer, authority: &authority, additional: &additional, ..Sections::default() };
        let template = Template::build(&question, ResponseCode::NXDomain, &sections, dnssec_ok);
        let mut bytes = Vec::new();
        let edns = edns.map(|dnssec_ok| Edns::new(4096, dnssec_ok));
        write_query(7, &question, Flags::default().with_rd(true), edns.as_ref(), &mut bytes);
        let query = QueryView::read(&bytes).expect("a good query");
        let edes = [Ede::new(22, "x".repeat(lens[0])), Ede::new(23, "x".repeat(lens[1]))];
        let extras = Extras { edes: &edes, options: &[(10, b"cookie")], udp_size: 1232, ..Extras::default() };
        let (mut last, mut last_count, mut wanted) = (Vec::new(), 0, usize::MAX);
        for limit in 12..=4096 {
            let mut out = Vec::new();
            template.respond(&query, age_secs, &extras, limit, &mut out);
            prop_assert!(out.len() <= limit.max(512));
            if out == last {
                prop_assert!(limit.max(512) < wanted, "another sentence fits");
                continue;
            }
            wanted = usize::MAX;
            let reply = Reply::read(&out).expect("readable");
            prop_assert_eq!(&*reply.damage, &[][..]);
            prop_assert_eq!((reply.rcode, reply.question.as_ref()), (ResponseCode::NXDomain, Some(&question)));
            prop_assert_eq!(reply.edns.is_some(), edns.is_some());
            // RFC 8914 §3: extended errors go before records do.
            let codes = reply.edns.as_ref().map_or(2, |edns| edns.edes().count());
            let kept_lens: Vec<_> = reply.edns.iter().flat_map(Edns::edes).map(|ede| ede.text.len()).collect();
            let sentences: usize = kept_lens.iter().sum();
            let kept = [(&reply.answer, &answer), (&reply.authority, &authority), (&reply.additional, &additional)]
                .map(|(records, sets)| whole_sets(records, sets, dnssec_ok));
            let [Some(of_answer), Some(of_authority), Some(of_additional)] = kept else {
                panic!("a set is in parts: {kept:?}")
            };
            let complete = (of_answer, of_authority) == (answer.len(), authority.len());
            prop_assert_eq!(reply.flags.tc(), !complete || codes < 2);
            prop_assert!(complete || codes == 0 || edns.is_none());
            // Their sentences before them, the last first.
            prop_assert!(codes == 2 || sentences == 0);
            if codes == 2 && edns.is_some() {
                let count = (0..2).rev().find(|nth| kept_lens[*nth] > 0).map_or(0, |nth| nth + 1);
                prop_assert_eq!(&kept_lens[..count], &lens[..count]);
                let next = lens[count..].iter().find(|len| **len > 0);
                wanted = next.map_or(usize::MAX, |len| out.len() + len);
            }
            prop_assert!(complete || of_additional == 0);
            prop_assert!(of_answer == answer.len() || of_authority == 0);
            let ttls = answer.iter().take(of_answer).flat_map(|set| set.rdatas.iter().map(|_| set.ttl_secs));
            let first = ttls.map(|ttl| ttl.saturating_sub(age_secs)).next();
            prop_assert_eq!(reply.answer.first().map(|record| record.ttl_secs), first);
            last_count = of_answer + of_authority + of_additional;
            last = out;
        }
        // At the largest limit of all, everything is there.
        let mut out = Vec::new();
        template.respond(&query, age_secs, &extras, 65_535, &mut out);
        let reply = Reply::read(&out).expect("readable");
        prop_assert!(!reply.flags.tc() && last_count <= answer.len() + authority.len() + additional.len());
        prop_assert_eq!(whole_sets(&reply.additional, &additional, dnssec_ok), Some(additional.len()));
        prop_assert!(reply.edns.is_none_or(|edns| edns.edes().eq(edes)));
    }

    /// A set that finds no room is taken back with every place that later names could point to, and names beyond the
    /// reach of a pointer (16 KiB) are written in full.
    #[test]
    fn sets_that_find_no_room_leave_no_trace(
        question in question(),
        padding in prop_oneof![Just(0_usize), 15_000..17_000_usize],
        sets in vec(set(), 1..40),
        room in 0..3000_usize,
    ) {
        let mut bytes = b"prefix".to_vec();
        let mut writer = Writer::new(7, Flags::default(), &mut bytes);
        writer.question(&question);
        let padding = RrSet::new(question.name, RecordType::Unknown(65280), 1, [&vec![0; padding][..]]);
        writer.set(Section::Answer, &padding, false).expect("there is room");
        let limit = writer.octets() + room;
        writer.set_limit(limit);
        let kept: Vec<_> = sets.iter().filter(|set| writer.set(Section::Authority, set, true).is_ok()).cloned().collect();
        writer.finish();
        let reply = Reply::read(&bytes[6..]).expect("readable");
        prop_assert!(bytes.len() - 6 <= limit);
        prop_assert_eq!(&*reply.damage, &[][..]);
        prop_assert_eq!(whole_sets(&reply.authority, &kept, true), Some(kept.len()));
    }
}

/// More than fits into any message: TC, and still whole sets.
#[test]
fn an_answer_larger_than_a_message_is_truncated() {
    let owner: Name = "big.example".parse().expect("a name");
    let half = vec![0_u8; 40_000];
    let sets = [1, 2].map(|_| RrSet::new(owner.clone(), RecordType::Unknown(65280), 60, [&half[..]]));
    let question = Question::new(owner, RecordType::Unknown(65280));
    let template =
        Template::build(&question, ResponseCode::NoError, &Sections { answer: &sets, ..Sections::default() }, false);
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    write_query(7, &question, Flags::default(), None, &mut bytes);
    let query = QueryView::read(&bytes).expect("a good query");
    template.respond(&query, 0, &Extras::default(), 65_535, &mut out);
    let reply = Reply::read(&out).expect("readable");
    assert_eq!((reply.flags.tc(), reply.answer.len(), reply.damage.len()), (true, 1, 0));
}

/// RFC 4035 §3.2.1: an NSEC record is for those who asked for it, or set DO.
#[test]
fn proofs_of_absence_are_for_those_who_can_check_them() {
    let set = |rtype, rdata: &[u8]| RrSet::new("example".parse().expect("a name"), rtype, 60, [rdata]);
    let (soa, nsec) = (set(RecordType::SOA, &[0; 22]), set(RecordType::NSEC, &[0, 0, 1, 0x40]));
    let nsec3 = set(RecordType::NSEC3, &[1, 0, 0, 0, 0, 1, 7, 0, 1, 0x40]);
    let (answer, authority) = ([nsec.clone()], [soa, nsec, nsec3]);
    let sections = Sections { answer: &answer, authority: &authority, ..Sections::default() };
    let question = Question::new("example".parse().expect("a name"), RecordType::NSEC);
    for (dnssec_ok, proofs) in [(false, 0), (true, 2)] {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        write_query(7, &question, Flags::default(), Some(&Edns::new(1232, dnssec_ok)), &mut bytes);
        let query = QueryView::read(&bytes).expect("a good query");
        let template = Template::build(&question, ResponseCode::NoError, &sections, dnssec_ok);
        template.respond(&query, 0, &Extras { udp_size: 1232, ..Extras::default() }, 1232, &mut out);
        let reply = Reply::read(&out).expect("readable");
        assert_eq!((reply.answer.len(), reply.authority.len()), (1, 1 + proofs), "DO: {dnssec_ok}");
    }
}

/// What a response says is good for as long as the record that ends first; where it says nothing, for no time.
#[test]
fn a_response_lives_as_long_as_what_it_says() {
    let owner: Name = "example".parse().expect("a name");
    let set = |ttl_secs| RrSet::new(owner.clone(), RecordType::A, ttl_secs, [&[192, 0, 2, 1][..]]);
    let (answer, authority, additional) = ([set(60), set(50)], [set(70)], [set(10)]);
    let question = Question::new(owner.clone(), RecordType::A);
    let lives =
        |sections: &Sections<'_>| Template::build(&question, ResponseCode::NoError, sections, true).min_ttl_secs();
    assert_eq!(
        lives(&Sections { answer: &answer, authority: &authority, additional: &additional, ..Sections::default() }),
        50
    );
    assert_eq!(lives(&Sections { authority: &authority, ..Sections::default() }), 70);
    assert_eq!(lives(&Sections::default()), 0);
}

/// Additional sets are dropped in silence where they do not fit, and later ones may fit; their TTLs age once.
#[test]
fn an_additional_set_too_large_is_passed_over() {
    let owner: Name = "big.example".parse().expect("a name");
    let half = vec![0_u8; 40_000];
    let set = |rdata: &[u8]| RrSet::new(owner.clone(), RecordType::Unknown(65280), 60, [rdata]);
    let additional = [set(&half), set(&half), set(&[1])];
    let sections = Sections { additional: &additional, ..Sections::default() };
    let question = Question::new(owner.clone(), RecordType::A);
    let template = Template::build(&question, ResponseCode::NoError, &sections, false);
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    write_query(7, &question, Flags::default(), None, &mut bytes);
    let query = QueryView::read(&bytes).expect("a good query");
    template.respond(&query, 20, &Extras::default(), 65_535, &mut out);
    let reply = Reply::read(&out).expect("readable");
    let kept: Vec<_> = reply.additional.iter().map(|record| (record.ttl_secs, record.rdata.len())).collect();
    assert_eq!((reply.flags.tc(), kept), (false, vec![(40, 40_000), (40, 1)]));
}

/// Many clients use the first address alone: each has its turn, and all are there. Other records keep their order.
#[test]
fn addresses_take_turns() {
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let (asked, target) = (name("www.example."), name("a.long.way.example."));
    for (rtype, len) in [(RecordType::A, 4), (RecordType::AAAA, 16), (RecordType::TXT, 4)] {
        for count in 1..=5_u8 {
            let datas: Vec<Vec<u8>> = (0..count).map(|nth| [3, nth, nth, nth].repeat(len / 4)).collect();
            let set = |owner: &Name| RrSet::new(owner.clone(), rtype, 60, datas.iter().map(Vec::as_slice));
            let alias = RrSet::new(asked.clone(), RecordType::CNAME, 60, [target.wire()]);
            let (own, mut far) = (set(&asked), set(&target));
            far.sigs = [[&[0; 18][..], &[0], &[7; 9]].concat().as_slice()].into_iter().collect();
            let question = Question::new(asked.clone(), rtype);
            let answer = [alias, far];
            let sections = Sections { answer: &answer, ..Sections::default() };
            let template = Template::build(&question, ResponseCode::NoError, &sections, true);
            for id in 0..20_u16 {
                let (mut bytes, mut out, mut behind) = (Vec::new(), Vec::new(), Vec::new());
                write_query(id, &question, Flags::default(), Some(&Edns::new(1232, true)), &mut bytes);
                let query = QueryView::read(&bytes).expect("a good query");
                let plain = PlainAnswer { ttl_secs: 60, rdatas: own.rdatas.block(), sigs: &[] };
                plain.respond(&query, &Extras::default(), 1232, &mut out);
                template.respond(&query, 0, &Extras::default(), 1232, &mut behind);
                let first = if rtype == RecordType::TXT { 0 } else { usize::from(id) % datas.len() };
                let turned: Vec<_> = datas[first..].iter().chain(&datas[..first]).collect();
                for message in [out, behind] {
                    let reply = Reply::read(&message).expect("readable");
                    assert_eq!(*reply.damage, []);
                    let told = reply.answer.iter().filter(|record| record.rtype == rtype);
                    assert!(told.map(|record| &*record.rdata).eq(turned.iter().map(|data| &***data)), "{rtype} {id}");
                }
            }
        }
    }
}
