//! From a host to a connection: addresses of both families are looked up and tried side by side (RFC 8305).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::balance::{Busy, HostPort, Wish};
use super::doh;
use super::pool::Origin;
use super::problem::Problem;
use super::routes::Front;
use super::targets::judge;
use crate::listen::Peer;
use crate::wire::text::rcode_name;
use crate::wire::{Ede, Edns, Flags, Name, Question, RecordType, Reply, ResponseCode, write_query};

/// How long IPv4 waits for the addresses of IPv6 (RFC 8305 §3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// How long an attempt is alone before the next begins (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of one family that are tried.
const MOST_ADDRESSES: usize = 8;

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// An address.
    Address(IpAddr),
    /// A name that has addresses.
    Name(Name),
}

/// Where to, for whom and how chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub(super) name: &'a HostPort,
    pub(super) wish: Wish<'a>,
    /// Whether a connection that waits in the pool will do.
    pub(super) pooled: bool,
}

/// A connection that was just made, or one that waited.
#[derive(Debug)]
pub(super) enum Link {
    Fresh(TcpStream),
    Idle(Origin),
}

/// A connection, and what it took.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) link: Link,
    /// Counts the request at its address.
    pub(super) busy: Busy,
    pub(super) address: SocketAddr,
    /// What failed before it, or was overtaken by it.
    pub(super) others: Vec<Attempt>,
    /// When the records say that the address has to be looked up again.
    pub(super) good_until: Instant,
}

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Attempt {
    address: SocketAddr,
    begun_ms: u64,
    ended_ms: u64,
    outcome: String,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unconnected {
    /// The name has no addresses, or nobody can say which.
    Dns { rcode: ResponseCode, ede: Option<Ede> },
    /// The resolver could not be asked.
    Resolver(Problem),
    /// The addresses are not those of the Internet.
    Prohibited(String),
    /// Every address was tried.
    Refused(Vec<Attempt>),
    /// The time was up.
    Late(Vec<Attempt>),
}

impl Attempt {
    /// `127.53.80.20:80 refused after 3 ms`, for a sentence.
    pub(super) fn told(&self) -> String {
        format!("{} {} after {} ms", self.address, self.outcome, self.ended_ms - self.begun_ms)
    }
}

/// Looks the host up and connects to the first address that answers.
pub(super) async fn connect(front: &Front, host: &Host, way: Way<'_>, peer: Peer) -> Result<Connected, Unconnected> {
    let mut race = Race::new(front, way);
    let name = match host {
        Host::Address(address) => {
            race.offer(vec![(*address, u32::MAX)]);
            return race.run_alone().await;
        }
        Host::Name(name) => name,
    };
    let mut v6 = pin!(look_up(front, name, RecordType::AAAA, peer));
    let mut v4 = pin!(look_up(front, name, RecordType::A, peer));
    let deadline = race.deadline;
    let mut answers: [Option<Result<(), Unconnected>>; 2] = [None, None];
    loop {
        let (may_start, over) = (answers.iter().any(Option::is_some), race.is_over());
        if answers.iter().all(Option::is_some) && over {
            return Err(race.why(answers));
        }
        tokio::select! {
            found = &mut v6, if answers[0].is_none() => {
                answers[0] = Some(found.map(|found| race.offer(found)));
                race.next_at = race.next_at.min(Instant::now());
            }
            found = &mut v4, if answers[1].is_none() => {
                answers[1] = Some(found.map(|found| race.offer(found)));
                let wait = if answers[0].is_some() { Duration::ZERO } else { RESOLUTION_DELAY };
                race.next_at = race.next_at.max(Instant::now() + wait);
            }
            won = race.step(), if may_start && !over => {
                if let Some(won) = won {
                    return Ok(won);
                }
            }
            () = sleep_until(deadline) => return Err(Unconnected::Late(race.ended())),
        }
    }
}

/// The addresses of a name, each with its life in seconds, as any client of the resolver would get them.
async fn look_up(front: &Front, name: &Name, rtype: RecordType, peer: Peer) -> Result<Vec<(IpAddr, u32)>, Unconnected> {
    let mut query = Vec::with_capacity(64);
    let question = Question::new(name.clone(), rtype);
    write_query(0, &question, Flags::default().with_rd(true), Some(&Edns::new(1232, false)), &mut query);
    let answer = doh::resolve(front, query, peer).await.map_err(Unconnected::Resolver)?;
    let Ok(reply) = Reply::read(&answer) else {
        return Err(Unconnected::Dns { rcode: ResponseCode::ServFail, ede: None });
    };
    let least = reply.answer.iter().map(|record| record.ttl_secs).min().unwrap_or(0);
    let found: Vec<_> = reply.answer.iter().filter_map(|record| Some((record.address()?, least))).collect();
    if found.is_empty() {
        let ede = reply.edns.iter().flat_map(Edns::edes).next();
        return Err(Unconnected::Dns { rcode: reply.rcode, ede });
    }
    Ok(found)
}

/// An attempt that may still go on: the address, its begin, and how it ended.
type Trial = (SocketAddr, Instant, Option<(Instant, String)>);

/// Addresses on the way to a connection.
struct Race<'a> {
    front: &'a Front,
    way: Way<'a>,
    begun: Instant,
    deadline: Instant,
    next_at: Instant,
    waiting: [VecDeque<(IpAddr, u32)>; 2],
    last_was_v6: bool,
    running: JoinSet<(usize, u32, std::io::Result<TcpStream>)>,
    attempts: Vec<Trial>,
    prohibited: Option<String>,
}

