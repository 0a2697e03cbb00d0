//! EDNS: the OPT pseudo record (RFC 6891 §6.1).

use smallvec::SmallVec;

use super::{Ede, Fault, Octets};

/// Option code of the name server identifier (RFC 5001).
pub const NSID: u16 = 3;
/// Option code of cookies (RFC 7873).
pub const COOKIE: u16 = 10;
/// Option code of the time for which a TCP connection may be idle (RFC 7828).
pub const TCP_KEEPALIVE: u16 = 11;
/// Option code of octets that hide how long a message is (RFC 7830).
pub const PADDING: u16 = 12;
/// Option code of the tags of trusted keys (RFC 8145).
pub const KEY_TAG: u16 = 14;
/// Option code of extended errors (RFC 8914).
pub const EXTENDED_ERROR: u16 = 15;

/// Octets of an OPT record without options: root owner, type, class, TTL, length.
pub(crate) const BARE_OPT: usize = 11;
/// Most options that are read from the OPT record of a reply; answers the packet that is nothing but options.
pub(crate) const MAX_OPTIONS: usize = 100;

/// What an OPT record says, apart from the upper bits of the response code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edns {
    /// The version; 0 is the only one that exists.
    pub version: u8,
    /// The largest UDP message in octets that the sender takes; a value under 512 counts as 512.
    pub udp_size: u16,
    /// DNSSEC OK (RFC 3225).
    pub dnssec_ok: bool,
    /// The options, in their order.
    pub options: SmallVec<[EdnsOption; 1]>,
}

/// One EDNS option.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EdnsOption {
    /// The code of the IANA registry.
    pub code: u16,
    /// The data.
    pub data: Octets,
}

impl Edns {
    /// EDNS version 0 without options.
    #[must_use]
    pub fn new(udp_size: u16, dnssec_ok: bool) -> Self {
        Self { version: 0, udp_size, dnssec_ok, options: SmallVec::new() }
    }

    /// The data of the first option with this code.
    #[must_use]
    pub fn option(&self, code: u16) -> Option<&[u8]> {
        self.options.iter().find(|option| option.code == code).map(|option| &*option.data)
    }

    /// The extended errors among the options.
    pub fn edes(&self) -> impl Iterator<Item = Ede> + '_ {
        let of_ede = self.options.iter().filter(|option| option.code == EXTENDED_ERROR);
        of_ede.filter_map(|option| Ede::from_option(&option.data))
    }
}

/// The fixed fields of an OPT record, as they lie in class and TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OptFields {
    pub(crate) udp_size: u16,
    pub(crate) rcode_high: u8,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
}

impl OptFields {
    /// From class and TTL of the record.
    pub(crate) const fn read(class: u16, ttl: u32) -> Self {
        let [rcode_high, version, flags, _] = ttl.to_be_bytes();
        // RFC 6891 §6.2.3: values lower than 512 are treated as 512.
        let udp_size = if class < 512 { 512 } else { class };
        Self { udp_size, rcode_high, version, dnssec_ok: flags & 0x80 != 0 }
    }

    /// Appends the record up to its length field; `options_len` octets of options must follow.
    pub(crate) fn write(self, options_len: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, 0, 41]);
        out.extend_from_slice(&self.udp_size.to_be_bytes());
        out.extend_from_slice(&[self.rcode_high, self.version, if self.dnssec_ok { 0x80 } else { 0 }, 0]);
        out.extend_from_slice(&options_len.to_be_bytes());
    }
}

/// Appends one option.
pub(crate) fn write_option(code: u16, parts: [&[u8]; 2], out: &mut Vec<u8>) {
    // An option that cannot be counted in 16 bits is cut; no caller has one.
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&u16::try_from(len).unwrap_or_default().to_be_bytes());
    if u16::try_from(len).is_ok() {
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }
}

/// Walks over the options in the data of an OPT record; ends after an item that is an error.
pub(crate) fn options(data: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), Fault>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let item = match *rest {
            [] => return None,
            [c0, c1, l0, l1, ref tail @ ..] => {
                let len = usize::from(u16::from_be_bytes([l0, l1]));
                tail.split_at_checked(len).map(|split| (u16::from_be_bytes([c0, c1]), split))
            }
            _ => None,
        };
        let Some((code, (value, tail))) = item else {
            rest = &[];
            return Some(Err(Fault::Short));
        };
        rest = tail;
        Some(Ok((code, value)))
    })
}
