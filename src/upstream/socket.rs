//! A UDP socket towards one server, on a port that nobody can predict.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::{fs, io};

use rand::RngExt;
use smallvec::SmallVec;
use socket2::{Domain, Protocol, Socket, Type};

use super::{UpstreamSettings, source};
use crate::sys;
use crate::wire::Name;

/// Ports to try before it is concluded that none is free.
const PORT_TRIES: usize = 32;

/// Letters in random case that a name needs for the system to draw the port of its query.
const LETTERS: usize = 2;

/// A socket that is connected to the server, on a port that nobody can predict.
///
/// # Errors
/// When the system grants none, or has no way to the server.
pub(super) fn connected(settings: &UpstreamSettings, server: SocketAddr) -> io::Result<UdpSocket> {
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
    Ok(socket.into())
}

/// A socket that has no port until it is connected; then the system draws one of these, anew for each time.
///
/// # Errors
/// When the system grants none, or draws from all ports alike (before Linux 6.3).
pub(super) fn unbound(v6: bool, ports: &RangeInclusive<u16>) -> io::Result<UdpSocket> {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    sys::draw_port_from(socket.as_fd(), ports)?;
    Ok(socket.into())
}

/// The ports from which the system may draw under these settings. That it can be told them says as well that nobody
/// foresees which it takes: before Linux 5.10 others could (CVE-2020-16166).
pub(super) fn drawn_by_system(settings: &UpstreamSettings) -> Option<RangeInclusive<u16>> {
    let kernel = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
    let range = kernel("ip_local_port_range")?;
    let mut bounds = range.split_whitespace().map_while(|port| port.parse().ok());
    let ports = common(settings, bounds.next()?..=bounds.next()?, &kernel("ip_local_reserved_ports")?)?;
    (settings.sources.is_empty() && unbound(false, &ports).is_ok()).then_some(ports)
}

/// The longest row of ports that the settings allow and the `system` draws from, which takes none that are `reserved`
/// (such as "53,8080-8090"); if they are so many that a few letters in random case make up for those that are missing.
fn common(settings: &UpstreamSettings, system: RangeInclusive<u16>, reserved: &str) -> Option<RangeInclusive<u16>> {
    let first = u32::from(*settings.ports.start().max(system.start()));
    let end = u32::from(*settings.ports.end().min(system.end())) + 1;
    let row = |text: &str| {
        let (from, to) = text.trim().split_once('-').unwrap_or((text.trim(), text.trim()));
        Some((from.parse().ok()?, to.parse().ok()?))
    };
    let avoided = settings.avoid_ports.iter().map(|port| (u32::from(*port), u32::from(*port)));
    let mut avoid: Vec<(u32, u32)> = avoided.chain(reserved.split(',').filter_map(row)).collect();
    avoid.sort_unstable();
    // Behind the last port there is nothing.
    avoid.push((end, end));
    let (mut next, mut longest) = (first, first..first);
    for (from, to) in avoid {
        let row = next..from.min(end);
        if row.len() > longest.len() {
            longest = row;
        }
        next = next.max(to + 1);
    }
    let ports = u16::try_from(longest.start).ok()?..=u16::try_from(longest.end.checked_sub(1)?).ok()?;
    (ports.len() << LETTERS >= settings.ports.len()).then_some(ports)
}

/// Whether there are letters enough in a name, whose case has to come back, for the system to draw the port.
pub(super) fn has_letters(name: &Name) -> bool {
    name.wire().iter().filter(|octet| octet.is_ascii_alphabetic()).nth(LETTERS - 1).is_some()
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

    #[test]
    fn the_system_draws_only_from_ports_that_are_allowed_and_as_hard_to_guess() {
        let settings = |ports: RangeInclusive<u16>, avoid: &[u16]| UpstreamSettings {
            ports,
            avoid_ports: avoid.to_vec(),
            ..UpstreamSettings::default()
        };
        let (usual, system) = (UpstreamSettings::default(), 32_768..=60_999);
        let common = |settings: &UpstreamSettings, system: &RangeInclusive<u16>, reserved| {
            common(settings, system.clone(), reserved)
        };
        assert_eq!(common(&usual, &system, "\n"), Some(system.clone()));
        assert_eq!(common(&usual, &(1000..=65_535), ""), Some(11_212..=65_535), "the longest of four rows");
        assert_eq!(common(&usual, &(40_000..=40_999), ""), None, "too easy to guess");
        assert_eq!(common(&settings(40_000..=40_999, &[]), &system, ""), Some(40_000..=40_999));
        assert_eq!(common(&settings(40_000..=65_535, &[32_768, 60_000]), &system, ""), Some(40_000..=59_999));
        assert_eq!(common(&settings(61_000..=65_535, &[]), &system, ""), None, "they have none in common");
        assert_eq!(common(&settings(65_535..=65_535, &[65_535]), &(65_535..=65_535), ""), None);
        assert_eq!(common(&usual, &system, "53,32768-33000,60999\n"), Some(33_001..=60_998));
        assert_eq!(common(&usual, &system, "1-65535\n"), None);
        assert_eq!(common(&usual, &system, "33000-59000,40000-50000\n"), None, "the system draws from a thousand");
        let source = UpstreamSettings { sources: vec![[127, 0, 0, 1].into()], ..usual };
        assert_eq!(drawn_by_system(&source), None);
        for (name, is_enough) in [("a1.b2", true), ("ab", true), ("a.1", false), ("127.0.0.1", false), (".", false)] {
            assert_eq!(has_letters(&crate::wire::name(name)), is_enough, "{name}");
        }
    }
}
