//! In words: what happened because the operator has decided it.

use std::fmt;

use crate::wire::text::type_name;

use super::event::Event;
use super::why::RouteKind;
use super::words::List;

/// Writes such an event; nothing for others.
pub(super) fn decided(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::Detour { name, target, why } => write!(f, "{name} leads to {target}: {why}"),
        Event::Dns64 { name, addrs, unfit } => {
            write!(f, "{name} has no AAAA record of use; ")?;
            if !addrs.is_empty() {
                write!(f, "made of its A records: {}", List(addrs))?;
            }
            if !unfit.is_empty() {
                let and = if addrs.is_empty() { "" } else { "; " };
                write!(
                    f,
                    "{and}nothing is made of {}, as 64:ff9b::/96 stands for public addresses alone",
                    List(unfit)
                )?;
            }
            Ok(())
        }
        Event::Routed { kind: RouteKind::LocalRoot, .. } => {
            f.write_str("there is a local copy of the root (RFC 8806), which is asked in the place of its servers")
        }
        Event::Routed { zone, kind, servers } => {
            write!(f, "the configuration has a {kind} zone {zone} with the servers {}", List(servers))
        }
        Event::FellBack { zone, kind } => {
            write!(f, "no server of the {kind} zone {zone} gave an answer; its fallback is to look up from the root")
        }
        Event::NotAsked { zone, server, why } => write!(f, "{server} is not asked for {zone}: {why}"),
        Event::Withheld { owner, rtype, addrs } => {
            let (rtype, addrs) = (type_name(*rtype), List(addrs));
            write!(
                f,
                "withheld from {owner} {rtype}: {addrs}, as private_addresses lists them and the name is below no "
            )?;
            f.write_str("private domain")
        }
        _ => Ok(()),
    }
}
