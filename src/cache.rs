//! What we know, from whom, how surely, and for how long.
//!
//! One budget of bytes over all stores: answers ready to send, record sets with rank and source (RFC 2181 §5.4.1),
//! denials (RFC 2308), delegations as their parents describe them, glue, names at which no zone begins, what zones were
//! proved to be, failures (RFC 9520). The stores are apart by key, so that what a child zone says about its own servers
//! can never become a delegation.
//!
//! A look-up costs one keyed hash and one lock, which is held only to clone an [`Arc`]. Expired entries stay
//! until the budget needs their place: whether a thing is fresh is decided when it is read.

#![expect(
    clippy::must_use_candidate,
    reason = "what is put has an effect, which the lint does not see behind an `Arc`"
)]

mod about;
mod cookies;
mod cuts;
mod dead;
mod denials;
mod doubt;
mod facts;
mod flushed;
mod glue;
mod held;
mod key;
mod near;
mod pace;
mod rank;
mod seen;
mod servers;
mod sets;
mod shard;
mod spans;
mod state;
#[cfg(test)]
mod tests;
mod ttl;
mod usage;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use siphasher::sip128::SipHasher13;

use crate::dnssec::{Span, Spans, ZoneTrust};
use crate::time::Time;
use crate::wire::{Ede, Name, Question, ResponseCode};

pub use crate::trace::NameServer;
pub use about::{About, Upward};
pub use cookies::Cookies;
pub use cuts::NoCut;
pub use dead::Dead;
pub use facts::{Answer, AnswerKey, Delegation, Denial, DenialKind, Failure, KnownSet, KnownZone, Put};
pub use held::{Plain, Ready};
pub use pace::Shown;
pub use rank::{Rank, Security};
pub use seen::Support;
pub use servers::Servers;
pub use state::{Doubt, ServerState};
pub use ttl::TtlLimits;
pub use usage::{Due, Usage};

use flushed::{Flushed, seen_from};
use held::Informants;
use key::{Hashed, Key, Store};
use shard::{Entry, Kept, Shard};
use spans::SpanStore;

/// Most shards, a power of two: with two workers a lock is hardly ever waited for.
const MAX_SHARDS: usize = 64;
/// For so many octets of the budget one server is remembered of whom much is known: its share is a hundredth.
const BYTES_PER_INFORMANT: usize = 16 * 1024;
/// Least budget of a shard: several of the largest messages fit.
const MIN_SHARD_BYTES: usize = 512 * 1024;

/// The cache. Shared by all workers, as clones; every method takes `&self`.
#[derive(Clone)]
pub struct Cache {
    stores: Arc<Stores>,
    ttls: TtlLimits,
    guesses: Arc<AtomicU32>,
    /// The era from which it is seen, if that does not end; see [`Cache::as_it_is`].
    era: Option<u32>,
    /// Whether what this clone and those of it make of the records counts no more; see [`Cache::retire`].
    retired: Arc<AtomicBool>,
}

/// What all clones of a cache share.
struct Stores {
    shards: Box<[Padded]>,
    hasher: SipHasher13,
    informants: Informants,
    spans: SpanStore,
    flushed: Flushed,
    /// What was made of the records before this moment, in microseconds, is forgotten.
    forgotten_before: AtomicU64,
    /// Most octets that one entry may take.
    entry_limit_bytes: usize,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("bytes", &self.bytes()).field("len", &self.entries()).finish()
    }
}

/// Keeps the locks of two shards off one cache line.
#[repr(align(64))]
struct Padded(Mutex<Shard>);

impl Cache {
    /// An empty cache that holds at most `limit_bytes`, everything counted.
    ///
    /// `key` must be random and secret: it keeps clients from choosing names that collide.
    #[must_use]
    pub fn new(limit_bytes: usize, key: (u64, u64), ttls: TtlLimits) -> Self {
        let spans = SpanStore::new(limit_bytes / spans::SHARE);
        let limit_bytes = limit_bytes - limit_bytes / spans::SHARE;
        let room = (limit_bytes / MIN_SHARD_BYTES).clamp(1, MAX_SHARDS);
        let count = 1 << room.ilog2();
        let shard_bytes = limit_bytes / count;
        let shards = (0..count).map(|_| Padded(Mutex::new(Shard::new(shard_bytes)))).collect();
        let hasher = SipHasher13::new_with_keys(key.0, key.1);
        let informants = Informants::new((limit_bytes / BYTES_PER_INFORMANT).clamp(16, 4096).next_power_of_two());
        let (flushed, forgotten_before, entry_limit_bytes) = (Flushed::new(), AtomicU64::new(0), shard_bytes / 2);
        let stores = Stores { shards, hasher, informants, spans, flushed, forgotten_before, entry_limit_bytes };
        Self { stores: Arc::new(stores), ttls, guesses: Arc::default(), era: None, retired: Arc::default() }
    }

