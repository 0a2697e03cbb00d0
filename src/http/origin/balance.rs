//! Which of several addresses of one host is tried first.
//!
//! Addresses that failed a moment ago come last; a host whose addresses all failed is tried all the same. What DNS does
//! not name any more is forgotten as soon as nothing is in hand there.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;
use tokio::time::Instant;

/// Hosts that are remembered.
const HOSTS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// How long an address that failed comes last; doubled with each failure in a row.
const SET_ASIDE: Duration = Duration::from_secs(10);
/// Doublings at most.
const DOUBLINGS: u32 = 5;
/// The weight of the newest time among those before.
const NEWEST: f64 = 0.3;

/// How one of several addresses is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Each in its turn.
    RoundRobin,
    /// The one with the fewest requests in hand.
    LeastConnections,
    /// The one with the least time until the answer begins, times the requests in hand there.
    LeastTime,
    /// The same for the same URL.
    HashUrl,
    /// The same for the same client.
    HashClient,
    /// Of two at random the one with fewer requests in hand.
    TwoChoices,
}

impl Policy {
    /// The word that `proxy.balance` has for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastConnections => "least_connections",
            Self::LeastTime => "least_time",
            Self::HashUrl => "hash_url",
            Self::HashClient => "hash_client",
            Self::TwoChoices => "two_choices",
        }
    }
}

/// A host as it was called, in lower case, and the port.
pub(in crate::http) type HostPort = (String, u16);

/// What a choice may depend on.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Wish<'a> {
    pub(in crate::http) policy: Policy,
    pub(in crate::http) url: &'a str,
    pub(in crate::http) client: IpAddr,
}

/// What is known of the addresses of hosts.
#[derive(Debug)]
pub(in crate::http) struct Balance {
    hosts: Mutex<LruCache<HostPort, Host>>,
}

#[derive(Debug, Default)]
struct Host {
    /// Choices made so far, for IPv4 and IPv6.
    turns: [usize; 2],
    addresses: HashMap<IpAddr, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    in_hand: usize,
    /// Smoothed seconds until an answer begins; zero while unknown, so that the unknown is tried.
    secs: f64,
    failures: u32,
    aside_until: Option<Instant>,
}

impl Balance {
    pub(in crate::http) fn new() -> Self {
        Self { hosts: Mutex::new(LruCache::new(HOSTS)) }
    }

    /// Puts the addresses of one family into the order in which they are to be tried. `dice` is chance.
    pub(in crate::http) fn order(
        &self,
        host: &HostPort,
        found: &mut [(IpAddr, u32)],
        wish: &Wish<'_>,
        dice: u64,
        now: Instant,
    ) {
        let Some(family) = found.first().map(|(address, _)| usize::from(address.is_ipv6())) else { return };
        let mut hosts = self.hosts.lock();
        let known = hosts.get_or_insert_mut(host.clone(), Host::default);
        known.addresses.retain(|address, seen| {
            seen.in_hand > 0
                || usize::from(address.is_ipv6()) != family
                || found.iter().any(|(found, _)| found == address)
        });
        let turn = known.turns[family];
        known.turns[family] = turn.wrapping_add(1);
        let seen = |address: &IpAddr| known.addresses.get(address).copied().unwrap_or_default();
        // The order of the answer means nothing; begin with one that stays.
        found.sort_by_key(|(address, _)| *address);
        let len = found.len();
        match wish.policy {
            Policy::HashUrl => found.sort_by_key(|(address, _)| hash(wish.url, address)),
            Policy::HashClient => found.sort_by_key(|(address, _)| hash(&wish.client, address)),
            Policy::RoundRobin => found.rotate_left(turn % len),
            Policy::LeastConnections => {
                found.rotate_left(turn % len);
                found.sort_by_key(|(address, _)| seen(address).in_hand);
            }
            Policy::LeastTime => {
                found.rotate_left(turn % len);
                found.sort_by(|(a, _), (b, _)| seen(a).cost().total_cmp(&seen(b).cost()));
            }
            Policy::TwoChoices => {
                let (low, high) = ((dice & 0xffff_ffff) as usize, (dice >> 32) as usize);
                found.rotate_left(low % len);
                if len > 1 {
                    found.swap(1, 1 + high % (len - 1));
                    found[..2].sort_by_key(|(address, _)| seen(address).in_hand);
                }
            }
        }
        found.sort_by_key(|(address, _)| seen(address).aside_until.is_some_and(|until| until > now));
    }

