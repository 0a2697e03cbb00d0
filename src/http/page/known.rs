//! `/api/cache`: what is known of a name.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::past::Past;
use super::{Form, answer};
use crate::http::asked::{name, parameters};
use crate::http::problem::{Problem, liked};
use crate::http::stream::pretty;
use crate::listen::Peer;
use crate::serve::Piece;
use crate::wire::Name;

/// What may stand behind the question mark, and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Asked {
    name: String,
}

#[derive(Serialize)]
struct Document {
    name: Name,
    known: Vec<Piece>,
}

/// `GET /api/cache?name=…`.
pub(in crate::http) async fn known(
    State(past): State<Arc<Past>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    past.may_be_seen(peer)?;
    let asked = parameters(asked)?;
    let name = name(&asked.name)?;
    let known = past.resolver.known(&name);
    // A browser wants HTML first; what can be read is nearer to that than JSON.
    Ok(match liked(&headers, &["application/json", "text/plain", "text/html"]) {
        Some("text/plain" | "text/html") => answer(Form::Text.media_type(), text(&known)),
        _ => answer(Form::Json.media_type(), pretty(&Document { name, known })),
    })
}

fn text(known: &[Piece]) -> String {
    let mut text = String::new();
    for Piece { what, rank, security, records, why } in known {
        let words: Vec<String> =
            rank.iter().chain(security).map(|word| format!(", {}", word.replace('_', " "))).collect();
        let _ = writeln!(text, "{what}{}", words.concat());
        for line in records.iter().chain(why) {
            // Sentences of others may steer a terminal.
            let _ = writeln!(text, "  {}", line.replace(char::is_control, "\u{fffd}"));
        }
    }
    if text.is_empty() {
        text.push_str("the cache knows nothing of it, nor of a zone above\n");
    }
    text
}
