//! The whole story of one answer, ready to be shown or kept.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::time::{Time, as_us};
use crate::wire::text::{rcode_name, set_lines, type_name};
use crate::wire::{Ede, Name, Question, RecordType, ResponseCode, RrSet};

use super::entry::Entry;
use super::event::Event;
use super::proof::Judged;
use super::words::type_text;

/// The name and version of the JSON form; docs/trace.md describes it.
pub const SCHEMA: &str = "rootwalk.trace/1";

/// How one question was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// The form of this document and its version: `rootwalk.trace/1`.
    pub schema: &'static str,
    /// The name that was asked.
    pub name: Name,
    /// The type that was asked.
    #[serde(rename = "type", serialize_with = "type_text")]
    pub qtype: RecordType,
    /// The response code of the answer.
    pub rcode: Cow<'static, str>,
    /// The answer section, a record a line, in presentation format.
    #[serde(serialize_with = "lines")]
    pub answer: Vec<RrSet>,
    /// The authority section likewise.
    #[serde(serialize_with = "lines")]
    pub authority: Vec<RrSet>,
    /// Extended errors (RFC 8914).
    pub edes: Vec<Ede>,
    /// What it cost.
    pub cost: Cost,
    /// What happened, in order.
    pub steps: Vec<Entry>,
}

/// What an answer has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Queries sent to servers.
    pub queries: u32,
    /// Octets received from them.
    pub bytes: usize,
    /// Microseconds from the question to the answer.
    pub time_us: u64,
}

/// What the client gets, in the words of this module.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The response code.
    pub rcode: ResponseCode,
    /// The answer section.
    pub answer: &'a [RrSet],
    /// The authority section.
    pub authority: &'a [RrSet],
    /// Extended errors.
    pub edes: &'a [Ede],
}

impl Trace {
    /// Puts the story together.
    #[must_use]
    pub fn new(question: &Question, told: &Told<'_>, cost: Cost, steps: Vec<Entry>) -> Self {
        Self {
            schema: SCHEMA,
            name: question.name.clone(),
            qtype: question.qtype,
            rcode: rcode_name(told.rcode),
            answer: told.answer.to_vec(),
            authority: told.authority.to_vec(),
            edes: told.edes.to_vec(),
            cost,
            steps,
        }
    }

    /// The records of a section, a line each, in presentation format.
    pub fn records(section: &[RrSet]) -> impl Iterator<Item = String> + '_ {
        section.iter().flat_map(set_lines)
    }

    /// What validation came to, if it took place.
    #[must_use]
    pub fn judged(&self) -> Option<&Judged> {
        self.steps.iter().rev().find_map(|entry| match &entry.event {
            Event::Judged { judged } => Some(judged),
            _ => None,
        })
    }

    /// The title: what was asked.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.name, type_name(self.qtype))
    }
}

fn lines<S: Serializer>(section: &[RrSet], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(Trace::records(section))
}

impl Cost {
    /// The cost of a walk that took from `started` to `ended`.
    #[must_use]
    pub fn new(queries: u32, bytes: usize, started: Time, ended: Time) -> Self {
        Self { queries, bytes, time_us: as_us(ended - started) }
    }
}
