//! Binding the sockets, and saying in one line why that failed.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::HttpSettings;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Bound sockets: clients queue in the kernel from now on, and are served after [`Doors::open`].
#[derive(Debug)]
pub struct Doors {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) settings: HttpSettings,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Doors {
    /// Binds every address.
    ///
    /// # Errors
    /// At the first address that cannot be had; nothing stays bound then.
    pub fn bind(settings: &HttpSettings) -> Result<Self, BindError> {
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for wanted in &settings.addresses {
            let (listener, address) = bind(*wanted).map_err(|source| BindError { address: *wanted, source })?;
            listeners.push(listener);
            addresses.push(address);
        }
        Ok(Self { listeners, settings: settings.clone(), addresses })
    }
}

fn bind(wanted: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(wanted), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if wanted.is_ipv6() {
        // IPv4 has sockets of its own; an IPv4 client shall not appear as ::ffff:192.0.2.1.
        socket.set_only_v6(true)?;
    }
    // Connections of a former run may linger in TIME_WAIT; the port is free all the same.
    socket.set_reuse_address(true)?;
    socket.bind(&wanted.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// An address that cannot be listened on. Its `Display` is one line: which, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub struct BindError {
    /// The address and port.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port) = (self.address, self.address.port());
        write!(f, "cannot listen on {address} for HTTP: ")?;
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "another program has that port; `ss -ltnp sport = :{port}` shows which; http.listen takes another \
                 address, or [] for no HTTP at all"
            ),
            io::ErrorKind::PermissionDenied if port < 1024 => {
                write!(f, "ports below 1024 need a privilege; http.listen takes another address")
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "this machine has no such address; `ip address` lists those it has")
            }
            _ => write!(f, "{}", self.source),
        }
    }
}
