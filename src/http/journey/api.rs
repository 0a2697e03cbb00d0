//! `/api/journey`: how a page is fetched, as a document, as a waterfall or as it happens.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Wanted;
use super::follow::Traveller;
use super::scout::Teller;
use crate::http::asked::{flag, parameters, url};
use crate::http::guard::is_of_another_site;
use crate::http::places::Places;
use crate::http::problem::Problem;
use crate::http::stream::{Listener, Task, Told, tell};
use crate::journey::{Journey, Look, waterfall};
use crate::listen::Peer;
use crate::serve::{Id, Kept, Ring};

/// Columns of the waterfall where nobody says how wide the terminal is.
const WIDTH: usize = 120;

/// Journeys for clients, and those of the past.
#[derive(Debug)]
pub(in crate::http) struct Journeys {
    pub(in crate::http) traveller: Traveller,
    pub(in crate::http) places: Places,
    pub(in crate::http) past: Arc<Ring<Journey>>,
}

/// What may stand behind the question mark, and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Asked {
    url: String,
    cold: Option<String>,
}

/// `GET /api/journey?url=…`.
pub(in crate::http) async fn journey(
    State(journeys): State<Arc<Journeys>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    tell(&headers, async |listener| journeys.begin(peer, &headers, asked, listener).await).await
}

impl Journeys {
    /// Begins a journey as soon as there is a place for it; its steps go to `listener`.
    pub(in crate::http) async fn begin(
        self: &Arc<Self>,
        peer: Peer,
        headers: &HeaderMap,
        asked: Result<Query<Asked>, QueryRejection>,
        listener: Listener,
    ) -> Result<Task<Arc<Kept<Journey>>>, Problem> {
        // A link on a page from elsewhere could make this machine ask for what that page chooses; following links is
        // fine where it only shows something.
        if is_of_another_site(headers) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "pages of other sites may not have pages fetched here"));
        }
        let asked = parameters(asked)?;
        let (url, cold) = (url(&asked.url).map_err(Problem::bad_request)?, flag("cold", asked.cold.as_deref())?);
        let (place, journeys) = (self.places.wait(peer.client.ip()).await?, Arc::clone(self));
        Ok(Task::new(async move {
            let _place = place;
            let teller = Teller(listener);
            journeys.keep(journeys.traveller.follow(Wanted { url, cold }, peer.client.ip(), &teller).await)
        }))
    }

    /// Keeps a journey; its memory is taken to be what its document takes.
    fn keep(&self, journey: Journey) -> Arc<Kept<Journey>> {
        let bytes = serde_json::to_vec(&journey).map_or(usize::MAX / 2, |text| text.len());
        self.past.keep(journey, bytes)
    }
}

impl Told for Kept<Journey> {
    const EVENT: &'static str = "journey";

    fn document(&self) -> impl Serialize {
        Document { journey: &self.told, id: self.id }
    }

    fn text(&self) -> String {
        waterfall(&self.told, &Look { width: WIDTH, unicode: true, colours: false })
    }
}

/// A journey as it is kept: the document of docs/journey.md and the name of its link.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    journey: &'a Journey,
    id: Id,
}
