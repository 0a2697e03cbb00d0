//! `Server-Timing`: what a server says about where its time went (W3C Server Timing).

use serde::Serialize;

/// Metrics that are read; a field of 64 KiB could hold thousands.
const MOST: usize = 64;
/// Octets of a name or a description.
const LONGEST: usize = 200;

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerTiming {
    /// Its name.
    pub name: String,
    /// Milliseconds, if it says any.
    pub duration_ms: Option<f64>,
    /// What it says it is.
    pub description: Option<String>,
    /// Whose share of the work that is.
    pub part: Part,
    /// Whether it came behind the body, when all was done, and not in the head.
    pub in_trailer: bool,
}

/// Who did the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The load balancer, or whatever stands in front.
    Balancer,
    /// The application server.
    Application,
    /// The database.
    Database,
    /// A cache.
    Cache,
    /// Its name says nothing.
    Other,
}

impl Part {
    /// In one word, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Balancer => "balancer",
            Self::Application => "application",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Other => "server",
        }
    }

    /// What names in use mean. The standard gives none a meaning, so the whole name counts, or its first word.
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let first = name.split(['-', '_', '.']).next().unwrap_or_default();
        match first {
            "lb" | "balancer" | "loadbalancer" | "balance" | "proxy" | "edge" | "cdn" | "gateway" | "gw" | "router"
            | "queue" => Self::Balancer,
            "app" | "application" | "backend" | "origin" | "render" | "view" | "upstream" | "handler" | "template" => {
                Self::Application
            }
            "db" | "database" | "sql" | "sqlite" | "postgres" | "pg" | "mysql" | "query" | "mongo" | "store" => {
                Self::Database
            }
            "cache" | "redis" | "memcached" | "cdncache" => Self::Cache,
            // `load-balancer`: the only one in use whose first word says nothing.
            "load" if name.contains("balancer") => Self::Balancer,
            _ => Self::Other,
        }
    }
}

/// Reads one field value: `db;dur=53.2;desc="two queries", app`. What cannot be read is passed over.
#[must_use]
pub fn server_timing(value: &str, in_trailer: bool) -> Vec<ServerTiming> {
    let metrics = split(value, ',').into_iter().take(MOST);
    metrics.filter_map(|text| metric(text, in_trailer)).collect()
}

fn metric(text: &str, in_trailer: bool) -> Option<ServerTiming> {
    let mut parts = split(text, ';').into_iter();
    let name = parts.next()?.trim();
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(token) {
        return None;
    }
    let (mut duration_ms, mut description) = (None, None);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = unquoted(value.trim());
        // Of a parameter that is given twice the first counts.
        match key.trim().to_ascii_lowercase().as_str() {
            "dur" if duration_ms.is_none() => duration_ms = Some(value.parse().unwrap_or(0.0)),
            "desc" if description.is_none() => description = Some(value.chars().take(LONGEST).collect()),
            _ => {}
        }
    }
    let duration_ms = duration_ms.filter(|ms: &f64| ms.is_finite() && *ms >= 0.0);
    Some(ServerTiming { name: name.to_owned(), duration_ms, description, part: Part::of(name), in_trailer })
}

/// Splits where `at` stands outside of quotes.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (here, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == at && !quoted => {
                parts.push(&text[begin..here]);
                begin = here + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// What a quoted string says (RFC 9110 §5.6.4), or the token itself.
fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else { return value.to_owned() };
    let mut out = String::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn metrics_are_read_as_the_standard_has_them() {
        let all = server_timing(
            "cache;desc=\"Cache, \\\"Read\\\"\";dur=23.2, db ; dur = 53;dur=1;x=y, total,lb;dur=x;desc=a",
            false,
        );
        let told: Vec<_> =
            all.iter().map(|one| (one.name.as_str(), one.duration_ms, one.description.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("cache", Some(23.2), Some("Cache, \"Read\"")),
                ("db", Some(53.0), None),
                ("total", None, None),
                ("lb", Some(0.0), Some("a")),
            ]
        );
        let parts: Vec<Part> = all.iter().map(|one| one.part).collect();
        assert_eq!(parts, [Part::Cache, Part::Database, Part::Other, Part::Balancer]);
    }

    #[test]
    fn names_say_whose_share_it_is() {
        for (name, part) in [
            ("LB", Part::Balancer),
            ("load-balancer", Part::Balancer),
            ("app", Part::Application),
            ("app-render", Part::Application),
            ("db", Part::Database),
            ("db_read", Part::Database),
            ("apples", Part::Other),
        ] {
            assert_eq!(Part::of(name), part, "{name}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm(text in ".{0,300}") {
            for one in server_timing(&text, false) {
                prop_assert!(!one.name.is_empty() && one.duration_ms.is_none_or(|ms| ms.is_finite() && ms >= 0.0));
            }
        }

        #[test]
        fn what_is_written_is_read(
            metrics in proptest::collection::vec(("[a-z]{1,8}", 0_u32..100_000, "[ -~]{0,20}"), 1..8)
        ) {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let written: Vec<String> = metrics.iter()
                .map(|(name, ms, text)| format!("{name};dur={ms}.5;desc=\"{}\"", quoted(text))).collect();
            let read = server_timing(&written.join(", "), true);
            prop_assert_eq!(read.len(), metrics.len());
            for (read, (name, ms, text)) in read.iter().zip(&metrics) {
                prop_assert_eq!(&read.name, name);
                prop_assert_eq!(read.duration_ms, Some(f64::from(*ms) + 0.5));
                prop_assert_eq!(read.description.as_deref(), Some(text.as_str()));
            }
        }
    }
}
