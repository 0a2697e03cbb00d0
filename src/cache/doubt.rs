//! What DNSSEC shows of what is kept, and what was kept before it.
//!
//! What comes in is kept before it is judged, and may turn out to be bogus. What was good when its time ended is not
//! lost to it: it stays behind what came until that is found good, so that there is something to serve (RFC 8767).
//! What comes while a proved set is still fresh waits behind it until it is found good and lives longer.

use std::sync::Arc;
use std::time::Duration;

use super::Cache;
use super::facts::{Denial, DenialKind, KnownSet, Put};
use super::held::HeldSet;
use super::key::{Hashed, Key, Store};
use super::rank::Security;
use super::shard::Entry;
use crate::time::Time;
use crate::wire::{Name, Question, RecordType, RrSet, is_aliased};

impl Cache {
    /// As [`Cache::set`], also within `over` after the end of its time (RFC 8767); what is known less surely than
    /// `least` gives way to what was known before it.
    #[must_use]
    pub fn stale_set(
        &self,
        owner: &Name,
        rtype: RecordType,
        now: Time,
        (over, least): (Duration, Security),
    ) -> Option<KnownSet> {
        let fits = |held: &HeldSet| held.security >= least && held.expires + over > now;
        let key = self.hashed(owner).key(rtype, Store::Sets);
        let known = |held: &HeldSet| fits(held).then(|| held.known(owner, rtype));
        [key, key.behind()].iter().find_map(|key| self.with_set(key, known))
    }

    /// Notes what DNSSEC has shown of `set`, if it is the one that is known under its name, and that it may be used for
    /// its TTL from `now` on, which is no longer than its signature allows (RFC 4035 §5.3.3). What is secure keeps only
    /// what was `shown` of the proof beside it. Whoever judges has come by the set after `since`.
    pub fn judged(&self, set: &RrSet, (security, shown): (Security, &[RrSet]), (since, now): (Time, Time)) {
        let hashed = self.hashed(&set.owner);
        let key = hashed.key(set.rtype, Store::Sets);
        if set.ttl_secs == 0 {
            let ended =
                |held: &HeldSet| (held.is(set) && held.ttl_secs == 0).then(|| held.known(&set.owner, set.rtype));
            let ended = self.look_at_set(&key, ended);
            self.end_for_good(hashed, set.rtype, now);
            // Only of an alias is there such.
            if let Some(known) = ended {
                self.put_held(key, KnownSet { security, ..known }, |_| Ok(()));
            }
            return;
        }
        let same = |held: &HeldSet| (held.expires > now && held.is(set)).then(|| held.known(&set.owner, set.rtype));
        let until = now.after_ttl(set.ttl_secs);
        // What is signed while it is answered is another set each time.
        let lives_longer = |new: &KnownSet| {
            let ends = |held: &HeldSet| (held.expires < new.expires.min(until)).then_some(());
            security == Security::Secure && self.look_at_set(&key, ends).is_some()
        };
        let waiting = || self.look_at_set(&key.behind(), same).filter(lives_longer);
        let Some(known) = self.look_at_set(&key, same).or_else(waiting) else { return };
        let expired = known.expires;
        let seen = |known: &KnownSet| (known.security, known.stored, known.expires, known.proof.len());
        let before = seen(&known);
        let mut judged = KnownSet { security, expires: expired.min(until), ..known };
        // Whoever finds it is not told more than that: it would seem to be fetched anew.
        judged.set.ttl_secs = judged.set.ttl_secs.min(judged.expires.secs_since(judged.stored));
        if security == Security::Secure && !judged.proof.is_empty() {
            let is_shown = |set: &&RrSet| shown.iter().any(|shown| shown.is_as(set));
            judged.proof = judged.proof.iter().filter(is_shown).cloned().collect();
        }
        if since.after_ttl(set.ttl_secs) > expired {
            // It was fetched anew, and kept out by itself as it was before. What came from the cache has no more than
            // it had there, however long it took to judge it.
            (judged.set.ttl_secs, judged.stored) = (set.ttl_secs, since);
            judged.expires = since.after_ttl(set.ttl_secs);
        }
        // Judged again, as one link of another answer: what is noted of its use stays.
        if seen(&judged) != before {
            self.put_held(key, judged, |_| Ok(()));
        }
    }

