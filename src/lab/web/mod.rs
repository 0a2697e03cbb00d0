//! The lab's web origins on loopback sockets: HTTP/1.1 and HTTP/2, with TLS and without.

mod balancer;
mod body;
mod ca;
mod pages;
mod serve;
mod shop;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::origin::{Origin, Serves, Web};
use crate::wire::Name;
use ca::Ca;
use serve::Answerer;

pub use ca::CaError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Where origins listen: a port of every address for HTTP and one for HTTP over TLS. With 0 the system chooses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// For HTTP.
    pub http: u16,
    /// For HTTP over TLS.
    pub https: u16,
}

/// The bound sockets of all origins, and the certificate of the authority that vouches for them.
#[derive(Debug)]
pub struct Origins {
    ports: Ports,
    ca_pem: String,
    ca: CertificateDer<'static>,
    doors: Vec<Door>,
    /// Sockets that nobody serves, and the connections that fill them up.
    silent: Vec<(TcpListener, TcpStream)>,
}

/// A listening socket and who answers there.
struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answerer: Arc<Answerer>,
}

/// The origins cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// An address cannot be bound.
    #[error("cannot bind the lab's web origin {address}: {source}")]
    Bind {
        /// Address and port.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate cannot be made.
    #[error("no certificate for the lab's web origins: {0}")]
    Certificate(#[from] CaError),
    /// The SQL of a shop is wrong.
    #[error("{file}: {source}")]
    Database {
        /// The file with the SQL.
        file: String,
        /// What the database says.
        source: rusqlite::Error,
    },
}

impl Origins {
    /// Binds every origin of `web` at `ports`, with certificates that are valid as of `now_unix_secs`, in seconds
    /// since 1970. Needs a runtime around it.
    ///
    /// # Errors
    /// Names the first address that cannot be had, or the file that is wrong.
    pub fn bind(web: &Web, ports: Ports, now_unix_secs: u32) -> Result<Self, WebError> {
        let mut names: Vec<String> = web.origin.iter().flat_map(host_names).collect();
        names.sort();
        names.dedup();
        let ca = Ca::new(&names, now_unix_secs)?;
        let mut bound = Self { ports, ca_pem: ca.pem(), ca: ca.der(), doors: Vec::new(), silent: Vec::new() };
        let mut listeners = Vec::new();
        for origin in web.origin.iter().filter(|origin| !matches!(origin.serves, Serves::Nothing)) {
            let names = host_names(origin);
            let plain = bound.listen(origin, false)?;
            let tls = match names.as_slice() {
                [] => None,
                names => {
                    let config = ca.server(names, origin.certificate)?;
                    bound.listen(origin, true)?.map(|listener| (listener, TlsAcceptor::from(Arc::new(config))))
                }
            };
            listeners.push((origin, plain, tls));
        }
        // The ports are known now, and with them where to pass on and redirect to.
        for (origin, plain, tls) in listeners {
            let answerer = Arc::new(Answerer::new(origin, bound.ports)?);
            let plain = plain.map(|listener| Door { listener, tls: None, answerer: Arc::clone(&answerer) });
            let tls = tls.map(|(listener, tls)| Door { listener, tls: Some(tls), answerer });
            bound.doors.extend(plain.into_iter().chain(tls));
        }
        Ok(bound)
    }

    /// Listens at one port of an origin; one that is silent gets no listener.
    fn listen(&mut self, origin: &Origin, tls: bool) -> Result<Option<TcpListener>, WebError> {
        let port = if tls { &mut self.ports.https } else { &mut self.ports.http };
        let address = SocketAddr::new(origin.address, *port);
        let failed = |source| WebError::Bind { address, source };
        let is_silent = matches!(origin.serves, Serves::Silence);
        let (listener, address) = listener(address, if is_silent { 0 } else { BACKLOG }).map_err(failed)?;
        *port = address.port();
        if is_silent {
            // The queue for one connection is full then, and the kernel drops what else comes.
            self.silent.push((listener, TcpStream::connect(address).map_err(failed)?));
            return Ok(None);
        }
        Ok(Some(listener))
    }

    /// The ports of all origins.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// The certificate of the authority that vouches for the origins, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The same in DER.
    #[must_use]
    pub const fn ca(&self) -> &CertificateDer<'static> {
        &self.ca
    }

    /// Serves until `stop` is done; then all sockets are closed.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        for Door { listener, tls, answerer } in self.doors {
            tasks.spawn(serve::accept(listener, tls, answerer));
        }
        stop.await;
        tasks.shutdown().await;
    }
}

fn listener(wanted: SocketAddr, backlog: i32) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(wanted), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // Connections of a former run may linger in TIME_WAIT; the port is free all the same.
    socket.set_reuse_address(true)?;
    socket.bind(&wanted.into())?;
    socket.listen(backlog)?;
    let listener = TcpListener::from_std(socket.into())?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The names of an origin as certificates have them: without the dot at the end.
fn host_names(origin: &Origin) -> Vec<String> {
    origin.names.iter().map(host_name).collect()
}

fn host_name(name: &Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("listener", &self.listener).finish_non_exhaustive()
    }
}
