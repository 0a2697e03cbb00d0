//! One shard: a map with a budget of bytes, from which goes what is not used.

use std::sync::Arc;

use smallvec::SmallVec;

use super::facts::{Answer, Delegation, Denial, Failure, KnownZone};
use super::glue::Glue;
use super::held::HeldSet;
use super::key::Key;
use super::slots::{Slots, per_slot};
use crate::time::Time;

/// What an entry takes besides its `Arc`: its place, with the key, and its share of the table.
pub(super) const PER_ENTRY: usize = per_slot::<Entry>();
/// The two counters of an `Arc` and what the allocator adds to its block.
const PER_ARC: usize = 16 + 16;

/// A thing that is kept, of any kind, with its cost in octets.
///
/// One type for all stores, so that they share one budget: what is not used goes first, whatever it is.
pub(super) enum Entry {
    Answer(u32, Arc<Answer>),
    /// Most of what is kept: in the place itself.
    Set(HeldSet),
    Denial(u32, Arc<Denial>),
    Delegation(u32, Arc<Delegation>),
    Failure(u32, Arc<Failure>),
    Zone(u32, Arc<KnownZone>),
    Glue(u32, Arc<Glue>),
}

const _: () = assert!(PER_ENTRY == 110, "80 octets for an entry, 16 for its key, 14 in the table");

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

impl Entry {
    /// The set that it is, if it is one.
    pub(super) fn as_set(&mut self) -> Option<&mut HeldSet> {
        if let Self::Set(held) = self { Some(held) } else { None }
    }

    /// Wraps a thing and counts what it takes, all in all.
    pub(super) fn new<K: Kept>(kept: Arc<K>) -> Self {
        let cost = PER_ENTRY + PER_ARC + size_of::<K>() + kept.heap_bytes();
        K::into_entry(kept, u32::try_from(cost).unwrap_or(u32::MAX))
    }

    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Set(held) => held.cost(),
            Self::Answer(cost, _)
            | Self::Denial(cost, _)
            | Self::Delegation(cost, _)
            | Self::Failure(cost, _)
            | Self::Zone(cost, _)
            | Self::Glue(cost, _) => *cost as usize,
        }
    }
}

/// Entries that left a shard. Drop them after the lock: freeing takes longer than unlinking.
pub(super) type Gone = SmallVec<[Entry; 4]>;

/// One shard. Its owner wraps it in a lock.
pub(super) struct Shard {
    entries: Slots<Entry>,
    bytes: usize,
    limit_bytes: usize,
}

impl Shard {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { entries: Slots::new(), bytes: 0, limit_bytes }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The thing under `key`, fresh or not; it is used by that.
    pub(super) fn get<K: Kept>(&mut self, key: &Key) -> Option<&Arc<K>> {
        self.entries.get(key).and_then(K::from_entry)
    }

    /// The thing under `key`, fresh or not, without using it.
    pub(super) fn peek<K: Kept>(&self, key: &Key) -> Option<&Arc<K>> {
        self.entries.peek(key).and_then(K::from_entry)
    }

    /// The set under `key`, fresh or not; it is used by that.
    pub(super) fn set(&mut self, key: &Key) -> Option<&HeldSet> {
        match self.entries.get(key)? {
            Entry::Set(held) => Some(held),
            _ => None,
        }
    }

    /// As [`Self::set`], without using it.
    pub(super) fn peek_set(&self, key: &Key) -> Option<&HeldSet> {
        match self.entries.peek(key)? {
            Entry::Set(held) => Some(held),
            _ => None,
        }
    }

    /// Puts `entry` in, and takes out what was not used until the budget holds.
    pub(super) fn put(&mut self, key: Key, entry: Entry) -> Gone {
        let replaced = self.remove(&key);
        let mut gone = self.add(key, entry);
        gone.extend(replaced);
        gone
    }

    /// As [`Self::put`], under a `key` that nothing is under.
    pub(super) fn add(&mut self, key: Key, entry: Entry) -> Gone {
        let mut gone = Gone::new();
        let cost = entry.cost();
        while self.bytes + cost > self.limit_bytes {
            let Some(unused) = self.entries.pop_unused() else { break };
            self.bytes -= unused.cost();
            gone.push(unused);
        }
        self.bytes += cost;
        self.entries.insert(key, entry);
        gone
    }

    /// Takes out what is under `key`.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.bytes -= entry.cost();
        Some(entry)
    }
}
