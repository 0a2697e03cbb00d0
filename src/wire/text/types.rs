//! Mnemonics of types, classes and response codes, as in the registries of IANA.

use std::borrow::Cow;

use super::super::{DNSClass, RecordType, ResponseCode};

macro_rules! table {
    ($($number:literal $name:literal)*) => { &[$(($number, $name)),*] };
}

/// Types with their numbers, ascending. hickory-proto knows fewer, and gives ANAME a number of its own.
const TYPES: &[(u16, &str)] = table! {
    1 "A" 2 "NS" 3 "MD" 4 "MF" 5 "CNAME" 6 "SOA" 7 "MB" 8 "MG" 9 "MR" 10 "NULL" 11 "WKS" 12 "PTR" 13 "HINFO"
    14 "MINFO" 15 "MX" 16 "TXT" 17 "RP" 18 "AFSDB" 19 "X25" 20 "ISDN" 21 "RT" 22 "NSAP" 23 "NSAP-PTR" 24 "SIG"
    25 "KEY" 26 "PX" 27 "GPOS" 28 "AAAA" 29 "LOC" 30 "NXT" 31 "EID" 32 "NIMLOC" 33 "SRV" 34 "ATMA" 35 "NAPTR"
    36 "KX" 37 "CERT" 38 "A6" 39 "DNAME" 40 "SINK" 41 "OPT" 42 "APL" 43 "DS" 44 "SSHFP" 45 "IPSECKEY" 46 "RRSIG"
    47 "NSEC" 48 "DNSKEY" 49 "DHCID" 50 "NSEC3" 51 "NSEC3PARAM" 52 "TLSA" 53 "SMIMEA" 55 "HIP" 56 "NINFO"
    57 "RKEY" 58 "TALINK" 59 "CDS" 60 "CDNSKEY" 61 "OPENPGPKEY" 62 "CSYNC" 63 "ZONEMD" 64 "SVCB" 65 "HTTPS"
    66 "DSYNC" 67 "HHIT" 68 "BRID" 99 "SPF" 100 "UINFO" 101 "UID" 102 "GID" 103 "UNSPEC" 104 "NID" 105 "L32"
    106 "L64" 107 "LP" 108 "EUI48" 109 "EUI64" 128 "NXNAME" 249 "TKEY" 250 "TSIG" 251 "IXFR" 252 "AXFR"
    253 "MAILB" 254 "MAILA" 255 "ANY" 256 "URI" 257 "CAA" 258 "AVC" 259 "DOA" 260 "AMTRELAY" 261 "RESINFO"
    262 "WALLET" 263 "CLA" 264 "IPN" 32768 "TA" 32769 "DLV"
};

/// The mnemonic of a type, or `TYPEnnn` (RFC 3597 §5).
#[must_use]
pub fn type_name(rtype: RecordType) -> Cow<'static, str> {
    let number = u16::from(rtype);
    match TYPES.binary_search_by_key(&number, |(known, _)| *known) {
        Ok(at) => Cow::Borrowed(TYPES[at].1),
        Err(_) => Cow::Owned(format!("TYPE{number}")),
    }
}

/// The type of a mnemonic or of `TYPEnnn`, in any case; `*` is ANY.
#[must_use]
pub fn parse_type(text: &str) -> Option<RecordType> {
    if text == "*" {
        return Some(RecordType::ANY);
    }
    if let Some((number, _)) = TYPES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
        return Some(RecordType::from(*number));
    }
    let (prefix, digits) = text.split_at_checked(4)?;
    // `u16::from_str` takes a sign as well.
    let is_number = prefix.eq_ignore_ascii_case("TYPE") && digits.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| digits.parse::<u16>().ok()).flatten().map(RecordType::from)
}

/// All types that have a mnemonic.
pub fn types() -> impl Iterator<Item = RecordType> {
    TYPES.iter().map(|(number, _)| RecordType::from(*number))
}

/// The mnemonic of a class, or `CLASSnnn` (RFC 3597 §5).
#[must_use]
pub fn class_name(class: DNSClass) -> Cow<'static, str> {
    match class {
        DNSClass::IN => Cow::Borrowed("IN"),
        DNSClass::CH => Cow::Borrowed("CH"),
        DNSClass::HS => Cow::Borrowed("HS"),
        DNSClass::NONE => Cow::Borrowed("NONE"),
        DNSClass::ANY => Cow::Borrowed("ANY"),
        DNSClass::OPT(_) | DNSClass::Unknown(_) => Cow::Owned(format!("CLASS{}", u16::from(class))),
    }
}

/// The mnemonic of a response code as dig shows it (`NXDOMAIN`), or `RCODEnnn`.
#[must_use]
pub fn rcode_name(rcode: ResponseCode) -> Cow<'static, str> {
    Cow::Borrowed(match u16::from(rcode) {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        11 => "DSOTYPENI",
        16 => "BADVERS",
        17 => "BADKEY",
        18 => "BADTIME",
        19 => "BADMODE",
        20 => "BADNAME",
        21 => "BADALG",
        22 => "BADTRUNC",
        23 => "BADCOOKIE",
        other => return Cow::Owned(format!("RCODE{other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_read_back() {
        assert!(TYPES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for number in 0..=u16::MAX {
            let rtype = RecordType::from(number);
            let name = type_name(rtype);
            assert_eq!(parse_type(&name).map(u16::from), Some(number), "{name}");
            assert_eq!(parse_type(&name.to_lowercase()).map(u16::from), Some(number), "{name}");
        }
        assert_eq!(type_name(RecordType::from(65305)), "TYPE65305");
        assert_eq!(parse_type("TYPE65536"), None);
        assert_eq!(parse_type("TYPE+1"), None);
        assert_eq!(parse_type("TYPE"), None);
        assert_eq!(parse_type("TOPE1"), None);
        assert_eq!(parse_type("*"), Some(RecordType::ANY));
    }
}
