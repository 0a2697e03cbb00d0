//! The life of a query where the caches meet the clients: shared walks, stale answers, answers fetched before their
//! end. Against a server on loopback, with a clock that is put forward where time has to pass.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod dns64;
mod flush;
mod mock;
mod reload;
mod seasons;
mod special;
mod stale;
#[path = "../common/worker.rs"]
mod worker;

use std::time::Duration;

use mock::{Mock, Mood, Query, later, until};
use rootwalk::config::LocalRecord;
use rootwalk::drive::World;
use rootwalk::listen::{Now, Peer, Responder, Transport};
use rootwalk::serve::Resolver;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::text::parse_record;
use rootwalk::wire::{
    DNSClass, Edns, EdnsOption, Flags, Octets, Question, RecordType, Reply, ResponseCode, edns, write_query,
};
use tokio::net::UdpSocket;
use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;
use worker::on_a_worker;

#[test]
fn a_herd_of_equal_queries_is_one_walk() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        let resolver = mock.resolver(|settings| settings.resolver.qname_minimisation = Minimisation::Off);
        let names = ["www.example", "WWW.example", "www.EXAMPLE"];
        let asked: Vec<_> = (0..10_000)
            .map(|nth| {
                let resolver = resolver.clone();
                spawn_local(async move {
                    Query { dnssec_ok: nth % 2 == 0, ..Query::of(names[nth % 3]) }.ask(&resolver).await
                })
            })
            .collect();
        for answer in asked {
            let got = answer.await.unwrap();
            assert_eq!((got.rcode, got.addresses.len(), got.at_once), (ResponseCode::NoError, 1, false));
        }
        assert_eq!(resolver.figures().walks, 1);
    });
}

/// What cannot be read is answered with a sentence about what is wrong, and to strangers with no more than they sent:
/// their address may be that of somebody else (RFC 5358).
#[test]
fn a_stranger_gets_no_more_than_he_sent() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Silent).await;
        let resolver = mock.resolver(|_| ());
        for opcode in [0x00, 0x20, 0x28, 0x78] {
            let query =
                [&[0, 7, opcode, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]].concat();
            for (client, told) in [([127, 0, 0, 1], true), ([192, 0, 2, 1], false)] {
                let client = (client, 53).into();
                let (peer, mut out) =
                    (Peer { client, transport: Transport::Udp, local: client, keepalive: None }, Vec::new());
                assert_eq!(resolver.answer_now(&query, &peer, &mut out), Now::Sent);
                assert_eq!((out.len() > query.len(), out[11]), (told, 1), "opcode octet {opcode:#x} of {client}");
            }
        }
    });
}

/// Asks at the front door, as this client.
async fn ask_as(resolver: &Resolver, client: [u8; 4], query: &[u8]) -> Option<Reply> {
    let client = (client, 4242).into();
    let peer = Peer { client, transport: Transport::Udp, local: client, keepalive: None };
    let mut answer = Vec::new();
    match resolver.answer_now(query, &peer, &mut answer) {
        Now::Drop => return None,
        Now::Later => answer = resolver.answer_later(query.to_vec(), peer).await?,
        Now::Sent => {}
    }
    Some(Reply::read(&answer).unwrap())
}

fn with_cookie(cookie: Option<&[u8]>) -> Edns {
    let mut edns = Edns::new(1232, false);
    edns.options.extend(cookie.map(|data| EdnsOption { code: edns::COOKIE, data: data.into() }));
    edns
}

