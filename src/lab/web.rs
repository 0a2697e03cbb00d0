//! The lab's web origins on loopback sockets: HTTP/1.1 and HTTP/2, with TLS and without.

mod asked;
mod balancer;
mod ca;
mod pages;
mod serve;
mod shop;

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::origin::{self, Origin, Serves, Web};
use ca::Ca;
use serve::Answerer;

pub use ca::{CaError, Certified, RESOLVER};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How often a port is drawn that has to be free at all addresses: one of another program's is among a few thousand.
const DRAWS: usize = 8;
/// The ports that a URL without a port means.
const USUAL: Ports = Ports { http: 80, https: 443 };

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
    resolver: Certified,
    doors: Vec<Door>,
    /// Sockets that nobody serves, and the connections that fill them up.
    silent: Vec<(TcpListener, TcpStream)>,
    /// Why the origins are not at the ports that URLs without a port mean.
    unusual: Option<String>,
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
        let own = [RESOLVER, "127.0.0.1", "::1"].map(str::to_owned);
        let resolver = ca.certify(&own, origin::Certificate::default())?;
        let (ca_pem, ca_der, doors) = (ca.pem(), ca.der(), Vec::new());
        let mut bound = Self { ports, ca_pem, ca: ca_der, resolver, doors, silent: Vec::new(), unusual: None };
        let mut sockets = Sockets::bind(web, &mut bound.ports)?;
        // URLs without a port lead to the lab as well, where that is allowed. A lab beside another one leaves them to
        // it.
        let usual = if bound.ports == (Ports { http: web.port, https: web.tls_port }) {
            Sockets::bind(web, &mut { USUAL }).map_err(|error| not_usual(&error))
        } else {
            Err("its other ports are not those of lab.toml, so another lab may have them".to_owned())
        };
        match usual {
            Ok(usual) => sockets.add(usual),
            Err(why) => bound.unusual = Some(why),
        }
        // The ports are known now, and with them where to pass on and redirect to.
        for origin in &web.origin {
            let answerer = Arc::new(Answerer::new(origin, bound.ports)?);
            for listener in sockets.plain.remove(&origin.address).unwrap_or_default() {
                bound.doors.push(Door { listener, tls: None, answerer: Arc::clone(&answerer) });
            }
            if let Some(listeners) = sockets.tls.remove(&origin.address) {
                let tls = TlsAcceptor::from(Arc::new(ca.server(&host_names(origin), origin.certificate)?));
                let door = |listener| Door { listener, tls: Some(tls.clone()), answerer: Arc::clone(&answerer) };
                bound.doors.extend(listeners.into_iter().map(door));
            }
        }
        bound.silent = sockets.silent;
        Ok(bound)
    }

    /// Why the origins are not at ports 80 and 443 as well, if they are not.
    #[must_use]
    pub fn unusual(&self) -> Option<&str> {
        self.unusual.as_deref()
    }

    /// The ports of all origins.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// A certificate for the resolver of the lab, by the same authority.
    #[must_use]
    pub fn resolver(&self) -> Certified {
        (self.resolver.0.clone(), self.resolver.1.clone_key())
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

    /// Serves until what is returned is dropped.
    #[must_use]
    pub fn open(self) -> JoinSet<()> {
        let (mut tasks, silent) = (JoinSet::new(), self.silent);
        // They stay open as long as the others.
        tasks.spawn(async move {
            pending::<()>().await;
            drop(silent);
        });
        for Door { listener, tls, answerer } in self.doors {
            tasks.spawn(serve::serve(listener, tls, answerer));
        }
        tasks
    }
}

/// Why an address of [`USUAL`] cannot be had, and what to do.
fn not_usual(error: &WebError) -> String {
    match error {
        WebError::Bind { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: root, or `sysctl net.ipv4.ip_unprivileged_port_start=80`".to_owned()
        }
        WebError::Bind { address, source } => format!("{address}: {source}"),
        other => other.to_string(),
    }
}

/// Listening sockets by the address of their origin.
#[derive(Default)]
struct Sockets {
    plain: BTreeMap<IpAddr, Vec<TcpListener>>,
    tls: BTreeMap<IpAddr, Vec<TcpListener>>,
    silent: Vec<(TcpListener, TcpStream)>,
}

impl Sockets {
    /// Binds every origin; a port that is 0 becomes one that the system chose for the first and is free for all.
    fn bind(web: &Web, ports: &mut Ports) -> Result<Self, WebError> {
        let wanted = *ports;
        let draws = if wanted.http == 0 || wanted.https == 0 { DRAWS } else { 1 };
        draw(draws, || {
            *ports = wanted;
            Self::bind_at(web, ports)
        })
    }

    fn bind_at(web: &Web, ports: &mut Ports) -> Result<Self, WebError> {
        let mut bound = Self::default();
        for origin in web.origin.iter().filter(|origin| !matches!(origin.serves, Serves::Nothing)) {
            if let Some(listener) = bound.listen(origin, &mut ports.http)? {
                bound.plain.entry(origin.address).or_default().push(listener);
            }
            if !origin.names.is_empty()
                && let Some(listener) = bound.listen(origin, &mut ports.https)?
            {
                bound.tls.entry(origin.address).or_default().push(listener);
            }
        }
        Ok(bound)
    }

    /// Listens at one port of an origin; one that is silent gets no listener.
    fn listen(&mut self, origin: &Origin, port: &mut u16) -> Result<Option<TcpListener>, WebError> {
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

    fn add(&mut self, other: Self) {
        for (to, from) in [(&mut self.plain, other.plain), (&mut self.tls, other.tls)] {
            from.into_iter().for_each(|(address, listeners)| to.entry(address).or_default().extend(listeners));
        }
        self.silent.extend(other.silent);
    }
}

/// Draws up to `most` times, until no port is drawn that somebody has.
fn draw<T>(most: usize, mut draw: impl FnMut() -> Result<T, WebError>) -> Result<T, WebError> {
    for _ in 1..most {
        match draw() {
            Err(WebError::Bind { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {}
            drawn => return drawn,
        }
    }
    draw()
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
    origin.names.iter().map(|name| name.to_string().trim_end_matches('.').to_owned()).collect()
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("listener", &self.listener).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port that is free at the first address may be taken at the next one.
    #[test]
    fn a_port_that_somebody_has_is_drawn_again_and_nothing_else_is_tried_twice() {
        use io::ErrorKind::{AddrInUse, PermissionDenied};
        let failed = |kind: io::ErrorKind| WebError::Bind { address: ([127, 0, 0, 1], 80).into(), source: kind.into() };
        for (outcomes, drawn, succeeds) in [
            (vec![Ok(())], 1, true),
            (vec![Err(AddrInUse), Err(AddrInUse), Ok(())], 3, true),
            (vec![Err(AddrInUse), Err(PermissionDenied), Ok(())], 2, false),
            (vec![Err(AddrInUse); 2 * DRAWS], DRAWS, false),
        ] {
            let mut draws = 0;
            let ended = draw(DRAWS, || {
                draws += 1;
                outcomes[draws - 1].map_err(failed)
            });
            assert_eq!((draws, ended.is_ok()), (drawn, succeeds), "{outcomes:?}");
        }
    }
}
