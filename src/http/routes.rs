//! Which request is answered by whom.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCEPT, ALLOW, CONNECTION, HeaderValue, UPGRADE};
use axum::http::uri::Scheme;
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tower_service::Service as _;

use super::doh::Dns;
use super::flush::Flushing;
use super::here::Here;
use super::journey::{Journeys, Traveller, Trust};
use super::origin::Origins;
use super::page::Past;
use super::places::Places;
use super::problem::Problem;
use super::proxy::Proxy;
use super::traces::Traces;
use super::{HttpSettings, doh, flush, guard, journey, json, page, traces};
use crate::journey::Journey;
use crate::listen::Peer;
use crate::serve::{Resolver, Ring};

/// Everything that answers requests.
#[derive(Clone, Debug)]
pub(super) struct Front {
    resolver: Resolver,
    pub(super) settings: Arc<HttpSettings>,
    lasting: Lasting,
    proxy: Arc<Proxy>,
    routes: Router,
}

/// What outlasts a resolver that is renewed.
#[derive(Clone, Debug)]
struct Lasting {
    waiting: Places,
    arriving: Places,
    tunnels: Places,
    places: Places,
    origins: Arc<Origins>,
    trust: Arc<Trust>,
    journeys: Arc<Ring<Journey>>,
}

impl Lasting {
    fn new(settings: &HttpSettings) -> Self {
        let full = "too many traces and journeys are being made (http.traces); try again in a moment";
        Self {
            waiting: Places::new(settings.waiting, "too many questions wait for their answers"),
            arriving: Places::new(settings.waiting, "too many questions are being sent"),
            tunnels: Places::new(settings.proxy.tunnels, "too many tunnels are open"),
            places: Places::new(settings.traces, full),
            origins: Arc::new(Origins::new(settings.proxy.clone())),
            trust: Arc::new(Trust::new(settings.fetch.authorities.clone())),
            journeys: Arc::new(Ring::new(settings.journey_bytes)),
        }
    }
}

impl Front {
    pub(super) fn new(resolver: Resolver, settings: HttpSettings) -> Self {
        let lasting = Lasting::new(&settings);
        Self::with(resolver, Arc::new(settings), lasting)
    }

    /// The same before another resolver.
    pub(super) fn renewed(&self, resolver: Resolver) -> Self {
        Self::with(resolver, Arc::clone(&self.settings), self.lasting.clone())
    }

    fn with(resolver: Resolver, settings: Arc<HttpSettings>, lasting: Lasting) -> Self {
        let (waiting, arriving) = (lasting.waiting.clone(), lasting.arriving.clone());
        let dns = Dns { resolver: resolver.clone(), waiting, arriving, idle: settings.idle };
        let (origins, tunnels) = (Arc::clone(&lasting.origins), lasting.tunnels.clone());
        let proxy = Arc::new(Proxy { dns: dns.clone(), origins, tunnels });
        let routes = routes(dns, &lasting, &settings);
        Self { resolver, settings, lasting, proxy, routes }
    }

