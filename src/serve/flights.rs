//! Walks under way, shared by all who ask the same question.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;

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

/// What came of the wish to be on a flight.
pub(super) enum Boarding {
    /// Nobody was there: whoever gets this has to fly.
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
        if let Some(flight) = open.get(asked) {
            return Boarding::Joined(Arc::clone(flight));
        }
        if open.len() >= self.most {
            return Boarding::Full;
        }
        let flight = Arc::new(Flight { began: now, landed: OnceLock::new(), signal: Notify::new() });
        open.insert(asked.clone(), Arc::clone(&flight));
        Boarding::First(flight)
    }

    /// Ends the flight for `asked`: those who wait are told, and the next one who asks begins anew. What it brought
    /// is `landed`, unless something was brought before.
    pub(super) fn land(&self, asked: &Asked, flight: &Flight, landed: impl FnOnce() -> Landed) {
        {
            let mut open = self.open.lock();
            if open.get(asked).is_some_and(|other| std::ptr::eq(&**other, flight)) {
                open.remove(asked);
            }
        }
        flight.landed.get_or_init(|| Arc::new(landed()));
        flight.signal.notify_waiters();
    }
}

impl Flight {
    /// What it has brought, if it has ended.
    pub(super) fn landed_already(&self) -> Option<Arc<Landed>> {
        self.landed.get().cloned()
    }

    /// Waits for its end. May be dropped at any time; the flight goes on.
    pub(super) async fn landed(&self) -> Arc<Landed> {
        loop {
            // Made before the look, so that a signal in between is not missed.
            let signal = self.signal.notified();
            if let Some(landed) = self.landed_already() {
                return landed;
            }
            signal.await;
        }
    }
}
