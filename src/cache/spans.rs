//! What was proved and says something of more than one question (RFC 8198), in the order of each zone.
//!
//! The other stores are looked up by the hash of a name; here the record *before* a name is wanted. So these stand in
//! an ordered map of their own, with a share of the memory of their own: what was not used for longest goes first.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use crate::dnssec::{Chained, Place, Span, Spans};
use crate::time::Time;
use crate::wire::{Name, RrSet};

/// The share of the memory of the cache that spans may take, as a divisor. An eighth of 64 MiB has room for about
/// 12,000 records with RSA signatures: all of the root and of a few zones under attack.
pub(super) const SHARE: usize = 8;

/// What an entry takes besides the octets of its names and its set: its slot in the map and in the order of use, the
/// counters of the `Arc`, and what the allocator adds.
const PER_SPAN: usize = size_of::<Slot>() + size_of::<Held>() + 192;

/// A zone and what a set in it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Slot {
    zone: Name,
    place: Place,
}

/// A slot that the map and the order of use share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Shared(Arc<Slot>);

impl Borrow<Slot> for Shared {
    fn borrow(&self) -> &Slot {
        &self.0
    }
}

struct Held {
    set: RrSet,
    stored: Time,
    expires: Time,
    cost: usize,
}

/// The spans of all zones.
pub(super) struct SpanStore {
    shelf: Mutex<Shelf>,
    limit_bytes: usize,
}

struct Shelf {
    spans: BTreeMap<Shared, Held>,
    order: LruCache<Shared, ()>,
    bytes: usize,
}

impl SpanStore {
    /// A store that holds at most `limit_bytes`.
    pub(super) fn new(limit_bytes: usize) -> Self {
        let shelf = Shelf { spans: BTreeMap::new(), order: LruCache::unbounded(), bytes: 0 };
        Self { shelf: Mutex::new(shelf), limit_bytes }
    }

    /// Keeps a span until its TTL is over; one about the same place goes.
    pub(super) fn put(&self, span: Span, now: Time) {
        let Span { zone, place, set } = span;
        let expires = now.after_ttl(set.ttl_secs);
        if set.ttl_secs == 0 {
            return;
        }
        let names = zone.heap_bytes() + set.owner.heap_bytes();
        let cost = PER_SPAN + names + set.heap_bytes();
        let slot = Shared(Arc::new(Slot { zone: zone.to_lower(), place }));
        let mut shelf = self.shelf.lock();
        shelf.drop_other_chains(&slot.0);
        shelf.remove(&slot.0);
        shelf.bytes += cost;
        shelf.order.put(slot.clone(), ());
        shelf.spans.insert(slot, Held { set, stored: now, expires, cost });
        while shelf.bytes > self.limit_bytes {
            let Some((oldest, ())) = shelf.order.pop_lru() else { break };
            shelf.remove(&oldest.0);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.shelf.lock().bytes
    }

    pub(super) fn len(&self) -> usize {
        self.shelf.lock().spans.len()
    }

    /// What holds at `now`.
    pub(super) fn at(&self, now: Time) -> SpansAt<'_> {
        SpansAt { store: self, now }
    }
}

impl Shelf {
    fn remove(&mut self, slot: &Slot) {
        if let Some(held) = self.spans.remove(slot) {
            self.bytes -= held.cost;
        }
        self.order.pop(slot);
    }

    /// A zone has one chain of NSEC3 records; when it is made anew with other parameters, the old one is of no use.
    fn drop_other_chains(&mut self, new: &Slot) {
        let Place::Nsec3(chained, _) = &new.place else { return };
        let old = |slot: &Slot| matches!(&slot.place, Place::Nsec3(other, _) if other != chained);
        let first = self.first_hashed(&new.zone).is_some_and(|slot| old(&slot.0));
        let last = self.last(&Slot { zone: new.zone.clone(), place: last_of(&new.place) });
        if !first && !last.is_some_and(|(slot, _)| old(&slot.0)) {
            return;
        }
        let from = Slot { zone: new.zone.clone(), place: Place::Soa };
        let zone =
            self.spans.range::<Slot, _>(&from..).map(|(slot, _)| slot).take_while(|slot| slot.0.zone == new.zone);
        for slot in zone.filter(|slot| old(&slot.0)).cloned().collect::<Vec<_>>() {
            self.remove(&slot.0);
        }
    }

    fn first_hashed(&self, zone: &Name) -> Option<&Shared> {
        let least = Chained { iterations: 0, salt: Box::default() };
        let from = Slot { zone: zone.clone(), place: Place::Nsec3(least, [0; 20]) };
        self.spans.range::<Slot, _>(&from..).next().map(|(slot, _)| slot).filter(|slot| slot.0.zone == *zone)
    }

    /// The last span at or before `slot`, of the same zone and kind.
    fn last(&self, slot: &Slot) -> Option<(Shared, &Held)> {
        let upto = (Bound::Unbounded, Bound::Included(slot));
        let (found, held) = self.spans.range::<Slot, _>(upto).next_back()?;
        let same = found.0.zone == slot.zone && is_same_kind(&found.0.place, &slot.place);
        same.then(|| (found.clone(), held))
    }

