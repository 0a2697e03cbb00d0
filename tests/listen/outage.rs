//! Doors that close, and neighbours that are gone.

use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use rootwalk::listen::ListenSettings;

use super::{HOG, framed, is_closed, namespace, open, query, settings, tcp, tcp_answer, udp, udp_answer};

#[test]
fn closing_finishes_the_queries_in_hand_and_no_more() {
    let (doors, at) = open(&settings("127.0.0.1:0"));
    let (socket, mut stream) = (udp(at), tcp(at));
    socket.send(&query(1, b"L\x1e")).unwrap();
    socket.send(&query(2, b"L\xff")).unwrap();
    stream.write_all(&framed(&query(3, b"L\x1e"))).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    doors.close();
    let took = start.elapsed();
    // The query that takes 2.5 s is given up after the second that the settings grant.
    assert!((900..2500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(udp_answer(&socket).0, 1);
    assert_eq!(tcp_answer(&mut stream).unwrap().0, 3);
    assert!(is_closed(&mut stream));
    let drain = Duration::from_secs(60);
    let (doors, at) = open(&ListenSettings { drain, ..settings("127.0.0.1:0") });
    let _idle = tcp(at);
    let start = Instant::now();
    doors.close();
    assert!(start.elapsed() < drain, "idle connections hold nothing up");
}

/// Answers to machines that were switched off, or whose addresses somebody else has used, wait for ARP in the buffer of
/// the socket (arp(7), `unres_qlen_bytes`), which is for the answers to all.
#[test]
fn neighbours_that_are_gone_keep_no_answers_to_others() {
    namespace::within("outage::neighbours_that_are_gone_keep_no_answers_to_others", || {
        let ip = |words: &str| {
            let status = Command::new("ip").args(words.split(' ')).status().unwrap();
            assert!(status.success(), "ip {words}");
        };
        ip("link add one type veth peer name other");
        ip("address add 192.0.2.1/24 dev one");
        ["one", "other"].iter().for_each(|end| ip(&format!("link set {end} up")));
        let (doors, wildcard) = open(&ListenSettings { workers: 1, ..settings("0.0.0.0:0") });
        let at = |address: [u8; 4]| SocketAddr::from((address, wildcard.port()));
        let gone = ["192.0.2.2", "192.0.2.3"];
        for address in gone {
            ip(&format!("address add {address}/32 dev lo"));
            let socket = UdpSocket::bind((address, 0)).unwrap();
            for id in 0..200 {
                socket.send_to(&query(id, b"L\x64"), at([192, 0, 2, 1])).unwrap();
            }
        }
        let answered = udp(at([127, 0, 0, 1]));
        answered.send(&query(1, b"")).unwrap();
        assert_eq!(udp_answer(&answered).0, 1, "all have been taken");
        gone.iter().for_each(|address| ip(&format!("address del {address}/32 dev lo")));
        // Once their answers are there.
        std::thread::sleep(Duration::from_millis(1500));
        answered.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        answered.send(&query(2, b"")).unwrap();
        assert_eq!(udp_answer(&answered).0, 2);
        doors.close();
    });
}

/// Clients take the second in which a program ends for the loss of a packet, and wait for five of them.
#[test]
fn a_door_that_closes_answers_what_is_known_and_begins_nothing() {
    let (workers, drain) = (1, Duration::from_secs(60));
    let (doors, at) = open(&ListenSettings { workers, drain, ..settings("127.0.0.1:0") });
    let socket = udp(at);
    // The worker is busy while the others come, and the word to stop: none of them is taken by then.
    socket.send(&query(1, HOG)).unwrap();
    std::thread::sleep(Duration::from_millis(10));
    socket.send(&query(2, b"")).unwrap();
    socket.send(&query(3, b"L\x64")).unwrap();
    let closing = std::thread::spawn(move || doors.close());
    let first = [udp_answer(&socket).0, udp_answer(&socket).0];
    assert!(first.contains(&1) && first.contains(&2), "{first:?}");
    std::thread::sleep(Duration::from_millis(100));
    socket.send(&query(4, b"L\x01")).unwrap();
    socket.send(&query(5, b"")).unwrap();
    assert_eq!([udp_answer(&socket).0, udp_answer(&socket).0], [5, 3]);
    closing.join().unwrap();
    assert!(socket.recv(&mut [0; 64]).is_err(), "nobody is there any more");
}
