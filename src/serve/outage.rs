//! Whether anybody answers: that nobody does stands in the log once, and once that it is over.
//!
//! Each client is told with its answer (extended errors). Whoever is woken at night looks at the log first.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::Time;
use crate::trace::{Entry, Event, Few, Offline, RouteKind, ServerAt, Transport};
use crate::wire::Name;

/// Queries that came to nothing before it is said: more than the tries of two dead servers.
const LEAST_QUERIES: u32 = 8;
/// For how long nothing has come when it is said: longer than a cable takes to be put in again, and than a walk.
const LEAST: Duration = Duration::from_secs(10);
/// Walks in vain that are further apart are not of one outage, as nobody can tell what was in between: twice as long as
/// servers that are silent are left alone at the most.
const APART: Duration = Duration::from_secs(600);
/// The least time between two outages that are told: of a line that comes and goes, the log has no more than that.
const PAUSE: Duration = Duration::from_secs(60);
/// Most servers that the line names.
const NAMED: usize = 3;

/// What the walks of a resolver show of the network, one after the other.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Whether the last walk that asked anybody was in vain: one that was not has nothing to lock.
    in_vain: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    silence: Option<Silence>,
    /// When one was told last.
    told: Option<Time>,
}

/// Nothing has come for some time.
#[derive(Debug)]
struct Silence {
    /// Since the first walk in vain began.
    since: Time,
    /// The last one ended then.
    last: Time,
    queries: u32,
    /// Whether any was over UDP, and over TCP.
    over: [bool; 2],
    zone: Name,
    /// Whether it is the root, or more than one zone: the servers of a single one may be dead.
    is_wide: bool,
    told: Option<Time>,
}

/// What the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nobody answers.
    Silence {
        /// For how long.
        secs: u64,
        /// Queries that came to nothing.
        queries: u32,
        /// Whether any was over UDP, and over TCP.
        over: [bool; 2],
        /// Who was asked last.
        servers: Vec<ServerAt>,
        /// Whether all of those are forwarders.
        forwarders: bool,
    },
    /// Somebody has answered.
    Over {
        /// After how long.
        secs: u64,
    },
}

impl Outage {
    /// A walk has taken these `steps`, from when it `began` until `now`; what is to be told, if anything is.
    pub(super) fn walked(&self, steps: &[Entry], began: Time, now: Time) -> Option<News> {
        let heard = steps.iter().rev().find(|step| is_heard(&step.event));
        let heard_at = heard.map(|step| began + Duration::from_micros(step.at_us));
        match heard_at {
            Some(_) if !self.in_vain.load(Ordering::Relaxed) => None,
            Some(at) => {
                let state = &mut *self.state.lock();
                // Not what came before it began, or before it was told: a walk takes seconds.
                let ended = state.silence.take_if(|silence| silence.told.unwrap_or(silence.since) < at)?;
                self.in_vain.store(false, Ordering::Relaxed);
                ended.told.map(|_| News::Over { secs: (now - ended.since).as_secs() })
            }
            None => {
                let asked: Vec<_> = steps.iter().filter_map(asked).collect();
                let (first, ..) = asked.first()?;
                let state = &mut *self.state.lock();
                self.in_vain.store(true, Ordering::Relaxed);
                let is_past = |silence: &mut Silence| silence.told.is_none() && now - silence.last > APART;
                drop(state.silence.take_if(is_past));
                let silence = state.silence.get_or_insert_with(|| Silence::new(first, began));
                silence.add(&asked, now);
                if !silence.is_due(now) || state.told.is_some_and(|told| now - told < PAUSE) {
                    return None;
                }
                (silence.told, state.told) = (Some(now), Some(now));
                Some(silence.news(&asked, steps, now))
            }
        }
    }
}

/// Whom a step asks over the network, for which zone, and how.
type Asked<'a> = (&'a Name, &'a ServerAt, Transport);

