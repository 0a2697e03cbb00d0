//! A query over UDP, from a socket of its own that is gone when the reply has come.

use std::cell::RefCell;
use std::io::{self, Read};
use std::net::SocketAddr;

use rand::RngExt;
use smallvec::SmallVec;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
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
    // ICMP errors wake with neither EPOLLIN nor EPOLLHUP, so they have to be asked for by name.
    let wake = Interest::READABLE | Interest::ERROR;
    let listen = async {
        loop {
            let receive = || {
                ROOM.with_borrow_mut(|room| {
                    let len = (&*SockRef::from(&socket)).read(room)?;
                    Ok((len, matching::read(&mut room[..len], id, ask)))
                })
            };
            let received = socket.async_io(wake, receive).await;
            match received {
                Ok((bytes, Ok(reply))) => return Ok(Answered { reply, bytes, rtt: sent.elapsed() }),
                Ok((_, Err(Ignored::WrongCase))) => {
                    // Id, port and question are right, so this is all that the server has to say; the walk can ask
                    // it over TCP at once. Whoever forged it has won no more than that.
                    note(ignored, Ignored::WrongCase);
                    return Err(Unreachable::CaseMismatch);
                }
                Ok((_, Err(other))) => note(ignored, other),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreachable(&error)),
            }
        }
    };
    timeout_at(deadline, listen).await.unwrap_or(Err(Unreachable::Timeout))
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

/// Any port that the settings allow, each as likely as the others.
fn port(settings: &UpstreamSettings) -> u16 {
    let mut avoid: SmallVec<[u16; 8]> = settings.avoid_ports.iter().copied().collect();
    avoid.retain(|port| settings.ports.contains(port));
    avoid.sort_unstable();
    avoid.dedup();
    let count = settings.ports.len().saturating_sub(avoid.len());
    if count == 0 {
        return 0;
    }
    let nth = rand::rng().random_range(0..count);
    let drawn = settings.ports.start().saturating_add(u16::try_from(nth).unwrap_or(u16::MAX));
    // The nth allowed port: one further for each port to avoid on the way.
    avoid.iter().fold(drawn, |port, avoided| if port >= *avoided { port + 1 } else { port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_port_is_drawn_and_no_other() {
        let settings =
            UpstreamSettings { ports: 65531..=65535, avoid_ports: vec![65533, 53, 65535, 65533], sources: Vec::new() };
        let mut drawn: Vec<u16> = (0..400).map(|_| port(&settings)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [65531, 65532, 65534]);
        let all: Vec<u16> = (65531..=65535).collect();
        assert_eq!(port(&UpstreamSettings { avoid_ports: all, ..settings }), 0, "then the system chooses");
    }
}
