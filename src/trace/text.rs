//! A trace as text for a terminal.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use super::event::{Entry, Event, GoalId, Verdict};
use super::report::Trace;

/// Whether to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Colours,
}

/// What a line is about, which gives its mark and its colour.
#[derive(Clone, Copy)]
enum Tone {
    Heading,
    Asked,
    Good,
    Cache,
    Odd,
    Bad,
}

impl Tone {
    fn mark(self) -> char {
        match self {
            Self::Heading => '?',
            Self::Asked => '>',
            Self::Good => '<',
            Self::Cache => '=',
            Self::Odd => '~',
            Self::Bad => '!',
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Asked => "36",
            Self::Good => "32",
            Self::Cache => "34",
            Self::Odd => "33",
            Self::Bad => "31",
        }
    }
}

impl Trace {
    /// The trace as lines of text. Everything in it is printable ASCII: names and data are escaped.
    #[must_use]
    pub fn to_text(&self, paint: Paint) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_text(paint, &mut out);
        out
    }

    fn write_text(&self, paint: Paint, out: &mut String) -> fmt::Result {
        let depths = depths(&self.steps);
        for entry in &self.steps {
            let depth = depths.get(&entry.goal).copied().unwrap_or_default();
            if entry.goal == GoalId(0) && matches!(entry.event, Event::Ended { .. }) {
                continue;
            }
            let tone = tone(&entry.event);
            let line = format!("{}{} {}", "  ".repeat(depth), tone.mark(), entry.event);
            writeln!(
                out,
                "{:>5}.{} ms  {}",
                entry.at_us / 1000,
                entry.at_us % 1000 / 100,
                painted(&line, tone, paint)
            )?;
        }
        let tone = if self.edes.is_empty() { Tone::Good } else { Tone::Bad };
        writeln!(out, "\n{}", painted(&format!("{}: {}", self.title(), self.rcode), tone, paint))?;
        for record in self.answer.iter().chain(&self.authority) {
            writeln!(out, "  {record}")?;
        }
        for ede in &self.edes {
            writeln!(out, "  {}", painted(&ede.to_string(), Tone::Bad, paint))?;
        }
        let cost = &self.cost;
        let (ms, tenth) = (cost.time_us / 1000, cost.time_us % 1000 / 100);
        writeln!(out, "  {} queries, {} octets received, {ms}.{tenth} ms", cost.queries, cost.bytes)
    }
}

fn painted(text: &str, tone: Tone, paint: Paint) -> String {
    match paint {
        Paint::Plain => text.to_owned(),
        Paint::Colours => format!("\x1b[{}m{text}\x1b[0m", tone.colour()),
    }
}

fn tone(event: &Event) -> Tone {
    match event {
        Event::Goal { .. } => Tone::Heading,
        Event::FromCache { .. } => Tone::Cache,
        Event::Asked { .. } | Event::Joined { .. } => Tone::Asked,
        Event::Heard { verdict: Verdict::Wrong(_) | Verdict::AliasLoop { .. } | Verdict::TooLong, .. } => Tone::Bad,
        Event::Heard { .. } => Tone::Good,
        Event::Ended { edes, .. } if edes.is_empty() => Tone::Good,
        Event::NotAsked { .. }
        | Event::Withheld { .. }
        | Event::Late { .. }
        | Event::Ignored { .. }
        | Event::Dropped { .. }
        | Event::NoAddress { .. } => Tone::Odd,
        Event::Ended { .. }
        | Event::Lost { .. }
        | Event::Cycle { .. }
        | Event::AliasLoop { .. }
        | Event::LimitReached { .. } => Tone::Bad,
    }
}

/// How deep each goal is nested.
fn depths(steps: &[Entry]) -> HashMap<GoalId, usize> {
    let mut depths = HashMap::new();
    for entry in steps {
        if let Event::Goal { parent, .. } = &entry.event {
            let depth = parent.and_then(|parent| depths.get(&parent).copied()).map_or(0, |depth: usize| depth + 1);
            depths.insert(entry.goal, depth);
        }
    }
    depths
}
