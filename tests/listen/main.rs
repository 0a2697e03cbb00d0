//! The front doors over loopback: every transport, every limit, and every kind of garbage.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::disallowed_methods, reason = "what is measured here is real time")]

#[path = "../common/namespace.rs"]
mod namespace;
mod outage;
mod pipeline;
mod real;
mod tls;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rootwalk::listen::{Doors, ListenSettings, Now, Open, Peer, Responder, Transport};

/// Answers with the query itself, QR set, and the address that was asked behind it. The octet after the header says
/// how: `L` and a number waits that many times 10 ms, `B` gives that many KiB, `P` panics, `hog` keeps the worker busy
/// for 40 ms, anything else at once.
#[derive(Clone)]
struct Echo;

/// Random octets hardly ever end so.
const HOG: &[u8] = b"hog";

impl Echo {
    fn answer(query: &[u8], peer: &Peer, out: &mut Vec<u8>) {
        out.extend_from_slice(query);
        out[2] |= 0x80;
        if query.get(12) == Some(&b'B') {
            out.resize(usize::from(query[13]) << 10, 0);
        }
        out.extend_from_slice(format!("{:?} {}", peer.transport, peer.local).as_bytes());
        if let Some(idle) = peer.keepalive {
            out.extend_from_slice(format!(" idle {idle:?}").as_bytes());
        }
    }
}

/// Who may not ask.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 66, 66, 66));

impl Responder for Echo {
    fn foresee<'a>(&self, _: impl Iterator<Item = &'a [u8]>) {}

    fn answer_now(&self, query: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Now {
        assert!(out.is_empty(), "the buffer must come empty");
        match query {
            [] | [_] | [_, _] => return Now::Drop,
            [_, _, flags, ..] if flags & 0x80 != 0 => return Now::Drop,
            _ => {}
        }
        match query.get(12) {
            Some(b'L') => return Now::Later,
            Some(_) if query.ends_with(HOG) => return Now::Later,
            Some(b'P') => panic!("as the test wants it"),
            _ => Self::answer(query, peer, out),
        }
        Now::Sent
    }

    async fn answer_later(&self, query: Vec<u8>, peer: Peer) -> Option<Vec<u8>> {
        if query.ends_with(HOG) {
            std::thread::sleep(Duration::from_millis(40));
        } else {
            tokio::time::sleep(Duration::from_millis(10) * u32::from(query[13])).await;
        }
        let mut out = Vec::new();
        Self::answer(&query, &peer, &mut out);
        Some(out)
    }

    fn admits(&self, client: IpAddr) -> bool {
        client != STRANGER
    }
}

fn settings(address: &str) -> ListenSettings {
    ListenSettings { addresses: vec![address.parse().unwrap()], workers: 2, ..ListenSettings::default() }
}

fn open(settings: &ListenSettings) -> (Open<Echo>, SocketAddr) {
    let doors = Doors::bind(settings).unwrap();
    let at = doors.addresses()[0];
    (doors.open(&Echo).unwrap(), at)
}

fn query(id: u16, tail: &[u8]) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend_from_slice(tail);
    query
}

fn udp(to: SocketAddr) -> UdpSocket {
    let from: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(from).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    socket.connect(to).unwrap();
    socket
}

fn udp_answer(socket: &UdpSocket) -> (u16, String) {
    let mut answer = [0; 65535];
    let len = socket.recv(&mut answer).unwrap();
    (u16::from_be_bytes([answer[0], answer[1]]), String::from_utf8_lossy(&answer[12..len]).into_owned())
}

fn tcp(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    stream
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    framed
}

fn tcp_answer(stream: &mut impl Read) -> Option<(u16, Vec<u8>)> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut answer).ok()?;
    Some((u16::from_be_bytes([answer[0], answer[1]]), answer[12..].to_vec()))
}

/// Whether the peer has closed: end of file or reset, within the read time-out.
fn is_closed(stream: &mut impl Read) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

fn assert_serves(at: SocketAddr) {
    let socket = udp(at);
    socket.send(&query(1, b"alive")).unwrap();
    assert_eq!(udp_answer(&socket), (1, format!("aliveUdp {at}")));
    let mut stream = tcp(at);
    stream.write_all(&framed(&query(2, b"alive"))).unwrap();
    assert_eq!(tcp_answer(&mut stream), Some((2, format!("aliveTcp {at}").into_bytes())));
}

#[test]
fn both_versions_of_ip_and_all_workers_are_served() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (doors, at) = open(&settings(address));
        // Sixty-four source ports: both workers get some of them.
        for _ in 0..64 {
            assert_serves(at);
        }
        doors.close();
    }
}

