//! A journey for a terminal: one line for each thing that took time, with a bar where in time it lies.

use std::fmt::Write as _;

use super::document::{Attempt, AttemptEnd, CacheLook, CacheName, End, Hop, Journey, Lookup, Response, Tls};
use crate::time::iso_ms;
use crate::trace::{Entry, Event, Ms, Trace, counted};
use crate::wire::{RecordType, RrSet};

/// Columns for the kind of a line, and for the time it took.
const STAGE: usize = 6;
const TIME: usize = 9;
/// Columns for what a line is about, and for its bar, at most.
const MOST_WHAT: usize = 44;
const MOST_BAR: usize = 48;
const LEAST_BAR: usize = 10;

/// How it is to look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
    /// Whether it shows colours.
    pub colours: bool,
}

/// What a bar is about, which gives it its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Dns,
    Good,
    Bad,
    Lost,
    Tls,
    Wait,
    Server,
    Body,
}

/// One line.
struct Row {
    stage: &'static str,
    what: String,
    /// From when to when; `None` for what takes no time.
    span: Option<(u64, u64)>,
    tone: Tone,
    note: String,
}

impl Row {
    fn new(stage: &'static str, what: impl Into<String>, span: Option<(u64, u64)>, tone: Tone, note: String) -> Self {
        Self { stage, what: what.into(), span, tone, note }
    }
}

/// The journey as text. Everything that others have said is printable ASCII in it.
#[must_use]
pub fn waterfall(journey: &Journey, look: &Look) -> String {
    let mut out = String::new();
    for (nth, hop) in journey.hops.iter().enumerate() {
        if nth > 0 {
            out.push('\n');
        }
        let number = if journey.hops.len() > 1 { format!("{}  ", nth + 1) } else { String::new() };
        let _ = writeln!(out, "{}", look.paint("1", &format!("{number}{}", safe(&hop.url))));
        let (tone, headline) = headline(hop);
        out += &look.wrapped(tone, 0, &headline);
        look.draw(hop, &rows(hop), &mut out);
        if let Some(tls) = &hop.tls {
            look.certificates(tls, &mut out);
        }
    }
    if journey.hops.len() > 1 {
        let _ = writeln!(out, "\n{} requests, {} in all", journey.hops.len(), time(journey.time_us));
    }
    out
}

/// What came of it, in a sentence.
fn headline(hop: &Hop) -> (Tone, String) {
    let status = |response: &Response| {
        let reason = Some(&response.reason).filter(|reason| !reason.is_empty()).map(|reason| format!(" {reason}"));
        format!("{}{}", response.status, reason.unwrap_or_default())
    };
    let took = time(hop.time_us);
    match (&hop.end, &hop.response) {
        (Some(End::Failed { why, .. }), _) => (Tone::Bad, safe(why)),
        (Some(End::Upgrade { to }), _) => {
            (Tone::Good, format!("its HTTPS record says that the host wants https: on to {} after {took}", safe(to)))
        }
        (Some(End::Redirect { to }), Some(response)) => {
            (Tone::Good, format!("{}: on to {} after {took}", status(response), safe(to)))
        }
        (_, Some(response)) => {
            let field = response.headers.iter().find(|(name, _)| name == "content-type");
            let kind = field.and_then(|(_, value)| value.split(';').next()).map(|kind| format!(" of {}", safe(kind)));
            let size = response.body.map_or_else(String::new, |body| {
                let more = if body.cut { " and more" } else { "" };
                format!(", {}{}{more}", size(body.bytes), kind.unwrap_or_default())
            });
            let from = hop.tcp.map(|tcp| format!(" from {}", tcp.remote)).unwrap_or_default();
            let tone = if response.status < 400 { Tone::Good } else { Tone::Bad };
            (tone, format!("{} by {}{size}{from} in {took}", status(response), response.version))
        }
        _ => (Tone::Bad, "no answer".to_owned()),
    }
}