/// Whoever may not ask is refused, and learns nothing of what others have asked: neither what is in the cache, in any
/// form and of any class, nor what is answered here.
#[test]
fn who_may_not_ask_is_refused_whatever_is_known() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        let resolver = mock.resolver(|settings| settings.server.locally_served_zones = true);
        let flags = [0, 1, 2, 3].map(|bits| Flags::default().with_rd(bits & 1 == 1).with_cd(bits & 2 == 2));
        let names = ["www.example", "localhost", "id.server"];
        let classes = [DNSClass::IN, DNSClass::ANY, DNSClass::CH];
        let all =
            names.iter().flat_map(|name| flags.iter().flat_map(move |flags| classes.map(|class| (name, flags, class))));
        for ((name, flags, class), dnssec_ok) in all.flat_map(|some| [false, true].map(|dnssec_ok| (some, dnssec_ok))) {
            let question = Question { class, ..Question::new(name.parse().unwrap(), RecordType::A) };
            let mut query = Vec::new();
            write_query(7, &question, *flags, Some(&Edns::new(1232, dnssec_ok)), &mut query);
            let friend = ask_as(&resolver, [127, 0, 0, 1], &query).await.unwrap();
            let stranger = ask_as(&resolver, [192, 0, 2, 1], &query).await.unwrap();
            let told = (stranger.rcode, stranger.answer.len() + stranger.authority.len() + stranger.additional.len());
            assert_eq!(told, (ResponseCode::Refused, 0), "{question} {flags}, where others get {}", friend.rcode);
            assert!(!stranger.flags.ra() && !stranger.flags.aa());
        }
        let (question, mut query) = (Question::new("only.example".parse().unwrap(), RecordType::A), Vec::new());
        write_query(7, &question, Flags::default().with_rd(true), None, &mut query);
        assert_eq!(ask_as(&resolver, [192, 0, 2, 1], &query).await.unwrap().rcode, ResponseCode::Refused);
        assert_eq!((mock.asked("www.example"), mock.asked("only.example")), (1, 0), "nor is anything asked for him");
    });
}

/// RFC 7873 §5.2 and §5.4: a cookie of no possible length is an error in the query, also where the answer is known;
/// whoever shows one gets his own back with ours, whatever he has asked; and who asks nothing, learns whether his is
/// good.
#[test]
fn cookies_are_given_and_looked_at_whatever_is_asked() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        let resolver = mock.resolver(|settings| settings.server.locally_served_zones = true);
        let answered = async |client: [u8; 4], name: Option<&str>, cookie: &[u8]| {
            let question = Question::new(name.unwrap_or(".").parse().unwrap(), RecordType::A);
            let mut query = Vec::new();
            write_query(7, &question, Flags::default().with_rd(true), Some(&with_cookie(Some(cookie))), &mut query);
            if name.is_none() {
                query[5] = 0;
                query.drain(12..17);
            }
            let reply = ask_as(&resolver, client, &query).await.unwrap();
            (reply.rcode, reply.edns.and_then(|edns| Some(edns.option(edns::COOKIE)?.to_vec())))
        };
        let (friend, neighbour, stranger) = ([127, 0, 0, 1], [127, 0, 0, 2], [192, 0, 2, 1]);
        for name in ["www.example", "www.example", "localhost"].map(Some).into_iter().chain([None]) {
            for len in 0..=42 {
                let (rcode, given) = answered(friend, name, &vec![7; len]).await;
                let is_cookie = len == 8 || (16..=40).contains(&len);
                let expected = match (is_cookie, name) {
                    (false, _) => ResponseCode::FormErr,
                    (true, None) if len > 8 => ResponseCode::BADCOOKIE,
                    _ => ResponseCode::NoError,
                };
                assert_eq!((rcode, given.is_some()), (expected, is_cookie), "{len} octets, {name:?}");
                assert!(given.is_none_or(|given| given.len() == 24 && given[..8] == [7; 8]));
            }
        }
        let (_, given) = answered(friend, None, b"01234567").await;
        let given = given.unwrap();
        for (client, rcode) in [(friend, ResponseCode::NoError), (neighbour, ResponseCode::BADCOOKIE)] {
            assert_eq!(answered(client, None, &given).await.0, rcode, "{client:?}");
        }
        assert_eq!(answered(stranger, Some("www.example"), &given).await.0, ResponseCode::Refused);
        // What is wrong is said, and not to strangers.
        let mut query = Vec::new();
        let question = Question::new("www.example".parse().unwrap(), RecordType::A);
        write_query(7, &question, Flags::default(), Some(&with_cookie(Some(&[7; 9]))), &mut query);
        for (client, told) in [(friend, 1), (stranger, 0)] {
            let reply = ask_as(&resolver, client, &query).await.unwrap();
            let edes: Vec<String> = reply.edns.iter().flat_map(Edns::edes).map(|ede| ede.to_string()).collect();
            assert!(edes.len() == told && edes.iter().all(|ede| ede.contains("cookie")), "{edes:?}");
        }
    });
}

