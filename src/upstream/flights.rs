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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::super::slot::tests;
    use super::*;
    use crate::wire::{Edns, Flags, Question, RecordType, name, write_query};

    /// Whoever joins an exchange gets the reply of the server that was asked there, as it was asked (RFC 5452 §5).
    #[test]
    fn one_exchange_is_for_what_is_asked_of_one_server_in_one_way() {
        let flights = Flights::new((1, 2));
        let key = |id, ask: &Ask| {
            let mut query = Vec::new();
            write_query(id, &ask.question, Flags::default(), ask.edns.as_ref(), &mut query);
            flights.key(ask, &query)
        };
        let asked = tests::ask(&UdpSocket::bind("127.0.0.1:0").expect("a server"));
        let (before, ask) = (key(1, &asked), || asked.clone());
        let question = |text, qtype| Question::new(name(text), qtype);
        assert_eq!(before, key(2, &Ask { question: question("EXAMPLE", RecordType::A), ..ask() }));
        let mut elsewhere = [asked.server; 2];
        elsewhere[0].set_ip([127, 0, 0, 2].into());
        elsewhere[1].set_port(asked.server.port() ^ 1);
        let others = elsewhere.map(|server| Ask { server, ..ask() }).into_iter().chain([
            Ask { transport: Transport::Tcp, ..ask() },
            Ask { attempt: asked.attempt + 1, ..ask() },
            Ask { edns: Some(Edns::new(1232, true)), ..ask() },
            Ask { question: question("examples", RecordType::A), ..ask() },
            Ask { question: question("example", RecordType::AAAA), ..ask() },
        ]);
        others.for_each(|other| assert_ne!(before, key(1, &other), "{other:?}"));
        flights.part();
        assert_ne!(before, key(1, &asked));
    }
}
