//! Links that lead back to this server: where a client has reached it, and what stands behind that.

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

    pub(super) fn is_secure(&self) -> bool {
        self.scheme == "https"
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

/// Text inside a path or a query of a URL.
pub(super) struct InUrl<'a>(pub(super) &'a str);

impl fmt::Display for InUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => write!(f, "{}", char::from(byte)),
            byte => write!(f, "%{byte:02X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(InUrl("a/b?c=<d>&\\046.example.").to_string(), "a%2Fb%3Fc%3D%3Cd%3E%26%5C046.example.");
    }
}
