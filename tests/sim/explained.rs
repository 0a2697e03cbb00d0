//! What walks tell, held against what the network has seen of them.
//!
//! Worlds by chance with all kinds of trouble, several clients at once, caches that are cold, warm or over. The rules:
//! each query and each reply is told, once and as it was; who is told to be at fault has failed in that way; what a
//! cache knows somebody has said, then and for so long; and what is proved is true.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::lab::Lab;
use rootwalk::time::{Time, as_ms, as_us};
use rootwalk::trace::{
    AskWhy, Entry, Event, Failure, Ignored, Judged, Known, ServerAt, Source, Unreachable, Verdict, Wrong,
};
use rootwalk::walk::ask::{Ask, Heard};
use rootwalk::walk::limits::Budget;
use rootwalk::walk::outcome::Outcome;
use rootwalk::walk::{Step, Walk};
use rootwalk::wire::text::rcode_name;
use rootwalk::wire::{Ede, Name, Question, Record, RecordType, Reply, ResponseCode, edns};

use super::blamed::told_truly;
use super::world::{Families, World};
use super::{LAB, questions, worlds};

/// One exchange as the network saw it.
pub(super) struct Seen {
    pub(super) ask: Ask,
    pub(super) sent: Time,
    pub(super) after: Duration,
    pub(super) heard: Heard,
    pub(super) fate: Fate,
}

/// Whether the walk was given what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Given,
    Left,
}

/// One walk, and all that the network has seen of it.
pub(super) struct Run {
    pub(super) question: Question,
    pub(super) began: Time,
    pub(super) ended: Time,
    pub(super) walk: Walk,
    pub(super) seen: Vec<Seen>,
    pub(super) outcome: Option<Outcome>,
    pub(super) wake: Time,
}

impl Run {
    pub(super) fn new(walk: Walk, question: &Question, now: Time) -> Self {
        Self { question: question.clone(), began: now, ended: now, walk, seen: Vec::new(), outcome: None, wake: now }
    }

    fn step(&mut self, heard: Option<Heard>, world: &mut World<'_>) {
        let now = world.resolver.now;
        match self.walk.step(now, heard, &mut world.resolver.around()) {
            Step::Done(outcome) => (self.outcome, self.ended) = (Some(*outcome), now),
            Step::Wait { asks, forget, wake } => {
                self.wake = wake;
                let left = self.seen.iter_mut().filter(|seen| seen.fate == Fate::Open && forget.contains(&seen.ask.id));
                left.for_each(|seen| seen.fate = Fate::Left);
                for ask in asks {
                    let (after, heard) = world.exchange(&ask);
                    self.seen.push(Seen { ask, sent: now, after, heard, fate: Fate::Open });
                }
            }
        }
    }

    /// When something comes next, and which of its asks that is, unless it is the time to be woken.
    fn next(&self) -> Option<(Time, Option<usize>)> {
        self.outcome.is_none().then_some(())?;
        let open = self.seen.iter().enumerate().filter(|(_, seen)| seen.fate == Fate::Open);
        let first = open.map(|(nth, seen)| (seen.sent + seen.after, Some(nth))).min();
        Some(first.filter(|(at, _)| *at <= self.wake).unwrap_or((self.wake, None)))
    }

    pub(super) fn log(&self) -> &[Entry] {
        self.walk.log()
    }

    pub(super) fn outcome(&self) -> &Outcome {
        self.outcome.as_ref().expect("it has ended")
    }

    pub(super) fn budget(&self) -> &Budget {
        self.walk.budget()
    }

