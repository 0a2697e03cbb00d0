//! Zones some of whose servers refer wrongly, or say nothing of use, in one way each: who asks on finds the right one.
//!
//! The rule: where each zone on the way has a server that answers as RFC 1034 §4.3.2 wants, each answer is right, in a
//! number of queries that the lame ones do not multiply. What is not asked of a resolver: to doubt what two servers of
//! a zone say alike (RFC 2308 §2.2), and to ask the zone above once more because a zone's servers,
//! who are others than the one that told of them, give no answer (RFC 4697 §2.1).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::lab::{Lab, Packet};
use rootwalk::walk::ask::Ask;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{DNSClass, Edns, Flags, Name, Question, Record, RecordType, Reply, ResponseCode, rcode};

use super::trouble::{message, name, rewrite};
use super::world::{Twist, World, internet};
use super::{story, told, truth_in, worlds};

/// What a lame server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// A referral to this name, served by itself or by all servers of its zone.
    Refers(To, By),
    /// This code, with OPT or without, and nothing else.
    Code(u16, bool),
    /// NOERROR and nothing else, with AA or without.
    Empty {
        aa: bool,
    },
    /// What is right, without AA.
    NoAa,
    /// The same with RA.
    Recursive,
    /// What is right, in this class.
    Class(u16),
    /// What is right, as an answer to another question.
    OtherQuestion,
    /// TC, over TCP as well.
    Truncated,
    Nothing,
}

/// Where somebody refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Root,
    Above,
    ItsZone,
    Beside,
    /// The name that was asked for, be it a part of another one.
    Asked,
    /// The name above that.
    AboveAsked,
    /// One label below its own zone.
    Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Itself,
    /// Without its address.
    ItselfWithoutGlue,
    /// Another one of its zone's.
    Other,
    All,
    /// Itself and a dozen that there are not, in a zone of somebody else, each time others (NXNSAttack).
    Crowd,
}

/// To which questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// To names of no more labels than this below its zone, as most minimised ones are.
    UpTo(usize),
    /// To names of more.
    Beyond(usize),
    /// To those for addresses, as minimised ones are.
    Address,
    /// To those for other types.
    OtherTypes,
}

/// A lame server.
#[derive(Clone, Debug)]
pub(crate) struct Lame {
    pub(super) says: Says,
    pub(super) when: When,
    pub(super) zone: Name,
    pub(super) servers: Vec<(Name, IpAddr)>,
    /// Which of them it is.
    pub(super) own: usize,
}

const TO: [To; 7] = [To::Root, To::Above, To::ItsZone, To::Beside, To::Asked, To::AboveAsked, To::Next];
pub(super) const BY: [By; 4] = [By::Itself, By::ItselfWithoutGlue, By::Other, By::All];

impl Says {
    fn any(rng: &mut StdRng) -> Self {
        let (to, by) = (TO[rng.random_range(0..TO.len())], BY[rng.random_range(0..BY.len())]);
        match rng.random_range(0..14) {
            0..6 => Self::Refers(to, by),
            6 | 7 => Self::Code([1, 2, 4, 5, 9][rng.random_range(0..5)], rng.random_bool(0.5)),
            8 => Self::Empty { aa: rng.random_bool(0.5) },
            9 => Self::NoAa,
            10 => Self::Recursive,
            11 => Self::Class([3, 4, 254, 255][rng.random_range(0..4)]),
            12 => Self::OtherQuestion,
            _ if rng.random_bool(0.5) => Self::Truncated,
            _ => Self::Nothing,
        }
    }
}

impl Says {
    /// Whether one of two other servers may say the same: that there is nothing, or that one of them serves a zone that
    /// there is not.
    fn may_agree(self) -> bool {
        matches!(self, Self::Empty { aa: true } | Self::Refers(_, By::Other | By::All))
    }
}

impl Lame {
    fn answers(&self, question: &Question) -> bool {
        let below = question.name.label_count().saturating_sub(self.zone.label_count());
        let is_address = [RecordType::A, RecordType::AAAA].contains(&question.qtype);
        match self.when {
            When::Always => false,
            When::UpTo(labels) => below > labels,
            When::Beyond(labels) => below <= labels,
            When::Address => !is_address,
            When::OtherTypes => is_address,
        }
    }

