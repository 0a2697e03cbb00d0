//! What is still known of a question although its time is over (RFC 8767).

use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cache, Denial, DenialKind, KnownSet, Rank, Security};
use crate::dnssec::{Cut, Fact, Judge, Known, Moment, Spent, Statement, Verdict, ZoneTrust};
use crate::time::Time;
use crate::trace::Source;
use crate::wire::{Name, Question, RecordType, ResponseCode, RrSet, is_aliased};

use super::WalkSettings;
use super::begin::aged;
use super::limits::Limits;
use super::outcome::{Outcome, once};
use super::private::Private;

/// How long things are served after their time, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleLimits {
    /// For how long after the end of their TTL.
    pub max: Duration,
    /// The TTL that stale records get (RFC 8767 §4: 30 seconds).
    pub reply_ttl_secs: u32,
}

/// What is known, and what of it may be served at a moment although its time is over.
#[derive(Clone, Copy, Debug)]
pub struct StaleView<'s> {
    /// What is known of names.
    pub cache: &'s Cache,
    /// How many aliases are followed.
    pub limits: &'s Limits,
    /// The addresses that are withheld.
    pub private: &'s Private,
    /// For how long after its time, and how it is served.
    pub over: StaleLimits,
    /// By which settings it is judged: then what was found secure is served, and what was found insecure and would
    /// still be found so. All is where nothing is validated, or the client does that itself.
    pub judged_by: Option<&'s WalkSettings>,
    /// When.
    pub moment: Moment,
}

/// An answer whose time is over.
#[derive(Debug)]
pub struct StaleAnswer {
    /// The answer, stale parts with the TTL of stale parts.
    pub outcome: Outcome,
    /// Since when the part that is over for the longest time is over; `None` when nothing of it is.
    pub expired: Option<Duration>,
    /// When its end was learned: that an alias on the way leads there still says nothing of what is there.
    pub learned: Time,
}

impl StaleAnswer {
    /// What is made of this answer and another one.
    #[must_use]
    pub fn with(self, other: Self, join: impl FnOnce(Outcome, Outcome) -> Outcome) -> Self {
        Self {
            outcome: join(self.outcome, other.outcome),
            expired: self.expired.max(other.expired),
            learned: self.learned.max(other.learned),
        }
    }
}

/// What is still known of a question.
#[derive(Debug)]
pub struct Recollection {
    /// The aliases on the way, and when each of them was learned.
    pub links: Vec<(RrSet, Time)>,
    /// The answer, when no part of it is lost.
    pub answer: Option<StaleAnswer>,
    /// When what came before was ended by what was told last, with TTL 0, if so it was.
    pub ended: Option<Time>,
}

/// What the cache has for one name.
struct Found {
    what: What,
    /// What shows that a wildcard may stand for the name, or that it has no such records.
    proof: Vec<RrSet>,
    security: Security,
    from: Source,
    stored: Time,
    expires: Time,
    /// Whether it was told with TTL 0.
    is_gone: bool,
}

enum What {
    Set(RrSet),
    /// With the SOA set.
    Denial(DenialKind, Option<RrSet>),
    /// The CNAME and its target.
    Alias(RrSet, Name),
}

