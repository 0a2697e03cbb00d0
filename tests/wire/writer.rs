//! What is written, octet by octet: how far names are compressed, and what finds room.

use rootwalk::wire::{Edns, EdnsOption, Flags, Name, Question, RecordType, Reply, RrSet, Section, Writer, write_query};

const TXT: RecordType = RecordType::TXT;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn one(owner: &str, rtype: u16, rdata: &[u8]) -> RrSet {
    RrSet::new(name(owner), RecordType::from(rtype), 60, [rdata])
}

/// The octets that a message with these sets has behind its header.
fn written(sets: &[RrSet]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(7, Flags::default(), &mut bytes);
    for set in sets {
        writer.set(Section::Answer, set, true).expect("there is room");
    }
    writer.finish();
    bytes.split_off(12)
}

fn wire(text: &str) -> Vec<u8> {
    name(text).wire().to_vec()
}

/// Type, class, TTL and the length of the data.
const FIXED: usize = 10;

/// RFC 1035 §4.1.4: what stands before is one pointer, wherever it ends, if that is in another pointer.
#[test]
fn the_longest_tail_that_stands_before_is_a_pointer() {
    let owners = ["example", "a.example", "b.a.example", "b.a.example", "A.Example", "c.B.a.example"];
    let new = ["example.".len() + 1, 2 + 2, 2 + 2, 2, 2, 2 + 2];
    for count in 0..=owners.len() {
        let sets: Vec<_> = owners[..count].iter().map(|owner| one(owner, 16, b"\x01x")).collect();
        let octets: usize = new[..count].iter().map(|owner| owner + FIXED + 2).sum();
        assert_eq!(written(&sets).len(), octets, "{:?}", &owners[..count]);
    }
}

/// A pointer to the root would be longer than the root.
#[test]
fn names_that_share_the_root_alone_are_written_in_full() {
    let sets = ["one", "two.three", ".", "four", "."].map(|owner| one(owner, 16, b"\x01x"));
    let octets: usize = sets.iter().map(|set| set.owner.wire().len() + FIXED + 2).sum();
    assert_eq!(written(&sets).len(), octets);
}

#[test]
fn all_names_of_the_data_are_compressed_and_nothing_else_is() {
    let numbers = *b"\x12abcdefghijklmnopqr\0";
    let owner = "abcdefghijklmnopqr";
    assert_eq!(wire(owner), numbers);
    // The numbers of the SOA record are the octets of a name that stands before.
    let soa = [&wire("ns.abcdefghijklmnopqr")[..], &wire("ns.abcdefghijklmnopqr"), &numbers].concat();
    let octets = written(&[one(owner, 6, &soa)]);
    assert_eq!(octets.len(), numbers.len() + FIXED + (3 + 2) + 2 + 20);
    assert!(octets.ends_with(&numbers));
    // MINFO.
    let both = [wire(owner), wire(owner)].concat();
    assert_eq!(written(&[one(owner, 14, &both)]).len(), numbers.len() + FIXED + 2 + 2);
}

/// Servers of the lab can send such.
#[test]
fn data_of_the_wrong_shape_goes_out_whole() {
    for (rtype, rdata) in
        [(5, &b"\x01x\0more"[..]), (6, b"\x01x\0\x01y\0 short"), (14, b"\x01x\0"), (15, b"\0"), (2, b"")]
    {
        let octets = written(&[one("owner", rtype, rdata)]);
        assert!(octets.ends_with(rdata) && octets.len() == 7 + FIXED + rdata.len(), "type {rtype}: {octets:?}");
    }
}

#[test]
fn a_set_may_fill_its_room_to_the_last_octet() {
    let set = RrSet::new(name("x"), TXT, 60, [&b"\x01x"[..], b"\x01y"]);
    let octets = 12 + written(std::slice::from_ref(&set)).len();
    for (room, fits) in [(octets - 1, false), (octets, true)] {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(7, Flags::default(), &mut bytes);
        writer.set_limit(room);
        assert_eq!(writer.set(Section::Answer, &set, true).is_ok(), fits);
        assert_eq!(writer.octets(), if fits { octets } else { 12 });
    }
}

/// RFC 1035 §4.2.2: the length of a message has two octets.
#[test]
fn no_limit_is_above_what_tcp_carries() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(7, Flags::default(), &mut bytes);
    writer.set_limit(usize::MAX);
    let set = one(".", 65280, &[0; 40_000]);
    assert!(writer.set(Section::Answer, &set, true).is_ok());
    assert!(writer.set(Section::Answer, &set, true).is_err());
}

/// What stands there by now may be data that looks like the name.
#[test]
fn nothing_points_to_what_was_taken_back() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(7, Flags::default(), &mut bytes);
    writer.set_limit(100);
    let servers = ["far.lost", "a-much-longer-one.example", "and-one-more.example", "and-the-last.example"].map(wire);
    let lost = RrSet::new(Name::root(), RecordType::NS, 60, servers.iter().map(Vec::as_slice));
    assert!(writer.set(Section::Answer, &lost, true).is_err());
    writer.set(Section::Answer, &one(".", 65280, &wire("far.lost")), true).expect("there is room");
    let before = writer.octets();
    writer.set(Section::Answer, &one("far.lost", 65280, &[]), true).expect("there is room");
    assert_eq!(writer.octets() - before, wire("far.lost").len() + FIXED);
}

/// RFC 6891 §6.1.2: the length of all options has two octets.
#[test]
fn options_that_find_no_room_in_their_record_are_left_out() {
    let option = |code, octets| EdnsOption { code, data: vec![0; octets].into() };
    let question = Question::new(name("x"), RecordType::A);
    let first = 4 + 1;
    for (octets, kept) in [(65_535 - first - 4, 2), (65_535 - first - 3, 1), (65_536, 1)] {
        let options = [option(65001, 1), option(65002, octets), option(65003, 1)].into_iter().collect();
        let mut bytes = Vec::new();
        write_query(7, &question, Flags::default(), Some(&Edns { options, ..Edns::new(1232, false) }), &mut bytes);
        let reply = Reply::read(&bytes).expect("readable");
        assert_eq!((reply.edns.map(|edns| edns.options.len()), &*reply.damage), (Some(kept), &[][..]), "{octets}");
    }
}
