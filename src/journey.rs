//! From a name to a page: everything that happened on the way, as data and as what people read.
//!
//! `document` is the journey itself, which [`crate::http`] fills in as it goes; `services` judges what HTTPS records
//! say about how to connect (RFC 9460), `timing` reads what a server says about its own work. The renderings are
//! `waterfall` for a terminal and `har` for the tools of others.

mod document;
mod har;
mod services;
mod timing;
mod waterfall;

pub use document::{
    Attempt, AttemptEnd, AttemptWhy, Body, CacheLook, CacheName, Certificate, End, FoundBy, Hop, Journey, Lookup, Race,
    Request, Response, SCHEMA, Tcp, Tls,
};
pub use har::har;
pub use services::{Endpoint, Plan, Spoken, plan};
pub use timing::{Part, ServerTiming, server_timing};
pub use waterfall::{Look, waterfall};
