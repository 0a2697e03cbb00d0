//! Where the root of the Internet is, compiled in: a walk can start with no file at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::RootHint;

/// Letter, IPv4 and IPv6 address of each of the thirteen `X.root-servers.net.`, from the glue in the root
/// zone of 2026. Hints only start a walk: the priming query (RFC 9609) replaces them with what the root says.
const ROOTS: [(char, Ipv4Addr, [u16; 8]); 13] = [
    ('a', Ipv4Addr::new(198, 41, 0, 4), [0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30]),
    ('b', Ipv4Addr::new(170, 247, 170, 2), [0x2801, 0x1b8, 0x10, 0, 0, 0, 0, 0xb]),
    ('c', Ipv4Addr::new(192, 33, 4, 12), [0x2001, 0x500, 2, 0, 0, 0, 0, 0xc]),
    ('d', Ipv4Addr::new(199, 7, 91, 13), [0x2001, 0x500, 0x2d, 0, 0, 0, 0, 0xd]),
    ('e', Ipv4Addr::new(192, 203, 230, 10), [0x2001, 0x500, 0xa8, 0, 0, 0, 0, 0xe]),
    ('f', Ipv4Addr::new(192, 5, 5, 241), [0x2001, 0x500, 0x2f, 0, 0, 0, 0, 0xf]),
    ('g', Ipv4Addr::new(192, 112, 36, 4), [0x2001, 0x500, 0x12, 0, 0, 0, 0, 0xd0d]),
    ('h', Ipv4Addr::new(198, 97, 190, 53), [0x2001, 0x500, 1, 0, 0, 0, 0, 0x53]),
    ('i', Ipv4Addr::new(192, 36, 148, 17), [0x2001, 0x7fe, 0, 0, 0, 0, 0, 0x53]),
    ('j', Ipv4Addr::new(192, 58, 128, 30), [0x2001, 0x503, 0xc27, 0, 0, 0, 2, 0x30]),
    ('k', Ipv4Addr::new(193, 0, 14, 129), [0x2001, 0x7fd, 0, 0, 0, 0, 0, 1]),
    ('l', Ipv4Addr::new(199, 7, 83, 42), [0x2001, 0x500, 0x9f, 0, 0, 0, 0, 0x42]),
    ('m', Ipv4Addr::new(202, 12, 27, 33), [0x2001, 0xdc3, 0, 0, 0, 0, 0, 0x35]),
];

/// The compiled-in hints, one entry per address.
pub(super) fn internet() -> Vec<RootHint> {
    let entry = |letter: char, address: IpAddr| {
        let name = format!("{letter}.root-servers.net.").parse().ok()?;
        Some(RootHint { name, address })
    };
    let both = |(letter, v4, v6): (char, Ipv4Addr, [u16; 8])| {
        [entry(letter, v4.into()), entry(letter, Ipv6Addr::from(v6).into())]
    };
    ROOTS.into_iter().flat_map(both).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_names_with_two_addresses_each() {
        let hints = internet();
        assert_eq!(hints.len(), 26);
        assert_eq!(hints.iter().filter(|hint| hint.address.is_ipv4()).count(), 13);
        // b moved in November 2023; the addresses before that no longer answer for ever.
        let b: Vec<_> = hints.iter().filter(|hint| hint.name.to_string().starts_with('b')).collect();
        assert_eq!(b[0].address, "170.247.170.2".parse::<IpAddr>().unwrap());
        assert_eq!(b[1].address, "2801:1b8:10::b".parse::<IpAddr>().unwrap());
        assert_eq!(hints[1].address, "2001:503:ba3e::2:30".parse::<IpAddr>().unwrap());
    }
}
