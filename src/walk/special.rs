//! Special names (RFC 6761, RFC 6303), of which the Internet is never asked: what an alias out there leads to, or where
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
pub type SpecialZones = BTreeMap<Name, Arc<SpecialZone>>;

/// What is said of such a zone.
#[derive(Debug)]
pub struct SpecialZone {
    /// The SOA set, so that the denial may be kept (RFC 6303 §3).
    pub soa: RrSet,
    /// By which rule.
    pub why: Ede,
    /// Whether its apex exists, and what is below that: there are no records in any case.
    pub exists: [bool; 2],
}

impl SpecialZone {
    /// What is said of `name`, which lies in it.
    pub(super) fn rcode(&self, name: &Name) -> ResponseCode {
        let exists = self.exists[usize::from(*name != self.soa.owner)];
        if exists { ResponseCode::NoError } else { ResponseCode::NXDomain }
    }
}

impl WalkSettings {
    /// What is said of `name` if nobody is to be asked about it.
    pub(super) fn special_zone(&self, name: &Name) -> Option<&Arc<SpecialZone>> {
        // The operator may name servers for special names as well.
        let special = || (1..=name.label_count()).find_map(|count| self.special.get(&name.suffix(count)));
        if self.special.is_empty() || self.routes.own(name).is_some() { None } else { special() }
    }
}

impl Walk {
    /// What is said of the name that a goal has been led to, if nobody is to be asked about that.
    pub(super) fn led_here(&self, id: GoalId, current: &Question, turn: &Turn<'_, '_>) -> Option<Arc<SpecialZone>> {
        let goal = &self.goals[id.0 as usize];
        let is_led = match goal.purpose {
            Purpose::Client => !goal.chain.is_empty(),
            Purpose::ServerAddress { .. } => true,
            Purpose::Priming | Purpose::StubPriming { .. } | Purpose::Proof => false,
        };
        let zone = is_led.then(|| turn.around.settings.special_zone(&current.name)).flatten()?;
        // The DS set of such a zone is its parent's (RFC 4035 §3.1.4.1), as for who asks by its name.
        let of_parent = current.qtype == RecordType::DS && zone.soa.owner == current.name;
        (!of_parent || current.name.label_count() == 1).then(|| Arc::clone(zone))
    }
}
