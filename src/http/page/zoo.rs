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
    let (text, html) = (|| table(&zoo), || shell("The zoo", Listed(&zoo)));
    Form::of(&headers).answer(&&*zoo, text, html)
}

/// The list as text.
fn table(zoo: &[Exhibit]) -> String {
    if zoo.is_empty() {
        return "there is none on the Internet; rootwalk lab has one\n".to_owned();
    }
    let asked = |exhibit: &Exhibit| match &exhibit.page {
        Some(page) => page.url.clone(),
        None => format!("{} {}", exhibit.name, exhibit.qtype),
    };
    let width = zoo.iter().map(|exhibit| asked(exhibit).len()).max().unwrap_or_default();
    let line = |exhibit: &Exhibit| format!("{:width$}  {}: {}\n", asked(exhibit), exhibit.expected, exhibit.what);
    zoo.iter().map(line).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_nothing_is_a_sentence_and_any_other_stands_in_columns() {
        assert!(table(&[]).contains("rootwalk lab has one"));
        let exhibit = |name: &str| Exhibit {
            name: name.to_owned(),
            qtype: "A".to_owned(),
            expected: "NOERROR".to_owned(),
            what: "an address".to_owned(),
            ..Exhibit::default()
        };
        let told = table(&[exhibit("a."), exhibit("longer.")]);
        assert_eq!(told, "a. A       NOERROR: an address\nlonger. A  NOERROR: an address\n");
    }
}
