//! The fields of one message that end at the next hop, and those that every hop adds (RFC 9110 §7.6).

use std::sync::LazyLock;

use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HeaderName, HeaderValue, MAX_FORWARDS, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE, VIA,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Version};

/// Our name in Proxy-Status.
pub(super) const SOFTWARE: &str = "rootwalk";

/// Our name in Via. Each process has its own: else two in a row would take what passed the first for what was here
/// before (RFC 9110 §7.6.3). It is drawn, as it needs no setting then and says nothing of the machine.
static PSEUDONYM: LazyLock<String> = LazyLock::new(|| format!("{SOFTWARE}-{:08x}", rand::random::<u32>()));

/// Fields that concern one connection alone, whether Connection lists them or not.
const HOP: [HeaderName; 8] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The protocol that the client or the server wants to change to, if the message says so in both places.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    named(headers).any(|name| name == UPGRADE).then(|| headers.get(UPGRADE).cloned()).flatten()
}

/// Whether the sender takes fields behind a body (RFC 9110 §6.5.1).
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    listed(headers, TE).any(|coding| coding.eq_ignore_ascii_case("trailers"))
}

/// Takes out what is not to be passed on.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = named(headers).collect();
    // RFC 9112 §6.3: where both are given the length is wrong, and whoever believes it reads two messages for one.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    // What frames the message is not for Connection to take away.
    for name in named.iter().filter(|name| **name != CONTENT_LENGTH).chain(&HOP) {
        headers.remove(name);
    }
    // hyper answers 100 (Continue) by itself when the body is wanted.
    headers.remove(EXPECT);
}

/// Makes one number of a length that is said several times, as nobody may pass on what is none (RFC 9110 §8.6); false
/// where those differ, or are none. hyper judges it where a body follows, and nowhere else.
pub(super) fn says_one_length(headers: &mut HeaderMap) -> bool {
    let is_number = |length: &&str| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length = {
        let mut said = listed(headers, CONTENT_LENGTH);
        let first = said.next().filter(is_number).filter(|first| said.all(|other| other == *first));
        first.and_then(|length| HeaderValue::from_str(length).ok())
    };
    match length {
        Some(length) => headers.insert(CONTENT_LENGTH, length).is_some(),
        None => !headers.contains_key(CONTENT_LENGTH),
    }
}

/// Makes one field of the cookies, which HTTP/2 may have cut into several (RFC 9113 §8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
    }
}

/// Whether the body has a transfer coding besides being cut into chunks.
pub(super) fn is_coded(headers: &HeaderMap) -> bool {
    headers.get_all(TRANSFER_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// Adds ourselves to the way that a message took.
pub(super) fn add_via(headers: &mut HeaderMap, version: Version) {
    let version = match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    if let Ok(via) = HeaderValue::from_str(&format!("{version} {}", *PSEUDONYM)) {
        headers.append(VIA, via);
    }
}

/// Whether the next hop may get this request: OPTIONS and TRACE may say how many do (RFC 9110 §7.6.2), and that number
/// goes down by one.
pub(super) fn may_go_on(head: &mut Parts) -> bool {
    if head.method != Method::OPTIONS && head.method != Method::TRACE {
        return true;
    }
    let Some(left) = head.headers.get(MAX_FORWARDS).and_then(|left| left.to_str().ok()?.parse::<u32>().ok()) else {
        return true;
    };
    head.headers.insert(MAX_FORWARDS, left.saturating_sub(1).into());
    left > 0
}

/// Whether a message was here before (RFC 9110 §7.6.3).
pub(super) fn was_here(headers: &HeaderMap) -> bool {
    listed(headers, VIA).any(|hop| hop.split_whitespace().nth(1) == Some(&**PSEUDONYM))
}

/// The fields that Connection names.
fn named(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> + '_ {
    listed(headers, CONNECTION).filter_map(|name| name.parse().ok())
}

/// What stands between commas in a field, or in several of that name (RFC 9110 §5.6.1).
fn listed(headers: &HeaderMap, field: HeaderName) -> impl Iterator<Item = &str> {
    let said = headers.get_all(field).into_iter().filter_map(|value| value.to_str().ok());
    said.flat_map(|value| value.split(',')).map(str::trim)
}

/// A string of structured fields (RFC 9651 §3.3.3): printable ASCII in quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(if matches!(c, ' '..='~') { c } else { '?' });
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_ends_here_is_taken_out_and_the_rest_stays() {
        let mut given = headers(&[
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("x-theirs", "2"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("trailer", "x-sum"),
            ("content-length", "5"),
        ]);
        strip(&mut given);
        let mut left: Vec<&str> = given.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "trailer", "x-theirs"]);
    }

    #[test]
    fn a_length_beside_a_coding_is_not_passed_on_and_no_field_takes_the_length_away() {
        let mut both = headers(&[("content-length", "5"), ("transfer-encoding", "chunked")]);
        strip(&mut both);
        assert!(both.is_empty());
        let mut taken = headers(&[("content-length", "5"), ("connection", "content-length")]);
        strip(&mut taken);
        assert_eq!(taken.len(), 1);
    }

    #[test]
    fn a_length_is_one_number() {
        let told = |lengths: &[&'static str]| {
            let mut given: HeaderMap =
                lengths.iter().map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length))).collect();
            let is_one = says_one_length(&mut given);
            is_one.then(|| {
                given.get_all(CONTENT_LENGTH).iter().map(|length| length.to_str().unwrap().to_owned()).collect()
            })
        };
        assert_eq!(told(&[]), Some(vec![]));
        for same in [&["42"][..], &["42, 42"], &["42", "42"]] {
            assert_eq!(told(same), Some(vec!["42".to_owned()]), "{same:?}");
        }
        for none in [&["4, 2"][..], &["4", "2"], &["+4"], &[""], &["4,"]] {
            assert_eq!(told(none), None, "{none:?}");
        }
    }

    #[test]
    fn cookies_are_one_field() {
        let mut given = headers(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d")]);
        join_cookies(&mut given);
        assert_eq!(given.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3; d"]);
    }

    #[test]
    fn a_loop_is_seen() {
        let mut given = headers(&[("via", "1.0 fred, 1.1 p.example.net (rootwalk), 1.1 rootwalk")]);
        assert!(!was_here(&given));
        add_via(&mut given, Version::HTTP_11);
        assert!(was_here(&given));
    }

    #[test]
    fn the_last_hop_is_the_one_that_was_named() {
        for (method, given, goes, then) in [
            ("OPTIONS", "0", false, "0"),
            ("TRACE", "3", true, "2"),
            ("OPTIONS", "x", true, "x"),
            ("GET", "0", true, "0"),
        ] {
            let request = axum::http::Request::builder().method(method).header("max-forwards", given);
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!((may_go_on(&mut head), &head.headers[MAX_FORWARDS]), (goes, &HeaderValue::from_static(then)));
        }
    }

    #[test]
    fn quotes_end_where_they_should() {
        assert_eq!(quoted("a \"b\" \\ \u{7}ü"), "\"a \\\"b\\\" \\\\ ??\"");
    }
}
