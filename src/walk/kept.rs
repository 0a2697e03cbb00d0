//! Names that are kept from the Internet, special ones (RFC 6761, RFC 6303): what an alias out there leads to, or where
//! it says that a name server is.
//!
//! A client that asks for such a name is answered before a walk begins. Who is led to one by somebody out there gets
//! nothing of what it has here, as nobody out there may lead into this network (`private.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::trace::{GoalId, Purpose};
use crate::wire::{Ede, Name, Question, RecordType, ResponseCode, RrSet};

use super::{Turn, Walk, WalkSettings};

/// The zones in which all such names are, each with what is said of it.
pub type Kept = BTreeMap<Name, Arc<KeptZone>>;

/// What is said of a zone that is kept from the Internet.
#[derive(Debug)]
pub struct KeptZone {
    /// The SOA set, so that the denial may be kept (RFC 6303 §3).
    pub soa: RrSet,
    /// By which rule.
    pub why: Ede,
    /// Whether its apex exists, and what is below that: there are no records in any case.
    pub exists: [bool; 2],
}

impl KeptZone {
    /// What is said of `name`, which lies in it.
    pub(super) fn rcode(&self, name: &Name) -> ResponseCode {
        let exists = self.exists[usize::from(*name != self.soa.owner)];
        if exists { ResponseCode::NoError } else { ResponseCode::NXDomain }
    }
}

impl WalkSettings {
    /// What is said of `name` if nobody is to be asked about it.
    pub(super) fn kept_here(&self, name: &Name) -> Option<&Arc<KeptZone>> {
        // The operator may name servers for special names as well.
        let kept = || (1..=name.label_count()).find_map(|count| self.kept.get(&name.suffix(count)));
        if self.kept.is_empty() || self.routes.own(name).is_some() { None } else { kept() }
    }
}

impl Walk {
    /// What is said of the name that a goal has been led to, if nobody is to be asked about that.
    pub(super) fn led_here(&self, id: GoalId, current: &Question, turn: &Turn<'_, '_>) -> Option<Arc<KeptZone>> {
        let goal = &self.goals[id.0 as usize];
        let is_led = match goal.purpose {
            Purpose::Client => !goal.chain.is_empty(),
            Purpose::ServerAddress { .. } => true,
            Purpose::Priming | Purpose::StubPriming { .. } | Purpose::Proof => false,
        };
        let zone = is_led.then(|| turn.around.settings.kept_here(&current.name)).flatten()?;
        // The DS set of such a zone is its parent's (RFC 4035 §3.1.4.1), as for who asks by its name.
        let of_parent = current.qtype == RecordType::DS && zone.soa.owner == current.name;
        (!of_parent || current.name.label_count() == 1).then(|| Arc::clone(zone))
    }
}
