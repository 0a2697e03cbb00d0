//! DNS over TLS (RFC 7858): what is true of TCP is true inside of it, and what comes before stays outside.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rootwalk::listen::{Doors, ListenSettings, Open};
use rootwalk::tls::Certificate;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

use socket2::{Domain, Socket, Type};

use super::{Echo, STRANGER, framed, is_closed, query, settings, tcp, tcp_answer};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A certificate in a folder, and what a client trusts.
struct Shown {
    folder: tempfile::TempDir,
    trusted: CertificateDer<'static>,
}

impl Shown {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trusted = Self::write(folder.path());
        Self { folder, trusted }
    }

    /// Writes a new one.
    fn write(folder: &Path) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    fn read(&self) -> Certificate {
        Certificate::read(&self.folder.path().join("cert.pem"), &self.folder.path().join("key.pem")).unwrap()
    }
}

static SHOWN: LazyLock<Shown> = LazyLock::new(Shown::new);

fn limits() -> ListenSettings {
    let tls_addresses = vec!["127.0.0.1:0".parse().unwrap()];
    ListenSettings { tls_addresses, certificate: Some(SHOWN.read()), ..settings("127.0.0.1:0") }
}

fn open(settings: &ListenSettings) -> (Open<Echo>, SocketAddr) {
    let doors = Doors::bind(settings).unwrap().open(&Echo).unwrap();
    let at = doors.tls_addresses()[0];
    (doors, at)
}

/// A client that trusts this certificate.
fn client(
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    alpn: &[&str],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn connect(config: &Arc<ClientConfig>, at: SocketAddr) -> Tls {
    let session = ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(session, tcp(at))
}

fn usual(at: SocketAddr) -> Tls {
    connect(&Arc::new(client(&SHOWN.trusted, &TLS13, &["dot"])), at)
}

fn ask(stream: &mut (impl Read + Write), query: &[u8]) -> Option<(u16, Vec<u8>)> {
    stream.write_all(&framed(query)).ok()?;
    tcp_answer(stream)
}

/// To shake hands is dear, and is done where others are served.
#[test]
fn who_may_not_ask_is_turned_away_before_hands_are_shaken() {
    let (doors, at) = open(&limits());
    for (from, is_admitted) in [(STRANGER, false), ([127, 66, 66, 67].into(), true)] {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        socket.connect(&at.into()).unwrap();
        let config = Arc::new(client(&SHOWN.trusted, &TLS13, &["dot"]));
        let session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(session, TcpStream::from(socket));
        assert_eq!(ask(&mut stream, &query(1, b"alive")).is_some(), is_admitted, "{from}");
        assert_eq!(stream.conn.is_handshaking(), !is_admitted);
    }
    doors.close();
}

#[test]
fn both_versions_are_spoken_and_who_has_been_here_comes_back_quickly() {
    let (doors, at) = open(&limits());
    for version in VERSIONS {
        for (alpn, chosen) in [(&["dot"][..], Some(&b"dot"[..])), (&["h2", "dot"], Some(b"dot")), (&[], None)] {
            let config = Arc::new(client(&SHOWN.trusted, version, alpn));
            let mut kinds = Vec::new();
            // Both workers get some.
            for id in 0..16 {
                let mut stream = connect(&config, at);
                let (told, answer) = ask(&mut stream, &query(id, b"alive")).unwrap();
                assert_eq!((told, answer), (id, format!("aliveTls {at}").into_bytes()));
                assert_eq!(stream.conn.alpn_protocol(), chosen);
                kinds.push(stream.conn.handshake_kind().unwrap());
            }
            assert_eq!(kinds[0], HandshakeKind::Full, "{version:?}");
            assert!(kinds[1..].iter().all(|kind| *kind == HandshakeKind::Resumed), "{version:?} {kinds:?}");
        }
        // Who means to speak something else is told so before it has said anything.
        let mut other = connect(&Arc::new(client(&SHOWN.trusted, version, &["h2"])), at);
        let refused = other.write_all(b"GET / HTTP/1.1\r\n\r\n").and_then(|()| other.read(&mut [0]).map(drop));
        assert!(refused.unwrap_err().to_string().contains("NoApplicationProtocol"));
    }
    doors.close();
}

/// What a client says after the handshake, as octets on the wire: `records` records with two queries each.
fn octets(session: &mut ClientConnection, records: u16) -> Vec<u8> {
    let mut octets = Vec::new();
    for id in 0..records {
        let how: &[u8] = if id % 5 == 0 { b"L\x01" } else { b"now" };
        let two = [framed(&query(2 * id, how)), framed(&query(2 * id + 1, b"now"))].concat();
        session.writer().write_all(&two).unwrap();
        while session.wants_write() {
            session.write_tls(&mut octets).unwrap();
        }
    }
    octets
}

#[test]
fn wherever_octets_are_split_and_records_end_all_queries_are_answered() {
    let (doors, at) = open(&limits());
    for version in VERSIONS {
        for piece in [1, 3, 17, 64, 700, usize::MAX] {
            let mut stream = connect(&Arc::new(client(&SHOWN.trusted, version, &[])), at);
            stream.flush().unwrap();
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock).unwrap();
            }
            let octets = octets(&mut stream.conn, 20);
            for piece in octets.chunks(piece) {
                stream.sock.write_all(piece).unwrap();
            }
            let mut ids: Vec<u16> = (0..40).map(|_| tcp_answer(&mut stream).unwrap().0).collect();
            ids.sort_unstable();
            assert!(ids.into_iter().eq(0..40), "{version:?} in pieces of {piece}");
        }
    }
    doors.close();
}

