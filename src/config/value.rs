//! How one setting is read, from TOML or from plain text, and written back.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use ipnet::{IpNet, Ipv6Net};
use toml::de::DeValue;

use crate::wire::text::{parse_record, record_text};
use crate::wire::{Name, Record, RecordType};

/// The type of a setting: what may stand in the file, in a variable or behind `--set`.
pub(super) trait Setting: Sized {
    /// What is expected, in words that end "expected ...".
    fn expected() -> String;
    /// Reads plain text, as environment variables and flags give it.
    fn from_text(text: &str) -> Option<Self>;
    /// The value as TOML.
    fn show(&self) -> String;

    /// The words that may stand there, each with what it means; empty for what is no choice between words.
    fn words() -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// In a list that cannot be read, the first entry that is at fault.
    fn culprit(_list: &DeValue<'_>) -> Option<Culprit> {
        None
    }

    /// Reads a TOML value; by default only a string will do, read as text.
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::String(text) => Self::from_text(text),
            _ => None,
        }
    }
}

/// The entry for whose sake a list cannot be read.
pub(super) struct Culprit {
    /// Where it stands in the file.
    pub(super) span: Range<usize>,
    /// What is expected there.
    pub(super) expected: String,
}

/// The element of a setting that is a list.
pub(super) trait Element: Setting {
    /// What several of these are called.
    const PLURAL: &'static str;
}

