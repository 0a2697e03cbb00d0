//! Exchanges under way, so that equal ones are made once.

use std::collections::hash_map::Entry;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use parking_lot::Mutex;
use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;
use tokio::sync::SetOnce;

use super::peer::mapped;
use crate::keyed::{Key, Map};
use crate::trace::Transport;
use crate::walk::ask::{Ask, Heard};
use crate::wire::HEADER;

/// The exchanges under way, by what is asked of whom.
pub(super) struct Flights {
    open: Mutex<Map<Key, Option<Arc<Flight>>>>,
    /// How often those who came later were parted from those who were there.
    parted: AtomicU32,
    hasher: SipHasher13,
}

/// An exchange for which others wait than who makes it: what was heard; nothing when the leader was dropped.
#[derive(Default)]
pub(super) struct Flight(SetOnce<Option<Heard>>);

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
        Self { open: Mutex::default(), parted: AtomicU32::new(0), hasher: SipHasher13::new_with_keys(key.0, key.1) }
    }

    /// The key of an ask whose octets are `query`, of all that makes two exchanges equal: the server, the transport,
    /// which attempt it is, and the octets but for the id and the case of the name.
    pub(super) fn key(&self, ask: &Ask, query: &[u8]) -> Key {
        let mut subject: SmallVec<[u8; 384]> = SmallVec::from_slice(query.get(2..).unwrap_or_default());
        let name = HEADER - 2..HEADER - 2 + ask.question.name.wire().len();
        subject.get_mut(name).unwrap_or_default().make_ascii_lowercase();
        let mut rest = [0; 27];
        rest[..16].copy_from_slice(&mapped(ask.server.ip()));
        rest[16..18].copy_from_slice(&ask.server.port().to_be_bytes());
        rest[18..22].copy_from_slice(&ask.attempt.to_be_bytes());
        rest[22] = u8::from(ask.transport == Transport::Tcp);
        rest[23..].copy_from_slice(&self.parted.load(Relaxed).to_be_bytes());
        subject.extend_from_slice(&rest);
        Key::new(&self.hasher, &subject)
    }

    /// Nobody who comes from now on joins an exchange that is under way.
    pub(super) fn part(&self) {
        self.parted.fetch_add(1, Relaxed);
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
        self.0.wait().await.clone()
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
            let _ = others.0.set(heard());
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.end(|| None);
    }
}