    /// The bounds on TTLs, which hold for what is served as well as for what is kept.
    #[must_use]
    pub const fn ttl_limits(&self) -> TtlLimits {
        self.ttls
    }

    /// The answer that was written for `key`, also within `over` after the end of its time (RFC 8767), but nothing that
    /// only stood in for a better answer.
    #[must_use]
    pub fn stale_answer(&self, key: &AnswerKey<'_>, now: Time, over: Duration) -> Option<Arc<Answer>> {
        let known = self.get::<Answer>(&self.answer_key(key)).filter(|answer| !self.is_forgotten(answer.stored));
        known.and_then(Answer::regular).filter(|answer| answer.expires + over > now)
    }

    /// Keeps an answer until its `expires`, which is capped as for record sets. Returns it, kept or not. An
    /// answer other than a failure ends the row of failures of its question.
    pub fn put_answer(&self, key: &AnswerKey<'_>, mut answer: Answer) -> (Arc<Answer>, Put) {
        answer.expires = answer.expires.min(answer.stored.after_ttl(self.ttls.positive_max_secs));
        let good = matches!(answer.template.rcode(), ResponseCode::NoError | ResponseCode::NXDomain);
        // That data can be had unchecked says nothing of whether it can be proved.
        if good && !answer.is_stopgap() && !key.checking_disabled {
            self.remove(&self.hashed_wire(key.qname_wire).filed(key.qtype, Store::Failures, 0));
        }
        let answer = Arc::new(answer);
        let key = self.answer_key(key);
        if answer.expires <= answer.stored {
            // What was answered before is not what is told now: it must not be served stale either.
            self.remove(&key);
            return (answer, Put::ZeroTtl);
        }
        let put = self.put(key, Arc::clone(&answer));
        self.keep_if_it_counts(&key);
        (answer, put)
    }

    /// Forgets an answer whose time is over, or that only stood in for a better one: there is a better one.
    pub fn forget_stale(&self, key: &AnswerKey<'_>, now: Time) {
        let key = self.answer_key(key);
        if self.get(&key).is_some_and(|answer: Arc<Answer>| answer.is_stopgap() || answer.expires <= now) {
            self.remove(&key);
        }
    }

