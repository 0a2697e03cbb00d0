//! What went wrong, for whoever asked: a page for a person, JSON for a program, a line for a terminal.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::fault::Fault;
use crate::trace::Markup;

/// Nothing of a page may run, load or be framed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// The page stands under the address of the origin that it speaks for, so it brings everything along.
const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#f5f6f9;--surface:#fff;--ink:#15202e;--soft:#566175;--line:#dbe0e9;--accent:#2356c4;\
--on:#fff;--bad:#b4232f}\
@media(prefers-color-scheme:dark){:root{--ground:#0e131a;--surface:#171d27;--ink:#e8edf5;--soft:#9ba8bb;--line:#2a3443;\
--accent:#8db2ff;--on:#0e131a;--bad:#ff9197}}\
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif;\
overflow-wrap:anywhere}main{max-width:42rem;margin:12vh auto 2rem;padding:0 1rem}article{background:var(--surface);\
border:1px solid var(--line);border-top:4px solid var(--bad);border-radius:10px;padding:1.5rem 1.75rem 1.75rem}\
h1{margin:0 0 .75rem;font-size:1.6rem;line-height:1.2}h2{margin:1.5rem 0 .25rem;font-size:1rem}p{margin:0}\
a.go{display:inline-block;margin-top:1.5rem;padding:.55rem 1rem;border-radius:8px;background:var(--accent);color:var(--on);\
font-weight:600;text-decoration:none}a.go:focus-visible{outline:3px solid var(--ink);outline-offset:2px}\
footer{padding:.9rem 1.75rem;color:var(--soft);font-size:.85rem}\
@media(max-width:30rem){main{margin-top:1rem}article,footer{padding-left:1.1rem;padding-right:1.1rem}}";

/// A request that cannot be granted, with the sentence that says why and who is at fault.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) sentence: Cow<'static, str>,
    /// Of which kind it is, and what Proxy-Status says of it, where others were to be asked.
    fault: Option<(Fault, String)>,
    leads: Leads,
}

/// Where there is more to see.
#[derive(Clone, Debug)]
enum Leads {
    Nowhere,
    /// To the page: this server has something for whoever asked, and not this.
    Home,
    /// To where the walk to the name is told.
    Walk(String),
}

