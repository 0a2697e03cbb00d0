//! How many may do the same thing at once, in all and of each client.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::problem::Problem;
use crate::listen::{Quota, Seat};

/// The part of the places that each client may have once half of them are taken. The same part as of the connections,
/// by default: a client that keeps to one line of requests has as many places as connections.
const SHARE: usize = 8;

/// How long somebody stands in line: two walks to servers that are all silent, so that of a class that asks at the same
/// moment most get their answer, and nobody looks at nothing for longer.
const IN_LINE: Duration = Duration::from_secs(10);

/// So many places, and the sentence for whoever finds none.
#[derive(Clone, Debug)]
pub(super) struct Places {
    quota: Arc<Quota>,
    freed: Arc<Notify>,
    full: &'static str,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    seat: Option<Seat>,
    freed: Arc<Notify>,
}

impl Places {
    pub(super) fn new(count: usize, full: &'static str) -> Self {
        Self { quota: Arc::new(Quota::new(count, (count / SHARE).max(1))), freed: Arc::default(), full }
    }

    /// A place for `client`.
    pub(super) fn take(&self, client: IpAddr) -> Result<Place, Problem> {
        self.free(client).ok_or_else(|| self.none())
    }

    /// A place for `client`, for which it is worth standing in line; whoever goes away leaves the line.
    pub(super) async fn wait(&self, client: IpAddr) -> Result<Place, Problem> {
        self.within(IN_LINE, client).await
    }

    async fn within(&self, longest: Duration, client: IpAddr) -> Result<Place, Problem> {
        let found = async {
            loop {
                // Before the look: what is freed behind it counts.
                let freed = self.freed.notified();
                if let Some(place) = self.free(client) {
                    return place;
                }
                freed.await;
            }
        };
        timeout(longest, found).await.map_err(|_| self.none())
    }

    fn free(&self, client: IpAddr) -> Option<Place> {
        Some(Place { seat: Some(self.quota.seat(client)?), freed: Arc::clone(&self.freed) })
    }

    fn none(&self) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, self.full)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.seat.take());
        // All of them: a client that has its share cannot use what another one can.
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A class asks at the same moment: who comes when all places are taken waits for one, and not for ever.
    #[tokio::test]
    async fn whoever_finds_no_place_stands_in_line() {
        let places = Places::new(1, "full");
        let client = IpAddr::from([192, 0, 2, 1]);
        let first = places.take(client).unwrap();
        assert!(places.take(client).is_err() && places.within(Duration::ZERO, client).await.is_err());
        let line = [1, 2, 3].map(|nth| {
            let places = places.clone();
            tokio::spawn(async move { places.wait([192, 0, 2, nth].into()).await.is_ok() })
        });
        tokio::task::yield_now().await;
        drop(first);
        for next in line {
            assert!(next.await.unwrap());
        }
    }
}
