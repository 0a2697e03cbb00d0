//! `/past`: the walks that are kept, to be searched.

use std::fmt::{self, Display};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::problem::Problem;
use super::super::routes::Front;
use super::super::tell::pretty;
use super::html::{Html, Ms};
use super::{Form, answer, shell};
use crate::listen::Peer;
use crate::serve::{Id, Kept, Occasion, Walked};
use crate::trace::{Event, Judged};
use crate::wire::text::type_name;

/// Rows in one answer unless asked for otherwise, and at most.
const ROWS: (usize, usize) = (100, 1000);

/// What may stand behind the question mark; what is empty is no wish.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct Search {
    /// Part of the name.
    search: Option<String>,
    /// A response code, `secure`, `insecure`, `bogus`, `stale`, or `failed` for whatever has no answer.
    verdict: Option<String>,
    /// Least time in milliseconds.
    slow_ms: Option<String>,
    limit: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    /// Walks that are kept.
    kept: usize,
    /// Octets that they take.
    bytes: usize,
    /// Those that fit the search, the newest first.
    rows: Vec<Row<'a>>,
}

/// One walk in short.
#[derive(Serialize)]
struct Row<'a> {
    id: Id,
    unix_ms: u64,
    occasion: Occasion,
    checking_disabled: bool,
    name: String,
    #[serde(rename = "type")]
    qtype: String,
    rcode: &'a str,
    security: Option<&'static str>,
    stale: bool,
    queries: u32,
    time_us: u64,
    /// The first extended error, in words.
    why: Option<String>,
}

/// `GET /past`.
pub(in crate::http) async fn past(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Problem> {
    may_see(&front, peer)?;
    let Query(search) = search.map_err(|_| Problem::bad_request("each parameter may be given but once"))?;
    let number = |given: &Option<String>| match given.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| Problem::bad_request("slow_ms and limit are numbers")),
    };
    let least_us = number(&search.slow_ms)?.unwrap_or(0).saturating_mul(1000);
    let limit = number(&search.limit)?.map_or(ROWS.0, |limit| usize::try_from(limit).unwrap_or(ROWS.1).min(ROWS.1));
    let all = front.resolver.past().all();
    let fits = |row: &Row<'_>| row.time_us >= least_us && row.fits(&search);
    let rows = all.iter().map(Row::of).filter(fits).take(limit).collect();
    let page = Page { kept: all.len(), bytes: front.resolver.past().bytes(), rows };
    let form = Form::of(&headers);
    Ok(match form {
        Form::Json => answer(form.media_type(), pretty(&page)),
        Form::Text => answer(form.media_type(), page.rows.iter().map(Row::to_string).collect::<String>()),
        Form::Html => answer(form.media_type(), shell("Past look-ups", "", Listed(&page, &search))),
    })
}

/// What others have looked up is for those who run this server (`http.past_allow`).
pub(super) fn may_see(front: &Front, peer: Peer) -> Result<(), Problem> {
    let client = peer.client.ip().to_canonical();
    let sentence = "what others have looked up is not shown to clients of this network (http.past_allow)";
    let allowed = front.settings.past_allow.iter().any(|net| net.contains(&client));
    if allowed { Ok(()) } else { Err(Problem::new(StatusCode::FORBIDDEN, sentence)) }
}

impl<'a> Row<'a> {
    fn of(kept: &'a Arc<Kept<Walked>>) -> Self {
        let Walked { unix_ms, occasion, unchecked, trace } = &kept.told;
        let security = trace.steps.iter().rev().find_map(|entry| match &entry.event {
            Event::Judged { judged: Judged::Secure } => Some("secure"),
            Event::Judged { judged: Judged::Insecure } => Some("insecure"),
            Event::Judged { judged: Judged::Bogus { .. } } => Some("bogus"),
            _ => None,
        });
        Self {
            id: kept.id,
            unix_ms: *unix_ms,
            occasion: *occasion,
            checking_disabled: *unchecked,
            name: trace.name.to_string(),
            qtype: type_name(trace.qtype).to_string(),
            rcode: &trace.rcode,
            security,
            stale: trace.steps.iter().any(|entry| matches!(entry.event, Event::Stale { .. })),
            queries: trace.cost.queries,
            time_us: trace.cost.time_us,
            why: trace.edes.first().map(ToString::to_string),
        }
    }

    fn fits(&self, search: &Search) -> bool {
        let wish = |given: &Option<String>| given.as_deref().map(str::trim).unwrap_or_default().to_ascii_lowercase();
        let (name, verdict) = (wish(&search.search), wish(&search.verdict));
        let is = match verdict.as_str() {
            "" => true,
            "failed" => !matches!(self.rcode, "NOERROR" | "NXDOMAIN"),
            "stale" => self.stale,
            word => self.rcode.eq_ignore_ascii_case(word) || self.security == Some(word),
        };
        is && self.name.to_ascii_lowercase().contains(&name)
    }
}

/// A line of text.
impl Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, qtype, rcode, queries, time_us, .. } = self;
        let security = self.security.unwrap_or("-");
        writeln!(
            f,
            "/t/{id}  {:>10}  {queries:>3}  {rcode:<8}  {security:<8}  {name} {qtype}",
            Ms(*time_us).to_string()
        )
    }
}

/// The list as HTML, with the form that searches it.
struct Listed<'a>(&'a Page<'a>, &'a Search);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(page, search) = self;
        let given = |text: &Option<String>| Html(text.clone().unwrap_or_default());
        let (name, verdict, slow) = (given(&search.search), given(&search.verdict), given(&search.slow_ms));
        write!(
            f,
            "<article class=\"told\">\n<h1>Past look-ups</h1>\n\
             <form class=\"filters\" action=\"/past\">\
             <label>Name <input name=\"search\" value=\"{name}\"></label> \
             <label>Verdict <input name=\"verdict\" value=\"{verdict}\" placeholder=\"failed, NXDOMAIN, bogus …\"></label> \
             <label>Slower than (ms) <input name=\"slow_ms\" inputmode=\"numeric\" value=\"{slow}\"></label> \
             <button>Search</button></form>\n\
             <p>{} of {} kept.</p>\n<ul class=\"past\">\n",
            page.rows.len(),
            page.kept
        )?;
        for row in &page.rows {
            let (id, name, qtype, rcode) = (row.id, Html(&row.name), Html(&row.qtype), Html(row.rcode));
            let (queries, time) = (row.queries, Ms(row.time_us));
            write!(f, "<li><a href=\"/t/{id}\">{name} {qtype}</a> <strong>{rcode}</strong>")?;
            writeln!(f, " {} {queries} queries, {time}</li>", row.security.unwrap_or_default())?;
        }
        writeln!(f, "</ul>\n</article>")
    }
}
