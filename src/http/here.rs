//! Where a client has reached this server, for links that lead back to it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::uri::Authority;

/// The beginning of a link to this server, as far as the connection and the request tell: no field that somebody in
/// between may have added or a client may have made up, such as Forwarded, counts.
#[derive(Clone, Debug)]
pub(super) struct Here {
    scheme: &'static str,
    authority: Arc<str>,
}

impl Here {
    /// Reached without TLS.
    pub(super) fn plain(local: SocketAddr) -> Self {
        Self { scheme: "http", authority: local.to_string().into() }
    }

    /// Reached by TLS, by a name if the client gave one (SNI).
    pub(super) fn secure(local: SocketAddr, name: Option<&str>) -> Self {
        let authority = name.map_or_else(|| local.to_string(), |name| format!("{name}:{}", local.port()));
        Self { scheme: "https", authority: authority.into() }
    }

    /// The same server, as this request calls it: whatever leads to another port, the client knows.
    pub(super) fn called(&self, authority: &Authority) -> Self {
        Self { scheme: self.scheme, authority: authority.as_str().into() }
    }
}

impl fmt::Display for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}
