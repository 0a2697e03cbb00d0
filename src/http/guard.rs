//! Who may call: judged before anything else, from the head of the request alone.
//!
//! A web page may send requests to this machine although it comes from elsewhere. It cannot read the answers, unless
//! its name is made to point here after it was loaded (DNS rebinding): then the request carries that name as its
//! host. So only IP addresses, `localhost` and the names in the settings are answered to, and a request that says
//! that it was made by a page from elsewhere is refused.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Version};
use ipnet::IpNet;

use super::problem::Problem;
use crate::listen::Peer;
use crate::tls::Certificate;
use crate::wire::Name;

/// The names of this server besides `localhost`.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) listed: &'a [Name],
    /// Nobody gets a certificate for a name that is not theirs, so a page cannot have rebound one that stands there.
    pub(super) certificate: Option<&'a Certificate>,
}

impl Names<'_> {
    fn contain(self, host: &str) -> bool {
        let is_certified = |name: &Name| self.certificate.is_some_and(|certificate| certificate.is_for(name));
        host.parse().is_ok_and(|name| self.listed.contains(&name) || is_certified(&name))
    }
}

/// Lets the request pass, with the name by which it calls this server, or says why not.
pub(super) fn judge(head: &Parts, names: Names<'_>) -> Result<Option<Authority>, Problem> {
    let called = called(head)?;
    if let Some(called) = &called
        && !is_own(called, names)
    {
        let sentence = "this server does not go by that name; http.hosts lists the names that it has besides localhost";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, sentence));
    }
    if let Some(origin) = head.headers.get(ORIGIN) {
        let page =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).and_then(|(_, page)| authority(page));
        // Another port of this machine is another page's.
        if page.is_none() || page != called {
            return Err(Problem::new(StatusCode::FORBIDDEN, "pages of other origins are not served here"));
        }
    }
    if is_foreign(head) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "pages of other sites are not served here"));
    }
    Ok(called)
}

/// Lets clients of these networks pass, and tells others what is `denied` to them, and the key that would let them.
pub(super) fn admit(peer: Peer, allow: &[IpNet], denied: &str, key: &str) -> Result<(), Problem> {
    let client = peer.client.ip().to_canonical();
    let allowed = allow.iter().any(|net| net.contains(&client));
    if allowed { Ok(()) } else { Err(not_listed(denied, peer, key).with_way_home()) }
}

/// What a client hears that is not of the networks that a key of the configuration lists.
pub(super) fn not_listed(denied: &str, peer: Peer, key: &str) -> Problem {
    let client = peer.client.ip().to_canonical();
    let sentence = format!("{denied} {client}: whoever runs this server has to list that address in {key} first");
    Problem::new(StatusCode::FORBIDDEN, sentence)
}

/// The name by which this server is called; `None` for HTTP/1.0 without a Host.
fn called(head: &Parts) -> Result<Option<Authority>, Problem> {
    match (head.uri.authority(), host(&head.headers, head.version)?) {
        // RFC 9113 §8.3.1: in HTTP/2 a Host, if there is one, must say the same as :authority.
        (Some(target), Some(host)) if head.version == Version::HTTP_2 && *target != host => {
            Err(Problem::bad_request("Host and :authority differ"))
        }
        // RFC 9112 §3.2.2: the target counts, the Host is ignored.
        (Some(target), _) => Ok(Some(target.clone())),
        (None, host) => Ok(host),
    }
}

/// What the field Host says. RFC 9112 §3.2: 400 for more than one, for one that is malformed, and for none in HTTP/1.1,
/// also where the target says where to.
pub(super) fn host(headers: &HeaderMap, version: Version) -> Result<Option<Authority>, Problem> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Problem::bad_request("the request has more than one Host"));
    }
    match host.map(|host| host.to_str().ok().and_then(authority)) {
        Some(None) => Err(Problem::bad_request("the Host is malformed")),
        None if version == Version::HTTP_11 => Err(Problem::bad_request("the request has no Host")),
        host => Ok(host.flatten()),
    }
}

/// A host with or without a port, and nothing else.
fn authority(text: &str) -> Option<Authority> {
    text.parse().ok().filter(|authority: &Authority| !authority.as_str().contains('@'))
}

