//! Whole rollovers over virtual time.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::super::key::Ds;
use super::*;
use crate::wire::RecordType;

const START: u64 = 1_790_000_000;
const TTL_SECS: u32 = 172_800;

/// A key of a zone, with its private half.
struct Owned(Ed25519KeyPair);

impl Owned {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn rdata(&self, flags: u16) -> Vec<u8> {
        [&flags.to_be_bytes()[..], &[3, 15], self.0.public_key().as_ref()].concat()
    }

    fn key(&self) -> Key {
        Key::read(&self.rdata(257)).unwrap()
    }
}

/// A key set of the root with these keys and flags, signed at `now_secs` for ten days by those marked so.
fn set(keys: &[(&Owned, u16, bool)], now_secs: u64) -> RrSet {
    set_with_ttl(TTL_SECS, keys, now_secs)
}

fn set_with_ttl(ttl_secs: u32, keys: &[(&Owned, u16, bool)], now_secs: u64) -> RrSet {
    let rdatas: Vec<Vec<u8>> = keys.iter().map(|(key, flags, _)| key.rdata(*flags)).collect();
    let mut set = RrSet::new(Name::root(), RecordType::DNSKEY, ttl_secs, rdatas.iter().map(Vec::as_slice));
    let mut sigs = Vec::new();
    for (key, flags, _) in keys.iter().filter(|(.., signs)| *signs) {
        let mut head = u16::from(RecordType::DNSKEY).to_be_bytes().to_vec();
        head.extend([15, 0]);
        let now = u32::try_from(now_secs).unwrap();
        for number in [ttl_secs, now + 864_000, now - 86_400] {
            head.extend(number.to_be_bytes());
        }
        head.extend(Key::read(&key.rdata(*flags)).unwrap().tag.to_be_bytes());
        head.push(0);
        let unsigned = [&head[..], &[0]].concat();
        let data = Rrsig::read(&unsigned).unwrap().signed_data(&set);
        sigs.push([&head[..], key.0.sign(&data).as_ref()].concat());
    }
    set.sigs = sigs.iter().map(Vec::as_slice).collect();
    set
}

/// A root with its rollover and a clock.
struct Story {
    rollover: Rollover,
    now_secs: u64,
}

impl Story {
    fn new(key: &Owned) -> Self {
        Self::of(&[Anchor::Key(key.key())], &[])
    }

    /// With these anchors, and with what was written down of whatever zone.
    fn of(configured: &[Anchor], known: &[(Name, Tracked)]) -> Self {
        let mut anchors = Anchors::default();
        configured.iter().for_each(|anchor| anchors.add(Name::root(), anchor.clone()));
        Self { rollover: Rollover::begin(&anchors, known).remove(0), now_secs: START }
    }

    fn days(&mut self, days: u64) {
        self.now_secs += days * DAY_SECS;
    }

    fn hear(&mut self, keys: &[(&Owned, u16, bool)]) -> Observed {
        self.hear_set(&set(keys, self.now_secs))
    }

    fn hear_set(&mut self, set: &RrSet) -> Observed {
        // What is written down is what is read.
        let text = write(std::slice::from_ref(&self.rollover));
        let read = read(&text).unwrap();
        self.rollover.tracked = read.into_iter().map(|(_, tracked)| tracked).collect();
        self.rollover.observe(set, Accepts::default(), &Limits::default(), self.now_secs)
    }

    fn trusts(&self, key: &Owned) -> bool {
        self.rollover.anchors().iter().any(|anchor| self.rollover.names(anchor, &key.key()))
    }
}

fn changes(observed: &Observed) -> Vec<Change> {
    observed.changes.iter().map(|(_, change)| *change).collect()
}

