//! Names that were flushed: nothing that was kept of them before is found again.
//!
//! What is kept of a name is filed under a hash (see [`super::key`]), so nobody can look for all that is kept of a
//! tree. Nobody has to: from a flush on, a name is filed elsewhere, and so are all names below it if it is flushed with
//! those. What was kept before lies where no look-up goes, until others need its room.
//!
//! Each flush begins an *era*. The era of a name, the last in which it or a tree around it was flushed, is a part of
//! its keys. As long as nothing was flushed this costs a hit one load, and after that a hash more for each number of
//! labels that names have which were.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use parking_lot::Mutex;
use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;

use super::key::{Hashed, Key, MAX_NAME, Store, lower, suffixes};
use super::{Cache, Put};
use crate::wire::{Name, RecordType};

/// Places for names that were flushed, a power of two. They take 128 KiB, from the first flush on.
const PLACES: usize = 8192;
/// Most names that are listed, so that no row of flushes takes more memory than that: when all of these are taken, the
/// next new name has everything forgotten, and the list begins anew.
const MOST: usize = PLACES / 2;
/// Of an era of a name that had not begun when somebody began to look.
const TO_COME: u32 = 1 << 31;

/// The names that were flushed, as hashes. Many read it without a lock, one at a time writes.
pub(super) struct Flushed {
    /// How often something was flushed.
    era: AtomicU32,
    /// The era in which everything was.
    all: AtomicU32,
    /// Bit n: a name of n labels is listed. The last bit stands for all that are longer, the first for everything, too.
    lengths: AtomicU64,
    places: OnceLock<Box<[Place]>>,
    /// How many of them are taken.
    taken: Mutex<usize>,
}

/// A name that was flushed.
#[derive(Default)]
struct Place {
    /// Half of its hash; 0 where no name is.
    name: AtomicU64,
    /// The era in which it was flushed alone, and 32 bits above that in which it was with all names below it.
    eras: AtomicU64,
}

/// In which eras a name was flushed, 0 for never.
#[derive(Clone, Copy, Default)]
struct Eras {
    alone: u32,
    tree: u32,
}

impl Flushed {
    pub(super) fn new() -> Self {
        let (era, all, lengths) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU64::new(0));
        Self { era, all, lengths, places: OnceLock::new(), taken: Mutex::new(0) }
    }

    /// The era of a name (uncompressed wire form, any case), which hashes to this.
    #[inline]
    pub(super) fn era_of(&self, name: &[u8], hashed: Hashed, hasher: &SipHasher13) -> u32 {
        match self.lengths.load(Acquire) {
            0 => 0,
            lengths => self.look(name, hashed, hasher, lengths),
        }
    }

    #[cold]
    fn look(&self, name: &[u8], hashed: Hashed, hasher: &SipHasher13, lengths: u64) -> u32 {
        let mut room = [0; MAX_NAME];
        let name = lower(name, &mut room);
        let labels = suffixes(name).count().saturating_sub(1);
        let mut era = 0;
        for (suffix, length) in suffixes(name).zip((0..=labels).rev()) {
            if !is_listed(lengths, length) {
                continue;
            }
            let eras = if length == labels { self.eras(hashed) } else { self.eras(Hashed::of_lower(suffix, hasher)) };
            era = era.max(eras.tree).max(if length == labels { eras.alone } else { 0 });
        }
        // Read last: it is written before the list is emptied.
        era.max(self.all.load(Acquire))
    }

    /// The same names as they are filed in their eras, as somebody sees them who looks from the era `from`: each is the
    /// parent of the one before it, and the last is one of a single label.
    fn bring_up(&self, names: &mut [Hashed], from: Option<u32>) {
        let lengths = self.lengths.load(Acquire);
        if lengths == 0 {
            return;
        }
        let mut tree = 0;
        for (name, length) in names.iter_mut().rev().zip(1..) {
            let eras = if is_listed(lengths, length) { self.eras(*name) } else { Eras::default() };
            tree = tree.max(eras.tree);
            let era = tree.max(eras.alone).max(self.all.load(Acquire));
            *name = name.since(seen_from(era, from));
        }
    }

    /// Lists a name of so many labels, alone or with all names below it.
    fn flush(&self, hashed: Hashed, labels: usize, with_tree: bool) {
        let mut taken = self.taken.lock();
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| Place::default()).collect());
        let era = self.era.load(Acquire).saturating_add(1);
        let place = find(places, hashed);
        let is_new = place.is_none_or(|place| place.name.load(Acquire) == 0);
        match place {
            Some(place) if !(labels == 0 && with_tree || is_new && *taken == MOST) => {
                let Eras { alone, tree } = place.eras();
                let eras = if with_tree { (era, alone) } else { (tree, era) };
                place.eras.store(u64::from(eras.0) << 32 | u64::from(eras.1), Release);
                place.name.store(mark(hashed), Release);
                *taken += usize::from(is_new);
                self.lengths.fetch_or(bit(labels), Release);
            }
            _ => {
                // Whoever misses a name from here on finds this.
                self.all.store(era, Release);
                for place in places {
                    place.name.store(0, Release);
                    place.eras.store(0, Release);
                }
                *taken = 0;
                self.lengths.store(bit(0), Release);
            }
        }
        // Who looks from this era on sees all of it.
        self.era.store(era, Release);
    }

    fn eras(&self, hashed: Hashed) -> Eras {
        let place = self.places.get().and_then(|places| find(places, hashed));
        // A place without a name has no eras.
        place.map(Place::eras).unwrap_or_default()
    }
}