#[test]
fn the_answer_leaves_from_the_address_that_was_asked() {
    let (doors, wildcard) = open(&settings("0.0.0.0:0"));
    for asked in ["127.0.0.7", "127.0.0.1"] {
        let asked = SocketAddr::new(asked.parse().unwrap(), wildcard.port());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        for tail in [b"now\0", b"L\x01ok"] {
            socket.send_to(&query(7, tail), asked).unwrap();
            let mut answer = [0; 512];
            let (len, from) = socket.recv_from(&mut answer).unwrap();
            assert_eq!(from, asked);
            assert!(answer[..len].ends_with(format!("Udp {asked}").as_bytes()), "the responder knows it too");
        }
        assert_serves(asked);
    }
    doors.close();
    let (doors, wildcard) = open(&settings("[::]:0"));
    let socket = udp(SocketAddr::new("::1".parse().unwrap(), wildcard.port()));
    socket.send(&query(7, b"now")).unwrap();
    assert_eq!(udp_answer(&socket).1, format!("nowUdp [::1]:{}", wildcard.port()));
    doors.close();
}

#[test]
fn bursts_larger_than_a_batch_are_answered_whole() {
    let (doors, at) = open(&settings("127.0.0.1:0"));
    let socket = udp(at);
    for id in 0..150 {
        socket.send(&query(id, if id % 3 == 0 { b"L\x01" } else { b"xx" })).unwrap();
    }
    let mut ids: Vec<u16> = (0..150).map(|_| udp_answer(&socket).0).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..150));
    doors.close();
}

#[test]
fn pipelined_queries_are_answered_in_the_order_of_readiness() {
    let (doors, at) = open(&settings("127.0.0.1:0"));
    let mut stream = tcp(at);
    let mut queries = framed(&query(1, b"L\x14"));
    queries.extend(framed(&query(2, b"L\x05")));
    queries.extend(framed(&query(3, b"now")));
    // In pieces that fall on no border of a message.
    for piece in queries.chunks(11) {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    // The client closes its side, and still gets all answers, and then the end.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let order: Vec<u16> = std::iter::from_fn(|| tcp_answer(&mut stream)).map(|(id, _)| id).collect();
    assert_eq!(order, [3, 2, 1]);
    doors.close();
}

#[test]
fn more_queries_than_may_wait_are_answered_in_turn() {
    let (doors, at) = open(&ListenSettings { tcp_pipeline: 3, ..settings("127.0.0.1:0") });
    let mut stream = tcp(at);
    let start = Instant::now();
    let queries: Vec<u8> = (0..9).flat_map(|id| framed(&query(id, b"L\x05"))).collect();
    stream.write_all(&queries).unwrap();
    let mut ids: Vec<u16> = (0..9).map(|_| tcp_answer(&mut stream).unwrap().0).collect();
    assert!(start.elapsed() >= Duration::from_millis(150), "three at a time, 50 ms each");
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..9));
    doors.close();
}

/// RFC 7766 §6.2.1.1: all of them, although the client has said all that it has to say.
#[test]
fn answers_that_come_to_more_than_may_lie_unread_all_leave() {
    let (doors, at) = open(&settings("127.0.0.1:0"));
    for kib in [1, 16, 63] {
        let mut stream = tcp(at);
        let queries: Vec<u8> = (0..300).flat_map(|id| framed(&query(id, &[b'B', kib]))).collect();
        stream.write_all(&queries).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answers = std::iter::from_fn(|| tcp_answer(&mut stream));
        assert!(answers.map(|(id, _)| id).eq(0..300), "{kib} KiB each");
    }
    doors.close();
}