    /// Adds what it was told, and what has failed.
    fn add_to(&self, said: &mut Vec<Said>, failed: &mut Vec<(Question, Time, Vec<Ede>)>) {
        let mut zones = BTreeMap::new();
        let (mut goals, mut taken) = (BTreeMap::new(), BTreeMap::new());
        for entry in self.log() {
            match &entry.event {
                Event::Asked { ask, zone, .. } => drop(zones.insert(*ask, zone.clone())),
                Event::Goal { name, qtype, .. } => drop(goals.insert(entry.goal, Question::new(name.clone(), *qtype))),
                Event::Ended { edes, .. } if !edes.is_empty() => {
                    failed.push((
                        goals[&entry.goal].clone(),
                        self.began + Duration::from_micros(entry.at_us),
                        edes.clone(),
                    ));
                }
                Event::LastResort { ask, .. } => {
                    taken.insert(*ask, self.began + Duration::from_micros(entry.at_us));
                }
                _ => {}
            }
        }
        for Seen { ask, sent, after, heard, .. } in self.seen.iter().filter(|seen| seen.fate == Fate::Given) {
            let Ok(came) = &heard.came else { continue };
            // What is taken for want of anything better is known from then on.
            for at in [Some(*sent + *after), taken.get(&ask.id.0).copied()].into_iter().flatten() {
                let (zone, reply) = (zones[&ask.id.0].clone(), (*came.reply).clone());
                said.push(Said { at, by: ask.server.ip(), zone, asked: ask.question.clone(), reply });
            }
        }
    }

    pub(super) fn story(&self) -> String {
        let line = |entry: &Entry| format!("{:>8} [{}] {}\n", entry.at_us, entry.goal.0, entry.event);
        let lines: String = self.log().iter().map(line).collect();
        format!("{}\n{lines}{:?}", self.question, self.outcome().failure)
    }
}

/// Leads all walks to their ends, side by side.
fn lead(world: &mut World<'_>, runs: &mut [Run]) {
    runs.iter_mut().for_each(|run| run.step(None, world));
    while let Some((at, which, nth)) = {
        let next = runs.iter().enumerate().filter_map(|(which, run)| run.next().map(|(at, nth)| (at, which, nth)));
        next.min()
    } {
        world.resolver.now = world.resolver.now.max(at);
        let run = &mut runs[which];
        let heard = nth.map(|nth| {
            run.seen[nth].fate = Fate::Given;
            run.seen[nth].heard.clone()
        });
        run.step(heard, world);
    }
}

/// Each query that the network saw is told once, as it was sent; none is told that was not.
fn queries_are_told(run: &Run) {
    let told = run.log().iter().filter(|entry| matches!(entry.event, Event::Asked { .. }));
    assert_eq!(told.clone().count(), run.seen.len(), "{}", run.story());
    for (entry, Seen { ask, sent, .. }) in told.zip(&run.seen) {
        let Event::Asked { ask: nth, server, name, qtype, transport, why, zone, .. } = &entry.event else { return };
        let here = || format!("{ask:?}\n{entry:?}\n{}", run.story());
        assert_eq!((*nth, server.addr, *transport), (ask.id.0, ask.server.ip(), ask.transport), "{}", here());
        assert_eq!((name.wire(), *qtype), (ask.question.name.wire(), ask.question.qtype), "{}", here());
        assert_eq!(entry.at_us, as_us(*sent - run.began), "{}", here());
        assert!(name.is_within(zone), "{}", here());
        let has_cookie = ask.edns.as_ref().is_some_and(|edns| edns.option(edns::COOKIE).is_some());
        match why {
            AskWhy::WithoutEdns => assert!(ask.edns.is_none(), "{}", here()),
            AskWhy::WithoutCookie => assert!(!has_cookie, "{}", here()),
            AskWhy::FreshCookie => assert!(has_cookie, "{}", here()),
            AskWhy::WithoutCd => assert!(!ask.cd && ask.rd, "{}", here()),
            AskWhy::Forwarded => assert!(ask.rd, "{}", here()),
            _ => {}
        }
    }
    let (queries, heard) = (run.budget().queries() as usize, run.seen.iter().filter(|seen| seen.fate == Fate::Given));
    let bytes: usize = heard.filter_map(|seen| seen.heard.came.as_ref().ok()).map(|came| came.bytes).sum();
    assert_eq!((queries, run.budget().bytes()), (run.seen.len(), bytes), "{}", run.story());
}

