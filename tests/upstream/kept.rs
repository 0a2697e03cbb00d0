//! What is kept open for the next query: connections, and lines.

use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rootwalk::trace::Transport;
use rootwalk::walk::ask::{Answered, Ask, Heard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::{ask, exchange, framed, on_a_worker, reply, udp_server, upstream};

/// A TCP server that says over each connection which it is, until the client leaves; and how many are open there.
async fn tcp_host(nth: u8) -> (SocketAddr, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, open) = (listener.local_addr().unwrap(), Rc::new(Cell::new(0)));
    let count = Rc::clone(&open);
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.set(count.get() + 1);
            let open = Rc::clone(&count);
            tokio::task::spawn_local(async move {
                while let Ok(len) = stream.read_u16().await {
                    let mut query = vec![0; usize::from(len)];
                    stream.read_exact(&mut query).await.unwrap();
                    stream.write_all(&framed(&reply(&query, &[(3, nth)]))).await.unwrap();
                }
                open.set(open.get() - 1);
            });
        }
    });
    (at, open)
}

/// Connections that may wait at once.
const MOST_IDLE: usize = 64;

/// How many connections each of a few servers too many has, before the last of them are asked and then; nothing when
/// that took so long that connections are closed for having waited.
async fn connections_of_too_many() -> Option<[Vec<usize>; 2]> {
    let (upstream, mut hosts, begun) = (upstream(), Vec::new(), Instant::now());
    for nth in 0..=MOST_IDLE + 2 {
        hosts.push(tcp_host(u8::try_from(nth % 6).unwrap()).await);
    }
    let said = async |(server, _): &(SocketAddr, _)| {
        let asked = Ask { give_up: Duration::from_secs(60), ..ask(*server, Transport::Tcp) };
        let Ok(Answered { reply, .. }) = exchange(&upstream, &asked).await.came else { panic!("no reply") };
        usize::from(u16::from(reply.rcode))
    };
    let open = || hosts.iter().map(|(_, open)| open.get()).collect::<Vec<_>>();
    for _ in 0..2 {
        for (nth, host) in hosts[..MOST_IDLE].iter().enumerate() {
            assert_eq!(said(host).await, nth % 6);
        }
    }
    let known = open();
    for (nth, host) in hosts.iter().enumerate().skip(MOST_IDLE) {
        assert_eq!(said(host).await, nth % 6);
    }
    if begun.elapsed() > Duration::from_secs(2) {
        return None;
    }
    while open().iter().sum::<usize>() > MOST_IDLE && begun.elapsed() < Duration::from_secs(3) {
        sleep(Duration::from_millis(1)).await;
    }
    Some([known, open()])
}

/// A connection that waits is used for the server that it leads to, and for no other; and no more wait than may.
#[test]
fn a_tcp_connection_is_for_one_server_and_the_oldest_of_too_many_is_closed() {
    on_a_worker(async {
        let mut tries = 0..20;
        let [known, last] = loop {
            tries.next().expect("a moment in which this machine is not busy");
            if let Some(seen) = connections_of_too_many().await {
                break seen;
            }
        };
        assert_eq!(known, [[1; MOST_IDLE].as_slice(), &[0; 3]].concat(), "each server has one, which is used again");
        assert_eq!(last, [&[0; 3], [1; MOST_IDLE].as_slice()].concat());
    });
}

/// What the network doubles is nobody's guess: the reply to the query before, on the line that both have used.
#[test]
fn a_reply_that_comes_twice_is_no_guess() {
    on_a_worker(async {
        let before = Rc::new(RefCell::new(Vec::<(Vec<u8>, SocketAddr)>::new()));
        let seen = Rc::clone(&before);
        let server = udp_server(move |query, from| {
            let (own, mut seen) = (reply(query, &[]), seen.borrow_mut());
            let twice = seen.last().filter(|(_, line)| *line == from).map(|(reply, _)| reply.clone());
            seen.push((own.clone(), from));
            twice.into_iter().chain([own]).collect()
        });
        let (upstream, server) = (upstream(), server.await);
        for _ in 0..8 {
            let asked = Ask { near_misses: 1, give_up: Duration::from_secs(60), ..ask(server, Transport::Udp) };
            let Heard { came, ignored, .. } = exchange(&upstream, &asked).await;
            assert!(came.is_ok() && ignored.is_empty(), "{came:?} {ignored:?}");
        }
        assert_eq!(upstream.guesses().load(Ordering::Relaxed), 0);
        assert!(before.borrow().windows(2).any(|two| two[0].1 == two[1].1), "a line was used again");
    });
}

/// RFC 7766 §6.2.1: who closes a connection over which a query is on its way is asked again over another. One over
/// which anything but replies has come is not used again, so that nothing is left there for the next query.
#[test]
fn a_connection_is_used_again_as_long_as_replies_come_and_nothing_else() {
    on_a_worker(async {
        for (before, behind, leaves, is_one) in [
            (false, false, false, true),
            (true, false, false, false),
            (false, true, false, false),
            (false, false, true, false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (at, accepted) = (listener.local_addr().unwrap(), Rc::new(Cell::new(0)));
            let count = Rc::clone(&accepted);
            let server = tokio::task::spawn_local(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    count.set(count.get() + 1);
                    tokio::task::spawn_local(async move {
                        for nth in 0.. {
                            let Ok(len) = stream.read_u16().await else { return };
                            let mut query = vec![0; usize::from(len)];
                            stream.read_exact(&mut query).await.unwrap();
                            if leaves && nth > 0 {
                                return;
                            }
                            let other = || framed(&reply(&query, &[(0, query[0] ^ 1)]));
                            let all = [(before, other()), (true, framed(&reply(&query, &[]))), (behind, other())];
                            let all = all.into_iter().filter(|(is_sent, _)| *is_sent).flat_map(|(_, octets)| octets);
                            stream.write_all(&all.collect::<Vec<u8>>()).await.unwrap();
                        }
                    });
                }
            });
            let upstream = upstream();
            let asked = Ask { give_up: Duration::from_secs(60), ..ask(at, Transport::Tcp) };
            for _ in 0..2 {
                let Heard { came, ignored, .. } = exchange(&upstream, &asked).await;
                assert!(came.is_ok() && ignored.len() == usize::from(before), "{came:?} {ignored:?}");
                sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(accepted.get() == 1, is_one, "{before} {behind} {leaves}");
            server.abort();
        }
    });
}

/// A connection cannot be used without the runtime that has opened it.
#[test]
fn a_connection_ends_with_its_runtime() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut all = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut len = [0; 2];
            stream.read_exact(&mut len).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut query).unwrap();
            stream.write_all(&framed(&reply(&query, &[]))).unwrap();
            all.push(stream);
        }
    });
    let upstream = Rc::new(upstream());
    for _ in 0..2 {
        let upstream = Rc::clone(&upstream);
        on_a_worker(async move {
            let asked = Ask { give_up: Duration::from_secs(60), ..ask(at, Transport::Tcp) };
            assert!(exchange(&upstream, &asked).await.came.is_ok());
        });
    }
    server.join().unwrap();
}
