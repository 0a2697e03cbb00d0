//! How one setting is read, from TOML or from plain text, and written back.

mod address;
mod octets;
mod records;

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use toml::de::DeValue;

use crate::http::typed;
use crate::wire::Name;

pub use address::{Dns64Prefix, ServerAddress};
pub use octets::{Bytes, Hex, Secret};
pub use records::LocalRecord;

/// The type of a setting: what may stand in the file, in a variable or behind `--set`.
pub(super) trait Setting: Sized {
    /// What is expected, in words that end "expected ...".
    fn expected() -> String;
    /// Reads plain text, as environment variables and flags give it.
    fn from_text(text: &str) -> Option<Self>;
    /// The value as TOML.
    fn show(&self) -> String;

    /// The words that may stand there, each with what it means; empty for what is no choice between words.
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
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

    /// What is expected of each.
    fn one() -> String {
        Self::expected()
    }
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

/// What has one form as text, which std knows: one of them, and several.
macro_rules! texts {
    ($($type:ty: $one:literal, $several:literal;)*) => {$(
        impl Setting for $type {
            fn expected() -> String {
                $one.into()
            }

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string().show()
            }
        }

        impl Element for $type {
            const PLURAL: &'static str = $several;
        }
    )*};
}

texts! {
    SocketAddr:
        "an address with a port, such as \"127.0.0.1:53\" or \"[::1]:53\"; a link-local one has the number of its interface, as in \"[fe80::1%2]:53\"",
        "addresses with ports, such as [\"127.0.0.1:53\", \"[::1]:53\"]";
    IpAddr:
        "an IP address, such as \"192.0.2.1\" or \"2001:db8::1\"",
        "IP addresses, such as [\"192.0.2.1\", \"2001:db8::1\"]";
}

impl Setting for Name {
    fn expected() -> String {
        "a domain name, such as \"ns.example.\", without wildcard or port".into()
    }

    /// A name as people type it, with letters beyond ASCII if it has any. What could be one by its octets, and would
    /// match nothing that anybody asks for, is none: a mistake that is taken is never found.
    fn from_text(text: &str) -> Option<Self> {
        let belongs = |character: char| !character.is_whitespace() && character != ':';
        let name = text.chars().all(belongs).then(|| typed(text).ok())??;
        // What international names do not allow is left as it was typed.
        let is_left = !text.is_ascii() && !name.wire().is_ascii();
        (!is_left && name.labels().all(|label| label != b"*")).then_some(name)
    }

    fn show(&self) -> String {
        self.to_string().show()
    }
}

/// A name that stands for all below it as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(pub Name);

impl Setting for Domain {
    fn expected() -> String {
        "a domain name, such as \"example.\", which stands for all names below it too, without wildcard or port".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        Name::from_text(text).map(Self)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

impl Element for Domain {
    const PLURAL: &'static str = "domain names, such as [\"lan.\", \"corp.example.\"], each of which stands for all names \
                                  below it too, without wildcards or ports";
}

impl Element for Name {
    const PLURAL: &'static str = "domain names, such as [\"lan.\", \"corp.example.\"], without wildcards or ports";
}

impl Element for u16 {
    const PLURAL: &'static str = "whole numbers from 0 to 65535, such as [443, 8443]";

    fn one() -> String {
        "a whole number from 0 to 65535".into()
    }
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
        Some(Culprit { span: wrong.span(), expected: T::one() })
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|item| T::from_toml(item.get_ref())).collect()
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(T::show).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;
    use crate::wire::text::record_text;

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

    /// Each of these has octets that a name may have, and means nothing that is ever asked for.
    #[test]
    fn a_name_that_would_match_nothing_is_refused() {
        for wrong in
            ["*.example", "ads.*.example", "*", "dns.lan:8053", "https://ads.example", "a.example b.example", " lan"]
        {
            assert_eq!(Name::from_text(wrong), None, "{wrong}");
        }
        let same = |text: &str, name: &str| assert_eq!(Name::from_text(text), name.parse().ok(), "{text}");
        same("Bücher.example", "xn--bcher-kva.example.");
        same("0/26.2.0.192.in-addr.arpa", "0/26.2.0.192.in-addr.arpa.");
        same("a\\032printer.lan", "a\\032printer.lan.");
        assert_eq!(Name::from_text("bü|cher.example"), None);
        // Who blocks `*.ads.example` means what `ads.example` does there.
        let (list, _) = DeValue::parse_recoverable("['*.ads.example']");
        let said = Vec::<Domain>::culprit(list.get_ref()).unwrap().expected;
        assert!(said.contains("stands for all names below it too, without wildcard"), "{said}");
        let (list, _) = DeValue::parse_recoverable("[443, 70000]");
        assert_eq!(Vec::<u16>::culprit(list.get_ref()).unwrap().expected, "a whole number from 0 to 65535");
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
