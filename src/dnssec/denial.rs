//! The proof that came with a reply: first its own signatures, then what it shows.

use crate::trace::{Bogus, Insecure, Proof};
use crate::wire::{Name, RecordType, RrSet};

use super::key::Key;
use super::limits::{Limits, Spent};
use super::nsec::{self, Nsec};
use super::nsec3::{Chain, Nsec3, Shown};
use super::span::Span;
use super::verify::{Bench, signers};

/// Most sets of one zone in one proof that are looked at. A complete one has three; in front of it there may be as many
/// aliases as are followed, each made by a wildcard of the same zone with a set of its own. Signatures that were
/// verified before cost nothing, so that no other limit counts the sets, and each is compared with each.
const MAX_SETS: usize = 16;

/// The NSEC and NSEC3 records of a zone whose signatures hold.
pub(super) struct Checked<'a> {
    zone: &'a Name,
    nsecs: Vec<Nsec<'a>>,
    nsec3s: Vec<Nsec3<'a>>,
    /// Those sets, each with the TTL that its signature allows.
    pub(super) sets: Vec<RrSet>,
    /// The others, each with what is wrong with it.
    failed: Vec<(&'a RrSet, Bogus)>,
    pub(super) notes: Vec<Proof>,
    /// The records as far as they say something of other questions.
    pub(super) spans: Vec<Span>,
}

/// What a proof shows of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// Nothing.
    Nothing,
    /// That it is as claimed, by records of this type.
    Proved(RecordType),
    /// That it cannot be told for certain.
    Insecure(Insecure),
}

/// What a parent's proof shows of a possible zone cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AtCut {
    /// Nothing.
    Unproved,
    /// The name is delegated and has no DS set, or whether so cannot be told.
    Insecure(Insecure),
    /// The name belongs to the parent.
    NoCut,
    /// The name does not exist, nor does anything below it.
    NoName,
}

/// Verifies those of `sets` that `zone` has signed. The error is a limit.
pub(super) fn check<'a>(
    bench: &mut Bench<'_>,
    sets: &'a [RrSet],
    zone: &'a Name,
    keys: &[Key],
) -> Result<Checked<'a>, Bogus> {
    let mut checked = Checked {
        zone,
        nsecs: Vec::new(),
        nsec3s: Vec::new(),
        sets: Vec::new(),
        failed: Vec::new(),
        notes: Vec::new(),
        spans: Vec::new(),
    };
    let proving = |set: &&RrSet| matches!(set.rtype, RecordType::NSEC | RecordType::NSEC3);
    // What another zone sends along, as one with an alias to here may, takes no place (RFC 4035 §5.3.1).
    let ours = |set: &&RrSet| {
        let signers = signers(set, bench.limits);
        set.owner.is_within(zone) && (signers.is_empty() || signers.contains(zone))
    };
    for set in sets.iter().filter(proving).filter(ours).take(MAX_SETS).collect::<Vec<_>>() {
        match bench.verify(set, zone, keys) {
            // A proof made from a wildcard proves nothing (CVE-2017-15105).
            Ok(verified) if verified.encloser.is_none() => {
                checked.notes.push(verified.proof(set, zone));
                checked.take(set);
                let set = RrSet { ttl_secs: verified.ttl_secs, ..set.clone() };
                checked.spans.extend(Span::denial(&set, zone));
                checked.sets.push(set);
            }
            Ok(_) => {}
            Err(limit @ Bogus::TooCostly { .. }) => return Err(limit),
            Err(why) => checked.failed.push((set, why)),
        }
    }
    Ok(checked)
}

/// Whether `set` is the NSEC or NSEC3 set at `name` in `zone`.
pub(super) fn is_at(set: &RrSet, zone: &Name, name: &Name, bench: &mut Bench<'_>) -> Result<bool, Bogus> {
    match set.rtype {
        RecordType::NSEC => Ok(set.owner == *name),
        RecordType::NSEC3 => {
            let record = Nsec3::read(set, zone).filter(|record| record.iterations <= bench.limits.nsec3_iterations);
            let Some(record) = record else { return Ok(false) };
            Ok(Chain::new(vec![record], zone, bench.limits, bench.spent).types(name)?.is_some())
        }
        _ => Ok(false),
    }
}

impl<'a> Checked<'a> {
    /// The least time for which one of them holds.
    pub(super) fn ttl_secs(&self) -> u32 {
        self.sets.iter().map(|set| set.ttl_secs).min().unwrap_or(u32::MAX)
    }

    fn take(&mut self, set: &'a RrSet) {
        match set.rtype {
            RecordType::NSEC => self.nsecs.extend(Nsec::read(set, self.zone)),
            _ => self.nsec3s.extend(Nsec3::read(set, self.zone)),
        }
    }

