//! What is known not to be (RFC 2308).

use std::sync::Arc;
use std::time::Duration;

use super::doubt::{denial_key, denial_keys};
use super::held::HeldSet;
use super::key::Store;
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
        let put = if ttl_secs == 0 { Put::ZeroTtl } else { self.keep_denial(name, rtype, &denial) };
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
        let key = denial_key(hashed, rtype, denial.kind);
        let put = || {
            // What was judged stays behind what is not judged yet, and may never be.
            if let Some(old) = self.get::<Denial>(&key).filter(|old| old.security > denial.security) {
                self.put(key.behind(), old);
            }
            self.put(key, Arc::clone(denial))
        };
        if denial.kind == DenialKind::NxDomain { self.put_for_all_below(&key, put) } else { put() }
    }
}
