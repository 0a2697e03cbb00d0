//! The data of SVCB and HTTPS records (RFC 9460 §2.2): a priority, a name, then parameters, each a key and its value.

use std::net::IpAddr;

use super::Name;

/// The numbers of the keys that something is known of (RFC 9460 §14.3.2, RFC 9461 §5, RFC 9540 §4).
#[expect(missing_docs, reason = "RFC 9460 calls them so")]
pub mod key {
    pub const MANDATORY: u16 = 0;
    pub const ALPN: u16 = 1;
    pub const NO_DEFAULT_ALPN: u16 = 2;
    pub const PORT: u16 = 3;
    pub const IPV4HINT: u16 = 4;
    pub const ECH: u16 = 5;
    pub const IPV6HINT: u16 = 6;
    pub const DOHPATH: u16 = 7;
    pub const OHTTP: u16 = 8;
}

/// One record. Whether its values are what their keys ask for is for those to say who need them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svcb<'a> {
    /// Zero for an alias; the lower the sooner otherwise.
    pub priority: u16,
    /// Where the service is, or what the alias leads to.
    pub target: Name,
    /// The parameters, their keys in ascending order.
    pub params: Vec<(u16, &'a [u8])>,
}

impl<'a> Svcb<'a> {
    /// Reads a record; `None` when it is malformed.
    #[must_use]
    pub fn read(rdata: &'a [u8]) -> Option<Self> {
        let (priority, target, rest) = split(rdata)?;
        Some(Self { priority, target, params: params(rest)? })
    }

    /// The record as it is sent; a value that is too long for its own length field is left out.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut rdata = [&self.priority.to_be_bytes(), self.target.wire()].concat();
        for (key, value) in &self.params {
            if let Ok(len) = u16::try_from(value.len()) {
                rdata.extend([key.to_be_bytes(), len.to_be_bytes()].as_flattened());
                rdata.extend_from_slice(value);
            }
        }
        rdata
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: u16) -> Option<&'a [u8]> {
        self.params.iter().find(|(given, _)| *given == key).map(|(_, value)| *value)
    }
}

/// Every address that is hinted in a record, also where its parameters are malformed: in any order, more than once, or
/// with the last one cut short.
pub fn addresses(rdata: &[u8]) -> impl Iterator<Item = IpAddr> {
    let rest = split(rdata).map_or(&[][..], |(.., rest)| rest);
    each(rest).flatten().flat_map(|(key, value)| hints(key, value))
}

/// The parameters up to the end of the data; `None` where one is cut short, or their keys do not ascend.
pub(super) fn params(octets: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let params: Vec<_> = each(octets).collect::<Option<_>>()?;
    params.is_sorted_by(|(one, _), (next, _)| one < next).then_some(params)
}

/// The addresses in a value, if its key is one that has some (RFC 9460 §7.3).
pub fn hints(key: u16, value: &[u8]) -> impl Iterator<Item = IpAddr> {
    let (four, six) = match key {
        key::IPV4HINT => (value, &[][..]),
        key::IPV6HINT => (&[][..], value),
        _ => (&[][..], &[][..]),
    };
    let four = four.as_chunks::<4>().0.iter().copied().map(IpAddr::from);
    four.chain(six.as_chunks::<16>().0.iter().copied().map(IpAddr::from))
}

/// The names in a value of `alpn`, a length before each (RFC 9460 §7.1.1); `None` where there is none, one is empty, or
/// the last is cut short.
#[must_use]
pub fn protocols(mut value: &[u8]) -> Option<Vec<&[u8]>> {
    let mut names = Vec::new();
    while let Some((len, rest)) = value.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*len)).filter(|(name, _)| !name.is_empty())?;
        names.push(name);
        value = rest;
    }
    (!names.is_empty()).then_some(names)
}

/// Priority and target, and the octets of the parameters.
fn split(rdata: &[u8]) -> Option<(u16, Name, &[u8])> {
    let (priority, rest) = rdata.split_first_chunk()?;
    let (target, rest) = Name::split_first(rest)?;
    Some((u16::from_be_bytes(*priority), target, rest))
}

/// The parameters in whatever order; `None` in the place of one that is cut short, with which they end.
fn each(mut rest: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        let octets = std::mem::take(&mut rest);
        (!octets.is_empty()).then(|| {
            let ([key, key_low, len, len_low], tail) = octets.split_first_chunk()?;
            let (value, tail) = tail.split_at_checked(u16::from_be_bytes([*len, *len_low]).into())?;
            rest = tail;
            Some((u16::from_be_bytes([*key, *key_low]), value))
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::wire::name;
    use crate::wire::text::rdata_text;

    proptest! {
        /// Wherever it is cut, and whatever stands in it.
        #[test]
        fn what_was_written_is_read_and_nothing_else(
            priority in any::<u16>(),
            params in btree_map(0..12_u16, vec(any::<u8>(), 0..40), 0..8),
            (at, other) in any::<(usize, u8)>(),
        ) {
            let params = params.iter().map(|(key, value)| (*key, &value[..])).collect();
            let written = Svcb { priority, target: name("svc.example"), params };
            let rdata = written.write();
            let read = Svcb::read(&rdata);
            prop_assert_eq!(read.as_ref(), Some(&written));
            let found: Vec<_> = written.params.iter().flat_map(|(key, value)| hints(*key, value)).collect();
            prop_assert!(addresses(&rdata).eq(found.iter().copied()));
            let at = at % rdata.len();
            // Cut short it may be read as well: what is left of it is the same.
            if let Some(short) = Svcb::read(&rdata[..at]) {
                prop_assert_eq!(&short.params, &written.params[..short.params.len()]);
            }
            prop_assert!(found.starts_with(&addresses(&rdata[..at]).collect::<Vec<_>>()));
            let mut rdata = rdata.clone();
            rdata[at] = other;
            let read = Svcb::read(&rdata);
            prop_assert!(read.as_ref().is_none_or(|read| read.write() == rdata), "{:?}", read);
            // Shown by its parts just when it can be read.
            let text = rdata_text(crate::wire::RecordType::SVCB, &rdata).to_string();
            prop_assert_eq!(text.starts_with("\\#"), read.is_none(), "{}", text);
        }

        #[test]
        fn anything_is_read_without_harm(rdata in vec(any::<u8>(), 0..80)) {
            prop_assert!(Svcb::read(&rdata).is_none_or(|read| read.write() == rdata));
            prop_assert!(addresses(&rdata).count() * 4 <= rdata.len());
            let names = protocols(&rdata);
            prop_assert!(names.is_none_or(|names| names.iter().map(|name| 1 + name.len()).sum::<usize>() == rdata.len()));
        }
    }

    /// Who reads more kindly than RFC 9460 §2.2 has it must not be led elsewhere by that.
    #[test]
    fn addresses_are_seen_where_nobody_should_use_them() {
        let one = Svcb { priority: 1, target: Name::root(), params: vec![(key::IPV4HINT, &[10, 0, 0, 1]), (3, b"")] };
        let rdata = one.write();
        assert_eq!(Svcb::read(&rdata), None, "keys ascend");
        for end in [rdata.len(), rdata.len() - 2] {
            assert!(addresses(&rdata[..end]).eq([IpAddr::from([10, 0, 0, 1])]));
        }
    }
}
