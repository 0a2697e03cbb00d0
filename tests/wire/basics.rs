//! Single messages by the letter of the RFCs.

use rootwalk::wire::{
    BadQuery, DNSClass, Damage, Ede, Edns, Extras, Fault, Flags, Name, QueryView, Question, Record, RecordType, Reply,
    ResponseCode, RrSet, Section, Sections, Template, Unreadable, Writer, answer_bad, ede, write_query,
};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn question() -> Question {
    Question::new(name("WWW.example.com"), RecordType::A)
}

fn query(edns: Option<&Edns>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_query(0x1234, &question(), Flags::default().with_rd(true), edns, &mut bytes);
    bytes
}

/// A reply with one record in the answer section, given as octets behind the owner, which points to the question.
fn reply_with(record: &[u8]) -> Reply {
    let mut bytes = query(None);
    bytes[2] |= 0x80;
    bytes[7] = 1;
    bytes.extend_from_slice(&[0xc0, 12]);
    bytes.extend_from_slice(record);
    Reply::read(&bytes).expect("header and question are good")
}

fn fault(reply: &Reply) -> Fault {
    let [Damage::Record { why, .. }] = &*reply.damage else { panic!("one damaged record, not {:?}", reply.damage) };
    *why
}

#[test]
fn a_query_is_read_as_written() {
    let edns = Edns::new(1232, true);
    let bytes = query(Some(&edns));
    let view = QueryView::read(&bytes).expect("a good query");
    assert_eq!(view.id(), 0x1234);
    assert_eq!(view.question().name.wire(), question().name.wire());
    assert_eq!((view.qtype(), view.qclass()), (RecordType::A, DNSClass::IN));
    let edns = view.edns().expect("has EDNS");
    assert_eq!((edns.udp_size(), edns.dnssec_ok(), edns.version()), (1232, true, 0));
}

#[test]
fn bad_queries_get_the_errors_of_their_rfcs() {
    let rcode = |bytes: &[u8]| match QueryView::read(bytes) {
        Ok(_) => ResponseCode::NoError,
        Err(BadQuery::Drop(_)) => ResponseCode::Unknown(9999),
        Err(BadQuery::Answer { rcode, .. }) => rcode,
    };
    let good = query(Some(&Edns::new(1232, false)));
    let with = |at: usize, octet: u8| {
        let mut bytes = good.clone();
        bytes[at] = octet;
        rcode(&bytes)
    };
    assert_eq!(rcode(&good), ResponseCode::NoError);
    assert_eq!(rcode(&good[..11]), ResponseCode::Unknown(9999), "less than a header");
    assert_eq!(with(2, 0x80), ResponseCode::Unknown(9999), "a response");
    assert_eq!(with(2, 0x28), ResponseCode::NotImp, "opcode UPDATE");
    assert_eq!(with(5, 0), ResponseCode::FormErr, "no question");
    assert_eq!(with(5, 2), ResponseCode::FormErr, "two questions");
    assert_eq!(with(12, 0xc0), ResponseCode::FormErr, "the question is a pointer");
    assert_eq!(with(11, 2), ResponseCode::FormErr, "a record is missing");
    let version = good.len() - 5;
    assert_eq!(with(version, 1), ResponseCode::BADVERS, "EDNS version 1");
    let mut twice = good.clone();
    twice.extend_from_slice(&good[good.len() - 11..]);
    twice[11] = 2;
    assert_eq!(rcode(&twice), ResponseCode::FormErr, "two OPT records");
}

