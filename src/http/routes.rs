//! Which request is answered by whom.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONNECTION, HOST, HeaderValue, UPGRADE};
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use tokio::sync::Semaphore;
use tower_service::Service as _;

use super::balance::Balance;
use super::connect::Client;
use super::here::Here;
use super::journey::{self, Trust};
use super::pool::Pool;
use super::problem::Problem;
use super::{HttpSettings, doh, guard, json, page, proxy, tell};
use crate::journey::Journey;
use crate::listen::Peer;
use crate::serve::{Resolver, Ring};

/// What all requests share.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub(super) resolver: Resolver,
    pub(super) settings: Arc<HttpSettings>,
    /// Places for questions whose answer takes time.
    pub(super) waiting: Arc<Semaphore>,
    /// Places for traces.
    pub(super) traces: Arc<Semaphore>,
    /// Places for tunnels.
    pub(super) tunnels: Arc<Semaphore>,
    /// The journeys of the past.
    pub(super) journeys: Arc<Ring<Journey>>,
    /// Connections to origins.
    pub(super) pool: Arc<Pool>,
    /// How busy their addresses are.
    pub(super) balance: Arc<Balance>,
    /// Whom to believe about origins.
    pub(super) trust: Arc<Trust>,
    routes: Router,
}

impl Front {
    pub(super) fn new(resolver: Resolver, settings: HttpSettings) -> Self {
        let mut front = Self {
            resolver,
            waiting: Arc::new(Semaphore::new(settings.waiting)),
            traces: Arc::new(Semaphore::new(settings.traces)),
            tunnels: Arc::new(Semaphore::new(settings.proxy.tunnels)),
            journeys: Arc::new(Ring::new(settings.journey_bytes)),
            pool: Arc::new(Pool::new(settings.proxy.pooled)),
            balance: Arc::new(Balance::new()),
            trust: Arc::new(Trust::new(settings.fetch.authorities.clone())),
            settings: Arc::new(settings),
            routes: Router::new(),
        };
        front.routes = routes(&front);
        front
    }

    /// Answers one request, whatever it is.
    pub(super) async fn answer(&self, request: Request, peer: Peer, here: &Here) -> Response {
        // What the answer depends on, whoever gives it; most requests say nothing of it.
        let mut wishes = HeaderMap::new();
        for accept in request.headers().get_all(ACCEPT) {
            wishes.append(ACCEPT, accept.clone());
        }
        let wants_change = request.headers().contains_key(UPGRADE);
        let mut response = self.find(request, peer, here).await.unwrap_or_else(IntoResponse::into_response);
        let problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &problem {
            response = problem.fill(response, &wishes);
        }
        // Where a change of protocol was asked for and not granted, nobody watches what comes next.
        let stays = wants_change && response.status() != StatusCode::SWITCHING_PROTOCOLS;
        if stays || problem.is_some_and(|problem| problem.is_of_proxy()) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn find(&self, mut request: Request, peer: Peer, here: &Here) -> Result<Response, Problem> {
        if !self.resolver.admits(peer.client.ip()) {
            let sentence = "clients of this network are not served here (server.allow)";
            return Err(Problem::new(StatusCode::FORBIDDEN, sentence));
        }
        if self.is_for_others(&request, peer) {
            if !self.settings.proxy.on {
                return Err(Problem::new(StatusCode::FORBIDDEN, "this server is no proxy (proxy.on)"));
            }
            // RFC 9112 §3.2: no Host is a 400, also where the target says where to.
            if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
                return Err(Problem::bad_request("the request has no Host"));
            }
            let client = Client { front: self, peer, here };
            return match *request.method() {
                Method::CONNECT => proxy::tunnel(self, request, client).await,
                _ => proxy::forward(self, request, client).await,
            };
        }
        let (head, body) = request.into_parts();
        let called = guard::judge(&head, &self.settings.hosts)?;
        request = Request::from_parts(head, body);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(called.map_or_else(|| here.clone(), |called| here.called(&called)));
        Ok(self.routes.clone().call(request).await.unwrap_or_else(|never| match never {}))
    }

    /// Whether a request is to be passed on. In HTTP/2 every target is absolute, so there it says nothing.
    fn is_for_others(&self, request: &Request, peer: Peer) -> bool {
        let is_other = |target| !guard::is_this_server(target, peer.local, &self.settings.hosts);
        request.version() < Version::HTTP_2
            && (request.method() == Method::CONNECT || request.uri().authority().is_some_and(is_other))
    }
}

fn routes(front: &Front) -> Router {
    let not_allowed =
        || async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not for this resource; see Allow") };
    let only = |method: MethodRouter<Front>| method.fallback(not_allowed);
    Router::new()
        .route("/", only(get(page::index)))
        .route("/dns-query", only(get(doh::get).post(doh::post)))
        .route("/resolve", only(get(json::resolve)))
        .route("/api/trace", only(get(tell::trace)))
        .route("/trace", only(get(page::ask)))
        .route("/trace/{*name}", only(get(page::trace)))
        .route("/t/{id}", only(get(page::kept)))
        .route("/journey", only(get(page::journey)))
        .route("/j/{id}", only(get(page::travelled)))
        .route("/past", only(get(page::past)))
        .route("/live", only(get(page::live)))
        .route("/metrics", only(get(page::metrics)))
        .route("/zoo", only(get(page::zoo)))
        .route("/page/{file}", only(get(page::asset)))
        .route("/api/journey", only(get(journey::journey)))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing here; / lists what there is") })
        .with_state(front.clone())
}
