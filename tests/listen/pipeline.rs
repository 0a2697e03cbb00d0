//! Several queries on one connection.

use std::io::Write as _;
use std::net::TcpStream;

use rootwalk::listen::ListenSettings;

use super::{framed, is_closed, open, query, settings, tcp, tcp_answer};

/// The ids of the answers that come until the connection ends.
fn ids(stream: &mut TcpStream) -> Vec<u16> {
    std::iter::from_fn(|| tcp_answer(stream)).map(|(id, _)| id).collect()
}

/// The lengths behind it cannot be trusted.
#[test]
fn what_comes_behind_something_that_is_no_message_is_not_read() {
    let (doors, at) = open(&settings("127.0.0.1:0"));
    for octets in [0, 2, 11] {
        let mut stream = tcp(at);
        let none = vec![0; octets];
        let queries = [&query(1, b"L\x14")[..], &none, &query(3, b"now")].map(framed).concat();
        stream.write_all(&queries).unwrap();
        assert_eq!(ids(&mut stream), [1], "{octets}");
    }
    // A header alone is a message.
    let mut stream = tcp(at);
    stream.write_all(&[framed(&query(1, b"")), framed(&query(2, b"now"))].concat()).unwrap();
    let answers = [tcp_answer(&mut stream), tcp_answer(&mut stream)].map(|answer| answer.map(|(id, _)| id));
    assert_eq!(answers, [Some(1), Some(2)]);
    doors.close();
}

/// RFC 7766 §6.2.1.1: answers have the ids of their queries, so that a missing one disturbs none of the others.
#[test]
fn a_query_without_a_place_costs_none_of_the_others() {
    let (doors, at) = open(&ListenSettings { waiting_per_client: 1, ..settings("127.0.0.1:0") });
    let mut stream = tcp(at);
    stream
        .write_all(&[query(1, b"L\x14"), query(2, b"L\x05"), query(3, b"now")].map(|query| framed(&query)).concat())
        .unwrap();
    let first = [tcp_answer(&mut stream), tcp_answer(&mut stream)].map(|answer| answer.unwrap().0);
    assert_eq!(first, [3, 1]);
    stream.write_all(&framed(&query(4, b"L\x01"))).unwrap();
    assert_eq!(tcp_answer(&mut stream).unwrap().0, 4);
    doors.close();
}

#[test]
fn a_door_that_closes_takes_no_query_that_has_come_and_has_to_wait() {
    let (doors, at) = open(&ListenSettings { tcp_pipeline: 1, ..settings("127.0.0.1:0") });
    let mut stream = tcp(at);
    let queries: Vec<u8> = (0..8).flat_map(|id| framed(&query(id, b"L\x0a"))).collect();
    stream.write_all(&queries).unwrap();
    assert_eq!(tcp_answer(&mut stream).unwrap().0, 0);
    doors.close();
    let rest = ids(&mut stream);
    assert!(rest.starts_with(&[1]) && rest.len() < 7, "{rest:?}");
    assert!(is_closed(&mut stream));
}
