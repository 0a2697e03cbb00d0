//! One journey to a page, to be read: `/journey?url=` goes now, `/j/ID` tells one of the past.

use std::fmt::{self, Display};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::{Fields, Form, about, answer, find};
use crate::http::here::Here;
use crate::http::journey::{Asked, Journeys};
use crate::http::problem::Problem;
use crate::http::stream::{Told as _, pretty};
use crate::journey::{Journey, har};
use crate::listen::Peer;
use crate::serve::Kept;
use crate::trace::Markup;

/// `GET /journey?url=…`.
pub(in crate::http) async fn journey(
    State(journeys): State<Arc<Journeys>>,
    (Extension(peer), Extension(here)): (Extension<Peer>, Extension<Here>),
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let kept = journeys.begin(peer, &headers, asked, None).await?.end().await?;
    Ok(told(&kept, Form::of(&headers), &here))
}

/// `GET /j/ID`, and `/j/ID.json` and so on where a form cannot be wished for otherwise.
pub(in crate::http) async fn travelled(
    State(journeys): State<Arc<Journeys>>,
    Extension(here): Extension<Here>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (kept, suffix) = find(&journeys.past, &name, "journey")?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "a journey can be had as .json, .txt and .har");
    Ok(match suffix {
        Some("har") => answer(Form::Json.media_type(), pretty(&har(&kept.told))),
        suffix => told(&kept, Form::named(suffix, &headers).ok_or_else(unknown)?, &here),
    })
}

fn told(kept: &Kept<Journey>, form: Form, here: &Here) -> Response {
    let text = || format!("{}\n{here}/j/{}\n", kept.text(), kept.id);
    let fields = Fields { name: &kept.told.url, cold: kept.told.cold, ..Fields::default() };
    form.answer(&kept.document(), text, || about(&kept.told.url, &kept.id.to_string(), &fields, Told(kept)))
}

/// A journey as HTML.
struct Told<'a>(&'a Kept<Journey>);

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, id) = (&self.0.told.url, self.0.id);
        writeln!(f, "<article class=\"told\">\n<h1>{}</h1>\n<pre class=\"scroll\" tabindex=\"0\">", Markup(url))?;
        self.0.text().lines().try_for_each(|line| writeln!(f, "{}", Markup(line)))?;
        writeln!(
            f,
            "</pre>\n<p class=\"exports\"><a href=\"/j/{id}\">Permanent link</a> <a href=\"/j/{id}.json\">JSON</a> \
             <a href=\"/j/{id}.txt\">Text</a> <a href=\"/j/{id}.har\">HAR</a></p>\n</article>"
        )
    }
}
