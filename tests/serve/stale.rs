//! RFC 8767: an answer whose time is over is better than none.

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rootwalk::cache::{Answer, AnswerKey, Usage};
use rootwalk::config::{LocalRecord, NegativeTrustAnchor, Settings};
use rootwalk::drive::{World, unix_secs};
use rootwalk::serve::Resolver;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet, Sections, Template, ede, text::parse_record};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::mock::{Got, Mock, Mood, Query, later, until};
use super::worker::on_a_worker;

const WWW: &str = "www.example";

/// For how long an answer is good, and a failure covered, in seconds: less than a delegation is.
const TTL: u32 = 40;

/// A resolver that has an answer whose time is over since a moment.
async fn with_stale(known: Mood, change: impl FnOnce(&mut Settings)) -> (Rc<Mock>, Resolver) {
    let mock = Mock::begin(known).await;
    let resolver = mock.resolver(|settings| {
        settings.resolver.qname_minimisation = Minimisation::Off;
        settings.cache.max_ttl_secs = TTL;
        settings.cache.max_negative_ttl_secs = TTL;
        settings.cache.prefetch = false;
        settings.cache.stale_recheck_secs = TTL;
        change(settings);
    });
    ask(&resolver).await;
    (mock, over(&resolver))
}

/// The same resolver when what it has just learned is over.
fn over(resolver: &Resolver) -> Resolver {
    later(resolver, u64::from(TTL) + 1)
}

async fn ask(resolver: &Resolver) -> Got {
    Query::of(WWW).ask(resolver).await
}

#[test]
fn a_failure_is_covered_and_tried_again_after_a_while() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |_| {}).await;
        mock.mood.set(Mood::Fails);
        let before = mock.asked(WWW);
        let got = ask(&resolver).await;
        assert!(got.rcode == ResponseCode::NoError && got.is(1, 30), "{got:?}");
        assert_eq!(got.codes()[..2], [ede::STALE_ANSWER, ede::NO_REACHABLE_AUTHORITY], "{got:?}");
        assert!(got.edes[0].1.contains(" s before no new answer could be had"), "{got:?}");
        let tries = mock.asked(WWW);
        assert!(tries > before);
        let again = ask(&resolver).await;
        assert!(again.at_once && again.is(1, 30) && again.edes == got.edes, "{again:?}");
        assert_eq!(mock.asked(WWW), tries, "not tried again yet");
        // The server recovers, and its answer is found after the recheck time.
        mock.mood.set(Mood::Answers(2, 900));
        let got = ask(&over(&resolver)).await;
        assert!(got.is(2, TTL) && got.edes.is_empty(), "{got:?}");
    });
}

/// RFC 9520 §3.2: a failure is remembered for 5 s, whatever the recheck time.
#[test]
fn a_failure_is_not_tried_again_while_it_is_remembered() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 900), |settings| settings.cache.stale_recheck_secs = 1).await;
        mock.mood.set(Mood::Fails);
        ask(&resolver).await;
        let tries = mock.asked(WWW);
        let again = ask(&later(&resolver, 2)).await;
        assert!(!again.at_once && again.is(1, 30), "{again:?}");
        assert_eq!(again.codes(), [ede::STALE_ANSWER, ede::NO_REACHABLE_AUTHORITY, ede::CACHED_ERROR]);
        assert_eq!(mock.asked(WWW), tries);
    });
}

#[test]
fn nobody_waits_longer_than_the_timeout_and_the_walk_goes_on() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 900), |settings| settings.cache.stale_client_timeout_ms = 100).await;
        mock.mood.set(Mood::Answers(2, 900));
        mock.speaks(false);
        let got = ask(&resolver).await;
        assert!(got.codes() == [ede::STALE_ANSWER] && got.is(1, 30), "{got:?}");
        assert!(got.edes[0].1.contains("takes longer than 100 ms"), "{got:?}");
        // Who comes later to the same walk does not wait anew, not even for a moment.
        let got = pin!(ask(&resolver)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(got, Poll::Ready(got) if got.codes() == [ede::STALE_ANSWER]));
        mock.speaks(true);
        until(async || ask(&resolver).await.edes.is_empty()).await;
        let got = ask(&resolver).await;
        assert!(got.at_once && got.is(2, TTL), "{got:?}");
    });
}

