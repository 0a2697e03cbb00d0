//! Domain names as uncompressed wire bytes (RFC 1035 §3.1), case kept, compared without case.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use super::octets::Octets;

/// Longest name in wire form, with its length octets and the root (RFC 1035 §2.3.4).
pub(super) const MAX_WIRE: usize = 255;
/// Longest label (RFC 1035 §2.3.4).
pub(super) const MAX_LABEL: usize = 63;
/// A name that is being built.
type Building = SmallVec<[u8; 256]>;

/// An absolute domain name.
///
/// Case is preserved; equality, order and hash ignore the case of ASCII letters (RFC 4343).
/// The order is the canonical one of RFC 4034 §6.1.
#[derive(Clone)]
pub struct Name {
    wire: Octets,
}

/// Why bytes or text are not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A label has more than 63 octets.
    #[error("a label is longer than 63 octets")]
    LongLabel,
    /// The name has more than 255 octets in wire form.
    #[error("the name is longer than 255 octets")]
    LongName,
    /// Two dots in a row, or a dot at the start.
    #[error("a label is empty")]
    EmptyLabel,
    /// A backslash that is not followed by a character or by three decimal digits up to 255.
    #[error("an escape is not \\X or \\DDD with DDD up to 255")]
    BadEscape,
    /// The bytes end inside the name, or have no root label.
    #[error("the name is cut short")]
    Short,
}

impl Name {
    /// The root, `.`.
    #[must_use]
    pub fn root() -> Self {
        Self { wire: Octets::from(&[0][..]) }
    }

