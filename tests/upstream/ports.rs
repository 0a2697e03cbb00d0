//! From which ports queries leave, and what is heard there.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use rootwalk::trace::{Transport, Unreachable};
use rootwalk::upstream::{Upstream, UpstreamSettings};
use rootwalk::walk::ask::{Ask, Heard};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::{ask, exchange, on_a_worker, reply, udp_server, upstream};

#[test]
fn ports_and_ids_differ_from_query_to_query_and_keep_to_the_settings() {
    on_a_worker(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let list = Rc::clone(&seen);
        let server = udp_server(move |query, from| {
            list.borrow_mut().push((query[..2].to_vec(), from));
            // What is not the reply makes that the port is not used again.
            vec![b"noise".to_vec(), reply(query, &[])]
        })
        .await;
        let settings = UpstreamSettings {
            ports: 40000..=40999,
            avoid_ports: (40000..40900).collect(),
            sources: vec!["127.0.0.3".parse().unwrap(), "::1".parse().unwrap()],
            ..UpstreamSettings::default()
        };
        let upstream = Upstream::new(settings);
        for _ in 0..50 {
            assert!(exchange(&upstream, &ask(server, Transport::Udp)).await.came.is_ok());
        }
        let seen = seen.borrow();
        assert!(seen.iter().all(|(_, from)| (40900..41000).contains(&from.port())));
        assert!(seen.iter().all(|(_, from)| from.ip() == "127.0.0.3".parse::<IpAddr>().unwrap()));
        assert!(seen.iter().map(|(_, from)| from.port()).collect::<HashSet<_>>().len() > 20);
        assert!(seen.iter().map(|(id, _)| id).collect::<HashSet<_>>().len() > 45);
    });
}

/// A UDP server that repeats each query, and the ports from which it was asked, once it has answered.
async fn port_watcher(copies: usize) -> (SocketAddr, Rc<RefCell<Vec<u16>>>) {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&seen);
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = server.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let mut query = [0; 512];
        while let Ok((len, from)) = server.recv_from(&mut query).await {
            for _ in 0..copies {
                server.send_to(&reply(&query[..len], &[]), from).await.unwrap();
                sleep(Duration::from_millis(5)).await;
            }
            list.borrow_mut().push(from.port());
        }
    });
    (at, seen)
}

/// Asks, and waits until all that comes of it has come.
async fn ask_all(upstream: &Upstream, (server, ports): &(SocketAddr, Rc<RefCell<Vec<u16>>>)) {
    let before = ports.borrow().len();
    let ask = Ask { give_up: Duration::from_secs(60), ..ask(*server, Transport::Udp) };
    assert!(exchange(upstream, &ask).await.came.is_ok());
    while ports.borrow().len() == before {
        sleep(Duration::from_millis(1)).await;
    }
    // Both the event and who is told of it come first.
    sleep(Duration::from_millis(5)).await;
}

#[test]
fn a_port_stays_with_one_server_and_ends_with_what_comes_unasked() {
    on_a_worker(async {
        let (upstream, others) = (upstream(), Upstream::new(UpstreamSettings::default()));
        let (one, two) = (port_watcher(1).await, port_watcher(1).await);
        // Who is asked once is not expected to be asked again: the second port is kept.
        for _ in 0..4 {
            for server in [&one, &two] {
                ask_all(&upstream, server).await;
            }
        }
        ask_all(&others, &one).await;
        let (at_one, at_two) = (one.1.take(), two.1.take());
        assert!(
            at_one[1..4].iter().all(|port| *port == at_one[1]) && at_two[1..].iter().all(|port| *port == at_two[1])
        );
        assert_ne!(at_one[1], at_two[1], "what one server sees says nothing about the other");
        assert_ne!(at_one[1], at_one[4], "other settings, other sockets");
        // The reply that comes a second time, while nothing is asked, might be a guess.
        let server = port_watcher(2).await;
        for _ in 0..3 {
            ask_all(&upstream, &server).await;
        }
        assert_ne!(server.1.borrow()[1], server.1.borrow()[2]);
    });
}

fn has_ipv6() -> bool {
    std::net::UdpSocket::bind("[::1]:0").is_ok()
}

/// What a server sends behind its reply, and what ICMP says of another, is nobody's business when the socket has its
/// next port.
#[test]
fn servers_that_are_asked_once_see_ports_of_their_own_and_none_hears_of_the_other() {
    on_a_worker(async {
        let (upstream, ports) = (upstream(), Rc::new(RefCell::new(HashSet::new())));
        for nth in 0..60 {
            let host = if nth % 2 == 0 || !has_ipv6() { "127.0.0.1:0" } else { "[::1]:0" };
            let (seen, server) = (Rc::clone(&ports), UdpSocket::bind(host).await.unwrap());
            let (at, is_dead) = (server.local_addr().unwrap(), nth % 5 == 4);
            let answer = async move {
                let mut query = [0; 512];
                let (len, from) = server.recv_from(&mut query).await.unwrap();
                seen.borrow_mut().insert(from.port());
                for guess in 0..=nth {
                    server.send_to(&reply(&query[..len], &[(1, query[1] ^ guess)]), from).await.unwrap();
                }
            };
            if is_dead {
                drop(answer);
            } else {
                tokio::task::spawn_local(answer);
            }
            let Heard { came, ignored, .. } = exchange(&upstream, &ask(at, Transport::Udp)).await;
            match came {
                Ok(_) => assert!(!is_dead && ignored.is_empty(), "{ignored:?}"),
                why => assert!(is_dead && matches!(why, Err(Unreachable::Refused))),
            }
        }
        assert!(ports.borrow().len() > 40, "{ports:?}");
    });
}

#[test]
fn ports_that_are_all_taken_are_named_and_no_server_is() {
    on_a_worker(async {
        let taken = UdpSocket::bind("127.0.0.4:0").await.unwrap();
        let at = taken.local_addr().unwrap();
        let settings =
            UpstreamSettings { ports: at.port()..=at.port(), sources: vec![at.ip()], ..UpstreamSettings::default() };
        let server = udp_server(|query, _| vec![reply(query, &[])]).await;
        let heard = exchange(&Upstream::new(settings), &ask(server, Transport::Udp)).await;
        assert!(matches!(heard.came, Err(Unreachable::NoPort)), "{heard:?}");
    });
}
