//! Scenes: zones, servers and a question in, the trace out. Each is one file beside this one; README.md there says
//! how they are written. `BLESS=1 cargo test --test scenes` writes the traces anew, `SCENE=part-of-a-name` runs
//! some alone. What a scene claims in words (`rcode`, `answer`, `says`, …) is never rewritten.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]

#[path = "../common/resolver.rs"]
mod resolver;
mod script;
mod stage;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rootwalk::cache::Shown;
use rootwalk::trace::{Entry, Event, GoalId, Purpose};
use rootwalk::wire::Question;
use rootwalk::wire::text::{rcode_name, record_text, set_lines};

use resolver::{Ended, Resolver};
use script::{Claim, Scene, Step};
use stage::Stage;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenes")
}

fn scenes() -> Vec<PathBuf> {
    let wanted = std::env::var("SCENE").unwrap_or_default();
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "scene")).collect();
    paths.retain(|path| path.display().to_string().contains(&wanted));
    paths.sort();
    paths
}

#[test]
fn every_scene_goes_as_written() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    let paths = scenes();
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let (played, complaints) = scene(&text);
        let name = path.file_stem().unwrap().to_string_lossy();
        wrong.extend(complaints.iter().map(|complaint| format!("{name}: {complaint}")));
        if played == text {
            continue;
        }
        if bless {
            std::fs::write(path, &played).unwrap();
        } else {
            wrong.push(format!("{name}: the trace is another one; BLESS=1 writes it\n{}", difference(&text, &played)));
        }
    }
    assert!(!paths.is_empty());
    assert!(wrong.is_empty(), "{} complaints about {} scenes:\n{}", wrong.len(), paths.len(), wrong.join("\n"));
}

/// Plays a scene; returns its text with the traces that came, and what did not come as the scene claims.
fn scene(text: &str) -> (String, Vec<String>) {
    let scene = Scene::read(text);
    let mut complaints = Vec::new();
    let mut traces = Vec::new();
    let mut stage = Stage::new();
    let mut resolver: Option<Resolver> = None;
    let mut rtts = Vec::new();
    for (line, step) in &scene.steps {
        if let Some(resolver) = &resolver
            && let Some(complaint) = look(resolver, step)
        {
            complaints.push(format!("line {line}: {complaint}"));
        }
        match step {
            Step::Zone(zone) => stage.zone(zone.clone()),
            Step::Server(server) => stage.server(server.clone()),
            Step::Set(key, value) => stage.set(key, value),
            Step::Rtt(addr, ms) => rtts.push((*addr, Duration::from_millis(*ms))),
            Step::Wait(secs) => {
                let resolver = resolver.as_mut().expect("ask before you wait");
                resolver.now = resolver.now.plus_secs(*secs);
            }
            Step::Ask(question, claims) => {
                stage.build();
                let resolver = resolver.get_or_insert_with(|| Resolver::new(stage.settings(), 1));
                resolver.settings = stage.settings();
                for (addr, rtt) in rtts.drain(..) {
                    resolver.servers.heard(
                        addr,
                        Shown { rtt, over_udp: true, edns: false, cookie: true },
                        resolver.now,
                    );
                }
                let ended = resolver.resolve(question, |ask, now| stage.exchange(ask, now));
                let trace = told(&ended, text.contains("riming"));
                let missed = claims
                    .iter()
                    .filter_map(|(line, claim)| Some(format!("line {line}: {}", miss(claim, &ended, &trace)?)));
                complaints.extend(missed);
                traces.push(trace);
            }
            Step::Known(..) | Step::Unknown(..) | Step::Cut(..) => {}
        }
    }
    (scene.with_traces(&traces), complaints)
}

