//! A world: the pure walk beside the pure lab over virtual time, with loss, delay and lies by seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::dnssec::Anchors;
use rootwalk::lab::{Lab, Packet, Reaction};
use rootwalk::time::Time;
use rootwalk::trace::Transport;
use rootwalk::walk::Walk;
use rootwalk::walk::ask::{Answered, Ask, Heard};
use rootwalk::wire::{Name, Question, Record, RecordType, Reply, text};

use super::oddity::Oddity;
use super::resolver::{Ended, NOW_UNIX_SECS, Resolver, listen, query_bytes, refused, settings};
use super::trouble::{self, Forgery, Trouble, forge};

/// Changes the packets that answer an ask under an id.
pub(crate) type Twist<'l> = Box<dyn Fn(&Ask, u16, &mut Vec<Packet>) + 'l>;

/// One run of the lab with its own weather.
pub(crate) struct World<'l> {
    pub(crate) resolver: Resolver,
    weather: Weather<'l>,
}

/// What happens between a question and its reply.
struct Weather<'l> {
    lab: &'l Lab,
    rng: StdRng,
    /// The share of packets that are lost.
    loss: f64,
    /// Whether packets to an address of this IP version get lost.
    dead: fn(IpAddr) -> bool,
    /// A type that nobody answers questions for.
    unanswered: Option<RecordType>,
    /// Whether glue of version 4 comes with glue of version 6.
    twins: bool,
    troubles: BTreeMap<IpAddr, Trouble>,
    forgers: BTreeMap<IpAddr, Forgery>,
    twists: BTreeMap<IpAddr, Twist<'l>>,
    /// Servers that go on with the zones of another lab.
    left_behind: BTreeMap<IpAddr, &'l Lab>,
    delays_ms: BTreeMap<IpAddr, u64>,
    counts: BTreeMap<(IpAddr, Transport), u64>,
    /// Whether each set has a life of its own: a seed.
    lives: Option<u64>,
    /// Until when each set was told to live.
    told: BTreeMap<(Name, u16), Time>,
}

/// Which IP versions there are, and which of them leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    Four,
    Both,
    SixDead,
}

impl<'l> World<'l> {
    /// A world by its seed. `trouble` is the share of servers in trouble, `loss` that of lost packets.
    pub(crate) fn new(lab: &'l Lab, seed: u64, trouble: f64, loss: f64) -> Self {
        Self::with_families(lab, seed, trouble, loss, Families::Four)
    }

    /// A world in which every server with an address of version 4 has one of version 6 as well.
    pub(crate) fn with_families(lab: &'l Lab, seed: u64, trouble: f64, loss: f64, families: Families) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut troubles, mut delays_ms) = (BTreeMap::new(), BTreeMap::new());
        for addr in lab.authority().addresses() {
            let kind = if rng.random_bool(trouble) { Trouble::any(&mut rng) } else { Trouble::None };
            troubles.insert(addr, kind);
            delays_ms.insert(addr, rng.random_range(1..120));
        }
        let both = families != Families::Four;
        let twins = |addrs: Vec<IpAddr>| {
            addrs.iter().flat_map(|addr| [Some(*addr), both.then(|| six(*addr))]).flatten().collect()
        };
        let hints = lab.root_hints().into_iter().map(|(name, addrs)| (name, twins(addrs)));
        let mut settings = settings(hints, lab.port());
        settings.ipv6 = both;
        settings.proofs.anchors = anchors(lab);
        settings.proofs.aggressive = true;
        let dead: fn(IpAddr) -> bool = match families {
            Families::Four | Families::Both => |_| false,
            Families::SixDead => |addr| addr.is_ipv6(),
        };
        let (forgers, twists, left_behind, counts) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (twins, unanswered, lives, told) = (both, None, None, BTreeMap::new());
        let weather = Weather {
            lab,
            loss,
            dead,
            unanswered,
            twins,
            troubles,
            forgers,
            twists,
            left_behind,
            delays_ms,
            counts,
            lives,
            told,
            rng,
        };
        Self { resolver: Resolver::new(settings, seed), weather }
    }

    /// The same world with equal round-trip times everywhere.
    pub(crate) fn with_even_paths(mut self) -> Self {
        self.weather.delays_ms.values_mut().for_each(|delay_ms| *delay_ms = 10);
        self
    }

