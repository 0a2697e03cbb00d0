//! A record set as it is kept: in two small blocks, without the name under which it is found.
//!
//! Most of what a cache holds is the answer to one question and nothing else: one set under the very name and type that
//! were asked. Such a set is not kept a second time as an answer ready to send; it is marked as [`Plain`], and the
//! answer is written from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Cache;
use super::facts::{Answer, AnswerKey, KnownSet, PER_BLOCK, sets_heap};
use super::key::Store;
use super::rank::{Rank, Security};
use super::usage::{Due, used};
use crate::dnssec::are_same;
use crate::time::Time;
use crate::trace::Source;
use crate::wire::{Name, Octets, Rdatas, RecordType, RrSet};

/// Octets of data that stand in the entry itself: one A or AAAA record with its length.
const INLINE: usize = 22;

/// A record set, all but its name and type.
#[derive(Debug)]
pub(super) struct HeldSet {
    pub(super) stored: Time,
    pub(super) expires: Time,
    pub(super) ttl_secs: u32,
    pub(super) rank: Rank,
    pub(super) security: Security,
    /// For whom the set is the whole answer: bit 0 those who want it checked, bit 1 those who do not (CD).
    plain_for: AtomicU8,
    uses: AtomicU8,
    due_secs: AtomicU32,
    /// Octets that it takes besides itself.
    heap_bytes: u32,
    from: Source,
    data: Data,
    more: Option<Box<More>>,
}

/// The data of the records.
#[derive(Clone, Debug)]
enum Data {
    Inline { len: u8, octets: [u8; INLINE] },
    Block(Rdatas),
}

/// What few sets have.
#[derive(Debug)]
struct More {
    sigs: Rdatas,
    proof: Box<[RrSet]>,
}

/// A set that is the whole answer to the question for it.
#[derive(Clone, Debug)]
pub struct Plain {
    data: Data,
    /// The signatures over it.
    pub sigs: Rdatas,
    /// Its TTL as it stands now, in seconds.
    pub ttl_secs: u32,
    /// Whether it was proved.
    pub secure: bool,
    /// When it was stored.
    pub stored: Time,
    /// From when on it may not be used.
    pub expires: Time,
    /// Whether it ends soon and this user is the one who has to fetch it anew.
    pub is_due: bool,
}

impl Plain {
    /// The whole answer that was found `now`.
    #[must_use]
    pub fn new(set: &RrSet, secure: bool, now: Time) -> Self {
        let (data, sigs, ttl_secs) = (Data::new(&set.rdatas), set.sigs.clone(), set.ttl_secs);
        Self { data, sigs, ttl_secs, secure, stored: now, expires: now.after_ttl(ttl_secs), is_due: false }
    }

    /// The data of each record, behind its length of two octets.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.data.octets()
    }
}

/// An answer that only needs to be sent.
#[derive(Clone, Debug)]
pub enum Ready {
    /// Written already.
    Written(Arc<Answer>),
    /// One set, from which it is written.
    Plain(Plain),
}

impl Ready {
    /// When it was stored, and from when on it may not be used.
    #[must_use]
    pub fn times(&self) -> (Time, Time) {
        match self {
            Self::Written(answer) => (answer.stored, answer.expires),
            Self::Plain(plain) => (plain.stored, plain.expires),
        }
    }

    /// The answer, if it is one that is written already.
    #[must_use]
    pub fn written(self) -> Option<Arc<Answer>> {
        if let Self::Written(answer) = self { Some(answer) } else { None }
    }

    /// The set, if it is one.
    #[must_use]
    pub fn plain(self) -> Option<Plain> {
        if let Self::Plain(plain) = self { Some(plain) } else { None }
    }
}

impl Data {
    fn new(rdatas: &Rdatas) -> Self {
        let block = rdatas.block();
        let mut octets = [0; INLINE];
        match (octets.get_mut(..block.len()), u8::try_from(block.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(block);
                Self::Inline { len, octets }
            }
            _ => Self::Block(rdatas.clone()),
        }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Inline { len, octets } => &octets[..usize::from(*len)],
            Self::Block(rdatas) => rdatas.block(),
        }
    }

    fn rdatas(&self) -> Rdatas {
        match self {
            Self::Inline { .. } => Rdatas::from_block(self.octets()),
            Self::Block(rdatas) => rdatas.clone(),
        }
    }
}

