//! What NSEC3 records show (RFC 5155 §8).

use std::cell::RefCell;

use data_encoding::BASE32HEX_NOPAD;

use crate::trace::Bogus;
use crate::wire::{Name, RecordType, RrSet};

use super::limits::{Limits, Spent};
use super::nsec::Types;
use super::place::{Hash, Nsec3Params, Place};

/// The one hash algorithm (RFC 5155 §11).
const SHA1: u8 = 1;
/// The opt-out flag (RFC 5155 §3.1.2.1).
const OPT_OUT: u8 = 1;

/// An NSEC3 record whose signature holds.
#[derive(Clone, Debug)]
pub(super) struct Nsec3<'a> {
    hash: Hash,
    next: Hash,
    pub(super) opt_out: bool,
    pub(super) iterations: u16,
    salt: &'a [u8],
    types: Types<'a>,
}

impl<'a> Nsec3<'a> {
    /// Reads an NSEC3 set of `zone`; `None` when it is damaged, of an unknown kind (RFC 5155 §8.1, §8.2), or not
    /// right below its zone (CVE-2026-10723).
    pub(super) fn read(set: &'a RrSet, zone: &Name) -> Option<Self> {
        let rdata = set.rdatas.iter().next().filter(|_| set.rdatas.len() == 1)?;
        let [SHA1, flags, high, low, salt_length, rest @ ..] = rdata else { return None };
        let (salt, rest) = rest.split_at_checked(usize::from(*salt_length))?;
        let (hash_length, rest) = rest.split_first()?;
        let (next, types) = rest.split_at_checked(usize::from(*hash_length))?;
        let label = set.owner.labels().next()?.to_ascii_uppercase();
        let hash = BASE32HEX_NOPAD.decode(&label).ok()?.try_into().ok()?;
        let inside = set.owner.is_below(zone) && set.owner.label_count() == zone.label_count() + 1;
        let types = Types::read(types)?;
        (*flags <= OPT_OUT && inside).then_some(Self {
            hash,
            next: next.try_into().ok()?,
            opt_out: *flags == OPT_OUT,
            iterations: u16::from_be_bytes([*high, *low]),
            salt,
            types,
        })
    }

    /// Whether it is the record of the name with this hash.
    pub(super) fn is_at(&self, hash: &Hash) -> bool {
        self.hash == *hash
    }

    /// What it is about.
    pub(super) fn place(&self) -> Place {
        Place::Nsec3(Nsec3Params { iterations: self.iterations, salt: self.salt.into() }, self.hash)
    }

    /// Whether `hash` lies between this record and the next.
    pub(super) fn covers(&self, hash: &Hash) -> bool {
        let (after, before) = (self.hash < *hash, *hash < self.next);
        // The last record of the circle leads back to the first.
        if self.hash < self.next { after && before } else { after || before }
    }
}

/// The NSEC3 records of one reply, all with the same parameters (RFC 5155 §8.2).
pub(super) struct Chain<'a> {
    records: Vec<Nsec3<'a>>,
    zone: &'a Name,
    limits: &'a Limits,
    spent: RefCell<&'a mut Spent>,
}

/// What a chain shows of the names around a name that it does not have.
struct Around<'r, 'a> {
    encloser: Name,
    /// The record that covers the name below it.
    cover: &'r Nsec3<'a>,
}

/// What a chain shows; opted out when it leaves room for unsigned delegations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    Proved,
    OptedOut,
}

impl<'a> Chain<'a> {
    pub(super) fn new(mut records: Vec<Nsec3<'a>>, zone: &'a Name, limits: &'a Limits, spent: &'a mut Spent) -> Self {
        if let Some(first) = records.first().cloned() {
            records.retain(|record| record.iterations == first.iterations && record.salt == first.salt);
        }
        Self { records, zone, limits, spent: RefCell::new(spent) }
    }

    /// RFC 5155 §5.
    fn hash(&self, name: &Name) -> Result<Hash, Bogus> {
        let (salt, iterations) = self.records.first().map_or((&[][..], 0), |first| (first.salt, first.iterations));
        self.spent.borrow_mut().hash(self.limits, name, salt, iterations)
    }