    /// From now on a server lies about its own zones.
    pub(crate) fn set_forger(&mut self, addr: IpAddr, forgery: Forgery) {
        self.weather.forgers.insert(addr, forgery);
    }

    /// From now on this is done to what a server answers.
    pub(crate) fn set_twist(&mut self, addr: IpAddr, twist: Twist<'l>) {
        self.weather.twists.insert(addr, twist);
    }

    /// From now on nobody lies any more.
    pub(crate) fn end_forgeries(&mut self) {
        self.weather.forgers.clear();
    }

    /// From now on the servers have other zones, under another trust anchor.
    pub(crate) fn change(&mut self, lab: &'l Lab) {
        self.weather.lab = lab;
        self.resolver.settings.proofs.anchors = anchors(lab);
    }

    /// From now on a server has the zones of that lab, whatever the others have.
    pub(crate) fn leave_behind(&mut self, addr: IpAddr, lab: &'l Lab) {
        self.weather.left_behind.insert(addr, lab);
    }

    /// From now on nobody can be reached.
    pub(crate) fn silence(&mut self) {
        self.weather.dead = |_| true;
    }

    /// From now on everybody can be reached.
    pub(crate) fn end_silence(&mut self) {
        self.weather.dead = |_| false;
    }

    /// From now on nobody answers questions for this type.
    pub(crate) fn set_unanswered(&mut self, qtype: RecordType) {
        self.weather.unanswered = Some(qtype);
    }

    /// From now on every path has this round trip, and this share of the packets is lost.
    pub(crate) fn set_weather(&mut self, rtt_ms: u64, loss: f64) {
        self.weather.delays_ms.values_mut().for_each(|delay_ms| *delay_ms = rtt_ms);
        self.weather.loss = loss;
    }

    /// From now on the paths to these servers have this round trip.
    pub(crate) fn slow(&mut self, servers: &[IpAddr], rtt_ms: u64) {
        self.weather.delays_ms.extend(servers.iter().map(|addr| (*addr, rtt_ms)));
    }

    /// The same with servers that are all odd in one way.
    pub(crate) fn with_oddity(mut self, oddity: Oddity) -> Self {
        self.weather.troubles.values_mut().for_each(|trouble| *trouble = Trouble::Odd(oddity));
        self
    }

    /// From now on a server is odd in this way.
    pub(crate) fn set_odd(&mut self, addr: IpAddr, oddity: Oddity) {
        self.set_trouble(addr, Trouble::Odd(oddity));
    }

    /// From now on a server is in trouble of this kind.
    pub(crate) fn set_trouble(&mut self, addr: IpAddr, trouble: Trouble) {
        self.weather.troubles.insert(addr, trouble);
    }

    /// The same with servers that give each set a life of its own, a short one or a long one.
    pub(crate) fn with_short_lives(mut self, seed: u64) -> Self {
        self.weather.lives = Some(seed);
        self
    }

    /// Until when a set was told to live, by who said so last.
    pub(crate) fn told_until(&self, owner: &Name, rtype: RecordType) -> Option<Time> {
        self.weather.told.get(&(owner.clone(), rtype.into())).copied()
    }

    /// Resolves one question and moves the time on.
    pub(crate) fn resolve(&mut self, question: &Question) -> Ended {
        let Self { resolver, weather } = self;
        resolver.resolve(question, |ask, now| weather.exchange(ask, now))
    }

    /// Resolves one question; an ask gets lost unless it `passes`.
    pub(crate) fn resolve_through(&mut self, question: &Question, mut passes: impl FnMut(&Ask) -> bool) -> Ended {
        let Self { resolver, weather } = self;
        let lost = |ask: &Ask| listen(ask, 0, Vec::new(), Duration::ZERO);
        resolver.resolve(question, |ask, now| if passes(ask) { weather.exchange(ask, now) } else { lost(ask) })
    }

    /// What comes of an ask now, and after how long, for those who lead walks themselves.
    pub(crate) fn exchange(&mut self, ask: &Ask) -> (Duration, Heard) {
        self.weather.exchange(ask, self.resolver.now)
    }

    /// Resolves one question for a client who checks for himself (CD).
    pub(crate) fn resolve_unchecked(&mut self, question: &Question) -> Ended {
        self.finish(Walk::new(question.clone(), &self.resolver.settings, self.resolver.now).unchecked())
    }

