//! Lines of the log on their way to standard error. Whoever reads it may be slow, stopped (a terminal after Ctrl-S) or
//! stuck; the thread that writes waits for him then, and nobody who serves.

use std::fs::File;
use std::io::{self, BufRead as _, ErrorKind, Write, stderr};
use std::mem::take;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Octets that may wait: some ten thousand lines, more than any burst at level `debug`. What is more is lost. As many
/// are being written meanwhile.
const ROOM: usize = 1 << 20;
/// For how long the program waits at its end until what it has said is written.
const PATIENCE: Duration = Duration::from_secs(1);
/// After which it is tried again to write where that is not waited for.
const PAUSE: Duration = Duration::from_millis(20);

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
    /// How many those are is being said, for which there is room in any case.
    is_telling: bool,
}

impl Queue {
    /// Has a thread of its own write to standard error from now on.
    ///
    /// # Errors
    /// When the system grants no thread or no descriptor.
    pub(super) fn open(self) -> io::Result<()> {
        // Not `Stderr`, whose lock would be held for as long as nobody reads.
        let out = File::from(stderr().as_fd().try_clone_to_owned()?);
        // At the level that all logs have: who reads one wants to know that it is not whole.
        self.write_to(out, |lost| {
            tracing::error!("{lost} lines are missing here: the log was not read, or had no room, for a while");
        })
    }

    /// Writes all there, and has `tell` say how many lines have been lost.
    fn write_to(self, mut out: impl Write + Send + 'static, tell: impl Fn(u64) + Send + 'static) -> io::Result<()> {
        let write = move || loop {
            let (lines, lost) = self.next();
            let left = write_all(&mut out, &lines);
            if !left.is_empty() {
                // That cannot be said now, and not at all where nobody reads any more.
                self.0.lines.lock().lost += lost + left.lines().count() as u64;
            } else if lost > 0 {
                self.0.lines.lock().is_telling = true;
                tell(lost);
                self.0.lines.lock().is_telling = false;
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(())
    }

    /// Waits for lines, and takes them, with the number of those that found no room behind them.
    fn next(&self) -> (Vec<u8>, u64) {
        let mut lines = self.0.lines.lock();
        lines.is_writing = false;
        while lines.waiting.is_empty() {
            self.0.rest.notify_all();
            self.0.news.wait(&mut lines);
        }
        lines.is_writing = true;
        (take(&mut lines.waiting), take(&mut lines.lost))
    }

    /// Has this written behind all that is in the log by now.
    pub(in crate::cli) fn say(&self, text: &str) {
        self.push(text.as_bytes());
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.0.lines.lock();
        if lines.waiting.len() + line.len() > ROOM && !lines.is_telling {
            lines.lost += 1;
            return;
        }
        lines.waiting.extend_from_slice(line);
        self.0.news.notify_one();
    }

    /// Waits until all is written, or nobody reads it.
    pub(in crate::cli) fn settle(&self) {
        let mut lines = self.0.lines.lock();
        self.0.rest.wait_while_for(&mut lines, |lines| lines.is_busy(), PATIENCE);
    }
}

impl Lines {
    fn is_busy(&self) -> bool {
        self.is_writing || !self.waiting.is_empty()
    }
}

/// Writes it all, also where a writer is not to wait: whoever shares a terminal or a pipe with this program may have
/// made it so for both (`O_NONBLOCK`, open(2)). What comes back cannot be written: the disk is full, or nobody reads.
fn write_all<'a>(out: &mut impl Write, mut lines: &'a [u8]) -> &'a [u8] {
    while !lines.is_empty() {
        match out.write(lines) {
            Ok(written) if written > 0 => lines = &lines[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => break,
        }
    }
    lines
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader who lets each write wait until he is told to go on, takes a part, and keeps that. Some writes are not
    /// to wait, and for one there is no room.
    struct Reader(Receiver<()>, Sender<Vec<u8>>, usize);

    impl Write for Reader {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.2 += 1;
            if self.2.is_multiple_of(3) {
                return Err(ErrorKind::WouldBlock.into());
            }
            let _ = self.0.recv();
            if self.2 == 5 {
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = octets.len().div_ceil(2);
            let _ = self.1.send(octets[..taken].to_vec());
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_line_is_written_or_counted() {
        let (queue, (go, gone), (read, written)) = (Queue::default(), channel(), channel());
        let told = queue.clone();
        let tell = move |lost| told.push(format!("lost {lost}\n").as_bytes());
        queue.clone().write_to(Reader(gone, read, 0), tell).expect("a thread");
        let line = [&[b'x'; 998][..], b"y\n"].concat();
        let (mut logged, mut all) = (0, Vec::new());
        for round in 0..4 {
            let many = if round % 2 == 0 { 2 * ROOM / line.len() } else { 10 };
            (0..many).for_each(|_| queue.push(&line));
            logged += many;
            // He reads again, until nothing is left.
            while { queue.0.lines.lock() }.is_busy() {
                let _ = go.send(());
                all.extend(written.recv_timeout(PATIENCE / 20).into_iter().flatten());
            }
        }
        all.extend(written.try_iter().flatten());
        let text = String::from_utf8(all).expect("text");
        let lost: usize = text.lines().filter_map(|line| line.strip_prefix("lost ")?.parse::<usize>().ok()).sum();
        let seen = text.lines().filter(|line| line.ends_with('y')).count();
        assert!(lost > 1000, "{lost}");
        assert_eq!(seen + lost, logged);
    }
}