#[test]
fn badvers_is_said_with_an_opt_record() {
    let mut bytes = query(Some(&Edns { version: 1, ..Edns::new(4096, true) }));
    let mut out = Vec::new();
    answer_bad(&bytes, ResponseCode::BADVERS, &Extras::default(), &mut out);
    let reply = Reply::read(&out).expect("a reply");
    assert_eq!((reply.rcode, reply.id, reply.damage.len()), (ResponseCode::BADVERS, 0x1234, 0));
    assert_eq!(reply.edns.map(|edns| edns.version), Some(0));
    assert_eq!(reply.question, Some(question()));
    // A question that cannot be read is not echoed.
    bytes[12] = 0x40;
    out.clear();
    answer_bad(&bytes, ResponseCode::FormErr, &Extras::default(), &mut out);
    assert_eq!(out, [0x12, 0x34, 0x81, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/// RFC 6891 §7: "If there is a problem with processing the OPT record itself, such as an option value that is badly
/// formatted or that includes out-of-range values, a FORMERR MUST be returned. If this occurs, the response MUST
/// include an OPT record." §6.1.1 has it in every response to a request with one.
#[test]
fn whoever_sends_an_opt_record_gets_one_back() {
    let good = query(Some(&Edns::new(4096, true)));
    let ends = |tail: &[u8]| [&good[..good.len() - 2], tail].concat();
    let with = |at: usize, octet: u8| {
        let mut bytes = good.clone();
        bytes[at] = octet;
        bytes
    };
    let mut two_questions = [&good[..33], &good[12..]].concat();
    two_questions[5] = 2;
    let mut twice = [&good[..], &good[33..]].concat();
    twice[11] = 2;
    for (bytes, what) in [
        (ends(&[0, 4, 0, 10, 0, 40]), "an option that is longer than the record"),
        (ends(&[0, 3, 0, 10, 0]), "an option without a length"),
        (twice, "two OPT records"),
        (two_questions, "two questions"),
        ([&with(5, 0)[..12], &good[33..]].concat(), "no question"),
        (with(11, 2), "a record is missing behind it"),
        (with(2, 0x20), "NOTIFY"),
        (with(2, 0x28), "UPDATE"),
        (with(2, 0x78), "an opcode that nobody has defined"),
    ] {
        let Err(BadQuery::Answer { rcode, .. }) = QueryView::read(&bytes) else { panic!("{what}") };
        let mut out = Vec::new();
        answer_bad(&bytes, rcode, &Extras { udp_size: 1232, ..Extras::default() }, &mut out);
        let reply = Reply::read(&out).expect("a reply");
        assert_eq!((reply.rcode, reply.damage.len()), (rcode, 0), "{what}");
        assert_eq!(reply.edns, Some(Edns::new(1232, true)), "{what}");
    }
    // What cannot be found is not answered with one, nor what is not there.
    for bytes in [with(12, 0x40), with(11, 0)] {
        let mut out = Vec::new();
        answer_bad(&bytes, ResponseCode::FormErr, &Extras::default(), &mut out);
        assert_eq!(Reply::read(&out).expect("a reply").edns, None);
    }
}

#[test]
fn odd_records_are_dropped_and_named() {
    assert_eq!(fault(&reply_with(&[0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3])), Fault::Length { expected: 4, found: 3 });
    assert_eq!(fault(&reply_with(&[0, 2, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 0x2d])), Fault::Pointer);
    assert_eq!(fault(&reply_with(&[0, 2, 0, 1, 0, 0, 0, 9, 0, 3, 0xc0, 12, 0])), Fault::Surplus(1));
    assert_eq!(fault(&reply_with(&[0, 15, 0, 1, 0, 0, 0, 9, 0, 1, 7])), Fault::Short);
    assert_eq!(fault(&reply_with(&[0, 255, 0, 1, 0, 0, 0, 9, 0, 0])), Fault::MetaType);
    assert_eq!(fault(&reply_with(&[0, 41, 0, 1, 0, 0, 0, 9, 0, 0])), Fault::OptPlace);
    let cut = reply_with(&[0, 1, 0, 1, 0, 0, 0, 9, 0, 5, 1]);
    assert_eq!(cut.damage, [Damage::CutShort { section: Section::Answer, missing: 1 }]);
    let odd = reply_with(&[0, 2, 0, 1, 0, 0, 0, 9, 0, 1, 3]);
    let (owner, rtype) = (Some(name("www.example.com")), Some(RecordType::NS));
    assert_eq!(odd.damage, [Damage::Record { section: Section::Answer, owner, rtype, why: Fault::Short }]);
}

#[test]
fn legal_oddities_are_kept() {
    // RFC 8767 §4: the top bit of the TTL. RFC 3597: an unknown type with empty data.
    let reply = reply_with(&[0xff, 0, 0, 1, 0x80, 0, 0, 9, 0, 0]);
    assert_eq!((&*reply.damage, reply.answer[0].ttl_secs, reply.answer[0].rdata.len()), (&[][..], 0x8000_0009, 0));
    // RP, a type of RFC 3597 §4, with a compressed name, which must not stay a pointer.
    let reply = reply_with(&[0, 17, 0, 1, 0, 0, 0, 9, 0, 3, 0xc0, 16, 0]);
    assert_eq!(&*reply.answer[0].rdata, b"\x07example\x03com\0\0");
}

#[test]
fn a_loop_of_pointers_ends() {
    let mut bytes = query(None);
    bytes[2] |= 0x80;
    bytes[12..14].copy_from_slice(&[0xc0, 12]);
    assert_eq!(Reply::read(&bytes), Err(Unreadable::Question));
    // A chain of 1000 pointers, each to the one before, is refused at its 128th.
    let mut data = vec![0];
    for nth in 0..1000_u16 {
        let to = if nth == 0 { 45 } else { 46 + 2 * (nth - 1) };
        data.extend_from_slice(&(0xc000 | to).to_be_bytes());
    }
    let len = u16::try_from(data.len()).expect("short");
    let mut record = vec![0xff, 0, 0, 1, 0, 0, 0, 9];
    record.extend_from_slice(&len.to_be_bytes());
    record.extend_from_slice(&data);
    let mut bytes = query(None);
    bytes[2] |= 0x80;
    bytes[7] = 2;
    bytes.extend_from_slice(&[0xc0, 12]);
    bytes.extend_from_slice(&record);
    bytes.extend_from_slice(&(0xc000_u16 | (46 + 2 * 999)).to_be_bytes());
    bytes.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
    let reply = Reply::read(&bytes).expect("the question is good");
    assert_eq!((reply.answer.len(), fault(&reply)), (1, Fault::Pointers));
}

#[test]
fn compression_is_used_and_undone() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(7, Flags::default().with_qr(true).with_aa(true), &mut bytes);
    writer.question(&question());
    let mx = RrSet::new(name("www.EXAMPLE.com"), RecordType::MX, 60, [&b"\0\x0a\x04mail\x07example\x03com\0"[..]]);
    writer.set(Section::Answer, &mx, true).expect("there is room");
    writer.set_rcode(ResponseCode::BADVERS);
    writer.opt(&Edns::new(1232, true));
    writer.finish();
    // Header, question, pointer + fixed part + preference + "mail" + pointer, OPT.
    assert_eq!(bytes.len(), 12 + 21 + 2 + 10 + 2 + 5 + 2 + 11);
    let reply = Reply::read(&bytes).expect("what was written can be read");
    assert_eq!((reply.rcode, reply.flags.aa(), &*reply.damage), (ResponseCode::BADVERS, true, &[][..]));
    let record: &Record = &reply.answer[0];
    assert_eq!(Some(&*record.rdata), mx.rdatas.iter().next());
}

/// RFC 3597 §4: names are compressed in the data of the types of RFC 1035 alone.
#[test]
fn names_in_younger_types_are_not_compressed() {
    let target = b"\x03www\x07example\x03com\0";
    for (rtype, before, compressed) in [(2, 0, true), (15, 2, true), (33, 6, false), (39, 0, false), (47, 0, false)] {
        let rdata = [&[0; 6][..before], target].concat();
        let set = RrSet::new(Name::root(), RecordType::from(rtype), 60, [&rdata[..]]);
        let mut bytes = Vec::new();
        let mut writer = Writer::new(7, Flags::default(), &mut bytes);
        writer.question(&question());
        writer.set(Section::Answer, &set, true).expect("there is room");
        assert_eq!(bytes.ends_with(target), !compressed, "type {rtype}");
    }
}

#[test]
fn a_template_is_patched_for_its_client() {
    let a = RrSet::new(name("www.example.com"), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let sections = Sections { answer: &[a], ..Sections::default() };
    let template = Template::build(
        &Question::new(name("www.example.com"), RecordType::A),
        ResponseCode::NoError,
        &sections,
        false,
    );
    let (bytes, mut out) = (query(Some(&Edns::new(4096, false))), b"before".to_vec());
    let edes = [Ede::new(ede::STALE_ANSWER, "from before the flood")];
    let extras = Extras { ad: true, edes: &edes, udp_size: 1232, ..Extras::default() };
    let view = QueryView::read(&bytes).expect("a good query");
    template.respond(&view, 400, &extras, 512, &mut out);
    let reply = Reply::read(&out[6..]).expect("a good reply");
    assert_eq!((reply.id, reply.flags.to_string()), (0x1234, "qr rd ra ad".to_owned()));
    assert_eq!(reply.question.expect("one").name.wire(), question().name.wire());
    assert_eq!((reply.answer[0].ttl_secs, &*reply.damage), (0, &[][..]));
    assert_eq!(reply.edns.expect("OPT").edes().collect::<Vec<_>>(), edes);
    assert_eq!((template.min_ttl_secs(), reply.answer.len()), (300, 1));
}
