//! Sockets without a port, which wait for a server that was not asked before.

use std::mem;
use std::time::Duration;

use tokio::time::Instant;

/// Sockets of each version of IP, in each thread: as many as a busy moment needs at once.
const MOST: usize = 128;
/// How long a socket waits in vain: each holds a descriptor, which others may need.
const PATIENCE: Duration = Duration::from_secs(1);

/// The slots with such sockets.
#[derive(Default)]
pub(super) struct Spare {
    /// Those of IPv4, and of IPv6. Who came last goes first, so that those who came first are those who are not needed.
    slots: [Vec<usize>; 2],
    /// How few they have been since `looked`.
    least: [usize; 2],
    looked: Option<Instant>,
}

impl Spare {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().all(Vec::is_empty)
    }

    pub(super) fn has_room(&self, v6: bool) -> bool {
        self.slots[usize::from(v6)].len() < MOST
    }

    pub(super) fn put(&mut self, v6: bool, slot: usize) {
        self.slots[usize::from(v6)].push(slot);
    }

    pub(super) fn take(&mut self, v6: bool) -> Option<usize> {
        let (slots, least) = (&mut self.slots[usize::from(v6)], &mut self.least[usize::from(v6)]);
        let slot = slots.pop()?;
        *least = slots.len().min(*least);
        Some(slot)
    }

    /// Takes all.
    pub(super) fn empty(&mut self) -> Vec<usize> {
        self.least = [0; 2];
        mem::take(&mut self.slots).concat()
    }

    /// Takes those that nobody has needed for as long as they wait.
    pub(super) fn surplus(&mut self, now: Instant) -> Vec<usize> {
        if self.looked.is_some_and(|looked| now - looked < PATIENCE) {
            return Vec::new();
        }
        self.looked = Some(now);
        let mut surplus = Vec::new();
        for (slots, least) in self.slots.iter_mut().zip(&mut self.least) {
            surplus.extend(slots.drain(..*least));
            *least = slots.len();
        }
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_nobody_needs_go_and_the_others_stay() {
        let (mut spare, begun) = (Spare::default(), Instant::now());
        assert!(spare.surplus(begun).is_empty());
        let most: Vec<usize> =
            (0..).take_while(|slot| spare.has_room(true).then(|| spare.put(true, *slot)).is_some()).collect();
        assert_eq!((most.len(), spare.has_room(false)), (MOST, true));
        assert!(spare.surplus(begun + PATIENCE).is_empty(), "some have just come");
        for second in 2..5 {
            // Three at once is as many as are needed.
            let taken: Vec<usize> = (0..3).filter_map(|_| spare.take(true)).collect();
            taken.iter().rev().for_each(|slot| spare.put(true, *slot));
            assert!(spare.surplus(begun + PATIENCE * second - Duration::from_millis(1)).is_empty());
            let surplus = spare.surplus(begun + PATIENCE * second);
            assert_eq!(surplus, if second == 2 { (0..MOST - 3).collect() } else { Vec::new() });
        }
        assert_eq!((spare.take(false), spare.take(true)), (None, Some(MOST - 1)));
        spare.put(false, 7);
        assert_eq!(spare.empty().len(), 3);
        assert!(spare.is_empty() && spare.surplus(begun + PATIENCE * 9).is_empty());
    }
}
