//! The system calls that std does not offer: whole batches of datagrams in one call, the address that a datagram
//! was sent to, the limit of open files, sockets in the event queue of the runtime, the time since the machine started,
//! and the program's allocator. Linux.
//!
//! Message headers are built anew for each call: the kernel shortens their lengths, and a header that is
//! used again as the kernel left it loses the room for an address or for a control message.
#![expect(
    unsafe_code,
    reason = "recvmmsg and sendmmsg with IP_PKTINFO, setrlimit and CLOCK_BOOTTIME exist in libc alone, mimalloc in C"
)]

mod memory;

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockAddr;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

pub use memory::Memory;

/// Datagrams moved by one system call.
pub(crate) const BATCH: usize = 32;
/// Room for one query, three times what clients are told to send at most (RFC 6891 §6.2.5). A longer one is read as far
/// as that: whoever counts records that stand behind it has sent what cannot be read, and is told so. Room for any
/// datagram would be 2 MiB for each socket, which no query needs.
const ROOM: usize = 4096;
/// Room for one `in_pktinfo` or `in6_pktinfo` with its header (`CMSG_SPACE` of the larger is 40).
const CONTROL_ROOM: usize = 64;

/// Files for which there is room at once: two busy workers' sockets and all connections of clients, in 128 KiB.
const FILES: u64 = 16_384;

/// A control message buffer, aligned as `cmsghdr` wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_ROOM]);

const _: () = assert!(align_of::<libc::cmsghdr>() <= align_of::<Control>());

impl Control {
    const EMPTY: Self = Self([0; CONTROL_ROOM]);
}

/// Where a datagram came from and how much of it is in the room.
#[derive(Clone, Copy)]
struct Slot {
    from: libc::sockaddr_storage,
    from_len: libc::socklen_t,
    control: Control,
    control_len: usize,
    len: usize,
}

/// The buffers of one socket: queries received together, and the answers to them.
pub(crate) struct Batch {
    room: Vec<u8>,
    slots: Vec<Slot>,
    answers: Vec<Vec<u8>>,
    /// The slots that have an answer, in order; those before `sent` have left.
    ready: Vec<usize>,
    sent: usize,
}