    /// What was proved of other questions and still holds at `now`.
    #[must_use]
    pub fn spans(&self, now: Time) -> impl Spans + '_ {
        self.stores.spans.at(now)
    }

    /// Keeps what was proved and says something of other questions, for its TTL and no longer than a denial (RFC 8198
    /// §5.4).
    pub fn put_span(&self, mut span: Span, now: Time) {
        span.set.ttl_secs = span.set.ttl_secs.min(self.ttls.negative_max_secs);
        self.stores.spans.put(span, now, || self.is_current());
    }

    /// What was proved of a zone, while it holds.
    #[must_use]
    pub fn zone(&self, zone: &Name, now: Time) -> Option<Arc<ZoneTrust>> {
        let known = self.fresh::<KnownZone>(&self.hashed(zone).name_key(Store::Zones), now);
        known.map(|known| Arc::clone(&known.trust))
    }

    /// When that was proved which is known of a zone.
    #[must_use]
    pub fn zone_proved_at(&self, zone: &Name, now: Time) -> Option<Time> {
        let known = self.fresh::<KnownZone>(&self.hashed(zone).name_key(Store::Zones), now);
        known.map(|known| known.stored)
    }

    /// What was proved of a zone, whether or not it still holds.
    #[must_use]
    pub fn last_zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        let known = self.get::<KnownZone>(&self.hashed(zone).name_key(Store::Zones));
        known.map(|known| Arc::clone(&known.trust))
    }

    /// Keeps what was proved of a zone.
    pub fn put_zone(&self, trust: Arc<ZoneTrust>, now: Time) {
        let key = self.hashed(&trust.zone).name_key(Store::Zones);
        let ttl_secs = trust.ttl_secs.min(self.ttls.positive_max_secs);
        let expires = now.after_ttl(ttl_secs);
        self.put(key, Arc::new(KnownZone { trust, stored: now, expires }));
    }

    /// The delegation of `zone` itself, if it may be used.
    #[must_use]
    pub fn delegation(&self, zone: &Name, now: Time) -> Option<Arc<Delegation>> {
        self.deepest(zone, now).filter(|found| found.zone == *zone)
    }

    /// The deepest delegation at or above `name` that may be used.
    ///
    /// A cut that has expired takes with it what was learned below it in its time, however long that would
    /// live by itself: else the servers of a zone that its parent took away could keep its children
    /// reachable ("phoenix" domains, CVE-2022-30698). The root is no delegation from a parent and takes
    /// nothing with it.
    #[must_use]
    pub fn deepest(&self, name: &Name, now: Time) -> Option<Arc<Delegation>> {
        self.upward(name).deepest(now)
    }

    /// Keeps a delegation as the parent describes it; give it nothing that the child says of itself.
    ///
    /// It ends no later than the delegation of the zone whose server told it, when that one is in the store. A
    /// walk that still holds that one should bound `expires` by it as well, in case it was evicted since.
    /// Returns it, kept or not.
    pub fn put_delegation(&self, mut delegation: Delegation, now: Time) -> (Arc<Delegation>, Put) {
        let key = |zone: &Name| self.hashed(zone).name_key(Store::Delegations);
        delegation.stored = now;
        delegation.expires = self.ttls.delegation(now, delegation.expires);
        let teller = delegation.from.informant().map(|server| &server.zone).filter(|zone| !zone.is_root());
        // The servers of a stub zone may list themselves: that ends by itself.
        let teller = teller.filter(|zone| **zone != delegation.zone);
        let parent = teller.and_then(|zone| self.get::<Delegation>(&key(zone)));
        if let Some(parent) = parent {
            delegation.expires = delegation.expires.min(parent.expires);
        }
        let delegation = Arc::new(delegation);
        let put = match delegation.fits() {
            Err(unfit) => unfit,
            Ok(()) if delegation.expires <= now => Put::ParentExpired,
            Ok(()) => self.put(key(&delegation.zone), Arc::clone(&delegation)),
        };
        (delegation, put)
    }

    /// The zone above is asked for a delegation anew.
    pub fn requeried(&self, cut: &Delegation, now: Time) {
        self.amend(cut, |kept| kept.requeried = now);
    }

    /// The zone above is asked anew for the keys of a zone. What is known of them holds for others until that one has
    /// spoken, and is as if it had been proved `now`.
    pub fn distrust_keys(&self, zone: &Name, now: Time) {
        if let Some(cut) = self.delegation(zone, now) {
            self.requeried(&cut, now);
        }
        let key = self.hashed(zone).name_key(Store::Zones);
        if let Some(known) = self.fresh::<KnownZone>(&key, now) {
            self.put(key, Arc::new(KnownZone { stored: now, ..(*known).clone() }));
        }
    }

    /// The zone above answers for a zone itself: its delegation is over, and takes with it what was learned below it.
    pub fn end_delegation(&self, cut: &Delegation, now: Time) {
        self.amend(cut, |kept| kept.expires = kept.expires.min(now));
    }

    /// Changes a delegation, unless another one has taken its place.
    fn amend(&self, cut: &Delegation, change: impl FnOnce(&mut Delegation)) {
        let key = self.hashed(&cut.zone).name_key(Store::Delegations);
        let mut shard = self.shard(&key).lock();
        let kept = shard.peek::<Delegation>(&key).filter(|kept| kept.stored == cut.stored);
        let Some(mut kept) = kept.map(|kept| (**kept).clone()) else { return };
        change(&mut kept);
        let gone = shard.put(key, Entry::new(Arc::new(kept)));
        drop(shard);
        drop(gone);
    }

    /// The failure that is still remembered for `question`, so that it is not tried again (RFC 9520 §3.2).
    #[must_use]
    pub fn failure(&self, question: &Question, now: Time) -> Option<Arc<Failure>> {
        self.about(&question.name).failure(question.qtype, now)
    }

    /// Remembers that `question` failed, why, and whether that is what its servers have said: for 5 s at first, twice
    /// as long after each further failure in a row, at most 300 s. A failure is in a row with the one before it when it
    /// comes within twice the time for which that one was remembered.
    pub fn put_failure(
        &self,
        question: &Question,
        (edes, is_told): (impl Into<Box<[Ede]>>, bool),
        now: Time,
    ) -> Arc<Failure> {
        let key = self.failure_key(question);
        let in_row =
            |old: &Arc<Failure>| now < old.expires + (old.expires - old.stored) && !self.is_forgotten(old.stored);
        let times = self.get::<Failure>(&key).filter(in_row).map_or(1, |old| old.times.saturating_add(1));
        let expires = now.after_ttl(ttl::back_off_secs(times));
        let failure = Arc::new(Failure { edes: edes.into(), is_told, times, stored: now, expires });
        // Too many sentences to keep them: then the question is simply tried again.
        self.put(key, Arc::clone(&failure));
        self.keep_if_it_counts(&key);
        failure
    }

    /// Forgets that `question` failed, so that another failure would be the first of a row.
    pub fn forget_failure(&self, question: &Question) {
        self.remove(&self.failure_key(question));
    }

    /// Octets in use, as counted against the limit.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stores.shards.iter().map(|shard| shard.0.lock().bytes()).sum::<usize>() + self.stores.spans.bytes()
    }

    /// Octets that may be in use.
    #[must_use]
    pub fn limit_bytes(&self) -> usize {
        self.stores.entry_limit_bytes * 2 * self.stores.shards.len() + self.stores.spans.limit_bytes()
    }

    /// Entries of all kinds, expired ones among them.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.stores.shards.iter().map(|shard| shard.0.lock().len()).sum::<usize>() + self.stores.spans.len()
    }

    fn hashed(&self, name: &Name) -> Hashed {
        self.hashed_wire(name.wire())
    }

    /// Where a name (uncompressed wire form, any case) is filed.
    fn hashed_wire(&self, name: &[u8]) -> Hashed {
        let Stores { hasher, flushed, .. } = &*self.stores;
        let hashed = Hashed::new(name, hasher);
        match flushed.era_of(name, hashed, hasher) {
            0 => hashed,
            era => hashed.since(seen_from(era, self.era)),
        }
    }

    /// The same cache for whoever looks up under other settings from now on, once the others [retire](Self::retire).
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self { retired: Arc::default(), ..self.clone() }
    }

    /// Other settings hold from now on: all answers and failures are forgotten (see [`Cache::forget_answers`]), and
    /// none is kept that is made by the former ones, as walks do that are under way, of whatever they have to look up.
    pub fn retire(&self, clock: impl FnOnce() -> Time) {
        self.retired.store(true, Relaxed);
        // What was kept in between has to be forgotten too.
        self.forget_answers(clock());
    }

    /// Whether other settings hold than those of whoever has this cache.
    fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// Takes an answer or a failure out again that is made by settings that hold no more. Looked at after it was kept:
    /// who retires says so before all is forgotten, so that one of the two finds it.
    fn keep_if_it_counts(&self, key: &Key) {
        if self.is_retired() {
            self.remove(key);
        }
    }

    /// Forgets all answers and failures that were made up to `now`, and none of the records that they were made of:
    /// other settings make others. It takes no time however many there are: each is passed over when it is met, and
    /// its room is given to others when the budget needs it.
    pub fn forget_answers(&self, now: Time) {
        self.stores.forgotten_before.fetch_max(now.micros() + 1, Relaxed);
    }

    /// Whether an answer or a failure is forgotten that was made at that time. Sets are not; but one that was stored
    /// then is no answer by itself any more, as nobody has noted when it was found to be one.
    fn is_forgotten(&self, made: Time) -> bool {
        made.micros() < self.stores.forgotten_before.load(Relaxed)
    }

    /// Takes nothing for proved any more, as others are trusted now: what was found out of zones is forgotten, and sets
    /// and denials are judged again when they are used.
    pub fn distrust(&self) {
        for shard in &self.stores.shards {
            let gone = shard.0.lock().distrust();
            drop(gone);
        }
    }

    fn answer_key(&self, key: &AnswerKey<'_>) -> Key {
        self.answer_of(key, self.hashed_wire(key.qname_wire))
    }

    /// Where an answer is filed whose name is hashed already. It may be made of the records of other names, any of
    /// which may be flushed: so each flush has all answers made anew, of the records that are still known.
    fn answer_of(&self, key: &AnswerKey<'_>, hashed: Hashed) -> Key {
        let flags = u8::from(key.dnssec_ok) | u8::from(key.checking_disabled) << 1;
        // The eras of the name and of all only grow, so that no two sums of a name are the same.
        hashed.since(self.era()).filed(key.qtype, Store::Answers, flags)
    }

    fn failure_key(&self, question: &Question) -> Key {
        self.hashed(&question.name).key(question.qtype, Store::Failures)
    }

    fn shard(&self, key: &Key) -> &Mutex<Shard> {
        let shards = &self.stores.shards;
        &shards[key.shard(shards.len())].0
    }

    /// What is under `key`, fresh or not.
    fn get<K: Kept>(&self, key: &Key) -> Option<Arc<K>> {
        self.shard(key).lock().get(key).cloned()
    }

    fn fresh<K: Kept>(&self, key: &Key, now: Time) -> Option<Arc<K>> {
        self.get(key).filter(|kept: &Arc<K>| kept.expires() > now)
    }

    /// Puts `kept` under `key`, unless it is too large.
    fn put<K: Kept>(&self, key: Key, kept: Arc<K>) -> Put {
        let entry = Entry::new(kept);
        if entry.cost() > self.stores.entry_limit_bytes {
            return Put::TooLarge(entry.cost());
        }
        // Freed after the lock is open again.
        let gone = self.shard(&key).lock().put(key, entry);
        drop(gone);
        Put::Stored
    }

    fn remove(&self, key: &Key) {
        let gone = self.shard(key).lock().remove(key);
        drop(gone);
    }
}
