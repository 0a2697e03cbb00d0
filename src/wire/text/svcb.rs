//! The parameters of SVCB and HTTPS records as text (RFC 9460 §2.1).

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;

use super::super::Fault;
use super::super::cursor::Cursor;
use super::Quoted;

/// The parameters up to the end of the data, one text each. Keys must ascend (RFC 9460 §2.2).
pub(super) fn params(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    let mut params = Vec::new();
    let mut least = 0;
    while !cursor.rest().is_empty() {
        let (key, len) = (cursor.u16()?, cursor.u16()?);
        let value = cursor.take(usize::from(len))?;
        if u32::from(key) < least {
            return Err(Fault::Short);
        }
        least = u32::from(key) + 1;
        // The generic form is legal for every key, and right where a value is not what its key asks for.
        params.push(known(key, value).unwrap_or_else(|| generic(key, value)));
    }
    Ok(params)
}

fn generic(key: u16, value: &[u8]) -> String {
    if value.is_empty() { format!("key{key}") } else { format!("key{key}={}", Quoted(value)) }
}

fn known(key: u16, value: &[u8]) -> Option<String> {
    let name = key_name(key)?;
    let value = match key {
        0 => list(value, |key: [u8; 2]| {
            let key = u16::from_be_bytes(key);
            key_name(key).map_or_else(|| format!("key{key}"), str::to_owned)
        })?,
        1 => alpn(value)?,
        2 | 8 => return value.is_empty().then(|| name.to_owned()),
        3 => u16::from_be_bytes(value.try_into().ok()?).to_string(),
        4 => list(value, |octets: [u8; 4]| Ipv4Addr::from(octets).to_string())?,
        5 if !value.is_empty() => BASE64.encode(value),
        6 => list(value, |octets: [u8; 16]| Ipv6Addr::from(octets).to_string())?,
        7 if !value.is_empty() => Quoted(value).to_string(),
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
    let mut rest = value;
    let mut names = Vec::new();
    while let Some((len, tail)) = rest.split_first() {
        let (name, tail) = tail.split_at_checked(usize::from(*len))?;
        let is_plain =
            !name.is_empty() && name.iter().all(|octet| octet.is_ascii_graphic() && !b",\\\"();".contains(octet));
        names.push(is_plain.then(|| str::from_utf8(name).ok()).flatten()?);
        rest = tail;
    }
    (!names.is_empty()).then(|| names.join(","))
}
