//! The borders of what is taken: names, pointers, OPT records, room.

use std::collections::HashSet;

use rootwalk::wire::{
    BadQuery, Damage, Ede, Edns, EdnsOption, Extras, Fault, Flags, Name, NameError, QueryFault, QueryView, Question,
    RecordType, Reply, ResponseCode, RrSet, Sections, Template, Unreadable, answer_bad, spot_opt, write_query,
};

/// A response with the question `x. A` (names begin at 12) and these octets as its only record, or more by `counts`.
fn response(counts: [u8; 3], records: &[u8]) -> Reply {
    let header = [0, 7, 0x80, 0, 0, 1, 0, counts[0], 0, counts[1], 0, counts[2]];
    let bytes = [&header[..], b"\x01x\0\0\x01\0\x01", records].concat();
    Reply::read(&bytes).expect("header and question are good")
}

fn faults(reply: &Reply) -> Vec<Fault> {
    let why = |damage: &Damage| match damage {
        Damage::Record { why, .. } => *why,
        other => panic!("{other:?}"),
    };
    reply.damage.iter().map(why).collect()
}

/// A query with the name in wire form and these octets behind the question.
fn query(name: &[u8], counts: [u8; 3], records: &[u8]) -> Vec<u8> {
    let header = [0, 7, 1, 0, 0, 1, 0, counts[0], 0, counts[1], 0, counts[2]];
    [&header[..], name, b"\0\x01\0\x01", records].concat()
}

fn query_fault(bytes: &[u8]) -> Option<QueryFault> {
    match QueryView::read(bytes) {
        Ok(_) => None,
        Err(BadQuery::Drop(why) | BadQuery::Answer { why, .. }) => Some(why),
    }
}

/// A name of so many octets, in wire form.
fn wire_of(octets: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    while octets - wire.len() > 65 {
        wire.extend_from_slice(&[b"\x3d", &[b'y'; 61][..]].concat());
    }
    let last = octets - wire.len() - 2;
    wire.push(u8::try_from(last).expect("short"));
    wire.resize(octets - 1, b'z');
    wire.push(0);
    wire
}

const NS_TO: [u8; 10] = [0, 2, 0, 1, 0, 0, 0, 9, 0, 2];

#[test]
fn pointers_lead_backwards_to_labels() {
    // The owner points to the question; its data begins at 31 and the next record would at 33.
    let to = |target: u8| faults(&response([1, 0, 0], &[&[0xc0, 12], &NS_TO[..], &[0xc0, target]].concat()));
    assert_eq!(to(12), []);
    assert_eq!(to(31), [Fault::Pointer]);
    assert_eq!(to(33), [Fault::Pointer]);
    // An owner that is a forward pointer costs its record alone.
    let next = [&[0xc0, 200], &NS_TO[..], &[0xc0, 12], &[0xc0, 12], &NS_TO[..], &[0xc0, 12]].concat();
    let reply = response([2, 0, 0], &next);
    assert_eq!((reply.answer.len(), faults(&reply)), (1, vec![Fault::Pointer]));
    // A label of the kinds 01 and 10: a pointer into the TTL, whose first octet is taken for a length.
    for octet in [0x40, 0x80, 0xbf] {
        let record = [0xc0, 12, 0, 2, 0, 1, octet, 0, 0, 9, 0, 2, 0xc0, 25];
        assert_eq!(faults(&response([1, 0, 0], &record)), [Fault::LabelKind]);
    }
}

/// A record of type A whose owner is a pointer.
fn address_at(owner: usize) -> Vec<u8> {
    let pointer = u16::try_from(owner).expect("short") | 0xc000;
    [&pointer.to_be_bytes()[..], &[0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]].concat()
}

