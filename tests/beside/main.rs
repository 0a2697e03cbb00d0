//! The lab's Internet asked through this program and through Unbound: the same questions, the same answers; and what
//! each of the two pays for the rows of the zoo that are made to be expensive.
//!
//! Unbound asks port 53 only, so all of it runs in a network namespace that has nothing but a loopback interface.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]

mod answers;
mod attacks;
mod costs;
mod lab;
#[path = "../common/namespace.rs"]
mod namespace;
#[path = "../common/peers.rs"]
mod peers;
