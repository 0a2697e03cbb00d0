//! What follows for a question from what was proved before, without asking anybody (RFC 8198).

use crate::trace::{Bogus, Shows};
use crate::wire::{Name, Question, RecordType, RrSet, is_aliased};

use super::limits::{Limits, Spent};
use super::nsec::{self, Nsec};
use super::nsec3::{self, Chain, Nsec3};
use super::place::Place;
use super::span::Spans;

/// Most labels by which a name may be longer than its zone: each costs an NSEC3 hash.
const DEEPEST: usize = 12;

/// What the zone would have said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// The zone.
    pub zone: Name,
    /// That there is no such name, no such type, or that a wildcard answers.
    pub shows: Shows,
    /// The set of the wildcard under the name that was asked: of the type that was asked, or a CNAME.
    pub answer: Option<RrSet>,
    /// The SOA set, with a denial.
    pub soa: Option<RrSet>,
    /// The NSEC or NSEC3 sets that show it.
    pub proof: Vec<RrSet>,
}

/// The answer of the deepest zone at or above the question, no higher than `top`, that can be told from `spans`.
///
/// Types without a bit of their own in an NSEC record cannot be denied by one: questions for ANY and for other meta
/// types have to be asked.
pub fn infer(
    question: &Question,
    top: &Name,
    spans: &dyn Spans,
    limits: &Limits,
    spent: &mut Spent,
) -> Option<Inferred> {
    let qtype = u16::from(question.qtype);
    if qtype == 0 || (128..=255).contains(&qtype) || question.qtype == RecordType::RRSIG {
        return None;
    }
    let name = &question.name;
    let zones = (top.label_count()..=name.label_count()).rev().take(DEEPEST).map(|count| name.suffix(count));
    let mut told = zones.filter_map(|zone| {
        let soa = spans.at(&zone, &Place::Soa);
        let by_nsec = by_nsec(question, &zone, spans);
        let (shows, answer, proof) = match by_nsec {
            Some(told) => told,
            None => by_nsec3(question, &zone, spans, limits, spent).ok().flatten()?,
        };
        let soa = if shows == Shows::Wildcard { None } else { Some(soa?) };
        Some(Inferred { zone, shows, answer, soa, proof })
    });
    told.next()
}

type Told = (Shows, Option<RrSet>, Vec<RrSet>);

fn by_nsec(question: &Question, zone: &Name, spans: &dyn Spans) -> Option<Told> {
    let (name, qtype) = (&question.name, question.qtype);
    let before = |name: &Name| spans.at_or_before(zone, &Place::Nsec(name.clone()));
    let first = before(name)?;
    let nsec = Nsec::read(&first, zone)?;
    let one = std::slice::from_ref(&nsec);
    if nsec.at(name).is_some() || nsec.shows_empty(name) {
        return nsec::no_data(one, name, qtype).then(|| (Shows::NoData, None, vec![first.clone()]));
    }
    if !nsec.denies(name) {
        return None;
    }
    let encloser = nsec.encloser(name);
    let source = encloser.prepend(b"*").ok()?;
    let made = expanded(question, zone, &source, spans);
    if made.is_some() {
        return Some((Shows::Wildcard, made, vec![first.clone()]));
    }
    let second = before(&source)?;
    let both = [nsec.clone(), Nsec::read(&second, zone)?];
    let proof = || if second.owner == first.owner { vec![first.clone()] } else { vec![first.clone(), second.clone()] };
    if nsec::no_name(&both, name) {
        return Some((Shows::NoName, None, proof()));
    }
    nsec::no_data(&both, name, qtype).then(|| (Shows::NoData, None, proof()))
}

