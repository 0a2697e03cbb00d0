//! Puts the parts together: settings in, a running resolver out.

mod fetch;
mod notify;
mod stage;
mod trust;
mod web;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{LocalSet, spawn_blocking};

use crate::cache::{Cache, Delegation, Due, NameServer, Servers, TtlLimits};
use crate::config::{self, RootHint, ServerAddress, Settings};
use crate::dnssec;
use crate::drive::{self, Clock, World};
use crate::http::{self, Exhibit, HttpSettings};
use crate::lab;
use crate::listen::{self, Doors, ListenSettings, Open};
use crate::policy::{LocalData, PolicySettings};
use crate::serve::{Resolver, ServeSettings, StaleSettings, told_here};
use crate::sys;
use crate::time::Time;
use crate::trace::{RouteKind, Source, Trace};
use crate::upkeep::{RootKeeper, Upkeep};
use crate::upstream::{Upstream, UpstreamSettings};
use crate::walk::limits::{Limits, SetLimits};
use crate::walk::minimise::Minimisation;
use crate::walk::outcome::Outcome;
use crate::walk::stale::StaleLimits;
use crate::walk::synthesis::{Dns64, Synthesis};
use crate::walk::{Avoid, LocalRoot, Private, Route, Routes, WalkSettings};
use crate::wire::{Name, Question, ResponseCode};

pub use crate::drive::unix_secs;
pub use fetch::{fetch, fetch_lab};
pub use stage::{LAB_LISTEN, Stage, WebPorts, lab, lab_settings, trace_lab};

