//! One request and its answer, over HTTP/1.1 or HTTP/2.

use axum::body::{Body as Payload, HttpBody as _};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONNECTION, HOST, HeaderName, HeaderValue, TE, USER_AGENT,
};
use axum::http::{self, HeaderMap, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinHandle, spawn_local};
use url::{Position, Url};

use super::scout::Scout;
use crate::http::fault::Fault;
use crate::http::local::Local;
use crate::journey::{Body, End, Request, Response, ServerTiming, server_timing};

/// Octets of the largest head of an answer.
const HEAD: usize = 64 << 10;
/// Fields of an answer.
const FIELDS: usize = 100;
/// What a browser says that it takes, packed as it would be; what comes is counted and not unpacked.
const SAID: [(HeaderName, &str); 5] = [
    (USER_AGENT, concat!("rootwalk/", env!("CARGO_PKG_VERSION"))),
    (ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (ACCEPT_LANGUAGE, "en;q=0.9,*;q=0.5"),
    (ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
    // Some servers know only in the end how long it took.
    (TE, "trailers"),
];

/// A connection that ends with its use.
struct Carrier(JoinHandle<()>);

impl Drop for Carrier {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks for the page and reads what comes, up to `most` octets; both are noted.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    two: bool,
    url: &Url,
    most: u64,
    scout: &Scout<'_>,
) -> Result<(), End> {
    let request = request(url, two)?;
    let noted = Request {
        method: "GET",
        target: url[Position::BeforePath..Position::AfterQuery].to_owned(),
        version: version(request.version()),
        headers: fields(request.headers()),
        begun_us: scout.now(),
    };
    scout.tell("request", &noted);
    scout.hop.borrow_mut().request = Some(noted);
    let stream = TokioIo::new(stream);
    let (answer, _carrier) = if two { over_h2(stream, request).await } else { over_h1(stream, request).await }
        .map_err(|why| failed(&why))?;
    let (head, body) = answer.into_parts();
    let response = Response {
        status: head.status.as_u16(),
        reason: head.status.canonical_reason().unwrap_or_default().to_owned(),
        version: version(head.version),
        headers: fields(&head.headers),
        head_us: scout.now(),
        server_timing: timing(&head.headers, false),
        body: None,
        trailers: Vec::new(),
    };
    scout.tell("response", &response);
    scout.hop.borrow_mut().response = Some(response);
    let mut trailers = HeaderMap::new();
    let read = read(body, most, &mut trailers, scout).await;
    scout.tell("body", read.as_ref().unwrap_or_else(|(body, _)| body));
    let (body, end) = match read {
        Ok(body) => (body, Ok(())),
        Err((body, end)) => (body, Err(end)),
    };
    let behind = timing(&trailers, true);
    if !trailers.is_empty() {
        scout.tell("trailer", &behind);
    }
    if let Some(response) = &mut scout.hop.borrow_mut().response {
        response.body = Some(body);
        response.server_timing.extend(behind);
        response.trailers = fields(&trailers);
    }
    end
}

/// What a head or a trailer says about the time that the server took.
fn timing(fields: &HeaderMap, in_trailer: bool) -> Vec<ServerTiming> {
    let said = fields.get_all("server-timing").iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    said.flat_map(|value| server_timing(&value, in_trailer)).collect()
}

type Answered = Result<(http::Response<Incoming>, Carrier), hyper::Error>;

async fn over_h1(
    stream: TokioIo<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    request: http::Request<Payload>,
) -> Answered {
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD).max_headers(FIELDS).handshake(stream).await?;
    let carrier = Carrier(spawn_local(async move { connection.await.unwrap_or(()) }));
    Ok((sender.send_request(request).await?, carrier))
}

async fn over_h2(
    stream: TokioIo<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    request: http::Request<Payload>,
) -> Answered {
    let mut builder = http2::Builder::new(Local);
    builder.max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX));
    let (mut sender, connection) = builder.handshake(stream).await?;
    let carrier = Carrier(spawn_local(async move { connection.await.unwrap_or(()) }));
    Ok((sender.send_request(request).await?, carrier))
}

fn request(url: &Url, two: bool) -> Result<http::Request<Payload>, End> {
    let target = if two { &url[..Position::AfterQuery] } else { &url[Position::BeforePath..Position::AfterQuery] };
    let mut builder = http::Request::get(target);
    if two {
        builder = builder.version(Version::HTTP_2);
    } else {
        builder = builder.header(HOST, &url[Position::BeforeHost..Position::AfterPort]);
        // RFC 9110 §10.1.4: TE is between us and the next one.
        builder = builder.header(CONNECTION, "te");
    }
    for (name, value) in SAID {
        builder = builder.header(name, HeaderValue::from_static(value));
    }
    let wrong =
        |why: http::Error| End::Failed { error: "http_request_error", why: format!("the URL is no request: {why}") };
    builder.body(Payload::empty()).map_err(wrong)
}

/// Reads a body to its end, or as far as it is wanted. What was read counts even when the rest does not come.
async fn read(mut body: Incoming, most: u64, trailers: &mut HeaderMap, scout: &Scout<'_>) -> Result<Body, (Body, End)> {
    let mut counted = Body::default();
    let whole = body.size_hint().exact();
    loop {
        let frame = body.frame().await;
        counted.ended_us = scout.now();
        match frame {
            None => return Ok(counted),
            Some(Ok(frame)) => {
                counted.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if counted.bytes > most {
                    counted.cut = true;
                    return Ok(counted);
                }
                if let Ok(behind) = frame.into_trailers() {
                    trailers.extend(behind);
                }
            }
            Some(Err(why)) => {
                let whole = whole.map(|whole| format!(" of {whole}")).unwrap_or_default();
                let why = format!("the answer broke off after {}{whole} octets ({why}{})", counted.bytes, causes(&why));
                return Err((counted, End::Failed { error: "http_response_incomplete", why }));
            }
        }
    }
}

fn failed(why: &hyper::Error) -> End {
    let (fault, what) = Fault::of_server(why);
    End::Failed { error: fault.word(), why: format!("the server {what} ({why}{})", causes(why)) }
}

/// What lies behind an error, as it goes on after it.
fn causes(why: &hyper::Error) -> String {
    let mut causes = String::new();
    let mut cause = std::error::Error::source(why);
    while let Some(deeper) = cause {
        causes += &format!(": {deeper}");
        cause = deeper.source();
    }
    causes
}

fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let text =
        |value: &HeaderValue| value.as_bytes().escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'");
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}
