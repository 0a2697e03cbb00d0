//! Names at which there is no zone cut, as far as was seen, or one between zones on the same servers: nobody has to be
//! asked about those once more on the way to a name below them (RFC 9156 §3, step 5).
//!
//! That is all that is kept of replies to minimised questions. It answers nothing: where it is wrong, by the time that
//! has passed or by a lie, the servers of the zone above see more of a name, and refer as they would have before. What
//! was kept of the records themselves could be forged as often as somebody makes up names below them.

use std::sync::Arc;

use super::Cache;
use super::key::Store;
use super::pace::LIFE_SECS;
use crate::time::Time;
use crate::trace::Source;
use crate::wire::Name;

/// Who has shown it.
#[derive(Debug)]
pub struct NoCut {
    /// From whom it is known.
    pub from: Source,
    /// When it was seen.
    pub stored: Time,
    /// From when on it is looked at again.
    pub expires: Time,
}

impl NoCut {
    pub(super) fn heap_bytes(&self) -> usize {
        self.from.heap_bytes()
    }
}

impl Cache {
    /// Whether it was seen within the last 15 minutes that there is no zone cut at `name`.
    #[must_use]
    pub fn no_cut(&self, name: &Name, now: Time) -> Option<Arc<NoCut>> {
        self.fresh(&self.hashed(name).name_key(Store::NoCut), now)
    }

    /// Keeps that there is no zone cut at `name`.
    pub fn put_no_cut(&self, name: &Name, from: Source, now: Time) {
        let no_cut = NoCut { from, stored: now, expires: now.plus_secs(LIFE_SECS) };
        self.put(self.hashed(name).name_key(Store::NoCut), Arc::new(no_cut));
    }
}
