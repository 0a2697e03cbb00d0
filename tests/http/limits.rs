//! What is too large, too slow or too much.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rootwalk::config::Settings;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::origin::{Origin, hello, send};
use super::{LAB, curl, lab, until, url};

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
    let sent = [
        "",
        "GET / HTTP/1.1\r\nHost: ",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    let keep = |sent: &str| {
        let mut stream = TcpStream::connect(impatient).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let begun = Instant::now();
        // Ended by the server, in order or by a reset.
        let _ = stream.read_to_end(&mut Vec::new());
        let secs = begun.elapsed().as_secs_f32();
        assert!((0.5..5.0).contains(&secs), "{sent:?} was kept for {secs} s");
    };
    std::thread::scope(|scope| sent.iter().for_each(|sent| drop(scope.spawn(|| keep(sent)))));
}

#[test]
fn a_client_that_asks_nothing_loses_its_connection_also_when_it_answers_pings() {
    let impatient = lab(|settings| settings.http.idle_secs = 1);
    let talk = async {
        let stream = TokioIo::new(tokio::net::TcpStream::connect(impatient).await.unwrap());
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        let connection = tokio::spawn(connection);
        // It takes longer than a connection may be idle.
        let url = format!("http://{impatient}/api/trace?name=www.dead.lab&cold=1");
        let answer = sender.send_request(Request::get(url).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        to_bytes(Body::new(answer.into_body()), usize::MAX).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), connection).await.is_ok()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(talk), "the connection is kept for 10 s");
}

#[test]
fn connections_of_one_client_are_limited() {
    let narrow = lab(|settings| (settings.http.connections, settings.http.connections_per_client) = (4, 2));
    let held: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(narrow).unwrap()).collect();
    let mut third = TcpStream::connect(narrow).unwrap();
    third.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(third.read(&mut [0]), Ok(0)), "the third is closed");
    drop(held);
    until("a place is free again", || {
        let mut stream = TcpStream::connect(narrow).unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        text.starts_with(b"HTTP/1.1 200 ")
    });
}

