//! What is too large, too slow or too much.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{LAB, curl, lab, url};

#[test]
fn a_head_that_is_too_large_is_refused() {
    let header = format!("X-Large: {}", "x".repeat(20_000));
    assert_eq!(curl(&["-H", &header, &url("/")]).status, 431);
    let mut many: Vec<String> = (0..120).flat_map(|nth| ["-H".to_owned(), format!("X-{nth}: y")]).collect();
    many.push(url("/"));
    assert_eq!(curl(&many.iter().map(String::as_str).collect::<Vec<_>>()).status, 431);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a promise about the clock")]
fn a_client_that_is_slow_loses_its_connection() {
    let impatient = lab(|settings| settings.http.idle_secs = 1);
    // Nothing at all; a head that never ends; nothing after a whole request.
    for sent in [
        "",
        "GET / HTTP/1.1\r\nHost: ",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(impatient).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let begun = Instant::now();
        // Ended by the server, in order or by a reset.
        let _ = stream.read_to_end(&mut Vec::new());
        let secs = begun.elapsed().as_secs_f32();
        assert!((0.5..5.0).contains(&secs), "{sent:?} was kept for {secs} s");
    }
}

#[test]
fn connections_of_one_client_are_limited() {
    let narrow = lab(|settings| settings.http.connections_per_client = 2);
    let held: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(narrow).unwrap()).collect();
    // The quota counts a connection when it is accepted.
    std::thread::sleep(Duration::from_millis(300));
    let mut third = TcpStream::connect(narrow).unwrap();
    third.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(third.read(&mut [0]), Ok(0) | Err(_)), "the third is closed");
    drop(held);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(curl(&[&format!("http://{narrow}/")]).status, 200);
}

#[test]
fn requests_may_be_pipelined() {
    let mut stream = TcpStream::connect(*LAB).unwrap();
    let requests = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2);
    let last = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all((requests + last).as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3);
}
