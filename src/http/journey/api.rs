//! `/api/journey`: how a page is fetched, as a document, as a waterfall or as it happens.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_local;

use super::super::json::flag;
use super::super::problem::{Problem, liked};
use super::super::routes::Front;
use super::super::tell::{Story, Task, event, pretty, typed};
use super::scout::Teller;
use super::{Wanted, follow, url};
use crate::journey::{Look, waterfall};
use crate::listen::Peer;

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
    let form = liked(&headers, &["application/json", "text/event-stream", "text/plain"]);
    let (steps, told) = unbounded_channel();
    let teller = Teller((form == Some("text/event-stream")).then_some(steps));
    let task = Task(spawn_local(async move {
        let _place = place;
        follow::follow(&front, wanted, peer.client.ip(), &teller).await
    }));
    Ok(match form {
        Some("text/event-stream") => {
            typed("text/event-stream", Body::new(Story::new(told, task, |journey| event("journey", journey))))
        }
        Some("text/plain") => {
            let look = Look { width: WIDTH, unicode: true, colours: false };
            typed("text/plain; charset=utf-8", waterfall(&task.end().await?, &look))
        }
        _ => typed("application/json", pretty(&task.end().await?)),
    })
}