/// A query as it was received.
pub(crate) struct Packet<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) from: SocketAddr,
    /// The address that was asked; the port is 0. Known on sockets with [`want_local_address`] alone.
    pub(crate) local: Option<SocketAddr>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        // SAFETY: sockaddr_storage is plain integers, for which all zeroes is a value.
        let from: libc::sockaddr_storage = unsafe { mem::zeroed() };
        let slot = Slot { from, from_len: 0, control: Control::EMPTY, control_len: 0, len: 0 };
        Self {
            room: vec![0; BATCH * ROOM],
            slots: vec![slot; BATCH],
            answers: vec![Vec::new(); BATCH],
            ready: Vec::with_capacity(BATCH),
            sent: 0,
        }
    }

    /// Fills the batch with what waits on the socket, without waiting; returns how many datagrams came.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.ready.clear();
        self.sent = 0;
        let mut parts = [const { libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 } }; BATCH];
        // SAFETY: mmsghdr is integers and pointers, for which all zeroes is a value.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        let rooms = self.room.chunks_exact_mut(ROOM);
        for (((header, part), slot), room) in headers.iter_mut().zip(&mut parts).zip(&mut self.slots).zip(rooms) {
            part.iov_base = room.as_mut_ptr().cast();
            part.iov_len = ROOM;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = (&raw mut slot.from).cast();
            header.msg_hdr.msg_namelen = socklen(size_of::<libc::sockaddr_storage>());
            header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_ROOM as _;
        }
        // SAFETY: `headers` holds BATCH entries; the name, control and data pointers of each point into a slot
        // or a chunk of `self`, which outlive the call, and no two entries share memory.
        let count = unsafe {
            let (count, no_timeout) = (libc::c_uint::try_from(BATCH).unwrap_or(0), ptr::null_mut());
            libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT, no_timeout)
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (header, slot) in headers.iter().zip(&mut self.slots).take(count) {
            slot.len = header.msg_len as usize;
            slot.from_len = header.msg_hdr.msg_namelen;
            slot.control_len = header.msg_hdr.msg_controllen as _;
        }
        Ok(count)
    }

    /// The first `count` datagrams.
    pub(crate) fn received(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let rooms = self.slots.iter().zip(self.room.chunks_exact(ROOM)).take(count);
        rooms.map(|(slot, room)| &room[..slot.len.min(ROOM)])
    }

    /// Shows each of the first `count` datagrams to `answer`; where that returns true, what it left in the
    /// buffer is queued for [`Batch::send`].
    pub(crate) fn answer_each(&mut self, count: usize, mut answer: impl FnMut(&Packet<'_>, &mut Vec<u8>) -> bool) {
        let rooms = self.room.chunks_exact(ROOM);
        for (at, ((slot, room), out)) in self.slots.iter_mut().zip(rooms).zip(&mut self.answers).enumerate().take(count)
        {
            let Some(from) = address(&slot.from) else { continue };
            let local = asked(&mut slot.control, slot.control_len);
            out.clear();
            if answer(&Packet { bytes: &room[..slot.len.min(ROOM)], from, local }, out) {
                slot.control_len = local.map_or(0, |local| leave_from(&mut slot.control, local));
                self.ready.push(at);
            }
        }
    }

    /// Queues answers that took time, as many as there is room for, in place of what was here: each with its client,
    /// and the address that it leaves from where that is known.
    pub(crate) fn put_each(&mut self, late: impl Iterator<Item = (Vec<u8>, SocketAddr, Option<SocketAddr>)>) {
        self.ready.clear();
        self.sent = 0;
        let rooms = self.slots.iter_mut().zip(&mut self.answers);
        for (at, ((slot, out), (answer, to, from))) in rooms.zip(late).enumerate() {
            let to = SockAddr::from(to);
            // SAFETY: a `SockAddr` holds a whole sockaddr_storage, to which this points.
            slot.from = unsafe { *to.as_ptr().cast() };
            slot.from_len = to.len();
            slot.control_len = from.map_or(0, |from| leave_from(&mut slot.control, from));
            *out = answer;
            self.ready.push(at);
        }
    }

    /// Sends the queued answers. An answer that the kernel refuses is dropped, as the network may drop any.
    ///
    /// # Errors
    /// `WouldBlock` when the socket is full; what is left goes out with the next call.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        while self.sent < self.ready.len() {
            match self.send_some(socket) {
                Ok(count) => self.sent += count.max(1),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.sent += 1,
            }
        }
        Ok(())
    }

    fn send_some(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let mut parts = [const { libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 } }; BATCH];
        // SAFETY: mmsghdr is integers and pointers, for which all zeroes is a value.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        let ready = &self.ready[self.sent..];
        for ((header, part), at) in headers.iter_mut().zip(&mut parts).zip(ready) {
            let (slot, answer) = (&mut self.slots[*at], &mut self.answers[*at]);
            part.iov_base = answer.as_mut_ptr().cast();
            part.iov_len = answer.len();
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = (&raw mut slot.from).cast();
            header.msg_hdr.msg_namelen = slot.from_len;
            if slot.control_len > 0 {
                header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = slot.control_len as _;
            }
        }
        // SAFETY: the first `ready.len()` headers, at most BATCH, point at the address, control and answer of
        // a slot each, all owned by `self` and alive during the call, which only reads them.
        let count = unsafe {
            let count = libc::c_uint::try_from(ready.len()).unwrap_or(0);
            libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT)
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// What owns a descriptor and keeps it open for as long as it lives.
pub(crate) trait Owner: AsRawFd {}
impl Owner for UdpSocket {}
impl Owner for mio::Poll {}

/// Registers a descriptor with the event queue of the runtime on which this is called: for what can be read alone, as a
/// socket that can be written to says so after each datagram that has left, and would wake the thread for nothing.
pub(crate) fn register<T: Owner>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: an Owner owns its descriptor and keeps it open; no one takes it out of the AsyncFd.
    unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) }.map_err(Into::into)
}

/// Lets this process open as many files as the system allows it to: each query to a server is a socket, and the usual
/// limit of 1024 is there for programs that use `select`. Returns how many these are.
///
/// # Errors
/// When the system refuses, which is no reason not to start.
pub(crate) fn open_files_to_the_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for one rlimit, which getrlimit fills.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is a whole rlimit, which setrlimit only reads.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

