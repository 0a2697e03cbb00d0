//! DNS over HTTP (RFC 8484) and the JSON form.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use data_encoding::BASE64URL_NOPAD;
use rootwalk::wire::{Edns, Flags, Question, RecordType, Reply, ResponseCode, write_query};

use super::{Got, LAB, curl, url};

const MESSAGE: &str = "application/dns-message";
const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

fn query(name: &str, qtype: RecordType) -> Vec<u8> {
    let mut out = Vec::new();
    let question = Question::new(name.parse().unwrap(), qtype);
    write_query(0, &question, Flags::default().with_rd(true), Some(&Edns::new(1232, false)), &mut out);
    out
}

fn get(version: &str, query: &[u8]) -> Got {
    curl(&[
        version,
        "-H",
        "Accept: application/dns-message",
        &url(&format!("/dns-query?dns={}", BASE64URL_NOPAD.encode(query))),
    ])
}

fn post(media_type: &str, more: &[&str], query: &[u8]) -> Got {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("query");
    std::fs::write(&file, query).unwrap();
    let data = format!("@{}", file.display());
    let (url, media_type) = (url("/dns-query"), format!("Content-Type: {media_type}"));
    let mut arguments = vec!["--data-binary", &data, "-H", &media_type, &url];
    arguments.extend(more);
    curl(&arguments)
}

#[test]
fn both_methods_over_both_versions_give_the_message() {
    for version in VERSIONS {
        let query = query("www.example.com", RecordType::A);
        for got in [get(version, &query), post(MESSAGE, &[version], &query)] {
            assert_eq!((got.status, got.header("content-type")), (200, Some("application/dns-message")), "{got:?}");
            let reply = Reply::read(&got.body).unwrap();
            assert_eq!((reply.id, reply.rcode, reply.answer.len()), (0, ResponseCode::NoError, 1));
            assert_eq!(reply.answer[0].address(), Some([127, 53, 80, 10].into()));
            // RFC 8484 §5.1: no longer than the records.
            let kept = format!("max-age={}", reply.answer[0].ttl_secs);
            assert_eq!(got.header("cache-control"), Some(kept.as_str()));
        }
    }
}

/// Whoever asks over HTTP has no id by which they could.
#[test]
fn addresses_take_turns() {
    let query = query("many.example.com", RecordType::A);
    let first = || {
        let reply = Reply::read(&get(VERSIONS[0], &query).body).unwrap();
        assert_eq!((reply.id, reply.answer.len()), (0, 30));
        reply.answer[0].address()
    };
    let one = first();
    // By chance it is the same one each time once in 10^29 times.
    assert!((0..20).any(|_| first() != one));
}

#[test]
fn a_message_may_be_padded_or_encoded_once_more() {
    // The encoding of tildes has the letter that plain base64 has not.
    let text = BASE64URL_NOPAD.encode(&query(&"~".repeat(63), RecordType::A));
    assert!(text.contains('-'), "{text}");
    let encoded: String = text.bytes().map(|octet| format!("%{octet:02x}")).collect();
    for given in [format!("{text}=="), format!("{text}%3D%3d"), encoded] {
        assert_eq!(curl(&[&url(&format!("/dns-query?x=1&dns={given}"))]).status, 200, "{given}");
    }
}

#[test]
fn what_dns_denies_is_no_error_of_http_and_is_kept_as_the_soa_says() {
    let got = get("--http1.1", &query("nope.example.com", RecordType::A));
    assert_eq!(got.status, 200);
    let reply = Reply::read(&got.body).unwrap();
    assert_eq!(reply.rcode, ResponseCode::NXDomain);
    let soa = reply.authority.iter().find(|record| record.rtype == RecordType::SOA).unwrap();
    let minimum = u32::from_be_bytes(*soa.rdata.last_chunk().unwrap());
    let kept = format!("max-age={}", soa.ttl_secs.min(minimum));
    assert_eq!(got.header("cache-control"), Some(kept.as_str()));
    let failed = get("--http1.1", &query("www.refused.lab", RecordType::A));
    assert_eq!((failed.status, failed.header("cache-control")), (200, Some("no-store")));
    assert_eq!(Reply::read(&failed.body).unwrap().rcode, ResponseCode::ServFail);
}

