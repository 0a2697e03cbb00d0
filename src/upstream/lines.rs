//! Lines: UDP sockets, each on a port that was drawn at random and connected to one server, kept for a few seconds so
//! that the next query to that server need not open one.
//!
//! A line belongs to one server: what another server sees of our ports says nothing about it. It carries one query at
//! a time, and none after a packet that is not the reply, so that whoever guesses its port has one guess at the id.
//! A server that was not asked before gets a line for one query, whose socket the next such server gets with another
//! port. docs/performance.md has the odds.
//!
//! Each thread has its own lines and one event queue for all of them; one task waits for that queue, keeps the only
//! timer, receives what has come before the walks go on with it, and opens the sockets and sends what the walks of one
//! round have to ask in one go: a server nearby is woken once for all of it, and neither the system nor the walks drive
//! each other's instructions out of the processor.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, mem};

use mio::{Events, Registry};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::linger::Linger;
use super::peer::Peer;
use super::shelf::{Kept, Shelf};
use super::slot::{Drawn, Packet, Slot};
use super::spare::Spare;
use super::{Exchange, Upstream};
use crate::sys;

/// How often it is looked whether somebody has waited long enough, and a line has become too old.
const TICK: Duration = Duration::from_millis(50);
/// Events taken at once.
const EVENTS: usize = 256;
/// Sockets that are closed in one go, besides one for each query that leaves. That takes the kernel five microseconds
/// each, for which replies would have to wait, and a server on the same machine replies within forty: what a busy
/// moment has opened is over all at once.
const CLOSED_AT_ONCE: usize = 4;

thread_local! {
    /// The lines of this thread; the task that waits for their events owns them.
    static HERE: RefCell<Weak<Lines>> = const { RefCell::new(Weak::new()) };
}

/// The lines of one thread.
pub(super) struct Lines {
    registry: Registry,
    table: RefCell<Table>,
    /// Wakes the task: there is something to send, or the first thing to wait for.
    work: Notify,
    woken: Cell<bool>,
    /// Wakes one who waits until a file may be opened.
    room: Notify,
}

#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Slots that have something to send.
    outbox: Vec<usize>,
    /// Slots of lines that are over, whose sockets are still open.
    over: Vec<usize>,
    /// Slots whose sockets have no port until they are connected.
    spare: Spare,
    idle: Shelf,
    /// How many slots have a waker.
    waiting: usize,
    linger: Linger,
    /// Before this nobody has waited long enough.
    due: Option<Instant>,
}

/// What the wait for a reply came to.
pub(super) enum Come {
    /// Something can be received.
    Something {
        /// When the query left.
        sent: Instant,
        /// When it came.
        came: Instant,
    },
    /// The query could not be sent.
    Unsent(io::Error),
    /// It is time to give up.
    Nothing,
}

/// A line in use. Dropped, it is closed; [`Line::keep`] keeps it.
pub(super) struct Line {
    lines: Rc<Lines>,
    kept: Option<Kept>,
}

impl Lines {
    /// The lines of this thread.
    ///
    /// # Errors
    /// When the system grants no event queue.
    pub(super) fn here() -> io::Result<Rc<Self>> {
        HERE.with_borrow_mut(|here| {
            if let Some(lines) = here.upgrade() {
                return Ok(lines);
            }
            let queue = mio::Poll::new()?;
            let (registry, table) = (queue.registry().try_clone()?, RefCell::default());
            let lines =
                Rc::new(Self { registry, table, work: Notify::new(), woken: Cell::new(false), room: Notify::new() });
            *here = Rc::downgrade(&lines);
            spawn_local(Rc::clone(&lines).attend(sys::register(queue)?));
            Ok(lines)
        })
    }

    /// A line to `peer` that was used before, if there is one on which nothing has come since.
    pub(super) fn take(self: &Rc<Self>, peer: &Peer, now: Instant) -> Option<Line> {
        let mut table = self.table.borrow_mut();
        loop {
            let kept = table.idle.take(peer)?;
            if table.slots[kept.slot].came.is_none() && kept.is_young(now) {
                return Some(Line { lines: Rc::clone(self), kept: Some(kept) });
            }
            // What comes unasked is a guess, or late: nobody should learn that this port is open.
            table.release(&kept);
        }
    }

    /// A new line, whose socket is opened when its first query leaves, which is that of `exchange`.
    pub(super) fn open(self: &Rc<Self>, upstream: &Upstream, exchange: &Exchange<'_>, now: Instant) -> Line {
        let mut table = self.table.borrow_mut();
        let is_regular = table.idle.admit(&exchange.peer);
        let slot = if is_regular { table.slot() } else { table.spare(upstream.drawn(exchange.ask)) };
        table.slots[slot].to_open = Some(Arc::clone(&upstream.settings));
        let kept = Kept { slot, born: now, uses: 0, last_id: None, is_regular };
        Line { lines: Rc::clone(self), kept: Some(kept) }
    }

