//! The UDP loop of a worker: take what waits, answer it, send the answers, all in batches.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::task::{spawn_local, yield_now};

use super::sys::{self, BATCH, Batch};
use super::waiting::Waiting;
use super::worker::Worker;
use super::{Now, Peer, Responder, Transport};

/// Pause after an error that a socket should not give, so that it cannot keep the processor busy.
const PAUSE: Duration = Duration::from_millis(10);

/// One UDP socket of a worker.
struct Door {
    socket: AsyncFd<UdpSocket>,
    bound: SocketAddr,
}

/// Serves `socket` until the task is aborted.
pub(super) async fn serve<R: Responder>(socket: UdpSocket, worker: &Rc<Worker<R>>, waiting: &Rc<Waiting>) {
    let door = socket.local_addr().and_then(|bound| Ok(Rc::new(Door { socket: sys::register(socket)?, bound })));
    let door = match door {
        Ok(door) => door,
        Err(error) => return tracing::error!("a UDP socket cannot be served: {error}"),
    };
    let mut batch = Batch::new();
    loop {
        let count = door.receive(&mut batch).await;
        batch.answer_each(count, |packet, out| {
            let local = packet.local.map_or(door.bound, |mut local| {
                local.set_port(door.bound.port());
                local
            });
            let peer = Peer { client: packet.from, transport: Transport::Udp, local };
            match worker.answer_now(packet.bytes, &peer, out) {
                Now::Sent => return true,
                Now::Drop => {}
                Now::Later => later(&door, worker, waiting, packet.bytes, peer, packet.local),
            }
            false
        });
        door.send(&mut batch).await;
        if count == BATCH {
            // More is waiting, but so may be the answers to the queries that came before.
            yield_now().await;
        }
    }
}

impl Door {
    /// Waits for datagrams and fills the batch with those that are there.
    async fn receive(&self, batch: &mut Batch) -> usize {
        loop {
            let Ok(mut ready) = self.socket.readable().await else { return pause().await };
            match batch.receive(self.socket.get_ref().as_fd()) {
                Ok(count) => {
                    if count < BATCH {
                        // The kernel had no more to give: this saves the call that would say so. What arrives
                        // from here on is a new event.
                        ready.clear_ready();
                    }
                    return count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return pause().await,
            }
        }
    }

    async fn send(&self, batch: &mut Batch) {
        while let Err(full) = batch.send(self.socket.get_ref().as_fd()) {
            debug_assert_eq!(full.kind(), io::ErrorKind::WouldBlock, "batches keep other errors to themselves");
            match self.socket.writable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => return,
            }
        }
    }

    async fn send_one(&self, answer: &[u8], to: SocketAddr, from: Option<SocketAddr>) {
        while let Err(error) = sys::send_one(self.socket.get_ref().as_fd(), answer, to, from) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return;
            }
            match self.socket.writable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => return,
            }
        }
    }
}

async fn pause() -> usize {
    tokio::time::sleep(PAUSE).await;
    0
}

/// Has a query answered by a task of its own, if it finds a place to wait in; otherwise it is dropped, which a
/// client takes for the loss of a packet.
fn later<R: Responder>(
    door: &Rc<Door>,
    worker: &Rc<Worker<R>>,
    waiting: &Rc<Waiting>,
    query: &[u8],
    peer: Peer,
    from: Option<SocketAddr>,
) {
    let Some(place) = waiting.place(peer.client.ip()) else { return };
    let kept = place.kept;
    let (door, worker, query) = (Rc::clone(door), Rc::clone(worker), query.to_vec());
    let task = spawn_local(async move {
        if let Some(answer) = worker.responder.answer_later(query, peer).await {
            door.send_one(&answer, peer.client, from).await;
        }
        drop(place);
    });
    waiting.served_by(kept, task.abort_handle());
}
