//! One request, as far as an origin looks at it.

use std::net::IpAddr;

use axum::http::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use hyper::body::Incoming;

/// A request, and who made it over what.
pub(super) struct Asked {
    pub(super) request: Request<Incoming>,
    pub(super) client: IpAddr,
    pub(super) is_secure: bool,
}

impl Asked {
    /// The host that the client asked for, if it names one.
    pub(super) fn host(&self) -> Option<&str> {
        let in_head = || self.request.headers().get(HOST).and_then(|host| host.to_str().ok());
        self.request.uri().authority().map(Authority::as_str).or_else(in_head)
    }
}
