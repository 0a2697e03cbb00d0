//! TLS connections (RFC 7858): shake hands, then as over TCP.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Responder;
use super::conversation::Conversation;
use crate::tls::HANDSHAKE;

/// Octets that TLS keeps for a client that does not read: one record (RFC 8446 §5.1). What comes after that waits where
/// it is counted.
const KEPT: usize = 16 << 10;

/// Serves one connection to its end. It has its seat already: shaking hands is what costs most.
pub(super) async fn converse<R: Responder>(stream: TcpStream, tls: TlsAcceptor, talk: Conversation<R>) {
    let (client, worker) = (talk.client(), talk.worker());
    let (patience, mut stop) = (talk.patience().min(HANDSHAKE), worker.stop.clone());
    let shaking = tls.accept_with(stream, |session| session.set_buffer_limit(Some(KEPT)));
    let shaken = tokio::select! {
        shaken = timeout(patience, worker.turns.take(shaking)) => shaken,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let mut stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!("no TLS with {client}: {error}"),
        Err(_) => return tracing::debug!("no TLS with {client}: it takes too long"),
    };
    talk.hold(&mut stream).await;
    // RFC 8446 §6.1: so that the client knows that nothing was cut off. One that does not even read is not waited for.
    poll_fn(|context| {
        let _ = Pin::new(&mut stream).poll_shutdown(context);
        Poll::Ready(())
    })
    .await;
}
