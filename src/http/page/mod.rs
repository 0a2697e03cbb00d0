//! The page: a look-up to be watched while it happens, past ones, and what the program is doing.
//!
//! Each address gives the same content in the form that is wished for: text for a terminal, JSON for a program, and HTML that
//! can be read as it is. Where JavaScript runs, the modules in `assets` draw it; they get the JSON of the same addresses.

mod assets;
mod html;
mod live;
mod past;
mod told;
mod zoo;

use std::fmt::Display;

use axum::http::HeaderMap;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};

use super::problem::liked;

pub(super) use assets::asset;
pub(super) use html::{Html, InUrl};
pub(super) use live::{live, metrics};
pub(super) use past::past;
pub(super) use told::{ask, kept, trace};
pub(super) use zoo::zoo;

pub use zoo::Exhibit;

/// Nothing but what this server itself gives may run, load or be connected to, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A form in which content is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Text,
}

impl Form {
    /// The form that the client wishes for; a terminal has no wish.
    fn of(headers: &HeaderMap) -> Self {
        match liked(headers, &["text/html", "application/json", "text/plain"]) {
            Some("text/html") => Self::Html,
            Some("application/json") => Self::Json,
            _ => Self::Text,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// An answer whose form depends on the wish.
fn answer(media_type: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let fixed: [(HeaderName, &'static str); 6] = [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address of a page names what was looked up; it is nobody else's business.
        (REFERRER_POLICY, "no-referrer"),
        (VARY, "accept"),
        (CACHE_CONTROL, "no-store"),
    ];
    (fixed.map(|(name, value)| (name, HeaderValue::from_static(value))), body.into()).into_response()
}

/// A whole page. `about` names what it is about for the script: the name of what was told, or nothing.
fn shell(title: &str, about: &str, content: impl Display) -> String {
    let (title, about) = (Html(title), Html(about));
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"rootwalk\" content=\"{about}\">\n\
         <title>{title}</title>\n\
         <link rel=\"icon\" href=\"/page/icon.svg\">\n\
         <link rel=\"stylesheet\" href=\"/page/page.css\">\n\
         <script type=\"module\" src=\"/page/main.js\"></script>\n\
         {}{content}{}",
        include_str!("assets/top.html"),
        include_str!("assets/end.html"),
    )
}
