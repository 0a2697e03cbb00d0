//! What is known of a name, without asking anybody.

use serde::Serialize;

use super::Resolver;
use crate::cache::{DenialKind, Rank, Security};
use crate::time::Time;
use crate::trace::{Event, Known, Source};
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
    fn new(known: Known, name: &Name, rtype: RecordType, (source, stored, expires): Told<'_>, now: Time) -> Self {
        let (age_secs, left_secs) = (now.secs_since(stored).into(), expires.secs_since(now).into());
        let what = Event::FromCache { known, name: name.clone(), rtype, age_secs, left_secs, source: source.clone() };
        Self { what, rank: None, security: None, records: Vec::new(), why: Vec::new() }
    }
}

impl Resolver {
    /// What is known of `name` now: the zone whose servers would be asked, and sets, denials and failures of all types
    /// that have a mnemonic. What could be concluded from proofs of other names (RFC 8198) is not among it, nor what is
    /// only good to be served stale.
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
        if let Some(denial) = &no_name {
            let told = (&denial.from, denial.stored, denial.expires);
            let piece = Piece::new(Known::NxDomain, name, RecordType::ANY, told, now);
            pieces.push(Piece { security: Some(shown(denial.security)), ..piece });
        }
        for rtype in types() {
            if let Some(known) = about.set(rtype, now) {
                let kind = if rtype == RecordType::CNAME { Known::Alias } else { Known::Set };
                let piece = Piece::new(kind, name, rtype, (&known.from, known.stored, known.expires), now);
                let (rank, security) = (Some(rank(known.rank)), Some(shown(known.security)));
                pieces.push(Piece { rank, security, records: data(&known.set).collect(), ..piece });
            }
            if let Some(denial) = about.denial(rtype, now).filter(|denial| denial.kind == DenialKind::NoData) {
                let told = (&denial.from, denial.stored, denial.expires);
                let piece = Piece::new(Known::NoData, name, rtype, told, now);
                pieces.push(Piece { security: Some(shown(denial.security)), ..piece });
            }
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
