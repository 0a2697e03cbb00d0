//! Two walks for one question, told as one.

use crate::time::{Time, as_us};

use super::entry::Entry;
use super::event::{Event, GoalId};

/// How many goals and asks there were in the walk before, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    goals: u32,
    asks: u32,
    took_us: u64,
}

impl Before {
    /// Counts the `steps` of a walk that took from `started` to `ended`.
    #[must_use]
    pub fn new(steps: &[Entry], started: Time, ended: Time) -> Self {
        let goals = steps.iter().map(|entry| entry.goal.0 + 1).max().unwrap_or_default();
        let asks = steps.iter().filter_map(|entry| entry.event.clone().ask().map(|ask| *ask + 1)).max();
        let took_us = as_us(ended - started);
        Self { goals, asks: asks.unwrap_or_default(), took_us }
    }
}

impl Entry {
    /// The same step of a walk that goes on where another has ended: `before` are the steps until then.
    #[must_use]
    pub fn behind(&self, before: &Before) -> Self {
        let mut event = self.event.clone();
        if let Some(ask) = event.ask() {
            *ask += before.asks;
        }
        if let Event::Goal { parent, .. } = &mut event {
            *parent = Some(parent.map_or(GoalId(0), |parent| GoalId(parent.0 + before.goals)));
        }
        Self { at_us: self.at_us + before.took_us, goal: GoalId(self.goal.0 + before.goals), event }
    }
}

impl Event {
    /// The number of the ask to which it belongs.
    fn ask(&mut self) -> Option<&mut u32> {
        match self {
            Self::Asked { ask, .. }
            | Self::Damaged { ask, .. }
            | Self::Dropped { ask, .. }
            | Self::Explained { ask, .. }
            | Self::Heard { ask, .. }
            | Self::Identified { ask, .. }
            | Self::Ignored { ask, .. }
            | Self::Joined { ask, .. }
            | Self::LastResort { ask, .. }
            | Self::Late { ask, .. }
            | Self::Lost { ask, .. } => Some(ask),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Purpose;
    use crate::wire::{Name, RecordType};

    #[test]
    fn a_walk_behind_another_has_numbers_of_its_own() {
        let name: Name = "www.example".parse().expect("a name");
        let begun = Event::Goal { name: name.clone(), qtype: RecordType::A, purpose: Purpose::Client, parent: None };
        let (start, end) = (Time::from_secs(1), Time::from_secs(3));
        let joined = Event::Joined { ask: 4, zone: name.clone(), name, qtype: RecordType::A };
        let first =
            [Entry::new(start, start, GoalId(0), begun.clone()), Entry::new(end, start, GoalId(2), joined.clone())];
        let before = Before::new(&first, start, end);
        let goal = first[0].behind(&before);
        assert_eq!((goal.goal, goal.at_us), (GoalId(3), 2_000_000));
        assert!(matches!(goal.event, Event::Goal { parent: Some(GoalId(0)), .. }));
        let ask = first[1].behind(&before);
        assert!(ask.goal == GoalId(5) && matches!(ask.event, Event::Joined { ask: 9, .. }));
    }
}