impl Place {
    fn eras(&self) -> Eras {
        let eras = self.eras.load(Acquire);
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Eras { alone: half(eras), tree: half(eras >> 32) }
    }
}

/// The place of a name, or where it is to be put.
fn find(places: &[Place], hashed: Hashed) -> Option<&Place> {
    let begin = usize::try_from(hashed.other_half() & (PLACES as u64 - 1)).unwrap_or_default();
    let (before, from) = places.split_at_checked(begin)?;
    from.iter().chain(before).find(|place| {
        let name = place.name.load(Acquire);
        name == 0 || name == mark(hashed)
    })
}

/// What stands for a name in the list.
fn mark(hashed: Hashed) -> u64 {
    hashed.half() | 1
}

fn is_listed(lengths: u64, labels: usize) -> bool {
    lengths & bit(labels) != 0
}

fn bit(labels: usize) -> u64 {
    1 << labels.min(63)
}

/// The era of a name as it is seen by somebody who looks from the era `from`. Nobody else files anything under one that
/// is to come.
pub(super) fn seen_from(era: u32, from: Option<u32>) -> u32 {
    if from.is_some_and(|from| era > from) { era | TO_COME } else { era }
}

impl Cache {
    /// Forgets all that is known of `name`, with `tree` of all names below it as well: sets, aliases, denials,
    /// failures, the delegation, glue, keys, and what could be inferred or served stale. What is known of names above
    /// and would answer for it goes as well: that they do not exist (RFC 8020), or are aliases with all that is below
    /// them (DNAME). Answers are made anew for all names, as they may be made of its records. What is known of servers
    /// by their address stays.
    ///
    /// What somebody has begun before, who sees the cache [as it was](Cache::as_it_is), brings nothing back.
    pub fn flush(&self, name: &Name, tree: bool) {
        let hashed = Hashed::new(name.wire(), &self.stores.hasher);
        self.stores.flushed.flush(hashed, name.label_count(), tree);
        for above in self.hashes(name).iter().skip(1) {
            for key in [above.name_key(Store::NoName), above.key(RecordType::DNAME, Store::Sets)] {
                self.remove(&key);
                self.remove(&key.behind());
            }
        }
        self.stores.spans.flush(name);
    }

    /// The same cache for somebody who has begun to look something up: what he has found by now and what he is told by
    /// servers that he has found is nothing to those who come after a flush. Of names that are flushed from now on he
    /// sees nothing that was kept before, and what he keeps of them nobody finds but those who began before it as well.
    #[must_use]
    pub fn as_it_is(&self) -> Self {
        Self { era: Some(self.era()), ..self.clone() }
    }