/// RFC 7830 §6: padding hides something where nobody on the way can read, and only makes packets longer elsewhere.
#[test]
fn answers_are_padded_where_nobody_can_read_them() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        let resolver = mock.resolver(|settings| settings.server.locally_served_zones = true);
        let client = "127.0.0.1:4242".parse().unwrap();
        for name in ["localhost", "www.example"] {
            let ask = async |transport, padded: bool| {
                let question = Question::new(name.parse().unwrap(), RecordType::A);
                let mut edns = Edns::new(1232, false);
                edns.options.extend(padded.then(|| EdnsOption { code: edns::PADDING, data: Octets::default() }));
                let (mut query, mut answer) = (Vec::new(), Vec::new());
                write_query(7, &question, Flags::default().with_rd(true), Some(&edns), &mut query);
                let peer = Peer { client, transport, local: client, keepalive: None };
                if resolver.answer_now(&query, &peer, &mut answer) == Now::Later {
                    answer = resolver.answer_later(query, peer).await.unwrap();
                }
                answer.len()
            };
            for transport in [Transport::Udp, Transport::Tcp] {
                assert_eq!(ask(transport, true).await, ask(transport, false).await, "{name} over {transport}");
            }
            for transport in [Transport::Tls, Transport::Http] {
                assert_eq!(ask(transport, true).await % 468, 0, "{name} over {transport}");
                assert!(ask(transport, false).await < 468, "{name} over {transport}");
            }
        }
    });
}

/// RFC 1034 §3.7.1: "Since a particular name server may not know all of the classes available in the domain system, it
/// can never know if it is authoritative for all classes. Hence responses to QCLASS=* queries can never be
/// authoritative."
#[test]
fn any_class_is_answered_from_the_one_that_is_looked_up_and_never_with_authority() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        let resolver = mock.resolver(|settings| settings.server.locally_served_zones = true);
        for (class, at_once) in [(DNSClass::ANY, false), (DNSClass::ANY, true), (DNSClass::IN, true)] {
            let got = Query { class, ..Query::of("www.example") }.ask(&resolver).await;
            assert_eq!((got.rcode, got.addresses.len(), got.aa), (ResponseCode::NoError, 1, false));
            assert_eq!((got.class, got.at_once), (class, at_once));
            assert_eq!(Query { class, ..Query::of("localhost") }.ask(&resolver).await.aa, class == DNSClass::IN);
        }
        let other = Query { class: DNSClass::HS, ..Query::of("www.example") }.ask(&resolver).await;
        assert_eq!(other.rcode, ResponseCode::Refused);
    });
}

#[test]
fn a_walk_goes_on_when_the_client_who_began_it_leaves() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        mock.speaks(false);
        let resolver = mock.resolver(|settings| settings.resolver.qname_minimisation = Minimisation::Off);
        let ask = || {
            let resolver = resolver.clone();
            spawn_local(async move { Query::of("www.example").ask(&resolver).await })
        };
        let first = ask();
        until(async || mock.asked("www.example") > 0).await;
        let second = ask();
        yield_now().await;
        first.abort();
        mock.speaks(true);
        assert_eq!(second.await.unwrap().addresses.len(), 1);
        assert!(Query::of("www.example").ask(&resolver).await.at_once);
        assert_eq!(resolver.figures().walks, 1);
    });
}

