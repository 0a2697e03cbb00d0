//! Journeys: the whole way from a name to a page, told by the API and by the command line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use rootwalk::config::{Bytes, LocalRecord, Settings};
use rootwalk::wire::text::parse_record;
use serde_json::Value;

use super::origin::{Origin, hello, send};
use super::web::{WEB, Web};
use super::{Got, LAB, curl, lab, through, until};

/// Asks for a journey.
pub(super) fn ask(server: SocketAddr, url: &str, more: &[&str]) -> Got {
    let query = format!("url={}", url.replace('%', "%25").replace('&', "%26").replace('#', "%23"));
    let url = format!("http://{server}/api/journey?{query}");
    let mut all = vec!["-g", &url];
    all.extend(more);
    curl(&all)
}

pub(super) fn journey(server: SocketAddr, url: &str) -> Value {
    let got = ask(server, url, &[]);
    assert_eq!(got.status, 200, "{}", got.text());
    got.json()
}

pub(super) fn hops(journey: &Value) -> &[Value] {
    journey["hops"].as_array().unwrap()
}

pub(super) fn last(journey: &Value) -> &Value {
    hops(journey).last().unwrap()
}

/// The error and the sentence with which a journey failed.
pub(super) fn failure(journey: &Value) -> (&str, &str) {
    let end = &last(journey)["end"];
    assert_eq!(end["kind"], "failed", "{end}");
    (end["error"].as_str().unwrap(), end["why"].as_str().unwrap())
}

pub(super) fn attempts(hop: &Value) -> Vec<(&str, &str)> {
    let attempts = hop["race"]["attempts"].as_array().unwrap();
    attempts.iter().map(|one| (one["address"].as_str().unwrap(), one["end"]["kind"].as_str().unwrap())).collect()
}

fn us(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no time"))
}

/// A lab with records of its own.
pub(super) fn with_records(records: &[&str], change: impl FnOnce(&mut Settings)) -> SocketAddr {
    lab(|settings| {
        settings.local.records = records.iter().map(|text| LocalRecord(parse_record(text).unwrap())).collect();
        change(settings);
    })
}