    /// Keeps by `put`, under `key`, what stands for names below as well, unless something was flushed since whoever
    /// found it has begun: it may have been one of those.
    pub(super) fn put_for_all_below(&self, key: &Key, put: impl FnOnce() -> Put) -> Put {
        if !self.is_current() {
            return Put::Flushed;
        }
        let put = put();
        // A flush says that it is there before it takes out what it finds: one of both sees the other.
        if self.is_current() {
            return put;
        }
        self.remove(key);
        Put::Flushed
    }

    /// Whether nothing was flushed since [`Cache::as_it_is`].
    pub(super) fn is_current(&self) -> bool {
        self.era.is_none_or(|era| era == self.stores.flushed.era.load(Acquire))
    }

    /// The era from which the cache is seen.
    pub(super) fn era(&self) -> u32 {
        self.era.unwrap_or_else(|| self.stores.flushed.era.load(Acquire))
    }

    /// Where `name` and the names above it but the root are filed, longest first.
    pub(super) fn hashes(&self, name: &Name) -> SmallVec<[Hashed; 8]> {
        let mut hashes = Hashed::upward(name.wire(), &self.stores.hasher);
        self.stores.flushed.bring_up(&mut hashes, self.era);
        hashes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::doubt::denial_key;
    use super::super::{Answer, AnswerKey, Delegation, Denial, DenialKind, Rank, Ready, TtlLimits, Usage};
    use super::*;
    use crate::dnssec::{Place as SpanPlace, Span, Spans as _, Status, ZoneTrust};
    use crate::time::Time;
    use crate::trace::Source;
    use crate::wire::{Question, ResponseCode, RrSet, Sections, Template, name};

    const NOW: Time = Time::from_secs(9);

    /// What may be kept of a name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Kind {
        Set,
        Dname,
        NoName,
        NoData,
        Failure,
        Answer,
        Delegation,
        Zone,
        NoCut,
        Span,
    }
    use Kind::{Answer as Ans, Delegation as Cut, Dname, Failure, NoCut, NoData, NoName, Set, Span as Proof, Zone};
    const KINDS: [Kind; 10] = [Set, Dname, NoName, NoData, Failure, Ans, Cut, Zone, NoCut, Proof];

    fn cache() -> Cache {
        Cache::new(4 << 20, (1, 2), TtlLimits::default())
    }

    fn set(owner: &Name, rtype: RecordType) -> RrSet {
        RrSet::new(owner.clone(), rtype, 600, [&[1, b'x', 0, 0][..]])
    }

