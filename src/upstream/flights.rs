//! Exchanges under way, so that equal ones are made once.

use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::mem::ManuallyDrop;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::peer::mapped;
use crate::keyed::Map;
use crate::trace::Transport;
use crate::walk::ask::{Ask, Heard};
use crate::wire::HEADER;

/// The exchanges under way, by what is asked of whom.
pub(super) struct Flights {
    open: Mutex<Map<Key, Option<Arc<Flight>>>>,
    hasher: SipHasher13,
}

/// What makes two exchanges equal: the server, the transport, which attempt it is, and the octets of the query but
/// for its id and the case of its name. A keyed hash of them: equal keys mean equal exchanges, as in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64, u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// An exchange for which others wait than who makes it.
#[derive(Default)]
pub(super) struct Flight {
    /// What was heard; nothing when the leader was dropped.
    landed: OnceLock<Option<Heard>>,
    signal: Notify,
}

/// What a caller has to do about an exchange.
pub(super) enum Role<'a> {
    /// Make it, and tell the others.
    Lead(Lead<'a>),
    /// Wait for what the leader tells.
    Join(Arc<Flight>),
}

/// The duty to tell. When it is dropped untold, the next caller leads.
pub(super) struct Lead<'a> {
    flights: &'a Flights,
    key: Key,
}

impl Flights {
    pub(super) fn new(key: (u64, u64)) -> Self {
        Self { open: Mutex::default(), hasher: SipHasher13::new_with_keys(key.0, key.1) }
    }

    /// The key of an ask whose octets are `query`.
    pub(super) fn key(&self, ask: &Ask, query: &[u8]) -> Key {
        let mut subject: SmallVec<[u8; 384]> = SmallVec::from_slice(query.get(2..).unwrap_or_default());
        let name = HEADER - 2..HEADER - 2 + ask.question.name.wire().len();
        subject.get_mut(name).unwrap_or_default().make_ascii_lowercase();
        let mut rest = [0; 23];
        rest[..16].copy_from_slice(&mapped(ask.server.ip()));
        rest[16..18].copy_from_slice(&ask.server.port().to_be_bytes());
        rest[18..22].copy_from_slice(&ask.attempt.to_be_bytes());
        rest[22] = u8::from(ask.transport == Transport::Tcp);
        subject.extend_from_slice(&rest);
        let hash = self.hasher.hash(&subject);
        Key(hash.h1, hash.h2)
    }

    /// Joins the exchange under way, or leads a new one.
    pub(super) fn role(&self, key: Key) -> Role<'_> {
        match self.open.lock().entry(key) {
            Entry::Occupied(mut open) => Role::Join(Arc::clone(open.get_mut().get_or_insert_default())),
            Entry::Vacant(place) => {
                place.insert(None);
                Role::Lead(Lead { flights: self, key })
            }
        }
    }
}

impl Flight {
    /// What the leader has told: nothing when it was dropped without telling.
    pub(super) async fn landed(&self) -> Option<Heard> {
        loop {
            // Made before the look, so that a signal in between is not missed.
            let signal = self.signal.notified();
            if let Some(heard) = self.landed.get() {
                return heard.clone();
            }
            signal.await;
        }
    }
}

impl Lead<'_> {
    /// Ends the exchange. Who asks from now on makes a new one.
    pub(super) fn tell(self, heard: &Heard) {
        ManuallyDrop::new(self).end(|| Some(heard.clone()));
    }

    fn end(&self, heard: impl FnOnce() -> Option<Heard>) {
        let others = self.flights.open.lock().remove(&self.key).flatten();
        if let Some(others) = others {
            others.landed.get_or_init(heard);
            others.signal.notify_waiters();
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.end(|| None);
    }
}
