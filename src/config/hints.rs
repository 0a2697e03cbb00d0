//! Where the root of the Internet is, compiled in: a walk can start with no file at all.

use super::RootHint;

/// Letter, IPv4 and IPv6 address of each of the thirteen `X.root-servers.net.`, from the glue in the root
/// zone of 2026. Hints only start a walk: the priming query (RFC 9609) replaces them with what the root says.
const ROOTS: [(char, [&str; 2]); 13] = [
    ('a', ["198.41.0.4", "2001:503:ba3e::2:30"]),
    ('b', ["170.247.170.2", "2801:1b8:10::b"]),
    ('c', ["192.33.4.12", "2001:500:2::c"]),
    ('d', ["199.7.91.13", "2001:500:2d::d"]),
    ('e', ["192.203.230.10", "2001:500:a8::e"]),
    ('f', ["192.5.5.241", "2001:500:2f::f"]),
    ('g', ["192.112.36.4", "2001:500:12::d0d"]),
    ('h', ["198.97.190.53", "2001:500:1::53"]),
    ('i', ["192.36.148.17", "2001:7fe::53"]),
    ('j', ["192.58.128.30", "2001:503:c27::2:30"]),
    ('k', ["193.0.14.129", "2001:7fd::1"]),
    ('l', ["199.7.83.42", "2001:500:9f::42"]),
    ('m', ["202.12.27.33", "2001:dc3::35"]),
];

/// The compiled-in hints, one entry per address.
pub(super) fn internet() -> Vec<RootHint> {
    let hint = |letter: char, address: &str| {
        let name = format!("{letter}.root-servers.net.").parse().ok()?;
        Some(RootHint { name, address: address.parse().ok()? })
    };
    ROOTS.iter().flat_map(|(letter, addresses)| addresses.map(|address| hint(*letter, address))).flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

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
