//! Binding the sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};

use tokio_rustls::TlsAcceptor;

use super::HttpSettings;
use crate::listen::{BACKLOG, BindError, Transport, unbound};

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
        let failed =
            |address, setting| move |source| BindError { address, transport: Transport::Http, setting, source };
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