/// RFC 7858 §3.3: records show how long messages are, and each costs the client and this server a call.
#[test]
fn answers_to_queries_that_come_together_leave_together() {
    let (doors, at) = open(&limits());
    // In TLS 1.2 the server says nothing else after the handshake.
    let mut stream = connect(&Arc::new(client(&SHOWN.trusted, &TLS12, &[])), at);
    ask(&mut stream, &query(0, b"now")).unwrap();
    let queries: Vec<u8> = (1..=20).flat_map(|id| framed(&query(id, b"now"))).collect();
    stream.write_all(&queries).unwrap();
    let answer = framed(&query(1, format!("nowTls {at}").as_bytes()));
    let mut head = [0; 5];
    stream.sock.read_exact(&mut head).unwrap();
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    assert!(head[0] == 23 && (20 * answer.len()..20 * answer.len() + 64).contains(&length), "{head:?}");
    doors.close();
}

#[test]
fn answers_come_as_they_are_ready_and_the_end_after_them() {
    let (doors, at) = open(&limits());
    for (version, says_goodbye) in [(&TLS12, true), (&TLS13, true), (&TLS12, false), (&TLS13, false)] {
        let mut stream = connect(&Arc::new(client(&SHOWN.trusted, version, &[])), at);
        let queries = [(1, &b"L\x64"[..]), (2, b"L\x05"), (3, b"now"), (4, b"B\x3f")];
        let queries: Vec<u8> = queries.iter().flat_map(|(id, how)| framed(&query(*id, how))).collect();
        stream.write_all(&queries).unwrap();
        // The client closes its side, with the alert that announces it or without, and still gets all answers.
        if says_goodbye {
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
        stream.sock.shutdown(Shutdown::Write).unwrap();
        let mut order: Vec<u16> = (0..4).map(|_| tcp_answer(&mut stream).unwrap().0).collect();
        order.retain(|id| *id != 4);
        assert_eq!(order, [3, 2, 1]);
        // And then an end that nobody in between could have made.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{version:?}");
    }
    doors.close();
}

#[test]
fn a_handshake_that_does_not_end_is_ended_and_has_a_seat_meanwhile() {
    let hasty = ListenSettings { tcp_idle: Duration::from_secs(3), tcp_connections: 4, tcp_per_client: 2, ..limits() };
    // Sooner than a handshake may take where there is time.
    let in_time = Duration::from_secs(8);
    let (doors, at) = open(&hasty);
    let mut hello = Vec::new();
    let config = Arc::new(client(&SHOWN.trusted, &TLS13, &["dot"]));
    let mut session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    session.write_tls(&mut hello).unwrap();
    let begin = || {
        let mut stream = tcp(at);
        // A client that is closed at once may be too late for it.
        let _ = stream.write_all(&hello);
        stream
    };
    // The first two get an answer, which they leave there.
    let mut held = [(); 2].map(|()| begin());
    assert!(held.iter_mut().all(|stream| !is_closed(stream)));
    assert!(is_closed(&mut begin()), "two seats are for one client");
    assert!(ask(&mut tcp(doors.addresses()[0]), &query(1, b"now")).is_none(), "TCP and TLS take of the same");
    for stream in &mut held {
        stream.set_read_timeout(Some(in_time)).unwrap();
        let ended = stream.read_to_end(&mut Vec::new());
        assert!(ended.is_ok_and(|octets| octets > 0), "what is left of the answer, and the end");
    }
    // Nor does one that says nothing, or not all.
    for part in [0, 20] {
        let mut stream = tcp(at);
        stream.set_read_timeout(Some(in_time)).unwrap();
        stream.write_all(&hello[..part]).unwrap();
        assert!(is_closed(&mut stream));
    }
    assert!(ask(&mut usual(at), &query(1, b"now")).is_some());
    doors.close();
}

#[test]
fn what_is_no_tls_disturbs_nobody() {
    let (doors, at) = open(&limits());
    let plain = framed(&query(7, b"plain"));
    for garbage in [&plain[..], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff\x01", &[0xff; 4096], &[0; 3]] {
        let mut stream = tcp(at);
        stream.write_all(garbage).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(said.is_empty() || said[0] == 21, "an alert at most: {said:?}");
    }
    // Inside of it garbage ends the connection as it does outside.
    for garbage in [&[0; 64][..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = usual(at);
        stream.write_all(garbage).unwrap();
        stream.conn.send_close_notify();
        let _ = stream.flush();
        assert!(is_closed(&mut stream));
    }
    assert!(ask(&mut usual(at), &query(1, b"now")).is_some());
    doors.close();
}

#[test]
fn limits_of_time_hold_inside_of_tls() {
    // A handshake must come about in that time too, however busy the machine is.
    let (tcp_idle, tcp_keepalive) = (Duration::from_millis(1500), Duration::from_secs(2));
    let (doors, at) = open(&ListenSettings { tcp_idle, tcp_keepalive, tcp_stalled: tcp_idle, ..limits() });
    let mut idle = usual(at);
    ask(&mut idle, &query(1, b"now")).unwrap();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "it is told that this is the end");
    // RFC 7828: as over TCP.
    let mut asking = query(1, b"\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x0b\0\0");
    asking[11] = 1;
    let (_, told) = ask(&mut usual(at), &asking).unwrap();
    assert!(String::from_utf8_lossy(&told).ends_with(" idle 2s"));
    // Answers of 63 KiB that nobody reads.
    let mut stream = usual(at);
    let (start, patience, request) = (Instant::now(), Duration::from_secs(30), framed(&query(1, b"B\x3f")));
    while start.elapsed() < patience && stream.write_all(&request).is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() < patience, "still connected");
    doors.close();
}

