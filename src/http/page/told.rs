//! One walk, to be read: `/trace/NAME?type=` walks now, `/t/ID` tells a walk of the past.

use std::fmt::{self, Display, Write as _};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Fields, Form, about, answer, find};
use crate::http::asked::{flag, is_url, parameters, question, url};
use crate::http::here::{Here, InUrl};
use crate::http::problem::Problem;
use crate::http::stream::Told as _;
use crate::http::traces::Traces;
use crate::listen::Peer;
use crate::serve::{Kept, Occasion, Telling, Walked};
use crate::trace::{Markup, Ms, Tone, Trace, counted};
use crate::wire::text::type_name;

/// What may stand behind the question mark, and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct How {
    #[serde(rename = "type")]
    qtype: Option<String>,
    cold: Option<String>,
    cd: Option<String>,
    /// Whether signatures are shown (DO).
    #[serde(rename = "do")]
    proofs: Option<String>,
}

/// The same where a walk of the past is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Shown {
    #[serde(rename = "do")]
    proofs: Option<String>,
}

/// What the form of the page sends without JavaScript.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Typed {
    name: String,
    #[serde(rename = "type")]
    qtype: Option<String>,
    cold: Option<String>,
    cd: Option<String>,
    #[serde(rename = "do")]
    proofs: Option<String>,
}

/// `GET /trace?name=…`: leads to the address that says the same and can be passed on.
pub(in crate::http) async fn ask(asked: Result<Query<Typed>, QueryRejection>) -> Result<Response, Problem> {
    let Typed { name, qtype, cold, cd, proofs } = parameters(asked)?;
    let name = name.trim();
    if name.is_empty() {
        return Err(Problem::bad_request("the parameter name is empty"));
    }
    // What is typed into the field of the page may be a URL.
    let is_url = is_url(name);
    // What cannot be had is refused under this address: a name such as `..` would lead elsewhere in that of another.
    if is_url {
        url(name).map_err(Problem::bad_request)?;
    } else {
        question(name, qtype.as_deref().filter(|qtype| !qtype.is_empty()))?;
    }
    let mut to = if is_url { format!("/journey?url={}", InUrl(name)) } else { format!("/trace/{}", InUrl(name)) };
    let of_name = |given: Option<String>| given.filter(|_| !is_url);
    let flags = [("cd", of_name(cd)), ("do", of_name(proofs))];
    let given = [("type", of_name(qtype)), ("cold", cold)].into_iter().chain(flags);
    let given = given.filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)));
    for (nth, (key, value)) in given.enumerate() {
        let _ = write!(to, "{}{key}={}", if nth == 0 && !is_url { '?' } else { '&' }, InUrl(&value));
    }
    Ok(Redirect::to(&to).into_response())
}

/// `GET /trace/NAME?type=…`. Browsers take a dot, the root, out of a path.
pub(in crate::http) async fn trace(
    State(traces): State<Traces>,
    (Extension(peer), Extension(here)): (Extension<Peer>, Extension<Here>),
    name: Option<Path<String>>,
    headers: HeaderMap,
    how: Result<Query<How>, QueryRejection>,
) -> Result<Response, Problem> {
    let how = parameters(how)?;
    let question = question(name.as_ref().map_or(".", |Path(name)| name), how.qtype.as_deref())?;
    let (cold, checking_disabled) = (flag("cold", how.cold.as_deref())?, flag("cd", how.cd.as_deref())?);
    let kept = traces.walk(question, peer, Telling { cold, checking_disabled }, None).await?.end().await?;
    let proofs = flag("do", how.proofs.as_deref())?;
    Ok(told(&kept, Form::of(&headers), proofs, &here))
}

/// `GET /t/ID`, and `/t/ID.json` and so on where a form cannot be wished for otherwise.
pub(in crate::http) async fn kept(
    State(traces): State<Traces>,
    Extension(here): Extension<Here>,
    Path(name): Path<String>,
    headers: HeaderMap,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Result<Response, Problem> {
    let proofs = flag("do", parameters(shown)?.proofs.as_deref())?;
    let (kept, suffix) = find(traces.resolver.past(), &name, "walk")?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "a walk can be had as .json, .txt, .mmd and .svg");
    Ok(match suffix {
        Some("mmd") => answer(Form::Text.media_type(), kept.told.trace.to_mermaid()),
        Some("svg") => answer("image/svg+xml", kept.told.trace.to_svg()),
        suffix => told(&kept, Form::named(suffix, &headers).ok_or_else(unknown)?, proofs, &here),
    })
}

