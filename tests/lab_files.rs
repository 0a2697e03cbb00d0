//! The files of a lab: what may stand in them, and what is said of mistakes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use rootwalk::lab::{Lab, LabError, read_records};
use rootwalk::wire::Name;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn load(files: &[(&str, &str)]) -> Result<Lab, LabError> {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Lab::of_texts(files.collect(), 0)
}

#[test]
fn a_mistake_in_the_settings_is_named() {
    let toml = "port = 53\nserver = [{ name = \"ns.test.\", address = \"127.53.9.1\", zones = [\"test.\"] }]\n\
                zone = [{ name = \"test.\", file = \"test.zone\", sign = { denial = \"nsec3\", opt_out = true } }]\n";
    let zone = "@ 60 IN SOA ns h 1 2 3 4 5\n@ 60 IN NS ns\n";
    let load = |toml: &str| load(&[("lab.toml", toml), ("test.zone", zone)]);
    load(toml).unwrap();
    let faulty = |fault: &str| toml.replace("[\"test.\"] }", &format!("[\"test.\"], faults = [{fault}] }}"));
    for (broken, said) in [
        (toml.replace("opt_out", "optout"), ":3:74: unknown field `optout`"),
        (
            toml.replace("[\"test.\"]", "[\"tset.\"]"),
            "lab.toml: the server ns.test. is to serve tset., which is not among the zones: test.",
        ),
        (toml.replace("nsec3", "nsec4"), "unknown variant `nsec4`"),
        (toml.replace("53", "99999"), ":1:8: `port` is 99999: expected a whole number from 0 to 65535"),
        (format!("{toml}web = {{ port = -1, tls_port = 8443, origin = [] }}"), "`port` is -1: expected a whole number"),
        (format!("{toml}web = {{ port = 8080, tls_port = 65536, origin = [] }}"), "`tls_port` is 65536: expected"),
        (
            faulty("{ upward = ['. 60 IN NS (a.'] }"),
            "`. 60 IN NS (a.`: a record stands on one line, without parentheses",
        ),
        (faulty("{ poison = { additional = ['a.test. 60 IN A 1.2.3.400'] } }"), "`a.test. 60 IN A 1.2.3.400`: "),
        (faulty("{ rcode = 'TEAPOT' }"), "`TEAPOT` is not a response code of the lab: NOERROR"),
        (faulty("{ poison = { aditional = [] } }"), "unexpected keys in table: aditional"),
        (faulty("{ drop_every = 0 }"), "expected a nonzero"),
        (toml.replace("opt_out = true", "defect = { decoys = { sd = 3 } }"), "unexpected keys in table: sd"),
    ] {
        let error = load(&broken).unwrap_err().to_string();
        assert!(error.starts_with("lab.toml:") && error.contains(said), "{error}");
    }
}

/// RFC 1035 §5.1, RFC 2308 §4, RFC 3597 §5.
#[test]
fn a_master_file_may_say_it_in_any_way_that_the_standards_have() {
    let toml = "port = 1\nserver = [{ name = 'ns.test', address = '127.53.9.1', zones = ['test'] }]\n\
                zone = [{ name = 'test', file = 'test.zone' }]\n";
    let zone = "\u{feff}$ttl 1\r\n@ IN SOA @ h\\.m ( ; begins here\n 1 2 3 ( 4 )\n 5 )\n\tNS\t@\n 7 IN NS ns\n\
                a 8 A 192.0.2.1 ; no class\n  IN 9 AAAA 2001:db8::1\n$Origin sub\nb CNAME @\n\\@ CNAME \\@.x\n\
                $INCLUDE more.inc ; in this origin\nc MX 1 @\n$ORIGIN test.\n$TTL 3\n\
                $INCLUDE more.inc other\nw TXT @ \"@ \\\"\\059;\" a\\032b \\(\nx\\.y A \\# 4 C0000202\n\
                z TYPE1 192.0.2.3\n65280 CLASS1 TYPE65280 \\# 3 ( 01\n 02 03 )\n\\000\\255 SRV 1 2 3 @\n\
                dup A 192.0.2.4\nDUP A 192.0.2.4\n";
    let more = "i MX 5 j\n$ORIGIN elsewhere.test.\n$TTL 99\nk PTR @\n";
    let lab = load(&[("lab.toml", toml), ("test.zone", zone), ("more.inc", more)]).unwrap();
    let text = lab.authority().master_file(&name("test")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut expected = vec![
        "test. 1 IN SOA test. h\\.m.test. 1 2 3 4 5",
        "test. 1 IN NS test.",
        "test. 1 IN NS ns.test.",
        "a.test. 8 IN A 192.0.2.1",
        "a.test. 9 IN AAAA 2001:db8::1",
        "b.sub.test. 1 IN CNAME sub.test.",
        "\\@.sub.test. 1 IN CNAME \\@.x.sub.test.",
        "i.sub.test. 1 IN MX 5 j.sub.test.",
        "k.elsewhere.test. 99 IN PTR elsewhere.test.",
        "k.elsewhere.test. 99 IN PTR elsewhere.test.",
        "c.sub.test. 1 IN MX 1 sub.test.",
        "i.other.test. 3 IN MX 5 j.other.test.",
        "w.test. 3 IN TXT \"@\" \"@ \\\";;\" \"a b\" \"(\"",
        "x\\.y.test. 3 IN A 192.0.2.2",
        "z.test. 3 IN A 192.0.2.3",
        "65280.test. 3 IN TYPE65280 \\# 3 010203",
        "\\000\\255.test. 3 IN SRV 1 2 3 test.",
        "dup.test. 3 IN A 192.0.2.4",
    ];
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(lines, expected);
}

#[test]
fn a_mistake_in_a_finished_zone_is_named_with_its_place() {
    let good = "$TTL 60\n@ IN SOA ns h (1 2\n 3 4 5)\n@ IN NS ns\n";
    assert_eq!(read_records("z", good, &name("test")).unwrap().len(), 2);
    let quotes = "t IN TXT ( \"a ; \\\" b\" ) ; it is not \"closed\nu IN TXT a\\\"\\( ; nor ( this\n";
    assert_eq!(read_records("z", &format!("{good}{quotes}"), &name("test")).unwrap().len(), 4);
    for (line, said) in [
        ("ns IN A 1.2.3.400", "z:6:9: expected IPv4 address"),
        ("ns IN NS a..b", "z:6:1: a name or the data of this record is out of bounds"),
        ("ns IN TXT ( a", "z:6:11: expected a `)`"),
        ("ns IN TXT \"a", "z:6:11: expected another `\"`"),
        ("ns IN TXT \"a\\\" ; b", "z:6:11: expected another `\"`"),
        ("ns IN TXT \"a\"b", "z:6:14: expected a blank behind the `\"`"),
        ("$INCLUDE more", "z:6:1: no file can be included here"),
        ("$INCLUDE\"more", "z:6:9: expected a blank between"),
    ] {
        let error = read_records("z", &format!("{good}; a comment\n{line}\n@ IN NS ns2\n"), &name("test")).unwrap_err();
        assert!(error.to_string().starts_with(said), "{line}: {error}");
    }
}
