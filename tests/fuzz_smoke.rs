//! The harnesses of `fuzz/` on a stable compiler: over their corpus, over changed pieces of it and over random bytes.
//! `FUZZ_SECS=60 cargo test --release --test fuzz_smoke` gives each that long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(unreachable_pub, reason = "it is a library of its own for the fuzz targets")]
#[path = "../fuzz/src/lib.rs"]
mod harness;

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Runs one harness; on failure the input is printed as the hexadecimal text of a file for the corpus.
fn run(target: &str, harness: fn(&[u8]), most: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!corpus.is_empty());
    let longer = std::env::var("FUZZ_SECS").ok().map(|secs| Duration::from_secs(secs.parse().unwrap()));
    #[expect(clippy::disallowed_methods, reason = "how long the test may go on")]
    let begun = Instant::now();
    for seed in 0_u64.. {
        if longer.map_or(seed >= 3_000, |longer| begun.elapsed() >= longer) {
            break;
        }
        let input = usize::try_from(seed).ok().and_then(|nth| corpus.get(nth).cloned());
        let input = input.unwrap_or_else(|| invent(&corpus, most, seed));
        let fine = catch_unwind(|| harness(&input)).is_ok();
        assert!(fine, "{target}, seed {seed}: {}", data_encoding::HEXLOWER.encode(&input));
    }
}

/// Random bytes, or a piece of the corpus with changes.
fn invent(corpus: &[Vec<u8>], most: usize, seed: u64) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    if rng.random_bool(0.5) {
        return (0..rng.random_range(0..most)).map(|_| rng.random()).collect();
    }
    let mut bytes = corpus[rng.random_range(0..corpus.len())].clone();
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..4) {
            0 => bytes.insert(at, rng.random()),
            1 => bytes.truncate(at.max(1)),
            2 => bytes.extend_from_within(at..),
            _ if at < bytes.len() => bytes[at] = rng.random(),
            _ => {}
        }
    }
    bytes.truncate(65_535);
    bytes
}

#[test]
fn messages_from_servers() {
    run("message", harness::message, 600);
}

#[test]
fn messages_from_clients() {
    run("query", harness::query, 600);
}

#[test]
fn zone_files() {
    run("zone", harness::zone, 200);
}

#[test]
fn configurations() {
    run("config", harness::config, 200);
}

#[test]
fn walks_through_the_zone_of_an_attacker() {
    run("walk", harness::walk, 2_000);
}
