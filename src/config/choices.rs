//! Settings that are a choice between words.

use std::fmt::Write as _;

use super::value::Setting;

/// Gives an enum whose variants are the words of a setting.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $(#[doc = $doc:literal] $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $(#[doc = $doc] $variant),* }

        impl Setting for $name {
            fn expected() -> String {
                one_of(&[$($word),*])
            }

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn show(&self) -> String {
                match self { $(Self::$variant => concat!("\"", $word, "\"").to_owned()),* }
            }

            fn words() -> &'static [(&'static str, &'static str)] {
                &[$(($word, $doc)),*]
            }
        }
    };
}

words! {
    /// How much of a name a server gets to see (RFC 9156).
    Minimisation {
        /// The whole name, always.
        Off = "off",
        /// As little as possible; the whole name where a server cannot cope.
        Relaxed = "relaxed",
        /// As little as possible; a "no" to a part of the name is believed, although some servers deny it wrongly.
        Strict = "strict",
    }
}

words! {
    /// What clients get who ask for ANY (RFC 8482).
    AnyAnswer {
        /// One HINFO record, which nobody can misuse to multiply traffic.
        Minimal = "minimal",
        /// What the servers of the zone say.
        Full = "full",
    }
}

words! {
    /// How the proxy chooses among several addresses of one host.
    Balance {
        /// Each in its turn.
        RoundRobin = "round_robin",
        /// The one with the fewest requests in hand.
        LeastConnections = "least_connections",
        /// The one with the least time until answers begin, times the requests in hand there.
        LeastTime = "least_time",
        /// The same one for the same URL.
        HashUrl = "hash_url",
        /// The same one for the same client.
        HashClient = "hash_client",
        /// Of two at random the one with fewer requests in hand.
        TwoChoices = "two_choices",
    }
}

words! {
    /// From which weight on a log line is written.
    LogLevel {
        /// What stops the service, or a part of it.
        Error = "error",
        /// What somebody should look at.
        Warn = "warn",
        /// Start, stop, and what was bound.
        Info = "info",
        /// One line for each answer that had to be looked up.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

words! {
    /// The form of a log line.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object in each line.
        Json = "json",
    }
}

/// `one of "a", "b" or "c"`.
fn one_of(words: &[&str]) -> String {
    let mut text = String::from("one of ");
    for (nth, word) in words.iter().enumerate() {
        let border = match nth {
            0 => "",
            _ if nth + 1 == words.len() => " or ",
            _ => ", ",
        };
        let _ = write!(text, "{border}\"{word}\"");
    }
    text
}