    /// Notes what DNSSEC has shown of the denial that is known for `question`, if it is the one that was `heard`: what
    /// it denies in truth, whatever its response code said, and that it needs only what of its proof was `shown`; how
    /// sure it is, and for how many seconds from `now` on it may be used, which is no longer than its signatures allow
    /// (RFC 4035 §5.3.3).
    pub fn judged_denial(
        &self,
        question: &Question,
        (said, heard): (DenialKind, &[RrSet]),
        (kind, shown): (DenialKind, &[RrSet]),
        (security, ttl_secs): (Security, u32),
        now: Time,
    ) {
        let hashed = self.hashed(&question.name);
        let key = denial_key(hashed, question.qtype, said);
        if heard.first().is_some_and(|set| set.ttl_secs == 0) {
            let ended = self.get::<Denial>(&key).filter(|known| known.is_gone() && kind == said);
            self.end_for_good(hashed, question.qtype, now);
            if let Some(known) = ended {
                self.put(key, Arc::new(Denial { security, ..(*known).clone() }));
            }
            return;
        }
        let Some(known) = self.fresh::<Denial>(&key, now) else { return };
        let records = || known.soa.iter().chain(&known.proof);
        if records().count() != heard.len() || !records().zip(heard).all(|(one, other)| one.is_as(other)) {
            return;
        }
        let expires = known.expires.min(now.after_ttl(ttl_secs));
        if expires <= now {
            return self.disbelieve_denial(&question.name, question.qtype, now);
        }
        let ttl_secs = expires.secs_since(known.stored);
        let soa = known.soa.clone().map(|soa| RrSet { ttl_secs: soa.ttl_secs.min(ttl_secs), ..soa });
        let judged = Denial { kind, soa, proof: shown.into(), security, expires, ..(*known).clone() };
        if kind != said {
            self.remove(&key);
        }
        self.put(denial_key(hashed, question.qtype, kind), Arc::new(judged));
    }

    /// Drops whatever is known of a name and type, an alias in its place, and what was said against it, because it
    /// turned out not to be true: be it proved, as a zone may begin by now at what was an alias. What was good and is
    /// over stays, as nobody has used it.
    pub fn disbelieve(&self, name: &Name, rtype: RecordType, now: Time) {
        let alias = is_aliased(rtype).then_some(RecordType::CNAME);
        for rtype in std::iter::once(rtype).chain(alias) {
            self.outdate(&self.hashed(name).key(rtype, Store::Sets), |held| held.is_over(now));
        }
        self.disbelieve_denial(name, rtype, now);
    }

    /// As [`Cache::disbelieve`], of this very set.
    pub fn disbelieve_set(&self, set: &RrSet, now: Time) {
        let key = self.hashed(&set.owner).key(set.rtype, Store::Sets);
        self.outdate(&key, |held| held.is_over(now) || !held.is(set));
    }

    /// As [`Cache::disbelieve`], of a denial.
    pub fn disbelieve_denial(&self, name: &Name, rtype: RecordType, now: Time) {
        self.outdate_denials(self.hashed(name), rtype, now);
    }

    /// Removes a set unless it `stays`; what stands behind it comes back.
    pub(super) fn outdate(&self, key: &Key, stays: impl FnOnce(&HeldSet) -> bool) {
        let mut shard = self.shard(key).lock();
        if shard.peek_set(key).is_none_or(stays) {
            return;
        }
        let gone = shard.remove(key);
        let more = shard.remove(&key.behind()).map(|behind| shard.put(*key, behind));
        drop(shard);
        drop((gone, more));
    }

