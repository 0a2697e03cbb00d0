//! Which request is answered by whom.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use tokio::sync::Semaphore;
use tower_service::Service as _;

use super::problem::Problem;
use super::{HttpSettings, doh, guard, json, tell};
use crate::listen::Peer;
use crate::serve::Resolver;

const INDEX: &str = "\
rootwalk: a recursive DNS resolver that can explain every answer it gives.

  /dns-query                             DNS over HTTP (RFC 8484), GET and POST
  /resolve?name=NAME&type=TYPE           the answer as JSON; also do=1, cd=1
  /api/trace?name=NAME&type=TYPE         how the answer is found; cold=1 begins with empty caches
                                         Accept: text/plain for people, text/event-stream as it happens
";

/// What all requests share.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub(super) resolver: Resolver,
    pub(super) settings: Arc<HttpSettings>,
    /// Places for questions whose answer takes time.
    pub(super) waiting: Arc<Semaphore>,
    /// Places for traces.
    pub(super) traces: Arc<Semaphore>,
    routes: Router,
}

impl Front {
    pub(super) fn new(resolver: Resolver, settings: HttpSettings) -> Self {
        let mut front = Self {
            resolver,
            waiting: Arc::new(Semaphore::new(settings.waiting)),
            traces: Arc::new(Semaphore::new(settings.traces)),
            settings: Arc::new(settings),
            routes: Router::new(),
        };
        front.routes = routes(&front);
        front
    }

    /// Answers one request, whatever it is.
    pub(super) async fn answer(&self, mut request: Request, peer: Peer) -> Response {
        let headers = request.headers().clone();
        let mut response = match self.admit(&mut request, peer) {
            Err(problem) => problem.into_response(),
            Ok(()) => self.routes.clone().call(request).await.unwrap_or_else(|never| match never {}),
        };
        match response.extensions_mut().remove::<Problem>() {
            Some(problem) => problem.fill(response, &headers),
            None => response,
        }
    }

    fn admit(&self, request: &mut Request, peer: Peer) -> Result<(), Problem> {
        if !self.resolver.admits(peer.client.ip()) {
            let sentence = "clients of this network are not served here (server.allow)";
            return Err(Problem::new(StatusCode::FORBIDDEN, sentence));
        }
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let (head, ()) = std::mem::take(request).map(|_| ()).into_parts();
        let judged = guard::judge(&head, &self.settings.hosts);
        *request = Request::from_parts(head, body);
        request.extensions_mut().insert(peer);
        judged
    }
}

fn routes(front: &Front) -> Router {
    let not_allowed =
        || async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not for this resource; see Allow") };
    let only = |method: MethodRouter<Front>| method.fallback(not_allowed);
    Router::new()
        .route("/", only(get(index)))
        .route("/dns-query", only(get(doh::get).post(doh::post)))
        .route("/resolve", only(get(json::resolve)))
        .route("/api/trace", only(get(tell::trace)))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing here; / lists what there is") })
        .with_state(front.clone())
}

async fn index() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], INDEX).into_response()
}