    /// Closes sockets that nobody waits for, that of an idle line among them; false if there is none.
    fn make_room(&self) -> bool {
        let mut table = self.table.borrow_mut();
        let idle = table.idle.oldest();
        idle.iter().for_each(|kept| table.release(kept));
        let mut closed = mem::take(&mut table.over);
        closed.extend(table.spare.empty());
        closed.iter().for_each(|nth| table.free(*nth));
        !closed.is_empty()
    }

    /// Waits for events as long as this thread lives.
    async fn attend(self: Rc<Self>, mut queue: AsyncFd<mio::Poll>) {
        let mut events = Events::with_capacity(EVENTS);
        let tick = sleep_until(Instant::now() + TICK);
        tokio::pin!(tick);
        loop {
            let (is_busy, lingers) = self.table.borrow_mut().mood();
            tokio::select! {
                biased;
                () = self.work.notified() => {
                    self.woken.set(false);
                    self.table.borrow_mut().flush(&self.registry);
                    if !is_busy {
                        tick.as_mut().reset(Instant::now() + TICK);
                    }
                }
                ready = queue.readable_mut() => match ready {
                    Ok(mut ready) => {
                        let polled = ready.get_inner_mut().poll(&mut events, Some(Duration::ZERO));
                        self.table.borrow_mut().notice(&events);
                        if polled.is_err() || events.iter().count() < EVENTS {
                            ready.clear_ready();
                        }
                    }
                    Err(_) => return,
                },
                () = &mut tick, if is_busy => {
                    let now = Instant::now();
                    self.table.borrow_mut().tick(now);
                    tick.as_mut().reset(now + TICK);
                }
                // Everything else that there is to do comes first.
                () = yield_now(), if lingers => {}
            }
        }
    }

    fn wake(&self) {
        if !self.woken.replace(true) {
            self.work.notify_one();
        }
    }
}

impl Table {
    fn is_busy(&self) -> bool {
        self.waiting > 0 || self.idle.len() > 0 || !self.over.is_empty() || !self.spare.is_empty()
    }

    /// Whether there is something to look after, and whether to stay awake for it.
    fn mood(&mut self) -> (bool, bool) {
        (self.is_busy(), self.linger.is_on())
    }

    fn slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        })
    }

    /// A slot for a line of one query, whose port is `drawn` so: one with a socket, if there is any.
    fn spare(&mut self, drawn: Drawn) -> usize {
        if let Drawn::BySystem { v6, .. } = drawn {
            while let Some(nth) = self.spare.take(v6) {
                if self.slots[nth].drawn == drawn {
                    return nth;
                }
                // Its ports are those of former settings.
                self.free(nth);
            }
        }
        let nth = self.slot();
        self.slots[nth].drawn = drawn;
        nth
    }

    /// Sends what waits to be sent. While the servers think about it there is time to close sockets, and at no other: a
    /// reply that has come may be all that a client waits for.
    fn flush(&mut self, registry: &Registry) {
        for nth in &self.outbox {
            self.slots[*nth].open(*nth, registry);
        }
        let (now, count) = (Instant::now(), self.outbox.len());
        for nth in self.outbox.drain(..) {
            self.slots[nth].send(now);
            if self.slots[nth].near.is_some() {
                self.linger.sent(now);
            }
        }
        if count > 0 {
            self.close(count + CLOSED_AT_ONCE);
        }
    }

    /// Gives up a line. Nobody reads from its socket any more, which is closed when there is time for that.
    fn release(&mut self, kept: &Kept) {
        self.idle.leave(kept);
        self.quiet(kept.slot);
        let slot = &mut self.slots[kept.slot];
        (slot.to_open, slot.asked, slot.packet) = (None, None, None);
        slot.query.clear();
        self.over.push(kept.slot);
    }

    /// Closes sockets of lines that are over, or makes them ready for the next, `most` at most.
    fn close(&mut self, most: usize) {
        for _ in 0..most {
            let Some(nth) = self.over.pop() else { return };
            let slot = &mut self.slots[nth];
            match &slot.drawn {
                Drawn::BySystem { v6, .. } if self.spare.has_room(*v6) && slot.part() => {
                    self.spare.put(*v6, nth);
                    (slot.came, slot.more, slot.sent) = (None, false, None);
                }
                _ => self.free(nth),
            }
        }
    }

    /// Closes the socket of a slot, which can have another then.
    fn free(&mut self, nth: usize) {
        let slot = &mut self.slots[nth];
        (slot.came, slot.more, slot.sent, slot.socket, slot.drawn) = (None, false, None, None, Drawn::ByUs);
        self.free.push(nth);
    }

    /// Nobody waits for this line any more.
    fn quiet(&mut self, slot: usize) {
        let slot = &mut self.slots[slot];
        self.waiting -= usize::from(slot.waker.take().is_some());
        slot.give_up = None;
        if let Some(near) = slot.near.take() {
            self.linger.end(&near);
        }
    }

    fn notice(&mut self, events: &Events) {
        let now = Instant::now();
        for event in events {
            let Some(slot) = self.slots.get_mut(event.token().0) else { continue };
            slot.notice(now);
            if slot.near.is_some() {
                self.linger.came();
            }
        }
    }

    /// Wakes those who have waited long enough, and gives up what is too old.
    fn tick(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            let waiting = self.slots.iter().filter_map(|slot| slot.waker.as_ref().zip(slot.give_up));
            let (over, rest): (Vec<_>, Vec<_>) = waiting.partition(|(_, give_up)| *give_up <= now);
            over.iter().for_each(|(waker, _)| waker.wake_by_ref());
            self.due = rest.iter().map(|(_, give_up)| *give_up).min();
        }
        for kept in self.idle.expire(now) {
            self.release(&kept);
        }
        for nth in self.spare.surplus(now) {
            self.slots[nth].drawn = Drawn::ByUs;
            self.over.push(nth);
        }
        // Where nobody asks any more, all of a flood's are closed within seconds.
        self.close(CLOSED_AT_ONCE.max(self.over.len() / 8));
    }
}