#[test]
fn a_rollover_from_the_first_sight_to_the_end() {
    let (old, new) = (Owned::new(1), Owned::new(2));
    let mut story = Story::new(&old);
    let first = story.hear(&[(&old, 257, true)]);
    assert_eq!((changes(&first), first.next_secs), (vec![Change::Trusted], u64::from(TTL_SECS) / 2));
    assert_eq!(changes(&story.hear(&[(&old, 257, true), (&new, 257, false)])), [Change::New]);
    for day in 1..30 {
        story.days(1);
        assert!(story.hear(&[(&old, 257, true), (&new, 257, false)]).changes.is_empty(), "day {day}");
        assert!(!story.trusts(&new), "day {day}");
    }
    story.days(1);
    assert_eq!(changes(&story.hear(&[(&old, 257, true), (&new, 257, false)])), [Change::Trusted]);
    assert!(story.trusts(&old) && story.trusts(&new));
    // The new key signs alone, the old one is missing and comes back, and is then revoked.
    assert_eq!(changes(&story.hear(&[(&new, 257, true)])), [Change::Missing]);
    assert!(story.trusts(&old), "RFC 5011 §4.2: a missing key is still trusted");
    assert_eq!(changes(&story.hear(&[(&old, 257, true), (&new, 257, true)])), [Change::Back]);
    let revoked = story.hear(&[(&old, 257 | 0x80, true), (&new, 257, true)]);
    assert_eq!((changes(&revoked), revoked.failed), (vec![Change::Revoked], None));
    assert!(!story.trusts(&old) && story.trusts(&new), "although it is configured");
    story.days(30);
    assert_eq!(changes(&story.hear(&[(&new, 257, true)])), [Change::Removed]);
    // Once revoked is for ever.
    assert!(story.hear(&[(&old, 257, true), (&new, 257, true)]).changes.is_empty());
    assert!(!story.trusts(&old));
    assert!(story.hear(&[(&old, 257, true)]).failed.is_some());
}

#[test]
fn a_key_that_nobody_trusted_signs_is_not_even_seen() {
    let (old, fake) = (Owned::new(1), Owned::new(9));
    let mut story = Story::new(&old);
    story.hear(&[(&old, 257, true)]);
    for _ in 0..40 {
        story.days(1);
        let observed = story.hear(&[(&fake, 257, true)]);
        assert!(observed.failed.is_some() && observed.changes.is_empty(), "{observed:?}");
        assert_eq!(observed.next_secs, u64::from(TTL_SECS) / 10, "RFC 5011 §2.3: sooner than after a good one");
    }
    assert!(story.trusts(&old) && !story.trusts(&fake));
    // Nor does a forged set with the old key in it, unsigned by that, or revoke what it did not sign itself.
    assert!(story.hear(&[(&old, 257, false), (&fake, 257, true)]).changes.is_empty());
    assert!(story.hear(&[(&old, 257 | 0x80, false), (&fake, 257, true)]).changes.is_empty());
    assert!(story.trusts(&old));
    // A zone-signing key is none that is followed (RFC 5011 §3: the SEP flag).
    assert!(story.hear(&[(&old, 257, true), (&fake, 256, false)]).changes.is_empty());
}

#[test]
fn a_new_key_that_goes_away_begins_anew() {
    let (old, new) = (Owned::new(1), Owned::new(2));
    let mut story = Story::new(&old);
    story.hear(&[(&old, 257, true), (&new, 257, false)]);
    story.days(29);
    assert_eq!(changes(&story.hear(&[(&old, 257, true)])), [Change::Gone]);
    story.days(2);
    assert_eq!(changes(&story.hear(&[(&old, 257, true), (&new, 257, false)])), [Change::New]);
    assert!(!story.trusts(&new));
    assert_eq!(changes(&story.hear(&[(&old, 257, true), (&new, 257 | 0x80, true)])), [Change::Gone]);
}

