//! Negative trust anchors (RFC 7646): names at and below which nothing is validated for a while, and whether that is
//! still needed. Without clock or socket: whoever has both asks what is to be tried and says what came of it.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::time::Time;
use crate::trace::{Bogus, Insecure};
use crate::wire::{Name, Question, RecordType};

/// Most questions that are remembered of those that an anchor let through: each costs a walk at each look.
const MAX_ASKED: usize = 8;

/// A moment: by the clock that goes evenly, and by the calendar, in seconds since 1970, modulo 2^32. The calendar may
/// be set while the program runs, by years where a machine has no battery.
pub type Moment = (Time, u32);

/// A name at and below which nothing is validated for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegativeAnchor {
    /// The name.
    pub zone: Name,
    /// When it ends, however the calendar is set meanwhile.
    pub expires: Time,
    /// When it ends by the calendar, if that is before.
    pub until_secs: Option<u32>,
}

impl NegativeAnchor {
    /// Seconds for which it holds, or `None` when it has ended.
    fn left_secs(&self, (now, now_secs): Moment) -> Option<u32> {
        let longest = Some(secs_to(self.expires, now)).filter(|secs| *secs > 0)?;
        match self.until_secs {
            Some(until_secs) => Some(left_secs(until_secs, now_secs)?.min(longest)),
            None => Some(longest),
        }
    }
}

/// All negative trust anchors of a resolver. Clones share them: one that is lifted is lifted for all.
#[derive(Clone, Debug, Default)]
pub struct NegativeAnchors(Arc<RwLock<List>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct List {
    standing: Vec<Standing>,
    /// Seconds between two looks whether they are still needed; 0 is never.
    look_each_secs: u32,
    /// When the next one is due.
    look_at: Time,
}

/// An anchor, and what is known of whether it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    anchor: NegativeAnchor,
    /// What it let through since the last look, and what failed then.
    asked: Vec<Question>,
    /// Why it was needed at the last look.
    because: Option<Bogus>,
    /// Whether it was told that it has ended.
    is_told: bool,
}

/// What is to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Anchors that have ended since the last look.
    pub ended: Vec<Name>,
    /// Each of the others with the questions that have to be proved, or proved unprovable, before it is lifted.
    pub tries: Vec<(Name, Vec<Question>)>,
}

impl PartialEq for NegativeAnchors {
    fn eq(&self, other: &Self) -> bool {
        *self.0.read() == *other.0.read()
    }
}

impl Eq for NegativeAnchors {}

