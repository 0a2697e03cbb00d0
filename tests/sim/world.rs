//! A world: the pure walk beside the pure lab over virtual time, with loss, delay and lies by seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::cache::{Cache, Delegation, NameServer, Servers, TtlLimits};
use rootwalk::lab::{Lab, Reaction};
use rootwalk::time::Time;
use rootwalk::trace::{Entry, Ignored, Source, Transport, Unreachable};
use rootwalk::upstream::read_reply;
use rootwalk::walk::ask::{Ask, AskId, Heard};
use rootwalk::walk::limits::{Budget, Limits};
use rootwalk::walk::minimise::Minimisation;
use rootwalk::walk::outcome::Outcome;
use rootwalk::walk::{Around, Avoid, Dice, Private, Routes, Step, Walk, WalkSettings};
use rootwalk::wire::{Flags, Name, Question, RecordType, ResponseCode, RrSet, Section, Writer, write_query};

/// More steps than this means that a walk does not end.
const MOST_STEPS: usize = 5_000;

/// What a server does to everybody in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    Silent,
    Refuses,
    Fails,
    Garbage,
    Forged,
    OtherQuestion,
    Truncates,
    /// Adds records for names that are not its own.
    Lies,
    /// Answers everything with an upward referral.
    Lame,
}

const TROUBLES: [Trouble; 10] = [
    Trouble::None,
    Trouble::Silent,
    Trouble::Refuses,
    Trouble::Fails,
    Trouble::Garbage,
    Trouble::Forged,
    Trouble::OtherQuestion,
    Trouble::Truncates,
    Trouble::Lies,
    Trouble::Lame,
];

/// One run of the lab with its own weather.
pub(crate) struct World<'l> {
    lab: &'l Lab,
    pub(crate) cache: Cache,
    pub(crate) servers: Servers,
    pub(crate) settings: WalkSettings,
    pub(crate) now: Time,
    rng: StdRng,
    dice: Dice,
    loss: f64,
    troubles: BTreeMap<IpAddr, Trouble>,
    delays_ms: BTreeMap<IpAddr, u64>,
    counts: BTreeMap<(IpAddr, Transport), u64>,
}

/// What one walk came to.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) log: Vec<Entry>,
    pub(crate) budget: Budget,
    pub(crate) took: Duration,
}

impl<'l> World<'l> {
    /// A world by its seed. `trouble` is the share of servers in trouble, `loss` that of lost packets.
    pub(crate) fn new(lab: &'l Lab, seed: u64, trouble: f64, loss: f64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut troubles, mut delays_ms) = (BTreeMap::new(), BTreeMap::new());
        for addr in lab.authority().addresses() {
            let kind =
                if rng.random_bool(trouble) { TROUBLES[rng.random_range(0..TROUBLES.len())] } else { Trouble::None };
            troubles.insert(addr, kind);
            delays_ms.insert(addr, rng.random_range(1..120));
        }
        let dice = Dice::seeded(rng.random());
        Self {
            lab,
            cache: Cache::new(8 << 20, (seed, 1), TtlLimits::default()),
            servers: Servers::new((seed, 2)),
            settings: settings(lab),
            now: Time::from_secs(1),
            rng,
            dice,
            loss,
            troubles,
            delays_ms,
            counts: BTreeMap::new(),
        }
    }

