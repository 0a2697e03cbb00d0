//! The files of the page, as they are compiled in.

use axum::extract::Path;
use axum::response::Response;

use crate::http::problem::Problem;
use axum::http::StatusCode;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($name:literal $media_type:expr),* $(,)?) => {
        &[$(($name, $media_type, include_str!(concat!("assets/", $name)))),*]
    };
}

/// Name, media type and content.
const FILES: &[(&str, &str, &str)] = files! {
    "icon.svg" "image/svg+xml",
    "page.css" CSS,
    "dom.js" SCRIPT,
    "journey.js" SCRIPT,
    "main.js" SCRIPT,
    "result.js" SCRIPT,
    "side.js" SCRIPT,
    "stream.js" SCRIPT,
    "walk.js" SCRIPT,
};

/// `GET /page/FILE`.
pub(in crate::http) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let file = FILES.iter().find(|(known, ..)| *known == name);
    let (_, media_type, text) = file.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "the page has no such file"))?;
    Ok(super::answer(media_type, *text))
}