#[test]
fn no_more_pointers_are_followed_than_a_message_has_octets() {
    // The data of the first record is a chain of labels, each with a pointer to the one before; the others begin at its
    // end.
    const LINKS: usize = 120;
    const RECORDS: u8 = 250;
    let chain = |nth: usize| 31 + 4 * nth;
    let link = |nth: usize| {
        let before = if nth == 0 { 12 } else { chain(nth - 1) };
        [&[1, b'a'][..], &(u16::try_from(before).expect("short") | 0xc000).to_be_bytes()].concat()
    };
    let links: Vec<u8> = (0..LINKS).flat_map(link).collect();
    let len = u16::try_from(links.len()).expect("short").to_be_bytes();
    let first = [&[0xc0, 12, 0xff, 0, 0, 1, 0, 0, 0, 9][..], &len, &links].concat();
    let reply = |owner: usize| {
        response([RECORDS + 1, 0, 0], &[first.clone(), address_at(owner).repeat(RECORDS.into())].concat())
    };
    let bomb = reply(chain(LINKS - 1));
    let octets = 19 + first.len() + 16 * usize::from(RECORDS);
    assert_eq!(bomb.answer.len(), 1 + (octets - 1) / (LINKS + 1), "the first ones are good");
    assert_eq!(faults(&bomb), vec![Fault::Pointers; usize::from(RECORDS) + 1 - bomb.answer.len()]);
    // Short chains, as servers make them, are followed for each record.
    assert_eq!((reply(chain(8)).answer.len(), faults(&reply(chain(8)))), (usize::from(RECORDS) + 1, vec![]));
}

#[test]
fn names_end_at_255_octets() {
    let bytes = |octets| query(&wire_of(octets), [0; 3], &[]);
    assert_eq!(query_fault(&bytes(255)), None);
    assert_eq!(query_fault(&bytes(256)), Some(QueryFault::Question(Fault::LongName)));
    // The same by way of compression: 253 octets and a pointer to the two labels of the question.
    let owner = |octets| [&wire_of(octets)[..octets - 1], &[0xc0, 12], &NS_TO[..], &[0xc0, 12]].concat();
    assert_eq!(faults(&response([1, 0, 0], &owner(253))), []);
    assert_eq!(faults(&response([1, 0, 0], &owner(254))), [Fault::LongName]);
}

/// RFC 1035 §2.3.4: whichever way a name is made, a label has at most 63 octets, and a name 255.
#[test]
fn labels_and_names_end_where_they_have_to() {
    let (label, of) = (|octets: usize| "x".repeat(octets), |text: &str| text.parse::<Name>().expect("a name"));
    for octets in [1, 62, 63, 64, 65, 127, 128, 191, 192, 255, 256, 300] {
        let text = label(octets);
        let wire = [&[u8::try_from(octets).unwrap_or(u8::MAX)][..], text.as_bytes(), &[0]].concat();
        let is_label = octets <= 63;
        let made = [text.parse::<Name>(), Name::from_labels([text.as_bytes()]), of("a").prepend(text.as_bytes())];
        for made in &made {
            assert_eq!(made.is_ok(), is_label, "{octets}: {made:?}");
            assert!(is_label || *made == Err(NameError::LongLabel), "{octets}: {made:?}");
        }
        assert_eq!(Name::from_wire(&wire).is_ok(), is_label, "{octets}");
    }
    for octets in 1..=63 {
        // Four labels, a length octet before each, and the root.
        let labels = [label(63), label(63), label(63), label(octets)];
        let (len, is_name) = (3 * 64 + octets + 2, octets <= 61);
        let wire = labels
            .iter()
            .flat_map(|label| [&[u8::try_from(label.len()).expect("a length")], label.as_bytes()].concat());
        let wire: Vec<u8> = wire.chain([0]).collect();
        let (above, tail) = (labels[1..].join("."), of("old"));
        let made = [
            labels.join(".").parse(),
            Name::from_labels(labels.iter().map(String::as_bytes)),
            Name::from_wire(&wire),
            of(&above).prepend(labels[0].as_bytes()),
            of(&format!("{}.old", labels[0])).replace_tail(&tail, &of(&above)),
        ];
        for made in made {
            assert_eq!(made, if is_name { Ok(of(&labels.join("."))) } else { Err(NameError::LongName) }, "{len}");
        }
    }
}

