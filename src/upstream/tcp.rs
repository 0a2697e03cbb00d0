//! A query over TCP, on a connection of its own (RFC 7766 §5).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::{Answered, Outcome, UpstreamSettings, matching, note, source, unreachable};
use crate::trace::{Ignored, Unreachable};
use crate::walk::ask::Ask;

/// Connects, sends `query` and reads messages until one is the reply, until `deadline`.
pub(super) async fn exchange(
    settings: &UpstreamSettings,
    ask: &Ask,
    id: u16,
    query: &[u8],
    deadline: Instant,
    ignored: &mut Vec<Ignored>,
) -> Outcome {
    let talk = async {
        let mut stream = connect(settings, ask.server).await.map_err(|error| unreachable(&error))?;
        let sent = Instant::now();
        // Length and message in one write, so that they leave in one segment (RFC 7766 §8).
        let len = u16::try_from(query.len()).map_err(|_| Unreachable::Local)?;
        let framed = [&len.to_be_bytes(), query].concat();
        stream.write_all(&framed).await.map_err(|error| unreachable(&error))?;
        let mut message = Vec::new();
        loop {
            if let Err(error) = read_message(&mut stream, &mut message).await {
                // It was reached and spoke, but said nothing of use.
                return Err(if ignored.is_empty() { unreachable(&error) } else { Unreachable::Garbage });
            }
            match matching::read(&mut message, id, ask) {
                Ok(reply) => return Ok(Answered { reply, bytes: message.len(), rtt: sent.elapsed() }),
                Err(other) => note(ignored, other),
            }
        }
    };
    timeout_at(deadline, talk).await.unwrap_or(Err(Unreachable::Timeout))
}

async fn connect(settings: &UpstreamSettings, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let from = source(settings, server);
    if !from.is_unspecified() {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(server).await
}

/// Reads one message with its length (RFC 1035 §4.2.2), which is never longer than 65535 octets.
async fn read_message(stream: &mut TcpStream, message: &mut Vec<u8>) -> std::io::Result<()> {
    let len = stream.read_u16().await?;
    message.clear();
    // The length is the server's word: room is made for what comes, not for what it promises.
    (&mut *stream).take(u64::from(len)).read_to_end(message).await?;
    if message.len() < usize::from(len) { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
