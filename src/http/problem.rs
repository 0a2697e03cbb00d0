//! What went wrong, for whoever asked: a page for a person, JSON for a program, a line for a terminal.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::SocketAddr;

use axum::body::Body;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::page::Html;

/// Nothing of a page may run, load or be framed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// A request that cannot be granted, with the sentence that says why and who is at fault.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) sentence: Cow<'static, str>,
    /// What Proxy-Status says (RFC 9209).
    proxy_status: Option<String>,
    /// Where the walk to the name is told.
    trace: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { status, sentence: sentence.into(), proxy_status: None, trace: None }
    }

    pub(super) fn with_status(self, proxy_status: &str) -> Self {
        Self { proxy_status: Some(proxy_status.to_owned()), ..self }
    }

    /// Adds a link to where the walk to the name is told.
    pub(super) fn with_trace(self, server: SocketAddr, path: impl Display) -> Self {
        Self { trace: Some(format!("http://{server}{path}")), ..self }
    }

    pub(super) fn bad_request(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    fn title(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.status.canonical_reason().unwrap_or("Error"))
    }

    /// The body in the form that the client likes best, with its media type.
    fn rendered(&self, accept: &HeaderMap) -> (&'static str, String) {
        let title = self.title();
        match liked(accept, &["text/html", "application/json", "text/plain"]) {
            Some("text/html") => {
                let (title, sentence) = (Html(&title), Html(&self.sentence));
                let link = |trace: &String| format!("<p><a href=\"{}\">How its address is looked for</a>", Html(trace));
                let link = self.trace.as_ref().map(link).unwrap_or_default();
                let page = format!(
                    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
                     <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:4em auto;padding:0 1em;\
                     color-scheme:light dark}}</style><h1>{title}</h1><p>{sentence}</p>{link}<p><small>rootwalk</small>\n"
                );
                ("text/html; charset=utf-8", page)
            }
            Some("application/json") => {
                let mut error = json!({ "status": self.status.as_u16(), "title": title, "detail": self.sentence });
                for (name, value) in [("proxy_status", &self.proxy_status), ("trace", &self.trace)] {
                    if let Some(value) = value {
                        error[name] = value.as_str().into();
                    }
                }
                ("application/json", format!("{}\n", json!({ "error": error })))
            }
            _ => {
                let link = self.trace.as_ref().map(|trace| format!("{trace}\n")).unwrap_or_default();
                ("text/plain; charset=utf-8", format!("{title}: {}\n{link}", self.sentence))
            }
        }
    }

    /// Fills `response`, which keeps the headers that it has (such as Allow).
    pub(super) fn fill(&self, mut response: Response, accept: &HeaderMap) -> Response {
        let (media_type, body) = self.rendered(accept);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.remove(CONTENT_LENGTH);
        if let Some(status) = self.proxy_status.as_ref().and_then(|status| HeaderValue::from_str(status).ok()) {
            headers.insert("proxy-status", status);
        }
        *response.body_mut() = Body::from(body);
        response
    }
}

/// The problem travels in the extensions until it is known in which form the client wants it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The first of `offers` among the media types that the client accepts by name, in the client's order of weight
/// (RFC 9110 §12.5.1). `*/*` is no wish.
pub(super) fn liked<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Option<&'a str> {
    let mut best: Option<(f32, &str)> = None;
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if let Some(offer) = offers.iter().find(|offer| offer.eq_ignore_ascii_case(media_type))
                && weight > best.map_or(0.0, |(best, _)| best)
            {
                best = Some((weight, offer));
            }
        }
    }
    best.map(|(_, offer)| offer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_form_follows_the_wish() {
        let offers = ["text/html", "application/json", "text/plain"];
        assert_eq!(liked(&accept("*/*"), &offers), None);
        assert_eq!(liked(&accept("text/html,application/xhtml+xml,*/*;q=0.8"), &offers), Some("text/html"));
        assert_eq!(liked(&accept("text/plain;q=0.2, application/json; q=0.9"), &offers), Some("application/json"));
        assert_eq!(liked(&accept("application/json;q=0"), &offers), None);
        assert_eq!(liked(&HeaderMap::new(), &offers), None);
    }

    #[test]
    fn nothing_that_a_name_holds_becomes_markup() {
        let problem = Problem::bad_request("<script>alert('x\u{1b}[31m')</script>&\"");
        let (_, page) = problem.rendered(&accept("text/html"));
        assert!(!page.contains("<script") && !page.contains('\u{1b}'), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;x\u{fffd}[31m&#39;)&lt;/script&gt;&amp;&quot;"), "{page}");
        let (_, text) = problem.rendered(&accept("application/json"));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}