#[test]
fn a_clock_that_jumps_makes_nothing_trusted_early() {
    let (old, new) = (Owned::new(1), Owned::new(2));
    let mut story = Story::new(&old);
    let heard = set(&[(&old, 257, true), (&new, 257, false)], START);
    assert_eq!(changes(&story.hear_set(&heard)), [Change::Trusted, Change::New]);
    // Forward: the signatures that are at hand are over by then.
    story.days(40);
    assert!(story.hear_set(&heard).failed.is_some());
    assert!(!story.trusts(&new));
    // Back: the time that was written down lies ahead, and begins anew.
    story.now_secs = START - 30 * DAY_SECS;
    let heard = set(&[(&old, 257, true), (&new, 257, false)], story.now_secs);
    story.hear_set(&heard);
    assert_eq!(story.rollover.tracked()[1].state, State::Pending(story.now_secs));
    story.days(29);
    story.hear(&[(&old, 257, true), (&new, 257, false)]);
    assert!(!story.trusts(&new));
    // Far back for a while, as that of a machine without a battery: the signatures do not begin before long.
    let (right_secs, since) = (story.now_secs, story.rollover.tracked()[1].state);
    let heard = set(&[(&old, 257, true), (&new, 257, false)], right_secs);
    story.now_secs = 1000;
    assert!(story.hear_set(&heard).failed.is_some());
    story.now_secs = right_secs;
    assert!(story.hear_set(&heard).failed.is_none());
    assert_eq!((story.rollover.tracked()[1].state, story.trusts(&new)), (since, false));
}

/// RFC 5011 §4.2: a key is revoked once, however long it stays in the set; one that was never trusted is not followed.
#[test]
fn a_revoked_key_stays_revoked_and_a_strange_one_is_nothing() {
    let (old, new, strange) = (Owned::new(1), Owned::new(2), Owned::new(3));
    let mut story = Story::new(&old);
    story.hear(&[(&old, 257, true), (&new, 257, false)]);
    story.days(30);
    let set = [(&old, 257 | 0x80, true), (&new, 257, true), (&strange, 257 | 0x80, true)];
    let before = [(&old, 257, true), (&new, 257, false)];
    assert_eq!(changes(&story.hear(&before)), [Change::Trusted]);
    assert_eq!(changes(&story.hear(&set)), [Change::Revoked]);
    let since = story.now_secs;
    story.days(29);
    assert!(story.hear(&set).changes.is_empty());
    assert_eq!(story.rollover.tracked()[0].state, State::Revoked(since));
    story.days(1);
    assert_eq!(changes(&story.hear(&set)), [Change::Removed]);
    story.days(40);
    assert!(story.hear(&set).changes.is_empty());
    assert_eq!(story.rollover.tracked().len(), 2);
    // What was written down lies ahead of the clock: the time begins anew.
    let mut story = Story::new(&old);
    story.rollover.tracked = vec![Tracked { key: old.key(), state: State::Revoked(START + 99 * DAY_SECS) }];
    story.hear(&set);
    assert_eq!(story.rollover.tracked()[0].state, State::Revoked(START));
}

/// RFC 5011 §2.3: the next set is wanted after half of what is left of the signature, when that is less than the TTL.
#[test]
fn a_signature_that_ends_soon_is_asked_for_anew() {
    let old = Owned::new(1);
    let mut story = Story::new(&old);
    let heard = set(&[(&old, 257, true)], START);
    story.days(9);
    let observed = story.hear_set(&heard);
    assert_eq!((observed.failed, observed.next_secs), (None, DAY_SECS / 2));
}

/// What was written down and is read late counts, and what it does not know stays; a revocation does on either side.
#[test]
fn what_was_written_down_can_be_recalled_late() {
    let (old, new, other) = (Owned::new(1), Owned::new(2), Owned::new(3));
    let mut story = Story::new(&old);
    story.hear(&[(&old, 257, true), (&new, 257, false), (&other, 257, false)]);
    let (long_ago, waits) = (START - 29 * DAY_SECS, |secs| State::Pending(secs));
    let known = |zone: &str, key: &Owned, state| (zone.parse::<Name>().unwrap(), Tracked { key: key.key(), state });
    story.rollover.recall(&[known(".", &new, waits(long_ago)), known("example.", &other, waits(long_ago))]);
    let state = |story: &Story, key: &Owned| {
        story.rollover.tracked().iter().find(|tracked| tracked.key.is_same(&key.key())).unwrap().state
    };
    assert_eq!(state(&story, &new), waits(long_ago));
    assert_eq!([&old, &other].map(|key| state(&story, key)), [State::Valid(START), waits(START)]);
    for (seen, written) in [(State::Revoked(START), State::Valid(long_ago)), (waits(START), State::Removed(long_ago))] {
        story.rollover.tracked = vec![Tracked { key: new.key(), state: seen }];
        story.rollover.recall(&[known(".", &new, written)]);
        assert!(state(&story, &new).is_out(), "{seen:?} {written:?}");
    }
}