/// The lines of one hop, in the order in which things happen.
fn rows(hop: &Hop) -> Vec<Row> {
    let mut rows = caches(&hop.caches);
    let told = told_in_full(hop);
    for (nth, lookup) in hop.lookups.iter().enumerate() {
        look_up(lookup, hop, Some(nth) == told, &mut rows);
    }
    if let Some(plan) = &hop.services {
        let mut note: Vec<String> = plan.alias.iter().map(|alias| format!("alias of {alias}")).collect();
        let told =
            |target: &str, port: u16, alpn: &[String]| format!("{} port {port} {}", safe(target), alpn.join(","));
        note.extend(plan.endpoints.iter().map(|end| told(&end.target.to_string(), end.port, &end.alpn)));
        note.extend(plan.unused.iter().map(|unused| safe(unused)));
        rows.push(Row::new("https", "what the records say", None, Tone::Plain, note.join("; ")));
    }
    let end = hop.begun_us + hop.time_us;
    rows.extend(hop.race.iter().flat_map(|race| &race.attempts).map(|attempt| tried(attempt, end)));
    if let Some(tls) = &hop.tls {
        let agreed = [&tls.version, &tls.alpn].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        let (tone, note) = if tls.ended_us.is_some() { (Tone::Tls, agreed) } else { (Tone::Bad, "failed".to_owned()) };
        rows.push(Row::new(
            "tls",
            safe(&tls.server_name),
            Some((tls.begun_us, tls.ended_us.unwrap_or(end))),
            tone,
            note,
        ));
    }
    if let Some(request) = &hop.request {
        let target = format!("GET {}", safe(&request.target));
        let head_us = hop.response.as_ref().map_or(end, |response| response.head_us);
        let note = hop.response.as_ref().map_or("no answer".to_owned(), |response| response.status.to_string());
        rows.push(Row::new("http", target, Some((request.begun_us, head_us)), Tone::Wait, note));
        if let Some(response) = &hop.response {
            let wait = (request.begun_us, response.head_us);
            shares(response, false, wait, "the wait", &mut rows);
            if let Some(body) = response.body {
                let span = Some((response.head_us, body.ended_us));
                rows.push(Row::new("body", size(body.bytes), span, Tone::Body, String::new()));
                shares(response, true, (request.begun_us, body.ended_us), "all", &mut rows);
            }
        }
    }
    rows
}

/// One line for each cache: what it knew, or that it knew nothing.
fn caches(looks: &[CacheLook]) -> Vec<Row> {
    let names = [
        (CacheName::Connections, "connections"),
        (CacheName::Answers, "answers"),
        (CacheName::Records, "records"),
        (CacheName::Delegations, "delegations"),
    ];
    let row = |(name, word): (CacheName, &str)| {
        let of: Vec<&CacheLook> = looks.iter().filter(|look| look.cache == name).collect();
        let found: Vec<String> = (of.iter().filter(|look| look.found))
            .map(|look| match look.left_secs {
                Some(left) => format!("{} ({left} s left)", safe(&look.key)),
                None => safe(&look.key),
            })
            .collect();
        let note = match (found.as_slice(), of.as_slice()) {
            (_, []) => return None,
            ([], [..]) => "nothing".to_owned(),
            (found, _) => found.join(", "),
        };
        Some(Row::new("cache", word, None, Tone::Plain, note))
    };
    names.into_iter().filter_map(row).collect()
}

/// The look-up whose walk is told step by step: that of the address that won, or the one that cost the most.
fn told_in_full(hop: &Hop) -> Option<usize> {
    let queries = |lookup: &Lookup| lookup.trace.as_ref().map_or(0, |trace| trace.cost.queries);
    let won = hop.tcp.map(|tcp| tcp.remote.ip());
    let has_won = |lookup: &Lookup| won.is_some_and(|won| lookup.addresses.contains(&won));
    let all = hop.lookups.iter().enumerate();
    all.max_by_key(|(nth, lookup)| (has_won(lookup), queries(lookup), std::cmp::Reverse(*nth))).map(|(nth, _)| nth)
}

fn look_up(lookup: &Lookup, hop: &Hop, in_full: bool, rows: &mut Vec<Row>) {
    let what = format!("{} {}", safe(lookup.name.to_string().trim_end_matches('.')), lookup.qtype);
    let end = lookup.ended_us.unwrap_or(hop.begun_us + hop.time_us);
    let note = match &lookup.trace {
        None => "not waited for".to_owned(),
        Some(trace) => {
            let queries = match trace.cost.queries {
                0 => "known".to_owned(),
                queries => counted(queries as usize, "query", "queries"),
            };
            let judged = trace.judged().map(|judged| format!(", {}", judged.word()));
            format!("{}, {queries}{}", brought(lookup, trace), judged.unwrap_or_default())
        }
    };
    let bad = lookup.trace.as_ref().is_some_and(|trace| trace.rcode != "NOERROR");
    let tone = if bad { Tone::Bad } else { Tone::Dns };
    rows.push(Row::new("dns", what, Some((lookup.begun_us, end)), tone, note));
    if let (true, Some(trace)) = (in_full, &lookup.trace) {
        asks(trace, lookup.begun_us, rows);
    }
}

/// What a look-up brought, in a few words. An alias to a name without HTTPS records is none.
fn brought(lookup: &Lookup, trace: &Trace) -> String {
    let is_https = |set: &RrSet| set.rtype == RecordType::HTTPS;
    match (lookup.addresses.as_slice(), &*trace.rcode) {
        ([], "NOERROR") if lookup.qtype == "HTTPS" && trace.answer.iter().any(is_https) => "found".to_owned(),
        ([], "NOERROR") => "none".to_owned(),
        ([], rcode) => rcode.to_owned(),
        ([one], _) => one.to_string(),
        (more, _) => format!("{} addresses", more.len()),
    }
}