    /// That a server is lame in this way.
    pub(super) fn twist(&self) -> Twist<'_> {
        Box::new(|ask, id, packets| self.spoil(ask, id, packets))
    }

    /// Makes what it says of the packets that answer `ask` under `id`.
    fn spoil(&self, ask: &Ask, id: u16, packets: &mut Vec<Packet>) {
        if self.answers(&ask.question) {
            return;
        }
        let says = |flags: Flags, code| vec![message(id, flags, code, &ask.question, &[])];
        let plain = Flags::default();
        let all = |packets: &mut Vec<Packet>, change: &dyn Fn(&mut Reply)| {
            packets.iter_mut().for_each(|packet| rewrite(packet, change));
        };
        match self.says {
            Says::Refers(to, by) => all(packets, &|reply| self.refer(&ask.question.name, to, by, reply)),
            Says::Code(code, opt) => {
                *packets = says(plain, rcode(code));
                all(packets, &|reply| reply.edns = opt.then(|| Edns::new(1232, true)));
            }
            Says::Empty { aa } => *packets = says(plain.with_aa(aa), ResponseCode::NoError),
            Says::NoAa => all(packets, &|reply| reply.flags = reply.flags.with_aa(false)),
            Says::Recursive => all(packets, &|reply| reply.flags = reply.flags.with_aa(false).with_ra(true)),
            Says::Class(class) => all(packets, &|reply| {
                let records = reply.answer.iter_mut().chain(&mut reply.authority).chain(&mut reply.additional);
                records.for_each(|record| record.class = class.into());
            }),
            Says::OtherQuestion => all(packets, &|reply| {
                reply.question.iter_mut().for_each(|question| question.name = name("other.test."));
            }),
            Says::Truncated => *packets = says(plain.with_tc(true), ResponseCode::NoError),
            Says::Nothing => packets.clear(),
        }
    }

    fn refer(&self, asked: &Name, to: To, by: By, reply: &mut Reply) {
        let labels = self.zone.label_count();
        let owner = match to {
            To::Root => Name::root(),
            To::Above => self.zone.parent().unwrap_or_default(),
            To::ItsZone => self.zone.clone(),
            To::Beside => self.zone.parent().unwrap_or_default().prepend(b"beside").expect("short"),
            To::Asked => asked.clone(),
            To::AboveAsked => asked.parent().unwrap_or_default(),
            To::Next => asked.suffix(asked.label_count().min(labels + 1)),
        };
        let nth = if by == By::Other { (self.own + 1) % self.servers.len() } else { self.own };
        let is_bare = by == By::ItselfWithoutGlue;
        let by = if by == By::All { &self.servers[..] } else { &self.servers[nth..=nth] };
        let record = |owner: &Name, rtype, rdata: &[u8]| Record {
            owner: owner.clone(),
            rtype,
            class: DNSClass::IN,
            ttl_secs: 86_400,
            rdata: rdata.into(),
        };
        (reply.flags, reply.rcode, reply.answer) = (reply.flags.with_aa(false), ResponseCode::NoError, Vec::new());
        let crowd = (0..12).map(|nth| name(&format!("n{nth}x{}.victim.", self.own)));
        let crowd = crowd.filter(|_| self.says == Says::Refers(to, By::Crowd));
        let names: Vec<Name> = by.iter().map(|(server, _)| server.clone()).chain(crowd).collect();
        reply.authority = names.iter().map(|server| record(&owner, RecordType::NS, server.wire())).collect();
        let glue = by.iter().filter(|_| !is_bare).map(|(server, addr)| {
            let IpAddr::V4(v4) = addr else { panic!("{addr}") };
            record(server, RecordType::A, &v4.octets())
        });
        reply.additional = glue.collect();
    }
}

/// A zone of a made Internet.
pub(super) struct Zone {
    pub(super) origin: String,
    pub(super) is_signed: bool,
    pub(super) servers: Vec<(String, u8)>,
    pub(super) records: String,
}

/// An Internet, its lame servers, and what to ask.
pub(super) struct Made {
    pub(super) lab: Lab,
    pub(super) lame: Vec<(IpAddr, Lame)>,
    pub(super) asks: Vec<Question>,
}

