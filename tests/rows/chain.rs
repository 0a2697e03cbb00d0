//! What a trace must show of validation: for a secure answer every DS set, key set and signature from a trust anchor
//! down, for an insecure one the proof that nothing need be proved.

use rootwalk::config::{self, Sources};
use rootwalk::lab::{Sample, ZooEntry};
use rootwalk::run;
use rootwalk::trace::{Event, Insecure, Judged, Proof, Trace};
use rootwalk::wire::{Name, Question, RecordType, RrSet};

use super::{LAB, each, trace};

/// What was proved in a trace.
struct Shown<'t> {
    trace: &'t Trace,
    proofs: Vec<&'t Proof>,
}

impl<'t> Shown<'t> {
    fn new(trace: &'t Trace) -> Self {
        let proof = |event: &'t Event| match event {
            Event::Proved { proof } => Some(proof),
            _ => None,
        };
        Self { trace, proofs: trace.steps.iter().filter_map(|step| proof(&step.event)).collect() }
    }

    fn judged(&self) -> Option<&'t Judged> {
        self.trace.steps.iter().rev().find_map(|step| match &step.event {
            Event::Judged { judged } => Some(judged),
            _ => None,
        })
    }

    /// The zone whose signature over a set is shown.
    fn signer(&self, name: &Name, wanted: RecordType) -> Option<&'t Name> {
        self.proofs.iter().find_map(|proof| match proof {
            Proof::Signature { owner, rtype, zone, .. } if owner == name && *rtype == wanted => Some(zone),
            _ => None,
        })
    }

    /// Whether the keys of a zone are shown to be trusted, up to a trust anchor.
    fn chain(&self, zone: &Name) -> Result<(), String> {
        let anchored = self.proofs.iter().find_map(|proof| match proof {
            Proof::Keys { zone: of, anchor, .. } if of == zone => Some(*anchor),
            _ => None,
        });
        match anchored {
            Some(true) => Ok(()),
            Some(false) => {
                let parent = self.signer(zone, RecordType::DS);
                let parent = parent.ok_or_else(|| format!("nothing signs the DS set of {zone}"))?;
                if !zone.is_below(parent) {
                    return Err(format!("{parent} signs the DS set of {zone}"));
                }
                self.chain(parent)
            }
            None => Err(format!("the keys of {zone} come from nowhere")),
        }
    }

    fn set(&self, set: &RrSet) -> Result<(), String> {
        let signer = self.signer(&set.owner, set.rtype);
        self.chain(signer.ok_or_else(|| format!("nothing signs {} {}", set.owner, set.rtype))?)
    }

    /// Whether it is shown why nothing at this name need be proved.
    fn insecure(&self, name: &Name) -> Result<(), String> {
        let whys = self.proofs.iter().filter_map(|proof| match proof {
            Proof::Insecure { insecure } => Some(insecure),
            _ => None,
        });
        let found: Vec<Result<(), String>> = whys
            .filter_map(|why| match why {
                Insecure::Unsigned { zone, parent } if name.is_within(zone) => Some(self.denies(parent)),
                Insecure::OptOut { name: inside, zone } if name.is_within(inside) => Some(self.denies(zone)),
                Insecure::Iterations { zone, .. } if name.is_within(zone) => Some(self.chain(zone)),
                Insecure::Algorithm { zone, .. } | Insecure::Digest { zone, .. } if name.is_within(zone) => {
                    let parent = self.signer(zone, RecordType::DS);
                    Some(
                        parent
                            .ok_or_else(|| format!("nothing signs the DS set of {zone}"))
                            .and_then(|at| self.chain(at)),
                    )
                }
                _ => None,
            })
            .collect();
        found.into_iter().next().unwrap_or_else(|| Err(format!("{name} is insecure, and nothing says why")))
    }

    /// Whether a zone is shown to have signed something that denies.
    fn denies(&self, by: &Name) -> Result<(), String> {
        let denial = |proof: &&&Proof| matches!(proof, Proof::Signature { rtype: RecordType::NSEC | RecordType::NSEC3, zone, .. } if zone == by);
        self.proofs.iter().find(denial).ok_or_else(|| format!("no denial of {by} is shown"))?;
        self.chain(by)
    }

    /// Whether a CNAME follows from a DNAME in the answer, which is what is signed (RFC 6672 §5.3.1).
    fn is_made(&self, set: &RrSet) -> bool {
        let above = |dname: &RrSet| dname.rtype == RecordType::DNAME && set.owner.is_below(&dname.owner);
        set.rtype == RecordType::CNAME && self.trace.answer.iter().any(above)
    }

    fn secure_answer(&self) -> Result<(), String> {
        self.trace.answer.iter().filter(|set| !self.is_made(set)).try_for_each(|set| self.set(set))?;
        let denied = self.proofs.iter().any(|proof| matches!(proof, Proof::NoName { .. } | Proof::NoData { .. }));
        let has_denial = self.trace.authority.iter().any(|set| set.rtype == RecordType::SOA);
        if denied != has_denial {
            return Err(format!("the denial is shown: {denied}"));
        }
        self.trace.authority.iter().try_for_each(|set| self.set(set))
    }

    fn insecure_answer(&self) -> Result<(), String> {
        let sets = self.trace.answer.iter().filter(|set| !self.is_made(set));
        let unproved: Vec<&RrSet> = sets.filter(|set| self.set(set).is_err()).collect();
        unproved.iter().try_for_each(|set| self.insecure(&set.owner))?;
        match (self.trace.answer.is_empty(), unproved.is_empty()) {
            // What is withheld or denied is not in the answer; the name itself is.
            (true, _) => self.insecure(&self.trace.name),
            (false, true) => Err("insecure, and all of it is proved".into()),
            (false, false) => Ok(()),
        }
    }
}

