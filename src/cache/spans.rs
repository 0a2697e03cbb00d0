//! What was proved and says something of more than one question (RFC 8198), in the order of each zone.
//!
//! The other stores are looked up by the hash of a name; here the record *before* a name is wanted. So these stand in
//! an ordered map for each zone, with a share of the memory of their own: what was not used for longest goes first.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use crate::dnssec::{Nsec3Params, Place, Span, Spans};
use crate::time::Time;
use crate::wire::{Name, RrSet};

/// The share of the memory of the cache that spans may take, as a divisor. An eighth of 64 MiB has room for about
/// 12,000 records with RSA signatures: all of the root and of a few zones under attack.
pub(super) const SHARE: usize = 8;

/// What an entry takes besides the octets of its names and its set: its place in the map of its zone and its slot in
/// the order of use, the counters of the `Arc`, and what the allocator adds.
const PER_SPAN: usize = size_of::<Slot>() + size_of::<Place>() + size_of::<Held>() + 192;

/// A zone and what a set in it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    zone: Name,
    place: Place,
}

/// A slot that what is held and the order of use share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shared(Arc<Slot>);

impl Borrow<Slot> for Shared {
    fn borrow(&self) -> &Slot {
        &self.0
    }
}

struct Held {
    slot: Shared,
    set: RrSet,
    expires: Time,
    cost: usize,
}

/// The spans of all zones.
pub(super) struct SpanStore {
    shelf: Mutex<Shelf>,
    limit_bytes: usize,
}

struct Shelf {
    /// Those of each zone, in its order. Most zones that are asked about have none, and one look shows that.
    zones: HashMap<Name, BTreeMap<Place, Held>>,
    order: LruCache<Shared, ()>,
    bytes: usize,
}

impl SpanStore {
    /// A store that holds at most `limit_bytes`.
    pub(super) fn new(limit_bytes: usize) -> Self {
        let shelf = Shelf { zones: HashMap::new(), order: LruCache::unbounded(), bytes: 0 };
        Self { shelf: Mutex::new(shelf), limit_bytes }
    }

    /// Keeps a span until its TTL is over, if it may be kept; one about the same place goes.
    pub(super) fn put(&self, span: Span, now: Time, may_be_kept: impl FnOnce() -> bool) {
        let Span { zone, place, set } = span;
        let expires = now.after_ttl(set.ttl_secs);
        if set.ttl_secs == 0 {
            return;
        }
        let names = zone.heap_bytes() + set.owner.heap_bytes();
        let cost = PER_SPAN + names + set.heap_bytes();
        let slot = Shared(Arc::new(Slot { zone: zone.to_lower(), place: place.clone() }));
        let mut shelf = self.shelf.lock();
        if !may_be_kept() {
            return;
        }
        shelf.drop_other_chains(&slot.0);
        shelf.remove(&slot.0);
        shelf.bytes += cost;
        shelf.order.put(slot.clone(), ());
        shelf.zones.entry(slot.0.zone.clone()).or_default().insert(place, Held { slot, set, expires, cost });
        while shelf.bytes > self.limit_bytes {
            let Some((oldest, ())) = shelf.order.pop_lru() else { break };
            shelf.remove(&oldest.0);
        }
    }

    /// Forgets what may say something of `name` or of a name below it: all of the zones above it and below it.
    pub(super) fn flush(&self, name: &Name) {
        let mut shelf = self.shelf.lock();
        let concerned = shelf.zones.iter().filter(|(zone, _)| zone.is_within(name) || name.is_within(zone));
        let slots = concerned.flat_map(|(_, spans)| spans.values().map(|held| held.slot.clone()));
        for slot in slots.collect::<Vec<_>>() {
            shelf.remove(&slot.0);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.shelf.lock().bytes
    }

    pub(super) const fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    pub(super) fn len(&self) -> usize {
        self.shelf.lock().zones.values().map(BTreeMap::len).sum()
    }

    /// What holds at `now`.
    pub(super) fn at(&self, now: Time) -> SpansAt<'_> {
        SpansAt { store: self, now }
    }
}

impl Shelf {
    fn remove(&mut self, slot: &Slot) {
        if let Some(spans) = self.zones.get_mut(&slot.zone) {
            self.bytes -= spans.remove(&slot.place).map_or(0, |held| held.cost);
            if spans.is_empty() {
                self.zones.remove(&slot.zone);
            }
        }
        self.order.pop(slot);
    }

    /// A zone has one chain of NSEC3 records; when it is made anew with other parameters, the old one is of no use.
    fn drop_other_chains(&mut self, new: &Slot) {
        let Place::Nsec3(new_chain, _) = &new.place else { return };
        if self.chain(&new.zone).is_none_or(|chain| chain == new_chain) {
            return;
        }
        let all = self.zones.get(&new.zone).into_iter().flat_map(BTreeMap::iter);
        let hashed = all.filter(|(place, _)| matches!(place, Place::Nsec3(..)));
        for slot in hashed.map(|(_, held)| held.slot.clone()).collect::<Vec<_>>() {
            self.remove(&slot.0);
        }
    }