/// What was heard of each of them is told once, as it came, and nothing else is.
fn replies_are_told(run: &Run) {
    for Seen { ask, sent, after, heard, fate } in &run.seen {
        let here = || format!("{ask:?} {fate:?} {heard:?}\n{}", run.story());
        let at_us = as_us(*sent + *after - run.began);
        let (mut ignored, mut replies, mut lost, mut late) = (Vec::new(), 0, 0, None);
        for entry in run.log() {
            match &entry.event {
                Event::Ignored { ask: nth, what, server } if *nth == ask.id.0 => {
                    assert_eq!((entry.at_us, server.addr), (at_us, ask.server.ip()), "{}", here());
                    ignored.push(what.clone());
                }
                Event::Heard { ask: nth, server, rtt_us, bytes, rcode, aa, late: is_late, .. } if *nth == ask.id.0 => {
                    replies += 1;
                    let Ok(came) = &heard.came else { panic!("{}", here()) };
                    assert_eq!((entry.at_us, server.addr), (at_us, ask.server.ip()), "{}", here());
                    assert_eq!(
                        (*rtt_us, *bytes, *aa),
                        (as_us(came.rtt), came.bytes, came.reply.flags.aa()),
                        "{}",
                        here()
                    );
                    assert_eq!(*rcode, rcode_name(came.reply.rcode), "{}", here());
                    assert_eq!(*is_late, late.is_some(), "{}", here());
                }
                Event::Lost { ask: nth, server, wrong } if *nth == ask.id.0 => {
                    lost += 1;
                    let how = *heard.came.as_ref().expect_err("it is lost");
                    assert_eq!((entry.at_us, server.addr), (at_us, ask.server.ip()), "{}", here());
                    assert_eq!(*wrong, Wrong::Unreachable { how, transport: ask.transport }, "{}", here());
                }
                Event::Late { ask: nth, server, after_ms } if *nth == ask.id.0 => {
                    assert!(late.is_none() && replies + lost == 0, "{}", here());
                    assert_eq!(server.addr, ask.server.ip(), "{}", here());
                    assert_eq!(
                        as_ms(Duration::from_micros(entry.at_us) - (*sent - run.began)),
                        *after_ms,
                        "{}",
                        here()
                    );
                    late = Some(entry.at_us);
                }
                _ => {}
            }
        }
        let is_given = *fate == Fate::Given;
        let is_guessable = ignored.pop_if(|what| *what == Ignored::Guessable).is_some();
        let want: &[Ignored] = if is_given { &heard.ignored } else { &[] };
        assert_eq!(ignored, want, "{}", here());
        assert!(!is_guessable || heard.came.is_ok(), "{}", here());
        let is_silent = matches!(heard.came, Err(Unreachable::Timeout)) && late.is_some();
        let want = usize::from(is_given && !is_silent);
        assert_eq!(replies + lost + usize::from(is_guessable), want, "{}", here());
    }
}

/// Who is told to be at fault has failed so; who has is told.
fn faults_are_true(run: &Run) {
    let Some(Failure::Servers { zone, problems, .. }) = &run.outcome().failure else { return };
    let here = || format!("{problems:?}\n{}", run.story());
    let mut zones = BTreeMap::new();
    for entry in run.log() {
        if let Event::Asked { ask, zone, server, .. } = &entry.event {
            zones.insert(*ask, (zone.clone(), server.clone()));
        }
    }
    let failed = |server: &ServerAt, wrong: &Wrong| {
        run.log().iter().any(|entry| match &entry.event {
            Event::Heard { ask, verdict: Verdict::Wrong(said), server: by, .. } => {
                said == wrong && by == server && zones[ask].0 == *zone
            }
            Event::Heard { ask, verdict: Verdict::Referral { zone: below, .. }, server: by, .. } => {
                *wrong == Wrong::UpwardReferral { to: below.clone() } && by == server && zones[ask].0 == *zone
            }
            Event::Heard { ask, verdict: Verdict::Truncated, server: by, .. } => {
                *wrong == Wrong::Truncated && by == server && zones[ask].0 == *zone
            }
            Event::Lost { ask, wrong: said, server: by } => said == wrong && by == server && zones[ask].0 == *zone,
            Event::Late { ask, server: by, .. } => {
                matches!(wrong, Wrong::Unreachable { how: Unreachable::Timeout, .. })
                    && by == server
                    && zones[ask].0 == *zone
            }
            Event::NotAsked { zone: of, server: by, why } => {
                *wrong == Wrong::Avoided { why: *why } && by == server && of == zone
            }
            _ => false,
        })
    };
    for (server, wrong) in problems {
        let is_silence = matches!(wrong, Wrong::Unreachable { how: Unreachable::Timeout, .. });
        let is_open = || run.seen.iter().any(|seen| seen.fate != Fate::Given && seen.ask.server.ip() == server.addr);
        assert!(failed(server, wrong) || is_silence && is_open(), "{zone} {server} {wrong}: {}", here());
    }
    // A zone that leads in a circle may come to be another one, and so may one behind a fallback.
    let is_turn = |entry: &&Entry| matches!(entry.event, Event::LedAstray { .. } | Event::FellBack { .. });
    let turns = run.log().iter().rev().take_while(|entry| !is_turn(entry));
    for entry in turns.filter(|entry| entry.goal.0 == 0) {
        let Event::Asked { zone: of, server, .. } = &entry.event else { continue };
        let is_named = problems.iter().any(|(known, _)| known == server);
        assert!(of != zone || is_named, "{server} is left out: {}", here());
    }
}

