//! One origin: its connections, and what it answers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, SERVER};
use axum::http::{Method, Response, StatusCode};
use http_body_util::channel::Channel;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::super::origin::{Origin, Serves};
use super::super::serve::accept;
use super::asked::Asked;
use super::balancer::Balancer;
use super::pages::{self, KEPT, note, redirect};
use super::shop::Shop;
use super::{Ports, WebError, host_names};
use crate::trace::Markup;

/// Connections at once to one port of an origin; answers a thousand idle ones.
const MAX_CONNECTIONS: usize = 256;
/// How long a handshake or a head may take, and an idle connection may stay.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of the slow page.
const SLOW_LINES: usize = 6;
/// Octets that a page promises which is cut off after a few.
const PROMISED: u32 = 100_000;

/// What one origin knows.
pub(super) struct Answerer {
    address: IpAddr,
    /// The first of its names.
    name: String,
    ports: Ports,
    delay: Duration,
    serves: Service,
}

/// [`Serves`], ready to do so.
enum Service {
    /// Media type and text by path.
    Files(BTreeMap<String, (&'static str, String)>),
    Hello,
    Balancer(Balancer),
    Shop(Shop),
    Redirects(u8),
    RedirectLoop,
    Slow(Duration),
    CutOff,
    Status(StatusCode),
}

impl Answerer {
    pub(super) fn new(origin: &Origin, ports: Ports) -> Result<Self, WebError> {
        let name = host_names(origin).into_iter().next().unwrap_or_else(|| origin.address.to_string());
        let serves = match &origin.serves {
            Serves::Files(files) => {
                let page = |file: &super::super::origin::File| (pages::media_type(&file.path), file.text.clone());
                Service::Files(files.iter().map(|(path, file)| (path.clone(), page(file))).collect())
            }
            Serves::Balances(address) => Service::Balancer(Balancer::new(&name, (*address, ports.http).into())),
            Serves::Shop { database, style } => Service::Shop(Shop::open(database, style)?),
            Serves::Redirects(hops) => Service::Redirects(*hops),
            Serves::RedirectLoop => Service::RedirectLoop,
            Serves::Slow { line_ms } => Service::Slow(Duration::from_millis(*line_ms)),
            Serves::CutOff => Service::CutOff,
            Serves::Status(code) => {
                Service::Status(StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            }
            // Those two have no connections to answer on.
            Serves::Hello | Serves::Nothing | Serves::Silence => Service::Hello,
        };
        Ok(Self { address: origin.address, name, ports, delay: Duration::from_millis(origin.delay_ms), serves })
    }

    async fn answer(&self, asked: Asked) -> Response<Body> {
        let method = asked.request.method();
        if method != Method::GET && method != Method::HEAD {
            let mut response = note(StatusCode::METHOD_NOT_ALLOWED, "Not here", "This server is for reading.");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let (headers, path) = (asked.request.headers(), asked.request.uri().path().to_owned());
        match &self.serves {
            Service::Balancer(balancer) => balancer.pass(asked, self.delay).await,
            Service::Files(files) => match files.get(&path) {
                Some((media_type, text)) => pages::send(headers, media_type, KEPT, text),
                None => note(StatusCode::NOT_FOUND, "Nothing here", &format!("There is no {path} on this server.")),
            },
            Service::Hello => self.hello(&asked),
            Service::Shop(shop) => shop.answer(&asked.request),
            Service::Redirects(hops) => self.redirects(*hops, &path, &asked),
            Service::RedirectLoop => redirect(if path == "/there" { "/and-back" } else { "/there" }),
            Service::Slow(pause) => slow(*pause),
            Service::CutOff => cut_off(),
            Service::Status(status) => note(*status, &status.to_string(), "This server fails, as it was told to."),
        }
    }

    fn hello(&self, asked: &Asked) -> Response<Body> {
        let sentence = format!(
            "You asked for {}, and its name led you to {}: one of the lab's web origins.",
            asked.host().unwrap_or(&self.name),
            self.address
        );
        let body = format!("<p>{}</p>", Markup(&sentence));
        pages::send(asked.request.headers(), pages::media_type(".html"), KEPT, &pages::document("Hello", &body))
    }

    /// Each path has the number of hops that are left; the last one leads to TLS.
    fn redirects(&self, hops: u8, path: &str, asked: &Asked) -> Response<Body> {
        let left = path.strip_prefix("/hop/").and_then(|left| left.parse::<u8>().ok()).unwrap_or(hops);
        match left.min(hops) {
            _ if path == "/end" => note(StatusCode::OK, "Arrived", "This is the end of the chain."),
            0 if asked.is_secure => redirect("/end"),
            0 => redirect(&format!("https://{}:{}/end", self.name, self.ports.https)),
            left => redirect(&format!("/hop/{}", left - 1)),
        }
    }
}

/// Pieces that come one after another, each after a pause. Its length is whatever the head promises.
fn paced(pieces: Vec<String>, pause: Duration) -> Body {
    let (mut sender, body) = Channel::<Bytes>::new(1);
    tokio::spawn(async move {
        for piece in pieces {
            sleep(pause).await;
            if sender.send_data(piece.into()).await.is_err() {
                return;
            }
        }
    });
    Body::new(body)
}

fn slow(pause: Duration) -> Response<Body> {
    let lines = (1..=SLOW_LINES).map(|nth| format!("line {nth} of {SLOW_LINES}\n"));
    let mut response = Response::new(paced(lines.collect(), pause));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn cut_off() -> Response<Body> {
    let text = String::from("This text is said to have 100000 octets, and ends here.\n");
    // The end comes a little later, so that the text is on its way by then.
    let mut response = Response::new(paced(vec![text, String::new()], Duration::from_millis(20)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(PROMISED));
    response
}

/// Serves one port of an origin until the task is aborted.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, answerer: Arc<Answerer>) {
    let serve = |stream: TcpStream, client| {
        let (answerer, tls) = (Arc::clone(&answerer), tls.clone());
        async move {
            let _ = stream.set_nodelay(true);
            match tls {
                None => converse(stream, client, false, answerer).await,
                // A client that does not trust the certificate hangs up here, as it should.
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
                        converse(stream, client, true, answerer).await;
                    }
                }
            }
        }
    };
    accept(listener, MAX_CONNECTIONS, serve).await;
}

/// Serves one connection to its end.
async fn converse<S>(stream: S, client: IpAddr, is_secure: bool, answerer: Arc<Answerer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let answerer = Arc::clone(&answerer);
        async move {
            if !matches!(answerer.serves, Service::Balancer(_)) {
                sleep(answerer.delay).await;
            }
            let mut response = answerer.answer(Asked { request, client, is_secure }).await;
            response.headers_mut().insert(SERVER, HeaderValue::from_static("rootwalk-lab"));
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(true);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PATIENCE).max_concurrent_streams(64);
    // Whatever ended it, there is nobody left to tell.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
