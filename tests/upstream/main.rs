//! One exchange with one server, over loopback, with servers and forgers of every kind.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rootwalk::trace::{Ignored, Transport, Unreachable};
use rootwalk::upstream::{Upstream, UpstreamSettings};
use rootwalk::walk::ask::{Answered, Ask, AskId, Heard};
use rootwalk::wire::{Edns, Question, RecordType, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{Instant, sleep, timeout};

mod kept;
mod ports;
#[path = "../common/worker.rs"]
mod worker;

use worker::on_a_worker;

async fn exchange(upstream: &Upstream, ask: &Ask) -> Heard {
    upstream.exchange(&Rc::new(ask.clone())).await
}

fn ask(server: SocketAddr, transport: Transport) -> Ask {
    Ask {
        id: AskId(1),
        server,
        transport,
        attempt: 1,
        near_misses: 16,
        question: Question::new("wWw.eXAmple.COM".parse().unwrap(), RecordType::A),
        edns: Some(Edns::new(1232, true)),
        rd: false,
        cd: false,
        check_case: true,
        near: false,
        give_up: Duration::from_millis(300),
    }
}

fn upstream() -> Upstream {
    Upstream::new(UpstreamSettings::default())
}

/// The query with QR set and some octets changed.
fn reply(query: &[u8], patches: &[(usize, u8)]) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2] |= 0x80;
    for (at, octet) in patches {
        reply[*at] = *octet;
    }
    reply
}

/// A UDP server on the running task set that sends what `answer` makes of each query, in order; returns its address.
async fn udp_server(answer: impl Fn(&[u8], SocketAddr) -> Vec<Vec<u8>> + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let mut query = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut query).await {
            for packet in answer(&query[..len], from) {
                sleep(Duration::from_millis(5)).await;
                socket.send_to(&packet, from).await.unwrap();
            }
        }
    });
    at
}

/// A TCP server that sends the octets that `answer` makes of the query, then closes.
async fn tcp_server(answer: impl Fn(&[u8]) -> Vec<u8> + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut query).await.unwrap();
            for piece in answer(&query).chunks(7) {
                stream.write_all(piece).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    });
    at
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

#[test]
fn the_query_is_sent_as_asked_and_the_reply_comes_back() {
    on_a_worker(async {
        let server = udp_server(|query, _| {
            assert_eq!(&query[2..12], [0x00, 0x10, 0, 1, 0, 0, 0, 0, 0, 1], "CD alone; one question, one OPT");
            assert_eq!(&query[12..29], b"\x03wWw\x07eXAmple\x03COM\0");
            vec![reply(query, &[])]
        });
        let asked = Ask { id: AskId(7), cd: true, ..ask(server.await, Transport::Udp) };
        let Heard { ask, came, ignored } = exchange(&upstream(), &asked).await;
        let Answered { reply, bytes, rtt } = came.unwrap();
        assert_eq!((ask, bytes, reply.question.as_ref()), (AskId(7), 44, Some(&asked.question)));
        assert!(rtt >= Duration::from_millis(5) && ignored.is_empty());
    });
}

#[test]
fn a_tcp_connection_is_used_again_and_replaced_when_it_was_closed() {
    on_a_worker(async {
        let (accepted, count) = (Rc::new(std::cell::Cell::new(0)), 2);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (server, counter) = (listener.local_addr().unwrap(), Rc::clone(&accepted));
        tokio::task::spawn_local(async move {
            // Two queries on each connection, then it is closed without a word.
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.set(counter.get() + 1);
                for _ in 0..count {
                    let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
                    stream.read_exact(&mut query).await.unwrap();
                    stream.write_all(&framed(&reply(&query, &[]))).await.unwrap();
                }
            }
        });
        let upstream = upstream();
        for _ in 0..6 {
            let heard = exchange(&upstream, &ask(server, Transport::Tcp)).await;
            assert!(heard.came.is_ok(), "{heard:?}");
        }
        assert_eq!(accepted.get(), 3);
    });
}

/// RFC 7766 §6.2.3: also where nothing is asked over TCP any more, and the server would wait for hours.
#[test]
fn a_tcp_connection_that_waits_for_seconds_is_closed() {
    on_a_worker(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let ended = tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut query).await.unwrap();
            stream.write_all(&framed(&reply(&query, &[]))).await.unwrap();
            stream.read(&mut [0]).await.unwrap()
        });
        assert!(exchange(&upstream(), &ask(at, Transport::Tcp)).await.came.is_ok());
        assert_eq!(timeout(Duration::from_secs(30), ended).await.unwrap().unwrap(), 0);
    });
}

