//! The front doors: opened when everything that they need is there, closed when nobody waits any more.

use std::fmt::Display;
use std::mem::take;
use std::net::SocketAddr;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use tokio::task::{spawn_blocking, spawn_local};
use tokio::time::sleep;

use super::clients::{self, certificate, designated, listen_settings, serve_settings};
use super::signals::{Signals, Wish};
use super::{Listening, RunError, memory, notify, reload, trust, unix_secs, web, world};
use crate::config::{self, Settings};
use crate::drive::Clock;
use crate::http::{self, Exhibit, HttpSettings};
use crate::listen::{Doors, ListenSettings, Open, Transport};
use crate::serve::Resolver;
use crate::sys;
use crate::tls::Certificate;
use crate::upkeep::Keepers;

/// What only a lab adds to the front doors.
#[derive(Default)]
pub(super) struct Staged {
    /// What there is to see.
    pub(super) zoo: Vec<Exhibit>,
    /// The certificate of its resolver, where nobody gives one.
    pub(super) certificate: Option<Certificate>,
    /// Where it listens for TLS unless told otherwise.
    pub(super) usual_tls: Option<SocketAddr>,
    /// Authorities of its own that are trusted.
    pub(super) authorities: Vec<CertificateDer<'static>>,
}

/// What is still known after the settings were read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    /// What was known before: the Internet is the same.
    All,
    /// Nothing: the lab around us is another one, or what is known was to be checked and is not any more.
    Nothing,
    /// The settings as well: those that were read are refused.
    Settings,
}

/// The doors of a resolver, open.
pub(super) struct Front {
    settings: Settings,
    dns: Open<Resolver>,
    http: Open<Resolver>,
    certificate: Option<Certificate>,
    resolver: Resolver,
    keepers: Keepers,
}

impl Front {
    /// Binds and opens the front doors.
    pub(super) fn open(settings: &Settings, staged: Staged) -> Result<Self, RunError> {
        let files = sys::open_files_to_the_limit().unwrap_or_else(|error| {
            tracing::warn!("the limit of open files stays as it is: {error}");
            u64::MAX
        });
        let (tcp_connections, connections) = connections(files, settings);
        world::sources(settings)?;
        let certificate = certificate(settings)?.or(staged.certificate);
        let wanted = listen_settings(settings);
        let wanted = ListenSettings { certificate: certificate.clone(), tcp_connections, ..wanted };
        let doors = dns_doors(wanted, staged.usual_tls, settings)?;
        let certified = certificate.clone();
        let mut wanted =
            HttpSettings { zoo: staged.zoo, certificate: certified, connections, ..web::settings(settings) };
        wanted.fetch.authorities = web::authorities(settings, &[])?;
        wanted.fetch.authorities.extend(staged.authorities);
        let http = http_doors(&wanted, settings)?;
        warn(settings, certificate.as_ref());
        let mut serve = serve_settings(settings);
        // Journeys have a quarter of what walks have.
        let keep = settings.cache.size.0.saturating_add(serve.past_bytes).saturating_add(serve.past_bytes / 4);
        memory::warning(keep as u64, Path::new("/")).iter().for_each(|warning| tracing::warn!("{warning}"));
        serve.policy.designated = designated(certificate.as_ref(), doors.tls_addresses(), http.tls_addresses());
        let resolver = Resolver::new(world(settings, Clock::new()), serve);
        let keepers = Keepers::new(trust::upkeep(settings), resolver.world());
        let (dns, http) = (doors.open(&resolver)?, http.open(resolver.clone())?);
        Ok(Self { settings: settings.clone(), dns, http, certificate, resolver, keepers })
    }

