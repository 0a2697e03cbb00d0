//! RFC 8767: an answer whose time is over is better than none.

use std::rc::Rc;
use std::time::Duration;

use rootwalk::config::{Minimisation, Settings};
use rootwalk::serve::Resolver;
use rootwalk::wire::{ResponseCode, ede};
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::mock::{Got, Mock, Mood, Query, next_second, on_a_worker, secs};

const WWW: &str = "www.example";

/// A resolver that has an answer whose time is over since a moment.
async fn with_stale(known: Mood, change: impl FnOnce(&mut Settings)) -> (Rc<Mock>, Resolver) {
    let mock = Mock::begin(known).await;
    let resolver = mock.resolver(|settings| {
        settings.resolver.qname_minimisation = Minimisation::Off;
        settings.cache.max_ttl_secs = 1;
        settings.cache.max_negative_ttl_secs = 1;
        settings.cache.prefetch = false;
        settings.cache.stale_recheck_secs = 1;
        change(settings);
    });
    next_second().await;
    ask(&resolver).await;
    secs(1.05).await;
    (mock, resolver)
}

async fn ask(resolver: &Resolver) -> Got {
    Query::of(WWW).ask(resolver).await
}

#[test]
fn a_failure_is_covered_and_tried_again_after_a_while() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 9), |_| {}).await;
        mock.mood.set(Mood::Fails);
        let before = mock.asked(WWW);
        let got = ask(&resolver).await;
        assert_eq!((got.rcode, &got.addresses[..]), (ResponseCode::NoError, &[(1, 30)][..]));
        assert_eq!(got.codes()[..2], [ede::STALE_ANSWER, ede::NO_REACHABLE_AUTHORITY], "{got:?}");
        assert!(got.edes[0].1.starts_with("expired 0 s before no new answer could be had"), "{got:?}");
        let tries = mock.asked(WWW);
        assert!(tries > before);
        let again = ask(&resolver).await;
        assert!(again.at_once && again.addresses == [(1, 30)] && again.edes == got.edes, "{again:?}");
        assert_eq!(mock.asked(WWW), tries, "not tried again yet");
        secs(1.1).await;
        let again = ask(&resolver).await;
        assert_eq!((again.at_once, &again.addresses[..]), (false, &[(1, 30)][..]));
        assert_eq!(again.codes(), [ede::STALE_ANSWER, ede::NO_REACHABLE_AUTHORITY, ede::CACHED_ERROR]);
        assert_eq!(mock.asked(WWW), tries, "RFC 9520: the failure is still remembered");
        // The server recovers; after the recheck time and that of the failure its answer is found.
        mock.mood.set(Mood::Answers(2, 9));
        secs(4.0).await;
        let got = ask(&resolver).await;
        assert_eq!((&got.addresses[..], got.edes.len()), (&[(2, 1)][..], 0));
    });
}

#[test]
fn nobody_waits_longer_than_the_timeout_and_the_walk_goes_on() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 9), |settings| settings.cache.stale_client_timeout_ms = 100).await;
        mock.mood.set(Mood::Answers(2, 9));
        mock.delay.set(Duration::from_millis(250));
        let began = Instant::now();
        let got = ask(&resolver).await;
        assert!((100..200).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        assert_eq!((got.codes(), &got.addresses[..]), (vec![ede::STALE_ANSWER], &[(1, 30)][..]));
        assert!(got.edes[0].1.contains("takes longer than 100 ms"), "{got:?}");
        // Who comes later to the same walk does not wait anew.
        let began = Instant::now();
        assert_eq!(ask(&resolver).await.codes(), [ede::STALE_ANSWER]);
        assert!(began.elapsed() < Duration::from_millis(50));
        secs(0.3).await;
        let got = ask(&resolver).await;
        assert!(got.at_once && got.addresses == [(2, 1)] && got.edes.is_empty(), "{got:?}");
    });
}

#[test]
fn silence_is_covered_within_the_usual_timeout() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 9), |_| {}).await;
        mock.mood.set(Mood::Silent);
        let began = Instant::now();
        assert_eq!(ask(&resolver).await.codes()[0], ede::STALE_ANSWER);
        assert!(began.elapsed() < Duration::from_millis(2000), "{:?}", began.elapsed());
    });
}

#[test]
fn at_once_and_the_new_one_for_the_next() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 9), |settings| settings.cache.stale_client_timeout_ms = 0).await;
        mock.mood.set(Mood::Answers(2, 9));
        let other_form = Query { dnssec_ok: true, ..Query::of(WWW) };
        let got = other_form.ask(&resolver).await;
        assert_eq!((got.codes(), &got.addresses[..]), (vec![ede::STALE_ANSWER], &[(1, 30)][..]));
        secs(0.1).await;
        let got = ask(&resolver).await;
        assert_eq!((got.codes().len(), &got.addresses[..]), (0, &[(2, 1)][..]));
        assert_eq!(mock.asked(WWW), 2);
    });
}

