//! The forward proxy: absolute targets are fetched, CONNECT becomes a tunnel (RFC 9110 §3.7, §9.3.6).
//!
//! Every name is resolved through the resolver, every address judged, and every failure is told with the sentence of
//! the resolver, on the page and in Proxy-Status (RFC 9209).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use axum::http::request::Parts;
use axum::http::uri::{Authority, Scheme, Uri};
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::response::Response;
use hyper::body::Body as _;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{Duration, Instant};

use super::doh::Dns;
use super::fault::Fault;
use super::guard::literal;
use super::here::{Here, InUrl};
use super::hop::{self, SOFTWARE, quoted};
use super::origin::{
    ALPN, Answer, Busy, Connected, Guide, Host, HostPort, Key, Link, Origin, Origins, Pool, Services, Unconnected, Way,
    Wish, is_web_port,
};
use super::places::Places;
use super::problem::Problem;
use super::watch::{Activity, Noted, PassedOn, Ticket, Watched};
use crate::journey::{Attempt, AttemptEnd, Spoken};
use crate::listen::Peer;
use crate::wire::{Edns, Flags, Question, RecordType, Reply, ResponseCode};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// How long a connection to an origin waits for its next request.
const POOLED: Duration = Duration::from_secs(30);

/// What a proxy is asked for.
#[derive(Clone, Debug)]
struct Target {
    host: Host,
    port: u16,
    authority: Authority,
}

impl Target {
    fn of(authority: &Authority, default_port: Option<u16>) -> Result<Self, Problem> {
        let wrong = || Problem::bad_request("the target is no host with a port");
        if authority.as_str().contains('@') {
            return Err(Problem::bad_request("the target holds a user, which has no meaning here"));
        }
        let text = authority.host();
        let host = match literal(text) {
            Some(address) => Host::Address(address),
            None => Host::Name(text.parse().map_err(|_| wrong())?),
        };
        // RFC 3986 §3.2.3: a colon may stand alone; a number that is no port is not the default.
        let port = match authority.as_str().rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((_, port)) if !port.is_empty() => authority.port_u16(),
            _ => default_port,
        };
        let port = port.filter(|port| *port > 0).ok_or_else(wrong)?;
        Ok(Self { host, port, authority: authority.clone() })
    }

    fn name(&self) -> HostPort {
        (self.authority.host().to_ascii_lowercase(), self.port)
    }
}

/// What the proxy works with.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) dns: Dns,
    pub(super) origins: Arc<Origins>,
    pub(super) tunnels: Places,
}

/// Who asks: as any client of the resolver would.
#[derive(Clone, Copy)]
pub(super) struct Client<'a> {
    pub(super) dns: &'a Dns,
    pub(super) peer: Peer,
    /// Where it has reached this server.
    pub(super) here: &'a Here,
}

impl Guide for Client<'_> {
    async fn find(&self, question: Question) -> Result<Answer, Problem> {
        let answer = self.dns.ask(&question, Flags::default(), false, self.peer).await?;
        let Ok(reply) = Reply::read(&answer) else {
            return Ok(Answer { rcode: ResponseCode::ServFail, records: Vec::new(), ede: None });
        };
        let ede = reply.edns.iter().flat_map(Edns::edes).next();
        Ok(Answer { rcode: reply.rcode, records: reply.answer, ede })
    }
}

impl Proxy {
    /// Passes one request on.
    pub(super) async fn pass(&self, request: Request, peer: Peer, here: &Here) -> Result<Response, Problem> {
        let client = Client { dns: &self.dns, peer, here };
        match *request.method() {
            Method::CONNECT => tunnel(self, request, client).await,
            _ => forward(self, request, client).await,
        }
    }
}