impl StaleView<'_> {
    /// The answer to `question` as it was last known: from the record sets, so that it does not matter how it was asked
    /// for then.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Recollection {
        let (mut links, mut ended) = (Vec::new(), None);
        let mut answer = self.follow(question, (&mut links, &mut ended));
        if let Some(answer) = &mut answer {
            answer.outcome.answer.splice(0..0, links.iter().map(|(link, _)| link.clone()));
            answer.outcome.secure &= answer.outcome.signed_secs(self.moment.1) > 0;
            self.private.withhold(&mut answer.outcome);
        }
        Recollection { links, answer, ended }
    }

    /// Goes along what is known, and puts the aliases on the way into `links`; what they lead to, `None` when that is
    /// not known any more, or was `ended`.
    fn follow(
        &self,
        question: &Question,
        (links, ended): (&mut Vec<(RrSet, Time)>, &mut Option<Time>),
    ) -> Option<StaleAnswer> {
        let mut proof: Vec<RrSet> = Vec::new();
        let (mut expired, mut secure) = (None, true);
        let (mut current, now) = (question.clone(), self.moment.0);
        for _ in 0..=self.limits.cname_links {
            let found = self.look(&current)?;
            if found.security < Security::Secure && !self.may_be_unproved(&found.statement(&current), &found.from) {
                return None;
            }
            if found.is_gone {
                *ended = Some(found.stored);
                return None;
            }
            if found.expires <= now {
                expired = expired.max(Some(now - found.expires));
            }
            secure &= found.security == Security::Secure;
            proof.extend(found.proof);
            let (rcode, answer, soa) = match found.what {
                What::Alias(link, target) => {
                    links.push((link, found.stored));
                    current.name = target;
                    continue;
                }
                What::Set(set) => (ResponseCode::NoError, vec![set], None),
                What::Denial(kind, soa) => (kind.rcode(), Vec::new(), soa),
            };
            let authority = once(soa.into_iter().chain(proof));
            let outcome = Outcome { rcode, answer, authority, failure: None, notes: Vec::new(), secure };
            return Some(StaleAnswer { outcome, expired, learned: found.stored });
        }
        None
    }

    /// Whether an answer of which no record is known by itself, and that was not proved, may be served for `name`:
    /// nothing there would have to be signed.
    #[must_use]
    pub fn may_be_unsigned(&self, name: &Name) -> bool {
        let set = RrSet::new(name.clone(), RecordType::A, 0, std::iter::empty());
        self.may_be_unproved(&Statement::Set { set: &set, proof: &[] }, &Source::Local)
    }

    /// Whether what was not proved still need not be, by all that is known now. What was kept while a zone was
    /// unsigned, by whomever it was told, is worth nothing once it is signed (RFC 4035 §4.3: what should be provable is
    /// bogus).
    fn may_be_unproved(&self, statement: &Statement<'_>, from: &Source) -> bool {
        !matches!(self.judge(statement, from), Some((Verdict::Bogus(_), _)))
    }

    /// What DNSSEC shows of a statement by all that is known now, and what it shows of what came along; `None` where it
    /// has no say.
    fn judge(&self, statement: &Statement<'_>, from: &Source) -> Option<(Verdict, Vec<RrSet>)> {
        let settings = self.judged_by?;
        let (name, proof) = match statement {
            // Signatures are not signed.
            Statement::Set { set, .. } if set.rtype == RecordType::RRSIG => return None,
            Statement::Set { set, proof } => (&set.owner, *proof),
            Statement::Denial { question, proof, .. } => (&question.name, *proof),
        };
        // What the rest of the world says of a zone with servers that the operator names was not kept.
        if settings.routes.own(name).is_some() {
            return None;
        }
        let (known, mut spent) = (LastKnown { cache: self.cache, now: self.moment.0, proof, from }, Spent::default());
        let mut judge = Judge::new(&settings.proofs, &settings.limits.proofs, &known, self.moment, &mut spent);
        let verdict = judge.judge(statement);
        Some((verdict, judge.into_learned().shown))
    }

    /// A set that no walk has judged, if it counts. A walk judges when it has all of an answer, and one that has failed
    /// may have had a part of it: what was refreshed is not stale (RFC 8767 §5). It counts where nothing could be
    /// proved, or by the keys that were known last; else anybody may have sent it.
    fn judged(&self, known: KnownSet) -> Option<KnownSet> {
        let statement = Statement::Set { set: &known.set, proof: &known.proof };
        match self.judge(&statement, &known.from)? {
            (Verdict::Insecure(_), _) => Some(known),
            // The time of those keys may be over, and what they prove is as stale as they are.
            (Verdict::Secure { .. }, shown) => {
                let is_shown = |set: &&RrSet| shown.iter().any(|shown| shown.is_as(set));
                let proof = known.proof.iter().filter(is_shown).cloned().collect();
                let expires = known.expires.min(self.moment.0);
                Some(KnownSet { proof, security: Security::Secure, expires, ..known })
            }
            _ => None,
        }
    }

    /// The newest of what is known of a name: an alias that was learned after a set has taken its place, although the
    /// set is still in the cache.
    fn look(&self, question: &Question) -> Option<Found> {
        let Self { cache, over, moment: (now, _), .. } = *self;
        let (name, qtype) = (&question.name, question.qtype);
        let ttl = |set: &RrSet, stored, expires| RrSet {
            ttl_secs: if expires > now { aged(set, stored, now).ttl_secs } else { over.reply_ttl_secs },
            ..set.clone()
        };
        let least = if self.judged_by.is_none() { Security::Unchecked } else { Security::Insecure };
        let set = |rtype| {
            let unjudged = cache.stale_set(name, rtype, now, (over.max, Security::Unchecked));
            let is_told = |known: &KnownSet| known.security == Security::Unchecked && known.rank > Rank::BehindAlias;
            unjudged
                .filter(is_told)
                .and_then(|known| self.judged(known))
                .or_else(|| cache.stale_set(name, rtype, now, (over.max, least)))
        };
        let of_set = |known: &KnownSet, what| {
            let KnownSet { stored, expires, security, .. } = *known;
            let (proof, is_gone) =
                (known.proof.iter().map(|set| ttl(set, stored, expires)).collect(), known.set.ttl_secs == 0);
            Found { what, proof, security, from: known.from.clone(), stored, expires, is_gone }
        };
        let direct = set(qtype).map(|known| of_set(&known, What::Set(ttl(&known.set, known.stored, known.expires))));
        let denial = cache.stale_denial(name, qtype, now, (over.max, least)).map(|denial| {
            let Denial { stored, expires, security, .. } = *denial;
            let soa = denial.soa.as_ref().map(|set| ttl(set, stored, expires));
            let proof = denial.proof.iter().map(|set| ttl(set, stored, expires)).collect();
            let (what, from, is_gone) = (What::Denial(denial.kind, soa), denial.from.clone(), denial.is_gone());
            Found { what, proof, security, from, stored, expires, is_gone }
        });
        let alias = Some(RecordType::CNAME).filter(|_| is_aliased(qtype)).and_then(set).and_then(|known| {
            let target = known.set.targets().next()?;
            Some(of_set(&known, What::Alias(ttl(&known.set, known.stored, known.expires), target)))
        });
        [direct, denial, alias].into_iter().flatten().max_by_key(|found| found.stored)
    }
}

