//! Things under their keys, in the order of use.
//!
//! What is full makes room for each thing that comes, and what was not used for longest lies in memory that the processor
//! has long forgotten. So a thing lies in a place of its own that is never freed: what comes takes the place of what has just
//! gone. The table holds the numbers of places and nothing else, and the links stand beside the key, so that to unlink the
//! oldest touches what its removal needs of the next one.

use hashbrown::HashTable;

use super::key::Key;

/// Places that are made at a time: they never move, and 50 KiB leave no more than a page of the allocator's block unused.
const CHUNK: usize = 512;
/// The number of no place.
const NONE: u32 = u32::MAX;
/// The share that a place has in the table: 5 octets for a slot, of which 7/16 to 7/8 are in use.
const IN_TABLE: usize = 8;

/// Octets that one thing takes, besides what it points to.
pub(super) const fn per_slot<V>() -> usize {
    size_of::<Slot<V>>() + IN_TABLE
}

#[repr(C)]
struct Slot<V> {
    key: Key,
    newer: u32,
    older: u32,
    /// Nothing when it is free; then `older` is the next free one.
    value: Option<V>,
}

/// Things under their keys, in the order of use.
pub(super) struct Slots<V> {
    table: HashTable<u32>,
    chunks: Vec<Vec<Slot<V>>>,
    newest: u32,
    oldest: u32,
    free: u32,
}

impl<V> Slots<V> {
    pub(super) fn new() -> Self {
        Self { table: HashTable::new(), chunks: Vec::new(), newest: NONE, oldest: NONE, free: NONE }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// What is under `key`; it becomes the most recently used.
    pub(super) fn get(&mut self, key: &Key) -> Option<&mut V> {
        let at = self.find(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link(at);
        }
        self.slot_mut(at).value.as_mut()
    }

    /// What is under `key`, without a trace in the order of use.
    pub(super) fn peek(&self, key: &Key) -> Option<&V> {
        self.slot(self.find(key)?).value.as_ref()
    }

    /// Puts `value` under a `key` that nothing is under; it becomes the most recently used.
    pub(super) fn insert(&mut self, key: Key, value: V) {
        let at = self.place(key, value);
        self.link(at);
        let Self { table, chunks, .. } = self;
        table.insert_unique(key.slot(), at, |other| place_in(chunks, *other).key.slot());
    }

    /// Takes out what is under `key`.
    pub(super) fn remove(&mut self, key: &Key) -> Option<V> {
        let Self { table, chunks, .. } = self;
        let entry = table.find_entry(key.slot(), |at| place_in(chunks, *at).key == *key).ok()?;
        let (at, _) = entry.remove();
        self.vacate(at)
    }

    /// Takes out what was not used for longest.
    pub(super) fn pop_oldest(&mut self) -> Option<V> {
        let at = self.oldest;
        if at == NONE {
            return None;
        }
        let slot = self.slot(at).key.slot();
        if let Ok(entry) = self.table.find_entry(slot, |other| *other == at) {
            entry.remove();
        }
        self.vacate(at)
    }

    fn find(&self, key: &Key) -> Option<u32> {
        self.table.find(key.slot(), |at| self.slot(*at).key == *key).copied()
    }

    fn slot(&self, at: u32) -> &Slot<V> {
        place_in(&self.chunks, at)
    }

    fn slot_mut(&mut self, at: u32) -> &mut Slot<V> {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    /// A place for a thing: the one that was freed last, or a new one.
    fn place(&mut self, key: Key, value: V) -> u32 {
        let slot = Slot { key, newer: NONE, older: NONE, value: Some(value) };
        if self.free != NONE {
            let at = self.free;
            let place = self.slot_mut(at);
            let next = place.older;
            *place = slot;
            self.free = next;
            return at;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let Some(chunk) = self.chunks.last_mut() else { return NONE };
        chunk.push(slot);
        u32::try_from(before + chunk.len() - 1).unwrap_or(NONE)
    }

    fn vacate(&mut self, at: u32) -> Option<V> {
        self.unlink(at);
        let free = std::mem::replace(&mut self.free, at);
        let place = self.slot_mut(at);
        place.older = free;
        place.value.take()
    }

    fn link(&mut self, at: u32) {
        let second = std::mem::replace(&mut self.newest, at);
        let place = self.slot_mut(at);
        (place.newer, place.older) = (NONE, second);
        match second {
            NONE => self.oldest = at,
            second => self.slot_mut(second).newer = at,
        }
    }

    fn unlink(&mut self, at: u32) {
        let Slot { newer, older, .. } = *self.slot(at);
        match newer {
            NONE => self.newest = older,
            newer => self.slot_mut(newer).older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slot_mut(older).newer = newer,
        }
    }
}

fn place_in<V>(chunks: &[Vec<Slot<V>>], at: u32) -> &Slot<V> {
    &chunks[at as usize / CHUNK][at as usize % CHUNK]
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// The same by the plainest means: the newest in front.
    #[derive(Default)]
    struct Plain(VecDeque<(Key, u32)>);

    impl Plain {
        fn take(&mut self, key: &Key) -> Option<u32> {
            let at = self.0.iter().position(|(known, _)| known == key)?;
            self.0.remove(at).map(|(_, value)| value)
        }

        fn get(&mut self, key: &Key) -> Option<u32> {
            let value = self.take(key)?;
            self.0.push_front((*key, value));
            Some(value)
        }

        fn peek(&self, key: &Key) -> Option<u32> {
            self.0.iter().find(|(known, _)| known == key).map(|(_, value)| *value)
        }
    }

    #[test]
    fn any_row_of_calls_comes_to_the_same_as_by_the_plainest_means() {
        // Keys that collide in the table as well as keys that do not.
        let keys: Vec<Key> = (0..1500).map(|nth| Key::for_test(nth, nth % 700)).collect();
        let (mut slots, mut plain, mut seed) = (Slots::new(), Plain::default(), 7_u64);
        for turn in 0..60_000_u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let chance = usize::try_from(seed >> 33).expect("31 bits");
            let key = &keys[chance % keys.len()];
            match chance / keys.len() % 8 {
                0..4 if plain.peek(key).is_none() => {
                    slots.insert(*key, turn);
                    plain.0.push_front((*key, turn));
                }
                4 => assert_eq!(slots.remove(key), plain.take(key)),
                5 => assert_eq!(slots.pop_oldest(), plain.0.pop_back().map(|(_, value)| value)),
                6 => assert_eq!(slots.get(key).copied(), plain.get(key)),
                _ => assert_eq!(slots.peek(key).copied(), plain.peek(key)),
            }
            assert_eq!(slots.len(), plain.0.len());
        }
        assert!(slots.chunks.len() > 1, "more than one chunk was needed");
        while let Some((_, value)) = plain.0.pop_back() {
            assert_eq!(slots.pop_oldest(), Some(value));
        }
        assert!(slots.pop_oldest().is_none() && slots.len() == 0);
    }

    #[test]
    fn what_comes_takes_the_place_of_what_has_gone() {
        let mut slots = Slots::new();
        for nth in 0..10_000 {
            slots.insert(Key::for_test(nth, nth), nth);
            if slots.len() > 100 {
                slots.pop_oldest();
            }
        }
        assert_eq!(slots.chunks.iter().map(Vec::len).sum::<usize>(), 101);
    }
}
