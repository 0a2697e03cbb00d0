//! A query over UDP, from a socket of its own that is gone when the reply has come.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

use rand::RngExt;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{Answered, Outcome, UpstreamSettings, matching, note, source, unreachable};
use crate::trace::{Ignored, Unreachable};
use crate::walk::ask::Ask;

/// Ports to try before it is concluded that none is free.
const PORT_TRIES: usize = 32;

thread_local! {
    /// Room for one datagram, used between two awaits only.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; 65535]);
}

/// Sends `query` and listens until `deadline`; a fresh random port for each query makes the pair of port and id hard to
/// guess, and a connected socket gets packets of the server alone, and the ICMP errors about it (RFC 5452 §9.2).
pub(super) async fn exchange(
    settings: &UpstreamSettings,
    ask: &Ask,
    id: u16,
    query: &[u8],
    deadline: Instant,
    ignored: &mut Vec<Ignored>,
) -> Outcome {
    let socket = connected(settings, ask.server).map_err(|error| unreachable(&error))?;
    let sent = Instant::now();
    socket.send(query).await.map_err(|error| unreachable(&error))?;
    let listen = async {
        loop {
            socket.readable().await.map_err(|error| unreachable(&error))?;
            let received = ROOM.with_borrow_mut(|room| {
                let len = socket.try_recv(room)?;
                Ok((len, matching::read(&room[..len], id, ask)))
            });
            match received {
                Ok((bytes, Ok(reply))) => return Ok(Answered { reply, bytes, rtt: sent.elapsed() }),
                Ok((_, Err(Ignored::WrongCase))) => {
                    // Id, port and question are right, so this is all that the server has to say; the walk can ask
                    // it over TCP at once. Whoever forged it has won no more than that.
                    note(ignored, Ignored::WrongCase);
                    return Err(Unreachable::CaseMismatch);
                }
                Ok((_, Err(other))) => note(ignored, other),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(unreachable(&error)),
            }
        }
    };
    timeout_at(deadline, listen).await.unwrap_or(Err(Unreachable::Timeout))
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A socket that is connected to the server, on a port that nobody can predict.
fn connected(settings: &UpstreamSettings, server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    let from = source(settings, server);
    let mut tries = PORT_TRIES;
    loop {
        tries -= 1;
        match socket.bind(&SocketAddr::new(from, port(settings)).into()) {
            Ok(()) => break,
            // Somebody has it, or may use it alone (EACCES under 1024): the next draw is independent of this one.
            Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    socket.connect(&server.into())?;
    UdpSocket::from_std(socket.into())
}

fn port(settings: &UpstreamSettings) -> u16 {
    let mut dice = rand::rng();
    // The ports to avoid are few; a setting that avoids all of them ends here as well.
    for _ in 0..PORT_TRIES {
        let port = dice.random_range(settings.ports.clone());
        if !settings.avoid_ports.contains(&port) {
            return port;
        }
    }
    0
}