/// What is wrong with the caches.
fn look(resolver: &Resolver, step: &Step) -> Option<String> {
    let Resolver { cache, now, .. } = resolver;
    let known = |Question { name, qtype, .. }: &Question| {
        cache.set(name, *qtype, *now).is_some() || cache.denial(name, *qtype, *now).is_some()
    };
    match step {
        Step::Known(question) if !known(question) => Some("the cache does not have it".to_owned()),
        Step::Unknown(question) if known(question) => Some("the cache has it".to_owned()),
        Step::Cut(zone, secs) => {
            let left = cache.delegation(zone, *now).map(|cut| (cut.expires - *now).as_secs());
            (left != *secs).then(|| format!("the delegation lives for {left:?} s"))
        }
        _ => None,
    }
}

/// The trace as it stands in a scene: what is essential, the same from run to run.
fn told(ended: &Ended, show_priming: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let hidden = |entry: &&Entry| !show_priming && priming(&ended.log) == Some(entry.goal);
    for entry in ended.log.iter().filter(|entry| !hidden(entry)) {
        // The last lines say how the whole thing ended.
        // Who may be asked stands in the scene itself.
        let is_plain = matches!(entry.event, Event::Entered { .. });
        if is_plain || entry.goal == GoalId(0) && matches!(entry.event, Event::Goal { .. } | Event::Ended { .. }) {
            continue;
        }
        let mut text = entry.event.to_string();
        if let Event::Asked { choice, name, .. } = &entry.event {
            text = text.replace(&format!("; {choice}"), "").replace(&name.to_string(), &name.to_lower().to_string());
        }
        let mut line = format!("{:>4} ", entry.at_us / 1000);
        let _ = write!(line, "[{}] {text}", entry.goal.0);
        lines.push(line);
    }
    let cost = format!("{} queries, {} ms", ended.budget.queries(), ended.took.as_millis());
    lines.push(format!("= {}, {cost}", rcode_name(ended.outcome.rcode)));
    lines.extend(ended.outcome.failure.iter().map(|failure| format!("= {failure}")));
    for (mark, sets) in [("=", &ended.outcome.answer), ("= authority:", &ended.outcome.authority)] {
        lines.extend(
            sets.iter()
                .flat_map(set_lines)
                .filter(|line| !line.contains(" IN RRSIG "))
                .map(|line| format!("{mark} {line}")),
        );
    }
    lines
}

/// The goal that asks the root for its servers: the same in most scenes, and shown in those about it.
fn priming(log: &[Entry]) -> Option<GoalId> {
    let of = |entry: &Entry| matches!(entry.event, Event::Goal { purpose: Purpose::Priming, .. });
    log.iter().find(|entry| of(entry)).map(|entry| entry.goal)
}

/// How an outcome differs from what a scene claims.
fn miss(claim: &Claim, ended: &Ended, trace: &[String]) -> Option<String> {
    match claim {
        Claim::Rcode(code) => {
            let got = rcode_name(ended.outcome.rcode);
            (*got != **code).then(|| format!("claimed {code}, came {got}"))
        }
        Claim::Answer(records) => {
            let mut want: Vec<String> = records.iter().map(|record| record_text(record).to_string()).collect();
            let mut got: Vec<String> =
                ended.outcome.answer.iter().flat_map(set_lines).filter(|line| !line.contains(" IN RRSIG ")).collect();
            want.sort();
            got.sort();
            (want != got).then(|| format!("claimed {want:?}, came {got:?}"))
        }
        Claim::Says(text) => {
            (!trace.iter().any(|line| line.contains(text))).then(|| format!("no line of the trace says `{text}`"))
        }
        Claim::Never(text) => {
            trace.iter().find(|line| line.contains(text)).map(|line| format!("the trace says `{line}`"))
        }
        Claim::Queries(most) => {
            let got = ended.budget.queries();
            (got > *most).then(|| format!("claimed at most {most} queries, came {got}"))
        }
        Claim::Millis(most) => {
            let got = ended.took.as_millis();
            (got > u128::from(*most)).then(|| format!("claimed at most {most} ms, came {got}"))
        }
    }
}

/// The lines that are in only one of two texts.
fn difference(old: &str, new: &str) -> String {
    let only = |mark, these: &str, those: &str| {
        let others: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !others.contains(line)).map(|line| format!("  {mark} {line}\n")).collect::<String>()
    };
    only('-', old, new) + &only('+', new, old)
}
