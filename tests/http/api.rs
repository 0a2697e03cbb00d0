//! Traces over HTTP, and who may ask for them.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{curl, lab, url};

#[test]
fn a_trace_comes_as_document_or_as_text() {
    let got = curl(&[&url("/api/trace?name=www.example.com&type=AAAA&cold=1")]);
    assert_eq!((got.status, got.header("content-type")), (200, Some("application/json")));
    let trace = got.json();
    assert_eq!(
        (&trace["schema"], &trace["type"], &trace["rcode"]),
        (&"rootwalk.trace/1".into(), &"AAAA".into(), &"NOERROR".into())
    );
    assert!(trace["cost"]["queries"].as_u64().unwrap() >= 3, "a cold walk begins at the root: {trace}");
    // What a cold walk learned is forgotten, what others asked is not.
    assert!(curl(&[&url("/resolve?name=www.example.com&type=AAAA")]).text().ends_with("}\n"));
    let warm = curl(&[&url("/api/trace?name=www.example.com&type=AAAA")]).json();
    assert_eq!(warm["cost"]["queries"], 0, "{warm}");
    let text = curl(&["-H", "Accept: text/plain", &url("/api/trace?name=www.refused.lab&cold=true")]);
    assert!(text.header("content-type").unwrap().starts_with("text/plain"));
    assert!(
        text.text().contains("? resolve www.refused.lab. A") && text.text().contains("SERVFAIL"),
        "{}",
        text.text()
    );
}

