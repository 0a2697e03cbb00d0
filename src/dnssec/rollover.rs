//! Trust anchors that follow a zone through its key rollovers (RFC 5011), without clock, file or socket.
//!
//! A [`Rollover`] is shown each key set of its zone and the moment; it says what changed and when the next one is
//! wanted. What the operator configures is where it begins. When all anchors of a zone are revoked, validation there
//! does not end, as RFC 5011 §5 would have it, but fails: a zone that signs must not become one that anybody may forge.

mod file;
#[cfg(test)]
mod tests;

use std::mem;

use crate::trace::Bogus;
use crate::wire::{Name, RrSet};

use super::key::Key;
use super::limits::{Limits, Spent};
use super::rrsig::Rrsig;
use super::verify::Bench;
use super::{Accepts, Anchor, Anchors};

pub use file::{StateError, read, write};

const DAY_SECS: u64 = 86_400;
/// For how long a new key must be seen before it is trusted, and a revoked one is remembered (RFC 5011 §2.4.1, §4.2).
const HOLD_DOWN_SECS: u64 = 30 * DAY_SECS;
/// For how long a trusted key that is not in the key set is kept.
const KEEP_MISSING_SECS: u64 = 366 * DAY_SECS;
/// Most keys that are followed: a zone with a few hundred new ones must not fill memory and file.
const MAX_KEYS: usize = 16;

/// Where a key stands (RFC 5011 §4.2), and since when, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is new, and trusted only after the hold-down time.
    Pending(u64),
    /// It is trusted.
    Valid(u64),
    /// It is trusted, and was not in the last key set.
    Missing(u64),
    /// Its owner has revoked it.
    Revoked(u64),
    /// It was revoked long ago and is never trusted again.
    Removed(u64),
}

impl State {
    /// Whether its owner has revoked it.
    fn is_out(self) -> bool {
        matches!(self, Self::Revoked(_) | Self::Removed(_))
    }
}

/// A key that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The key, without the REVOKE flag.
    pub key: Key,
    /// Where it stands.
    pub state: State,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new; the hold-down time begins.
    New,
    /// It is trusted from now on.
    Trusted,
    /// It is gone before it was trusted.
    Gone,
    /// It is trusted and not in the key set.
    Missing,
    /// It is in the key set again.
    Back,
    /// Its owner has revoked it; it is not trusted any more.
    Revoked,
    /// It was revoked long ago.
    Removed,
    /// It is trusted and was not in the key set for a year; it is not trusted any more.
    Forgotten,
}

/// What a key set has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What happened, with the tags of the keys.
    pub changes: Vec<(u16, Change)>,
    /// In how many seconds the next key set is wanted.
    pub next_secs: u64,
    /// Why the set is not believed; then nothing but revocations counted.
    pub failed: Option<Bogus>,
}

/// The trust anchors of one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollover {
    zone: Name,
    configured: Vec<Anchor>,
    tracked: Vec<Tracked>,
}

impl Rollover {
    /// Begins with what the operator configures for each zone, and with what was written down earlier. Zones that are
    /// configured no more are left out.
    #[must_use]
    pub fn begin(configured: &Anchors, known: &[(Name, Tracked)]) -> Vec<Self> {
        let each = |(zone, configured): (Name, Vec<Anchor>)| {
            let mut rollover = Self { zone, configured, tracked: Vec::new() };
            rollover.recall(known);
            rollover
        };
        configured.all().into_iter().map(each).collect()
    }

