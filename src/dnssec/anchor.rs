//! Trust anchors: where trust begins (RFC 4033 §2).

use std::str::FromStr;
use std::sync::Arc;

use data_encoding::{BASE64, HEXUPPER_PERMISSIVE};
use parking_lot::RwLock;

use crate::wire::Name;

use super::algorithm::Accepts;
use super::key::{Ds, Key};

/// A key that is trusted because somebody says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// By its digest.
    Ds(Ds),
    /// By itself.
    Key(Key),
}

impl Anchor {
    pub(super) fn tag(&self) -> u16 {
        match self {
            Self::Ds(ds) => ds.tag,
            Self::Key(key) => key.tag,
        }
    }

    pub(super) fn algorithm(&self) -> u8 {
        match self {
            Self::Ds(ds) => ds.algorithm,
            Self::Key(key) => key.algorithm,
        }
    }
}

/// All trust anchors, any number for each zone; one that fits is enough.
///
/// Clones share them: what [`Anchors::replace`] sets for one is what all of them say from then on (RFC 5011).
#[derive(Clone, Debug, Default)]
pub struct Anchors(Arc<RwLock<List>>);

/// Each zone with its anchors.
type List = Arc<Vec<(Name, Vec<Anchor>)>>;

impl PartialEq for Anchors {
    fn eq(&self, other: &Self) -> bool {
        self.list() == other.list()
    }
}

impl Eq for Anchors {}

/// Why text is no trust anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// Not `zone. DS tag algorithm digest-type digest` or `zone. DNSKEY flags 3 algorithm key`.
    #[error("expected a DS or DNSKEY record, such as `. DS 20326 8 2 E06D…`")]
    Form,
    /// The name cannot be read.
    #[error("the name before the type is not a domain name")]
    Name,
    /// A number is none, or too large.
    #[error("a number is missing or too large")]
    Number,
    /// The digest is not hex, or the key not base64.
    #[error("the digest must be hex and a key base64")]
    Data,
}

impl Anchors {
    /// The keys of the real root as IANA publishes them (RFC 7958).
    pub const ROOT: [&'static str; 2] = [
        ". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
        ". DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
    ];

    fn list(&self) -> List {
        Arc::clone(&self.0.read())
    }

    /// Adds an anchor, to this value and not to those that it was cloned from.
    pub fn add(&mut self, zone: Name, anchor: Anchor) {
        let mut list = self.all();
        match list.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, anchors)) => anchors.push(anchor),
            None => list.push((zone, vec![anchor])),
        }
        self.0 = Arc::new(RwLock::new(Arc::new(list)));
    }

    /// Says for all who share them what the anchors are from now on.
    pub fn replace(&self, all: Vec<(Name, Vec<Anchor>)>) {
        *self.0.write() = Arc::new(all);
    }

    /// Each zone with its anchors.
    #[must_use]
    pub fn all(&self) -> Vec<(Name, Vec<Anchor>)> {
        self.list().to_vec()
    }

    /// The zones at or above `name` that have anchors, the deepest first.
    pub(super) fn above(&self, name: &Name) -> Vec<(Name, Vec<Anchor>)> {
        let list = self.list();
        let mut above: Vec<_> = list.iter().filter(|(zone, _)| name.is_within(zone)).cloned().collect();
        above.sort_by_key(|(zone, _)| std::cmp::Reverse(zone.label_count()));
        above
    }

    /// The deepest zone at or above `name` that has anchors, by its name.
    #[must_use]
    pub fn top(&self, name: &Name) -> Option<Name> {
        self.above(name).into_iter().next().map(|(zone, _)| zone)
    }

    /// Whether `zone` itself has an anchor.
    #[must_use]
    pub fn names(&self, zone: &Name) -> bool {
        self.0.read().iter().any(|(anchored, _)| anchored == zone)
    }

    /// The tags of the keys that are anchors of `zone`, least first.
    #[must_use]
    pub fn tags(&self, zone: &Name) -> Vec<u16> {
        let list = self.list();
        let anchors = list.iter().filter(|(anchored, _)| anchored == zone).flat_map(|(_, anchors)| anchors);
        let mut tags: Vec<u16> = anchors.map(Anchor::tag).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// Whether every digest is at least as long as those of its type are: one that was cut short fits no key.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        let is_whole = |anchor: &Anchor| !matches!(anchor, Anchor::Ds(ds) if !ds.is_whole());
        self.list().iter().flat_map(|(_, anchors)| anchors).all(is_whole)
    }

    /// The zones of whose anchors none can be used: what they vouch for counts as unsigned (RFC 4035 §5.2).
    #[must_use]
    pub fn unusable(&self, accepts: Accepts) -> Vec<Name> {
        let is_usable = |anchor: &Anchor| {
            let compares = !matches!(anchor, Anchor::Ds(ds) if !accepts.compares(ds.digest_type));
            compares && accepts.verifies(anchor.algorithm())
        };
        let list = self.list();
        let idle = list.iter().filter(|(_, anchors)| !anchors.iter().any(is_usable));
        idle.map(|(zone, _)| zone.clone()).collect()
    }

    /// Whether there are none: then nothing can be proved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }
}

