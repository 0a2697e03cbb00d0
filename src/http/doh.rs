//! DNS over HTTP (RFC 8484): a DNS message in, a DNS message out.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use tokio::time::timeout;

use super::problem::Problem;
use super::routes::Front;
use crate::listen::{Now, Peer, Responder};
use crate::wire::{RecordType, Reply, ResponseCode};

const MESSAGE: &str = "application/dns-message";
/// The longest DNS message (RFC 8484 §6).
const LONGEST: usize = 65_535;
/// No walk takes this long; whoever waits longer is not going to be answered.
const PATIENCE: Duration = Duration::from_secs(65);

/// `GET /dns-query?dns=…`, the message in base64url without padding.
pub(super) async fn get(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut given = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("dns="));
    let (Some(text), None) = (given.next(), given.next()) else {
        return Err(Problem::bad_request("the query must have one parameter dns, a DNS message in base64url"));
    };
    // RFC 8484 §4.1 wants no padding; a client that pads is understood all the same.
    let text = text.trim_end_matches('=').trim_end_matches("%3D").trim_end_matches("%3d");
    let Ok(query) = BASE64URL_NOPAD.decode(text.as_bytes()) else {
        return Err(Problem::bad_request("the parameter dns is not base64url"));
    };
    respond(&front, query, peer).await
}

/// `POST /dns-query`, the message as body.
pub(super) async fn post(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(MESSAGE)) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/dns-message"));
    }
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a DNS message has at most 65535 octets");
    let query = timeout(front.settings.idle, to_bytes(body, LONGEST)).await;
    let query = query.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?;
    respond(&front, query.map_err(|_| too_large())?.into(), peer).await
}

async fn respond(front: &Front, query: Vec<u8>, peer: Peer) -> Result<Response, Problem> {
    let answer = resolve(front, query, peer).await?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(MESSAGE)), (CACHE_CONTROL, keep_for(&answer))];
    // RFC 8484 §4.2.1: whatever the DNS says, the exchange over HTTP went well.
    Ok((headers, answer).into_response())
}

/// The answer to a DNS message, found as for any other client.
pub(super) async fn resolve(front: &Front, query: Vec<u8>, peer: Peer) -> Result<Vec<u8>, Problem> {
    let mut answer = Vec::with_capacity(512);
    match front.resolver.answer_now(&query, &peer, &mut answer) {
        Now::Sent => Ok(answer),
        Now::Drop => Err(Problem::bad_request("this is no DNS query")),
        Now::Later => {
            let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many questions wait for their answers");
            let _place = front.waiting.try_acquire().map_err(|_| busy())?;
            let late = || Problem::new(StatusCode::GATEWAY_TIMEOUT, "the answer took too long");
            timeout(PATIENCE, front.resolver.answer_later(query, peer)).await.ok().flatten().ok_or_else(late)
        }
    }
}

/// How long an HTTP cache may keep the answer: no longer than its records (RFC 8484 §5.1).
pub(super) fn keep_for(answer: &[u8]) -> HeaderValue {
    let nothing = HeaderValue::from_static("no-store");
    let Ok(reply) = Reply::read(answer) else { return nothing };
    if !matches!(reply.rcode, ResponseCode::NoError | ResponseCode::NXDomain) {
        return nothing;
    }
    let secs = match reply.answer.iter().map(|record| record.ttl_secs).min() {
        // A chain of aliases may end in a denial, which is good for as long as its SOA says.
        Some(least) => Some(denied_for(&reply).map_or(least, |denied| denied.min(least))),
        None => denied_for(&reply),
    };
    secs.and_then(|secs| format!("max-age={secs}").parse().ok()).unwrap_or(nothing)
}

/// The life of a denial: the lesser of the TTL and the MINIMUM of its SOA (RFC 2308 §5).
fn denied_for(reply: &Reply) -> Option<u32> {
    let soa = reply.authority.iter().find(|record| record.rtype == RecordType::SOA)?;
    let minimum = soa.rdata.last_chunk::<4>()?;
    Some(soa.ttl_secs.min(u32::from_be_bytes(*minimum)))
}
