//! The order in which steps are read: what was dropped from a reply stands below the reply, in one line for each
//! reason, and what the cache has just been told by this very walk is not told as its news.

use std::collections::{HashMap, HashSet};

use crate::wire::text::type_name;

use super::entry::Entry;
use super::event::{Event, GoalId, Purpose};
use super::report::Trace;
use super::source::Known;
use super::tone::Tone;
use super::why::DropWhy;
use super::words::{Few, counted};

/// Records that are named in one line; the others are counted.
const MAX_LISTED: usize = 4;

/// One thing that is told.
pub(super) enum Item<'a> {
    /// What happened.
    Step(&'a Entry),
    /// Records that were not used: the first of them, its ask, and the sentence about all.
    Dropped(&'a Entry, u32, String),
}

/// The steps in the order in which they are read.
pub(super) fn fold(mut steps: &[Entry]) -> Vec<Item<'_>> {
    let mut told = Vec::with_capacity(steps.len());
    while let [entry, rest @ ..] = steps {
        let count = steps.iter().take_while(|entry| matches!(entry.event, Event::Dropped { .. })).count();
        let (records, behind) = steps.split_at(count);
        steps = match (count, behind) {
            (0, _) => {
                told.push(Item::Step(entry));
                rest
            }
            (_, [reply @ Entry { event: Event::Heard { .. }, .. }, rest @ ..]) => {
                told.push(Item::Step(reply));
                told.extend(dropped(records));
                rest
            }
            (_, rest) => {
                told.extend(dropped(records));
                rest
            }
        };
    }
    let mut entered = HashSet::new();
    told.retain(|item| match item {
        Item::Step(Entry { event: Event::Entered { zone, .. }, .. }) => {
            entered.insert(zone);
            true
        }
        // Each goal begins in the cache: at a zone where this walk has been, that is no news.
        Item::Step(Entry { event: Event::FromCache { known: Known::Delegation, name, .. }, .. }) => {
            !entered.contains(name)
        }
        _ => true,
    });
    told
}

/// One line for each reason for which records of a reply were not used.
fn dropped(entries: &[Entry]) -> impl Iterator<Item = Item<'_>> {
    let mut lines: Vec<(u32, DropWhy, &Entry, Vec<String>)> = Vec::new();
    for entry in entries {
        let Event::Dropped { ask, owner, rtype, why } = &entry.event else { continue };
        let record = format!("{owner} {}", type_name(*rtype));
        match lines.iter_mut().find(|line| (line.0, line.1) == (*ask, *why)) {
            Some((.., records)) => records.push(record),
            None => lines.push((*ask, *why, entry, vec![record])),
        }
    }
    lines.into_iter().map(|(ask, why, entry, records)| {
        let count = counted(records.len(), "record", "records");
        Item::Dropped(entry, ask, format!("dropped {count}, {why}: {}", listed(&records)))
    })
}

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Microseconds since the walk began.
    pub at_us: u64,
    /// How deep the goal is nested for which it happened.
    pub depth: usize,
    /// What kind of news it is.
    pub tone: Tone,
    /// What happened, in words.
    pub text: String,
}

impl Trace {
    /// The steps as sentences, in the order in which they are read.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let (depths, titles) = (depths(&self.steps), titles(&self.steps));
        let line = |told: Item<'_>| {
            let (entry, tone, text) = match told {
                Item::Step(entry) => (entry, entry.event.tone(), sentence(entry, &titles)),
                Item::Dropped(entry, _, text) => (entry, Tone::Odd, text),
            };
            Line { at_us: entry.at_us, depth: depths.get(&entry.goal).copied().unwrap_or(0), tone, text }
        };
        fold(&self.steps).into_iter().map(line).collect()
    }
}

/// How deep each goal is nested.
pub(super) fn depths(steps: &[Entry]) -> HashMap<GoalId, usize> {
    let mut depths = HashMap::new();
    for entry in steps {
        if let Event::Goal { parent, .. } = &entry.event {
            let above = parent.and_then(|parent| depths.get(&parent).copied());
            depths.insert(entry.goal, above.map_or(0, |depth: usize| depth + 1));
        }
    }
    depths
}

/// What each goal is about.
pub(super) fn titles(steps: &[Entry]) -> HashMap<GoalId, String> {
    let title = |entry: &Entry| {
        let Event::Goal { name, qtype, purpose, .. } = &entry.event else { return None };
        let title = match purpose {
            Purpose::Priming => "the list of root servers".to_owned(),
            Purpose::StubPriming { zone } => format!("the list of servers of {zone}"),
            _ => format!("{name} {}", type_name(*qtype)),
        };
        Some((entry.goal, title))
    };
    steps.iter().filter_map(title).collect()
}

/// What happened, in words; an end with what has ended, as it stands far below its beginning.
pub(super) fn sentence(entry: &Entry, titles: &HashMap<GoalId, String>) -> String {
    match (&entry.event, titles.get(&entry.goal)) {
        (Event::Ended { .. }, Some(title)) => format!("{title}: {}", entry.event),
        (event, _) => event.to_string(),
    }
}

/// Names the first few, each once, and counts the rest.
fn listed(records: &[String]) -> String {
    let mut each: Vec<&str> = Vec::new();
    for record in records {
        if !each.contains(&record.as_str()) {
            each.push(record);
        }
    }
    Few(&each, MAX_LISTED).to_string()
}