    /// Fetches anew what is known and has only `left` to live.
    pub(crate) fn refresh(&mut self, question: &Question, left: Duration) -> Ended {
        self.finish(Walk::new(question.clone(), &self.resolver.settings, self.resolver.now).refreshing(left))
    }

    fn finish(&mut self, walk: Walk) -> Ended {
        let Self { resolver, weather } = self;
        resolver.finish(walk, |ask, now| weather.exchange(ask, now))
    }
}

impl Weather<'_> {
    /// What comes of an ask, and when.
    fn exchange(&mut self, ask: &Ask, now: Time) -> (Duration, Heard) {
        let (after, heard) = self.hear(ask);
        if let Ok(Answered { reply, .. }) = &heard.came {
            for record in reply.answer.iter().chain(&reply.authority) {
                let told = self.told.entry((record.owner.clone(), record.rtype.into())).or_insert(Time::ZERO);
                *told = (*told).max((now + after).plus_secs(record.ttl_secs.into()));
            }
        }
        (after, heard)
    }

    fn hear(&mut self, ask: &Ask) -> (Duration, Heard) {
        let (addr, transport) = (four(ask.server.ip()), ask.transport);
        let id = self.rng.random();
        let path = Duration::from_millis(self.delays_ms.get(&addr).copied().unwrap_or(1));
        if (self.dead)(ask.server.ip()) || self.unanswered == Some(ask.question.qtype) {
            return listen(ask, id, Vec::new(), path);
        }
        let nth = *self.counts.entry((addr, transport)).and_modify(|nth| *nth += 1).or_default();
        let trouble = self.troubles.get(&addr).copied().unwrap_or(Trouble::None);
        if matches!(trouble, Trouble::Odd(oddity) if oddity.refuses(transport)) {
            return refused(ask, path);
        }
        let lab = self.left_behind.get(&addr).unwrap_or(&self.lab);
        let reaction = lab.authority().react(addr, transport, &query_bytes(ask, id), nth);
        let mut packets = match reaction {
            None | Some(Reaction::Refused) => return refused(ask, path),
            Some(Reaction::Packets(packets)) => packets,
        };
        if let Some(forgery) = self.forgers.get(&addr) {
            let asked = &ask.question.name;
            packets.iter_mut().for_each(|packet| trouble::rewrite(packet, |reply| forge(*forgery, asked, reply)));
        }
        if let Some(twist) = self.twists.get(&addr) {
            twist(ask, id, &mut packets);
        }
        if let Some(seed) = self.lives {
            packets.iter_mut().for_each(|packet| trouble::rewrite(packet, |reply| shorten(reply, seed)));
        }
        if self.twins {
            packets.iter_mut().for_each(|packet| trouble::rewrite(packet, twin_glue));
        }
        // Last, as it may make what cannot be read and written again.
        trouble::spoil(trouble, ask, id, nth, &mut packets);
        if transport == Transport::Udp {
            packets.retain(|_| !self.rng.random_bool(self.loss));
            return listen(ask, id, packets, path);
        }
        let (handshake, talk) = (self.repeats(1_000), self.repeats(200));
        packets.iter_mut().for_each(|packet| packet.delay += handshake + talk);
        let (after, mut heard) = listen(ask, id, packets, path);
        if let Ok(Answered { rtt, .. }) = &mut heard.came {
            *rtt -= path + handshake;
        }
        (after, heard)
    }

    /// How long TCP takes to repeat what gets lost: of a handshake after a second at first (RFC 6298 §2.1), of a query
    /// and its reply sooner, as the round trip is known by then; each time twice as long (§5.5).
    fn repeats(&mut self, first_ms: u64) -> Duration {
        const TIMES: u32 = 8;
        let lost = (0..TIMES).take_while(|_| self.loss > 0.0 && self.rng.random_bool(self.loss)).count();
        Duration::from_millis(first_ms) * ((1 << lost) - 1)
    }
}

fn anchors(lab: &Lab) -> Anchors {
    let anchor = lab.trust_anchor().expect("the root of the lab is signed");
    text::record_text(&anchor.ds).to_string().parse().expect("a DS record")
}

