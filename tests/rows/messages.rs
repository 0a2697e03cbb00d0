//! Queries of every kind, as `dig` can send them, and what comes back.

use rootwalk::wire::{Reply, ResponseCode};

use super::dig::Dug;
use super::running::Running;

#[test]
fn signatures_come_to_those_who_ask_for_them() {
    let lab = Running::lab(&[]);
    let plain = lab.dig("www.example.com");
    assert_eq!(plain.answer_types(), ["A"], "{}", plain.text);
    let signed = lab.dig("www.example.com +dnssec");
    assert_eq!(signed.answer_types(), ["A", "RRSIG"], "{}", signed.text);
    assert!(signed.edns.as_ref().unwrap().contains("flags: do") && signed.has("ad"), "{}", signed.text);
    // The other way round as well: what was fetched for one is there for the other.
    let denied = lab.dig("nope.example.com +dnssec");
    assert_eq!(denied.rcode, "NXDOMAIN");
    for kind in [" SOA ", " NSEC ", " RRSIG NSEC ", " RRSIG SOA "] {
        assert!(denied.authority.iter().any(|record| record.contains(kind)), "{kind}: {}", denied.text);
    }
    let plain = lab.dig("nope.example.com");
    assert_eq!(plain.authority.len(), 1, "{}", plain.text);
    assert!(plain.authority[0].starts_with("example.com. SOA "), "{}", plain.text);
    let hashed = lab.dig("nope.example.org +dnssec");
    assert!(hashed.authority.iter().any(|record| record.contains(" NSEC3 ")), "{}", hashed.text);
}

#[test]
fn flags_come_back_as_rfc_4035_and_6840_say() {
    let lab = Running::lab(&[]);
    let dug = lab.dig("www.example.com +cdflag");
    assert!(dug.has("cd") && dug.has("ra") && !dug.has("ad") && dug.rcode == "NOERROR", "{}", dug.text);
    // RFC 6840 §5.7: AD in a query says that AD in the answer is understood; so does DO.
    for (flags, ad) in [("+adflag", true), ("+noadflag", false), ("+noadflag +dnssec", true)] {
        let dug = lab.dig(&format!("www.example.com +nocdflag {flags}"));
        assert!(!dug.has("cd") && dug.has("ad") == ad, "{flags}: {}", dug.text);
    }
    let dug = lab.dig("www.example.com +aaflag +zflag");
    assert!(!dug.has("aa") && dug.rcode == "NOERROR" && !dug.text.contains("MBZ"), "{}", dug.text);
}

/// RFC 4035 §3.2.2: who checks for himself gets the data, before and after it turned out bogus, and what he was given
/// is nothing to the others.
#[test]
fn bogus_data_is_for_those_who_check_for_themselves() {
    let lab = Running::lab(&[]);
    for _ in 0..3 {
        let unchecked = lab.dig("www.bogus.lab +cdflag");
        assert_eq!((unchecked.rcode.as_str(), unchecked.answer_types()), ("NOERROR", vec!["A"]), "{}", unchecked.text);
        assert!(!unchecked.has("ad"), "{}", unchecked.text);
        let checked = lab.dig("www.bogus.lab +dnssec");
        assert!(checked.rcode == "SERVFAIL" && checked.answer.is_empty(), "{}", checked.text);
        assert!(checked.edes.contains(&6), "{}", checked.text);
    }
}

#[test]
fn the_case_of_the_question_comes_back() {
    let lab = Running::lab(&[]);
    for (asked, transport) in
        [("wWw.ExAmPlE.cOm.", "+notcp"), ("WWW.example.COM.", "+notcp"), ("wwW.eXample.com.", "+tcp")]
    {
        let dug = lab.dig(&format!("{asked} {transport}"));
        assert_eq!(dug.question, format!("{asked} IN A"), "{}", dug.text);
        assert_eq!(dug.answer, ["www.example.com. A 127.53.80.10"], "{}", dug.text);
    }
}

#[test]
fn without_recursion_only_the_cache_answers() {
    let lab = Running::lab(&[]);
    let unknown = lab.dig("www.example.com +norecurse");
    assert!(unknown.rcode == "REFUSED" && unknown.edes == [20] && !unknown.has("rd"), "{}", unknown.text);
    assert_eq!(lab.dig("www.example.com").rcode, "NOERROR");
    let known = lab.dig("www.example.com +norecurse");
    assert_eq!(known.answer, ["www.example.com. A 127.53.80.10"], "{}", known.text);
    assert!(!known.has("rd") && known.has("ra"), "{}", known.text);
}

