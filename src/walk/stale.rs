//! What is still known of a question although its time is over (RFC 8767).

use std::time::Duration;

use crate::cache::{Cache, Denial, DenialKind, KnownSet, Security};
use crate::time::Time;
use crate::wire::{Name, Question, RecordType, ResponseCode, RrSet};

use super::begin::{aged, is_aliased};
use super::limits::Limits;
use super::outcome::Outcome;
use super::private::Private;

/// How long things are served after their time, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleLimits {
    /// For how long after the end of their TTL.
    pub max: Duration,
    /// The TTL that stale records get (RFC 8767 §4: 30 seconds).
    pub reply_ttl_secs: u32,
}

/// What may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Everything: nothing is validated, or the client does that itself.
    All,
    /// What was found secure or insecure.
    Judged,
}

/// An answer whose time is over.
#[derive(Debug)]
pub struct StaleAnswer {
    /// The answer, stale parts with the TTL of stale parts.
    pub outcome: Outcome,
    /// Since when the part that is over for the longest time is over; `None` when nothing of it is.
    pub expired: Option<Duration>,
    /// When the part that was learned last was learned.
    pub learned: Time,
}

/// What the cache has for one name.
struct Known {
    what: What,
    /// What shows that a wildcard may stand for the name.
    proof: Vec<RrSet>,
    security: Security,
    stored: Time,
    expires: Time,
}

enum What {
    Set(RrSet),
    Denial(DenialKind, Vec<RrSet>),
    /// The CNAME and its target.
    Alias(RrSet, Name),
}

/// The answer to `question` as it was last known: from the record sets, so that it does not matter how it was asked
/// for then. `None` when a part of it is not known any more.
#[must_use]
pub fn stale(
    question: &Question,
    cache: &Cache,
    (limits, private): (&Limits, &Private),
    over: &StaleLimits,
    admit: Admit,
    (now, unix_secs): (Time, u32),
) -> Option<StaleAnswer> {
    let (mut answer, mut proof): (Vec<RrSet>, Vec<RrSet>) = (Vec::new(), Vec::new());
    let (mut expired, mut learned, mut secure) = (None, Time::ZERO, true);
    let mut current = question.clone();
    for _ in 0..=limits.cname_links {
        let known = look(&current, cache, over, admit, now)?;
        learned = learned.max(known.stored);
        if known.expires <= now {
            expired = expired.max(Some(now - known.expires));
        }
        secure &= known.security == Security::Secure;
        proof.extend(known.proof);
        let (rcode, authority) = match known.what {
            What::Alias(link, target) => {
                answer.push(link);
                current.name = target;
                continue;
            }
            What::Set(set) => {
                answer.push(set);
                (ResponseCode::NoError, Vec::new())
            }
            What::Denial(DenialKind::NoData, authority) => (ResponseCode::NoError, authority),
            What::Denial(DenialKind::NxDomain, authority) => (ResponseCode::NXDomain, authority),
        };
        let authority = authority.into_iter().chain(proof).collect();
        let mut outcome = Outcome { rcode, answer, authority, failure: None, notes: Vec::new(), secure: false };
        outcome.secure = secure && outcome.signed_secs(unix_secs) > 0;
        private.withhold(&mut outcome);
        return Some(StaleAnswer { outcome, expired, learned });
    }
    None
}

/// The newest of what is known of a name: an alias that was learned after a set has taken its place, although the set
/// is still in the cache.
fn look(question: &Question, cache: &Cache, over: &StaleLimits, admit: Admit, now: Time) -> Option<Known> {
    let (name, qtype) = (&question.name, question.qtype);
    let ttl = |set: &RrSet, stored, expires| RrSet {
        ttl_secs: if expires > now { aged(set, stored, now).ttl_secs } else { over.reply_ttl_secs },
        ..set.clone()
    };
    let least = if admit == Admit::All { Security::Unchecked } else { Security::Insecure };
    let set = |rtype| cache.stale_set(name, rtype, now, (over.max, least));
    let of_set = |known: &KnownSet, what| {
        let KnownSet { stored, expires, security, .. } = *known;
        let proof = known.proof.iter().map(|set| ttl(set, stored, expires)).collect();
        Known { what, proof, security, stored, expires }
    };
    let direct = set(qtype).map(|known| of_set(&known, What::Set(ttl(&known.set, known.stored, known.expires))));
    let denied = cache.stale_denial(name, qtype, now, over.max).filter(|known| known.security >= least);
    let denial = denied.map(|denial| {
        let Denial { stored, expires, security, .. } = *denial;
        let records = denial.soa.iter().chain(&denial.proof).map(|set| ttl(set, stored, expires)).collect();
        Known { what: What::Denial(denial.kind, records), proof: Vec::new(), security, stored, expires }
    });
    let alias = Some(RecordType::CNAME).filter(|_| is_aliased(qtype)).and_then(set).and_then(|known| {
        let target = known.set.targets().next()?;
        Some(of_set(&known, What::Alias(ttl(&known.set, known.stored, known.expires), target)))
    });
    [direct, denial, alias].into_iter().flatten().max_by_key(|known| known.stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Put, Rank, TtlLimits};
    use crate::trace::Source;

    const OVER: StaleLimits = StaleLimits { max: Duration::from_secs(1000), reply_ttl_secs: 30 };

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

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
        let private = Private { nets: vec!["10.0.0.0/8".parse().expect("a network")], domains: Vec::new() };
        stale(&question, cache, (&Limits::default(), &private), &OVER, Admit::All, (Time::from_secs(at), 0))
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
