//! The life of a worker: open, serve, drain, end.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

use super::bind::{Doors, Sockets};
use super::quota::Quota;
use super::waiting::Waiting;
use super::{ListenSettings, Now, Peer, Responder, tcp, udp};

/// How often a closing worker looks whether all is done.
const DRAIN_STEP: Duration = Duration::from_millis(5);

/// Open doors: the workers run until [`Open::close`] or until this is dropped.
#[derive(Debug)]
pub struct Open {
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    addresses: Vec<SocketAddr>,
}

impl Doors {
    /// Starts the workers.
    ///
    /// # Errors
    /// When the system grants no thread or no event queue (usually: too many open files).
    pub fn open<R: Responder>(self, responder: &R) -> io::Result<Open> {
        let (stop, stopped) = watch::channel(false);
        let ListenSettings { tcp_connections, tcp_per_client, tcp_idle, .. } = self.settings;
        let quota = Arc::new(Quota::new(tcp_connections, tcp_per_client, tcp_idle));
        let mut open = Open { stop, workers: Vec::new(), addresses: self.addresses().to_vec() };
        for (number, sockets) in self.workers.into_iter().enumerate() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let worker = Worker {
                settings: self.settings.clone(),
                responder: responder.clone(),
                quota: Arc::clone(&quota),
                stop: stopped.clone(),
            };
            let run = move || worker.run(sockets, &runtime);
            open.workers.push(thread::Builder::new().name(format!("worker-{number}")).spawn(run)?);
        }
        Ok(open)
    }
}

impl Open {
    /// The addresses that are served, with their ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Receives no more, lets the queries in hand finish within the time that the settings grant, and returns
    /// when all workers have ended. Blocks the calling thread meanwhile.
    pub fn close(mut self) {
        self.stop.send_replace(true);
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so on its own; the others are still to be waited for.
            let _ = worker.join();
        }
    }
}

/// What one thread needs; the tasks on it share it.
pub(super) struct Worker<R> {
    pub(super) settings: ListenSettings,
    pub(super) responder: R,
    pub(super) quota: Arc<Quota>,
    /// True when the doors close, and in error when [`Open`] was dropped: the same.
    pub(super) stop: watch::Receiver<bool>,
}

impl<R: Responder> Worker<R> {
    /// The responder's answer. A query on which it panics is dropped, and no door closes for it.
    pub(super) fn answer_now(&self, query: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Now {
        catch_unwind(AssertUnwindSafe(|| self.responder.answer_now(query, peer, out))).unwrap_or(Now::Drop)
    }

    fn run(self, sockets: Sockets, runtime: &Runtime) {
        let tasks = LocalSet::new();
        tasks.block_on(runtime, async move {
            let mut stop = self.stop.clone();
            let (drain, worker) = (self.settings.drain, Rc::new(self));
            let waiting = Rc::new(Waiting::new(&worker.settings));
            let mut doors = Vec::new();
            for socket in sockets.udp {
                let (worker, waiting) = (Rc::clone(&worker), Rc::clone(&waiting));
                doors.push(spawn_local(async move { udp::serve(socket, &worker, &waiting).await }));
            }
            for listener in sockets.tcp {
                let (worker, waiting) = (Rc::clone(&worker), Rc::clone(&waiting));
                doors.push(spawn_local(async move { tcp::serve(listener, &worker, &waiting).await }));
            }
            let _ = stop.wait_for(|stop| *stop).await;
            for door in doors {
                door.abort();
            }
            let end = Instant::now() + drain;
            // Each UDP query in hand and each TCP connection holds the waiting table; so do this and no one else.
            while Rc::strong_count(&waiting) > 1 && Instant::now() < end {
                tokio::time::sleep(DRAIN_STEP).await;
            }
        });
    }
}
