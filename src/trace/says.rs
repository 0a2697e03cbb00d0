//! In words: what happened.

use std::fmt;

use crate::wire::text::type_name;
use crate::wire::{Name, RecordType};

use super::decided::decided;
use super::event::{Event, Purpose};
use super::source::{Known, ServerAt};
use super::words::{List, Ms};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Goal { name, qtype, purpose, .. } => goal(f, name, *qtype, purpose),
            Self::FromCache { known, name, rtype, age_secs, left_secs, source } => {
                write!(f, "the cache knows {known} {name} {}, {age_secs} s old, ", type_name(*rtype))?;
                match known {
                    // It is our own, and told by nobody.
                    Known::Failure => write!(f, "tried again after {left_secs} s more"),
                    _ => write!(f, "{left_secs} s left, from {source}"),
                }
            }
            Self::Refresh { left_secs } => {
                write!(f, "the answer is known and in use, and {left_secs} s before its end a new one is fetched")
            }
            Self::Ready { age_secs, left_secs } => ready(f, *age_secs, *left_secs),
            Self::SetAside { known, name, left_secs } => write!(f, "set aside {known} {name}: {left_secs} s left"),
            Self::Inferred { inferred } => write!(f, "{inferred}"),
            Self::Sentinel { tag, wanted, trusted } => sentinel(f, *tag, *wanted, *trusted),
            Self::Stale { stale } => write!(f, "the last known answer is served: {stale}"),
            Self::Overdue { after_ms, most_ms } => overdue(f, *after_ms, *most_ms),
            Self::Entered { zone, servers } => write!(f, "go to the servers of {zone}: {}", List(servers)),
            Self::Asked { zone, server, name, qtype, transport, why, choice, .. } => {
                let (qtype, over) = (type_name(*qtype), server.over(*transport));
                write!(f, "ask {server} for {zone}: {name} {qtype} {over} ({why}; {choice})")
            }
            Self::Joined { zone, name, qtype, .. } => {
                write!(f, "wait for {zone}: {name} {}, which is asked already", type_name(*qtype))
            }
            Self::Heard { server, rtt_us, verdict, late, cookie, .. } => {
                let late = if *late { ", late" } else { "" };
                let cookie = if *cookie { ", with our cookie" } else { "" };
                write!(f, "{server} after {}{late}{cookie}: {verdict}", Ms(*rtt_us))
            }
            Self::Identified { server, identity, .. } => write!(f, "{server} calls itself \"{identity}\""),
            Self::Explained { server, edes, .. } => write!(f, "{server} adds {}", List(edes)),
            Self::Late { server, after_ms, .. } => {
                write!(f, "{server} is silent for {after_ms} ms, and not waited for alone any more")
            }
            Self::Patient { servers, most_ms } => patient(f, servers, *most_ms),
            Self::Lost { server, wrong, .. } => write!(f, "{server} {wrong}"),
            Self::Requeried { .. } | Self::LedAstray { .. } | Self::ListForgotten { .. } => out_of_date(self, f),
            Self::LastResort { server, verdict, .. } => {
                write!(f, "no better reply has come, so that of {server} counts: {verdict}")
            }
            Self::Ignored { server, what, .. } => write!(f, "ignored from {server}: {what}"),
            Self::Dropped { owner, rtype, why, .. } => write!(f, "dropped {owner} {}: {why}", type_name(*rtype)),
            Self::Damaged { how, .. } => write!(f, "{how}"),
            Self::Detour { .. }
            | Self::Dns64 { .. }
            | Self::Routed { .. }
            | Self::FellBack { .. }
            | Self::NotAsked { .. }
            | Self::Withheld { .. } => decided(self, f),
            Self::NoAddress { zone, servers } => write!(f, "look up where servers of {zone} are: {}", List(servers)),
            Self::Cycle { name, zone } => write!(f, "the address of {name}, a server of {zone}, depends on itself"),
            Self::AliasLoop { name } => write!(f, "the aliases lead back to {name}"),
            Self::LimitReached { limit, value } => write!(f, "limit reached: {value} {limit}"),
            Self::Proved { proof } => write!(f, "{proof}"),
            Self::AskedAnew { reason } => write!(f, "what the cache knew is set aside, and asked for anew: {reason}"),
            Self::AskedByName { reason } => write!(f, "what came behind an alias is asked for by its name: {reason}"),
            Self::Doubted { server, zone, reason } => {
                write!(f, "{server} is not believed, and another server of {zone} asked: {reason}")
            }
            Self::Judged { judged } => write!(f, "{judged}"),
            Self::Ended { rcode, edes } => {
                f.write_str(rcode)?;
                edes.iter().try_for_each(|ede| write!(f, "; {}", ede.text))
            }
        }
    }
}

fn ready(f: &mut fmt::Formatter<'_>, age_secs: u64, left_secs: u64) -> fmt::Result {
    write!(f, "the answer is kept ready to send, {age_secs} s old, {left_secs} s left: clients get it at once")
}

fn patient(f: &mut fmt::Formatter<'_>, servers: &[ServerAt], most_ms: u64) -> fmt::Result {
    write!(f, "nobody is left to be asked; listen for {most_ms} ms more to who may be slow: {}", List(servers))
}

/// What becomes of a delegation, or a list of servers, of whom none answers.
fn out_of_date(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Event::Requeried { zone, age_secs } => write!(
            f,
            "no server of {zone} gives an answer, and who they are was told {age_secs} s ago: it may have moved, so the zone \
             above is asked for them anew"
        ),
        Event::LedAstray { zone, server } => write!(
            f,
            "{zone} leads in a circle: {server} has told of it, its servers are among those of the zone above, and none of \
             them gives an answer; the others of these are asked, as there may be no such zone"
        ),
        Event::ListForgotten { zone, age_secs } => write!(
            f,
            "no server in the list that {zone} gave of itself {age_secs} s ago gives an answer that counts: it is \
             forgotten, and those that the configuration has are asked"
        ),
        _ => Ok(()),
    }
}

fn overdue(f: &mut fmt::Formatter<'_>, after_ms: u64, most_ms: u64) -> fmt::Result {
    write!(
        f,
        "known after {after_ms} ms: clients with many questions waiting are sent over UDP little of what takes longer than "
    )?;
    write!(f, "{most_ms} ms, as all at once it would be a flood to whoever's address they use (discard_after_ms)")
}

/// What is to be resolved, and what for.
fn goal(f: &mut fmt::Formatter<'_>, name: &Name, qtype: RecordType, purpose: &Purpose) -> fmt::Result {
    let qtype = type_name(qtype);
    match purpose {
        Purpose::Client => write!(f, "resolve {name} {qtype}"),
        Purpose::Priming => write!(f, "ask the root for its own servers"),
        Purpose::StubPriming { zone } => write!(f, "ask the stub zone {zone} for its own servers"),
        Purpose::ServerAddress { zone } => write!(f, "find {name} {qtype}, a server of {zone}"),
        Purpose::Proof => write!(f, "fetch {name} {qtype} to prove the answer"),
    }
}

/// What a name asks of a key of the root, and what follows.
fn sentinel(f: &mut fmt::Formatter<'_>, tag: u16, wanted: bool, trusted: bool) -> fmt::Result {
    let not = |is: bool| if is { "" } else { "not " };
    let so = if wanted == trusted { "so it resolves" } else { "so it does not resolve" };
    let (wanted, trusted) = (not(wanted), not(trusted));
    write!(
        f,
        "the name is to resolve where key {tag} of the root is {wanted}trusted; here it is {trusted}trusted, {so}"
    )
}
