//! The socket of one line.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use tokio::time::Instant;

use super::linger::Awaited;
use super::socket::{connected, unbound};
use super::{UpstreamSettings, matching};
use crate::sys;
use crate::trace::Ignored;
use crate::walk::ask::Ask;
use crate::wire::Reply;

/// The largest datagram there is.
const MOST_OCTETS: usize = 65_535;

/// How many octets a packet has, and the reply that it is, or why it is not the one that is awaited.
pub(super) type Packet = (usize, Result<Box<Reply>, Ignored>);

thread_local! {
    /// Room for one datagram.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; MOST_OCTETS]);
}

/// Packets to pass over before a socket is used again: whom it was connected to may have sent as many as its buffer has
/// room for, which are for nobody now.
const MOST_STALE: usize = 16;

/// Who draws the port of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Drawn {
    /// We, for a socket that is bound to it and has no other as long as it is open.
    #[default]
    ByUs,
    /// The system, each time when the socket is connected to a server with an address of this version of IP.
    BySystem { v6: bool, ports: RangeInclusive<u16> },
}

/// The socket of one line, and what goes on there.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) socket: Option<UdpSocket>,
    pub(super) drawn: Drawn,
    /// How the socket has to be opened, until it is.
    pub(super) to_open: Option<Arc<UpstreamSettings>>,
    /// What waits to be sent.
    pub(super) query: Vec<u8>,
    /// What is asked, and with which id.
    pub(super) asked: Option<(Rc<Ask>, u16)>,
    /// When the query left, or why it could not.
    pub(super) sent: Option<io::Result<Instant>>,
    /// When something came that has not been looked at.
    pub(super) came: Option<Instant>,
    /// The packet that was received then.
    pub(super) packet: Option<io::Result<Packet>>,
    /// Whether something came behind it.
    pub(super) more: bool,
    pub(super) waker: Option<Waker>,
    pub(super) give_up: Option<Instant>,
    /// That the reply of a near server is awaited, if so.
    pub(super) near: Option<Awaited>,
}

impl Slot {
    /// Something has come, `now`. Where somebody waits for it, what it is, is read at once, as that of all others.
    pub(super) fn notice(&mut self, now: Instant) {
        self.came = Some(now);
        if self.packet.is_some() {
            self.more = true;
        } else if self.waker.is_some() && matches!(self.sent, Some(Ok(_))) {
            // Nothing, if it was for whom the socket was connected to before: what comes next is read then.
            let packet = self.receive();
            self.packet = Some(packet).filter(|packet| !packet.as_ref().is_err_and(is_nothing));
        }
        self.waker.iter().for_each(Waker::wake_by_ref);
    }

    /// Opens the socket, where that was not done, on which events are noticed as those of the `nth` slot.
    pub(super) fn open(&mut self, nth: usize, registry: &Registry) {
        let (Some((ask, _)), Some(settings)) = (&self.asked, self.to_open.take()) else { return };
        let server = ask.server;
        let mut opened = self.connect(&settings, server, (nth, registry));
        if opened.as_ref().is_err_and(is_nothing) && self.drawn != Drawn::ByUs {
            // The system has no port left, of the fewer that it draws from.
            (self.socket, self.drawn) = (None, Drawn::ByUs);
            opened = self.connect(&settings, server, (nth, registry));
        }
        if let Err(error) = opened {
            self.fail(error);
        }
    }

    fn connect(
        &mut self,
        settings: &UpstreamSettings,
        server: SocketAddr,
        (nth, registry): (usize, &Registry),
    ) -> io::Result<()> {
        if self.socket.is_none() {
            let socket = match &self.drawn {
                Drawn::ByUs => connected(settings, server)?,
                Drawn::BySystem { v6, ports } => unbound(*v6, ports)?,
            };
            registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(nth), Interest::READABLE)?;
            self.socket = Some(socket);
        }
        match (&self.socket, &self.drawn) {
            (Some(socket), Drawn::BySystem { .. }) => socket.connect(server),
            _ => Ok(()),
        }
    }

    /// Makes the socket one that can be connected to another server, from another port; false if it has to be closed.
    pub(super) fn part(&self) -> bool {
        let Some(socket) = self.socket.as_ref().filter(|_| self.drawn != Drawn::ByUs) else { return false };
        // Nothing comes any more from here on. What has come is passed over, and so is what ICMP has said.
        let is_dry = || socket.recv(&mut [0]).is_err_and(|error| is_nothing(&error));
        sys::disconnect(socket).is_ok() && (0..=MOST_STALE).any(|_| is_dry())
    }

    /// Sends what waits for that, `now`.
    pub(super) fn send(&mut self, now: Instant) {
        let Some(socket) = self.socket.as_ref().filter(|_| !self.query.is_empty()) else { return };
        let sent = socket.send(&self.query);
        self.query.clear();
        match sent {
            // No room to send it: as if it were lost on the way.
            Err(error) if !is_nothing(&error) => self.fail(error),
            _ => self.sent = Some(Ok(now)),
        }
    }

    /// The query could not leave.
    fn fail(&mut self, error: io::Error) {
        self.query.clear();
        self.sent = Some(Err(error));
        self.waker.iter().for_each(Waker::wake_by_ref);
    }

    /// Receives one packet.
    pub(super) fn receive(&self) -> io::Result<Packet> {
        let (Some(socket), Some((ask, id))) = (self.socket.as_ref(), &self.asked) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        ROOM.with_borrow_mut(|room| {
            loop {
                let (len, from) = socket.recv_from(room)?;
                // What was on its way to the socket when it was parted from another server may have come late.
                if (from.ip(), from.port()) == (ask.server.ip(), ask.server.port()) {
                    return Ok((len, matching::read(&mut room[..len], *id, ask)));
                }
            }
        })
    }
}