impl Setting for bool {
    fn expected() -> String {
        "true or false".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Whole numbers; which of them make sense is the range beside the setting.
macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Setting for $number {
            fn expected() -> String {
                "a whole number".into()
            }

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                let DeValue::Integer(digits) = value else { return None };
                Self::from_str_radix(digits.as_str(), digits.radix()).ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, usize);

impl Element for u16 {
    const PLURAL: &'static str = "whole numbers, such as [443, 8443]";
}

impl Setting for String {
    fn expected() -> String {
        "a string".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn show(&self) -> String {
        toml::Value::from(self.as_str()).to_string()
    }
}

impl Setting for SocketAddr {
    fn expected() -> String {
        "an address with a port, such as \"127.0.0.1:53\" or \"[::1]:53\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Element for SocketAddr {
    const PLURAL: &'static str = "addresses with ports, such as [\"127.0.0.1:53\", \"[::1]:53\"]";
}

impl Setting for IpAddr {
    fn expected() -> String {
        "an IP address, such as \"192.0.2.1\" or \"2001:db8::1\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Setting for IpNet {
    fn expected() -> String {
        "a network, such as \"192.0.2.0/24\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        // A lone address is the network of that address.
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(Self::from))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Element for IpNet {
    const PLURAL: &'static str = "networks, such as [\"127.0.0.0/8\", \"2001:db8::/32\"]";
}

impl Setting for Name {
    fn expected() -> String {
        "a domain name, such as \"ns.example.\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        toml::Value::from(self.to_string()).to_string()
    }
}

/// The prefix of a translator from IPv6 to IPv4, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dns64Prefix(pub Option<Ipv6Net>);

impl Setting for Dns64Prefix {
    fn expected() -> String {
        "an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, such as \"64:ff9b::/96\", or an empty string".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        let net: Ipv6Net = text.parse().ok()?;
        [32, 40, 48, 56, 64, 96].contains(&net.prefix_len()).then(|| Self(Some(net.trunc())))
    }

    fn show(&self) -> String {
        self.0.map_or_else(|| "\"\"".to_owned(), |net| format!("\"{net}\""))
    }
}

/// A record of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRecord(pub Record);

impl LocalRecord {
    /// Types that mean something only where a zone is served or signed, or that stand for other names as well.
    const REFUSED: [RecordType; 7] = [
        RecordType::SOA,
        RecordType::NS,
        RecordType::DNAME,
        RecordType::RRSIG,
        RecordType::NSEC,
        RecordType::NSEC3,
        RecordType::NSEC3PARAM,
    ];
}

impl Setting for LocalRecord {
    fn expected() -> String {
        "a record, such as \"nas.lan. 300 IN A 192.168.1.2\", and no wildcard, SOA, NS, DNAME or what signs a zone"
            .into()
    }

    fn from_text(text: &str) -> Option<Self> {
        let record = parse_record(text).ok()?;
        let is_wildcard = record.owner.labels().next() == Some(b"*");
        (!is_wildcard && !Self::REFUSED.contains(&record.rtype)).then_some(Self(record))
    }

    fn show(&self) -> String {
        toml::Value::from(record_text(&self.0).to_string()).to_string()
    }
}

impl Element for LocalRecord {
    const PLURAL: &'static str = "records, such as [\"nas.lan. 300 IN A 192.168.1.2\"], without wildcards, SOA, NS, DNAME \
        and what signs a zone";
}

/// The address of a server, with a port where it is not the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// The address.
    pub addr: IpAddr,
    /// The port; `None` is the port of all servers.
    pub port: Option<u16>,
}

impl Setting for ServerAddress {
    fn expected() -> String {
        "an IP address, with a port if need be, such as \"192.0.2.1\" or \"[2001:db8::1]:5353\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        let plain = |addr| Self { addr, port: None };
        let full = |server: SocketAddr| Self { addr: server.ip(), port: Some(server.port()) };
        let server = text.parse().map(plain).or_else(|_| text.parse().map(full)).ok()?;
        (server.port != Some(0)).then_some(server)
    }

    fn show(&self) -> String {
        match self.port {
            Some(port) => SocketAddr::new(self.addr, port).show(),
            None => self.addr.show(),
        }
    }
}

impl Element for ServerAddress {
    const PLURAL: &'static str = "IP addresses, with ports if need be, such as [\"192.0.2.1\", \"[2001:db8::1]:5353\"]";
}

impl Element for Name {
    const PLURAL: &'static str = "domain names, such as [\"lan.\", \"corp.example.\"]";
}

impl<T: Element> Setting for Vec<T> {
    fn expected() -> String {
        format!("a list of {}", T::PLURAL)
    }

    /// Words with commas between, or a TOML list: that is how an element with a comma is written, and what people try
    /// who come from the file.
    fn from_text(text: &str) -> Option<Self> {
        if text.starts_with('[') && text.ends_with(']') {
            let (list, errors) = DeValue::parse_recoverable(text);
            return errors.is_empty().then(|| Self::from_toml(list.get_ref())).flatten();
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(T::from_text).collect()
    }

    fn culprit(list: &DeValue<'_>) -> Option<Culprit> {
        let wrong = list.as_array()?.iter().find(|item| T::from_toml(item.get_ref()).is_none())?;
        Some(Culprit { span: wrong.span(), expected: T::expected() })
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|item| T::from_toml(item.get_ref())).collect()
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(T::show).collect::<Vec<_>>().join(", "))
    }
}

/// A number of octets: plain, or with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

impl Bytes {
    const UNITS: [(&'static str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
}

impl Setting for Bytes {
    fn expected() -> String {
        "a number of octets, or one with a unit, such as \"64 MiB\" (KiB, MiB, GiB)".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        let unit = Self::UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
        let (digits, size) = unit.unwrap_or((text, 1));
        digits.trim().parse::<usize>().ok()?.checked_mul(size).map(Self)
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::String(text) => Self::from_text(text),
            number => usize::from_toml(number).map(Self),
        }
    }

    fn show(&self) -> String {
        let fits = Self::UNITS.iter().find(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        fits.map_or_else(|| self.0.to_string(), |(unit, size)| format!("\"{} {unit}\"", self.0 / size))
    }
}

/// Octets, in hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hex(pub Box<[u8]>);

impl Setting for Hex {
    fn expected() -> String {
        "an even number of hexadecimal digits, such as \"c0ffee\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let octet = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        text.as_bytes().chunks(2).map(octet).collect::<Option<_>>().map(Self)
    }

    fn show(&self) -> String {
        let mut text = String::from("\"");
        for octet in &self.0 {
            let _ = write!(text, "{octet:02x}");
        }
        text + "\""
    }
}

/// A secret of 128 bits, in hexadecimal digits, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secret(pub Option<[u8; 16]>);

impl Setting for Secret {
    fn expected() -> String {
        "32 hexadecimal digits, or nothing".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        match Hex::from_text(text)?.0 {
            empty if empty.is_empty() => Some(Self(None)),
            octets => <[u8; 16]>::try_from(&*octets).ok().map(|secret| Self(Some(secret))),
        }
    }

    fn show(&self) -> String {
        self.0.map_or_else(|| "\"\"".to_owned(), |secret| Hex(secret.into()).show())
    }
}

/// Gives an enum whose variants are the words of a setting.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $(#[doc = $doc:literal] $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $(#[doc = $doc] $variant),* }

        impl $crate::config::value::Setting for $name {
            fn expected() -> String {
                $crate::config::value::one_of(&[$($word),*])
            }

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn show(&self) -> String {
                match self { $(Self::$variant => concat!("\"", $word, "\"").to_owned()),* }
            }

            fn words() -> &'static [(&'static str, &'static str)] {
                &[$(($word, $doc)),*]
            }
        }
    };
}

pub(super) use words;

/// `one of "a", "b" or "c"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let mut text = String::from("one of ");
    for (nth, word) in words.iter().enumerate() {
        let border = match nth {
            0 => "",
            _ if nth + 1 == words.len() => " or ",
            _ => ", ",
        };
        let _ = write!(text, "{border}\"{word}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again<T: Setting + PartialEq + std::fmt::Debug>(value: &T) {
        let document = format!("v = {}", value.show());
        let table = toml::de::DeTable::parse(&document).expect("TOML");
        let read = T::from_toml(table.get_ref()["v"].get_ref());
        assert_eq!(read.as_ref(), Some(value), "{document}");
    }

    #[test]
    fn what_is_shown_is_read_back() {
        again(&true);
        again(&(1u64 << 40));
        again(&String::from("a \"quoted\" \\ \u{7} line\n"));
        again(&vec!["[::1]:53".parse::<SocketAddr>().unwrap()]);
        again(&vec!["10.0.0.0/8".parse::<IpNet>().unwrap(), "::/0".parse().unwrap()]);
        again(&"a\\.b.example".parse::<Name>().unwrap());
        for server in ["192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"] {
            again(&ServerAddress::from_text(server).unwrap());
        }
        for prefix in ["", "64:ff9b::/96", "2001:db8:100::/40"] {
            again(&Dns64Prefix::from_text(prefix).unwrap());
        }
        assert_eq!(Dns64Prefix::from_text("64:ff9b::/95"), None);
        again(&LocalRecord::from_text("t.lan TXT \"a, b\" \\034").unwrap());
        for refused in ["*.lan A 192.0.2.1", "lan NS ns.lan", "lan DNAME example.", "lan A 192.0.2"] {
            assert_eq!(LocalRecord::from_text(refused), None, "{refused}");
        }
        assert!(ServerAddress::from_text("192.0.2.1:0").is_none() && ServerAddress::from_text("ns.example").is_none());
        for octets in [0, 1, 1023, 1 << 10, 3 << 20, 5 << 30] {
            again(&Bytes(octets));
        }
    }

    #[test]
    fn units_and_lone_addresses() {
        assert_eq!(Bytes::from_text("64MiB"), Some(Bytes(64 << 20)));
        assert_eq!(Bytes::from_text("64 MB"), None);
        assert_eq!(Bytes::from_text("99999999999999999999"), None);
        assert_eq!(Bytes::from_text("17179869184 GiB"), None);
        assert_eq!(IpNet::from_text("::1"), "::1/128".parse().ok());
        assert_eq!(
            Vec::<IpNet>::from_text("10.0.0.0/8, ::1"),
            Some(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
        );
        assert_eq!(Vec::<IpNet>::from_text("10.0.0.0/8,x"), None);
    }

    #[test]
    fn a_list_in_text_has_commas_or_is_toml() {
        let sockets = |text| Vec::<SocketAddr>::from_text(text).map(|list| list.len());
        assert_eq!((sockets(""), sockets("[]"), sockets("[ ]")), (Some(0), Some(0), Some(0)));
        assert_eq!((sockets("[::1]:53, [::1]:54"), sockets("[\"[::1]:53\"]")), (Some(2), Some(1)));
        assert_eq!((sockets("[::1]"), sockets("[127.0.0.1:53]"), sockets("[\"x\"]")), (None, None, None));
        assert_eq!(Vec::<Name>::from_text("[lan]"), None, "brackets are not part of a name");
        let records = Vec::<LocalRecord>::from_text("['t.lan TXT \"a, b\"']").unwrap();
        assert_eq!(record_text(&records[0].0).to_string(), "t.lan. 3600 IN TXT \"a, b\"");
    }
}
