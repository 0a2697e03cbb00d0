//! Equal questions at the same time cost one walk.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::running::Running;

/// One query over UDP and its answer; `None` when nothing comes.
pub(crate) fn exchange(server: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let socket = socket();
    socket.send_to(query, server).unwrap();
    receive(&socket)
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Option<Vec<u8>> {
    let mut answer = vec![0; 65535];
    let len = socket.recv(&mut answer).ok()?;
    answer.truncate(len);
    Some(answer)
}

/// A query for `www.slow.lab. A`, with RD.
fn slow(id: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend_from_slice(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x04slow\x03lab\x00\x00\x01\x00\x01");
    query
}

#[test]
fn a_thousand_equal_queries_share_one_walk() {
    let more = [
        "server.waiting_per_client=2000",
        "server.waiting=4000",
        "server.threads=2",
        "log.level=debug",
        // A busy machine is late, and answers that are late are not for those who ask for so many.
        "server.discard_after_ms=0",
    ];
    let more: Vec<&str> = more.iter().flat_map(|set| ["--set", set]).collect();
    let lab = Running::lab(&more);
    // Each socket takes a hundred answers: more would be too many for the buffer that a socket has.
    let sockets: Vec<UdpSocket> = std::iter::repeat_with(socket).take(10).collect();
    let mut unanswered: BTreeSet<u16> = (0..1_000).collect();
    // On a busy machine packets are lost; who gets no answer asks again, as every client does.
    for _ in 0..10 {
        for id in &unanswered {
            sockets[usize::from(*id) / 100].send_to(&slow(*id), lab.resolver).unwrap();
        }
        for (first, socket) in (0..).step_by(100).zip(&sockets) {
            while unanswered.range(first..first + 100).next().is_some() {
                let Some(answer) = receive(socket) else { break };
                // NOERROR, one answer: the address that the zone gives.
                assert_eq!(
                    (answer[3] & 15, &answer[6..8], &answer[answer.len() - 4..]),
                    (0, &[0, 1][..], &[127, 53, 80, 53][..])
                );
                unanswered.remove(&u16::from_be_bytes([answer[0], answer[1]]));
            }
        }
    }
    assert!(unanswered.is_empty(), "{unanswered:?}");
    let log = lab.log();
    let walks = log.lines().filter(|line| line.contains("walked") && line.contains("www.slow.lab. A")).count();
    assert_eq!(walks, 1, "{log}");
}
