//! `/live` and `/metrics`: what the program is doing, in numbers.

use std::fmt::{self, Display};
use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::past::Past;
use super::{Form, answer, shell};
use crate::http::problem::Problem;
use crate::listen::Peer;
use crate::serve::Figures;
use crate::trace::{Markup, Ms};

/// `GET /live`.
pub(in crate::http) async fn live(
    State(past): State<Arc<Past>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    past.may_be_seen(peer)?;
    let figures = past.resolver.figures();
    let (text, html) = (|| Metrics(&figures).to_string(), || shell("Live figures", Listed(&figures)));
    Ok(Form::of(&headers).answer(&figures, text, html))
}

/// `GET /metrics`, as Prometheus reads it.
pub(in crate::http) async fn metrics(
    State(past): State<Arc<Past>>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, Problem> {
    past.may_be_seen(peer)?;
    Ok(answer("text/plain; version=0.0.4; charset=utf-8", Metrics(&past.resolver.figures()).to_string()))
}

/// The exposition format of Prometheus.
struct Metrics<'a>(&'a Figures);

impl Display for Metrics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.0;
        type Rows<'a> = &'a [(&'a str, u64)];
        let families: [(&str, &str, Rows<'_>); 11] = [
            (
                "queries_total",
                "Queries of clients, by how they were answered.",
                &[
                    ("{by=\"cache\"}", figures.hits),
                    ("{by=\"walk\"}", figures.misses),
                    ("{by=\"policy\"}", figures.local),
                    ("{by=\"nothing\"}", figures.unreadable),
                ],
            ),
            (
                "walks_total",
                "Walks, by how they ended; those that somebody watches are not counted.",
                &[("{end=\"answer\"}", figures.walks), ("{end=\"failure\"}", figures.failed_walks)],
            ),
            ("asked_total", "Questions sent to servers in these walks.", &[("", figures.asked)]),
            ("received_bytes_total", "Octets received from servers in these walks.", &[("", figures.received_bytes)]),
            ("up_seconds", "Seconds since the start.", &[("", figures.up_us / 1_000_000)]),
            ("cache_bytes", "Octets in the cache.", &[("", figures.cache_bytes as u64)]),
            ("cache_limit_bytes", "Octets that the cache may take.", &[("", figures.cache_limit_bytes as u64)]),
            ("cache_entries", "Entries in the cache.", &[("", figures.cache_entries as u64)]),
            ("past_walks", "Past walks that are kept.", &[("", figures.past_kept as u64)]),
            ("past_bytes", "Octets that they take.", &[("", figures.past_bytes as u64)]),
            ("servers_known", "Servers of which something is remembered.", &[("", figures.servers_known as u64)]),
        ];
        for (name, help, rows) in families {
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            writeln!(f, "# HELP rootwalk_{name} {help}\n# TYPE rootwalk_{name} {kind}")?;
            rows.iter().try_for_each(|(labels, value)| writeln!(f, "rootwalk_{name}{labels} {value}"))?;
        }
        self.waits(f)
    }
}

impl Metrics<'_> {
    fn waits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = "rootwalk_wait_seconds";
        writeln!(f, "# HELP {name} How long clients waited for walks.\n# TYPE {name} histogram")?;
        let mut count = 0;
        for (nth, waits) in self.0.waits.iter().enumerate() {
            count += waits;
            match self.0.spans_us.get(nth) {
                Some(end_us) => writeln!(f, "{name}_bucket{{le=\"{}\"}} {count}", Secs(*end_us))?,
                None => writeln!(f, "{name}_bucket{{le=\"+Inf\"}} {count}")?,
            }
        }
        writeln!(f, "{name}_sum {}\n{name}_count {count}", Secs(self.0.waited_us))
    }
}

/// Seconds of a number of microseconds, exactly.
struct Secs(u64);

impl Display for Secs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, format!("{:06}", self.0 % 1_000_000));
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            part => write!(f, "{whole}.{part}"),
        }
    }
}

/// The figures as HTML.
struct Listed<'a>(&'a Figures);

impl Listed<'_> {
    /// How many waited for how long, up to the longest that there was.
    fn waits(&self) -> Vec<(String, u64)> {
        let Figures { hits, waits, spans_us, .. } = self.0;
        let end = |nth: usize| spans_us.get(nth).map_or_else(|| "longer".to_owned(), |us| format!("up to {}", Ms(*us)));
        let walks = waits.iter().enumerate().map(|(nth, number)| (end(nth), *number));
        let shown = waits.iter().rposition(|number| *number > 0).map_or(1, |last| last + 1);
        std::iter::once(("at once, from the cache".to_owned(), *hits)).chain(walks.take(shown)).collect()
    }
}

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.0;
        let answered = figures.hits + figures.misses;
        let ratio = (figures.hits * 100)
            .checked_div(answered)
            .map_or_else(|| "nothing asked yet".to_owned(), |percent| format!("{percent} %"));
        let queries = answered + figures.local + figures.unreadable;
        let tenths = (queries * 10_000_000).checked_div(figures.up_us).unwrap_or(0);
        let rate = format!("{}.{}, since the start", tenths / 10, tenths % 10);
        let rows: [(&str, &dyn Display); 9] = [
            ("Queries per second", &rate),
            ("Answered from the cache", &figures.hits),
            ("Answered by a walk", &figures.misses),
            ("Hit ratio", &ratio),
            ("Answered by policy", &figures.local),
            ("Walks without an answer", &figures.failed_walks),
            ("Questions sent for clients", &figures.asked),
            ("Entries in the cache", &figures.cache_entries),
            ("Octets in the cache", &figures.cache_bytes),
        ];
        writeln!(f, "<article class=\"told\">\n<h1>Live figures</h1>\n<table>")?;
        rows.iter().try_for_each(|(name, value)| {
            writeln!(f, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", Markup(value))
        })?;
        writeln!(f, "</table>\n<h2>How long clients wait</h2>\n<table>")?;
        self.waits()
            .iter()
            .try_for_each(|(span, number)| writeln!(f, "<tr><th scope=\"row\">{span}</th><td>{number}</td></tr>"))?;
        writeln!(f, "</table>\n<h2>Slowest servers</h2>\n<ul>")?;
        for slow in &figures.slowest {
            let time = slow.srtt_us.map_or_else(|| "never answered".to_owned(), |us| Ms(us).to_string());
            writeln!(f, "<li>{} {time}</li>", slow.addr)?;
        }
        writeln!(f, "</ul>\n<p><a href=\"/metrics\">For Prometheus</a></p>\n</article>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        let shown: Vec<String> = [0, 1, 1000, 200_000, 1_000_000, 12_500_000].map(|us| Secs(us).to_string()).to_vec();
        assert_eq!(shown, ["0", "0.000001", "0.001", "0.2", "1", "12.5"]);
    }
}
