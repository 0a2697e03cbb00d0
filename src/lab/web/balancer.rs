//! A load balancer with one application server behind it, which says how long each of the two took.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{
    ACCEPT, CONNECTION, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, TRANSFER_ENCODING, VIA,
};
use axum::http::{Request, Response, StatusCode, Uri};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::asked::Asked;
use super::pages::note;

/// How long the application may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets of the largest page that the application sends.
const LARGEST: usize = 1 << 20;
/// Connections that wait for their next request.
const IDLE: usize = 8;
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// One balancer.
pub(super) struct Balancer {
    name: String,
    application: SocketAddr,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl Balancer {
    pub(super) fn new(name: &str, application: SocketAddr) -> Self {
        Self { name: name.to_owned(), application, idle: Mutex::new(Vec::new()) }
    }

    /// Passes one request on, after thinking for `delay`.
    pub(super) async fn pass(&self, asked: Asked, delay: Duration) -> Response<Body> {
        let begun = Instant::now();
        sleep(delay).await;
        let mut response = match timeout(PATIENCE, self.ask(&asked)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => note(StatusCode::BAD_GATEWAY, "502 Bad Gateway", &format!("The application: {error}.")),
            Err(_) => note(StatusCode::GATEWAY_TIMEOUT, "504 Gateway Timeout", "The application does not answer."),
        };
        let behind = response.headers().get(SERVER_TIMING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // What the others did not take was taken here, the way to the application and back included.
        let own_ms = (begun.elapsed().as_secs_f64() * 1000.0 - total_ms(behind)).max(0.0);
        let mut timing = format!("lb;dur={own_ms:.3};desc=\"load balancer {}\"", self.name);
        if !behind.is_empty() {
            let _ = write!(timing, ", {behind}");
        }
        if let Ok(timing) = HeaderValue::from_str(&timing) {
            response.headers_mut().insert(SERVER_TIMING, timing);
        }
        if let Ok(via) = HeaderValue::from_str(&format!("1.1 {}", self.name)) {
            response.headers_mut().insert(VIA, via);
        }
        response
    }

    async fn ask(&self, asked: &Asked) -> io::Result<Response<Body>> {
        let mut sender = match self.waiting() {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let (mut head, body) = sender.send_request(self.request(asked)).await.map_err(io::Error::other)?.into_parts();
        let body = to_bytes(Body::new(body), LARGEST).await.map_err(io::Error::other)?;
        // RFC 9110 §7.6.1: these end here.
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(sender);
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }

    /// A connection that is still good.
    fn waiting(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock();
        let ready = idle.iter().position(SendRequest::is_ready)?;
        let sender = idle.swap_remove(ready);
        // Those that were closed meanwhile are not waited for.
        idle.retain(|sender| !sender.is_closed());
        Some(sender)
    }

    async fn connect(&self) -> io::Result<SendRequest<Body>> {
        let stream = TcpStream::connect(self.application).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// What the application is asked: as little of the client's head as it needs.
    fn request(&self, asked: &Asked) -> Request<Body> {
        let (uri, theirs) = (asked.request.uri(), asked.request.headers());
        let mut headers = HeaderMap::new();
        for name in [ACCEPT, IF_NONE_MATCH] {
            for value in theirs.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        let text = |value: String| HeaderValue::from_str(&value).ok();
        let scheme = if asked.is_secure { "https" } else { "http" };
        let forwarded = text(format!("for={};proto={scheme};by={}", asked.client, self.name));
        for (name, value) in [(HOST, text(self.application.to_string())), (FORWARDED, forwarded)] {
            headers.extend(value.map(|value| (name, value)));
        }
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.path_and_query().map_or_else(|| Uri::from_static("/"), |path| path.clone().into());
        *request.headers_mut() = headers;
        request
    }
}

/// The sum of all `dur` of a Server-Timing field.
fn total_ms(timing: &str) -> f64 {
    let parameters = timing.split([',', ';']).filter_map(|part| part.trim().strip_prefix("dur="));
    parameters.filter_map(|dur| dur.parse::<f64>().ok()).sum()
}
