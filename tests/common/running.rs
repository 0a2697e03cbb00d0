//! The program as a user starts it; killed when the test ends otherwise.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::NamedTempFile;

/// A process of this program.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A lab with its resolver.
pub(crate) struct Running {
    pub(crate) process: Process,
    log: NamedTempFile,
    /// Where its resolver listens.
    pub(crate) resolver: SocketAddr,
}

impl Running {
    /// Starts a lab, whose resolver gets a free port, and waits for its `ready`.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_in(more, &[])
    }

    /// The same in an environment that has these variables.
    pub(crate) fn start_in(more: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["lab", "--listen", "127.0.0.1:0"]).args(more).env_clear().envs(variables.iter().copied());
        let log = NamedTempFile::new().unwrap();
        let spawned = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn();
        let mut running = Self { process: Process(spawned.unwrap()), log, resolver: ([127, 0, 0, 1], 0).into() };
        let mut first = String::new();
        BufReader::new(running.process.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let said = running.log();
        assert_eq!(first, "ready\n", "{said}");
        let (_, address) = said.split_once("The resolver listens on ").unwrap();
        running.resolver = address.split_once(". Try:").unwrap().0.parse().unwrap();
        running
    }

    /// What it has written to standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}
