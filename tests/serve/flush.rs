//! What is known of a name is forgotten, and nothing brings it back.

use std::rc::Rc;

use rootwalk::config::Settings;
use rootwalk::serve::Resolver;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{Name, ResponseCode};
use tokio::task::spawn_local;

use super::mock::{Got, Mock, Mood, Query, later, until};
use super::worker::on_a_worker;

const WWW: &str = "www.example";

/// A resolver that has found the root.
async fn resolver(mood: Mood, change: impl FnOnce(&mut Settings)) -> (Rc<Mock>, Resolver) {
    let mock = Mock::begin(mood).await;
    let resolver = mock.resolver(|settings| {
        settings.resolver.qname_minimisation = Minimisation::Off;
        change(settings);
    });
    let _ = Query::of("first.example").ask(&resolver).await;
    (mock, resolver)
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

async fn ask(resolver: &Resolver) -> Got {
    Query::of(WWW).ask(resolver).await
}

fn octets(got: &Got) -> Vec<u8> {
    got.addresses.iter().map(|(octet, _)| *octet).collect()
}

#[test]
fn who_asks_after_it_gets_what_servers_say_then() {
    on_a_worker(async {
        for (flushed, tree, is_it) in [
            (WWW, false, true),
            ("WWW.Example", true, true),
            ("example", true, true),
            (".", true, true),
            ("example", false, false),
            ("a.www.example", true, false),
            ("other.example", true, false),
        ] {
            let (mock, resolver) = resolver(Mood::Answers(1, 300), |_| {}).await;
            for dnssec_ok in [false, true] {
                assert_eq!(octets(&Query { dnssec_ok, ..Query::of(WWW) }.ask(&resolver).await), [1]);
            }
            mock.mood.set(Mood::Answers(2, 300));
            resolver.flush(&name(flushed), tree);
            for (dnssec_ok, at_once) in [(false, !is_it), (true, true)] {
                let got = Query { dnssec_ok, ..Query::of(WWW) }.ask(&resolver).await;
                assert_eq!((octets(&got), got.at_once), (vec![1 + u8::from(is_it)], at_once), "{flushed} {tree}");
            }
        }
    });
}

/// Whoever has asked before gets what was told before; whoever asks after it neither joins his walk, nor the exchange
/// with the server in which that waits, nor finds anything of it in the cache.
#[test]
fn a_walk_under_way_brings_nothing_back() {
    on_a_worker(async {
        for (mood, others) in [
            (Mood::Answers(1, 300), true),
            (Mood::Answers(1, 300), false),
            (Mood::Aliases(1, 300), true),
            (Mood::Aliases(1, 300), false),
        ] {
            let (mock, resolver) = resolver(mood, |_| {}).await;
            let begin = || {
                let resolver = resolver.clone();
                spawn_local(async move { ask(&resolver).await })
            };
            mock.speaks(false);
            let before = begin();
            until(async || mock.asked(WWW) > 0).await;
            mock.mood.set(Mood::Answers(2, 300));
            resolver.flush(&name("example"), true);
            let asked = mock.asked(WWW);
            let after = others.then(begin);
            until(async || !others || mock.asked(WWW) > asked).await;
            mock.speaks(true);
            // The old answer is there as well, and is the last that is told to anybody.
            if let Some(after) = after {
                assert_eq!(octets(&after.await.unwrap()), [2], "{mood:?}");
            }
            let _ = before.await;
            let got = ask(&resolver).await;
            assert_eq!((octets(&got), got.at_once), (vec![2], others), "{mood:?}");
        }
    });
}

/// The answer for one name may be made of the records of another.
#[test]
fn an_alias_leads_to_what_is_known_since() {
    on_a_worker(async {
        let (mock, resolver) = resolver(Mood::Aliases(1, 300), |_| {}).await;
        let last = |got: Got| got.addresses.last().map(|(octet, _)| *octet);
        assert_eq!(last(ask(&resolver).await), Some(1));
        mock.mood.set(Mood::Aliases(2, 300));
        resolver.flush(&name("two.example"), false);
        assert_eq!(last(ask(&resolver).await), Some(2));
        assert_eq!(mock.asked(WWW), 1, "of the alias nothing was forgotten");
    });
}

#[test]
fn what_was_flushed_is_not_served_stale_and_a_failure_is_no_more_remembered() {
    on_a_worker(async {
        for flushes in [false, true] {
            let (mock, before) = resolver(Mood::Answers(1, 9), |settings| settings.cache.prefetch = false).await;
            ask(&before).await;
            let after = later(&before, 10);
            mock.mood.set(Mood::Fails);
            if flushes {
                after.flush(&name(WWW), false);
            }
            let got = ask(&after).await;
            let rcode = if flushes { ResponseCode::ServFail } else { ResponseCode::NoError };
            assert_eq!((got.rcode, octets(&got).len()), (rcode, usize::from(!flushes)), "{got:?}");
            mock.mood.set(Mood::Answers(2, 9));
            after.flush(&name(WWW), false);
            assert_eq!(octets(&ask(&after).await), [2]);
        }
    });
}
