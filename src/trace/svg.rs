//! A trace as one picture: a row for each thing that happened, and beside it when.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use crate::wire::text::type_name;

use super::event::{Event, GoalId, Verdict};
use super::fold::{Item, depths, fold, sentence, titles};
use super::markup::Markup;
use super::report::{Cost, Trace};
use super::tone::Tone;
use super::words::{Ms, counted};

const WIDTH: usize = 1200;
const ROW: usize = 22;
/// Where the rows begin.
const TOP: usize = 84;
/// Where the zone stands.
const ZONE: usize = 24;
/// Where the sentence begins.
const TEXT: usize = 190;
/// Where the time line begins.
const LINE: usize = 900;
/// The height of letters, and that of the title.
const SIZE: usize = 12;
const TITLE: usize = 20;
/// Room beside what is written.
const GAP: usize = 8;

impl Trace {
    /// The walk as a picture of its own, without anything from elsewhere.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let rows = self.rows();
        let below = self.below();
        let height = TOP + (rows.len() + below.len()) * ROW + 40;
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.draw(&rows, &below, height, &mut out);
        out
    }

    fn rows(&self) -> Vec<Row> {
        let (depths, titles) = (depths(&self.steps), titles(&self.steps));
        let ends: HashMap<u32, u64> =
            self.steps.iter().filter_map(|entry| Some((end_of(&entry.event)?, entry.at_us))).collect();
        let mut rows = Vec::new();
        for told in fold(&self.steps) {
            let (entry, text, tone) = match &told {
                Item::Step(entry) => (entry, None, entry.event.tone()),
                Item::Dropped(entry, _, text) => (entry, Some(text.clone()), Tone::Odd),
            };
            let depth = depths.get(&entry.goal).copied().unwrap_or_default();
            let row = |zone: String, text: String, span| Row { zone, text, tone, depth, span };
            rows.push(match &entry.event {
                Event::Entered { .. } => continue,
                Event::Ended { .. } if entry.goal == GoalId(0) => continue,
                Event::Asked { ask, zone, server, name, qtype, transport, .. } => {
                    let over = server.over(*transport);
                    let asked = format!("{} {} to {server} {over}", name.to_lower(), type_name(*qtype));
                    let end = ends.get(ask).copied().unwrap_or(self.cost.time_us);
                    row(zone.to_string(), asked, Some((entry.at_us, end)))
                }
                Event::Heard { server, verdict, .. } if !matches!(verdict, Verdict::Wrong(_)) => {
                    row(String::new(), format!("{server}: {verdict}"), None)
                }
                _ => row(String::new(), text.unwrap_or_else(|| sentence(entry, &titles)), None),
            });
        }
        rows
    }

    /// The lines under the picture: a record each, and whole sentences.
    fn below(&self) -> Vec<Line> {
        const ROOM: usize = WIDTH - 2 * ZONE;
        let record = |record: String| Line { shown: shortened(&record, ROOM, SIZE, mono), whole: record };
        let sentences = self.edes.iter().map(ToString::to_string);
        let lines = sentences.flat_map(|sentence| wrapped(&sentence, ROOM * 100 / SIZE / mono(' ')));
        let line = |shown: String| Line { whole: shown.clone(), shown };
        Self::records(&self.answer).map(record).chain(lines.map(line)).collect()
    }

    fn draw(&self, rows: &[Row], below: &[Line], height: usize, out: &mut String) -> fmt::Result {
        let title = format!("{}: {}", self.title(), self.rcode);
        let shown = shortened(&title, WIDTH - 2 * ZONE, TITLE, bold);
        let Cost { queries, bytes, time_us } = self.cost;
        let (queries, time) = (counted(queries as usize, "query", "queries"), Ms(time_us));
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"{SIZE}\" role=\"img\">\n<title>{0}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text x=\"{ZONE}\" y=\"36\" font-size=\"{TITLE}\" font-weight=\"600\" fill=\"#16202e\">{1}</text>\n\
             <text x=\"{ZONE}\" y=\"58\" fill=\"#566274\">{queries}, {bytes} octets received, {time}</text>\n",
            Markup(&title),
            Markup(&shown)
        )?;
        let scale = |at_us: u64| LINE as u64 + at_us * (WIDTH - LINE - ZONE) as u64 / self.cost.time_us.max(1);
        for (nth, row) in rows.iter().enumerate() {
            let (y, colour) = (TOP + nth * ROW, colour(row.tone));
            let x = TEXT + row.depth * 16;
            writeln!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/>", x - 12, y - 4)?;
            if !row.zone.is_empty() {
                let zone = shortened(&row.zone, x - 16 - GAP - ZONE, SIZE, bold);
                writeln!(
                    out,
                    "<text x=\"{ZONE}\" y=\"{y}\" font-weight=\"600\" fill=\"#16202e\">{}</text>",
                    Markup(&zone)
                )?;
            }
            // Beside what has a span there is a bar.
            let end = if row.span.is_some() { LINE } else { WIDTH - ZONE };
            let text = shortened(&row.text, end.saturating_sub(x + GAP), SIZE, sans);
            let fill = if row.tone == Tone::Bad { colour } else { "#2b3647" };
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" fill=\"{fill}\">{}<title>{}</title></text>",
                Markup(&text),
                Markup(&row.text)
            )?;
            if let Some((begin, end)) = row.span {
                let (from, to) = (scale(begin), scale(end));
                let width = to.saturating_sub(from).max(2);
                writeln!(
                    out,
                    "<rect x=\"{from}\" y=\"{}\" width=\"{width}\" height=\"8\" rx=\"2\" fill=\"{colour}\"/>",
                    y - 9
                )?;
            }
        }
        for (nth, line) in below.iter().enumerate() {
            let y = TOP + (rows.len() + nth) * ROW + 14;
            writeln!(
                out,
                "<text x=\"{ZONE}\" y=\"{y}\" font-family=\"ui-monospace, monospace\" fill=\"#16202e\">{}<title>{}</title></text>",
                Markup(&line.shown),
                Markup(&line.whole)
            )?;
        }
        writeln!(out, "</svg>")
    }
}