    /// Goes on with what was written down earlier. What was seen before that could be read counts for keys of which it
    /// says nothing, and so does a revocation, which is for ever.
    pub fn recall(&mut self, known: &[(Name, Tracked)]) {
        let known = known.iter().filter(|(owner, _)| *owner == self.zone).map(|(_, tracked)| tracked.clone());
        let seen = mem::replace(&mut self.tracked, known.take(MAX_KEYS).collect());
        for seen in seen {
            let at = self.tracked.iter().position(|tracked| tracked.key.is_same(&seen.key));
            match at {
                Some(at) if seen.state.is_out() => self.tracked[at] = seen,
                None if self.tracked.len() < MAX_KEYS => self.tracked.push(seen),
                _ => {}
            }
        }
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &Name {
        &self.zone
    }

    /// The keys that are followed.
    #[must_use]
    pub fn tracked(&self) -> &[Tracked] {
        &self.tracked
    }

    /// What is trusted now.
    #[must_use]
    pub fn anchors(&self) -> Vec<Anchor> {
        let revoked = || self.tracked.iter().filter(|tracked| tracked.state.is_out());
        let is_out = |anchor: &Anchor| revoked().any(|out| self.names(anchor, &out.key));
        let mut anchors: Vec<Anchor> = self.configured.iter().filter(|anchor| !is_out(anchor)).cloned().collect();
        for tracked in &self.tracked {
            let trusted = matches!(tracked.state, State::Valid(_) | State::Missing(_));
            if trusted && !anchors.iter().any(|anchor| self.names(anchor, &tracked.key)) {
                anchors.push(Anchor::Key(tracked.key.clone()));
            }
        }
        // Of many only the first are tried: those that are in use.
        let missing = |tracked: &&Tracked| matches!(tracked.state, State::Missing(_));
        anchors.sort_by_key(|anchor| self.tracked.iter().filter(missing).any(|away| self.names(anchor, &away.key)));
        // A revoked key signs nothing that is believed, so this fails, and is not taken for a zone without anchors.
        if anchors.is_empty() { self.configured.clone() } else { anchors }
    }

    fn names(&self, anchor: &Anchor, key: &Key) -> bool {
        names(&self.zone, anchor, key)
    }

    /// Takes in the key set of the zone as it was heard at `now_secs`, in seconds since 1970.
    pub fn observe(&mut self, set: &RrSet, accepts: Accepts, limits: &Limits, now_secs: u64) -> Observed {
        let mut spent = Spent::default();
        let clock = u32::try_from(now_secs & u64::from(u32::MAX)).unwrap_or_default();
        let mut bench = Bench { now_secs: clock, accepts, limits, spent: &mut spent };
        let all: Vec<Key> = set.rdatas.iter().filter_map(Key::read).filter(Key::is_entry_point).collect();
        let (revoked, good): (Vec<Key>, Vec<Key>) = all.into_iter().partition(Key::is_revoked);
        let mut changes = Vec::new();
        for key in &revoked {
            changes.extend(self.revoke(key, set, &mut bench, now_secs));
        }
        // RFC 5011 §2.1: nothing else counts in a set that no trusted key signs.
        let failed = bench.keys(&self.zone, set, &self.anchors()).err();
        if failed.is_none() {
            let hold_down_secs = hold_down_secs(set);
            self.forget_absent(&good, now_secs, &mut changes);
            good.iter().for_each(|key| self.see(key, hold_down_secs, now_secs, &mut changes));
        }
        if failed.is_none() {
            self.forget_missing(now_secs, &mut changes);
        }
        for tracked in &mut self.tracked {
            match tracked.state {
                State::Revoked(since) if is_over(since, HOLD_DOWN_SECS, now_secs) => {
                    tracked.state = State::Removed(now_secs);
                    changes.push((tracked.key.tag, Change::Removed));
                }
                // The clock was ahead when this was written down, and the time begins anew; or it is behind, as that of
                // a machine without a battery is at the start, and what begins then is over as soon as it is right. A
                // set that is believed is signed for now.
                State::Pending(since) if since > now_secs && failed.is_none() => {
                    tracked.state = State::Pending(now_secs);
                }
                State::Revoked(since) if since > now_secs => tracked.state = State::Revoked(now_secs),
                _ => {}
            }
        }
        let next_secs = interval_secs(set, clock, failed.is_some());
        Observed { changes, next_secs, failed }
    }

    /// RFC 5011 §2.1: a key that signs the set with its own REVOKE flag is revoked, whatever else signs it.
    fn revoke(&mut self, key: &Key, set: &RrSet, bench: &mut Bench<'_>, now_secs: u64) -> Option<(u16, Change)> {
        let plain = key.without_revoke();
        let configured = self.configured.iter().any(|anchor| self.names(anchor, &plain));
        let at = self.tracked.iter().position(|tracked| tracked.key.is_same(key));
        let trusted = at.map(|at| self.tracked[at].state);
        match trusted {
            Some(state) if state.is_out() => return None,
            None if !configured => return None,
            _ => {}
        }
        bench.verify(set, &self.zone, &[key.as_if_valid()]).ok()?;
        match (trusted, at) {
            (Some(State::Pending(_)), Some(at)) => {
                self.tracked.remove(at);
                Some((plain.tag, Change::Gone))
            }
            (_, Some(at)) => {
                self.tracked[at].state = State::Revoked(now_secs);
                Some((plain.tag, Change::Revoked))
            }
            (_, None) => {
                let tag = plain.tag;
                self.tracked.push(Tracked { key: plain, state: State::Revoked(now_secs) });
                Some((tag, Change::Revoked))
            }
        }
    }

    /// Keys that are not in the set: new ones begin again when they come back, trusted ones are missing.
    fn forget_absent(&mut self, good: &[Key], now_secs: u64, changes: &mut Vec<(u16, Change)>) {
        self.tracked.retain_mut(|tracked| {
            let present = good.iter().any(|key| key.is_same(&tracked.key));
            match tracked.state {
                State::Pending(_) if !present => {
                    changes.push((tracked.key.tag, Change::Gone));
                    false
                }
                State::Valid(_) if !present => {
                    changes.push((tracked.key.tag, Change::Missing));
                    tracked.state = State::Missing(now_secs);
                    true
                }
                _ => true,
            }
        });
    }

    /// A zone that rolls its keys without revoking them would be followed with all that it ever had: RFC 5011 §4.2 sets
    /// no end to that, so a year does, but for what the operator configures.
    fn forget_missing(&mut self, now_secs: u64, changes: &mut Vec<(u16, Change)>) {
        let (zone, configured) = (&self.zone, &self.configured);
        self.tracked.retain(|tracked| {
            let is_old = matches!(tracked.state, State::Missing(since) if is_over(since, KEEP_MISSING_SECS, now_secs));
            let forgotten = is_old && !configured.iter().any(|anchor| names(zone, anchor, &tracked.key));
            if forgotten {
                changes.push((tracked.key.tag, Change::Forgotten));
            }
            !forgotten
        });
    }

    /// A key in a set that is believed.
    fn see(&mut self, key: &Key, hold_down_secs: u64, now_secs: u64, changes: &mut Vec<(u16, Change)>) {
        let configured = self.configured.iter().any(|anchor| self.names(anchor, key));
        let Some(tracked) = self.tracked.iter_mut().find(|tracked| tracked.key.is_same(key)) else {
            if self.has_room() {
                let (state, change) = match configured {
                    true => (State::Valid(now_secs), Change::Trusted),
                    false => (State::Pending(now_secs), Change::New),
                };
                self.tracked.push(Tracked { key: key.clone(), state });
                changes.push((key.tag, change));
            }
            return;
        };
        let change = match tracked.state {
            State::Pending(since) if configured || is_over(since, hold_down_secs, now_secs) => Change::Trusted,
            State::Missing(_) => Change::Back,
            _ => return,
        };
        tracked.state = State::Valid(now_secs);
        changes.push((key.tag, change));
    }
    /// Whether one more key can be followed. What was removed longest ago is forgotten for it (RFC 5011 §4.2), unless
    /// the operator still configures it, or a zone that rolls its key often could roll it no more.
    fn has_room(&mut self) -> bool {
        if self.tracked.len() < MAX_KEYS {
            return true;
        }
        let gone = |(at, tracked): (usize, &Tracked)| match tracked.state {
            State::Removed(since) if !self.configured.iter().any(|anchor| self.names(anchor, &tracked.key)) => {
                Some((since, at))
            }
            _ => None,
        };
        let oldest = self.tracked.iter().enumerate().filter_map(gone).min();
        oldest.map(|(_, at)| self.tracked.remove(at)).is_some()
    }
}

fn names(zone: &Name, anchor: &Anchor, key: &Key) -> bool {
    match anchor {
        Anchor::Ds(ds) => ds.may_name(key) && ds.names(zone, key),
        Anchor::Key(known) => known.is_same(key),
    }
}

/// Whether the hold-down time that began at `since` is over.
fn is_over(since_secs: u64, hold_down_secs: u64, now_secs: u64) -> bool {
    now_secs >= since_secs.saturating_add(hold_down_secs)
}

/// RFC 5011 §2.4.1: 30 days, or the original TTL of the set if that is longer, as caches may have a set without the key
/// for that time.
fn hold_down_secs(set: &RrSet) -> u64 {
    let ttls_secs = set.sigs.iter().filter_map(Rrsig::read).map(|sig| u64::from(sig.original_ttl_secs));
    ttls_secs.max().unwrap_or_default().max(HOLD_DOWN_SECS)
}

/// RFC 5011 §2.3: half of the TTL, or of the life of the signature, between an hour and 15 days; a tenth, up to a
/// day, when the set was not believed.
fn interval_secs(set: &RrSet, now_secs: u32, failed: bool) -> u64 {
    let sigs = set.sigs.iter().filter_map(Rrsig::read);
    let spans = sigs.map(|sig| u64::from(sig.original_ttl_secs.min(sig.left_secs(now_secs))));
    let span_secs = spans.min().unwrap_or_else(|| u64::from(set.ttl_secs));
    let (share, most) = if failed { (span_secs / 10, DAY_SECS) } else { (span_secs / 2, 15 * DAY_SECS) };
    share.min(most).max(RETRY_SECS)
}

/// When a key set that could not be had at all is asked for again (RFC 5011 §2.3: an hour at the least).
pub const RETRY_SECS: u64 = 3600;
