//! Record data as text, read back by the zone file parser of the `domain` crate.

use domain::base::rdata::ComposeRecordData as _;
use domain::zonefile::inplace::{Entry, Zonefile};
use proptest::prelude::{Strategy as _, proptest};
use rootwalk::wire::{RecordType, text};

use super::strategies::{data, record, seeded};

/// The data that another program makes of our line.
fn read_back(line: &str) -> Result<Vec<u8>, String> {
    let mut file = Zonefile::new().allow_invalid();
    file.extend_from_slice(line.as_bytes());
    file.extend_from_slice(b"\n");
    let Ok(Some(Entry::Record(record))) = file.next_entry() else { return Err(line.to_owned()) };
    let mut octets = Vec::new();
    let _infallible = record.data().compose_rdata(&mut octets);
    Ok(octets)
}

fn is_known((rtype, _): &(RecordType, Vec<u8>)) -> bool {
    !matches!(u16::from(*rtype), 17 | 18)
}

proptest! {
    #![proptest_config(seeded(512))]

    #[test]
    fn another_parser_reads_the_same(record in record(data().prop_filter("RP and AFSDB are not known there", is_known))) {
        let line = text::record_text(&record).to_string();
        assert_eq!(read_back(&line), Ok(record.rdata.to_vec()), "{line}");
    }
}

#[test]
fn the_examples_of_the_rfcs() {
    let show = |rtype: u16, rdata: &[u8]| text::rdata_text(RecordType::from(rtype), rdata).to_string();
    // RFC 3597 §5: the generic form, for an unknown type, for no data and for data that is not of its type.
    assert_eq!(show(731, &[0xab, 0xcd, 0xef, 1, 0x23, 0x45]), "\\# 6 ABCDEF012345");
    assert_eq!(show(731, &[]), "\\# 0");
    assert_eq!(show(1, &[10, 0, 0]), "\\# 3 0A0000");
    assert_eq!(show(16, b"\x03a\"\\\x02\xff\n"), "\"a\\\"\\\\\" \"\\255\\010\"");
    // RFC 4034 §3.3 writes these two moments.
    let rrsig =
        [&[0, 1, 5, 3, 0, 1, 0x51, 0x80, 0x3e, 0x7c, 0x9d, 0xd7][..], &[0x3e, 0x55, 0x10, 0xd7, 0x0a, 0x52, 0, 0xff]];
    assert_eq!(show(46, &rrsig.concat()), "A 5 3 86400 20030322173103 20030220173103 2642 . /w==");
    assert_eq!(show(47, b"\x04host\x07example\x03com\0\0\x06\x40\x01\0\0\0\x03"), "host.example.com. A MX RRSIG NSEC");
    // RFC 9460 appendix D.
    assert_eq!(show(65, b"\0\0\x03foo\x07example\x03com\0"), "0 foo.example.com.");
    assert_eq!(
        show(64, b"\0\x10\x03foo\x07example\x03org\0\0\0\0\x04\0\x01\0\x04\0\x01\0\x09\x02h2\x05h3-19\0\x04\0\x04\xc0\0\x02\x01"),
        "16 foo.example.org. mandatory=alpn,ipv4hint alpn=h2,h3-19 ipv4hint=192.0.2.1"
    );
    assert_eq!(show(64, b"\0\x01\0\x02\x9b\0\x05hello"), "1 . key667=\"hello\"");
    assert_eq!(show(257, b"\0\x05issueca.example.net"), "0 issue \"ca.example.net\"");
    // A protocol name that would need two layers of escapes is shown by the number of its key.
    assert_eq!(show(64, b"\0\x01\0\0\x01\0\x06\x05h2,h3"), "1 . key1=\"\\005h2,h3\"");
    // Keys and windows that do not ascend are not of the type's shape.
    assert_eq!(show(64, b"\0\x01\0\0\x02\0\0\0\x02\0\0"), "\\# 11 0001000002000000020000");
    assert_eq!(show(47, b"\0\0\x01\x40\0\x01\x40"), "\\# 7 00000140000140");
    assert_eq!(show(108, &[0, 0, 0x5e, 0, 0x53, 0x2a]), "00-00-5E-00-53-2A");
}

/// RFC 3597 §5: data that another parser would not read back by the rules of its type has the generic form.
#[test]
fn data_that_is_not_of_its_types_shape_has_the_generic_form() {
    let long = [&b"\x01x\0\0\x21"[..], &[0xff; 33]].concat();
    let bad: [(u16, &[u8]); 11] = [
        (1, &[192, 0, 2, 1, 0]),
        (15, b"\0\x0a\x01x\0more"),
        (43, &[0, 1, 8, 2]),
        (48, &[1, 0, 3, 8]),
        (50, b"\x01\0\0\0\0\0\0\x01\x40"),
        (257, b"\0\0x"),
        (257, b"\0\x03a bx"),
        (257, b"\0\x02\xc3\xa9x"),
        (47, b"\x01x\0\0\0"),
        (47, &long),
        (47, b"\x01x\0\0\x02\x40"),
    ];
    for (rtype, rdata) in bad {
        let text = text::rdata_text(RecordType::from(rtype), rdata).to_string();
        assert!(text.starts_with(&format!("\\# {} ", rdata.len())), "type {rtype}: {text}");
    }
    // A window has at most 32 octets (RFC 4034 §4.1.2).
    let whole = [&b"\x01x\0\0\x20"[..], &[0; 31], &[1]].concat();
    assert_eq!(text::rdata_text(RecordType::NSEC, &whole).to_string(), "x. ANY");
}

/// RFC 9460 §2.1: a value that is not what its key asks for has the number of the key.
#[test]
fn parameters_have_the_names_of_their_keys_where_their_values_are_theirs() {
    for (key, value, shown) in [
        (0, &[0, 1, 0, 99][..], "mandatory=alpn,key99"),
        (0, b"", "key0"),
        (0, &[0], "key0=\"\\000\""),
        (1, b"\x02h2\x02h3", "alpn=h2,h3"),
        (1, b"\x03h 2", "key1=\"\\003h 2\""),
        (1, b"\x02\xc3\xa9", "key1=\"\\002\\195\\169\""),
        (2, b"", "no-default-alpn"),
        (2, b"x", "key2=\"x\""),
        (3, &[1, 187], "port=443"),
        (3, &[1], "key3=\"\\001\""),
        (4, &[192, 0, 2, 1, 192, 0, 2, 2], "ipv4hint=192.0.2.1,192.0.2.2"),
        (4, &[192, 0, 2, 1, 192], "key4=\"\\192\\000\\002\\001\\192\""),
        (4, b"", "key4"),
        (5, b"ech", "ech=ZWNo"),
        (5, b"", "key5"),
        (6, b"", "key6"),
        (7, b"/dns-query{?dns}", "dohpath=\"/dns-query{?dns}\""),
        (7, b"", "key7"),
        (8, b"", "ohttp"),
        (8, b"x", "key8=\"x\""),
        (9, b"x", "key9=\"x\""),
    ] {
        let len = u8::try_from(value.len()).expect("short");
        let rdata = [&[0, 1, 0, 0, key, 0, len], value].concat();
        assert_eq!(text::rdata_text(RecordType::HTTPS, &rdata).to_string(), format!("1 . {shown}"));
    }
}
