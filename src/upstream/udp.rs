//! A query over UDP, from a port that a forger has to guess.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::RngExt;
use smallvec::SmallVec;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::{Instant, timeout_at};

use super::lines::{Come, Line, Lines};
use super::peer::Peer;
use super::{Answered, Outcome, Upstream, UpstreamSettings, matching, note, source, unreachable};
use crate::sys::is_out_of_files;
use crate::trace::{Ignored, Unreachable};
use crate::walk::ask::Ask;
use crate::wire::Reply;

/// Ports to try before it is concluded that none is free.
const PORT_TRIES: usize = 32;
/// How long a query waits when no more files may be open: less than the least patience with any server.
const PAUSE: Duration = Duration::from_millis(40);

thread_local! {
    /// Room for one datagram, used between two awaits only.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; 65535]);
}

/// Sends `query`, `now`, and listens until `deadline`. A random port makes the pair of port and id hard to guess, and a
/// connected socket gets packets of the server alone, and the ICMP errors about it (RFC 5452 §9.2).
pub(super) async fn exchange(
    upstream: &Upstream,
    ask: &Ask,
    (peer, id): (Peer, u16),
    query: &[u8],
    (now, deadline): (Instant, Instant),
    ignored: &mut Vec<Ignored>,
) -> Outcome {
    let mut misses = 0;
    let mut line = dial(upstream, peer, query, (now, deadline)).await.map_err(|error| unreachable(&error))?;
    loop {
        let sent = match line.come(deadline).await {
            Come::Something(sent) => sent,
            // What is wrong with it may concern a query before.
            Come::Unsent(_) if line.is_used() => {
                line = fresh(upstream, ask.server, query, deadline).await.map_err(|error| unreachable(&error))?;
                continue;
            }
            Come::Unsent(error) => return Err(unreachable(&error)),
            Come::Nothing => return Err(Unreachable::Timeout),
        };
        // One event may stand for several packets; nobody is told of those that are left.
        loop {
            let packet = receive(&line, id, ask);
            match packet {
                Ok((bytes, Ok(reply))) => {
                    if ignored.is_empty() {
                        line.keep(peer, id);
                    }
                    return Ok(Answered { reply, bytes, rtt: sent.elapsed() });
                }
                Ok((_, Err(what @ (Ignored::WrongCase | Ignored::NoCookie)))) => {
                    // Id, port and question are right, so this is all that the server has to say; the walk can ask
                    // it over TCP at once. Whoever forged it has won no more than that.
                    let why = if what == Ignored::NoCookie { Unreachable::NoCookie } else { Unreachable::CaseMismatch };
                    note(ignored, what);
                    return Err(why);
                }
                // The network has doubled the reply to the query before.
                Ok((_, Err(Ignored::WrongId { got, .. }))) if Some(got) == line.last_id() => {}
                Ok((_, Err(other))) => {
                    upstream.guesses.fetch_add(1, Ordering::Relaxed);
                    note(ignored, other);
                    misses += 1;
                    // Somebody guesses, and the reply may be lost among his packets.
                    if misses >= ask.near_misses {
                        return Err(Unreachable::NearMisses);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(unreachable(&error)),
            }
        }
    }
}

fn receive(line: &Line, id: u16, ask: &Ask) -> io::Result<(usize, Result<Box<Reply>, Ignored>)> {
    ROOM.with_borrow_mut(|room| {
        let len = line.receive(room)?;
        Ok((len, matching::read(&mut room[..len], id, ask)))
    })
}

/// Sends `query` over a line to `peer`: one that is open, or a new one.
async fn dial(upstream: &Upstream, peer: Peer, query: &[u8], (now, deadline): (Instant, Instant)) -> io::Result<Line> {
    match Lines::here()?.take(peer, now) {
        Some(line) => {
            line.send(query);
            Ok(line)
        }
        None => fresh(upstream, peer.server, query, deadline).await,
    }
}

/// Sends `query` over a new line.
async fn fresh(upstream: &Upstream, server: SocketAddr, query: &[u8], deadline: Instant) -> io::Result<Line> {
    let (lines, settings) = (Lines::here()?, &upstream.settings);
    let socket = match connected(settings, server) {
        // In a box: it is rare, and what can be sent at once need not have room for it.
        Err(error) if is_out_of_files(&error) => Box::pin(connected_later(&lines, settings, server, deadline)).await,
        socket => socket,
    };
    let line = lines.open(socket?, Instant::now())?;
    line.send(query);
    Ok(line)
}

/// A socket when no more files may be open: idle lines go first, and then it waits a moment for those under way. No
/// longer, since a server would be blamed for what never left.
async fn connected_later(
    lines: &Lines,
    settings: &UpstreamSettings,
    server: SocketAddr,
    deadline: Instant,
) -> io::Result<Socket> {
    let patient_until = deadline.min(Instant::now() + PAUSE);
    loop {
        if !lines.make_room() {
            let _ = timeout_at(patient_until, lines.room()).await;
        }
        match connected(settings, server) {
            Err(error) if is_out_of_files(&error) && Instant::now() < patient_until => {}
            socket => return socket,
        }
    }
}

/// A socket that is connected to the server, on a port that nobody can predict.
fn connected(settings: &UpstreamSettings, server: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    let from = source(settings, server);
    let mut tries = PORT_TRIES;
    loop {
        tries -= 1;
        match socket.bind(&SocketAddr::new(from, port(settings)).into()) {
            Ok(()) => break,
            // Somebody has it: the next draw is independent of this one.
            Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    socket.connect(&server.into())?;
    Ok(socket)
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
        let settings = UpstreamSettings {
            ports: 65531..=65535,
            avoid_ports: vec![65533, 53, 65535, 65533],
            sources: Vec::new(),
            ..UpstreamSettings::default()
        };
        let mut drawn: Vec<u16> = (0..400).map(|_| port(&settings)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [65531, 65532, 65534]);
        let all: Vec<u16> = (65531..=65535).collect();
        assert_eq!(port(&UpstreamSettings { avoid_ports: all, ..settings }), 0, "then the system chooses");
    }
}
