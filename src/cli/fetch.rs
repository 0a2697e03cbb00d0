//! `rootwalk fetch`: how one page is fetched, from the first cache to the last octet.

use std::fs;
use std::io::{self, StdoutLock, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use terminal_size::{Width, terminal_size_of};
use url::Url;

use super::{FAILED, Surroundings, failed, log, not_run, print, speaks_unicode, spoken};
use crate::http::{Wanted, url};
use crate::journey::{Journey, Look, har, waterfall};
use crate::run;

/// Columns where standard output is no terminal.
const WIDTH: u16 = 120;

/// What may be typed after `fetch`.
#[derive(Debug, Args)]
pub(super) struct Fetch {
    /// The page: an http or https URL.
    #[arg(value_parser = url)]
    url: Url,
    /// Trust the certificate authorities in this PEM file as well; may be given several times.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Begin each redirect with empty caches, not only the first request.
    #[arg(long)]
    cold: bool,
    /// Write an HTTP archive (HAR 1.2), for browsers and other tools to show.
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Print the journey as JSON (docs/journey.md of the source describes it).
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    surroundings: Surroundings,
}

impl Fetch {
    pub(super) fn run(self) -> ExitCode {
        let (lab, settings) = match self.surroundings.load() {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let wanted = Wanted { url: self.url, cold: self.cold };
        let fetched = match &lab {
            Some(lab) => run::fetch_lab(lab, &settings, wanted, &self.ca),
            None => run::fetch(&settings, wanted, &self.ca),
        };
        let journey = match fetched {
            Ok(journey) => journey,
            Err(error) => return not_run(&error),
        };
        let code = if journey.failed() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
        let code = print(code, |out| write(&journey, self.json, out));
        // Behind what was fetched, which nobody shall lose because of a file.
        if let Some(path) = &self.har
            && let Err(error) = fs::write(path, format!("{:#}\n", har(&journey)))
        {
            return failed(&format!("cannot write the archive to {}: {error}", path.display()));
        }
        code
    }
}

fn write(journey: &Journey, json: bool, out: &mut StdoutLock<'_>) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, journey)?;
        return writeln!(out);
    }
    let width = terminal_size_of(&mut *out).map_or(WIDTH, |(Width(width), _)| width).into();
    let look = Look { width, unicode: speaks_unicode(), colours: log::colours(out) };
    out.write_all(spoken(waterfall(journey, &look)).as_bytes())
}
