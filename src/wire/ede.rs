//! Extended DNS Errors (RFC 8914): why an answer is as it is, for the eyes of the client.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::text::Ascii;

/// One extended error: a code of the IANA registry and a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ede {
    /// The INFO-CODE; the constants of this module name the known ones.
    pub code: u16,
    /// The EXTRA-TEXT, which may be empty. Keep it short: it takes room from the answer.
    pub text: Arc<str>,
}

impl Ede {
    /// An extended error with a sentence.
    #[must_use]
    pub fn new(code: u16, text: impl Into<Arc<str>>) -> Self {
        Self { code, text: text.into() }
    }

    /// Reads the data of an EDE option; `None` when it has less than the two octets of the code.
    /// Octets that are no UTF-8 are replaced, a NUL at the end is dropped (RFC 8914 §2).
    #[must_use]
    pub fn from_option(data: &[u8]) -> Option<Self> {
        let (code, text) = data.split_first_chunk::<2>()?;
        let text = String::from_utf8_lossy(text.strip_suffix(b"\0").unwrap_or(text));
        Some(Self::new(u16::from_be_bytes(*code), text))
    }

    /// Whether it says that DNSSEC failed: then the same data may still be given to those who check for themselves.
    #[must_use]
    pub const fn is_dnssec(&self) -> bool {
        matches!(self.code, DNSSEC_INDETERMINATE..=NSEC_MISSING | SIGNATURE_EXPIRED_BEFORE_VALID)
    }

    /// The name of the code in the IANA registry, `None` for one that this table does not know.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        NAMES.get(usize::from(self.code)).copied()
    }
}

/// As dig shows it: `22 (No Reachable Authority): the sentence`, ASCII only.
impl fmt::Display for Ede {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(name) = self.name() {
            write!(f, " ({name})")?;
        }
        if !self.text.is_empty() {
            write!(f, ": {}", Ascii(self.text.as_bytes()))?;
        }
        Ok(())
    }
}

/// `{"code": 22, "name": "No Reachable Authority", "text": "…"}`
impl Serialize for Ede {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Ede", 3)?;
        fields.serialize_field("code", &self.code)?;
        fields.serialize_field("name", &self.name())?;
        fields.serialize_field("text", &*self.text)?;
        fields.end()
    }
}

macro_rules! codes {
    ($($code:literal $constant:ident $name:literal)*) => {
        $(#[doc = concat!("INFO-CODE ", $code, ": ", $name, ".")] pub const $constant: u16 = $code;)*
        /// The registry's names; the place in the list is the code.
        const NAMES: &[&str] = &[$($name),*];
    };
}

// IANA "Extended DNS Error Codes"; every number from 0 on must be present, the test counts.
codes! {
    0 OTHER "Other Error"
    1 UNSUPPORTED_DNSKEY_ALGORITHM "Unsupported DNSKEY Algorithm"
    2 UNSUPPORTED_DS_DIGEST_TYPE "Unsupported DS Digest Type"
    3 STALE_ANSWER "Stale Answer"
    4 FORGED_ANSWER "Forged Answer"
    5 DNSSEC_INDETERMINATE "DNSSEC Indeterminate"
    6 DNSSEC_BOGUS "DNSSEC Bogus"
    7 SIGNATURE_EXPIRED "Signature Expired"
    8 SIGNATURE_NOT_YET_VALID "Signature Not Yet Valid"
    9 DNSKEY_MISSING "DNSKEY Missing"
    10 RRSIGS_MISSING "RRSIGs Missing"
    11 NO_ZONE_KEY_BIT_SET "No Zone Key Bit Set"
    12 NSEC_MISSING "NSEC Missing"
    13 CACHED_ERROR "Cached Error"
    14 NOT_READY "Not Ready"
    15 BLOCKED "Blocked"
    16 CENSORED "Censored"
    17 FILTERED "Filtered"
    18 PROHIBITED "Prohibited"
    19 STALE_NXDOMAIN_ANSWER "Stale NXDOMAIN Answer"
    20 NOT_AUTHORITATIVE "Not Authoritative"
    21 NOT_SUPPORTED "Not Supported"
    22 NO_REACHABLE_AUTHORITY "No Reachable Authority"
    23 NETWORK_ERROR "Network Error"
    24 INVALID_DATA "Invalid Data"
    25 SIGNATURE_EXPIRED_BEFORE_VALID "Signature Expired before Valid"
    26 TOO_EARLY "Too Early"
    27 UNSUPPORTED_NSEC3_ITERATIONS "Unsupported NSEC3 Iterations Value"
    28 UNABLE_TO_CONFORM_TO_POLICY "Unable to conform to policy"
    29 SYNTHESIZED "Synthesized"
    30 INVALID_QUERY_TYPE "Invalid Query Type"
    31 RATE_LIMITED "Rate Limited"
    32 OVER_QUOTA "Over Quota"
    33 NEGATIVE_TRUST_ANCHOR "Negative Trust Anchor"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_gap() {
        assert_eq!(Ede::new(NEGATIVE_TRUST_ANCHOR, "").to_string(), "33 (Negative Trust Anchor)");
        assert_eq!(NAMES.len(), usize::from(NEGATIVE_TRUST_ANCHOR) + 1);
        assert_eq!(Ede::new(34, "").name(), None);
    }

    #[test]
    fn foreign_text_cannot_forge_a_line() {
        let ede = Ede::from_option(b"\x00\x16no\nway \xff\0").expect("has a code");
        assert_eq!(ede.to_string(), "22 (No Reachable Authority): no\\010way \\239\\191\\189");
        assert_eq!(Ede::from_option(b"\x00"), None);
    }
}