    /// Whether `address` failed a moment ago.
    pub(in crate::http) fn is_aside(&self, host: &HostPort, address: IpAddr, now: Instant) -> bool {
        let hosts = self.hosts.lock();
        let seen = hosts.peek(host).and_then(|host| host.addresses.get(&address));
        seen.is_some_and(|seen| seen.aside_until.is_some_and(|until| until > now))
    }

    /// A request goes to `address` from now on.
    pub(in crate::http) fn begin(self: &Arc<Self>, host: &HostPort, address: IpAddr) -> Busy {
        self.change(host, address, |seen| {
            seen.in_hand += 1;
            (seen.failures, seen.aside_until) = (0, None);
        });
        Busy { balance: Arc::clone(self), host: host.clone(), address }
    }

    /// `address` could not be connected to.
    pub(in crate::http) fn failed(&self, host: &HostPort, address: IpAddr, now: Instant) {
        self.change(host, address, |seen| {
            seen.aside_until = Some(now + SET_ASIDE * 2_u32.pow(seen.failures.min(DOUBLINGS)));
            seen.failures += 1;
        });
    }

    fn change(&self, host: &HostPort, address: IpAddr, change: impl FnOnce(&mut Seen)) {
        let mut hosts = self.hosts.lock();
        change(hosts.get_or_insert_mut(host.clone(), Host::default).addresses.entry(address).or_default());
    }
}

impl Seen {
    #[expect(clippy::cast_precision_loss, reason = "nobody has that many requests in hand")]
    fn cost(&self) -> f64 {
        self.secs * (self.in_hand + 1) as f64
    }
}

fn hash(what: &(impl Hash + ?Sized), address: &IpAddr) -> u64 {
    // The same after a restart and on another machine; whoever picks URLs picks a server, and no more than that.
    let mut hasher = SipHasher13::new();
    (what, address).hash(&mut hasher);
    hasher.finish()
}

/// A request in hand at one address.
#[derive(Debug)]
pub(in crate::http) struct Busy {
    balance: Arc<Balance>,
    host: HostPort,
    address: IpAddr,
}