/// Makes a tunnel to the target of a CONNECT.
async fn tunnel(proxy: &Proxy, mut request: Request, client: Client<'_>) -> Result<Response, Problem> {
    let authority = request.uri().authority().ok_or_else(|| Problem::bad_request("CONNECT needs a host and a port"))?;
    let target = Target::of(authority, None)?;
    let settings = &proxy.origins.settings;
    if !settings.connect_ports.contains(&target.port) {
        let sentence =
            format!("there are no tunnels to port {}; proxy.connect_ports lists those there are", target.port);
        return Err(Problem::of(Fault::Denied, sentence, ""));
    }
    let place = proxy.tunnels.take(client.peer.client.ip())?;
    let (name, url) = (target.name(), target.authority.to_string());
    let wish = Wish { policy: proxy.origins.policy(&target.host), url: &url, client: client.peer.client.ip() };
    // A browser behind a proxy leaves HTTPS records to the proxy, and what goes to 443 is https as far as anybody
    // knows. Whatever they say, the other end proves to the client who it is.
    let spoken = Spoken { alpn: ALPN, ports: |listed, port| listed.contains(&port), listed: &settings.connect_ports };
    let services = if target.port == 443 { Services::Followed(spoken) } else { Services::Ignored };
    let way = Way { name: &name, wish, pooled: false, services, origin: Instant::now() };
    let connected = open(proxy, &target, way, client).await?;
    let status = next_hop(&connected);
    let Connected { link, busy, .. } = connected;
    let Link::Fresh(origin) = link else { return Err(Problem::bad_request("a tunnel needs a connection of its own")) };
    let (upgraded, idle) = (hyper::upgrade::on(&mut request), settings.tunnel_idle);
    let ticket = request.extensions_mut().remove::<Arc<Ticket>>();
    spawn_local(async move {
        let (_place, _busy, _ticket) = (place, busy, ticket);
        if let Ok(upgraded) = upgraded.await {
            carry(TokioIo::new(upgraded), origin, idle).await;
        }
    });
    let mut response = Response::new(Body::empty());
    set_status(response.headers_mut(), &status);
    Ok(response)
}

/// Fetches the target of a request in absolute form.
async fn forward(proxy: &Proxy, request: Request, client: Client<'_>) -> Result<Response, Problem> {
    let (mut head, body) = request.into_parts();
    if head.uri.scheme() != Some(&Scheme::HTTP) {
        return Err(Problem::bad_request("only http is fetched here; https goes through a tunnel (CONNECT)"));
    }
    let authority = head.uri.authority().ok_or_else(|| Problem::bad_request("the target has no host"))?;
    let target = Target::of(authority, Some(80))?;
    if !is_web_port(target.port) {
        let sentence = format!("port {} is not a port for HTTP", target.port);
        return Err(Problem::of(Fault::Denied, sentence, ""));
    }
    if hop::was_here(&head.headers) {
        return Err(Problem::of(Fault::Loop, "this request was here before, as its Via says", ""));
    }
    if !hop::may_go_on(&mut head) {
        // RFC 9110 §7.6.2: it is for us then, and we have neither OPTIONS nor TRACE for anything.
        let sentence = "the request goes no further than this proxy, as its Max-Forwards says";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, sentence));
    }
    // What carries a body cannot change the protocol: nobody could say where the body ends.
    let upgrade = hop::upgrade(&head.headers).filter(|_| body.is_end_stream());
    let upgraded = upgrade.is_some().then(|| head.extensions.remove::<OnUpgrade>()).flatten();
    outbound(&mut head, &target, upgrade)?;
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        // Said here, as hyper leaves it out where a body is rare, and the body with it.
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let (response, status) = exchange(proxy, &target, Request::from_parts(head, body), client).await?;
    if hop::is_coded(response.headers()) {
        // RFC 9112 §7.4: nobody has said that it could be read. Without the field it would look like the content.
        let sentence = format!("{} sent a transfer coding that nobody asked for", target.authority);
        return Err(Problem::of(Fault::NotHttp, sentence, ""));
    }
    inbound(proxy, response, upgraded, &status, client.peer)
}

/// Makes the head of a request ready for the origin.
fn outbound(head: &mut Parts, target: &Target, upgrade: Option<HeaderValue>) -> Result<(), Problem> {
    let malformed = |_| Problem::bad_request("the target is malformed");
    let takes_trailers = hop::takes_trailers(&head.headers);
    hop::strip(&mut head.headers);
    hop::join_cookies(&mut head.headers);
    hop::add_via(&mut head.headers, head.version);
    // RFC 9112 §3.2.2: the target counts, whatever the Host said.
    head.headers
        .insert(HOST, target.authority.as_str().parse().map_err(|_| Problem::bad_request("the host is malformed"))?);
    // What is between us and the origin alone is said anew.
    let again = [(UPGRADE, upgrade), (TE, takes_trailers.then(|| HeaderValue::from_static("trailers")))];
    for (name, value) in again {
        if let Some(value) = value {
            head.headers.append(CONNECTION, HeaderValue::from_name(name.clone()));
            head.headers.insert(name, value);
        }
    }
    // RFC 9112 §3.2.1: an empty path is a slash, also before a query.
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let slash = if path.starts_with('/') { "" } else { "/" };
    head.uri = format!("{slash}{path}").parse::<Uri>().map_err(malformed)?;
    head.version = Version::HTTP_11;
    head.extensions.clear();
    Ok(())
}

