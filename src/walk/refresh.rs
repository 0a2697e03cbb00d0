//! Fetching an answer anew before its time is over.

use std::time::Duration;

use crate::cache::Delegation;
use crate::trace::{Entry, Event, GoalId, Known};
use crate::wire::RecordType;

use super::requery::is_from_above;
use super::{CLIENT, Turn, Walk};

/// What has at most this part of its life left is fetched anew.
const PART: u64 = 10;

impl Walk {
    /// The same walk for an answer that is known and has only `left` to live. What the caches know on the way to it and
    /// what is about to end as well is set aside: else the answer would be found in them again.
    #[must_use]
    pub fn refreshing(mut self, left: Duration) -> Self {
        self.refresh = true;
        self.log.push(Entry::new(self.started, self.started, CLIENT, Event::Refresh { left_secs: left.as_secs() }));
        self
    }

    /// Whether what `seen` says that a cache knows is set aside.
    pub(super) fn sets_aside(&mut self, id: GoalId, seen: &Event, turn: &Turn<'_, '_>) -> bool {
        let Event::FromCache { known, name, age_secs, left_secs, .. } = seen else { return false };
        // RFC 9520: that a question has failed a moment ago holds for everybody.
        // The second that has begun is counted as left, and may be all but over.
        let is_long = left_secs.saturating_sub(1) * PART > age_secs + left_secs;
        if !self.refresh || id != CLIENT || *known == Known::Failure || is_long {
            return false;
        }
        let event = Event::SetAside { known: *known, name: name.clone(), left_secs: *left_secs };
        self.note(turn, id, event);
        true
    }

    /// Whether this walk begins further up than at a delegation that is known, where nobody but the zone above says who
    /// the servers are.
    pub(super) fn passes_over(&mut self, id: GoalId, cut: &Delegation, turn: &Turn<'_, '_>) -> bool {
        let told = (&cut.from, cut.stored, cut.expires);
        let seen = Event::from_cache(Known::Delegation, (&cut.zone, RecordType::NS), told, turn.now);
        self.note(turn, id, seen.clone());
        is_from_above(cut) && (self.is_left(cut) || self.sets_aside(id, &seen, turn))
    }
}
