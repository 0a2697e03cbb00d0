//! What is remembered about each server address: how fast it answers, what it understands, where it is lame.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;
use smallvec::SmallVec;

use super::cookies::{self, Cookies};
use super::dead::{Dead, DeadServers};
use super::pace::{Family, FirstReplies, LIFE_SECS, Pace, Shown};
use super::seen::{OverTcp, Seen, Support};
use super::state::ServerState;
use crate::keyed::BuildKeyed;
use crate::time::Time;
use crate::wire::{Name, Octets, Question, RecordType, cookie};

/// Most addresses remembered.
const MAX_SERVERS: usize = 10_000;
/// Locks, a power of two.
const SHARDS: usize = 16;
/// Most zones remembered as lame for one address; the oldest goes first.
const MAX_LAME: usize = 16;
/// Refusals of EDNS in a row that are believed.
const EDNS_REFUSALS: u8 = 3;
/// Failures in a row, whoever was asked, from which on it is this machine that is taken to be cut off: more than the
/// tries of two dead servers.
const CUT_OFF_AFTER: u32 = 8;

/// The table of server addresses. Shared by all workers.
pub struct Servers {
    /// How it goes over IPv4 and over IPv6.
    families: [Family; 2],
    /// Exchanges in a row that failed over either.
    silences: AtomicU32,
    /// The round trips of first replies.
    first: FirstReplies,
    dead: DeadServers,
    shards: Box<[Mutex<LruCache<Key, Record, BuildKeyed>>]>,
    hasher: SipHasher13,
    /// What our cookies are made with.
    cookie_key: (u64, u64),
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("len", &self.count()).finish()
    }
}

impl Servers {
    /// An empty table. `key` must be random and secret, as for [`Cache::new`](super::Cache::new).
    #[must_use]
    pub fn new(key: (u64, u64)) -> Self {
        let room = NonZeroUsize::new(MAX_SERVERS / SHARDS).unwrap_or(NonZeroUsize::MIN);
        let shard = |_| {
            let mut shard = LruCache::unbounded_with_hasher(BuildKeyed::default());
            shard.resize(room);
            Mutex::new(shard)
        };
        let hasher = SipHasher13::new_with_keys(key.0, key.1);
        Self {
            families: Default::default(),
            silences: AtomicU32::new(0),
            first: FirstReplies::default(),
            dead: DeadServers::new((hasher.hash(b"dead, one"), hasher.hash(b"dead, two"))),
            shards: (0..SHARDS).map(shard).collect(),
            cookie_key: (hasher.hash(b"cookies, one"), hasher.hash(b"cookies, two")),
            hasher,
        }
    }

    /// What is remembered about `addr`.
    #[must_use]
    pub fn state(&self, addr: IpAddr, now: Time) -> ServerState {
        let key = self.key(addr);
        // Only what is heard of a server, or is not, makes it one of those in use: to look at one that is then not
        // asked moves nothing in memory.
        let state = self.shard(&key).lock().peek(&key).map_or_else(ServerState::default, |record| record.state(now));
        ServerState { first: self.first.patience(), ..state }
    }

    /// It answered.
    pub fn heard(&self, addr: IpAddr, Shown { rtt, over_udp, edns, cookie }: Shown, now: Time) {
        self.families[usize::from(addr.is_ipv6())].heard();
        if self.is_cut_off() {
            self.dead.ends_outage();
        }
        self.silences.store(0, Ordering::Relaxed);
        let known = self.update(addr, |record| {
            let pace = record.pace(now);
            record.pace = Some(pace.heard(rtt, now));
            if over_udp {
                (record.udp, record.udp_was_silent) = (Seen::new(Support::Yes, now), false);
            }
            // What it was silent to while it was not there says nothing.
            if pace.srtt.is_none() {
                record.tcp = OverTcp::default();
            }
            if edns {
                (record.edns, record.edns_refusals) = (Seen::new(Support::Yes, now), 0);
            }
            if over_udp && cookie && record.cookies.at(now) == Cookies::Doubted {
                record.cookies = Seen::default();
            }
            pace.srtt.is_some()
        });
        if !known {
            self.first.heard(rtt);
        }
    }

    /// It stayed silent for as long as it was given, from `sent` until `now`.
    ///
    /// Asks that were under way together are silent together: only one of them counts, else a single lost
    /// link would look like many failures in a row.
    pub fn silent(&self, addr: IpAddr, sent: Time, now: Time) {
        self.families[usize::from(addr.is_ipv6())].silent();
        self.silences.fetch_add(1, Ordering::Relaxed);
        let is_cut_off = self.is_cut_off();
        self.update(addr, |record| record.pace = Some(record.pace(now).silent(sent, now, is_cut_off)));
    }