/// RFC 5011 §3, RFC 4034 §2.1.2: a key of another protocol is none, and the same octets under another algorithm are
/// another key.
#[test]
fn what_is_no_key_is_not_followed() {
    let old = Owned::new(1);
    let key = |octet: usize, value: u8| {
        let mut rdata = old.rdata(257);
        rdata[octet] = value;
        Key::read(&rdata).unwrap()
    };
    assert!(old.key().is_entry_point() && !key(2, 4).is_entry_point());
    assert!(!key(1, 0).is_entry_point() && !key(0, 0).is_entry_point(), "both flags");
    assert!(old.key().is_same(&key(1, 0x81)) && !old.key().is_same(&key(3, 13)));
}

#[test]
fn when_all_are_revoked_nothing_can_be_proved() {
    let old = Owned::new(1);
    let mut story = Story::new(&old);
    let observed = story.hear(&[(&old, 257 | 0x80, true)]);
    assert_eq!(changes(&observed), [Change::Revoked]);
    assert!(!story.rollover.anchors().is_empty(), "a zone without anchors would be insecure");
    assert!(story.hear(&[(&old, 257 | 0x80, true)]).failed.is_some());
}

/// RFC 5011 §2.1: a key that the operator configures, by itself or by its digest, is revoked although it was never seen
/// before, and stays so. §5, §2.3: what its zone does not sign makes nobody forget anything.
#[test]
fn what_was_revoked_before_it_was_seen_is_out() {
    let (old, next) = (Owned::new(1), Owned::new(2));
    let digest = digest(&SHA256, &[Name::root().wire(), &old.rdata(257)].concat());
    for anchor in [Anchor::Key(old.key()), Anchor::Ds(Ds::new(old.key().tag, 15, 2, digest.as_ref()))] {
        let mut story = Story::of(&[anchor, Anchor::Key(next.key())], &[]);
        let heard = story.hear(&[(&old, 257 | 0x80, true), (&next, 257, true)]);
        assert_eq!(heard.changes, [(old.key().tag, Change::Revoked), (next.key().tag, Change::Trusted)]);
        assert_eq!(story.rollover.tracked()[0], Tracked { key: old.key(), state: State::Revoked(START) });
        for days in [0, 29, 1] {
            story.days(days);
            assert!(!story.trusts(&old) && story.trusts(&next));
            assert!(story.hear(&[(&old, 257, true)]).failed.is_some());
        }
    }
}

/// What is missing is forgotten after a year, which is told, in a set that is believed and in no other.
#[test]
fn who_is_not_believed_makes_nothing_forgotten() {
    let (old, new, strange) = (Owned::new(1), Owned::new(2), Owned::new(3));
    let mut story = Story::new(&old);
    story.rollover.tracked = vec![Tracked { key: new.key(), state: State::Missing(START) }];
    for (days, forgotten) in [(365, false), (1, true), (1, false)] {
        story.days(days);
        let failed = story.hear(&[(&old, 257, false), (&strange, 257, true)]);
        assert!(failed.failed.is_some() && failed.changes.is_empty(), "{failed:?}");
        let heard = changes(&story.hear(&[(&old, 257, true)]));
        assert_eq!(heard.contains(&Change::Forgotten), forgotten, "{heard:?}");
    }
    assert!(!story.trusts(&new));
}