fn told(kept: &Kept<Walked>, form: Form, proofs: bool, here: &Here) -> Response {
    let text = || format!("{}  link      {here}/t/{}\n", kept.text(), kept.id);
    let html = || {
        let Walked { occasion, checking_disabled, trace, .. } = &kept.told;
        let (name, qtype) = (trace.name.to_string(), type_name(trace.qtype).to_string());
        let (cold, unchecked) = (matches!(occasion, Occasion::Cold), *checking_disabled);
        let fields = Fields { name: &name, qtype: &qtype, cold, proofs, unchecked };
        about(&trace.title(), &kept.id.to_string(), &fields, Told { kept, proofs })
    };
    form.answer(&kept.document(), text, html)
}

/// One walk as HTML.
struct Told<'a> {
    kept: &'a Kept<Walked>,
    /// Whether signatures and proofs of absence are shown, as to a client that sets DO.
    proofs: bool,
}

/// Whether a record is one that clients without DO do not get (RFC 4035 §3.2.1).
fn is_proof(record: &str) -> bool {
    matches!(record.split(' ').nth(3), Some("RRSIG" | "NSEC" | "NSEC3"))
}

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kept { id, told: Walked { occasion, checking_disabled, trace, .. }, .. } = self.kept;
        let tone = verdict(trace);
        writeln!(f, "<article class=\"told\">\n<h1>{}</h1>", Markup(trace.title()))?;
        writeln!(
            f,
            "<p class=\"verdict {tone}\"><strong>{}</strong> {}</p>",
            Markup(&trace.rcode),
            Markup(trace.judged().map(ToString::to_string).unwrap_or_default())
        )?;
        for ede in &trace.edes {
            writeln!(f, "<p class=\"why {tone}\">{}</p>", Markup(ede))?;
        }
        for (section, records) in [("Answer", &trace.answer), ("Authority", &trace.authority)] {
            let mut shown = Trace::records(records).filter(|record| self.proofs || !is_proof(record)).peekable();
            if shown.peek().is_some() {
                writeln!(f, "<h2>{section}</h2>\n<ul class=\"records\">")?;
                shown.try_for_each(|record| writeln!(f, "<li><code>{}</code></li>", Markup(&record)))?;
                writeln!(f, "</ul>")?;
            }
        }
        let cost = &trace.cost;
        let begun = match occasion {
            Occasion::Query => "A client asked.",
            Occasion::Refresh => "The answer was about to end.",
            Occasion::Watched => "Begun with what was known.",
            Occasion::Cold => "Begun with nothing known.",
        };
        let checked = if *checking_disabled { " Not validated (CD)." } else { "" };
        let (bytes, time) = (cost.bytes, Ms(cost.time_us));
        let queries = counted(cost.queries as usize, "query", "queries");
        writeln!(f, "<p class=\"cost\">{queries}, {bytes} octets received, {time}. {begun}{checked}</p>")?;
        writeln!(f, "<h2>Steps</h2>\n<ol class=\"steps\">")?;
        for line in trace.lines() {
            let (tone, depth, at) = (line.tone, line.depth.min(6), Ms(line.at_us));
            writeln!(f, "<li class=\"{tone} d{depth}\"><span class=\"at\">{at}</span> {}</li>", Markup(line.text))?;
        }
        writeln!(
            f,
            "</ol>\n<p class=\"exports\"><a href=\"/t/{id}\">Permanent link</a> <a href=\"/t/{id}.json\">JSON</a> \
             <a href=\"/t/{id}.txt\">Text</a> <a href=\"/t/{id}.mmd\">Mermaid</a> <a href=\"/t/{id}.svg\">SVG</a></p>\n\
             </article>"
        )
    }
}

/// What kind of news the outcome is.
fn verdict(trace: &Trace) -> Tone {
    match &*trace.rcode {
        "NOERROR" | "NXDOMAIN" if trace.edes.is_empty() => Tone::Good,
        "NOERROR" | "NXDOMAIN" => Tone::Odd,
        _ => Tone::Bad,
    }
}
