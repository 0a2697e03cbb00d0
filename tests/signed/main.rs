//! Random Internets signed by BIND, served by it: this program and Unbound say the same of every name, and whatever is
//! changed in what their servers say, or is made up by those who have keys of their own, is found out or does no harm.
//!
//! `SIGNED_SEEDS=1,2,3` names the worlds that are tried instead of the usual ones, `SIGNED_CASES=50000` how many
//! changes and attacks to each, `SIGNED_DELV=2000` how many questions of each are put to `delv`. The servers listen on
//! port 53, so all of it runs in a network namespace that has nothing but a loopback interface.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod attack;
mod change;
mod delv;
mod denials;
#[path = "../common/evidence.rs"]
#[expect(dead_code, reason = "here nothing is taken for proved")]
mod evidence;
mod judged;
mod model;
mod mutate;
#[path = "../common/namespace.rs"]
mod namespace;
mod oracle;
#[path = "../common/peers.rs"]
mod peers;
mod pens;
mod records;
mod sign;
#[expect(dead_code, reason = "here the keys are those of BIND")]
#[path = "../common/signer.rs"]
mod signer;
#[path = "../common/surety.rs"]
mod surety;
mod truth;
mod world;

/// The worlds of this run: `usual`, or what the environment says.
fn seeds(usual: &[u64]) -> Vec<u64> {
    match std::env::var("SIGNED_SEEDS") {
        Ok(text) => text.split(',').map(|seed| seed.trim().parse().expect("SIGNED_SEEDS has numbers")).collect(),
        Err(_) => usual.to_vec(),
    }
}