#[test]
fn whoever_carries_a_walk_out_is_woken_before_the_walk_goes_on_by_itself() {
    on_a_worker(async {
        // Where everything else on this machine comes first, that is not so each time.
        for _ in 0..100 {
            let (mock, resolver) =
                with_stale(Mood::Answers(1, 900), |settings| settings.cache.stale_client_timeout_ms = 1).await;
            mock.speaks(false);
            let client = spawn_local(async move { ask(&resolver).await });
            // No server is given up so soon.
            sleep(Duration::from_millis(20)).await;
            if client.is_finished() {
                return;
            }
        }
        panic!("nobody was served after a millisecond");
    });
}

#[test]
fn silence_is_covered() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |_| {}).await;
        mock.mood.set(Mood::Silent);
        assert_eq!(ask(&resolver).await.codes()[0], ede::STALE_ANSWER);
    });
}

#[test]
fn at_once_and_the_new_one_for_the_next() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 900), |settings| settings.cache.stale_client_timeout_ms = 0).await;
        mock.mood.set(Mood::Answers(2, 900));
        let other_form = Query { dnssec_ok: true, ..Query::of(WWW) };
        let got = other_form.ask(&resolver).await;
        assert!(got.codes() == [ede::STALE_ANSWER] && got.is(1, 30), "{got:?}");
        until(async || resolver.figures().walks == 2).await;
        let got = ask(&resolver).await;
        assert!(got.codes().is_empty() && got.is(2, TTL), "{got:?}");
        assert_eq!(mock.asked(WWW), 2);
    });
}

#[test]
fn what_is_told_with_ttl_0_ends_what_was_known_in_every_form() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 900), |settings| settings.cache.stale_client_timeout_ms = 0).await;
        mock.mood.set(Mood::Answers(2, 0));
        assert_eq!(Query { dnssec_ok: true, ..Query::of(WWW) }.ask(&resolver).await.codes(), [ede::STALE_ANSWER]);
        until(async || resolver.figures().walks == 2).await;
        let got = ask(&resolver).await;
        assert_eq!((got.codes().len(), &got.addresses[..]), (0, &[(2, 0)][..]));
    });
}

/// What is told of a name as a whole ends all that was known of it, whatever its type, and in every form; with TTL 0 it
/// is not served itself either.
#[test]
fn what_is_told_of_a_name_with_ttl_0_ends_what_was_known_of_all_its_types() {
    on_a_worker(async {
        let leads = Mood::LeadsTo("gone.example", 0);
        let (v4, v6) = (RecordType::A, RecordType::AAAA);
        let cases = [(Mood::Denies(0), v4), (Mood::Denies(0), v6), (Mood::Aliases(2, 0), v4), (leads, v4), (leads, v6)];
        for (told, qtype) in cases {
            let (mock, resolver) = with_stale(Mood::Answers(1, 900), |_| {}).await;
            Query { dnssec_ok: true, ..Query::of(WWW) }.ask(&resolver).await;
            let resolver = over(&resolver);
            mock.mood.set(told);
            Query { qtype, ..Query::of(WWW) }.ask(&resolver).await;
            mock.mood.set(Mood::Fails);
            for dnssec_ok in [false, true] {
                let got = Query { dnssec_ok, ..Query::of(WWW) }.ask(&later(&resolver, 10)).await;
                let served = (got.rcode, got.addresses.len());
                assert_eq!(served, (ResponseCode::ServFail, 0), "{told:?} {qtype} {dnssec_ok}: {got:?}");
            }
        }
    });
}

