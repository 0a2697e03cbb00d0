//! The pure half of a resolver in virtual time: whoever includes this says what comes of each ask.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::cache::{Cache, Delegation, NameServer, Servers, Shown, TtlLimits};
use rootwalk::dnssec;
use rootwalk::lab::Packet;
use rootwalk::time::Time;
use rootwalk::trace::{Entry, Source, Transport, Unreachable};
use rootwalk::upstream::read_reply;
use rootwalk::walk::ask::{Answered, Ask, Heard};
use rootwalk::walk::limits::{Budget, Limits};
use rootwalk::walk::minimise::Minimisation;
use rootwalk::walk::outcome::Outcome;
use rootwalk::walk::synthesis::Synthesis;
use rootwalk::walk::{Around, Avoid, Dice, LocalRoot, Private, Routes, SpecialZones, Step, Walk, WalkSettings};
use rootwalk::wire::{Flags, Name, Question, write_query};

/// Any moment: walks take place then.
pub(crate) const NOW_UNIX_SECS: u32 = 1_790_000_000;

/// More steps than this means that a walk does not end.
const MOST_STEPS: usize = 5_000;

/// What a resolver knows, and the moment.
pub(crate) struct Resolver {
    pub(crate) cache: Cache,
    pub(crate) servers: Servers,
    pub(crate) settings: WalkSettings,
    pub(crate) now: Time,
    /// Servers that answer somebody else all the time, and fast.
    pub(crate) talk: Vec<IpAddr>,
    dice: Dice,
}

/// What one walk came to.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) log: Vec<Entry>,
    pub(crate) budget: Budget,
    pub(crate) took: Duration,
}

impl Resolver {
    /// A resolver that knows nothing but its settings.
    pub(crate) fn new(settings: WalkSettings, seed: u64) -> Self {
        Self {
            cache: Cache::new(8 << 20, (seed, 1), TtlLimits::default()),
            servers: Servers::new((seed, 2)),
            settings,
            now: Time::from_secs(1),
            talk: Vec::new(),
            dice: Dice::seeded(seed),
        }
    }

    /// Resolves one question and moves the time on. `exchange` says what comes of an ask, and after how long.
    pub(crate) fn resolve(
        &mut self,
        question: &Question,
        exchange: impl FnMut(&Ask, Time) -> (Duration, Heard),
    ) -> Ended {
        self.finish(Walk::new(question.clone(), &self.settings, self.now), exchange)
    }

    /// What walks have around them.
    pub(crate) fn around(&mut self) -> Around<'_> {
        Around {
            cache: &self.cache,
            servers: &self.servers,
            settings: &self.settings,
            dice: &mut self.dice,
            unix_secs: NOW_UNIX_SECS,
        }
    }

    /// The same with a walk that is about to begin.
    pub(crate) fn finish(
        &mut self,
        mut walk: Walk,
        mut exchange: impl FnMut(&Ask, Time) -> (Duration, Heard),
    ) -> Ended {
        let begun = self.now;
        let mut coming: BinaryHeap<Reverse<(Time, u32)>> = BinaryHeap::new();
        let mut heard_at: BTreeMap<u32, Heard> = BTreeMap::new();
        let mut heard = None;
        for _ in 0..MOST_STEPS {
            let shown = Shown { rtt: Duration::from_millis(20), over_udp: true, edns: true, cookie: false };
            for addr in self.talk.iter().flat_map(|addr| [addr; 8]) {
                self.servers.heard(*addr, shown, self.now);
            }
            match walk.step(self.now, heard.take(), &mut self.around()) {
                Step::Done(outcome) => {
                    let budget = walk.budget().clone();
                    return Ended { outcome: *outcome, log: walk.take_log(), budget, took: self.now - begun };
                }
                Step::Wait { asks, forget, wake } => {
                    heard_at.retain(|_, heard| !forget.contains(&heard.ask));
                    for ask in asks {
                        let (after, heard) = exchange(&ask, self.now);
                        coming.push(Reverse((self.now + after, ask.id.0)));
                        heard_at.insert(ask.id.0, heard);
                    }
                    while coming.peek().is_some_and(|Reverse((_, key))| !heard_at.contains_key(key)) {
                        coming.pop();
                    }
                    match coming.peek() {
                        Some(Reverse((at, key))) if *at <= wake => {
                            self.now = self.now.max(*at);
                            heard = heard_at.remove(key);
                            coming.pop();
                        }
                        _ => self.now = self.now.max(wake),
                    }
                }
            }
        }
        panic!("the walk does not end: {:?}", walk.log().first())
    }
}