    /// Takes a complete uncompressed wire name; `wire` must hold it and nothing else.
    ///
    /// # Errors
    /// When a label or the name is too long, or the bytes do not end with the root label.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        if wire.len() > MAX_WIRE {
            return Err(NameError::LongName);
        }
        let mut at = 0;
        loop {
            let len = usize::from(*wire.get(at).ok_or(NameError::Short)?);
            if len > MAX_LABEL {
                return Err(NameError::LongLabel);
            }
            at += len + 1;
            if len == 0 {
                break;
            }
        }
        if at != wire.len() {
            return Err(NameError::Short);
        }
        Ok(Self { wire: Octets::from(wire) })
    }

    /// Takes wire bytes that a reader has checked: labels of at most 63 octets, the root at the end, 255 in all.
    pub(super) fn from_checked(wire: Octets) -> Self {
        debug_assert!(Self::from_wire(&wire).is_ok());
        Self { wire }
    }

    /// The uncompressed name with which `octets` begin, and what follows it; `None` when there is no name.
    #[must_use]
    pub fn split_first(octets: &[u8]) -> Option<(Self, &[u8])> {
        let mut end = 0;
        while *octets.get(end)? != 0 {
            end += usize::from(octets[end]) + 1;
        }
        let (wire, rest) = octets.split_at(end + 1);
        Some((Self::from_wire(wire).ok()?, rest))
    }

    /// Builds a name from labels, leftmost first.
    ///
    /// # Errors
    /// When a label is empty or too long, or the whole is too long.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, NameError> {
        let mut wire = Building::new();
        for label in labels {
            push_label(&mut wire, label)?;
        }
        Ok(finish(wire))
    }

    /// The uncompressed wire form, root label included, case as given.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.wire.len() == 1
    }

    /// The labels, leftmost first, without the root.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: &self.wire }
    }

    /// Where each label begins, leftmost first: the rightmost is the one to begin with when names are compared.
    fn label_starts(&self) -> SmallVec<[u8; 16]> {
        let (mut at, mut starts) = (0, SmallVec::new());
        while let Some(length @ 1..) = self.wire.get(usize::from(at)) {
            starts.push(at);
            at += length + 1;
        }
        starts
    }

    /// The label that begins at `at`.
    fn label_at(&self, at: u8) -> &[u8] {
        let (len, rest) = (usize::from(self.wire[usize::from(at)]), &self.wire[usize::from(at) + 1..]);
        &rest[..len]
    }

    /// How many labels there are, the root not counted.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The name without its leftmost label; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let first = usize::from(self.wire[0]);
        (first != 0).then(|| Self { wire: Octets::from(&self.wire[first + 1..]) })
    }

    /// The rightmost `count` labels; the whole name when it has no more than that.
    #[must_use]
    pub fn suffix(&self, count: usize) -> Self {
        let mut rest: &[u8] = &self.wire;
        for _ in count..self.label_count() {
            rest = &rest[usize::from(rest[0]) + 1..];
        }
        Self { wire: Octets::from(rest) }
    }

    /// Whether this name is `zone` or lies below it.
    #[must_use]
    pub fn is_within(&self, zone: &Self) -> bool {
        let Some(skip) = self.wire.len().checked_sub(zone.wire.len()) else { return false };
        // The tail must begin at a label border, else `badexample.com` were within `example.com`.
        let mut at = 0;
        while at < skip {
            at += usize::from(self.wire[at]) + 1;
        }
        at == skip && is_same(&self.wire[skip..], &zone.wire)
    }

    /// Whether this name lies below `zone` and is not `zone` itself.
    #[must_use]
    pub fn is_below(&self, zone: &Self) -> bool {
        self.wire.len() > zone.wire.len() && self.is_within(zone)
    }

    /// How many labels, counted from the root, both names have in common.
    #[must_use]
    pub fn common_labels(&self, other: &Self) -> usize {
        let (mine, theirs) = (self.label_starts(), other.label_starts());
        let pairs = mine.iter().rev().zip(theirs.iter().rev());
        pairs.take_while(|(a, b)| self.label_at(**a).eq_ignore_ascii_case(other.label_at(**b))).count()
    }

    /// This name with `label` put before it.
    ///
    /// # Errors
    /// When the label or the result is too long.
    pub fn prepend(&self, label: &[u8]) -> Result<Self, NameError> {
        Self::from_labels(std::iter::once(label).chain(self.labels()))
    }

    /// This name with its tail `from` replaced by `to`, as DNAME does (RFC 6672 §2.2).
    ///
    /// # Errors
    /// [`NameError::LongName`] when the result does not fit; the caller answers YXDOMAIN.
    pub fn replace_tail(&self, from: &Self, to: &Self) -> Result<Self, NameError> {
        let keep = self.label_count().saturating_sub(from.label_count());
        Self::from_labels(self.labels().take(keep).chain(to.labels()))
    }

    /// The name in lower case.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        let mut lower = self.clone();
        lower.wire.make_ascii_lowercase();
        lower
    }

    /// Octets on the heap that this value owns.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.wire.heap_bytes()
    }

    /// The name with the case of each letter chosen by a bit of `bits`, which is used in a circle (the
    /// 0x20 trick of draft-vixie-dnsext-dns0x20-00).
    #[must_use]
    pub fn with_case(&self, bits: u128) -> Self {
        let mut mixed = self.to_lower();
        let letters = mixed.wire.iter_mut().filter(|octet| octet.is_ascii_lowercase());
        for (nth, octet) in letters.enumerate() {
            // No branch, which could not be foreseen: capitals are without this bit.
            *octet ^= u8::from(bits >> (nth % 128) & 1 == 1) << 5;
        }
        mixed
    }
}

/// The labels of a name, leftmost first.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.rest.split_first()?;
        if *len == 0 {
            return None;
        }
        let (label, rest) = rest.split_at(usize::from(*len));
        self.rest = rest;
        Some(label)
    }
}

/// The root.
impl Default for Name {
    fn default() -> Self {
        Self::root()
    }
}

