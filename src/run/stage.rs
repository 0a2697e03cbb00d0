//! The lab around a resolver: its name servers, its web origins, and settings for whoever lives in it.

use std::cell::RefCell;
use std::error::Error;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::doors::{Front, Recall, Staged};
use super::signals::Signals;
use super::world::sources;
use super::{Listening, RunError, Story, answered_here, on_this_thread, story, unix_secs, web, world_of_one};
use crate::config::{ConfigError, Domain, RootHint, Settings};
use crate::drive;
use crate::lab::serve::Servers;
use crate::lab::web::{Origins, Ports, RESOLVER, WebError};
use crate::lab::{Authority, Lab};
use crate::tls::Certificate;
use crate::upkeep;
use crate::wire::{Name, Question, text};

/// Where the resolver of the lab listens unless told otherwise.
pub const LAB_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5300);

/// Where it listens for DNS over TLS unless told otherwise.
const LAB_TLS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8530);

/// The loopback addresses that stand for this machine in the lab as well.
const LAB_PRIVATE: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 16));

/// The addresses of everything in the lab, which its proxy may connect to.
const LAB_NET: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 53, 0, 0), 16));

/// Walks and journeys that a lab shows at once: a class that is told what to click does so at the same moment.
const LAB_TRACES: usize = 64;

/// Where the servers of a lab stand.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// The port of all name servers; with 0 the system chooses one.
    pub authority_port: u16,
    /// The ports of the web origins.
    pub web: WebPorts,
    /// Where the certificate of the origins' authority is written.
    pub ca_out: Option<PathBuf>,
}

/// The ports of a lab's web origins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebPorts {
    /// Those of `lab.toml`, or others if these are taken, as by another lab.
    #[default]
    Usual,
    /// These; with 0 the system chooses one.
    At(Ports),
    /// No origins.
    Off,
}

