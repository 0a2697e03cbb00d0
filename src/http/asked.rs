//! What was asked for, as it was typed: behind the question mark of a request, and names and URLs on the command line
//! too.

use std::borrow::Cow;
use std::fmt::Display;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use url::{Host, Url};

use super::problem::Problem;
use crate::wire::text::parse_type;
use crate::wire::{Name, NameError, Question, RecordType};

/// The name that somebody has typed; one with letters beyond ASCII means the one by which DNS knows it (RFC 5891 §4).
/// Nothing in it is encoded: what stands in a URL was decoded before, and a `%` is an octet as it is.
///
/// # Errors
/// When it is none.
pub fn typed(text: &str) -> Result<Name, NameError> {
    // The parser for hosts of URLs would decode a second time.
    match Host::parse(text) {
        Ok(Host::Domain(ascii)) if !text.is_ascii() && !text.contains('%') => ascii.parse(),
        _ => text.parse(),
    }
}

/// The same where somebody wants to know something, with the type that is meant when none is given: an address means
/// the name that it has. A name with a port would be one that nobody has; as `\058`, or with the dot at its end, it can
/// be had.
///
/// # Errors
/// When it is none.
pub fn meant(text: &str) -> Result<(Name, RecordType), Cow<'static, str>> {
    let is_port = |tail: &str| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit());
    let name = match text.parse() {
        Ok(address) => return Ok((Name::reverse(address), RecordType::PTR)),
        Err(_) if text.rsplit_once(':').is_some_and(|(_, tail)| is_port(tail)) => {
            return Err("a name has no port; a page is asked for as http://HOST:PORT/".into());
        }
        Err(_) => typed(text).map(|name| (name, RecordType::A)),
    };
    name.map_err(|why| why.to_string().into())
}

/// Whether a URL was typed, and no name: with one slash of two, or none, it is one to browsers as well.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    text.contains("://") || ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
}

/// Reads what was typed: a URL, or a host without a scheme as browsers take it.
///
/// # Errors
/// With a sentence, when it is no URL of the web.
pub fn url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    // `localhost:8080` would read as a scheme and a path.
    let whole = if is_url(text) { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&whole).map_err(|why| format!("this is no URL: {why}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{} is no scheme that is fetched", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user, which has no meaning here".to_owned());
    }
    Ok(url)
}

fn no_name(why: impl Display) -> Problem {
    Problem::bad_request(format!("the parameter name is not a domain name: {why}"))
}

/// The name that a parameter means.
pub(super) fn name(text: &str) -> Result<Name, Problem> {
    typed(text).map_err(no_name)
}

/// The question that two parameters mean.
pub(super) fn question(name: &str, qtype: Option<&str>) -> Result<Question, Problem> {
    let (name, usual) = meant(name).map_err(no_name)?;
    Ok(Question::new(name, qtype.map_or(Ok(usual), record_type)?))
}

/// The type that a parameter means.
pub(super) fn record_type(text: &str) -> Result<RecordType, Problem> {
    let found = match text {
        // Public resolvers take the number as well.
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse::<u16>().ok().map(RecordType::from),
        mnemonic => parse_type(mnemonic),
    };
    found
        .ok_or_else(|| Problem::bad_request("the parameter type has to be a type of record, such as MX, or its number"))
}

/// What stands behind the question mark.
pub(super) fn parameters<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let refused = |why: QueryRejection| {
        let text = why.body_text();
        // `unknown field ...`: before it stands where that is, once more, and it repeats what stands there, decoded.
        let sentence = |(before, name): (&str, &str)| {
            format!("{} parameter `{name}", before.rsplit(' ').next().unwrap_or_default())
        };
        let why = text.split_once(" field `").map_or_else(|| text.clone(), sentence);
        Problem::bad_request(format!("the query string: {}", why.replace(char::is_control, "\u{fffd}")))
    };
    query.map(|Query(given)| given).map_err(refused)
}

/// A parameter that is on or off.
pub(super) fn flag(name: &'static str, given: Option<&str>) -> Result<bool, Problem> {
    match given {
        None | Some("0" | "false") => Ok(false),
        Some("" | "1" | "true") => Ok(true),
        Some(_) => Err(Problem::bad_request(Cow::Owned(format!("the parameter {name} is 0 or 1")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made here ends in a dot, so that what a client has asked for can be asked again.
    #[test]
    fn a_name_with_a_port_is_a_slip_and_an_address_is_none() {
        for wrong in ["localhost:53", "www.example.com:8080", "192.0.2.1:53"] {
            assert!(meant(wrong).unwrap_err().contains("has no port"), "{wrong}");
        }
        for right in ["2001:db8::53", "localhost:53.", "localhost\\058\\053", "a:b"] {
            assert!(meant(right).is_ok(), "{right}");
        }
        assert_eq!(meant("::1").unwrap().1, RecordType::PTR);
    }

    #[test]
    fn letters_beyond_ascii_are_those_of_an_international_name() {
        let same = |text: &str, name: &str| assert_eq!(typed(text), name.parse(), "{text}");
        same("Bücher.Example.com", "xn--bcher-kva.example.com.");
        same("_sip._tcp.faß.example.", "_sip._tcp.xn--fa-hia.example.");
        same("例え。テスト", "xn--r8jz45g.xn--zckzah.");
        // All else is as it stands in a zone file.
        same("\\195\\188.Example", "\\195\\188.Example.");
        same("a b.example", "a\\032b.example.");
        same("127.1", "127.1.");
        same("ü%2ex.example", "\\195\\188%2ex.example.");
        assert!(typed("ü..example").is_err());
    }
}
