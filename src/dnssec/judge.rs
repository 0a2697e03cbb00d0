//! The verdict on one statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::time::Time;
use crate::trace::{Bogus, Insecure, Proof};
use crate::wire::{Name, Question, RecordType, RrSet};

use super::denial::{Shows, check};
use super::limits::{Limits, Spent};
use super::negative::Moment;
use super::span::Span;
use super::verify::{Bench, signers};
use super::{Key, Known, Settings, Statement, Status, Verdict, ZoneTrust, is_expanded};

/// Judges the statements of one answer.
#[derive(Debug)]
pub struct Judge<'a> {
    pub(super) settings: &'a Settings,
    pub(super) known: &'a dyn Known,
    now: Time,
    pub(super) bench: Bench<'a>,
    pub(super) learned: Vec<Arc<ZoneTrust>>,
    notes: Vec<Proof>,
    pub(super) spans: Vec<Span>,
    shown: Vec<RrSet>,
    pub(super) fault: Option<Question>,
    unproved: Option<Bogus>,
}

/// What was found out besides the verdicts.
#[derive(Debug, Default)]
pub struct Learned {
    /// About zones.
    pub zones: Vec<Arc<ZoneTrust>>,
    /// What was proved, in order.
    pub notes: Vec<Proof>,
    /// What of that speaks of other questions.
    pub spans: Vec<Span>,
    /// The NSEC and NSEC3 sets that were proved among those that came with what is secure, with the TTL that their
    /// signatures allow.
    pub shown: Vec<RrSet>,
    /// When the last verdict is that something is bogus, and it was not the statement itself: the question for a proof
    /// that had the bad answer.
    pub fault: Option<Question>,
    /// What is wrong with a denial that a signed zone has to prove and does not (RFC 4035 §5.4), although nothing need
    /// be proved of the name, which lies in an unsigned one below.
    pub unproved: Option<Bogus>,
}

/// Why there is no verdict that follows from data.
pub(super) enum Halt {
    Bogus(Bogus),
    Needs(Question),
}

impl Halt {
    /// A zone that proves nothing about the cuts below it has left `set` unsigned: then that is what is wrong.
    fn blame(self, set: &RrSet) -> Self {
        match self {
            Self::Bogus(Bogus::SignatureMissing { zone, .. } | Bogus::DenialMissing { zone, .. })
                if set.sigs.is_empty() =>
            {
                Self::Bogus(Bogus::SignatureMissing { owner: set.owner.clone(), rtype: set.rtype, zone })
            }
            other => other,
        }
    }
}

impl From<Bogus> for Halt {
    fn from(why: Bogus) -> Self {
        Self::Bogus(why)
    }
}

/// A zone that signed something: its keys, or why they do not matter.
enum Signer {
    Secure(Arc<ZoneTrust>),
    Insecure(Insecure),
}

impl<'a> Judge<'a> {
    /// A judge at a moment.
    #[must_use]
    pub fn new(
        settings: &'a Settings,
        limits: &'a Limits,
        known: &'a dyn Known,
        (now, now_secs): Moment,
        spent: &'a mut Spent,
    ) -> Self {
        let bench = Bench { now_secs, accepts: settings.accepts, limits, spent };
        let (learned, notes, spans, shown) = Default::default();
        Self { settings, known, now, bench, learned, notes, spans, shown, fault: None, unproved: None }
    }

    /// What becomes of a statement. After [`Verdict::Needs`] the same is to be judged again when the answer to
    /// that question, or that there is none, is known.
    pub fn judge(&mut self, statement: &Statement<'_>) -> Verdict {
        let judged = match statement {
            Statement::Set { set, proof } => self.set(set, proof),
            Statement::Denial { question, no_name, soa, proof } => self.denial(question, *no_name, *soa, proof),
        };
        match judged {
            Ok(verdict) => verdict,
            Err(Halt::Bogus(why)) => Verdict::Bogus(why),
            Err(Halt::Needs(question)) => Verdict::Needs(question),
        }
    }

    /// What was found out besides the verdicts.
    #[must_use]
    pub fn into_learned(self) -> Learned {
        let Self { learned, notes, spans, shown, fault, unproved, .. } = self;
        Learned { zones: learned, notes, spans, shown, fault, unproved }
    }

    pub(super) fn note(&mut self, proof: Proof) {
        self.notes.push(proof);
    }