    /// Answers one request, whatever it is.
    pub(super) async fn answer(&self, request: Request, peer: Peer, here: &Here) -> Response {
        // What the answer depends on, whoever gives it; most requests say nothing of it.
        let mut wishes = HeaderMap::new();
        for accept in request.headers().get_all(ACCEPT) {
            wishes.append(ACCEPT, accept.clone());
        }
        let connects = request.method() == Method::CONNECT;
        let wants_change = connects || request.headers().contains_key(UPGRADE);
        let mut response = self.find(request, peer, here).await.unwrap_or_else(IntoResponse::into_response);
        let mut problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &mut problem {
            // Which methods there are is known to the router alone, and curl shows no Allow.
            if let Some(methods) = response.headers().get(ALLOW).and_then(|methods| methods.to_str().ok()) {
                problem.sentence = format!("this resource takes {} alone", methods.replace(',', ", ")).into();
            }
            response = problem.fill(response, &wishes);
        }
        // Where a change of protocol was asked for and not granted, nobody watches what comes next.
        let is_granted =
            response.status() == StatusCode::SWITCHING_PROTOCOLS || connects && response.status().is_success();
        let stays = wants_change && !is_granted;
        if stays || problem.is_some_and(|problem| problem.is_of_proxy()) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn find(&self, mut request: Request, peer: Peer, here: &Here) -> Result<Response, Problem> {
        if !self.resolver.admits(peer.client.ip()) {
            return Err(guard::not_listed("nothing is served to", peer, "server.allow"));
        }
        if self.is_for_others(&request, peer, here) {
            if !self.settings.proxy.on {
                return Err(Problem::new(StatusCode::FORBIDDEN, "this server is no proxy (proxy.on)"));
            }
            guard::host(request.headers(), request.version())?;
            return self.proxy.pass(request, peer, here).await;
        }
        let (head, body) = request.into_parts();
        let called = guard::judge(&head, self.settings.names())?;
        request = Request::from_parts(head, body);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(called.map_or_else(|| here.clone(), |called| here.called(&called)));
        Ok(self.routes.clone().call(request).await.unwrap_or_else(|never| match never {}))
    }

    /// Whether a request is to be passed on. In HTTP/2 every target is absolute, so there it says nothing; but nobody
    /// asks for `http` over TLS who does not want it fetched from elsewhere.
    fn is_for_others(&self, request: &Request, peer: Peer, here: &Here) -> bool {
        let is_other = |target| !guard::is_this_server(target, peer.local, self.settings.names());
        let may_be_other =
            request.version() < Version::HTTP_2 || here.is_secure() && request.uri().scheme() == Some(&Scheme::HTTP);
        request.method() == Method::CONNECT || may_be_other && request.uri().authority().is_some_and(is_other)
    }
}

/// All that this server has itself: each part of it knows what it works with, and no more.
fn routes(dns: Dns, lasting: &Lasting, settings: &HttpSettings) -> Router {
    let resolver = dns.resolver.clone();
    let Lasting { places, origins, trust, journeys, .. } = lasting.clone();
    let traveller = Traveller { resolver: resolver.clone(), origins, trust, settings: settings.fetch.clone() };
    let journeys = Arc::new(Journeys { traveller, places: places.clone(), past: journeys });
    let allow = settings.past_allow.clone();
    let past = Past { resolver: resolver.clone(), journeys: Arc::clone(&journeys), allow };
    Router::new()
        .route("/dns-query", only(get(doh::get).post(doh::post)))
        .route("/resolve", only(get(json::resolve)))
        .with_state(dns)
        .route("/api/flush", only(post(flush::flush)))
        .with_state(Flushing { resolver: resolver.clone(), allow: settings.flush_allow.as_slice().into() })
        .route("/api/trace", only(get(traces::trace)))
        .route("/trace/", only(get(page::trace)))
        .route("/trace/{*name}", only(get(page::trace)))
        .route("/t/{id}", only(get(page::kept)))
        .with_state(Traces { resolver, places })
        .route("/api/journey", only(get(journey::journey)))
        .route("/journey", only(get(page::journey)))
        .route("/j/{id}", only(get(page::travelled)))
        .with_state(journeys)
        .route("/past", only(get(page::past)))
        .route("/api/cache", only(get(page::known)))
        .route("/live", only(get(page::live)))
        .route("/metrics", only(get(page::metrics)))
        .with_state(Arc::new(past))
        .route("/zoo", only(get(page::zoo)))
        .with_state(settings.zoo.as_slice().into())
        .route("/", only(get(page::index)))
        .route("/trace", only(get(page::ask)))
        .route("/page/{file}", only(get(page::asset)))
        .fallback(|| async {
            Problem::new(StatusCode::NOT_FOUND, "there is nothing here; the page / lists what there is")
        })
}

/// A resource that has these methods and no others.
fn only<S: Clone + Send + Sync + 'static>(methods: MethodRouter<S>) -> MethodRouter<S> {
    methods.fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not for this resource") })
}
