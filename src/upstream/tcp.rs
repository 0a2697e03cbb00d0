//! A query over TCP, on a connection that was kept or on a new one (RFC 7766 §5, §6.2.1).

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Handle, Id};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout_at};

use super::peer::Peer;
use super::{Exchange, Upstream, UpstreamSettings, matching, note, source, unreachable};
use crate::sys::since_boot;
use crate::trace::{Ignored, Unreachable};
use crate::walk::ask::Answered;

/// How long a connection waits for its next query; servers close idle ones after some seconds too (RFC 7766 §6.2.3).
const IDLE: Duration = Duration::from_secs(4);
/// Most connections that wait for their next query, in each thread: each holds a descriptor here and at the server.
const MOST_IDLE: usize = 64;

/// A connection that waits for its next query.
struct Kept {
    /// A socket belongs to the runtime on which it was opened.
    runtime: Id,
    peer: Peer,
    stream: TcpStream,
    /// Since when, as [`since_boot`] has it: a server closes it while this machine is suspended as well.
    since: Duration,
}

thread_local! {
    /// The connections of this thread that wait, the one that waits longest first.
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Sends the query over a connection to the server and reads messages until one is the reply, until the deadline.
///
/// A kept connection may have been closed while the query was on its way: then nothing has come back over it, and a new
/// one takes its place (RFC 7766 §6.2.1), which is no second try, since the server has not answered the first.
pub(super) async fn exchange(
    upstream: &Upstream,
    exchange: &Exchange<'_>,
    ignored: &mut Vec<Ignored>,
) -> Result<Answered, Unreachable> {
    let talk = async {
        // Length and message in one write, so that they leave in one segment (RFC 7766 §8).
        let len = u16::try_from(exchange.query.len()).map_err(|_| Unreachable::Local)?;
        let framed = [&len.to_be_bytes(), exchange.query.as_slice()].concat();
        while let Some(stream) = take(&exchange.peer) {
            match converse(stream, &framed, exchange, ignored).await {
                Err(Unreachable::Closed) => {}
                outcome => return outcome,
            }
        }
        let connected = connect(&upstream.settings, exchange.ask.server).await;
        converse(connected.map_err(|error| unreachable(&error))?, &framed, exchange, ignored).await
    };
    timeout_at(exchange.deadline, talk).await.unwrap_or(Err(Unreachable::Timeout))
}

/// One query and its reply; a connection over which nothing else came is kept.
async fn converse(
    mut stream: TcpStream,
    framed: &[u8],
    exchange: &Exchange<'_>,
    ignored: &mut Vec<Ignored>,
) -> Result<Answered, Unreachable> {
    let sent = Instant::now();
    stream.write_all(framed).await.map_err(|error| unreachable(&error))?;
    let mut message = Vec::new();
    loop {
        if let Err(error) = read_message(&mut stream, &mut message).await {
            // It was reached and spoke, but said nothing of use.
            return Err(if ignored.is_empty() { unreachable(&error) } else { Unreachable::Garbage });
        }
        match matching::read(&mut message, exchange.id, exchange.ask) {
            Ok(reply) => {
                if ignored.is_empty() {
                    keep(exchange.peer, stream);
                }
                return Ok(Answered { reply, bytes: message.len(), rtt: sent.elapsed() });
            }
            Err(other) => {
                let ends = other.ends();
                note(ignored, other);
                if let Some(why) = ends {
                    return Err(why);
                }
            }
        }
    }
}

/// A connection to `peer` that waits and is still open.
fn take(peer: &Peer) -> Option<TcpStream> {
    close_idle();
    KEPT.with_borrow_mut(|kept| {
        loop {
            let Kept { stream, .. } = kept.remove(kept.iter().rposition(|waits| waits.peer == *peer)?);
            // The end of the stream can be read, and so can what nobody asked for.
            let nothing = stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            if nothing {
                return Some(stream);
            }
        }
    })
}

/// Closes the connections of this thread that have waited for too long.
fn close_idle() {
    let (here, now) = (Handle::current().id(), since_boot());
    KEPT.with_borrow_mut(|kept| {
        kept.retain(|waits| waits.runtime == here && now.saturating_sub(waits.since) < IDLE);
    });
}

fn keep(peer: Peer, stream: TcpStream) {
    KEPT.with_borrow_mut(|kept| {
        if kept.len() >= MOST_IDLE {
            kept.remove(0);
        }
        kept.push(Kept { runtime: Handle::current().id(), peer, stream, since: since_boot() });
    });
    // It may be long before anything is asked over TCP again.
    spawn_local(async {
        sleep(IDLE).await;
        close_idle();
    });
}

/// A connection to the server, from where the settings say.
pub(super) async fn connect(settings: &UpstreamSettings, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let from = source(settings, server);
    if !from.is_unspecified() {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(server).await
}

/// Reads one message with its length (RFC 1035 §4.2.2), which is never longer than 65535 octets.
async fn read_message(stream: &mut TcpStream, message: &mut Vec<u8>) -> io::Result<()> {
    let len = stream.read_u16().await?;
    message.clear();
    // The length is the server's word: room is made for what comes, not for what it promises.
    (&mut *stream).take(u64::from(len)).read_to_end(message).await?;
    if message.len() < usize::from(len) { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
