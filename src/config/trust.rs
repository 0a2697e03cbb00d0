//! The settings with which trust begins and ends: trust anchors and negative trust anchors.

use std::str::FromStr;

use toml::value::{Date, Datetime, Time};

use crate::dnssec::{AnchorError, Anchors};
use crate::time::{iso, unix_secs};
use crate::wire::Name;

use super::value::{Element, Setting};

/// A DS or DNSKEY record that is trusted, as it stands in a master file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchor {
    text: String,
    anchors: Anchors,
}

impl TrustAnchor {
    /// Those of the real root.
    pub(super) fn root() -> Vec<Self> {
        Anchors::ROOT.iter().filter_map(|anchor| anchor.parse().ok()).collect()
    }

    /// What it says.
    #[must_use]
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }
}

impl FromStr for TrustAnchor {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Self, AnchorError> {
        let anchors = text.parse::<Anchors>()?;
        // A digest that was cut short fits no key.
        if anchors.are_whole() { Ok(Self { text: text.to_owned(), anchors }) } else { Err(AnchorError::Data) }
    }
}

impl Setting for TrustAnchor {
    fn expected() -> String {
        format!("a DS or DNSKEY record, such as \"{}\"", Anchors::ROOT[0])
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.text.show()
    }
}

impl Element for TrustAnchor {
    const PLURAL: &'static str = "DS or DNSKEY records, such as [\". DS 20326 8 2 E06D...\"]";
}

/// A name at and below which nothing is validated, and when that ends (RFC 7646).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegativeTrustAnchor {
    /// The name.
    pub zone: Name,
    /// Seconds since 1970 at which it ends; `None` for the time that `negative_trust_anchor_secs` gives it.
    pub until_secs: Option<u64>,
}

impl Setting for NegativeTrustAnchor {
    fn expected() -> String {
        "a domain name, with its end if need be, such as \"example.com. until 2026-12-01T12:00:00Z\"".into()
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let zone = Name::from_text(words.next()?)?;
        let until_secs = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("until"), Some(moment), None) => Some(moment_secs(moment)?),
            _ => return None,
        };
        Some(Self { zone, until_secs })
    }

    fn show(&self) -> String {
        let until = self.until_secs.map(|secs| format!(" until {}", iso(secs))).unwrap_or_default();
        format!("{}{until}", self.zone).show()
    }
}

impl Element for NegativeTrustAnchor {
    const PLURAL: &'static str = "domain names, with their ends if need be, such as [\"example.com.\", \
        \"example.org. until 2026-12-01T12:00:00Z\"]";
}

/// Seconds since 1970 of a moment in the form `2026-12-01T12:00:00Z` (RFC 3339 in UTC, whole seconds), and no other.
fn moment_secs(text: &str) -> Option<u64> {
    let Datetime { date, time, .. } = text.parse().ok()?;
    let (Date { year, month, day }, Time { hour, minute, second, .. }) = date.zip(time)?;
    let secs = unix_secs([year.into(), month.into(), day.into(), hour.into(), minute.into(), second?.into()]);
    secs.filter(|secs| iso(*secs) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_whole_seconds_in_utc() {
        assert_eq!(moment_secs("2026-12-01T12:00:00Z"), Some(1_796_126_400));
        assert_eq!(iso(1_796_126_400), "2026-12-01T12:00:00Z");
        for none in ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-12-01", "2026-12-01T24:00:00Z", "x", ""] {
            assert_eq!(moment_secs(none), None, "{none}");
        }
        assert_eq!(moment_secs("2026-12-01T12:00:00+01:00"), None);
        assert_eq!(moment_secs("2026-12-1T12:00:00Z"), None);
        assert_eq!(moment_secs("2026-12-01T12:00:00.5Z").or(moment_secs("2026-12-01t12:00:00z")), None);
    }

    #[test]
    fn a_negative_anchor_has_a_name_and_perhaps_an_end() {
        for text in ["example.", "example. until 2026-12-01T12:00:00Z"] {
            let read = NegativeTrustAnchor::from_text(text).unwrap();
            assert_eq!(read.show(), format!("\"{text}\""));
        }
        for wrong in ["", "a..b", "*.b", "example. until", "example. 2026-12-01T12:00:00Z", "example. until 1 2"] {
            assert!(NegativeTrustAnchor::from_text(wrong).is_none(), "{wrong}");
        }
    }
}