/// What is known of zones, however long ago it was found out: nobody is asked.
#[derive(Debug)]
struct LastKnown<'k> {
    cache: &'k Cache,
    now: Time,
    proof: &'k [RrSet],
    /// Who told what is judged.
    from: &'k Source,
}

impl Known for LastKnown<'_> {
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        // Its parent may have a DS set for it by now.
        let is_signed = || self.cache.delegation(zone, self.now).is_some_and(|cut| cut.ds.is_some());
        self.cache.last_zone(zone).filter(|trust| trust.is_secure() || !is_signed())
    }

    fn cut(&self, name: &Name) -> (Option<Cut>, bool) {
        let cut = self.cache.delegation(name, self.now);
        let cut = cut.map(|cut| Cut { ds: cut.ds.clone(), alias: None, proof: cut.proof.to_vec() });
        // There was a zone in which it was told, and perhaps zones above that: where nothing is known of their cuts any
        // more, nothing is held against them. Below it there was no cut.
        let is_open = cut.is_none() && self.from.informant().is_some_and(|by| by.zone.is_within(name));
        (cut, !is_open)
    }

    fn told(&self) -> &[RrSet] {
        self.proof
    }

    fn own_zone(&self, _: &Name) -> Option<Name> {
        None
    }

    fn keys(&self, zone: &Name) -> Fact<RrSet> {
        let known = self.cache.set(zone, RecordType::DNSKEY, self.now);
        known.map_or(Fact::Missing, |known| Fact::Is(known.set))
    }

    fn proved_secs(&self, _: &RrSet) -> Option<u32> {
        None
    }
}

