//! The parameters of SVCB and HTTPS records as text (RFC 9460 §2.1).

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;

use super::super::svcb::{self, key};
use super::Quoted;

/// One parameter. The generic form is legal for every key, and right where a value is not what its key asks for.
pub(super) fn param(&(key, value): &(u16, &[u8])) -> String {
    known(key, value).unwrap_or_else(|| match value {
        [] => format!("key{key}"),
        value => format!("key{key}={}", Quoted(value)),
    })
}

fn known(key: u16, value: &[u8]) -> Option<String> {
    let name = key_name(key)?;
    let value = match key {
        key::MANDATORY => list(value, |key: [u8; 2]| {
            let key = u16::from_be_bytes(key);
            key_name(key).map_or_else(|| format!("key{key}"), str::to_owned)
        })?,
        key::ALPN => alpn(value)?,
        key::NO_DEFAULT_ALPN | key::OHTTP => return value.is_empty().then(|| name.to_owned()),
        key::PORT => u16::from_be_bytes(value.try_into().ok()?).to_string(),
        key::IPV4HINT => list(value, |octets: [u8; 4]| Ipv4Addr::from(octets).to_string())?,
        key::ECH if !value.is_empty() => BASE64.encode(value),
        key::IPV6HINT => list(value, |octets: [u8; 16]| Ipv6Addr::from(octets).to_string())?,
        key::DOHPATH if !value.is_empty() => Quoted(value).to_string(),
        _ => return None,
    };
    Some(format!("{name}={value}"))
}

fn key_name(key: u16) -> Option<&'static str> {
    let names = ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"];
    names.get(usize::from(key)).copied()
}

/// Items of `N` octets with commas between; `None` when there are none or the last is cut short.
fn list<const N: usize>(value: &[u8], show: impl Fn([u8; N]) -> String) -> Option<String> {
    let (items, rest) = value.as_chunks::<N>();
    let good = rest.is_empty() && !items.is_empty();
    good.then(|| items.iter().map(|item| show(*item)).collect::<Vec<_>>().join(","))
}

/// Protocol names; `None` when one would have to be escaped twice (RFC 9460 §7.1.1), which the generic form avoids.
fn alpn(value: &[u8]) -> Option<String> {
    let is_plain = |name: &[u8]| name.iter().all(|octet| octet.is_ascii_graphic() && !b",\\\"();".contains(octet));
    let name = |name| str::from_utf8(name).ok().filter(|_| is_plain(name));
    Some(svcb::protocols(value)?.into_iter().map(name).collect::<Option<Vec<_>>>()?.join(","))
}