/// As in `rootwalk trace`: the two have one function.
#[test]
fn an_address_means_the_name_that_it_has() {
    let asked = |path: &str| {
        let trace = curl(&["-H", "Accept: application/json", &url(path)]).json();
        format!("{} {}", trace["name"].as_str().unwrap(), trace["type"].as_str().unwrap())
    };
    let reverse = "10.80.53.127.in-addr.arpa.";
    for (path, meant) in [
        ("/trace/127.53.80.10", format!("{reverse} PTR")),
        ("/trace/127.53.80.10?type=A", format!("{reverse} A")),
        ("/api/trace?name=127.53.80.10", format!("{reverse} PTR")),
        ("/trace/127.53.80", "127.53.80. A".to_owned()),
        ("/trace/", ". A".to_owned()),
    ] {
        assert_eq!(asked(path), meant, "{path}");
    }
    // What the form sends when no type was typed.
    assert_eq!(curl(&[&url("/trace?name=127.53.80.10&type=")]).header("location"), Some("/trace/127.53.80.10"));
    // Public resolvers take it as it stands.
    let said = curl(&[&url("/resolve?name=127.53.80.10")]).json();
    assert_eq!(said["Question"][0], serde_json::json!({ "name": "127.53.80.10.", "type": 1 }));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a promise about the clock")]
fn events_come_as_they_happen() {
    let mut command = Command::new("curl");
    let url = url("/api/trace?name=www.dead.lab&cold=1");
    command.args(["-s", "-N", "-H", "Accept: text/event-stream", &url]).env_clear().stdout(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let (mut first, mut kinds, mut documents) = (None, Vec::new(), Vec::new());
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if let Some(kind) = line.strip_prefix("event: ") {
            first.get_or_insert_with(|| begun.elapsed());
            kinds.push(kind.to_owned());
        } else if let Some(data) = line.strip_prefix("data: ") {
            documents.push(serde_json::from_str::<serde_json::Value>(data).unwrap());
        } else {
            assert_eq!(line, "");
        }
    }
    assert!(child.wait().unwrap().success());
    // Servers that are dead take their time; the first step did not wait for it.
    assert!(first.unwrap() < begun.elapsed() / 2, "{first:?} of {:?}", begun.elapsed());
    assert_eq!(kinds.pop().unwrap(), "trace");
    assert!(kinds.len() > 5 && kinds.iter().all(|kind| kind == "step"), "{kinds:?}");
    let trace = documents.pop().unwrap();
    assert_eq!(trace["steps"].as_array().unwrap(), &documents);
}

#[test]
fn names_are_text_whatever_they_hold() {
    let name = "%3Cscript%3E%0A%0Aevent:%20x%1B%5B31m.example.com";
    for accept in ["text/plain", "text/event-stream", "application/json"] {
        let wanted = format!("Accept: {accept}");
        let got = curl(&["-H", &wanted, &url(&format!("/api/trace?name={name}"))]);
        assert_eq!(got.status, 200, "{accept}");
        assert!(!got.body.contains(&0x1b) && !got.text().contains("\nevent: x"), "{}", got.text());
    }
    let page = curl(&["-H", "Accept: text/html", &url("/resolve?name=%3Cscript%3E..x")]);
    assert!(page.status == 400 && page.header("content-type").unwrap().starts_with("text/html"));
    assert!(!page.text().contains("<script") && page.header("content-security-policy").is_some());
    let problem = curl(&["-H", "Accept: application/json", &url("/resolve")]).json();
    assert_eq!(problem["error"]["status"], 400);
}

/// A slip in a parameter is said, and not taken for the wish for something else.
#[test]
fn what_is_no_parameter_is_refused_where_nobody_else_has_chosen_them() {
    for (path, word) in [
        (
            "/api/trace?name=example.com&tpye=MX",
            "the query string: unknown parameter `tpye`, expected one of `name`, `type`, `cold`, `cd`",
        ),
        ("/api/trace?type=MX", "missing parameter `name`"),
        ("/trace/example.com?tpye=MX", "`tpye`"),
        ("/trace?name=example.com&tpye=MX", "`tpye`"),
        ("/api/journey?url=http://www.example.com/&warm=1", "`warm`"),
        ("/api/cache?name=example.com&type=A", "`type`"),
        ("/t/0?type=MX", "unknown parameter `type`"),
        ("/past?name=example", "`name`"),
        ("/past?kind=walks", "kind is walk or journey"),
        ("/past?kind=walk&kind=walk", "duplicate parameter `kind`"),
        ("/past?a%1bb=1", "`a\u{fffd}b`"),
        ("/past?a:%20b=1", "the query string: unknown parameter `a: b`"),
    ] {
        let got = curl(&[&url(path)]);
        assert!(got.status == 400 && got.text().contains(word), "{path}: {got:?}");
    }
    // There the parameters are those of other services.
    assert_eq!(curl(&[&url("/resolve?name=example.com&random_padding=x")]).status, 200);
}

#[test]
fn other_names_and_other_pages_are_refused_everywhere() {
    for path in [
        "/",
        "/resolve?name=example.com",
        "/dns-query",
        "/api/trace?name=example.com",
        "/past",
        "/trace/example.com",
        "/t/0",
        "/nowhere",
    ] {
        let with = |header: &str| curl(&["-H", header, &url(path)]).status;
        assert_eq!(with("Host: evil.example"), 421, "{path}");
        assert_eq!(with("Origin: http://evil.example"), 403, "{path}");
        assert_eq!(with("Sec-Fetch-Site: cross-site"), 403, "{path}");
    }
    let named = lab(|settings| settings.http.hosts = vec!["dns.example".parse().unwrap()]);
    let asked = |host: &str| curl(&["-H", &format!("Host: {host}"), &format!("http://{named}/")]).status;
    assert_eq!((asked("dns.example:443"), asked("example")), (200, 421));
}

#[test]
fn strangers_are_refused_by_the_list_that_counts_for_dns() {
    let closed = lab(|settings| settings.server.allow = vec!["192.0.2.0/24".parse().unwrap()]);
    let got = curl(&[&format!("http://{closed}/resolve?name=example.com")]);
    assert!(got.status == 403 && got.text().contains("server.allow"), "{got:?}");
}
