//! Record data as text, each type by the shape that its RFC gives it.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE32HEX_NOPAD, BASE64, HEXUPPER};

use super::super::cursor::Cursor;
use super::super::svcb::params;
use super::super::{Fault, RecordType};
use super::{Quoted, svcb, type_name};
use crate::time::calendar;

/// How one field of RDATA is shown.
#[derive(Clone, Copy, Debug)]
enum Show {
    U8,
    U16,
    U32,
    V4,
    V6,
    Name,
    /// A type, as its mnemonic.
    Type,
    /// Seconds since 1970 as YYYYMMDDHHmmSS in UTC (RFC 4034 §3.2).
    Moment,
    /// One character-string, quoted.
    Text,
    /// Character-strings up to the end, at least one.
    Texts,
    /// A character-string of letters and digits, without quotes (the tag of CAA, RFC 8659 §4.1.1).
    Tag,
    /// Everything up to the end as one quoted string.
    QuotedRest,
    /// Everything up to the end, in hexadecimal.
    Hex,
    /// Everything up to the end, in Base64.
    Base64,
    /// So many octets, in hexadecimal with hyphens (RFC 7043 §3.2).
    Hyphens(usize),
    /// A length octet and a hash in Base32 with the extended alphabet (RFC 5155 §3.3).
    Hash,
    /// A length octet and a salt in hexadecimal, `-` for none (RFC 5155 §3.3).
    Salt,
    /// A type bitmap up to the end (RFC 4034 §4.1.2).
    Bitmap,
    /// Service parameters up to the end (RFC 9460 §2.2).
    Params,
}

use Show::{
    Base64, Bitmap, Hash, Hex, Hyphens, Moment, Name, Params, QuotedRest, Salt, Tag, Text, Texts, Type, U8, U16, U32,
    V4, V6,
};

/// The fields of a type; empty for one that has only the generic form.
fn shape(rtype: RecordType) -> &'static [Show] {
    match &*type_name(rtype) {
        "A" => &[V4],
        "AAAA" => &[V6],
        "NS" | "MD" | "MF" | "CNAME" | "MB" | "MG" | "MR" | "PTR" | "DNAME" => &[Name],
        "SOA" => &[Name, Name, U32, U32, U32, U32, U32],
        "MINFO" | "RP" | "TALINK" => &[Name, Name],
        "HINFO" => &[Text, Text],
        "MX" | "AFSDB" | "RT" | "KX" | "LP" => &[U16, Name],
        "PX" => &[U16, Name, Name],
        "TXT" | "SPF" | "NINFO" | "AVC" | "RESINFO" | "WALLET" | "CLA" => &[Texts],
        "SRV" => &[U16, U16, U16, Name],
        "NAPTR" => &[U16, U16, Text, Text, Text, Name],
        "URI" => &[U16, U16, QuotedRest],
        "CAA" => &[U8, Tag, QuotedRest],
        "DS" | "CDS" | "DLV" | "TA" => &[U16, U8, U8, Hex],
        "DNSKEY" | "CDNSKEY" | "KEY" | "RKEY" => &[U16, U8, U8, Base64],
        "CERT" => &[U16, U16, U8, Base64],
        "RRSIG" | "SIG" => &[Type, U8, U8, U32, Moment, Moment, U16, Name, Base64],
        "NSEC" => &[Name, Bitmap],
        "NSEC3" => &[U8, U8, U16, Salt, Hash, Bitmap],
        "NSEC3PARAM" => &[U8, U8, U16, Salt],
        "CSYNC" => &[U32, U16, Bitmap],
        "SSHFP" => &[U8, U8, Hex],
        "TLSA" | "SMIMEA" => &[U8, U8, U8, Hex],
        "ZONEMD" => &[U32, U8, U8, Hex],
        "OPENPGPKEY" | "DHCID" => &[Base64],
        "EUI48" => &[Hyphens(6)],
        "EUI64" => &[Hyphens(8)],
        "SVCB" | "HTTPS" => &[U16, Name, Params],
        _ => &[],
    }
}

/// Record data in presentation format: by its type, or in the generic form of RFC 3597 §5 (`\# 2 ABCD`) when the
/// type has no other here or the data is not of its shape. Printable ASCII on one line in any case.
#[must_use]
pub fn rdata_text(rtype: RecordType, rdata: &[u8]) -> impl fmt::Display {
    RdataText { rtype, rdata }
}

struct RdataText<'a> {
    rtype: RecordType,
    rdata: &'a [u8],
}

impl fmt::Display for RdataText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match typed(self.rtype, self.rdata) {
            Ok(text) => f.write_str(&text),
            Err(_) => generic(self.rdata, f),
        }
    }
}

fn generic(rdata: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\\# {}", rdata.len())?;
    if !rdata.is_empty() {
        write!(f, " {}", HEXUPPER.encode(rdata))?;
    }
    Ok(())
}

