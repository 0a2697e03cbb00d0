//! How many queries are on their way to each server.

use std::collections::hash_map::Entry;

use parking_lot::Mutex;

use super::peer::Peer;
use crate::keyed::Map;

/// The queries on their way, by server: a server that has stopped answering must not have all walks wait for it.
pub(super) struct Crowd {
    most: usize,
    servers: Mutex<Map<Peer, usize>>,
}

/// One query on its way, until dropped.
pub(super) struct OnItsWay<'c> {
    crowd: &'c Crowd,
    server: &'c Peer,
}

impl Crowd {
    /// Nobody yet; `most` may be on their way to one server.
    pub(super) fn new(most: usize) -> Self {
        Self { most, servers: Mutex::default() }
    }

    /// One more query to `server`, unless there are too many.
    pub(super) fn join<'c>(&'c self, server: &'c Peer) -> Option<OnItsWay<'c>> {
        let mut servers = self.servers.lock();
        let count = servers.entry(*server).or_default();
        // Never 0 here: an entry that could not be entered has others in it.
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(OnItsWay { crowd: self, server })
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        let mut servers = self.crowd.servers.lock();
        if let Entry::Occupied(mut count) = servers.entry(*self.server) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use siphasher::sip128::SipHasher13;

    use super::*;

    #[test]
    fn nothing_is_kept_of_a_server_that_is_not_being_asked() {
        let (crowd, server) = (Crowd::new(2), Peer::new(([127, 0, 0, 1], 53).into(), 0, &SipHasher13::new()));
        let all: Vec<_> = (0..3).filter_map(|_| crowd.join(&server)).collect();
        assert_eq!((all.len(), crowd.servers.lock().len()), (2, 1));
        drop(all);
        assert!(crowd.servers.lock().is_empty());
    }
}
