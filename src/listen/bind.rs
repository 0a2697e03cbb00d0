//! Binding the sockets of all workers, and saying in one line why that failed.

use std::fmt;
use std::io;
use std::iter;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::{ListenSettings, Transport};
use crate::sys;

/// Datagrams that the kernel may hold for a busy worker, in octets. Without CAP_NET_ADMIN it grants what
/// net.core.rmem_max allows: commonly 208 KiB, which are less than three hundred queries.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Answers that the kernel may hold for a worker, likewise. Those to neighbours that are not there wait in it for three
/// seconds, until ARP gives these up, and up to 208 KiB for each of them: with the usual buffer two hundred queries a
/// second in the names of some machines that are switched off kept the answers to all others from leaving.
const SEND_BUFFER: usize = 4 << 20;
/// Connections that may wait to be accepted.
pub(crate) const BACKLOG: i32 = 1024;
/// How often to try another free port when TCP finds the one taken that UDP was given.
const PORT_TRIES: usize = 16;

/// Bound sockets: queries queue in the kernel from now on, and are served after [`Doors::open`].
#[derive(Debug)]
pub struct Doors {
    pub(super) workers: Vec<Sockets>,
    pub(super) settings: ListenSettings,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
}

/// The sockets of one worker.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) tls: Vec<TcpListener>,
}

impl Doors {
    /// Binds every address over UDP and TCP, or for TLS, for every worker.
    ///
    /// # Errors
    /// At the first address that cannot be had; nothing stays bound then.
    pub fn bind(settings: &ListenSettings) -> Result<Self, BindError> {
        let mut workers: Vec<Sockets> = Vec::new();
        workers.resize_with(settings.workers.max(1), Sockets::default);
        let mut addresses = Vec::with_capacity(settings.addresses.len());
        for wanted in &settings.addresses {
            addresses.push(bind_all(*wanted, &mut workers)?);
        }
        let mut tls_addresses = Vec::new();
        for wanted in settings.tls_addresses.iter().filter(|_| settings.certificate.is_some()) {
            let socket = first(*wanted, Transport::Tls)?;
            // Only the port can be new.
            let address = socket.local_addr().ok().and_then(|bound| bound.as_socket()).unwrap_or(*wanted);
            listeners(socket, address, Transport::Tls, workers.iter_mut().map(|worker| &mut worker.tls))?;
            tls_addresses.push(address);
        }
        Ok(Self { workers, settings: settings.clone(), addresses, tls_addresses })
    }

    /// The addresses in the order of the settings, with the port that was given where port 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Those for TLS, likewise; none without a certificate.
    #[must_use]
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }
}

/// Binds one address for all workers; returns it with its port.
fn bind_all(wanted: SocketAddr, workers: &mut [Sockets]) -> Result<SocketAddr, BindError> {
    let mut tries = if wanted.port() == 0 { PORT_TRIES } else { 1 };
    let (udp, tcp, address) = loop {
        tries -= 1;
        let udp = first(wanted, Transport::Udp)?;
        let mut address = wanted;
        if let Some(bound) = udp.local_addr().ok().and_then(|bound| bound.as_socket()) {
            // Only the port can be new.
            address.set_port(bound.port());
        }
        match first(address, Transport::Tcp) {
            Ok(tcp) => break (udp, tcp, address),
            Err(error) if error.source.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    };
    for (worker, socket) in workers.iter_mut().zip(all(udp, address, Transport::Udp)) {
        worker.udp.push(socket?.into());
    }
    listeners(tcp, address, Transport::Tcp, workers.iter_mut().map(|worker| &mut worker.tcp))?;
    Ok(address)
}

/// Listens at one address for all workers, the `first` socket of which is bound.
fn listeners<'a>(
    first: Socket,
    address: SocketAddr,
    transport: Transport,
    workers: impl Iterator<Item = &'a mut Vec<TcpListener>>,
) -> Result<(), BindError> {
    for (worker, listener) in workers.zip(all(first, address, transport)) {
        let listener = listener?;
        listener.listen(BACKLOG).map_err(|source| BindError::new(address, transport, source))?;
        worker.push(listener.into());
    }
    Ok(())
}