#[test]
fn what_is_not_the_reply_is_listed_and_the_reply_still_awaited() {
    on_a_worker(async {
        let server = udp_server(|query, _| {
            let flipped = reply(query, &[(0, query[0] ^ 1)]);
            vec![query[..1].to_vec(), flipped, reply(query, &[]), reply(query, &[(3, 5)])]
        });
        let heard = exchange(&upstream(), &ask(server.await, Transport::Udp)).await;
        let Heard { came: Ok(Answered { reply, .. }), ignored, .. } = heard else { panic!("{heard:?}") };
        assert_eq!(reply.rcode, ResponseCode::NoError);
        assert!(
            matches!(ignored[..], [Ignored::TooShort, Ignored::WrongId { got, want }] if got ^ want == 0x100),
            "{ignored:?}"
        );
    });
}

/// Over UDP and TCP: whoever has the id is the server, unless he guessed it, and then TCP decides.
#[test]
fn what_has_the_right_id_and_is_no_reply_ends_the_listening() {
    type Answer = fn(&[u8]) -> Vec<u8>;
    let wrong: [(Answer, Ignored); 7] = [
        (|query| query.to_vec(), Ignored::NotAResponse),
        (|query| reply(query, &[(2, 0xa8)]), Ignored::NotAResponse),
        (|query| reply(query, &[(13, b'x')]), asked_for("xww.example.com", RecordType::A)),
        (|query| reply(query, &[(30, 28)]), asked_for("www.example.com", RecordType::AAAA)),
        (|query| reply(query, &[(5, 0), (11, 0)])[..12].to_vec(), Ignored::NoQuestion),
        (|query| reply(query, &[(5, 2)]), Ignored::Unreadable),
        (|query| query[..7].to_vec(), Ignored::Unreadable),
    ];
    for (answer, what) in wrong {
        on_a_worker(async move {
            let udp = udp_server(move |query, _| vec![answer(query), reply(query, &[])]).await;
            let tcp = tcp_server(move |query| [framed(&answer(query)), framed(&reply(query, &[]))].concat()).await;
            for (server, transport) in [(udp, Transport::Udp), (tcp, Transport::Tcp)] {
                let heard = exchange(&upstream(), &ask(server, transport)).await;
                let Heard { came: Err(Unreachable::Garbage), ignored, .. } = heard else { panic!("{heard:?}") };
                assert_eq!(ignored, std::slice::from_ref(&what), "{transport:?}");
            }
        });
    }
}

fn asked_for(name: &str, qtype: RecordType) -> Ignored {
    Ignored::WrongQuestion { name: name.parse().unwrap(), qtype }
}

#[test]
fn a_flood_of_guesses_ends_the_listening() {
    on_a_worker(async {
        let server = udp_server(|query, _| {
            let wrong = |nth: u8| reply(query, &[(1, query[1] ^ nth)]);
            (1..=40).map(wrong).collect()
        });
        let upstream = upstream();
        let asked = Ask { give_up: Duration::from_hours(1), ..ask(server.await, Transport::Udp) };
        let heard = exchange(&upstream, &asked).await;
        let Heard { came: Err(Unreachable::NearMisses), ignored, .. } = heard else { panic!("{heard:?}") };
        assert_eq!(
            (ignored.len(), upstream.guesses().load(Ordering::Relaxed)),
            (16, 16),
            "each of them is counted, at once"
        );
        assert!(ignored.iter().all(|packet| matches!(packet, Ignored::WrongId { .. })));
    });
}

/// Over TCP nobody but the server sends, as many messages as it likes.
#[test]
fn of_many_messages_that_are_not_the_reply_the_first_are_listed() {
    on_a_worker(async {
        let server = tcp_server(|query| {
            let wrong = (1..=40).flat_map(|nth| framed(&reply(query, &[(1, query[1] ^ nth)])));
            wrong.chain(framed(&reply(query, &[]))).collect()
        });
        let asked = Ask { give_up: Duration::from_secs(60), ..ask(server.await, Transport::Tcp) };
        let heard = exchange(&upstream(), &asked).await;
        assert!(heard.came.is_ok() && heard.ignored.len() == 16, "{heard:?}");
    });
}

#[test]
fn packets_from_another_address_are_never_seen() {
    on_a_worker(async {
        let forger = Arc::new(std::net::UdpSocket::bind("127.0.0.2:0").unwrap());
        let server = udp_server(move |query, from| {
            forger.send_to(&reply(query, &[(3, 3)]), from).unwrap();
            vec![reply(query, &[])]
        });
        let heard = exchange(&upstream(), &ask(server.await, Transport::Udp)).await;
        let Heard { came: Ok(Answered { reply, .. }), ignored, .. } = heard else { panic!("{heard:?}") };
        assert_eq!((reply.rcode, ignored), (ResponseCode::NoError, Vec::new()));
    });
}

