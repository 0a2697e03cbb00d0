//! Where a name server is, as referrals to several zones have said.
//!
//! A referral brings the addresses of a zone's servers along. Those of a server that lies outside the zone would serve
//! for other zones as well, those of a hoster for thousands: then one forged packet, for a name that nobody has and
//! that can be asked for as often as a forger likes, would speak for all of them. So they are used for other zones only
//! when referrals to two zones have said the same and nobody has guessed meanwhile: a packet that comes to the right
//! port with anything wrong about it makes all such addresses forgotten. A forger needs two right guesses in a row
//! without a wrong one between. docs/performance.md has the odds.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use smallvec::SmallVec;

use super::key::{Hashed, Store};
use super::{Cache, Delegation};
use crate::time::Time;
use crate::wire::Name;

/// What referrals have said of one server.
#[derive(Debug)]
pub(super) struct Glue {
    addrs: SmallVec<[IpAddr; 2]>,
    /// The zone to which the last of them went.
    zone: Hashed,
    /// Whether two of them agree.
    agreed: bool,
    /// How often somebody had guessed by then.
    guesses: u32,
    pub(super) expires: Time,
}

impl Glue {
    pub(super) fn heap_bytes(&self) -> usize {
        if self.addrs.spilled() { self.addrs.capacity() * size_of::<IpAddr>() } else { 0 }
    }
}

impl Cache {
    /// The same, with a count of guesses that others raise: how often a packet came that is not the reply, to where one
    /// was awaited, modulo 2^32.
    #[must_use]
    pub fn watched(mut self, guesses: Arc<AtomicU32>) -> Self {
        self.guesses = guesses;
        self
    }

    /// Who forges replies has guessed, and not right.
    pub fn guessed(&self) {
        self.guesses.fetch_add(1, Relaxed);
    }

    /// Notes what a referral says of the servers that lie outside its zone.
    pub fn put_glue(&self, referral: &Delegation, now: Time) {
        let outside = |name: &Name| !name.is_within(&referral.zone);
        let servers = referral.servers.iter().filter(|server| !server.addrs.is_empty() && outside(&server.name));
        for server in servers {
            let key = self.hashed(&server.name).name_key(Store::Glue);
            let guesses = self.guesses.load(Relaxed);
            let mut addrs = SmallVec::from_slice(&server.addrs);
            addrs.sort_unstable();
            let known = self.fresh::<Glue>(&key, now).filter(|known| known.guesses == guesses && known.addrs == addrs);
            if known.as_ref().is_some_and(|known| known.agreed) {
                continue;
            }
            // A zone is the same witness also after it was flushed.
            let zone = Hashed::new(referral.zone.wire(), &self.stores.hasher);
            // Referrals to one zone are one witness, however often they come.
            if known.as_ref().is_some_and(|known| known.zone == zone) {
                continue;
            }
            let agreed = known.is_some();
            self.put(key, Arc::new(Glue { addrs, zone, agreed, guesses, expires: referral.expires }));
        }
    }

    /// Where `server` is, when referrals to several zones agree on it.
    #[must_use]
    pub fn glue(&self, server: &Name, now: Time) -> SmallVec<[IpAddr; 2]> {
        let known = self.fresh::<Glue>(&self.hashed(server).name_key(Store::Glue), now);
        let believed = known.filter(|known| known.agreed && known.guesses == self.guesses.load(Relaxed));
        believed.map(|known| known.addrs.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NameServer, TtlLimits};
    use super::*;
    use crate::trace::Source;
    use crate::wire::name;

    const NOW: Time = Time::from_secs(10);

    fn cache() -> Cache {
        Cache::new(1 << 20, (1, 2), TtlLimits::default())
    }

    fn told(cache: &Cache, zone: &str, server: &str, last: &[u8]) {
        let addrs = last.iter().map(|last| [192, 0, 2, *last].into()).collect();
        let servers = vec![NameServer { name: name(server), addrs }].into();
        let (zone, proof, expires) = (name(zone), Box::default(), Time::from_secs(100));
        let delegation = Delegation {
            zone,
            servers,
            ds: None,
            proof,
            from: Source::Local,
            stored: NOW,
            requeried: Time::ZERO,
            expires,
        };
        cache.put_glue(&delegation, NOW);
    }

    fn known(cache: &Cache, at: Time) -> usize {
        cache.glue(&name("ns.hoster.example"), at).len()
    }

    #[test]
    fn two_zones_are_believed_and_one_is_not() {
        let cache = cache();
        told(&cache, "one.example", "ns.hoster.example", &[1, 2]);
        told(&cache, "one.example", "ns.hoster.example", &[1, 2]);
        assert_eq!(known(&cache, NOW), 0, "one witness who says it twice");
        told(&cache, "two.example", "NS.hoster.example", &[2, 1]);
        assert_eq!(known(&cache, NOW), 2);
        assert_eq!(known(&cache, Time::from_secs(100)), 0, "no longer than the referrals");
    }

    #[test]
    fn who_contradicts_makes_it_begin_anew() {
        let cache = cache();
        told(&cache, "one.example", "ns.hoster.example", &[1]);
        told(&cache, "two.example", "ns.hoster.example", &[66]);
        told(&cache, "three.example", "ns.hoster.example", &[1]);
        assert_eq!(known(&cache, NOW), 0);
        told(&cache, "four.example", "ns.hoster.example", &[1]);
        assert_eq!(known(&cache, NOW), 1);
        told(&cache, "five.example", "ns.hoster.example", &[66]);
        assert_eq!(known(&cache, NOW), 0, "also what was agreed on");
    }

    #[test]
    fn a_guess_makes_all_of_it_forgotten() {
        let guesses = Arc::<AtomicU32>::default();
        let cache = cache().watched(Arc::clone(&guesses));
        for zones in [["one.example", "two.example"], ["three.example", "four.example"]] {
            told(&cache, zones[0], "ns.hoster.example", &[1]);
            guesses.fetch_add(1, Relaxed);
            told(&cache, zones[1], "ns.hoster.example", &[1]);
            assert_eq!(known(&cache, NOW), 0, "what was said before does not count");
            told(&cache, "more.example", "ns.hoster.example", &[1]);
            assert_eq!(known(&cache, NOW), 1);
            guesses.fetch_add(1, Relaxed);
            assert_eq!(known(&cache, NOW), 0);
        }
    }

    #[test]
    fn what_a_zone_says_of_servers_inside_it_is_nothing_to_others() {
        let cache = cache();
        told(&cache, "hoster.example", "ns.hoster.example", &[1]);
        told(&cache, "ns.hoster.example", "ns.hoster.example", &[1]);
        assert_eq!((known(&cache, NOW), cache.entries()), (0, 0));
    }
}
