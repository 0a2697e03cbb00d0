//! `/api/trace`: how an answer is found, as a document or as it happens.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn_local};

use super::json::{flag, question};
use super::problem::{Problem, liked};
use super::routes::Front;
use crate::listen::Peer;
use crate::serve::{Id, Kept, Knowledge, Occasion, Walked};
use crate::trace::{Paint, Trace};
use crate::wire::Question;

/// What may stand behind the question mark.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    name: String,
    #[serde(rename = "type")]
    qtype: Option<String>,
    cold: Option<String>,
    cd: Option<String>,
}

/// `GET /api/trace?name=…`.
pub(super) async fn trace(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) =
        asked.map_err(|_| Problem::bad_request("the query must have a parameter name, each but once"))?;
    let question = question(&asked.name, asked.qtype.as_deref())?;
    let from = if flag("cold", asked.cold.as_deref())? { Knowledge::Nothing } else { Knowledge::Current };
    let how = (from, flag("cd", asked.cd.as_deref())?);
    let form = liked(&headers, &["application/json", "text/event-stream", "text/plain"]);
    let (steps, told) = unbounded_channel();
    let walk = walk(&front, question, peer, how, (form == Some("text/event-stream")).then_some(steps))?;
    Ok(match form {
        Some("text/event-stream") => {
            typed("text/event-stream", Body::new(Story::new(told, walk, |kept| event("trace", &Document::new(kept)))))
        }
        Some("text/plain") => typed("text/plain; charset=utf-8", walk.end().await?.told.trace.to_text(Paint::Plain)),
        _ => typed("application/json", pretty(&Document::new(&*walk.end().await?))),
    })
}

pub(super) fn typed(media_type: &'static str, body: impl Into<Body>) -> Response {
    let fresh = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    ([(CONTENT_TYPE, HeaderValue::from_static(media_type)), fresh], body.into()).into_response()
}

/// A trace as it is kept: the document of docs/trace.md, and what is known of the occasion.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    #[serde(flatten)]
    trace: &'a Trace,
    id: Id,
    unix_ms: u64,
    occasion: Occasion,
    checking_disabled: bool,
}

impl<'a> Document<'a> {
    pub(super) fn new(kept: &'a Kept<Walked>) -> Self {
        let Walked { unix_ms, occasion, unchecked, trace } = &kept.told;
        Self { trace, id: kept.id, unix_ms: *unix_ms, occasion: *occasion, checking_disabled: *unchecked }
    }
}

pub(super) fn pretty(document: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Begins a walk, whose steps go to `steps`.
pub(super) fn walk(
    front: &Front,
    question: Question,
    peer: Peer,
    how: (Knowledge, bool),
    steps: Option<UnboundedSender<Bytes>>,
) -> Result<Walk, Problem> {
    let busy =
        || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many traces are being made; try again in a moment");
    let place = front.traces.clone().try_acquire_owned().map_err(|_| busy())?;
    let resolver = front.resolver.clone();
    Ok(Task(spawn_local(async move {
        let _place = place;
        let mut watch = |entry: &_| {
            if let Some(steps) = &steps {
                // Nobody listens any more: then the walk is about to be dropped.
                let _ = steps.send(event("step", entry));
            }
        };
        resolver.trace(question, peer.client.ip(), how, &mut watch).await
    })))
}

/// One event of the stream. JSON has no line breaks of its own, so one `data` line holds it whatever a name says.
pub(super) fn event(kind: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {kind}\ndata: {data}\n\n").into()
}

/// Work that ends when nobody waits for it any more.
pub(super) struct Task<T>(pub(super) JoinHandle<T>);

/// A walk, which is kept.
pub(super) type Walk = Task<Arc<Kept<Walked>>>;

impl<T> Task<T> {
    pub(super) async fn end(mut self) -> Result<T, Problem> {
        let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the walk came to no end");
        (&mut self.0).await.map_err(failed)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The stream of events: the steps, then the whole document. A slow reader lets them pile up, but no more of them
/// than the limits of the work allow.
pub(super) struct Story<T> {
    told: UnboundedReceiver<Bytes>,
    task: Option<Task<T>>,
    last: fn(&T) -> Bytes,
}

impl<T> Story<T> {
    /// What is `told` while `task` is at work, and in the end what it brings, as the `last` event.
    pub(super) fn new(told: UnboundedReceiver<Bytes>, task: Task<T>, last: fn(&T) -> Bytes) -> Self {
        Self { told, task: Some(task), last }
    }
}

impl<T: 'static> hyper::body::Body for Story<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(step) = ready!(self.told.poll_recv(context)) {
            return Poll::Ready(Some(Ok(Frame::data(step))));
        }
        // The channel is closed: the work has ended, and every step was told.
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(&mut task.0).poll(context));
        self.task = None;
        Poll::Ready(ended.ok().map(|document| Ok(Frame::data((self.last)(&document)))))
    }
}