fn typed(rtype: RecordType, rdata: &[u8]) -> Result<String, Fault> {
    let shape = shape(rtype);
    if shape.is_empty() {
        return Err(Fault::Short);
    }
    let mut cursor = Cursor::new(rdata, 0);
    let mut text = String::new();
    for (nth, show) in shape.iter().enumerate() {
        if nth > 0 && !(matches!(show, Bitmap | Params) && cursor.rest().is_empty()) {
            text.push(' ');
        }
        field(*show, &mut cursor, &mut text)?;
    }
    if cursor.rest().is_empty() { Ok(text) } else { Err(Fault::Surplus(cursor.rest().len())) }
}

fn field(show: Show, cursor: &mut Cursor<'_>, text: &mut String) -> Result<(), Fault> {
    // Writing to a String cannot fail; the results are dropped in one place below.
    let _infallible = match show {
        U8 => write!(text, "{}", cursor.take(1)?[0]),
        U16 => write!(text, "{}", cursor.u16()?),
        U32 => write!(text, "{}", cursor.u32()?),
        V4 => write!(text, "{}", Ipv4Addr::from(cursor.array()?)),
        V6 => write!(text, "{}", Ipv6Addr::from(cursor.array()?)),
        // What is kept has no pointers in it.
        Name => write!(text, "{}", cursor.name(&mut 0)?),
        Type => write!(text, "{}", type_name(RecordType::from(cursor.u16()?))),
        Moment => moment(cursor.u32()?, text),
        Text => write!(text, "{}", Quoted(counted(cursor)?)),
        Texts => {
            write!(text, "{}", Quoted(counted(cursor)?)).ok();
            while !cursor.rest().is_empty() {
                write!(text, " {}", Quoted(counted(cursor)?)).ok();
            }
            Ok(())
        }
        Tag => text.write_str(tag(counted(cursor)?)?),
        QuotedRest => write!(text, "{}", Quoted(cursor.take(cursor.rest().len())?)),
        Hex => text.write_str(&HEXUPPER.encode(rest(cursor)?)),
        Base64 => text.write_str(&BASE64.encode(rest(cursor)?)),
        Hyphens(count) => {
            let octets: Vec<_> = cursor.take(count)?.iter().map(|octet| format!("{octet:02X}")).collect();
            text.write_str(&octets.join("-"))
        }
        Hash => text.write_str(&BASE32HEX_NOPAD.encode(some(counted(cursor)?)?)),
        Salt => match counted(cursor)? {
            [] => text.write_str("-"),
            salt => text.write_str(&HEXUPPER.encode(salt)),
        },
        Bitmap => text.write_str(&bitmap(cursor)?.join(" ")),
        Params => {
            let params = params(cursor.take(cursor.rest().len())?).ok_or(Fault::Short)?;
            text.write_str(&params.iter().map(svcb::param).collect::<Vec<_>>().join(" "))
        }
    };
    Ok(())
}

/// A character-string: a length octet and that many octets.
fn counted<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Fault> {
    let len = usize::from(cursor.take(1)?[0]);
    cursor.take(len)
}

fn some(octets: &[u8]) -> Result<&[u8], Fault> {
    if octets.is_empty() { Err(Fault::Short) } else { Ok(octets) }
}

/// The octets up to the end. None at all have no text, so that such data gets the generic form.
fn rest<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Fault> {
    some(cursor.take(cursor.rest().len())?)
}

fn tag(octets: &[u8]) -> Result<&str, Fault> {
    let tag = str::from_utf8(some(octets)?).ok();
    tag.filter(|tag| tag.bytes().all(|octet| octet.is_ascii_alphanumeric())).ok_or(Fault::Short)
}

/// The mnemonics of the types in a bitmap (RFC 4034 §4.1.2). Windows must ascend and hold 1 to 32 octets.
fn bitmap(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    let mut least = 0;
    while !cursor.rest().is_empty() {
        let window = u16::from(cursor.take(1)?[0]);
        let bits = counted(cursor)?;
        if window < least || bits.is_empty() || bits.len() > 32 {
            return Err(Fault::Short);
        }
        least = window + 1;
        let bits = bits.iter().flat_map(|octet| (0..8).map(move |bit| octet << bit & 0x80 != 0));
        let set = (window << 8..).zip(bits).filter(|(_, is_set)| *is_set);
        names.extend(set.map(|(number, _)| type_name(RecordType::from(number)).into_owned()));
    }
    Ok(names)
}

/// Seconds since 1970 as YYYYMMDDHHmmSS.
fn moment(secs: u32, text: &mut String) -> fmt::Result {
    let [year, month, day, hour, minute, second] = calendar(secs.into());
    write!(text, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}
