//! The front doors: opened when everything that they need is there, closed when nobody waits any more.

use std::io;

use rustls::pki_types::CertificateDer;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use super::clients::listen_settings;
use super::{Listening, RunError, fetch, notify, resolver, trust, unix_secs, web, world};
use crate::config::Settings;
use crate::http::{self, Exhibit, HttpSettings};
use crate::listen::{Doors, Open};
use crate::serve::Resolver;
use crate::sys;
use crate::upkeep::Upkeep;

/// What only a lab adds to the front doors.
#[derive(Default)]
pub(super) struct Staged {
    /// What there is to see.
    pub(super) zoo: Vec<Exhibit>,
    /// Authorities of its own that are trusted.
    pub(super) authorities: Vec<CertificateDer<'static>>,
}

/// The doors of a resolver, open.
pub(super) struct Front {
    dns: Open,
    http: http::Open,
    renewal: Option<web::Renewal>,
    resolver: Resolver,
    upkeep: Upkeep,
}

impl Front {
    /// Binds and opens the front doors.
    pub(super) fn open(settings: &Settings, staged: Staged) -> Result<Self, RunError> {
        if let Err(error) = sys::open_files_to_the_limit() {
            tracing::warn!("the limit of open files stays as it is: {error}");
        }
        world::sources(settings)?;
        let doors = dns_doors(settings)?;
        let mut wanted = HttpSettings { zoo: staged.zoo, ..web::settings(settings) };
        web::certify(&mut wanted, settings)?;
        wanted.fetch.authorities = fetch::authorities(settings, &[])?;
        wanted.fetch.authorities.extend(staged.authorities);
        let http = http_doors(&wanted, settings)?;
        for line in &settings.hosts.dropped {
            tracing::warn!("{}: {line}", settings.local.hosts);
        }
        for warning in trust::warnings(&settings.dnssec, unix_secs()) {
            tracing::warn!("{warning}");
        }
        let renewal = http.certificate().cloned().map(web::Renewal::new).transpose()?;
        let resolver = resolver(settings);
        let (dns, http) = (doors.open(&resolver)?, http.open(resolver.clone())?);
        Ok(Self { dns, http, renewal, resolver, upkeep: trust::upkeep(settings) })
    }

    pub(super) fn listening(&self) -> Listening<'_> {
        let (http, https) = (self.http.addresses(), self.http.tls_addresses());
        Listening { dns: self.dns.addresses(), http, https, web: None, web_unusual: None }
    }

    /// Waits until the program is to stop; meanwhile this thread does what nobody asks for.
    pub(super) async fn wait(&mut self, stop: &mut Stop) {
        notify::tell(notify::READY);
        tokio::select! {
            () = stop.asked() => {}
            () = self.upkeep.run(self.resolver.world()) => {}
            () = web::Renewal::run(self.renewal.as_mut()) => {}
        }
    }

    /// Closing waits for the workers, and must not keep this thread from what they wait for.
    pub(super) async fn close(self) {
        tracing::info!("stopping: finishing the queries in hand");
        notify::tell(notify::STOPPING);
        let Self { dns, http, .. } = self;
        let (dns, http) = (spawn_blocking(|| dns.close()), spawn_blocking(|| http.close()));
        let _ = (dns.await, http.await);
        tracing::info!("stopped");
    }
}

/// Binds the doors for DNS.
fn dns_doors(settings: &Settings) -> Result<Doors, RunError> {
    let mut wanted = listen_settings(settings);
    loop {
        match Doors::bind(&wanted) {
            Ok(doors) => return Ok(doors),
            // The defaults ask for both versions of IP; a machine with one of them is well.
            Err(error) if error.is_absent() && wanted.addresses == Settings::default().server.listen => {
                tracing::warn!("not listening on {}: this machine has no such address", error.address);
                wanted.addresses.retain(|address| *address != error.address);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Binds the doors for HTTP. A port that nobody asked for by name and that is taken is no reason to serve nobody.
fn http_doors(wanted: &HttpSettings, settings: &Settings) -> Result<http::Doors, RunError> {
    let usual = Settings::default().http.listen;
    match http::Doors::bind(wanted) {
        Err(error) if settings.http.listen == usual && usual.contains(&error.address) => {
            tracing::warn!("no HTTP: {error}");
            Ok(http::Doors::bind(&HttpSettings { addresses: Vec::new(), ..wanted.clone() })?)
        }
        bound => Ok(bound?),
    }
}

/// SIGINT and SIGTERM, caught from the moment that this exists.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
