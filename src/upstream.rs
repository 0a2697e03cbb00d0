//! One exchange with one server. What to make of its outcome, and whom to ask next, the walk decides.

mod crowd;
mod flights;
mod lines;
mod linger;
mod matching;
mod peer;
mod shelf;
mod slot;
mod socket;
mod spare;
mod tcp;
mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::{fmt, io};

use rand::RngExt;
use siphasher::sip128::SipHasher13;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::sys::{is_forbidden, is_out_of_files, tell_if_out_of_files};
use crate::trace::{Ignored, Transport, Unreachable};
use crate::walk::ask::{Ask, Heard};
use crate::wire::{Flags, write_query};
use crowd::Crowd;
use flights::{Flights, Role};
pub use matching::read as read_reply;
use peer::Peer;
use slot::Drawn;

/// Packets that are described in one outcome; more than this are ignored without a word.
const MOST_IGNORED: usize = 16;

/// How queries leave this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Ports from which UDP queries leave, chosen anew for each of them. The wider, the harder to guess
    /// (RFC 5452 §9.2).
    pub ports: RangeInclusive<u16>,
    /// Ports in that range that are never used, because others listen to what comes there. When this leaves none, the
    /// system chooses.
    pub avoid_ports: Vec<u16>,
    /// Addresses of ours to send from; of several of one IP version, one is chosen anew for each query
    /// (RFC 5452 §9.2). The system chooses where there is none.
    pub sources: Vec<IpAddr>,
    /// Queries that may be on their way to one server at once, at least 1; further ones are not sent.
    pub queries_per_server: usize,
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            ports: 1024..=65535,
            // Multicast DNS, memcached (amplification filters drop it), RoCE (network cards take it for themselves).
            avoid_ports: vec![4791, 5353, 11211],
            sources: Vec::new(),
            queries_per_server: 2000,
        }
    }
}

/// The way to the servers. Usable from several threads at once; on each, inside a set of local tasks.
pub struct Upstream {
    /// Tells apart what is kept open under different settings.
    id: u64,
    /// For the table of those that are kept open.
    hasher: SipHasher13,
    settings: Arc<UpstreamSettings>,
    /// From which ports the system may draw, for queries whose names make up for their number.
    system_ports: Option<RangeInclusive<u16>>,
    flights: Flights,
    crowd: Crowd,
    /// How often somebody has guessed.
    guesses: Arc<AtomicU32>,
}

/// One exchange. Whoever carries it out has it by reference: what is handed on by value lies in each of the futures
/// that wait for each other, and thousands may be under way.
struct Exchange<'a> {
    ask: &'a Rc<Ask>,
    peer: Peer,
    id: u16,
    /// The octets of the query.
    query: Vec<u8>,
    began: Instant,
    /// Until when the reply is awaited.
    deadline: Instant,
}

impl Upstream {
    /// A way that sends as the settings say.
    #[must_use]
    pub fn new(settings: UpstreamSettings) -> Self {
        let (one, other) = rand::random();
        Self::made(settings, SipHasher13::new_with_keys(one, other), Arc::default())
    }

    fn made(settings: UpstreamSettings, hasher: SipHasher13, guesses: Arc<AtomicU32>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (id, crowd) = (NEXT.fetch_add(1, Ordering::Relaxed), Crowd::new(settings.queries_per_server));
        let (system_ports, flights) = (socket::drawn_by_system(&settings), Flights::new(rand::random()));
        Self { id, hasher, settings: Arc::new(settings), system_ports, flights, crowd, guesses }
    }

