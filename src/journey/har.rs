//! A journey as an HTTP archive, HAR 1.2, for the tools of others. What HAR has no place for is not in it, except for
//! the reason of a failure and the fields behind a body, under names that begin with `_` as its authors ask.

use serde_json::{Value, json};
use url::Url;

use super::document::{AttemptEnd, End, Hop, Journey};
use crate::time::iso_ms;

/// The archive.
#[must_use]
pub fn har(journey: &Journey) -> Value {
    let page = "page_1";
    let load = journey.hops.last().and_then(|hop| hop.response.as_ref()?.body).map(|body| ms(body.ended_us));
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "rootwalk", "version": env!("CARGO_PKG_VERSION") },
        "pages": [{
            "startedDateTime": iso_ms(journey.began),
            "id": page,
            "title": journey.url,
            "pageTimings": { "onContentLoad": -1, "onLoad": load.unwrap_or(-1.0) },
        }],
        "entries": journey.hops.iter().map(|hop| entry(journey, hop, page)).collect::<Vec<_>>(),
    } })
}

fn entry(journey: &Journey, hop: &Hop, page: &str) -> Value {
    let timings = timings(hop);
    // HAR counts TLS inside of `connect`, so it must not be added twice.
    let total = ["blocked", "dns", "connect", "send", "wait", "receive"];
    let time: f64 = total.iter().filter_map(|key| timings[key].as_f64()).filter(|ms| *ms > 0.0).sum();
    let mut entry = json!({
        "pageref": page,
        "startedDateTime": iso_ms(journey.began + hop.begun_us / 1000),
        "time": time,
        "request": request(hop),
        "response": response(hop),
        "cache": {},
        "timings": timings,
    });
    if let Some(tcp) = &hop.tcp {
        entry["serverIPAddress"] = tcp.remote.ip().to_string().into();
        entry["connection"] = tcp.local.port().to_string().into();
    }
    entry
}

fn request(hop: &Hop) -> Value {
    let url = Url::parse(&hop.url).ok();
    let query: Vec<Value> =
        (url.iter().flat_map(Url::query_pairs)).map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let (version, headers) = hop.request.as_ref().map_or(("", &[][..]), |given| (given.version, &given.headers[..]));
    json!({
        "method": "GET",
        "url": hop.url,
        "httpVersion": version,
        "cookies": [],
        "headers": fields(headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": 0,
    })
}

fn response(hop: &Hop) -> Value {
    let to = match &hop.end {
        Some(End::Redirect { to } | End::Upgrade { to }) => to.as_str(),
        _ => "",
    };
    let Some(response) = &hop.response else {
        // As browsers have it where there is no answer: status 0.
        let (status, text) = match &hop.end {
            // RFC 9460 §9.5: as if the host had said 307.
            Some(End::Upgrade { .. }) => (307, "Temporary Redirect"),
            _ => (0, ""),
        };
        let mut nothing = json!({
            "status": status, "statusText": text, "httpVersion": "", "cookies": [], "headers": [],
            "content": { "size": 0, "mimeType": "x-unknown" },
            "redirectURL": to, "headersSize": -1, "bodySize": -1,
        });
        if let Some(End::Failed { why, .. }) = &hop.end {
            nothing["_error"] = why.as_str().into();
        }
        return nothing;
    };
    let field = |name: &str| response.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie").filter_map(|(_, value)| {
        let (name, value) = value.split(';').next()?.split_once('=')?;
        Some(json!({ "name": name.trim(), "value": value.trim() }))
    });
    let bytes = response.body.map(|body| body.bytes);
    let mut told = json!({
        "status": response.status,
        "statusText": response.reason,
        "httpVersion": response.version,
        "cookies": cookies.collect::<Vec<_>>(),
        "headers": fields(&response.headers),
        "content": {
            "size": bytes.unwrap_or(0),
            "mimeType": field("content-type").unwrap_or("application/octet-stream"),
        },
        "redirectURL": to,
        "headersSize": -1,
        "bodySize": bytes.map_or(json!(-1), Value::from),
    });
    if !response.trailers.is_empty() {
        told["_trailers"] = fields(&response.trailers).into();
    }
    told
}

fn fields(headers: &[(String, String)]) -> Vec<Value> {
    headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// Where the time went, in milliseconds; -1 for what did not happen.
fn timings(hop: &Hop) -> Value {
    let span = |begin: u64, end: u64| ms(end.saturating_sub(begin));
    let attempts = hop.race.iter().flat_map(|race| &race.attempts);
    let tried = |end: &Option<AttemptEnd>| !matches!(end, Some(AttemptEnd::Prohibited { .. }));
    let first = attempts.clone().filter(|attempt| tried(&attempt.end)).map(|attempt| attempt.begun_us).min();
    let looked_up = first.unwrap_or(hop.begun_us + hop.time_us);
    // What the race took before the attempt that won began.
    let blocked = first.zip(hop.tcp).map(|(first, tcp)| span(first, tcp.begun_us));
    let shaken = hop.tls.as_ref().and_then(|tls| Some((tls.begun_us, tls.ended_us?)));
    let connect = hop.tcp.map(|tcp| span(tcp.begun_us, shaken.map_or(tcp.ended_us, |(_, ended)| ended)));
    let head = hop.response.as_ref().map(|response| response.head_us);
    let body = hop.response.as_ref().and_then(|response| Some((response.head_us, response.body?.ended_us)));
    let wait = hop.request.as_ref().zip(head).map(|(request, head)| span(request.begun_us, head));
    let or_none = |value: Option<f64>| value.unwrap_or(-1.0);
    json!({
        "blocked": or_none(blocked),
        "dns": if hop.lookups.is_empty() { -1.0 } else { span(hop.begun_us, looked_up) },
        "connect": or_none(connect),
        "ssl": or_none(shaken.map(|(begun, ended)| span(begun, ended))),
        "send": 0.0,
        "wait": wait.unwrap_or(0.0),
        "receive": body.map_or(0.0, |(head, end)| span(head, end)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "nobody waits for 2^53 microseconds")]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}
