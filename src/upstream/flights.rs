//! Exchanges under way, so that equal ones are made once.

use std::collections::HashMap;
use std::net::SocketAddr;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::trace::Transport;
use crate::walk::ask::{Ask, Heard};
use crate::wire::{Flags, HEADER, write_query};

/// The exchanges under way, by what is asked of whom.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Key, watch::Receiver<Option<Heard>>>>);

/// What makes two exchanges equal: the server, the transport, which attempt it is, and the octets of the query but
/// for its id and the case of its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    server: SocketAddr,
    transport: Transport,
    attempt: u32,
    query: Box<[u8]>,
}

/// What a caller has to do about an exchange.
pub(super) enum Role<'a> {
    /// Make it, and tell the others.
    Lead(Lead<'a>),
    /// Wait for what the leader tells; an error when it was dropped without telling.
    Join(watch::Receiver<Option<Heard>>),
}

/// The duty to tell. When it is dropped untold, the next caller leads.
pub(super) struct Lead<'a> {
    flights: &'a Flights,
    key: &'a Key,
    outcome: watch::Sender<Option<Heard>>,
}

impl Key {
    pub(super) fn of(ask: &Ask) -> Self {
        let mut query = Vec::with_capacity(128);
        let flags = Flags::default().with_rd(ask.rd).with_cd(ask.cd);
        write_query(0, &ask.question, flags, ask.edns.as_ref(), &mut query);
        let name = HEADER..HEADER + ask.question.name.wire().len();
        query[name].make_ascii_lowercase();
        Self { server: ask.server, transport: ask.transport, attempt: ask.attempt, query: query.into() }
    }

    /// The query to send: with this id, and the name in the case of the ask.
    pub(super) fn query(&self, ask: &Ask, id: u16) -> Vec<u8> {
        let mut query = self.query.to_vec();
        query[..2].copy_from_slice(&id.to_be_bytes());
        let name = ask.question.name.wire();
        query[HEADER..HEADER + name.len()].copy_from_slice(name);
        query
    }
}

impl Flights {
    /// Joins the exchange under way, or leads a new one.
    pub(super) fn role<'a>(&'a self, key: &'a Key) -> Role<'a> {
        let mut flights = self.0.lock();
        if let Some(outcome) = flights.get(key) {
            return Role::Join(outcome.clone());
        }
        let (outcome, told) = watch::channel(None);
        flights.insert(key.clone(), told);
        Role::Lead(Lead { flights: self, key, outcome })
    }
}

impl Lead<'_> {
    /// Ends the exchange. Who asks from now on makes a new one.
    pub(super) fn tell(self, heard: &Heard) {
        self.flights.0.lock().remove(self.key);
        if self.outcome.receiver_count() > 0 {
            self.outcome.send_replace(Some(heard.clone()));
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // After `tell` there is either nothing under the key or the exchange of somebody else.
        let mut flights = self.flights.0.lock();
        if flights.get(self.key).is_some_and(|told| self.outcome.subscribe().same_channel(told)) {
            flights.remove(self.key);
        }
    }
}