/// Reads one anchor in the form of a master file; TTL and class may stand before the type.
impl FromStr for Anchors {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Self, AnchorError> {
        let mut words = text.split_whitespace();
        let zone: Name = words.next().ok_or(AnchorError::Form)?.parse().map_err(|_| AnchorError::Name)?;
        let mut words = words
            .skip_while(|word| word.eq_ignore_ascii_case("IN") || word.bytes().all(|octet| octet.is_ascii_digit()));
        let kind = words.next().ok_or(AnchorError::Form)?.to_ascii_uppercase();
        let mut number = || words.next().and_then(|word| word.parse::<u16>().ok()).ok_or(AnchorError::Number);
        let (first, second, third) = (number()?, number()?, number()?);
        let octet = |value: u16| u8::try_from(value).map_err(|_| AnchorError::Number);
        let data: String = words.collect();
        let anchor = match kind.as_str() {
            "DS" => {
                let digest = HEXUPPER_PERMISSIVE.decode(data.as_bytes()).map_err(|_| AnchorError::Data)?;
                Anchor::Ds(Ds::new(first, octet(second)?, octet(third)?, &digest))
            }
            "DNSKEY" => {
                let mut rdata = first.to_be_bytes().to_vec();
                rdata.extend([octet(second)?, octet(third)?]);
                rdata.extend(BASE64.decode(data.as_bytes()).map_err(|_| AnchorError::Data)?);
                Anchor::Key(Key::read(&rdata).ok_or(AnchorError::Data)?)
            }
            _ => return Err(AnchorError::Form),
        };
        let mut anchors = Self::default();
        anchors.add(zone, anchor);
        Ok(anchors)
    }
}

impl Extend<Self> for Anchors {
    fn extend<I: IntoIterator<Item = Self>>(&mut self, more: I) {
        for more in more {
            for (zone, anchors) in more.all() {
                anchors.into_iter().for_each(|anchor| self.add(zone.clone(), anchor));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_read_as_records() {
        let read: Anchors = Anchors::ROOT[0].replace("DS", "172800 IN DS").parse().unwrap();
        assert_eq!(read, Anchors::ROOT[0].to_lowercase().parse().unwrap());
        assert_eq!(read.above(&"a.b.".parse().unwrap())[0].1[0].tag(), 20326);
        assert!(Anchors::ROOT[1].parse::<Anchors>().is_ok());
        let key: Anchors = "example. DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=".parse().unwrap();
        assert_eq!(key.tags(&"example.".parse().unwrap()), [3613]);
        assert_eq!(". A 1 2 3".parse::<Anchors>(), Err(AnchorError::Form));
        assert_eq!(". DS 1 300 2 AA".parse::<Anchors>(), Err(AnchorError::Number));
        assert_eq!(". DS 1 8 2 XY".parse::<Anchors>(), Err(AnchorError::Data));
        assert_eq!("".parse::<Anchors>(), Err(AnchorError::Form));
        let whole = |text: &str| text.parse::<Anchors>().unwrap().are_whole();
        let cut = &Anchors::ROOT[0][..Anchors::ROOT[0].len() - 2];
        assert!(whole(Anchors::ROOT[0]) && whole(". DS 1 8 9 AA") && !whole(cut) && !whole(". DS 1 8 9"));
    }

    #[test]
    fn clones_share_what_is_replaced_and_not_what_is_added() {
        let root = || Anchors::ROOT[0].parse::<Anchors>().unwrap();
        let (first, mut second) = (root(), root());
        let shared = first.clone();
        second.extend([Anchors::ROOT[1].parse::<Anchors>().unwrap()]);
        assert_eq!(second.tags(&Name::root()), [20326, 38696]);
        shared.replace(second.all());
        assert_eq!(first, second);
        let mut apart = first.clone();
        apart.add("example.".parse().unwrap(), Anchor::Ds(Ds::new(1, 8, 2, b"")));
        assert!(apart.names(&"example.".parse().unwrap()) && !first.names(&"example.".parse().unwrap()));
        assert!(apart != first && !first.is_empty() && Anchors::default().is_empty());
        apart.extend([first]);
        assert_eq!(apart.tags(&Name::root()), [20326, 38696], "each once");
    }

    #[test]
    fn the_deepest_anchor_comes_first() {
        let mut anchors: Anchors = Anchors::ROOT[0].parse().unwrap();
        anchors.add("island.example.".parse().unwrap(), Anchor::Ds(Ds::new(1, 8, 2, b"")));
        let at = |name: &str| {
            anchors.above(&name.parse().unwrap()).into_iter().map(|(zone, _)| zone.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(at("www.island.example."), ["island.example.", "."]);
        assert_eq!(at("example."), ["."]);
    }
}
