//! A trace as a sequence diagram for Mermaid, for documents and tickets.

use std::fmt::{self, Write as _};

use crate::wire::text::type_name;

use super::event::{Event, Purpose, Verdict};
use super::fold::{Item, fold};
use super::report::Trace;
use super::source::ServerAt;

impl Trace {
    /// The walk as a sequence diagram: who was asked what, and what came back.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut chart =
            Chart { out: String::from("sequenceDiagram\n    participant R as rootwalk\n"), servers: Vec::new() };
        let told = fold(&self.steps);
        for step in &told {
            if let Item::Step(entry) = step
                && let Event::Asked { server, .. } = &entry.event
            {
                chart.introduce(server);
            }
        }
        // Writing to a String cannot fail.
        let _ = told.iter().try_for_each(|step| chart.step(step));
        let verdict = format!("{}: {}", self.title(), self.rcode);
        let _ = writeln!(chart.out, "    Note over R: {}", Plain(&verdict));
        for line in Self::records(&self.answer).chain(self.edes.iter().map(ToString::to_string)) {
            let _ = writeln!(chart.out, "    Note over R: {}", Plain(&line));
        }
        chart.out
    }
}

struct Chart {
    out: String,
    /// In the order in which they are first asked.
    servers: Vec<ServerAt>,
}

impl Chart {
    fn introduce(&mut self, server: &ServerAt) {
        if !self.servers.contains(server) {
            let _ = writeln!(self.out, "    participant S{} as {}", self.servers.len(), Plain(&server.to_string()));
            self.servers.push(server.clone());
        }
    }

    fn number(&self, server: &ServerAt) -> usize {
        self.servers.iter().position(|known| known == server).unwrap_or_default()
    }

    fn step(&mut self, told: &Item<'_>) -> fmt::Result {
        let entry = match told {
            Item::Step(entry) => entry,
            Item::Dropped(_, _, text) => return writeln!(self.out, "    Note over R: {}", Plain(text)),
        };
        match &entry.event {
            Event::Asked { server, name, qtype, transport, .. } => {
                let (to, over) = (self.number(server), server.over(*transport));
                let asked = format!("{} {} {over}", name.to_lower(), type_name(*qtype));
                writeln!(self.out, "    R->>S{to}: {}", Plain(&asked))
            }
            Event::Heard { server, verdict, .. } => {
                let (from, arrow) =
                    (self.number(server), if matches!(verdict, Verdict::Wrong(_)) { "--x" } else { "-->>" });
                writeln!(self.out, "    S{from}{arrow}R: {}", Plain(&verdict.to_string()))
            }
            Event::Late { server, .. } | Event::Lost { server, .. } => {
                writeln!(self.out, "    Note over R,S{}: {}", self.number(server), Plain(&entry.event.to_string()))
            }
            // The lines beside it say this already.
            Event::Entered { .. } | Event::Ended { .. } | Event::Goal { purpose: Purpose::Proof, .. } => Ok(()),
            event => writeln!(self.out, "    Note over R: {}", Plain(&event.to_string())),
        }
    }
}

/// Text that Mermaid takes as it is: what has a meaning for it, or for HTML, is written by its number.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if c.is_ascii_alphanumeric() || " .,:()-_/+=*'".contains(c) => f.write_char(c),
            c => write!(f, "#{};", u32::from(c)),
        })
    }
}
