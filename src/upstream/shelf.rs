//! Lines between two queries, and which are worth keeping.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::peer::Peer;
use crate::keyed::Map;

/// How long a port is in use: who scans for open ports needs a minute for all of them.
const LIFE: Duration = Duration::from_secs(5);
/// Most queries from one port.
const MOST_USES: u32 = 256;
/// Most lines that are kept, in each thread: each holds a descriptor. One more has one query, as those to servers that
/// are asked once. It gets a place when a line has come to its end, so who asks often has the best chance.
const MOST: usize = 2048;
/// Servers of which it is remembered that they were asked a moment ago; a power of two.
const REGULARS: usize = 8192;

/// A line between two queries, or during one.
pub(super) struct Kept {
    /// Where its socket is.
    pub(super) slot: usize,
    pub(super) born: Instant,
    pub(super) uses: u32,
    /// The id of the query before.
    pub(super) last_id: Option<u16>,
    /// Whether it has a place here.
    pub(super) is_regular: bool,
}

/// The lines that wait for their next query.
#[derive(Default)]
pub(super) struct Shelf {
    lines: Map<Peer, Vec<Kept>>,
    count: usize,
    /// How many lines have a place here, those in use among them.
    places: usize,
    /// Until when each line may stay that was put here for the first time, whatever has become of it since.
    ends: VecDeque<(Instant, Peer, usize)>,
    /// Hashes of the servers that were asked, each in the place that it says.
    regulars: Vec<u64>,
}

impl Kept {
    /// Whether its port may be used again.
    pub(super) fn is_young(&self, now: Instant) -> bool {
        now - self.born < LIFE
    }
}

impl Shelf {
    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The line to `peer` that was used last, of any age.
    pub(super) fn take(&mut self, peer: &Peer) -> Option<Kept> {
        let kept = self.lines.get_mut(peer)?.pop()?;
        self.count -= 1;
        Some(kept)
    }

    /// Puts a line here, `now`, for the next query to `peer`; it comes back if it is not worth its place.
    pub(super) fn put(&mut self, peer: Peer, kept: Kept, now: Instant) -> Option<Kept> {
        if !kept.is_regular || kept.uses >= MOST_USES || !kept.is_young(now) {
            return Some(kept);
        }
        if kept.uses == 1 {
            self.ends.push_back((now + LIFE, peer, kept.slot));
        }
        self.count += 1;
        self.lines.entry(peer).or_default().push(kept);
        None
    }

    /// Takes the line that will be too old first, of those that wait.
    pub(super) fn oldest(&mut self) -> Option<Kept> {
        if self.count == 0 {
            return None;
        }
        let place = |peer, slot| self.lines.get(peer)?.iter().position(|kept| kept.slot == slot);
        let nth = self.ends.iter().position(|(_, peer, slot)| place(peer, *slot).is_some())?;
        let (_, peer, slot) = self.ends.remove(nth)?;
        let lines = self.lines.get_mut(&peer)?;
        let kept = lines.remove(lines.iter().position(|kept| kept.slot == slot)?);
        if lines.is_empty() {
            self.lines.remove(&peer);
        }
        self.count -= 1;
        Some(kept)
    }

    /// Takes those that are too old.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Kept> {
        let mut old = Vec::new();
        while let Some((_, peer, slot)) = self.ends.front().copied().filter(|(end, ..)| *end <= now) {
            self.ends.pop_front();
            let Some(lines) = self.lines.get_mut(&peer) else { continue };
            // The slot may have another line by now.
            old.extend(lines.extract_if(.., |kept| kept.slot == slot && !kept.is_young(now)));
            if lines.is_empty() {
                self.lines.remove(&peer);
            }
        }
        self.count -= old.len();
        old
    }

    /// Whether a new line to this server has a place here: there is one, and the server was asked before, as far as is
    /// remembered. A line to a server that is asked once is not worth it.
    pub(super) fn admit(&mut self, peer: &Peer) -> bool {
        self.regulars.resize(REGULARS, 0);
        let nth = usize::try_from(peer.hash).map_or(0, |nth| nth % REGULARS);
        let is_regular = mem::replace(&mut self.regulars[nth], peer.hash) == peer.hash && self.places < MOST;
        self.places += usize::from(is_regular);
        is_regular
    }

    /// A line has come to its end, and so has its place.
    pub(super) fn leave(&mut self, kept: &Kept) {
        self.places -= usize::from(kept.is_regular);
    }
}

#[cfg(test)]
mod tests {
    use std::iter;
    use std::net::Ipv4Addr;

    use siphasher::sip128::SipHasher13;

    use super::*;

    const TICK: Duration = Duration::from_millis(50);

