//! `/api/journey`: how a page is fetched, as a document, as a waterfall or as it happens.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;

use super::super::json::flag;
use super::super::page::{Document, keep};
use super::super::problem::{Problem, liked};
use super::super::routes::Front;
use super::super::tell::{Story, Task, event, pretty, typed};
use super::scout::Teller;
use super::{Wanted, follow, url};
use crate::journey::{Journey, Look, waterfall};
use crate::listen::Peer;
use crate::serve::Kept;

/// Columns of the waterfall where nobody says how wide the terminal is.
const WIDTH: usize = 120;

/// What may stand behind the question mark.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Asked {
    url: String,
    cold: Option<String>,
}

/// `GET /api/journey?url=…`.
pub(in super::super) async fn journey(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let form = liked(&headers, &["application/json", "text/event-stream", "text/plain"]);
    let (steps, told) = unbounded_channel();
    let task = begin(&front, peer, &headers, asked, (form == Some("text/event-stream")).then_some(steps))?;
    Ok(match form {
        Some("text/event-stream") => {
            let last = |kept: &Arc<Kept<Journey>>| event("journey", &Document::new(kept));
            typed("text/event-stream", Body::new(Story::new(told, task, last)))
        }
        Some("text/plain") => {
            let look = Look { width: WIDTH, unicode: true, colours: false };
            typed("text/plain; charset=utf-8", waterfall(&task.end().await?.told, &look))
        }
        _ => typed("application/json", pretty(&Document::new(&*task.end().await?))),
    })
}

/// Begins a journey, whose steps go to `steps`.
pub(in super::super) fn begin(
    front: &Front,
    peer: Peer,
    headers: &HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
    steps: Option<UnboundedSender<Bytes>>,
) -> Result<Task<Arc<Kept<Journey>>>, Problem> {
    // A link on a page from elsewhere could make this machine ask for what that page chooses; following links is
    // fine where it only shows something.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site") {
        return Err(Problem::new(StatusCode::FORBIDDEN, "pages of other sites may not have pages fetched here"));
    }
    let Query(asked) = asked.map_err(|_| Problem::bad_request("the query must have a parameter url, each but once"))?;
    let wanted =
        Wanted { url: url(&asked.url).map_err(Problem::bad_request)?, cold: flag("cold", asked.cold.as_deref())? };
    let busy =
        || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many journeys are under way; try again in a moment");
    let place = front.traces.clone().try_acquire_owned().map_err(|_| busy())?;
    let front = front.clone();
    Ok(Task(spawn_local(async move {
        let _place = place;
        let journey = follow::follow(&front, wanted, peer.client.ip(), &Teller(steps)).await;
        keep(&front, journey)
    })))
}
