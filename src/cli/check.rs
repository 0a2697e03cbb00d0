//! `rootwalk check`: is this configuration right?

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{print, wrong_configuration};
use crate::config::{self, Sources};
use crate::run;

/// What may be typed after `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The configuration, a TOML file. It is judged alone, whatever the environment says.
    file: PathBuf,
}

impl Check {
    pub(super) fn run(&self) -> ExitCode {
        let settings = match config::load(&Sources { file: Some(&self.file), ..Sources::default() }) {
            Ok(settings) => settings,
            Err(error) => return wrong_configuration(&error),
        };
        match run::check(&settings) {
            Ok(()) => {
                print(ExitCode::SUCCESS, |out| writeln!(out, "{}: this configuration is right", self.file.display()))
            }
            Err(error) => wrong_configuration(&error),
        }
    }
}