    /// Removes what was said against a name and type, unless it is over and was good.
    pub(super) fn outdate_denials(&self, hashed: Hashed, rtype: RecordType, now: Time) {
        let keys = denial_keys(hashed, rtype);
        // All of a name lies in one shard.
        let mut shard = self.shard(&keys[0]).lock();
        let is_over = |known: &Arc<Denial>| known.security > Security::Unchecked && known.expires <= now;
        let gone = keys.map(|key| match shard.peek(&key).is_some_and(|known| !is_over(known)) {
            true => shard.remove(&key),
            false => None,
        });
        drop(shard);
        drop(gone);
    }

    /// Puts a set under `key`, unless it is too large or `allow` forbids to replace what is there.
    pub(super) fn put_held(&self, key: Key, known: KnownSet, allow: impl FnOnce(&HeldSet) -> Result<(), Put>) -> Put {
        let entry = Entry::Set(HeldSet::new(known));
        if entry.cost() > self.stores.entry_limit_bytes {
            return Put::TooLarge(entry.cost());
        }
        let mut shard = self.shard(&key).lock();
        if let Some(Err(kept_old)) = shard.peek_set(&key).map(allow) {
            return kept_old;
        }
        let gone = shard.put(key, entry);
        drop(shard);
        drop(gone);
        Put::Stored
    }
}

/// Where a set is kept, and the alias in whose place it stands.
pub(super) fn keys_with_alias(owner: Hashed, rtype: RecordType) -> [Key; 2] {
    [rtype, RecordType::CNAME].map(|rtype| owner.key(rtype, Store::Sets))
}

/// Where it is kept that a name does not exist, or has no such records.
pub(super) fn denial_keys(name: Hashed, rtype: RecordType) -> [Key; 2] {
    [name.name_key(Store::NoName), name.key(rtype, Store::NoData)]
}