/// A line for each server that was asked.
fn asks(trace: &Trace, begun_us: u64, rows: &mut Vec<Row>) {
    for step in &trace.steps {
        let Event::Asked { ask, zone, server, .. } = &step.event else { continue };
        let begin = begun_us + step.at_us;
        let zone = if zone.is_root() { "root".to_owned() } else { safe(zone.to_string().trim_end_matches('.')) };
        let server = server.name.as_ref().map_or_else(|| server.addr.to_string(), ToString::to_string);
        let ended = trace.steps.iter().find_map(|step| match &step.event {
            Event::Heard { ask: heard, rtt_us, verdict, .. } if heard == ask => {
                Some((begin + rtt_us, Tone::Dns, safe(&verdict.to_string())))
            }
            Event::Lost { ask: lost, wrong, .. } if lost == ask => {
                Some((begun_us + step.at_us, Tone::Bad, safe(&format!("the server {wrong}"))))
            }
            _ => None,
        });
        // Who was waited for in vain is not who was left because all was known without it.
        let silent = |step: &Entry| matches!(&step.event, Event::Late { ask: late, .. } if late == ask);
        let unheard = if trace.steps.iter().any(silent) { "no reply in time" } else { "not waited for" };
        let (end, tone, note) =
            ended.unwrap_or_else(|| (begun_us + trace.cost.time_us, Tone::Lost, unheard.to_owned()));
        rows.push(Row::new(
            "",
            format!("{zone}: {}", safe(server.trim_end_matches('.'))),
            Some((begin, end)),
            tone,
            note,
        ));
    }
}

fn tried(attempt: &Attempt, end_us: u64) -> Row {
    let tone = match &attempt.end {
        Some(AttemptEnd::Connected | AttemptEnd::Reused) => Tone::Good,
        Some(AttemptEnd::Overtaken) => Tone::Lost,
        _ => Tone::Bad,
    };
    let span = Some((attempt.begun_us, attempt.ended_us.unwrap_or(end_us)));
    let note = attempt.end.as_ref().map_or_else(|| "given up".to_owned(), |end| safe(&end.to_string()));
    Row::new("tcp", attempt.address.to_string(), span, tone, note)
}

/// What the server says about its own time, in the head or behind the body, as shares of the time until then. It says
/// how long, not when; the bars begin with the request.
fn shares(response: &Response, in_trailer: bool, (begun_us, end_us): (u64, u64), of: &str, rows: &mut Vec<Row>) {
    let waited = end_us.saturating_sub(begun_us).max(1);
    for one in response.server_timing.iter().filter(|one| one.in_trailer == in_trailer) {
        let what = format!("  {} {}", one.part.word(), safe(&one.name));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is too long is cut anyway")]
        let us = one.duration_ms.map(|ms| (ms * 1000.0) as u64);
        let share = us.map(|us| match us.saturating_mul(100) / waited {
            0 => format!("under 1 % of {of}"),
            percent => format!("{percent} % of {of}"),
        });
        let says = one.description.as_deref().map(safe);
        let note = share.into_iter().chain(says).collect::<Vec<_>>().join(", ");
        let span = us.map(|us| (begun_us, begun_us.saturating_add(us)));
        rows.push(Row::new("", what, span, Tone::Server, note));
    }
}

