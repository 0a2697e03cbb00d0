//! The race of the addresses: who is tried when, and what became of it (Happy Eyeballs v2, RFC 8305).

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::Origins;
use super::balance::HostPort;
use super::targets::{Prohibited, judge};
use super::way::{Connected, Guide, Link, Way};
use crate::journey::{Attempt, AttemptEnd, AttemptWhy, Endpoint, FoundBy};
use crate::time::as_us;
use crate::wire::{Name, RecordType};

/// How long an attempt is alone before the next begins (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of one name and family that are tried, so that no answer makes us knock at a hundred doors.
const MOST_ADDRESSES: usize = 8;

/// The addresses of one name: what AAAA and A said, each address with its life in seconds; `None` while not known.
struct Addresses {
    name: Name,
    families: [Option<Vec<(IpAddr, u32)>>; 2],
}

/// An address that may be tried.
pub(in crate::http) struct Candidate {
    pub(in crate::http) address: SocketAddr,
    ttl_secs: u32,
    host: Option<Name>,
    found_by: FoundBy,
}

/// Addresses on the way to a connection.
pub(in crate::http) struct Race<'a, G> {
    origins: &'a Origins,
    guide: &'a G,
    way: Way<'a>,
    begun: Instant,
    pub(in crate::http) deadline: Instant,
    next_at: Instant,
    next_why: AttemptWhy,
    /// The best first; the host itself is the last.
    endpoints: Vec<Endpoint>,
    known: Vec<Addresses>,
    literal: Option<IpAddr>,
    last_was_v6: bool,
    running: JoinSet<(usize, io::Result<TcpStream>)>,
    /// When an attempt has to have its address looked up again, for each of `attempts`.
    lives: Vec<u32>,
    pub(in crate::http) attempts: Vec<Attempt>,
}

