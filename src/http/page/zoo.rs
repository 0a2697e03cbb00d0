//! `/zoo`: what there is to see in a lab, and what to expect.

use std::fmt::{self, Display};
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use super::{Form, shell};
use crate::http::here::InUrl;
use crate::trace::Markup;

/// A question to a lab, and what to expect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exhibit {
    /// Whether something is wrong there.
    pub broken: bool,
    /// What it is called.
    pub title: String,
    /// What it shows, in words.
    pub what: String,
    /// The name to ask for.
    pub name: String,
    /// The type to ask for.
    #[serde(rename = "type")]
    pub qtype: String,
    /// What to expect, in short.
    pub expected: String,
    /// Any of these response codes is right.
    pub rcodes: Vec<String>,
    /// All of these extended errors must be there.
    pub edes: Vec<u16>,
    /// Whether the answer is proved.
    pub ad: bool,
    /// What the trace must name, in words.
    pub trace: String,
    /// A page to fetch, instead of a name to ask for.
    pub page: Option<Visit>,
}

/// A page to fetch, and what to expect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// The page.
    pub url: String,
    /// The status of the last answer, where one can be had.
    pub status: Option<u16>,
}

/// `GET /zoo`.
pub(in crate::http) async fn zoo(State(zoo): State<Arc<[Exhibit]>>, headers: HeaderMap) -> Response {
    let (text, html) = (|| zoo.iter().map(Exhibit::to_string).collect(), || shell("The zoo", Listed(&zoo)));
    Form::of(&headers).answer(&&*zoo, text, html)
}

impl Display for Exhibit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.page.as_ref().map_or_else(|| format!("{} {}", self.name, self.qtype), |page| page.url.clone());
        writeln!(f, "{asked}  {}: {}", self.expected, self.what)
    }
}

/// The list as HTML.
struct Listed<'a>(&'a [Exhibit]);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<article class=\"told\">\n<h1>The zoo</h1>")?;
        if self.0.is_empty() {
            return writeln!(f, "<p>There is none on the Internet; <code>rootwalk lab</code> has one.</p>\n</article>");
        }
        writeln!(f, "<ul class=\"past\">")?;
        for exhibit in self.0 {
            let (what, expected) = (Markup(&exhibit.what), Markup(&exhibit.expected));
            match &exhibit.page {
                Some(page) => {
                    write!(
                        f,
                        "<li><a href=\"/journey?url={}&amp;cold=1\">{}</a>",
                        InUrl(&page.url),
                        Markup(&page.url)
                    )?;
                }
                None => {
                    let (name, qtype) = (InUrl(&exhibit.name), InUrl(&exhibit.qtype));
                    let shown = Markup(format!("{} {}", exhibit.name, exhibit.qtype));
                    write!(f, "<li><a href=\"/trace/{name}?type={qtype}&amp;cold=1\">{shown}</a>")?;
                }
            }
            writeln!(f, " {what}; to expect: {expected}</li>")?;
        }
        writeln!(f, "</ul>\n</article>")
    }
}