    pub(super) fn listening(&self) -> Listening<'_> {
        let (http, https) = (self.http.addresses(), self.http.tls_addresses());
        let (dns, tls) = (self.dns.addresses(), self.dns.tls_addresses());
        let tls_own = self.certificate.as_ref().is_some_and(Certificate::is_read);
        Listening { dns, tls, tls_own, http, https, web: None, web_unusual: None }
    }

    /// Waits until the program is to stop; meanwhile this thread does what nobody asks for, and reads the settings
    /// again by `load` when that is wished.
    pub(super) async fn wait<E: Display>(
        &mut self,
        signals: &mut Signals,
        load: impl Fn() -> Result<(Settings, Recall), E>,
    ) {
        notify::tell(notify::READY);
        // Each turn begins with what was read.
        loop {
            let (mut keepers, resolver) = (take(&mut self.keepers), self.resolver.clone());
            let wish = tokio::select! {
                wish = signals.next() => wish,
                () = keepers.run(resolver.world()) => Wish::Stop,
            };
            let (read, recall) = match wish {
                Wish::Stop => return,
                Wish::Reload => self.read_again(load()),
            };
            self.take_over(&read, recall, keepers);
            notify::tell(notify::READY);
        }
    }

    /// What was read again. Where that is wrong, says so and goes on with what there is: with the certificate all the
    /// same, which has files and a life of its own.
    fn read_again<E: Display>(&self, read: Result<(Settings, Recall), E>) -> (Settings, Recall) {
        notify::tell(notify::RELOADING);
        if let Some(certificate) = self.certificate.as_ref().filter(|certificate| certificate.is_read()) {
            match certificate.read_again() {
                Ok(()) => tracing::info!("read {certificate} again"),
                Err(error) => tracing::error!("serving with the former certificate: {error}"),
            }
        }
        let good = |read: (Settings, Recall)| world::sources(&read.0).map(|()| read).map_err(|error| error.to_string());
        read.map_err(|error| error.to_string()).and_then(good).unwrap_or_else(|error| {
            error.lines().for_each(|line| tracing::error!("{line}"));
            (self.settings.clone(), Recall::Settings)
        })
    }

    /// Goes on with other settings, and with what the keepers know.
    fn take_over(&mut self, new: &Settings, recall: Recall, keepers: Keepers) {
        let settings = reload::taken(&self.settings, new);
        // RFC 6840 §5.9: forwarders were asked for what they would have withheld, as it was to be checked here.
        let is_let_through = self.settings.dnssec.validate && !self.settings.forward.is_empty();
        let recall = if is_let_through && !settings.dnssec.validate { Recall::Nothing } else { recall };
        let later = config::differences(&settings, new);
        if !later.is_empty() {
            tracing::warn!("changed, and in use after the next start only: {}", later.join(", "));
        }
        warn(&settings, self.certificate.as_ref());
        let upstream = world::upstream_settings(&settings.resolver);
        let before = self.resolver.world();
        let mut walks = world::walk_settings(&settings, before.clock.now());
        if recall == Recall::Settings {
            // Nobody has wished for them anew: those that are lifted stay so, and the others end when they would have.
            walks.proofs.negative = before.settings.proofs.negative.clone();
        }
        let world = match recall {
            Recall::All | Recall::Settings => before.renewed(walks, upstream),
            Recall::Nothing => world(&settings, before.clock),
        };
        self.keepers = keepers.renewed(trust::upkeep(&settings), before, &world);
        let mut serve = serve_settings(&settings);
        let (tls, https) = (self.dns.tls_addresses(), self.http.tls_addresses());
        serve.policy.designated = designated(self.certificate.as_ref(), tls, https);
        if settings.server.cookie_secret.0.is_none() {
            // The cookies that clients have stay good.
            serve.cookie_secret = self.resolver.settings().cookie_secret;
        }
        if self.settings.dnssec != settings.dnssec {
            // Before anybody makes answers by the new settings of what was proved by the former; and again when the
            // last walk by those is over.
            let (cache, clock, longest) = (before.cache.clone(), before.clock, before.settings.limits.time);
            cache.distrust();
            spawn_local(async move {
                sleep(longest).await;
                cache.distrust();
                cache.forget_answers(clock.now());
            });
        }
        let renewed = self.resolver.renewed(world, serve);
        self.dns.renew(renewed.clone());
        self.http.renew(renewed.clone());
        self.resolver.retire();
        self.resolver = renewed;
        self.settings = settings;
        match recall {
            Recall::All => tracing::info!("read the configuration again; the cache is kept"),
            Recall::Nothing => tracing::info!("read the configuration again; the cache is empty"),
            Recall::Settings => tracing::error!("going on with the former configuration"),
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

/// What somebody should look at, although it keeps nobody from serving.
fn warn(settings: &Settings, certificate: Option<&Certificate>) {
    let hosts = settings.hosts.warnings(&settings.local.hosts);
    let now_secs = unix_secs();
    let expired = certificate.and_then(|certificate| certificate.warning(now_secs));
    let nameless = certificate.filter(|certificate| certificate.name().is_none()).map(|certificate| {
        format!(
            "{certificate} has no name but wildcards: clients do not find the doors with TLS by themselves (RFC 9462)"
        )
    });
    let trust = trust::warnings(&settings.dnssec, now_secs);
    let doors = clients::warnings(settings);
    for warning in hosts.chain(doors).chain(trust).chain(expired).chain(nameless) {
        tracing::warn!("{warning}");
    }
}

/// How many connections of clients there may be, for DNS and for HTTP if it has a door: as the settings say, where so
/// many `files` may be open that as many are left, for queries to servers above all; else a quarter of those at most,
/// which is said.
fn connections(files: u64, settings: &Settings) -> (usize, usize) {
    let http = if settings.http.has_door() { settings.http.connections } else { 0 };
    let tcp = settings.server.tcp_connections;
    let most = usize::try_from(files / 4).unwrap_or(usize::MAX).max(1);
    if tcp + http <= most.saturating_mul(2) {
        return (tcp, http);
    }
    let (fewer_tcp, fewer_http) = (tcp.min(most), http.min(most));
    tracing::warn!(
        "this program may open {files} files (ulimit -n, LimitNOFILE): of {tcp} connections for DNS \
         (server.tcp_connections) and {http} for HTTP (http.connections) it takes {fewer_tcp} and {fewer_http}, so \
         that queries to servers can leave"
    );
    (fewer_tcp, fewer_http)
}

/// Binds the doors for DNS.
fn dns_doors(
    mut wanted: ListenSettings,
    usual_tls: Option<SocketAddr>,
    settings: &Settings,
) -> Result<Doors, RunError> {
    loop {
        match Doors::bind(&wanted) {
            Ok(doors) => return Ok(doors),
            // Nobody asked for this one, which another lab may have.
            Err(error) if error.transport == Transport::Tls && wanted.tls_addresses == usual_tls.as_slice() => {
                tracing::warn!("no TLS: {error}");
                wanted.tls_addresses.clear();
            }
            // The defaults ask for both versions of IP; a machine with one of them is well.
            Err(error)
                if error.is_absent()
                    && error.transport != Transport::Tls
                    && !settings.named.has("server.listen")
                    && wanted.addresses.len() > 1 =>
            {
                tracing::warn!("not listening on {}: this machine has no such address", error.address);
                wanted.addresses.retain(|address| *address != error.address);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Binds the doors for HTTP. A port that nobody asked for by name and that is taken is no reason to serve nobody.
fn http_doors(wanted: &HttpSettings, settings: &Settings) -> Result<http::Doors, RunError> {
    match http::Doors::bind(wanted) {
        Err(error) if !settings.named.has("http.listen") && settings.http.listen.contains(&error.address) => {
            let address = error.address;
            match settings.server.listen.contains(&address) {
                true => tracing::warn!("no HTTP: server.listen has {address}, its usual place; http.listen moves it"),
                false => tracing::warn!("no HTTP: {error}"),
            }
            Ok(http::Doors::bind(&HttpSettings { addresses: Vec::new(), ..wanted.clone() })?)
        }
        bound => Ok(bound?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NegativeTrustAnchor, Sources, load};
    use crate::wire::Name;

    #[test]
    fn connections_leave_half_of_the_files_to_all_else() {
        let with = |files, tcp, http| {
            let mut settings = Settings::default();
            (settings.server.tcp_connections, settings.http.connections) = (tcp, http);
            connections(files, &settings)
        };
        assert_eq!(with(u64::MAX, 512, 1024), (512, 1024));
        assert_eq!(with(3072, 512, 1024), (512, 1024));
        assert_eq!(with(3000, 512, 1024), (512, 750));
        assert_eq!(with(1024, 512, 1024), (256, 256));
        assert_eq!(with(64, 10, 100_000), (10, 16));
        assert_eq!(with(0, 512, 1024), (1, 1));
        let mut settings = Settings::default();
        settings.http.listen.clear();
        assert_eq!(connections(1024, &settings), (512, 0), "without a door for HTTP nobody has connections there");
        settings.http.tls_listen = settings.server.listen.clone();
        assert_eq!(connections(1024, &settings), (256, 256));
    }

    /// An address that somebody has named and this machine has not is an error, be it one of the defaults.
    #[test]
    fn a_door_that_was_asked_for_is_not_left_out() {
        // 192.0.2.0/24 is for documentation (RFC 5737).
        let addresses = ["127.0.0.1:0", "192.0.2.53:0"].map(|address| address.parse().unwrap());
        let wanted = |count: usize| ListenSettings { addresses: addresses[2 - count..].into(), ..Default::default() };
        let assignments = ["server.listen=127.0.0.1:53,[::1]:53".to_owned()];
        let named = load(&Sources { assignments: &assignments, ..Sources::default() }).unwrap();
        assert_eq!(named.server, Settings::default().server);
        let usual = Settings::default();
        let bound = |count, settings| Some(dns_doors(wanted(count), None, settings).ok()?.addresses().len());
        assert_eq!(bound(2, &usual), Some(1));
        assert_eq!(bound(1, &usual), None, "nobody would be served");
        assert_eq!(bound(2, &named), None);
    }

    /// Without HTTP there is still DNS, unless somebody has named the port that another program has.
    #[test]
    fn http_is_left_out_where_nobody_asked_for_its_port() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let mut usual = Settings::default();
        usual.http.listen = vec![address];
        let assignments = [format!("http.listen={address}")];
        let named = load(&Sources { assignments: &assignments, ..Sources::default() }).unwrap();
        let bound = |settings| http_doors(&web::settings(settings), settings).is_ok();
        assert!(bound(&usual) && !bound(&named));
        drop(taken);
        assert!(bound(&named));
    }

    /// RFC 7646 §2: an anchor that was lifted makes nothing insecure again before somebody wishes for it anew.
    #[tokio::test]
    async fn settings_that_are_refused_leave_negative_anchors_as_they_are() {
        let mut settings = Settings::default();
        (settings.server.listen, settings.http.listen) = (vec!["127.0.0.1:0".parse().unwrap()], Vec::new());
        let zone: Name = "example.".parse().unwrap();
        settings.dnssec.negative_trust_anchors = vec![NegativeTrustAnchor { zone: zone.clone(), until_secs: None }];
        let mut front = Front::open(&settings, Staged::default()).unwrap();
        let holds = |front: &Front| {
            let world = front.resolver.world();
            world.settings.proofs.negative.at(&zone, &Name::root(), world.moment()).is_some()
        };
        assert!(holds(&front));
        let world = front.resolver.world();
        assert!(world.settings.proofs.negative.lift(&zone, world.moment()).is_some());
        for (load, lasts) in [(Err("a typo"), false), (Ok((settings.clone(), Recall::All)), true)] {
            let (read, recall) = front.read_again(load);
            let keepers = take(&mut front.keepers);
            front.take_over(&read, recall, keepers);
            assert_eq!(holds(&front), lasts, "{recall:?}");
        }
        front.close().await;
    }
}
