//! Which addresses of a zone's servers may be asked.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::cache::{Doubt, NameServer};
use crate::trace::{GoalId, ServerAt};

use super::dead::LeftOut;
use super::goal::State;
use super::servers::{Addresses, Candidate, addresses};
use super::{Turn, Walk};

/// An address of a dead IP version comes behind one that was silent this often.
const DEAD_FAMILY: u8 = 8;

impl Walk {
    /// The addresses of the zone's servers that may still be asked.
    pub(super) fn candidates<'a>(
        &mut self,
        id: GoalId,
        servers: &'a [NameServer],
        turn: &Turn<'_, '_>,
    ) -> Vec<Candidate<'a>> {
        let (settings, limits) = (turn.around.settings, &turn.around.settings.limits);
        let (cache, known, now) = (turn.around.cache, turn.around.servers, turn.now);
        let pending = self.pending.iter().filter(|pending| pending.goal == id && !pending.late);
        let waiting: SmallVec<[IpAddr; 4]> = pending.map(|pending| pending.server.addr).collect();
        let (out_of_reach, no_way_out) = (self.out_of_reach, self.no_way_out(turn));
        let (this, mut left_out) = (&*self, LeftOut::new());
        let goal = &this.goals[id.0 as usize];
        let State::At(at) = &goal.state else { return Vec::new() };
        let (zone, is_forwarded) = (&at.cut.zone, at.is_forwarded());
        let most = limits.tries_per_address;
        let most_tries = at.most_tries(&settings.routes, most);
        let mut usable: Vec<Candidate<'_>> = Vec::with_capacity(servers.len().min(limits.servers_per_zone));
        for server in servers.iter().take(limits.servers_per_zone) {
            let mut room = Addresses::new();
            let addrs = addresses(server, at, most_tries, (cache, now), &mut room);
            for addr in addrs.iter().copied().take(limits.addresses_per_server) {
                let tries = at.tries(addr);
                let in_time = waiting.contains(&addr);
                let family = settings.uses(addr) && !no_way_out[usize::from(addr.is_ipv6())];
                let spent = at.is_spent(addr, most_tries);
                let listed = usable.iter().any(|candidate| candidate.addr == addr);
                if spent || listed || in_time || !family {
                    continue;
                }
                let name = at.route.is_none().then_some(&server.name);
                // What a forwarder does not answer says nothing of what else it knows.
                let dead = if is_forwarded { None } else { known.dead(addr, zone, goal.current.qtype, now) };
                let avoided = settings.avoids(addr, zone, at.route.is_some());
                let alone = || this.leaves_alone(id, addr, dead, now).filter(|_| tries == 0);
                if let Some(why) = avoided.or_else(alone) {
                    left_out.push((ServerAt::new(name.cloned(), addr, at.port(addr)), why));
                    continue;
                }
                let state = known.state(addr, now);
                // A dead IPv6 must not cost a walk more than one patience.
                let is_lost = out_of_reach[usize::from(addr.is_ipv6())] || known.family_is_dead(addr);
                let silences = state.silences.saturating_add(if is_lost { DEAD_FAMILY } else { 0 });
                let rests = at.rests(addr).unwrap_or_else(|| state.resting(now));
                let doubt = match dead {
                    _ if is_forwarded => Doubt::None,
                    Some(_) => Doubt::Dead,
                    None => state.doubt(),
                };
                let (lame, silent_since) = (state.lame_for(zone), dead.map(|dead| dead.since));
                usable.push(Candidate { name, addr, state, silences, tries, rests, doubt, silent_since, lame });
            }
        }
        self.leave_out(id, left_out, turn);
        // Servers that were lame a while ago are asked when there is nobody else.
        if !usable.iter().all(|candidate| candidate.lame) {
            usable.retain(|candidate| !candidate.lame);
        }
        usable
    }
}