fn check(question: &Question, ad: bool) -> Result<(), String> {
    let trace = trace(question);
    let shown = Shown::new(&trace);
    let held = match shown.judged() {
        Some(Judged::Secure) if ad => shown.secure_answer(),
        Some(Judged::Insecure) if !ad => shown.insecure_answer(),
        // The failures that have nothing to prove, and those whose reason the rows name.
        None if !ad && trace.rcode == "SERVFAIL" => Ok(()),
        Some(Judged::Bogus { .. }) if !ad => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let words = || trace.steps.iter().map(|step| step.event.to_string()).collect::<Vec<_>>().join("\n  ");
    held.map_err(|why| format!("{} {}: {why}\n  {}", question.name, question.qtype, words()))
}

#[test]
fn the_trace_shows_the_chain_or_why_there_is_none() {
    let healthy = LAB.healthy().iter().map(|Sample { ask, ad, .. }| (ask, *ad));
    let rows: Vec<_> = healthy.chain(LAB.zoo().iter().map(|ZooEntry { ask, ad, .. }| (ask, *ad))).collect();
    each(&rows, |(ask, ad), _| check(ask, *ad));
}

#[test]
fn a_chain_that_lacks_a_link_is_none() {
    let whole = trace(&Question::new("www.example.com.".parse().unwrap(), RecordType::A));
    assert_eq!(Shown::new(&whole).secure_answer(), Ok(()));
    let is_link =
        |event: &Event| matches!(event, Event::Proved { proof: Proof::Keys { .. } | Proof::Signature { .. } });
    let links: Vec<usize> = (0..whole.steps.len()).filter(|nth| is_link(&whole.steps[*nth].event)).collect();
    // The keys of three zones, the DS sets of two, and the address.
    assert_eq!(links.len(), 6);
    for nth in links {
        let mut cut = whole.clone();
        let gone = cut.steps.remove(nth);
        assert!(Shown::new(&cut).secure_answer().is_err(), "without: {}", gone.event);
    }
}

/// Nobody has signed what the operator says: of an alias of his the trace says no more than the AD bit does, although
/// all that it leads to is proved, and so it is with what is left of an answer when he wants a part of it kept. What
/// DNS64 makes of what is proved counts as proved (RFC 6147 §5.5).
#[test]
fn what_is_made_here_is_told_as_proved_where_it_has_ad() {
    let judged = |more: &[&str], name: &str, qtype| {
        let usual = ["local.records=web.lan CNAME www.example.com", "dns64.prefix=2001:db8:64::/96"];
        let assignments: Vec<String> = usual.iter().chain(more).map(|text| (*text).to_owned()).collect();
        let base = run::lab_settings(&LAB);
        let settings = config::load(&Sources { base, assignments: &assignments, ..Sources::default() }).unwrap();
        let question = Question::new(name.parse().unwrap(), qtype);
        let trace = run::trace_lab(&LAB, &settings, question).unwrap().trace;
        assert!(more.is_empty() != trace.answer.is_empty(), "{name}");
        Shown::new(&trace).judged().cloned()
    };
    assert_eq!(judged(&[], "www.example.com.", RecordType::A), Some(Judged::Secure));
    assert_eq!(judged(&[], "web.lan.", RecordType::A), Some(Judged::Insecure));
    assert_eq!(judged(&[], "mail.example.com.", RecordType::A), Some(Judged::Secure));
    assert_eq!(judged(&[], "mail.example.com.", RecordType::AAAA), Some(Judged::Secure));
    let private = &["resolver.private_addresses=127.0.0.0/8"];
    assert_eq!(judged(private, "www.example.com.", RecordType::A), Some(Judged::Insecure));
}
