//! `rootwalk check`: is this configuration right?

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{log, print, variables, wrong_configuration};
use crate::config::{self, Sources};
use crate::run;

/// What may be typed after `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The configuration, a TOML file. It is judged with what the environment says, as `serve` runs with it.
    file: PathBuf,
}

impl Check {
    pub(super) fn run(&self) -> ExitCode {
        let variables = variables();
        let counts = |(name, text): &(String, String)| config::counts(name, text).then(|| name.clone());
        let mut counting: Vec<String> = variables.iter().filter_map(counts).collect();
        counting.sort_unstable();
        let settings = match config::load(&Sources { file: Some(&self.file), variables, ..Sources::default() }) {
            Ok(settings) => settings,
            Err(error) => return wrong_configuration(&error),
        };
        log::begin(&settings.log);
        match run::check(&settings) {
            Ok(notes) => print(ExitCode::SUCCESS, |out| {
                writeln!(out, "{}: this configuration is right", self.file.display())?;
                if !counting.is_empty() {
                    writeln!(out, "with {} from the environment", counting.join(" and "))?;
                }
                notes.iter().try_for_each(|note| writeln!(out, "{note}"))
            }),
            Err(error) => wrong_configuration(&error),
        }
    }
}
