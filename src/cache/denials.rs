//! What is known not to be (RFC 2308).

use std::sync::Arc;
use std::time::Duration;

use super::doubt::{denial_key, denial_keys, keys_with_alias};
use super::held::HeldSet;
use super::key::{Hashed, Key, Store};
use super::{Cache, Denial, DenialKind, Put, Security};
use crate::time::Time;
use crate::wire::{Name, RecordType};

impl Cache {
    /// What is known against `name` or against `rtype` at it, if it is fresh.
    #[must_use]
    pub fn denial(&self, name: &Name, rtype: RecordType, now: Time) -> Option<Arc<Denial>> {
        self.about(name).denial(rtype, now)
    }

    /// As [`Cache::denial`], also within `over` after the end of its time (RFC 8767); of all that are known no less
    /// surely than `least` the latest.
    #[must_use]
    pub fn stale_denial(
        &self,
        name: &Name,
        rtype: RecordType,
        now: Time,
        (over, least): (Duration, Security),
    ) -> Option<Arc<Denial>> {
        let keys = denial_keys(self.hashed(name), rtype).into_iter().flat_map(|key| [key, key.behind()]);
        let found = keys.filter_map(|key| self.get::<Denial>(&key));
        found
            .filter(|denial| denial.security >= least && denial.expires + over > now)
            .max_by_key(|denial| denial.stored)
    }

    /// Keeps an authoritative denial of `name` or of `rtype` at it (RFC 2308 §5): for the least of the SOA's TTL
    /// and its MINIMUM, for a few seconds when there is no SOA. A set of that name and type, which the denial
    /// contradicts, goes; one that is proved stays, and the denial is not kept. Returns it as it may be served, its SOA
    /// with the TTL of the denial (RFC 2308 §3), kept or not.
    pub fn put_denial(&self, name: &Name, rtype: RecordType, mut denial: Denial, now: Time) -> (Arc<Denial>, Put) {
        let ttl_secs = self.ttls.negative(denial.soa.as_ref(), &denial.proof);
        if let Some(soa) = &mut denial.soa {
            soa.ttl_secs = ttl_secs;
        }
        (denial.stored, denial.expires) = (now, now.after_ttl(ttl_secs));
        let denial = Arc::new(denial);
        let put = self.keep_denial(name, rtype, &denial);
        (denial, put)
    }

    fn keep_denial(&self, name: &Name, rtype: RecordType, denial: &Arc<Denial>) -> Put {
        let now = denial.stored;
        if let Err(unfit) = denial.fits() {
            return unfit;
        }
        let hashed = self.hashed(name);
        let set = hashed.key(rtype, Store::Sets);
        let better = |held: &HeldSet| (held.expires > now && held.security == Security::Secure).then_some(held.rank);
        if let Some(better) = self.look_at_set(&set, better) {
            return Put::KeptBetter(better);
        }
        self.outdate(&set, |old| old.is_needed(now));
        if denial.expires <= now {
            // What was known before is not what is told now: it must not be served stale either. What was judged waits
            // until this is.
            let unchecked = |key: &Key| self.get::<Denial>(key).is_some_and(|old| old.security == Security::Unchecked);
            denial_keys(hashed, rtype).iter().filter(|key| unchecked(key)).for_each(|key| self.remove(key));
        }
        let key = denial_key(hashed, rtype, denial.kind);
        // That there is no such name ends what was known of all its types: that much is kept with TTL 0, too.
        if denial.is_gone() && (key != hashed.name_key(Store::NoName) || self.fresh::<Denial>(&key, now).is_some()) {
            return Put::ZeroTtl;
        }
        let put = || self.put(key, Arc::clone(denial));
        let put = if denial.kind == DenialKind::NxDomain { self.put_for_all_below(&key, put) } else { put() };
        if denial.is_gone() && put == Put::Stored { Put::ZeroTtl } else { put }
    }

