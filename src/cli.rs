//! The command line: what was typed becomes what it means.

mod check;
mod fetch;
mod flush;
mod lab;
mod log;
mod serve;
mod trace;

use std::ffi::OsString;
use std::io::{self, StdoutLock, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand};

use crate::config::{self, ConfigError, Settings, Sources};
use crate::lab::Lab;
use crate::run::{self, RunError};

/// What was asked for could not be done.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong; clap ends with the same code.
const MISUSED: u8 = 2;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
Examples:
  rootwalk lab                               an Internet of your own, and a resolver in it
  rootwalk trace www.example.com --lab       how one name is found there, step by step
  rootwalk trace example.org MX --json       the same in the Internet, as JSON
  rootwalk trace example.org --set dnssec.validate=false
                                             without validation, as dig +cd has it
  rootwalk fetch https://www.example.com/    how a page is fetched, step by step
  rootwalk serve --listen 127.0.0.1:5300     answer clients on this machine
  rootwalk flush example.com --tree          have it forget a zone that has changed
  rootwalk keys | less                       what a configuration may say
  rootwalk check /etc/rootwalk.toml          say whether one is right

Exit codes: 0 all went well; 1 it did not (a port is taken, a walk ends without an answer,
no resolver runs to be flushed); 2 the command line or the configuration is wrong.
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
    /// Answer clients: on 127.0.0.1:53 and [::1]:53 unless configured otherwise.
    Serve(serve::Serve),
    /// Start an Internet in this process, healthy and broken servers, and a resolver in it.
    Lab(lab::Stage),
    /// Look one name up from an empty cache and print every step.
    Trace(trace::Tell),
    /// Fetch a page as a browser would and print every step: caches, DNS, addresses, TCP, TLS, HTTP.
    Fetch(fetch::Fetch),
    /// Have a resolver that runs forget what it knows of a name, or of a whole tree.
    Flush(flush::Flush),
    /// Say whether a configuration is right, without starting anything.
    Check(check::Check),
    /// Print all keys of the configuration, with what they do and how they are set when nobody says otherwise.
    Keys,
}

/// Where the configuration comes from; part of every command that runs a resolver.
#[derive(Debug, Args)]
struct Configuration {
    /// The configuration, a TOML file; `rootwalk keys` prints all that may stand in it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key, over what file and environment say; may be given several times.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

impl Configuration {
    /// The settings; `listen` are the addresses of `--listen`.
    fn load(&self, base: Settings, listen: &[SocketAddr]) -> Result<Settings, ConfigError> {
        let mut assignments = self.set.clone();
        if !listen.is_empty() {
            let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
            assignments.push(format!("server.listen={}", listen.join(",")));
        }
        config::load(&Sources { base, file: self.config.as_deref(), variables: variables(), assignments: &assignments })
    }
}

/// The environment, but for variables that are not UTF-8, which cannot be ours.
fn variables() -> Vec<(String, String)> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}

/// Where one look is taken: in the Internet or in a lab; part of the commands that do no more than that.
#[derive(Debug, Args)]
struct Surroundings {
    /// In the lab instead of the Internet.
    #[arg(long)]
    lab: bool,
    /// In the lab of this folder.
    #[arg(long, value_name = "DIR")]
    zones: Option<PathBuf>,
    #[command(flatten)]
    configuration: Configuration,
}

impl Surroundings {
    /// The lab, if it is to be one, and the settings; begins to log. In error, what is wrong has been said.
    fn load(&self) -> Result<(Option<Lab>, Settings), ExitCode> {
        let lab = (self.lab || self.zones.is_some()).then(|| lab::load(self.zones.as_deref())).transpose();
        let lab = lab.map_err(|error| wrong_configuration(&error))?;
        let base = lab.as_ref().map_or_else(Settings::default, run::lab_settings);
        let settings = self.configuration.load(base, &[]).map_err(|error| wrong_configuration(&error))?;
        log::begin(&settings.log);
        Ok((lab, settings))
    }
}

/// Runs the command that was typed and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::try_parse().unwrap_or_else(|error| misused(error)).command {
        Command::Serve(serve) => serve.run(),
        Command::Lab(lab) => lab.run(),
        Command::Trace(trace) => trace.run(),
        Command::Fetch(fetch) => fetch.run(),
        Command::Flush(flush) => flush.run(),
        Command::Check(check) => check.run(),
        Command::Keys => print(ExitCode::SUCCESS, |out| out.write_all(config::reference().as_bytes())),
    }
}

/// Ends with what is wrong with the command line. A file or a folder without its flag is what is typed most often where
/// nothing can stand.
fn misused(mut error: clap::Error) -> ! {
    let tip = match std::env::args_os().nth(1).as_ref().and_then(|command| command.to_str()) {
        Some("serve") => Some("a configuration is named with '--config FILE'"),
        Some("lab") => Some("the folder of a lab is named with '--zones DIR', a configuration with '--config FILE'"),
        _ => None,
    };
    let bare = |value: &ContextValue| matches!(value, ContextValue::String(text) if !text.starts_with('-'));
    if let Some(tip) = tip.filter(|_| error.get(ContextKind::InvalidArg).is_some_and(bare)) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error.exit()
}

/// An address to listen on.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let why = "expected an address with a port, such as 127.0.0.1:53 or [::1]:53; a link-local one has the number of \
               its interface, as in [fe80::1%2]:53";
    text.parse().map_err(|_| why)
}

/// Writes to standard output and ends with `code`, or says why it cannot.
fn print(code: ExitCode, write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> ExitCode {
    match write(&mut io::stdout().lock()) {
        Ok(()) => code,
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says why the command could not be carried out.
fn failed(why: &dyn std::fmt::Display) -> ExitCode {
    complain(&format_args!("rootwalk: {why}"));
    ExitCode::from(FAILED)
}

/// Says why a resolver does not run.
fn not_run(error: &RunError) -> ExitCode {
    let code = failed(error);
    if error.is_misuse() { ExitCode::from(MISUSED) } else { code }
}

/// Shows every mistake of a configuration or of a lab's folder in its own line, in the form that editors can jump to.
fn wrong_configuration(error: &dyn std::fmt::Display) -> ExitCode {
    complain(error);
    ExitCode::from(MISUSED)
}

/// Says it on standard error; when nobody reads that any more, as behind `2>&1 | head`, the exit code says it.
fn complain(what: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Whether the locale of the terminal has more than ASCII: the first of the three that says something counts.
fn speaks_unicode() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    said.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// A text of this program as the locale can show it; in one without more than ASCII microseconds are `us`.
fn spoken(text: String) -> String {
    if speaks_unicode() { text } else { text.replace('µ', "u") }
}
