//! Record sets with their rank and source (RFC 2181 §5.4.1).

use std::time::Duration;

use super::held::HeldSet;
use super::key::{Key, Store, Subject};
use super::shard::Entry;
use super::{Cache, KnownSet, Put, Rank, Security};
use crate::time::Time;
use crate::trace::Source;
use crate::wire::{Name, RecordType, RrSet};

impl Cache {
    /// The record set of `owner` and `rtype`, if it is known and fresh. What only stood behind an alias is not known by
    /// its own name, unless it was proved.
    #[must_use]
    pub fn set(&self, owner: &Name, rtype: RecordType, now: Time) -> Option<KnownSet> {
        let fresh = |held: &HeldSet| (held.expires > now && held.has_a_name()).then(|| held.known(owner, rtype));
        self.with_set(&self.key(&Subject::of(owner, rtype, Store::Sets)), fresh)
    }

    /// As [`Cache::set`], also within `over` after the end of its time (RFC 8767).
    #[must_use]
    pub fn stale_set(&self, owner: &Name, rtype: RecordType, now: Time, over: Duration) -> Option<KnownSet> {
        let stale = |held: &HeldSet| (held.expires + over > now).then(|| held.known(owner, rtype));
        self.with_set(&self.key(&Subject::of(owner, rtype, Store::Sets)), stale)
    }

    /// Keeps a record set, unless a fresh one of higher rank is known (RFC 2181 §5.4.1). What the answer section
    /// of an authoritative reply says ends a denial of it.
    pub fn put_set(&self, set: RrSet, rank: Rank, from: Source, now: Time) -> Put {
        self.put_set_with(set, Box::default(), rank, from, now)
    }

    /// As [`Self::put_set`], with the proof that came with a set that a wildcard made.
    pub fn put_set_with(&self, mut set: RrSet, proof: Box<[RrSet]>, rank: Rank, from: Source, now: Time) -> Put {
        set.ttl_secs = self.ttls.positive(set.ttl_secs);
        let expires = now.plus_secs(u64::from(set.ttl_secs));
        let security = Security::Unchecked;
        let known = KnownSet { set, proof, rank, security, from, stored: now, expires };
        if let Err(unfit) = known.fits() {
            return unfit;
        }
        let set = &known.set;
        if rank >= Rank::AuthAnswer {
            self.remove(&self.key(&Subject::of(&set.owner, set.rtype, Store::NoData)));
            self.remove(&self.key(&Subject::of_name(&set.owner, Store::NoName)));
        }
        let key = self.key(&Subject::of(&set.owner, set.rtype, Store::Sets));
        if set.ttl_secs == 0 {
            // What was known before is not what is told now: it must not be served stale either.
            let alias = self.key(&Subject::of(&set.owner, RecordType::CNAME, Store::Sets));
            for key in [key, alias] {
                let is_proved = |old: &HeldSet| old.security == Security::Secure && old.expires > now;
                let gives_way = |old: &HeldSet| (old.rank <= rank && !is_proved(old)).then_some(());
                if self.with_set(&key, gives_way).is_some() {
                    self.remove(&key);
                }
            }
            return Put::ZeroTtl;
        }
        let known = KnownSet { from: self.shared(known.from), ..known };
        self.put_held(key, HeldSet::new(known), |old: &HeldSet| {
            let better = old.security == Security::Secure || old.rank > rank;
            let fresh = old.expires > now || rank == Rank::BehindAlias;
            if fresh && better { Err(Put::KeptBetter(old.rank)) } else { Ok(()) }
        })
    }

    /// Notes what DNSSEC has shown of `set`, if it is the one that is known under its name, and that it may be used for
    /// its TTL from `now` on, which is no longer than its signature allows (RFC 4035 §5.3.3).
    pub fn judged(&self, set: &RrSet, security: Security, now: Time) {
        let key = self.key(&Subject::of(&set.owner, set.rtype, Store::Sets));
        let same = |held: &HeldSet| (held.expires > now && held.is(set)).then(|| held.known(&set.owner, set.rtype));
        let Some(known) = self.with_set(&key, same) else { return };
        let until = now.plus_secs(set.ttl_secs.into());
        let expired = known.expires;
        let mut judged = KnownSet { security, expires: expired.min(until), ..known };
        if until > expired.plus_secs(1) {
            // It was fetched anew, and kept out by itself as it was before.
            (judged.set.ttl_secs, judged.stored, judged.expires) = (set.ttl_secs, now, until);
        }
        let _ = self.put_held(key, HeldSet::new(judged), |_| Ok(()));
    }

    /// What `look` finds in the set under `key`, fresh or not.
    pub(super) fn with_set<T>(&self, key: &Key, look: impl FnOnce(&HeldSet) -> Option<T>) -> Option<T> {
        self.shard(key).lock().set(key).and_then(look)
    }

    /// As [`Self::put_arc`], for a set.
    pub(super) fn put_held(&self, key: Key, held: HeldSet, allow: impl FnOnce(&HeldSet) -> Result<(), Put>) -> Put {
        if held.cost() > self.entry_limit_bytes {
            return Put::TooLarge(held.cost());
        }
        let mut shard = self.shard(&key).lock();
        if let Some(Err(kept_old)) = shard.set(&key).map(allow) {
            return kept_old;
        }
        let gone = shard.put(key, Entry::Set(held));
        drop(shard);
        drop(gone);
        Put::Stored
    }
}