#[test]
fn without_recursion_what_is_not_known_is_referred_to_the_closest_zone_that_is() {
    let lab = Running::lab(&[]);
    let refers = |dug: &Dug, zone: &str| {
        let servers = dug.authority.iter().filter(|line| line.starts_with(&format!("{zone} NS ")));
        assert!(dug.rcode == "NOERROR" && dug.answer.is_empty() && servers.count() > 0, "{}", dug.text);
        assert!(dug.has("ra") && !dug.has("aa") && !dug.has("ad") && dug.edes == [20], "{}", dug.text);
    };
    assert_eq!(lab.dig("www.example.com").rcode, "NOERROR");
    let closest = lab.dig("mail.example.com +norecurse +dnssec");
    refers(&closest, "example.com.");
    assert!(closest.authority.iter().any(|line| line.starts_with("example.com. DS ")), "{}", closest.text);
    assert!(closest.text.contains("ns1.example.com."), "with glue: {}", closest.text);
    let plain = lab.dig("mail.example.com +norecurse");
    assert!(plain.authority.iter().all(|line| line.contains(" NS ")), "{}", plain.text);
    refers(&lab.dig("www.another.com +norecurse"), "com.");
    // The parent's side of the cut has the DS set (RFC 4035 §3.1.4.1).
    refers(&lab.dig("unseen.example.com DS +norecurse"), "example.com.");
    // Nothing was asked for any of it.
    refers(&lab.dig("mail.example.com +norecurse"), "example.com.");
}

/// RFC 1034 §4.3.2: the aliases that are known stand in the answer, and what leads on from there in the authority
/// section.
#[test]
fn without_recursion_the_aliases_that_are_known_are_given() {
    let records = "local.records=web.lan CNAME alias.example.com";
    let lab = Running::lab(&["--set", records, "--set", "dns64.prefix=2001:db8:64::/96"]);
    let alias = "alias.example.com. CNAME www.example.net.";
    assert_eq!(lab.dig("alias.example.com CNAME").answer, [alias]);
    assert_eq!(lab.dig("mail.example.net").rcode, "NOERROR");
    let leads = |dug: &Dug, links: &[&str], zone: &str| {
        assert_eq!(
            (dug.rcode.as_str(), &dug.answer[..]),
            ("NOERROR", &links.iter().map(|link| (*link).to_owned()).collect::<Vec<_>>()[..]),
            "{}",
            dug.text
        );
        assert!(dug.authority.iter().any(|line| line.starts_with(&format!("{zone} NS "))), "{}", dug.text);
        assert!(!dug.has("aa") && !dug.has("ad") && dug.edes == [20], "{}", dug.text);
    };
    leads(&lab.dig("alias.example.com +norecurse"), &[alias], "example.net.");
    leads(&lab.dig("web.lan +norecurse"), &["web.lan. CNAME alias.example.com.", alias], "example.net.");
    // The signature of a link comes to those who ask for it.
    let signed = lab.dig("alias.example.com +norecurse +dnssec");
    assert_eq!(signed.answer_types(), ["CNAME", "RRSIG"], "{}", signed.text);
    // Nothing was asked for that, and once all of it is known it is given.
    assert_eq!(lab.dig("www.example.net").rcode, "NOERROR");
    assert_eq!(lab.dig("alias.example.com +norecurse").answer_types(), ["CNAME", "A"]);
    // Where the name of a made address leads is nobody's business.
    let reverse = lab.dig("-x 2001:db8:64::7f35:5032 +norecurse");
    assert!(
        reverse.rcode == "REFUSED" && reverse.answer.is_empty() && reverse.authority.is_empty(),
        "{}",
        reverse.text
    );
}

/// Who checks gets no link that was not checked.
#[test]
fn without_recursion_no_alias_is_given_that_is_not_known_to_be_right() {
    let lab = Running::lab(&[]);
    assert_eq!(lab.dig("alias.example.com CNAME +cdflag").answer_types(), ["CNAME"]);
    assert_eq!(lab.dig("alias.example.com +norecurse +cdflag").answer_types(), ["CNAME"]);
    let checked = lab.dig("alias.example.com +norecurse");
    assert!(checked.rcode == "REFUSED" && checked.answer.is_empty(), "{}", checked.text);
}