impl Problem {
    pub(super) fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        let leads = match status {
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Leads::Home,
            _ => Leads::Nowhere,
        };
        Self { status, sentence: sentence.into(), fault: None, leads }
    }

    /// Something went wrong on the way to an origin; `details` are for Proxy-Status (RFC 9209).
    pub(super) fn of(fault: Fault, sentence: impl Into<Cow<'static, str>>, details: &str) -> Self {
        Self::new(fault.status(), sentence).with_fault(fault, details)
    }

    /// Says of which kind it is; `details` are for Proxy-Status (RFC 9209).
    pub(super) fn with_fault(self, fault: Fault, details: &str) -> Self {
        Self { fault: Some((fault, fault.told(details))), ..self }
    }

    /// Adds a link to where the walk to the name is told.
    pub(super) fn with_trace(self, link: String) -> Self {
        Self { leads: Leads::Walk(link), ..self }
    }

    /// Adds a link to the page.
    pub(super) fn with_way_home(self) -> Self {
        Self { leads: Leads::Home, ..self }
    }

    pub(super) fn bad_request(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// Whether it is about somebody else's page.
    pub(super) const fn is_of_proxy(&self) -> bool {
        self.fault.is_some()
    }

    fn title(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.status.canonical_reason().unwrap_or("Error"))
    }

    /// The body in the form that the client likes best, with its media type.
    fn rendered(&self, accept: &HeaderMap) -> (&'static str, String) {
        let title = self.title();
        match liked(accept, &["text/html", "application/json", "text/plain"]) {
            Some("text/html") => ("text/html; charset=utf-8", self.page(&title)),
            Some("application/json") => {
                let mut error = json!({ "status": self.status.as_u16(), "title": title, "detail": self.sentence });
                if let Some((fault, proxy_status)) = &self.fault {
                    error["error"] = fault.word().into();
                    error["advice"] = fault.advice().into();
                    error["proxy_status"] = proxy_status.as_str().into();
                }
                if let Leads::Walk(trace) = &self.leads {
                    error["trace"] = trace.as_str().into();
                }
                ("application/json", format!("{}\n", json!({ "error": error })))
            }
            _ => {
                let link = match &self.leads {
                    Leads::Walk(trace) => format!("{trace}\n"),
                    Leads::Home | Leads::Nowhere => String::new(),
                };
                ("text/plain; charset=utf-8", format!("{title}: {}\n{link}", self.sentence))
            }
        }
    }

    fn page(&self, title: &str) -> String {
        let mut sentence = self.sentence.to_string();
        // A host at the beginning is spelt as it is.
        if self.fault.is_none()
            && let Some(first) = sentence.get_mut(..1)
        {
            first.make_ascii_uppercase();
        }
        let heading = self.fault.as_ref().map_or(title, |(fault, _)| fault.heading());
        let advice =
            self.fault.as_ref().map(|(fault, _)| format!("<h2>What to do</h2><p>{}</p>", Markup(fault.advice())));
        let link = match &self.leads {
            Leads::Walk(trace) => {
                format!("<a class=\"go\" href=\"{}\">See how its address was looked for</a>", Markup(trace))
            }
            Leads::Home => "<a class=\"go\" href=\"/\">To the page</a>".to_owned(),
            Leads::Nowhere => String::new(),
        };
        let kind = self.fault.as_ref().map(|(fault, _)| format!(" · {}", fault.word())).unwrap_or_default();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{heading}</title><style>{STYLE}</style>\n\
             <main><article><h1>{heading}</h1>\n<p>{}</p>\n{}{}</article>\n<footer>{title}{kind} · from rootwalk, {}</footer>\
             </main></html>\n",
            // Each server that failed on a line of its own.
            sentence.split("; ").map(|part| Markup(part).to_string()).collect::<Vec<_>>().join(";<br>"),
            advice.unwrap_or_default(),
            link,
            if self.is_of_proxy() { "the proxy that your browser asked, not from the site" } else { "the resolver" },
        )
    }

    /// Fills `response`, which keeps the headers that it has (such as Allow).
    pub(super) fn fill(&self, mut response: Response, accept: &HeaderMap) -> Response {
        let (media_type, body) = self.rendered(accept);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let fixed = [
            (CONTENT_TYPE, media_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // What was asked for is not told to the page of the walk, nor to anybody else.
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.remove(CONTENT_LENGTH);
        if let Some(told) = self.fault.as_ref().and_then(|(_, told)| HeaderValue::from_str(told).ok()) {
            headers.insert("proxy-status", told);
        }
        *response.body_mut() = Body::from(body);
        response
    }
}

/// The problem travels in the extensions until it is known in which form the client wants it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The first of `offers` among the media types that the client accepts by name, in the client's order of weight
/// (RFC 9110 §12.5.1). `*/*` is no wish.
pub(super) fn liked<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Option<&'a str> {
    let mut best: Option<(f32, &str)> = None;
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if let Some(offer) = offers.iter().find(|offer| offer.eq_ignore_ascii_case(media_type))
                && weight > best.map_or(0.0, |(best, _)| best)
            {
                best = Some((weight, offer));
            }
        }
    }
    best.map(|(_, offer)| offer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_form_follows_the_wish() {
        let offers = ["text/html", "application/json", "text/plain"];
        assert_eq!(liked(&accept("*/*"), &offers), None);
        assert_eq!(liked(&accept("text/html,application/xhtml+xml,*/*;q=0.8"), &offers), Some("text/html"));
        assert_eq!(liked(&accept("text/plain;q=0.2, application/json; q=0.9"), &offers), Some("application/json"));
        assert_eq!(liked(&accept("application/json;q=0"), &offers), None);
        assert_eq!(liked(&HeaderMap::new(), &offers), None);
    }

    #[test]
    fn nothing_that_a_name_holds_becomes_markup() {
        let problem = Problem::bad_request("<script>alert('x\u{1b}[31m')</script>&\"");
        let (_, page) = problem.rendered(&accept("text/html"));
        assert!(!page.contains("<script") && !page.contains('\u{1b}'), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;x\u{fffd}[31m&#39;)&lt;/script&gt;&amp;&quot;"), "{page}");
        let (_, text) = problem.rendered(&accept("application/json"));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}