#[test]
fn a_denial_by_the_authority_ends_what_is_stale_and_becomes_stale_itself() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |_| {}).await;
        mock.mood.set(Mood::Denies(900));
        let got = ask(&resolver).await;
        assert_eq!((got.rcode, got.edes.len()), (ResponseCode::NXDomain, 0));
        mock.mood.set(Mood::Fails);
        let got = ask(&over(&resolver)).await;
        assert_eq!((got.rcode, got.codes()[0]), (ResponseCode::NXDomain, ede::STALE_NXDOMAIN_ANSWER));
    });
}

#[test]
fn without_recursion_desired_nothing_stale_is_given() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |_| {}).await;
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
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |settings| settings.cache.max_stale_secs = 0).await;
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
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |settings| settings.cache.max_stale_secs = 30).await;
        mock.mood.set(Mood::Fails);
        assert_eq!(ask(&later(&resolver, 30)).await.rcode, ResponseCode::ServFail);
    });
}

#[test]
fn nothing_stale_is_served_beyond_its_last_time_because_the_next_try_is_later() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |settings| settings.cache.max_stale_secs = 30).await;
        mock.mood.set(Mood::Fails);
        let got = ask(&resolver).await;
        assert!(got.is(1, 30) && !got.edes[0].1.ends_with(" 40 s"), "{got:?}");
        assert_eq!(ask(&later(&resolver, 20)).await.edes, got.edes);
        assert_eq!(ask(&later(&resolver, 30)).await.rcode, ResponseCode::ServFail);
    });
}

#[test]
fn an_answer_whose_parts_are_not_kept_by_themselves_is_served_as_it_was_given() {
    on_a_worker(async {
        let (mock, mut resolver) = with_stale(Mood::Aliases(1, 900), |_| {}).await;
        mock.mood.set(Mood::Fails);
        for _ in 0..3 {
            let got = ask(&resolver).await;
            assert_eq!((got.addresses.len(), got.addresses[2].0, got.codes()[0]), (3, 1, ede::STALE_ANSWER), "{got:?}");
            resolver = over(&resolver);
        }
        // What is learned with TTL 0 ends it all the same.
        mock.mood.set(Mood::Answers(2, 0));
        assert_eq!(ask(&resolver).await.addresses, [(2, 0)]);
        mock.mood.set(Mood::Fails);
        assert_eq!(ask(&resolver).await.rcode, ResponseCode::ServFail);
    });
}

/// Whoever checks for himself (CD) brings what was not checked; what is checked is good for him as well.
#[test]
fn what_was_not_checked_ends_nothing_for_those_who_want_it_checked() {
    on_a_worker(async {
        for (cd, left) in [(true, 3), (false, 0)] {
            let (mock, resolver) = with_stale(Mood::Aliases(1, 900), |_| {}).await;
            let [new, old] = [cd, !cd].map(|cd| Query { cd, ..Query::of(WWW) });
            assert_eq!(Query { cd: true, ..new }.ask(&resolver).await.addresses.len(), 3);
            let resolver = over(&resolver);
            mock.mood.set(Mood::Answers(2, 0));
            assert_eq!(new.ask(&resolver).await.addresses, [(2, 0)]);
            mock.mood.set(Mood::Fails);
            let got = old.ask(&resolver).await;
            assert_eq!((got.rcode == ResponseCode::NoError, got.addresses.len()), (left > 0, left), "{got:?}");
        }
    });
}

