//! Lines between two queries, and which of them goes when there are too many.

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
/// Most lines that wait for their next query, in each thread: each holds a descriptor. One more, and one that has not
/// been used for long goes.
const MOST_IDLE: usize = 2048;
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
    /// Whether its server was asked before it was opened. A line to a server that is asked once is not worth its place.
    pub(super) is_regular: bool,
}

/// The lines that wait for their next query.
#[derive(Default)]
pub(super) struct Shelf {
    lines: Map<Peer, Vec<Kept>>,
    count: usize,
    /// Until when each line may stay that was put here for the first time, whatever has become of it since.
    ends: VecDeque<(Instant, Peer, usize)>,
    /// For each slot whose line waits here, and whether it was used again since the hand came by.
    marks: Vec<Option<(Peer, bool)>>,
    /// Goes round the marks where a line has to go.
    hand: usize,
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
        self.marks[kept.slot] = None;
        self.count -= 1;
        Some(kept)
    }

    /// Puts a line here, `now`, for the next query to `peer`; what comes back has to be given up: that line if it is
    /// not worth its place, or another one.
    pub(super) fn put(&mut self, peer: Peer, kept: Kept, now: Instant) -> Option<Kept> {
        if !kept.is_regular || kept.uses >= MOST_USES || !kept.is_young(now) {
            return Some(kept);
        }
        if kept.uses == 1 {
            self.ends.push_back((now + LIFE, peer, kept.slot));
        }
        let displaced = if self.count < MOST_IDLE { None } else { self.displace() };
        if self.marks.len() <= kept.slot {
            self.marks.resize(kept.slot + 1, None);
        }
        self.marks[kept.slot] = Some((peer, kept.uses > 1));
        self.count += 1;
        self.lines.entry(peer).or_default().push(kept);
        displaced
    }

    /// Takes a line that was not used for long, as far as the hand has seen.
    pub(super) fn displace(&mut self) -> Option<Kept> {
        let most = if self.count == 0 { 0 } else { 2 * self.marks.len() };
        // The second time round nothing is spared.
        let peer = (0..most).find_map(|_| {
            self.hand = (self.hand + 1) % self.marks.len();
            let mark = &mut self.marks[self.hand];
            let is_spared = mark.as_mut().is_some_and(|(_, is_spared)| mem::take(is_spared));
            if is_spared { None } else { mark.take() }
        });
        let lines = self.lines.get_mut(&peer?.0)?;
        let nth = lines.iter().position(|kept| kept.slot == self.hand)?;
        self.count -= 1;
        Some(lines.remove(nth))
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
        old.iter().for_each(|kept| self.marks[kept.slot] = None);
        old
    }

    /// Whether this server was asked before, as far as is remembered, as it is from now on.
    pub(super) fn meet(&mut self, peer: &Peer) -> bool {
        self.regulars.resize(REGULARS, 0);
        let place = usize::try_from(peer.hash).map_or(0, |nth| nth % REGULARS);
        mem::replace(&mut self.regulars[place], peer.hash) == peer.hash
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use siphasher::sip128::SipHasher13;

    use super::*;

    const TICK: Duration = Duration::from_millis(50);

    fn peer(nth: usize) -> Peer {
        let address = Ipv4Addr::from_bits(u32::try_from(nth).unwrap());
        Peer::new((address, 53).into(), 0, &SipHasher13::new())
    }

    /// Puts the line of each server, which had so many queries, in a slot of its own.
    fn put(shelf: &mut Shelf, nth: usize, uses: u32) -> Option<Kept> {
        let born = Instant::now();
        shelf.put(peer(nth), Kept { slot: nth, born, uses, last_id: None, is_regular: true }, born)
    }

    #[test]
    fn lines_that_were_used_again_stay_when_there_are_too_many() {
        let mut shelf = Shelf::default();
        let is_used = |nth: &usize| nth.is_multiple_of(3);
        assert!((0..MOST_IDLE).all(|nth| put(&mut shelf, nth, if is_used(&nth) { 2 } else { 1 }).is_none()));
        let once = (0..MOST_IDLE).filter(|nth| !is_used(nth)).count();
        let displaced: Vec<_> = (MOST_IDLE..).take(once).filter_map(|nth| put(&mut shelf, nth, 1)).collect();
        assert_eq!(displaced.len(), once);
        assert!(displaced.iter().all(|kept| !is_used(&kept.slot)), "none had to go for one that was used once");
        // If those that are used are too many, some of them go.
        let displaced = (2 * MOST_IDLE..).take(MOST_IDLE).filter_map(|nth| put(&mut shelf, nth, 2));
        assert!(displaced.filter(|kept| kept.slot < MOST_IDLE).count() > 0);
        assert_eq!((shelf.len(), shelf.lines.values().map(Vec::len).sum::<usize>()), (MOST_IDLE, MOST_IDLE));
        assert_eq!(shelf.marks.iter().flatten().count(), MOST_IDLE);
        assert!((0..MOST_IDLE).all(|_| shelf.displace().is_some()) && shelf.displace().is_none());
    }

    #[test]
    fn a_server_that_is_asked_once_a_line_that_is_worn_and_one_that_is_old_have_no_place() {
        let (mut shelf, born) = (Shelf::default(), Instant::now());
        let once = Kept { slot: 0, born, uses: 1, last_id: None, is_regular: shelf.meet(&peer(1)) };
        assert!(shelf.put(peer(1), once, born).is_some());
        let is_regular = shelf.meet(&peer(1));
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
                    let is_regular = shelf.meet(&server);
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