/// Sends the request on a connection that waits, or on a new one, and waits for the head of the answer.
async fn exchange(
    proxy: &Proxy,
    target: &Target,
    mut request: Request,
    client: Client<'_>,
) -> Result<(hyper::Response<hyper::body::Incoming>, String), Problem> {
    let (name, url) = (target.name(), format!("{}{}", target.authority, request.uri()));
    let wish = Wish { policy: proxy.origins.policy(&target.host), url: &url, client: client.peer.client.ip() };
    let activity = Activity::new();
    request = request.map(|body| Body::new(Noted { body, activity: Arc::clone(&activity) }));
    let mut pooled = true;
    loop {
        // RFC 9460 §9.5 would have us change http to https where there is an HTTPS record. That is for the client to
        // do: it asked for http, and would take the answer for one that anybody could have changed.
        let way = Way { name: &name, wish, pooled, services: Services::Ignored, origin: Instant::now() };
        let connected = open(proxy, target, way, client).await?;
        let status = next_hop(&connected);
        let Connected { link, busy, address, good_until, .. } = connected;
        let (mut origin, was_pooled, again) = match link {
            Link::Idle(origin) => (origin, true, repeated(&request)),
            Link::Fresh(stream) => (handshake(stream, address).await?, false, None),
        };
        let (begun, answered) = (Instant::now(), origin.sender.try_send_request(request));
        match activity.while_moving(proxy.origins.settings.answer, answered).await {
            Some(Ok(response)) => {
                busy.answered(begun.elapsed());
                origin.good_until = good_until.min(Instant::now() + POOLED);
                spawn_local(give_back(Arc::clone(&proxy.origins.pool), (name, address), origin, busy));
                return Ok((response, status));
            }
            Some(Err(mut failed)) => {
                let (unsent, why) = (failed.take_message(), failed.into_error());
                // It went away while it waited, or at the very moment when the request came (RFC 9112 §9.3.1).
                match unsent.or(again.filter(|_| !why.is_parse())) {
                    Some(next) if was_pooled => (request, pooled) = (next, false),
                    _ => return Err(problem_of(&why, target, address)),
                }
            }
            None => {
                let sentence = format!("{} at {} did not answer in time", target.authority, address);
                return Err(Problem::of(Fault::Unanswered, sentence, ""));
            }
        }
    }
}

/// The same request once more, where that does no harm: it has no body, and twice is as good as once (RFC 9110
/// §9.2.2).
fn repeated(request: &Request) -> Option<Request> {
    (request.method().is_idempotent() && request.body().is_end_stream()).then(|| {
        let mut again = Request::new(Body::empty());
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        again
    })
}

/// A request that came to no answer: by the fault of its client, or of an origin that was reached.
fn problem_of(why: &hyper::Error, target: &Target, address: SocketAddr) -> Problem {
    if why.is_user() {
        return Problem::bad_request("the body of the request is malformed, or ended before its end");
    }
    let (fault, what) = Fault::of_server(why);
    Problem::of(fault, format!("{} at {address} {what}", target.authority), &why.to_string())
}

/// Makes the answer of an origin ready for the client.
fn inbound(
    proxy: &Proxy,
    mut response: hyper::Response<hyper::body::Incoming>,
    upgraded: Option<OnUpgrade>,
    status: &str,
    peer: Peer,
) -> Result<Response, Problem> {
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let protocol = response.headers().get(UPGRADE).cloned();
    let origin = hyper::upgrade::on(&mut response);
    let (mut head, body) = response.into_parts();
    let version = std::mem::replace(&mut head.version, Version::HTTP_11);
    hop::strip(&mut head.headers);
    if !hop::says_one_length(&mut head.headers) {
        return Err(Problem::of(Fault::NotHttp, "the server says a length that is none, or two that differ", ""));
    }
    hop::add_via(&mut head.headers, version);
    set_status(&mut head.headers, status);
    head.extensions.clear();
    head.extensions.insert(PassedOn);
    if !switched {
        return Ok(Response::from_parts(head, Body::new(body)));
    }
    let (Some(client), Some(protocol)) = (upgraded, protocol) else {
        return Err(Problem::of(Fault::NoUpgrade, "the server changed to a protocol that nobody asked for", ""));
    };
    head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(UPGRADE, protocol);
    let (place, idle) = (proxy.tunnels.take(peer.client.ip())?, proxy.origins.settings.tunnel_idle);
    spawn_local(async move {
        let _place = place;
        if let (Ok(client), Ok(origin)) = (client.await, origin.await) {
            carry(TokioIo::new(client), TokioIo::new(origin), idle).await;
        }
    });
    Ok(Response::from_parts(head, Body::empty()))
}