/// The operator's aliases and the names of addresses that are made (RFC 6147 §5.3.1) stand in no zone that was asked:
/// what they lead to is what is known, and what may be unsigned.
#[test]
fn what_is_known_of_another_name_is_served_in_its_place() {
    on_a_worker(async {
        let made = Name::reverse("2001:db8:64::192.0.2.1".parse().unwrap()).to_string();
        let ptr = Query { qtype: RecordType::PTR, ..Query::of(&made) };
        for (mood, asked, code) in [
            (Mood::Denies(900), ptr, ede::STALE_NXDOMAIN_ANSWER),
            (Mood::Answers(1, 900), Query::of("alias.lan"), ede::STALE_ANSWER),
        ] {
            let (mock, resolver) = with_stale(mood, |settings| {
                settings.dnssec.validate = true;
                let unsigned = |zone: &str| NegativeTrustAnchor { zone: zone.parse().unwrap(), until_secs: None };
                settings.dnssec.negative_trust_anchors = ["example.", "in-addr.arpa."].map(unsigned).into();
                settings.dns64.prefix.0 = Some("2001:db8:64::/96".parse().unwrap());
                settings.local.records =
                    vec![LocalRecord(parse_record("alias.lan. 300 IN CNAME www.example.").unwrap())];
            })
            .await;
            let first = asked.ask(&resolver).await;
            let resolver = over(&resolver);
            mock.mood.set(Mood::Fails);
            for dnssec_ok in [false, true] {
                let got = Query { dnssec_ok, ..asked }.ask(&resolver).await;
                assert_eq!((got.rcode, got.addresses.len()), (first.rcode, first.addresses.len()), "{got:?}");
                assert!(got.codes()[0] == code && !first.codes().contains(&code), "{got:?} {first:?}");
                let again = (1..got.edes.len()).find(|nth| got.edes[..*nth].contains(&got.edes[*nth]));
                assert_eq!(again, None, "{got:?}");
            }
        }
    });
}

/// RFC 8767 §5: an alias that the authority gives anew is refreshed. Where it leads to another name by now, what it led
/// to before is wrong, and not stale, although nothing is known of the other name; where it leads to the same one, what
/// was known of that is as good as ever.
#[test]
fn an_alias_that_leads_elsewhere_by_now_ends_what_it_led_to() {
    on_a_worker(async {
        for known in [Mood::Answers(1, 900), Mood::Aliases(1, 900)] {
            let (mock, resolver) = with_stale(known, |_| {}).await;
            mock.mood.set(Mood::LeadsTo("gone.example", 900));
            let got = ask(&resolver).await;
            assert_eq!((got.rcode, got.addresses.len()), (ResponseCode::ServFail, 0), "{known:?} {got:?}");
        }
        let (mock, resolver) = with_stale(Mood::Aliases(1, 900), |_| {}).await;
        mock.mood.set(Mood::LeadsTo("one.example", 900));
        let got = ask(&resolver).await;
        assert_eq!((got.addresses.len(), got.codes()[0]), (3, ede::STALE_ANSWER), "{got:?}");
    });
}

/// That an alias on the way leads there still says nothing of what is there: what was told last is served, and not what
/// was known before of the name at the end.
#[test]
fn an_alias_that_is_told_anew_does_not_bring_back_what_was_known_before() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, TTL)).await;
        let resolver = mock.resolver(|settings| settings.cache.prefetch = false);
        assert!(Query::of("two.example").ask(&resolver).await.is(1, TTL));
        let resolver = over(&resolver);
        mock.mood.set(Mood::Aliases(2, TTL));
        for name in [WWW, "one.example"] {
            assert_eq!(Query::of(name).ask(&resolver).await.addresses.last().unwrap().0, 2);
        }
        let resolver = over(&resolver);
        mock.mood.set(Mood::Fails);
        let got = ask(&resolver).await;
        assert_eq!(
            (got.codes()[0], &got.addresses[..]),
            (ede::STALE_ANSWER, &[(0, 30), (0, 30), (2, 30)][..]),
            "{got:?}"
        );
    });
}

/// Aliases that go round are what the authority says now: what they led to before is not stale but over.
#[test]
fn aliases_that_go_round_by_now_end_what_they_led_to() {
    on_a_worker(async {
        for told in [Mood::GoesRound, Mood::GoesRoundBy("one.example")] {
            let (mock, resolver) = with_stale(Mood::Aliases(1, 900), |_| {}).await;
            mock.mood.set(told);
            // Also in another form, while it is remembered that there is no answer.
            for dnssec_ok in [false, false, true] {
                let got = Query { dnssec_ok, ..Query::of(WWW) }.ask(&resolver).await;
                assert_eq!((got.rcode, got.addresses.len()), (ResponseCode::ServFail, 0), "{told:?} {got:?}");
            }
        }
    });
}

