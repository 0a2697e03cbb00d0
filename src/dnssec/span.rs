//! Record sets that were proved and say something of more than the question they came with (RFC 8198).

use crate::wire::{Name, RecordType, RrSet};

use super::nsec::Nsec;
use super::nsec3::Nsec3;
use super::place::{Nsec3Params, Place};

/// A set that was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The zone that signed it.
    pub zone: Name,
    /// What it is about.
    pub place: Place,
    /// The set, its TTL what the proof allows.
    pub set: RrSet,
}

impl Span {
    /// An NSEC or NSEC3 set whose signature holds; `None` when it says nothing of other names.
    pub(super) fn denial(set: &RrSet, zone: &Name) -> Option<Self> {
        let place = match set.rtype {
            // RFC 9824 §3: a record that was made for one question covers no name, and its types are what that question
            // needed. Of others it must not be asked.
            RecordType::NSEC => Nsec::read(set, zone).filter(|nsec| !nsec.is_compact()).map(|nsec| nsec.place())?,
            // RFC 8198 §5.2: inside an opt-out span there may be names.
            _ => Nsec3::read(set, zone).filter(|record| !record.opt_out).map(|record| record.place())?,
        };
        Some(Self { zone: zone.clone(), place, set: set.clone() })
    }

    /// A SOA set whose signature holds.
    pub(super) fn soa(set: &RrSet, zone: &Name, ttl_secs: u32) -> Self {
        Self { zone: zone.clone(), place: Place::Soa, set: RrSet { ttl_secs, ..set.clone() } }
    }

    /// A set that a wildcard below `encloser` made, under the name of that wildcard.
    pub(super) fn wildcard(set: &RrSet, zone: &Name, encloser: &Name, ttl_secs: u32) -> Option<Self> {
        let owner = encloser.prepend(b"*").ok()?;
        let place = Place::Wildcard(owner.clone(), set.rtype.into());
        Some(Self { zone: zone.clone(), place, set: RrSet { owner, ttl_secs, ..set.clone() } })
    }
}

/// What was proved before and still holds. The TTL of what it gives is what is left of it.
pub trait Spans {
    /// The set that is about `place` itself.
    fn at(&self, zone: &Name, place: &Place) -> Option<RrSet>;
    /// The set about `place`, or about the last place of the same kind before it; for NSEC3, whose order is a circle,
    /// the last of all when there is none before it.
    fn at_or_before(&self, zone: &Name, place: &Place) -> Option<RrSet>;
    /// The parameters of the NSEC3 chain of `zone`, if it has one.
    fn nsec3_params(&self, zone: &Name) -> Option<Nsec3Params>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8198 §5.2: an opt-out span says nothing of the names inside it, so it is not kept; the same span without the
    /// flag is.
    #[test]
    fn an_opt_out_span_is_left_alone() {
        let zone: Name = "example.".parse().unwrap();
        let span = |flags: u8| {
            let rdata = [&[1, flags, 0, 0, 0, 20][..], &[7; 20]].concat();
            let owner = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.".parse().unwrap();
            Span::denial(&RrSet::new(owner, RecordType::NSEC3, 60, [&rdata[..]]), &zone)
        };
        assert_eq!(span(1), None);
        assert!(matches!(span(0), Some(Span { place: Place::Nsec3(..), .. })));
    }
}