impl Silence {
    fn new(zone: &Name, since: Time) -> Self {
        let zone = zone.clone();
        Self { since, last: since, queries: 0, over: [false; 2], zone, is_wide: false, told: None }
    }

    fn add(&mut self, asked: &[Asked<'_>], now: Time) {
        self.last = now;
        for (zone, _, transport) in asked {
            self.queries = self.queries.saturating_add(1);
            self.over[usize::from(*transport == Transport::Tcp)] = true;
            self.is_wide |= zone.is_root() || **zone != self.zone;
        }
    }

    fn is_due(&self, now: Time) -> bool {
        self.told.is_none() && self.is_wide && self.queries >= LEAST_QUERIES && now - self.since >= LEAST
    }

    fn news(&self, asked: &[Asked<'_>], steps: &[Entry], now: Time) -> News {
        let mut servers: Vec<ServerAt> = Vec::new();
        for (_, server, _) in asked {
            if !servers.contains(server) {
                servers.push((*server).clone());
            }
        }
        let is_forward = |wanted: &Name| {
            let is_it =
                |event: &Event| matches!(event, Event::Routed { zone, kind: RouteKind::Forward, .. } if zone == wanted);
            steps.iter().any(|step| is_it(&step.event))
        };
        let forwarders = asked.iter().all(|(zone, ..)| is_forward(zone));
        let (secs, queries, over) = ((now - self.since).as_secs(), self.queries, self.over);
        News::Silence { secs, queries, over, servers, forwarders }
    }
}

/// Whether a step shows that somebody on the network answers.
fn is_heard(event: &Event) -> bool {
    matches!(event, Event::Heard { server, .. } if !ServerAt::LOCAL_ROOT.contains(&server.addr))
}

fn asked(step: &Entry) -> Option<Asked<'_>> {
    match &step.event {
        Event::Asked { zone, server, transport, .. } if !ServerAt::LOCAL_ROOT.contains(&server.addr) => {
            Some((zone, server, *transport))
        }
        _ => None,
    }
}

impl News {
    /// Puts it into the log.
    pub(super) fn log(&self) {
        match self {
            Self::Silence { .. } => tracing::warn!("{self}"),
            Self::Over { .. } => tracing::info!("{self}"),
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over { secs } => write!(f, "servers answer again, after {secs} s in which none did"),
            Self::Silence { secs, queries, over, servers, forwarders } => {
                let who = if *forwarders { "forwarder" } else { "server" };
                let over = match over {
                    [true, true] => "UDP and TCP",
                    [false, true] => "TCP",
                    [_, false] => "UDP",
                };
                let last = Few(servers, NAMED);
                write!(f, "no {who} has answered for {secs} s: {queries} queries over {over}, the last to {last}")?;
                if *forwarders { Ok(()) } else { write!(f, "; {}", Offline::Silence) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{AskWhy, ChoiceWhy, GoalId, Verdict};
    use crate::wire::name;

    fn server(nth: u8) -> ServerAt {
        ServerAt::new(None, [192, 0, 2, nth].into(), None)
    }

    fn at(secs: u64) -> Time {
        Time::from_secs(1_000 + secs)
    }

    /// A walk of four seconds in which so many servers of a zone are asked.
    fn silent(zone: &str, servers: u8) -> Vec<Entry> {
        let ask = |nth: u8| Event::Asked {
            ask: nth.into(),
            zone: name(zone),
            server: server(nth / 2),
            name: name("www.example."),
            qtype: crate::wire::RecordType::A,
            transport: if nth.is_multiple_of(2) { Transport::Udp } else { Transport::Tcp },
            why: AskWhy::Full,
            choice: ChoiceWhy::Only,
            patience_ms: 400,
        };
        (0..servers * 2).map(|nth| Entry { at_us: 0, goal: GoalId(0), event: ask(nth) }).collect()
    }

    /// The same, and after so many seconds somebody answers.
    fn answered(zone: &str, secs: u64) -> Vec<Entry> {
        let mut steps = silent(zone, 1);
        let event = Event::Heard {
            ask: 0,
            server: server(0),
            rtt_us: 1,
            bytes: 100,
            rcode: "NOERROR".into(),
            aa: true,
            late: false,
            cookie: false,
            verdict: Verdict::Deeper,
        };
        steps.push(Entry { at_us: secs * 1_000_000, goal: GoalId(0), event });
        steps
    }

    /// What is told of these walks, each with its beginning and end, in seconds.
    fn told(walks: &[(u64, u64, Vec<Entry>)]) -> Vec<String> {
        let outage = Outage::default();
        let news = |(began, ended, steps): &(u64, u64, Vec<Entry>)| outage.walked(steps, at(*began), at(*ended));
        walks.iter().filter_map(news).map(|news| news.to_string()).collect()
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let mut walks: Vec<_> = (0..1_000).map(|nth| (nth, nth + 4, silent(".", 2))).collect();
        let begun = "no server has answered for 10 s: 28 queries over UDP and TCP, the last to 192.0.2.0, 192.0.2.1; \
                     is this machine connected, and may it ask on port 53?";
        assert_eq!(told(&walks), [begun]);
        walks.extend((1_000..1_100).map(|nth| (nth, nth + 1, answered(".", 1))));
        let ended = "servers answer again, after 1001 s in which none did";
        assert_eq!(told(&walks), [begun, ended]);
        // What is known without asking shows nothing.
        walks.insert(1_000, (999, 999, Vec::new()));
        assert_eq!(told(&walks), [begun, ended]);
    }

    #[test]
    fn what_may_be_one_dead_zone_or_a_moment_is_no_outage() {
        let each = |secs: u64, apart: u64, zone: fn(u64) -> String, servers| {
            let walks = (0..=secs / apart).map(|nth| nth * apart);
            walks.map(|begins| (begins, begins, silent(&zone(begins), servers))).collect::<Vec<_>>()
        };
        let zones = |nth: u64| format!("zone{}.example.", nth % 3);
        assert_eq!(told(&each(20, 1, zones, 1)).len(), 1);
        assert_eq!(told(&each(20, 1, |_| ".".to_owned(), 1)).len(), 1);
        assert_eq!(told(&each(1_000, 1, |_| "dead.example.".to_owned(), 3)).len(), 0, "one zone");
        assert_eq!(told(&each(9, 1, zones, 6)).len(), 0, "a moment");
        assert_eq!(told(&each(10, 5, zones, 1)).len(), 0, "few queries");
        assert_eq!(told(&each(10_000, 1_000, zones, 6)).len(), 0, "long ago");
        let interrupted = (0..500).flat_map(|nth| {
            let last = (nth * 10 + 9, nth * 10 + 9, answered(".", 0));
            (0..9).map(move |more| (nth * 10 + more, nth * 10 + more, silent(".", 3))).chain([last])
        });
        assert_eq!(told(&interrupted.collect::<Vec<_>>()).len(), 0, "somebody answers now and then");
    }

    #[test]
    fn a_walk_that_was_answered_before_does_not_end_it() {
        let walks = [
            (5, 9, silent(".", 2)),
            (10, 14, silent(".", 2)),
            (12, 16, silent(".", 2)),
            (10, 17, answered(".", 2)),
            (12, 19, answered(".", 3)),
        ];
        assert_eq!(told(&walks).len(), 1, "said at the sixteenth second, heard before that");
    }

    #[test]
    fn a_line_that_comes_and_goes_is_told_once_in_a_while() {
        let flaps = (0..100).flat_map(|nth| {
            let begins = nth * 15;
            (0..14).map(move |more| (begins + more, begins + more, silent(".", 2))).chain([(
                begins + 14,
                begins + 14,
                answered(".", 0),
            )])
        });
        let lines = told(&flaps.collect::<Vec<_>>());
        assert!((40..=52).contains(&lines.len()), "{} lines in 1500 s", lines.len());
    }
}
