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
        // What is proved and fresh stays until the new one is proved as well, which waits behind it.
        let is_proved = |old: &HeldSet| old.security == Security::Secure && old.expires > now && !old.is(&known.set);
        let better = self.look_at_set(&key, |old| is_proved(old).then_some(old.rank));
        let key = if better.is_some() { key.behind() } else { key };
        let is_for_all_below = known.set.rtype == RecordType::DNAME;
        let put = || {
            self.put_held(key, known, |old: &HeldSet| {
                let better = old.security == Security::Secure || old.rank > rank;
                let fresh = old.expires > now || rank == Rank::BehindAlias;
                if fresh && better { Err(Put::KeptBetter(old.rank)) } else { Ok(()) }
            })
        };
        let put = if is_for_all_below { self.put_for_all_below(&key, put) } else { put() };
        match better {
            Some(better) => Put::KeptBetter(better),
            None if expires <= now && put == Put::Stored => Put::ZeroTtl,
            None => put,
        }
    }

    /// As [`Cache::judged`], of a set that may be used for `most_secs` at most, and then has no higher TTL. By
    /// signatures that are over, but for what is granted to clocks, it does not live at all; unlike what is told with
    /// TTL 0 it does not end what was known before it either.
    pub fn judged_for(
        &self,
        set: &mut RrSet,
        most_secs: u32,
        judged: (Security, &[RrSet]),
        (since, now): (Time, Time),
    ) {
        let is_told_to_live = set.ttl_secs > 0;
        set.ttl_secs = set.ttl_secs.min(most_secs);
        if is_told_to_live && most_secs == 0 {
            self.disbelieve_set(set, now);
        } else {
            self.judged(set, judged, (since, now));
        }
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

#[cfg(test)]
mod tests {
    use super::super::ttl::TtlLimits;
    use super::*;

    /// What is signed while it is answered comes with other signatures each time: what is proved gives way to what is
    /// proved as well and lives longer, and to nothing else.
    #[test]
    fn what_is_proved_gives_way_to_what_is_proved_and_lives_longer() {
        let www: Name = "www.example".parse().expect("a name");
        let set = |ttl_secs, last| RrSet::new(www.clone(), RecordType::A, ttl_secs, [&[192, 0, 2, last][..]]);
        let (first, later) = (Time::ZERO, Time::from_secs(50));
        for security in [Security::Unchecked, Security::Insecure, Security::Secure] {
            for (ttl_secs, signed_secs) in [(60, 60), (60, 5), (5, 5)] {
                let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
                cache.put_set(set(60, 1), Rank::AuthAnswer, Source::Local, first);
                cache.judged(&set(60, 1), (Security::Secure, &[]), (first, first));
                let put = cache.put_set(set(ttl_secs, 2), Rank::AuthAnswer, Source::Local, later);
                assert_eq!(put, Put::KeptBetter(Rank::AuthAnswer));
                let known = |now| cache.set(&www, RecordType::A, now).map(|known| known.set.rdatas);
                assert_eq!(known(later), Some(set(60, 1).rdatas), "it waits");
                if security > Security::Unchecked {
                    cache.judged(&set(signed_secs, 2), (security, &[]), (later, later));
                }
                let is_new = security == Security::Secure && signed_secs == 60;
                let told = format!("{security:?} {ttl_secs} {signed_secs}");
                assert_eq!(known(later), Some(set(60, if is_new { 2 } else { 1 }).rdatas), "{told}");
                assert_eq!(known(Time::from_secs(109)), is_new.then(|| set(60, 2).rdatas), "{told}");
            }
        }
    }
}
