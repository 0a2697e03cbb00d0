//! Walks under way, shared by all who ask the same question.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::landed::Landed;
use crate::time::Time;
use crate::wire::Question;

/// The walks under way, no more than a given number.
#[derive(Debug)]
pub(super) struct Flights {
    open: Mutex<HashMap<Asked, Arc<Flight>>>,
    most: usize,
}

/// What one walk answers: those who check for themselves (CD) have a walk of their own, so that nothing unproved gets to
/// the others (RFC 4035 §3.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) checking_disabled: bool,
}

/// One walk that several clients may wait for.
#[derive(Debug)]
pub(super) struct Flight {
    /// When it began.
    pub(super) began: Time,
    landed: OnceLock<Arc<Landed>>,
    signal: Notify,
}

/// A flight as it is carried out.
pub(super) type Pilot = Pin<Box<dyn Future<Output = ()>>>;

/// Somebody on a flight. The first carries it out, in his own task; when he leaves before its end, it gets a task of
/// its own: it goes on for the others, and for the cache.
pub(super) struct Passenger {
    pub(super) flight: Arc<Flight>,
    pilot: Option<Pilot>,
}

/// What came of the wish to be on a flight.
pub(super) enum Boarding {
    /// Nobody was there: whoever gets this has to see to it that it is carried out.
    First(Arc<Flight>),
    /// It is on its way already.
    Joined(Arc<Flight>),
    /// Too many are on their way.
    Full,
}

impl Flights {
    pub(super) fn new(most: usize) -> Self {
        Self { open: Mutex::default(), most }
    }

    /// The flight for `asked`: the one that is under way, or a new one.
    pub(super) fn board(&self, asked: &Asked, now: Time) -> Boarding {
        let mut open = self.open.lock();
        let is_full = open.len() >= self.most;
        match open.entry(asked.clone()) {
            Entry::Occupied(flight) => Boarding::Joined(Arc::clone(flight.get())),
            Entry::Vacant(_) if is_full => Boarding::Full,
            Entry::Vacant(place) => {
                let flight = Arc::new(Flight { began: now, landed: OnceLock::new(), signal: Notify::new() });
                Boarding::First(Arc::clone(place.insert(flight)))
            }
        }
    }

    /// Ends the flight for `asked`: those who wait are told, and the next one who asks begins anew. What it brought
    /// is `landed`, unless something was brought before.
    pub(super) fn land(&self, asked: &Asked, flight: &Flight, landed: Arc<Landed>) {
        {
            let mut open = self.open.lock();
            if let Some(other) = open.remove(asked).filter(|other| !std::ptr::eq(&**other, flight)) {
                // Another one has begun since.
                open.insert(asked.clone(), other);
            }
        }
        flight.landed.get_or_init(|| landed);
        flight.signal.notify_waiters();
    }
}

impl Passenger {
    /// Somebody on `flight`, with what carries it out if he is the first.
    pub(super) fn new(flight: Arc<Flight>, pilot: Option<Pilot>) -> Self {
        Self { flight, pilot }
    }

    /// What the flight has brought, if it has ended.
    pub(super) fn landed_already(&self) -> Option<Arc<Landed>> {
        self.flight.landed.get().cloned()
    }

    /// Waits for the end of the flight. May be dropped at any time.
    pub(super) async fn landed(&mut self) -> Arc<Landed> {
        if let Some(pilot) = &mut self.pilot {
            pilot.await;
            self.pilot = None;
        }
        loop {
            if let Some(landed) = self.landed_already() {
                return landed;
            }
            // Made before the look, so that a signal in between is not missed.
            let signal = self.flight.signal.notified();
            if self.flight.landed.get().is_none() {
                signal.await;
            }
        }
    }
}

impl Drop for Passenger {
    fn drop(&mut self) {
        if let Some(pilot) = self.pilot.take() {
            spawn_local(pilot);
        }
    }
}
