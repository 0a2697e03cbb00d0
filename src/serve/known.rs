//! What is known of a name, without asking anybody.

use serde::Serialize;

use super::Resolver;
use crate::cache::{Denial, DenialKind, KnownSet, Rank, Security};
use crate::time::Time;
use crate::trace::{Event, Known, Source};
use crate::walk::{dname_above, no_tree};
use crate::wire::text::{rdata_text, type_name, types};
use crate::wire::{Name, RecordType, RrSet};

/// One thing that the cache knows and would use.
#[derive(Debug, Serialize)]
pub struct Piece {
    /// What it is, how old, for how long and from whom: as a walk tells that it has found it.
    #[serde(flatten)]
    pub what: Event,
    /// How sure it is by rank (RFC 2181 §5.4.1), of a record set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<&'static str>,
    /// What DNSSEC has shown of it, of record sets and denials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<&'static str>,
    /// Its records as type and data, or the servers of a delegation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<String>,
    /// Why a question has failed, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// Of whom, since when and until when a thing is known.
type Told<'a> = (&'a Source, Time, Time);

impl Piece {
    fn new(known: Known, name: &Name, rtype: RecordType, told: Told<'_>, now: Time) -> Self {
        let what = Event::from_cache(known, (name, rtype), told, now);
        Self { what, rank: None, security: None, records: Vec::new(), why: Vec::new() }
    }

    fn set(kind: Known, name: &Name, known: &KnownSet, now: Time) -> Self {
        let piece = Self::new(kind, name, known.set.rtype, (&known.from, known.stored, known.expires), now);
        let (rank, security) = (Some(rank(known.rank)), Some(shown(known.security)));
        Self { rank, security, records: data(&known.set).collect(), ..piece }
    }

    fn denial(kind: Known, name: &Name, rtype: RecordType, denial: &Denial, now: Time) -> Self {
        let piece = Self::new(kind, name, rtype, (&denial.from, denial.stored, denial.expires), now);
        Self { security: Some(shown(denial.security)), ..piece }
    }
}

impl Resolver {
    /// What is known of `name` now: the zone whose servers would be asked, what is known of a name above and answers
    /// for all below it, and sets, denials and failures of all types that have a mnemonic. What could be concluded from
    /// proofs of other names (RFC 8198) is not among it, nor what is only good to be served stale.
    #[must_use]
    pub fn known(&self, name: &Name) -> Vec<Piece> {
        let (cache, now) = (&self.0.world.cache, self.0.world.clock.now());
        let upward = cache.upward(name);
        let about = upward.about();
        let mut pieces = Vec::new();
        if let Some(cut) = upward.deepest(now) {
            let told = (&cut.from, cut.stored, cut.expires);
            let records = cut.servers.iter().map(|server| format!("NS {server}")).chain(cut.ds.iter().flat_map(data));
            let piece = Piece::new(Known::Delegation, &cut.zone, RecordType::NS, told, now);
            pieces.push(Piece { records: records.collect(), ..piece });
        }
        // That there is no such name is known whatever the type.
        let no_name = about.denial(RecordType::ANY, now).filter(|denial| denial.kind == DenialKind::NxDomain);
        let has_no_name = no_name.is_some();
        pieces.extend(no_name.map(|denial| Piece::denial(Known::NxDomain, name, RecordType::ANY, &denial, now)));
        let settings = &self.0.world.settings;
        let above = no_tree(name, &upward, settings, now);
        pieces.extend(above.map(|(above, told)| Piece::denial(Known::NoTree, &above, RecordType::ANY, &told, now)));
        let above = dname_above(name, (cache, settings), now);
        pieces.extend(above.map(|(_, known)| Piece::set(Known::Alias, &known.set.owner, &known, now)));
        for rtype in types() {
            if let Some(known) = about.set(rtype, now) {
                let kind = if rtype == RecordType::CNAME { Known::Alias } else { Known::Set };
                pieces.push(Piece::set(kind, name, &known, now));
            }
            // That there is no such name is filed with the type where it is the zone above that says so (DS).
            let kind = |denial: &Denial| match denial.kind {
                DenialKind::NoData => Some(Known::NoData),
                DenialKind::NxDomain => (rtype == RecordType::DS && !has_no_name).then_some(Known::NxDomain),
            };
            let denial = about.denial(rtype, now).and_then(|denial| Some((kind(&denial)?, denial)));
            pieces.extend(denial.map(|(kind, denial)| Piece::denial(kind, name, rtype, &denial, now)));
            if let Some(failure) = about.failure(rtype, now) {
                let told = (&Source::Local, failure.stored, failure.expires);
                let why = failure.edes.iter().map(|ede| ede.text.to_string()).collect();
                pieces.push(Piece { why, ..Piece::new(Known::Failure, name, rtype, told, now) });
            }
        }
        pieces
    }
}

fn data(set: &RrSet) -> impl Iterator<Item = String> {
    set.rdatas.iter().map(|rdata| format!("{} {}", type_name(set.rtype), rdata_text(set.rtype, rdata)))
}

fn rank(rank: Rank) -> &'static str {
    match rank {
        Rank::BehindAlias => "behind_alias",
        Rank::NonAuthAnswer => "not_authoritative",
        Rank::AuthAnswer => "authoritative",
    }
}

fn shown(security: Security) -> &'static str {
    match security {
        Security::Unchecked => "unchecked",
        Security::Insecure => "insecure",
        Security::Secure => "secure",
    }
}
