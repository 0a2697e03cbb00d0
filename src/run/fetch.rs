//! One page, fetched from this machine or inside of the lab.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::{RunError, Stage, WebPorts, on_this_thread, resolver, stage, web, world};
use crate::config::Settings;
use crate::http::{Wanted, fetch as fetch_page};
use crate::journey::Journey;
use crate::lab::Lab;
use crate::lab::serve::Servers;
use crate::lab::web::{Origins, Ports, WebError};

/// Fetches a page and tells the way to it. `authorities` are files with certificate authorities to be trusted as well.
///
/// # Errors
/// When such a file is no good, or the system does not give what is needed.
pub fn fetch(settings: &Settings, wanted: Wanted, authorities: &[PathBuf]) -> Result<Journey, RunError> {
    on_this_thread(fetched(settings, wanted, authorities, None))
}

/// As [`fetch`]; the authority of a lab is trusted as well.
async fn fetched(
    settings: &Settings,
    wanted: Wanted,
    authorities: &[PathBuf],
    of_lab: Option<CertificateDer<'static>>,
) -> Result<Journey, RunError> {
    world::sources(settings)?;
    let (mut how, proxy) = (web::fetch_settings(settings), web::proxy_settings(settings));
    how.authorities = web::authorities(settings, authorities)?;
    how.authorities.extend(of_lab);
    Ok(fetch_page(resolver(settings), how, proxy, wanted).await)
}

/// As [`fetch`], in the lab, whose servers run for as long as it takes: name servers on a port of their own, web
/// origins on theirs. Where these are taken the lab that has them is visited.
///
/// # Errors
/// As [`fetch`], and when an address of the lab cannot be had.
pub fn fetch_lab(lab: &Lab, settings: &Settings, wanted: Wanted, authorities: &[PathBuf]) -> Result<Journey, RunError> {
    on_this_thread(async {
        let usual = lab.web().map(|web| Ports { http: web.port, https: web.tls_port });
        let at = |ports| Stage { web: WebPorts::At(ports), ..Stage::default() };
        let origins = match usual.map(|ports| stage::origins(lab, &at(ports))) {
            Some(Err(RunError::Web(error @ WebError::Bind { .. }))) => {
                tracing::warn!("{error}: visiting the origins that run there; --ca names their authority");
                None
            }
            Some(origins) => origins?,
            None => None,
        };
        let authority = stage::authority(lab, origins.as_ref().map(Origins::ports))?;
        let servers = Servers::bind(Arc::new(authority), 0).await?;
        let mut settings = settings.clone();
        settings.resolver.upstream_port = servers.port();
        let of_lab = origins.as_ref().map(|origins| origins.ca().clone());
        let _stage = (servers.open(), origins.map(Origins::open));
        fetched(&settings, wanted, authorities, of_lab).await
    })
}