#[test]
fn a_new_certificate_is_for_those_who_come_after_it() {
    let shown = Shown::new();
    let certificate = shown.read();
    let (doors, at) = open(&ListenSettings { certificate: Some(certificate.clone()), ..limits() });
    let before = Arc::new(client(&shown.trusted, &TLS13, &["dot"]));
    let mut stream = connect(&before, at);
    ask(&mut stream, &query(1, b"now")).unwrap();
    let after = Arc::new(client(&Shown::write(shown.folder.path()), &TLS13, &["dot"]));
    let fails = |config: &Arc<ClientConfig>| {
        let mut stream = connect(config, at);
        stream.write_all(b"\0").unwrap_err().kind() == ErrorKind::InvalidData
    };
    assert!(fails(&after), "not before it is read");
    certificate.read_again().unwrap();
    ask(&mut connect(&after, at), &query(2, b"now")).unwrap();
    assert!(fails(&Arc::new(client(&shown.trusted, &TLS13, &["dot"]))));
    // Who is here stays, and who has a ticket comes back with it.
    ask(&mut stream, &query(3, b"now")).unwrap();
    let mut back = connect(&before, at);
    ask(&mut back, &query(4, b"now")).unwrap();
    assert_eq!(back.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(back.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    doors.close();
}

#[test]
fn closing_finishes_what_is_in_hand_and_waits_for_no_handshake() {
    let drain = Duration::from_secs(60);
    let (doors, at) = open(&ListenSettings { drain, ..limits() });
    let (mut stream, _silent) = (usual(at), tcp(at));
    ask(&mut stream, &query(1, b"now")).unwrap();
    stream.write_all(&framed(&query(2, b"L\x1e"))).unwrap();
    stream.flush().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    doors.close();
    assert!(start.elapsed() < drain / 4, "{:?}", start.elapsed());
    assert_eq!(tcp_answer(&mut stream).unwrap().0, 2);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}
