//! Binding the sockets, and saying in one line why that failed.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use tokio_rustls::TlsAcceptor;

use super::HttpSettings;
use crate::listen::{Transport, unbound};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Bound sockets: clients queue in the kernel from now on, and are served after [`Doors::open`].
pub struct Doors {
    /// Each with what it shakes hands with, if clients speak TLS there.
    pub(super) listeners: Vec<(TcpListener, Option<TlsAcceptor>)>,
    pub(super) settings: HttpSettings,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) tls_addresses: Vec<SocketAddr>,
}

impl Doors {
    /// Binds every address.
    ///
    /// # Errors
    /// At the first address that cannot be had; nothing stays bound then.
    pub fn bind(settings: &HttpSettings) -> Result<Self, BindError> {
        let mut doors = Self {
            listeners: Vec::new(),
            settings: settings.clone(),
            addresses: Vec::new(),
            tls_addresses: Vec::new(),
        };
        let failed = |address, setting| move |source| BindError { address, setting, source };
        for wanted in &settings.addresses {
            let (listener, address) = bind(*wanted).map_err(failed(*wanted, "http.listen"))?;
            doors.listeners.push((listener, None));
            doors.addresses.push(address);
        }
        let Some(certificate) = &settings.certificate else { return Ok(doors) };
        for wanted in &settings.tls_addresses {
            let (listener, address) = bind(*wanted).map_err(failed(*wanted, "http.tls_listen"))?;
            doors.listeners.push((listener, Some(certificate.for_http())));
            doors.tls_addresses.push(address);
        }
        Ok(doors)
    }

    /// The addresses where clients speak TLS, with their ports.
    #[must_use]
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }
}

fn bind(wanted: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = unbound(wanted, Transport::Http)?;
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
    /// The key of the configuration that has it.
    pub setting: &'static str,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port, setting) = (self.address, self.address.port(), self.setting);
        write!(f, "cannot listen on {address} for HTTP: ")?;
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "another program has that port; `ss -ltnp sport = :{port}` shows which; {setting} takes another \
                 address, or [] for none"
            ),
            io::ErrorKind::PermissionDenied if port < 1024 => {
                write!(f, "ports below 1024 need a privilege; {setting} takes another address")
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "this machine has no such address; `ip address` lists those it has")
            }
            _ => write!(f, "{}", self.source),
        }
    }
}
