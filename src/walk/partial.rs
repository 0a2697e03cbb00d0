//! What the caches know of an answer that would have to be looked up.

use std::sync::Arc;

use crate::cache::{Cache, Delegation, Security};
use crate::time::Time;
use crate::wire::{RecordType, RrSet};

use super::goal::State;
use super::outcome::once;
use super::{Around, Walk};

/// The part of an answer that is known, and who would be asked for the rest.
#[derive(Clone, Debug, Default)]
pub struct Partial {
    /// The aliases from the name that was asked on.
    pub links: Vec<RrSet>,
    /// What shows that wildcards may stand for them.
    pub proof: Vec<RrSet>,
    /// The zone whose servers are asked next, if they are known from a referral: neither from the operator nor by the
    /// hints.
    pub closest: Option<Arc<Delegation>>,
}

impl Partial {
    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.closest.is_none()
    }
}

impl Walk {
    /// What is known of the answer to the client's question so far. Aliases count that were judged, unless nothing is.
    #[must_use]
    pub fn partial(&self, around: &Around<'_>, now: Time) -> Partial {
        let goal = &self.goals[0];
        let is_told = |cut: &Arc<Delegation>| cut.from.informant().is_some();
        let closest = match &goal.state {
            State::At(at) if at.route.is_none() => Some(&at.cut).filter(|cut| is_told(cut)).cloned(),
            _ => None,
        };
        let judges = self.checking && !around.settings.proofs.anchors.is_empty();
        let is_known = |link: &RrSet| !judges || is_made(link, &goal.chain) || is_judged(link, around.cache, now);
        if !goal.chain.iter().all(is_known) {
            return Partial::default();
        }
        Partial { links: goal.chain.clone(), proof: once(goal.proof.iter().cloned()), closest }
    }
}

/// Whether a link is the CNAME that a DNAME of the chain stands for (RFC 6672 §3.4).
fn is_made(link: &RrSet, chain: &[RrSet]) -> bool {
    let is_above = |set: &RrSet| set.rtype == RecordType::DNAME && link.owner.is_below(&set.owner);
    link.rtype == RecordType::CNAME && chain.iter().any(is_above)
}

fn is_judged(link: &RrSet, cache: &Cache, now: Time) -> bool {
    cache.set(&link.owner, link.rtype, now).is_some_and(|known| known.security >= Security::Insecure)
}
