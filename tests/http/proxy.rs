//! The forward proxy, between curl and servers of a few lines.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use rootwalk::config::BalancedHost;
use rootwalk::http::Policy;

use super::origin::{Origin, echo, hello, send};
use super::{LAB, curl, lab, through};

/// A proxy whose resolver lets private addresses through, with a tunnel port and little patience.
static OPEN: LazyLock<SocketAddr> = LazyLock::new(|| {
    lab(|settings| {
        settings.resolver.private_addresses.clear();
        settings.proxy.answer_secs = 1;
        settings.proxy.connect_secs = 3;
    })
});

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let of = |line: &'a str| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name));
    head.lines().find_map(of).map(|(_, value)| value)
}

#[test]
fn a_page_is_fetched_by_name_and_the_hop_keeps_its_own_fields() {
    let origin = Origin::serve("127.53.80.10", hello);
    let url = format!("http://www.example.com:{}/path?q=1", origin.port());
    let got = through(*LAB, &["-H", "Connection: x-secret", "-H", "X-Secret: 1", "-H", "X-Open: 2", &url]);
    assert_eq!((got.status, got.text()), (200, "hello\n"));
    assert_eq!((got.header("x-mine"), got.header("x-theirs")), (None, Some("2")));
    let via = got.header("via").unwrap();
    assert!(via.starts_with("1.1 rootwalk-"), "{via}");
    let next_hop = format!("rootwalk; next-hop=\"{}\"", origin.address);
    assert_eq!(got.header("proxy-status"), Some(next_hop.as_str()));
    let (_, head) = origin.heads().remove(0);
    assert!(head.starts_with("GET /path?q=1 HTTP/1.1\r\n"), "{head}");
    assert_eq!(field(&head, "host"), Some(format!("www.example.com:{}", origin.port()).as_str()));
    assert_eq!((field(&head, "x-open"), field(&head, "via")), (Some("2"), Some(via)));
    for gone in ["x-secret", "connection", "proxy-connection", "keep-alive", "te"] {
        assert_eq!(field(&head, gone), None, "{head}");
    }
}

#[test]
fn a_connection_is_used_again_while_the_address_is_good() {
    let origin = Origin::serve("127.53.80.10", hello);
    for _ in 0..3 {
        let url = format!("http://www.example.com:{}/", origin.port());
        assert_eq!(through(*LAB, &[&url, &url]).status, 200);
        // It comes back when the answer was read to its end.
        std::thread::sleep(Duration::from_millis(50));
    }
    let heads = origin.heads();
    assert!(heads.len() == 6 && heads.iter().all(|(connection, _)| *connection == 0), "{heads:?}");
}

