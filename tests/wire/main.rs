//! The wire module from outside: by the letter of the RFCs, by properties, and against hickory-proto and `domain`.

#![expect(clippy::expect_used, reason = "a test may panic")]

mod basics;
mod hickory;
mod limits;
mod random;
mod strategies;
mod templates;
mod texts;
mod writer;
