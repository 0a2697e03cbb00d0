//! How much memory a trace takes, for those who keep many.

use std::sync::Arc;

use crate::wire::{Ede, Name, RrSet};

use super::bogus::Bogus;
use super::entry::Entry;
use super::event::{Event, Purpose, Verdict};
use super::proof::{Insecure, Judged, Proof};
use super::report::Trace;
use super::source::{NameServer, ServerAt};
use super::wrong::Wrong;

/// What the allocator adds to a block, with its rounding.
const PER_BLOCK: usize = 16;

impl Trace {
    /// Octets that the trace takes, all in all; what it shares with the caches counts by its share.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let sets = self.answer.iter().chain(&self.authority);
        // Their data is shared with the cache, but may outlive what is there.
        let sets = sets.map(|set| size_of::<RrSet>() + set.heap_bytes() + 2 * PER_BLOCK);
        let steps = self.steps.capacity() * size_of::<Entry>() + 4 * PER_BLOCK;
        let events: usize = self.steps.iter().map(|entry| heap(&entry.event)).sum();
        size_of::<Self>() + self.name.heap_bytes() + sets.sum::<usize>() + edes(&self.edes) + steps + events
    }
}

/// Octets on the heap that fall to an event.
fn heap(event: &Event) -> usize {
    match event {
        Event::Goal { name, purpose, .. } => name.heap_bytes() + why(purpose),
        Event::FromCache { name, source, .. } => name.heap_bytes() + source.heap_bytes(),
        Event::Inferred { inferred } => inferred.heap_bytes(),
        Event::SetAside { name, .. } | Event::AliasLoop { name } => name.heap_bytes(),
        Event::Entered { zone, servers } => zone.heap_bytes() + shared(servers),
        Event::Asked { zone, server, name, .. } => zone.heap_bytes() + server.heap_bytes() + name.heap_bytes(),
        Event::Joined { zone, name, .. } | Event::Cycle { name, zone } => zone.heap_bytes() + name.heap_bytes(),
        Event::Heard { server, verdict, .. } | Event::LastResort { server, verdict, .. } => {
            server.heap_bytes() + found(verdict)
        }
        Event::Identified { server, identity, .. } => server.heap_bytes() + text(identity),
        Event::Explained { server, edes: told, .. } => server.heap_bytes() + edes(told),
        Event::Late { server, .. } | Event::Ignored { server, .. } => server.heap_bytes(),
        Event::Lost { server, wrong, .. } => server.heap_bytes() + fault(wrong),
        Event::Dropped { owner, .. } => owner.heap_bytes(),
        Event::Detour { name, target, .. } => name.heap_bytes() + target.heap_bytes(),
        Event::Dns64 { name, addrs, unfit } => name.heap_bytes() + list(addrs) + list(unfit),
        Event::Withheld { owner, addrs, .. } => owner.heap_bytes() + list(addrs),
        Event::Patient { servers, .. } => list(servers) + servers.iter().map(ServerAt::heap_bytes).sum::<usize>(),
        Event::Routed { zone, servers, .. } => {
            zone.heap_bytes() + list(servers) + servers.iter().map(ServerAt::heap_bytes).sum::<usize>()
        }
        Event::FellBack { zone, .. } | Event::Requeried { zone, .. } | Event::ListForgotten { zone, .. } => {
            zone.heap_bytes()
        }
        Event::NotAsked { zone, server, .. } | Event::LedAstray { zone, server } => {
            zone.heap_bytes() + server.heap_bytes()
        }
        Event::NoAddress { zone, servers } => {
            zone.heap_bytes() + servers.iter().map(|name| size_of::<Name>() + name.heap_bytes()).sum::<usize>()
        }
        Event::Doubted { zone, server, reason } => zone.heap_bytes() + server.heap_bytes() + bogus(reason),
        Event::Proved { proof } => proved(proof),
        Event::AskedAnew { reason }
        | Event::AskedByName { reason }
        | Event::Judged { judged: Judged::Bogus { reason } } => bogus(reason),
        Event::Ended { edes: told, .. } => edes(told),
        Event::Sentinel { .. }
        | Event::Ready { .. }
        | Event::Refresh { .. }
        | Event::Stale { .. }
        | Event::Overdue { .. }
        | Event::LimitReached { .. }
        | Event::Damaged { .. }
        | Event::Judged { .. } => 0,
    }
}

fn text(text: &String) -> usize {
    if text.capacity() == 0 { 0 } else { text.capacity() + PER_BLOCK }
}

fn edes(edes: &[Ede]) -> usize {
    // The sentences are shared with the answer, which is often gone before the trace.
    edes.iter().map(|ede| size_of::<Ede>() + ede.text.len() + PER_BLOCK).sum()
}

fn list<T>(addrs: &[T]) -> usize {
    size_of_val(addrs) + PER_BLOCK
}

fn shared(servers: &Arc<[NameServer]>) -> usize {
    let each = servers.iter().map(|server| size_of::<NameServer>() + server.name.heap_bytes());
    (each.sum::<usize>() + PER_BLOCK).div_ceil(Arc::strong_count(servers))
}

fn why(purpose: &Purpose) -> usize {
    match purpose {
        Purpose::ServerAddress { zone } | Purpose::StubPriming { zone } => zone.heap_bytes(),
        Purpose::Client | Purpose::Priming | Purpose::Proof => 0,
    }
}

fn found(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Alias { target: name } | Verdict::Referral { zone: name, .. } | Verdict::AliasLoop { name } => {
            name.heap_bytes()
        }
        Verdict::Wrong(wrong) => fault(wrong),
        _ => 0,
    }
}

fn fault(wrong: &Wrong) -> usize {
    match wrong {
        Wrong::Rcode { rcode, said } => text(rcode) + edes(said.as_slice()),
        Wrong::UpwardReferral { to } | Wrong::OtherZone { serves: to } | Wrong::Unproved { zone: to } => {
            to.heap_bytes()
        }
        _ => 0,
    }
}

fn proved(proof: &Proof) -> usize {
    match proof {
        Proof::Keys { zone: name, .. }
        | Proof::Known { owner: name, .. }
        | Proof::NoName { name, .. }
        | Proof::NoData { name, .. } => name.heap_bytes(),
        Proof::Signature { owner, zone: other, .. } | Proof::Wildcard { name: owner, encloser: other } => {
            owner.heap_bytes() + other.heap_bytes()
        }
        Proof::Insecure {
            insecure: Insecure::Algorithm { algorithms: some, .. } | Insecure::Digest { digests: some, .. },
        } => some.capacity() + PER_BLOCK,
        Proof::Insecure { .. } => 2 * PER_BLOCK,
    }
}

fn bogus(reason: &Bogus) -> usize {
    match reason {
        Bogus::KeyMissing { zone, key_tags } => zone.heap_bytes() + 2 * key_tags.capacity() + PER_BLOCK,
        // One in a trace, with two names at most.
        _ => 2 * PER_BLOCK,
    }
}
