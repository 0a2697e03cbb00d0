//! How many TCP connections there are, in all and of each client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::client_key;

/// The count of open connections, shared by all workers; or of whatever else clients take seats for.
#[derive(Debug)]
pub(crate) struct Quota {
    most: usize,
    most_per_client: usize,
    open: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    of: Arc<Quota>,
    client: IpAddr,
}

impl Quota {
    pub(crate) fn new(most: usize, most_per_client: usize) -> Self {
        Self { most, most_per_client, open: AtomicUsize::new(0), clients: Mutex::default() }
    }

    /// A seat for a connection of `client`, unless all are taken, or half of them and it has its share of those. While
    /// the other half is free nobody needs it: clients that open a connection for each question have many at once when
    /// servers are slow, and a proxy that speaks for many is one client.
    pub(crate) fn seat(self: &Arc<Self>, client: IpAddr) -> Option<Seat> {
        let client = client_key(client);
        let mut clients = self.clients.lock();
        let (mine, open) = (clients.get(&client).copied().unwrap_or(0), self.open.load(Ordering::Relaxed));
        if open >= self.most || (mine >= self.most_per_client && open >= self.most / 2) {
            return None;
        }
        clients.insert(client, mine + 1);
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Seat { of: Arc::clone(self), client })
    }

    /// How long a connection may be idle now that may be for `idle` in quiet times: the full time while half of the
    /// seats are free, and down to an eighth of it when all are taken (RFC 7766 §6.2.3 lets a server lower it under
    /// load).
    fn share(&self, idle: Duration) -> Duration {
        let half = (self.most / 2).max(1);
        let free = self.most.saturating_sub(self.open.load(Ordering::Relaxed)).min(half);
        let share = |part: usize, whole: usize| u32::try_from(part * 1000 / whole).unwrap_or(1000);
        idle / 8 + idle * 7 / 8 * share(free, half) / 1000
    }
}

impl Seat {
    /// How long this connection may be idle now that may be for `idle` in quiet times.
    pub(crate) fn share(&self, idle: Duration) -> Duration {
        self.of.share(idle)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.of.open.fetch_sub(1, Ordering::Relaxed);
        let mut clients = self.of.clients.lock();
        if let Some(mine) = clients.get_mut(&self.client) {
            *mine -= 1;
            if *mine == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn quota(most: usize, most_per_client: usize) -> Arc<Quota> {
        Arc::new(Quota::new(most, most_per_client))
    }

    #[test]
    fn seats_are_limited_in_all_and_per_client_and_come_back() {
        let quota = quota(3, 2);
        let client = |last: u8| IpAddr::from([192, 0, 2, last]);
        let (first, second) = (quota.seat(client(1)), quota.seat(client(1)));
        assert!(first.is_some() && second.is_some());
        assert!(quota.seat(client(1)).is_none(), "a third for one client");
        let third = quota.seat(client(2));
        assert!(third.is_some() && quota.seat(client(3)).is_none(), "a fourth in all");
        drop(second);
        assert!(quota.seat(client(3)).is_some());
    }

    #[test]
    fn shares_count_when_half_is_taken() {
        let quota = quota(8, 2);
        let client = |last: u8| IpAddr::from([192, 0, 2, last]);
        let greedy: Vec<_> = std::iter::from_fn(|| quota.seat(client(1))).collect();
        assert_eq!(greedy.len(), 4);
        let modest: Vec<_> = std::iter::from_fn(|| quota.seat(client(2))).collect();
        assert_eq!(modest.len(), 2, "the other half is shared");
    }

    /// In whatever order connections come and go: each has a seat as long as it is there and no longer, and nothing is
    /// kept of a client that has none.
    #[test]
    fn whoever_comes_and_goes_is_counted_while_there() {
        const CLIENTS: u8 = 5;
        for (seed, (most, share)) in (0..).zip([(8, 2), (7, 3), (1, 1), (2, 1), (12, 12), (3, 9)]) {
            let (quota, mut rng) = (quota(most, share), StdRng::seed_from_u64(seed));
            let mut seats: Vec<(u8, Seat)> = Vec::new();
            for _ in 0..400 {
                let client = rng.random_range(0..CLIENTS);
                if rng.random_bool(0.4) && !seats.is_empty() {
                    seats.swap_remove(rng.random_range(0..seats.len()));
                } else {
                    let mine = seats.iter().filter(|(of, _)| *of == client).count();
                    let is_free = seats.len() < most && (mine < share || seats.len() < most / 2);
                    let seat = quota.seat([192, 0, 2, client].into());
                    assert_eq!(seat.is_some(), is_free, "{mine} of {} of {most}, a share of {share}", seats.len());
                    seats.extend(seat.map(|seat| (client, seat)));
                }
                assert!((1..=8).contains(&quota.share(Duration::from_secs(8)).as_secs()));
                let here: BTreeSet<u8> = seats.iter().map(|(client, _)| *client).collect();
                assert_eq!(quota.clients.lock().len(), here.len());
            }
        }
    }

    #[test]
    fn one_slash_64_is_one_client() {
        let quota = quota(3, 1);
        let _seat = quota.seat("2001:db8:0:1::1".parse().unwrap()).unwrap();
        assert!(quota.seat("2001:db8:0:1:ffff::2".parse().unwrap()).is_none());
        assert!(quota.seat("2001:db8:0:2::1".parse().unwrap()).is_some());
    }

    #[test]
    fn idle_time_shrinks_when_more_than_half_of_the_seats_are_taken() {
        let quota = quota(4, 4);
        let idle_secs = || quota.share(Duration::from_secs(8)).as_secs_f32();
        let (mut seats, mut all) = (Vec::new(), vec![idle_secs()]);
        for _ in 0..4 {
            seats.push(quota.seat([192, 0, 2, 1].into()).unwrap());
            all.push(idle_secs());
        }
        assert_eq!(all, [8.0, 8.0, 8.0, 4.5, 1.0]);
    }
}