/// Of an answer that is stale in part the rest is not: its time goes on while nobody tries for a new one, and no record
/// is told for a longer time than before.
#[test]
fn what_is_fresh_beside_what_is_stale_counts_down() {
    on_a_worker(async {
        let (mock, resolver) = with_stale(Mood::Answers(1, 900), |settings| settings.cache.max_ttl_secs = 60).await;
        // From the cache, so that its name keeps what is left of its time.
        let resolver = later(&resolver, 10);
        mock.mood.set(Mood::LeadsTo(WWW, 900));
        let alias = Query::of("alias.example");
        assert_eq!(alias.ask(&resolver).await.addresses.len(), 2);
        let resolver = later(&resolver, 19);
        mock.mood.set(Mood::Fails);
        let mut last = [60, 30];
        for (secs, fresh) in [(0, 41), (5, 36), (15, 30), (29, 30)] {
            let got = alias.ask(&later(&resolver, secs)).await;
            let ttls: Vec<u32> = got.addresses.iter().map(|(_, ttl_secs)| *ttl_secs).collect();
            let [of_alias, of_address] = ttls[..] else { panic!("{got:?}") };
            assert_eq!(got.codes()[0], ede::STALE_ANSWER, "{got:?}");
            assert!((fresh - 3..=fresh).contains(&of_alias) || of_alias == 30, "{secs} {got:?}");
            assert!(of_alias <= last[0] && of_address == 30, "{secs} {got:?}");
            last = [of_alias, of_address];
        }
    });
}

/// RFC 4035 §5.3.3: what is signed is not proved any longer than its signatures hold, which only the calendar knows; it
/// may be set while the answer is kept.
#[test]
fn a_stale_answer_is_proved_for_as_long_as_its_signatures_hold() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Fails).await;
        let resolver = mock.resolver(|_| {});
        let question = Question::new(WWW.parse().unwrap(), RecordType::A);
        let set = RrSet::new(question.name.clone(), RecordType::A, 30, [&[192, 0, 2, 1][..]]);
        let sections = Sections { answer: &[set], ..Sections::default() };
        let World { cache, clock, .. } = resolver.world();
        for (left_secs, holds) in [(60, true), (1_000_000, true), (0, false), (-1, false), (-1_000_000, false)] {
            let (template, now) = (Template::build(&question, ResponseCode::NoError, &sections, false), clock.now());
            let answer = Answer {
                template,
                edes: Box::default(),
                stored: now,
                expires: now.plus_secs(30),
                secure: true,
                signed_until: unix_secs().wrapping_add_signed(left_secs),
                usage: Usage::stopgap(None),
            };
            let (qname_wire, qtype) = (question.name.wire(), RecordType::A.into());
            cache.put_answer(&AnswerKey { qname_wire, qtype, dnssec_ok: true, checking_disabled: false }, answer);
            let got = Query { dnssec_ok: true, ..Query::of(WWW) }.ask(&resolver).await;
            assert_eq!((got.at_once, got.ad), (true, holds), "{left_secs} {got:?}");
        }
    });
}

#[test]
fn a_herd_on_a_stale_answer_is_one_walk() {
    on_a_worker(async {
        let (mock, resolver) =
            with_stale(Mood::Answers(1, 900), |settings| settings.cache.stale_client_timeout_ms = 50).await;
        mock.mood.set(Mood::Answers(2, 900));
        mock.speaks(false);
        let herd: Vec<_> = (0..1000)
            .map(|_| {
                let resolver = resolver.clone();
                spawn_local(async move { ask(&resolver).await })
            })
            .collect();
        for client in herd {
            assert_eq!(client.await.unwrap().codes(), [ede::STALE_ANSWER]);
        }
        mock.speaks(true);
        until(async || resolver.figures().walks == 2).await;
        // One before, one now, and that again as the server is slower than it was.
        assert!(mock.asked(WWW) <= 4, "{}", mock.asked(WWW));
    });
}
