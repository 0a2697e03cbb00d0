//! Which servers of a zone could not be asked for want of an address, and why that is.

use crate::cache::{Delegation, DenialKind};
use crate::trace::{Failure, GoalId, Lack, NameServer, Purpose};
use crate::wire::Name;

use super::found::Found;
use super::goal::{Goal, State};
use super::{Turn, Walk, WalkSettings};

impl Walk {
    /// The servers of the zone that have no address to be asked at, each with the reason.
    pub(super) fn lacking(&self, id: GoalId, turn: &Turn<'_, '_>) -> Vec<(Name, Lack)> {
        let State::At(at) = &self.goals[id.0 as usize].state else { return Vec::new() };
        // The operator gives addresses and no names.
        if at.route.is_some() && !at.problems.is_empty() {
            return Vec::new();
        }
        let cut: &Delegation = &at.cut;
        let has_one = |name: &Name| {
            at.found.iter().any(|(found, _)| found == name)
                || at.problems.iter().any(|(server, _)| server.name.as_ref() == Some(name))
        };
        let lacking = cut.servers.iter().filter(|server| !has_one(&server.name));
        lacking.map(|server| (server.name.clone(), self.lack(server, cut, turn.around.settings))).collect()
    }

    fn lack(&self, server: &NameServer, cut: &Delegation, settings: &WalkSettings) -> Lack {
        if !server.addrs.is_empty() && !server.addrs.iter().any(|addr| settings.uses(*addr)) {
            return Lack::OtherVersion;
        }
        let looks_for =
            |goal: &&Goal| goal.question.name == server.name && matches!(goal.purpose, Purpose::ServerAddress { .. });
        let mut lack = Lack::Untried;
        for goal in self.goals.iter().filter(looks_for) {
            let State::Done(found) = &goal.state else { continue };
            lack = match found {
                Found::Denied(..) | Found::Special(_) | Found::TooLong if !goal.chain.is_empty() => Lack::Alias,
                Found::Denied(DenialKind::NxDomain, _) | Found::Special(_) => Lack::NoName,
                // It may have failed for the other IP version.
                Found::Denied(DenialKind::NoData, _) if lack == Lack::Untried => {
                    Lack::NoAddress(match (settings.ipv4, settings.ipv6) {
                        (true, true) => None,
                        (is_4, _) => Some(if is_4 { 4 } else { 6 }),
                    })
                }
                Found::Failed(Failure::NoAddress { zone, .. }) if *zone == cut.zone => Lack::NoGlue,
                Found::Failed(Failure::Servers { zone, .. } | Failure::NoAddress { zone, .. }) => {
                    Lack::NoAnswer(Some(zone.clone()))
                }
                Found::Failed(_) => Lack::NoAnswer(None),
                _ => continue,
            };
        }
        lack
    }
}