    /// Somebody has listened for it nearly as long as clients wait, in vain.
    pub fn mute(&self, addr: IpAddr, now: Time) {
        self.update(addr, |record| record.pace = Some(record.pace(now).mute(now)));
    }

    /// Whether it counts as dead for `zone` when it is to be asked a question of type `qtype`.
    #[must_use]
    pub fn dead(&self, addr: IpAddr, zone: &Name, qtype: RecordType, now: Time) -> Option<Dead> {
        self.dead.find(addr, zone, qtype, now)
    }

    /// Nothing has come from it for `zone` to `question`, which was `sent`, as long as somebody has listened.
    pub fn died(&self, addr: IpAddr, zone: &Name, question: &Question, sent: Time, now: Time) {
        // To another question something may have come later.
        let since = sent.max(self.state(addr, now).heard_at);
        self.dead.put(addr, zone, question, (sent, since, now), self.is_cut_off());
    }

    /// Somebody sees whether it is back. Until then others do not, or from `until` on.
    pub fn tried(&self, addr: IpAddr, zone: &Name, until: Time) {
        self.dead.tried(addr, zone, until);
    }

    /// It is back: it has answered for `zone`.
    pub fn is_back(&self, addr: IpAddr, zone: &Name, qtype: RecordType) {
        self.dead.forget(addr, zone, qtype);
    }

    /// Whether nothing has come over the IP version of `addr` for a while, although the other one works: then this
    /// machine, or its network, has no way out over it.
    #[must_use]
    pub fn family_is_dead(&self, addr: IpAddr) -> bool {
        self.families[usize::from(addr.is_ipv6())].fails() && !self.families[usize::from(addr.is_ipv4())].fails()
    }

    /// The same, once it is seen that the other one does work.
    #[must_use]
    pub fn family_is_given_up(&self, addr: IpAddr) -> bool {
        self.families[usize::from(addr.is_ipv4())].has_worked() && self.family_is_dead(addr)
    }

    /// Whether nothing has come from anybody for a while: then it is nearer that this machine is not connected than
    /// that servers are at fault.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.silences.load(Ordering::Relaxed) >= CUT_OFF_AFTER
    }

    /// It refused EDNS, and answered the same question without. That is believed when it happens several times in a
    /// row: one forged packet must not switch DNSSEC off (CVE-2026-52690).
    pub fn edns_broken(&self, addr: IpAddr, now: Time) {
        self.update(addr, |record| {
            record.edns_refusals = record.edns_refusals.saturating_add(1);
            if record.edns_refusals >= EDNS_REFUSALS {
                record.edns = Seen::new(Support::No, now);
            }
        });
    }

    /// Our part of the cookie for `addr`.
    #[must_use]
    pub fn client_cookie(&self, addr: IpAddr) -> [u8; cookie::CLIENT] {
        cookies::client(addr, self.cookie_key)
    }

    /// It showed our cookie and gave its own part, or it turned out to do without them.
    pub fn cookies(&self, addr: IpAddr, cookies: Cookies, now: Time) {
        self.update(addr, |record| record.cookies = Seen::new(cookies, now));
    }

    /// It answered over TCP.
    pub fn tcp_works(&self, addr: IpAddr, now: Time) {
        self.update(addr, |record| record.tcp = OverTcp::works(now));
    }

    /// It answered over TCP after silence over UDP. Packets get lost: that it does without UDP is believed the second
    /// time, if nothing came over UDP in between or within 15 minutes before.
    pub fn silent_over_udp(&self, addr: IpAddr, now: Time) {
        self.update(addr, |record| match record.udp.at(now) {
            Support::Yes => {}
            Support::Unknown if !record.udp_was_silent => record.udp_was_silent = true,
            Support::Unknown | Support::No => record.udp = Seen::new(Support::No, now),
        });
    }

    /// It cannot be asked over TCP: somebody has said so.
    pub fn tcp_broken(&self, addr: IpAddr, now: Time) {
        self.update(addr, |record| record.tcp = OverTcp::broken(now));
    }

    /// It stayed silent over TCP to what was `sent`.
    pub fn silent_over_tcp(&self, addr: IpAddr, sent: Time, now: Time) {
        self.update(addr, |record| record.tcp.silent(record.pace(now).srtt.is_some(), sent, now));
    }

    /// It was lame for `zone`: REFUSED, or a referral that does not go down.
    pub fn lame(&self, addr: IpAddr, zone: &Name, now: Time) {
        self.update(addr, |record| {
            record.lame.retain(|(known, since)| known != zone && now < since.plus_secs(LIFE_SECS));
            if record.lame.len() == MAX_LAME {
                record.lame.remove(0);
            }
            record.lame.push((zone.clone(), now));
        });
    }

    /// The slowest: address, smoothed round trip time, silences in a row. Those that never answered come first.
    #[must_use]
    pub fn slowest(&self, most: usize, now: Time) -> Vec<(IpAddr, Option<Duration>, u8)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(shard.lock().iter().map(|(key, record)| (key.addr, record.pace(now))));
        }
        all.retain(|(_, pace)| pace.srtt.is_some() || pace.silences > 0);
        let time = |pace: &Pace| pace.srtt.unwrap_or(Duration::MAX);
        all.sort_by(|(_, a), (_, b)| time(b).cmp(&time(a)).then(b.silences.cmp(&a.silences)));
        all.truncate(most);
        all.into_iter().map(|(addr, pace)| (addr, pace.srtt, pace.silences)).collect()
    }

    /// How many addresses are remembered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn key(&self, addr: IpAddr) -> Key {
        Key { hash: self.hasher.hash(&Octets::from(addr)), addr }
    }

    fn shard(&self, key: &Key) -> &Mutex<LruCache<Key, Record, BuildKeyed>> {
        // The map uses the low bits and the highest seven.
        &self.shards[(key.hash >> 48) as usize % SHARDS]
    }

    fn update<T>(&self, addr: IpAddr, change: impl FnOnce(&mut Record) -> T) -> T {
        let key = self.key(addr);
        change(self.shard(&key).lock().get_or_insert_mut(key, Record::default))
    }
}