#[test]
fn case_is_checked_over_udp_if_asked_for_and_never_over_tcp() {
    on_a_worker(async {
        let lower = |query: &[u8]| reply(&query.to_ascii_lowercase(), &[(0, query[0]), (1, query[1])]);
        let server = udp_server(move |query, _| vec![lower(query)]).await;
        let strict = ask(server, Transport::Udp);
        let heard = exchange(&upstream(), &strict).await;
        let Heard { came: Err(Unreachable::CaseMismatch), ignored, .. } = heard else { panic!("{heard:?}") };
        assert_eq!(ignored, [Ignored::WrongCase]);
        let heard = exchange(&upstream(), &Ask { check_case: false, ..strict }).await;
        assert!(heard.came.is_ok(), "{heard:?}");
        let server = tcp_server(move |query| framed(&lower(query))).await;
        let heard = exchange(&upstream(), &ask(server, Transport::Tcp)).await;
        assert!(heard.came.is_ok(), "{heard:?}");
    });
}

#[test]
fn a_bare_header_is_a_reply_if_it_complains() {
    on_a_worker(async {
        let server = udp_server(|query, _| vec![reply(query, &[(3, 1), (5, 0), (11, 0)])[..12].to_vec()]);
        let heard = exchange(&upstream(), &ask(server.await, Transport::Udp)).await;
        let Ok(Answered { reply, .. }) = heard.came else { panic!("{heard:?}") };
        assert_eq!((reply.rcode, reply.question), (ResponseCode::FormErr, None));
    });
}

#[test]
fn silence_lasts_as_long_as_the_patience() {
    on_a_worker(async {
        let server = udp_server(|_, _| Vec::new()).await;
        let start = Instant::now();
        assert!(matches!(exchange(&upstream(), &ask(server, Transport::Udp)).await.came, Err(Unreachable::Timeout)));
        assert!(start.elapsed() >= Duration::from_millis(300));
        let server = tcp_server(|_| Vec::new()).await;
        let heard = exchange(&upstream(), &ask(server, Transport::Tcp)).await;
        assert!(matches!(heard.came, Err(Unreachable::Closed)), "{heard:?}");
        // A connection that nobody accepts is silence as well, at the latest when patience ends.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let start = Instant::now();
        let heard = exchange(&upstream(), &ask(listener.local_addr().unwrap(), Transport::Tcp)).await;
        assert!(matches!(heard.came, Err(Unreachable::Timeout)), "{heard:?}");
        assert!(start.elapsed() >= Duration::from_millis(300));
    });
}

#[test]
fn a_closed_port_is_known_at_once() {
    on_a_worker(async {
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for transport in [Transport::Udp, Transport::Tcp] {
            let heard = exchange(&upstream(), &ask(closed, transport)).await;
            assert!(matches!(heard.came, Err(Unreachable::Refused)), "{heard:?}");
        }
        // Whatever the machine: the broadcast address is not for us, and a firewall here says the same (EPERM, EACCES).
        let heard = exchange(&upstream(), &ask("255.255.255.255:53".parse().unwrap(), Transport::Udp)).await;
        assert!(matches!(heard.came, Err(Unreachable::Forbidden | Unreachable::NoRoute)), "{heard:?}");
    });
}

#[test]
fn tcp_takes_messages_in_pieces_and_skips_those_that_are_not_the_reply() {
    on_a_worker(async {
        let large = |query: &[u8]| {
            // 4000 octets behind the message count as damage, not as a reason to refuse it.
            let mut long = reply(query, &[]);
            long.resize(4000, 0);
            [framed(&reply(query, &[(0, query[0] ^ 1)])), framed(&[]), framed(&long)].concat()
        };
        let heard = exchange(&upstream(), &ask(tcp_server(large).await, Transport::Tcp)).await;
        let Heard { came: Ok(Answered { bytes: 4000, .. }), ignored, .. } = heard else { panic!("{heard:?}") };
        assert!(matches!(ignored[..], [Ignored::WrongId { .. }, Ignored::TooShort]), "{ignored:?}");
        let garbage = |query: &[u8]| framed(&reply(query, &[(0, query[0] ^ 1)]));
        let heard = exchange(&upstream(), &ask(tcp_server(garbage).await, Transport::Tcp)).await;
        assert!(matches!(heard.came, Err(Unreachable::Garbage)), "{heard:?}");
        let half = |query: &[u8]| framed(&reply(query, &[]))[..20].to_vec();
        let heard = exchange(&upstream(), &ask(tcp_server(half).await, Transport::Tcp)).await;
        assert!(matches!(heard.came, Err(Unreachable::Closed)), "{heard:?}");
    });
}

