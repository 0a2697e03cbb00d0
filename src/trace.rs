//! What happened on the way to an answer, as data.
//!
//! [`Event`] is one closed vocabulary. Logs, EDE texts, JSON, the page, the terminal and the tests are readers of it;
//! the `Display` of it and of its parts is the only place that holds English for them.

mod avoided;
mod before;
mod bogus;
mod decided;
mod entry;
mod event;
mod failure;
mod fold;
mod inferred;
mod lack;
mod likewise;
mod limit;
mod markup;
mod mermaid;
mod proof;
mod report;
mod says;
mod size;
mod source;
mod stale;
mod svg;
mod text;
mod tone;
mod why;
mod words;
mod wrong;

pub use avoided::Avoided;
pub use before::Before;
pub use bogus::Bogus;
pub use entry::Entry;
pub use event::{Event, GoalId, Purpose, Verdict};
pub use failure::{Failure, Offline};
pub use fold::Line;
pub use inferred::{Inferred, Shows};
pub use lack::Lack;
pub use limit::Limit;
pub use markup::Markup;
pub use proof::{Insecure, Judged, Proof};
pub use report::{Cost, SCHEMA, Told, Trace};
pub use source::{Informant, Known, NameServer, ServerAt, Source, Whereabouts};
pub use stale::{Stale, StaleWhy};
pub use text::Paint;
pub use tone::Tone;
pub use why::{AskWhy, Broken, ChoiceWhy, DetourWhy, DropWhy, Ignored, RouteKind, Transport, Unreachable};
pub(crate) use words::{Few, Ms, counted};
pub use wrong::Wrong;
