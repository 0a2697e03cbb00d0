//! How clients are met and served, as the front doors take it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::world::{local_data, routed_zones};
use crate::cache::Due;
use crate::config::{self, Domain, Settings};
use crate::listen::ListenSettings;
use crate::policy::{Designated, Door, PolicySettings};
use crate::serve::{ServeSettings, StaleSettings};
use crate::tls::{Certificate, CertificateError};
use crate::walk::stale::StaleLimits;

/// An answer whose refresh has failed is not tried again for this long (RFC 8767 §5).
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

pub(super) fn serve_settings(settings: &Settings) -> ServeSettings {
    let server = &settings.server;
    let said = |text: &String| (!text.is_empty()).then(|| text.as_str().into());
    let policy = PolicySettings {
        allow: server.allow.clone(),
        locally_served_zones: server.locally_served_zones,
        any: server.any == config::AnyAnswer::Full,
        local: Arc::new(local_data(settings)),
        blocked: settings.local.blocked.iter().map(|Domain(name)| name.clone()).collect(),
        routed_zones: routed_zones(settings),
        translator: settings.dns64.prefix.0,
        designated: None,
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
        past_bytes: if settings.http.has_door() { settings.http.past_size.0 } else { 0 },
    }
}

/// What is odd about the doors and those who are let in, a line for each key. Doors that are open to other machines, of
/// which none is let in: a mistake that everybody notices and nobody understands. And doors where the whole Internet is
/// let in: one that nobody notices but those who use it against others (RFC 5358).
pub(super) fn warnings(settings: &Settings) -> Vec<String> {
    let Settings { server, http, .. } = settings;
    let none = server.allow.iter().all(|net| net.addr().is_loopback());
    let places = [
        ("server.listen", &server.listen),
        ("server.tls_listen", &server.tls_listen),
        ("http.listen", &http.listen),
        ("http.tls_listen", &http.tls_listen),
    ];
    let warning = |(key, addresses): (&str, &Vec<SocketAddr>)| {
        if none {
            let address = addresses.iter().find(|address| !address.ip().is_loopback())?;
            return Some(format!(
                "{key} has {address}, where other machines ask, and server.allow lets none of them in: all that come \
                 there are refused unless it lists their network"
            ));
        }
        let all =
            |ip: IpAddr| server.allow.iter().find(|net| net.prefix_len() == 0 && net.addr().is_ipv4() == ip.is_ipv4());
        let (address, all) =
            addresses.iter().find_map(|at| Some((at, all(at.ip()).filter(|_| !is_local(at.ip()))?)))?;
        Some(format!(
            "{key} has {address}, and server.allow has {all}: where no firewall keeps the Internet out, anybody uses this \
             server to attack others (RFC 5358); list the networks of its clients"
        ))
    };
    places.into_iter().filter_map(warning).collect()
}

/// Whether nobody comes to this address from the Internet.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
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

/// What clients are told of the doors with TLS, where they are at last (RFC 9462).
pub(super) fn designated(
    certificate: Option<&Certificate>,
    tls: &[SocketAddr],
    https: &[SocketAddr],
) -> Option<Designated> {
    let doors = |door, at: &[SocketAddr]| at.iter().map(move |at| (door, at.ip(), at.port())).collect::<Vec<_>>();
    let all = doors(Door::Tls, tls).into_iter().chain(doors(Door::Https, https));
    Some(Designated::new(certificate?.name()?, all))
}

/// Reads the certificate, if there is to be TLS.
pub(super) fn certificate(settings: &Settings) -> Result<Option<Certificate>, CertificateError> {
    let given = &settings.tls;
    // Without a door that shows it there is none.
    let read = || Certificate::read(given.certificate.as_ref(), given.key.as_ref());
    (!given.certificate.is_empty()).then(read).transpose()
}

/// How clients are met, but for the certificate, which stands in files.
pub(super) fn listen_settings(settings: &Settings) -> ListenSettings {
    let server = &settings.server;
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ListenSettings {
        addresses: server.listen.clone(),
        tls_addresses: server.tls_listen.clone(),
        workers: if server.threads == 0 { processors() } else { server.threads },
        waiting: server.waiting,
        waiting_per_client: server.waiting_per_client,
        discard_after: Duration::from_millis(server.discard_after_ms),
        tcp_connections: server.tcp_connections,
        tcp_per_client: server.tcp_per_client,
        tcp_idle: Duration::from_secs(server.tcp_idle_secs),
        tcp_keepalive: Duration::from_secs(server.tcp_keepalive_secs),
        tcp_pipeline: server.tcp_pipeline,
        ..ListenSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_that_nobody_or_everybody_may_come_through_is_told() {
        let told = |listen: &str, allow: &[&str]| {
            let mut settings = Settings::default();
            settings.server.listen = vec![listen.parse().unwrap()];
            settings.server.allow = allow.iter().map(|net| net.parse().unwrap()).collect();
            warnings(&settings)
        };
        let here = ["127.0.0.0/8", "::1/128"];
        for (listen, allow, says) in [
            ("127.0.0.1:53", &here[..], None),
            ("[::1]:53", &here, None),
            ("192.0.2.53:53", &here, Some("lets none of them in")),
            ("0.0.0.0:53", &here[..1], Some("lets none of them in")),
            ("192.0.2.53:53", &[], Some("lets none of them in")),
            ("192.0.2.53:53", &["127.0.0.0/8", "192.0.2.0/24"], None),
            ("[::]:53", &["::/0"], Some("server.allow has ::/0")),
            ("0.0.0.0:53", &["127.0.0.0/8", "0.0.0.0/0"], Some("server.allow has 0.0.0.0/0")),
            ("192.0.2.53:53", &["0.0.0.0/0"], Some("anybody uses this server to attack others")),
            // IPv6 alone, and addresses to which no way leads from the Internet.
            ("0.0.0.0:53", &["127.0.0.0/8", "::/0"], None),
            ("192.168.1.1:53", &["0.0.0.0/0"], None),
            ("[fd00::1]:53", &["::/0"], None),
            ("127.0.0.1:53", &["0.0.0.0/0"], None),
        ] {
            let told = told(listen, allow);
            let fits = says.is_none_or(|says| told[0].contains(says));
            assert!(told.len() == usize::from(says.is_some()) && fits, "{listen} {allow:?}: {told:?}");
        }
        let [warning] = &told("192.0.2.53:53", &here)[..] else { panic!() };
        assert!(warning.starts_with("server.listen has 192.0.2.53:53,") && warning.contains("server.allow"));
    }
}