/// A server that answers after 50 ms, and how many queries it got.
async fn counting_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let wait = move |query: &[u8], _| {
        counter.fetch_add(1, Ordering::Relaxed);
        // Nine packets of noise, 5 ms each, before the reply.
        let mut packets = vec![b"noise".to_vec(); 9];
        packets.push(reply(query, &[]));
        packets
    };
    (udp_server(wait).await, count)
}

#[test]
fn equal_asks_share_one_exchange_and_unequal_ones_do_not() {
    on_a_worker(async {
        let (server, count) = counting_server().await;
        let upstream = upstream();
        let first = Ask { give_up: Duration::from_secs(2), ..ask(server, Transport::Udp) };
        let other_case = Question::new("WWW.example.COM".parse().unwrap(), RecordType::A);
        let second = Ask { id: AskId(2), question: other_case, ..first.clone() };
        let other = Ask { id: AskId(3), edns: None, ..first.clone() };
        let again = Ask { id: AskId(4), attempt: 2, ..first.clone() };
        let (one, two, three, four) = tokio::join!(
            exchange(&upstream, &first),
            exchange(&upstream, &second),
            exchange(&upstream, &other),
            exchange(&upstream, &again)
        );
        let ids = [one, two, three, four].map(|heard| heard.came.map(|_| heard.ask.0).unwrap());
        assert_eq!((ids, count.load(Ordering::Relaxed)), ([1, 2, 3, 4], 3));
        // When all is over, the next one is sent again.
        exchange(&upstream, &first).await;
        assert_eq!(count.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn those_who_share_carry_on_when_the_leader_gives_up() {
    on_a_worker(async {
        let (server, count) = counting_server().await;
        let upstream = Rc::new(upstream());
        let first = Ask { give_up: Duration::from_secs(2), ..ask(server, Transport::Udp) };
        let exchange = |id| {
            let (upstream, ask) = (Rc::clone(&upstream), Ask { id: AskId(id), ..first.clone() });
            tokio::task::spawn_local(async move { exchange(&upstream, &ask).await })
        };
        let (leader, second, third) = (exchange(1), exchange(2), exchange(3));
        sleep(Duration::from_millis(20)).await;
        leader.abort();
        for (joined, id) in [(second, 2), (third, 3)] {
            let heard = joined.await.unwrap();
            assert!(heard.came.is_ok() && heard.ask == AskId(id), "{heard:?}");
        }
        assert_eq!(count.load(Ordering::Relaxed), 2, "one query of the leader, one of those who were left");
    });
}

#[test]
fn exchanges_are_shared_between_runtimes() {
    let upstream = Arc::new(upstream());
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        on_a_worker(async move {
            let (server, count) = counting_server().await;
            tell.send((server, Arc::clone(&count))).unwrap();
            sleep(Duration::from_secs(1)).await;
        });
    });
    let (at, count) = told.recv().unwrap();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let upstream = Arc::clone(&upstream);
            std::thread::spawn(move || {
                on_a_worker(async move {
                    let asked = Ask { give_up: Duration::from_secs(2), ..ask(at, Transport::Udp) };
                    assert!(exchange(&upstream, &asked).await.came.is_ok());
                });
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
    server.join().unwrap();
}

#[test]
fn no_more_queries_are_on_their_way_to_one_server_than_may_be() {
    on_a_worker(async {
        let silent = udp_server(|_, _| Vec::new()).await;
        let upstream = Upstream::new(UpstreamSettings { queries_per_server: 2, ..UpstreamSettings::default() });
        let nth = |attempt| Ask { attempt, ..ask(silent, Transport::Udp) };
        let [first, second, third] = [1, 2, 3].map(nth);
        let crowded = |heard: &Heard| matches!(heard.came, Err(Unreachable::Crowded));
        // All are polled in this order, so the third finds two before it.
        let (one, two, three) =
            tokio::join!(exchange(&upstream, &first), exchange(&upstream, &second), exchange(&upstream, &third));
        assert!(crowded(&three) && !crowded(&one) && !crowded(&two), "{three:?}");
        // Another server is another matter, and what has ended counts no more.
        let other = udp_server(|query, _| vec![reply(query, &[])]).await;
        assert!(exchange(&upstream, &ask(other, Transport::Udp)).await.came.is_ok());
        assert!(matches!(exchange(&upstream, &third).await.came, Err(Unreachable::Timeout)));
    });
}