/// Starts the servers of the lab and a resolver that knows no other Internet; otherwise as [`super::serve`]. At a
/// reload the files of the lab are read again too; when they have changed, all that the resolver knew is forgotten.
///
/// # Errors
/// As [`super::serve`], and when an address of the lab cannot be had.
pub fn lab(
    lab: &Lab,
    stage: &Stage,
    settings: &Settings,
    load: impl Fn(&Lab) -> Result<Settings, ConfigError>,
    ready: impl FnOnce(&Listening<'_>),
) -> Result<(), RunError> {
    on_this_thread(async {
        let mut signals = Signals::new()?;
        let origins = origins(lab, stage)?;
        let ports = origins.as_ref().map(Origins::ports);
        let servers = Servers::bind(Arc::new(authority(lab, ports)?), stage.authority_port).await?;
        let playing = servers.playing();
        let unusual = origins.as_ref().and_then(Origins::unusual).map(str::to_owned);
        let authorities = origins.iter().map(|origins| origins.ca().clone()).collect();
        let port = servers.port();
        let certificate = origins.as_ref().map(|origins| {
            let (chain, key) = origins.resolver();
            Certificate::made(chain, key)
        });
        let certificate = certificate.transpose()?;
        // The usual place nobody has asked for.
        let mut places = [&settings.server.tls_listen, &settings.http.tls_listen].into_iter();
        let is_asked_for = places.any(|at| !at.is_empty() && *at != [LAB_TLS]);
        if certificate.is_none() && settings.tls.certificate.is_empty() && is_asked_for {
            tracing::warn!("no TLS: without its web origins the lab has no certificate (tls.certificate, tls.key)");
        }
        let inside = |mut settings: Settings| {
            settings.resolver.upstream_port = port;
            // Whoever is in the lab may make tunnels to its origins.
            settings.proxy.connect_ports.extend(ports.map(|ports| ports.https));
            settings
        };
        let staged = Staged { zoo: web::zoo(lab, ports), certificate, usual_tls: Some(LAB_TLS), authorities };
        let mut front = Front::open(&inside(settings.clone()), staged)?;
        let stage = (servers.open(), origins.map(Origins::open));
        ready(&Listening { web: ports, web_unusual: unusual.as_deref(), ..front.listening() });
        let lab = RefCell::new(lab.clone());
        let again = || -> Result<(Settings, Recall), Box<dyn Error>> {
            let Some(anew) = lab.borrow().load_again(unix_secs())? else {
                return Ok((load(&lab.borrow()).map(inside)?, Recall::All));
            };
            let settings = load(&anew).map(inside)?;
            // Before anything is exchanged: settings that are refused leave all as it was.
            sources(&settings)?;
            for address in playing.exchange(authority(&anew, ports)?) {
                tracing::warn!("{address} is listened to in the new way after the next start only");
            }
            lab.replace(anew);
            Ok((settings, Recall::Nothing))
        };
        front.wait(&mut signals, again).await;
        front.close().await;
        // The servers of the lab go last: the queries in hand still need them.
        drop(stage);
        Ok(())
    })
}

/// The name servers of the lab, which know where its web origins are. A zone to which nothing leads may be meant so;
/// mostly its records in the zone above were forgotten.
pub(super) fn authority(lab: &Lab, ports: Option<Ports>) -> Result<Authority, RunError> {
    for (zone, above) in lab.undelegated() {
        tracing::warn!("nothing leads to the zone {zone}: the zone {above} has no NS record for it");
    }
    Ok(ports.map_or_else(|| Ok(lab.authority().clone()), |ports| lab.authority_with_tls_port(ports.https))?)
}

/// The web origins of the lab, bound, and the certificate of their authority written where it is wanted.
pub(super) fn origins(lab: &Lab, stage: &Stage) -> Result<Option<Origins>, RunError> {
    let Some(web) = lab.web() else {
        return if stage.ca_out.is_some() { Err(RunError::NoOrigins) } else { Ok(None) };
    };
    let bind = |ports| Origins::bind(web, ports, unix_secs());
    let origins = match stage.web {
        WebPorts::Off => return Ok(None),
        WebPorts::At(ports) => bind(ports)?,
        WebPorts::Usual => match bind(Ports { http: web.port, https: web.tls_port }) {
            Err(error) if is_taken(&error) => {
                if stage.authority_port != 0 {
                    tracing::warn!("{error}: the web origins take free ports");
                }
                bind(Ports { http: 0, https: 0 })?
            }
            origins => origins?,
        },
    };
    if let Some(path) = &stage.ca_out {
        let failed = |source| RunError::CaOut { path: path.display().to_string(), source };
        let everybody = |()| fs::set_permissions(path, Permissions::from_mode(0o644));
        upkeep::replace(path, origins.ca_pem()).and_then(everybody).map_err(failed)?;
    }
    Ok(Some(origins))
}

/// Whether an origin of the lab cannot have its port, and might have another one.
fn is_taken(error: &WebError) -> bool {
    let WebError::Bind { source, .. } = error else { return false };
    matches!(source.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

/// As [`super::trace`], in the lab, whose servers run on a port of their own for as long as the walk takes.
///
/// # Errors
/// As [`lab`].
pub fn trace_lab(lab: &Lab, settings: &Settings, question: Question) -> Result<Story, RunError> {
    on_this_thread(async {
        if let Some(story) = answered_here(settings, &question) {
            return Ok(story);
        }
        let servers = Servers::bind(Arc::new(authority(lab, None)?), 0).await?;
        let mut settings = settings.clone();
        settings.resolver.upstream_port = servers.port();
        let world = world_of_one(&settings)?;
        let _serving = servers.open();
        Ok(story(drive::walk(question, &world).await))
    })
}

/// What holds in a lab where nobody says otherwise: its own root, on loopback, and no name is special.
#[must_use]
pub fn lab_settings(lab: &Lab) -> Settings {
    let mut settings = Settings::default();
    settings.server.listen = vec![LAB_LISTEN];
    // The authority of its web origins has a certificate for the resolver too.
    settings.server.tls_listen.extend(lab.web().map(|_| LAB_TLS));
    settings.server.locally_served_zones = false;
    settings.resolver.query_loopback = true;
    // The Internet of a lab lies on loopback addresses such as 127.53.80.1; of those only the first are private here.
    for net in settings.resolver.private_addresses.iter_mut().filter(|net| net.addr() == Ipv4Addr::new(127, 0, 0, 0)) {
        *net = LAB_PRIVATE;
    }
    // The resolver itself is the one name that has one of these.
    settings.resolver.private_domains.extend(RESOLVER.parse().map(Domain));
    settings.resolver.upstream_port = lab.port();
    settings.proxy.allow = vec![LAB_NET];
    settings.http.traces = LAB_TRACES;
    let anchor = lab.trust_anchor().and_then(|anchor| text::record_text(&anchor.ds).to_string().parse().ok());
    settings.dnssec.trust_anchors = anchor.into_iter().collect();
    // Where the root is not signed nothing can be proved.
    settings.dnssec.validate = !settings.dnssec.trust_anchors.is_empty();
    let hints = lab.root_hints().into_iter();
    let each = |(name, addresses): (Name, Vec<IpAddr>)| {
        addresses.into_iter().map(move |address| RootHint { name: name.clone(), address })
    };
    settings.root_hints = hints.flat_map(each).collect();
    settings
}
