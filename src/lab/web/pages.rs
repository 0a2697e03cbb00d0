//! What the origins send: pages with a tag that tells whether they have changed.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION, VARY,
};
use axum::http::{Response, StatusCode};
use data_encoding::HEXLOWER;

use crate::trace::Markup;

/// How long a page that does not change may be kept.
pub(super) const KEPT: &str = "max-age=300";
/// Kept, but asked for whether it still holds.
pub(super) const ASKED_FOR: &str = "no-cache";
const HTML: &str = "text/html; charset=utf-8";

/// The media type of a file, by the end of its name.
pub(super) fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => HTML,
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

/// A representation, or the word that the client has it already (RFC 9110 §13.1.2).
pub(super) fn send(asked: &HeaderMap, media_type: &'static str, kept: &'static str, text: &str) -> Response<Body> {
    let tag = format!("\"{}\"", HEXLOWER.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..8]));
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|value| {
        let value = value.trim();
        value == "*" || value.strip_prefix("W/").unwrap_or(value) == tag
    });
    let mut response = match is_known {
        true => Response::new(Body::empty()),
        false => Response::new(Body::from(text.to_owned())),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    }
    response
}

/// A small page of a title and a sentence.
pub(super) fn note(status: StatusCode, title: &str, sentence: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(document(title, &format!("<p>{}</p>", Markup(sentence)))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    response
}

/// Sends the client elsewhere.
pub(super) fn redirect(to: &str) -> Response<Body> {
    let mut response = note(StatusCode::FOUND, "Elsewhere", &format!("What you look for is at {to}."));
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// A whole page around `body`, which is HTML already.
pub(super) fn document(title: &str, body: &str) -> String {
    let title = Markup(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>body {{ font: 1.1em/1.5 system-ui, \
         sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; color-scheme: light dark }}</style>\n\
         <h1>{title}</h1>\n{body}\n</html>\n"
    )
}

/// Whether the client would rather have JSON than a page.
pub(super) fn wants_json(asked: &HeaderMap) -> bool {
    let accepts = asked.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.contains("application/json") && !accepts.contains("text/html")
}
