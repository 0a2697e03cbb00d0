//! Settings that are a choice between words.

use std::fmt::Write as _;

use tracing::Level;

use super::value::Setting;
use crate::http::Policy;
use crate::walk::minimise::Minimisation;

/// Words, each with its value and what it means.
type Words<T> = &'static [(&'static str, T, &'static str)];

/// The type of a setting that is a choice between words.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// All that there are.
    const WORDS: Words<Self>;
}

impl<T: Choice> Setting for T {
    fn expected() -> String {
        let mut text = String::from("one of ");
        for (nth, (word, ..)) in T::WORDS.iter().enumerate() {
            let border = match nth {
                0 => "",
                _ if nth + 1 == T::WORDS.len() => " or ",
                _ => ", ",
            };
            let _ = write!(text, "{border}\"{word}\"");
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        T::WORDS.iter().find(|(word, ..)| *word == text).map(|(_, value, _)| *value)
    }

    fn show(&self) -> String {
        T::WORDS.iter().find(|(_, value, _)| value == self).map(|(word, ..)| format!("\"{word}\"")).unwrap_or_default()
    }

    fn words() -> Vec<(&'static str, &'static str)> {
        T::WORDS.iter().map(|(word, _, meaning)| (*word, *meaning)).collect()
    }
}

impl Choice for Minimisation {
    const WORDS: Words<Self> = &[
        ("off", Self::Off, "The whole name, always."),
        ("relaxed", Self::Relaxed, "As little as possible; the whole name where a server cannot cope."),
        (
            "strict",
            Self::Strict,
            "As little as possible; a \"no\" to a part of the name is believed, although some servers deny it wrongly.",
        ),
    ];
}

impl Choice for Policy {
    const WORDS: Words<Self> = &[
        (Self::RoundRobin.word(), Self::RoundRobin, "Each in its turn."),
        (Self::LeastConnections.word(), Self::LeastConnections, "The one with the fewest requests in hand."),
        (
            Self::LeastTime.word(),
            Self::LeastTime,
            "The one with the least time until answers begin, times the requests in hand there.",
        ),
        (Self::HashUrl.word(), Self::HashUrl, "The same one for the same URL."),
        (Self::HashClient.word(), Self::HashClient, "The same one for the same client."),
        (Self::TwoChoices.word(), Self::TwoChoices, "Of two at random the one with fewer requests in hand."),
    ];
}

/// What clients get who ask for ANY (RFC 8482).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyAnswer {
    /// One record.
    Minimal,
    /// All that there is.
    Full,
}

impl Choice for AnyAnswer {
    const WORDS: Words<Self> = &[
        ("minimal", Self::Minimal, "One HINFO record, which nobody can misuse to multiply traffic."),
        ("full", Self::Full, "What the servers of the zone say."),
    ];
}

/// From which weight on a log line is written.
impl Choice for Level {
    const WORDS: Words<Self> = &[
        ("error", Self::ERROR, "What stops the service, or a part of it."),
        ("warn", Self::WARN, "What somebody should look at."),
        ("info", Self::INFO, "Start, stop, what was bound, and what is well again."),
        ("debug", Self::DEBUG, "One line for each answer that had to be looked up, with the reason why there is none."),
        ("trace", Self::TRACE, "Each step of it as well."),
    ];
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text.
    Text,
    /// JSON.
    Json,
}

impl Choice for LogFormat {
    const WORDS: Words<Self> =
        &[("text", Self::Text, "For people."), ("json", Self::Json, "One JSON object in each line.")];
}