/// A connection to the target, or the problem that the client gets to see.
async fn open(proxy: &Proxy, target: &Target, way: Way<'_>, client: Client<'_>) -> Result<Connected, Problem> {
    let opened = proxy.origins.connect(&client, &target.host, way).await;
    let connected = opened.map_err(|why| problem(why, target, client))?;
    tracing::debug!(target = %target.authority, address = %connected.address, attempts = ?connected.attempts, "connected");
    if let Link::Fresh(stream) = &connected.link {
        let _ = stream.set_nodelay(true);
    }
    Ok(connected)
}

async fn handshake(stream: TcpStream, address: SocketAddr) -> Result<Origin, Problem> {
    let failed = |why: hyper::Error| {
        Problem::of(Fault::Terminated, format!("{address} closed the connection at once"), &why.to_string())
    };
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // How it ends is told to whoever waits for an answer on it.
    spawn_local(async move { connection.with_upgrades().await.ok() });
    Ok(Origin { sender, good_until: Instant::now() })
}

/// Waits until the answer was read, then keeps the connection for the next request.
async fn give_back(pool: Arc<Pool>, key: Key, mut origin: Origin, busy: Busy) {
    let read = origin.sender.ready().await;
    drop(busy);
    if read.is_ok() {
        pool.put(key, origin);
    }
}

/// Carries octets both ways in constant memory, until both ends are done or nothing has moved for `idle`.
async fn carry(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    origin: impl AsyncRead + AsyncWrite + Unpin,
    idle: Duration,
) {
    let activity = Activity::new();
    let mut origin = Watched { stream: origin, activity: Arc::clone(&activity) };
    // However it ends, there is nobody to tell.
    let _ = activity.while_moving(idle, copy_bidirectional(&mut client, &mut origin)).await;
}

/// What the client is told when there is no connection.
fn problem(why: Unconnected, target: &Target, client: Client<'_>) -> Problem {
    let Client { dns, here, .. } = client;
    let (fault, sentence) = why.told(target.authority.host());
    let problem = match why {
        Unconnected::Resolver(problem) => problem.with_fault(fault, ""),
        _ => Problem::of(fault, sentence.clone(), &sentence),
    };
    match &target.host {
        Host::Name(name) => {
            // The walk that has led here, and not another one; what policy answers is told without a walk.
            let question = Question::new(name.clone(), RecordType::A);
            match dns.resolver.past().newest(|kept| kept.told.answers(&question)) {
                Some(kept) => problem.with_trace(format!("{here}/t/{}", kept.id)),
                None => problem.with_trace(format!("{here}/trace/{}?type=A", InUrl(&name.to_string()))),
            }
        }
        Host::Address(_) => problem,
    }
}

/// The address that was taken, and what became of the others.
fn next_hop(connected: &Connected) -> String {
    let is_told = |attempt: &&Attempt| {
        !matches!(attempt.end, Some(AttemptEnd::Connected | AttemptEnd::Reused | AttemptEnd::Prohibited { .. }))
    };
    let tried: Vec<String> = connected.attempts.iter().filter(is_told).map(Attempt::told).collect();
    let details = if tried.is_empty() { String::new() } else { format!("; details={}", quoted(&tried.join("; "))) };
    format!("{SOFTWARE}; next-hop={}{details}", quoted(&connected.address.to_string()))
}

/// Adds what this proxy has to say to what others said (RFC 9209 §2).
fn set_status(headers: &mut HeaderMap, status: &str) {
    if let Ok(value) = HeaderValue::from_str(status) {
        headers.append(PROXY_STATUS, value);
    }
}