impl<'a> Race<'a> {
    fn new(front: &'a Front, way: Way<'a>) -> Self {
        let now = Instant::now();
        Self {
            front,
            way,
            begun: now,
            deadline: now + front.settings.proxy.connect,
            next_at: now,
            waiting: [VecDeque::new(), VecDeque::new()],
            last_was_v6: false,
            running: JoinSet::new(),
            attempts: Vec::new(),
            prohibited: None,
        }
    }

    /// Takes addresses of one family into the race, as far as they may be connected to, in the order of the policy.
    fn offer(&mut self, mut found: Vec<(IpAddr, u32)>) {
        self.front.balance.order(self.way.name, &mut found, &self.way.wish, rand::random(), Instant::now());
        for (address, ttl_secs) in found.into_iter().take(MOST_ADDRESSES) {
            match judge(address, &self.front.settings.proxy.allow) {
                Ok(()) => self.waiting[usize::from(address.is_ipv6())].push_back((address, ttl_secs)),
                Err(why) => self.prohibited = Some(format!("{address}: {why}")),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.running.is_empty() && self.waiting.iter().all(VecDeque::is_empty)
    }

    /// The next address, the families in turn, IPv6 first (RFC 8305 §4).
    fn next(&mut self) -> Option<(IpAddr, u32)> {
        let first = usize::from(!self.last_was_v6);
        let next = self.waiting[first].pop_front().or_else(|| self.waiting[1 - first].pop_front())?;
        self.last_was_v6 = next.0.is_ipv6();
        Some(next)
    }

    /// Begins the next attempt, unless a connection to that address waits already.
    fn start(&mut self) -> Option<Connected> {
        let (address, ttl_secs) = self.next()?;
        let (address, nth) = (SocketAddr::new(address, self.way.name.1), self.attempts.len());
        if self.way.pooled
            && let Some(origin) = self.front.pool.take(&(self.way.name.clone(), address))
        {
            return Some(self.won(Link::Idle(origin), address, ttl_secs));
        }
        let patience = self.deadline - Instant::now();
        self.attempts.push((address, Instant::now(), None));
        self.running.spawn(async move {
            let late = |_| Err(std::io::ErrorKind::TimedOut.into());
            (nth, ttl_secs, timeout(patience, TcpStream::connect(address)).await.unwrap_or_else(late))
        });
        self.next_at = Instant::now() + ATTEMPT_DELAY;
        None
    }

    fn won(&self, link: Link, address: SocketAddr, ttl_secs: u32) -> Connected {
        let good_until = self.begun + Duration::from_secs(ttl_secs.into());
        let busy = self.front.balance.begin(self.way.name, address.ip());
        Connected { link, busy, address, others: self.ended(), good_until }
    }

    /// Waits for what comes next; `Some` when it is a connection. May be dropped and called again.
    async fn step(&mut self) -> Option<Connected> {
        loop {
            let more = self.waiting.iter().any(|waiting| !waiting.is_empty());
            // A timer that is due already would still take a millisecond.
            if more && self.next_at <= Instant::now() {
                match self.start() {
                    Some(won) => return Some(won),
                    None => continue,
                }
            }
            tokio::select! {
                Some(Ok((nth, ttl_secs, result))) = self.running.join_next() => match result {
                    Ok(stream) => {
                        let address = self.attempts.remove(nth).0;
                        return Some(self.won(Link::Fresh(stream), address, ttl_secs));
                    }
                    Err(error) => {
                        self.attempts[nth].2 = Some((Instant::now(), said(&error)));
                        self.front.balance.failed(self.way.name, self.attempts[nth].0.ip(), Instant::now());
                        // RFC 8305 §5: a failure lets the next begin at once.
                        self.next_at = Instant::now();
                    }
                },
                () = sleep_until(self.next_at), if more => {
                    if let Some(won) = self.start() {
                        return Some(won);
                    }
                }
                else => return None,
            }
            if self.is_over() {
                return None;
            }
        }
    }

    async fn run_alone(mut self) -> Result<Connected, Unconnected> {
        let deadline = self.deadline;
        if self.is_over() {
            return Err(Unconnected::Prohibited(self.prohibited.unwrap_or_default()));
        }
        tokio::select! {
            won = self.step() => won.ok_or_else(|| Unconnected::Refused(self.ended())),
            () = sleep_until(deadline) => Err(Unconnected::Late(self.ended())),
        }
    }

    /// The attempts so far, as a record.
    fn ended(&self) -> Vec<Attempt> {
        let ms = |moment: Instant| u64::try_from((moment - self.begun).as_millis()).unwrap_or(u64::MAX);
        let each = self.attempts.iter().map(|(address, begun, end)| {
            let now = || (Instant::now(), "was still trying".to_owned());
            let (ended, outcome) = end.clone().unwrap_or_else(now);
            Attempt { address: *address, begun_ms: ms(*begun), ended_ms: ms(ended), outcome }
        });
        each.collect()
    }

    /// Why there is no connection: what was tried counts more than what was not found.
    fn why(self, answers: [Option<Result<(), Unconnected>>; 2]) -> Unconnected {
        if !self.attempts.is_empty() {
            return Unconnected::Refused(self.ended());
        }
        if let Some(why) = self.prohibited {
            return Unconnected::Prohibited(why);
        }
        let [v6, v4] = answers.map(|answer| answer.and_then(Result::err));
        // A failure says more than that there is no such record.
        let nothing = |why: &Unconnected| matches!(why, Unconnected::Dns { rcode: ResponseCode::NoError, .. });
        let unknown = Unconnected::Dns { rcode: ResponseCode::ServFail, ede: None };
        match v4 {
            Some(why) if v6.is_none() || !nothing(&why) => why,
            _ => v6.unwrap_or(unknown),
        }
    }
}

fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        std::io::ErrorKind::TimedOut => "did not answer".to_owned(),
        std::io::ErrorKind::NetworkUnreachable | std::io::ErrorKind::HostUnreachable => "cannot be reached".to_owned(),
        _ => format!("failed ({error})"),
    }
}

/// The sentence for a failure of DNS.
pub(super) fn dns_sentence(rcode: ResponseCode, ede: Option<&Ede>) -> String {
    match (rcode, ede) {
        (_, Some(ede)) if !ede.text.is_empty() => format!("{}: {}", rcode_name(rcode), ede.text),
        (ResponseCode::NoError, _) => "the name exists but has no address".to_owned(),
        (ResponseCode::NXDomain, _) => "the name does not exist".to_owned(),
        _ => format!("the name cannot be resolved: {}", rcode_name(rcode)),
    }
}