    fn peer(nth: usize) -> Peer {
        let address = Ipv4Addr::from_bits(u32::try_from(nth).unwrap());
        Peer::new((address, 53).into(), 0, &SipHasher13::new())
    }

    #[test]
    fn there_are_so_many_places_and_who_asks_again_has_one() {
        let (mut shelf, born) = (Shelf::default(), Instant::now());
        let open = |shelf: &mut Shelf, slot| Kept {
            slot,
            born,
            uses: 1,
            last_id: None,
            is_regular: shelf.admit(&peer(slot % 100)),
        };
        let lines: Vec<_> = (0..100 + MOST + 100).map(|slot| open(&mut shelf, slot)).collect();
        let admitted: Vec<_> = lines.iter().filter(|kept| kept.is_regular).map(|kept| kept.slot).collect();
        assert_eq!(admitted, (100..100 + MOST).collect::<Vec<_>>(), "not who asks for the first time");
        // Those in use have their places as well as those that wait.
        for (nth, kept) in lines.into_iter().enumerate() {
            if nth % 3 == 0 {
                shelf.leave(&kept);
            } else {
                shelf.put(peer(kept.slot % 100), kept, born).iter().for_each(|kept| shelf.leave(kept));
            }
        }
        let over = admitted.iter().filter(|slot| *slot % 3 == 0).count();
        assert_eq!((shelf.len(), shelf.places), (MOST - over, MOST - over));
        let again = (0..MOST).filter(|slot| open(&mut shelf, *slot).is_regular).count();
        assert_eq!((again, shelf.places), (over, MOST));
        // Where the system has no more room, those that wait go, the oldest first.
        let waiting: Vec<_> = admitted.into_iter().filter(|slot| slot % 3 != 0).collect();
        assert_eq!(iter::from_fn(|| shelf.oldest()).map(|kept| kept.slot).collect::<Vec<_>>(), waiting);
        assert!(shelf.lines.is_empty() && shelf.ends.is_empty(), "nothing is left of them");
    }

    #[test]
    fn a_server_that_is_asked_once_a_line_that_is_worn_and_one_that_is_old_have_no_place() {
        let (mut shelf, born) = (Shelf::default(), Instant::now());
        let once = Kept { slot: 0, born, uses: 1, last_id: None, is_regular: shelf.admit(&peer(1)) };
        assert!(shelf.put(peer(1), once, born).is_some());
        let is_regular = shelf.admit(&peer(1));
        let kept = |slot, uses| Kept { slot, born, uses, last_id: None, is_regular };
        let mut put = |slot, uses, now| shelf.put(peer(1), kept(slot, uses), now).is_none();
        assert!(put(0, 1, born));
        assert!(!put(1, MOST_USES, born) && !put(1, 2, born + LIFE) && put(1, 2, born));
        assert_eq!(shelf.take(&peer(1)).map(|kept| kept.slot), Some(1), "the last is the first");
        assert!(shelf.expire(born).is_empty() && shelf.take(&peer(2)).is_none());
        assert_eq!((shelf.expire(born + LIFE).len(), shelf.len()), (1, 0));
    }

    #[test]
    fn all_lines_end_and_nothing_is_left_of_them() {
        let (mut shelf, begun) = (Shelf::default(), Instant::now());
        let (mut in_use, mut next, mut ended, mut firsts) = (Vec::new(), 0_usize, 0, Vec::new());
        for tick in 0..400_u32 {
            let now = begun + TICK * tick;
            for nth in 0..7 {
                let server = peer((next * nth) % 50);
                let line = shelf.take(&server).filter(|kept| kept.is_young(now));
                let line = line.unwrap_or_else(|| {
                    let is_regular = shelf.admit(&server);
                    Kept { slot: next, born: now, uses: 0, last_id: None, is_regular }
                });
                if line.uses == 0 {
                    next += 1;
                    firsts.push(now);
                }
                in_use.push((server, line));
            }
            // Some queries take longer than a line lives.
            for (server, line) in in_use.extract_if(.., |(_, line)| line.slot % 5 > 0 || line.uses > 20 || tick > 300) {
                let kept = Kept { uses: line.uses + 1, ..line };
                if kept.uses == 1 {
                    firsts[kept.slot] = now;
                }
                ended += shelf.put(server, kept, now).iter().count();
            }
            ended += shelf.expire(now).len();
            assert!(shelf.lines.values().flatten().all(|kept| now - firsts[kept.slot] < LIFE), "old lines at {tick}");
            assert_eq!(shelf.len(), shelf.lines.values().map(Vec::len).sum::<usize>());
        }
        ended += shelf.expire(begun + TICK * 400 + LIFE).len();
        assert!(in_use.is_empty() && ended > 0 && shelf.lines.is_empty() && shelf.ends.is_empty() && shelf.len() == 0);
    }
}