/// Settings as in production, but for the lab's loopback addresses; every root server by name and addresses.
pub(crate) fn settings(root: impl IntoIterator<Item = (Name, Vec<IpAddr>)>, port: u16) -> WalkSettings {
    let servers = root.into_iter().map(|(name, addrs)| NameServer { name, addrs: addrs.into() });
    let hints = Delegation {
        zone: Name::root(),
        servers: servers.collect::<Vec<_>>().into(),
        ds: None,
        proof: Box::default(),
        from: Source::Hints,
        stored: Time::ZERO,
        requeried: Time::ZERO,
        expires: Time::FAR,
    };
    WalkSettings {
        limits: Limits::default(),
        minimisation: Minimisation::Relaxed,
        case_randomisation: true,
        cookies: true,
        nsid: false,
        ipv4: true,
        ipv6: false,
        avoid: Avoid::default(),
        private: Private::default(),
        routes: Routes::default(),
        synthesis: Synthesis::default(),
        port,
        udp_size: 1232,
        // Nothing is validated unless whoever includes this gives trust anchors.
        proofs: dnssec::Settings::default(),
        local_root: LocalRoot::default(),
        special: SpecialZones::default(),
        hints: Arc::new(hints),
    }
}

/// The bytes of an ask.
pub(crate) fn query_bytes(ask: &Ask, id: u16) -> Vec<u8> {
    let mut query = Vec::new();
    let flags = Flags::default().with_rd(ask.rd).with_cd(ask.cd);
    write_query(id, &ask.question, flags, ask.edns.as_ref(), &mut query);
    query
}

/// Packets that a socket has room for, by the usual 212,992 octets of Linux.
const ROOM: usize = 256;

/// What upstream would make of `packets` that come after an ask with this id, over a path with this round trip.
pub(crate) fn listen(ask: &Ask, id: u16, packets: Vec<Packet>, path: Duration) -> (Duration, Heard) {
    let round_trips = if ask.transport == Transport::Tcp { 2 } else { 1 };
    let mut ignored = Vec::new();
    for mut packet in packets.into_iter().take(ROOM) {
        let rtt = path * round_trips + packet.delay;
        if rtt > ask.give_up {
            continue;
        }
        match read_reply(&mut packet.bytes, id, ask) {
            Ok(reply) => {
                let bytes = packet.bytes.len();
                return (rtt, Heard { ask: ask.id, came: Ok(Answered { reply, bytes, rtt }), ignored });
            }
            Err(what) => {
                let ends = what.ends();
                ignored.push(what);
                if let Some(why) = ends {
                    return (rtt, Heard { ask: ask.id, came: Err(why), ignored });
                }
                if ask.transport == Transport::Udp && ignored.len() >= ask.near_misses {
                    return (rtt, Heard { ask: ask.id, came: Err(Unreachable::NearMisses), ignored });
                }
            }
        }
    }
    if ask.transport == Transport::Tcp && !ignored.is_empty() {
        return (path * 2, Heard { ask: ask.id, came: Err(Unreachable::Garbage), ignored });
    }
    (ask.give_up, Heard { ask: ask.id, came: Err(Unreachable::Timeout), ignored })
}

/// Nobody listens there.
pub(crate) fn refused(ask: &Ask, path: Duration) -> (Duration, Heard) {
    (path, Heard::nothing(ask.id, Unreachable::Refused))
}
