//! Octets: how many, and which.

use data_encoding::HEXLOWER_PERMISSIVE;
use toml::de::DeValue;

use super::Setting;

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
        HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().map(|octets| Self(octets.into()))
    }

    fn show(&self) -> String {
        format!("\"{}\"", HEXLOWER_PERMISSIVE.encode(&self.0))
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