/// The sockets of an address, the `first` of which is bound: as many as are taken.
fn all(first: Socket, address: SocketAddr, transport: Transport) -> impl Iterator<Item = Result<Socket, BindError>> {
    iter::once(Ok(first)).chain(iter::repeat_with(move || shared(address, transport)))
}

/// The first socket of an address is bound without `SO_REUSEPORT`, so that a port which another program (or another
/// rootwalk) listens on is an error and not shared in silence; it gets the option afterwards, for the other workers.
fn first(address: SocketAddr, transport: Transport) -> Result<Socket, BindError> {
    let bind = || {
        let socket = unbound(address, transport)?;
        socket.bind(&address.into())?;
        socket.set_reuse_port(true)?;
        Ok(socket)
    };
    bind().map_err(|source| BindError::new(address, transport, source))
}

fn shared(address: SocketAddr, transport: Transport) -> Result<Socket, BindError> {
    let bind = || {
        let socket = unbound(address, transport)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    bind().map_err(|source| BindError::new(address, transport, source))
}

/// A socket with the options that its address and transport want.
pub(crate) fn unbound(address: SocketAddr, transport: Transport) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Tcp | Transport::Tls | Transport::Http => (Type::STREAM, Protocol::TCP),
    };
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking(), Some(protocol))?;
    let v6 = address.is_ipv6();
    if v6 {
        // IPv4 has sockets of its own; an IPv4 client shall not appear as ::ffff:192.0.2.1.
        socket.set_only_v6(true)?;
    }
    match transport {
        // Connections of a former run may linger in TIME_WAIT; the port is free all the same.
        Transport::Tcp | Transport::Tls | Transport::Http => socket.set_reuse_address(true)?,
        Transport::Udp => {
            sys::wish_for_buffers(socket.as_fd(), RECEIVE_BUFFER, SEND_BUFFER);
            let _ = sys::ignore_path_mtu(socket.as_fd(), v6);
            if address.ip().is_unspecified() {
                sys::want_local_address(socket.as_fd(), v6)?;
            }
        }
    }
    Ok(socket)
}

/// An address that cannot be listened on. Its `Display` is one line: which, why, and what to do.
#[derive(Debug)]
pub struct BindError {
    /// The address and port.
    pub address: SocketAddr,
    /// Over what.
    pub transport: Transport,
    /// The key of the configuration that has it.
    pub setting: &'static str,
    /// What the system said.
    pub source: io::Error,
}

impl BindError {
    fn new(address: SocketAddr, transport: Transport, source: io::Error) -> Self {
        let setting = if transport == Transport::Tls { "server.tls_listen" } else { "server.listen" };
        Self { address, transport, setting, source }
    }