impl Found {
    /// What it says in answer to `question`.
    fn statement<'f>(&'f self, question: &'f Question) -> Statement<'f> {
        let proof = &self.proof;
        match &self.what {
            What::Set(set) | What::Alias(set, _) => Statement::Set { set, proof },
            What::Denial(kind, soa) => {
                let no_name = *kind == DenialKind::NxDomain;
                Statement::Denial { question, no_name, soa: soa.as_ref(), proof }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Put, TtlLimits};
    use crate::wire::name;

    const OVER: StaleLimits = StaleLimits { max: Duration::from_secs(1000), reply_ttl_secs: 30 };

    fn cache() -> Cache {
        Cache::new(1 << 20, (1, 2), TtlLimits::default())
    }

    fn put(cache: &Cache, set: RrSet, at: u64) {
        let put = cache.put_set(set, Rank::AuthAnswer, Source::Local, Time::from_secs(at));
        assert!(matches!(put, Put::Stored | Put::ZeroTtl), "{put:?}");
    }

    fn a(owner: &str, ttl_secs: u32) -> RrSet {
        RrSet::new(name(owner), RecordType::A, ttl_secs, [&[192, 0, 2, 1][..]])
    }

    fn alias(owner: &str, rtype: RecordType, ttl_secs: u32, target: &str) -> RrSet {
        RrSet::new(name(owner), rtype, ttl_secs, [name(target).wire()])
    }

    fn told(cache: &Cache, asked: &str, at: u64) -> Option<StaleAnswer> {
        let question = Question::new(name(asked), RecordType::A);
        let private = Private { nets: vec!["10.0.0.0/8".parse().expect("a network")], ..Private::default() };
        let (limits, moment) = (&Limits::default(), (Time::from_secs(at), 0));
        let view = StaleView { cache, limits, private: &private, over: OVER, judged_by: None, moment };
        view.answer(&question).answer
    }

    fn ttls(told: &StaleAnswer) -> Vec<u32> {
        told.outcome.answer.iter().map(|set| set.ttl_secs).collect()
    }

    #[test]
    fn fresh_parts_keep_their_ttl_and_stale_ones_get_theirs() {
        let cache = cache();
        put(&cache, alias("www.example", RecordType::CNAME, 500, "host.example"), 0);
        put(&cache, a("host.example", 60), 0);
        let found = told(&cache, "WWW.example", 100).expect("known");
        assert_eq!((ttls(&found), found.expired), (vec![400, 30], Some(Duration::from_secs(40))));
        assert!(told(&cache, "www.example", 59).is_some_and(|found| found.expired.is_none()));
        assert!(told(&cache, "www.example", 1059).is_some() && told(&cache, "www.example", 1060).is_none());
    }

    #[test]
    fn what_was_learned_last_holds() {
        let cache = cache();
        put(&cache, a("www.example", 60), 0);
        put(&cache, alias("www.example", RecordType::CNAME, 60, "host.example"), 70);
        put(&cache, a("host.example", 60), 70);
        assert_eq!(told(&cache, "www.example", 200).expect("known").outcome.answer.len(), 2);
        let denial = Denial::heard(DenialKind::NxDomain, None, [], Source::Local);
        let _ = cache.put_denial(&name("www.example"), RecordType::A, denial, Time::from_secs(210));
        assert_eq!(told(&cache, "www.example", 220).expect("known").outcome.rcode, ResponseCode::NXDomain);
        // What is told with TTL 0 ends what was known, and is gone at once (RFC 1035 §3.2.1).
        put(&cache, a("host.example", 0), 232);
        assert!(told(&cache, "host.example", 233).is_none());
    }

    #[test]
    fn a_private_address_is_withheld_from_what_is_stale_too() {
        let cache = cache();
        put(&cache, RrSet::new(name("www.example"), RecordType::A, 60, [&[10, 0, 0, 1][..]]), 0);
        let found = told(&cache, "www.example", 100).expect("known");
        assert_eq!((found.outcome.answer.len(), found.outcome.notes.len()), (0, 1));
    }

    #[test]
    fn loops_end() {
        let cache = cache();
        put(&cache, alias("a.example", RecordType::CNAME, 60, "b.example"), 0);
        put(&cache, alias("b.example", RecordType::CNAME, 60, "a.example"), 0);
        assert!(told(&cache, "a.example", 100).is_none());
    }
}