    fn at(&self, name: &Name) -> Result<Option<&Nsec3<'a>>, Bogus> {
        if self.records.is_empty() {
            return Ok(None);
        }
        let hash = self.hash(name)?;
        Ok(self.records.iter().find(|record| record.hash == hash))
    }

    fn cover(&self, name: &Name) -> Result<Option<&Nsec3<'a>>, Bogus> {
        let hash = self.hash(name)?;
        Ok(self.records.iter().find(|record| record.covers(&hash)))
    }

    /// RFC 5155 §8.3: the closest encloser, with the proof that the next closer name does not exist.
    ///
    /// From the zone down: a name that matches above one that is covered is the closest encloser, as nothing can be
    /// below what does not exist. So a long name costs no more than what there is of it (CVE-2023-50868).
    fn around(&self, name: &Name) -> Result<Option<Around<'_, 'a>>, Bogus> {
        for count in self.zone.label_count()..name.label_count() {
            let encloser = name.suffix(count);
            let Some(record) = self.at(&encloser)? else { continue };
            let Some(cover) = self.cover(&name.suffix(count + 1))? else { continue };
            // RFC 5155 §8.3: a cut or a DNAME cannot be the closest encloser of anything in this zone.
            return Ok((!record.types.ends_here()).then_some(Around { encloser, cover }));
        }
        Ok(None)
    }

    /// The types at `name`, where a record matches it.
    pub(super) fn types(&self, name: &Name) -> Result<Option<Types<'a>>, Bogus> {
        Ok(self.at(name)?.map(|record| record.types))
    }

    /// RFC 5155 §8.5 to §8.7: `name` has no `qtype`.
    pub(super) fn no_data(&self, name: &Name, qtype: RecordType) -> Result<Shown, Bogus> {
        if let Some(record) = self.at(name)? {
            let lacks = record.types.lacks(qtype, name.is_root());
            return Ok(if lacks { Shown::Proved } else { Shown::Nothing });
        }
        let Some(around) = self.around(name)? else { return Ok(Shown::Nothing) };
        // §8.7: the wildcard that stands for the name lacks the type.
        let Ok(source) = around.encloser.prepend(b"*") else { return Ok(Shown::Nothing) };
        if let Some(wildcard) = self.at(&source)? {
            let lacks = wildcard.types.lacks(qtype, false);
            return Ok(if lacks { shown(around.cover.opt_out) } else { Shown::Nothing });
        }
        // §8.6: an unsigned delegation may have no record of its own, nor may a name that only leads to such.
        Ok(if around.cover.opt_out { Shown::OptedOut } else { Shown::Nothing })
    }

    /// RFC 5155 §8.4: neither `name` nor a wildcard for it exists. §9.2: not certain inside an opt-out span.
    pub(super) fn no_name(&self, name: &Name) -> Result<Shown, Bogus> {
        let Some(around) = self.around(name)? else { return Ok(Shown::Nothing) };
        let Ok(wildcard) = around.encloser.prepend(b"*") else { return Ok(Shown::Nothing) };
        let covered = self.cover(&wildcard)?.is_some();
        Ok(if covered { shown(around.cover.opt_out) } else { Shown::Nothing })
    }

    /// RFC 5155 §8.8: nothing closer to `name` exists than what lies below `encloser`.
    pub(super) fn no_closer(&self, name: &Name, encloser: &Name) -> Result<Shown, Bogus> {
        if self.records.is_empty() {
            return Ok(Shown::Nothing);
        }
        let cover = self.cover(&name.suffix(encloser.label_count() + 1))?;
        Ok(cover.map_or(Shown::Nothing, |cover| shown(cover.opt_out)))
    }

    /// RFC 5155 §8.3: `name` is not in the zone; what is known of delegations at or above it.
    pub(super) fn not_there(&self, name: &Name) -> Result<Shown, Bogus> {
        Ok(self.around(name)?.map_or(Shown::Nothing, |around| shown(around.cover.opt_out)))
    }
}

fn shown(opt_out: bool) -> Shown {
    if opt_out { Shown::OptedOut } else { Shown::Proved }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5155 appendix A: the hashes of the example zone, salt AABBCCDD, 12 iterations.
    #[test]
    fn hashes_of_rfc_5155() {
        let zone: Name = "example.".parse().unwrap();
        let rdata = [&[1, 1, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd, 20][..], &[0; 20]].concat();
        let owner = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.".parse().unwrap();
        let set = RrSet::new(owner, RecordType::NSEC3, 3600, [&rdata[..]]);
        let (limits, mut spent) = (Limits::default(), Spent::default());
        let chain = Chain::new(vec![Nsec3::read(&set, &zone).unwrap()], &zone, &limits, &mut spent);
        let hash = |name: &str| {
            let hash = chain.hash(&name.parse().unwrap()).ok().unwrap();
            BASE32HEX_NOPAD.encode(&hash).to_lowercase()
        };
        assert_eq!(hash("example."), "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom");
        assert_eq!(hash("a.EXAMPLE."), "35mthgpgcu1qg68fab165klnsnk3dpvl");
        assert_eq!(hash("ai.example."), "gjeqe526plbf1g8mklp59enfd789njgi");
        assert_eq!(hash("*.w.example."), "r53bq7cc2uvmubfu5ocmm6pers9tk9en");
        assert!(chain.types(&zone).unwrap().is_some());
        drop(chain);
        assert_eq!(spent.nsec3_hashes, 4);
    }
}