#[test]
fn every_row_of_the_web_has_its_journey() {
    for row in WEB.rows.iter().filter(|row| row.name != "svcb") {
        let web = Web::of(row);
        let told = journey(web.proxy, &web.here(&row.url));
        assert_eq!(told["schema"], "rootwalk.journey/1");
        match row.status {
            Some(status) => {
                let end = last(&told);
                let came = &end["response"]["status"];
                assert_eq!((&end["end"]["kind"], came), (&"page".into(), &status.into()), "{}: {told}", row.name);
            }
            None => {
                let (error, why) = failure(&told);
                assert!(!error.is_empty() && why.len() > 20, "{}: {error} {why}", row.name);
            }
        }
        for pair in hops(&told).windows(2) {
            let (to, next) = (&pair[0]["end"]["to"], &pair[1]["url"]);
            assert!(to == next && pair[0]["response"]["status"].as_u64() == Some(302), "{}: {to} {next}", row.name);
        }
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_and_ends_the_journey() {
    for (host, words) in [
        ("expired.web.lab", &["expired at 20", "ago"][..]),
        ("wrong-name.web.lab", &["is not for wrong-name.web.lab: it is for "]),
        ("self-signed.web.lab", &["signed by itself"]),
    ] {
        let told = journey(WEB.proxy, &WEB.here(&format!("https://{host}:10443/")));
        let (error, why) = failure(&told);
        let tls = &last(&told)["tls"];
        assert!(error == "tls_certificate_error" && words.iter().all(|word| why.contains(word)), "{why}");
        assert!(tls["trusted"] == false && tls["problems"].as_array().unwrap().len() == 1, "{tls}");
        assert!(tls["certificates"][0]["sha256"].as_str().unwrap().len() == 64);
        assert!(last(&told)["request"].is_null() && last(&told)["response"].is_null(), "nothing is sent then");
    }
    let cut = journey(WEB.proxy, &WEB.here("http://cut-off.web.lab:10080/"));
    let (error, why) = failure(&cut);
    let told = "the answer broke off after 56 of 100000 octets (";
    assert!(error == "http_response_incomplete" && why.starts_with(told), "{why}");
    let told = journey(WEB.proxy, &WEB.here("https://www.example.com:10443/"));
    let tls = &last(&told)["tls"];
    assert_eq!((&tls["version"], &tls["alpn"], &tls["trusted"]), (&"TLS 1.3".into(), &"h2".into(), &true.into()));
    assert_eq!(last(&told)["response"]["version"], "HTTP/2");
}

#[test]
fn the_parts_of_the_way_follow_one_another() {
    let url = WEB.here("https://www.shop.example.com:10443/products");
    let told = ask(WEB.proxy, &url, &["-G", "-d", "cold=1"]).json();
    let hop = last(&told);
    let kinds: Vec<&str> = hop["lookups"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["HTTPS", "AAAA", "A"]);
    let lookups = hop["lookups"].as_array().unwrap();
    let first = lookups.iter().filter_map(|lookup| lookup["ended_us"].as_u64()).min().unwrap();
    assert!(lookups.iter().all(|lookup| us(&lookup["begun_us"]) < first), "all at once: {lookups:?}");
    // A machine that has too much to do does not wait for HTTPS and AAAA.
    for lookup in lookups.iter().filter(|lookup| !lookup["ended_us"].is_null()) {
        assert_eq!(lookup["trace"]["schema"], "rootwalk.trace/1");
        let link = format!("http://{}/t/{}", WEB.proxy, lookup["id"].as_str().unwrap());
        assert_eq!(curl(&["-H", "Accept: application/json", &link]).json()["steps"], lookup["trace"]["steps"]);
    }
    let (tcp, tls, response) = (&hop["tcp"], &hop["tls"], &hop["response"]);
    let moments = [
        &hop["begun_us"],
        &hop["lookups"][2]["ended_us"],
        &tcp["begun_us"],
        &tcp["ended_us"],
        &tls["begun_us"],
        &tls["ended_us"],
        &hop["request"]["begun_us"],
        &response["head_us"],
        &response["body"]["ended_us"],
        &told["time_us"],
    ];
    assert!(moments.is_sorted_by_key(|moment| us(moment)), "{moments:?}");
    let won = hop["race"]["attempts"].as_array().unwrap().last().unwrap();
    assert_eq!((&won["address"], &won["end"]["kind"]), (&tcp["remote"], &"connected".into()));
    let ip = tcp["remote"].as_str().unwrap().rsplit_once(':').unwrap().0;
    assert!(hop["lookups"][2]["addresses"].as_array().unwrap().contains(&ip.into()));
    // What each part took is not more than the wait.
    let timing = response["server_timing"].as_array().unwrap();
    let parts: Vec<&str> = timing.iter().map(|one| one["part"].as_str().unwrap()).collect();
    assert_eq!(parts, ["balancer", "application", "database"]);
    let sum: f64 = timing.iter().map(|one| one["duration_ms"].as_f64().unwrap()).sum();
    let wait = us(&response["head_us"]) - us(&hop["request"]["begun_us"]);
    assert!(sum * 1000.0 <= f64::from(u32::try_from(wait).unwrap()), "{sum} ms of {wait} us");
    assert!(us(&tcp["received_bytes"]) > us(&response["body"]["bytes"]));
}

#[test]
fn caches_are_told_as_they_are() {
    let server = lab(|_| {});
    let origin = Origin::serve("127.53.80.10", hello);
    let url = format!("http://www.example.com:{}/", origin.port());
    let found = |told: &Value, cache: &str| {
        let looks = last(told)["caches"].as_array().unwrap();
        let of: Vec<&Value> = looks.iter().filter(|look| look["cache"] == cache).collect();
        (!of.is_empty(), of.iter().any(|look| look["found"] == true))
    };
    let first = journey(server, &url);
    for cache in ["connections", "answers", "records", "delegations"] {
        assert_eq!(found(&first, cache), (true, false), "{cache}: {first}");
    }
    assert_eq!(found(&journey(server, &url), "records"), (true, true));
    // The proxy asks as any client does, and keeps its connection.
    through(server, &[&url]);
    std::thread::sleep(Duration::from_millis(100));
    let third = journey(server, &url);
    assert_eq!((found(&third, "answers"), found(&third, "connections")), ((true, true), (true, true)));
    let cold = ask(server, &url, &["-G", "-d", "cold=1"]).json();
    assert_eq!(found(&cold, "records"), (true, false));
    // Who asks again from its page asks for the same.
    for (journey, value) in [(&cold, "1"), (&third, "")] {
        let page =
            curl(&["-H", "Accept: text/html", &format!("http://{server}/j/{}", journey["id"].as_str().unwrap())]);
        let chosen = format!("<input type=\"radio\" name=\"cold\" value=\"{value}\" checked>");
        assert!(page.text().contains(&chosen) && journey["cold"] == !value.is_empty(), "{}", page.text());
    }
    assert!(last(&cold)["lookups"][0]["trace"]["cost"]["queries"].as_u64().unwrap() >= 3);
}

#[test]
fn an_address_without_a_life_is_looked_up_for_each_request() {
    let origin = Origin::serve("127.53.80.10", hello);
    let records = ["brief.example. 0 IN A 127.53.80.10", "long.example. 300 IN A 127.53.80.10"];
    let proxy = with_records(&records, |_| {});
    let connections = |host: &str| {
        origin.heads.lock().unwrap().clear();
        for _ in 0..3 {
            let url = format!("http://{host}:{}/", origin.port());
            assert_eq!(through(proxy, &[&url]).status, 200);
            // A connection comes back when its answer was read to the end.
            std::thread::sleep(Duration::from_millis(100));
        }
        origin.heads().iter().map(|(connection, _)| *connection).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!((connections("brief.example"), connections("long.example")), (3, 1));
}

/// An address that takes no packets: its queue is full.
fn silent(address: &str) -> (TcpListener, Vec<TcpStream>) {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&format!("{address}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let to = listener.local_addr().unwrap();
    let fill = || TcpStream::connect_timeout(&to, Duration::from_millis(200)).ok();
    let held = std::iter::from_fn(fill).take(8).collect();
    (listener, held)
}

#[test]
fn a_silent_address_is_overtaken_and_comes_last_from_then_on() {
    let (silent, _held) = silent("127.53.80.101");
    let port = silent.local_addr().unwrap().port();
    let origin = TcpListener::bind(("127.53.80.102", port)).unwrap();
    let origin = Origin::listen(origin, hello);
    let records = ["two.example. 300 IN A 127.53.80.101", "two.example. 300 IN A 127.53.80.102"];
    let server = with_records(&records, |settings| settings.proxy.balance = rootwalk::http::Policy::RoundRobin);
    let url = format!("http://two.example:{port}/");
    // In its turn the silent one is tried first, once.
    let seen: Vec<Value> = (0..4).map(|_| journey(server, &url)).collect();
    let slow: Vec<&Value> = seen.iter().filter(|told| attempts(last(told)).len() == 2).collect();
    assert_eq!(slow.len(), 1, "{seen:?}");
    let race = &last(slow[0])["race"]["attempts"];
    let (first, second) = (&race[0], &race[1]);
    assert_eq!((&first["why"], &first["end"]["kind"]), (&"first".into(), &"overtaken".into()));
    assert_eq!((&second["why"], &second["end"]["kind"]), (&"silence".into(), &"connected".into()));
    assert_eq!(second["address"], origin.address.to_string());
    let head_start = us(&second["begun_us"]) - us(&first["begun_us"]);
    assert!(head_start >= 250_000, "RFC 8305 §5: {head_start}");
}

#[test]
fn only_what_is_out_there_is_fetched() {
    let secret = Origin::serve("127.0.0.1", hello);
    let port = secret.port();
    let redirecting = Origin::serve("127.53.80.10", |head, stream| {
        let to = head.split(' ').nth(1).unwrap().trim_start_matches('/');
        send(stream, &format!("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {to}\r\n\r\n"))
    });
    let record = "near.example. 300 IN A 127.0.0.1";
    let server = with_records(&[record, "meta.example. 300 IN A 169.254.169.254"], |_| {});
    let base = format!("http://www.example.com:{}/", redirecting.port());
    let mut near: Vec<String> = ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "near.example", "0.0.0.0"]
        .map(|host| format!("http://{host}:{port}/"))
        .to_vec();
    near.push("http://169.254.169.254/latest".to_owned());
    near.push("http://meta.example/".to_owned());
    for url in near {
        for url in [url.clone(), format!("{base}{url}")] {
            assert_eq!(failure(&journey(server, &url)).0, "destination_ip_prohibited", "{url}");
        }
    }
    for (to, error) in
        [("http://www.example.com:25/", "http_request_denied"), ("ftp://www.example.com/", "http_request_denied")]
    {
        assert_eq!(failure(&journey(server, &format!("{base}{to}"))).0, error, "{to}");
    }
    assert!(secret.heads().is_empty(), "{:?}", secret.heads());
    for wrong in
        ["ftp://www.example.com/", "file:///etc/passwd", "http://user@www.example.com/", "http://", "http:", ""]
    {
        assert_eq!(ask(server, wrong, &[]).status, 400, "{wrong}");
    }
}

#[test]
fn pages_of_others_cannot_make_us_fetch() {
    let url = format!("http://{}/api/journey?url=http://www.example.com:9999/", *LAB);
    for header in
        ["Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"]
    {
        assert!(matches!(curl(&["-H", header, &url]).status, 403 | 421), "{header}");
    }
    let link = ["-H", "Sec-Fetch-Site: cross-site", "-H", "Sec-Fetch-Mode: navigate", &url];
    assert_eq!(curl(&link).status, 403, "a link would make us fetch as well");
    assert_eq!(curl(&["-X", "POST", &url]).status, 405);
}

#[test]
fn what_has_no_end_is_given_up() {
    let endless = Origin::serve("127.53.80.10", |head, stream| {
        let nth: u32 = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        send(stream, &format!("HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: {}\r\n\r\n", nth + 1))
    });
    let large = Origin::serve("127.53.80.10", |_, stream| {
        let block = "x".repeat(1 << 16);
        let _ = send(stream, "HTTP/1.1 200 OK\r\n\r\n") && (0..1024).all(|_| send(stream, &block));
        false
    });
    let silent = Origin::serve("127.53.80.10", |_, stream| stream.read_line(&mut String::new()).is_ok());
    let server = lab(|settings| {
        settings.fetch.redirects = 3;
        settings.fetch.secs = 4;
        settings.fetch.body_size = Bytes(1 << 20);
        settings.http.traces = 1;
    });
    let told = journey(server, &format!("http://www.example.com:{}/0", endless.port()));
    assert_eq!((failure(&told).0, hops(&told).len()), ("too_many_redirects", 4));
    let told = journey(server, &format!("http://www.example.com:{}/", large.port()));
    let body = &last(&told)["response"]["body"];
    assert!(body["cut"] == true && us(&body["bytes"]) < 2 << 20 && last(&told)["end"]["kind"] == "page", "{body}");
    // While one has the only place another stands in line, and then has its own journey.
    let url = format!("http://www.example.com:{}/", silent.port());
    let waiting = std::thread::spawn({
        let url = url.clone();
        move || journey(server, &url)
    });
    until("it waits", || !silent.heads().is_empty());
    assert_eq!(failure(&journey(server, &url)).0, "http_response_timeout");
    assert_eq!(silent.heads().len(), 2);
    let told = waiting.join().unwrap();
    assert_eq!(failure(&told).0, "http_response_timeout");
    assert!(last(&told)["request"]["method"] == "GET", "what was done until then is told: {told}");
}

#[test]
fn events_come_as_they_happen_and_add_up_to_the_document() {
    let slow = Origin::serve("127.53.80.10", |_, stream| {
        std::thread::sleep(Duration::from_millis(700));
        hello("", stream)
    });
    let url = format!("http://{}/api/journey?cold=1&url=http://www.example.com:{}/", *LAB, slow.port());
    let mut child = Command::new("curl")
        .args(["-s", "-N", "-H", "Accept: text/event-stream", &url])
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events: Vec<(String, Value)> = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if let Some(kind) = line.strip_prefix("event: ") {
            events.push((kind.to_owned(), Value::Null));
        } else if let Some(data) = line.strip_prefix("data: ") {
            let event = events.last_mut().unwrap();
            event.1 = serde_json::from_str(data).unwrap();
            if event.0 == "request" {
                assert!(slow.heads().len() <= 1, "told before the answer is there");
            }
        }
    }
    assert!(child.wait().unwrap().success());
    let (kind, document) = events.pop().unwrap();
    assert_eq!((kind.as_str(), &document["schema"]), ("journey", &"rootwalk.journey/1".into()));
    let all = |kind: &str| events.iter().filter(|(each, _)| each == kind).map(|(_, data)| data).collect::<Vec<_>>();
    let hop = last(&document);
    for (kind, part) in [("request", &hop["request"]), ("end", &hop["end"])] {
        assert_eq!(&all(kind)[0][kind], part, "{kind}");
    }
    let steps: Vec<&Value> =
        all("step").iter().filter(|step| step["step"]["lookup"] == 0).map(|step| &step["step"]["step"]).collect();
    assert_eq!(steps, hop["lookups"][0]["trace"]["steps"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!(all("cache").len(), hop["caches"].as_array().unwrap().len());
    assert!(events.iter().map(|(_, data)| us(&data["at_us"])).is_sorted());
}

#[test]
fn nothing_that_others_say_reaches_a_terminal_as_it_is() {
    let nasty = Origin::serve("127.53.80.10", |_, stream| {
        send(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/\u{9b}31m\u{202e}\r\nServer-Timing: db;desc=\"\u{9b}2J\u{202e}\";dur=5\r\n\
             Content-Length: 0\r\n\r\n",
        )
    });
    let url = format!("http://www.example.com:{}/%1b[31m", nasty.port());
    let text = ask(*LAB, &url, &["-H", "Accept: text/plain"]);
    let lines = text.text();
    let drawn = ['█', '░', '▒', '▏', 'µ', '\n'];
    assert!(lines.chars().all(|c| matches!(c, ' '..='~') || drawn.contains(&c)), "{lines}");
    let widest = lines.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(lines.contains("database db") && widest <= 120, "{widest}: {lines}");
}

#[test]
fn a_waterfall_says_of_the_silent_that_no_reply_came() {
    let told =
        curl(&["-H", "Accept: text/plain", &format!("http://{}/api/journey?url=http://www.dead.lab/&cold=1", *LAB)]);
    let text = told.text();
    let asked: Vec<_> = text.lines().filter(|line| line.contains("dead.lab: ns")).collect();
    assert!(!asked.is_empty() && asked.iter().all(|line| line.ends_with("no reply in time")), "{text}");
}

#[test]
fn the_command_line_says_in_its_exit_code_whether_there_was_an_answer() {
    let origin = Origin::serve("127.0.0.1", hello);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.arg("fetch").args(arguments).env_clear().output().unwrap()
    };
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let refused = run(&[&url, "--json"]);
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((refused.status.code(), failure(&told).0), (Some(1), "destination_ip_prohibited"));
    let allowed = run(&[&url, "--set", "proxy.allow=127.0.0.0/8"]);
    let text = String::from_utf8(allowed.stdout).unwrap();
    assert!(allowed.status.success() && text.starts_with(&url) && text.is_ascii(), "{text}");
    assert!(text.contains("200 OK by HTTP/1.1, 6 octets from 127.0.0.1:"), "{text}");
    // Where nothing took time there is no scale either.
    let denied = run(&["http://127.0.0.1:25/"]);
    assert_eq!(denied.stdout, b"http://127.0.0.1:25/\nport 25 is not a port for HTTP\n");
    // What was fetched is not lost because of a file.
    let unwritten = run(&[&url, "--set", "proxy.allow=127.0.0.0/8", "--har", "/nowhere/x.har"]);
    assert!(unwritten.status.code() == Some(1) && unwritten.stdout.starts_with(url.as_bytes()), "{unwritten:?}");
    for wrong in [&["ftp://x/"][..], &["http://x/", "--ca", "/nowhere"], &[]] {
        let output = run(wrong);
        assert!(matches!(output.status.code(), Some(1 | 2)) && !output.stderr.is_empty(), "{output:?}");
        let mut text = String::new();
        output.stderr.as_slice().read_to_string(&mut text).unwrap();
        assert!(!text.contains("panicked"), "{text}");
    }
}
