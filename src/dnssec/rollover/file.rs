//! What is written down of trust anchors, as text.
//!
//! One line for each key, `ZONE DNSKEY FLAGS 3 ALGORITHM KEY STATE since SECONDS`, between a first line that names the
//! form and a last one with the digest of all before it: a file that was cut short or damaged is known for it.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use data_encoding::{BASE64, HEXLOWER};

use crate::wire::Name;

use super::super::key::Key;
use super::{Rollover, State, Tracked};

/// The first line.
const HEAD: &str =
    "; rootwalk: trust anchors (RFC 5011), form 1. Written by the program; delete the file to begin anew.";

/// Why a text is not what was written down of trust anchors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Another first line.
    #[error("its first line is not that of a file of trust anchors")]
    Head,
    /// The digest in the last line is missing, or not that of what stands before it.
    #[error("it is damaged: the digest in its last line does not fit")]
    Digest,
    /// A line between cannot be read.
    #[error("line {0} is no key with its state")]
    Line(usize),
}

/// Writes down the keys of all zones.
#[must_use]
pub fn write(all: &[Rollover]) -> String {
    let mut text = format!("{HEAD}\n");
    for rollover in all {
        for Tracked { key, state } in rollover.tracked() {
            let [high, low, protocol, algorithm, public @ ..] = key.rdata() else { continue };
            let flags = u16::from_be_bytes([*high, *low]);
            let (zone, public) = (rollover.zone(), BASE64.encode(public));
            let (word, since) = match state {
                State::Pending(since) => ("pending", since),
                State::Valid(since) => ("valid", since),
                State::Missing(since) => ("missing", since),
                State::Revoked(since) => ("revoked", since),
                State::Removed(since) => ("removed", since),
            };
            let _ = writeln!(text, "{zone} DNSKEY {flags} {protocol} {algorithm} {public} {word} since {since}");
        }
    }
    let digest = sha256(&text);
    text + &format!("; sha256 {digest}\n")
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// When it is anything else, however slightly.
pub fn read(text: &str) -> Result<Vec<(Name, Tracked)>, StateError> {
    if !text.starts_with(HEAD) {
        return Err(StateError::Head);
    }
    let end = text.rfind("; sha256 ").ok_or(StateError::Digest)?;
    let (body, last) = text.split_at(end);
    if last != format!("; sha256 {}\n", sha256(body)) {
        return Err(StateError::Digest);
    }
    let lines = body.lines().enumerate().skip(1);
    lines.map(|(nth, line)| tracked(line).ok_or(StateError::Line(nth + 1))).collect()
}

fn tracked(line: &str) -> Option<(Name, Tracked)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [zone, "DNSKEY", flags, protocol, algorithm, public, state, "since", since] = words[..] else { return None };
    let mut rdata = flags.parse::<u16>().ok()?.to_be_bytes().to_vec();
    rdata.extend([protocol.parse::<u8>().ok()?, algorithm.parse::<u8>().ok()?]);
    rdata.extend(BASE64.decode(public.as_bytes()).ok()?);
    let since = since.parse().ok()?;
    let state = match state {
        "pending" => State::Pending(since),
        "valid" => State::Valid(since),
        "missing" => State::Missing(since),
        "revoked" => State::Revoked(since),
        "removed" => State::Removed(since),
        _ => return None,
    };
    Some((zone.parse().ok()?, Tracked { key: Key::read(&rdata)?, state }))
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}
