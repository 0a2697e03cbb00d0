//! Whatever comes in: no panic, bounded work, and what was written is read.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use rootwalk::wire::{
    Damage, Extras, Fault, Flags, QueryView, Question, Record, Reply, ResponseCode, answer_bad, text, write_query,
};

use super::strategies::{data, edns, mutated, parts, question, seeded, write};

fn same(ours: &[Record], theirs: &[Record]) -> bool {
    // Compression may take a name in other letters' case.
    let alike = |a: &Record, b: &Record| {
        let heads = (&a.owner, a.rtype, a.class, a.ttl_secs) == (&b.owner, b.rtype, b.class, b.ttl_secs);
        heads && a.rdata.eq_ignore_ascii_case(&b.rdata)
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| alike(a, b))
}

fn check_reading(bytes: &[u8]) {
    if let Ok(reply) = Reply::read(bytes) {
        for record in reply.answer.iter().chain(&reply.authority).chain(&reply.additional) {
            let line = text::record_text(record).to_string();
            assert!(line.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{line}");
        }
    }
    match QueryView::read(bytes) {
        Ok(view) => {
            assert_eq!(view.question_bytes().len(), view.qname().wire().len() + 4);
            let options = view.edns().map_or(0, |edns| edns.options().map(|(_, data)| 4 + data.len()).sum());
            assert!(options <= bytes.len());
        }
        Err(bad) => {
            let mut out = Vec::new();
            answer_bad(bytes, ResponseCode::FormErr, &Extras::default(), &mut out);
            assert!(out.len() <= 512, "{bad}");
            assert_eq!(out.is_empty(), bytes.len() < 12);
            assert!(out.is_empty() || Reply::read(&out).is_ok_and(|reply| reply.damage.is_empty() && reply.flags.qr()));
        }
    }
}

proptest! {
    #![proptest_config(seeded(256))]

    #[test]
    fn random_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        check_reading(&bytes);
    }

    #[test]
    fn mutated_messages_are_read_or_refused(bytes in mutated(prop_oneof![
        parts(data().boxed()).prop_map(|parts| write(&parts)),
        (question(), edns()).prop_map(|(question, edns)| query(&question, &edns)),
    ])) {
        check_reading(&bytes);
    }

    #[test]
    fn what_was_written_is_read(parts in parts(data().boxed())) {
        let reply = Reply::read(&write(&parts)).expect("readable");
        prop_assert_eq!(&*reply.damage, &[][..]);
        prop_assert_eq!((reply.id, reply.flags), (parts.id, parts.flags));
        prop_assert!(reply.question.is_some_and(|question| question.name.wire() == parts.question.name.wire()));
        prop_assert_eq!(reply.edns, parts.edns);
        let [answer, authority, additional] = parts.sections;
        prop_assert!(same(&reply.answer, &answer), "{:?}", reply.answer);
        prop_assert!(same(&reply.authority, &authority), "{:?}", reply.authority);
        prop_assert!(same(&reply.additional, &additional), "{:?}", reply.additional);
    }

    /// A single bad record costs itself alone.
    #[test]
    fn one_odd_record_never_loses_the_rest(parts in parts(data().boxed()), at in any::<proptest::sample::Index>()) {
        let mut parts = parts;
        let good = parts.sections[0].clone();
        let at = at.index(good.len() + 1);
        let odd = Record { rtype: 1.into(), rdata: [1, 2, 3].into(), ..parts_record() };
        parts.sections[0].insert(at, odd);
        let reply = Reply::read(&write(&parts)).expect("readable");
        prop_assert!(same(&reply.answer, &good));
        prop_assert!(matches!(&*reply.damage, [Damage::Record { .. }]), "{:?}", reply.damage);
    }
}

fn parts_record() -> Record {
    let owner = "odd.example".parse().expect("a name");
    Record { owner, rtype: 1.into(), class: 1.into(), ttl_secs: 1, rdata: [].into() }
}

fn query(question: &Question, edns: &rootwalk::wire::Edns) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_query(7, question, Flags::default().with_rd(true), Some(edns), &mut bytes);
    bytes
}

/// The worst that 64 KiB can be: as many records as fit, each with a long chain of pointers. What bounds the space
/// bounds the time as well.
#[test]
fn the_worst_message_is_read_in_bounded_space() {
    let mut bytes = vec![0, 1, 0x80, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    // Names of up to 100 labels, each followed by a pointer to the one before, inside the data of a first record.
    let mut chain = vec![0_u8];
    let base = u16::try_from(bytes.len() + 11).expect("small");
    let mut last = base;
    for _ in 0..100 {
        let here = base + u16::try_from(chain.len()).expect("small");
        chain.extend_from_slice(&[1, b'x']);
        chain.extend_from_slice(&(0xc000 | last).to_be_bytes());
        last = here;
    }
    bytes.extend_from_slice(&[0, 0xff, 1, 0, 1, 0, 0, 0, 0]);
    bytes.extend_from_slice(&u16::try_from(chain.len()).expect("small").to_be_bytes());
    bytes.extend_from_slice(&chain);
    while bytes.len() < 65_500 {
        bytes.extend_from_slice(&(0xc000 | last).to_be_bytes());
        bytes.extend_from_slice(&[0, 2, 0, 1, 0, 0, 0, 0, 0, 2]);
        bytes.extend_from_slice(&(0xc000 | last).to_be_bytes());
    }
    let reply = Reply::read(&bytes).expect("readable");
    let octets: usize = reply.answer.iter().map(|record| record.owner.wire().len() + record.rdata.len()).sum();
    // Each name that was read has cost a hundred pointers, and no more are followed than there are octets.
    assert!(octets <= 1 << 18 && reply.answer.len() <= bytes.len() / 100, "{} records", reply.answer.len());
    let (last, records) = reply.damage.split_last().expect("most of it is left out");
    assert!(matches!(last, Damage::TooMuch { .. }), "{last:?}");
    assert!(records.iter().all(|damage| matches!(damage, Damage::Record { why: Fault::Pointers, .. })));
}

/// A header that promises much allocates nothing for it.
#[test]
fn counts_are_not_trusted() {
    let bytes = [0, 1, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let reply = Reply::read(&bytes).expect("readable");
    assert_eq!(reply.answer.capacity() + reply.authority.capacity() + reply.additional.capacity(), 0);
    assert!(matches!(&*reply.damage, [Damage::CutShort { missing: 65535, .. }]), "{:?}", reply.damage);
}
