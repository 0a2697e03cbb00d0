//! Presentation format: types and record data as text, printable ASCII only.

mod parse;
mod rdata;
mod svcb;
mod types;

use std::fmt;

use super::{DNSClass, Record, RecordType, RrSet};

pub use parse::parse_record;
pub(crate) use parse::{ParsedRecord, bare, is_whole, odd_quote, parsed, plain};
pub use rdata::rdata_text;
pub use types::{class_name, parse_type, rcode_name, type_name, types};

/// Octets as text: what is not printable ASCII, and the backslash, as in RFC 1035 §5.1 with decimal escapes.
#[derive(Clone, Copy, Debug)]
pub struct Ascii<'a>(pub &'a [u8]);

impl Ascii<'_> {
    /// Columns that it takes when it is shown.
    pub(crate) fn columns(self) -> usize {
        let of = |octet: &u8| match octet {
            b'\\' => 2,
            0x20..=0x7e => 1,
            _ => 4,
        };
        self.0.iter().map(of).sum()
    }
}

impl fmt::Display for Ascii<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| escaped(*octet, f))
    }
}

/// Octets as a character-string in quotes (RFC 1035 §5.1), with the quote escaped as well.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for octet in self.0 {
            match octet {
                b'"' => f.write_str("\\\"")?,
                octet => escaped(*octet, f)?,
            }
        }
        f.write_str("\"")
    }
}

fn escaped(octet: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match octet {
        b'\\' => f.write_str("\\\\"),
        0x20..=0x7e => write!(f, "{}", char::from(octet)),
        _ => write!(f, "\\{octet:03}"),
    }
}

/// A record as a line of a zone file: `www.example.com. 300 IN A 192.0.2.1`.
#[must_use]
pub fn record_text(record: &Record) -> impl fmt::Display {
    RecordText(record)
}

struct RecordText<'a>(&'a Record);

impl fmt::Display for RecordText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { owner, rtype, class, ttl_secs, rdata } = self.0;
        write!(f, "{owner} {ttl_secs} {} {} {}", class_name(*class), type_name(*rtype), rdata_text(*rtype, rdata))
    }
}

/// The lines of a zone file that a set makes, its signatures last.
pub fn set_lines(set: &RrSet) -> impl Iterator<Item = String> + '_ {
    let members = set.rdatas.iter().map(|rdata| (set.rtype, rdata));
    let sigs = set.sigs.iter().map(|rdata| (RecordType::RRSIG, rdata));
    members.chain(sigs).map(|(rtype, rdata)| {
        let (owner, class) = (&set.owner, class_name(DNSClass::IN));
        format!("{owner} {} {class} {} {}", set.ttl_secs, type_name(rtype), rdata_text(rtype, rdata))
    })
}