impl<'a, G: Guide> Race<'a, G> {
    pub(in crate::http) fn new(origins: &'a Origins, guide: &'a G, way: Way<'a>) -> Self {
        let now = Instant::now();
        Self {
            origins,
            guide,
            way,
            begun: now,
            deadline: now + origins.settings.connect,
            next_at: now,
            next_why: AttemptWhy::First,
            endpoints: Vec::new(),
            known: Vec::new(),
            literal: None,
            last_was_v6: false,
            running: JoinSet::new(),
            lives: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// The URL names an address, and nothing else is tried.
    pub(in crate::http) fn only(&mut self, address: IpAddr) {
        self.literal = Some(address);
        self.refuse(address, self.way.name.1, None, FoundBy::Url);
    }

    /// Endpoints that come before those there are.
    pub(in crate::http) fn prepend(&mut self, endpoints: Vec<Endpoint>) {
        for endpoint in &endpoints {
            let (host, port) = (Some(&endpoint.target), endpoint.port);
            endpoint.hints.iter().for_each(|hint| self.refuse(*hint, port, host, FoundBy::Hint));
        }
        self.endpoints.splice(0..0, endpoints);
    }

    /// The addresses of one family that a name has, in the order of the policy.
    pub(in crate::http) fn offer(&mut self, name: &Name, rtype: RecordType, mut found: Vec<(IpAddr, u32)>) {
        let (balance, key) = (&self.origins.balance, self.key(Some(name)));
        balance.order(&key, &mut found, &self.way.wish, rand::random(), Instant::now());
        found.truncate(MOST_ADDRESSES);
        let ports: Vec<u16> = self.endpoints.iter().filter(|end| end.target == *name).map(|end| end.port).collect();
        for (address, _) in &found {
            let port = ports.first().copied().unwrap_or(self.way.name.1);
            self.refuse(*address, port, Some(name), FoundBy::Record);
        }
        let nth = usize::from(rtype == RecordType::A);
        match self.known.iter_mut().find(|known| known.name == *name) {
            Some(known) => known.families[nth] = Some(found),
            None => {
                let mut families = [None, None];
                families[nth] = Some(found);
                self.known.push(Addresses { name: name.clone(), families });
            }
        }
    }

    fn judge(&self, address: IpAddr) -> Result<(), Prohibited> {
        judge(address, &self.origins.settings.allow, self.origins.settings.translator)
    }

    /// Notes an address that is not connected to, once.
    fn refuse(&mut self, address: IpAddr, port: u16, host: Option<&Name>, found_by: FoundBy) {
        let Err(why) = self.judge(address) else { return };
        let (address, end) = (SocketAddr::new(address, port), AttemptEnd::Prohibited { why: why.to_string() });
        if self.attempts.iter().all(|attempt| attempt.address != address) {
            let now = self.way.since(Instant::now());
            let (host, ended_us) = (host.cloned(), Some(now));
            let (why, end) = (self.next_why, Some(end));
            self.note(Attempt { address, host, found_by, why, begun_us: now, ended_us, end }, 0);
        }
    }

    /// Under which name the addresses of `host` are balanced: the URL's, or that of an endpoint elsewhere. What one
    /// answer does not name any more is forgotten there, so they must not share a name.
    fn key(&self, host: Option<&Name>) -> Cow<'a, HostPort> {
        let own = self.endpoints.last().map(|endpoint| &endpoint.target);
        match host {
            Some(host) if Some(host) != own => Cow::Owned((host.to_string(), self.way.name.1)),
            _ => Cow::Borrowed(self.way.name),
        }
    }

    fn failed(&self, nth: usize) {
        let attempt = &self.attempts[nth];
        self.origins.balance.failed(&self.key(attempt.host.as_ref()), attempt.address.ip(), Instant::now());
    }

    fn note(&mut self, attempt: Attempt, ttl_secs: u32) {
        self.guide.saw(&attempt);
        self.attempts.push(attempt);
        self.lives.push(ttl_secs);
    }

    fn finish(&mut self, nth: usize, end: AttemptEnd) {
        let now = self.way.since(Instant::now());
        let attempt = &mut self.attempts[nth];
        (attempt.ended_us, attempt.end) = (Some(now), Some(end));
        self.guide.saw(&self.attempts[nth]);
    }

    /// What there is to try, in order and without what was tried: endpoint by endpoint the families in turn, IPv6
    /// first (RFC 8305 §4).
    pub(in crate::http) fn candidates(&self) -> Vec<Candidate> {
        let mut all = Vec::new();
        if let Some(address) = self.literal {
            let address = SocketAddr::new(address, self.way.name.1);
            all.push(Candidate { address, ttl_secs: u32::MAX, host: None, found_by: FoundBy::Url });
        }
        for endpoint in &self.endpoints {
            let known = self.known.iter().find(|known| known.name == endpoint.target);
            let of = |nth: usize| {
                let records = known.and_then(|known| known.families[nth].as_ref());
                let hints = endpoint.hints.iter().filter(move |hint| hint.is_ipv6() == (nth == 0)).take(MOST_ADDRESSES);
                let family: Vec<(IpAddr, u32, FoundBy)> = match records {
                    Some(records) => records.iter().map(|(ip, ttl)| (*ip, *ttl, FoundBy::Record)).collect(),
                    // A hint says nothing of its life, so nothing is kept beyond this request.
                    None => hints.map(|ip| (*ip, 0, FoundBy::Hint)).collect(),
                };
                family.into_iter()
            };
            let (mut v6, mut v4) = (of(0), of(1));
            let mut turn_of_v6 = !self.last_was_v6;
            loop {
                let next = if turn_of_v6 { v6.next().or_else(|| v4.next()) } else { v4.next().or_else(|| v6.next()) };
                let Some((ip, ttl_secs, found_by)) = next else { break };
                turn_of_v6 = !ip.is_ipv6();
                let address = SocketAddr::new(ip, endpoint.port);
                all.push(Candidate { address, ttl_secs, host: Some(endpoint.target.clone()), found_by });
            }
        }
        let tried = |address: &SocketAddr| self.attempts.iter().any(|attempt| attempt.address == *address);
        all.retain(|candidate| !tried(&candidate.address) && self.judge(candidate.address.ip()).is_ok());
        all
    }

    pub(in crate::http) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    pub(in crate::http) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Begins the next attempt, at the first of `candidates`, unless a connection to that address waits already. What
    /// failed a moment ago comes last, whatever its family.
    pub(in crate::http) fn start(&mut self, mut candidates: Vec<Candidate>) -> Option<Connected> {
        let now = Instant::now();
        let aside = |candidate: &Candidate| {
            self.origins.balance.is_aside(&self.key(candidate.host.as_ref()), candidate.address.ip(), now)
        };
        candidates.sort_by_cached_key(aside);
        let Candidate { address, ttl_secs, host, found_by } = candidates.into_iter().next()?;
        self.last_was_v6 = address.is_ipv6();
        let (nth, begun_us) = (self.attempts.len(), self.way.since(now));
        let attempt = Attempt { address, host, found_by, why: self.next_why, begun_us, ended_us: None, end: None };
        self.note(attempt, ttl_secs);
        if self.way.pooled
            && let Some(origin) = self.origins.pool.take(&(self.way.name.clone(), address))
        {
            self.finish(nth, AttemptEnd::Reused);
            return Some(self.won(nth, Link::Idle(origin)));
        }
        let patience = self.deadline - now;
        self.running.spawn(async move {
            let late = |_| Err(ErrorKind::TimedOut.into());
            (nth, timeout(patience, TcpStream::connect(address)).await.unwrap_or_else(late))
        });
        (self.next_at, self.next_why) = (now + ATTEMPT_DELAY, AttemptWhy::Silence);
        None
    }

    /// Waits until an attempt ends; `Some` when it brought a connection.
    pub(in crate::http) async fn step(&mut self) -> Option<Connected> {
        let Some(Ok((nth, result))) = self.running.join_next().await else { return None };
        match result {
            Ok(stream) => {
                self.finish(nth, AttemptEnd::Connected);
                Some(self.won(nth, Link::Fresh(stream)))
            }
            Err(error) => {
                self.failed(nth);
                self.finish(nth, said(&error));
                // RFC 8305 §5: a failure lets the next begin at once.
                (self.next_at, self.next_why) = (Instant::now(), AttemptWhy::Failure);
                None
            }
        }
    }

    fn won(&mut self, nth: usize, link: Link) -> Connected {
        self.end(&AttemptEnd::Overtaken);
        let (address, life) = (self.attempts[nth].address, Duration::from_secs(self.lives[nth].into()));
        let busy = self.origins.balance.begin(&self.key(self.attempts[nth].host.as_ref()), address.ip());
        let host = self.attempts[nth].host.as_ref();
        let endpoint = self.endpoints.iter().find(|end| Some(&end.target) == host && end.port == address.port());
        let alpn = endpoint.map(|endpoint| endpoint.alpn.clone()).unwrap_or_default();
        let attempts = std::mem::take(&mut self.attempts);
        Connected { link, busy, address, nth, attempts, alpn, good_until: self.begun + life }
    }

    /// Ends what still goes on. An address that was silent for longer than it was alone is set aside: the next
    /// request need not wait for it as well.
    pub(in crate::http) fn end(&mut self, end: &AttemptEnd) {
        self.running.abort_all();
        let (now, alone_us) = (Instant::now(), as_us(ATTEMPT_DELAY));
        for nth in 0..self.attempts.len() {
            if self.attempts[nth].end.is_none() {
                if self.way.since(now) - self.attempts[nth].begun_us >= alone_us {
                    self.failed(nth);
                }
                self.finish(nth, end.clone());
            }
        }
    }
}

fn said(error: &io::Error) -> AttemptEnd {
    match error.kind() {
        ErrorKind::ConnectionRefused => AttemptEnd::Refused,
        ErrorKind::TimedOut => AttemptEnd::Silent,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => AttemptEnd::Unreachable,
        _ => AttemptEnd::Failed { why: error.to_string() },
    }
}
