//! Record sets with their rank and source (RFC 2181 §5.4.1).

use super::doubt::keys_with_alias;
use super::held::HeldSet;
use super::key::{Key, Store};
use super::{Cache, KnownSet, Put, Rank, Security};
use crate::time::Time;
use crate::trace::Source;
use crate::wire::{Name, RecordType, RrSet};

impl Cache {
    /// The record set of `owner` and `rtype`, if it is known and fresh. What only stood behind an alias is not known by
    /// its own name, unless it was proved.
    #[must_use]
    pub fn set(&self, owner: &Name, rtype: RecordType, now: Time) -> Option<KnownSet> {
        self.about(owner).set(rtype, now)
    }

    /// Keeps a record set, unless a fresh one of higher rank is known (RFC 2181 §5.4.1). What the answer section
    /// of an authoritative reply says ends a denial of it.
    pub fn put_set(&self, set: RrSet, rank: Rank, from: Source, now: Time) -> Put {
        self.put_set_with(set, Box::default(), rank, from, now)
    }

    /// As [`Self::put_set`], with the proof that came with a set that a wildcard made.
    pub fn put_set_with(&self, mut set: RrSet, proof: Box<[RrSet]>, rank: Rank, from: Source, now: Time) -> Put {
        set.ttl_secs = self.ttls.positive(set.ttl_secs);
        let expires = now.after_ttl(set.ttl_secs);
        let security = Security::Unchecked;
        let known = KnownSet { set, proof, rank, security, from, stored: now, expires };
        if let Err(unfit) = known.fits() {
            return unfit;
        }
        let set = &known.set;
        let hashed = self.hashed(&set.owner);
        if rank == Rank::AuthAnswer {
            self.outdate_denials(hashed, set.rtype, now);
        }
        let key = hashed.key(set.rtype, Store::Sets);
        if set.ttl_secs == 0 {
            // What was known before is not what is told now: it must not be served stale either.
            for key in keys_with_alias(hashed, set.rtype) {
                self.outdate(&key, |old| old.rank > rank || old.is_needed(now));
            }
            // But that there is an alias ends what was known of all types of its name: that much is kept.
            if set.rtype != RecordType::CNAME {
                return Put::ZeroTtl;
            }
        }
        let known = KnownSet { from: self.shared(known.from), ..known };
        let is_for_all_below = known.set.rtype == RecordType::DNAME;
        let put = || {
            self.put_held(key, known, |old: &HeldSet| {
                let better = old.security == Security::Secure || old.rank > rank;
                let fresh = old.expires > now || rank == Rank::BehindAlias;
                if fresh && better { Err(Put::KeptBetter(old.rank)) } else { Ok(()) }
            })
        };
        let put = if is_for_all_below { self.put_for_all_below(&key, put) } else { put() };
        if expires <= now && put == Put::Stored { Put::ZeroTtl } else { put }
    }

    /// What `look` finds in the set under `key`, fresh or not; it becomes the most recently used.
    pub(super) fn with_set<T>(&self, key: &Key, look: impl FnOnce(&HeldSet) -> Option<T>) -> Option<T> {
        self.shard(key).lock().set(key).and_then(look)
    }

    /// As [`Self::with_set`], without a trace in the order of use.
    pub(super) fn look_at_set<T>(&self, key: &Key, look: impl FnOnce(&HeldSet) -> Option<T>) -> Option<T> {
        self.shard(key).lock().peek_set(key).and_then(look)
    }
}
