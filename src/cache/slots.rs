//! Things under their keys; what is not used goes first.
//!
//! What is full makes room for each thing that comes, and what lies there for longest lies in memory that the processor has
//! long forgotten. So things lie one behind the other in places that are never freed, and a hand goes round: it takes out
//! what was not used since it came by, and what comes takes that place. Whoever uses a thing sets a bit and moves nothing;
//! the next thing to go stands beside the last one, and nothing points to it but the table, which holds the numbers of
//! places alone.

use hashbrown::HashTable;

use super::key::Key;

/// Places that are made at a time: they never move, and fill a block of the allocator.
const CHUNK: usize = 512;
/// Places with one word of bits.
const WORD: usize = u64::BITS as usize;
/// The share that a place has in the table: 9 octets for a slot, of which 7/16 to 7/8 are in use.
const IN_TABLE: usize = 14;

/// Octets that one thing takes, besides what it points to.
pub(super) const fn per_slot<V>() -> usize {
    size_of::<Slot<V>>() + IN_TABLE
}

#[repr(C)]
struct Slot<V> {
    key: Key,
    /// Nothing when it is free.
    value: Option<V>,
}

/// Where something is. The table by itself tells two keys apart by seven bits: with the print of the key beside the number of
/// the place, hardly anybody who looks for what is not there has to look at a place, and a table that grows looks at none.
#[derive(Clone, Copy)]
struct Ref {
    at: u32,
    print: u32,
}

impl Ref {
    /// The table takes the low bits and the highest seven.
    fn hash(print: u32) -> u64 {
        u64::from(print) << 32 | u64::from(print)
    }
}

/// Things under their keys.
pub(super) struct Slots<V> {
    table: HashTable<Ref>,
    chunks: Vec<Vec<Slot<V>>>,
    /// A bit for each place: whether what is there was used since the hand came by.
    used: Vec<u64>,
    free: Vec<u32>,
    /// The place that is looked at next when room is made.
    hand: usize,
}

