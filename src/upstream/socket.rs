//! A UDP socket towards one server, on a port that nobody can predict.

use std::io;
use std::net::SocketAddr;

use rand::RngExt;
use smallvec::SmallVec;
use socket2::{Domain, Protocol, Socket, Type};

use super::{UpstreamSettings, source};

/// Ports to try before it is concluded that none is free.
const PORT_TRIES: usize = 32;

/// A socket that is connected to the server, on a port that nobody can predict.
///
/// # Errors
/// When the system grants none, or has no way to the server.
pub(super) fn connected(settings: &UpstreamSettings, server: SocketAddr) -> io::Result<Socket> {
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
