//! What the program is told from outside.

use std::io::{self, IsTerminal, stderr, stdin, stdout};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That the program ends.
    Stop,
    /// That it reads again what it has read at its start.
    Reload,
}

/// The signals, caught from the moment that this exists.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// Whether there was a terminal at the start.
    terminal: bool,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            terminal: has_terminal(),
        })
    }

    /// Waits for the next one.
    ///
    /// SIGHUP has two meanings. Service managers and operators send it to have the configuration read again, as to
    /// every daemon of the field, and none of them expects an end. A terminal that is closed sends it to whatever runs
    /// there, which nobody would see any more. So it is an end only when there was a terminal and is none now.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hangup.recv() => if self.terminal && !has_terminal() { Wish::Stop } else { Wish::Reload },
        }
    }
}

fn has_terminal() -> bool {
    stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal()
}
