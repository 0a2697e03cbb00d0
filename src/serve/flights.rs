//! Walks under way, shared by all who ask the same question.

use std::collections::hash_map::Entry;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

use parking_lot::Mutex;
use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;
use tokio::sync::SetOnce;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::landed::Landed;
use crate::drive::Clock;
use crate::keyed::{Key, Map};
use crate::time::Time;
use crate::wire::Question;

/// The walks under way, no more than a given number with those of the resolvers that came before.
pub(super) struct Flights {
    open: Mutex<Map<Key, Arc<Flight>>>,
    most: usize,
    under_way: Arc<AtomicUsize>,
    /// How often those who came later were parted from those who were there.
    parted: AtomicU32,
    hasher: SipHasher13,
}

/// What one walk answers: those who check for themselves (CD) have a walk of their own, so that nothing unproved gets
/// to the others (RFC 4035 §3.2.2).
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) checking_disabled: bool,
}

/// One walk that several clients may wait for.
#[derive(Debug)]
pub(super) struct Flight {
    /// When it began.
    pub(super) began: Time,
    key: Key,
    landed: SetOnce<Arc<Landed>>,
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
        Self::counted(most, Arc::default())
    }

    /// None yet, for the resolver that takes the place of that of these, whose walks go on.
    pub(super) fn renewed(&self, most: usize) -> Self {
        Self::counted(most, Arc::clone(&self.under_way))
    }

    fn counted(most: usize, under_way: Arc<AtomicUsize>) -> Self {
        let (one, other) = rand::random();
        let (open, parted) = (Mutex::default(), AtomicU32::new(0));
        Self { open, most, under_way, parted, hasher: SipHasher13::new_with_keys(one, other) }
    }

    fn key(&self, asked: &Asked) -> Key {
        let Asked { question: Question { name, qtype, class }, checking_disabled } = asked;
        let mut subject: SmallVec<[u8; 264]> = SmallVec::from_slice(name.wire());
        subject.make_ascii_lowercase();
        subject.extend_from_slice(&u16::from(*qtype).to_be_bytes());
        subject.extend_from_slice(&u16::from(*class).to_be_bytes());
        subject.push(u8::from(*checking_disabled));
        subject.extend_from_slice(&self.parted.load(Relaxed).to_be_bytes());
        Key::new(&self.hasher, &subject)
    }

    /// Nobody who comes from now on joins a flight that is under way.
    pub(super) fn part(&self) {
        self.parted.fetch_add(1, Relaxed);
    }

    /// The flight for `asked`: the one that is under way, or a new one.
    pub(super) fn board(&self, asked: &Asked, now: Time) -> Boarding {
        let key = self.key(asked);
        let mut open = self.open.lock();
        let is_full = self.under_way.load(Relaxed) >= self.most;
        match open.entry(key) {
            Entry::Occupied(flight) => Boarding::Joined(Arc::clone(flight.get())),
            Entry::Vacant(_) if is_full => Boarding::Full,
            Entry::Vacant(place) => {
                self.under_way.fetch_add(1, Relaxed);
                let flight = Arc::new(Flight { began: now, key, landed: SetOnce::new() });
                Boarding::First(Arc::clone(place.insert(flight)))
            }
        }
    }

    /// Ends a flight: those who wait are told, and the next one who asks begins anew. What it brought is `landed`,
    /// unless something was brought before.
    pub(super) fn land(&self, flight: &Flight, landed: Arc<Landed>) {
        if let Entry::Occupied(open) = self.open.lock().entry(flight.key)
            // Another one may have begun since.
            && std::ptr::eq(&**open.get(), flight)
        {
            open.remove();
            self.under_way.fetch_sub(1, Relaxed);
        }
        let _ = flight.landed.set(landed);
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("most", &self.most).finish_non_exhaustive()
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
        Arc::clone(self.flight.landed.wait().await)
    }

    /// What the flight has brought by `until`, if it has ended by then. Whoever carries it out is woken then by the
    /// timer of the walk, and needs none of his own.
    pub(super) async fn landed_by(&mut self, until: Time, clock: &Clock) -> Option<Arc<Landed>> {
        if self.pilot.is_none() {
            return timeout(until - clock.now(), self.landed()).await.ok();
        }
        let mut landed = pin!(self.landed());
        poll_fn(|context| match landed.as_mut().poll(context) {
            Poll::Pending if clock.now() < until => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
            Poll::Ready(landed) => Poll::Ready(Some(landed)),
        })
        .await
    }
}

impl Drop for Passenger {
    fn drop(&mut self) {
        if let Some(pilot) = self.pilot.take() {
            spawn_local(pilot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Cache, TtlLimits};
    use crate::walk::outcome::Outcome;
    use crate::wire::RecordType;

    #[test]
    fn walks_of_a_former_resolver_count() {
        let asked = |name: &str| {
            let question = Question::new(name.parse().unwrap(), RecordType::A);
            Asked { question, checking_disabled: false }
        };
        let former = Flights::new(2);
        let board = |flights: &Flights, name| flights.board(&asked(name), Time::ZERO);
        let Boarding::First(flight) = board(&former, "a.") else { panic!() };
        let flights = former.renewed(2);
        assert!(matches!(board(&flights, "b."), Boarding::First(_)));
        assert!(matches!(board(&flights, "c."), Boarding::Full));
        assert!(matches!(board(&former, "c."), Boarding::Full));
        assert!(matches!(board(&flights, "b."), Boarding::Joined(_)));
        let cache = Cache::new(1 << 16, (1, 2), TtlLimits::default());
        for _ in 0..2 {
            former.land(&flight, Arc::new(Landed::new(Outcome::abandoned(), Time::ZERO, cache.clone())));
        }
        assert!(matches!(board(&flights, "c."), Boarding::First(_)));
        assert!(matches!(board(&flights, "d."), Boarding::Full));
    }
}