/// RFC 5011 §2.3: an hour at the least; 15 days at the most, or one where the set was not believed.
#[test]
fn the_next_look_is_neither_soon_nor_late() {
    for days in 0..400 {
        for ttl_secs in [days * 7200, days * 7200 + 1, days * 86_400] {
            let set = set_with_ttl(ttl_secs, &[], START);
            let ttl_secs = u64::from(ttl_secs);
            assert_eq!(interval_secs(&set, 0, false), (ttl_secs / 2).clamp(3600, 15 * DAY_SECS));
            assert_eq!(interval_secs(&set, 0, true), (ttl_secs / 10).clamp(3600, DAY_SECS));
        }
    }
}

#[test]
fn a_flood_of_keys_is_bounded() {
    let old = Owned::new(0);
    let others: Vec<Owned> = (1..100).map(Owned::new).collect();
    let mut story = Story::new(&old);
    let mut keys = vec![(&old, 257, true)];
    keys.extend(others.iter().map(|key| (key, 257, false)));
    story.hear(&keys);
    assert_eq!(story.rollover.tracked().len(), MAX_KEYS);
    assert!(story.trusts(&old));
    let written = others.iter().map(|key| (Name::root(), Tracked { key: key.key(), state: State::Valid(START) }));
    let story = Story::of(&[Anchor::Key(old.key())], &written.collect::<Vec<_>>());
    assert_eq!(story.rollover.tracked().len(), MAX_KEYS, "whatever is in the file");
    // What was seen goes behind what was written down.
    for written in 0..=MAX_KEYS {
        let mut story = Story::new(&old);
        story.hear(&keys);
        let known =
            others.iter().rev().map(|key| (Name::root(), Tracked { key: key.key(), state: State::Valid(START) }));
        story.rollover.recall(&known.take(written).collect::<Vec<_>>());
        assert_eq!(story.rollover.tracked().len(), MAX_KEYS, "{written}");
    }
}

/// A digest names one key, and its tag is no name (RFC 4034 §5.3, appendix B): what the operator configures is trusted
/// whether or not the zone has it, once, and until that very key is revoked.
#[test]
fn an_anchor_by_digest_is_as_good_as_its_key() {
    let (old, next) = (Owned::new(1), Owned::new(2));
    let ds = |tag: &Owned, of: &Owned| {
        let data = [Name::root().wire(), &of.rdata(257)].concat();
        Anchor::Ds(Ds::new(tag.key().tag, 15, 2, digest(&SHA256, &data).as_ref()))
    };
    for (tag, of, key) in (0..8)
        .map(|bits: u8| [bits & 1, bits & 2, bits & 4])
        .map(|bits| bits.map(|bit| [&old, &next][usize::from(bit != 0)]))
        .map(|[tag, of, key]| (tag, of, key))
    {
        let right = tag.key() == key.key() && of.key() == key.key();
        assert_eq!(names(&Name::root(), &ds(tag, of), &key.key()), right);
    }
    let all = [ds(&old, &old), ds(&next, &next), ds(&old, &next)];
    let mut story = Story::of(&all, &[]);
    assert_eq!(changes(&story.hear(&[(&old, 257, true)])), [Change::Trusted]);
    assert_eq!(story.rollover.anchors(), all);
    assert_eq!(changes(&story.hear(&[(&old, 257 | 0x80, true)])), [Change::Revoked]);
    assert_eq!(story.rollover.anchors(), all[1..]);
}

/// A key that waits is trusted at once when the operator says so, and what was written down of another zone is nothing
/// to this one.
#[test]
fn who_configures_a_key_need_not_wait() {
    let (old, new) = (Owned::new(1), Owned::new(2));
    let heard = [(&old, 257, true), (&new, 257, false)];
    let mut story = Story::new(&old);
    story.hear(&heard);
    let written = |zone: &str| {
        let zone: Name = zone.parse().unwrap();
        story.rollover.tracked().iter().map(move |tracked| (zone.clone(), tracked.clone())).collect::<Vec<_>>()
    };
    let both = [&old, &new].map(|key| Anchor::Key(key.key()));
    let mut elsewhere = Story::of(&both, &written("example."));
    assert!(elsewhere.rollover.tracked().is_empty());
    assert_eq!(changes(&elsewhere.hear(&heard)), [Change::Trusted; 2]);
    assert_eq!(changes(&Story::of(&both, &written(".")).hear(&heard)), [Change::Trusted]);
}

