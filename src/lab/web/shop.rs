//! The shop's application: products out of a database, as pages and as JSON, with the time that each part took.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use rusqlite::{Connection, Row};
use serde::Serialize;
use tokio::time::Instant;

use super::super::origin::File;
use super::WebError;
use super::pages::{ASKED_FOR, KEPT, media_type, note, send, wants_json};
use crate::trace::Markup;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const SOME: &str = "SELECT id, name, category, price_cents, stock, about FROM products \
                    WHERE category = ?1 OR ?1 = '' ORDER BY category, name LIMIT 100";
const ONE: &str = "SELECT id, name, category, price_cents, stock, about FROM products WHERE id = ?1";

/// The application and its database, which lives in memory.
pub(super) struct Shop {
    database: Mutex<Connection>,
    style: String,
}

/// A row of the table `products`.
#[derive(Debug, Serialize)]
struct Product {
    id: i64,
    name: String,
    category: String,
    price_cents: i64,
    stock: i64,
    about: String,
}

impl Product {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            category: row.get(2)?,
            price_cents: row.get(3)?,
            stock: row.get(4)?,
            about: row.get(5)?,
        })
    }
}

/// What the database said, and how long it took to say it.
#[derive(Default)]
struct Found {
    products: Vec<Product>,
    took: Duration,
}

impl Shop {
    /// Makes the database from its SQL.
    pub(super) fn open(database: &File, style: &File) -> Result<Self, WebError> {
        let failed = |source| WebError::Database { file: database.path.clone(), source };
        let connection = Connection::open_in_memory().map_err(failed)?;
        connection.execute_batch(&database.text).map_err(failed)?;
        // What cannot be asked later is said now.
        for sql in [SOME, ONE] {
            connection.prepare(sql).map_err(failed)?;
        }
        Ok(Self { database: Mutex::new(connection), style: style.text.clone() })
    }

    /// Answers one request.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let begun = Instant::now();
        let headers = request.headers();
        let (path, category) = (request.uri().path(), category(request.uri().query().unwrap_or_default()));
        if path == "/style.css" {
            return send(headers, media_type(path), KEPT, &self.style);
        }
        let number = path.strip_prefix("/products/").and_then(|id| id.parse::<i64>().ok());
        let found = match (path, number) {
            ("/" | "/products", _) => self.find(SOME, category),
            (_, Some(id)) => self.find(ONE, id),
            _ => Ok(Found::default()),
        };
        let (mut response, took) = match found {
            Ok(found) => (found.show(headers, number.is_some(), category), found.took),
            Err(error) => {
                let sentence = format!("The database says: {error}.");
                (note(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error", &sentence), Duration::ZERO)
            }
        };
        // Each says its own share, so that together they are the whole.
        let own = begun.elapsed().saturating_sub(took);
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let timing = format!(
            "app;dur={:.3};desc=\"application server\", db;dur={:.3};desc=\"SQLite database\"",
            ms(own),
            ms(took)
        );
        if let Ok(timing) = HeaderValue::from_str(&timing) {
            response.headers_mut().insert(SERVER_TIMING, timing);
        }
        response
    }

    fn find(&self, sql: &str, wanted: impl rusqlite::ToSql) -> rusqlite::Result<Found> {
        let begun = Instant::now();
        let database = self.database.lock();
        let mut statement = database.prepare(sql)?;
        let products = statement.query_map([wanted], Product::read)?.collect::<Result<_, _>>()?;
        Ok(Found { products, took: begun.elapsed() })
    }
}

impl Found {
    fn show(&self, headers: &HeaderMap, is_one: bool, category: &str) -> Response<Body> {
        if self.products.is_empty() {
            return note(StatusCode::NOT_FOUND, "Nothing here", "The shop has no such thing.");
        }
        if wants_json(headers) {
            let text = match self.products.as_slice() {
                [one] if is_one => serde_json::to_string_pretty(one),
                all => serde_json::to_string_pretty(all),
            };
            return send(headers, media_type(".json"), ASKED_FOR, &(text.unwrap_or_default() + "\n"));
        }
        let by = headers.get(FORWARDED).and_then(|value| value.to_str().ok()).and_then(|way| way.split_once(";by="));
        let page = page(&self.products, category, by.map(|(_, by)| by));
        send(headers, media_type(".html"), ASKED_FOR, &page)
    }
}

/// The value of `category` in a query; empty if there is none.
fn category(query: &str) -> &str {
    query.split('&').find_map(|part| part.strip_prefix("category=")).unwrap_or_default()
}

fn page(products: &[Product], category: &str, balancer: Option<&str>) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>The garden shop</title>\n<link rel=\"stylesheet\" \
         href=\"/style.css\">\n<link rel=\"icon\" href=\"data:,\">\n<header>\n<h1><a href=\"/products\">The garden \
         shop</a></h1>\n<nav>\n",
    );
    for (label, query) in [("Everything", ""), ("Trees", "trees"), ("Tools", "tools"), ("Sundry", "sundry")] {
        let target = if query.is_empty() { "/products".to_owned() } else { format!("/products?category={query}") };
        let current = if query == category { " aria-current=\"page\"" } else { "" };
        let _ = writeln!(html, "<a href=\"{target}\"{current}>{label}</a>");
    }
    html += "</nav>\n</header>\n<main>\n";
    for Product { id, name, price_cents, stock, about, .. } in products {
        let (name, about) = (Markup(name), Markup(about));
        let (whole, cents) = (price_cents / 100, price_cents % 100);
        let stock = if *stock > 0 { format!("{stock} in stock") } else { "sold out".to_owned() };
        let _ = writeln!(
            html,
            "<article>\n<h2><a href=\"/products/{id}\">{name}</a></h2>\n<p>{about}</p>\n\
             <div class=\"foot\"><span class=\"price\">{whole}.{cents:02}</span><span>{stock}</span></div>\n</article>"
        );
    }
    let way = balancer.map(|balancer| format!(" through the load balancer {}", Markup(balancer))).unwrap_or_default();
    let _ = write!(
        html,
        "</main>\n<footer>From a database{way}. The response field <code>Server-Timing</code> says what each part took.\
         </footer>\n</html>\n"
    );
    html
}
