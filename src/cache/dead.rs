//! Servers that count as dead for a zone, as whole questions came to nothing with them (RFC 2308 §7.2, RFC 9520 §3.2).
//!
//! For a zone and not for all that they serve: some that are alive drop what they are asked of zones which they do not
//! have, and who delegates such a zone to them must not make them look dead to the zones that they do have.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use lru::LruCache;
use parking_lot::Mutex;
use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;

use super::pace::LIFE_SECS;
use super::ttl::back_off_secs;
use crate::keyed::{BuildKeyed, Key};
use crate::time::Time;
use crate::wire::{Name, Octets, Question, RecordType};

/// After so many rests, and again after as many, it is listened to for as long as clients wait.
const RESTS_UNTIL_HEARD_OUT: u16 = 4;
/// Most pairs of server and zone remembered; the one that was not asked for longest goes first.
const MAX_DEAD: usize = 10_000;
/// Places that addresses share in the count of records; a power of two.
const PLACES: usize = 1024;

/// A server of which nothing has come for a zone although somebody has listened for as long as clients wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Since when nothing has come.
    pub since: Time,
    /// Until when it is left alone; `None` when a question may see whether it is back, as its rest is over, or it was
    /// silent to one name alone so far.
    pub rests_until: Option<Time>,
    /// Whether whoever sees whether it is back listens for as long as clients wait: it may have come back slow.
    pub may_be_slow: bool,
}

/// The table of those.
pub(super) struct DeadServers {
    /// How many there are of the addresses of each place. Somewhere on the Internet servers are always dead, and who
    /// asks others has neither to hash nor to wait for that.
    counts: Box<[AtomicU16; PLACES]>,
    /// How often this machine has found back to the network.
    outages: AtomicU32,
    known: Mutex<Known>,
    hasher: SipHasher13,
}

struct Known {
    records: LruCache<Key, Record, BuildKeyed>,
    /// The zone of which nothing has come since nothing has come from anybody, and whether it is not the only one.
    zone: Option<Key>,
    zones: bool,
}

/// What is kept of one server and one zone.
#[derive(Clone)]
struct Record {
    addr: IpAddr,
    since: Time,
    /// When the first question came to nothing. What was under way by then was silent together with it: some servers
    /// drop questions for a moment, as who limits their rate does.
    first: Time,
    /// When the last question came to nothing.
    seen: Time,
    until: Time,
    /// Until when somebody sees whether it is back.
    tried_until: Time,
    /// How many rests there were.
    rests: u16,
    /// The name to which it was silent, and whether it was to others as well.
    name: Key,
    names: bool,
    /// The type, and whether it was silent to others as well.
    qtype: RecordType,
    types: bool,
    /// The number of outages before the last question.
    outages: u32,
}

impl Record {
    /// Whether it says anything of questions for `qtype`: some servers are silent to one type alone (RFC 4074 §4.1).
    fn speaks_of(&self, qtype: RecordType) -> bool {
        self.types || self.qtype == qtype
    }
}

impl DeadServers {
    pub(super) fn new(key: (u64, u64)) -> Self {
        let mut records = LruCache::unbounded_with_hasher(BuildKeyed::default());
        records.resize(NonZeroUsize::new(MAX_DEAD).unwrap_or(NonZeroUsize::MIN));
        let known = Mutex::new(Known { records, zone: None, zones: false });
        let counts = Box::new([const { AtomicU16::new(0) }; PLACES]);
        Self { counts, outages: AtomicU32::new(0), known, hasher: SipHasher13::new_with_keys(key.0, key.1) }
    }

    /// This machine was cut off and is not any more. Who was silent meanwhile is not dead because of that, and to ask
    /// once shows how it is.
    pub(super) fn ends_outage(&self) {
        self.outages.fetch_add(1, Ordering::Relaxed);
    }

    /// What is known of a server that is to be asked a question of this type.
    pub(super) fn find(&self, addr: IpAddr, zone: &Name, qtype: RecordType, now: Time) -> Option<Dead> {
        if self.count(addr).load(Ordering::Relaxed) == 0 {
            return None;
        }
        let key = self.key(addr, zone);
        let known = self.known.lock();
        let record = known.records.peek(&key).filter(|record| now < record.seen.plus_secs(LIFE_SECS))?;
        if !record.speaks_of(qtype) {
            return None;
        }
        let until = record.until.max(record.tried_until);
        let rests = record.names && record.outages == self.outages.load(Ordering::Relaxed) && until > now;
        let may_be_slow = record.until <= now && record.rests.is_multiple_of(RESTS_UNTIL_HEARD_OUT);
        Some(Dead { since: record.since, rests_until: rests.then_some(until), may_be_slow })
    }