impl Busy {
    /// The answer began after this time.
    pub(in crate::http) fn answered(&self, after: Duration) {
        self.balance.change(&self.host, self.address, |seen| {
            let newest = after.as_secs_f64();
            seen.secs = if seen.secs == 0.0 { newest } else { seen.secs + (newest - seen.secs) * NEWEST };
        });
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.balance.change(&self.host, self.address, |seen| seen.in_hand = seen.in_hand.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: usize = 1000;

    fn host() -> HostPort {
        ("shop.example".to_owned(), 80)
    }

    fn four() -> Vec<(IpAddr, u32)> {
        (1..=4).map(|last| (IpAddr::from([192, 0, 2, last]), 60)).collect()
    }

    fn wish(policy: Policy) -> Wish<'static> {
        Wish { policy, url: "/", client: IpAddr::from([192, 0, 2, 99]) }
    }

    /// Chance from a counter (splitmix64).
    fn dice(nth: usize) -> u64 {
        let mut z = (nth as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn first(balance: &Balance, wish: &Wish<'_>, nth: usize) -> IpAddr {
        let mut found = four();
        // DNS turns its answers round; that must not matter.
        found.rotate_left(nth % 4);
        balance.order(&host(), &mut found, wish, dice(nth), Instant::now());
        found[0].0
    }

    /// How often each of the four was the first of 1,000.
    fn counts(mut choose: impl FnMut(usize) -> IpAddr) -> Vec<usize> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        (0..REQUESTS).for_each(|nth| *counts.entry(choose(nth)).or_default() += 1);
        four().iter().map(|(address, _)| counts.get(address).copied().unwrap_or(0)).collect()
    }

    #[test]
    fn round_robin_gives_each_the_same() {
        let balance = Balance::new();
        assert_eq!(counts(|nth| first(&balance, &wish(Policy::RoundRobin), nth)), [250; 4]);
    }

    #[test]
    fn least_connections_fills_up_what_is_empty() {
        let balance = Arc::new(Balance::new());
        let _held: Vec<Busy> = (0..30).map(|_| balance.begin(&host(), four()[0].0)).collect();
        let mut busy = Vec::new();
        let counts = counts(|nth| {
            let address = first(&balance, &wish(Policy::LeastConnections), nth);
            busy.push(balance.begin(&host(), address));
            address
        });
        // 1,030 in all, spread evenly.
        assert!(counts[0].abs_diff(228) <= 1 && counts[1..].iter().all(|count| count.abs_diff(257) <= 1), "{counts:?}");
    }

    #[test]
    fn least_time_prefers_the_fast_as_long_as_it_is_not_busy() {
        let balance = Arc::new(Balance::new());
        for (nth, (address, _)) in four().iter().enumerate() {
            balance.begin(&host(), *address).answered(Duration::from_millis(if nth == 0 { 10 } else { 40 }));
        }
        assert_eq!(counts(|nth| first(&balance, &wish(Policy::LeastTime), nth)), [1000, 0, 0, 0]);
        let mut busy = Vec::new();
        let counts = counts(|nth| {
            let address = first(&balance, &wish(Policy::LeastTime), nth);
            busy.push(balance.begin(&host(), address));
            address
        });
        // Four times as fast, four times as many.
        assert!(counts[0].abs_diff(571) <= 5 && counts[1..].iter().all(|count| count.abs_diff(143) <= 5), "{counts:?}");
    }

    #[test]
    fn a_hash_spreads_and_stays_when_one_address_goes() {
        let balance = Balance::new();
        let urls: Vec<String> = (0..REQUESTS).map(|nth| format!("/page/{nth}")).collect();
        let of = |nth: usize| Wish { url: &urls[nth], ..wish(Policy::HashUrl) };
        let counts = counts(|nth| first(&balance, &of(nth), nth));
        assert!(counts.iter().all(|count| count.abs_diff(250) < 60), "{counts:?}");
        let mut moved = 0;
        for nth in 0..REQUESTS {
            let before = first(&balance, &of(nth), 0);
            let mut fewer = four();
            fewer.remove(3);
            balance.order(&host(), &mut fewer, &of(nth), 0, Instant::now());
            moved += usize::from(before != fewer[0].0);
        }
        assert_eq!(moved, counts[3], "only what the lost address had is moved");
        let client = |last: u8| Wish { client: IpAddr::from([198, 51, 100, last]), ..wish(Policy::HashClient) };
        let each: Vec<IpAddr> = (0..=255).map(|last| first(&balance, &client(last), 3)).collect();
        assert!((0..=255).all(|last| first(&balance, &client(last), 0) == each[usize::from(last)]));
        assert!(four().iter().all(|(address, _)| each.iter().filter(|first| *first == address).count() > 30));
    }

    #[test]
    fn two_choices_spread_and_avoid_the_busiest() {
        let balance = Arc::new(Balance::new());
        let idle = counts(|nth| first(&balance, &wish(Policy::TwoChoices), nth));
        assert!(idle.iter().all(|count| count.abs_diff(250) < 60), "{idle:?}");
        let _busy = balance.begin(&host(), four()[2].0);
        assert_eq!(counts(|nth| first(&balance, &wish(Policy::TwoChoices), nth))[2], 0);
    }

    #[test]
    fn what_failed_comes_last_until_its_time_is_over_or_it_works_again() {
        let (balance, now) = (Arc::new(Balance::new()), Instant::now());
        let bad = four()[1].0;
        let last = |after: Duration| {
            let mut found = four();
            balance.order(&host(), &mut found, &wish(Policy::RoundRobin), 0, now + after);
            found[3].0
        };
        balance.failed(&host(), bad, now);
        assert!((0..8).all(|_| last(Duration::from_secs(9)) == bad));
        assert!((0..8).any(|_| last(Duration::from_secs(11)) != bad));
        balance.failed(&host(), bad, now);
        assert!((0..8).all(|_| last(Duration::from_secs(19)) == bad), "a second failure counts twice");
        drop(balance.begin(&host(), bad));
        assert!((0..8).any(|_| last(Duration::ZERO) != bad));
    }
}
