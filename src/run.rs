//! Puts the parts together: settings in, a running resolver out.

mod clients;
mod doors;
mod fetch;
mod memory;
mod notify;
mod reload;
mod signals;
mod stage;
mod trust;
mod web;
mod world;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::timeout;
use url::Url;

use crate::config::{ConfigError, Settings};
use crate::drive::{self, Clock, World};
use crate::http::{self, FlushError};
use crate::lab;
use crate::listen;
use crate::policy::PolicySettings;
use crate::serve::{Resolver, told_here};
use crate::sys;
use crate::tls::CertificateError;
use crate::trace::Trace;
use crate::upkeep::RootKeeper;
use crate::walk::outcome::Outcome;
use crate::wire::{Name, Question, ResponseCode};
use clients::serve_settings;
use doors::{Front, Recall, Staged};
use signals::Signals;
use world::world;

pub use crate::drive::unix_secs;
pub use fetch::{fetch, fetch_lab};
pub use stage::{LAB_LISTEN, Stage, WebPorts, lab, lab_settings, trace_lab};

/// How long a resolver may take to forget a name; it takes no time.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);

/// More files than a runtime takes for its events and signals.
const RUNTIME_FILES: usize = 8;

/// Why a resolver cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] listen::BindError),
    /// An address that servers are to be asked from is none of this machine.
    #[error(
        "servers cannot be asked from {address} (resolver.source_addresses): {source}; `ip address` lists those it has"
    )]
    Source {
        /// The address.
        address: IpAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the lab has changed and is no good any more.
    #[error(transparent)]
    Zones(#[from] lab::LabError),
    /// A file with certificate authorities is no good.
    #[error("{path} is no file with authorities (--ca, fetch.ca): {why}")]
    Authority {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The certificate for TLS is no good.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The resolver that is to forget a name does not.
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// An address of the lab cannot be had.
    #[error("{}{}", .0, lab_hint(.0))]
    Lab(#[from] lab::serve::BindError),
    /// The web origins of the lab cannot be had.
    #[error("{}{}", .0, web_hint(.0))]
    Web(#[from] lab::web::WebError),
    /// There is nothing that a certificate would be for.
    #[error("this lab has no web origins (the section web of lab.toml), and so no authority for --ca-out")]
    NoOrigins,
    /// The certificate of the lab's authority cannot be written.
    #[error("cannot write the certificate of the lab's authority to {path}: {source}")]
    CaOut {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not give what every program needs: threads, event queues, signals.
    #[error("the system refuses a thread, an event queue or a signal: {}{}", .0, sys::files_hint(.0))]
    System(#[from] io::Error),
}

impl RunError {
    /// Whether the command line or the configuration is wrong, so that another try would end likewise. A certificate
    /// that cannot be read may be there a moment later, as when it is renewed.
    #[must_use]
    pub const fn is_misuse(&self) -> bool {
        match self {
            Self::Certificate(why) => !matches!(why, CertificateError::Read { .. }),
            Self::Authority { .. } | Self::NoOrigins => true,
            _ => false,
        }
    }
}

/// What to do when an address of the lab cannot be had.
fn hint(why: &io::Error, elsewhere: &str) -> String {
    match why.kind() {
        io::ErrorKind::AddrInUse => format!("; is another lab running? {elsewhere}"),
        io::ErrorKind::AddrNotAvailable => "; a lab lies on addresses of this machine, such as 127.53.0.1".to_owned(),
        io::ErrorKind::NetworkUnreachable => "; is loopback up? `ip link set lo up`".to_owned(),
        io::ErrorKind::PermissionDenied => format!("; ports below 1024 need a privilege, {elsewhere}"),
        _ if sys::is_out_of_files(why) => format!("; a lab takes some 300{}", sys::files_hint(why)),
        _ => String::new(),
    }
}

fn lab_hint(error: &lab::serve::BindError) -> String {
    hint(&error.source, "--authority-port takes another port for all servers of the lab")
}

fn web_hint(error: &lab::web::WebError) -> String {
    match error {
        lab::web::WebError::Bind { source, .. } => {
            hint(source, "--web-port and --web-tls-port take other ports, --no-web does without")
        }
        _ => String::new(),
    }
}

/// Where clients are met.
#[derive(Clone, Copy, Debug)]
pub struct Listening<'a> {
    /// Addresses for DNS over UDP and TCP.
    pub dns: &'a [SocketAddr],
    /// Addresses for DNS over TLS.
    pub tls: &'a [SocketAddr],
    /// Whether the certificate there is one of the operator's.
    pub tls_own: bool,
    /// Addresses for HTTP.
    pub http: &'a [SocketAddr],
    /// Addresses for HTTP over TLS.
    pub https: &'a [SocketAddr],
    /// The ports of the lab's web origins, where there are any.
    pub web: Option<lab::web::Ports>,
    /// Why these are not at ports 80 and 443 as well, if they are not.
    pub web_unusual: Option<&'a str>,
}

/// Serves until the process is told to stop, then finishes the queries in hand. `ready` is called with the
/// addresses as soon as clients can come; `load` reads the settings again when that is wished (SIGHUP).
///
/// # Errors
/// When something that is needed cannot be had; nothing is served then.
pub fn serve(
    settings: &Settings,
    load: impl Fn() -> Result<Settings, ConfigError>,
    ready: impl FnOnce(&Listening<'_>),
) -> Result<(), RunError> {
    on_this_thread(async {
        let mut signals = Signals::new()?;
        let mut front = Front::open(settings, Staged::default())?;
        ready(&front.listening());
        front.wait(&mut signals, || load().map(|settings| (settings, Recall::All))).await;
        front.close().await;
        Ok(())
    })
}

/// How one question was answered.
#[derive(Debug)]
pub struct Story {
    /// The steps and the answer.
    pub trace: Trace,
    /// Whether there is no answer, neither a yes nor a no.
    pub failed: bool,
}

/// Walks to one answer from an empty cache, and tells how; what policy answers by itself needs no walk.
///
/// # Errors
/// As [`serve`].
pub fn trace(settings: &Settings, question: Question) -> Result<Story, RunError> {
    if let Some(story) = answered_here(settings, &question) {
        return Ok(story);
    }
    let world = world_of_one(settings)?;
    on_this_thread(async { Ok(story(drive::walk(question, &world).await)) })
}

/// Has the resolver whose HTTP front door is at `server` forget what it knows of `name`, with `tree` of all names below
/// it as well.
///
/// # Errors
/// When there is none, or it does not do that.
pub fn flush(server: &Url, name: &Name, tree: bool) -> Result<(), RunError> {
    on_this_thread(async {
        let late = || FlushError::Unreachable {
            server: server.clone(),
            why: format!("no answer within {} s", FLUSH_PATIENCE.as_secs()),
        };
        let asked = timeout(FLUSH_PATIENCE, http::ask_to_flush(server, name, tree)).await;
        Ok(asked.map_err(|_| late())??)
    })
}

/// What one walk needs: as [`world`], and the local copy of the root if it is in a file, as nobody waits for a
/// transfer.
fn world_of_one(settings: &Settings) -> Result<World, RunError> {
    world::sources(settings)?;
    let world = world(settings, Clock::new());
    RootKeeper::new(trust::upkeep(settings).root).read(&world);
    Ok(world)
}

fn story((outcome, trace): (Outcome, Trace)) -> Story {
    Story { trace, failed: outcome.failure.is_some() }
}

/// What policy answers without a walk, as a trace without steps. Whoever has this program is let in.
fn answered_here(settings: &Settings, question: &Question) -> Option<Story> {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let policy = PolicySettings { allow: vec![here.into()], ..serve_settings(settings).policy };
    let (answer, trace) = told_here(question, here, &policy)?;
    Some(Story { trace, failed: !matches!(answer.rcode, ResponseCode::NoError | ResponseCode::NXDomain) })
}

/// The main thread waits for signals, does what nobody asks for and, in the lab, carries the servers; clients have
/// threads of their own. Its walks need a set of local tasks, as theirs do.
fn on_this_thread<T>(work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
    // Without a file for signals the runtime would panic.
    sys::can_open_files(RUNTIME_FILES)?;
    LocalSet::new().block_on(&Builder::new_current_thread().enable_all().build()?, work)
}

/// A resolver without front doors, which knows nothing yet.
#[must_use]
pub fn resolver(settings: &Settings) -> Resolver {
    Resolver::new(world(settings, Clock::new()), serve_settings(settings))
}

/// Looks at the files that settings name and that only [`serve`] reads; says what in them is no good, and what trust
/// rests on besides the configuration, a line each.
///
/// # Errors
/// As [`serve`] gives them.
pub fn check(settings: &Settings) -> Result<Vec<String>, RunError> {
    world::sources(settings)?;
    clients::certificate(settings)?;
    web::authorities(settings, &[])?;
    let root = RootKeeper::new(trust::upkeep(settings).root).reading(&world(settings, Clock::new()));
    let mut lines: Vec<String> = settings.hosts.warnings(&settings.local.hosts).collect();
    lines.extend(clients::warnings(settings));
    lines.extend(trust::report(settings, root, unix_secs()));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::clients::listen_settings;
    use super::*;
    use crate::cache::TtlLimits;
    use crate::listen::ListenSettings;
    use crate::upstream::UpstreamSettings;
    use crate::walk::limits::Limits;

    #[test]
    fn past_walks_are_kept_where_somebody_can_ask_for_them() {
        for (listen, tls_listen, are_kept) in [(true, false, true), (false, true, true), (false, false, false)] {
            let mut settings = Settings::default();
            let at = settings.http.listen.clone();
            settings.http.listen.retain(|_| listen);
            settings.http.tls_listen.extend(at.into_iter().filter(|_| tls_listen));
            assert_eq!(serve_settings(&settings).past_bytes > 0, are_kept, "{listen} {tls_listen}");
        }
    }

    /// Tests of the parts use their own defaults: what they show holds for the program because those are its defaults
    /// too.
    #[test]
    fn the_parts_have_the_defaults_of_the_configuration() {
        let settings = Settings::default();
        let world = world(&settings, Clock::new());
        assert_eq!(world.settings.limits, Limits::default());
        assert_eq!(world.cache.ttl_limits(), TtlLimits::default());
        assert_eq!(world::upstream_settings(&settings.resolver), UpstreamSettings::default());
        let listen = listen_settings(&settings);
        let (addresses, workers) = (listen.addresses.clone(), listen.workers);
        assert_eq!(listen, ListenSettings { addresses, workers, ..ListenSettings::default() });
    }
}
