//! The command line: what was typed becomes what it means.

mod check;

use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use crate::config::ConfigError;

/// The command line or the configuration is wrong; clap ends with the same code.
const MISUSED: u8 = 2;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
Examples:
  rootwalk check /etc/rootwalk.toml          say whether a configuration is right

Exit codes: 0 all went well; 1 it did not; 2 the command line or the configuration is wrong.
Colours are for terminals only; NO_COLOR=1 turns them off there as well.";

/// A recursive DNS resolver that can explain every answer it gives.
#[derive(Debug, Parser)]
#[command(name = "rootwalk", version, styles = STYLES, after_help = AFTER, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a configuration is right, without starting anything.
    Check(check::Check),
}

/// Runs the command that was typed and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Check(check) => check.run(),
    }
}

/// Shows every mistake in its own line, in the form that editors can jump to.
fn wrong_configuration(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(MISUSED)
}
