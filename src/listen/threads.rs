//! Threads that serve until they are told to stop, each with a runtime of its own.

use std::io;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// How often a closing thread looks whether all is done.
pub(super) const DRAIN_STEP: Duration = Duration::from_millis(5);

/// True when the threads are to stop, and in error when [`Threads`] was dropped: the same.
pub(crate) type Stop = watch::Receiver<bool>;

/// The threads; they run until [`Threads::close`] or until this is dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    stop: watch::Sender<bool>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    /// No threads yet.
    pub(crate) fn new() -> Self {
        Self { stop: watch::Sender::new(false), handles: Vec::new() }
    }

    /// Starts a thread that carries out what `serve` makes of the word to stop; tasks may be spawned from there.
    ///
    /// # Errors
    /// When the system grants no thread or no event queue (usually: too many open files).
    pub(crate) fn spawn<F>(&mut self, name: String, serve: impl FnOnce(Stop) -> F + Send + 'static) -> io::Result<()>
    where
        F: Future<Output = ()>,
    {
        let (stop, runtime) = (self.stop.subscribe(), Builder::new_current_thread().enable_all().build()?);
        let run = move || LocalSet::new().block_on(&runtime, serve(stop));
        self.handles.push(thread::Builder::new().name(name).spawn(run)?);
        Ok(())
    }

    /// Tells all threads to stop, and returns when they have. Blocks the calling thread meanwhile.
    pub(crate) fn close(self) {
        self.stop.send_replace(true);
        for handle in self.handles {
            // A thread that panicked has said so on its own; the others are still to be waited for.
            let _ = handle.join();
        }
    }
}

/// Waits until nobody holds `held` besides the caller and `doors` others, for `time` at most, and says how many do so
/// then.
pub(crate) async fn drain<T>(held: &Rc<T>, doors: usize, time: Duration) -> usize {
    let (end, in_hand) = (Instant::now() + time, || (Rc::strong_count(held) - 1).saturating_sub(doors));
    while in_hand() > 0 && Instant::now() < end {
        tokio::time::sleep(DRAIN_STEP).await;
    }
    in_hand()
}
