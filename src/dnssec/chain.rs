//! From a trust anchor down: which zones there are, and whether their data can be proved.

use std::sync::Arc;

use crate::trace::{Bogus, Insecure, Proof};
use crate::wire::{Name, Question, RecordType, RrSet};

use super::denial::{AtCut, Checked, Shows, check, is_at};
use super::judge::{Halt, Judge};
use super::verify::Verified;
use super::{Anchor, Cut, Fact, Key, Status, ZoneTrust};

/// How it goes on below a zone.
enum Below {
    /// Another zone begins, signed or not.
    Zone(Arc<ZoneTrust>),
    /// The name belongs to the same zone.
    Same,
    /// Neither the name nor anything below it exists.
    Nothing,
}

impl Judge<'_> {
    /// The deepest zone at or above `name`, as far as zones can be proved; an insecure one ends the descent.
    ///
    /// RFC 6840 appendix C.2: of nested trust anchors any that leads to proved data will do, the deepest is tried
    /// first.
    pub(super) fn zone_of(&mut self, name: &Name) -> Result<Arc<ZoneTrust>, Halt> {
        let settings = self.settings;
        let mut failed = None;
        for (anchored, anchors) in settings.anchors.above(name) {
            match self.descend(&anchored, &anchors, name) {
                Err(Halt::Bogus(why)) => {
                    let fault = self.fault.take();
                    failed.get_or_insert((why, fault));
                }
                Ok(zone) if failed.is_some() && matches!(zone.status, Status::Insecure(_)) => {}
                zone => return zone,
            }
        }
        match failed {
            Some((why, fault)) => {
                self.fault = fault;
                Err(Halt::Bogus(why))
            }
            None => Ok(self.unproved(&Name::root(), Insecure::NoAnchor { name: name.clone() })),
        }
    }

    /// What is known of a zone by now.
    pub(super) fn known_zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        let now = self.learned.iter().find(|learned| learned.zone == *zone).cloned();
        now.or_else(|| self.known.zone(zone))
    }

    /// The same, from the trust anchors of the zone `anchored` down.
    fn descend(&mut self, anchored: &Name, anchors: &[Anchor], name: &Name) -> Result<Arc<ZoneTrust>, Halt> {
        let mut above = (anchored.label_count()..=name.label_count()).rev().map(|count| name.suffix(count));
        // That a zone is unsigned was learned from above where it has an anchor: that is nothing to its own.
        let from_here = |known: &Arc<ZoneTrust>| known.zone != *anchored || matches!(known.status, Status::Secure(_));
        let mut at = match above.find_map(|zone| self.known_zone(&zone).filter(from_here)) {
            Some(zone) => zone,
            None => self.anchored(anchored, anchors)?,
        };
        let own = self.known.own_zone(name);
        for count in at.zone.label_count() + 1..=name.label_count() {
            let Status::Secure(keys) = &at.status else { break };
            let place = name.suffix(count);
            let below = self.below(&at.zone, keys, &place, name)?;
            // A zone with servers of the operator's own is often one that the rest of the world does not know; what
            // lies below it, zones with other such servers among it, is its own then.
            let unknown = match below {
                Below::Zone(_) => None,
                Below::Same => self.known.own_zone(&place).filter(|own| *own == place),
                Below::Nothing => own.clone().filter(|own| own.is_within(&place)),
            };
            if let Some(zone) = unknown {
                return Ok(self.unproved(&zone, Insecure::OwnServers { zone: zone.clone() }));
            }
            match below {
                Below::Zone(zone) => at = zone,
                Below::Same => {}
                Below::Nothing => break,
            }
        }
        if let Status::Insecure(why) = &at.status {
            self.note(Proof::Insecure { insecure: why.clone() });
        }
        Ok(at)
    }

    /// A place at which the configuration leaves nothing to prove.
    fn unproved(&mut self, zone: &Name, why: Insecure) -> Arc<ZoneTrust> {
        self.note(Proof::Insecure { insecure: why.clone() });
        Arc::new(ZoneTrust { zone: zone.clone(), status: Status::Insecure(why), ttl_secs: u32::MAX })
    }

    /// The zone of a trust anchor.
    fn anchored(&mut self, zone: &Name, anchors: &[Anchor]) -> Result<Arc<ZoneTrust>, Halt> {
        let usable = match self.bench.usable_anchors(anchors) {
            Ok(usable) => usable,
            Err(unusable) => {
                let status = Status::Insecure(unusable.insecure(zone));
                return Ok(self.learn(ZoneTrust { zone: zone.clone(), status, ttl_secs: u32::MAX }));
            }
        };
        let set = self.key_set(zone)?;
        self.trust(zone, &set, &usable, None)
    }

    fn key_set(&mut self, zone: &Name) -> Result<RrSet, Halt> {
        match self.known.keys(zone) {
            Fact::Unknown => Err(Halt::Needs(Question::new(zone.clone(), RecordType::DNSKEY))),
            // What an alias has led to are the keys of somebody else.
            Fact::Is(set) if set.owner == *zone => Ok(set),
            Fact::Is(_) | Fact::Missing => {
                self.fault = Some(Question::new(zone.clone(), RecordType::DNSKEY));
                Err(Halt::Bogus(Bogus::NoKeys { zone: zone.clone() }))
            }
        }
    }

    /// Verifies the key set of a zone and keeps what follows; for as long as its DS set may be used, where that names
    /// the keys and no trust anchor does.
    fn trust(
        &mut self,
        zone: &Name,
        set: &RrSet,
        anchors: &[Anchor],
        ds_secs: Option<u32>,
    ) -> Result<Arc<ZoneTrust>, Halt> {
        let (status, keys_secs) = if self.bench.only_weak(zone, set, anchors) {
            (Status::Insecure(Insecure::WeakKeys { zone: zone.clone() }), set.ttl_secs)
        } else {
            let keys = self.bench.keys(zone, set, anchors);
            let at_fault = |_: &Bogus| self.fault = Some(Question::new(zone.clone(), RecordType::DNSKEY));
            let (keys, Verified { key_tag, algorithm, ttl_secs, .. }) = keys.inspect_err(at_fault)?;
            let anchor = ds_secs.is_none();
            self.note(Proof::Keys { zone: zone.clone(), key_tag, algorithm, anchor, keys: keys.len() });
            (Status::Secure(keys.into()), ttl_secs)
        };
        let ttl_secs = ds_secs.map_or(keys_secs, |ds_secs| ds_secs.min(keys_secs));
        Ok(self.learn(ZoneTrust { zone: zone.clone(), status, ttl_secs }))
    }

    fn learn(&mut self, trust: ZoneTrust) -> Arc<ZoneTrust> {
        let trust = Arc::new(trust);
        self.learned.push(Arc::clone(&trust));
        trust
    }

    /// What begins at `name`, which lies in or right below the zone `at`, on the way to `goal`.
    fn below(&mut self, at: &Name, keys: &[Key], name: &Name, goal: &Name) -> Result<Below, Halt> {
        let (cut, asked) = self.known.cut(name);
        let why = match cut.map(|cut| self.heard(at, keys, name, &cut)) {
            // It is what was heard that is wrong, and not the keys of the zone below, nor is it a limit.
            Some(Err(Halt::Bogus(why))) if why.set().is_some_and(|(_, rtype)| rtype != RecordType::DNSKEY) => Some(why),
            Some(heard) => return heard,
            None => None,
        };
        if let Some(below) = self.told_of(at, keys, name)? {
            return Ok(below);
        }
        if let Some(below) = self.further_down(at, keys, name, goal)? {
            return Ok(below);
        }
        if !asked {
            return Err(Halt::Needs(Question::new(name.clone(), RecordType::DS)));
        }
        self.fault = Some(Question::new(name.clone(), RecordType::DS));
        let missing = || Bogus::DenialMissing { name: name.clone(), rtype: RecordType::DS, zone: at.clone() };
        Err(Halt::Bogus(why.unwrap_or_else(missing)))
    }

    /// What its parent has said of a possible cut.
    fn heard(&mut self, parent: &Name, keys: &[Key], name: &Name, cut: &Cut) -> Result<Below, Halt> {
        // What is not the DS set of this name says nothing of it, whoever signed it.
        let ds = cut.ds.as_ref().filter(|ds| ds.rtype == RecordType::DS && ds.owner == *name);
        match (ds, &cut.alias) {
            (Some(ds), _) => self.signed(parent, keys, ds),
            (None, Some(alias)) => self.aliased(parent, keys, alias, cut),
            (None, None) => self.unsigned(parent, keys, name, &cut.proof)?.map_err(|checked| {
                Halt::Bogus(checked.blame(&mut self.bench, (name, RecordType::DS), |checked, bench| {
                    Ok(checked.at_cut(bench, name)? != AtCut::Unproved)
                }))
            }),
        }
    }

    /// What a proof that came with an alias shows of the cut at which it leads out of the zone.
    fn told_of(&mut self, at: &Name, keys: &[Key], name: &Name) -> Result<Option<Below>, Halt> {
        let mut proof = Vec::new();
        for set in self.known.told() {
            if is_at(set, at, name, &mut self.bench)? {
                proof.push(set.clone());
            }
        }
        Ok(self.unsigned(at, keys, name, &proof)?.ok())
    }

    /// What the zone has shown of a cut further down the way, which it only can while the way lies in it: that one is
    /// unsigned.
    ///
    /// RFC 5155 §7.1: of an unsigned cut in an opt-out span the names above may have no record either, and some servers
    /// then give no proof of those (erratum 3441); what came with the referral shows it all the same.
    fn further_down(&mut self, at: &Name, keys: &[Key], name: &Name, goal: &Name) -> Result<Option<Below>, Halt> {
        for place in (name.label_count() + 1..=goal.label_count()).map(|count| goal.suffix(count)) {
            let Some(cut) = self.known.cut(&place).0 else { continue };
            if let Ok(below @ Below::Zone(_)) = self.unsigned(at, keys, &place, &cut.proof)? {
                return Ok(Some(below));
            }
        }
        Ok(None)
    }

    /// A cut with a DS set.
    fn signed(&mut self, parent: &Name, keys: &[Key], ds: &RrSet) -> Result<Below, Halt> {
        let usable = self.bench.usable(ds);
        // What has to be asked for comes before what has to be computed, so that nothing is computed twice.
        let set = usable.as_ref().ok().map(|_| self.key_set(&ds.owner)).transpose()?;
        let verified = self.bench.verify(ds, parent, keys)?;
        if verified.encloser.is_some() {
            let (owner, rtype, key_tag) = (ds.owner.clone(), ds.rtype, verified.key_tag);
            return Err(Halt::Bogus(Bogus::SignatureUnfit { owner, rtype, key_tag }));
        }
        self.note(verified.proof(ds, parent));
        let zone = ds.owner.clone();
        match (usable, set) {
            (Ok(anchors), Some(set)) => self.trust(&zone, &set, &anchors, Some(verified.ttl_secs)).map(Below::Zone),
            (usable, _) => {
                let status = Status::Insecure(usable.err().unwrap_or_default().insecure(&zone));
                Ok(Below::Zone(self.learn(ZoneTrust { zone, status, ttl_secs: verified.ttl_secs })))
            }
        }
    }

    /// A name that is an alias in the parent, and so is no cut (RFC 1034 §3.6.2: an alias stands alone), or that lies
    /// below a DNAME, where nothing is.
    fn aliased(&mut self, parent: &Name, keys: &[Key], alias: &RrSet, cut: &Cut) -> Result<Below, Halt> {
        let verified = self.bench.verify(alias, parent, keys)?;
        self.note(verified.proof(alias, parent));
        let Some(encloser) = verified.encloser else {
            return Ok(if alias.rtype == RecordType::DNAME { Below::Nothing } else { Below::Same });
        };
        // A wildcard made it: the name does not exist, if that is proved as well.
        let checked = check(&mut self.bench, &cut.proof, parent, keys)?;
        match checked.leaves_to_wildcard(&mut self.bench, &alias.owner, &encloser)? {
            Shows::Proved(_) => Ok(Below::Nothing),
            Shows::Insecure(_) | Shows::Nothing => {
                Err(Halt::Bogus(checked.blame(&mut self.bench, (&alias.owner, RecordType::DS), |checked, bench| {
                    Ok(checked.leaves_to_wildcard(bench, &alias.owner, &encloser)? != Shows::Nothing)
                })))
            }
        }
    }

    /// A name of which the parent says that it has no DS set; the proof comes back when it does not show that. The
    /// error is a limit.
    fn unsigned<'p>(
        &mut self,
        parent: &'p Name,
        keys: &[Key],
        name: &Name,
        proof: &'p [RrSet],
    ) -> Result<Result<Below, Checked<'p>>, Bogus> {
        let checked = check(&mut self.bench, proof, parent, keys)?;
        let ttl_secs = checked.ttl_secs();
        let below = match checked.at_cut(&mut self.bench, name)? {
            AtCut::Unproved => return Ok(Err(checked)),
            AtCut::Insecure(why) => {
                let status = Status::Insecure(why);
                Below::Zone(self.learn(ZoneTrust { zone: name.clone(), status, ttl_secs }))
            }
            AtCut::NoCut => Below::Same,
            AtCut::NoName => Below::Nothing,
        };
        checked.notes.into_iter().for_each(|note| self.note(note));
        self.spans.extend(checked.spans);
        Ok(Ok(below))
    }
}
