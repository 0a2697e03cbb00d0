//! One shard: a map in order of use, with a budget of bytes.

use std::sync::Arc;

use lru::LruCache;
use smallvec::SmallVec;

use super::cuts::NoCut;
use super::facts::{Answer, Delegation, Denial, Failure, KnownZone};
use super::glue::Glue;
use super::held::HeldSet;
use super::key::Key;
use super::rank::Security;
use crate::keyed::BuildKeyed;
use crate::time::Time;

/// What an entry takes besides its `Arc`: the node of the list (key, value, two links, and what the allocator adds) and
/// its share of the table (17 octets per slot, 7/16 to 7/8 of the slots used).
const PER_ENTRY: usize = size_of::<Key>() + size_of::<Entry>() + 2 * size_of::<usize>() + 16 + 30;
/// The two counters of an `Arc` and what the allocator adds to its block.
const PER_ARC: usize = 16 + 16;

/// A thing that is kept, of any kind, with its cost in octets.
///
/// One type for all stores, so that they share one budget and one order of use: what was not used for the
/// longest time goes first, whatever it is.
pub(super) enum Entry {
    Answer(u32, Arc<Answer>),
    /// Most of what is kept: in the node itself.
    Set(HeldSet),
    Denial(u32, Arc<Denial>),
    Delegation(u32, Arc<Delegation>),
    Failure(u32, Arc<Failure>),
    Zone(u32, Arc<KnownZone>),
    Glue(u32, Arc<Glue>),
    NoCut(u32, Arc<NoCut>),
}

const _: () = assert!(size_of::<Entry>() == 80, "a node with its key and links fits into 112 octets");

/// What can be kept.
pub(super) trait Kept: Sized {
    fn heap_bytes(&self) -> usize;
    fn expires(&self) -> Time;
    fn into_entry(kept: Arc<Self>, cost: u32) -> Entry;
    fn from_entry(entry: &Entry) -> Option<&Arc<Self>>;
}

macro_rules! kept {
    ($type:ident, $variant:ident) => {
        impl Kept for $type {
            fn heap_bytes(&self) -> usize {
                $type::heap_bytes(self)
            }

            fn expires(&self) -> Time {
                self.expires
            }

            fn into_entry(kept: Arc<Self>, cost: u32) -> Entry {
                Entry::$variant(cost, kept)
            }

            fn from_entry(entry: &Entry) -> Option<&Arc<Self>> {
                if let Entry::$variant(_, kept) = entry { Some(kept) } else { None }
            }
        }
    };
}

kept!(Answer, Answer);
kept!(Denial, Denial);
kept!(Delegation, Delegation);
kept!(Failure, Failure);
kept!(KnownZone, Zone);
kept!(Glue, Glue);
kept!(NoCut, NoCut);

impl Entry {
    /// What DNSSEC has shown of it, if it is a set or a denial.
    fn security(&self) -> Option<Security> {
        match self {
            Self::Set(held) => Some(held.security),
            Self::Denial(_, denial) => Some(denial.security),
            _ => None,
        }
    }

    /// Wraps a thing and counts what it takes, all in all.
    pub(super) fn new<K: Kept>(kept: Arc<K>) -> Self {
        let cost = PER_ENTRY + PER_ARC + size_of::<K>() + kept.heap_bytes();
        K::into_entry(kept, u32::try_from(cost).unwrap_or(u32::MAX))
    }

    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Set(held) => PER_ENTRY + held.heap_bytes(),
            Self::Answer(cost, _)
            | Self::Denial(cost, _)
            | Self::Delegation(cost, _)
            | Self::Failure(cost, _)
            | Self::Zone(cost, _)
            | Self::Glue(cost, _)
            | Self::NoCut(cost, _) => *cost as usize,
        }
    }
}

/// Most entries that are taken out at once to make room.
const AT_ONCE: usize = 32;

/// Entries that left a shard. Drop them after the lock: freeing takes longer than unlinking.
pub(super) type Gone = SmallVec<[Entry; 4]>;

