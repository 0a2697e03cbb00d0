//! What followed from what was proved before, without asking anybody (RFC 8198).

use std::fmt;

use serde::Serialize;

use crate::wire::text::type_name;
use crate::wire::{Name, RecordType};

use super::words::{List, type_text};

/// What was concluded, and from which records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inferred {
    /// The name.
    pub name: Name,
    /// The type.
    #[serde(rename = "type", serialize_with = "type_text")]
    pub rtype: RecordType,
    /// What the records show of them.
    pub shows: Shows,
    /// The zone whose records they are.
    pub zone: Name,
    /// NSEC or NSEC3.
    #[serde(serialize_with = "type_text")]
    pub by: RecordType,
    /// The owners of the records.
    pub owners: Vec<Name>,
    /// Seconds for which all of them still hold.
    pub left_secs: u32,
}

/// What records that were proved show of another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// The name does not exist.
    NoName,
    /// The name has no records of the type.
    NoData,
    /// A wildcard, whose records are known, answers for the name.
    Wildcard,
}

impl Inferred {
    /// Octets on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let owners: usize = self.owners.iter().map(|owner| size_of::<Name>() + owner.heap_bytes()).sum();
        self.name.heap_bytes() + self.zone.heap_bytes() + owners
    }
}

impl fmt::Display for Inferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, zone, left_secs) = (&self.name, &self.zone, self.left_secs);
        write!(f, "{} records of {zone} that were proved before", type_name(self.by))?;
        match self.shows {
            Shows::NoName => write!(f, " show that {name} does not exist")?,
            Shows::NoData => write!(f, " show that {name} has no {} records", type_name(self.rtype))?,
            Shows::Wildcard => write!(f, " leave {name} to a wildcard that is known")?,
        }
        write!(f, ", for {left_secs} s more, so nobody is asked: {}", List(&self.owners))
    }
}