#[test]
fn a_large_answer_is_not_cut() {
    let got = get("--http1.1", &query("big.example.com", RecordType::TXT));
    let reply = Reply::read(&got.body).unwrap();
    assert!(!reply.flags.tc(), "{reply:?}");
}

#[test]
fn each_mistake_has_its_status() {
    let mistakes: &[(&str, u16)] = &[
        ("/dns-query", 400),
        ("/dns-query?dns=", 400),
        ("/dns-query?dns=%%%", 400),
        ("/dns-query?dns=AAAA&dns=AAAA", 400),
        // A header alone, and a response.
        ("/dns-query?dns=AAABAAABAAAAAAAA", 200),
        ("/dns-query?dns=AACBAAABAAAAAAAA", 400),
        ("/resolve", 400),
        ("/resolve?name=a..b", 400),
        ("/resolve?name=example.com&type=NOTYPE", 400),
        ("/resolve?name=example.com&type=65536", 400),
        ("/resolve?name=example.com&do=maybe", 400),
        ("/resolve?name=a&name=b", 400),
        ("/elsewhere", 404),
    ];
    for (path, status) in mistakes {
        assert_eq!(curl(&[&url(path)]).status, *status, "{path}");
    }
    let message = query("www.example.com", RecordType::A);
    assert_eq!(post("text/plain", &[], &message).status, 415);
    assert_eq!(post(MESSAGE, &[], &vec![0; 65_536]).status, 413);
    let head = "POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dns-message\r\n";
    let mut stream = TcpStream::connect(*LAB).unwrap();
    stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\nno size\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // Nobody is told to send what is too long.
    let mut stream = TcpStream::connect(*LAB).unwrap();
    stream.write_all(format!("{head}Content-Length: 65536\r\nExpect: 100-continue\r\n\r\n").as_bytes()).unwrap();
    let mut status = [0; 13];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(status, *b"HTTP/1.1 413 ");
    let put = curl(&["-X", "PUT", &url("/dns-query")]);
    assert_eq!((put.status, put.header("allow")), (405, Some("GET,HEAD,POST")));
}

#[test]
fn json_has_the_form_of_public_resolvers() {
    let got = curl(&[&url("/resolve?name=alias.example.com&type=1&do=1&cd=0")]);
    assert_eq!((got.status, got.header("content-type")), (200, Some("application/json")));
    let said = got.json();
    assert_eq!((&said["Status"], &said["RA"], &said["TC"]), (&0.into(), &true.into(), &false.into()));
    assert_eq!(said["Question"][0], serde_json::json!({ "name": "alias.example.com.", "type": 1 }));
    let answer = said["Answer"].as_array().unwrap();
    let of_type = |rtype: u16| answer.iter().filter(move |record| record["type"] == rtype);
    assert!(of_type(5).count() > 0 && of_type(1).count() > 0 && of_type(46).count() > 0, "{said}");
    assert!(of_type(1).all(|record| record["data"].as_str().unwrap().starts_with("127.53.")), "{said}");
    // RFC 6840 §5.7: that it is proved is said without signatures; not of what is not signed.
    for (name, proved) in [("www.example.com", true), ("www.example.net", false)] {
        let said = curl(&[&url(&format!("/resolve?name={name}"))]).json();
        let types: Vec<_> = said["Answer"].as_array().unwrap().iter().map(|record| &record["type"]).collect();
        assert_eq!((&said["AD"], types), (&proved.into(), vec![&1.into()]), "{said}");
    }
    let failed = curl(&[&url("/resolve?name=www.refused.lab")]).json();
    assert_eq!(failed["Status"], 2);
    let error = &failed["extended_dns_errors"][0];
    assert!(error["info_code"] == 22 && error["extra_text"].as_str().unwrap().contains("REFUSED"), "{failed}");
}
