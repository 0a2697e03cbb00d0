//! Names are flushed by those who may, and looked up anew.

use std::process::{Command, Output};

use super::{curl, lab};

fn rootwalk(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rootwalk")).args(arguments).env_clear().output().unwrap()
}

/// Questions that are sent for a name now.
fn queries(here: std::net::SocketAddr, name: &str) -> u64 {
    let trace = curl(&[&format!("http://{here}/api/trace?name={name}")]).json();
    assert_eq!(trace["rcode"], "NOERROR", "{trace}");
    trace["cost"]["queries"].as_u64().unwrap()
}

#[test]
fn what_is_flushed_is_asked_for_again_and_nothing_else_is() {
    let here = lab(|_| {});
    let (zone, other) = ("www.example.com", "www.example.org");
    let flush = |asked: &str| curl(&["-X", "POST", &format!("http://{here}/api/flush?{asked}")]);
    for (asked, said, least, most) in [
        ("name=www.example.com", r#"{"flushed":"www.example.com.","tree":false}"#, 1, 1),
        // The delegation and the keys as well, and nothing of the zones above.
        ("name=Example.COM&tree=1", r#"{"flushed":"Example.COM.","tree":true}"#, 2, 4),
        ("name=.&tree=true", r#"{"flushed":".","tree":true}"#, 5, 12),
        ("name=example.net&tree=1", r#"{"flushed":"example.net.","tree":true}"#, 0, 0),
    ] {
        let _ = (queries(here, zone), queries(here, other));
        assert_eq!((queries(here, zone), queries(here, other)), (0, 0));
        let got = flush(asked);
        let line = format!("{said}\n");
        assert_eq!((got.status, got.text(), got.header("cache-control")), (200, &*line, Some("no-store")));
        let again = queries(here, zone);
        assert!((least..=most).contains(&again), "{asked}: {again} queries");
        assert!(asked.starts_with("name=.&") || queries(here, other) == 0, "{asked}");
    }
    for (asked, said) in [
        ("", "missing parameter `name`"),
        ("name=a..b", "not a domain name"),
        ("name=a&name=b", "duplicate parameter `name`"),
        ("name=a&tree=x", "0 or 1"),
        ("name=a&Tree=1", "unknown parameter `Tree`"),
    ] {
        let got = flush(asked);
        assert!(got.status == 400 && got.text().contains(said), "{asked}: {got:?}");
    }
}

/// A page may have a browser send forms and links; none of them changes anything.
#[test]
fn names_are_flushed_for_clients_on_this_machine_alone_and_for_no_page_of_others() {
    let here = lab(|_| {});
    let url = format!("http://{here}/api/flush?name=www.example.com");
    queries(here, "www.example.com");
    let got = curl(&[&url]);
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
    assert!(got.text().ends_with("this resource takes POST alone\n"), "{got:?}");
    let post = |header: &str| curl(&["-X", "POST", "-H", header, &url]).status;
    assert_eq!(post("Host: evil.example"), 421);
    for foreign in
        ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"]
    {
        assert_eq!(post(foreign), 403, "{foreign}");
    }
    let form = ["-X", "POST", "-H", "Sec-Fetch-Site: cross-site", "-H", "Sec-Fetch-Mode: navigate", &url];
    assert_eq!(curl(&form).status, 403);
    assert_eq!(queries(here, "www.example.com"), 0);
    assert_eq!(curl(&["-d", "tree=1", &url]).status, 400, "what is in a body would be passed over");
    assert_eq!(queries(here, "www.example.com"), 0);
    assert_eq!(post(&format!("Origin: http://{here}")), 200);
    assert_eq!(queries(here, "www.example.com"), 1);
    let others = lab(|settings| settings.http.flush_allow = vec!["192.0.2.0/24".parse().unwrap()]);
    let got = curl(&["-X", "POST", &format!("http://{others}/api/flush?name=www.example.com")]);
    assert!(got.status == 403 && got.text().contains("http.flush_allow"), "{got:?}");
}

#[test]
fn the_command_says_what_it_did_or_why_not() {
    let here = lab(|_| {});
    let server = format!("http://{here}");
    queries(here, "www.example.com");
    for (arguments, said) in [
        (&["www.example.com"][..], "flushed www.example.com.: "),
        (&["example.com", "--tree"], "flushed example.com. and all names below it: "),
        (&["bücher.example"], "flushed xn--bcher-kva.example.: "),
    ] {
        let output = rootwalk(&[&["flush", "--server", &server], arguments].concat());
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
        assert!(output.stdout.starts_with(said.as_bytes()), "{output:?}");
    }
    assert!(queries(here, "www.example.com") > 1);
    let closed = lab(|settings| settings.server.allow = vec!["192.0.2.0/24".parse().unwrap()]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (server, code, said) in [
        (closed.to_string(), 1, "403 Forbidden: nothing is served to 127.0.0.1: "),
        (nobody.to_string(), 1, "Connection refused"),
        (nobody.to_string(), 1, "--server says where that is"),
        ("https://127.0.0.1".to_owned(), 2, "without TLS"),
    ] {
        let output = rootwalk(&["flush", "www.example.com", "--server", &server]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && told.contains(said), "{server}: {told}");
    }
    assert_eq!(rootwalk(&["flush", "a..b"]).status.code(), Some(2));
}
