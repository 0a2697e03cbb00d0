//! Fetching a page as a browser would, and writing down everything on the way.
//!
//! `follow` goes from URL to URL, `scout` asks the resolver and notes what it says, `tls` shakes hands and judges the
//! certificate, `exchange` speaks HTTP; `api` is what clients see of it. The document itself is [`crate::journey`].

mod api;
mod certificate;
mod exchange;
mod follow;
mod scout;
mod tls;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use url::Url;

use super::origin::{Origins, ProxySettings};
use crate::journey::Journey;
use crate::serve::Resolver;

pub(super) use api::{Asked, Journeys, journey};
pub(super) use follow::Traveller;
pub(super) use tls::Trust;

/// How pages are fetched; what `ProxySettings` say of addresses, choice and time to connect holds here too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSettings {
    /// Authorities that are trusted besides those of the system.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Redirects that are followed.
    pub redirects: usize,
    /// How long the whole journey may take.
    pub time: Duration,
    /// Octets of a body that are read.
    pub body_bytes: u64,
}

/// What is to be fetched.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// From where.
    pub url: Url,
    /// Whether each hop begins with empty caches.
    pub cold: bool,
}

/// Fetches a page from this machine, for whoever has this program. Has to run inside of a `LocalSet`.
pub async fn fetch(resolver: Resolver, settings: FetchSettings, proxy: ProxySettings, wanted: Wanted) -> Journey {
    let (origins, trust) = (Arc::new(Origins::new(proxy)), Arc::new(Trust::new(settings.authorities.clone())));
    let traveller = Traveller { resolver, origins, trust, settings };
    traveller.follow(wanted, IpAddr::V4(Ipv4Addr::LOCALHOST), &scout::Teller::default()).await
}
