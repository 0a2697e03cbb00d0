//! `rootwalk trace`: how one answer is found, from an empty cache.

use std::io::{self, StdoutLock, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::{FAILED, Surroundings, failed, log, print};
use crate::run;
use crate::trace::{Paint, Trace};
use crate::wire::text::parse_type;
use crate::wire::{Name, Question, RecordType};

/// What may be typed after `trace`.
#[derive(Debug, Args)]
pub(super) struct Tell {
    /// The name to look up.
    name: Name,
    /// The type of record.
    #[arg(value_name = "TYPE", default_value = "A", value_parser = record_type)]
    qtype: RecordType,
    /// Print the trace as JSON (docs/trace.md describes it).
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    surroundings: Surroundings,
}

fn record_type(text: &str) -> Result<RecordType, &'static str> {
    parse_type(text).ok_or("expected a type of record, such as A, AAAA, MX or TYPE65")
}

impl Tell {
    pub(super) fn run(self) -> ExitCode {
        let question = Question::new(self.name, self.qtype);
        let (lab, settings) = match self.surroundings.load() {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let told = match &lab {
            Some(lab) => run::trace_lab(lab, &settings, question),
            None => run::trace(&settings, question),
        };
        let story = match told {
            Ok(story) => story,
            Err(error) => return failed(&error),
        };
        let code = if story.failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
        print(code, |out| write(&story.trace, self.json, out))
    }
}

fn write(trace: &Trace, json: bool, out: &mut StdoutLock<'_>) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, trace)?;
        return writeln!(out);
    }
    let paint = if log::colours(out) { Paint::Colours } else { Paint::Plain };
    write!(out, "{}", trace.to_text(paint))
}
