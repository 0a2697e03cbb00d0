//! DNS over HTTP (RFC 8484): a DNS message in, a DNS message out.

use std::error::Error as _;
use std::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use http_body_util::LengthLimitError;
use tokio::time::timeout;
use url::form_urlencoded::parse;

use super::places::Places;
use super::problem::Problem;
use super::stream::Task;
use crate::listen::{Now, Peer, Responder};
use crate::serve::Resolver;
use crate::wire::{Edns, Flags, Question, life_secs, write_query};

const MESSAGE: &str = "application/dns-message";
/// The longest DNS message (RFC 8484 §6).
const LONGEST: usize = 65_535;
/// Room that a query of our own offers for the answer; over HTTP it has no meaning.
const ROOM: u16 = 1232;
/// No walk takes this long; whoever waits longer is not going to be answered.
const PATIENCE: Duration = Duration::from_secs(65);

/// The resolver, as it is asked over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Dns {
    pub(super) resolver: Resolver,
    /// For questions whose answer takes time.
    pub(super) waiting: Places,
    /// For messages that are not here to their end. Those whose answers take time do not stand in their way, as the
    /// answer may be known.
    pub(super) arriving: Places,
    /// How long a body may take.
    pub(super) idle: Duration,
}

/// `GET /dns-query?dns=…`, the message in base64url without padding.
pub(super) async fn get(
    State(dns): State<Dns>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut given = parse(uri.query().unwrap_or_default().as_bytes()).filter(|(key, _)| key == "dns");
    let (Some((_, text)), None) = (given.next(), given.next()) else {
        return Err(Problem::bad_request(
            "the query must have one parameter dns, a DNS message in base64url; /resolve takes a name",
        ));
    };
    // RFC 8484 §4.1 wants no padding; a client that pads is understood all the same.
    let Ok(query) = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()) else {
        return Err(Problem::bad_request("the parameter dns is not base64url"));
    };
    respond(&dns, query, peer).await
}

/// `POST /dns-query`, the message as body.
pub(super) async fn post(
    State(dns): State<Dns>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(MESSAGE)) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/dns-message"));
    }
    // Who says beforehand that it is too long need not send it (RFC 9110 §10.1.1).
    if body.size_hint().lower() > LONGEST as u64 {
        return Err(too_long());
    }
    // Half a message takes memory: every request of every connection could bring one and leave it at that.
    let place = dns.arriving.take(peer.client.ip())?;
    let query = timeout(dns.idle, to_bytes(body, LONGEST)).await;
    drop(place);
    let query = query.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?;
    respond(&dns, query.map_err(|why| unread(&why))?.into(), peer).await
}

/// Why a body could not be read to its end.
fn unread(why: &axum::Error) -> Problem {
    if why.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
        return too_long();
    }
    Problem::bad_request("the body of the request is malformed, or ended before its end")
}

fn too_long() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a DNS message has at most 65535 octets")
}

async fn respond(dns: &Dns, query: Vec<u8>, peer: Peer) -> Result<Response, Problem> {
    let answer = dns.resolve(query, peer).await?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(MESSAGE)), (CACHE_CONTROL, keep_for(&answer))];
    // RFC 8484 §4.2.1: whatever the DNS says, the exchange over HTTP went well.
    Ok((headers, answer).into_response())
}

impl Dns {
    /// The answer to a DNS message, found as for any other client. Those draw an id, by which addresses take turns;
    /// here it is zero (RFC 8484 §4.1), and one is drawn in its place.
    async fn resolve(&self, mut query: Vec<u8>, peer: Peer) -> Result<Vec<u8>, Problem> {
        let Some(own) = query.first_chunk_mut::<2>().filter(|id| **id == [0; 2]) else {
            return self.resolve_by_id(query, peer).await;
        };
        *own = rand::random();
        let mut answer = self.resolve_by_id(query, peer).await?;
        answer.first_chunk_mut().into_iter().for_each(|id| *id = [0; 2]);
        Ok(answer)
    }

    /// The answer to a question that did not come as a DNS message.
    pub(super) async fn ask(
        &self,
        question: &Question,
        flags: Flags,
        dnssec_ok: bool,
        peer: Peer,
    ) -> Result<Vec<u8>, Problem> {
        let mut query = Vec::with_capacity(64);
        write_query(0, question, flags.with_rd(true), Some(&Edns::new(ROOM, dnssec_ok)), &mut query);
        self.resolve(query, peer).await
    }

    async fn resolve_by_id(&self, query: Vec<u8>, peer: Peer) -> Result<Vec<u8>, Problem> {
        let mut answer = Vec::with_capacity(512);
        match self.resolver.answer_now(&query, &peer, &mut answer) {
            Now::Sent => Ok(answer),
            Now::Drop => Err(Problem::bad_request("this is no DNS query")),
            Now::Later => {
                let (place, resolver) = (self.waiting.take(peer.client.ip())?, self.resolver.clone());
                // A walk stays on its thread. It goes on when this client leaves, but nothing waits for it then.
                let answer = Task::new(async move {
                    let _place = place;
                    resolver.answer_later(query, peer).await
                });
                let late = || Problem::new(StatusCode::GATEWAY_TIMEOUT, "the answer took too long");
                timeout(PATIENCE, answer.end()).await.map_err(|_| late())??.ok_or_else(late)
            }
        }
    }
}

/// How long an HTTP cache may keep the answer: no longer than its records (RFC 8484 §5.1).
pub(super) fn keep_for(answer: &[u8]) -> HeaderValue {
    let secs = life_secs(answer).and_then(|secs| format!("max-age={secs}").parse().ok());
    secs.unwrap_or(HeaderValue::from_static("no-store"))
}