/// RFC 1035 §3.2.1: the length of data has two octets, also of data whose names were pointers.
#[test]
fn data_that_is_too_long_without_its_pointers_is_damaged() {
    // NSEC: a pointer to the question, `x` and the root, which is one octet longer.
    let data = |octets: u16| {
        let fixed = [&[0, 0, 47, 0, 1, 0, 0, 0, 9][..], &octets.to_be_bytes(), &[0xc0, 12]].concat();
        let reply = response([1, 0, 0], &[&fixed, &vec![0; usize::from(octets) - 2][..]].concat());
        (reply.answer.first().map(|record| record.rdata.len()), faults(&reply))
    };
    assert_eq!(data(65_534), (Some(65_535), vec![]));
    assert_eq!(data(65_535), (None, vec![Fault::LongData]));
}

#[test]
fn all_names_of_px_are_decompressed() {
    let reply = response([1, 0, 0], &[0, 0, 26, 0, 1, 0, 0, 0, 9, 0, 6, 0, 5, 0xc0, 12, 0xc0, 12]);
    assert_eq!(&*reply.answer[0].rdata, b"\0\x05\x01x\0\x01x\0");
}

#[test]
fn one_opt_record_with_the_root_as_owner() {
    let opt = [0, 0, 41, 4, 0, 0, 0, 0x80, 0, 0, 0];
    let elsewhere = [&[1, b'y'], &opt[..]].concat();
    let reply = response([0, 0, 3], &[&elsewhere[..], &opt, &opt].concat());
    assert_eq!(faults(&reply), [Fault::OptOwner, Fault::SecondOpt]);
    assert_eq!(reply.edns, Some(Edns::new(1024, true)));
    let asked = |counts, records: &[u8]| query_fault(&query(&[0], counts, records));
    assert_eq!(asked([0, 0, 1], &opt), None);
    assert_eq!(asked([0, 0, 1], &elsewhere), Some(QueryFault::Opt(Fault::OptOwner)));
    assert_eq!(asked([0, 1, 0], &opt), Some(QueryFault::Opt(Fault::OptPlace)));
    assert_eq!(asked([0, 0, 2], &opt.repeat(2)), Some(QueryFault::Opt(Fault::SecondOpt)));
    // RFC 6891 §6.2.3: a size under 512 is 512.
    let small = [&opt[..3], &[0, 9], &opt[5..]].concat();
    assert_eq!(response([0, 0, 1], &small).edns, Some(Edns::new(512, true)));
}

#[test]
fn options_are_limited_to_100() {
    let options = |count: u8| {
        let len = u16::from(count) * 4;
        let opt = [&[0, 0, 41, 4, 0, 0, 0, 0, 0][..], &len.to_be_bytes()].concat();
        [&opt, &[0, 65, 0, 0].repeat(usize::from(count))[..]].concat()
    };
    assert_eq!(query_fault(&query(&[0], [0, 0, 1], &options(100))), None);
    assert_eq!(query_fault(&query(&[0], [0, 0, 1], &options(255))), None, "a query may have any number");
    let reply = response([0, 0, 1], &options(101));
    assert_eq!((faults(&reply), reply.edns.map(|edns| edns.options.len())), (vec![Fault::ManyOptions], Some(100)));
    // An option that is longer than the record: what stands before it is kept.
    let reply = response([0, 0, 1], &[0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 9, 0, 65, 0, 0, 0, 65, 0, 2, 1]);
    assert_eq!((faults(&reply), reply.edns.map(|edns| edns.options.len())), (vec![Fault::Short], Some(1)));
}

#[test]
fn options_of_another_version_are_not_looked_at() {
    let opt = [0, 0, 41, 4, 0, 0, 1, 0, 0, 0, 1, 0xff];
    let bytes = query(&[0], [0, 0, 1], &opt);
    assert_eq!(query_fault(&bytes), Some(QueryFault::Version(1)));
}