/// An address with its keyed hash.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    hash: u64,
    addr: IpAddr,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// What is kept for one address. Each part has its own age.
#[derive(Default)]
struct Record {
    pace: Option<Pace>,
    edns: Seen<Support>,
    /// How often in a row it refused EDNS.
    edns_refusals: u8,
    tcp: OverTcp,
    udp: Seen<Support>,
    /// Whether it was silent over UDP, and answered over TCP, since something came over UDP.
    udp_was_silent: bool,
    cookies: Seen<Cookies>,
    lame: SmallVec<[(Name, Time); 0]>,
}

impl Record {
    fn pace(&self, now: Time) -> Pace {
        self.pace.filter(|pace| now < pace.seen.plus_secs(LIFE_SECS)).unwrap_or_default()
    }

    fn state(&self, now: Time) -> ServerState {
        let pace = self.pace(now);
        let lame = self.lame.iter().filter(|(_, since)| now < since.plus_secs(LIFE_SECS));
        ServerState {
            srtt: pace.srtt,
            rttvar: pace.rttvar,
            heard_at: pace.heard_at,
            silences: pace.silences,
            mute: pace.mute,
            moody: pace.is_moody(),
            rests_until: pace.rests_until.filter(|until| *until > now),
            edns: self.edns.at(now),
            tcp: self.tcp.at(now),
            udp: self.udp.at(now),
            cookies: self.cookies.at(now),
            lame: if self.lame.is_empty() { SmallVec::new() } else { lame.map(|(zone, _)| zone.clone()).collect() },
            first: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADDR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn after(rtt: Duration) -> Shown {
        Shown { rtt, over_udp: true, edns: false, cookie: false }
    }

    #[test]
    fn patience_follows_rfc_6298() {
        let servers = Servers::new((1, 2));
        let now = Time::from_secs(1);
        assert_eq!(servers.state(ADDR, now).patience(), ms(400));
        servers.heard(ADDR, after(ms(100)), now);
        assert_eq!(servers.state(ADDR, now).patience(), ms(300));
        servers.heard(ADDR, after(ms(180)), now);
        // srtt = (700 + 180) / 8 = 110, var = (150 + 80) / 4 = 57.5
        assert_eq!(servers.state(ADDR, now).patience(), ms(340));
        servers.silent(ADDR, now, now);
        assert_eq!(servers.state(ADDR, now).patience(), ms(680));
        servers.heard(ADDR, after(ms(110)), now);
        assert!(servers.state(ADDR, now).patience() < ms(340));
    }

    #[test]
    fn asks_that_were_under_way_together_count_once() {
        let servers = Servers::new((1, 2));
        let now = Time::from_secs(1);
        for sent in [0, 0, 10, 399] {
            servers.silent(ADDR, now + ms(sent), now + ms(sent + 400));
        }
        assert_eq!(servers.state(ADDR, now).silences, 1);
        servers.silent(ADDR, now + ms(400), now + ms(800));
        assert_eq!(servers.state(ADDR, now).silences, 2);
    }

    #[test]
    fn each_memory_ends_after_15_minutes() {
        let servers = Servers::new((1, 2));
        let zone: Name = "Example".parse().expect("a name");
        let at = Time::from_secs;
        servers.heard(ADDR, after(ms(10)), at(0));
        (98..=100).for_each(|secs| servers.edns_broken(ADDR, at(secs)));
        servers.lame(ADDR, &zone, at(200));
        servers.tcp_works(ADDR, at(300));
        let state = servers.state(ADDR, at(899));
        assert!(state.srtt.is_some() && state.edns == Support::No && state.tcp == Support::Yes);
        assert!(state.lame_for(&"eXample".parse().expect("a name")) && !state.lame_for(&Name::root()));
        assert_eq!(servers.state(ADDR, at(900)).srtt, None);
        assert_eq!(servers.state(ADDR, at(1000)).edns, Support::Unknown);
        assert!(servers.state(ADDR, at(1099)).lame_for(&zone));
        assert_eq!(servers.state(ADDR, at(1200)), ServerState::default());
    }

    #[test]
    fn only_two_silences_over_udp_with_nothing_between_them_speak_for_tcp_alone() {
        let at = Time::from_secs;
        // Seconds at which it was heard over UDP, or silent there and heard over TCP, and what is thought of it then.
        let rows: [(&[(u64, bool)], Support); 6] = [
            (&[(0, false)], Support::Unknown),
            (&[(0, false), (5, false)], Support::No),
            (&[(0, false), (5, true), (9, false)], Support::Yes),
            (&[(0, true), (5, false), (6, false), (905, false)], Support::Unknown),
            (&[(0, true), (5, false), (905, false), (906, false)], Support::No),
            (&[(0, false), (5, false), (1000, false)], Support::No),
        ];
        for (events, expected) in rows {
            let servers = Servers::new((1, 2));
            for (secs, over_udp) in events {
                servers.heard(ADDR, Shown { over_udp: *over_udp, ..after(ms(10)) }, at(*secs));
                if !over_udp {
                    servers.silent_over_udp(ADDR, at(*secs));
                }
            }
            let last = events.last().expect("an event").0;
            assert_eq!(servers.state(ADDR, at(last)).udp, expected, "{events:?}");
        }
    }

    #[test]
    fn one_refusal_of_edns_is_not_believed() {
        let servers = Servers::new((1, 2));
        let edns = || servers.state(ADDR, Time::ZERO).edns;
        (0..2).for_each(|_| servers.edns_broken(ADDR, Time::ZERO));
        assert_eq!(edns(), Support::Unknown);
        servers.heard(ADDR, Shown { edns: true, ..after(ms(10)) }, Time::ZERO);
        (0..2).for_each(|_| servers.edns_broken(ADDR, Time::ZERO));
        assert_eq!(edns(), Support::Yes, "it has just shown that it can");
        servers.edns_broken(ADDR, Time::ZERO);
        assert_eq!(edns(), Support::No);
    }

    #[test]
    fn the_table_is_bounded() {
        let servers = Servers::new((1, 2));
        for host in 0..30_000_u32 {
            servers.silent(IpAddr::V4(host.into()), Time::ZERO, Time::ZERO);
        }
        assert!((9_900..=MAX_SERVERS).contains(&servers.count()), "{}", servers.count());
        let zones: Vec<Name> = (0..100).map(|nth| format!("z{nth}").parse().expect("a name")).collect();
        for zone in &zones {
            servers.lame(ADDR, zone, Time::ZERO);
        }
        let state = servers.state(ADDR, Time::ZERO);
        assert_eq!(zones.iter().filter(|zone| state.lame_for(zone)).count(), MAX_LAME);
        assert!(state.lame_for(&zones[99]));
    }

    proptest! {
        #[test]
        fn patience_stays_in_bounds(events in proptest::collection::vec(proptest::option::of(0_u64..10_000_000), 0..60)) {
            let servers = Servers::new((3, 4));
            for (second, event) in (0..).zip(events) {
                let now = Time::from_secs(second);
                match event {
                    Some(rtt) => servers.heard(ADDR, after(Duration::from_micros(rtt)), now),
                    None => servers.silent(ADDR, now, now),
                }
                let patience = servers.state(ADDR, now).patience();
                prop_assert!((ms(50)..=ms(2000)).contains(&patience), "{patience:?}");
            }
        }
    }
}