impl HeldSet {
    pub(super) fn new(known: KnownSet) -> Self {
        let KnownSet { set, proof, rank, security, from, stored, expires } = known;
        let more = (!set.sigs.is_empty() || !proof.is_empty()).then(|| Box::new(More { sigs: set.sigs, proof }));
        let (plain_for, uses, due_secs) = (AtomicU8::new(0), AtomicU8::new(0), AtomicU32::new(0));
        let (ttl_secs, data) = (set.ttl_secs, Data::new(&set.rdatas));
        let heap_bytes = heap_bytes(&data, more.as_deref(), &from);
        Self { stored, expires, ttl_secs, rank, security, plain_for, uses, due_secs, heap_bytes, from, data, more }
    }

    /// The set as it was put, under the name by which it was found.
    pub(super) fn known(&self, owner: &Name, rtype: RecordType) -> KnownSet {
        let Self { stored, expires, ttl_secs, rank, security, .. } = *self;
        let (rdatas, sigs) = (self.data.rdatas(), self.sigs());
        let set = RrSet { owner: owner.to_lower(), rtype, ttl_secs, rdatas, sigs };
        let proof = self.more.as_ref().map(|more| more.proof.clone()).unwrap_or_default();
        KnownSet { set, proof, rank, security, from: self.from.clone(), stored, expires }
    }

    fn sigs(&self) -> Rdatas {
        self.more.as_ref().map(|more| more.sigs.clone()).unwrap_or_default()
    }

    /// Whether the records are those of `set`, in any order.
    pub(super) fn is(&self, set: &RrSet) -> bool {
        let is_block = self.data.octets() == set.rdatas.block();
        (is_block || are_same(set.rtype, &self.data.rdatas(), &set.rdatas))
            && are_same(RecordType::RRSIG, &self.sigs(), &set.sigs)
    }

    /// Whether it is known by its own name.
    pub(super) fn has_a_name(&self) -> bool {
        self.rank > Rank::BehindAlias || self.security == Security::Secure
    }

    /// Whether it was good and is over.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.security > Security::Unchecked && self.expires <= now
    }

    /// Whether it is not given up for what is not judged: it was proved and holds, or is all there is to serve when its
    /// time is over.
    pub(super) fn is_needed(&self, now: Time) -> bool {
        self.is_over(now) || self.security == Security::Secure && self.expires > now
    }

    fn has_proof(&self) -> bool {
        self.more.as_ref().is_some_and(|more| !more.proof.is_empty())
    }

    /// Notes that the set is the whole answer; false where it cannot be.
    pub(super) fn mark_plain(&self, checking_disabled: bool) -> bool {
        let fits = self.has_a_name() && !self.has_proof();
        if fits {
            self.plain_for.store(self.plain_for.load(Relaxed) | bit(checking_disabled), Relaxed);
        }
        fits
    }

    /// The whole answer, if it is that; `due` is when it is fetched anew.
    pub(super) fn plain(&self, checking_disabled: bool, now: Time, due: Option<Due>) -> Option<Plain> {
        if self.expires <= now || self.plain_for.load(Relaxed) & bit(checking_disabled) == 0 {
            return None;
        }
        Some(Plain {
            data: self.data.clone(),
            sigs: self.sigs(),
            ttl_secs: self.ttl_secs.saturating_sub(now.secs_since(self.stored)),
            secure: self.security == Security::Secure,
            stored: self.stored,
            expires: self.expires,
            is_due: due.is_some_and(|due| used((&self.uses, &self.due_secs), (self.stored, self.expires), now, due)),
        })
    }

    /// It counts as proved no longer.
    pub(super) fn distrust(&mut self) {
        self.security = self.security.min(Security::Insecure);
        self.plain_for.store(0, Relaxed);
    }

    /// Octets that it takes besides itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heap_bytes as usize
    }
}