    /// Resolves one question and moves the time on.
    pub(crate) fn resolve(&mut self, question: &Question) -> Ended {
        let begun = self.now;
        let mut walk = Walk::new(question.clone(), &self.settings, begun);
        let mut coming: BinaryHeap<Reverse<(Time, u64)>> = BinaryHeap::new();
        let mut heard_at: BTreeMap<u64, Heard> = BTreeMap::new();
        let mut heard = None;
        for serial in 0.. {
            assert!(serial < MOST_STEPS, "the walk for {question:?} does not end");
            let mut around =
                Around { cache: &self.cache, servers: &self.servers, settings: &self.settings, dice: &mut self.dice };
            match walk.step(self.now, heard.take(), &mut around) {
                Step::Done(outcome) => {
                    let budget = walk.budget().clone();
                    let took = self.now - begun;
                    return Ended { outcome: *outcome, log: walk.into_log(), budget, took };
                }
                Step::Wait { asks, forget, wake } => {
                    heard_at.retain(|_, heard| !forget.contains(&id_of(heard)));
                    for ask in asks {
                        let (after, heard) = self.exchange(&ask);
                        let key = u64::from(ask.id.0);
                        coming.push(Reverse((self.now + after, key)));
                        heard_at.insert(key, heard);
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
        unreachable!("the loop ends by returning")
    }

    /// What comes of an ask, and when.
    fn exchange(&mut self, ask: &Ask) -> (Duration, Heard) {
        let (addr, transport) = (ask.server.ip(), ask.transport);
        let id = self.rng.random();
        let mut query = Vec::new();
        let flags = Flags::default().with_rd(ask.rd).with_cd(ask.cd);
        write_query(id, &ask.question, flags, ask.edns.as_ref(), &mut query);
        let nth = self.counts.entry((addr, transport)).or_default();
        *nth += 1;
        let trouble = self.troubles.get(&addr).copied().unwrap_or(Trouble::None);
        let reaction = self.lab.authority().react(addr, transport, &query, *nth - 1);
        let path = Duration::from_millis(self.delays_ms.get(&addr).copied().unwrap_or(1));
        let round_trips = if transport == Transport::Tcp { 2 } else { 1 };
        let mut packets = match reaction {
            None | Some(Reaction::Refused) => {
                return (path, Heard::Failed { ask: ask.id, why: Unreachable::Refused, ignored: Vec::new() });
            }
            Some(Reaction::Packets(packets)) => packets,
        };
        spoil(trouble, ask, id, &mut packets);
        let mut ignored = Vec::new();
        for mut packet in packets {
            let lost = transport == Transport::Udp && self.rng.random_bool(self.loss);
            let rtt = path * round_trips + packet.delay;
            if lost || rtt > ask.give_up {
                continue;
            }
            match read_reply(&mut packet.bytes, id, ask) {
                Ok(reply) => {
                    let bytes = packet.bytes.len();
                    return (rtt, Heard::Reply { ask: ask.id, reply, bytes, rtt, ignored });
                }
                Err(Ignored::WrongCase) => {
                    ignored.push(Ignored::WrongCase);
                    return (rtt, Heard::Failed { ask: ask.id, why: Unreachable::CaseMismatch, ignored });
                }
                Err(why) => ignored.push(why),
            }
        }
        if transport == Transport::Tcp && !ignored.is_empty() {
            return (path * 2, Heard::Failed { ask: ask.id, why: Unreachable::Garbage, ignored });
        }
        (ask.give_up, Heard::Silence { ask: ask.id, ignored })
    }
}

fn settings(lab: &Lab) -> WalkSettings {
    let servers = lab.root_hints().into_iter();
    let servers = servers.map(|(name, addrs)| NameServer { name, addrs: addrs.into() }).collect::<Vec<_>>();
    let hints = Delegation {
        zone: Name::root(),
        servers: servers.into(),
        ds: None,
        proof: Box::default(),
        from: Source::Hints,
        stored: Time::ZERO,
        expires: Time::FAR,
    };
    WalkSettings {
        limits: Limits::default(),
        minimisation: Minimisation::Relaxed,
        case_randomisation: true,
        ipv4: true,
        ipv6: false,
        avoid: Avoid::default(),
        private: Private::default(),
        routes: Routes::default(),
        port: lab.port(),
        udp_size: 1232,
        hints: Arc::new(hints),
    }
}

fn id_of(heard: &Heard) -> AskId {
    match heard {
        Heard::Reply { ask, .. } | Heard::Silence { ask, .. } | Heard::Failed { ask, .. } => *ask,
    }
}

/// Names for which liars have something to say; nobody asks for them, so nothing about them may be kept.
pub(crate) fn lie() -> Name {
    "www.victim-of-lies.test.".parse().expect("a name")
}

fn spoil(trouble: Trouble, ask: &Ask, id: u16, packets: &mut Vec<rootwalk::lab::Packet>) {
    let written = |id, rcode, question: &Question, sets: &[(Section, RrSet)], tc| {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(id, Flags::default().with_qr(true).with_tc(tc).with_rcode(rcode), &mut bytes);
        writer.question(question);
        for (section, set) in sets {
            let _ = writer.set(*section, set, false);
        }
        writer.finish();
        rootwalk::lab::Packet { delay: Duration::ZERO, bytes }
    };
    let lie_set = RrSet::new(lie(), RecordType::A, 86_400, [&[6, 6, 6, 6][..]]);
    let up = RrSet::new(Name::root(), RecordType::NS, 86_400, [lie().wire()]);
    let other = Question::new(lie(), RecordType::A);
    let udp = ask.transport == Transport::Udp;
    match trouble {
        Trouble::Silent => packets.clear(),
        Trouble::Refuses => *packets = vec![written(id, ResponseCode::Refused, &ask.question, &[], false)],
        Trouble::Fails => *packets = vec![written(id, ResponseCode::ServFail, &ask.question, &[], false)],
        Trouble::Garbage => *packets = vec![rootwalk::lab::Packet { delay: Duration::ZERO, bytes: vec![0xff; 40] }],
        Trouble::Forged if udp => {
            let sets = [(Section::Answer, RrSet { owner: ask.question.name.clone(), ..lie_set })];
            packets.insert(0, written(id ^ 1, ResponseCode::NoError, &ask.question, &sets, false));
        }
        Trouble::OtherQuestion if udp => {
            packets.insert(0, written(id, ResponseCode::NoError, &other, &[(Section::Answer, lie_set)], false));
        }
        Trouble::Truncates if udp => *packets = vec![written(id, ResponseCode::NoError, &ask.question, &[], true)],
        Trouble::Lies => {
            for packet in packets.iter_mut() {
                append(&mut packet.bytes, &lie_set);
            }
        }
        Trouble::Lame => {
            *packets = vec![written(id, ResponseCode::NoError, &ask.question, &[(Section::Authority, up)], false)];
        }
        Trouble::None | Trouble::Forged | Trouble::OtherQuestion | Trouble::Truncates => {}
    }
}

/// Puts a record into the answer section by hand if nothing comes after it, else into the additional section.
fn append(bytes: &mut Vec<u8>, set: &RrSet) {
    let plain = bytes[8..12] == [0; 4];
    let count = if plain { 6 } else { 10 };
    let records = u16::from_be_bytes([bytes[count], bytes[count + 1]]) + 1;
    bytes[count..count + 2].copy_from_slice(&records.to_be_bytes());
    bytes.extend_from_slice(set.owner.wire());
    bytes.extend_from_slice(&[0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 6, 6, 6, 6]);
}