/// The wire form.
impl From<Name> for Octets {
    fn from(name: Name) -> Self {
        name.wire
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        is_same(&self.wire, &other.wire)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut lower = [0; MAX_WIRE];
        let lower = &mut lower[..self.wire.len()];
        lower.copy_from_slice(&self.wire);
        lower.make_ascii_lowercase();
        state.write(lower);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        // RFC 4034 §6.1: label by label from the right, as lower-case octets, absent before present.
        let (mine, theirs) = (self.label_starts(), other.label_starts());
        for (a, b) in mine.iter().rev().zip(theirs.iter().rev()) {
            let (a, b) = (self.label_at(*a), other.label_at(*b));
            if a == b {
                continue;
            }
            match a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        mine.len().cmp(&theirs.len())
    }
}

/// RFC 1035 §5.1 presentation: dots and backslashes escaped, everything else that is not
/// printable ASCII as `\DDD` in decimal, a dot at the end.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", char::from(*octet))?,
                    0x21..=0x7e => write!(f, "{}", char::from(*octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads RFC 1035 §5.1 presentation format; a name without a dot at the end is taken as absolute.
impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::root());
        }
        let mut wire = Building::new();
        let mut label: SmallVec<[u8; 64]> = SmallVec::new();
        let mut octets = text.bytes();
        let mut ended = false;
        while let Some(octet) = octets.next() {
            ended = octet == b'.';
            match octet {
                b'.' => {
                    push_label(&mut wire, &label)?;
                    label.clear();
                }
                b'\\' => label.push(unescape(&mut octets)?),
                _ => label.push(octet),
            }
        }
        if !ended {
            push_label(&mut wire, &label)?;
        }
        Ok(finish(wire))
    }
}

/// The octet that follows a backslash: `\DDD` in decimal, or the character itself.
fn unescape(octets: &mut impl Iterator<Item = u8>) -> Result<u8, NameError> {
    let first = octets.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = octets.next().filter(u8::is_ascii_digit).ok_or(NameError::BadEscape)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

/// Whether wire bytes are the same but for the case of letters. Length octets are at most 63 and therefore no letters.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    // Nearly always the case is the same as well, and that is seen many octets at a time.
    one == other || one.eq_ignore_ascii_case(other)
}

fn push_label(wire: &mut Building, label: &[u8]) -> Result<(), NameError> {
    if label.is_empty() {
        return Err(NameError::EmptyLabel);
    }
    let len = u8::try_from(label.len()).ok().filter(|len| usize::from(*len) <= MAX_LABEL);
    wire.push(len.ok_or(NameError::LongLabel)?);
    wire.extend_from_slice(label);
    if wire.len() < MAX_WIRE { Ok(()) } else { Err(NameError::LongName) }
}

/// Ends a name with the root, for which each label has left room.
fn finish(mut wire: Building) -> Name {
    wire.push(0);
    Name { wire: Octets::from(&wire[..]) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A name that is one.
    pub(crate) fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    #[test]
    fn case_is_kept_and_ignored() {
        assert_eq!(name("WwW.Example.COM"), name("www.example.com."));
        assert_eq!(name("WwW.Example.COM").to_string(), "WwW.Example.COM.");
        assert_ne!(name("A.").wire(), name("a.").wire());
    }

    #[test]
    fn within_ends_at_label_borders() {
        assert!(name("a.example.com").is_within(&name("EXAMPLE.com")));
        assert!(name("example.com").is_within(&Name::root()));
        assert!(!name("badexample.com").is_within(&name("example.com")));
        assert!(!name("example.com").is_below(&name("example.com")));
        // The octets of one name may look like the tail of another inside a label.
        assert!(!name("x\\003com").is_within(&name("com")));
    }

    #[test]
    fn escapes_are_decimal() {
        let odd = name("a\\046b\\.c\\255.example");
        assert_eq!(odd.labels().next(), Some(&b"a.b.c\xff"[..]));
        assert_eq!(odd.to_string(), "a\\.b\\.c\\255.example.");
        assert_eq!("a\\256.".parse::<Name>(), Err(NameError::BadEscape));
        assert_eq!("a..b".parse::<Name>(), Err(NameError::EmptyLabel));
    }

    #[test]
    fn canonical_order_of_rfc_4034() {
        let sorted = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ];
        assert!(sorted.windows(2).all(|pair| name(pair[0]) < name(pair[1])));
    }

    #[test]
    fn tails_are_replaced() {
        let synthesised = name("www.old.example.com").replace_tail(&name("old.example.com"), &name("example.org"));
        assert_eq!(synthesised, Ok(name("www.example.org")));
        assert_eq!(name("a.b.c.d").suffix(2), name("c.d"));
        assert_eq!(name("a.b.c").common_labels(&name("x.B.c")), 2);
    }
}