/// Octets that a set takes besides itself.
fn heap_bytes(data: &Data, more: Option<&More>, from: &Source) -> u32 {
    let block = match data {
        Data::Inline { .. } => 0,
        Data::Block(rdatas) => rdatas.heap_bytes() + PER_BLOCK,
    };
    let more = more.map_or(0, |more| {
        size_of::<More>() + 3 * PER_BLOCK + more.sigs.heap_bytes() + size_of_val(&*more.proof) + sets_heap(&more.proof)
    });
    u32::try_from(block + more + from.heap_bytes()).unwrap_or(u32::MAX)
}

fn bit(checking_disabled: bool) -> u8 {
    1 << u8::from(checking_disabled)
}

impl Cache {
    /// The answer for `key`, if it is known and fresh: the set that is the whole of it, or the answer that was written.
    /// This is the hottest path: one keyed hash, one lock, no allocation. With `due` it counts as a use of the set.
    #[must_use]
    pub fn ready(&self, key: &AnswerKey<'_>, now: Time, due: Option<Due>) -> Option<Ready> {
        let hashed = self.hashed_wire(key.qname_wire);
        let at = hashed.filed(key.qtype, Store::Sets, 0);
        // All of a name lies in one shard.
        let mut shard = self.shard(&at).lock();
        // One look in eight moves it to the front of the order of use: what is used often stays there all the same, and
        // two threads hardly ever write to the same links.
        let held = if now.micros().is_multiple_of(8) { shard.set(&at) } else { shard.peek_set(&at) };
        let held = held.filter(|held| !self.is_forgotten(held.stored));
        if let Some(plain) = held.and_then(|held| held.plain(key.checking_disabled, now, due)) {
            return Some(Ready::Plain(plain));
        }
        let answer = shard.get::<Answer>(&self.answer_of(key, hashed))?;
        (answer.expires > now && !self.is_forgotten(answer.stored)).then(|| Ready::Written(Arc::clone(answer)))
    }

    /// Notes that `set` is the whole answer to the question for it, under `key`, so that no answer need be kept beside
    /// it: one in the same form is forgotten, and with another DO what is older and would be served stale. False when
    /// it is not the one that is known, or was known before all answers were forgotten; then the answer has to be kept,
    /// unless this cache is retired.
    pub fn mark_plain(&self, key: &AnswerKey<'_>, set: &RrSet, secure: bool, now: Time) -> bool {
        if !self.is_current() || self.is_retired() {
            return false;
        }
        let hashed = self.hashed_wire(key.qname_wire);
        let at = hashed.filed(key.qtype, Store::Sets, 0);
        // All of a name lies in one shard.
        let mut shard = self.shard(&at).lock();
        let mark = |held: &HeldSet| {
            let is_known = held.expires > now && !self.is_forgotten(held.stored);
            let is_it = is_known && held.is(set) && secure == (held.security == Security::Secure);
            is_it && held.mark_plain(key.checking_disabled)
        };
        if !shard.peek_set(&at).is_some_and(mark) {
            return false;
        }
        let failure = (!key.checking_disabled).then(|| hashed.filed(key.qtype, Store::Failures, 0));
        let gone = [failure.and_then(|failure| shard.remove(&failure)), shard.remove(&self.answer_of(key, hashed))];
        let other = self.answer_of(&AnswerKey { dnssec_ok: !key.dnssec_ok, ..*key }, hashed);
        let is_over = |answer: &Arc<Answer>| answer.is_stopgap() || answer.expires <= now;
        let older = shard.peek(&other).is_some_and(is_over).then(|| shard.remove(&other));
        drop(shard);
        drop((gone, older));
        true
    }

    /// The set for `key` is not the whole answer any more.
    pub fn unmark_plain(&self, key: &AnswerKey<'_>) {
        let at = self.hashed_wire(key.qname_wire).filed(key.qtype, Store::Sets, 0);
        self.look_at_set(&at, |held| Some(held.plain_for.fetch_and(!bit(key.checking_disabled), Relaxed)));
    }

