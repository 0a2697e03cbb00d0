//! `rootwalk trace`: how one answer is found, from an empty cache.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Configuration, FAILED, failed, lab, log, wrong_configuration};
use crate::config::Settings;
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
    /// Walk in the lab instead of the Internet.
    #[arg(long)]
    lab: bool,
    /// Walk in the lab of this folder.
    #[arg(long, value_name = "DIR")]
    zones: Option<PathBuf>,
    /// Print the trace as JSON (docs/trace.md describes it).
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    configuration: Configuration,
}

fn record_type(text: &str) -> Result<RecordType, &'static str> {
    parse_type(text).ok_or("expected a type of record, such as A, AAAA, MX or TYPE65")
}

impl Tell {
    pub(super) fn run(self) -> ExitCode {
        let question = Question::new(self.name, self.qtype);
        let lab = match (self.lab || self.zones.is_some()).then(|| lab::load(self.zones.as_deref())).transpose() {
            Ok(lab) => lab,
            Err(error) => return wrong_configuration(&error),
        };
        let base = lab.as_ref().map_or_else(Settings::default, run::lab_settings);
        let settings = match self.configuration.load(base) {
            Ok(settings) => settings,
            Err(error) => return wrong_configuration(&error),
        };
        log::begin(&settings.log);
        let told = match &lab {
            Some(lab) => run::trace_lab(lab, &settings, question),
            None => run::trace(&settings, question),
        };
        let story = match told {
            Ok(story) => story,
            Err(error) => return failed(&error),
        };
        if let Err(error) = print(&story.trace, self.json) {
            // A reader that has seen enough, such as `head`, is no failure.
            let enough = error.kind() == io::ErrorKind::BrokenPipe;
            return if enough { ExitCode::SUCCESS } else { failed(&error) };
        }
        if story.failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
    }
}

fn print(trace: &Trace, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, trace)?;
        return writeln!(out);
    }
    let paint = if log::colours(&out) { Paint::Colours } else { Paint::Plain };
    write!(out, "{}", trace.to_text(paint))
}