    fn set(&mut self, set: &RrSet, proof: &[RrSet]) -> Result<Verdict, Halt> {
        // What a wildcard made is no better than the proof that comes with it, which is looked at again.
        if let Some(ttl_secs) = self.known.proved_secs(set).filter(|_| !is_expanded(set)) {
            self.note(Proof::Known { owner: set.owner.clone(), rtype: set.rtype });
            return Ok(Verdict::Secure { ttl_secs });
        }
        let signers = signers(set, self.bench.limits);
        let place = place(&set.owner, set.rtype);
        let zone = match self.signer_of(signers, &place).map_err(|halt| halt.blame(set))? {
            Signer::Insecure(why) => return Ok(Verdict::Insecure(why)),
            Signer::Secure(zone) => zone,
        };
        let verified = self.bench.verify(set, &zone.zone, keys(&zone))?;
        self.note(verified.proof(set, &zone.zone));
        let mut ttl_secs = verified.ttl_secs;
        let Some(encloser) = verified.encloser else { return Ok(Verdict::Secure { ttl_secs }) };
        // RFC 6672 §3.3, RFC 4592 §4.4: what a wildcard makes of a DNAME is not defined.
        if set.rtype == RecordType::DNAME {
            let (owner, rtype, key_tag) = (set.owner.clone(), set.rtype, verified.key_tag);
            return Err(Halt::Bogus(Bogus::SignatureUnfit { owner, rtype, key_tag }));
        }
        // RFC 4035 §5.3.4: that the wildcard may answer has to be proved as well.
        let checked = check(&mut self.bench, proof, &zone.zone, keys(&zone))?;
        match checked.leaves_to_wildcard(&mut self.bench, &set.owner, &encloser)? {
            Shows::Proved(_) => {
                ttl_secs = ttl_secs.min(checked.ttl_secs());
                self.shown.extend(checked.sets);
                checked.notes.into_iter().for_each(|note| self.note(note));
                self.spans.extend(checked.spans);
                self.spans.extend(Span::wildcard(set, &zone.zone, &encloser, verified.ttl_secs));
                self.note(Proof::Wildcard { name: set.owner.clone(), encloser });
                Ok(Verdict::Secure { ttl_secs })
            }
            Shows::Insecure(why) => Ok(self.insecure(why)),
            Shows::Nothing => {
                Err(Halt::Bogus(checked.blame(&mut self.bench, (&set.owner, set.rtype), |checked, bench| {
                    Ok(checked.leaves_to_wildcard(bench, &set.owner, &encloser)? != Shows::Nothing)
                })))
            }
        }
    }