    /// How often a packet came over UDP that is not the reply, to where one was awaited, modulo 2^32. It is raised at
    /// once, for those who must not wait until the exchange is over.
    #[must_use]
    pub fn guesses(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.guesses)
    }

    /// From now on nobody shares an exchange that is under way: what it was sent for may be another by now.
    pub fn part(&self) {
        self.flights.part();
    }

    /// Another way with the same settings, which shares no exchange with this one.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { id: self.id, ..self.under((*self.settings).clone()) }
    }

    /// Another way with other settings, which shares nothing with this one but the count of guesses.
    #[must_use]
    pub fn under(&self, settings: UpstreamSettings) -> Self {
        Self::made(settings, self.hasher, self.guesses())
    }

    /// Sends the question once and waits for the reply to it until the time to give up.
    ///
    /// Packets that are not the reply are ignored while it is awaited, and listed. An equal question to the same
    /// server over the same transport that is on its way already is not sent again: its outcome is shared, so that
    /// nobody gets many tries at guessing by making us ask often (RFC 5452 §5).
    ///
    /// May be dropped at any time; those who share the exchange then carry on by themselves.
    pub async fn exchange(&self, ask: &Rc<Ask>) -> Heard {
        let exchange = self.begun(ask);
        let key = self.flights.key(ask, &exchange.query);
        loop {
            match self.flights.role(key) {
                Role::Lead(lead) => {
                    let heard = match self.crowd.join(&exchange.peer) {
                        Some(_on_its_way) => self.send(&exchange).await,
                        None => Heard::nothing(ask.id, Unreachable::Crowded),
                    };
                    lead.tell(&heard);
                    return heard;
                }
                Role::Join(flight) => match timeout_at(exchange.deadline, flight.landed()).await {
                    Ok(Some(heard)) => return Heard { ask: ask.id, ..heard },
                    // Whoever led is gone without an outcome: lead, or join whoever does now.
                    Ok(None) => {}
                    Err(_) => return Heard::nothing(ask.id, Unreachable::Timeout),
                },
            }
        }
    }

    /// A TCP connection to a server, for what is no exchange.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn connect(&self, server: SocketAddr) -> io::Result<TcpStream> {
        tcp::connect(&self.settings, server).await
    }

    /// Who draws the port of this query, to a server that was not asked before.
    fn drawn(&self, ask: &Ask) -> Drawn {
        let is_enough = ask.check_case && socket::has_letters(&ask.question.name);
        let ports = self.system_ports.as_ref().filter(|_| is_enough);
        ports.map_or(Drawn::ByUs, |ports| Drawn::BySystem { v6: ask.server.is_ipv6(), ports: ports.clone() })
    }

    fn begun<'a>(&self, ask: &'a Rc<Ask>) -> Exchange<'a> {
        // The thread's generator is a ChaCha stream cipher seeded by the system: ids cannot be told from earlier ids.
        let (id, began, mut query) = (rand::rng().random(), Instant::now(), Vec::with_capacity(128));
        let flags = Flags::default().with_rd(ask.rd).with_cd(ask.cd);
        write_query(id, &ask.question, flags, ask.edns.as_ref(), &mut query);
        let peer = Peer::new(ask.server, self.id, &self.hasher);
        Exchange { ask, peer, id, query, began, deadline: began + ask.give_up }
    }

    async fn send(&self, exchange: &Exchange<'_>) -> Heard {
        let mut ignored = Vec::new();
        let came = match exchange.ask.transport {
            Transport::Udp => udp::exchange(self, exchange, &mut ignored).await,
            // In a box: it is large and rare, and what is begun for UDP need not have room for it.
            Transport::Tcp => Box::pin(tcp::exchange(self, exchange, &mut ignored)).await,
        };
        Heard { ask: exchange.ask.id, came, ignored }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The address to send from: one of the settings, or whatever the system takes.
fn source(settings: &UpstreamSettings, server: SocketAddr) -> IpAddr {
    let fitting = || settings.sources.iter().filter(|ip| ip.is_ipv4() == server.is_ipv4());
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    match fitting().count() {
        0 => any,
        count => fitting().nth(rand::rng().random_range(0..count)).copied().unwrap_or(any),
    }
}

/// Whose fault an error of the system is.
fn unreachable(error: &io::Error) -> Unreachable {
    use io::ErrorKind as Kind;
    tell_if_out_of_files(error);
    match error.kind() {
        _ if is_out_of_files(error) => Unreachable::OutOfFiles,
        _ if is_forbidden(error) => Unreachable::Forbidden,
        Kind::AddrInUse => Unreachable::NoPort,
        Kind::ConnectionRefused => Unreachable::Refused,
        // "Address not available" is what a machine says that has no address of that IP version to send from.
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown | Kind::AddrNotAvailable => {
            Unreachable::NoRoute
        }
        // EACCES: a route that prohibits it, or a firewall on the way that says so over ICMPv6 (RFC 4443 §3.1, code 1).
        Kind::PermissionDenied => Unreachable::NoRoute,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => Unreachable::Closed,
        Kind::TimedOut => Unreachable::Timeout,
        _ => Unreachable::Local,
    }
}

fn note(ignored: &mut Vec<Ignored>, packet: Ignored) {
    if ignored.len() < MOST_IGNORED {
        ignored.push(packet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Question, RecordType, name};

    /// The system draws from fewer ports: only where the case of the name has to come back, which makes up for that.
    #[test]
    fn the_system_draws_the_port_of_no_query_that_would_be_easier_to_guess() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a server");
        let asked = |check_case, asked| {
            let question = Question::new(name(asked), RecordType::A);
            Ask { check_case, question, ..slot::tests::ask(&server) }
        };
        let upstream = |system_ports| Upstream { system_ports, ..Upstream::new(UpstreamSettings::default()) };
        let (some, none) = (upstream(Some(32_768..=60_999)), upstream(None));
        for (check_case, name, by_system) in
            [(true, "www.example", true), (true, "a.1", false), (true, ".", false), (false, "www.example", false)]
        {
            let ask = asked(check_case, name);
            assert_eq!(some.drawn(&ask) != Drawn::ByUs, by_system, "{ask:?}");
            assert_eq!(none.drawn(&ask), Drawn::ByUs, "{ask:?}");
        }
    }
}
