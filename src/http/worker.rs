//! The life of the HTTP thread and of one connection: open, serve, drain, end.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::HttpSettings;
use super::bind::Doors;
use super::here::Here;
use super::local::Local;
use super::routes::Front;
use super::strict::Strict;
use super::watch::{Activity, Held, Watched};
use crate::listen::{Open, Peer, Quota, Seat, Stop, Transport, Turns, drain, pause_after};
use crate::serve::Resolver;
use crate::tls::HANDSHAKE;

/// Octets of the largest head of a request.
const HEAD: usize = 16 << 10;
/// The same in HTTP/2, where each field counts 32 octets more (RFC 9113 §6.5.2).
const HEAD_LIST: u32 = 16 << 10;
/// Header fields of one request.
const FIELDS: usize = 100;
/// Requests and tunnels of one HTTP/2 connection at once, of which RFC 9113 §6.5.2 wants a hundred at least: a browser
/// has one connection to its proxy.
const STREAMS: u32 = 128;
/// How long a request in hand may go on without an octet moving in either direction.
const STALLED: Duration = Duration::from_secs(300);
/// How long requests in hand may take to finish after the doors are told to close.
const DRAIN: Duration = Duration::from_secs(1);
/// For how long the log says nothing more of connections that are too many.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

impl Doors {
    /// Starts the thread that serves HTTP.
    ///
    /// # Errors
    /// When the system grants no thread or no event queue (usually: too many open files).
    pub fn open(self, resolver: Resolver) -> io::Result<Open<Resolver>> {
        let Self { listeners, settings, addresses, tls_addresses } = self;
        let mut open = Open::new(addresses, tls_addresses, resolver);
        open.spawn("http".to_owned(), move |renewed, stop| run(listeners, settings, renewed, stop))?;
        Ok(open)
    }
}

/// What the connections share.
struct Worker {
    front: RefCell<Front>,
    settings: Arc<HttpSettings>,
    quota: Arc<Quota>,
    /// Octets of answers that clients have yet to read.
    unread: Arc<AtomicU64>,
    /// For those who shake hands.
    turns: Turns,
    /// Until when nothing is said of connections that are closed because there are too many.
    told_until: Cell<Instant>,
    builder: Builder<Local>,
    stop: Stop,
}

impl Worker {
    /// A seat for a connection of `client`. Whoever has too many learns it by losing this one, and whoever runs this
    /// server by the log.
    fn seat(&self, client: IpAddr) -> Option<Seat> {
        let seat = self.quota.seat(client);
        let now = Instant::now();
        if seat.is_none() && self.told_until.get() <= now {
            self.told_until.set(now + SILENCE);
            let limits = "http.connections, http.connections_per_client";
            tracing::warn!("closed a connection of {client}: too many are open ({limits})");
        }
        seat
    }
}

async fn run(
    listeners: Vec<(std::net::TcpListener, Option<TlsAcceptor>)>,
    settings: HttpSettings,
    mut renewed: watch::Receiver<Resolver>,
    mut stop: Stop,
) {
    let front = Front::new(renewed.borrow_and_update().clone(), settings);
    let settings = Arc::clone(&front.settings);
    let quota = Arc::new(Quota::new(settings.connections, settings.connections_per_client));
    let builder = builder(&settings);
    let (unread, turns, told_until) = (Arc::default(), Turns::new(), Instant::now().into());
    let (front, stopped) = (front.into(), stop.clone());
    let worker = Rc::new(Worker { front, settings, quota, unread, turns, told_until, builder, stop: stopped });
    let mut doors = Vec::new();
    for (listener, tls) in listeners {
        doors.push(spawn_local(accept(listener, tls, Rc::clone(&worker))));
    }
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Ok(()) = renewed.changed() => {
                let front = worker.front.borrow().renewed(renewed.borrow_and_update().clone());
                worker.front.replace(front);
            }
        }
    }
    doors.iter().for_each(tokio::task::JoinHandle::abort);
    // Each connection holds the worker, and a door until its task is gone.
    let left = drain(&worker, 0, DRAIN).await;
    if left > 0 {
        tracing::warn!("{left} HTTP connections were cut off");
    }
}

fn builder(settings: &HttpSettings) -> Builder<Local> {
    let mut builder = Builder::new(Local);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.idle)
        .max_buf_size(HEAD)
        .max_headers(FIELDS)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_LIST)
        .keep_alive_interval(settings.idle)
        .keep_alive_timeout(settings.idle);
    builder
}

/// Accepts connections until the task is aborted.
async fn accept(listener: std::net::TcpListener, tls: Option<TlsAcceptor>, worker: Rc<Worker>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("cannot serve HTTP: {error}"),
    };
    loop {
        let (stream, client) = match worker.turns.accept(&listener, tls.is_some()).await {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let (Some(seat), Ok(local)) = (worker.seat(client.ip()), stream.local_addr()) else { continue };
        let peer = Peer { client, transport: Transport::Http, local, keepalive: None };
        // Answers are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let (worker, tls) = (Rc::clone(&worker), tls.clone());
        spawn_local(async move {
            let Some(tls) = tls else { return serve(stream, peer, Here::plain(local), &seat, worker).await };
            let mut stop = worker.stop.clone();
            let shaken = tokio::select! {
                shaken = timeout(worker.settings.idle.min(HANDSHAKE), worker.turns.take(tls.accept(stream))) => shaken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match shaken {
                Ok(Ok(stream)) => {
                    let here = Here::secure(local, stream.get_ref().1.server_name());
                    serve(stream, peer, here, &seat, worker).await;
                }
                Ok(Err(error)) => tracing::debug!("no TLS with {client}: {error}"),
                Err(_) => tracing::debug!("no TLS with {client}: it takes too long"),
            }
        });
    }
}

/// Serves one connection to its end.
async fn serve<S>(stream: S, peer: Peer, here: Here, seat: &Seat, worker: Rc<Worker>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new();
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        // The worker is not held: who does is counted in the end, and that is the connection.
        let (front, here, ticket) = (worker.front.borrow().clone(), here.clone(), Arc::new(activity.take()));
        let unread = Arc::clone(&worker.unread);
        async move {
            let mut request = request.map(Body::new);
            // A tunnel inside of HTTP/2 holds it for longer than its answer.
            request.extensions_mut().insert(Arc::clone(&ticket));
            let response = front.answer(request, peer, &here).await;
            Ok::<_, Infallible>(Held::answer(response, ticket, &unread))
        }
    });
    let stream = TokioIo::new(Watched { stream: Strict::new(stream), activity: Arc::clone(&activity) });
    let mut connection = pin!(worker.builder.serve_connection_with_upgrades(stream, service));
    let (mut stop, mut goodbye) = (worker.stop.clone(), None);
    loop {
        let idle = seat.share(worker.settings.idle);
        // What was in hand may be done by then, and the connection idle.
        let deadline = activity.deadline(idle, STALLED).min(Instant::now() + idle);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop), if goodbye.is_none() => {
                connection.as_mut().graceful_shutdown();
                // The worker ends the drain.
                goodbye = Some(Instant::now() + STALLED);
            }
            () = sleep_until(goodbye.unwrap_or(deadline)) => {
                if goodbye.is_some() {
                    return;
                }
                if activity.deadline(idle, STALLED) <= Instant::now() {
                    if !activity.is_idle() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                    goodbye = Some(Instant::now() + GOODBYE);
                }
            }
        }
    }
}