pub(super) fn addr(host: u8) -> IpAddr {
    [192, 0, 2, host].into()
}

/// Labels in front of a name.
pub(super) fn labels(rng: &mut StdRng, most: usize) -> String {
    (0..rng.random_range(0..=most)).map(|_| ["a.", "b.", "c."][rng.random_range(0..3)]).collect()
}

/// Zones one below the other, each with two or three servers: of its own, with glue; in a zone above, without; or the
/// same as the zone above.
fn zones(rng: &mut StdRng) -> Vec<Zone> {
    let (signed, mut hosts) = (rng.random_range(1..5), 0_u8);
    let mut zones: Vec<Zone> = Vec::new();
    for nth in 0..rng.random_range(3..=5_usize) {
        let above = zones.last().map_or(String::new(), |above| above.origin.trim_start_matches('.').to_owned());
        let origin = match nth {
            0 => ".".to_owned(),
            1 => format!("t{nth}."),
            _ => format!("{}z{nth}.{above}", labels(rng, 2)),
        };
        let place = if nth > 1 && rng.random_bool(0.3) { 1 } else { nth };
        let names = if place == nth { &origin } else { &zones[place].origin };
        let mut server = || {
            hosts += 1;
            (format!("n{hosts}.{}", names.trim_start_matches('.')), hosts)
        };
        let own = nth < 2 || rng.random_bool(0.8);
        let servers = match own {
            true => (0..rng.random_range(2..=3)).map(|_| server()).collect(),
            false => zones[nth - 1].servers.clone(),
        };
        let records = "www 300 A 198.51.100.1\nal 300 CNAME www.t1.\n*.w 300 TXT w\n".to_owned();
        zones.push(Zone { origin: origin.clone(), is_signed: nth < signed, servers: servers.clone(), records });
        for (server, host) in &servers {
            let glue = format!("{server} 3600 A 192.0.2.{host}\n");
            if own {
                zones[place].records += &glue;
            }
            if let Some(above) = nth.checked_sub(1).map(|above| &mut zones[above].records) {
                writeln!(above, "{origin} 3600 NS {server}").expect("a string");
                *above += if own && place == nth { &glue } else { "" };
            }
        }
    }
    zones
}

pub(super) fn make(seed: u64) -> Made {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut zones = zones(&mut rng);
    let lame = lame_servers(&zones, &mut rng);
    let above = zones[zones.len() - 2].origin.clone();
    let last = zones.last_mut().expect("there are some");
    let deep: String = (0..rng.random_range(5..35)).map(|nth| format!("{}.", nth % 10)).collect();
    let (mid, origin) = (format!("{}x.", labels(&mut rng, 4)), last.origin.clone());
    writeln!(last.records, "{deep}{origin} 300 PTR www.t1.\n{mid}{origin} 300 TXT x").expect("a string");
    let mut asks = vec![
        (format!("{deep}{origin}"), RecordType::PTR),
        (format!("{mid}{origin}"), RecordType::TXT),
        (format!("www.{origin}"), RecordType::A),
        (format!("www.{origin}"), RecordType::AAAA),
        (format!("al.{origin}"), RecordType::A),
        (format!("q.w.{origin}"), RecordType::TXT),
        (format!("no.{mid}{origin}"), RecordType::A),
        (format!("nope.{origin}"), RecordType::A),
        (origin.clone(), RecordType::MX),
        (origin, RecordType::DS),
        (format!("www.{above}"), RecordType::A),
    ];
    for nth in (1..asks.len()).rev() {
        asks.swap(nth, rng.random_range(0..=nth));
    }
    let asks = asks.into_iter().map(|(text, qtype)| Question::new(name(&text), qtype)).collect();
    Made { lab: lab(&zones), lame, asks }
}