    /// The same source, in memory that others share.
    pub(super) fn shared(&self, from: Source) -> Source {
        let Some(informant) = from.informant() else { return from };
        let mut octets: SmallVec<[u8; 64]> = SmallVec::from_slice(informant.zone.wire());
        octets.extend_from_slice(&Octets::from(informant.addr));
        let hash = self.stores.hasher.hash(&octets).h1;
        self.stores.informants.share(from, hash)
    }
}

/// Few servers tell most of what is known: the sources of what is kept share their memory.
pub(super) struct Informants(Box<[Mutex<Source>]>);

impl Informants {
    /// Room for `count` servers, a power of two.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).map(|_| Mutex::new(Source::Local)).collect())
    }

    /// A source that is equal to `from`, the one that others hold if there is one; `hash` is a keyed hash of it.
    pub(super) fn share(&self, from: Source, hash: u64) -> Source {
        let Ok(nth) = usize::try_from(hash & (self.0.len() as u64 - 1)) else { return from };
        let mut known = self.0[nth].lock();
        if *known != from {
            *known = from;
        }
        known.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ttl::TtlLimits;
    use super::*;

    fn set(sig: &[u8]) -> RrSet {
        let owner = "www.example".parse().expect("a name");
        let set = RrSet::new(owner, RecordType::A, 60, [&[192, 0, 2, 1][..]]);
        RrSet { sigs: if sig.is_empty() { Rdatas::default() } else { [sig].into_iter().collect() }, ..set }
    }

    /// A set that is not what is known, or not all that has to be told, is no whole answer.
    #[test]
    fn a_whole_answer_is_the_set_that_is_known_and_nothing_beside_it() {
        let known = |proof: bool, rank, security| {
            let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
            let proof = if proof { [set(b"")].into() } else { Box::default() };
            let _ = cache.put_set_with(set(b"sig"), proof, rank, Source::Local, Time::ZERO);
            cache.judged(&set(b"sig"), (security, &[set(b"")]), (Time::ZERO, Time::ZERO));
            (cache, security)
        };
        let name = set(b"").owner;
        let key = |checking_disabled| AnswerKey {
            qname_wire: name.wire(),
            qtype: RecordType::A.into(),
            dnssec_ok: true,
            checking_disabled,
        };
        let (answer, behind) = (Rank::AuthAnswer, Rank::BehindAlias);
        let (insecure, secure) = (Security::Insecure, Security::Secure);
        let ready = |cache: &Cache, checking_disabled, at| {
            cache.ready(&key(checking_disabled), at, None).and_then(Ready::plain)
        };
        let mark = |cache: &Cache, sig: &[u8], secure, at| cache.mark_plain(&key(false), &set(sig), secure, at);
        for ((cache, security), sig, is_secure, at_secs, fits) in [
            (known(false, answer, secure), &b"sig"[..], true, 0, true),
            (known(false, answer, insecure), b"sig", false, 0, true),
            (known(false, answer, insecure), b"sig", true, 0, false),
            (known(false, answer, secure), b"other", true, 0, false),
            (known(false, answer, secure), b"sig", true, 60, false),
            (known(true, answer, secure), b"sig", true, 0, false),
            (known(false, behind, insecure), b"sig", false, 0, false),
            (known(false, behind, secure), b"sig", true, 0, true),
        ] {
            let at = Time::from_secs(at_secs);
            assert_eq!(mark(&cache, sig, is_secure, at), fits);
            assert_eq!(ready(&cache, false, at).map(|plain| plain.secure), fits.then_some(is_secure));
            assert!(ready(&cache, true, at).is_none(), "of those with CD nothing was said");
            cache.judged(&set(b"sig"), (security, &[set(b"")]), (Time::ZERO, at));
            assert_eq!(ready(&cache, false, at).is_some(), fits, "judged again as before");
            cache.unmark_plain(&key(false));
            assert!(ready(&cache, false, at).is_none());
        }
        let by_name = |security| known(false, behind, security).0.set(&name, RecordType::A, Time::ZERO).is_some();
        assert!(by_name(secure) && !by_name(insecure), "what stood behind an alias is known by its name when proved");
    }
}