/// Where a denial of this kind is kept. Who is asked for DS speaks for the zone above (RFC 4035 §3.1.4.1): that there
/// is no such name in that one says nothing of other types where a zone begins there that is not delegated, on the
/// same servers.
pub(super) fn denial_key(name: Hashed, rtype: RecordType, kind: DenialKind) -> Key {
    match kind {
        DenialKind::NxDomain if rtype != RecordType::DS => name.name_key(Store::NoName),
        DenialKind::NxDomain | DenialKind::NoData => name.key(rtype, Store::NoData),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rank::Rank;
    use super::super::ttl::TtlLimits;
    use super::*;
    use crate::dnssec::{Status, ZoneTrust};
    use crate::trace::Source;

    const OVER: Duration = Duration::from_secs(1000);

    fn www() -> Name {
        "www.example".parse().expect("a name")
    }

    fn a_set(ttl_secs: u32, last: u8) -> RrSet {
        RrSet::new(www(), RecordType::A, ttl_secs, [&[192, 0, 2, last][..]])
    }

    fn put(cache: &Cache, ttl_secs: u32, last: u8, at: u64) {
        let put = cache.put_set(a_set(ttl_secs, last), Rank::AuthAnswer, Source::Local, Time::from_secs(at));
        assert!(matches!(put, Put::Stored | Put::ZeroTtl), "{put:?}");
    }

    /// What was judged, ended at 60, and may be served stale.
    fn cache(security: Security) -> Cache {
        let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
        put(&cache, 60, 1, 0);
        cache.judged(&a_set(60, 1), (security, &[]), (Time::ZERO, Time::ZERO));
        cache
    }

    fn stale(cache: &Cache, at: u64) -> Option<u8> {
        let known = cache.stale_set(&www(), RecordType::A, Time::from_secs(at), (OVER, Security::Insecure))?;
        known.set.rdatas.iter().next().and_then(|rdata| rdata.last().copied())
    }

    #[test]
    fn what_was_good_comes_back_when_what_came_is_bogus() {
        for security in [Security::Insecure, Security::Secure] {
            let (cache, at) = (cache(security), Time::from_secs);
            let before = cache.bytes();
            put(&cache, 60, 2, 70);
            put(&cache, 60, 3, 71);
            let known = cache.set(&www(), RecordType::A, at(71)).expect("fresh");
            assert_eq!((known.security, stale(&cache, 71)), (Security::Unchecked, Some(1)));
            cache.disbelieve_set(&a_set(60, 2), at(72));
            assert!(cache.set(&www(), RecordType::A, at(72)).is_some(), "that one is gone already");
            cache.disbelieve(&www(), RecordType::A, at(72));
            assert_eq!((cache.set(&www(), RecordType::A, at(72)), stale(&cache, 72)), (None, Some(1)));
            assert_eq!(cache.bytes(), before, "nothing of the other is left");
            cache.disbelieve(&www(), RecordType::A, at(73));
            assert_eq!(stale(&cache, 1060), None, "RFC 8767 §5: the maximum stale timer");
        }
    }

    #[test]
    fn what_was_good_goes_when_what_came_is_good_too() {
        for (ttl_secs, left) in [(60, Some(2)), (0, None)] {
            let cache = cache(Security::Secure);
            put(&cache, ttl_secs, 2, 70);
            assert_eq!(stale(&cache, 70), Some(1), "TTL {ttl_secs}");
            cache.judged(&a_set(ttl_secs, 2), (Security::Secure, &[]), (Time::from_secs(70), Time::from_secs(70)));
            assert_eq!(stale(&cache, 70), left, "TTL {ttl_secs}");
        }
    }

    /// What is over and was good stays for those who serve stale data, whoever is not believed afterwards; what is
    /// fresh and was not believed goes, whatever was shown of it, and what was never shown anything of goes in any
    /// case.
    #[test]
    fn what_is_over_and_was_good_is_not_disbelieved() {
        let (before, after, name) = (Time::from_secs(30), Time::from_secs(70), www());
        let kinds = [DenialKind::NoData, DenialKind::NxDomain];
        for security in [Security::Unchecked, Security::Insecure, Security::Secure] {
            for (at, stays) in [(before, false), (after, security > Security::Unchecked)] {
                let known =
                    |cache: &Cache| cache.stale_set(&name, RecordType::A, at, (OVER, Security::Unchecked)).is_some();
                let all = cache(security);
                all.disbelieve(&name, RecordType::A, at);
                let one = cache(security);
                one.disbelieve_set(&a_set(60, 1), at);
                let other = cache(security);
                other.disbelieve_set(&a_set(60, 2), at);
                assert_eq!((known(&all), known(&one), known(&other)), (stays, stays, true), "{security:?} {at:?}");
                let ways: [fn(&Cache, &Name, RecordType, Time); 2] = [Cache::disbelieve, Cache::disbelieve_denial];
                for (kind, disbelieve) in ways.into_iter().flat_map(|way| kinds.map(|kind| (kind, way))) {
                    let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
                    let soa = RrSet::new(name.clone(), RecordType::SOA, 60, [&[0, 0, 0, 60].repeat(6)[2..]]);
                    let denial = Denial { security, ..Denial::heard(kind, Some(soa), [], Source::Local) };
                    cache.put_denial(&name, RecordType::A, denial, Time::ZERO);
                    disbelieve(&cache, &name, RecordType::A, at);
                    let left = cache.stale_denial(&name, RecordType::A, at, (OVER, security)).is_some();
                    assert_eq!(left, stays, "{security:?} {kind:?} {at:?}");
                }
            }
        }
    }

    /// What is judged is judged for as long as it is known: what is over stays over; what came anew, and was kept out
    /// by what is proved and the same, lives on; and what is of no use any more takes no room. Since when it is known,
    /// its TTL then, and until when it may be used are one story.
    #[test]
    fn what_is_judged_lives_as_long_as_it_was_told() {
        let (at, lone) = (Time::from_secs, cache(Security::Secure));
        let left = |cache: &Cache, now| {
            let known = cache.set(&www(), RecordType::A, at(now))?;
            assert_eq!(known.stored.after_ttl(known.set.ttl_secs), known.expires);
            Some(known.expires.secs())
        };
        lone.judged(&a_set(60, 1), (Security::Secure, &[]), (at(100), at(100)));
        assert_eq!((left(&lone, 100), stale(&lone, 100)), (None, Some(1)));
        let again = cache(Security::Secure);
        let kept = again.put_set(a_set(60, 1), Rank::AuthAnswer, Source::Local, at(30));
        assert!(matches!(kept, Put::KeptBetter(_)), "{kept:?}");
        again.judged(&a_set(60, 1), (Security::Secure, &[]), (at(30), at(30)));
        assert_eq!(left(&again, 89), Some(90));
        // From the cache it came with 20 seconds left, and then the keys were slow.
        for slow_secs in 0..20 {
            again.judged(&a_set(20, 1), (Security::Secure, &[]), (at(70), at(70 + slow_secs)));
            assert_eq!(left(&again, 70), Some(90));
        }
        again.judged(&a_set(60, 1), (Security::Secure, &[]), (at(31), at(40)));
        assert_eq!(left(&again, 40), Some(91));
        // Its signature ends 5 seconds after it was judged.
        again.judged(&a_set(5, 1), (Security::Secure, &[]), (at(28), at(30)));
        assert_eq!((left(&again, 34), left(&again, 35)), (Some(35), None));
        // What an answer with TTL 0 says now does not end what is fresh.
        again.judged(&a_set(0, 2), (Security::Secure, &[]), (at(30), at(30)));
        assert_eq!(left(&again, 34), Some(35));
        put(&lone, 60, 2, 110);
        lone.judged(&a_set(60, 2), (Security::Secure, &[]), (at(110), at(110)));
        assert_eq!((stale(&lone, 110), lone.bytes()), (Some(2), cache(Security::Secure).bytes()));
        // An alias of old goes as well when there is something else in its place.
        let target = [&www().wire()[1..4], &[0]].concat();
        let alias = RrSet::new(www(), RecordType::CNAME, 60, [&target[..]]);
        lone.put_set(alias.clone(), Rank::AuthAnswer, Source::Local, at(0));
        lone.judged(&alias, (Security::Secure, &[]), (at(0), at(0)));
        let known = || lone.stale_set(&www(), RecordType::CNAME, at(200), (OVER, Security::Secure)).is_some();
        assert!(known());
        lone.judged(&a_set(0, 3), (Security::Secure, &[]), (at(200), at(200)));
        assert!(!known() && stale(&lone, 200).is_none());
    }

    /// RFC 2181 §5: the records of a set have no order, and servers let them go round: it is the same set that was
    /// fetched anew, and it lives on.
    #[test]
    fn a_set_in_another_order_is_the_same() {
        let (cache, at) = (Cache::new(1 << 20, (1, 2), TtlLimits::default()), Time::from_secs);
        let data = |last: u8| [192, 0, 2, last];
        for (order, now) in [([1, 2], 0), ([2, 1], 30)] {
            let data = order.map(data);
            let set = RrSet::new(www(), RecordType::A, 60, data.iter().map(|data| &data[..]));
            let _ = cache.put_set(set.clone(), Rank::AuthAnswer, Source::Local, at(now));
            cache.judged(&set, (Security::Secure, &[]), (at(now), at(now)));
        }
        assert_eq!(cache.set(&www(), RecordType::A, at(30)).map(|known| known.expires.secs()), Some(90));
        cache.disbelieve_set(&a_set(60, 1), at(31));
        assert!(cache.set(&www(), RecordType::A, at(31)).is_some(), "one of two records is another set");
    }

    /// One set does not push everything else out.
    #[test]
    fn a_set_that_is_too_large_for_the_cache_is_not_kept() {
        let cache = Cache::new(1 << 13, (1, 2), TtlLimits::default());
        let data = [7; 8192];
        let large = RrSet::new(www(), RecordType::TXT, 60, [&data[..]]);
        let put = cache.put_set(large, Rank::AuthAnswer, Source::Local, Time::ZERO);
        assert!(matches!(put, Put::TooLarge(_)) && cache.bytes() < 8192, "{put:?}");
    }

    #[test]
    fn a_denial_ends_what_was_good_only_when_it_is_believed() {
        let (cache, at) = (cache(Security::Secure), Time::from_secs);
        let denial = Denial::heard(DenialKind::NxDomain, None, [], Source::Local);
        cache.put_denial(&www(), RecordType::A, denial, at(70));
        cache.disbelieve_denial(&www(), RecordType::A, at(70));
        assert_eq!((cache.denial(&www(), RecordType::A, at(70)), stale(&cache, 70)), (None, Some(1)));
    }

    /// A denial that was judged is what is left when another one came that was not, be it found bad or never judged.
    #[test]
    fn a_denial_that_was_good_stays_behind_what_nobody_has_judged() {
        let at = Time::from_secs;
        let deny = |cache: &Cache, kind, security, now| {
            let soa = RrSet::new(www(), RecordType::SOA, 60, [&[0, 0, 0, 60].repeat(6)[2..]]);
            let denial = Denial { security, ..Denial::heard(kind, Some(soa), [], Source::Local) };
            assert_eq!(cache.put_denial(&www(), RecordType::A, denial, at(now)).1, Put::Stored);
        };
        let left = |cache: &Cache, now, least| {
            cache.stale_denial(&www(), RecordType::A, at(now), (OVER, least)).map(|known| known.stored.secs())
        };
        for kind in [DenialKind::NoData, DenialKind::NxDomain] {
            let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
            deny(&cache, kind, Security::Secure, 0);
            deny(&cache, kind, Security::Unchecked, 70);
            deny(&cache, kind, Security::Unchecked, 80);
            let both = |now| [Security::Unchecked, Security::Insecure].map(|least| left(&cache, now, least));
            assert_eq!(both(90), [Some(80), Some(0)], "{kind:?}");
            cache.disbelieve_denial(&www(), RecordType::A, at(90));
            assert_eq!(both(90), [Some(0), Some(0)], "{kind:?}");
            assert_eq!(both(1060), [None, None], "RFC 8767 §5: the maximum stale timer");
            deny(&cache, kind, Security::Insecure, 100);
            assert_eq!(both(170), [Some(100), Some(100)], "{kind:?}");
        }
    }

    /// RFC 4035 §5.3.3: what was shown of a denial holds for that denial and no other that came meanwhile, for no
    /// longer than its signatures allow, and for nothing that came along with it and was not shown.
    #[test]
    fn what_was_shown_of_a_denial_holds_for_that_denial() {
        let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let nsec = |owner: &str| RrSet::new(name(owner), RecordType::NSEC, 900, [&b"\x00"[..]]);
        let soa = |last: u8| {
            let rdata = [&[0, 0][..], &[0; 16], &[0, 0, 3, last]].concat();
            RrSet::new(name("example"), RecordType::SOA, 900, [&rdata[..]])
        };
        let (question, at) = (Question::new(www(), RecordType::A), Time::from_secs);
        let (true_one, forged) = (nsec("a.example"), nsec("b.example"));
        let records = [soa(1), true_one.clone(), forged.clone()];
        let known = |now| cache.denial(&www(), RecordType::A, at(now));
        let denial = |kind| Denial::heard(kind, Some(soa(1)), records[1..].to_vec(), Source::Local);
        let shown = std::slice::from_ref(&true_one);
        for (heard, is_it) in [
            (&[soa(2), true_one.clone(), forged.clone()][..], false),
            (&[soa(1), true_one.clone()], false),
            (&[soa(1), forged, true_one.clone()], false),
            (&records, true),
        ] {
            use DenialKind::{NoData, NxDomain};
            let kinds = [(NoData, NxDomain, NoData), (NxDomain, NoData, NxDomain), (NxDomain, NoData, NoData)];
            for (kind, other, shown_kind) in kinds {
                cache.put_denial(&www(), RecordType::A, denial(kind), at(0));
                cache.judged_denial(&question, (other, heard), (other, shown), (Security::Secure, 60), at(10));
                assert_eq!(
                    known(10).map(|known| known.security),
                    Some(Security::Unchecked),
                    "the response code counts"
                );
                // The proof may show something else than the response code says.
                cache.judged_denial(&question, (kind, heard), (shown_kind, shown), (Security::Secure, 60), at(10));
                let now = known(10).expect("fresh");
                assert_eq!(now.security == Security::Secure, is_it, "{kind:?}");
                assert_eq!(now.kind, if is_it { shown_kind } else { kind });
                let of_other_types = cache.denial(&www(), RecordType::MX, at(10)).is_some();
                assert_eq!(of_other_types, now.kind == NxDomain, "{kind:?}");
                assert_eq!(now.proof.len() == 1, is_it, "{kind:?}");
                // Until 70: at the beginning that was 70 seconds.
                assert_eq!(now.soa.as_ref().map(|soa| soa.ttl_secs), Some(if is_it { 70 } else { 769 }), "{kind:?}");
                assert!(known(69).is_some() && known(70).is_none() == is_it, "{kind:?}");
                cache.disbelieve_denial(&www(), RecordType::A, at(10));
            }
        }
    }

    /// Where other things are trusted, nothing is proved: what was is still known, and may be served, but not as that.
    #[test]
    fn what_was_proved_is_not_where_others_are_trusted() {
        let (cache, at) = (cache(Security::Secure), Time::from_secs);
        let trust = Arc::new(ZoneTrust { zone: www(), status: Status::Secure(Box::default()), ttl_secs: 60 });
        cache.put_zone(trust, at(0));
        let denial =
            Denial { security: Security::Secure, ..Denial::heard(DenialKind::NoData, None, [], Source::Local) };
        cache.put_denial(&www(), RecordType::MX, denial, at(0));
        put(&cache, 60, 2, 61);
        cache.distrust();
        assert!(cache.zone(&www(), at(1)).is_none());
        let behind = |least| cache.stale_set(&www(), RecordType::A, at(61), (OVER, least)).map(|known| known.security);
        assert_eq!(behind(Security::Insecure), Some(Security::Insecure));
        assert_eq!((behind(Security::Unchecked), behind(Security::Secure)), (Some(Security::Unchecked), None));
        let denial = cache.denial(&www(), RecordType::MX, at(1)).map(|known| known.security);
        assert_eq!(denial, Some(Security::Insecure));
    }

    /// RFC 4035 §3.2.3: of what came along with a set from a wildcard only what was shown is kept as its proof.
    #[test]
    fn what_was_not_shown_is_no_proof_of_a_set() {
        let nsec = |last: u8| RrSet::new(www(), RecordType::NSEC, 60, [&[0, 0, 1, last][..]]);
        for (security, kept) in [(Security::Secure, vec![nsec(1)]), (Security::Insecure, vec![nsec(1), nsec(2)])] {
            let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
            let proof = [nsec(1), nsec(2)].into();
            let _ = cache.put_set_with(a_set(60, 1), proof, Rank::AuthAnswer, Source::Local, Time::ZERO);
            let shown = [RrSet { ttl_secs: 5, ..nsec(1) }];
            cache.judged(&a_set(60, 1), (security, &shown), (Time::ZERO, Time::ZERO));
            let known = cache.set(&www(), RecordType::A, Time::from_secs(1)).expect("it is known");
            assert_eq!((known.security, known.proof.to_vec()), (security, kept));
        }
    }
}