#[test]
fn ttl_0_is_for_those_who_asked_together() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 0)).await;
        let resolver = mock.resolver(|settings| settings.resolver.qname_minimisation = Minimisation::Off);
        let both = (0..2).map(|_| {
            let resolver = resolver.clone();
            spawn_local(async move { Query::of("www.example").ask(&resolver).await })
        });
        for answer in both.collect::<Vec<_>>() {
            assert_eq!(answer.await.unwrap().addresses, [(1, 0)]);
        }
        assert_eq!(mock.asked("www.example"), 1);
        assert_eq!(Query::of("www.example").ask(&resolver).await.addresses, [(1, 0)]);
        assert_eq!(mock.asked("www.example"), 2);
        // Whoever raises the least TTL wants it kept.
        let resolver = mock.resolver(|settings| settings.cache.min_ttl_secs = 60);
        assert_eq!(Query::of("a.example").ask(&resolver).await.addresses, [(1, 60)]);
        assert!(Query::of("a.example").ask(&resolver).await.at_once);
    });
}

#[test]
fn the_first_client_sees_the_ttl_that_is_kept() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 1_000_000)).await;
        let resolver = mock.resolver(|settings| settings.cache.max_ttl_secs = 600);
        assert_eq!(Query::of("www.example").ask(&resolver).await.addresses, [(1, 600)]);
        assert_eq!(Query::of("www.example").ask(&resolver).await.addresses, [(1, 600)]);
    });
}

#[test]
fn there_are_no_more_walks_than_allowed() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        let resolver = mock.resolver(|settings| settings.resolver.walks = 2);
        let asked: Vec<_> = (0..5)
            .map(|nth| {
                let resolver = resolver.clone();
                spawn_local(async move { Query::of(&format!("n{nth}.example")).ask(&resolver).await })
            })
            .collect();
        let mut busy = 0;
        for answer in asked {
            let got = answer.await.unwrap();
            if got.rcode == ResponseCode::ServFail {
                assert_eq!(got.edes, [(0, "2 questions are being looked up already; ask again".to_owned())]);
                busy += 1;
            }
        }
        assert_eq!(busy, 3);
        let again = Query::of("n4.example").ask(&resolver).await;
        assert_eq!(again.rcode, ResponseCode::NoError, "being busy is not remembered");
    });
}

/// A resolver that has answers for 300 s, of which 20 are left.
async fn near_the_end(mock: &Mock, asked: &[&str]) -> Resolver {
    let resolver = mock.resolver(|settings| {
        settings.resolver.qname_minimisation = Minimisation::Off;
        settings.cache.max_ttl_secs = 300;
    });
    for name in asked {
        assert!(Query::of(name).ask(&resolver).await.is(1, 300));
    }
    later(&resolver, 280)
}

#[test]
fn an_answer_in_use_is_fetched_before_its_end() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 1000)).await;
        let resolver = near_the_end(&mock, &["often.example", "once.example", "often.example"]).await;
        mock.mood.set(Mood::Answers(2, 1000));
        mock.speaks(false);
        let ask = async |name| Query::of(name).ask(&resolver).await;
        assert!(ask("once.example").await.is(1, 20));
        // Many at once: one of them is told to fetch, and nobody waits.
        for _ in 0..20 {
            let got = ask("often.example").await;
            assert!(got.at_once && got.is(1, 20), "{got:?}");
        }
        mock.speaks(true);
        until(async || ask("often.example").await.is(2, 300)).await;
        assert_eq!((resolver.figures().walks, mock.asked("once.example")), (3, 1));
        assert!(ask("often.example").await.at_once);
    });
}