/// Has the kernel make its table of this process's files as large as it will hardly ever have to be. It doubles by
/// itself; but where several threads share it, whoever opens a file waits until each processor has let go of the
/// smaller one, for several milliseconds (`synchronize_rcu` in fs/file.c). So this comes before there is a second
/// thread.
pub(crate) fn make_room_for_files() {
    let limit = open_files_to_the_limit().unwrap_or_default();
    let last = libc::c_int::try_from(limit.min(FILES)).unwrap_or(0) - 1;
    // SAFETY: only numbers are handed over. std sees to it that there are the first three files.
    let file = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, last) };
    if file >= 0 {
        // SAFETY: the file was made here, and nobody else knows of it.
        drop(unsafe { OwnedFd::from_raw_fd(file) });
    }
}

/// How long ago the machine was started. Time for which it was suspended counts, which the monotonic clock of `std` and
/// of the runtime leaves out (clock_gettime(2)).
pub(crate) fn since_boot() -> Duration {
    let mut since = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `since` is a valid place for one timespec, which clock_gettime fills; Linux 2.6.39 has that clock.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut since) };
    Duration::new(since.tv_sec.try_into().unwrap_or(0), since.tv_nsec.try_into().unwrap_or(0))
}

/// Whether a file could not be opened because too many are.
pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// What to do about an error, where too many files are open.
pub(crate) fn files_hint(error: &io::Error) -> &'static str {
    if is_out_of_files(error) { "; raise the limit (ulimit -n, LimitNOFILE)" } else { "" }
}

/// Whether this many files can be opened now.
///
/// # Errors
/// What the system says if not.
pub(crate) fn can_open_files(count: usize) -> io::Result<()> {
    (0..count).map(|_| io::stderr().as_fd().try_clone_to_owned()).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Whether this machine's own firewall has dropped what was to be sent.
pub(crate) fn is_forbidden(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EPERM)
}

/// Tells the log, once a minute at most, when `error` says that no more files may be open: connections and queries
/// wait or fail for that by the thousand.
pub(crate) fn tell_if_out_of_files(error: &io::Error) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    if !is_out_of_files(error) {
        return;
    }
    let (mut told, now) = (TOLD.lock(), Instant::now());
    if told.is_none_or(|told| now >= told + Duration::from_secs(60)) {
        *told = Some(now);
        // Nobody shall wait for the log because of the lock.
        drop(told);
        tracing::warn!("{error}: connections wait and queries fail; raise the limit (ulimit -n, LimitNOFILE)");
    }
}