/// One shard. Its owner wraps it in a lock.
pub(super) struct Shard {
    entries: LruCache<Key, Entry, BuildKeyed>,
    bytes: usize,
    limit_bytes: usize,
}

impl Shard {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { entries: LruCache::unbounded_with_hasher(BuildKeyed::default()), bytes: 0, limit_bytes }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The thing under `key`, fresh or not; it becomes the most recently used.
    pub(super) fn get<K: Kept>(&mut self, key: &Key) -> Option<&Arc<K>> {
        self.entries.get(key).and_then(K::from_entry)
    }

    /// The thing under `key`, fresh or not, without a trace in the order of use.
    pub(super) fn peek<K: Kept>(&self, key: &Key) -> Option<&Arc<K>> {
        self.entries.peek(key).and_then(K::from_entry)
    }

    /// Whether there is something under `key`, fresh or not.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.entries.peek(key).is_some()
    }

    /// The set under `key`, fresh or not; it becomes the most recently used.
    pub(super) fn set(&mut self, key: &Key) -> Option<&HeldSet> {
        match self.entries.get(key)? {
            Entry::Set(held) => Some(held),
            _ => None,
        }
    }

    /// As [`Self::set`], without a trace in the order of use.
    pub(super) fn peek_set(&self, key: &Key) -> Option<&HeldSet> {
        match self.entries.peek(key)? {
            Entry::Set(held) => Some(held),
            _ => None,
        }
    }

    /// Puts `entry` in, and takes out what was not used for longest until the budget holds. What is there and was
    /// judged stays behind what is not judged yet, and may never be, until something is.
    pub(super) fn put(&mut self, key: Key, entry: Entry) -> Gone {
        let mut gone = Gone::new();
        let is_judged = |entry: &Entry| entry.security() > Some(Security::Unchecked);
        if is_judged(&entry) {
            gone.extend(self.remove(&key.behind()));
        } else if self.entries.peek(&key).is_some_and(is_judged)
            && let Some(judged) = self.entries.pop(&key)
        {
            let replaced = self.entries.put(key.behind(), judged);
            self.leave(replaced, &mut gone);
        }
        self.bytes += entry.cost();
        let replaced = self.entries.put(key, entry);
        self.leave(replaced, &mut gone);
        while self.bytes > self.limit_bytes && !self.entries.is_empty() {
            self.make_room(&mut gone);
        }
        gone
    }

    /// Takes out what is under `key`.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.entries.pop(key)?;
        self.bytes -= entry.cost();
        Some(entry)
    }

    /// Takes out what was not used for longest, one in 64 of all that is kept and no more than 32.
    ///
    /// Each is looked for before the first goes: nobody has touched them for long, so each look waits for memory, and
    /// the waits of looks that do not change anything overlap.
    fn make_room(&mut self, gone: &mut Gone) {
        let most = (self.len() / 64).clamp(1, AT_ONCE);
        let oldest = self.entries.iter().rev().take(most);
        for _ in 0..oldest.filter(|(key, _)| self.entries.contains(*key)).count() {
            let oldest = self.entries.pop_lru().map(|(_, entry)| entry);
            self.leave(oldest, gone);
        }
    }

    /// Takes out what is known of zones, and takes the proof from sets and denials.
    pub(super) fn distrust(&mut self) -> Vec<Entry> {
        let mut zones = Vec::new();
        for (key, entry) in &mut self.entries {
            match entry {
                Entry::Zone(..) => zones.push(*key),
                Entry::Set(held) => held.distrust(),
                Entry::Denial(_, denial) if denial.security == Security::Secure => {
                    *denial = Arc::new(Denial { security: Security::Insecure, ..Denial::clone(denial) });
                }
                _ => {}
            }
        }
        zones.iter().filter_map(|key| self.remove(key)).collect()
    }

    fn leave(&mut self, entry: Option<Entry>, gone: &mut Gone) {
        if let Some(entry) = entry {
            self.bytes -= entry.cost();
            gone.push(entry);
        }
    }
}
