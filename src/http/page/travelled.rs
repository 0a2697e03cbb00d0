//! One journey to a page, to be read: `/journey?url=` goes now, `/j/ID` tells one of the past.

use std::fmt::{self, Display};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::super::here::Here;
use super::super::journey::{Asked, begin};
use super::super::problem::Problem;
use super::super::routes::Front;
use super::super::tell::pretty;
use super::html::Html;
use super::{Form, answer, find, shell};
use crate::journey::{Journey, Look, har, waterfall};
use crate::listen::Peer;
use crate::serve::{Id, Kept};

/// A journey as it is kept: the document of docs/journey.md and the name of its link.
#[derive(Serialize)]
pub(in crate::http) struct Document<'a> {
    #[serde(flatten)]
    journey: &'a Journey,
    id: Id,
}

impl<'a> Document<'a> {
    pub(in crate::http) fn new(kept: &'a Kept<Journey>) -> Self {
        Self { journey: &kept.told, id: kept.id }
    }
}

/// Keeps a journey; its memory is taken to be what its document takes.
pub(in crate::http) fn keep(front: &Front, journey: Journey) -> Arc<Kept<Journey>> {
    let bytes = serde_json::to_vec(&journey).map_or(usize::MAX / 2, |text| text.len());
    front.journeys.keep(journey, bytes)
}

/// `GET /journey?url=…`.
pub(in crate::http) async fn journey(
    State(front): State<Front>,
    (Extension(peer), Extension(here)): (Extension<Peer>, Extension<Here>),
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let kept = begin(&front, peer, &headers, asked, None)?.end().await?;
    Ok(told(&kept, Form::of(&headers), &here))
}

/// `GET /j/ID`, and `/j/ID.json` and so on where a form cannot be wished for otherwise.
pub(in crate::http) async fn travelled(
    State(front): State<Front>,
    Extension(here): Extension<Here>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (kept, suffix) = find(&front.journeys, &name, "journey")?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "a journey can be had as .json, .txt and .har");
    Ok(match suffix {
        Some("har") => answer(Form::Json.media_type(), pretty(&har(&kept.told))),
        suffix => told(&kept, Form::named(suffix, &headers).ok_or_else(unknown)?, &here),
    })
}

fn told(kept: &Kept<Journey>, form: Form, here: &Here) -> Response {
    let text = || waterfall(&kept.told, &Look { width: 110, unicode: true, colours: false });
    match form {
        Form::Json => answer(form.media_type(), pretty(&Document::new(kept))),
        Form::Text => answer(form.media_type(), format!("{}\n{here}/j/{}\n", text(), kept.id)),
        Form::Html => {
            let page = Told { url: &kept.told.url, text: &text(), id: kept.id };
            answer(form.media_type(), shell(&kept.told.url, &kept.id.to_string(), page))
        }
    }
}

/// A journey as HTML.
struct Told<'a> {
    url: &'a str,
    text: &'a str,
    id: Id,
}

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, text, id } = self;
        writeln!(f, "<article class=\"told\">\n<h1>{}</h1>\n<pre class=\"scroll\" tabindex=\"0\">", Html(url))?;
        text.lines().try_for_each(|line| writeln!(f, "{}", Html(line)))?;
        writeln!(
            f,
            "</pre>\n<p class=\"exports\"><a href=\"/j/{id}\">Permanent link</a> <a href=\"/j/{id}.json\">JSON</a> \
             <a href=\"/j/{id}.txt\">Text</a> <a href=\"/j/{id}.har\">HAR</a></p>\n</article>"
        )
    }
}