fn is_nothing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use mio::Events;
    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::trace::Transport;
    use crate::walk::ask::AskId;
    use crate::wire::{Flags, Question, RecordType, ResponseCode, name, write_query};

    /// What a walk asks this server.
    pub(in crate::upstream) fn ask(server: &UdpSocket) -> Ask {
        Ask {
            id: AskId(1),
            server: server.local_addr().expect("an address"),
            transport: Transport::Udp,
            attempt: 1,
            question: Question::new(name("example"), RecordType::A),
            edns: None,
            rd: false,
            cd: false,
            check_case: false,
            near_misses: 16,
            near: false,
            give_up: Duration::from_secs(5),
        }
    }

    #[test]
    fn where_the_system_has_no_port_left_one_of_ours_serves() {
        let queue = mio::Poll::new().expect("a queue");
        let server = UdpSocket::bind("127.0.0.1:0").expect("a server, on the only port");
        let port = server.local_addr().expect("an address").port();
        let drawn = Drawn::BySystem { v6: false, ports: port..=port };
        if unbound(false, &(port..=port)).is_err() {
            return eprintln!("not tried: the system cannot be told from which ports to draw");
        }
        let mut slot =
            Slot { to_open: Some(Arc::default()), asked: Some((ask(&server).into(), 7)), drawn, ..Slot::default() };
        slot.open(0, queue.registry());
        assert!(slot.sent.is_none() && slot.drawn == Drawn::ByUs, "{:?}", slot.sent);
        let ours = slot.socket.and_then(|socket| socket.local_addr().ok()).expect("a line");
        assert_ne!(ours.port(), port);
    }

    /// As it may be while a socket is connected to somebody else: whoever has the id has not the address.
    #[test]
    fn what_came_from_somebody_else_is_passed_over() {
        let [server, forger] = ["127.0.0.1:0", "127.0.0.2:0"].map(|at| UdpSocket::bind(at).expect("a socket"));
        let same_host = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a line");
        socket.set_nonblocking(true).expect("it does not block");
        let (ours, asked) = (socket.local_addr().expect("an address"), Rc::new(ask(&server)));
        let slot = Slot { socket: Some(socket), asked: Some((Rc::clone(&asked), 7)), ..Slot::default() };
        let reply = |code: ResponseCode| {
            let mut bytes = Vec::new();
            write_query(7, &asked.question, Flags::default().with_qr(true).with_rcode(code), None, &mut bytes);
            bytes
        };
        for liar in [&forger, &same_host] {
            liar.send_to(&reply(ResponseCode::NXDomain), ours).expect("it leaves");
        }
        assert!(slot.receive().is_err_and(|error| is_nothing(&error)));
        for from in [&forger, &same_host, &server] {
            let code = if std::ptr::eq(from, &server) { ResponseCode::NoError } else { ResponseCode::NXDomain };
            from.send_to(&reply(code), ours).expect("it leaves");
        }
        let (_, read) = slot.receive().expect("a packet");
        assert_eq!(read.expect("the reply").rcode, ResponseCode::NoError);
    }

    #[test]
    fn what_comes_behind_a_packet_is_noticed_though_nobody_has_looked_at_that() {
        let (mut queue, mut events) = (mio::Poll::new().expect("a queue"), Events::with_capacity(8));
        let server = UdpSocket::bind("127.0.0.1:0").expect("a server");
        let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), None).expect("a socket");
        socket.connect(&server.local_addr().expect("an address").into()).expect("a line");
        server
            .connect(socket.local_addr().ok().and_then(|ours| ours.as_socket()).expect("an address"))
            .expect("a line");
        let source = &mut SourceFd(&socket.as_raw_fd());
        queue.registry().register(source, Token(0), Interest::READABLE).expect("events");
        let mut slot = Slot {
            socket: Some(socket.into()),
            asked: Some((ask(&server).into(), 7)),
            sent: Some(Ok(Instant::now())),
            waker: Some(Waker::noop().clone()),
            ..Slot::default()
        };
        // An event whose packet was for whom the socket was connected to before.
        slot.notice(Instant::now());
        assert!(slot.packet.is_none() && !slot.more);
        for more in [false, true] {
            server.send(b"a guess").expect("it leaves");
            queue.poll(&mut events, None).expect("an event");
            slot.notice(Instant::now());
            assert_eq!((slot.packet.is_some(), slot.more), (true, more));
        }
    }

    /// Packets of a server, and what ICMP has said of it, are nothing to the server that the socket is for next.
    #[test]
    fn a_socket_is_passed_on_without_what_has_come() {
        for (packets, is_passed_on) in [(0, true), (MOST_STALE, true), (MOST_STALE + 1, false)] {
            let server = UdpSocket::bind("127.0.0.1:0").expect("a server");
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a line");
            socket.set_nonblocking(true).expect("it does not block");
            socket.connect(server.local_addr().expect("an address")).expect("a line");
            (0..packets).for_each(|_| {
                server.send_to(b"late", socket.local_addr().expect("an address")).expect("it leaves");
            });
            let drawn = Drawn::BySystem { v6: false, ports: 1024..=65535 };
            let slot = Slot { socket: Some(socket), drawn, ..Slot::default() };
            assert_eq!(slot.part(), is_passed_on, "{packets}");
            let left = slot.socket.map(|socket| socket.recv(&mut [0]).is_err_and(|error| is_nothing(&error)));
            assert_eq!(left, Some(true), "{packets}");
        }
    }
}