    /// Whether the machine has no such address, or does not speak that version of IP at all. An address that
    /// nobody asked for by name, such as `[::1]` of the defaults, can be left out then.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrNotAvailable || self.source.raw_os_error() == Some(libc::EAFNOSUPPORT)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port) = (self.address, self.address.port());
        write!(f, "cannot listen on {address} over {}: ", self.transport)?;
        let elsewhere = match self.transport {
            Transport::Udp | Transport::Tcp => {
                let mut elsewhere = self.address;
                elsewhere.set_port(if port == 5300 { 5301 } else { 5300 });
                format!("use --listen {elsewhere}")
            }
            Transport::Tls | Transport::Http => {
                format!("set {} to another address or, for none, to []", self.setting)
            }
        };
        match self.source.kind() {
            io::ErrorKind::PermissionDenied if port < 1024 => {
                write!(
                    f,
                    "ports below 1024 need a privilege; {elsewhere}, or give it to the program: `sudo setcap \
                     cap_net_bind_service=+ep /path/to/rootwalk`"
                )
            }
            io::ErrorKind::PermissionDenied => write!(f, "the system forbids it ({})", self.source),
            io::ErrorKind::AddrInUse => {
                write!(f, "another program has that port")?;
                if port == 53 {
                    write!(f, " (often systemd-resolved, dnsmasq or another resolver)")?;
                }
                let filter = if self.transport == Transport::Udp { "u" } else { "t" };
                write!(f, "; `ss -l{filter}np sport = :{port}` shows which; stop it, or {elsewhere}")
            }
            _ if self.is_absent() => write!(f, "this machine has no such address; `ip address` lists those it has"),
            // RFC 4007 §6: without its zone such an address says nothing.
            _ if matches!(self.address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0) => {
                write!(
                    f,
                    "a link-local address needs the number of its interface, as in [{}%2]:{port}; `ip address` has the \
                     numbers",
                    self.address.ip()
                )
            }
            _ => write!(f, "{}{}", self.source, sys::files_hint(&self.source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(address: &str, transport: Transport, errno: i32) -> String {
        let source = io::Error::from_raw_os_error(errno);
        BindError::new(address.parse().unwrap(), transport, source).to_string()
    }

    #[test]
    fn the_line_says_which_why_and_what_to_do() {
        assert_eq!(
            line("[::1]:53", Transport::Udp, libc::EACCES),
            "cannot listen on [::1]:53 over UDP: ports below 1024 need a privilege; use --listen [::1]:5300, or give \
             it to the program: `sudo setcap cap_net_bind_service=+ep /path/to/rootwalk`"
        );
        assert_eq!(
            line("127.0.0.1:53", Transport::Tcp, libc::EADDRINUSE),
            "cannot listen on 127.0.0.1:53 over TCP: another program has that port (often systemd-resolved, dnsmasq or \
             another resolver); `ss -ltnp sport = :53` shows which; stop it, or use --listen 127.0.0.1:5300"
        );
        assert_eq!(
            line("192.0.2.1:53", Transport::Udp, libc::EADDRNOTAVAIL),
            "cannot listen on 192.0.2.1:53 over UDP: this machine has no such address; `ip address` lists those it has"
        );
        assert!(line("[::1]:5300", Transport::Tcp, libc::EADDRINUSE).ends_with("use --listen [::1]:5301"));
        assert_eq!(
            line("127.0.0.1:853", Transport::Tls, libc::EADDRINUSE),
            "cannot listen on 127.0.0.1:853 over TLS: another program has that port; `ss -ltnp sport = :853` shows \
             which; stop it, or set server.tls_listen to another address or, for none, to []"
        );
        let source = io::Error::from_raw_os_error(libc::EADDRNOTAVAIL);
        let address = "192.0.2.1:8053".parse().unwrap();
        assert_eq!(
            BindError { address, transport: Transport::Http, setting: "http.listen", source }.to_string(),
            "cannot listen on 192.0.2.1:8053 over HTTP: this machine has no such address; `ip address` lists those it \
             has"
        );
        assert!(line("[::1]:53", Transport::Udp, libc::EAFNOSUPPORT).contains("no such address"));
        assert!(line("[fe80::1]:53", Transport::Udp, libc::EINVAL).contains("as in [fe80::1%2]:53"));
        assert!(line("[fe80::1%3]:53", Transport::Udp, libc::EACCES).contains("use --listen [fe80::1%3]:5300"));
        assert!(line("127.0.0.1:5300", Transport::Udp, libc::EACCES).contains("the system forbids it"));
    }

    /// Whoever asks over IPv4 is told from others by the address that it has there, and not by one of IPv6.
    #[test]
    fn a_socket_for_all_of_ipv6_takes_nothing_over_ipv4() {
        for transport in [Transport::Udp, Transport::Tcp] {
            match first("[::]:0".parse().unwrap(), transport) {
                Ok(six) => {
                    let port = six.local_addr().unwrap().as_socket().unwrap().port();
                    first(SocketAddr::from(([0, 0, 0, 0], port)), transport).unwrap();
                }
                Err(error) => assert!(error.is_absent(), "{error}"),
            }
        }
    }
}