#[test]
fn idle_and_half_told_connections_are_closed_in_time() {
    let (doors, at) = open(&ListenSettings { tcp_idle: Duration::from_millis(300), ..settings("127.0.0.1:0") });
    let (mut silent, mut half, mut used, mut waiting) = (tcp(at), tcp(at), tcp(at), tcp(at));
    let start = Instant::now();
    used.write_all(&framed(&query(1, b"now"))).unwrap();
    assert!(tcp_answer(&mut used).is_some());
    waiting.write_all(&framed(&query(1, b"L\x40"))).unwrap();
    // Bytes that trickle in do not keep a connection open: only whole queries do.
    for octet in &framed(&query(1, b"never finished"))[..8] {
        half.write_all(&[*octet]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    for idle in [&mut silent, &mut half, &mut used] {
        assert!(is_closed(idle));
    }
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    // 640 ms for an answer: a connection that waits for one is not idle.
    assert!(tcp_answer(&mut waiting).is_some());
    assert!(is_closed(&mut waiting));
    doors.close();
}

/// RFC 7828 §3.3.1: over TCP alone; §3.2.1: without a time of its own.
#[test]
fn who_asks_for_how_long_may_be_idle_for_longer() {
    let (tcp_idle, tcp_keepalive) = (Duration::from_millis(300), Duration::from_secs(2));
    let (doors, at) = open(&ListenSettings { tcp_idle, tcp_keepalive, ..settings("127.0.0.1:0") });
    // The root, A, IN; then an OPT record with that option, of this length.
    let asks = |len: u8| {
        let opt = [&b"\0\0\x29\x04\xd0\0\0\0\0\0"[..], &[4 + len, 0, 11, 0, len], &vec![1; usize::from(len)]].concat();
        let mut query = query(1, &[b"\0\0\x01\0\x01", &opt[..]].concat());
        query[11] = 1;
        query
    };
    let told = |answer: Vec<u8>| String::from_utf8_lossy(&answer).contains("idle 2s");
    let (mut plain, mut with_time, mut asking) = (tcp(at), tcp(at), tcp(at));
    for (stream, query, is_told) in
        [(&mut plain, query(1, b"now"), false), (&mut with_time, asks(2), false), (&mut asking, asks(0), true)]
    {
        stream.write_all(&framed(&query)).unwrap();
        assert_eq!(told(tcp_answer(stream).unwrap().1), is_told);
    }
    assert!(is_closed(&mut plain) && is_closed(&mut with_time));
    asking.write_all(&framed(&query(2, b"now"))).unwrap();
    assert!(!told(tcp_answer(&mut asking).unwrap().1), "said to those who ask");
    let socket = udp(at);
    socket.send(&asks(0)).unwrap();
    assert!(!told(udp_answer(&socket).1.into_bytes()));
    doors.close();
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let stalled = Duration::from_millis(300);
    let (doors, at) = open(&ListenSettings { tcp_stalled: stalled, ..settings("127.0.0.1:0") });
    let mut stream = tcp(at);
    let start = Instant::now();
    let request = framed(&query(1, b"B\x3f"));
    // Answers of 63 KiB that nobody reads: sooner or later the server stops taking queries, then hangs up.
    let patience = Duration::from_secs(30);
    while start.elapsed() < patience && stream.write_all(&request).is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() < patience, "still connected");
    assert_serves(at);
    doors.close();
}

#[test]
fn connections_of_one_client_are_limited() {
    let limits = ListenSettings { tcp_connections: 6, tcp_per_client: 4, ..settings("127.0.0.1:0") };
    let (doors, at) = open(&limits);
    let mut mine: Vec<TcpStream> = (0..6).map(|_| tcp(at)).collect();
    // Whichever worker accepted them: four of this client's six are served, the others closed.
    let served = mine.iter_mut().filter_map(|stream| {
        // A connection that was closed already may refuse the write.
        stream.write_all(&framed(&query(1, b"now"))).ok()?;
        tcp_answer(stream)
    });
    assert_eq!(served.count(), 4);
    drop(mine);
    std::thread::sleep(Duration::from_millis(50));
    assert_serves(at);
    doors.close();
}

#[test]
fn garbage_on_every_socket_leaves_the_server_answering() {
    let (doors, at) = open(&settings("127.0.0.1:0"));
    let mut dice = StdRng::seed_from_u64(0x6172_6261);
    let socket = udp(at);
    for _ in 0..2000 {
        let mut noise = vec![0; dice.random_range(0..1400)];
        dice.fill(&mut noise[..]);
        socket.send(&noise).unwrap();
    }
    socket.send(&vec![0x55; 65507]).unwrap();
    let mut holders = Vec::new();
    for round in 0..1000_u32 {
        // Connections over the limit may already be reset when they are written to.
        let mut stream = tcp(at);
        let mut noise = vec![0; if round % 100 == 0 { 65537 } else { dice.random_range(0..300) }];
        dice.fill(&mut noise[..]);
        let _ = match round % 4 {
            0 => stream.write_all(&noise),
            1 => stream.write_all(&framed(&query(1, b"half a message"))[..9]),
            2 => stream.write_all(&[0; 64]),
            _ => Ok(()),
        };
        holders.push(stream);
        if holders.len() > 500 {
            holders.remove(0);
        }
    }
    drop(holders);
    // A message of full length, in pieces, is one message and no garbage.
    std::thread::sleep(Duration::from_millis(100));
    let mut stream = tcp(at);
    for piece in framed(&query(9, &vec![b'x'; 65535 - 12 - 20])).chunks(1000) {
        stream.write_all(piece).unwrap();
    }
    assert_eq!(tcp_answer(&mut stream).unwrap().0, 9);
    assert_serves(at);
    doors.close();
}

#[test]
fn a_panicking_responder_costs_one_query() {
    let (doors, at) = open(&ListenSettings { workers: 1, ..settings("127.0.0.1:0") });
    let socket = udp(at);
    socket.send(&query(1, b"P")).unwrap();
    let mut stream = tcp(at);
    stream.write_all(&framed(&query(1, b"P"))).unwrap();
    assert!(is_closed(&mut stream));
    assert_serves(at);
    doors.close();
}

#[test]
fn quick_answers_get_through_a_flood_of_slow_ones() {
    let crowded = ListenSettings {
        workers: 1,
        waiting: 20,
        displace_after: Duration::from_millis(50),
        ..settings("127.0.0.1:0")
    };
    let (doors, at) = open(&crowded);
    let slow = udp(at);
    for id in 0..40 {
        slow.send(&query(id, b"L\x64")).unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    let quick = udp(at);
    quick.send(&query(99, b"L\x01")).unwrap();
    assert_eq!(udp_answer(&quick).0, 99, "it takes the place of the oldest that can be displaced");
    // Of the first twenty, ten had places for good and nine were not displaced; the other twenty found none.
    let mut ids: Vec<u16> = (0..19).map(|_| udp_answer(&slow).0).collect();
    ids.sort_unstable();
    assert!(ids.iter().all(|id| *id < 20), "{ids:?}");
    slow.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(slow.recv(&mut [0; 64]).is_err());
    doors.close();
}

#[test]
fn a_worker_that_lost_the_processor_for_a_moment_drops_nothing() {
    let (doors, at) = open(&ListenSettings { workers: 1, ..settings("127.0.0.1:0") });
    let socket = udp(at);
    for id in 0..5 {
        socket.send(&query(id, HOG)).unwrap();
    }
    // As soon as the first answer is there, so right after the worker has seen how late it is.
    let mut ids = vec![udp_answer(&socket).0];
    socket.send(&query(5, b"L\x01")).unwrap();
    ids.extend((0..5).map(|_| udp_answer(&socket).0));
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4, 5]);
    doors.close();
}

