//! What was told, the newest first, until its memory is used up.
//!
//! Whoever asks why an answer is as it is wants to know how *that* answer was found, not how it would be found now. So
//! the events of each walk are kept as they are, and become text only when somebody reads them.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Serialize, Serializer};

use crate::trace::Trace;
use crate::wire::Question;

/// Bits of an [`Id`]: too many to guess, few enough to be read out on the telephone.
const ID_BITS: u32 = 48;

/// The name of something that was told: twelve hexadecimal digits, drawn at random, so that whoever was not given it
/// does not find it, and a link from before a restart leads nowhere instead of elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u64);

impl Id {
    fn draw() -> Self {
        Self(rand::random::<u64>() >> (u64::BITS - ID_BITS))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = ID_BITS as usize / 4)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let fits =
            text.len() == ID_BITS as usize / 4 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if fits { u64::from_str_radix(text, 16).map(Self).map_err(|_| NoId) } else { Err(NoId) }
    }
}

/// Text that is no [`Id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not twelve hexadecimal digits")]
pub struct NoId;

/// Something that was told, with its name.
#[derive(Debug)]
pub struct Kept<T> {
    /// Its name.
    pub id: Id,
    /// The thing itself.
    pub told: T,
    bytes: usize,
}

/// The last things that were told, as many as fit into a number of octets.
#[derive(Debug)]
pub struct Ring<T> {
    limit_bytes: usize,
    kept: Mutex<Rows<T>>,
}

#[derive(Debug)]
struct Rows<T> {
    /// The newest last.
    rows: VecDeque<Arc<Kept<T>>>,
    bytes: usize,
}

impl<T> Ring<T> {
    /// A ring that holds `limit_bytes` at most; with 0 it keeps nothing.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, kept: Mutex::new(Rows { rows: VecDeque::new(), bytes: 0 }) }
    }

    /// Keeps what was told, which takes `bytes` octets; the oldest makes room.
    pub fn keep(&self, told: T, bytes: usize) -> Arc<Kept<T>> {
        let bytes = bytes + size_of::<Kept<T>>();
        let kept = Arc::new(Kept { id: Id::draw(), told, bytes });
        if bytes > self.limit_bytes {
            return kept;
        }
        // Freed after the lock is open again: that takes longer than unlinking.
        let mut gone = Vec::new();
        let mut rows = self.kept.lock();
        rows.bytes += bytes;
        rows.rows.push_back(Arc::clone(&kept));
        while rows.bytes > self.limit_bytes {
            let Some(oldest) = rows.rows.pop_front() else { break };
            rows.bytes -= oldest.bytes;
            gone.push(oldest);
        }
        drop(rows);
        kept
    }

    /// What has this name, while it is kept.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<Arc<Kept<T>>> {
        self.newest(|kept| kept.id == id)
    }

    /// The newest that fits.
    pub fn newest(&self, fits: impl Fn(&Kept<T>) -> bool) -> Option<Arc<Kept<T>>> {
        self.kept.lock().rows.iter().rev().find(|kept| fits(kept)).cloned()
    }

    /// All that is kept, the newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Kept<T>>> {
        self.kept.lock().rows.iter().rev().cloned().collect()
    }

    /// How many are kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept.lock().rows.len()
    }

    /// Octets in use.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.kept.lock().bytes
    }
}

/// For whom a walk was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A client asked.
    Query,
    /// An answer in use was about to end.
    Refresh,
    /// Somebody watched.
    Watched,
    /// Somebody watched how it goes when nothing is known.
    Cold,
}

/// A walk that has ended.
#[derive(Debug)]
pub struct Walked {
    /// When it began, in milliseconds since 1970.
    pub unix_ms: u64,
    /// For whom.
    pub occasion: Occasion,
    /// Whether it was made without validation (CD).
    pub checking_disabled: bool,
    /// The story.
    pub trace: Trace,
}

impl Walked {
    /// Whether it answers `question`, and not only for those who check for themselves or for those who watch a cold
    /// walk.
    #[must_use]
    pub fn answers(&self, question: &Question) -> bool {
        !self.checking_disabled
            && self.occasion != Occasion::Cold
            && self.trace.qtype == question.qtype
            && self.trace.name == question.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_and_nothing_else_does() {
        let each = size_of::<Kept<u32>>() + 100;
        let ring = Ring::new(10 * each);
        let ids: Vec<Id> = (0..25_u32).map(|nth| ring.keep(nth, 100).id).collect();
        assert_eq!(ring.all().iter().map(|kept| kept.told).collect::<Vec<_>>(), (15..25).rev().collect::<Vec<_>>());
        assert!(ring.bytes() <= 10 * each);
        assert!(ids[..15].iter().all(|id| ring.get(*id).is_none()));
        assert_eq!(ring.get(ids[20]).map(|kept| kept.told), Some(20));
        assert_eq!(ring.newest(|kept| kept.told % 7 == 0).map(|kept| kept.told), Some(21));
        // What is larger than all of it pushes nothing out.
        ring.keep(99, 11 * each);
        assert_eq!(ring.all().len(), 10);
        let none = Ring::new(0);
        assert!(none.get(none.keep(1, 0).id).is_none());
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for id in [Id(0), Id(0x0000_1234_5678_9abc), Id::draw()] {
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().len(), 12);
        }
        for none in ["", "1", "12345678901G", "+23456789012", "12345678ABCD", "1234567890123"] {
            assert_eq!(none.parse::<Id>(), Err(NoId), "{none}");
        }
    }
}
