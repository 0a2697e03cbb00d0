//! The cost of each path by itself: `cargo bench --bench paths`. benches/README.md says how to read it.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on should stop")]

#[expect(dead_code, reason = "of the simulator a benchmark needs the calm part")]
#[path = "../tests/sim/oddity.rs"]
mod oddity;
#[expect(dead_code, reason = "of the simulator a benchmark needs the calm part")]
#[path = "../tests/common/resolver.rs"]
mod resolver;
#[expect(dead_code, reason = "of the simulator a benchmark needs the calm part")]
#[path = "../tests/sim/trouble.rs"]
mod trouble;
#[expect(dead_code, reason = "of the simulator a benchmark needs the calm part")]
#[path = "../tests/sim/world.rs"]
mod world;

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use criterion::{Criterion, criterion_group, criterion_main};
use rootwalk::cache::{Answer, AnswerKey, Cache, Rank, Ready, TtlLimits, Usage};
use rootwalk::lab::Lab;
use rootwalk::time::Time;
use rootwalk::trace::{Source, Transport};
use rootwalk::wire::{
    Edns, Extras, Flags, Name, PlainAnswer, QueryView, Question, RecordType, Reply, ResponseCode, RrSet, Sections,
    Template, write_query,
};

use world::World;

const NOW_UNIX_SECS: u32 = 1_790_000_000;

fn question() -> Question {
    Question::new("www.example.com.".parse().expect("a name"), RecordType::A)
}

fn query(question: &Question) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_query(7, question, Flags::default().with_rd(true), Some(&Edns::new(1232, true)), &mut bytes);
    bytes
}

fn template() -> Template {
    let set = RrSet::new(question().name, RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    Template::build(&question(), ResponseCode::NoError, &Sections { answer: &[set], ..Sections::default() }, true)
}

/// What the client pays for: reading its query, finding the answer, writing it.
fn hit(criterion: &mut Criterion) {
    let bytes = query(&question());
    criterion.bench_function("query: read", |bencher| bencher.iter(|| QueryView::read(black_box(&bytes)).is_ok()));

    let cache = Cache::new(64 << 20, (1, 2), TtlLimits::default());
    let name: Name = question().name;
    let key = AnswerKey { qname_wire: name.wire(), qtype: 1, dnssec_ok: true, checking_disabled: false };
    let answer = Answer {
        template: template(),
        edes: Box::default(),
        stored: Time::ZERO,
        expires: Time::from_secs(300),
        secure: false,
        signed_until: 0,
        usage: Usage::default(),
    };
    let _ = cache.put_answer(&key, answer);
    let mut out = Vec::with_capacity(1232);
    criterion.bench_function("hit: read, find, write", |bencher| {
        bencher.iter(|| {
            let query = QueryView::read(black_box(&bytes)).expect("a good query");
            let key = AnswerKey { qname_wire: query.qname_wire(), ..key };
            let answer = cache.ready(&key, Time::from_secs(1), None).and_then(Ready::written).expect("an answer");
            out.clear();
            answer.template.respond(&query, 1, &Extras { udp_size: 1232, ..Extras::default() }, 1232, &mut out);
        });
    });
    let set = RrSet::new(name.clone(), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let _ = cache.put_set(set.clone(), Rank::AuthAnswer, Source::Local, Time::ZERO);
    assert!(cache.mark_plain(&key, &set, false, Time::ZERO));
    criterion.bench_function("hit: one set", |bencher| {
        bencher.iter(|| {
            let query = QueryView::read(black_box(&bytes)).expect("a good query");
            let key = AnswerKey { qname_wire: query.qname_wire(), ..key };
            let plain = cache.ready(&key, Time::from_secs(1), None).and_then(Ready::plain).expect("an answer");
            let answer = PlainAnswer { ttl_secs: plain.ttl_secs, rdatas: plain.data(), sigs: plain.sigs.block() };
            out.clear();
            answer.respond(&query, &Extras { udp_size: 1232, ..Extras::default() }, 1232, &mut out);
        });
    });
    criterion.bench_function("answer: make ready to send", |bencher| bencher.iter(|| black_box(template())));
}

/// What a miss pays for: reading the servers' replies, and the walk itself.
fn miss(criterion: &mut Criterion) {
    let lab = Lab::embedded(NOW_UNIX_SECS).expect("the lab that is compiled in");
    let ask = |server: [u8; 4], question: &Question| {
        let reaction = lab.authority().react(server.into(), Transport::Udp, &query(question), 1);
        match reaction {
            Some(rootwalk::lab::Reaction::Packets(packets)) => packets[0].bytes.clone(),
            _ => Vec::new(),
        }
    };
    let referral = ask([127, 53, 0, 1], &question());
    criterion
        .bench_function("reply: read a referral", |bencher| bencher.iter(|| Reply::read(black_box(&referral)).is_ok()));
    let answer = ask([127, 53, 2, 1], &question());
    criterion
        .bench_function("reply: read an answer", |bencher| bencher.iter(|| Reply::read(black_box(&answer)).is_ok()));
    criterion.bench_function("walk: three zones, cold, with the lab's share", |bencher| {
        bencher.iter_batched(
            || World::new(&lab, 1, 0.0, 0.0),
            |mut world| world.resolve(&question()).budget.queries(),
            criterion::BatchSize::SmallInput,
        );
    });
}

/// What a signed answer pays for, once for each set.
fn proof(criterion: &mut Criterion) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let data = [7; 200];
    let signature = pair.sign(&SystemRandom::new(), &data).expect("a signature");
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref().to_vec());
    criterion.bench_function("signature: P-256", |bencher| {
        bencher.iter(|| key.verify(black_box(&data), signature.as_ref()).is_ok());
    });
}

criterion_group!(benches, hit, miss, proof);
criterion_main!(benches);
