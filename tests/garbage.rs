//! Garbage on every socket of a whole resolver, which goes on answering.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use socket2::{Domain, Socket, Type};

#[path = "common/running.rs"]
mod running;

use running::Running;

/// `www.example.com. A` with RD, which is in no cache at first.
const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";

/// A port that is free on the addresses of the lab's servers, as far as one can know.
fn free_port() -> u16 {
    UdpSocket::bind("127.53.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Running {
    fn lab() -> (Self, SocketAddr) {
        Self::lab_at(0)
    }

    /// A lab whose servers have this port.
    fn lab_at(port: u16) -> (Self, SocketAddr) {
        let lab = Self::start(&["--authority-port", &port.to_string(), "--set", "log.level=error"]);
        let at = lab.resolver;
        (lab, at)
    }

    /// The process lives and answers over both transports.
    fn is_well(&mut self, at: SocketAddr) {
        assert!(self.process.0.try_wait().unwrap().is_none(), "the process has ended");
        let socket = udp(at);
        let mut answer = [0; 1500];
        // A datagram may be lost when the socket's buffer is full of garbage; three in a row are not.
        let len = (0..3).find_map(|_| {
            socket.send(QUERY).unwrap();
            socket.recv(&mut answer).ok()
        });
        is_right(&answer[..len.unwrap()]);
        let mut stream = tcp(at);
        stream.write_all(&framed(QUERY)).unwrap();
        is_right(&read_framed(&mut stream).unwrap());
    }
}

/// NOERROR, and the address that the zone gives.
fn is_right(answer: &[u8]) {
    assert_eq!((&answer[..2], answer[3] & 15, &answer[6..8]), (&QUERY[..2], 0, &[0, 1][..]), "{answer:?}");
    assert_eq!(answer[answer.len() - 4..], [127, 53, 80, 10]);
}

fn udp(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    socket.connect(to).unwrap();
    socket
}

fn tcp(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, Duration::from_secs(5)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn read_framed(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// Random bytes, or a query with some of its octets changed: most of those come further.
fn garbage(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..600)];
    rng.fill(&mut bytes[..]);
    if rng.random_bool(0.5) {
        bytes = QUERY.to_vec();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(2..bytes.len());
            bytes[at] = rng.random();
        }
        bytes.truncate(rng.random_range(0..=bytes.len()));
    }
    bytes
}

#[test]
fn random_datagrams() {
    let (mut lab, at) = Running::lab();
    let mut rng = StdRng::seed_from_u64(1);
    let socket = udp(at);
    socket.set_nonblocking(true).unwrap();
    let mut answers = 0;
    for _ in 0..20_000 {
        let _ = socket.send(&garbage(&mut rng));
        let mut answer = [0; 1500];
        while let Ok(len) = socket.recv(&mut answer) {
            assert!(len >= 12 && answer[2] & 0x80 != 0, "no response: {:?}", &answer[..len]);
            answers += 1;
        }
    }
    assert!(answers > 0, "what has a header gets an error");
    lab.is_well(at);
}

#[test]
fn random_streams() {
    let (mut lab, at) = Running::lab();
    let mut rng = StdRng::seed_from_u64(2);
    for round in 0..200 {
        let mut stream = tcp(at);
        let bytes = garbage(&mut rng);
        // Some of it in frames, as messages; some of it as it is.
        let bytes = if round % 2 == 0 { framed(&bytes) } else { bytes };
        let _ = stream.write_all(&bytes);
    }
    lab.is_well(at);
}

#[test]
fn half_a_message_and_64_kib_of_it() {
    let (mut lab, at) = Running::lab();
    let mut half = tcp(at);
    half.write_all(&framed(QUERY)[..20]).unwrap();
    let mut length_only = tcp(at);
    length_only.write_all(&[0xff]).unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    let mut large = vec![0; usize::from(u16::MAX)];
    rng.fill(&mut large[..]);
    large[2] &= 0x7f;
    let mut whole = tcp(at);
    let _ = whole.write_all(&framed(&large));
    // A query with a long tail: what is behind it makes it no query, and that is said.
    let mut long = QUERY.to_vec();
    long.resize(usize::from(u16::MAX), 0xff);
    let mut tail = tcp(at);
    tail.write_all(&framed(&long)).unwrap();
    assert!(read_framed(&mut tail).is_some_and(|answer| answer.len() < 1500 && answer[2] & 0x80 != 0));
    lab.is_well(at);
    // Half of a message is half of a message: the rest of it makes it whole.
    half.write_all(&framed(QUERY)[20..]).unwrap();
    is_right(&read_framed(&mut half).unwrap());
    drop(length_only);
    lab.is_well(at);
}

#[test]
fn garbage_to_the_servers_of_the_lab() {
    let port = free_port();
    let (mut lab, at) = Running::lab_at(port);
    let mut rng = StdRng::seed_from_u64(4);
    for server in ["127.53.0.1", "127.53.0.2", "127.53.0.3", "127.53.1.1", "127.53.1.2", "127.53.2.1", "127.53.2.2"] {
        let server = SocketAddr::new(server.parse().unwrap(), port);
        let socket = udp(server);
        for _ in 0..300 {
            let _ = socket.send(&garbage(&mut rng));
        }
        for _ in 0..20 {
            let _ = tcp(server).write_all(&garbage(&mut rng));
        }
    }
    lab.is_well(at);
}

/// A connection from an address of its own.
fn tcp_from(client: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((client, 0)).into()).unwrap();
    socket.connect_timeout(&to.into(), Duration::from_secs(5)).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

#[test]
fn a_thousand_connections() {
    let (mut lab, at) = Running::lab();
    // Many clients, as one client alone would soon be at its own limit.
    let client = |nth: u16| Ipv4Addr::from(0x7f4d_0000 + u32::from(nth) / 20);
    let mut connections: Vec<TcpStream> = (0..1_000).map(|nth| tcp_from(client(nth), at)).collect();
    let socket = udp(at);
    socket.send(QUERY).unwrap();
    let mut answer = [0; 1500];
    let len = socket.recv(&mut answer).unwrap();
    is_right(&answer[..len]);
    // Some of them were let in, and are answered while all the others are there.
    let answered = connections.iter_mut().filter_map(|stream| {
        stream.write_all(&framed(QUERY)).ok()?;
        read_framed(stream)
    });
    assert!(answered.inspect(|answer| is_right(answer)).count() >= 100);
    drop(connections);
    lab.is_well(at);
}
