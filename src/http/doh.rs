//! DNS over HTTP (RFC 8484): a DNS message in, a DNS message out.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::places::Places;
use super::problem::Problem;
use crate::listen::{Now, Peer, Responder};
use crate::serve::Resolver;
use crate::wire::{HEADER, RecordType, Soa};

const MESSAGE: &str = "application/dns-message";
/// The longest DNS message (RFC 8484 §6).
const LONGEST: usize = 65_535;
/// No walk takes this long; whoever waits longer is not going to be answered.
const PATIENCE: Duration = Duration::from_secs(65);

/// The resolver, as it is asked over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Dns {
    pub(super) resolver: Resolver,
    /// For questions whose answer takes time.
    pub(super) waiting: Places,
    /// How long a body may take.
    pub(super) idle: Duration,
}

/// `GET /dns-query?dns=…`, the message in base64url without padding.
pub(super) async fn get(
    State(dns): State<Dns>,
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
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a DNS message has at most 65535 octets");
    let query = timeout(dns.idle, to_bytes(body, LONGEST)).await;
    let query = query.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?;
    respond(&dns, query.map_err(|_| too_large())?.into(), peer).await
}

async fn respond(dns: &Dns, query: Vec<u8>, peer: Peer) -> Result<Response, Problem> {
    let answer = dns.resolve(query, peer).await?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(MESSAGE)), (CACHE_CONTROL, keep_for(&answer))];
    // RFC 8484 §4.2.1: whatever the DNS says, the exchange over HTTP went well.
    Ok((headers, answer).into_response())
}

impl Dns {
    /// The answer to a DNS message, found as for any other client.
    pub(super) async fn resolve(&self, query: Vec<u8>, peer: Peer) -> Result<Vec<u8>, Problem> {
        let mut answer = Vec::with_capacity(512);
        match self.resolver.answer_now(&query, &peer, &mut answer) {
            Now::Sent => Ok(answer),
            Now::Drop => Err(Problem::bad_request("this is no DNS query")),
            Now::Later => {
                let _place = self.waiting.take()?;
                let late = || Problem::new(StatusCode::GATEWAY_TIMEOUT, "the answer took too long");
                // A walk stays on its thread, and goes on for others when this client leaves.
                let resolver = self.resolver.clone();
                let answer = spawn_local(async move { resolver.answer_later(query, peer).await });
                timeout(PATIENCE, answer).await.ok().and_then(Result::ok).flatten().ok_or_else(late)
            }
        }
    }
}

/// How long an HTTP cache may keep the answer: no longer than its records (RFC 8484 §5.1).
pub(super) fn keep_for(answer: &[u8]) -> HeaderValue {
    let secs = life_secs(answer).and_then(|secs| format!("max-age={secs}").parse().ok());
    secs.unwrap_or(HeaderValue::from_static("no-store"))
}

/// The least TTL of the answer section, and for a denial the lesser of the TTL and the MINIMUM of its SOA (RFC 2308
/// §5); `None` for a failure. Reads the heads of the records and nothing else, as this is done for each answer.
fn life_secs(message: &[u8]) -> Option<u32> {
    let count = |at: usize| Some(u16::from_be_bytes(*message.get(at..)?.first_chunk()?));
    // NOERROR and NXDOMAIN; what has another code is no answer.
    if !matches!(message.get(3)? & 15, 0 | 3) {
        return None;
    }
    let (answers, mut at, mut least) = (count(6)?, HEADER, None);
    for _ in 0..count(4)? {
        at = skip_name(message, at)? + 4;
    }
    for nth in 0..u32::from(answers) + u32::from(count(8)?) {
        at = skip_name(message, at)?;
        let (head, rest) = message.get(at..)?.split_first_chunk::<10>()?;
        let rdata = rest.get(..usize::from(u16::from_be_bytes([head[8], head[9]])))?;
        let ttl_secs = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let life = match RecordType::from(u16::from_be_bytes([head[0], head[1]])) {
            _ if nth < u32::from(answers) => ttl_secs,
            // A chain of aliases may end in a denial, which is good for as long as its SOA says.
            RecordType::SOA => ttl_secs.min(Soa::read(rdata)?.minimum_secs),
            _ => u32::MAX,
        };
        least = Some(least.unwrap_or(u32::MAX).min(life));
        at += head.len() + rdata.len();
    }
    // Without a record that says it, nothing is known of a denial's life.
    least.filter(|least| *least < u32::MAX)
}

/// Where the name that begins at `at` ends.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += usize::from(len) + 1,
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Question, ResponseCode, RrSet, Section, Writer};

    fn message(rcode: ResponseCode, answer: &[(RecordType, u32)], authority: &[(RecordType, u32)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(0, crate::wire::Flags(0x8180), &mut out);
        writer.set_rcode(rcode);
        let name: crate::wire::Name = "www.example.com".parse().unwrap();
        writer.question(&Question::new(name.clone(), RecordType::A));
        for (section, records) in [(Section::Answer, answer), (Section::Authority, authority)] {
            for (rtype, ttl_secs) in records {
                // An SOA whose MINIMUM is 60.
                let soa = [&[0, 0][..], &[0; 16], &[0, 0, 0, 60]].concat();
                let rdata: &[u8] = if *rtype == RecordType::SOA { &soa } else { &[192, 0, 2, 1] };
                writer.set(section, &RrSet::new(name.clone(), *rtype, *ttl_secs, [rdata]), false).unwrap();
            }
        }
        writer.finish();
        out
    }

    #[test]
    fn an_answer_is_kept_no_longer_than_its_records() {
        use ResponseCode::{NXDomain, NoError, ServFail};
        let (a, soa, ns) = (RecordType::A, RecordType::SOA, RecordType::TXT);
        assert_eq!(life_secs(&message(NoError, &[(a, 300), (ns, 20)], &[])), Some(20));
        assert_eq!(life_secs(&message(NoError, &[(a, 300)], &[(ns, 5)])), Some(300), "authority is no answer");
        assert_eq!(life_secs(&message(NXDomain, &[], &[(soa, 3600)])), Some(60));
        assert_eq!(life_secs(&message(NXDomain, &[], &[(ns, 9), (soa, 30)])), Some(30));
        assert_eq!(life_secs(&message(NXDomain, &[(a, 10)], &[(soa, 30)])), Some(10));
        assert_eq!(life_secs(&message(NoError, &[], &[])), None);
        assert_eq!(life_secs(&message(ServFail, &[(a, 300)], &[])), None);
        let whole = message(NXDomain, &[(a, 10)], &[(soa, 30)]);
        assert!((0..whole.len()).all(|len| life_secs(&whole[..len]).is_none()), "cut short");
    }
}
