//! Open doors and the workers behind them: open, serve, drain, end.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use super::bind::{Doors, Sockets};
use super::quota::Quota;
use super::threads::{DRAIN_STEP, Stop, Threads, drain};
use super::waiting::Waiting;
use super::worker::Worker;
use super::{ListenSettings, Responder, tcp, udp};
use crate::tls::Certificate;

/// Open doors: clients are served until [`Open::close`] or until this is dropped.
#[derive(Debug)]
pub struct Open<R> {
    threads: Threads,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    responder: watch::Sender<R>,
}

impl Doors {
    /// Starts the workers.
    ///
    /// # Errors
    /// When the system grants no thread or no event queue (usually: too many open files).
    pub fn open<R: Responder>(self, responder: &R) -> io::Result<Open<R>> {
        let ListenSettings { tcp_connections, tcp_per_client, .. } = self.settings;
        let quota = Arc::new(Quota::new(tcp_connections, tcp_per_client));
        let (addresses, tls_addresses) = (self.addresses().to_vec(), self.tls_addresses().to_vec());
        let mut open = Open::new(addresses, tls_addresses, responder.clone());
        for (number, sockets) in self.workers.into_iter().enumerate() {
            let (settings, responder, quota) = (self.settings.clone(), responder.clone(), Arc::clone(&quota));
            let worker = |stop| Worker::new(settings, responder, quota, stop);
            open.spawn(format!("worker-{number}"), |renewed, stop| run(worker(stop), sockets, renewed))?;
        }
        Ok(open)
    }
}

impl<R: Responder> Open<R> {
    /// Doors at these addresses, behind which nobody stands yet.
    pub(crate) fn new(addresses: Vec<SocketAddr>, tls_addresses: Vec<SocketAddr>, responder: R) -> Self {
        Self { threads: Threads::new(), addresses, tls_addresses, responder: watch::Sender::new(responder) }
    }

    /// Starts a thread that carries out what `serve` makes of the responders to come and of the word to stop.
    pub(crate) fn spawn<F: Future<Output = ()>>(
        &mut self,
        name: String,
        serve: impl FnOnce(watch::Receiver<R>, Stop) -> F + Send + 'static,
    ) -> io::Result<()> {
        let renewed = self.responder.subscribe();
        self.threads.spawn(name, |stop| serve(renewed, stop))
    }

    /// The addresses that are served, with their ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Those that are served with TLS.
    #[must_use]
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// From now on `responder` answers; what is in hand stays with whoever has it.
    pub fn renew(&self, responder: R) {
        self.responder.send_replace(responder);
    }

    /// Takes no more connections, lets what is in hand finish within the time that is granted, answers over UDP what is
    /// known meanwhile, and returns when all threads have ended. Blocks the calling thread until then.
    pub fn close(self) {
        self.threads.close();
    }
}

/// Serves these sockets until the word to stop, and what is in hand then.
async fn run<R: Responder>(worker: Worker<R>, sockets: Sockets, mut renewed: watch::Receiver<R>) {
    let mut stop = worker.stop.clone();
    let (time, worker) = (worker.settings.drain, Rc::new(worker));
    let waiting = Rc::new(Waiting::new(&worker.settings));
    let (mut doors, mut listeners) = (Vec::new(), Vec::new());
    for socket in sockets.udp {
        let (worker, waiting) = (Rc::clone(&worker), Rc::clone(&waiting));
        doors.push(spawn_local(async move { udp::serve(socket, &worker, &waiting).await }));
    }
    let tls = worker.settings.certificate.as_ref().map(Certificate::for_dns);
    let plain = sockets.tcp.into_iter().map(|listener| (listener, None));
    for (listener, tls) in plain.chain(sockets.tls.into_iter().map(|listener| (listener, tls.clone()))) {
        let (worker, waiting) = (Rc::clone(&worker), Rc::clone(&waiting));
        listeners.push(spawn_local(async move { tcp::serve(listener, tls, &worker, &waiting).await }));
    }
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Ok(()) = renewed.changed() => {
                worker.renew(renewed.borrow_and_update().clone());
            }
        }
    }
    listeners.iter().for_each(JoinHandle::abort);
    // The system may have received queries that are not taken yet.
    sleep(DRAIN_STEP).await;
    worker.is_closing.set(true);
    // Each UDP query in hand and each TCP connection holds the waiting table; so do the doors for UDP that there
    // are, which answer what is known to the end, this, and no one else.
    let doors = doors.iter().filter(|door| !door.is_finished()).count();
    drain(&waiting, doors, time).await;
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, UdpSocket};
    use std::os::fd::OwnedFd;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::{Now, Peer};
    use super::*;

    /// Says when it has a query, and takes its time.
    #[derive(Clone)]
    struct Slow(mpsc::Sender<()>);

    impl Responder for Slow {
        fn foresee<'a>(&self, _: impl Iterator<Item = &'a [u8]>) {}

        fn answer_now(&self, _: &[u8], _: &Peer, _: &mut Vec<u8>) -> Now {
            Now::Later
        }

        async fn answer_later(&self, query: Vec<u8>, _: Peer) -> Option<Vec<u8>> {
            self.0.send(()).unwrap();
            sleep(20 * DRAIN_STEP).await;
            Some(query)
        }

        fn admits(&self, _: IpAddr) -> bool {
            true
        }
    }

    #[test]
    fn a_door_that_cannot_be_served_holds_nothing_and_takes_no_time_from_the_queries_in_hand() {
        let addresses = vec!["127.0.0.1:0".parse().unwrap()];
        let drain = Duration::from_secs(60);
        let mut doors = Doors::bind(&ListenSettings { addresses, drain, ..ListenSettings::default() }).unwrap();
        doors.workers[0].udp.push(UdpSocket::from(OwnedFd::from(tempfile::tempfile().unwrap())));
        let (begun, begins) = mpsc::channel();
        let open = doors.open(&Slow(begun)).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(open.addresses()[0]).unwrap();
        client.send(b"query").unwrap();
        begins.recv().unwrap();
        open.close();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(client.recv(&mut [0; 512]).unwrap(), 5);
    }
}
