//! A trace as one picture: a row for each thing that happened, and beside it when.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use crate::wire::text::type_name;

use super::event::{Event, GoalId, Verdict};
use super::fold::{Item, depths, fold};
use super::markup::Markup;
use super::report::Trace;
use super::tone::Tone;

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
/// Characters of a sentence that find room.
const ROOM: usize = 108;

impl Trace {
    /// The walk as a picture of its own, without anything from elsewhere.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let rows = self.rows();
        let height = TOP + (rows.len() + Self::records(&self.answer).count() + self.edes.len()) * ROW + 40;
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.draw(&rows, height, &mut out);
        out
    }

    fn rows(&self) -> Vec<Row> {
        let depths = depths(&self.steps);
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
                event => row(String::new(), text.unwrap_or_else(|| event.to_string()), None),
            });
        }
        rows
    }

    fn draw(&self, rows: &[Row], height: usize, out: &mut String) -> fmt::Result {
        let title = format!("{}: {}", self.title(), self.rcode);
        let (queries, bytes, ms) = (self.cost.queries, self.cost.bytes, self.cost.time_us / 1000);
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\">\n<title>{0}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text x=\"{ZONE}\" y=\"36\" font-size=\"20\" font-weight=\"600\" fill=\"#16202e\">{0}</text>\n\
             <text x=\"{ZONE}\" y=\"58\" fill=\"#566274\">{queries} queries, {bytes} octets received, {ms} ms</text>\n",
            Markup(&title)
        )?;
        let scale = |at_us: u64| LINE as u64 + at_us * (WIDTH - LINE - ZONE) as u64 / self.cost.time_us.max(1);
        for (nth, row) in rows.iter().enumerate() {
            let (y, colour) = (TOP + nth * ROW, colour(row.tone));
            let x = TEXT + row.depth * 16;
            writeln!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/>", x - 12, y - 4)?;
            if !row.zone.is_empty() {
                let zone = shortened(&row.zone, 22);
                writeln!(
                    out,
                    "<text x=\"{ZONE}\" y=\"{y}\" font-weight=\"600\" fill=\"#16202e\">{}</text>",
                    Markup(&zone)
                )?;
            }
            let (text, fill) = (shortened(&row.text, ROOM), if row.tone == Tone::Bad { colour } else { "#2b3647" });
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
        let answer = Self::records(&self.answer).chain(self.edes.iter().map(ToString::to_string));
        for (nth, line) in answer.enumerate() {
            let (y, line) = (TOP + (rows.len() + nth) * ROW + 14, shortened(&line, ROOM + 60));
            writeln!(
                out,
                "<text x=\"{ZONE}\" y=\"{y}\" font-family=\"ui-monospace, monospace\" fill=\"#16202e\">{}</text>",
                Markup(&line)
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

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