impl Look {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours && !text.trim().is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn tone(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Dns => "36",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Lost => "2",
            Tone::Tls => "35",
            Tone::Wait | Tone::Server => "33",
            Tone::Body => "34",
        };
        self.paint(code, text)
    }

    /// A sentence that may take several lines.
    fn wrapped(&self, tone: Tone, indent: usize, sentence: &str) -> String {
        let (mut out, mut line) = (String::new(), String::new());
        for word in sentence.split(' ') {
            if !line.is_empty() && indent + line.len() + 1 + word.len() > self.width.max(20) {
                let _ = writeln!(out, "{:indent$}{}", "", self.tone(tone, &std::mem::take(&mut line)));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        let _ = writeln!(out, "{:indent$}{}", "", self.tone(tone, &line));
        out
    }

    /// The lines with their bars, below a scale; nothing where nothing took time.
    fn draw(&self, hop: &Hop, rows: &[Row], out: &mut String) {
        if rows.is_empty() {
            return;
        }
        let longest = rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
        let what = longest.min(MOST_WHAT).min((self.width * 3 / 8).max(12));
        let rest = self.width.saturating_sub(STAGE + what + TIME + 4);
        let bar = (rest * 2 / 5).clamp(LEAST_BAR, MOST_BAR);
        let note = rest.saturating_sub(bar).max(LEAST_BAR);
        // What a server claims may be any number; the scale is that of what was seen.
        let seen = rows.iter().filter(|row| row.tone != Tone::Server).filter_map(|row| row.span);
        let total = seen.map(|(_, end)| end.saturating_sub(hop.begun_us)).max();
        let total = total.unwrap_or(0).max(1);
        let end = time(total);
        let scale = format!("0{}{end}", " ".repeat(bar.saturating_sub(1 + end.len())));
        let _ = writeln!(out, "\n{}", self.paint("2", &format!("{:1$}{scale}", "", STAGE + what + 1)));
        let mut last = "";
        for row in rows {
            let stage = if row.stage == last { "" } else { row.stage };
            last = if row.stage.is_empty() { last } else { row.stage };
            let title = if row.stage.is_empty() && !row.what.starts_with(' ') {
                format!("  {}", row.what)
            } else {
                row.what.clone()
            };
            let _ = write!(out, "{}", self.paint("1", &format!("{stage:STAGE$}")));
            let _ = write!(out, "{:what$} ", cut(&title, what));
            let Some((begin, end)) = row.span else {
                let room = self.width.saturating_sub(STAGE + what + 1).max(LEAST_BAR);
                let _ = writeln!(out, "{}", self.paint("2", &cut(&row.note, room)));
                continue;
            };
            let drawn =
                self.bar((begin.saturating_sub(hop.begun_us), end.saturating_sub(hop.begun_us)), total, bar, row.tone);
            let line = format!("{drawn} {:>TIME$}  {}", time(end.saturating_sub(begin)), cut(&row.note, note));
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }

    /// A bar of `width` columns that stand for `total` microseconds.
    fn bar(&self, (begin, end): (u64, u64), total: u64, width: usize, tone: Tone) -> String {
        let column = |us: u64| usize::try_from(us.min(total) * width as u64 / total).unwrap_or(width);
        let from = column(begin).min(width - 1);
        let to = column(end).clamp(from, width);
        let (full, thin) = match (self.unicode, tone) {
            (true, Tone::Lost) => ("░", "░"),
            (true, Tone::Server) => ("▒", "▏"),
            (true, _) => ("█", "▏"),
            (false, Tone::Lost) => (".", "."),
            (false, Tone::Server) => ("-", "|"),
            (false, _) => ("=", "|"),
        };
        let drawn = if to > from { full.repeat(to - from) } else { thin.to_owned() };
        let after = width - from - (to - from).max(1);
        format!("{}{}{}", " ".repeat(from), self.tone(tone, &drawn), " ".repeat(after))
    }

    /// What was agreed on, and who is at the other end.
    fn certificates(&self, tls: &Tls, out: &mut String) {
        let agreed = [&tls.version, &tls.cipher, &tls.key_exchange, &tls.alpn];
        let agreed = agreed.into_iter().flatten().map(|text| safe(text)).collect::<Vec<_>>().join(", ");
        out.push('\n');
        if !agreed.is_empty() {
            *out += &self.wrapped(Tone::Plain, 0, &agreed);
        }
        for one in &tls.certificates {
            let day = |ms: u64| iso_ms(ms).chars().take(10).collect::<String>();
            let names = match one.names.as_slice() {
                [] => safe(&one.subject),
                names if names.len() > 4 => format!("{} and {} more", safe(&names[..3].join(", ")), names.len() - 3),
                names => safe(&names.join(", ")),
            };
            let dates = format!("{} to {}", day(one.not_before), day(one.not_after));
            let line = format!("{names}: {}, {dates}, by {}", safe(&one.key), safe(&one.issuer));
            *out += &self.wrapped(Tone::Plain, 2, &line);
        }
        if tls.trusted {
            let _ =
                writeln!(out, "{}", self.tone(Tone::Good, "  the chain leads to an authority that is trusted here"));
        }
        for problem in &tls.problems {
            *out += &self.wrapped(Tone::Bad, 2, &safe(problem));
        }
    }
}

/// Printable ASCII, whatever others have said.
fn safe(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, ' '..='~') { vec![c] } else { c.escape_default().collect() }).collect()
}

/// At most `room` columns of ASCII.
fn cut(text: &str, room: usize) -> String {
    if text.len() <= room { text.to_owned() } else { format!("{}..", &text[..room.saturating_sub(2)]) }
}

fn time(us: u64) -> String {
    match us {
        100..10_000 => format!("{}.{:02} ms", us / 1000, us % 1000 / 10),
        0..1_000_000 => Ms(us).to_string(),
        _ => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} octets"),
        1000..1_000_000 => format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
