//! The hot path allocates nothing, and a walk no more than it did.

#![expect(unsafe_code, reason = "an allocator that counts has to implement an unsafe trait")]
#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "of the simulator a count of allocations needs the calm part")]
#[path = "sim/oddity.rs"]
mod oddity;
#[expect(dead_code, reason = "of the simulator this needs the calm part")]
#[path = "common/resolver.rs"]
mod resolver;
#[expect(dead_code, reason = "of the simulator a count of allocations needs the calm part")]
#[path = "sim/trouble.rs"]
mod trouble;
#[expect(dead_code, reason = "of the simulator this needs the calm part")]
#[path = "sim/world.rs"]
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use rootwalk::cache::{Answer, AnswerKey, Cache, Due, Put, Rank, Ready, TtlLimits, Usage};
use rootwalk::lab::Lab;
use rootwalk::time::Time;
use rootwalk::trace::Source;
use rootwalk::wire::{
    Ede, Edns, EdnsOption, Extras, Flags, PlainAnswer, QueryView, Question, RecordType, ResponseCode, RrSet, Sections,
    Template, edns, write_query,
};

use world::World;

const DUE: Due = Due { uses: 2, pause: Duration::from_secs(30) };

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from `System`, by `alloc` above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of one walk through three zones that are not known, validation and the lab's own servers included. When
/// a change makes fewer, the number goes down with it.
const WALK: u64 = 384;

#[test]
fn a_walk_allocates_no_more_than_it_did() {
    let lab = Lab::embedded(1_790_000_000).expect("the lab that is compiled in");
    let question = Question::new("www.example.com".parse().expect("a name"), RecordType::A);
    let walk = || {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let before = COUNT.get();
        assert_eq!(world.resolve(&question).outcome.rcode, ResponseCode::NoError);
        COUNT.get() - before
    };
    // The first one fills what lives as long as the process.
    walk();
    let count = walk();
    println!("{count} allocations");
    assert!(count <= WALK + WALK / 20, "{count} allocations instead of {WALK}");
}

#[test]
fn answering_a_query_from_the_cache_allocates_nothing() {
    let owner: rootwalk::wire::Name = "a-rather-long-label.of.a.rather.long.name.example.com".parse().expect("a name");
    let question = Question::new(owner.clone(), RecordType::A);
    let set = RrSet::new(owner.clone(), RecordType::A, 300, [&[192, 0, 2, 1][..], &[192, 0, 2, 2]]);
    let template =
        Template::build(&question, ResponseCode::NoError, &Sections { answer: &[set], ..Sections::default() }, true);
    let cookie = EdnsOption { code: edns::COOKIE, data: [7; 8].into() };
    let asked = Edns { options: [cookie].into(), ..Edns::new(1232, true) };
    let (mut bytes, mut out) = (Vec::new(), Vec::with_capacity(1232));
    write_query(7, &question, Flags::default().with_rd(true), Some(&asked), &mut bytes);
    let edes = [Ede::new(3, "kept from yesterday")];
    let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
    let key = AnswerKey { qname_wire: owner.wire(), qtype: 1, dnssec_ok: true, checking_disabled: false };
    let (stored, expires) = (Time::ZERO, Time::from_secs(300));
    let (signed_until, usage) = (0, Usage::default());
    let answer = Answer { template, edes: edes.into(), stored, expires, secure: false, signed_until, usage };
    assert_eq!(cache.put_answer(&key, answer).1, Put::Stored);

    let plain_owner: rootwalk::wire::Name = "plain.example.com".parse().expect("a name");
    let plain_set = RrSet::new(plain_owner.clone(), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let plain_key = AnswerKey { qname_wire: plain_owner.wire(), ..key };
    assert_eq!(cache.put_set(plain_set.clone(), Rank::AuthAnswer, Source::Local, stored), Put::Stored);
    assert!(cache.ready(&plain_key, stored, None).is_none(), "until somebody says so it is no whole answer");
    assert!(cache.mark_plain(&plain_key, &plain_set, false, stored));

    let before = COUNT.get();
    let query = QueryView::read(&bytes).expect("a good query");
    let cookie = query.edns().and_then(|edns| edns.option(edns::COOKIE)).expect("the cookie");
    let options = [(edns::COOKIE, cookie)];
    let key = AnswerKey { qname_wire: query.qname_wire(), qtype: query.qtype().into(), ..key };
    let answer = cache.ready(&key, Time::from_secs(10), None).and_then(Ready::written).expect("a fresh answer");
    let extras = Extras { edes: &answer.edes, options: &options, udp_size: 1232, ..Extras::default() };
    let now = Time::from_secs(10);
    answer.template.respond(&query, answer.age_secs(now), &extras, query.udp_limit(), &mut out);
    assert!(!answer.used(now, DUE));
    let allocations = COUNT.get() - before;

    assert_eq!(allocations, 0);

    // Most answers are one set, from which they are written.
    let plain_key = AnswerKey { qname_wire: plain_owner.wire(), ..key };
    let before_plain = COUNT.get();
    let plain = cache.ready(&plain_key, now, Some(DUE)).and_then(Ready::plain).expect("a fresh answer");
    let answer = PlainAnswer { ttl_secs: plain.ttl_secs, rdatas: plain.data(), sigs: plain.sigs.block() };
    answer.respond(&query, &extras, query.udp_limit(), &mut out);
    assert_eq!(COUNT.get() - before_plain, 0);
    assert_eq!(plain.ttl_secs, 290);
    let before_batch = COUNT.get();
    cache.draw_near([key, plain_key].into_iter().cycle().take(32));
    assert_eq!(COUNT.get() - before_batch, 0, "nor before all that came together are answered");
    // Nor where names were flushed, whatever their length.
    let reverse = |address: &str| rootwalk::wire::Name::reverse(address.parse().expect("an address"));
    cache.flush(&"other.example.com".parse().expect("a name"), true);
    cache.flush(&reverse("2001:db8::1"), true);
    let long = reverse("2001:db8::2");
    let long_set = RrSet::new(long.clone(), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let long_key = AnswerKey { qname_wire: long.wire(), ..key };
    assert_eq!(cache.put_set(long_set.clone(), Rank::AuthAnswer, Source::Local, stored), Put::Stored);
    assert!(cache.mark_plain(&long_key, &long_set, false, stored));
    let before_long = COUNT.get();
    assert!(cache.ready(&long_key, now, Some(DUE)).and_then(Ready::plain).is_some());
    assert_eq!(COUNT.get() - before_long, 0);
    let before = COUNT.get();
    // The counter counts, or the line above proves nothing.
    drop(std::hint::black_box(bytes.clone()));
    assert_eq!(COUNT.get() - before, 1);
    assert!(out.len() > 100);
}
