//! What is known about one name: it is hashed once for all questions about it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::doubt::denial_keys;
use super::held::HeldSet;
use super::key::{Hashed, Store};
use super::{Cache, Delegation, Denial, Failure, KnownSet};
use crate::time::Time;
use crate::wire::{Name, RecordType};

/// A name, ready to be looked up.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    cache: &'a Cache,
    name: &'a Name,
    hashed: Hashed,
}

/// A name and all names above it, ready to be looked up.
#[derive(Clone, Debug)]
pub struct Upward<'a> {
    about: About<'a>,
    /// The name itself, and each above it but the root.
    hashes: SmallVec<[Hashed; 8]>,
}

impl Cache {
    /// What is known about `name`.
    #[must_use]
    pub fn about<'a>(&'a self, name: &'a Name) -> About<'a> {
        About { cache: self, name, hashed: self.hashed(name) }
    }

    /// What is known about `name` and the names above it.
    #[must_use]
    pub fn upward<'a>(&'a self, name: &'a Name) -> Upward<'a> {
        let hashes = self.hashes(name);
        let hashed = hashes.first().copied().unwrap_or_else(|| self.hashed(name));
        Upward { about: About { cache: self, name, hashed }, hashes }
    }
}

impl<'a> Upward<'a> {
    /// What is known about the name itself.
    #[must_use]
    pub const fn about(&self) -> About<'a> {
        self.about
    }

    /// The nearest name above, of at least `least` labels, that is known not to exist and is `believed`, with what says
    /// so.
    #[must_use]
    pub fn no_name_above(
        &self,
        least: usize,
        believed: impl Fn(&Denial) -> bool,
        now: Time,
    ) -> Option<(Name, Arc<Denial>)> {
        let Self { about: About { cache, name, .. }, hashes } = self;
        let above = (least.max(1)..hashes.len()).rev();
        above.into_iter().find_map(|labels| {
            let key = hashes[hashes.len() - labels].name_key(Store::NoName);
            let denial = cache.fresh::<Denial>(&key, now)?;
            believed(&denial).then(|| (name.suffix(labels), denial))
        })
    }

    /// As [`Cache::deepest`].
    #[must_use]
    pub fn deepest(&self, now: Time) -> Option<Arc<Delegation>> {
        let cache = self.about.cache;
        let mut usable: SmallVec<[Arc<Delegation>; 4]> = SmallVec::new();
        for hashed in &self.hashes {
            let Some(cut) = cache.get::<Delegation>(&hashed.name_key(Store::Delegations)) else { continue };
            if cut.expires > now {
                usable.push(cut);
            } else {
                usable.retain(|below| below.stored >= cut.expires);
            }
        }
        let root = || cache.fresh(&cache.hashed(&Name::root()).name_key(Store::Delegations), now);
        usable.into_iter().next().or_else(root)
    }
}

impl About<'_> {
    /// Whether there is nothing at all, fresh or not, that a question for `rtype` could find at the name: no set, no
    /// alias, no denial, no failure. One look for all of them waits for memory once.
    #[must_use]
    pub fn is_new(&self, rtype: RecordType) -> bool {
        let key = |rtype, store| self.hashed.key(rtype, store);
        let [no_name, no_data] = denial_keys(self.hashed, rtype);
        let keys = [
            key(rtype, Store::Sets),
            no_name,
            no_data,
            key(RecordType::CNAME, Store::Sets),
            key(rtype, Store::Failures),
        ];
        // All of a name lies in one shard.
        let shard = self.cache.shard(&keys[0]).lock();
        !keys.iter().any(|key| shard.has(key))
    }

    /// As [`Cache::set`].
    #[must_use]
    pub fn set(&self, rtype: RecordType, now: Time) -> Option<KnownSet> {
        let fresh = |held: &HeldSet| (held.expires > now && held.has_a_name()).then(|| held.known(self.name, rtype));
        self.cache.with_set(&self.hashed.key(rtype, Store::Sets), fresh)
    }

    /// As [`Cache::denial`].
    #[must_use]
    pub fn denial(&self, rtype: RecordType, now: Time) -> Option<Arc<Denial>> {
        let keys = denial_keys(self.hashed, rtype);
        // All of a name lies in one shard.
        let mut shard = self.cache.shard(&keys[0]).lock();
        let fresh = |key| shard.get(key).filter(|denial: &&Arc<Denial>| denial.expires > now).cloned();
        keys.iter().find_map(fresh)
    }

    /// As [`Cache::failure`].
    #[must_use]
    pub fn failure(&self, qtype: RecordType, now: Time) -> Option<Arc<Failure>> {
        let known = self.cache.fresh::<Failure>(&self.hashed.key(qtype, Store::Failures), now);
        known.filter(|failure| !self.cache.is_forgotten(failure.stored))
    }
}
