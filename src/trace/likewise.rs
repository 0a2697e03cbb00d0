//! Queries that went wrong as others did before them. Where nobody can be reached the walk asks every server it knows,
//! for each of its goals; a terminal shows the first of them, and how many came to the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::wire::{Name, RecordType};

use super::entry::Entry;
use super::event::{Event, GoalId, Verdict};
use super::why::Transport;
use super::wrong::Wrong;

/// As many as this after the first are worth a line that stands for them: more than a walk sends to the two or three
/// servers that most zones have, where each query is a part of the story.
const ENOUGH: usize = 8;

/// What was asked, for what, and what became of it, whoever was asked.
#[derive(PartialEq)]
struct Fate<'a> {
    goal: GoalId,
    zone: &'a Name,
    name: Name,
    qtype: RecordType,
    transport: Transport,
    late: bool,
    wrong: Option<&'a Wrong>,
    /// Whether something was told of it besides.
    odd: bool,
}

/// The steps of which one at the end tells.
#[derive(Default)]
pub(super) struct Likewise {
    /// The asks of those steps.
    asks: HashSet<u32>,
    /// The last step of each group, by its place in memory, and what stands there for all of them.
    last: HashMap<*const Entry, String>,
}

/// What is shown of a step.
pub(super) enum Shown<'a> {
    /// All of it.
    Whole,
    /// Nothing: a later line stands for it.
    Nothing,
    /// This, which stands for others as well.
    Instead(&'a str),
}

impl Likewise {
    pub(super) fn of(steps: &[Entry]) -> Self {
        let mut groups: Vec<(Fate<'_>, Vec<u32>)> = Vec::new();
        for (ask, fate) in fates(steps) {
            match groups.iter_mut().find(|(one, _)| *one == fate) {
                Some((_, asks)) => asks.push(ask),
                None => groups.push((fate, vec![ask])),
            }
        }
        let mut found = Self::default();
        for (fate, asks) in &groups {
            let more = asks.get(1..).unwrap_or_default();
            let end = match (fate.wrong, fate.late) {
                (Some(wrong), _) => wrong.to_string(),
                (None, true) => "was silent".to_owned(),
                (None, false) => continue,
            };
            if fate.odd || more.len() < ENOUGH {
                continue;
            }
            let instead = format!("{} more queries, and each time the server {end} (`| cat` shows each)", more.len());
            let is_one = |entry: &&Entry| ask_of(&entry.event).is_some_and(|ask| more.contains(&ask));
            found.last.extend(steps.iter().rfind(is_one).map(|entry| (std::ptr::from_ref(entry), instead)));
            found.asks.extend(more);
        }
        found
    }

    pub(super) fn shown(&self, entry: &Entry) -> Shown<'_> {
        match (self.last.get(&std::ptr::from_ref(entry)), ask_of(&entry.event)) {
            (Some(instead), _) => Shown::Instead(instead),
            (None, Some(ask)) if self.asks.contains(&ask) => Shown::Nothing,
            _ => Shown::Whole,
        }
    }
}

fn fates(steps: &[Entry]) -> BTreeMap<u32, Fate<'_>> {
    let mut fates = BTreeMap::new();
    for entry in steps {
        let Some(ask) = ask_of(&entry.event) else { continue };
        match (&entry.event, fates.get_mut(&ask)) {
            (Event::Asked { zone, name, qtype, transport, .. }, _) => {
                let (goal, name, qtype, transport) = (entry.goal, name.to_lower(), *qtype, *transport);
                let fate = Fate { goal, zone, name, qtype, transport, late: false, wrong: None, odd: false };
                fates.insert(ask, fate);
            }
            (Event::Late { .. }, Some(fate)) => fate.late = true,
            (Event::Lost { wrong, .. } | Event::Heard { verdict: Verdict::Wrong(wrong), .. }, Some(fate)) => {
                fate.wrong = Some(wrong);
            }
            (_, Some(fate)) => fate.odd = true,
            (_, None) => {}
        }
    }
    fates
}

/// The ask of which an event tells.
pub(super) fn ask_of(event: &Event) -> Option<u32> {
    match event {
        Event::Asked { ask, .. }
        | Event::Joined { ask, .. }
        | Event::Heard { ask, .. }
        | Event::Identified { ask, .. }
        | Event::Explained { ask, .. }
        | Event::Late { ask, .. }
        | Event::Lost { ask, .. }
        | Event::LastResort { ask, .. }
        | Event::Ignored { ask, .. }
        | Event::Dropped { ask, .. }
        | Event::Damaged { ask, .. } => Some(*ask),
        _ => None,
    }
}
