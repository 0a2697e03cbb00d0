//! `/api/trace`: how an answer is found, as a document or as it happens.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::asked::{flag, parameters, question};
use super::places::Places;
use super::problem::Problem;
use super::stream::{Listener, Task, Told, event, tell};
use crate::listen::Peer;
use crate::serve::{Id, Kept, Occasion, Resolver, Telling, Walked};
use crate::trace::{Paint, Trace};
use crate::wire::Question;

/// Walks that somebody watches.
#[derive(Clone, Debug)]
pub(super) struct Traces {
    pub(super) resolver: Resolver,
    pub(super) places: Places,
}

/// What may stand behind the question mark; nothing else, as a slip would tell of something else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    name: String,
    #[serde(rename = "type")]
    qtype: Option<String>,
    cold: Option<String>,
    cd: Option<String>,
}

/// `GET /api/trace?name=…`.
pub(super) async fn trace(
    State(traces): State<Traces>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let asked = parameters(asked)?;
    let question = question(&asked.name, asked.qtype.as_deref())?;
    let (cold, checking_disabled) = (flag("cold", asked.cold.as_deref())?, flag("cd", asked.cd.as_deref())?);
    let how = Telling { cold, checking_disabled };
    tell(&headers, async |listener| traces.walk(question, peer, how, listener).await).await
}

impl Traces {
    /// Begins a walk as soon as there is a place for it; its steps go to `listener`.
    pub(super) async fn walk(
        &self,
        question: Question,
        peer: Peer,
        how: Telling,
        listener: Listener,
    ) -> Result<Task<Arc<Kept<Walked>>>, Problem> {
        let (place, resolver) = (self.places.wait(peer.client.ip()).await?, self.resolver.clone());
        Ok(Task::new(async move {
            let _place = place;
            let mut watch = |entry: &_| {
                if let Some(listener) = &listener {
                    // Nobody listens any more: then the walk is about to be dropped.
                    let _ = listener.send(event("step", entry));
                }
            };
            resolver.explain(question, peer.client.ip(), how, &mut watch).await.kept
        }))
    }
}

impl Told for Kept<Walked> {
    const EVENT: &'static str = "trace";

    fn document(&self) -> impl Serialize {
        let Walked { unix_ms, occasion, checking_disabled, trace } = &self.told;
        Document { trace, id: self.id, unix_ms: *unix_ms, occasion: *occasion, checking_disabled: *checking_disabled }
    }

    fn text(&self) -> String {
        self.told.trace.to_text(Paint::Plain)
    }
}

/// A trace as it is kept: the document of docs/trace.md, and what is known of the occasion.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    trace: &'a Trace,
    id: Id,
    unix_ms: u64,
    occasion: Occasion,
    checking_disabled: bool,
}