/// All servers of each zone but one, which is right.
fn lame_servers(zones: &[Zone], rng: &mut StdRng) -> Vec<(IpAddr, Lame)> {
    let (mut all, mut seen, refers) = (Vec::new(), BTreeSet::new(), rng.random_bool(0.5));
    for zone in zones.iter().filter(|zone| seen.insert(zone.servers[0].1)) {
        let right = rng.random_range(0..zone.servers.len());
        let servers: Vec<(Name, IpAddr)> =
            zone.servers.iter().map(|(server, host)| (name(server), addr(*host))).collect();
        for own in (0..servers.len()).filter(|own| *own != right) {
            let labels = rng.random_range(1..4);
            let whens = [When::Always, When::UpTo(labels), When::Beyond(labels), When::Address, When::OtherTypes];
            let (when, mut says) = (whens[rng.random_range(0..5)], Says::any(rng));
            while refers && !matches!(says, Says::Refers(..)) || servers.len() > 2 && says.may_agree() {
                says = Says::any(rng);
            }
            all.push((servers[own].1, Lame { says, when, zone: name(&zone.origin), servers: servers.clone(), own }));
        }
    }
    all
}

pub(super) fn lab(zones: &[Zone]) -> Lab {
    let text = |zone: &Zone| {
        let ns: String = zone.servers.iter().map(|(server, _)| format!("@ 3600 NS {server}\n")).collect();
        format!("@ 30 SOA h. a. 1 1 1 1 60\n{ns}{}", zone.records)
    };
    let sign = |zone: &Zone| if zone.is_signed { ", sign = {}" } else { "" };
    let texts: Vec<_> = zones.iter().map(|zone| (zone.origin.as_str(), sign(zone), text(zone))).collect();
    let all: BTreeSet<_> = zones.iter().flat_map(|zone| &zone.servers).collect();
    let servers = all.iter().map(|server| {
        let ours = zones.iter().filter(|zone| zone.servers.contains(server)).map(|zone| zone.origin.as_str());
        (server.0.as_str(), server.1, ours.collect())
    });
    internet(&texts, &servers.collect::<Vec<_>>())
}

/// A world of these servers, which validates or not, and minimises or not.
pub(super) fn world<'l>(made: &'l Made, seed: u64) -> World<'l> {
    let mut world = World::new(&made.lab, seed, 0.0, 0.0);
    if seed.is_multiple_of(2) {
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    }
    if seed.is_multiple_of(5) {
        world.resolver.settings.minimisation = Minimisation::Off;
    }
    world
}

/// Queries that lame servers may add to a walk, for each of them on the way: they are asked for parts of a name, and
/// for the addresses of servers, too.
const EACH_ADDS: u32 = 8;

#[test]
fn who_is_lame_beside_who_is_right_loses_no_answer() {
    let costs = super::each(&worlds(300), |seed| {
        let made = make(seed);
        let (mut calm, mut world) = (world(&made, seed), world(&made, seed));
        for (addr, lame) in &made.lame {
            world.set_twist(*addr, lame.twist());
        }
        let (mut most, lamed) = (0, u32::try_from(made.lame.len()).expect("few"));
        for question in &made.asks {
            let ended = world.resolve(question);
            let lame =
                made.lame.iter().map(|(addr, lame)| format!("{addr} {} {:?} {:?}", lame.zone, lame.says, lame.when));
            let here = || {
                format!("world {seed}: {question}\n{}\n{}", lame.clone().collect::<Vec<_>>().join("\n"), story(&ended))
            };
            assert!(ended.outcome.failure.is_none(), "{}", here());
            assert_eq!(told(&ended.outcome), truth_in(&made.lab, question), "{}", here());
            let least = calm.resolve(question).budget.queries();
            let adds = ended.budget.queries().saturating_sub(least);
            assert!(adds <= EACH_ADDS * lamed, "{adds} more than {least}: {}", here());
            most = most.max(adds);
            // Nothing is kept of what they say of zones that are not below their own.
            for (_, Lame { zone, .. }) in &made.lame {
                let beside = zone.parent().unwrap_or_default().prepend(b"beside").expect("short");
                let cut = world.resolver.cache.deepest(&beside, world.resolver.now);
                let told_by = cut.as_ref().and_then(|cut| cut.from.informant().filter(|_| cut.zone == beside));
                assert!(told_by.is_none_or(|by| beside.is_below(&by.zone)), "{cut:?}\n{}", here());
            }
        }
        most
    });
    println!("{} worlds, in which who is lame adds {:?} queries to a walk at most", costs.len(), costs.iter().max());
}
