//! `/past`: the walks and journeys that are kept, to be searched.

use std::cmp::Reverse;
use std::fmt::{self, Display};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Form, shell};
use crate::http::asked::parameters;
use crate::http::guard::admit;
use crate::http::journey::Journeys;
use crate::http::problem::Problem;
use crate::journey::{End, Journey};
use crate::listen::Peer;
use crate::serve::{Id, Kept, Occasion, Resolver, Walked};
use crate::time::iso;
use crate::trace::{Event, Judged, Markup, Ms, counted};
use crate::wire::text::type_name;

/// Rows in one answer unless asked for otherwise, and at most.
const ROWS: (usize, usize) = (100, 1000);

/// What was done for others.
#[derive(Debug)]
pub(in crate::http) struct Past {
    pub(in crate::http) resolver: Resolver,
    pub(in crate::http) journeys: Arc<Journeys>,
    /// Networks whose clients may see it.
    pub(in crate::http) allow: Vec<IpNet>,
}

/// What may stand behind the question mark, and nothing else; what is empty is no wish.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Search {
    /// Part of the name or of the URL.
    search: Option<String>,
    /// A response code, `secure`, `insecure`, `bogus`, `stale`, the status of a page, or `failed` for whatever has no
    /// answer.
    verdict: Option<String>,
    /// `walk` or `journey`.
    kind: Option<String>,
    /// Least time in milliseconds.
    slow_ms: Option<String>,
    limit: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    /// Walks and journeys that are kept.
    kept: usize,
    /// Octets that they take.
    bytes: usize,
    /// Those that fit the search, the newest first.
    rows: Vec<Row<'a>>,
}

/// One walk or one journey in short.
#[derive(Serialize)]
struct Row<'a> {
    id: Id,
    unix_ms: u64,
    time_us: u64,
    /// Questions sent to name servers.
    queries: u32,
    /// Why there is no good answer, in words.
    why: Option<String>,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What<'a> {
    Walk {
        occasion: Occasion,
        checking_disabled: bool,
        name: String,
        #[serde(rename = "type")]
        qtype: String,
        rcode: &'a str,
        security: Option<&'static str>,
        stale: bool,
    },
    Journey {
        url: &'a str,
        status: Option<u16>,
        failed: bool,
        /// URLs on the way, the last one included.
        hops: usize,
    },
}

/// `GET /past`.
pub(in crate::http) async fn past(
    State(past): State<Arc<Past>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Problem> {
    past.may_be_seen(peer)?;
    let search = parameters(search)?;
    let number = |given: &Option<String>| match given.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| Problem::bad_request("slow_ms and limit are numbers")),
    };
    if !matches!(search.kind.as_deref().map(str::trim), None | Some("" | "walk" | "journey")) {
        return Err(Problem::bad_request("the parameter kind is walk or journey"));
    }
    let least_us = number(&search.slow_ms)?.unwrap_or(0).saturating_mul(1000);
    let limit = number(&search.limit)?.map_or(ROWS.0, |limit| usize::try_from(limit).unwrap_or(ROWS.1).min(ROWS.1));
    let (walks, journeys) = (past.resolver.past(), &past.journeys.past);
    let (all_walks, all_journeys) = (walks.all(), journeys.all());
    let of_walks = all_walks.iter().map(|kept| Row::of_walk(kept));
    let mut rows: Vec<Row<'_>> = of_walks.chain(all_journeys.iter().map(|kept| Row::of_journey(kept))).collect();
    rows.retain(|row| row.time_us >= least_us && row.fits(&search));
    rows.sort_by_key(|row| Reverse(row.unix_ms));
    rows.truncate(limit);
    let (kept, bytes) = (all_walks.len() + all_journeys.len(), walks.bytes() + journeys.bytes());
    let page = Page { kept, bytes, rows };
    let (text, html) =
        (|| page.rows.iter().map(Row::to_string).collect(), || shell("Past look-ups", Listed(&page, &search)));
    Ok(Form::of(&headers).answer(&page, text, html))
}

impl Past {
    /// What others have looked up is for those who run this server (`http.past_allow`).
    pub(super) fn may_be_seen(&self, peer: Peer) -> Result<(), Problem> {
        admit(peer, &self.allow, "what others have looked up is not shown to", "http.past_allow")
    }
}

impl<'a> Row<'a> {
    fn of_walk(kept: &'a Kept<Walked>) -> Self {
        let Walked { unix_ms, occasion, checking_disabled, trace } = &kept.told;
        let what = What::Walk {
            occasion: *occasion,
            checking_disabled: *checking_disabled,
            name: trace.name.to_string(),
            qtype: type_name(trace.qtype).to_string(),
            rcode: &trace.rcode,
            security: trace.judged().map(Judged::word),
            stale: trace.steps.iter().any(|entry| matches!(entry.event, Event::Stale { .. })),
        };
        Self {
            id: kept.id,
            unix_ms: *unix_ms,
            time_us: trace.cost.time_us,
            queries: trace.cost.queries,
            why: trace.edes.first().map(ToString::to_string),
            what,
        }
    }

