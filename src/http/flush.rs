//! `/api/flush`: what is known of a name is forgotten; and how another process of this program has that done.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::header::HOST;
use axum::http::{self, StatusCode};
use axum::response::Response;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use url::{Position, Url};

use super::asked::{flag, name, parameters};
use super::guard::admit;
use super::problem::Problem;
use super::stream::{line, not_stored};
use crate::listen::Peer;
use crate::serve::Resolver;
use crate::wire::Name;

/// Octets of the longest answer that is read: one sentence.
const ANSWER: usize = 4096;

/// What it works with.
#[derive(Clone, Debug)]
pub(super) struct Flushing {
    pub(super) resolver: Resolver,
    /// The networks whose clients may do it (`http.flush_allow`).
    pub(super) allow: Arc<[IpNet]>,
}

/// What may stand behind the question mark; nothing else, as a slip would flush something else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    name: String,
    tree: Option<String>,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    flushed: String,
    tree: bool,
}

/// `POST /api/flush?name=…`.
pub(super) async fn flush(
    State(Flushing { resolver, allow }): State<Flushing>,
    Extension(peer): Extension<Peer>,
    asked: Result<Query<Asked>, QueryRejection>,
    body: Bytes,
) -> Result<Response, Problem> {
    admit(peer, &allow, "names are not flushed for", "http.flush_allow")?;
    if !body.is_empty() {
        return Err(Problem::bad_request("there must be no body: what is to be flushed stands in the query string"));
    }
    let asked = parameters(asked)?;
    let name = name(&asked.name)?;
    let tree = flag("tree", asked.tree.as_deref())?;
    resolver.flush(&name, tree);
    tracing::info!(%name, tree, "flushed");
    Ok(not_stored("application/json", line(&Done { flushed: name.to_string(), tree })))
}

/// Why a name could not be flushed by another process.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// Nobody answers there.
    #[error(
        "no resolver answers at {server}: {why}; one that runs takes flushes where it listens for HTTP (http.listen), \
         and --server says where that is"
    )]
    Unreachable {
        /// Where it was looked for.
        server: Url,
        /// What went wrong.
        why: String,
    },
    /// It does not do it.
    #[error("{server} says: {said}")]
    Refused {
        /// The server.
        server: Url,
        /// Its sentence.
        said: String,
    },
}

/// Asks the resolver whose HTTP front door is at `server` to flush `name`, with `tree` all names below it as well.
///
/// # Errors
/// When nobody answers there, or no.
pub async fn ask_to_flush(server: &Url, name: &Name, tree: bool) -> Result<(), FlushError> {
    let unreachable = |why: String| FlushError::Unreachable { server: server.clone(), why };
    let mut url = server.clone();
    url.set_path("/api/flush");
    url.query_pairs_mut().clear().append_pair("name", &name.to_string());
    if tree {
        url.query_pairs_mut().append_pair("tree", "1");
    }
    let (status, said) = posted(&url).await.map_err(|why| unreachable(why.to_string()))?;
    match status {
        StatusCode::OK => Ok(()),
        _ => Err(FlushError::Refused { server: server.clone(), said: said.trim().escape_debug().to_string() }),
    }
}

/// The status and the body of the answer to a request without a body.
async fn posted(url: &Url) -> io::Result<(StatusCode, String)> {
    let stream = TcpStream::connect(&url.socket_addrs(|| None)?[..]).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // How it ends is told to whoever waits for the answer.
    spawn_local(async move { connection.await.ok() });
    let request = http::Request::post(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .body(Body::empty())
        .map_err(io::Error::other)?;
    let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
    let body = to_bytes(Body::new(body), ANSWER).await.map_err(io::Error::other)?;
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}
