//! Other settings: what was made by the former ones is given to nobody any more.

use rootwalk::config::LocalRecord;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::text::parse_record;
use rootwalk::wire::{RecordType, ResponseCode};
use tokio::task::spawn_local;

use super::mock::{Mock, Mood, Query, later, until};
use super::worker::on_a_worker;

/// What a resolver with other settings has made must not be found by the one that took its place.
#[test]
fn who_is_retired_answers_and_keeps_nothing() {
    on_a_worker(async {
        for (mood, rcode) in [(Mood::Answers(1, 300), ResponseCode::NoError), (Mood::Fails, ResponseCode::ServFail)] {
            let mock = Mock::begin(mood).await;
            mock.speaks(false);
            let resolver = mock.resolver(|settings| settings.resolver.qname_minimisation = Minimisation::Off);
            let in_hand = spawn_local({
                let resolver = resolver.clone();
                async move { Query::of("www.example").ask(&resolver).await }
            });
            until(async || mock.asked("www.example") > 0).await;
            resolver.retire();
            mock.speaks(true);
            let got = in_hand.await.unwrap();
            assert_eq!((got.rcode, got.at_once), (rcode, false));
            assert!(!Query::of("www.example").ask(&resolver).await.at_once, "{rcode}");
        }
    });
}

/// Nor does it keep what it makes of records that are known, for a client that wants no more (RD=0).
#[test]
fn what_the_former_settings_make_of_known_records_is_not_kept() {
    on_a_worker(async {
        let mock = Mock::begin(Mood::Answers(1, 300)).await;
        let resolver = mock.resolver(|_| {});
        assert!(Query::of("www.example").ask(&resolver).await.is(1, 300));
        let renewed = later(&resolver, 0);
        resolver.retire();
        let got = Query { rd: false, ..Query::of("www.example") }.ask(&resolver).await;
        assert!(got.at_once && got.is(1, 300), "{got:?}");
        assert!(!Query::of("www.example").ask(&renewed).await.at_once);
    });
}

/// What a walk by the former settings could not have is asked for by the new ones, be it what the client asked for,
/// where the walk went instead (to the end of an operator's alias, to the address inside of one of DNS64), what else it
/// was sent to (A in the place of AAAA), or the name to which aliases have led.
#[test]
fn what_failed_by_the_former_settings_is_asked_for_by_the_new_ones() {
    const WWW: &str = "www.example";
    let own = parse_record("own.lan. 300 IN CNAME www.example.").unwrap();
    let inside = "1.2.0.192.in-addr.arpa";
    let made = format!("1.0.2.0.0.0.0.c.{}4.6.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(12));
    let cases = [
        (Mood::Fails, WWW, RecordType::A, (WWW, RecordType::A)),
        (Mood::Fails, "own.lan", RecordType::A, (WWW, RecordType::A)),
        (Mood::Fails, &made, RecordType::PTR, (inside, RecordType::PTR)),
        (Mood::LeadsTo("lost.example", 900), WWW, RecordType::A, ("lost.example", RecordType::A)),
        (Mood::Ipv4Alone(300, &Mood::Fails), WWW, RecordType::AAAA, (WWW, RecordType::A)),
    ];
    on_a_worker(async {
        for (mood, name, qtype, (failed, failed_type)) in cases {
            let mock = Mock::begin(mood).await;
            mock.speaks(false);
            let resolver = mock.resolver(|settings| {
                settings.resolver.qname_minimisation = Minimisation::Off;
                settings.dns64.prefix.0 = Some("2001:db8:64::/96".parse().unwrap());
                settings.local.records = vec![LocalRecord(own.clone())];
            });
            let begun = resolver.clone();
            let (in_hand, asked) = (Query { qtype, ..Query::of(name) }, if failed == inside { inside } else { WWW });
            let in_hand = async { in_hand.ask(&begun).await };
            let reload = async {
                until(async || mock.asked(asked) > 0).await;
                let renewed = later(&resolver, 0);
                resolver.retire();
                mock.speaks(true);
                renewed
            };
            let (got, renewed) = tokio::join!(in_hand, reload);
            assert_eq!(got.rcode, ResponseCode::ServFail, "{name} {qtype} {got:?}");
            let before = mock.asked(failed);
            assert!(before > 0, "{name} {qtype}");
            Query { qtype: failed_type, ..Query::of(failed) }.ask(&renewed).await;
            assert!(mock.asked(failed) > before, "{name} {qtype}");
        }
    });
}