    fn denial(
        &mut self,
        question: &Question,
        no_name: bool,
        soa: Option<&RrSet>,
        proof: &[RrSet],
    ) -> Result<Verdict, Halt> {
        let (name, qtype) = (&question.name, question.qtype);
        let place = place(name, qtype);
        // The zone that denies is the one that signed the proof.
        let limits = self.bench.limits;
        let signers = soa.into_iter().chain(proof).flat_map(|set| signers(set, limits));
        let above = signers.filter(|signer| place.is_within(signer)).collect();
        let zone = match self.signer_of(above, &place)? {
            Signer::Insecure(why) => {
                self.unproved = self.owed(soa, question);
                return Ok(Verdict::Insecure(why));
            }
            Signer::Secure(zone) => zone,
        };
        let mut ttl_secs = u32::MAX;
        if let Some(soa) = soa {
            let verified = self.bench.verify(soa, &zone.zone, keys(&zone))?;
            self.note(verified.proof(soa, &zone.zone));
            ttl_secs = verified.ttl_secs;
        }
        let checked = check(&mut self.bench, proof, &zone.zone, keys(&zone))?;
        let mut shown = checked.denies(&mut self.bench, name, qtype, no_name)?;
        let mut denied = no_name;
        if no_name && shown == Shows::Nothing {
            // The response code is not signed: a server may take an empty non-terminal for a name that is not there.
            shown = checked.denies(&mut self.bench, name, qtype, false)?;
            denied = false;
        }
        match shown {
            Shows::Proved(by) => {
                ttl_secs = ttl_secs.min(checked.ttl_secs());
                self.shown.extend(checked.sets);
                self.vouch(&zone.zone);
                checked.notes.into_iter().for_each(|note| self.note(note));
                if let Some(soa) = soa {
                    // RFC 9077 §3: they live no longer than the denial.
                    let bounded = |span: Span| {
                        let ttl_secs = span.set.ttl_secs.min(ttl_secs);
                        Span { set: RrSet { ttl_secs, ..span.set }, ..span }
                    };
                    self.spans.extend(checked.spans.into_iter().map(bounded));
                    self.spans.push(Span::soa(soa, &zone.zone, ttl_secs));
                }
                let name = name.clone();
                self.note(if denied { Proof::NoName { name, by } } else { Proof::NoData { name, rtype: qtype, by } });
                Ok(if denied == no_name { Verdict::Secure { ttl_secs } } else { Verdict::NoData { ttl_secs } })
            }
            Shows::Insecure(why) if denied == no_name => Ok(self.insecure(why)),
            Shows::Insecure(_) | Shows::Nothing => {
                if let Some(why) = self.below_unsigned(&place)? {
                    self.unproved = self.owed(soa, question);
                    return Ok(Verdict::Insecure(why));
                }
                let why = checked.blame(&mut self.bench, (name, qtype), |checked, bench| {
                    let is_shown = |no_name, bench: &mut Bench<'_>| {
                        Ok::<_, Bogus>(checked.denies(bench, name, qtype, no_name)? != Shows::Nothing)
                    };
                    Ok(is_shown(no_name, bench)? || is_shown(false, bench)?)
                });
                Err(Halt::Bogus(why))
            }
        }
    }

    /// What came along and others than `denies` have signed, such as a proof beside an alias that led there, is needed
    /// for nothing; what of it can be verified is as good as the rest.
    fn vouch(&mut self, denies: &Name) {
        let (told, limits) = (self.known.told(), self.bench.limits);
        let others: BTreeSet<Name> =
            told.iter().flat_map(|set| signers(set, limits)).filter(|signer| signer != denies).collect();
        for zone in others {
            let Some(known) = self.known_zone(&zone) else { continue };
            let Ok(checked) = check(&mut self.bench, told, &zone, keys(&known)) else { continue };
            self.shown.extend(checked.sets);
            checked.notes.into_iter().for_each(|note| self.note(note));
        }
    }

    /// Why nothing can be proved at `place`: it may lie below an unsigned cut, and a server of the zone above it have
    /// spoken for both. That it lies in an opt-out span is no reason: the zone itself has to deny the wildcard
    /// (RFC 5155 §8.4).
    fn below_unsigned(&mut self, place: &Name) -> Result<Option<Insecure>, Halt> {
        match self.signer(None, place) {
            Ok(Signer::Insecure(why)) if !matches!(why, Insecure::OptOut { .. }) => Ok(Some(why)),
            Err(needs @ Halt::Needs(_)) => Err(needs),
            Ok(_) | Err(Halt::Bogus(_)) => {
                self.fault = None;
                Ok(None)
            }
        }
    }

    /// What is missing where a signed zone is the one that denies, by its SOA record (RFC 4035 §5.4). Who has that zone
    /// and an unsigned one below denies what lies there in the name of the latter.
    fn owed(&mut self, soa: Option<&RrSet>, question: &Question) -> Option<Bogus> {
        let Ok(Signer::Secure(zone)) = self.signer(None, &soa?.owner) else { return None };
        let Question { name, qtype, .. } = question;
        Some(Bogus::DenialMissing { name: name.clone(), rtype: *qtype, zone: zone.zone.clone() })
    }

    fn insecure(&mut self, why: Insecure) -> Verdict {
        self.note(Proof::Insecure { insecure: why.clone() });
        Verdict::Insecure(why)
    }

    /// The zone that has the say at `place`: of those that the signatures claim the deepest that is one. What was
    /// signed as another, such as a zone that has become a part of the one above, does no harm (RFC 6840 §5.4).
    fn signer_of(&mut self, mut claimed: Vec<Name>, place: &Name) -> Result<Signer, Halt> {
        claimed.sort_by_key(|signer| std::cmp::Reverse(signer.label_count()));
        let (mut no_zone, mut deepest) = (None, None);
        for signer in claimed {
            // Who is told to be no zone lies in this one, and so do all between them: the way down is gone once for
            // each zone, not for each claim.
            if deepest.as_ref().is_some_and(|zone| signer != *zone && signer.is_within(zone)) {
                continue;
            }
            match self.signer(Some(signer), place) {
                Err(Halt::Bogus(Bogus::NotAZone { zone, within })) => {
                    deepest = Some(within.clone());
                    no_zone = no_zone.or(Some(Bogus::NotAZone { zone, within }));
                }
                known => return known,
            }
        }
        no_zone.map_or_else(|| self.signer(None, place), |why| Err(Halt::Bogus(why)))
    }

    /// The zone that has the say at `place`, by what a signature claims, or without any by descending to it.
    fn signer(&mut self, claimed: Option<Name>, place: &Name) -> Result<Signer, Halt> {
        // An island of security has the say below itself, whoever else signs there.
        let top = self.settings.anchors.top(place);
        // RFC 7646 §2: below a negative anchor, at whatever name it stands, nothing is validated, whoever signs there.
        let off = top.as_ref().and_then(|top| self.settings.negative.at(place, top, (self.now, self.bench.now_secs)));
        if let Some((_, why)) = off {
            self.note(Proof::Insecure { insecure: why.clone() });
            return Ok(Signer::Insecure(why));
        }
        let claimed = claimed.filter(|claimed| top.is_none_or(|top| claimed.is_within(&top)));
        let zone = self.zone_of(claimed.as_ref().unwrap_or(place))?;
        match (&zone.status, claimed) {
            (Status::Insecure(why), _) => Ok(Signer::Insecure(why.clone())),
            (_, Some(claimed)) if zone.zone != claimed => {
                Err(Halt::Bogus(Bogus::NotAZone { zone: claimed, within: zone.zone.clone() }))
            }
            _ => Ok(Signer::Secure(zone)),
        }
    }
}

fn keys(zone: &ZoneTrust) -> &[Key] {
    match &zone.status {
        Status::Secure(keys) => keys,
        Status::Insecure(_) => &[],
    }
}

/// The name whose zone has the say over a type at `name`: for DS it is the parent's (RFC 4035 §3.1.4.1).
fn place(name: &Name, qtype: RecordType) -> Name {
    match qtype {
        RecordType::DS => name.parent().unwrap_or_else(Name::root),
        _ => name.clone(),
    }
}