/// Why a resolver cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] listen::BindError),
    /// An address cannot be listened on for HTTP.
    #[error(transparent)]
    Http(#[from] http::BindError),
    /// A file of the lab has changed and is no good any more.
    #[error(transparent)]
    Zones(#[from] lab::LabError),
    /// A file with certificate authorities is no good.
    #[error("{path} has no authorities to be trusted (--ca, fetch.ca): {why}")]
    Authority {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The certificate for HTTP over TLS is no good.
    #[error(transparent)]
    Certificate(#[from] http::CertificateError),
    /// An address of the lab cannot be had.
    #[error("{0}; is another lab running? --authority-port takes another port for all servers of the lab")]
    Lab(#[from] lab::serve::BindError),
    /// The web origins of the lab cannot be had.
    #[error("{0}; is another lab running? --web-port and --web-tls-port take other ports, --no-web does without")]
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
    #[error("the system refuses a thread, an event queue or a signal: {0}")]
    System(#[from] io::Error),
}

/// Where clients are met.
#[derive(Clone, Copy, Debug)]
pub struct Listening<'a> {
    /// Addresses for DNS over UDP and TCP.
    pub dns: &'a [SocketAddr],
    /// Addresses for HTTP.
    pub http: &'a [SocketAddr],
    /// Addresses for HTTP over TLS.
    pub https: &'a [SocketAddr],
    /// The ports of the lab's web origins, where there are any.
    pub web: Option<lab::web::Ports>,
    /// Why these are not at ports 80 and 443 as well, if they are not.
    pub web_unusual: Option<&'a str>,
}

/// The doors of a resolver, open.
struct Front {
    dns: Open,
    http: http::Open,
    renewal: Option<web::Renewal>,
    resolver: Resolver,
    upkeep: Upkeep,
}

impl Front {
    fn listening(&self) -> Listening<'_> {
        let (http, https) = (self.http.addresses(), self.http.tls_addresses());
        Listening { dns: self.dns.addresses(), http, https, web: None, web_unusual: None }
    }

    /// Waits until the program is to stop; meanwhile this thread does what nobody asks for.
    async fn wait(&mut self, stop: &mut Stop) {
        notify::tell(notify::READY);
        tokio::select! {
            () = stop.asked() => {}
            () = self.upkeep.run(self.resolver.world()) => {}
            () = web::Renewal::run(self.renewal.as_mut()) => {}
        }
    }
}

/// Serves until the process is told to stop, then finishes the queries in hand. `ready` is called with the
/// addresses as soon as clients can come.
///
/// # Errors
/// When something that is needed cannot be had; nothing is served then.
pub fn serve(settings: &Settings, ready: impl FnOnce(&Listening<'_>)) -> Result<(), RunError> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut stop = Stop::new()?;
        let mut open = open(settings, Staged::default())?;
        ready(&open.listening());
        open.wait(&mut stop).await;
        close(open).await;
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
    let world = world_of_one(settings);
    Ok(story(LocalSet::new().block_on(&runtime()?, drive::walk(question, &world))))
}

/// What one walk needs: as [`world`], and the local copy of the root if it is in a file, as nobody waits for a transfer.
fn world_of_one(settings: &Settings) -> World {
    let world = world(settings);
    RootKeeper::new(trust::upkeep(settings).root).read(&world);
    world
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

/// The main thread waits for signals and, in the lab, carries the servers; clients have threads of their own.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A resolver without front doors, which knows nothing yet.
#[must_use]
pub fn resolver(settings: &Settings) -> Resolver {
    Resolver::new(world(settings), serve_settings(settings))
}

/// What only a lab adds to the front doors.
#[derive(Default)]
struct Staged {
    /// What there is to see.
    zoo: Vec<Exhibit>,
    /// Authorities of its own that are trusted.
    authorities: Vec<CertificateDer<'static>>,
}

/// Binds and opens the front doors.
fn open(settings: &Settings, staged: Staged) -> Result<Front, RunError> {
    if let Err(error) = sys::open_files_to_the_limit() {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
    let mut wanted = listen_settings(settings);
    let doors = loop {
        match Doors::bind(&wanted) {
            Ok(doors) => break doors,
            // The defaults ask for both versions of IP; a machine with one of them is well.
            Err(error) if error.is_absent() && wanted.addresses == Settings::default().server.listen => {
                tracing::warn!("not listening on {}: this machine has no such address", error.address);
                wanted.addresses.retain(|address| *address != error.address);
            }
            Err(error) => return Err(error.into()),
        }
    };
    let mut wanted_http = HttpSettings { zoo: staged.zoo, ..web::settings(settings) };
    web::certify(&mut wanted_http, settings)?;
    wanted_http.fetch.authorities = fetch::authorities(settings, &[])?;
    wanted_http.fetch.authorities.extend(staged.authorities);
    let http = http_doors(&wanted_http, settings)?;
    for line in &settings.hosts.dropped {
        tracing::warn!("{}: {line}", settings.local.hosts);
    }
    for warning in trust::warnings(&settings.dnssec, unix_secs()) {
        tracing::warn!("{warning}");
    }
    let renewal = http.certificate().cloned().map(web::Renewal::new).transpose()?;
    let resolver = resolver(settings);
    let (dns, http) = (doors.open(&resolver)?, http.open(resolver.clone())?);
    Ok(Front { dns, http, renewal, resolver, upkeep: trust::upkeep(settings) })
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

/// Looks at the files that settings name and that only [`serve`] reads; says what trust rests on besides the
/// configuration, a line each.
///
/// # Errors
/// As [`serve`] gives them.
pub fn check(settings: &Settings) -> Result<Vec<String>, RunError> {
    web::certify(&mut web::settings(settings), settings)?;
    fetch::authorities(settings, &[])?;
    let root = RootKeeper::new(trust::upkeep(settings).root).reading(&world(settings));
    Ok(trust::report(settings, root, unix_secs()))
}

/// Closing waits for the workers, and must not keep this thread from what they wait for.
async fn close(open: Front) {
    tracing::info!("stopping: finishing the queries in hand");
    notify::tell(notify::STOPPING);
    let Front { dns, http, .. } = open;
    let (dns, http) = (spawn_blocking(|| dns.close()), spawn_blocking(|| http.close()));
    let _ = (dns.await, http.await);
    tracing::info!("stopped");
}

/// SIGINT and SIGTERM, caught from the moment that this exists.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn world(settings: &Settings) -> World {
    let queries_per_server = settings.resolver.queries_per_server;
    let upstream = UpstreamSettings { queries_per_server, ..UpstreamSettings::default() };
    let cache = &settings.cache;
    let ttls = TtlLimits {
        positive_max_secs: cache.max_ttl_secs,
        positive_min_secs: cache.min_ttl_secs,
        negative_max_secs: cache.max_negative_ttl_secs,
        negative_min_secs: cache.min_negative_ttl_secs,
        delegation_min_secs: cache.min_delegation_ttl_secs,
        delegation_max_secs: cache.max_delegation_ttl_secs,
    };
    World {
        cache: Cache::new(cache.size.0, rand::random(), ttls),
        servers: Servers::new(rand::random()),
        settings: walk_settings(settings),
        upstream: Upstream::new(upstream),
        local: drive::Local::default(),
        clock: Clock::new(),
    }
}

fn walk_settings(settings: &Settings) -> WalkSettings {
    let resolver = &settings.resolver;
    let minimisation = match resolver.qname_minimisation {
        config::Minimisation::Off => Minimisation::Off,
        config::Minimisation::Relaxed => Minimisation::Relaxed,
        config::Minimisation::Strict => Minimisation::Strict,
    };
    WalkSettings {
        limits: limits(&settings.limits),
        minimisation,
        case_randomisation: resolver.case_randomisation,
        cookies: resolver.cookies,
        nsid: resolver.nsid,
        ipv4: resolver.ipv4,
        ipv6: resolver.ipv6,
        avoid: Avoid {
            loopback: !resolver.query_loopback,
            private: !resolver.query_private,
            nets: resolver.do_not_query.clone(),
        },
        private: Private { nets: resolver.private_addresses.clone(), domains: resolver.private_domains.clone() },
        routes: routes(settings),
        synthesis: synthesis(settings),
        port: resolver.upstream_port,
        udp_size: resolver.udp_size,
        proofs: trust::proofs(&settings.dnssec, unix_secs()),
        local_root: LocalRoot::default(),
        hints: Arc::new(hints(&settings.root_hints)),
    }
}

/// What answers have beyond what servers say.
fn synthesis(settings: &Settings) -> Synthesis {
    let given = &settings.dns64;
    let dns64 = given.prefix.0.map(|net| Dns64 {
        prefix: net.network(),
        prefix_bits: net.prefix_len(),
        exclude: given.exclude.clone(),
        ignore_aaaa: given.ignore_aaaa.clone(),
    });
    Synthesis { aliases: local_data(settings).ways_out(), dns64 }
}

/// The operator's own records.
fn local_data(settings: &Settings) -> LocalData {
    let records: Vec<_> = settings.local.records.iter().map(|record| record.0.clone()).collect();
    LocalData::new(&records, &settings.hosts.entries)
}

/// Special names that are looked up all the same: those with servers of their own, and the one by which DNS64 is found,
/// where there is some (RFC 8880 §7.1).
fn routed_zones(settings: &Settings) -> Vec<Name> {
    let translator = settings.dns64.prefix.0.and_then(|_| "ipv4only.arpa".parse().ok());
    routes(settings).0.iter().map(|route| route.cut.zone.clone()).chain(translator).collect()
}

/// The zones whose servers the operator names.
fn routes(settings: &Settings) -> Routes {
    let route = |kind, zone: &Name, servers: &[ServerAddress]| {
        let servers: Vec<_> = servers.iter().map(|server| (server.addr, server.port)).collect();
        Route::new(kind, zone.clone(), &servers)
    };
    let forward = settings.forward.iter().map(|given| {
        let route = route(RouteKind::Forward, &given.zone, &given.servers);
        Route { fallback: given.fallback, ..route }
    });
    let stub = settings.stub.iter().map(|given| {
        let route = route(RouteKind::Stub, &given.zone, &given.servers);
        Route { fallback: given.fallback, prime: given.prime, ..route }
    });
    Routes(forward.chain(stub).map(Arc::new).collect())
}

fn limits(limits: &config::Limits) -> Limits {
    let (records, bytes, types_per_name) = (limits.records_per_set, limits.bytes_per_set, limits.types_per_name);
    Limits {
        queries: limits.queries,
        queries_per_step: limits.queries_per_step,
        bytes: limits.bytes,
        time: Duration::from_millis(limits.time_ms),
        servers_per_zone: limits.servers_per_zone,
        addresses_per_server: limits.addresses_per_server,
        lookups_at_once: limits.lookups_at_once,
        failed_server_lookups: limits.failed_server_lookups,
        cname_links: limits.cname_links,
        depth: limits.depth,
        referrals: limits.referrals,
        tries_per_address: limits.tries_per_address,
        near_misses: limits.near_misses,
        minimise_count: limits.minimise_count,
        minimise_one_label: limits.minimise_one_label,
        bogus_retries: limits.bogus_retries,
        sets: SetLimits { records, bytes, types_per_name },
        proofs: dnssec::Limits {
            validations: limits.validations,
            failed_validations: limits.failed_validations,
            signatures_per_set: limits.signatures_per_set,
            keys_per_tag: limits.keys_per_tag,
            ds_per_zone: limits.ds_per_zone,
            nsec3_iterations: limits.nsec3_iterations,
            nsec3_hashes: limits.nsec3_hashes,
        },
    }
}

/// The hints as a delegation of the root that never ends; the addresses of one name belong together.
fn hints(hints: &[RootHint]) -> Delegation {
    let mut servers: Vec<NameServer> = Vec::new();
    for RootHint { name, address } in hints {
        match servers.iter_mut().find(|server| server.name == *name) {
            Some(server) => server.addrs.push(*address),
            None => servers.push(NameServer { name: name.clone(), addrs: [*address].into_iter().collect() }),
        }
    }
    Delegation {
        zone: Name::root(),
        servers: servers.into(),
        ds: None,
        proof: Box::default(),
        from: Source::Hints,
        stored: Time::ZERO,
        expires: Time::FAR,
    }
}

/// An answer whose refresh has failed is not tried again for this long (RFC 8767 §5).
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

fn serve_settings(settings: &Settings) -> ServeSettings {
    let server = &settings.server;
    let said = |text: &String| (!text.is_empty()).then(|| text.as_str().into());
    let policy = PolicySettings {
        allow: server.allow.clone(),
        locally_served_zones: server.locally_served_zones,
        any: server.any == config::AnyAnswer::Full,
        local: Arc::new(local_data(settings)),
        routed_zones: routed_zones(settings),
        identity: said(&server.identity),
        version: said(&server.version),
    };
    let (nsid, cookie_secret) = (server.nsid.0.clone(), server.cookie_secret.0.unwrap_or_else(rand::random));
    ServeSettings {
        policy,
        udp_size: server.udp_size,
        ede: server.ede,
        nsid,
        cookie_secret,
        walks: settings.resolver.walks,
        prefetch: settings.cache.prefetch.then_some(Due { uses: settings.cache.prefetch_hits, pause: REFRESH_PAUSE }),
        stale: stale_settings(&settings.cache),
        discard_after: Duration::from_millis(server.discard_after_ms),
        // Without HTTP nobody can ask for them.
        past_bytes: if settings.http.listen.is_empty() { 0 } else { settings.http.past_size.0 },
    }
}

fn stale_settings(cache: &config::Cache) -> Option<StaleSettings> {
    let limits = StaleLimits {
        max: Duration::from_secs(cache.max_stale_secs.into()),
        reply_ttl_secs: cache.stale_reply_ttl_secs,
    };
    (cache.max_stale_secs > 0).then(|| StaleSettings {
        limits,
        client_timeout: Duration::from_millis(cache.stale_client_timeout_ms),
        recheck_secs: cache.stale_recheck_secs,
    })
}

fn listen_settings(settings: &Settings) -> ListenSettings {
    let server = &settings.server;
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ListenSettings {
        addresses: server.listen.clone(),
        workers: if server.threads == 0 { processors() } else { server.threads },
        waiting: server.waiting,
        waiting_per_client: server.waiting_per_client,
        discard_after: Duration::from_millis(server.discard_after_ms),
        tcp_connections: server.tcp_connections,
        tcp_per_client: server.tcp_per_client,
        tcp_idle: Duration::from_secs(server.tcp_idle_secs),
        tcp_pipeline: server.tcp_pipeline,
        ..ListenSettings::default()
    }
}
