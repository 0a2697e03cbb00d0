//! The settings of the HTTP front door, as it takes them.

use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::RunError;
use crate::config::Settings;
use crate::http::{Exhibit, FetchSettings, HttpSettings, ProxySettings, Visit};
use crate::lab::web::Ports;
use crate::lab::{self, Lab, Sample};
use crate::wire::{Question, RecordType, ResponseCode, text};

/// How HTTP is served, but for the certificate.
pub(super) fn settings(settings: &Settings) -> HttpSettings {
    let http = &settings.http;
    HttpSettings {
        addresses: http.listen.clone(),
        tls_addresses: http.tls_listen.clone(),
        hosts: http.hosts.clone(),
        connections: http.connections,
        connections_per_client: http.connections_per_client,
        idle: Duration::from_secs(http.idle_secs),
        waiting: http.waiting,
        traces: http.traces,
        past_allow: http.past_allow.clone(),
        flush_allow: http.flush_allow.clone(),
        journey_bytes: http.past_size.0 / 4,
        certificate: None,
        zoo: Vec::new(),
        proxy: proxy_settings(settings),
        fetch: fetch_settings(settings),
    }
}

/// How others' pages are fetched.
pub(super) fn proxy_settings(settings: &Settings) -> ProxySettings {
    let proxy = &settings.proxy;
    ProxySettings {
        on: proxy.on,
        allow: proxy.allow.clone(),
        translator: settings.dns64.prefix.0,
        connect_ports: proxy.connect_ports.clone(),
        connect: Duration::from_secs(proxy.connect_secs),
        answer: Duration::from_secs(proxy.answer_secs),
        tunnel_idle: Duration::from_secs(proxy.tunnel_idle_secs),
        tunnels: proxy.tunnels,
        pooled: proxy.pooled,
        balance: proxy.balance,
        balance_hosts: settings.balance.iter().map(|given| (given.host.clone(), given.policy)).collect(),
    }
}

/// What there is to see in a lab.
pub(super) fn zoo(lab: &Lab, ports: Option<Ports>) -> Vec<Exhibit> {
    let exhibit =
        |broken, title: &str, what: &str, ask: &Question, rcodes: &[ResponseCode], edes: &[u16], ad| Exhibit {
            broken,
            title: title.to_owned(),
            what: what.to_owned(),
            name: ask.name.to_string(),
            qtype: text::type_name(ask.qtype).to_string(),
            expected: lab::expected(rcodes, edes, ad),
            rcodes: rcodes.iter().map(|rcode| text::rcode_name(*rcode).into_owned()).collect(),
            edes: edes.to_vec(),
            ad,
            ..Exhibit::default()
        };
    let healthy = lab.healthy().iter().map(|sample| {
        let Sample { ask, what, rcodes, ad } = sample;
        exhibit(false, &ask.name.to_string(), what, ask, rcodes, &[], *ad)
    });
    // Whose lab does not say what there is to see has its zones to look at.
    let bare = lab.healthy().is_empty() && lab.zoo().is_empty();
    let zones = if bare { lab.zones() } else { Vec::new() };
    let zones = zones.into_iter().map(|zone| {
        let (title, ask) = (zone.to_string(), Question::new(zone, RecordType::SOA));
        exhibit(false, &title, "a zone of this lab", &ask, &[ResponseCode::NoError], &[], false)
    });
    let broken = lab.zoo().iter().map(|row| Exhibit {
        trace: row.trace.clone(),
        ..exhibit(true, &row.name, &row.what, &row.ask, &row.rcodes, &row.ede, row.ad)
    });
    // Without origins there is nothing to fetch.
    let web = lab.web().zip(ports).into_iter();
    let web = web.flat_map(|(web, ports)| web.row.iter().map(move |row| visit(row, ports)));
    healthy.chain(zones).chain(broken).chain(web).collect()
}

/// A page to fetch, at the ports that the origins really have.
fn visit(row: &lab::Visit, ports: Ports) -> Exhibit {
    let mut url = row.url.clone();
    if let Ok(mut at) = Url::parse(&url) {
        let port = if at.scheme() == "https" { ports.https } else { ports.http };
        if at.port().is_some() && at.set_port(Some(port)).is_ok() {
            url = at.into();
        }
    }
    let expected = row.status.map_or_else(|| row.fails.clone().unwrap_or_default(), |status| status.to_string());
    let page = Visit { url, status: row.status };
    Exhibit {
        expected,
        broken: row.fails.is_some(),
        title: row.name.clone(),
        what: row.what.clone(),
        page: Some(page),
        ..Exhibit::default()
    }
}

/// Without the authorities, which stand in files.
pub(super) fn fetch_settings(settings: &Settings) -> FetchSettings {
    let fetch = &settings.fetch;
    FetchSettings {
        authorities: Vec::new(),
        redirects: fetch.redirects,
        time: Duration::from_secs(fetch.secs),
        body_bytes: u64::try_from(fetch.body_size.0).unwrap_or(u64::MAX),
    }
}

/// The authorities in the files of the settings and in `more`, all in PEM.
///
/// # Errors
/// When a file cannot be read or holds no certificate.
pub(super) fn authorities(settings: &Settings, more: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, RunError> {
    let own = Some(PathBuf::from(&settings.fetch.ca)).filter(|path| !path.as_os_str().is_empty());
    let mut found = Vec::new();
    for path in own.iter().chain(more) {
        let wrong = |why: String| RunError::Authority { path: path.display().to_string(), why };
        let octets = std::fs::read(path).map_err(|why| wrong(format!("cannot be read: {why}")))?;
        let read = CertificateDer::pem_slice_iter(&octets).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|why| wrong(why.to_string()))?;
        if read.is_empty() {
            return Err(wrong("there is no certificate in it".to_owned()));
        }
        found.extend(read);
    }
    Ok(found)
}
