//! A server that is the root of an Internet of its own and knows every name, and a resolver that asks it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rootwalk::config::{RootHint, Settings};
use rootwalk::drive::World;
use rootwalk::listen::{Now, Peer, Responder, Transport};
use rootwalk::run;
use rootwalk::serve::Resolver;
use rootwalk::upstream::UpstreamSettings;
use rootwalk::wire::{
    DNSClass, Edns, Extras, Flags, Name, QueryView, Question, RecordType, Reply, ResponseCode, RrSet, Sections,
    Template, write_query,
};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

/// What the server does with questions other than for the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// An address that ends in this octet, with this TTL.
    Answers(u8, u32),
    /// The same at the end of two aliases.
    Aliases(u8, u32),
    /// An alias to this name, of which nothing can be had, for this many seconds.
    LeadsTo(&'static str, u32),
    /// An alias to the name itself.
    GoesRound,
    /// An alias to this name, which leads back, in the same reply.
    GoesRoundBy(&'static str),
    /// No such name, for this many seconds.
    Denies(u32),
    /// No AAAA records, for this many seconds; this for all other types.
    Ipv4Alone(u32, &'static Mood),
    Fails,
    Silent,
}

/// The server; it answers on the running task set.
pub(crate) struct Mock {
    pub(crate) mood: Cell<Mood>,
    /// Whether replies leave; those that do not yet wait.
    speaks: watch::Sender<bool>,
    asked: RefCell<HashMap<Name, usize>>,
    port: u16,
}

impl Mock {
    pub(crate) async fn begin(mood: Mood) -> Rc<Self> {
        let socket = Rc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let port = socket.local_addr().unwrap().port();
        let speaks = watch::Sender::new(true);
        let mock = Rc::new(Self { mood: Cell::new(mood), speaks, asked: RefCell::default(), port });
        let serving = Rc::clone(&mock);
        spawn_local(async move {
            let mut packet = [0; 2048];
            while let Ok((len, from)) = socket.recv_from(&mut packet).await {
                let Some(answer) = serving.answer(&packet[..len]) else { continue };
                let (socket, mut speaks) = (Rc::clone(&socket), serving.speaks.subscribe());
                spawn_local(async move {
                    let _ = speaks.wait_for(|speaks| *speaks).await;
                    let _ = socket.send_to(&answer, from).await;
                });
            }
        });
        mock
    }

    /// From now on replies leave, or wait until they may.
    pub(crate) fn speaks(&self, now: bool) {
        self.speaks.send_replace(now);
    }

    /// How often a name was asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.borrow().get(&name.parse::<Name>().unwrap()).copied().unwrap_or_default()
    }

    fn answer(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let query = QueryView::read(packet).unwrap();
        let question = query.question();
        let name = &question.name;
        *self.asked.borrow_mut().entry(name.clone()).or_default() += 1;
        let (mut rcode, mut answer, mut authority) = (ResponseCode::NoError, Vec::new(), Vec::new());
        let server: Name = "ns.root".parse().unwrap();
        let soa = |ttl: u32| {
            let soa = [&[0; 18][..], &ttl.to_be_bytes()].concat();
            RrSet::new(Name::root(), RecordType::SOA, ttl, [&soa[..]])
        };
        let mood = match self.mood.get() {
            Mood::Ipv4Alone(_, other) if question.qtype != RecordType::AAAA => *other,
            mood => mood,
        };
        match mood {
            _ if name.is_root() => answer.push(RrSet::new(Name::root(), RecordType::NS, 86_400, [server.wire()])),
            Mood::Answers(octet, ttl) => {
                answer.push(RrSet::new(name.clone(), RecordType::A, ttl, [&[192, 0, 2, octet][..]]));
            }
            Mood::Aliases(octet, ttl) => {
                let [one, two] = ["one.example", "two.example"].map(|name| name.parse::<Name>().unwrap());
                let links = [(name.clone(), &one), (one.clone(), &two)];
                for (owner, to) in links.iter().skip(usize::from(*name == one)).filter(|_| *name != two) {
                    answer.push(RrSet::new(owner.clone(), RecordType::CNAME, ttl, [to.wire()]));
                }
                answer.push(RrSet::new(two, RecordType::A, ttl, [&[192, 0, 2, octet][..]]));
            }
            Mood::LeadsTo(to, ttl) if *name != to.parse().unwrap() => {
                let to: Name = to.parse().unwrap();
                answer.push(RrSet::new(name.clone(), RecordType::CNAME, ttl, [to.wire()]));
            }
            Mood::GoesRound => answer.push(RrSet::new(name.clone(), RecordType::CNAME, 900, [name.wire()])),
            Mood::GoesRoundBy(other) => {
                let other: Name = other.parse().unwrap();
                answer.push(RrSet::new(name.clone(), RecordType::CNAME, 900, [other.wire()]));
                answer.push(RrSet::new(other, RecordType::CNAME, 900, [name.wire()]));
            }
            Mood::Denies(ttl) => {
                rcode = ResponseCode::NXDomain;
                authority.push(soa(ttl));
            }
            Mood::Ipv4Alone(ttl, _) => authority.push(soa(ttl)),
            Mood::Fails | Mood::LeadsTo(..) => rcode = ResponseCode::ServFail,
            Mood::Silent => return None,
        }
        let sections = Sections { answer: &answer, authority: &authority, aa: true, ..Sections::default() };
        let template = Template::build(&question, rcode, &sections, true);
        let mut out = Vec::new();
        template.respond(&query, 0, &Extras { udp_size: 1232, ..Extras::default() }, 1232, &mut out);
        Some(out)
    }

    /// Settings that make this the only server that there is, changed by `change`.
    pub(crate) fn resolver(&self, change: impl FnOnce(&mut Settings)) -> Resolver {
        let mut settings = Settings::default();
        // Nothing in this world is signed.
        settings.dnssec.validate = false;
        settings.server.locally_served_zones = false;
        settings.resolver.query_loopback = true;
        settings.resolver.upstream_port = self.port;
        settings.root_hints = vec![RootHint { name: "ns.root".parse().unwrap(), address: [127, 0, 0, 1].into() }];
        change(&mut settings);
        run::resolver(&settings)
    }
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) rcode: ResponseCode,
    /// The last octet and the TTL of each address.
    pub(crate) addresses: Vec<(u8, u32)>,
    pub(crate) edes: Vec<(u16, String)>,
    /// Whether it was there at once.
    pub(crate) at_once: bool,
    /// Whether it is authoritative, and for which class.
    pub(crate) aa: bool,
    pub(crate) class: DNSClass,
    /// Whether it is said to be proved.
    pub(crate) ad: bool,
    /// The owner of the last record of the answer.
    pub(crate) end: Option<Name>,
}