/// What validation came to is what the client is told.
fn proofs_are_told(run: &Run, validates: bool) {
    let judged = run.log().iter().rev().find_map(|entry| match &entry.event {
        Event::Judged { judged } => Some(judged),
        _ => None,
    });
    let outcome = run.outcome();
    assert_eq!(outcome.secure, judged == Some(&Judged::Secure) && outcome.failure.is_none(), "{}", run.story());
    if let Some(Failure::Bogus { reason, .. }) = &outcome.failure {
        assert_eq!(judged, Some(&Judged::Bogus { reason: reason.clone() }), "{}", run.story());
    }
    assert!(validates || judged.is_none(), "{}", run.story());
}

/// A reply that some walk was given.
pub(super) struct Said {
    pub(super) at: Time,
    pub(super) by: IpAddr,
    pub(super) zone: Name,
    pub(super) asked: Question,
    pub(super) reply: Reply,
}

impl Said {
    /// Whether it says what is known of this name and type, as it was so long ago, and for how many seconds more.
    fn left_secs(&self, known: Known, name: &Name, rtype: RecordType, now: Time) -> Option<u64> {
        let reply = &self.reply;
        let ttl = |records: &[Record]| {
            let all = records.iter().filter(|record| record.owner == *name && record.rtype == rtype);
            all.map(|record| record.ttl_secs).max()
        };
        let soa = reply.authority.iter().find(|record| record.rtype == RecordType::SOA);
        let denied = || Some(soa.map_or(5, |soa| soa.ttl_secs));
        let ttl_secs = match known {
            Known::Set => ttl(&reply.answer).or_else(|| ttl(&reply.authority)).or_else(|| ttl(&reply.additional)),
            Known::Alias => ttl(&reply.answer),
            Known::Delegation => ttl(&reply.authority).or_else(|| ttl(&reply.answer)).map(|secs| secs.max(60)),
            Known::NxDomain => denied().filter(|_| reply.rcode == ResponseCode::NXDomain),
            Known::NoTree => denied().filter(|_| reply.rcode == ResponseCode::NXDomain && self.asked.name == *name),
            Known::NoData => denied().filter(|_| ttl(&reply.answer).is_none()),
            Known::NoCut => Some(u32::MAX).filter(|_| self.asked.name == *name),
            Known::Failure => None,
        };
        let until = self.at.after_ttl(ttl_secs?.min(86_400));
        Some(until.secs_since(now).into())
    }
}