/// The address that a host is, if it is none with a name.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Whether this is an address, `localhost`, or another name of this server.
fn is_own(called: &Authority, names: Names<'_>) -> bool {
    let host = called.host();
    // A page that was rebound has a name; an address cannot be made to point elsewhere.
    literal(host).is_some() || host.eq_ignore_ascii_case("localhost") || names.contain(host)
}

/// Whether an absolute target means this server, and not one that it should fetch from.
pub(super) fn is_this_server(target: &Authority, local: SocketAddr, names: Names<'_>) -> bool {
    let host = target.host();
    let here = target.port_u16().unwrap_or(80) == local.port();
    match literal(host) {
        Some(address) => here && address == local.ip(),
        None if host.eq_ignore_ascii_case("localhost") => here,
        None => names.contain(host),
    }
}

/// Whether a browser says that a page of another site made this request, and not to go there (Fetch Metadata). Whoever
/// follows a link changes nothing; a form may.
fn is_foreign(head: &Parts) -> bool {
    let follows = head.headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate") && head.method.is_safe();
    is_of_another_site(&head.headers) && !follows
}

/// Whether it was a page of another site that made this request, or led here.
pub(super) fn is_of_another_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn status(version: Version, target: &str, headers: &[(&'static str, &str)]) -> u16 {
        let mut request = Request::builder().version(version).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let listed = ["dns.example.".parse().unwrap()];
        judge(&head, Names { listed: &listed, certificate: None })
            .map_or_else(|problem| problem.status.as_u16(), |_| 200)
    }

    #[test]
    fn a_name_that_was_rebound_is_not_ours() {
        let host = |host| status(Version::HTTP_11, "/resolve", &[("host", host)]);
        for ours in ["127.0.0.1:8053", "[::1]:8053", "localhost", "LOCALHOST:1", "dns.example", "Dns.Example:443"] {
            assert_eq!(host(ours), 200, "{ours}");
        }
        for other in
            ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "dns.example.org", "x.localhost"]
        {
            assert_eq!(host(other), 421, "{other}");
        }
        for malformed in ["a b", "user@localhost", "localhost/x", ""] {
            assert_eq!(host(malformed), 400, "{malformed}");
        }
    }

    #[test]
    fn one_host_and_no_other() {
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(status(Version::HTTP_11, "/", &two), 400);
        assert_eq!(status(Version::HTTP_11, "/", &[]), 400);
        assert_eq!(status(Version::HTTP_10, "/", &[]), 200);
        assert_eq!(status(Version::HTTP_11, "http://evil.example/", &[("host", "localhost")]), 421);
        assert_eq!(status(Version::HTTP_11, "http://localhost/", &[]), 400);
        assert_eq!(status(Version::HTTP_11, "http://localhost/", &[("host", "a b")]), 400);
        assert_eq!(status(Version::HTTP_2, "http://localhost/", &[]), 200);
        assert_eq!(status(Version::HTTP_2, "http://localhost/", &[("host", "evil.example")]), 400);
    }

    #[test]
    fn pages_from_elsewhere_are_refused() {
        let with = |name, value| status(Version::HTTP_11, "/", &[("host", "localhost:8053"), (name, value)]);
        assert_eq!(with("origin", "http://localhost:8053"), 200);
        for origin in ["http://localhost:8080", "http://localhost", "https://evil.example", "null", "file://"] {
            assert_eq!(with("origin", origin), 403, "{origin}");
        }
        assert_eq!(with("sec-fetch-site", "cross-site"), 403);
        assert_eq!(with("sec-fetch-site", "same-origin"), 200);
        let link = [("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(status(Version::HTTP_11, "/", &link), 200);
        let form = Request::post("/").header("host", "localhost").header("sec-fetch-site", "cross-site");
        let (head, ()) = form.header("sec-fetch-mode", "navigate").body(()).unwrap().into_parts();
        let refused = judge(&head, Names { listed: &[], certificate: None }).map_err(|problem| problem.status);
        assert_eq!(refused, Err(StatusCode::FORBIDDEN), "a form is no link");
    }
}
