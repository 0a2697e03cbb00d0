//! TCP connections, with TLS inside or without, from their first packet until somebody serves them.

use std::io;
use std::rc::Rc;

use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use super::conversation::Conversation;
use super::waiting::Waiting;
use super::worker::Worker;
use super::{Peer, Responder, Transport, pause_after, tls};

/// Accepts connections until the task is aborted; those of clients that speak TLS there, with what shakes hands.
pub(super) async fn serve<R: Responder>(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    worker: &Rc<Worker<R>>,
    waiting: &Rc<Waiting>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("a TCP socket cannot be served: {error}"),
    };
    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
    loop {
        match worker.turns.accept(&listener, tls.is_some()).await {
            Ok((mut stream, client)) => {
                if tls.is_some() && !worker.admits(client.ip()) {
                    continue;
                }
                // Over the limit the connection is closed at once rather than left to wait in the kernel
                // (RFC 7766 §6.2.2), where it would hold up those of other clients.
                let (Some(seat), Ok(local)) = (worker.quota.seat(client.ip()), stream.local_addr()) else { continue };
                // An answer must not wait for the acknowledgement of the one before it.
                let _ = stream.set_nodelay(true);
                let peer = Peer { client, transport, local, keepalive: None };
                let talk = Conversation::new(peer, seat, Rc::clone(worker), Rc::clone(waiting));
                match tls.clone() {
                    None => drop(spawn_local(async move { talk.hold(&mut stream).await })),
                    Some(tls) => drop(spawn_local(tls::converse(stream, tls, talk))),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => pause_after(&error).await,
        }
    }
}
