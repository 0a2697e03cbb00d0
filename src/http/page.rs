//! The page: a look-up to be watched while it happens, past ones, and what the program is doing.
//!
//! Each address gives the same content in the form that is wished for: text for a terminal, JSON for a program, and
//! HTML that can be read as it is. Where JavaScript runs, the modules in `assets` draw it; they get the JSON of the
//! same addresses.

mod assets;
mod known;
mod live;
mod past;
mod told;
mod travelled;
mod zoo;

use std::fmt::{self, Display};
use std::sync::Arc;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::{Problem, liked};
use super::stream::pretty;
use crate::serve::{Id, Kept, NoId, Ring};
use crate::trace::Markup;

pub(super) use assets::asset;
pub(super) use known::known;
pub(super) use live::{live, metrics};
pub(super) use past::{Past, past};
pub(super) use told::{ask, kept, trace};
pub(super) use travelled::{journey, travelled};
pub(super) use zoo::zoo;

pub use zoo::{Exhibit, Visit};

/// Nothing but what this server itself gives may run, load or be connected to, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const INDEX: &str = "\
rootwalk: a recursive DNS resolver that can explain every answer it gives.

  /trace/NAME?type=TYPE                  how the answer is found, to be read; cold=1 begins with empty caches,
                                         cd=1 does not validate, do=1 shows signatures
  /past?search=NAME&verdict=failed       walks and journeys of the past; also kind=walk, kind=journey, slow_ms=N
  /t/ID                                  one of them; also .json, .txt, .mmd (Mermaid), .svg
  /journey?url=URL                       how a page is fetched, to be read; cold=1 begins with empty caches
  /j/ID                                  a journey of the past; also .json, .txt, .har
  /zoo                                   in the lab: what there is to see
  /api/cache?name=NAME                   what is known of a name, and from whom
  /api/flush?name=NAME&tree=1            POST (http.flush_allow): what is known of a name, and of those
                                         below it, is forgotten
  /live, /metrics                        what the program is doing, in numbers; the latter for Prometheus
  /dns-query                             DNS over HTTP (RFC 8484), GET and POST
  /resolve?name=NAME&type=TYPE           the answer as JSON; also do=1, cd=1
  /api/trace?name=NAME&type=TYPE         how the answer is found, for programs; also cold=1, cd=1
                                         Accept: text/plain for people, text/event-stream as it happens
  /api/journey?url=URL                   how a page is fetched, for programs; also cold=1; Accept likewise

A browser gets a page.
";

/// What a browser sees before anything is asked, without JavaScript.
const WELCOME: &str = "<section class=\"welcome\">\n<h1>Watch a look-up happen</h1>\n<p class=\"lead\">Type a name: the walk from \
                       the root to the answer is told step by step, with every server that was asked, what it said, and \
                       what became of it.</p>\n</section>\n";

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

    /// The form that the end of a name asks for, or the client by its wish.
    fn named(suffix: Option<&str>, headers: &HeaderMap) -> Option<Self> {
        match suffix {
            None => Some(Self::of(headers)),
            Some("json") => Some(Self::Json),
            Some("txt") => Some(Self::Text),
            Some(_) => None,
        }
    }

    /// An answer in this form.
    fn answer(self, json: &impl Serialize, text: impl FnOnce() -> String, html: impl FnOnce() -> String) -> Response {
        match self {
            Self::Html => answer(self.media_type(), html()),
            Self::Json => answer(self.media_type(), pretty(json)),
            Self::Text => answer(self.media_type(), text()),
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

/// What is kept under a name such as `86d0dba09a89.txt`, and the end of that name; `what` it is stands in the sentence
/// when it is gone.
fn find<'a, T>(ring: &Ring<T>, name: &'a str, what: &str) -> Result<(Arc<Kept<T>>, Option<&'a str>), Problem> {
    let (id, suffix) = name.split_once('.').map_or((name, None), |(id, suffix)| (id, Some(suffix)));
    let of_none =
        |why: NoId| Problem::new(StatusCode::NOT_FOUND, format!("this is no link to a {what}: its name is {why}"));
    let id = id.parse::<Id>().map_err(of_none)?;
    let kept = ring.get(id).ok_or_else(|| {
        let why = "newer ones took its place (http.past_size), or the program was started anew";
        Problem::new(StatusCode::NOT_FOUND, format!("this {what} is not kept any more: {why}"))
    })?;
    Ok((kept, suffix))
}

/// `GET /`.
pub(super) async fn index(headers: HeaderMap) -> Response {
    match Form::of(&headers) {
        Form::Html => answer(Form::Html.media_type(), shell("rootwalk", WELCOME)),
        Form::Text | Form::Json => answer(Form::Text.media_type(), INDEX),
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

/// What stands in the form: what was asked there.
#[derive(Debug, Default)]
struct Fields<'a> {
    name: &'a str,
    qtype: &'a str,
    cold: bool,
    proofs: bool,
    unchecked: bool,
}

impl Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checked = |is: bool| if is { " checked" } else { "" };
        write!(
            f,
            include_str!("page/assets/top.html"),
            name = Markup(self.name),
            // As in the script: A is what is meant without a word.
            qtype = Markup(if self.qtype == "A" { "" } else { self.qtype }),
            warm = checked(!self.cold),
            cold = checked(self.cold),
            proofs = checked(self.proofs),
            unchecked = checked(self.unchecked),
        )
    }
}

/// A whole page that is about nothing that was asked in the form.
fn shell(title: &str, content: impl Display) -> String {
    about(title, "", &Fields::default(), content)
}

/// A whole page. `id` is for the script: the name of what is told.
fn about(title: &str, id: &str, fields: &Fields<'_>, content: impl Display) -> String {
    let (title, id) = (Markup(title), Markup(id));
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"rootwalk\" content=\"{id}\">\n\
         <title>{title}</title>\n\
         <link rel=\"icon\" href=\"/page/icon.svg\">\n\
         <link rel=\"stylesheet\" href=\"/page/page.css\">\n\
         <script type=\"module\" src=\"/page/main.js\"></script>\n\
         {fields}{content}{}",
        include_str!("page/assets/end.html"),
    )
}
