//! What NSEC records show (RFC 4034 §4, RFC 4035 §5.4), and the bitmap that they share with NSEC3.

use crate::wire::{Name, RecordType, RrSet};

use super::place::Place;

/// RFC 9824 §3.1: the type that says that a name does not exist although it has an NSEC record.
const NXNAME: u16 = 128;

/// The types at a name (RFC 4034 §4.1.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Types<'a>(&'a [u8]);

impl<'a> Types<'a> {
    /// Reads a bitmap. In which order its windows stand decides nothing; of one that is cut short, too long or there
    /// twice nobody can tell what it denies, and such a record shows nothing.
    pub(super) fn read(bitmap: &'a [u8]) -> Option<Self> {
        let (mut rest, mut seen) = (bitmap, [false; 256]);
        while let [number, length @ 0..=32, tail @ ..] = rest {
            rest = tail.get(usize::from(*length)..)?;
            if std::mem::replace(&mut seen[usize::from(*number)], true) {
                return None;
            }
        }
        rest.is_empty().then_some(Self(bitmap))
    }

    /// The numbers of the windows, each with its bits.
    fn windows(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let [number, length, tail @ ..] = rest else { return None };
            let (bits, tail) = tail.split_at_checked(usize::from(*length))?;
            rest = tail;
            Some((*number, bits))
        })
    }

    pub(super) fn has(&self, rtype: u16) -> bool {
        let [window, bit] = rtype.to_be_bytes();
        let bits = self.windows().find(|(number, _)| *number == window).map(|(_, bits)| bits);
        bits.and_then(|bits| bits.get(usize::from(bit / 8))).is_some_and(|octet| octet >> (7 - bit % 8) & 1 == 1)
    }

    pub(super) fn is(&self, rtype: RecordType) -> bool {
        self.has(rtype.into())
    }

    /// Whether there is anything but what every name of a signed zone has, or what says that there is nothing (RFC 9824
    /// §3.1).
    fn has_data(&self) -> bool {
        let always = |number, nth| match (number, nth) {
            // RRSIG and NSEC; NXNAME.
            (0, 5) => 0b11,
            (0, 16) => 0b1000_0000,
            _ => 0,
        };
        self.windows()
            .any(|(number, bits)| bits.iter().enumerate().any(|(nth, octet)| octet & !always(number, nth) != 0))
    }

    /// A zone cut as its parent sees it.
    fn is_delegation(&self) -> bool {
        self.is(RecordType::NS) && !self.is(RecordType::SOA)
    }

    /// RFC 6840 §4.1, RFC 6672 §5.3.4.1: at a cut or a DNAME nothing is said of the names below.
    pub(super) fn ends_here(&self) -> bool {
        self.is_delegation() || self.is(RecordType::DNAME)
    }

    /// Whether there is neither `qtype` nor an alias, from the side of the cut that has the say.
    pub(super) fn lacks(&self, qtype: RecordType, is_root: bool) -> bool {
        // RFC 4035 §5.2, RFC 6840 §4.4: what the child says of its own DS is nothing.
        let wrong_side = match qtype {
            RecordType::DS => self.is(RecordType::SOA) && !is_root,
            _ => self.is_delegation(),
        };
        // Whatever is there would be an answer to ANY.
        let is_there = if qtype == RecordType::ANY { self.has_data() } else { self.is(qtype) };
        !wrong_side && !is_there && !self.is(RecordType::CNAME)
    }
}

/// An NSEC record whose signature holds.
#[derive(Clone, Debug)]
pub(super) struct Nsec<'a> {
    owner: &'a Name,
    next: Name,
    types: Types<'a>,
    is_last: bool,
}

impl<'a> Nsec<'a> {
    /// Reads an NSEC set of `zone`; `None` when it cannot be read or leads out of the zone (CVE-2026-13321).
    pub(super) fn read(set: &'a RrSet, zone: &Name) -> Option<Self> {
        let rdata = set.rdatas.iter().next().filter(|_| set.rdatas.len() == 1)?;
        let (next, types) = Name::split_first(rdata)?;
        let is_last = next == *zone;
        let inside = set.owner.is_within(zone) && next.is_within(zone);
        let types = Types::read(types)?;
        inside.then_some(Self { owner: &set.owner, next, types, is_last })
    }

    /// RFC 9824 §3.1, RFC 4470: the next name is the first that there can be, so that nothing lies between.
    pub(super) fn is_compact(&self) -> bool {
        self.owner.prepend(&[0]).is_ok_and(|least| least == self.next)
    }

    /// What it is about.
    pub(super) fn place(&self) -> Place {
        Place::Nsec(self.owner.to_lower())
    }

    /// The types at `name`, when this is the record at it.
    pub(super) fn at(&self, name: &Name) -> Option<Types<'a>> {
        (self.owner == name).then_some(self.types)
    }

    /// Whether `name` lies between the owner and the next name, and the zone has the say there.
    pub(super) fn covers(&self, name: &Name) -> bool {
        let between = self.owner < name && (self.is_last || *name < self.next);
        between && !(name.is_below(self.owner) && self.types.ends_here())
    }

    /// Whether `name` has no records but others below it: an empty non-terminal.
    pub(super) fn shows_empty(&self, name: &Name) -> bool {
        self.covers(name) && self.next.is_below(name)
    }

    /// Whether `name` does not exist, not even as an empty non-terminal.
    pub(super) fn denies(&self, name: &Name) -> bool {
        self.covers(name) && !self.next.is_within(name)
    }

    /// The closest name above `name` that exists, by a record that covers it (RFC 4592 §3.3.1).
    pub(super) fn encloser(&self, name: &Name) -> Name {
        let labels = name.common_labels(self.owner).max(name.common_labels(&self.next));
        name.suffix(labels)
    }
}