impl Got {
    /// Whether it is this address alone, with this TTL: it goes down while a test runs.
    pub(crate) fn is(&self, octet: u8, ttl_secs: u32) -> bool {
        let lately = ttl_secs.saturating_sub(9)..=ttl_secs;
        matches!(self.addresses[..], [(got, left)] if got == octet && lately.contains(&left))
    }

    pub(crate) fn codes(&self) -> Vec<u16> {
        self.edes.iter().map(|(code, _)| *code).collect()
    }
}

/// A query of a client.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) name: &'a str,
    pub(crate) rd: bool,
    pub(crate) dnssec_ok: bool,
    pub(crate) cd: bool,
    pub(crate) class: DNSClass,
    pub(crate) qtype: RecordType,
}

impl<'a> Query<'a> {
    pub(crate) fn of(name: &'a str) -> Self {
        Self { name, rd: true, dnssec_ok: false, cd: false, class: DNSClass::IN, qtype: RecordType::A }
    }

    /// Asks as a front door does.
    pub(crate) async fn ask(self, resolver: &Resolver) -> Got {
        let question = Question { class: self.class, ..Question::new(self.name.parse().unwrap(), self.qtype) };
        let (mut query, mut answer) = (Vec::new(), Vec::new());
        let flags = Flags::default().with_rd(self.rd).with_cd(self.cd);
        write_query(7, &question, flags, Some(&Edns::new(1232, self.dnssec_ok)), &mut query);
        let client: SocketAddr = "127.0.0.1:4242".parse().unwrap();
        let peer = Peer { client, transport: Transport::Udp, local: client, keepalive: None };
        let at_once = match resolver.answer_now(&query, &peer, &mut answer) {
            Now::Sent => true,
            Now::Later => {
                answer = resolver.answer_later(query, peer).await.unwrap();
                false
            }
            Now::Drop => panic!("dropped"),
        };
        read(&answer, at_once)
    }
}

fn read(answer: &[u8], at_once: bool) -> Got {
    let reply = Reply::read(answer).unwrap();
    let (aa, ad, class) =
        (reply.flags.aa(), reply.flags.ad(), reply.question.map_or(DNSClass::NONE, |question| question.class));
    let addresses =
        reply.answer.iter().map(|record| (record.rdata.last().copied().unwrap_or_default(), record.ttl_secs)).collect();
    let end = reply.answer.last().map(|record| record.owner.clone());
    let options = reply.edns.map(|edns| edns.options).unwrap_or_default();
    let edes = options.iter().filter_map(|option| rootwalk::wire::Ede::from_option(&option.data));
    let edes = edes.map(|ede| (ede.code, ede.text.to_string())).collect();
    Got { rcode: reply.rcode, addresses, edes, at_once, aa, class, ad, end }
}

/// The same resolver, so many seconds later.
pub(crate) fn later(resolver: &Resolver, secs: u64) -> Resolver {
    let (world, settings) = (resolver.world(), resolver.settings().clone());
    let clock = world.clock.ahead(Duration::from_secs(secs));
    let world = World { clock, ..world.renewed(world.settings.clone(), UpstreamSettings::default()) };
    resolver.renewed(world, settings)
}

/// Waits until something holds, and not for ever.
pub(crate) async fn until(holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "what is awaited does not come");
        sleep(Duration::from_millis(1)).await;
    }
}