impl<V> Slots<V> {
    pub(super) fn new() -> Self {
        Self { table: HashTable::new(), chunks: Vec::new(), used: Vec::new(), free: Vec::new(), hand: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// What is under `key`, which is used by that.
    pub(super) fn get(&mut self, key: &Key) -> Option<&V> {
        let at = self.find(key)?;
        let (word, bit) = bit(at);
        // Read first: a line that is only read stays with every processor.
        if self.used[word] & bit == 0 {
            self.used[word] |= bit;
        }
        slot(&self.chunks, at).value.as_ref()
    }

    /// What is under `key`, without using it.
    pub(super) fn peek(&self, key: &Key) -> Option<&V> {
        slot(&self.chunks, self.find(key)?).value.as_ref()
    }

    /// Puts `value` under a `key` that nothing is under.
    pub(super) fn insert(&mut self, key: Key, value: V) {
        let at = self.place(Slot { key, value: Some(value) });
        let print = key.print();
        self.table.insert_unique(Ref::hash(print), Ref { at, print }, |other| Ref::hash(other.print));
    }

    /// Takes out what is under `key`.
    pub(super) fn remove(&mut self, key: &Key) -> Option<V> {
        let Self { table, chunks, .. } = self;
        let print = key.print();
        let is_it = |found: &Ref| found.print == print && slot(chunks, found.at).key == *key;
        let (Ref { at, .. }, _) = table.find_entry(Ref::hash(print), is_it).ok()?.remove();
        self.vacate(at)
    }

    /// Takes out something that was not used for a while.
    pub(super) fn pop_unused(&mut self) -> Option<V> {
        while !self.table.is_empty() {
            let at = self.next_unused();
            let Slot { key, value } = slot(&self.chunks, at);
            if value.is_none() {
                continue;
            }
            if let Ok(entry) = self.table.find_entry(Ref::hash(key.print()), |other| other.at == at) {
                entry.remove();
            }
            return self.vacate(at);
        }
        None
    }

    fn find(&self, key: &Key) -> Option<u32> {
        let print = key.print();
        let is_it = |found: &Ref| found.print == print && slot(&self.chunks, found.at).key == *key;
        self.table.find(Ref::hash(print), is_it).map(|found| found.at)
    }

    /// The next place whose bit is not set; those that the hand passes over are cleared, a word at a time.
    fn next_unused(&mut self) -> u32 {
        let places = self.places();
        loop {
            let (word, first) = (self.hand / WORD, self.hand % WORD);
            let passed = (self.used[word] >> first).trailing_ones() as usize;
            if passed > 0 {
                self.used[word] &= !(u64::MAX >> (WORD - passed) << first);
            }
            let at = self.hand + passed;
            let is_unused = first + passed < WORD && at < places;
            self.hand = if is_unused { at + 1 } else { at };
            if self.hand >= places {
                self.hand = 0;
            }
            if is_unused {
                return u32::try_from(at).unwrap_or_default();
            }
        }
    }

    fn places(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// A place for a thing: one that is free, or a new one.
    fn place(&mut self, thing: Slot<V>) -> u32 {
        if let Some(at) = self.free.pop() {
            self.chunks[at as usize / CHUNK][at as usize % CHUNK] = thing;
            return at;
        }
        let at = self.places();
        if at.is_multiple_of(WORD) {
            self.used.push(0);
        }
        if at.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(thing);
        }
        u32::try_from(at).unwrap_or_default()
    }

    fn vacate(&mut self, at: u32) -> Option<V> {
        let (word, bit) = bit(at);
        self.used[word] &= !bit;
        self.free.push(at);
        self.chunks[at as usize / CHUNK][at as usize % CHUNK].value.take()
    }
}

fn slot<V>(chunks: &[Vec<Slot<V>>], at: u32) -> &Slot<V> {
    &chunks[at as usize / CHUNK][at as usize % CHUNK]
}

/// The bit of a place: which word, and where in it.
fn bit(at: u32) -> (usize, u64) {
    (at as usize / WORD, 1 << (at as usize % WORD))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn any_row_of_calls_comes_to_the_same_as_in_a_map() {
        // Keys that collide in the table as well as keys that do not.
        let keys: Vec<Key> = (0..1500).map(|nth| Key::for_test(nth, nth % 700)).collect();
        let (mut slots, mut map, mut seed) = (Slots::new(), HashMap::new(), 7_u64);
        for turn in 0..60_000_u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let chance = usize::try_from(seed >> 33).expect("31 bits");
            let nth = chance % keys.len();
            match chance / keys.len() % 8 {
                0..4 if !map.contains_key(&nth) => {
                    slots.insert(keys[nth], (nth, turn));
                    map.insert(nth, (nth, turn));
                }
                4 => assert_eq!(slots.remove(&keys[nth]), map.remove(&nth)),
                5 => match slots.pop_unused() {
                    Some(gone) => assert_eq!(map.remove(&gone.0), Some(gone)),
                    None => assert!(map.is_empty()),
                },
                6 => assert_eq!(slots.get(&keys[nth]), map.get(&nth)),
                _ => assert_eq!(slots.peek(&keys[nth]), map.get(&nth)),
            }
            assert_eq!(slots.len(), map.len());
        }
        assert!(slots.chunks.len() > 1, "more than one chunk was needed");
        while let Some((nth, _)) = slots.pop_unused() {
            map.remove(&nth);
        }
        assert!(map.is_empty() && slots.len() == 0);
    }

    #[test]
    fn what_is_used_stays_until_the_hand_comes_by_again() {
        for count in [1, 63, 64, 65, 128, 700] {
            let mut slots = Slots::new();
            let key = |nth: u64| Key::for_test(nth, nth);
            (0..count).for_each(|nth| slots.insert(key(nth), nth));
            let is_used = |nth: &u64| !nth.is_multiple_of(3) || (64..130).contains(nth);
            (0..count).filter(is_used).for_each(|nth| assert_eq!(slots.get(&key(nth)), Some(&nth)));
            (0..count).for_each(|nth| assert_eq!(slots.peek(&key(nth)), Some(&nth), "a look is no use"));
            let gone: Vec<u64> = std::iter::from_fn(|| slots.pop_unused()).collect();
            let want: Vec<u64> = (0..count).filter(|nth| !is_used(nth)).chain((0..count).filter(is_used)).collect();
            assert_eq!(gone, want, "of {count}");
        }
    }

    #[test]
    fn what_comes_takes_the_place_of_what_has_gone() {
        let mut slots = Slots::new();
        for nth in 0..10_000 {
            slots.insert(Key::for_test(nth, nth), nth);
            if slots.len() > 100 {
                slots.pop_unused();
            }
        }
        assert_eq!(slots.places(), 101);
    }
}