/// What a set of NSEC records shows of a name.
pub(super) fn no_data(nsecs: &[Nsec<'_>], name: &Name, qtype: RecordType) -> bool {
    if let Some(types) = nsecs.iter().find_map(|nsec| nsec.at(name)) {
        return types.lacks(qtype, name.is_root());
    }
    if nsecs.iter().any(|nsec| nsec.shows_empty(name)) {
        return true;
    }
    // RFC 4035 §3.1.3.4: a wildcard without the type stands for a name that does not exist.
    nsecs.iter().filter(|nsec| nsec.denies(name)).any(|nsec| {
        let Ok(source) = nsec.encloser(name).prepend(b"*") else { return false };
        match nsecs.iter().find_map(|nsec| nsec.at(&source)) {
            Some(types) => types.lacks(qtype, false),
            // RFC 4592 §2.2.2, §3.3.1: it may have nothing but names below it, and stands for others all the same.
            None => nsecs.iter().any(|nsec| nsec.shows_empty(&source)),
        }
    })
}

/// Whether neither `name` nor a wildcard for it exists (RFC 4035 §5.4).
pub(super) fn no_name(nsecs: &[Nsec<'_>], name: &Name) -> bool {
    // RFC 9824 §3.1: a record at the name itself that says so.
    if nsecs.iter().any(|nsec| nsec.at(name).is_some_and(|types| types.has(NXNAME))) {
        return true;
    }
    nsecs.iter().filter(|nsec| nsec.denies(name)).any(|nsec| {
        let wildcard = nsec.encloser(name).prepend(b"*");
        wildcard.is_ok_and(|wildcard| nsecs.iter().any(|other| other.denies(&wildcard)))
    })
}

/// Whether nothing closer to `name` exists than what lies below `encloser` (RFC 4035 §5.3.4).
pub(super) fn no_closer(nsecs: &[Nsec<'_>], name: &Name, encloser: &Name) -> bool {
    let next_closer = name.suffix(encloser.label_count() + 1);
    nsecs.iter().any(|nsec| {
        let exists = nsec.owner.is_within(&next_closer) || nsec.next.is_within(&next_closer);
        nsec.covers(name) && !exists
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// An NSEC record with the types A and NSEC.
    fn nsec(owner: &str, next: &str) -> RrSet {
        let next: Name = next.parse().unwrap();
        let rdata = [next.wire(), &[0, 6, 0x40, 0, 0, 0, 0, 1]].concat();
        RrSet::new(owner.parse().unwrap(), RecordType::NSEC, 60, [&rdata[..]])
    }

    /// RFC 4592 §2.2.2, §3.3.1: `*.example.` exists, as `a.*.example.` does, and makes names without data.
    #[test]
    fn a_wildcard_without_records_stands_for_others() {
        let (zone, name): (Name, Name) = ("example.".parse().unwrap(), "q.example.".parse().unwrap());
        let (apex, last) = (nsec("example.", "a.*.example."), nsec("a.*.example.", "example."));
        let both: Vec<Nsec<'_>> = [&apex, &last].iter().filter_map(|set| Nsec::read(set, &zone)).collect();
        assert!(no_data(&both, &name, RecordType::A) && !no_name(&both, &name));
        for one in &both {
            let one = std::slice::from_ref(one);
            assert!(!no_data(one, &name, RecordType::A) && !no_name(one, &name), "{one:?}");
        }
    }

    proptest! {
        /// RFC 4034 §4.1.2: a type is there if its bit is, wherever its window stands; and what is no bitmap is none.
        #[test]
        fn bitmaps_are_read_in_any_order(
            types in proptest::collection::btree_set(
                prop_oneof![proptest::sample::select(vec![46, 47, NXNAME]), 0..300_u16, any::<u16>()],
                0..12,
            ),
            order in any::<u64>(),
            asked in prop_oneof![0..300_u16, any::<u16>()],
        ) {
            let mut windows: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
            for rtype in &types {
                let [window, bit] = rtype.to_be_bytes();
                let bits = windows.entry(window).or_default();
                bits.resize(bits.len().max(usize::from(bit / 8) + 1), 0);
                bits[usize::from(bit / 8)] |= 0x80 >> (bit % 8);
            }
            let mut windows: Vec<Vec<u8>> =
                windows.into_iter().map(|(number, bits)| [&[number, u8::try_from(bits.len()).unwrap()][..], &bits].concat()).collect();
            windows.sort_by_key(|window| (u64::from(window[0]) + 1).wrapping_mul(order | 1));
            let bitmap = windows.concat();
            let read = Types::read(&bitmap).unwrap();
            for rtype in types.iter().chain([&asked]) {
                prop_assert_eq!(read.has(*rtype), types.contains(rtype), "{}", rtype);
            }
            let always = BTreeSet::from([46, 47, NXNAME]);
            prop_assert_eq!(read.has_data(), !types.is_subset(&always));
            if let Some(first) = windows.first() {
                prop_assert!(Types::read(&bitmap[..bitmap.len() - 1]).is_none(), "cut short");
                prop_assert!(Types::read(&[&bitmap[..], first].concat()).is_none(), "a window twice");
                let wide = [&[first[0], 33][..], &[0xff; 33]].concat();
                prop_assert!(Types::read(&wide).is_none(), "a window of 33 octets");
            }
        }
    }
}