#[test]
fn other_opcodes_classes_and_versions_get_what_rfc_8906_says() {
    let lab = Running::lab(&["--set", "server.version=here", "--set", "server.identity=lab one"]);
    for opcode in ["notify", "update", "status", "9"] {
        let dug = lab.dig(&format!("www.example.com +opcode={opcode}"));
        assert_eq!((dug.rcode.as_str(), &dug.edes[..]), ("NOTIMP", &[21][..]), "{}", dug.text);
    }
    let version = lab.dig("www.example.com +edns=1 +noednsneg");
    assert_eq!(version.rcode, "BADVERS", "{}", version.text);
    assert!(version.edns.unwrap().contains("version: 0"), "the version that is spoken here");
    // Unknown options and flags of EDNS are passed over (RFC 6891 §6.1.2).
    let options = lab.dig("www.example.com +ednsopt=100:abcd +ednsflags=0x40 +subnet=192.0.2.0/24 +nsid");
    assert_eq!((options.rcode.as_str(), options.answer.len()), ("NOERROR", 1), "{}", options.text);
    assert_eq!(lab.dig("www.example.com CLASS4 A").rcode, "REFUSED");
    assert_eq!(lab.dig("www.example.com HS A").rcode, "REFUSED");
    for (name, says) in [("version.bind", "here"), ("version.server", "here"), ("id.server", "lab one")] {
        let dug = lab.dig(&format!("{name} CH TXT"));
        assert_eq!(dug.answer, [format!("{name}. TXT \"{says}\"")], "{}", dug.text);
    }
    let silent = Running::lab(&[]);
    assert_eq!(silent.dig("version.bind CH TXT").rcode, "REFUSED");
}

#[test]
fn types_that_are_no_data_are_not_resolved() {
    let lab = Running::lab(&[]);
    for (qtype, rcode) in [("AXFR", "REFUSED"), ("OPT", "FORMERR"), ("TYPE0", "FORMERR"), ("TYPE254", "NOTIMP")] {
        let dug = lab.dig(&format!("www.example.com {qtype} +noall +comments"));
        // dig does not show the header of a transfer that failed.
        assert!(dug.rcode == rcode || dug.text.contains("Transfer failed"), "{qtype}: {}", dug.text);
        assert!(dug.answer.is_empty());
    }
}

#[test]
fn a_message_has_one_question() {
    let lab = Running::lab(&[]);
    let none = lab.dig("+header-only");
    assert_eq!(none.rcode, "FORMERR", "{}", none.text);
    let mut query = b"\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00".to_vec();
    query.extend_from_slice(&b"\x03www\x07example\x03com\x00\x00\x01\x00\x01".repeat(2));
    let answer = super::shared::exchange(lab.resolver, &query).unwrap();
    assert_eq!((answer[..2].to_vec(), answer[3] & 15, answer[2] & 0x80), (vec![0x12, 0x34], 1, 0x80));
}

/// RFC 7873 §5.4: a query without a question asks whether a cookie is good, or for a first one.
#[test]
fn a_cookie_may_be_asked_for_alone() {
    let lab = Running::lab(&[]);
    let ask = |cookie: &[u8]| {
        let mut query = b"\x12\x34\0\0\0\0\0\0\0\0\0\x01\0\0\x29\x04\xd0\0\0\0\0\0".to_vec();
        let len = u8::try_from(cookie.len()).unwrap();
        query.extend([len + 4, 0, 10, 0, len]);
        query.extend_from_slice(cookie);
        let answer = Reply::read(&super::shared::exchange(lab.resolver, &query).unwrap()).unwrap();
        assert!(answer.question.is_none() && answer.answer.is_empty() && answer.damage.is_empty(), "{answer:?}");
        (answer.rcode, answer.edns.unwrap().option(10).map(<[u8]>::to_vec))
    };
    let (rcode, Some(whole)) = ask(b"12345678") else { panic!() };
    assert_eq!((rcode, whole.len(), &whole[..8]), (ResponseCode::NoError, 24, &b"12345678"[..]));
    assert_eq!(ask(&whole), (ResponseCode::NoError, Some(whole.clone())));
    let mut forged = whole.clone();
    forged[23] ^= 1;
    assert_eq!(ask(&forged), (ResponseCode::BADCOOKIE, Some(whole)));
    assert_eq!(ask(b"1234567"), (ResponseCode::FormErr, None));
}

#[test]
fn any_is_answered_minimally() {
    let lab = Running::lab(&[]);
    let dug = lab.dig("www.example.com ANY");
    assert_eq!(dug.answer, ["www.example.com. HINFO \"RFC8482\" \"\""], "{}", dug.text);
}

