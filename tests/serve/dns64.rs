//! RFC 6147: addresses that are made here, and answers whose time is over (RFC 8767).

use rootwalk::config::Settings;
use rootwalk::serve::Resolver;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{RecordType, ResponseCode, ede};

use super::mock::{Got, Mock, Mood, Query, later, until};
use super::worker::on_a_worker;

const WWW: &str = "www.example";

/// How long the denial of the AAAA records is good, and so what is made (RFC 6147 §5.1.7).
const TTL: u32 = 40;

/// Settings for answers that are wanted at once.
fn hasty(settings: &mut Settings) {
    settings.resolver.qname_minimisation = Minimisation::Off;
    settings.cache.prefetch = false;
    settings.cache.stale_client_timeout_ms = 0;
    settings.dns64.prefix.0 = Some("2001:db8:64::/96".parse().unwrap());
}

async fn ask(resolver: &Resolver, dnssec_ok: bool) -> Got {
    Query { qtype: RecordType::AAAA, dnssec_ok, ..Query::of(WWW) }.ask(resolver).await
}

/// RFC 6147 §5.1.6: the denial of the AAAA records is not the answer while it is not known what A comes to.
#[test]
fn that_there_is_no_aaaa_record_is_half_of_an_answer() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Ipv4Alone(TTL, &Mood::Answers(1, 0))).await;
        let resolver = mock.resolver(hasty);
        assert_eq!(ask(&resolver, false).await.addresses, [(1, 0)]);
        mock.mood.set(Mood::Ipv4Alone(TTL, &Mood::Answers(2, 900)));
        for dnssec_ok in [false, true] {
            let got = ask(&resolver, dnssec_ok).await;
            assert!(got.is(2, TTL) && got.codes() == [ede::SYNTHESIZED], "{got:?}");
        }
    });
}

#[test]
fn what_was_made_is_served_stale_when_only_the_denial_is_new() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Ipv4Alone(TTL, &Mood::Answers(1, TTL))).await;
        let resolver = mock.resolver(hasty);
        assert!(ask(&resolver, false).await.is(1, TTL));
        let resolver = later(&resolver, u64::from(TTL) + 1);
        mock.mood.set(Mood::Ipv4Alone(TTL, &Mood::Silent));
        let before = mock.asked(WWW);
        assert!(ask(&resolver, false).await.is(1, 30));
        // The denial has come, and A is awaited.
        until(async || mock.asked(WWW) >= before + 2).await;
        for dnssec_ok in [false, true] {
            let got = ask(&resolver, dnssec_ok).await;
            assert!(got.is(1, 30) && got.codes()[0] == ede::STALE_ANSWER, "{got:?}");
        }
    });
}

#[test]
fn what_was_made_is_served_stale_when_a_fails() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Ipv4Alone(TTL, &Mood::Fails)).await;
        let resolver = mock.resolver(hasty);
        let got = ask(&resolver, false).await;
        assert_eq!((got.rcode, got.codes()), (ResponseCode::ServFail, vec![ede::NO_REACHABLE_AUTHORITY]), "{got:?}");
        mock.mood.set(Mood::Ipv4Alone(TTL, &Mood::Answers(1, TTL)));
        let resolver = later(&resolver, u64::from(TTL) + 1);
        assert!(ask(&resolver, false).await.is(1, TTL));
        mock.mood.set(Mood::Ipv4Alone(TTL, &Mood::Fails));
        let resolver = later(&resolver, u64::from(TTL) + 1);
        // At first until the walk is over, then because it has failed.
        until(async || ask(&resolver, false).await.edes[0].1.contains("no new answer could be had")).await;
        let got = ask(&resolver, false).await;
        assert!(got.is(1, 30) && got.codes()[..2] == [ede::STALE_ANSWER, ede::SYNTHESIZED], "{got:?}");
    });
}
