//! An event of a walk with its moment.

use serde::{Serialize, Serializer};

use crate::time::{Time, as_us};

use super::event::{Event, GoalId};
use super::tone::Tone;

/// One event with its moment and the goal that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Microseconds since the walk began.
    pub at_us: u64,
    /// The goal for which it happened.
    pub goal: GoalId,
    /// What happened. `text` is the same in words, `tone` is the kind of news: `heading`, `asked`, `good`, `cache`,
    /// `odd` or `bad`.
    #[serde(flatten, serialize_with = "in_words")]
    pub event: Event,
}

impl Entry {
    /// Notes that `event` happened at `now` in a walk that began at `started`.
    #[must_use]
    pub fn new(now: Time, started: Time, goal: GoalId, event: Event) -> Self {
        let at_us = as_us(now - started);
        Self { at_us, goal, event }
    }
}

/// For serde: an event and the same in words.
fn in_words<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told<'a> {
        #[serde(flatten)]
        event: &'a Event,
        tone: Tone,
        text: String,
    }
    Told { event, tone: event.tone(), text: event.to_string() }.serialize(serializer)
}