    /// Why nothing is shown of `name`: what is wrong with the set with which, were it good, what `shows` wants would be
    /// shown; or that the proof is not all there, whatever is wrong with the rest of it.
    pub(super) fn blame(
        mut self,
        bench: &mut Bench<'_>,
        (name, rtype): (&Name, RecordType),
        shows: impl Fn(&Self, &mut Bench<'_>) -> Result<bool, Bogus>,
    ) -> Bogus {
        // Half of the hashes are left for what the next server may prove: a reason is not worth them.
        let limits = Limits { nsec3_hashes: bench.limits.nsec3_hashes / 2, ..bench.limits.clone() };
        let (now_secs, accepts) = (bench.now_secs, bench.accepts);
        let mut bench = Bench { now_secs, accepts, limits: &limits, spent: bench.spent };
        for (set, why) in std::mem::take(&mut self.failed) {
            self.take(set);
            if shows(&self, &mut bench) == Ok(true) {
                return why;
            }
        }
        Bogus::DenialMissing { name: name.clone(), rtype, zone: self.zone.clone() }
    }

    /// RFC 9276 §3.2: above a number of iterations nothing is computed, and nothing proved.
    fn chain<'c>(&self, limits: &'c Limits, spent: &'c mut Spent) -> Result<Chain<'c>, Insecure>
    where
        'a: 'c,
    {
        let too_many = self.nsec3s.iter().find(|record| record.iterations > limits.nsec3_iterations);
        match too_many {
            Some(record) => {
                let (zone, most) = (self.zone.clone(), limits.nsec3_iterations);
                Err(Insecure::Iterations { zone, iterations: record.iterations, most })
            }
            None => Ok(Chain::new(self.nsec3s.clone(), self.zone, limits, spent)),
        }
    }

    /// Whether `name` has no `qtype`, or with `no_name` does not exist.
    pub(super) fn denies(
        &self,
        bench: &mut Bench<'_>,
        name: &Name,
        qtype: RecordType,
        no_name: bool,
    ) -> Result<Shows, Bogus> {
        let by_nsec = if no_name { nsec::no_name(&self.nsecs, name) } else { nsec::no_data(&self.nsecs, name, qtype) };
        if by_nsec {
            return Ok(Shows::Proved(RecordType::NSEC));
        }
        match self.chain(bench.limits, bench.spent) {
            Err(insecure) => Ok(Shows::Insecure(insecure)),
            Ok(chain) => {
                let shown = if no_name { chain.no_name(name)? } else { chain.no_data(name, qtype)? };
                Ok(self.shows(shown, name))
            }
        }
    }

    /// Whether nothing stands between `encloser` and `name`, so that a wildcard may answer.
    pub(super) fn leaves_to_wildcard(
        &self,
        bench: &mut Bench<'_>,
        name: &Name,
        encloser: &Name,
    ) -> Result<Shows, Bogus> {
        if nsec::no_closer(&self.nsecs, name, encloser) {
            return Ok(Shows::Proved(RecordType::NSEC));
        }
        match self.chain(bench.limits, bench.spent) {
            Err(insecure) => Ok(Shows::Insecure(insecure)),
            Ok(chain) => Ok(self.shows(chain.no_closer(name, encloser)?, name)),
        }
    }

    fn shows(&self, shown: Shown, name: &Name) -> Shows {
        match shown {
            Shown::Nothing => Shows::Nothing,
            Shown::Proved => Shows::Proved(RecordType::NSEC3),
            Shown::OptedOut => Shows::Insecure(Insecure::OptOut { name: name.clone(), zone: self.zone.clone() }),
        }
    }

    /// What is at `name`, a possible zone cut without DS set (RFC 4035 §5.2, RFC 5155 §8.9).
    pub(super) fn at_cut(&self, bench: &mut Bench<'_>, name: &Name) -> Result<AtCut, Bogus> {
        let types = match self.nsecs.iter().find_map(|nsec| nsec.at(name)) {
            Some(types) => types,
            None if self.nsecs.iter().any(|nsec| nsec.shows_empty(name)) => return Ok(AtCut::NoCut),
            None if self.nsecs.iter().any(|nsec| nsec.denies(name)) => return Ok(AtCut::NoName),
            None => {
                let chain = match self.chain(bench.limits, bench.spent) {
                    Err(insecure) => return Ok(AtCut::Insecure(insecure)),
                    Ok(chain) => chain,
                };
                match chain.types(name)? {
                    Some(types) => types,
                    None => {
                        return Ok(match self.shows(chain.not_there(name)?, name) {
                            Shows::Nothing => AtCut::Unproved,
                            Shows::Proved(_) => AtCut::NoName,
                            Shows::Insecure(why) => AtCut::Insecure(why),
                        });
                    }
                }
            }
        };
        Ok(if types.is(RecordType::DS) || types.is(RecordType::SOA) {
            AtCut::Unproved
        } else if types.is(RecordType::NS) {
            AtCut::Insecure(Insecure::Unsigned { zone: name.clone(), parent: self.zone.clone() })
        } else {
            AtCut::NoCut
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::model::{Kind, Model, Truth, models, names, types};
    use super::*;
    use crate::dnssec::Accepts;

    /// What records whose signatures hold show, at the cost of a question of their own.
    struct Told<'a> {
        checked: Checked<'a>,
        limits: Limits,
    }

    impl<'a> Told<'a> {
        fn new(zone: &'a Name, records: &'a [RrSet]) -> Self {
            let (nsecs, nsec3s, sets, failed, notes, spans) = Default::default();
            let mut checked = Checked { zone, nsecs, nsec3s, sets, failed, notes, spans };
            records.iter().for_each(|set| checked.take(set));
            Self { checked, limits: Limits::default() }
        }

        fn told<T>(&self, ask: impl Fn(&Checked<'a>, &mut Bench<'_>) -> Result<T, Bogus>) -> T {
            let (limits, mut spent) = (&self.limits, Spent::default());
            ask(&self.checked, &mut Bench { now_secs: 0, accepts: Accepts::default(), limits, spent: &mut spent })
                .unwrap()
        }
    }

    /// What is claimed of a name and a type, each with whether it is true: of a denial and of the name's, and of each
    /// wildcard that may stand for it.
    fn claims(told: &Told<'_>, model: &Model, (name, qtype): (&Name, RecordType)) -> Vec<(Shows, bool)> {
        let truth = model.truth(name, qtype);
        let denied = [(false, Truth::NoData), (true, Truth::NoName)].map(|(no_name, claimed)| {
            (told.told(|checked, bench| checked.denies(bench, name, qtype, no_name)), truth == claimed)
        });
        let enclosers = (1..name.label_count()).map(|count| name.suffix(count));
        let left = enclosers.filter_map(|encloser| {
            let leaves = model.leaves(name, &encloser)?;
            Some((told.told(|checked, bench| checked.leaves_to_wildcard(bench, name, &encloser)), leaves))
        });
        denied.into_iter().chain(left).collect()
    }

    /// Whether what is told of a cut is what there is.
    fn is_true(told: &AtCut, model: &Model, name: &Name) -> bool {
        match (told, model.unsigned_cut(name)) {
            (AtCut::Insecure(_), unsigned) => unsigned == Some(true),
            (AtCut::NoCut, unsigned) => unsigned == Some(false) && model.exists(name),
            (AtCut::NoName, unsigned) => unsigned == Some(false) && !model.exists(name),
            (AtCut::Unproved, _) => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        /// RFC 4035 §5.4, RFC 5155 §8: all records of a zone show what is true of any name, and no three of them,
        /// whichever an attacker takes, of NSEC and of two chains of NSEC3, show anything else. What opt-out leaves
        /// open is open for names that have no record of their own, and for no others.
        #[test]
        fn what_is_shown_is_true(
            model in models(),
            opt_out in any::<bool>(),
            asked in proptest::collection::vec((names(), types(), any::<[prop::sample::Index; 3]>()), 24),
        ) {
            let apex = Model::apex();
            let kinds = [0, 1].map(|iterations| Kind { salt: b"s", iterations, opt_out });
            let chains = [model.nsecs(), model.nsec3s(kinds[0]), model.nsec3s(kinds[1])];
            let every = chains.concat();
            let whole = chains.each_ref().map(|chain| Told::new(&apex, chain));
            for (name, qtype, some) in asked {
                let three = some.map(|nth| nth.get(&every).clone());
                let has_record = model.exists(&name) && !model.is_left_out(&name, kinds[0]);
                let is_open = |why: &Insecure| matches!(why, Insecure::OptOut { .. }) && !has_record;
                // Of an empty name without record, and below it, nothing may be shown (RFC 5155 erratum 3441).
                let is_lost = |least: usize| {
                    let mut above = (least..name.label_count()).map(|less| name.suffix(name.label_count() - less));
                    above.any(|above| model.is_left_out(&above, kinds[0]))
                };
                let all = whole.iter().map(|told| (told, true));
                for (told, is_whole) in all.chain([(&Told::new(&apex, &three), false)]) {
                    for (shows, truth) in claims(told, &model, (&name, qtype)) {
                        let fits = match &shows {
                            Shows::Proved(_) => truth,
                            Shows::Nothing => !(truth && is_whole) || is_lost(0),
                            Shows::Insecure(why) => is_open(why),
                        };
                        prop_assert!(fits, "{name} {qtype}: {shows:?} {truth}");
                    }
                    let cut = told.told(|checked, bench| checked.at_cut(bench, &name));
                    let fits = match &cut {
                        AtCut::Unproved => !is_whole || model.unsigned_cut(&name).is_none() || is_lost(1),
                        AtCut::Insecure(why) if is_open(why) => true,
                        cut => is_true(cut, &model, &name),
                    };
                    prop_assert!(fits || name == apex, "{name}: {cut:?}");
                }
            }
        }
    }
}
