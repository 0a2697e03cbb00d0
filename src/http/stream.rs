//! What takes a while and can be watched meanwhile: as a document, as text, or as events while it happens.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn_local};

use super::problem::{Problem, liked};

/// What comes of such work.
pub(super) trait Told {
    /// The name of the event that brings it.
    const EVENT: &'static str;

    /// All of it, for programs.
    fn document(&self) -> impl Serialize;

    /// All of it, for people.
    fn text(&self) -> String;
}

/// Whoever listens to the steps, if anybody does.
pub(super) type Listener = Option<UnboundedSender<Bytes>>;

/// Has the work done that `begin` begins, and answers in the form that the client wishes for.
pub(super) async fn tell<T: Told + Send + Sync + 'static>(
    headers: &HeaderMap,
    begin: impl AsyncFnOnce(Listener) -> Result<Task<Arc<T>>, Problem>,
) -> Result<Response, Problem> {
    Ok(match liked(headers, &["application/json", "text/event-stream", "text/plain"]) {
        Some("text/event-stream") => {
            let (steps, told) = unbounded_channel();
            not_stored("text/event-stream", Body::new(Story { told, task: Some(begin(Some(steps)).await?) }))
        }
        Some("text/plain") => not_stored("text/plain; charset=utf-8", begin(None).await?.end().await?.text()),
        _ => not_stored("application/json", pretty(&begin(None).await?.end().await?.document())),
    })
}

/// An answer that is for nobody else, nor for later.
pub(super) fn not_stored(media_type: &'static str, body: impl Into<Body>) -> Response {
    let fixed = [(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (fixed.map(|(name, value)| (name, HeaderValue::from_static(value))), body.into()).into_response()
}

pub(super) fn pretty(document: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).unwrap_or_default();
    text.push(b'\n');
    text
}

/// As [`pretty`], in one line, which is one on a terminal too.
pub(super) fn line(document: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(document).unwrap_or_default();
    text.push(b'\n');
    text
}

/// One event of the stream. JSON has no line breaks of its own, so one `data` line holds it whatever a name says.
pub(super) fn event(kind: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {kind}\ndata: {data}\n\n").into()
}

/// Work that ends when nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Task<T>(JoinHandle<T>);

impl<T: 'static> Task<T> {
    pub(super) fn new(work: impl Future<Output = T> + 'static) -> Self {
        Self(spawn_local(work))
    }

    pub(super) async fn end(mut self) -> Result<T, Problem> {
        let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the work broke off; the log may say why");
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
struct Story<T> {
    told: UnboundedReceiver<Bytes>,
    task: Option<Task<Arc<T>>>,
}

impl<T: Told + 'static> hyper::body::Body for Story<T> {
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
        Poll::Ready(ended.ok().map(|told| Ok(Frame::data(event(T::EVENT, &told.document())))))
    }
}
