//! Where names lie inside the data of records, and reading that data without its compression.

use smallvec::SmallVec;

use super::cursor::Cursor;
use super::{Fault, RecordType};

/// A piece of RDATA, as far as a reader must know it to find the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A domain name.
    Name,
    /// So many octets.
    Octets(usize),
    /// A character-string: a length octet and that many octets.
    Text,
    /// Whatever is left, perhaps nothing.
    Rest,
}

use Part::{Name, Octets, Rest, Text};

/// The parts of the data of a type. Types that hold no name and have no fixed length are one [`Part::Rest`].
///
/// Receivers decompress the names in the types of RFC 1035 and in those of RFC 3597 §4 that were once sent
/// compressed; later types must not be compressed, and a reader that takes a pointer in them all the same
/// loses nothing, as no label of theirs can look like one.
pub(crate) fn layout(rtype: RecordType) -> &'static [Part] {
    match u16::from(rtype) {
        // A
        1 => &[Octets(4)],
        // NS MD MF CNAME MB MG MR PTR DNAME
        2..=5 | 7..=9 | 12 | 39 => &[Name],
        // SOA
        6 => &[Name, Name, Octets(20)],
        // MINFO RP
        14 | 17 => &[Name, Name],
        // MX AFSDB RT KX
        15 | 18 | 21 | 36 => &[Octets(2), Name],
        // SIG RRSIG
        24 | 46 => &[Octets(18), Name, Rest],
        // PX
        26 => &[Octets(2), Name, Name],
        // AAAA
        28 => &[Octets(16)],
        // NXT NSEC
        30 | 47 => &[Name, Rest],
        // SRV
        33 => &[Octets(6), Name],
        // NAPTR
        35 => &[Octets(4), Text, Text, Text, Name],
        // SVCB HTTPS
        64 | 65 => &[Octets(2), Name, Rest],
        _ => &[Rest],
    }
}

/// Whether names in the data of this type may be written compressed: the types of RFC 1035 alone (RFC 3597 §4).
pub(crate) fn may_compress(rtype: RecordType) -> bool {
    matches!(u16::from(rtype), 2..=9 | 12 | 14 | 15)
}

/// Whether the alias of a name stands for what it would have of this type. Not where the name has such records beside
/// the alias: KEY, SIG, NSEC and RRSIG (RFC 2181 §10.1, RFC 4035 §2.5), and DS, over which the zone above has the say.
/// It is but a part of the answer to ANY.
pub(crate) fn is_aliased(qtype: RecordType) -> bool {
    use RecordType::{ANY, CNAME, DS, KEY, NSEC, RRSIG, SIG};
    !matches!(qtype, CNAME | ANY | DS | KEY | SIG | NSEC | RRSIG)
}

/// Whether a record of this type can be data. 0 and the range 128..=255 of meta and question types cannot
/// (RFC 6895 §3.1), nor can OPT.
pub(crate) fn is_data(rtype: RecordType) -> bool {
    !matches!(u16::from(rtype), 0 | 41 | 128..=255)
}

/// Reads the data at the cursor, `len` octets of it, with every name decompressed by following at most `hops` pointers.
pub(crate) fn read(
    message: Cursor<'_>,
    len: usize,
    rtype: RecordType,
    hops: &mut usize,
) -> Result<super::Octets, Fault> {
    let mut cursor = message.window(len)?;
    let parts = layout(rtype);
    if let [Octets(expected)] = *parts {
        return if len == expected {
            cursor.take(len).map(Into::into)
        } else {
            Err(Fault::Length { expected, found: len })
        };
    }
    if parts == [Rest] {
        return cursor.take(len).map(Into::into);
    }
    if parts == [Name] {
        let name = cursor.name(hops)?;
        return if cursor.rest().is_empty() { Ok(name.into()) } else { Err(Fault::Surplus(cursor.rest().len())) };
    }
    let mut data = SmallVec::<[u8; 512]>::new();
    for part in parts {
        match *part {
            Name => data.extend_from_slice(cursor.name(hops)?.wire()),
            Octets(count) => data.extend_from_slice(cursor.take(count)?),
            Text => {
                let count = usize::from(*cursor.rest().first().ok_or(Fault::Short)?);
                data.extend_from_slice(cursor.take(count + 1)?);
            }
            Rest => data.extend_from_slice(cursor.take(cursor.rest().len())?),
        }
    }
    match cursor.rest().len() {
        // Decompression may have made the data too long for its own length field.
        0 if u16::try_from(data.len()).is_ok() => Ok(data[..].into()),
        0 => Err(Fault::LongData),
        surplus => Err(Fault::Surplus(surplus)),
    }
}