#[test]
fn what_is_told_with_ttl_0_ends_what_was_known_in_every_form() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 9), |settings| settings.cache.stale_client_timeout_ms = 0).await;
        mock.mood.set(Mood::Answers(2, 0));
        assert_eq!(Query { dnssec_ok: true, ..Query::of(WWW) }.ask(&resolver).await.codes(), [ede::STALE_ANSWER]);
        secs(0.1).await;
        let got = ask(&resolver).await;
        assert_eq!((got.codes().len(), &got.addresses[..]), (0, &[(2, 0)][..]));
    });
}

#[test]
fn a_denial_by_the_authority_ends_what_is_stale_and_becomes_stale_itself() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 9), |_| {}).await;
        mock.mood.set(Mood::Denies(9));
        let got = ask(&resolver).await;
        assert_eq!((got.rcode, got.edes.len()), (ResponseCode::NXDomain, 0));
        mock.mood.set(Mood::Fails);
        secs(1.05).await;
        let got = ask(&resolver).await;
        assert_eq!((got.rcode, got.codes()[0]), (ResponseCode::NXDomain, ede::STALE_NXDOMAIN_ANSWER));
    });
}

#[test]
fn without_recursion_desired_nothing_stale_is_given() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 9), |_| {}).await;
        mock.mood.set(Mood::Fails);
        let cold = Query { rd: false, ..Query::of(WWW) };
        // RFC 1034 §4.3.1: a referral, to what is known.
        let got = cold.ask(&resolver).await;
        let told = (got.rcode, got.addresses.len(), got.codes());
        assert_eq!(told, (ResponseCode::NoError, 0, vec![ede::NOT_AUTHORITATIVE]), "{got:?}");
        assert_eq!(ask(&resolver).await.codes()[0], ede::STALE_ANSWER);
        let got = cold.ask(&resolver).await;
        assert_eq!((got.rcode, got.codes()[1]), (ResponseCode::ServFail, ede::CACHED_ERROR), "{got:?}");
    });
}

#[test]
fn without_it_a_failure_is_a_failure_and_says_when_it_is_remembered() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 9), |settings| settings.cache.max_stale_secs = 0).await;
        mock.mood.set(Mood::Fails);
        let first = ask(&resolver).await;
        assert_eq!((first.rcode, first.codes()), (ResponseCode::ServFail, vec![ede::NO_REACHABLE_AUTHORITY]));
        let again = ask(&resolver).await;
        assert_eq!(again.codes(), [ede::NO_REACHABLE_AUTHORITY, ede::CACHED_ERROR]);
        assert!(again.at_once && again.edes[0] == first.edes[0], "the reason is remembered: {again:?}");
        let other = Query { dnssec_ok: true, ..Query::of(WWW) }.ask(&resolver).await;
        assert_eq!(other.codes(), [ede::NO_REACHABLE_AUTHORITY, ede::CACHED_ERROR]);
    });
}

#[test]
fn after_its_last_time_nothing_stale_is_left() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 9), |settings| settings.cache.max_stale_secs = 1).await;
        mock.mood.set(Mood::Fails);
        secs(1.0).await;
        assert_eq!(ask(&resolver).await.rcode, ResponseCode::ServFail);
    });
}

#[test]
fn an_answer_whose_parts_are_not_kept_by_themselves_is_served_as_it_was_given() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Aliases(1, 9), |_| {}).await;
        mock.mood.set(Mood::Fails);
        for _ in 0..3 {
            let got = ask(&resolver).await;
            assert_eq!((got.addresses.last(), got.codes()[0]), (Some(&(1, 30)), ede::STALE_ANSWER), "{got:?}");
            assert_eq!(got.addresses.len(), 3);
            secs(1.05).await;
        }
        // What is learned with TTL 0 ends it all the same.
        mock.mood.set(Mood::Answers(2, 0));
        secs(3.0).await;
        assert_eq!(ask(&resolver).await.addresses, [(2, 0)]);
        mock.mood.set(Mood::Fails);
        assert_eq!(ask(&resolver).await.rcode, ResponseCode::ServFail);
    });
}

#[test]
fn a_herd_on_a_stale_answer_is_one_walk() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 9), |settings| settings.cache.stale_client_timeout_ms = 50).await;
        mock.mood.set(Mood::Answers(2, 9));
        mock.delay.set(Duration::from_millis(150));
        let herd: Vec<_> = (0..1000)
            .map(|_| {
                let resolver = resolver.clone();
                spawn_local(async move { ask(&resolver).await })
            })
            .collect();
        for client in herd {
            assert_eq!(client.await.unwrap().codes(), [ede::STALE_ANSWER]);
        }
        secs(0.2).await;
        // One before, one now, and that again as the server is slower than it was.
        assert!(mock.asked(WWW) <= 4, "{}", mock.asked(WWW));
    });
}