#[test]
fn a_tunnel_inside_of_http_2_keeps_its_connection() {
    let origin = Origin::serve("127.53.80.10", hello);
    let impatient = lab(|settings| {
        settings.http.idle_secs = 1;
        settings.proxy.connect_ports = vec![origin.port()];
    });
    let talk = async {
        let stream = TokioIo::new(tokio::net::TcpStream::connect(impatient).await.unwrap());
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let request = Request::connect(format!("www.example.com:{}", origin.port())).body(Body::empty()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut tunnel = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
        // More than the connection may be idle, and its goodbye.
        tokio::time::sleep(Duration::from_secs(3)).await;
        tunnel.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        while !text.ends_with("hello\n") {
            let mut part = [0; 512];
            let len = tunnel.read(&mut part).await.unwrap();
            assert!(len > 0, "{text}");
            text += std::str::from_utf8(&part[..len]).unwrap();
        }
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(talk);
}

/// Connects from an address of its own.
fn from(client: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((client, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

#[test]
fn one_client_cannot_take_all_places() {
    const PLACES: usize = 8;
    let origin = Origin::serve("127.53.80.10", hello);
    let narrow = |choose: fn(&mut Settings) -> &mut usize| {
        lab(|settings| {
            *choose(settings) = PLACES;
            settings.proxy.connect_ports = vec![origin.port()];
        })
    };
    let tunnels = narrow(|settings| &mut settings.proxy.tunnels);
    let questions = narrow(|settings| &mut settings.http.waiting);
    let host = "Host: localhost\r\n";
    let body = format!("{host}Content-Type: application/dns-message\r\nContent-Length: 12\r\n");
    // What takes a place for a while, and what lets a request come to its end.
    let cases = [
        (tunnels, format!("CONNECT www.example.com:{} HTTP/1.1\r\n{host}\r\n", origin.port()), ""),
        (questions, format!("GET /resolve?name=www.dead.lab HTTP/1.1\r\n{host}\r\n"), ""),
        (questions, format!("POST /dns-query HTTP/1.1\r\n{body}\r\n\0\0\x01\0\0\0"), "\0\0\0\0\0\0"),
    ];
    for (server, request, rest) in cases {
        let mut greedy: Vec<TcpStream> = (0..PLACES).map(|_| from([127, 0, 0, 2], server)).collect();
        for stream in &mut greedy {
            stream.write_all(request.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
        }
        let mut refused = 0;
        until("half of the places are for others", || {
            for stream in &mut greedy {
                let mut told = [0; 12];
                refused += usize::from(stream.read(&mut told).is_ok_and(|_| told == *b"HTTP/1.1 503"));
            }
            refused == PLACES / 2
        });
        let mut other = from([127, 0, 0, 3], server);
        other.write_all((request.clone() + rest).as_bytes()).unwrap();
        let mut told = [0; 12];
        other.read_exact(&mut told).unwrap();
        assert_ne!(told, *b"HTTP/1.1 503", "{request}");
    }
}

/// Who wants to see a walk and finds no place is not refused but stands in line; whoever follows the walk gets the head
/// of the answer together with the place.
#[test]
fn one_client_cannot_take_all_places_for_traces() {
    const PLACES: usize = 8;
    let server = lab(|settings| settings.http.traces = PLACES);
    let follow = |last: u8| {
        let mut stream = from([127, 0, 0, last], server);
        let request = "GET /api/trace?name=www.dead.lab&cold=1 HTTP/1.1\r\nHost: localhost\r\n\
                       Accept: text/event-stream\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    };
    let has_place = |stream: &&TcpStream| {
        let mut told = [0; 12];
        stream.peek(&mut told).is_ok_and(|_| told == *b"HTTP/1.1 200")
    };
    let places = |of: &[TcpStream]| of.iter().filter(has_place).count();
    let greedy = [2; PLACES].map(follow);
    until("half of the places are taken", || places(&greedy) >= PLACES / 2);
    let others = [3, 4, 5, 6].map(follow);
    until("all places are taken", || places(&greedy) + places(&others) >= PLACES);
    assert_eq!((places(&greedy), places(&others)), (PLACES / 2, PLACES / 2));
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

/// The program in a process of its own, whose memory and files no other test uses.
struct Program {
    child: Child,
    proxy: String,
}

impl Program {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        let free = ["lab", "--authority-port", "0", "--listen", "127.0.0.1:0", "--set", "http.listen=127.0.0.1:0"];
        let mut child = command.args(free).env_clear().stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let says =
            lines.find_map(|line| Some(line.strip_prefix("It answers HTTP on http://")?.split('/').next()?.to_owned()));
        Self { child, proxy: says.unwrap() }
    }

    fn peak_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_large_body_streams_in_constant_memory() {
    const MEBIBYTES: usize = 256;
    let origin = Origin::serve("127.53.80.10", |_, stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MEBIBYTES << 20);
        let block = vec![b'x'; 1 << 20];
        send(stream, &head) && (0..MEBIBYTES).all(|_| stream.get_mut().write_all(&block).is_ok())
    });
    let lab = Program::start();
    let fetch = || {
        let url = format!("http://www.example.com:{}/", origin.port());
        let size = ["-s", "-o", "/dev/null", "-w", "%{size_download}", "-x", &format!("http://{}", lab.proxy), &url]
            .map(str::to_owned);
        let output = Command::new("curl").args(size).env_clear().output().unwrap();
        String::from_utf8(output.stdout).unwrap().parse::<usize>().unwrap()
    };
    // The first one brings in code, and fills what the allocator keeps for the next one.
    assert_eq!(fetch(), MEBIBYTES << 20);
    let before = lab.peak_kib();
    assert_eq!(fetch(), MEBIBYTES << 20);
    // The kernel counts pages for each thread and adds them up now and then, so that the peak may even be less.
    let grown = lab.peak_kib().saturating_sub(before);
    assert!(grown < 8 << 10 && before < 128 << 10, "{before} KiB, and {grown} KiB more for {MEBIBYTES} MiB");
}

#[test]
fn a_request_that_is_over_leaves_nothing_behind() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 1500;
    let origin = Origin::serve("127.53.80.10", hello);
    let lab = Program::start();
    let host = format!("www.example.com:{}", origin.port());
    let request = format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
    // Every other client goes away without a word after half of a request.
    let visit = |nth: usize, requests: usize| {
        let mut stream = BufReader::new(TcpStream::connect(&lab.proxy).unwrap());
        for _ in 0..requests {
            stream.get_mut().write_all(request.as_bytes()).unwrap();
            let mut text = String::new();
            while !text.ends_with("hello\n") {
                assert!(stream.read_line(&mut text).unwrap() > 0, "{text}");
            }
        }
        if nth.is_multiple_of(2) {
            stream.get_mut().write_all(&request.as_bytes()[..20]).unwrap();
        }
    };
    let storm = |requests: usize| {
        std::thread::scope(|scope| (0..CLIENTS).for_each(|nth| drop(scope.spawn(move || visit(nth, requests)))));
    };
    storm(REQUESTS / 4);
    let (kib, files) = (lab.peak_kib(), lab.open_files());
    storm(REQUESTS);
    let (kib_more, files_more) = (lab.peak_kib().saturating_sub(kib), lab.open_files().saturating_sub(files));
    // Something that stays for 300 octets with each request would be found.
    assert!(kib_more < 3 << 10, "{kib} KiB, and {kib_more} KiB more after {} requests", CLIENTS * REQUESTS);
    assert!(files_more <= 2 * CLIENTS, "{files} files, and {files_more} more");
}