fn by_nsec3(
    question: &Question,
    zone: &Name,
    spans: &dyn Spans,
    limits: &Limits,
    spent: &mut Spent,
) -> Result<Option<Told>, Bogus> {
    let (name, qtype) = (&question.name, question.qtype);
    let Some(params) = spans.nsec3_params(zone).filter(|params| params.iterations <= limits.nsec3_iterations) else {
        return Ok(None);
    };
    let (least, most) = (zone.label_count(), name.label_count());
    // What is only a guess leaves half of the budget to the proof.
    if spent.nsec3_hashes >= limits.nsec3_hashes / 2 {
        return Ok(None);
    }
    // The record at the name or before it, and whether it is at it.
    let mut near = |name: &Name| -> Result<Option<(RrSet, bool)>, Bogus> {
        let hash = spent.hash(limits, name, &params.salt, params.iterations)?;
        let set = spans.at_or_before(zone, &Place::Nsec3(params.clone(), hash));
        Ok(set.and_then(|set| Nsec3::read(&set, zone).map(|record| record.is_at(&hash)).map(|at| (set, at))))
    };
    let (mut proof, mut below): (Vec<RrSet>, Option<RrSet>) = (Vec::new(), None);
    let mut made = None;
    for count in (least..=most).rev() {
        let encloser = name.suffix(count);
        let source = encloser.prepend(b"*").ok().filter(|_| count < most);
        // A name with a wildcard below it exists, whether its own record is known or not.
        made = source.as_ref().and_then(|source| Some((expanded(question, zone, source, spans)?, encloser.clone())));
        if made.is_some() {
            proof.extend(below);
            break;
        }
        match near(&encloser)? {
            Some((set, true)) => {
                proof.push(set);
                proof.extend(below);
                proof.extend(source.map(|source| near(&source)).transpose()?.flatten().map(|(set, _)| set));
                break;
            }
            other => below = other.map(|(set, _)| set),
        }
    }
    let mut once: Vec<RrSet> = Vec::new();
    proof.into_iter().for_each(|set| {
        if !once.contains(&set) {
            once.push(set);
        }
    });
    let records: Vec<Nsec3<'_>> = once.iter().filter_map(|set| Nsec3::read(set, zone)).collect();
    let chain = Chain::new(records, zone, limits, spent);
    if let Some((set, encloser)) = made {
        let shown = chain.no_closer(name, &encloser)? == nsec3::Shown::Proved;
        return Ok(shown.then(|| (Shows::Wildcard, Some(set), once.clone())));
    }
    let shows = match chain.no_data(name, qtype)? {
        nsec3::Shown::Proved => Some(Shows::NoData),
        // It has a record of its own, so it exists, and no name above it has to be hashed.
        _ if chain.types(name)?.is_some() => None,
        _ => (chain.no_name(name)? == nsec3::Shown::Proved).then_some(Shows::NoName),
    };
    Ok(shows.map(|shows| (shows, None, once.clone())))
}