impl Line {
    /// Whether another query has used it before.
    pub(super) fn is_used(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.uses > 0)
    }

    /// The id of the query before: its reply may come twice.
    pub(super) fn last_id(&self) -> Option<u16> {
        self.kept.as_ref().and_then(|kept| kept.last_id)
    }

    /// Sends the query of `exchange` together with those of the other walks of this round.
    pub(super) fn send(&self, exchange: &Exchange<'_>) {
        let Some(kept) = &self.kept else { return };
        let mut table = self.lines.table.borrow_mut();
        table.outbox.push(kept.slot);
        let slot = &mut table.slots[kept.slot];
        slot.query.extend_from_slice(&exchange.query);
        (slot.asked, slot.sent) = (Some((Rc::clone(exchange.ask), exchange.id)), None);
        drop(table);
        self.lines.wake();
    }

    /// The next packet.
    pub(super) fn receive(&self) -> io::Result<Packet> {
        let Some(kept) = &self.kept else { return Err(io::ErrorKind::NotConnected.into()) };
        let slot = &mut self.lines.table.borrow_mut().slots[kept.slot];
        slot.packet.take().unwrap_or_else(|| slot.receive())
    }

    /// When no more files may be open: an idle line goes, or it waits `until` one of those under way has come to its
    /// end.
    pub(super) async fn room(&self, until: Instant) {
        if !self.lines.make_room() {
            let _ = timeout_at(until, self.lines.room.notified()).await;
        }
    }

    /// Waits until something has come, or it is time to `give_up`, which is noticed a moment late.
    pub(super) async fn come(&self, give_up: Instant) -> Come {
        poll_fn(|context| self.poll_come(give_up, context)).await
    }

    fn poll_come(&self, give_up: Instant, context: &Context<'_>) -> Poll<Come> {
        let Some(kept) = &self.kept else { return Poll::Ready(Come::Nothing) };
        let mut table = self.lines.table.borrow_mut();
        let slot = &mut table.slots[kept.slot];
        let come = match &slot.sent {
            Some(Err(_)) => slot.sent.take().and_then(Result::err).map(Come::Unsent),
            Some(Ok(sent)) => slot.came.map(|came| Come::Something { sent: *sent, came }),
            None => None,
        };
        if let Some(come) = come {
            slot.came = None;
            table.quiet(kept.slot);
            return Poll::Ready(come);
        }
        if let Some(waker) = &mut slot.waker {
            if Instant::now() >= give_up {
                table.quiet(kept.slot);
                return Poll::Ready(Come::Nothing);
            }
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        (slot.waker, slot.give_up) = (Some(context.waker().clone()), Some(give_up));
        if slot.asked.as_ref().is_some_and(|(ask, _)| ask.near) {
            let awaited = table.linger.begin();
            table.slots[kept.slot].near = Some(awaited);
        }
        table.due = Some(table.due.map_or(give_up, |due| due.min(give_up)));
        table.waiting += 1;
        drop(table);
        self.lines.wake();
        Poll::Pending
    }

    /// Keeps the line for the next query to `peer`: the reply to the query `id` `came`, and nothing else.
    pub(super) fn keep(mut self, peer: Peer, id: u16, came: Instant) {
        let Some(mut kept) = self.kept.take() else { return };
        self.lines.room.notify_one();
        let mut table = self.lines.table.borrow_mut();
        (kept.uses, kept.last_id) = (kept.uses + 1, Some(id));
        let slot = &mut table.slots[kept.slot];
        slot.asked = None;
        let over = if slot.more { Some(kept) } else { table.idle.put(peer, kept, came) };
        over.iter().for_each(|kept| table.release(kept));
        drop(table);
        self.lines.wake();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.lines.table.borrow_mut().release(&kept);
            self.lines.room.notify_one();
        }
    }
}
