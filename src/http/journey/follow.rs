//! From URL to URL until there is a page, or a reason why not.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::{Host as UrlHost, Url};

use super::exchange::exchange;
use super::scout::{Scout, Teller};
use super::tls::shake_hands;
use super::{FetchSettings, Trust, Wanted};
use crate::http::origin::{ALPN, Connected, Host, Link, Origins, Services, Unconnected, Way, Wish, is_web_port};
use crate::http::watch::{Activity, Watched};
use crate::journey::{CacheLook, CacheName, End, Hop, Journey, Race, SCHEMA, Spoken, Tcp};
use crate::serve::Resolver;
use crate::time::as_us;

/// What a journey takes along.
#[derive(Debug)]
pub(in crate::http) struct Traveller {
    pub(in crate::http) resolver: Resolver,
    pub(in crate::http) origins: Arc<Origins>,
    pub(in crate::http) trust: Arc<Trust>,
    pub(in crate::http) settings: FetchSettings,
}

impl Traveller {
    /// Fetches a page for `client`. Whatever happens, what was seen until then is in the document.
    pub(super) async fn follow(&self, wanted: Wanted, client: IpAddr, teller: &Teller) -> Journey {
        #[expect(clippy::disallowed_methods, reason = "people want to know on which day it was")]
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (origin, settings) = (Instant::now(), &self.settings);
        let deadline = origin + settings.time;
        let mut journey = Journey {
            schema: SCHEMA,
            url: wanted.url.to_string(),
            began: u64::try_from(since.as_millis()).unwrap_or(0),
            cold: wanted.cold,
            time_us: 0,
            hops: Vec::new(),
        };
        let mut url = wanted.url;
        url.set_fragment(None);
        loop {
            let resolver = if wanted.cold { self.resolver.forgotten() } else { self.resolver.clone() };
            let nth = journey.hops.len();
            let begun_us = as_us(origin.elapsed());
            let hop = RefCell::new(Hop::new(url.to_string(), begun_us));
            let scout = Scout { resolver, client, origin, nth, hop: &hop, teller };
            scout.tell("hop", url.as_str());
            let late = |_| {
                let why = format!("the journey took longer than {} s", settings.time.as_secs());
                Err(End::Failed { error: "http_response_timeout", why })
            };
            let ended = timeout_at(deadline, go(self, &url, &scout)).await.unwrap_or_else(late);
            let mut end = ended.unwrap_or_else(|end| end);
            let next = match &end {
                End::Redirect { to } | End::Upgrade { to } => Url::parse(to).ok(),
                End::Page | End::Failed { .. } => None,
            };
            if let Some(next) = &next {
                let seen = journey.hops.iter().map(|hop| hop.url.as_str()).chain([url.as_str()]);
                if let Some(why) = stop(next, seen, settings.redirects) {
                    end = End::Failed { error: "too_many_redirects", why };
                }
            }
            let now = scout.now();
            scout.tell("end", &end);
            let goes_on = !matches!(end, End::Failed { .. });
            let mut hop = hop.into_inner();
            (hop.time_us, hop.end) = (now - begun_us, Some(end));
            journey.hops.push(hop);
            match next {
                Some(next) if goes_on => url = next,
                _ => {
                    journey.time_us = now;
                    return journey;
                }
            }
        }
    }
}

/// Why a redirect is not followed. Nothing is remembered from one request to the next, so the same URL would give
/// the same answer.
fn stop<'a>(next: &Url, seen: impl Iterator<Item = &'a str> + Clone, most: usize) -> Option<String> {
    if seen.clone().any(|url| url == next.as_str()) {
        return Some(format!("the redirects go in a circle: {next} was here before (cookies are not kept)"));
    }
    (seen.count() > most).then(|| format!("more than {most} redirects; the next would be to {next}"))
}