impl NegativeAnchors {
    /// These anchors from `now` on, with a look at them each `look_each_secs`, or never if that is 0.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = NegativeAnchor>, look_each_secs: u32, now: Time) -> Self {
        let standing = |anchor| Standing { anchor, asked: Vec::new(), because: None, is_told: false };
        let (standing, look_at) = (all.into_iter().map(standing).collect(), now.plus_secs(look_each_secs.into()));
        Self(Arc::new(RwLock::new(List { standing, look_each_secs, look_at })))
    }

    /// The deepest name at or above `name` at which an anchor holds, no higher than `top`, and what to tell of it.
    #[must_use]
    pub fn at(&self, name: &Name, top: &Name, moment: Moment) -> Option<(Name, Insecure)> {
        let list = self.0.read();
        let above = list
            .standing
            .iter()
            .filter(|Standing { anchor, .. }| name.is_within(&anchor.zone) && anchor.zone.is_within(top));
        let holding = above.filter_map(|standing| Some((standing, standing.anchor.left_secs(moment)?)));
        let (standing, left_secs) =
            holding.max_by_key(|(standing, left_secs)| (standing.anchor.zone.label_count(), *left_secs))?;
        let zone = standing.anchor.zone.clone();
        let look_secs = (list.look_each_secs > 0).then(|| secs_to(list.look_at, moment.0));
        let because = standing.because.clone().map(Box::new);
        Some((zone.clone(), Insecure::NegativeAnchor { zone, left_secs, look_secs, because }))
    }

    /// Remembers that the anchor at `zone` let through what was found for `question`.
    pub fn passed(&self, zone: &Name, question: &Question) {
        let mut list = self.0.write();
        for standing in list.standing.iter_mut().filter(|standing| standing.anchor.zone == *zone) {
            if standing.asked.len() < MAX_ASKED && !standing.asked.contains(question) {
                standing.asked.push(question.clone());
            }
        }
    }

    /// What is to be looked at now; the next look is due later. RFC 7646 §2: what validates again needs no anchor. That
    /// the zone's own SOA record does is not enough where the mistake is in another set, so what clients asked for
    /// counts too.
    #[must_use]
    pub fn look(&self, moment: Moment) -> Look {
        let mut list = self.0.write();
        list.look_at = moment.0.plus_secs(list.look_each_secs.into());
        let mut look = Look::default();
        for Standing { anchor, asked, is_told, .. } in &mut list.standing {
            if anchor.left_secs(moment).is_some() {
                let mut questions = std::mem::take(asked);
                questions.push(Question::new(anchor.zone.clone(), RecordType::SOA));
                look.tries.push((anchor.zone.clone(), questions));
                *is_told = false;
            } else if !std::mem::replace(is_told, true) {
                look.ended.push(anchor.zone.clone());
            }
        }
        // What has ended by the calendar alone may not have, once that is set right.
        list.standing.retain(|Standing { anchor, .. }| secs_to(anchor.expires, moment.0) > 0);
        look
    }

    /// Seconds until the next look; `None` when there is none to come.
    #[must_use]
    pub fn next_look_secs(&self, now: Time) -> Option<u32> {
        let list = self.0.read();
        let wanted = list.look_each_secs > 0 && !list.standing.is_empty();
        wanted.then(|| secs_to(list.look_at, now))
    }

    /// The anchors that a walk has that tries to do without the one at `zone`: those that do not cover it.
    #[must_use]
    pub fn without(&self, zone: &Name) -> Self {
        let list = self.0.read();
        let others = list.standing.iter().filter(|standing| !zone.is_within(&standing.anchor.zone)).cloned();
        Self(Arc::new(RwLock::new(List { standing: others.collect(), ..List::default() })))
    }

    /// The anchor at `zone` is still needed: for `question`, and if more is known than that it failed, for this reason.
    /// Whether that is news.
    #[must_use]
    pub fn is_needed(&self, zone: &Name, question: Question, because: Option<Bogus>) -> bool {
        let mut list = self.0.write();
        let Some(standing) = list.standing.iter_mut().find(|standing| standing.anchor.zone == *zone) else {
            return false;
        };
        standing.asked.insert(0, question);
        let news = because.is_some() && because != standing.because;
        standing.because = because.or(standing.because.take());
        news
    }

    /// The anchor at `zone` is needed no more; returns the seconds for which it would have held.
    #[must_use]
    pub fn lift(&self, zone: &Name, moment: Moment) -> Option<u32> {
        let mut list = self.0.write();
        let at = list.standing.iter().position(|standing| standing.anchor.zone == *zone)?;
        list.standing.remove(at).anchor.left_secs(moment)
    }
}

/// Times of DNSSEC are compared as serial numbers (RFC 4034 §3.1.5).
fn left_secs(until_secs: u32, now_secs: u32) -> Option<u32> {
    let left = until_secs.wrapping_sub(now_secs);
    (left != 0 && left < 1 << 31).then_some(left)
}