    /// What was told with TTL 0 was found good: it is not kept, and whatever was known before it of a name and type, an
    /// alias in its place, or against it is over for good.
    pub(super) fn end_for_good(&self, hashed: Hashed, rtype: RecordType, now: Time) {
        let keys = || keys_with_alias(hashed, rtype).into_iter().chain(denial_keys(hashed, rtype));
        let set = |key: &Key| self.look_at_set(key, |old| Some(old.expires));
        let ends = |key: &Key| set(key).or_else(|| self.get::<Denial>(key).map(|old| old.expires));
        let over = keys().filter(|key| ends(key).is_some_and(|expires| expires <= now));
        over.chain(keys().map(Key::behind)).for_each(|key| self.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::super::rank::Rank;
    use super::super::ttl::TtlLimits;
    use super::*;
    use crate::trace::Source;
    use crate::wire::{Question, RrSet};

    /// RFC 8767 §5: what was told last is what may be served when nothing else is to be had, and what has a TTL of 0 is
    /// gone at once (RFC 1035 §3.2.1). It ends whatever was known before it, once it is believed.
    #[test]
    fn what_is_told_with_ttl_0_leaves_nothing_to_serve() {
        use DenialKind::{NoData, NxDomain};
        let (www, now): (Name, _) = ("www.example".parse().expect("a name"), Time::from_secs(70));
        let over = Duration::from_secs(1000);
        let set = |ttl_secs| RrSet::new(www.clone(), RecordType::A, ttl_secs, [&[192, 0, 2, 1][..]]);
        let question = Question::new(www.clone(), RecordType::A);
        let tell = |cache: &Cache, what: Option<DenialKind>, ttl_secs: u32, is_judged: bool, now: Time| {
            let Some(kind) = what else {
                cache.put_set(set(ttl_secs), Rank::AuthAnswer, Source::Local, now);
                if is_judged {
                    cache.judged(&set(ttl_secs), (Security::Insecure, &[]), (now, now));
                }
                return;
            };
            let soa = RrSet::new(www.clone(), RecordType::SOA, ttl_secs, [&[0, 0, 0, 60].repeat(6)[2..]]);
            let denial = Denial::heard(kind, Some(soa), [], Source::Local);
            let (denial, _) = cache.put_denial(&www, RecordType::A, denial, now);
            if is_judged {
                let heard: Vec<_> = denial.soa.iter().cloned().collect();
                let security = (Security::Insecure, 60);
                cache.judged_denial(&question, (kind, &heard), (kind, &[]), security, now);
            }
        };
        let all = [None, Some(NoData), Some(NxDomain)];
        // What came between was never judged, such as what is bogus.
        let cases = all.into_iter().flat_map(|before| all.map(|between| (before, between)));
        let cases = cases.flat_map(|(before, between)| all.map(|after| (before, between, after)));
        for ((before, between, after), is_judged) in cases.flat_map(|case| [(case, false), (case, true)]) {
            let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
            tell(&cache, before, 60, is_judged, Time::ZERO);
            tell(&cache, between, 1, false, Time::from_secs(62));
            tell(&cache, after, 0, is_judged, now);
            let limits = (over, Security::Unchecked);
            let left = cache.stale_set(&www, RecordType::A, now, limits).map(|known| known.set);
            let denied = cache.stale_denial(&www, RecordType::A, now, limits).filter(|denial| !denial.is_gone());
            let told = (before, between, after, is_judged);
            assert!(left.is_none() && denied.is_none(), "{told:?}: {left:?} {denied:?}");
        }
    }

    /// What nobody has judged, whatever its TTL, takes no denial away that was proved and is fresh.
    #[test]
    fn a_denial_that_is_proved_and_fresh_stays_until_another_is_found_good() {
        let (www, at): (Name, _) = ("www.example".parse().expect("a name"), Time::from_secs);
        for kind in [DenialKind::NoData, DenialKind::NxDomain] {
            let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
            for (security, ttl_secs, now) in [(Security::Secure, 60, 0), (Security::Unchecked, 0, 30)] {
                let soa = RrSet::new(www.clone(), RecordType::SOA, ttl_secs, [&[0, 0, 0, 60].repeat(6)[2..]]);
                let denial = Denial { security, ..Denial::heard(kind, Some(soa), [], Source::Local) };
                cache.put_denial(&www, RecordType::A, denial, at(now));
            }
            assert!(cache.denial(&www, RecordType::A, at(59)).is_some(), "{kind:?}");
        }
    }

    /// A set that was proved stays, and the denial is not kept, as long as the set is fresh.
    #[test]
    fn a_set_that_was_proved_keeps_a_denial_out_until_its_time_is_over() {
        let (www, at): (Name, _) = ("www.example".parse().expect("a name"), Time::from_secs);
        for (now, is_kept) in [(59, false), (60, true)] {
            let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
            let set = RrSet::new(www.clone(), RecordType::A, 60, [&[192, 0, 2, 1][..]]);
            cache.put_set(set.clone(), Rank::AuthAnswer, Source::Local, Time::ZERO);
            cache.judged(&set, (Security::Secure, &[]), (Time::ZERO, Time::ZERO));
            let denial = Denial::heard(DenialKind::NoData, None, [], Source::Local);
            let (_, put) = cache.put_denial(&www, RecordType::A, denial, at(now));
            assert_eq!((put == Put::Stored, cache.denial(&www, RecordType::A, at(now)).is_some()), (is_kept, is_kept));
        }
    }
}
