//! `rootwalk trace`: how one answer is found, from an empty cache.

use std::borrow::Cow;
use std::io::{self, StdoutLock, Write as _};
use std::process::ExitCode;

use clap::Args;
use terminal_size::{Width, terminal_size_of};

use super::{FAILED, Surroundings, log, not_run, print, spoken};
use crate::http::{is_url, meant};
use crate::run;
use crate::trace::{Paint, Trace};
use crate::wire::text::parse_type;
use crate::wire::{Name, Question, RecordType};

/// With what dig begins the address of a server and its options. A name that begins so can be had as `\064` and `\043`.
const OF_DIG: [char; 2] = ['@', '+'];
const NOT_DIG: &str = "@SERVER and +OPTION are for dig: a trace asks the servers of the zones itself, and its options \
                       begin with --";

/// What may be typed after `trace`.
#[derive(Debug, Args)]
pub(super) struct Tell {
    /// The name to look up; of an address the name that it has (PTR).
    #[arg(value_parser = name)]
    name: Typed,
    /// The type of record [default: A].
    #[arg(value_name = "TYPE", value_parser = record_type)]
    qtype: Option<RecordType>,
    /// Print the trace as JSON (docs/trace.md of the source describes it).
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    surroundings: Surroundings,
}

/// What was typed as a name: that, and the type that it stands for by itself.
#[derive(Clone, Debug)]
struct Typed(Name, RecordType);

fn name(text: &str) -> Result<Typed, String> {
    if is_url(text) {
        return Err("this is a URL, to which `rootwalk fetch` shows the way".to_owned());
    }
    if text.starts_with(OF_DIG) {
        return Err(NOT_DIG.to_owned());
    }
    meant(text).map(|(name, usual)| Typed(name, usual)).map_err(Cow::into_owned)
}

fn record_type(text: &str) -> Result<RecordType, &'static str> {
    let why =
        if text.starts_with(OF_DIG) { NOT_DIG } else { "expected a type of record, such as A, AAAA, MX or TYPE65" };
    parse_type(text).ok_or(why)
}

impl Tell {
    pub(super) fn run(self) -> ExitCode {
        let Typed(name, usual) = self.name;
        let question = Question::new(name, self.qtype.unwrap_or(usual));
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
            Err(error) => return not_run(&error),
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
    // What is piped has a line for each step; the terminal would break words, and lose whose line goes on.
    let text = match terminal_size_of(&mut *out) {
        Some((Width(width), _)) => trace.to_terminal(paint, width.into()),
        None => trace.to_text(paint),
    };
    out.write_all(spoken(text).as_bytes())
}