/// The address of version 6 that belongs to the same server.
fn six(addr: IpAddr) -> IpAddr {
    let IpAddr::V4(v4) = addr else { return addr };
    let [a, b, c, d] = v4.octets().map(u16::from);
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, a, b, c, d).into()
}

fn four(addr: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = addr else { return addr };
    let octet = |nth: usize| v6.segments()[nth].to_be_bytes()[1];
    Ipv4Addr::new(octet(4), octet(5), octet(6), octet(7)).into()
}

/// Gives each set of a reply the life that it has in this world.
fn shorten(reply: &mut Reply, seed: u64) {
    let all = reply.answer.iter_mut().chain(&mut reply.authority);
    for record in all {
        let rtype = record.covers().unwrap_or(record.rtype);
        let mut hasher = DefaultHasher::new();
        (seed, record.owner.to_lower(), u16::from(rtype)).hash(&mut hasher);
        let most_secs = [1, 3, 30, 200, 4_000][usize::try_from(hasher.finish() % 5).expect("small")];
        record.ttl_secs = record.ttl_secs.min(most_secs);
    }
}

fn twin_glue(reply: &mut Reply) {
    let twins: Vec<Record> = reply.additional.iter().filter_map(twin).collect();
    reply.additional.extend(twins);
}

fn twin(record: &Record) -> Option<Record> {
    let IpAddr::V6(v6) = six(record.address()?) else { return None };
    Some(Record { rtype: RecordType::AAAA, rdata: v6.octets().to_vec().into(), ..record.clone() })
}

/// These zones and the root, all on one server: their names, how they are signed, and their records.
pub(crate) fn one_server(zones: &[(&str, &str, &str)]) -> Lab {
    let cuts: String = zones.iter().map(|(zone, ..)| format!("{zone} 3600 NS ns1.\n")).collect();
    let zones: Vec<_> = zones.iter().map(|(zone, sign, text)| (*zone, *sign, 1, *text)).collect();
    hosted(&zones, &cuts)
}

/// These zones, each with the host that serves it, and the root with these records on the first host.
pub(crate) fn hosted(zones: &[(&str, &str, u8, &str)], root: &str) -> Lab {
    let hosts: BTreeSet<u8> = zones.iter().map(|(_, _, host, _)| *host).chain([1]).collect();
    let glue: String = hosts.iter().map(|host| format!("ns{host}. 3600 A 192.0.2.{host}\n")).collect();
    let root = root.to_owned() + &glue;
    let all: Vec<_> = zones.iter().copied().chain([(".", ", sign = {}", 1, &root[..])]).collect();
    let text = |host: u8, records: &str| format!("@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS ns{host}.\n{records}");
    let texts: Vec<_> = all.iter().map(|(zone, sign, host, records)| (*zone, *sign, text(*host, records))).collect();
    let servers = hosts.iter().map(|host| {
        let ours = all.iter().filter(|(_, _, by, _)| by == host).map(|(zone, ..)| *zone);
        (format!("ns{host}."), *host, ours.collect())
    });
    internet(&texts, &servers.collect::<Vec<_>>())
}

/// An Internet of these zones, each with how it is signed and its records, on these servers, each with its name, its
/// place in 192.0.2.0/24, and its zones.
pub(crate) fn internet<N: Display>(zones: &[(&str, &str, String)], servers: &[(N, u8, Vec<&str>)]) -> Lab {
    let zone = |(zone, sign, _): &(&str, &str, _)| format!("{{ name = \"{zone}\", file = \"{zone}\"{sign} }}");
    let server = |(name, host, zones): &(N, u8, Vec<&str>)| {
        format!("{{ name = \"{name}\", address = \"192.0.2.{host}\", zones = {zones:?}, faults = [] }}")
    };
    let (listed, hosts): (Vec<_>, Vec<_>) = (zones.iter().map(zone).collect(), servers.iter().map(server).collect());
    let settings = format!("port = 53\nzone = [{}]\nserver = [{}]\n", listed.join(", "), hosts.join(", "));
    let files = zones.iter().map(|(zone, _, text)| ((*zone).to_owned(), format!("$ORIGIN {zone}\n{text}")));
    let files = files.chain([("lab.toml".to_owned(), settings)]).collect();
    Lab::of_texts(files, NOW_UNIX_SECS).unwrap_or_else(|error| panic!("{error}"))
}