#[test]
fn an_error_response_fits_any_client() {
    let name = wire_of(255);
    let question = Question::new(Name::from_wire(&name).expect("a name"), RecordType::A);
    let mut bytes = Vec::new();
    write_query(7, &question, Flags::default(), Some(&Edns::new(512, false)), &mut bytes);
    for (text, kept) in [(150, 150), (400, 0)] {
        let mut out = Vec::new();
        let extras = Extras { edes: &[Ede::new(0, "x".repeat(text))], ..Extras::default() };
        answer_bad(&bytes, ResponseCode::FormErr, &extras, &mut out);
        let reply = Reply::read(&out).expect("readable");
        assert!(out.len() <= 512);
        let edes = reply.edns.expect("EDNS").edes().map(|ede| ede.text.len()).collect::<Vec<_>>();
        assert_eq!((reply.damage.len(), edes), (0, vec![kept]));
    }
    // However many options there are, the question and an OPT record fit.
    let query = QueryView::read(&bytes).expect("a good query");
    let template = Template::build(&question, ResponseCode::ServFail, &Sections::default(), false);
    let edes = vec![Ede::new(0, ""); 100];
    let mut out = Vec::new();
    template.respond(&query, 0, &Extras { edes: &edes, ..Extras::default() }, 512, &mut out);
    let reply = Reply::read(&out).expect("readable");
    assert!(out.len() <= 512 && reply.damage.is_empty() && reply.edns.is_some_and(|edns| edns.edes().count() > 30));
}

#[test]
fn a_response_may_fill_its_room_to_the_last_octet() {
    let question = Question::new("x".parse().expect("a name"), RecordType::A);
    let sets =
        [1, 2].map(|octet| RrSet::new(question.name.clone(), RecordType::Unknown(65280), 60, [&[octet; 300][..]]));
    let sections = Sections { answer: &sets, ..Sections::default() };
    let template = Template::build(&question, ResponseCode::NoError, &sections, false);
    let option = EdnsOption { code: 65001, data: [1].into() };
    let asked = Edns { options: [option].into(), ..Edns::new(4096, false) };
    let mut bytes = Vec::new();
    write_query(7, &question, Flags::default(), Some(&asked), &mut bytes);
    let query = QueryView::read(&bytes).expect("a good query");
    let length = |limit| {
        let mut out = Vec::new();
        template.respond(&query, 0, &Extras::default(), limit, &mut out);
        out.len()
    };
    let whole = length(65_535);
    assert_eq!(whole, 12 + 7 + 2 * (2 + 10 + 300) + 11);
    assert_eq!((length(whole), length(whole - 1)), (whole, whole - 312));
}

/// The header promises more than can be there, so that whatever is read ends at one of the limits.
#[test]
fn a_reply_becomes_no_more_than_it_may_and_says_so_once() {
    let name = wire_of(255);
    let header = [0, 7, 0x80, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    // Data and owner are the longest of names, two octets each; and the least that a record can be.
    let long = [&[0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 60, 0, 2][..], &[0xc0, 12]].concat();
    let short = [0, 0xff, 0, 0, 1, 0, 0, 0, 60, 0, 0].to_vec();
    for (record, least) in [(long, 2000), (short, 4000)] {
        let mut bytes = [&header[..], &name, b"\0\x01\0\x01"].concat();
        while bytes.len() + record.len() <= 65_535 {
            bytes.extend_from_slice(&record);
        }
        let reply = Reply::read(&bytes).expect("header and question are good");
        let records = [&reply.answer, &reply.authority, &reply.additional].map(Vec::len);
        let octets: usize = reply.answer.iter().map(|record| record.owner.wire().len() + record.rdata.len()).sum();
        assert!((least..=4096).contains(&records[0]) && records[1..] == [0, 0], "{records:?}");
        assert!(octets <= (1 << 20) + 510, "{octets} octets of {records:?}");
        assert!(
            matches!(&*reply.damage, [Damage::TooMuch { records: read }] if *read == records[0]),
            "{:?}",
            reply.damage
        );
    }
}

#[test]
fn octets_behind_the_last_record_are_noticed() {
    let record = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..], &[192, 0, 2, 1]].concat();
    let read = |count: u8, more: usize| {
        let reply = response([count, 0, 0], &[&record[..], &vec![0xff; more]].concat());
        (reply.answer.len(), reply.damage)
    };
    assert_eq!(read(1, 0), (1, Vec::new()));
    for more in [1, 7, 500] {
        let (records, damage) = read(1, more);
        assert!(records == 1 && matches!(&*damage, [Damage::Trailing { octets }] if *octets == more), "{damage:?}");
    }
    // What cannot be read is one thing, and not another behind it.
    let (records, damage) = read(2, 7);
    assert!(records == 1 && matches!(&*damage, [Damage::CutShort { missing: 1, .. }]), "{damage:?}");
}