#[test]
fn what_a_client_cannot_take_is_truncated() {
    let lab = Running::lab(&[]);
    for name in ["big.example.com TXT", "many.example.com A"] {
        let whole = lab.dig(&format!("{name} +tcp"));
        let cut = lab.dig(&format!("{name} +notcp +ignore +noedns"));
        assert!(cut.has("tc") && cut.size <= 512 && cut.edns.is_none(), "{}", cut.text);
        assert!(cut.answer.len() < whole.answer.len(), "{}", cut.text);
        // As dig does unless it is told otherwise.
        let again = lab.dig(&format!("{name} +noedns"));
        assert!(again.over_tcp && again.answer.len() == whole.answer.len(), "{}", again.text);
    }
    let large = lab.dig("many.example.com A +notcp +ignore +bufsize=4096");
    assert!(!large.has("tc") && large.answer.len() == 30, "{}", large.text);
    // No datagram is larger than what passes everywhere, whatever the client says (RFC 9715).
    let large = lab.dig("big.example.com TXT +notcp +ignore +bufsize=4096");
    assert!(large.has("tc") && large.size <= 1232 && large.edns.is_some(), "{}", large.text);
}

#[test]
fn one_connection_carries_many_queries() {
    let lab = Running::lab(&[]);
    let text = lab.dig_text("+tcp +keepopen www.example.com A www.slow.lab A www.example.org A mail.example.com A");
    assert_eq!(text.matches("status: NOERROR").count(), 4, "{text}");
}

/// RFC 7828 §3.2.2: whoever asks is told, over TCP alone.
#[test]
fn a_client_is_told_how_long_a_connection_may_be_idle() {
    let lab = Running::lab(&[]);
    for (how, is_told) in [("+tcp +keepalive", true), ("+tcp", false), ("+notcp +keepalive", false)] {
        for name in ["www.example.com", "localhost", "nope.example.com"] {
            let text = lab.dig_text(&format!("{name} {how}"));
            assert_eq!(text.contains("; TCP KEEPALIVE: 30.0 secs"), is_told, "{text}");
        }
    }
}

/// RFC 6891 §6.2.5: nobody was told that he may send so much.
#[test]
fn a_query_that_is_too_long_for_a_datagram_is_answered() {
    let lab = Running::lab(&[]);
    for (octets, rcode) in
        [(3_900, ResponseCode::NoError), (4_200, ResponseCode::FormErr), (60_000, ResponseCode::FormErr)]
    {
        let mut query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x03www\x07example\x03com\0\0\x01\0\x01".to_vec();
        // An EDNS option that nobody knows, as long as it takes.
        query.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0");
        query.extend_from_slice(&(octets + 4_u16).to_be_bytes());
        query.extend_from_slice(&[0xff, 0xfe]);
        query.extend_from_slice(&octets.to_be_bytes());
        query.resize(query.len() + usize::from(octets), 0);
        let answer = Reply::read(&super::shared::exchange(lab.resolver, &query).unwrap()).unwrap();
        assert_eq!((answer.id, answer.rcode), (0x1234, rcode), "{octets} octets");
        assert_eq!(answer.question.unwrap().name.to_string(), "www.example.com.");
    }
}

#[test]
fn long_names_and_unknown_types_are_names_and_types() {
    let lab = Running::lab(&[]);
    // 100 labels, 213 octets: more labels than minimisation has steps.
    let deep = format!("{}example.com.", "x.".repeat(100));
    let dug = lab.dig(&deep);
    assert_eq!(dug.rcode, "NXDOMAIN", "{}", dug.text);
    // 255 octets, and as long as a label can be.
    let long = format!("{}.{}.{}.{}.example.com.", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(49));
    let dug = lab.dig(&long);
    assert_eq!(dug.rcode, "NXDOMAIN", "{}", dug.text);
    let dug = lab.dig("odd.example.com TYPE65280");
    assert_eq!(dug.answer_types(), ["TYPE65280"], "{}", dug.text);
    let dug = lab.dig("www.example.com TYPE65281");
    assert!(dug.rcode == "NOERROR" && dug.answer.is_empty(), "{}", dug.text);
    let dug = lab.dig(r"\000\255\046.example.com");
    assert_eq!(dug.rcode, "NXDOMAIN", "{}", dug.text);
}

#[test]
fn ttls_count_down() {
    let lab = Running::lab(&[]);
    let ttl = || -> u32 {
        let text = lab.dig_text("www.example.com +noall +answer");
        text.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let first = ttl();
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    assert!(first == 300 && (297..=298).contains(&ttl()));
}