    /// The chain of NSEC3 records of a zone, if something of it is known.
    fn chain(&self, zone: &Name) -> Option<&Nsec3Params> {
        match self.zones.get(zone)?.last_key_value()? {
            (Place::Nsec3(params, _), _) => Some(params),
            _ => None,
        }
    }

    /// The last span of `zone` at or before `place`, of the same kind.
    fn last(&self, zone: &Name, place: &Place) -> Option<&Held> {
        let (found, held) = self.zones.get(zone)?.range(..=place).next_back()?;
        is_same_kind(found, place).then_some(held)
    }

    /// The set of a slot as it may be used now; what is over goes.
    fn fresh(&mut self, slot: &Shared, now: Time) -> Option<RrSet> {
        let held = self.zones.get(&slot.0.zone)?.get(&slot.0.place)?;
        if held.expires <= now {
            self.remove(&slot.0);
            return None;
        }
        let ttl_secs = held.expires.secs_since(now);
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
        Place::Nsec3(params, _) => Place::Nsec3(params.clone(), [0xff; 20]),
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
        let mut shelf = self.store.shelf.lock();
        let slot = shelf.zones.get(zone)?.get(place)?.slot.clone();
        shelf.fresh(&slot, self.now)
    }

    fn at_or_before(&self, zone: &Name, place: &Place) -> Option<RrSet> {
        let mut shelf = self.store.shelf.lock();
        let found = shelf.last(zone, place).or_else(|| match place {
            Place::Nsec3(..) => shelf.last(zone, &last_of(place)),
            _ => None,
        });
        let slot = found?.slot.clone();
        shelf.fresh(&slot, self.now)
    }