#[test]
fn a_fetch_that_fails_harms_nobody() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 1000)).await;
        let resolver = near_the_end(&mock, &["www.example"; 2]).await;
        mock.mood.set(Mood::Fails);
        let ask = async || {
            let got = Query::of("www.example").ask(&resolver).await;
            assert!(got.at_once && got.is(1, 20) && got.edes.is_empty(), "{got:?}");
        };
        ask().await;
        until(async || resolver.figures().failed_walks == 1).await;
        for _ in 0..3 {
            ask().await;
            yield_now().await;
        }
        assert_eq!(resolver.figures().failed_walks, 1, "one try");
    });
}

#[test]
fn prefetch_can_be_switched_off() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 100)).await;
        let mut resolver = mock.resolver(|settings| {
            settings.resolver.qname_minimisation = Minimisation::Off;
            settings.cache.prefetch = false;
        });
        for _ in 0..12 {
            assert!(Query::of("www.example").ask(&resolver).await.addresses[0].0 == 1);
            resolver = later(&resolver, 9);
        }
        // It would have been fetched by a task of its own.
        sleep(Duration::from_millis(50)).await;
        assert_eq!(resolver.figures().walks, 1);
    });
}

/// A machine that was away from the network for long is not kept from names for as long when it is back.
#[test]
fn what_fails_without_a_network_is_tried_again_soon() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Silent).await;
        let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let mut resolver = mock.resolver(|settings| settings.resolver.upstream_port = nobody);
        let question = Question::new("www.example.".parse().unwrap(), RecordType::A);
        for others in [5, 0] {
            let got = Query::of("www.example").ask(&resolver).await;
            assert!(!got.at_once && got.rcode == ResponseCode::ServFail, "{got:?}");
            for nth in 0..others {
                Query::of(&format!("n{nth}.example")).ask(&resolver).await;
            }
            let World { cache, clock, .. } = resolver.world();
            let failure = cache.failure(&question, clock.now()).unwrap();
            assert!((failure.expires - failure.stored).as_secs() <= 5, "{failure:?}");
            resolver = later(&resolver, 6);
        }
    });
}

/// RFC 9520 §3.2: what comes to nothing is remembered for a while, also for those who want nothing judged (CD), for
/// whom aliases that go round are no more than what somebody said.
#[test]
fn aliases_that_go_round_are_remembered_for_everybody() {
    on_a_worker(async {
        for (validate, cd) in [(false, false), (false, true), (true, false), (true, true)] {
            let mock = Mock::begin(Mood::GoesRound).await;
            let resolver = mock.resolver(|settings| settings.dnssec.validate = validate);
            for at_once in [false, true, true] {
                let got = Query { cd, ..Query::of("www.example") }.ask(&resolver).await;
                assert_eq!((got.rcode, got.at_once), (ResponseCode::ServFail, at_once), "{validate} {cd} {got:?}");
            }
        }
    });
}

/// RFC 9520 §3.2: what cannot be had is not asked for again at once, whichever alias leads there, the operator's own
/// as well, and in whatever form it is wanted; nor is a walk made again for the same question.
#[test]
fn what_cannot_be_had_behind_aliases_is_not_asked_for_again() {
    on_a_worker(async {
        let own = parse_record("own.lan. 300 IN CNAME www.example.").unwrap();
        let names = ["www.example", "own.lan", "other.example", "lost.example"];
        for first in names {
            let mock = Mock::begin(Mood::LeadsTo("lost.example", 900)).await;
            let resolver = mock.resolver(|settings| settings.local.records = vec![LocalRecord(own.clone())]);
            let mut asked = 0;
            for name in [first].into_iter().chain(names) {
                for (cd, dnssec_ok) in [(false, false), (false, true), (true, false)] {
                    let got = Query { cd, dnssec_ok, ..Query::of(name) }.ask(&resolver).await;
                    assert_eq!(got.rcode, ResponseCode::ServFail, "{first} {name} {got:?}");
                    asked = if asked == 0 { mock.asked("lost.example") } else { asked };
                    assert_eq!(mock.asked("lost.example"), asked, "{first} {name} {got:?}");
                }
            }
            assert!(Query::of(first).ask(&resolver).await.at_once, "{first}");
        }
    });
}