    /// The set of a slot as it may be used now; what is over goes.
    fn fresh(&mut self, slot: &Shared, now: Time) -> Option<RrSet> {
        let held = self.spans.get(&*slot.0)?;
        if held.expires <= now {
            self.remove(&slot.0);
            return None;
        }
        let ttl_secs = held.set.ttl_secs.saturating_sub(now.secs_since(held.stored)).min(held.expires.secs_since(now));
        let set = RrSet { ttl_secs, ..held.set.clone() };
        self.order.promote(&*slot.0);
        (ttl_secs > 0).then_some(set)
    }
}

fn is_same_kind(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Nsec3(one, _), Place::Nsec3(other, _)) => one == other,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// The last place of the kind of `place`.
fn last_of(place: &Place) -> Place {
    match place {
        Place::Nsec3(chained, _) => Place::Nsec3(chained.clone(), [0xff; 20]),
        other => other.clone(),
    }
}

/// The spans that hold at one moment.
#[derive(Clone, Copy)]
pub(super) struct SpansAt<'s> {
    store: &'s SpanStore,
    now: Time,
}

impl Spans for SpansAt<'_> {
    fn at(&self, zone: &Name, place: &Place) -> Option<RrSet> {
        let slot = Slot { zone: zone.clone(), place: place.clone() };
        let mut shelf = self.store.shelf.lock();
        let shared = shelf.spans.get_key_value(&slot).map(|(shared, _)| shared.clone())?;
        shelf.fresh(&shared, self.now)
    }

    fn at_or_before(&self, zone: &Name, place: &Place) -> Option<RrSet> {
        let mut slot = Slot { zone: zone.clone(), place: place.clone() };
        let mut shelf = self.store.shelf.lock();
        let mut found = shelf.last(&slot).map(|(found, _)| found);
        if found.is_none() && matches!(place, Place::Nsec3(..)) {
            slot.place = last_of(place);
            found = shelf.last(&slot).map(|(found, _)| found);
        }
        shelf.fresh(&found?, self.now)
    }

    fn chained(&self, zone: &Name) -> Option<Chained> {
        let shelf = self.store.shelf.lock();
        match &shelf.first_hashed(zone)?.0.place {
            Place::Nsec3(chained, _) => Some(chained.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::RecordType;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn nsec(owner: &str) -> Span {
        let set = RrSet::new(name(owner), RecordType::NSEC, 60, [&b"\x00"[..]]);
        Span { zone: name("example."), place: Place::Nsec(name(owner)), set }
    }

    fn nsec3(iterations: u16, octet: u8) -> Span {
        let chained = Chained { iterations, salt: Box::default() };
        let set = RrSet::new(name("example."), RecordType::NSEC3, 60, [&[octet][..]]);
        Span { zone: name("example."), place: Place::Nsec3(chained, [octet; 20]), set }
    }

    #[test]
    fn the_record_before_a_name_is_found_while_it_lasts() {
        let store = SpanStore::new(1 << 20);
        let now = Time::from_secs(1);
        ["example.", "a.example.", "M.example.", "z.m.example."].iter().for_each(|owner| store.put(nsec(owner), now));
        store.put(Span { zone: name("other."), ..nsec("a.other.") }, now);
        let before = |text: &str, now: Time| {
            let found = store.at(now).at_or_before(&name("example."), &Place::Nsec(name(text)));
            found.map(|set| (set.owner.to_string(), set.ttl_secs))
        };
        for (asked, owner) in
            [("b.example.", "a.example."), ("y.m.EXAMPLE.", "M.example."), ("zz.example.", "z.m.example.")]
        {
            assert_eq!(before(asked, now), Some((owner.to_owned(), 60)), "{asked}");
        }
        assert_eq!(before("b.example.", now.plus_secs(20)), Some(("a.example.".to_owned(), 40)));
        assert_eq!(before("aaa.", now), None, "another zone");
        assert_eq!(before("b.example.", now.plus_secs(60)), None);
        assert_eq!(store.len(), 4, "what is over goes when it is seen");
    }

    #[test]
    fn hashes_are_a_circle_and_a_new_chain_ends_the_old_one() {
        let store = SpanStore::new(1 << 20);
        let now = Time::from_secs(1);
        [3, 7].iter().for_each(|octet| store.put(nsec3(1, *octet), now));
        store.put(nsec("example."), now);
        let before = |iterations: u16, octet: u8| {
            let place = nsec3(iterations, octet).place;
            let found = store.at(now).at_or_before(&name("example."), &place)?;
            found.rdatas.iter().next().map(<[u8]>::to_vec)
        };
        assert_eq!([before(1, 5), before(1, 7), before(1, 1)], [Some(vec![3]), Some(vec![7]), Some(vec![7])]);
        assert_eq!(before(0, 5), None);
        store.put(nsec3(0, 9), now);
        assert_eq!((before(1, 5), before(0, 5)), (None, Some(vec![9])));
        assert_eq!(store.at(now).chained(&name("example.")).map(|chained| chained.iterations), Some(0));
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn the_budget_holds_and_what_was_used_stays() {
        let store = SpanStore::new(20 * PER_SPAN);
        let now = Time::from_secs(1);
        for nth in 0..1000 {
            store.put(nsec(&format!("n{nth}.example.")), now);
            assert!(store.at(now).at(&name("example."), &Place::Nsec(name("n0.example."))).is_some(), "{nth}");
            assert!(store.bytes() <= 20 * PER_SPAN);
        }
        assert!((10..=20).contains(&store.len()), "{}", store.len());
    }
}