struct Row {
    zone: String,
    text: String,
    tone: Tone,
    depth: usize,
    /// When an ask began and ended, in microseconds.
    span: Option<(u64, u64)>,
}

/// A line under the picture, as it finds room and as it is.
struct Line {
    shown: String,
    whole: String,
}

/// The ask that an event ends.
fn end_of(event: &Event) -> Option<u32> {
    match event {
        Event::Heard { ask, .. } | Event::Lost { ask, .. } | Event::Late { ask, .. } => Some(*ask),
        _ => None,
    }
}

fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Heading => "#16202e",
        Tone::Asked => "#2f6fdb",
        Tone::Good => "#1d8a5b",
        Tone::Cache => "#7a5bd0",
        Tone::Odd => "#b26a00",
        Tone::Bad => "#c62f3b",
    }
}

/// Hundredths of its size that a letter takes at most: the font is that of the reader, and of those in use DejaVu Sans
/// and Verdana are the widest.
fn sans(c: char) -> usize {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' => 46,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 108,
        'A'..='Z' => 80,
        ' '..='~' => 66,
        _ => 108,
    }
}

fn bold(c: char) -> usize {
    sans(c) * 115 / 100
}

fn mono(_: char) -> usize {
    62
}

/// What of a text finds room in so many pixels.
fn shortened(text: &str, room: usize, size: usize, advance: fn(char) -> usize) -> String {
    let room = room * 100 / size;
    let (mut taken, mut cut) = (0, 0);
    for (at, c) in text.char_indices() {
        if taken + advance('…') <= room {
            cut = at;
        }
        taken += advance(c);
        if taken > room {
            return format!("{}…", &text[..cut]);
        }
    }
    text.to_owned()
}

/// Lines of at most so many characters; a word that is longer than a line is broken.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while let Some((at, _)) = line.char_indices().nth(room) {
            let rest = line.split_off(at);
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    lines.push(line);
    lines
}