    fn nsec3_params(&self, zone: &Name) -> Option<Nsec3Params> {
        self.store.shelf.lock().chain(zone).cloned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{RecordType, name};

    fn nsec(owner: &str) -> Span {
        let set = RrSet::new(name(owner), RecordType::NSEC, 60, [&b"\x00"[..]]);
        Span { zone: name("example."), place: Place::Nsec(name(owner)), set }
    }

    fn nsec3(iterations: u16, octet: u8) -> Span {
        let params = Nsec3Params { iterations, salt: Box::default() };
        let set = RrSet::new(name("example."), RecordType::NSEC3, 60, [&[octet][..]]);
        Span { zone: name("example."), place: Place::Nsec3(params, [octet; 20]), set }
    }

    #[test]
    fn the_record_before_a_name_is_found_while_it_lasts() {
        let store = SpanStore::new(1 << 20);
        let now = Time::from_secs(1);
        ["example.", "a.example.", "M.example.", "z.m.example."]
            .iter()
            .for_each(|owner| store.put(nsec(owner), now, || true));
        store.put(Span { zone: name("other."), ..nsec("a.other.") }, now, || true);
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
        [3, 7].iter().for_each(|octet| store.put(nsec3(1, *octet), now, || true));
        store.put(nsec("example."), now, || true);
        let before = |iterations: u16, octet: u8| {
            let place = nsec3(iterations, octet).place;
            let found = store.at(now).at_or_before(&name("example."), &place)?;
            found.rdatas.iter().next().map(<[u8]>::to_vec)
        };
        assert_eq!([before(1, 5), before(1, 7), before(1, 1)], [Some(vec![3]), Some(vec![7]), Some(vec![7])]);
        assert_eq!(before(0, 5), None);
        store.put(nsec3(0, 9), now, || true);
        assert_eq!((before(1, 5), before(0, 5)), (None, Some(vec![9])));
        assert_eq!(store.at(now).nsec3_params(&name("example.")).map(|params| params.iterations), Some(0));
        assert_eq!(store.len(), 2);
    }

    /// What is kept, as a list: nothing is looked up there but by looking at all of it.
    #[derive(Default)]
    struct Model(Vec<(Name, Place, u8, u64)>);

    impl Model {
        fn put(&mut self, zone: &Name, place: &Place, data: u8, (ttl_secs, now): (u32, u64)) {
            if ttl_secs == 0 {
                return;
            }
            let is_old = |other: &Place| match (other, place) {
                (Place::Nsec3(one, _), Place::Nsec3(two, _)) if one != two => true,
                _ => other == place,
            };
            self.0.retain(|(of, other, ..)| of != zone || !is_old(other));
            self.0.push((zone.clone(), place.clone(), data, now + u64::from(ttl_secs)));
        }

        /// What is about `place`, or about the last place before it of its kind; what is over goes when it is seen.
        fn look(&mut self, zone: &Name, place: &Place, before: bool, now: u64) -> Option<(u8, u32)> {
            let alike = |other: &Place| match (other, place) {
                (Place::Nsec3(one, _), Place::Nsec3(two, _)) => one == two,
                _ => std::mem::discriminant(other) == std::mem::discriminant(place),
            };
            let fitting = || self.0.iter().filter(|(of, other, ..)| of == zone && alike(other));
            let upto = fitting().filter(|(_, other, ..)| if before { other <= place } else { other == place });
            let around =
                || fitting().filter(|_| before && matches!(place, Place::Nsec3(..))).max_by_key(|known| &known.1);
            let (of, other, data, until) = upto.max_by_key(|known| &known.1).or_else(around)?.clone();
            if until <= now {
                self.0.retain(|known| (&known.0, &known.1) != (&of, &other));
                return None;
            }
            Some((data, u32::try_from(until - now).expect("seconds")))
        }
    }

    proptest! {
        /// Whatever is put and looked for in whatever order, the store says what the list of all of it says; and when
        /// everything is over and was seen, nothing is left in the sums.
        #[test]
        fn the_store_is_a_list_that_is_quick(
            steps in proptest::collection::vec((0..3_u8, 0..2_usize, 0..4_u8, 0..6_u8, any::<bool>(), 0..50_u32), 1..80),
        ) {
            let (store, mut model, mut now) = (SpanStore::new(1 << 20), Model::default(), 1);
            let zones = [name("example."), name("EXAMPLE.net.")];
            let place = |kind: u8, at: u8, upper: bool| {
                let below = ["a.", "b.a.", "c.", "d.c.", "*.", "e."][usize::from(at)];
                let owner = name(&format!("{}.{below}", if upper { "X" } else { "x" }));
                match kind {
                    0 => Place::Nsec(owner),
                    1 => Place::Wildcard(owner, u16::from(at % 2)),
                    2 => Place::Soa,
                    _ => {
                        let params = Nsec3Params { iterations: u16::from(at % 2), salt: vec![7; usize::from(upper)].into() };
                        Place::Nsec3(params, [at; 20])
                    }
                }
            };
            for (step, zone, kind, at, upper, secs) in steps {
                let (zone, place) = (&zones[zone], place(kind, at, upper));
                let asked = if upper { zone.to_lower() } else { zone.clone() };
                let time = Time::from_secs(now);
                match step {
                    0 => {
                        let data = u8::try_from(secs).expect("small");
                        let set = RrSet::new(name("a."), RecordType::NSEC, secs, [&[data][..]]);
                        store.put(Span { zone: asked, place: place.clone(), set }, time, || true);
                        model.put(zone, &place, data, (secs, now));
                    }
                    1 => now += u64::from(secs / 4),
                    _ => {
                        let before = secs % 2 == 1;
                        let found = match before {
                            true => store.at(time).at_or_before(&asked, &place),
                            false => store.at(time).at(&asked, &place),
                        };
                        let found = found.map(|set| (set.rdatas.iter().next().expect("data")[0], set.ttl_secs));
                        prop_assert_eq!(found, model.look(zone, &place, before, now), "{:?}", place);
                    }
                }
                prop_assert_eq!(store.len(), model.0.len());
                prop_assert!(store.bytes() >= store.len() * PER_SPAN);
            }
            for (zone, place, ..) in model.0 {
                let _ = store.at(Time::from_secs(now + 100)).at(&zone, &place);
            }
            let shelf = store.shelf.lock();
            prop_assert_eq!((shelf.bytes, shelf.order.len(), shelf.zones.len()), (0, 0, 0));
        }
    }

    #[test]
    fn the_budget_holds_and_what_was_used_stays() {
        let store = SpanStore::new(20 * PER_SPAN);
        let now = Time::from_secs(1);
        for nth in 0..1000 {
            store.put(nsec(&format!("n{nth}.example.")), now, || true);
            assert!(store.at(now).at(&name("example."), &Place::Nsec(name("n0.example."))).is_some(), "{nth}");
            assert!(store.bytes() <= 20 * PER_SPAN);
        }
        assert!((10..=20).contains(&store.len()), "{}", store.len());
    }

    /// Long data and long names count as what they take.
    #[test]
    fn what_is_long_costs_more() {
        let cost = |owner: &str, octets: usize| {
            let store = SpanStore::new(1 << 20);
            let set = RrSet::new(name(owner), RecordType::NSEC, 60, [&vec![7; octets][..]]);
            store.put(Span { set, ..nsec("a.example.") }, Time::from_secs(1), || true);
            store.bytes()
        };
        let long = format!("{0}.{0}.{0}.", "a".repeat(60));
        assert!(cost("a.", 900) >= cost("a.", 0) + 900 && cost(&long, 0) >= cost("a.", 0) + 180);
    }
}
