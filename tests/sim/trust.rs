//! What the operator says about trust, in worlds of the simulator.

use rootwalk::dnssec::NegativeAnchor;
use rootwalk::time::Time;
use rootwalk::wire::{Question, RecordType, ResponseCode};

use super::resolver::NOW_UNIX_SECS;
use super::world::World;
use super::{LAB, story};

/// RFC 7646: under a negative trust anchor the data comes, with EDE 33 and not for longer than the anchor holds; when
/// that has ended, what is bogus is bogus again, whatever was remembered.
#[test]
fn a_negative_trust_anchor_ends() {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    let question = Question::new("www.bogus.lab.".parse().expect("a name"), RecordType::A);
    let anchor = |until_secs| vec![NegativeAnchor { zone: "bogus.lab.".parse().expect("a name"), until_secs }];
    world.resolver.settings.proofs.negative = anchor(NOW_UNIX_SECS + 60);
    let under = world.resolve(&question);
    assert_eq!(under.outcome.rcode, ResponseCode::NoError, "{}", story(&under));
    assert!(!under.outcome.secure && under.outcome.answer.iter().all(|set| set.ttl_secs <= 60));
    let codes: Vec<u16> = under.outcome.edes().iter().map(|ede| ede.code).collect();
    assert_eq!(codes, [33]);
    assert!(story(&under).contains("not to validate bogus.lab. for "), "{}", story(&under));
    let elsewhere = world.resolve(&Question::new("www.example.com.".parse().expect("a name"), RecordType::A));
    assert!(elsewhere.outcome.secure);
    // The moment comes.
    world.resolver.now = Time::from_secs(world.resolver.now.secs() + 60);
    world.resolver.settings.proofs.negative = anchor(NOW_UNIX_SECS);
    let after = world.resolve(&question);
    assert_eq!(after.outcome.rcode, ResponseCode::ServFail, "{}", story(&after));
}