/// What the cache knows somebody has said, at that time and for so long.
fn memory_is_true(run: &Run, said: &[Said]) {
    for entry in run.log() {
        let Event::FromCache { known, name, rtype, age_secs, left_secs, source } = &entry.event else { continue };
        let now = run.began + Duration::from_micros(entry.at_us);
        let here = || format!("{}: {}\n{}", entry.at_us, entry.event, run.story());
        let Some(by) = source.informant() else {
            assert!(*known == Known::Failure || *source == Source::Hints, "{}", here());
            continue;
        };
        let then = said.iter().filter(|said| said.by == by.addr && said.zone == by.zone && said.at <= now);
        // A DNAME that was proved is dated by the beginning of its walk.
        let slack = if *rtype == RecordType::DNAME { 10 } else { 0 };
        let then = then.filter(|said| (0..=slack).contains(&age_secs.wrapping_sub(now.secs_since(said.at).into())));
        let most = then.filter_map(|said| said.left_secs(*known, name, *rtype, now)).max();
        assert!(most.is_some_and(|most| *left_secs <= most), "{most:?} {}", here());
    }
}

/// What is said once more of a failure is what was said of it then.
fn failures_are_remembered(run: &Run, failed: &[(Question, Time, Vec<Ede>)]) {
    let Some(Failure::Remembered { edes, .. }) = &run.outcome().failure else { return };
    let known = run.log().iter().find_map(|entry| match &entry.event {
        Event::FromCache { known: Known::Failure, name, rtype, age_secs, .. } => {
            Some((Question::new(name.clone(), *rtype), *age_secs))
        }
        _ => None,
    });
    let (question, age_secs) = known.unwrap_or_else(|| panic!("{}", run.story()));
    let is_it = |(failed, at, said): &&(Question, Time, Vec<Ede>)| {
        failed.qtype == question.qtype && u64::from(run.ended.secs_since(*at)) == age_secs && said == edes
    };
    assert!(failed.iter().any(|failed| is_it(&failed)), "{edes:?}\n{failed:?}\n{}", run.story());
}

/// What walks were told, and what has failed in them.
#[derive(Default)]
pub(super) struct History {
    pub(super) said: Vec<Said>,
    failed: Vec<(Question, Time, Vec<Ede>)>,
}

/// Leads walks to their ends, side by side, and holds them to all rules.
fn hold(world: &mut World<'_>, mut runs: Vec<Run>, history: &mut History) -> Vec<Run> {
    lead(world, &mut runs);
    runs.iter().for_each(|run| run.add_to(&mut history.said, &mut history.failed));
    for run in &runs {
        queries_are_told(run);
        replies_are_told(run);
        faults_are_true(run);
        proofs_are_told(run, run.walk.is_checked() && !world.resolver.settings.proofs.anchors.is_empty());
        memory_is_true(run, &history.said);
        failures_are_remembered(run, &history.failed);
    }
    runs
}

/// Several clients ask for some of these while time passes; all that they are told is held to the rules.
pub(super) fn ask_around(world: &mut World<'_>, asks: &[Question], lab: &Lab, rng: &mut StdRng) -> usize {
    let (mut walks, mut history) = (0, History::default());
    for _ in 0..6 {
        world.resolver.now = world.resolver.now.plus_secs([0, 0, 1, 20, 400, 4_000][rng.random_range(0..6)]);
        let (now, settings) = (world.resolver.now, &world.resolver.settings);
        let begin = |_| {
            let question = &asks[rng.random_range(0..asks.len())];
            let walk = Walk::new(question.clone(), settings, now);
            Run::new(if rng.random_bool(0.2) { walk.unchecked() } else { walk }, question, now)
        };
        let runs: Vec<Run> = (0..1 + history.said.len() % 3).map(begin).collect();
        let runs = hold(world, runs, &mut history);
        runs.iter().for_each(|run| told_truly(run, &history, lab));
        walks += runs.len();
    }
    walks
}

#[test]
fn what_is_told_is_what_the_network_has_seen() {
    let all = questions();
    let walks = super::each(&worlds(60), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let (trouble, loss) = (rng.random_range(0.0..0.6), [0.0, 0.0, 0.1, 0.3][rng.random_range(0..4)]);
        let families = [Families::Four, Families::Four, Families::Both, Families::SixDead][rng.random_range(0..4)];
        let mut world = World::with_families(&LAB, seed, trouble, loss, families);
        if seed.is_multiple_of(4) {
            world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        }
        ask_around(&mut world, &all, &LAB, &mut rng)
    });
    println!("{} walks", walks.iter().sum::<usize>());
}