#[test]
fn one_client_cannot_take_all_places() {
    let (doors, at) = open(&ListenSettings { workers: 1, waiting_per_client: 5, ..settings("0.0.0.0:0") });
    let at = SocketAddr::new("127.0.0.1".parse().unwrap(), at.port());
    let greedy = udp(at);
    for id in 0..50 {
        greedy.send(&query(id, b"L\x1e")).unwrap();
    }
    let other = UdpSocket::bind("127.0.0.9:0").unwrap();
    other.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    other.connect(at).unwrap();
    other.send(&query(99, b"L\x01")).unwrap();
    assert_eq!(udp_answer(&other).0, 99);
    assert_eq!((0..5).map(|_| udp_answer(&greedy).0).max(), Some(4));
    greedy.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(greedy.recv(&mut [0; 64]).is_err());
    doors.close();
}

#[test]
fn what_a_client_has_saved_up_does_not_come_in_one_pulse() {
    let late = ListenSettings { workers: 1, discard_after: Duration::from_millis(50), ..settings("127.0.0.1:0") };
    let (doors, at) = open(&late);
    let socket = udp(at);
    // Thirty take 2.5 s, five others 300 ms.
    let ask = |ids: std::ops::Range<u16>, how: &[u8]| ids.for_each(|id| assert!(socket.send(&query(id, how)).is_ok()));
    ask(0..30, b"L\xff");
    ask(30..35, b"L\x1e");
    let come = |within| {
        socket.set_read_timeout(Some(Duration::from_millis(within))).unwrap();
        std::iter::repeat_with(|| socket.recv(&mut [0; 64])).take_while(Result::is_ok).count()
    };
    assert_eq!(come(1000), 5, "few may be late");
    assert!((10..=20).contains(&come(2000)), "many may not");
    doors.close();
}

#[test]
fn a_port_that_cannot_be_had_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Doors::bind(&settings(&address.to_string())).unwrap_err();
    assert_eq!((error.address, error.transport), (address, Transport::Tcp));
    let line = error.to_string();
    assert!(line.starts_with(&format!("cannot listen on {address} over TCP: another program has that port")), "{line}");
    assert!(line.contains("--listen") && !line.contains('\n') && !line.contains("systemd-resolved"), "{line}");

    // A second rootwalk on the same port is an error too, although both set SO_REUSEPORT.
    let (doors, at) = open(&settings("127.0.0.1:0"));
    let error = Doors::bind(&settings(&at.to_string())).unwrap_err();
    assert_eq!(error.source.kind(), ErrorKind::AddrInUse);
    doors.close();
    // And the port is free at once after closing.
    open(&settings(&at.to_string())).0.close();

    let error = Doors::bind(&settings("192.0.2.1:0")).unwrap_err();
    assert!(error.is_absent(), "{error}");
    assert!(error.to_string().contains("no such address"), "{error}");
}
