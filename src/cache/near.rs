//! What is about to be looked up, brought from memory.

use std::hint::black_box;

use smallvec::SmallVec;

use super::Cache;
use super::facts::{Answer, AnswerKey};
use super::key::Store;

/// Keys for which there is room without an allocation, as many as come together.
const AT_ONCE: usize = 32;

impl Cache {
    /// Reads what [`Cache::ready`] will read under these keys, one straight after the other. None of these looks needs
    /// what another has found, so the processor waits for memory once for several of them; with a whole answer written
    /// between two looks, or a name hashed, it would wait for each. It is no use of what is read, and what others have
    /// locked is passed over.
    pub fn draw_near<'a>(&self, keys: impl Iterator<Item = AnswerKey<'a>>) {
        let places = keys.map(|key| {
            let hashed = self.hashed_wire(key.qname_wire);
            (hashed.filed(key.qtype, Store::Sets, 0), self.answer_of(&key, hashed))
        });
        let places: SmallVec<[_; AT_ONCE]> = places.collect();
        let mut seen = None;
        for (set, answer) in &places {
            // All of a name lies in one shard.
            let Some(shard) = self.shard(set).try_lock() else { continue };
            let set = shard.peek_set(set).map(|set| set.expires);
            seen = seen.max(set.or_else(|| Some(shard.peek::<Answer>(answer)?.expires)));
        }
        black_box(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rank, Ready, TtlLimits};
    use super::*;
    use crate::time::Time;
    use crate::trace::Source;
    use crate::wire::{Name, RecordType, RrSet};

    fn key(name: &Name) -> AnswerKey<'_> {
        AnswerKey { qname_wire: name.wire(), qtype: RecordType::A.into(), dnssec_ok: false, checking_disabled: false }
    }

    /// Of two full caches, in one of which the oldest is always drawn near, both have the same.
    #[test]
    fn what_is_drawn_near_is_not_used() {
        const COUNT: usize = 8000;
        let caches = [(); 2].map(|()| Cache::new(1 << 20, (1, 2), TtlLimits::default()));
        let names: Vec<Name> = (0..COUNT).map(|nth| format!("n{nth}.example").parse().expect("a name")).collect();
        let now = Time::ZERO;
        for name in &names {
            for cache in &caches {
                let set = RrSet::new(name.clone(), RecordType::A, 60, [&[192, 0, 2, 1][..]]);
                cache.put_set(set.clone(), Rank::AuthAnswer, Source::Local, now);
                cache.mark_plain(&key(name), &set, false, now);
            }
            caches[1].draw_near(names[..100].iter().map(key));
        }
        let known = caches.map(|cache| {
            let ready = |name: &&Name| cache.ready(&key(name), now, None).and_then(Ready::plain).is_some();
            names.iter().filter(ready).cloned().collect::<Vec<_>>()
        });
        assert!(known[0].len() < COUNT && known[0].contains(&names[COUNT - 1]), "the first were given up for the last");
        assert_eq!(known[0], known[1]);
    }
}