    fn answer_key(name: &Name) -> AnswerKey<'_> {
        AnswerKey { qname_wire: name.wire(), qtype: 16, dnssec_ok: true, checking_disabled: false }
    }

    fn put(cache: &Cache, kind: Kind, name: &Name) {
        let (ttl_secs, expires, from) = (600, NOW.plus_secs(600), Source::Local);
        let question = Question::new(name.clone(), RecordType::MX);
        let deny = |kind| cache.put_denial(name, RecordType::SRV, Denial::heard(kind, None, [], Source::Local), NOW);
        match kind {
            Set => drop(cache.put_set(set(name, RecordType::A), Rank::NonAuthAnswer, from, NOW)),
            Dname => drop(cache.put_set(set(name, RecordType::DNAME), Rank::NonAuthAnswer, from, NOW)),
            NoName => drop(deny(DenialKind::NxDomain)),
            NoData => drop(deny(DenialKind::NoData)),
            Failure => drop(cache.put_failure(&question, ([], false), NOW)),
            Ans => {
                let template = Template::build(&question, ResponseCode::NoError, &Sections::default(), true);
                let (edes, stored, secure, usage) = (Box::default(), NOW, false, Usage::default());
                let answer = Answer { template, edes, stored, expires, secure, signed_until: 0, usage };
                drop(cache.put_answer(&answer_key(name), answer));
            }
            Cut => {
                let (zone, servers, proof, stored) = (name.clone(), Arc::default(), Box::default(), NOW);
                let (from, requeried) = (Source::Hints, Time::ZERO);
                let cut = Delegation { zone, servers, ds: None, proof, from, stored, requeried, expires };
                drop(cache.put_delegation(cut, NOW));
            }
            Zone => {
                let status = Status::Secure(Box::default());
                cache.put_zone(Arc::new(ZoneTrust { zone: name.clone(), status, ttl_secs }), NOW);
            }
            NoCut => cache.put_no_cut(name, from, NOW),
            Proof => {
                let place = SpanPlace::Nsec(name.clone());
                cache.put_span(Span { zone: name.clone(), place, set: set(name, RecordType::NSEC) }, NOW);
            }
        }
    }

    fn has(cache: &Cache, kind: Kind, name: &Name) -> bool {
        let denied = |kind| cache.get::<Denial>(&denial_key(cache.hashed(name), RecordType::SRV, kind)).is_some();
        match kind {
            Set => cache.set(name, RecordType::A, NOW).is_some(),
            Dname => cache.set(name, RecordType::DNAME, NOW).is_some(),
            NoName => denied(DenialKind::NxDomain),
            NoData => denied(DenialKind::NoData),
            Failure => cache.failure(&Question::new(name.clone(), RecordType::MX), NOW).is_some(),
            Ans => cache.ready(&answer_key(name), NOW, None).and_then(Ready::written).is_some(),
            Cut => cache.delegation(name, NOW).is_some(),
            Zone => cache.zone(name, NOW).is_some(),
            NoCut => cache.no_cut(name, NOW).is_some(),
            Proof => cache.spans(NOW).at(name, &SpanPlace::Nsec(name.clone())).is_some(),
        }
    }

    /// Whether what is kept in a store under `kept` goes when `flushed` is.
    fn goes(kind: Kind, kept: &Name, (flushed, tree): &(Name, bool)) -> bool {
        let named = kept == flushed || *tree && kept.is_within(flushed);
        match kind {
            Ans => true,
            // What is said of a name above and stands for this one too.
            NoName | Dname => named || flushed.is_within(kept) && !kept.is_root(),
            Proof => kept.is_within(flushed) || flushed.is_within(kept),
            _ => named,
        }
    }

    /// Whether what somebody keeps who has begun before that flush is found by others: what says something of the name
    /// alone, when it is not one of those.
    fn comes_back(kind: Kind, kept: &Name, (flushed, tree): &(Name, bool)) -> bool {
        let is_more = matches!(kind, Ans | Proof | NoName | Dname);
        !is_more && kept != flushed && !(*tree && kept.is_within(flushed))
    }

    #[derive(Clone, Debug)]
    enum Op {
        Put(Kind, Name),
        Flush(Name, bool),
        Begin,
        /// By whoever has begun.
        PutLate(Kind, Name),
    }

    fn some_name() -> impl Strategy<Value = Name> {
        vec(select(&["a", "b", "B"][..]), 0..4)
            .prop_map(|labels| Name::from_labels(labels.iter().map(|label| label.as_bytes())).expect("a name"))
    }

    fn some_op() -> impl Strategy<Value = Op> {
        let kept = || (select(&KINDS[..]), some_name());
        prop_oneof![
            6 => kept().prop_map(|(kind, name)| Op::Put(kind, name)),
            2 => (some_name(), any::<bool>()).prop_map(|(name, tree)| Op::Flush(name, tree)),
            1 => Just(Op::Begin),
            3 => kept().prop_map(|(kind, name)| Op::PutLate(kind, name)),
        ]
    }

    fn every_name() -> Vec<Name> {
        let mut all = vec![Name::root()];
        for nth in 0..7 {
            let below = ["a", "b"].map(|label| all[nth].prepend(label.as_bytes()).expect("a short name"));
            all.extend(below);
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// After a flush nothing is found that was kept before of a name that it concerns, whoever has begun before it,
        /// and all else is found as before.
        #[test]
        fn what_is_flushed_is_gone_and_nothing_else_is(ops in vec(some_op(), 1..60)) {
            let (cache, all) = (cache(), every_name());
            let mut model: HashSet<(Kind, Name)> = HashSet::new();
            // Who began last, and what was flushed since.
            let (mut begun, mut since) = (cache.as_it_is(), Vec::new());
            for op in ops {
                match op {
                    Op::Put(kind, name) => {
                        put(&cache, kind, &name);
                        model.insert((kind, name));
                    }
                    Op::Begin => (begun, since) = (cache.as_it_is(), Vec::new()),
                    Op::PutLate(kind, name) => {
                        put(&begun, kind, &name);
                        if since.iter().all(|flush| comes_back(kind, &name, flush)) || since.is_empty() {
                            model.insert((kind, name));
                        }
                    }
                    Op::Flush(name, tree) => {
                        let flush = (name, tree);
                        cache.flush(&flush.0, tree);
                        model.retain(|(kind, kept)| !goes(*kind, kept, &flush));
                        for kept in all.iter().filter(|kept| **kept == flush.0 || tree && kept.is_within(&flush.0)) {
                            let seen = KINDS.iter().find(|kind| has(&begun, **kind, kept));
                            prop_assert!(seen.is_none(), "{:?} of {} by who has begun before", seen, kept);
                        }
                        since.push(flush);
                        for (kind, kept) in KINDS.iter().flat_map(|kind| all.iter().map(move |kept| (kind, kept))) {
                            let known = model.contains(&(*kind, kept.clone()));
                            prop_assert_eq!(has(&cache, *kind, kept), known, "{:?} of {}", kind, kept);
                        }
                    }
                }
            }
            for (kind, kept) in KINDS.iter().flat_map(|kind| all.iter().map(move |kept| (kind, kept))) {
                prop_assert_eq!(has(&cache, *kind, kept), model.contains(&(*kind, kept.clone())), "{:?} of {}", kind, kept);
            }
        }
    }

    #[test]
    fn a_list_that_is_full_has_all_forgotten_and_begins_anew() {
        let (cache, kept) = (cache(), name("kept.example"));
        put(&cache, Set, &kept);
        for nth in 0..MOST {
            cache.flush(&name(&format!("n{nth}.example")), nth % 2 == 0);
            cache.flush(&name("n0.example"), true);
        }
        assert!(has(&cache, Set, &kept));
        cache.flush(&name("one.more"), false);
        assert!(!has(&cache, Set, &kept), "a name that is not listed any more must not come back");
        put(&cache, Set, &kept);
        cache.flush(&name("n1.example"), true);
        assert!(has(&cache, Set, &kept));
        cache.flush(&kept, false);
        assert!(!has(&cache, Set, &kept));
    }

    #[test]
    fn long_names_are_flushed_too() {
        let cache = cache();
        let long = name(&"x.".repeat(100));
        let (above, below) = (long.suffix(70), long.prepend(b"y").expect("a name"));
        [&long, &above, &below].into_iter().for_each(|kept| put(&cache, Set, kept));
        cache.flush(&long, true);
        assert_eq!([&long, &above, &below].map(|kept| has(&cache, Set, kept)), [false, true, false]);
        cache.flush(&Name::root(), true);
        assert!(!has(&cache, Set, &above));
    }

    /// An answer that is one set is marked as that; who began before a flush says nothing of those that came since.
    #[test]
    fn a_mark_is_not_set_by_who_began_before() {
        let (cache, www) = (cache(), name("www.example"));
        let key = AnswerKey { qtype: RecordType::A.into(), ..answer_key(&www) };
        let mark = |cache: &Cache| cache.mark_plain(&key, &set(&www, RecordType::A), false, NOW);
        let before = cache.as_it_is();
        cache.flush(&name("other.example"), false);
        put(&cache, Set, &www);
        assert!(!mark(&before) && cache.ready(&key, NOW, None).is_none());
        assert!(mark(&cache) && cache.ready(&key, NOW, None).is_some());
        cache.flush(&www, false);
        assert!(cache.ready(&key, NOW, None).is_none() && !mark(&cache));
    }
}