/// Parts a connected UDP socket from its server, and from the port that the system drew for it when it was connected.
/// What has come so far stays to be received.
pub(crate) fn disconnect(socket: &UdpSocket) -> io::Result<()> {
    // AF_UNSPEC, which is all zeroes.
    let nobody = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
    // SAFETY: `nobody` is a whole address on this stack frame, which connect only reads.
    let done = unsafe { libc::connect(socket.as_raw_fd(), &raw const nobody, socklen(size_of_val(&nobody))) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Asks the kernel to tell, with each datagram, which address it was sent to.
pub(crate) fn want_local_address(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    if v6 {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    } else {
        set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    }
}

/// Makes answers ignore the path MTU that ICMP messages claim, which anybody can forge to have answers cut in
/// fragments and spoof the second one (RFC 9715 §3.1).
pub(crate) fn ignore_path_mtu(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    if v6 {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
    } else {
        set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
    }
}

/// Asks for buffers of so many octets for what is received and what is sent: with the privilege to (CAP_NET_ADMIN)
/// whatever net.core.rmem_max and wmem_max say, else as far as these allow. Smaller ones lose packets sooner under
/// load, and that is all.
pub(crate) fn wish_for_buffers(socket: BorrowedFd<'_>, receive: usize, send: usize) {
    let receive = (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive);
    let send = (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, send);
    for (forced, granted, octets) in [receive, send] {
        let octets = libc::c_int::try_from(octets).unwrap_or(libc::c_int::MAX);
        let set = |name| set_option(socket, libc::SOL_SOCKET, name, octets);
        let _ = set(forced).or_else(|_| set(granted));
    }
}

/// Makes the system draw the port of a socket from these when it is connected without having one, as far as it would
/// draw from them anyway (`net.ipv4.ip_local_port_range`).
///
/// # Errors
/// Before Linux 6.3.
pub(crate) fn draw_port_from(socket: BorrowedFd<'_>, ports: &RangeInclusive<u16>) -> io::Result<()> {
    // IP_LOCAL_PORT_RANGE of linux/in.h, which libc has not yet; for sockets of IPv6 as well.
    const PORT_RANGE: libc::c_int = 51;
    let both = u32::from(*ports.end()) << 16 | u32::from(*ports.start());
    set_option(socket, libc::IPPROTO_IP, PORT_RANGE, both.cast_signed())
}

fn set_option(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let (value, len) = (&raw const value, socklen(size_of::<libc::c_int>()));
    // SAFETY: `value` points at an integer of `len` octets on this stack frame, which setsockopt only reads.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.cast(), len) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sizes of C structs, all below 200 octets.
fn socklen(size: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(size).unwrap_or(0)
}

fn address(from: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(from.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage, which is larger and aligned for all, holds a sockaddr_in.
            let v4 = unsafe { &*ptr::from_ref(from).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for a sockaddr_in6.
            let v6 = unsafe { &*ptr::from_ref(from).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// A header over `control` alone, for the CMSG macros.
fn header_of(control: &mut Control, len: usize) -> libc::msghdr {
    // SAFETY: msghdr is integers and pointers, for which all zeroes is a value.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = len.min(CONTROL_ROOM) as _;
    header
}

/// The address that a datagram was sent to, from its control messages.
fn asked(control: &mut Control, len: usize) -> Option<SocketAddr> {
    if len == 0 {
        return None;
    }
    let header = header_of(control, len);
    // SAFETY: `header` covers the first `len` octets of `control`, which the kernel wrote; the macro returns null
    // or a pointer to a whole, aligned cmsghdr in there.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    while !message.is_null() {
        // SAFETY: not null, hence a cmsghdr in `control`. The data is read unaligned, after its kind has been
        // checked; a message of that kind is never shorter, and CONTROL_ROOM holds it whole.
        unsafe {
            let data = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    let ip = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
                    return Some(SocketAddrV4::new(ip, 0).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    let scope = if ip.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
                    return Some(SocketAddrV6::new(ip, 0, 0, scope).into());
                }
                _ => message = libc::CMSG_NXTHDR(&raw const header, message),
            }
        }
    }
    None
}

/// Writes the control message that makes a datagram leave from `local`; returns its length.
fn leave_from(control: &mut Control, local: SocketAddr) -> usize {
    match local {
        SocketAddr::V4(v4) => {
            let source = libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() };
            let any = libc::in_addr { s_addr: 0 };
            let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: any };
            put(control, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        SocketAddr::V6(v6) => {
            let source = libc::in6_addr { s6_addr: v6.ip().octets() };
            let info = libc::in6_pktinfo { ipi6_addr: source, ipi6_ifindex: v6.scope_id() as _ };
            put(control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}

fn put<T: Copy>(control: &mut Control, level: libc::c_int, kind: libc::c_int, data: T) -> usize {
    let size = libc::c_uint::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: CMSG_SPACE and CMSG_LEN only compute.
    let (space, len) = unsafe { (libc::CMSG_SPACE(size) as usize, libc::CMSG_LEN(size) as usize) };
    debug_assert!(space <= CONTROL_ROOM, "both kinds of pktinfo fit");
    *control = Control::EMPTY;
    let header = header_of(control, space);
    // SAFETY: `header` covers `space` octets, in which one cmsghdr with a `T` fits, so the first header is not
    // null, is aligned with `control`, and has room for the data behind it.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        (*message).cmsg_len = len as _;
        libc::CMSG_DATA(message).cast::<MaybeUninit<T>>().write_unaligned(MaybeUninit::new(data));
    }
    space
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leave_from_writes_asked_reads() {
        for address in ["192.0.2.7:0", "[2001:db8::7]:0", "[fe80::7%3]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let mut control = Control([0xaa; CONTROL_ROOM]);
            let len = leave_from(&mut control, address);
            assert!(len <= CONTROL_ROOM);
            assert_eq!(asked(&mut control, len), Some(address));
        }
    }

    #[test]
    fn control_messages_of_other_kinds_and_none_at_all_are_passed_over() {
        let mut control = Control::EMPTY;
        assert_eq!(asked(&mut control, 0), None);
        let len = put(&mut control, libc::SOL_SOCKET, libc::SCM_TIMESTAMP, [0_u64; 2]);
        assert_eq!(asked(&mut control, len), None);
        control = Control::EMPTY;
        assert_eq!(asked(&mut control, CONTROL_ROOM), None);
    }
}
