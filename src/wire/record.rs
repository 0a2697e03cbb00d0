//! Questions, records and record sets, their data as uncompressed wire bytes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use smallvec::SmallVec;

use super::text::{class_name, type_name};
use super::{DNSClass, Name, Octets, RecordType};

/// What is asked: a name, a type and a class (RFC 1035 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name, in the case in which it was asked.
    pub name: Name,
    /// The type, which may be a meta type such as ANY.
    pub qtype: RecordType,
    /// The class; the walk knows IN alone.
    pub class: DNSClass,
}

impl Question {
    /// A question of class IN.
    #[must_use]
    pub fn new(name: Name, qtype: RecordType) -> Self {
        Self { name, qtype, class: DNSClass::IN }
    }
}

/// `www.example.com. A`, with the class between if it is not IN.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.name)?;
        if self.class != DNSClass::IN {
            write!(f, "{} ", class_name(self.class))?;
        }
        f.write_str(&type_name(self.qtype))
    }
}

/// One record as it stood in a message, names inside its data uncompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The owner name.
    pub owner: Name,
    /// The type.
    pub rtype: RecordType,
    /// The class.
    pub class: DNSClass,
    /// Time to live in seconds. One with the top bit set is a long one, and capped as such (RFC 8767 §4, which changes
    /// RFC 2181 §8 in this).
    pub ttl_secs: u32,
    /// The data, uncompressed (RFC 3597 §4).
    pub rdata: Octets,
}

impl Record {
    /// The address in an A or AAAA record; `None` for other types or another length.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        address(self.rtype, &self.rdata)
    }

    /// The name that fills the data of an NS, CNAME, DNAME or PTR record.
    #[must_use]
    pub fn target(&self) -> Option<Name> {
        target(self.rtype, &self.rdata)
    }

    /// The type that an RRSIG covers (RFC 4034 §3.1.1); `None` for another type.
    #[must_use]
    pub fn covers(&self) -> Option<RecordType> {
        let [high, low, ..] = *self.rdata else { return None };
        (self.rtype == RecordType::RRSIG).then(|| RecordType::from(u16::from_be_bytes([high, low])))
    }
}

/// All records of one owner and type in class IN, with the signatures over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RrSet {
    /// The owner name.
    pub owner: Name,
    /// The type.
    pub rtype: RecordType,
    /// Time to live in seconds, the least of its members' (RFC 2181 §5.2).
    pub ttl_secs: u32,
    /// The data of each member.
    pub rdatas: Rdatas,
    /// The data of the RRSIG records over this set.
    pub sigs: Rdatas,
}

impl RrSet {
    /// A set without signatures.
    #[must_use]
    pub fn new<'a>(owner: Name, rtype: RecordType, ttl_secs: u32, rdatas: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { owner, rtype, ttl_secs, rdatas: rdatas.into_iter().collect(), sigs: Rdatas::default() }
    }

    /// Whether both are the same set with the same signatures, whatever their TTLs.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        (&self.owner, self.rtype, &self.rdatas, &self.sigs) == (&other.owner, other.rtype, &other.rdatas, &other.sigs)
    }

    /// The addresses of an A or AAAA set.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.rdatas.iter().filter_map(|rdata| address(self.rtype, rdata))
    }

    /// The names that fill the data of an NS, CNAME, DNAME or PTR set.
    pub fn targets(&self) -> impl Iterator<Item = Name> + '_ {
        self.rdatas.iter().filter_map(|rdata| target(self.rtype, rdata))
    }

    /// Octets on the heap that this value keeps alive.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.owner.heap_bytes() + self.rdatas.heap_bytes() + self.sigs.heap_bytes()
    }
}

/// The data of several records in one block: a length of two octets before each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rdatas(Option<Arc<[u8]>>);

impl Rdatas {
    /// The data of each record, in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone + '_ {
        let mut rest: &[u8] = self.0.as_deref().unwrap_or_default();
        std::iter::from_fn(move || {
            let (len, tail) = rest.split_first_chunk::<2>()?;
            let (rdata, tail) = tail.split_at(usize::from(u16::from_be_bytes(*len)));
            rest = tail;
            Some(rdata)
        })
    }

    /// The octets: a length of two octets before each record.
    #[must_use]
    pub fn block(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The same from such octets; they must come from [`Rdatas::block`].
    pub(crate) fn from_block(block: &[u8]) -> Self {
        Self((!block.is_empty()).then(|| Arc::from(block)))
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Octets on the heap, the two counters of the [`Arc`] included.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |block| block.len() + 16)
    }
}

/// Data longer than 65535 octets cannot come from a message and is left out.
impl<'a> FromIterator<&'a [u8]> for Rdatas {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(rdatas: I) -> Self {
        // Most sets are small: the one block of memory is the one that is kept.
        let mut block: SmallVec<[u8; 256]> = SmallVec::new();
        for rdata in rdatas {
            let Ok(len) = u16::try_from(rdata.len()) else { continue };
            block.extend_from_slice(&len.to_be_bytes());
            block.extend_from_slice(rdata);
        }
        Self((!block.is_empty()).then(|| Arc::from(&block[..])))
    }
}

/// The address that is the data of an A or AAAA record.
pub(crate) fn address(rtype: RecordType, rdata: &[u8]) -> Option<IpAddr> {
    match rtype {
        RecordType::A => <[u8; 4]>::try_from(rdata).ok().map(|octets| Ipv4Addr::from(octets).into()),
        RecordType::AAAA => <[u8; 16]>::try_from(rdata).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn target(rtype: RecordType, rdata: &[u8]) -> Option<Name> {
    let named = matches!(rtype, RecordType::NS | RecordType::CNAME | RecordType::DNAME | RecordType::PTR);
    named.then(|| Name::from_wire(rdata).ok()).flatten()
}
