use std::task::Waker;

use siphasher::sip128::SipHasher13;
use socket2::{Domain, Socket, Type};

use super::super::slot::tests::ask;
use super::*;
use crate::walk::ask::Ask;

#[test]
fn what_is_over_is_closed_a_few_at_a_time() {
    let (mut table, now) = (Table::default(), Instant::now());
    for _ in 0..CLOSED_AT_ONCE * 3 + 1 {
        let slot = table.slot();
        table.slots[slot].socket = Some(Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket").into());
        table.release(&Kept { slot, born: now, uses: 0, last_id: None, is_regular: false });
    }
    let all = table.slots.len();
    while table.is_busy() {
        let before = table.free.len();
        table.tick(now);
        assert!((1..=CLOSED_AT_ONCE).contains(&(table.free.len() - before)));
    }
    assert_eq!(table.free.len(), all);
    assert!(table.slots.iter().all(|slot| slot.socket.is_none()));
}

#[test]
fn what_is_over_is_closed_while_a_server_thinks_and_not_in_front_of_an_answer() {
    let (queue, now) = (mio::Poll::new().expect("a queue"), Instant::now());
    let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a server");
    let mut table = Table::default();
    let slots = [table.slot(), table.slot()];
    table.release(&Kept { slot: slots[0], born: now, uses: 0, last_id: None, is_regular: false });
    table.flush(queue.registry());
    assert!(table.free.is_empty(), "nobody was asked anything");
    table.slots[slots[1]].asked = Some((Rc::new(ask(&server)), 7));
    table.outbox.push(slots[1]);
    table.flush(queue.registry());
    assert_eq!(table.free, [slots[0]]);
}

#[test]
fn a_thread_stays_awake_for_a_near_server_and_for_no_other() {
    let (queue, now) = (mio::Poll::new().expect("a queue"), Instant::now());
    let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a server");
    for near in [true, false] {
        let registry = queue.registry().try_clone().expect("a queue");
        let (table, woken) = (RefCell::default(), Cell::new(false));
        let lines = Rc::new(Lines { registry, table, work: Notify::new(), woken, room: Notify::new() });
        let slot = lines.table.borrow_mut().slot();
        let kept = Kept { slot, born: now, uses: 0, last_id: None, is_regular: false };
        let line = Line { lines: Rc::clone(&lines), kept: Some(kept) };
        let come = || line.poll_come(now + TICK, &Context::from_waker(Waker::noop()));
        {
            let mut table = lines.table.borrow_mut();
            table.slots[slot].asked = Some((Rc::new(Ask { near, ..ask(&server) }), 7));
            table.outbox.push(slot);
        }
        assert!(come().is_pending());
        lines.table.borrow_mut().flush(&lines.registry);
        assert_eq!(lines.table.borrow_mut().mood(), (true, near));
        {
            let slot = &mut lines.table.borrow_mut().slots[slot];
            (slot.sent, slot.came) = (Some(Ok(now)), Some(now));
        }
        assert!(come().is_ready());
        assert!(!lines.table.borrow_mut().mood().1, "it is there");
    }
}

/// As many lines as there are slots here, of which the first is `kept`.
fn lines(queue: &mio::Poll, kept: &Kept) -> Rc<Lines> {
    let (registry, table) = (queue.registry().try_clone().expect("a queue"), RefCell::<Table>::default());
    assert_eq!(table.borrow_mut().slot(), kept.slot);
    Rc::new(Lines { registry, table, work: Notify::new(), woken: Cell::new(false), room: Notify::new() })
}

/// Whoever scans for open ports needs a minute for all of them, and has one guess at the id on each.
#[test]
fn a_port_is_not_used_again_that_is_old_or_at_which_something_else_has_come() {
    let queue = mio::Poll::new().expect("a queue");
    let (peer, now) = (Peer::new(([127, 0, 0, 1], 53).into(), 0, &SipHasher13::new()), Instant::now());
    let (young, old) = (now + Duration::from_millis(4900), now + Duration::from_secs(5));
    for (more, unasked, then, is_used) in [
        (false, false, young, true),
        (true, false, young, false),
        (false, true, young, false),
        (false, false, old, false),
    ] {
        let kept = Kept { slot: 0, born: now, uses: 0, last_id: None, is_regular: true };
        let lines = lines(&queue, &kept);
        lines.table.borrow_mut().idle.admit(&peer);
        lines.table.borrow_mut().idle.admit(&peer);
        lines.table.borrow_mut().slots[0].more = more;
        // Its first query has taken a second, so that it would be looked at that much later.
        Line { lines: Rc::clone(&lines), kept: Some(kept) }.keep(peer, 7, now + Duration::from_secs(1));
        lines.table.borrow_mut().slots[0].came = unasked.then_some(young);
        assert_eq!(lines.take(&peer, then).is_some(), is_used, "{more} {unasked} {:?}", then - now);
        assert!(lines.take(&peer, then).is_none());
    }
}

#[test]
fn a_line_that_nobody_needs_is_closed_when_it_is_old() {
    let queue = mio::Poll::new().expect("a queue");
    let (peer, now) = (Peer::new(([127, 0, 0, 1], 53).into(), 0, &SipHasher13::new()), Instant::now());
    let kept = Kept { slot: 0, born: now, uses: 0, last_id: None, is_regular: true };
    let lines = lines(&queue, &kept);
    lines.table.borrow_mut().idle.admit(&peer);
    lines.table.borrow_mut().idle.admit(&peer);
    Line { lines: Rc::clone(&lines), kept: Some(kept) }.keep(peer, 7, now);
    let mut table = lines.table.borrow_mut();
    table.tick(now + Duration::from_millis(4900));
    assert!(table.is_busy() && table.free.is_empty());
    table.tick(now + Duration::from_secs(5));
    assert!(!table.is_busy() && table.free == [0]);
}

/// After a reload others may be forbidden.
#[test]
fn a_socket_whose_port_is_drawn_from_others_is_closed() {
    let (mut table, now) = (Table::default(), Drawn::BySystem { v6: false, ports: 1024..=2047 });
    let before = Drawn::BySystem { v6: false, ports: 1024..=4095 };
    let [old, new] = [&before, &now].map(|drawn| {
        let slot = table.slot();
        table.slots[slot].drawn = drawn.clone();
        slot
    });
    [new, old].into_iter().for_each(|slot| table.spare.put(false, slot));
    assert_eq!((table.spare(now.clone()), &table.free[..]), (new, &[old][..]));
    assert_eq!(table.slots[new].drawn, now);
}