/// Whole seconds that a moment is to come, 0 when it has come.
fn secs_to(end: Time, now: Time) -> u32 {
    u32::try_from((end - now).as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = (Time::from_secs(7), u32::MAX - 1000);

    fn after(secs: u32) -> Moment {
        (START.0.plus_secs(secs.into()), START.1.wrapping_add(secs))
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn a(text: &str) -> Question {
        Question::new(name(text), RecordType::A)
    }

    fn anchors(all: &[(&str, u32)], look_each_secs: u32) -> NegativeAnchors {
        let anchor = |(zone, secs): &(&str, u32)| NegativeAnchor {
            zone: name(zone),
            expires: after(*secs).0,
            until_secs: Some(after(*secs).1),
        };
        NegativeAnchors::new(all.iter().map(anchor), look_each_secs, START.0)
    }

    fn told(all: &NegativeAnchors, asked: &str, after_secs: u32) -> Option<(u32, Option<u32>)> {
        match all.at(&name(asked), &Name::root(), after(after_secs))?.1 {
            Insecure::NegativeAnchor { left_secs, look_secs, .. } => Some((left_secs, look_secs)),
            other => panic!("{other:?}"),
        }
    }

    /// The numbers go round meanwhile.
    #[test]
    fn an_anchor_holds_below_its_name_until_its_end() {
        let all = anchors(&[("example.", 7200), ("a.example.", 3600)], 300);
        assert_eq!(told(&all, "www.b.example.", 0), Some((7200, Some(300))));
        assert_eq!(told(&all, "a.example.", 1100), Some((2500, Some(0))), "the deepest counts");
        assert_eq!(told(&all, "a.example.", 3600), Some((3600, Some(0))));
        assert_eq!(told(&all, "other.", 0), None);
        assert_eq!(told(&all, "example.", 7200), None);
        assert_eq!(
            all.at(&name("b.example."), &name("b.example."), START),
            None,
            "a trust anchor further below counts"
        );
        let look = all.look(after(3600));
        assert_eq!((look.ended, look.tries.len()), (vec![name("a.example.")], 1));
        assert_eq!(told(&all, "example.", 3700), Some((3500, Some(200))));
        let unwatched = anchors(&[("example.", 60)], 0);
        assert_eq!(told(&unwatched, "example.", 0), Some((60, None)), "nobody looks");
        assert_eq!(unwatched.next_look_secs(START.0), None);
    }

    /// RFC 7646 §2.
    #[test]
    fn an_anchor_is_lifted_when_all_that_it_let_through_validates() {
        let all = anchors(&[("example.", 7200), ("other.", 7200)], 300);
        let shared = all.clone();
        let soa = |zone: &str| Question::new(name(zone), RecordType::SOA);
        let tries = |look: Look| look.tries.into_iter().map(|(_, questions)| questions).collect::<Vec<_>>();
        for _ in 0..2 {
            all.passed(&name("example."), &a("www.example."));
        }
        let once = [vec![a("www.example."), soa("example.")], vec![soa("other.")]];
        assert_eq!(tries(all.look(START)), once, "each has its own, once");
        assert_eq!(tries(all.look(START)), [[soa("example.")], [soa("other.")]], "what was tried is forgotten");
        all.passed(&name("example."), &a("www.example."));
        (0..20).for_each(|nth| all.passed(&name("example."), &a(&format!("n{nth}.example."))));
        let look = all.look(after(300));
        let (zone, questions) = &look.tries[0];
        assert_eq!((zone, questions.len()), (&name("example."), MAX_ASKED + 1));
        assert_eq!((&questions[0], &questions[8]), (&a("www.example."), &soa("example.")));
        // It stays, for a reason that is told, and that question is tried again.
        let why = Bogus::NoKeys { zone: zone.clone() };
        assert!(all.is_needed(zone, a("www.example."), Some(why.clone())));
        assert!(!all.is_needed(zone, a("www.example."), Some(why.clone())), "no news");
        assert!(!all.is_needed(zone, a("www.example."), None), "nobody answered: what was known still is");
        let at = all.at(zone, &Name::root(), after(300)).unwrap().1;
        assert!(at.to_string().contains("its keys cannot be had"), "{at}");
        assert!(all.look(START).tries[0].1.contains(&a("www.example.")));
        // It goes, for all who share it, and the other one stays.
        assert_eq!(all.lift(zone, after(600)), Some(6600));
        assert_eq!(shared.at(zone, &Name::root(), START), None);
        assert_eq!(shared.next_look_secs(START.0), Some(300));
        assert_eq!(shared.lift(&name("other."), START), Some(7200));
        assert_eq!(shared.next_look_secs(START.0), None);
    }

    /// A machine without a battery begins years ago, or where its clock was left, and finds the time of day in the
    /// network: a day stays a day, and what ends on a day ends on that day, a week from the start at the latest.
    #[test]
    fn a_calendar_that_is_set_moves_no_end_but_one_in_the_calendar() {
        const DAY: u32 = 86_400;
        let (now, right_secs) = START;
        let expires = now.plus_secs(u64::from(DAY));
        let until_secs = Some(right_secs.wrapping_add(3600));
        let given = [("day.", None), ("until.", until_secs)];
        let anchor = |(zone, until_secs)| NegativeAnchor { zone: name(zone), expires, until_secs };
        let all = NegativeAnchors::new(given.map(anchor), 300, now);
        let left = |zone: &str, off_secs: u32, after_secs: u32| {
            let moment = (now.plus_secs(after_secs.into()), right_secs.wrapping_add(after_secs).wrapping_add(off_secs));
            match all.at(&name(zone), &Name::root(), moment)?.1 {
                Insecure::NegativeAnchor { left_secs, look_secs, .. } => Some((left_secs, look_secs)),
                other => panic!("{other:?}"),
            }
        };
        let years_ago = (DAY * 3650).wrapping_neg();
        for off_secs in [years_ago, 0, DAY * 3650] {
            assert_eq!(left("day.", off_secs, 60), Some((DAY - 60, Some(240))), "{off_secs}");
            assert_eq!(left("day.", off_secs, DAY), None, "{off_secs}");
        }
        assert_eq!(left("until.", years_ago, 60), Some((DAY - 60, Some(240))), "no longer than all others");
        assert_eq!(left("until.", DAY * 3650, 60), None);
        // That it has ended is told once, and it has not once the calendar is right.
        let ahead = (now, right_secs.wrapping_add(DAY * 3650));
        assert_eq!((all.look(ahead).ended, all.look(ahead).ended), (vec![name("until.")], vec![]));
        assert_eq!(left("until.", 0, 60), Some((3540, Some(240))));
        assert_eq!(left("until.", 0, 3600), None);
    }

    #[test]
    fn a_walk_that_tries_without_an_anchor_has_none_above_it_either() {
        let all = anchors(&[("example.", 60), ("a.example.", 60), ("b.a.example.", 60)], 300);
        let without = all.without(&name("a.example."));
        assert_eq!(without.at(&name("x.a.example."), &Name::root(), START), None);
        assert!(without.at(&name("b.a.example."), &Name::root(), START).is_some());
        assert!(all.at(&name("x.a.example."), &Name::root(), START).is_some(), "the others keep theirs");
    }

    /// Each anchor has its own reason and its own end, and of names without one nothing is known. What has ended is
    /// told, each time that it does, and is no reason to look once it cannot hold again.
    #[test]
    fn each_anchor_stands_for_itself() {
        let why = |zone: &str| Some(Bogus::NoKeys { zone: name(zone) });
        let all = anchors(&[("a.", 600), ("b.", 900)], 300);
        assert!(
            all.is_needed(&name("b."), a("www.b."), why("b.")) && all.is_needed(&name("a."), a("www.a."), why("a."))
        );
        assert!(!all.is_needed(&name("c."), a("www.c."), why("c.")));
        for zone in ["a.", "b."] {
            let Insecure::NegativeAnchor { because, .. } = all.at(&name(zone), &Name::root(), START).unwrap().1 else {
                panic!("{zone}")
            };
            assert_eq!(because.as_deref(), why(zone).as_ref());
        }
        assert!(all != anchors(&[("a.", 600), ("b.", 900)], 300) && all == all.clone());
        assert_eq!((all.lift(&name("c."), START), all.lift(&name("b."), START)), (None, Some(900)));
        assert_eq!(told(&all, "a.", 0).map(|(left_secs, _)| left_secs), Some(600));
        // By the calendar, which is set to and fro, and by the clock.
        let at = |secs: u32, off_secs: u32| (after(secs).0, after(secs).1.wrapping_add(off_secs));
        for off_secs in [600, 0, 600, 0] {
            assert_eq!(all.look(at(0, off_secs)).ended.len(), usize::from(off_secs > 0), "{off_secs}");
            assert!(all.look(at(0, off_secs)).ended.is_empty() && all.next_look_secs(START.0).is_some());
        }
        assert!(all.look(after(599)).ended.is_empty() && all.next_look_secs(START.0).is_some());
        assert_eq!((all.look(after(600)).ended, all.next_look_secs(START.0)), (vec![name("a.")], None));
        assert_eq!(
            (left_secs(1 << 31, 0), left_secs((1 << 31) - 1, 0)),
            (None, Some((1 << 31) - 1)),
            "half of the circle"
        );
    }
}