    fn of_journey(kept: &'a Kept<Journey>) -> Self {
        let Journey { url, began, time_us, hops, .. } = &kept.told;
        let status = hops.last().and_then(|hop| hop.response.as_ref()).map(|response| response.status);
        let traces = hops.iter().flat_map(|hop| &hop.lookups).filter_map(|lookup| lookup.trace.as_ref());
        let why = match kept.told.end() {
            Some(End::Failed { why, .. }) => Some(why.clone()),
            _ => None,
        };
        Self {
            id: kept.id,
            unix_ms: *began,
            time_us: *time_us,
            queries: traces.map(|trace| trace.cost.queries).sum(),
            why,
            what: What::Journey { url, status, failed: kept.told.failed(), hops: hops.len() },
        }
    }

    fn fits(&self, search: &Search) -> bool {
        let wish = |given: &Option<String>| given.as_deref().map(str::trim).unwrap_or_default().to_ascii_lowercase();
        let (part, verdict, kind) = (wish(&search.search), wish(&search.verdict), wish(&search.kind));
        let (own, name, is) = match &self.what {
            What::Walk { name, rcode, security, stale, .. } => {
                let is = match verdict.as_str() {
                    "" => true,
                    "failed" => !matches!(*rcode, "NOERROR" | "NXDOMAIN"),
                    "stale" => *stale,
                    word => rcode.eq_ignore_ascii_case(word) || *security == Some(word),
                };
                ("walk", name.as_str(), is)
            }
            What::Journey { url, status, failed, .. } => {
                let is = match verdict.as_str() {
                    "" => true,
                    "failed" => *failed,
                    word => status.is_some_and(|status| status.to_string() == word),
                };
                ("journey", *url, is)
            }
        };
        is && (kind.is_empty() || kind == own) && name.to_ascii_lowercase().contains(&part)
    }

    /// The permanent link, below this server.
    fn link(&self) -> String {
        let folder = if matches!(self.what, What::Walk { .. }) { "t" } else { "j" };
        format!("/{folder}/{}", self.id)
    }
}

impl What<'_> {
    /// What came of it, in a word.
    fn outcome(&self) -> String {
        match self {
            Self::Walk { rcode, .. } => (*rcode).to_owned(),
            Self::Journey { failed: false, status: Some(status), .. } => status.to_string(),
            Self::Journey { .. } => "failed".to_owned(),
        }
    }

    /// What else there is to say of it, in a word each.
    fn more(&self) -> Vec<String> {
        match self {
            Self::Walk { occasion, security, stale, .. } => {
                let occasion = match occasion {
                    Occasion::Query => None,
                    Occasion::Refresh => Some("refreshed"),
                    Occasion::Watched => Some("watched"),
                    Occasion::Cold => Some("cold"),
                };
                security.iter().copied().chain(stale.then_some("stale")).chain(occasion).map(str::to_owned).collect()
            }
            Self::Journey { hops: ..=1, .. } => Vec::new(),
            Self::Journey { hops, .. } => vec![counted(hops - 1, "redirect", "redirects")],
        }
    }

    fn security(&self) -> Option<&'static str> {
        match self {
            Self::Walk { security, .. } => *security,
            Self::Journey { .. } => None,
        }
    }
}

/// What was asked for.
impl Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Walk { name, qtype, .. } => write!(f, "{name} {qtype}"),
            Self::Journey { url, .. } => f.write_str(url),
        }
    }
}

/// A line of text.
impl Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queries, time_us, what, .. } = self;
        let (link, outcome, security) = (self.link(), what.outcome(), what.security().unwrap_or("-"));
        writeln!(f, "{link}  {:>10}  {queries:>3}  {outcome:<8}  {security:<8}  {what}", Ms(*time_us).to_string())
    }
}

/// The list as HTML, with the form that searches it.
struct Listed<'a>(&'a Page<'a>, &'a Search);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(page, search) = self;
        let given = |text: &Option<String>| Markup(text.clone().unwrap_or_default());
        let (name, verdict, slow) = (given(&search.search), given(&search.verdict), given(&search.slow_ms));
        let kind = search.kind.as_deref().unwrap_or_default();
        write!(
            f,
            "<article class=\"told\">\n<h1>Past look-ups</h1>\n\
             <form class=\"filters\" action=\"/past\">\
             <label>Name or URL <input name=\"search\" value=\"{name}\"></label> \
             <label>Verdict <input name=\"verdict\" value=\"{verdict}\" placeholder=\"failed, NXDOMAIN, bogus, 404 …\"></label> \
             <label>Kind <select name=\"kind\">"
        )?;
        for (value, shown) in [("", "all"), ("walk", "names"), ("journey", "pages")] {
            let chosen = if value == kind { " selected" } else { "" };
            write!(f, "<option value=\"{value}\"{chosen}>{shown}</option>")?;
        }
        write!(
            f,
            "</select></label> \
             <label>Slower than (ms) <input name=\"slow_ms\" inputmode=\"numeric\" value=\"{slow}\"></label> \
             <button>Search</button></form>\n\
             <p>{} of {} kept.</p>\n<ul class=\"past\">\n",
            page.rows.len(),
            page.kept
        )?;
        for row in &page.rows {
            let (what, outcome, time) = (Markup(&row.what), Markup(row.what.outcome()), Ms(row.time_us));
            let queries = counted(row.queries as usize, "query", "queries");
            let moment = iso(row.unix_ms / 1000);
            let more: String = row.what.more().iter().map(|word| format!(" · {word}")).collect();
            write!(f, "<li><a href=\"{}\">{what}</a> <strong>{outcome}</strong> ", row.link())?;
            writeln!(f, "<time datetime=\"{moment}\">{moment}</time> · {time} · {queries}{more}</li>")?;
        }
        writeln!(f, "</ul>\n</article>")
    }
}