/// A zone that rolls its key month after month is followed for ever, and what it has given up long ago is forgotten.
#[test]
fn many_rollovers_leave_room_for_the_next() {
    let keys: Vec<Owned> = (0..40).map(Owned::new).collect();
    let mut story = Story::new(&keys[0]);
    story.hear(&[(&keys[0], 257, true)]);
    for pair in keys.windows(2) {
        let (old, new) = (&pair[0], &pair[1]);
        story.hear(&[(old, 257, true), (new, 257, false)]);
        story.days(30);
        story.hear(&[(old, 257, true), (new, 257, false)]);
        story.hear(&[(old, 257 | 0x80, true), (new, 257, true)]);
        assert!(story.trusts(new) && !story.trusts(old));
        story.days(30);
        story.hear(&[(new, 257, true)]);
        assert!(story.rollover.tracked().len() <= MAX_KEYS);
    }
    assert!(story.hear(&[(&keys[0], 257, true)]).failed.is_some(), "the configured key is out for ever");
}

/// A zone that revokes nothing: what it uses is tried first, and what it has not used for a year is let go.
#[test]
fn a_zone_that_revokes_nothing_is_followed_as_well() {
    let keys: Vec<Owned> = (0..30).map(Owned::new).collect();
    let mut story = Story::new(&keys[0]);
    for pair in keys.windows(2) {
        let (old, new) = (&pair[0], &pair[1]);
        story.hear(&[(old, 257, true), (new, 257, false)]);
        story.days(31);
        story.hear(&[(old, 257, true), (new, 257, false)]);
        let rolled = story.hear(&[(new, 257, true)]);
        assert!(rolled.failed.is_none() && story.trusts(new), "{rolled:?}");
        assert!(story.trusts(old) && story.trusts(&keys[0]), "the configured one for ever");
        let first = story.rollover.anchors().remove(0);
        assert!(story.rollover.names(&first, &new.key()));
    }
    assert!(!story.trusts(&keys[5]) && story.rollover.tracked().len() < MAX_KEYS);
}

/// RFC 5011 §2.4.1: caches may hold a set without the new key for as long as its TTL.
#[test]
fn a_long_ttl_makes_the_hold_down_longer() {
    let (old, new) = (Owned::new(1), Owned::new(2));
    let mut story = Story::new(&old);
    for day in 0..40 {
        let heard = set_with_ttl(40 * 86_400, &[(&old, 257, true), (&new, 257, false)], story.now_secs);
        story.hear_set(&heard);
        assert!(!story.trusts(&new), "day {day}");
        story.days(1);
    }
    let heard = set_with_ttl(40 * 86_400, &[(&old, 257, true), (&new, 257, false)], story.now_secs);
    assert_eq!(changes(&story.hear_set(&heard)), [Change::Trusted]);
}

#[test]
fn damage_to_the_file_is_seen() {
    let old = Owned::new(1);
    let mut story = Story::new(&old);
    story.hear(&[(&old, 257, true)]);
    let text = write(std::slice::from_ref(&story.rollover));
    assert_eq!(read(&text).unwrap().len(), 1);
    for at in 0..text.len() {
        assert!(read(&text[..at]).is_err(), "cut at {at}");
        let mut octets = text.clone().into_bytes();
        octets[at] ^= 1;
        assert!(String::from_utf8(octets).is_ok_and(|damaged| read(&damaged).is_err()), "octet {at}");
    }
    assert_eq!(read(""), Err(StateError::Head));
}