/// The set that the wildcard `source` makes for the question.
fn expanded(question: &Question, zone: &Name, source: &Name, spans: &dyn Spans) -> Option<RrSet> {
    let of = |rtype: RecordType| spans.at(zone, &Place::Wildcard(source.clone(), rtype.into()));
    let alias = || of(RecordType::CNAME).filter(|_| is_aliased(question.qtype));
    let set = of(question.qtype).or_else(alias)?;
    Some(RrSet { owner: question.name.clone(), ..set })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::model::{Kind, Model, Truth, models, names, types};
    use super::super::place::hash;
    use super::*;
    use crate::dnssec::{Nsec3Params, Span};

    #[derive(Default)]
    struct Shelf(Vec<Span>);

    impl Spans for Shelf {
        fn at(&self, zone: &Name, place: &Place) -> Option<RrSet> {
            let found = self.0.iter().find(|span| span.zone == *zone && span.place == *place);
            found.map(|span| span.set.clone())
        }

        fn at_or_before(&self, zone: &Name, place: &Place) -> Option<RrSet> {
            let alike = |span: &&Span| std::mem::discriminant(&span.place) == std::mem::discriminant(place);
            let all = || self.0.iter().filter(|span| span.zone == *zone).filter(alike);
            let last = |one: &&Span, other: &&Span| one.place.cmp(&other.place);
            let before = all().filter(|span| span.place <= *place).max_by(last);
            let around = || all().filter(|span| matches!(span.place, Place::Nsec3(..))).max_by(last);
            before.or_else(around).map(|span| span.set.clone())
        }

        fn nsec3_params(&self, zone: &Name) -> Option<Nsec3Params> {
            self.0.iter().filter(|span| span.zone == *zone).find_map(|span| match &span.place {
                Place::Nsec3(params, _) => Some(params.clone()),
                _ => None,
            })
        }
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// The NSEC records of `example.`, each with its next name and types, as far as they are worth keeping.
    fn shelf(records: &[(&str, &str, &[u16])]) -> Shelf {
        let zone = name("example.");
        let mut shelf = Shelf::default();
        for (owner, next, types) in records {
            let mut bits = vec![0_u8; 16];
            types.iter().for_each(|rtype| bits[usize::from(rtype / 8)] |= 0x80 >> (rtype % 8));
            let rdata = [name(next).wire(), &[0, 16], &bits].concat();
            let set = RrSet::new(name(owner), RecordType::NSEC, 60, [&rdata[..]]);
            shelf.0.extend(Span::denial(&set, &zone));
        }
        let soa = RrSet::new(zone.clone(), RecordType::SOA, 60, [&[0; 22][..]]);
        shelf.0.push(Span::soa(&soa, &zone, 60));
        shelf
    }

    fn told(shelf: &Shelf, asked: &str, qtype: RecordType) -> Option<Shows> {
        let question = Question::new(name(asked), qtype);
        let infer = |shelf: &Shelf| infer(&question, &Name::root(), shelf, &Limits::default(), &mut Spent::default());
        let told = infer(shelf)?;
        // RFC 2308 §2: a denial has a SOA, and without one nothing is denied; each record of a proof stands there once.
        let others = Shelf(shelf.0.iter().filter(|span| span.place != Place::Soa).cloned().collect());
        let is_denial = told.shows != Shows::Wildcard;
        assert_eq!((told.soa.is_some(), infer(&others).is_none()), (is_denial, is_denial), "{asked}");
        assert!(told.proof.iter().enumerate().all(|(nth, set)| !told.proof[..nth].contains(set)), "{asked}");
        Some(told.shows)
    }

    const A: u16 = 1;
    const NS: u16 = 2;
    const SOA: u16 = 6;
    const DNAME: u16 = 39;
    const DS: u16 = 43;

    /// RFC 4035 §5.4, RFC 6840 §4.1 and §4.4: a parent has no say below a cut, nor at it but for DS.
    #[test]
    fn a_cut_ends_what_a_zone_can_tell() {
        let shelf = shelf(&[
            ("example.", "cut.example.", &[NS, SOA]),
            ("cut.example.", "dname.example.", &[NS]),
            ("dname.example.", "signed.example.", &[DNAME]),
            ("signed.example.", "www.example.", &[NS, DS]),
            ("www.example.", "example.", &[A]),
        ]);
        let of = |asked: &str, qtype| told(&shelf, asked, qtype);
        assert_eq!(of("a.example.", RecordType::A), Some(Shows::NoName));
        assert_eq!(of("www.example.", RecordType::AAAA), Some(Shows::NoData));
        assert_eq!(of("www.example.", RecordType::A), None);
        for (asked, qtype) in [("cut.example.", RecordType::A), ("x.cut.example.", RecordType::A)] {
            assert_eq!(of(asked, qtype), None, "{asked}");
        }
        assert_eq!(of("cut.example.", RecordType::DS), Some(Shows::NoData));
        assert_eq!(of("signed.example.", RecordType::DS), None);
        assert_eq!(of("x.dname.example.", RecordType::A), None);
        assert_eq!(of("example.", RecordType::DS), None, "that is for the parent to say");
        for meta in [RecordType::ANY, RecordType::AXFR, RecordType::RRSIG, RecordType::from(128), RecordType::from(0)] {
            assert_eq!(of("www.example.", meta), None, "{meta}");
        }
    }

    /// RFC 9824 §3: what was made for one question says nothing of another type, nor of another name.
    #[test]
    fn compact_denials_are_left_alone() {
        let compact = [("nope.example.", "\\000.nope.example.", &[A][..]), ("example.", "\\000.example.", &[SOA])];
        let shelf = shelf(&compact);
        assert_eq!(shelf.0.len(), 1, "the SOA alone");
        for asked in ["nope.example.", "x.nope.example.", "nopf.example.", "example."] {
            assert_eq!(told(&shelf, asked, RecordType::MX), None, "{asked}");
        }
    }

    /// RFC 8198 §5.4: without the record at the wildcard, or before it, nothing is said of names that it could make.
    #[test]
    fn a_wildcard_must_be_known_or_denied() {
        let all: [(&str, &str, &[u16]); 3] = [
            ("example.", "*.w.example.", &[NS, SOA]),
            ("*.w.example.", "b.w.example.", &[A]),
            ("b.w.example.", "example.", &[A]),
        ];
        let some = shelf(&all[2..]);
        assert_eq!(told(&some, "z.w.example.", RecordType::A), None);
        let mut every = shelf(&all);
        assert_eq!(told(&every, "z.w.example.", RecordType::TXT), Some(Shows::NoData));
        assert_eq!(told(&every, "z.w.example.", RecordType::A), None, "its records are not known");
        let made = RrSet::new(name("any.w.example."), RecordType::A, 60, [&[192, 0, 2, 1][..]]);
        every.0.extend(Span::wildcard(&made, &name("example."), &name("w.example."), 60));
        assert_eq!(told(&every, "z.w.example.", RecordType::A), Some(Shows::Wildcard));
        assert_eq!(told(&every, "w.example.", RecordType::A), Some(Shows::NoData), "an empty non-terminal");
        assert_eq!(told(&every, "b.w.example.", RecordType::A), None);
    }

    /// The NSEC3 records of `example.` with these names, each with an A record.
    fn hashed(names: &[Name], iterations: u8) -> Shelf {
        let zone = name("example.");
        let mut hashes: Vec<_> = names.iter().map(|owner| hash(owner, b"", iterations.into())).collect();
        hashes.sort_unstable();
        let mut shelf = Shelf::default();
        for (nth, hash) in hashes.iter().enumerate() {
            let next = hashes[(nth + 1) % hashes.len()];
            let rdata = [&[1, 0, 0, iterations, 0, 20][..], &next, &[0, 1, 0x40]].concat();
            let label = data_encoding::BASE32HEX_NOPAD.encode(hash);
            let owner = zone.prepend(label.as_bytes()).unwrap();
            shelf.0.extend(Span::denial(&RrSet::new(owner, RecordType::NSEC3, 60, [&rdata[..]]), &zone));
        }
        shelf.0.push(Span::soa(&RrSet::new(zone.clone(), RecordType::SOA, 60, [&[0; 22][..]]), &zone, 60));
        shelf
    }

    /// What a wildcard makes is given for names that are proved not to be there, by NSEC or by NSEC3, be it the type or
    /// an alias, and for no others. Some types stand beside the alias (RFC 4035 §2.5), and are asked for.
    #[test]
    fn a_wildcard_answers_where_a_gap_is_known() {
        let zone = name("example.");
        let made = |rtype| {
            let set = RrSet::new(name("any.example."), rtype, 60, [&b"\x01x\x00"[..]]);
            Span::wildcard(&set, &zone, &zone, 60)
        };
        let types = [RecordType::A, RecordType::CNAME];
        let (next, after) = ("c.example.", [("a.example.", "c.example.", &[A][..])]);
        let beside = [RecordType::NSEC, RecordType::KEY, RecordType::SIG, RecordType::DS];
        let all = || types.into_iter().chain(beside);
        for (rtype, asked) in types.into_iter().flat_map(|rtype| all().map(move |asked| (rtype, asked))) {
            let mut by_name = shelf(&after);
            by_name.0.extend(made(rtype));
            let fits = asked == rtype || rtype == RecordType::CNAME && !beside.contains(&asked);
            assert_eq!(told(&by_name, "b.example.", asked) == Some(Shows::Wildcard), fits, "{rtype} {asked}");
            for other in [next, "d.example.", "a.example."] {
                assert_ne!(told(&by_name, other, asked), Some(Shows::Wildcard), "{other} {asked}");
            }
            let mut by_hash = hashed(&["example.", "*.example.", "a.example.", next].map(name), 0);
            by_hash.0.extend(made(rtype));
            assert_eq!(told(&by_hash, "b.example.", asked) == Some(Shows::Wildcard), fits, "{rtype} {asked}");
            for other in [next, "a.example."] {
                assert_ne!(told(&by_hash, other, asked), Some(Shows::Wildcard), "{other} {asked}");
            }
            // The name above has a wildcard, so it exists, with or without a record of its own.
            let above = hash(&zone, b"", 0);
            by_hash.0.retain(|span| !matches!(&span.place, Place::Nsec3(_, hash) if *hash == above));
            assert_eq!(told(&by_hash, "b.example.", asked) == Some(Shows::Wildcard), fits, "{rtype} {asked}");
            // The gap itself is not known.
            let hash = hash(&name("b.example."), b"", 0);
            by_hash.0.retain(|span| Nsec3::read(&span.set, &zone).is_none_or(|record| !record.covers(&hash)));
            assert_eq!(told(&by_hash, "b.example.", asked), None, "{rtype} {asked}");
        }
    }

    /// What is only a guess costs little: nothing is hashed for a name far below its zone, nor when half of what the
    /// proofs may take is spent, nor above the limit of iterations; and of a long name not each label is looked for.
    #[test]
    fn a_guess_costs_little() {
        let cost = |asked: &str, iterations, spent_before| {
            let zones = ["example.", "a.example."].map(name);
            let (shelf, limits) = (hashed(&zones, iterations), Limits::default());
            let mut spent = Spent::default();
            spent.nsec3_hashes += spent_before;
            let question = Question::new(name(asked), RecordType::MX);
            let told = infer(&question, &Name::root(), &shelf, &limits, &mut spent);
            (told.map(|inferred| inferred.shows), spent.nsec3_hashes - spent_before)
        };
        let half = Limits::default().nsec3_hashes / 2;
        assert_eq!(cost("a.example.", 50, half - 1), (Some(Shows::NoData), 1));
        assert_eq!(cost("a.example.", 51, 0), (None, 0));
        assert_eq!(cost("a.example.", 0, half), (None, 0));
        let below = |labels: usize| format!("{}example.", "x.".repeat(labels));
        assert_eq!(cost(&below(DEEPEST - 1), 0, 0).0, Some(Shows::NoName));
        for labels in [DEEPEST, DEEPEST + 1, 100] {
            assert_eq!(cost(&below(labels), 0, 0), (None, 0), "{labels}");
        }
    }

    /// What a name has of its own is said by its own record: that takes one hash, however deep the name lies, whether
    /// the answer is known then or not. That there is no such name takes one for each name from it up to the one that
    /// exists, one for the wildcard, and one for each name above.
    #[test]
    fn a_record_at_the_name_takes_one_hash() {
        let zone = name("example.");
        let names = ["example.", "a.example.", "b.a.example.", "c.b.a.example.", "d.c.b.a.example."].map(name);
        let shelf = hashed(&names, 0);
        let told = |asked: &Name, qtype| {
            let (question, mut spent) = (Question::new(asked.clone(), qtype), Spent::default());
            let told = infer(&question, &zone, &shelf, &Limits::default(), &mut spent);
            let proof = told.as_ref().map(|inferred| &inferred.proof[..]).unwrap_or_default();
            let twice = (1..proof.len()).any(|nth| proof[..nth].contains(&proof[nth]));
            assert!(!twice, "what shows two things stands there once");
            (told.map(|inferred| inferred.shows), spent.nsec3_hashes)
        };
        for (depth, owner) in names.iter().enumerate() {
            assert_eq!(told(owner, RecordType::MX), (Some(Shows::NoData), 1), "{owner}");
            assert_eq!(told(owner, RecordType::A), (None, 1), "{owner}");
            for asked in ["x.", "y.x."] {
                let asked = name(&format!("{asked}{owner}"));
                let between = u32::try_from(asked.label_count() - owner.label_count() + depth).unwrap();
                assert_eq!(told(&asked, RecordType::MX), (Some(Shows::NoName), between + 2), "{asked}");
            }
        }
    }

    /// Whether the proof that goes with what was inferred shows it by itself.
    fn holds(told: &Inferred, (name, qtype): (&Name, RecordType), truth: &Truth) -> bool {
        let nsecs: Vec<Nsec<'_>> = told.proof.iter().filter_map(|set| Nsec::read(set, &told.zone)).collect();
        let records = told.proof.iter().filter_map(|set| Nsec3::read(set, &told.zone)).collect();
        let (limits, mut spent) = (Limits::default(), Spent::default());
        let chain = Chain::new(records, &told.zone, &limits, &mut spent);
        let (by_name, by_hash) = match truth {
            Truth::NoData => (nsec::no_data(&nsecs, name, qtype), chain.no_data(name, qtype)),
            Truth::NoName => (nsec::no_name(&nsecs, name), chain.no_name(name)),
            Truth::Made(encloser) => (nsec::no_closer(&nsecs, name, encloser), chain.no_closer(name, encloser)),
            Truth::Data | Truth::NotHere => return false,
        };
        by_name || by_hash == Ok(nsec3::Shown::Proved)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        /// RFC 8198 §4, §5: of what was proved, whichever part of it, nothing is concluded but what the zone would have
        /// said, with all that shows it; and from all of it everything but what has to be asked for in any case.
        #[test]
        fn what_is_inferred_is_what_the_zone_would_have_said(
            model in models(),
            hashed in any::<bool>(),
            missing in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
            asked in proptest::collection::vec((names(), types()), 24),
        ) {
            let (apex, kind) = (Model::apex(), Kind { salt: b"s", iterations: 1, opt_out: false });
            let denials = if hashed { model.nsec3s(kind) } else { model.nsecs() };
            let soa = RrSet::new(apex.clone(), RecordType::SOA, 60, [&[0; 22][..]]);
            let made = model.made(&apex);
            let made = made.iter().filter_map(|(set, encloser)| Span::wildcard(set, &apex, encloser, 60));
            let denials = denials.iter().filter_map(|set| Span::denial(set, &apex));
            let mut shelf = Shelf(denials.chain(made).chain([Span::soa(&soa, &apex, 60)]).collect());
            for nth in &missing {
                let at = nth.index(shelf.0.len() + 1);
                shelf.0.splice(at..shelf.0.len().min(at + 1), []);
            }
            for (name, qtype) in asked.into_iter().filter(|(_, qtype)| *qtype != RecordType::ANY) {
                let (truth, question) = (model.truth(&name, qtype), Question::new(name.clone(), qtype));
                match infer(&question, &Name::root(), &shelf, &Limits::default(), &mut Spent::default()) {
                    Some(told) => {
                        let made = told.answer.as_ref().is_some_and(|set| set.owner == name);
                        let fits = match (&truth, told.shows) {
                            (Truth::NoData, Shows::NoData) | (Truth::NoName, Shows::NoName) => {
                                told.soa.is_some() && !made
                            }
                            (Truth::Made(_), Shows::Wildcard) => made,
                            _ => false,
                        };
                        prop_assert!(fits && holds(&told, (&name, qtype), &truth), "{question}: {truth:?} {told:?}");
                    }
                    None if !missing.is_empty() => {}
                    None => {
                        // Some types stand beside an alias, which is no answer to them then.
                        let is_beside = matches!(&truth, Truth::Made(_)) && !is_aliased(qtype);
                        let is_asked = matches!(truth, Truth::Data | Truth::NotHere);
                        prop_assert!(is_beside || is_asked, "{question}: {truth:?}");
                    }
                }
            }
        }
    }
}