#[test]
fn bodies_go_both_ways_with_lengths_chunks_and_trailers() {
    let origin = Origin::serve("127.53.80.10", echo);
    let url = format!("http://www.example.com:{}/", origin.port());
    let body = "0123456789".repeat(20_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, &body).unwrap();
    let data = format!("@{}", file.display());
    let sized = through(*LAB, &["--data-binary", &data, &url]);
    assert_eq!((sized.status, sized.text().len(), sized.text() == body), (200, body.len(), true));
    // RFC 9110 §10.1.1: curl waits for 100 (Continue).
    let expecting = through(*LAB, &["--data-binary", &data, "-H", "Expect: 100-continue", &url]);
    assert!(expecting.text() == body && field(&origin.heads()[1].1, "expect").is_none());
    let mut stream = BufReader::new(TcpStream::connect(*LAB).unwrap());
    let host = format!("www.example.com:{}", origin.port());
    let request = format!(
        "POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\
         Connection: TE, close\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let lower = text.to_lowercase();
    assert!(lower.contains("transfer-encoding: chunked") && !lower.contains("content-length"), "{text}");
    assert!(lower.contains("abc") && lower.contains("x-sum: 5\r\n\r\n"), "{text}");
    let (_, head) = origin.heads().pop().unwrap();
    assert_eq!((field(&head, "te"), field(&head, "connection")), (Some("trailers"), Some("te")), "{head}");
    // Where a body is rare it arrives as well.
    let chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", &data, &url];
    for method in ["GET", "DELETE"] {
        let got = through(*LAB, &[&["-X", method][..], &chunked].concat());
        assert!(got.status == 200 && got.text() == body, "{method}: {} octets", got.body.len());
    }
}

#[test]
fn an_upload_may_take_longer_than_an_answer() {
    let origin = Origin::serve("127.53.80.10", echo);
    let host = format!("www.example.com:{}", origin.port());
    let mut stream = BufReader::new(TcpStream::connect(*OPEN).unwrap());
    let head =
        format!("POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 4\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes()).unwrap();
    for piece in [b"a", b"b", b"c", b"d"] {
        // All of it in twice the time that an answer may take.
        std::thread::sleep(Duration::from_millis(500));
        stream.get_mut().write_all(piece).unwrap();
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("abcd"), "{text}");
}

#[test]
fn a_connection_that_ends_as_it_is_used_again_is_no_failure() {
    // The first request on each connection is answered; the next one finds it closed, when it was sent already.
    let origin = Origin::serve("127.53.80.10", |head, stream| head.contains("/first") && hello(head, stream));
    let url = |path| format!("http://www.example.com:{}/{path}", origin.port());
    let fetch = |more: &[&str]| {
        assert_eq!(through(*LAB, &[&url("first")]).status, 200);
        // It comes back when the answer was read to its end.
        std::thread::sleep(Duration::from_millis(50));
        let before = origin.heads().len();
        let got = through(*LAB, more);
        (got.status, origin.heads().len() - before)
    };
    // RFC 9110 §9.2.2: twice does no harm, and no more than twice; what may do harm is sent once.
    let first = url("first");
    assert_eq!(fetch(&[&url("other")]), (502, 2));
    assert_eq!(fetch(&["-X", "POST", &url("other")]), (502, 1));
    assert_eq!(fetch(&["-d", "body", "-X", "PUT", &url("other")]), (502, 1));
    assert_eq!(fetch(&[&first]).0, 200);
}

#[test]
fn a_name_that_is_not_found_in_time_is_not_a_server_that_is_silent() {
    let hasty = lab(|settings| settings.proxy.connect_secs = 1);
    let got = through(hasty, &["-H", "Accept: text/html", "http://www.dead.lab/"]);
    assert_eq!(got.status, 504, "{got:?}");
    assert_eq!(got.header("proxy-status").unwrap().split("; ").nth(1), Some("error=dns_timeout"), "{got:?}");
    assert!(got.text().contains("The name takes too long to be found"), "{got:?}");
}

#[test]
fn connect_makes_tunnels_to_listed_ports_alone() {
    let origin = Origin::serve("127.53.80.10", hello);
    let port = origin.port();
    let url = format!("http://www.example.com:{port}/");
    let refused = TcpStream::connect(*LAB)
        .map(|stream| raw(stream, &format!("CONNECT www.example.com:{port} HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert!(refused.unwrap().starts_with("HTTP/1.1 403 "));
    assert!(origin.heads().is_empty());
    let listed = lab(|settings| settings.proxy.connect_ports = vec![port]);
    let got = through(listed, &["--proxytunnel", "--suppress-connect-headers", &url]);
    assert_eq!((got.status, got.text()), (200, "hello\n"));
    assert_eq!(got.header("via"), None, "nothing is added inside of a tunnel");
    // What comes right behind the head belongs to the tunnel.
    let early = format!(
        "CONNECT www.example.com:{port} HTTP/1.1\r\nHost: x\r\n\r\nGET /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(listed).unwrap();
    stream.write_all(early.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    while !text.ends_with("hello\n") {
        assert!(reader.read_line(&mut text).unwrap() > 0, "{text}");
    }
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("proxy-status: rootwalk; next-hop="), "{text}");
}

#[test]
fn a_failure_of_dns_is_told_with_its_sentence_and_a_link_to_the_walk() {
    let got = through(*LAB, &["-H", "Accept: application/json", "http://www.refused.lab/"]);
    assert_eq!(got.status, 502);
    let status = got.header("proxy-status").unwrap();
    assert!(status.starts_with("rootwalk; error=dns_error; rcode=\"SERVFAIL\"; info-code=22; details=\""), "{status}");
    let error = &got.json()["error"];
    let detail = error["detail"].as_str().unwrap();
    assert!(
        detail.contains("www.refused.lab") && detail.contains("no server of refused.lab. gave an answer"),
        "{detail}"
    );
    assert_eq!(error["error"], "dns_error");
    assert!(error["advice"].as_str().unwrap().contains("which server failed"), "{error}");
    let link = error["trace"].as_str().unwrap();
    assert!(link.contains("/t/"), "{link}");
    let walk = curl(&["-H", "Accept: application/json", link]).json();
    assert_eq!((&walk["schema"], &walk["rcode"]), (&"rootwalk.trace/1".into(), &"SERVFAIL".into()));
    let withheld = through(*LAB, &["-H", "Accept: text/html", "http://www.rebind.lab/"]);
    assert!(withheld.text().contains("blocked here") && withheld.text().contains("withheld"), "{withheld:?}");
    assert!(withheld.header("proxy-status").unwrap().contains("info-code=17"), "{withheld:?}");
    let page = through(*LAB, &["-H", "Accept: text/html", "http://nope.example.com/"]);
    assert!(page.status == 502 && page.text().contains("the name does not exist"), "{page:?}");
    assert!(page.text().contains("<h1>There is no such name</h1>") && page.text().contains("spelling"), "{page:?}");
    assert!(page.header("proxy-status").unwrap().contains("rcode=\"NXDOMAIN\""));
    assert!(page.text().contains(&format!("href=\"http://{}/t/", *LAB)), "{}", page.text());
}

#[test]
fn what_is_near_is_not_connected_to_whatever_its_name() {
    let secret = Origin::serve("127.0.0.1", hello);
    let port = secret.port();
    let v6 = TcpListener::bind(("::1", port)).is_ok();
    let mut targets =
        vec!["127.0.0.1".to_owned(), "www.rebind.lab".to_owned(), "169.254.169.254".to_owned(), "0.0.0.0".to_owned()];
    targets.extend(["[::ffff:127.0.0.1]", "[::]", "10.0.0.1"].map(str::to_owned));
    targets.extend(v6.then(|| "[::1]".to_owned()));
    for target in targets {
        let got = through(*OPEN, &[&format!("http://{target}:{port}/")]);
        assert_eq!(got.status, 403, "{target}: {got:?}");
        assert!(got.header("proxy-status").unwrap().contains("error=destination_ip_prohibited"), "{target}: {got:?}");
    }
    // Other ways to write a loopback address are names to us, and do not exist.
    for target in ["2130706433", "127.1", "0x7f.0.0.1"] {
        assert_ne!(through(*OPEN, &[&format!("http://{target}:{port}/")]).status, 200, "{target}");
    }
    assert!(secret.heads().is_empty());
    let mail = through(*OPEN, &["-H", "Accept: text/html", "http://www.example.com:25/"]);
    assert!(mail.status == 403 && mail.text().contains("80, 443 and those from 1024 on"), "{mail:?}");
}

#[test]
fn another_address_is_tried_at_once_when_one_refuses() {
    // Of the four addresses of the shop, one has a server.
    let origin = Origin::serve("127.53.80.3", hello);
    let got = through(*LAB, &[&format!("http://www.shop.example.com:{}/", origin.port())]);
    assert_eq!(got.status, 200);
    assert!(got.header("proxy-status").unwrap().contains(&format!("next-hop=\"{}\"", origin.address)), "{got:?}");
    let nobody = through(*LAB, &["http://www.shop.example.com:9/"]);
    assert_eq!(nobody.status, 403, "port 9 is not for HTTP");
    let port = TcpListener::bind("127.53.80.1:0").unwrap().local_addr().unwrap().port();
    let nobody = through(*LAB, &[&format!("http://www.shop.example.com:{port}/")]);
    let status = nobody.header("proxy-status").unwrap();
    assert!(nobody.status == 502 && status.contains("error=connection_refused"), "{nobody:?}");
    assert!((1..=4).all(|last| status.contains(&format!("127.53.80.{last}:{port} refused"))), "{status}");
}

#[test]
fn an_origin_that_misbehaves_is_named() {
    let garbage = Origin::serve("127.53.80.10", |_, stream| !send(stream, "what?\r\n\r\n"));
    let closing = Origin::serve("127.53.80.10", |_, _| false);
    let silent = Origin::serve("127.53.80.10", |_, stream| stream.read_line(&mut String::new()).is_ok());
    let wordy = Origin::serve("127.53.80.10", |_, stream| {
        let fields: String = (0..150).map(|nth| format!("X-{nth}: y\r\n")).collect();
        send(stream, &format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))
    });
    let coded = Origin::serve("127.53.80.10", |_, stream| {
        send(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n")
    });
    let told = super::journey::journey(*LAB, &format!("http://www.example.com:{}/", wordy.port()));
    assert_eq!(super::journey::last(&told)["end"]["error"], "http_response_header_section_size");
    let cases = [
        (&garbage, 502, "http_protocol_error"),
        (&coded, 502, "http_protocol_error"),
        (&wordy, 502, "http_response_header_section_size"),
        (&closing, 502, "connection_terminated"),
        (&silent, 504, "http_response_timeout"),
    ];
    for (origin, status, kind) in cases {
        let got = through(*OPEN, &[&format!("http://www.example.com:{}/", origin.port())]);
        assert_eq!(got.status, status, "{got:?}");
        assert!(
            got.header("proxy-status").unwrap().contains(kind) && got.text().contains("www.example.com"),
            "{got:?}"
        );
    }
}

/// What was here before goes round in circles; what another one like us has passed on does not (RFC 9110 §7.6.3).
#[test]
fn a_loop_ends_and_two_in_a_row_are_none() {
    let origin = Origin::serve("127.53.80.10", hello);
    let url = format!("http://www.example.com:{}/", origin.port());
    let via = through(*OPEN, &[&url]).header("via").unwrap().to_owned();
    for (said, status) in [(format!("1.1 other, {via}"), 508), ("1.1 rootwalk, 1.1 rootwalk-0".to_owned(), 200)] {
        assert_eq!(through(*OPEN, &["-H", &format!("Via: {said}"), &url]).status, status, "{said}");
    }
    // A 405 would have to say what is allowed (RFC 9110 §15.5.6).
    assert_eq!(through(*OPEN, &["-X", "TRACE", "-H", "Max-Forwards: 0", &url]).status, 501);
}

/// Sends bytes and reads until the other end closes, or says nothing for a second.
fn raw(mut stream: TcpStream, bytes: &str) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let _ = stream.write_all(bytes.as_bytes());
    let (mut text, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(len @ 1..) = stream.read(&mut part) {
        text.extend_from_slice(&part[..len]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn an_answer_that_could_be_read_in_two_ways_is_not_passed_on() {
    // RFC 9112 §11.1, §11.2: what an origin sends is judged as well; §11.3: what is cut off does not look whole.
    const HEADS: [&str; 6] = [
        "HTTP/1.1 200 OK\r\nX: y\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    ];
    let origin = Origin::serve("127.53.80.10", |head, stream| {
        let nth: usize = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        match HEADS.get(nth) {
            Some(head) => send(stream, head),
            // What is wrong came along with the head.
            None if nth == 98 => !send(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"),
            None => !send(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nab"),
        }
    });
    for (nth, head) in HEADS.iter().enumerate() {
        let got = through(*OPEN, &[&format!("http://www.example.com:{}/{nth}", origin.port())]);
        assert_eq!((got.status, got.header("set-cookie")), (502, None), "{head:?}: {got:?}");
    }
    let host = format!("www.example.com:{}", origin.port());
    for nth in [98, 99] {
        let mut stream = TcpStream::connect(*OPEN).unwrap();
        stream.write_all(format!("GET http://{host}/{nth} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(text.starts_with("HTTP/1.1 200 ") && !text.ends_with("0\r\n\r\n"), "{nth}: {text}");
    }
}

/// Where no body follows as well: RFC 9110 §8.6 lets nobody pass on two lengths, be they the same.
#[test]
fn a_length_that_is_said_twice_is_said_once() {
    let origin = Origin::serve("127.53.80.10", |head, stream| {
        let twice =
            if head.contains("/list") { "Content-Length: 2, 2" } else { "Content-Length: 2\r\nContent-Length: 2" };
        let body = if head.starts_with("HEAD") { "" } else { "ok" };
        send(stream, &format!("HTTP/1.1 200 OK\r\n{twice}\r\n\r\n{body}"))
    });
    for (method, path) in [("-i", "list"), ("-i", "fields"), ("-I", "list"), ("-I", "fields")] {
        let got = through(*OPEN, &[method, &format!("http://www.example.com:{}/{path}", origin.port())]);
        assert_eq!((got.status, got.header("content-length")), (200, Some("2")), "{method} {path}: {got:?}");
    }
}

#[test]
fn nothing_is_smuggled() {
    let origin = Origin::serve("127.53.80.10", echo);
    let host = format!("www.example.com:{}", origin.port());
    let start = format!("POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\n");
    let inner = format!("GET http://{host}/smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for rest in [
        format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{inner}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n{inner}"),
        format!("Content-Length: 0\r\nContent-Length: 5\r\n\r\n{inner}"),
        format!("Content-Length: 0, 5\r\n\r\n{inner}"),
        format!("X: y\r\n folded: z\r\n\r\n{inner}"),
        format!("X: y\nContent-Length: 0\r\n\r\n{inner}"),
        format!("X: y\rContent-Length: 0\r\n\r\n{inner}"),
        format!("X : y\r\n\r\n{inner}"),
        format!("Host: other\r\n\r\n{inner}"),
        format!("\0X: y\r\n\r\n{inner}"),
        // Sizes of a chunk that are none: nothing of the request has gone out by then.
        format!("Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n{inner}"),
        format!("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc{inner}"),
    ] {
        let text = raw(TcpStream::connect(*LAB).unwrap(), &format!("{start}{rest}"));
        assert!(text.starts_with("HTTP/1.1 400 ") && text.matches("HTTP/1.1").count() == 1, "{rest:?}: {text}");
    }
    // RFC 9112 §3.2, RFC 3986 §3.2.3.
    for line in [format!("http://{host}/ HTTP/1.1"), "http://www.example.com:65616/ HTTP/1.1\r\nHost: x".to_owned()] {
        let text = raw(TcpStream::connect(*LAB).unwrap(), &format!("GET {line}\r\n\r\n"));
        assert!(text.starts_with("HTTP/1.1 400 "), "{line}: {text}");
    }
    assert!(origin.heads().is_empty(), "{:?}", origin.heads());
    // In a body that was begun, the answer cannot be taken back; but nothing behind it is read.
    let chunk = format!("Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n{inner}");
    let text = raw(TcpStream::connect(*LAB).unwrap(), &format!("{start}{chunk}"));
    assert!(text.starts_with("HTTP/1.1 400 "), "the client is at fault, not the origin: {text}");
    assert!(origin.heads().iter().all(|(_, head)| !head.contains("smuggled")), "{:?}", origin.heads());
}

#[test]
fn a_protocol_may_be_changed_where_both_ends_agree() {
    let origin = Origin::serve("127.53.80.10", |head, stream| {
        assert!(field(head, "upgrade") == Some("echo") && field(head, "connection") == Some("upgrade"), "{head}");
        send(stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|len| len > 0) {
            send(stream, &format!("echo {line}"));
            line.clear();
        }
        false
    });
    let host = format!("www.example.com:{}", origin.port());
    let mut stream = TcpStream::connect(*LAB).unwrap();
    let request =
        format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 101 ") && head.to_lowercase().contains("upgrade: echo"), "{head}");
    for word in ["one\n", "two\n"] {
        stream.write_all(word.as_bytes()).unwrap();
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, format!("echo {word}"));
    }
    // Not granted: the answer ends the connection.
    let plain = Origin::serve("127.53.80.10", hello);
    let host = format!("www.example.com:{}", plain.port());
    let request =
        format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    let text = raw(TcpStream::connect(*LAB).unwrap(), &format!("{request}GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(text.to_lowercase().contains("connection: close") && text.matches("HTTP/1.1 ").count() == 1, "{text}");
}

#[test]
fn a_proxy_that_is_off_says_so_and_serves_the_rest() {
    let off = lab(|settings| settings.proxy.on = false);
    let got = through(off, &["http://www.example.com/"]);
    assert!(got.status == 403 && got.text().contains("proxy.on"), "{got:?}");
    assert_eq!(curl(&[&format!("http://{off}/")]).status, 200);
    // Nobody watches what comes behind the head of a CONNECT, so there is nothing more on that connection.
    let text = raw(
        TcpStream::connect(off).unwrap(),
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\nHost: localhost\n\n",
    );
    assert!(text.starts_with("HTTP/1.1 403 ") && text.matches("HTTP/1.1 ").count() == 1, "{text}");
    // An absolute target that means this server is no request to pass on (RFC 9112 §3.2.2).
    assert_eq!(through(off, &[&format!("http://{off}/")]).status, 200);
}

#[test]
fn a_policy_chooses_among_the_addresses_of_a_host() {
    let shop = ["127.53.80.1", "127.53.80.2", "127.53.80.3", "127.53.80.4"];
    let origins = Origin::serve_all(&shop, hello);
    let proxy = lab(|settings| {
        let host = "www.shop.example.com".parse().unwrap();
        settings.balance = vec![BalancedHost { host, policy: Policy::RoundRobin }];
    });
    let counts = || origins.iter().map(|origin| origin.heads().len()).collect::<Vec<_>>();
    let fetch = |host: &str| through(proxy, &[&format!("http://{host}:{}/[1-40]", origins[0].port())]);
    fetch("www.shop.example.com");
    assert_eq!(counts(), [10; 4]);
    // With connections used again: as many as there are addresses, or few more.
    let connections = origins.iter().flat_map(Origin::heads).filter(|(connection, _)| *connection > 3).count();
    assert_eq!(connections, 0);
    origins.iter().for_each(|origin| origin.heads.lock().unwrap().clear());
    let same = lab(|settings| settings.proxy.balance = Policy::HashUrl);
    let one = format!("http://www.shop.example.com:{}/same?[1-1]", origins[0].port());
    (0..8).for_each(|_| assert_eq!(through(same, &[&one]).status, 200));
    let mut counts = counts();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, 8]);
}