    /// A question that was `sent` has come to nothing with it, and nothing else has come `since`. Where it is the same
    /// with all other zones, there may be no network: then its rest stays short, so that somebody soon notices when
    /// there is one.
    pub(super) fn put(
        &self,
        addr: IpAddr,
        zone: &Name,
        question: &Question,
        (sent, since, now): (Time, Time, Time),
        is_cut_off: bool,
    ) {
        let (key, this_zone) = (self.key(addr, zone), self.lower(zone.wire(), &[]));
        let (name, outages) = (self.lower(question.name.wire(), &[]), self.outages.load(Ordering::Relaxed));
        let mut known = self.known.lock();
        known.zones = is_cut_off && (known.zones || known.zone.is_some_and(|zone| zone != this_zone));
        known.zone = Some(this_zone);
        let before = known.records.get(&key).filter(|record| now < record.seen.plus_secs(LIFE_SECS)).cloned();
        let mut record = before.unwrap_or(Record {
            addr,
            since,
            first: now,
            seen: now,
            until: sent,
            tried_until: sent,
            rests: 0,
            name,
            names: false,
            qtype: question.qtype,
            types: false,
            outages,
        });
        record.since = record.since.min(since);
        if sent >= record.first {
            record.names |= record.name != name;
            record.types |= record.qtype != question.qtype;
        }
        // What was asked while it rested was silent together.
        if sent >= record.until {
            record.rests = record.rests.saturating_add(1);
            record.until = now.plus_secs(back_off_secs(if known.zones { 1 } else { record.rests }).into());
        }
        (record.seen, record.tried_until, record.outages) = (now, now, outages);
        self.count(addr).fetch_add(1, Ordering::Relaxed);
        // Its own former one, or that which was not asked for longest.
        if let Some((_, gone)) = known.records.push(key, record) {
            self.count(gone.addr).fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Somebody sees whether it is back, or does not any more; others need not until then.
    pub(super) fn tried(&self, addr: IpAddr, zone: &Name, until: Time) {
        if let Some(record) = self.known.lock().records.peek_mut(&self.key(addr, zone)) {
            record.tried_until = until;
        }
    }

    /// It has answered a question of this type.
    pub(super) fn forget(&self, addr: IpAddr, zone: &Name, qtype: RecordType) {
        let key = self.key(addr, zone);
        let mut known = self.known.lock();
        if known.records.peek(&key).is_some_and(|record| record.speaks_of(qtype)) {
            known.records.pop(&key);
            self.count(addr).fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The count of records of `addr`, and of the addresses that share its place.
    fn count(&self, addr: IpAddr) -> &AtomicU16 {
        let bits = match addr {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => {
                v6.segments().iter().fold(0, |bits: u64, segment| bits.rotate_left(11) ^ u64::from(*segment))
            }
        };
        // The bits in front depend on all of them.
        let mixed = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        &self.counts[usize::try_from(mixed).unwrap_or(0) % PLACES]
    }

    fn key(&self, addr: IpAddr, zone: &Name) -> Key {
        self.lower(zone.wire(), &Octets::from(addr))
    }

    fn lower(&self, wire: &[u8], more: &[u8]) -> Key {
        let mut subject: SmallVec<[u8; 272]> = SmallVec::from_slice(wire);
        subject.make_ascii_lowercase();
        subject.extend_from_slice(more);
        Key::new(&self.hasher, &subject)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cache::{Servers, Shown};

    const ADDR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn at(secs: u64) -> Time {
        Time::from_secs(secs)
    }

    /// `what.zone. A` has come to nothing.
    fn dies(servers: &Servers, what: &str, secs: u64) {
        let question = Question::new(name(&format!("{what}.zone.")), RecordType::A);
        servers.died(ADDR, &name("zone."), &question, at(secs), at(secs));
    }

    /// For how many seconds it is left alone from then on.
    fn rest(servers: &Servers, secs: u64) -> Option<u64> {
        let dead = servers.dead(ADDR, &name("ZONE."), RecordType::A, at(secs))?;
        Some(dead.rests_until.map_or(0, |until| (until - at(secs)).as_secs()))
    }

    #[test]
    fn rests_double_up_to_five_minutes_once_two_names_were_silent() {
        let servers = Servers::new((1, 2));
        assert_eq!(rest(&servers, 0), None);
        dies(&servers, "a", 100);
        dies(&servers, "A", 102);
        assert_eq!(rest(&servers, 102), Some(0), "of one name nothing follows");
        dies(&servers, "b", 103);
        assert_eq!(rest(&servers, 103), Some(2), "what is silent while it rests makes no rest longer");
        let (mut now, mut rests) = (105, Vec::new());
        for _ in 0..8 {
            dies(&servers, "c", now);
            let rest = rest(&servers, now).expect("it is dead");
            rests.push(rest);
            now += rest;
        }
        assert_eq!(rests, [10, 20, 40, 80, 160, 300, 300, 300]);
        let dead = servers.dead(ADDR, &name("zone."), RecordType::A, at(now)).expect("it is dead");
        assert_eq!((dead.since, dead.rests_until), (at(100), None));
        servers.tried(ADDR, &name("zone."), at(now + 2));
        assert_eq!(rest(&servers, now), Some(2), "somebody sees whether it is back");
        assert_eq!(rest(&servers, now + 2), Some(0));
        assert_eq!(rest(&servers, now + LIFE_SECS), None, "nobody has asked for a quarter of an hour");
    }

    #[test]
    fn what_is_asked_side_by_side_is_silent_together() {
        let servers = Servers::new((1, 2));
        let heard = Shown { rtt: Duration::from_millis(1), over_udp: true, edns: false, cookie: false };
        servers.heard(ADDR, heard, at(102));
        let dies = |what: &str, qtype, sent, now| {
            let question = Question::new(name(&format!("{what}.zone.")), qtype);
            servers.died(ADDR, &name("zone."), &question, at(sent), at(now));
        };
        dies("a", RecordType::A, 100, 104);
        dies("b", RecordType::AAAA, 103, 105);
        let dead = |qtype| servers.dead(ADDR, &name("zone."), qtype, at(105));
        assert_eq!(dead(RecordType::A).map(|dead| dead.rests_until), Some(None));
        assert_eq!(dead(RecordType::AAAA), None);
        dies("b", RecordType::AAAA, 104, 105);
        assert!(dead(RecordType::AAAA).is_some_and(|dead| dead.rests_until.is_some()));
        assert_eq!(dead(RecordType::A).map(|dead| dead.since), Some(at(102)), "it has answered something else");
    }

    #[test]
    fn it_is_dead_for_a_zone_and_for_the_types_that_were_asked() {
        let servers = Servers::new((1, 2));
        ["a", "b"].into_iter().for_each(|what| dies(&servers, what, 0));
        let dead = |addr, zone, qtype| servers.dead(addr, &name(zone), qtype, at(1)).is_some();
        assert!(dead(ADDR, "zone.", RecordType::A));
        assert!(!dead(ADDR, "zone.", RecordType::AAAA), "RFC 4074 §4.1");
        assert!(!dead(ADDR, "b.zone.", RecordType::A) && !dead(ADDR, ".", RecordType::A));
        assert!(!dead(OTHER, "zone.", RecordType::A));
        servers.is_back(ADDR, &name("zone."), RecordType::AAAA);
        assert!(dead(ADDR, "zone.", RecordType::A), "it answers for another type");
        servers.died(ADDR, &name("zone."), &Question::new(name("zone."), RecordType::AAAA), at(1), at(1));
        assert!(dead(ADDR, "zone.", RecordType::MX), "it is silent to all types that were asked");
        servers.is_back(ADDR, &name("zone."), RecordType::MX);
        assert!(!dead(ADDR, "zone.", RecordType::A));
    }

    #[test]
    fn whom_an_outage_of_this_machine_made_silent_is_asked_when_it_is_over() {
        let servers = Servers::new((1, 2));
        let zones = ["one.", "two."].map(name);
        let dies = |secs: u64| {
            for zone in &zones {
                for what in ["a", "b"] {
                    (0..4).for_each(|nth| servers.silent(OTHER, at(secs + nth), at(secs + nth)));
                    let question = Question::new(name(&format!("{what}{secs}.{zone}")), RecordType::A);
                    servers.died(ADDR, zone, &question, at(secs), at(secs));
                }
            }
        };
        let rests = |secs: u64| {
            zones.each_ref().map(|zone| {
                let dead = servers.dead(ADDR, zone, RecordType::A, at(secs)).expect("nothing has come from it");
                dead.rests_until.map_or(0, |until| (until - at(secs)).as_secs())
            })
        };
        for secs in [0, 100, 200, 300] {
            dies(secs);
            assert!(rests(secs).iter().all(|rest| *rest <= 10), "somebody notices soon: {:?}", rests(secs));
        }
        let heard = Shown { rtt: Duration::from_millis(1), over_udp: true, edns: false, cookie: false };
        servers.heard(OTHER, heard, at(301));
        assert_eq!(rests(301), [0, 0]);
    }

    #[test]
    fn the_table_is_bounded() {
        let dead = DeadServers::new((1, 2));
        for host in 0..30_000_u32 {
            let question = Question::new(name("a.zone."), RecordType::A);
            dead.put(IpAddr::V4(host.into()), &name("zone."), &question, (at(0), at(0), at(0)), false);
        }
        assert_eq!(dead.known.lock().records.len(), MAX_DEAD);
        let counted = || dead.counts.iter().map(|count| usize::from(count.load(Ordering::Relaxed))).sum::<usize>();
        assert_eq!(counted(), MAX_DEAD);
        let is_known = |host: u32| dead.find(IpAddr::V4(host.into()), &name("zone."), RecordType::A, at(0)).is_some();
        assert_eq!((is_known(0), is_known(29_999)), (false, true));
        (0..30_000_u32).for_each(|host| dead.forget(IpAddr::V4(host.into()), &name("zone."), RecordType::A));
        assert_eq!((dead.known.lock().records.len(), counted()), (0, 0));
    }
}