/// The way to one URL.
async fn go(traveller: &Traveller, url: &Url, scout: &Scout<'_>) -> Result<End, End> {
    let failed = |error, why| End::Failed { error, why };
    let denied = |why: String| failed("http_request_denied", why);
    let secure = url.scheme() == "https";
    if !secure && url.scheme() != "http" {
        return Err(denied(format!("{} is no scheme that is fetched", url.scheme())));
    }
    let (host, port) = match (url.host(), url.port_or_known_default()) {
        (Some(UrlHost::Domain(name)), Some(port)) => {
            (Host::Name(name.parse().map_err(|why| denied(format!("{name} is no name: {why}")))?), port)
        }
        (Some(UrlHost::Ipv4(address)), Some(port)) => (Host::Address(address.into()), port),
        (Some(UrlHost::Ipv6(address)), Some(port)) => (Host::Address(address.into()), port),
        _ => return Err(denied("the URL has no host".to_owned())),
    };
    if !is_web_port(port) {
        return Err(denied(format!("port {port} is not a port for HTTP")));
    }
    let text = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let connected = reach(traveller, &host, &text, (url, port, secure), scout).await?;
    let Some(connected) = connected else {
        let mut better = url.clone();
        let changed = better.set_scheme("https").is_ok();
        return Ok(if changed { End::Upgrade { to: better.to_string() } } else { End::Page });
    };
    let Connected { link, busy, alpn, .. } = connected;
    let Link::Fresh(stream) = link else { return Err(denied("a journey needs a connection of its own".to_owned())) };
    let activity = Activity::new();
    let _ = stream.set_nodelay(true);
    let stream = Watched { stream, activity: Arc::clone(&activity) };
    let begun = Instant::now();
    let done = speak(traveller, stream, (url, &text, secure), alpn, scout).await;
    if let Some(tcp) = &mut scout.hop.borrow_mut().tcp {
        (tcp.sent_bytes, tcp.received_bytes) = activity.carried();
    }
    done?;
    busy.answered(begun.elapsed());
    end(url, &scout.hop.borrow())
}

/// A connection to the host; `None` when it wants https.
async fn reach(
    traveller: &Traveller,
    host: &Host,
    text: &str,
    (url, port, secure): (&Url, u16, bool),
    scout: &Scout<'_>,
) -> Result<Option<Connected>, End> {
    let name = (text.to_ascii_lowercase(), port);
    let policy = traveller.origins.policy(host);
    scout.hop.borrow_mut().race = Some(Race { policy: policy.word(), attempts: Vec::new() });
    // A journey makes a connection of its own, to show how; whether the proxy would have had to is told.
    let (cache, key, found) = (CacheName::Connections, format!("{text}:{port}"), traveller.origins.pool.has(&name));
    scout.looked(CacheLook { cache, key, found, age_secs: None, left_secs: None });
    let spoken = Spoken { alpn: ALPN, ports: |_, port| is_web_port(port), listed: &[] };
    let services = match (secure, port) {
        (true, _) => Services::Followed(spoken),
        (false, 80) => Services::Upgrade(spoken),
        (false, _) => Services::Ignored,
    };
    let wish = Wish { policy, url: url.as_str(), client: scout.client };
    let way = Way { name: &name, wish, pooled: false, services, origin: scout.origin };
    let connected = match traveller.origins.connect(scout, host, way).await {
        Ok(connected) => connected,
        Err(Unconnected::Upgrade) => return Ok(None),
        Err(why) => {
            let (fault, why) = why.told(text);
            return Err(End::Failed { error: fault.word(), why });
        }
    };
    let tcp = tcp(&connected);
    scout.tell("tcp", tcp);
    scout.hop.borrow_mut().tcp = tcp;
    Ok(Some(connected))
}

fn tcp(connected: &Connected) -> Option<Tcp> {
    let (Link::Fresh(stream), Some(won)) = (&connected.link, connected.attempts.get(connected.nth)) else {
        return None;
    };
    let local = TcpStream::local_addr(stream).ok()?;
    let (begun_us, ended_us) = (won.begun_us, won.ended_us.unwrap_or(won.begun_us));
    Some(Tcp { local, remote: connected.address, begun_us, ended_us, sent_bytes: 0, received_bytes: 0 })
}

/// TLS where it is wanted, then HTTP.
async fn speak(
    traveller: &Traveller,
    stream: Watched<TcpStream>,
    (url, host, secure): (&Url, &str, bool),
    alpn: Vec<String>,
    scout: &Scout<'_>,
) -> Result<(), End> {
    let most = traveller.settings.body_bytes;
    if !secure {
        return exchange(stream, false, url, most, scout).await;
    }
    let offered = if alpn.is_empty() { ALPN.iter().map(|alpn| (*alpn).to_owned()).collect() } else { alpn };
    let stream = shake_hands(stream, host, &offered, &traveller.trust, scout).await?;
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    exchange(stream, two, url, most, scout).await
}

/// How a URL ends whose answer is there.
fn end(url: &Url, hop: &Hop) -> Result<End, End> {
    let Some(response) = &hop.response else { return Ok(End::Page) };
    let location = response.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value);
    let (true, Some(location)) = (matches!(response.status, 301 | 302 | 303 | 307 | 308), location) else {
        return Ok(End::Page);
    };
    let malformed =
        |why| End::Failed { error: "http_protocol_error", why: format!("the redirect leads nowhere: {why}") };
    let mut to = url.join(location).map_err(malformed)?;
    to.set_fragment(None);
    Ok(End::Redirect { to: to.to_string() })
}
