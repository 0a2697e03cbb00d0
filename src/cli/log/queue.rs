//! Lines of the log on their way to standard error. Whoever reads it may be slow, stopped (a terminal after Ctrl-S) or
//! stuck; the thread that writes waits for him then, and nobody who serves.

use std::fs::File;
use std::io::{self, Write, stderr};
use std::mem::take;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Octets that may wait: some ten thousand lines, more than any burst at level `debug`. What is more is lost.
const ROOM: usize = 1 << 20;
/// For how long the program waits at its end until what it has said is written.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lines; clones share them.
#[derive(Clone, Default)]
pub(in crate::cli) struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    /// There is something to write.
    news: Condvar,
    /// All is written.
    rest: Condvar,
}

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    is_writing: bool,
    /// How many found no room.
    lost: u64,
}

impl Queue {
    /// Has a thread of its own write to standard error from now on.
    ///
    /// # Errors
    /// When the system grants no thread or no descriptor.
    pub(super) fn open(self) -> io::Result<()> {
        // Not `Stderr`, whose lock would be held for as long as nobody reads.
        let out = File::from(stderr().as_fd().try_clone_to_owned()?);
        self.write_to(out)
    }

    fn write_to(self, mut out: impl Write + Send + 'static) -> io::Result<()> {
        let write = move || loop {
            // That there is nobody who would read it cannot be said to anybody.
            let _ = out.write_all(&self.next());
            self.tell_of_lost();
        };
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(())
    }

    /// Waits for lines, and takes them.
    fn next(&self) -> Vec<u8> {
        let mut lines = self.0.lines.lock();
        lines.is_writing = false;
        while lines.waiting.is_empty() {
            self.0.rest.notify_all();
            self.0.news.wait(&mut lines);
        }
        lines.is_writing = true;
        take(&mut lines.waiting)
    }

    fn tell_of_lost(&self) {
        let lost = take(&mut self.0.lines.lock().lost);
        if lost > 0 {
            tracing::warn!("{lost} lines are missing here: the log was not read for a while");
        }
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.0.lines.lock();
        if lines.waiting.len() + line.len() > ROOM {
            lines.lost += 1;
            return;
        }
        lines.waiting.extend_from_slice(line);
        self.0.news.notify_one();
    }

    /// Waits until all is written, or nobody reads it.
    pub(in crate::cli) fn settle(&self) {
        let mut lines = self.0.lines.lock();
        let is_busy = |lines: &mut Lines| lines.is_writing || !lines.waiting.is_empty();
        self.0.rest.wait_while_for(&mut lines, is_busy, PATIENCE);
    }
}

/// A line, which comes as a whole.
pub(in crate::cli) struct Line<'a>(&'a Queue);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}