/// RFC 1035 §4.1.4: each pointer leads to a prior occurrence, also one that was reached by a pointer.
#[test]
fn no_pointer_leads_forward_on_its_way_back() {
    // The data of the first record begins at 31; the owner of the second leads there.
    let through = |first: &[u8; 2]| {
        let opaque = [&[0xc0, 12, 0xff, 0, 0, 1, 0, 0, 0, 9, 0, 5], &first[..], b"\x01y\0"].concat();
        faults(&response([2, 0, 0], &[&opaque[..], &[0xc0, 31], &NS_TO, &[0xc0, 12]].concat()))
    };
    assert_eq!(through(&[0xc0, 12]), []);
    assert_eq!(through(&[0xc0, 33]), [Fault::Pointer]);
}

#[test]
fn an_address_has_the_length_of_addresses() {
    for (rtype, expected) in [(1, 4), (28, 16)] {
        for found in [expected - 1, expected, expected + 1] {
            let head = [0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 9, 0, found];
            let reply = response([1, 0, 0], &[&head[..], &vec![1; found.into()]].concat());
            let (expected, found) = (expected.into(), found.into());
            let wrong = (found != expected).then_some(Fault::Length { expected, found });
            assert_eq!(
                (faults(&reply), reply.answer.len()),
                (wrong.into_iter().collect(), usize::from(found == expected))
            );
        }
    }
}

/// RFC 9619 §4.
#[test]
fn a_reply_has_one_question_or_none() {
    for count in 0..4 {
        let header = [0, 7, 0x80, 0, 0, count, 0, 0, 0, 0, 0, 0];
        let bytes = [&header[..], &b"\x01x\0\0\x01\0\x01".repeat(count.into())].concat();
        let read = Reply::read(&bytes).map(|reply| reply.question.is_some());
        assert_eq!(read, if count < 2 { Ok(count == 1) } else { Err(Unreadable::Questions) });
    }
}

/// RFC 6891 §6.1.3, and an opcode with which what stands behind the header may be something else.
#[test]
fn an_error_repeats_nothing_that_may_mean_something_else() {
    let cookie = b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x08abcdefgh";
    for version in [0, 1] {
        let mut bytes = query(b"\x01x\0", [0, 0, 1], cookie);
        let at = bytes.len() - 17;
        bytes[at] = version;
        let opt = spot_opt(&bytes).expect("an OPT record");
        assert_eq!((opt.version(), opt.options().count()), (version, usize::from(version == 0)));
    }
    for (opcode, questions) in [(0, 1), (4, 0), (5, 0)] {
        let (mut bytes, mut out) = (query(b"\x01x\0", [0, 0, 0], &[]), Vec::new());
        bytes[2] |= opcode << 3;
        answer_bad(&bytes, ResponseCode::NotImp, &Extras::default(), &mut out);
        assert_eq!((out[5], out.len()), (questions, if questions == 1 { bytes.len() } else { 12 }), "{opcode}");
    }
}

/// RFC 4343: whatever is found by its name is found in any case.
#[test]
fn names_that_are_equal_have_one_hash() {
    let all: HashSet<Name> =
        ["www.example", "WWW.example", "www.EXAMPLE", "wwv.example"].map(|text| text.parse().expect("a name")).into();
    assert_eq!(all.len(), 2);
}
