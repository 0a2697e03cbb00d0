//! What was wrong with a message, in words that a trace can show.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::text::type_name;
use super::{Name, RecordType};

/// A section of records (RFC 1035 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The answer section.
    Answer,
    /// The authority section.
    Authority,
    /// The additional section.
    Additional,
}

impl Section {
    /// All sections in the order in which they stand in a message.
    pub const ALL: [Self; 3] = [Self::Answer, Self::Authority, Self::Additional];
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "answer",
            Self::Authority => "authority",
            Self::Additional => "additional",
        })
    }
}

/// What is wrong with some octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They end too soon.
    #[error("it is cut short")]
    Short,
    /// A compression pointer leads forward or to itself (RFC 1035 §4.1.4).
    #[error("a compression pointer does not lead backwards")]
    Pointer,
    /// A name is made of more pointers than it can have labels.
    #[error("a name has too many compression pointers")]
    Pointers,
    /// A label begins with the bits 01 or 10.
    #[error("a label is of an unknown kind")]
    LabelKind,
    /// A name is longer than 255 octets.
    #[error("a name is longer than 255 octets")]
    LongName,
    /// The data of a type with a fixed length has another one.
    #[error("the data has {found} octets instead of {expected}")]
    Length {
        /// Octets that the type asks for.
        expected: usize,
        /// Octets that there are.
        found: usize,
    },
    /// Octets follow where the data should end.
    #[error("{0} octets follow after the end of the data")]
    Surplus(usize),
    /// The data does not fit into 65535 octets without compression.
    #[error("the data is longer than 65535 octets without compression")]
    LongData,
    /// The type is for questions or for the message itself and cannot be data (RFC 6895 §3.1).
    #[error("the type cannot be data")]
    MetaType,
    /// A second OPT record (RFC 6891 §6.1.1).
    #[error("it is a second OPT record")]
    SecondOpt,
    /// An OPT record whose owner is not the root (RFC 6891 §6.1.2).
    #[error("its owner is not the root")]
    OptOwner,
    /// An OPT record outside of the additional section (RFC 6891 §6.1.1).
    #[error("it is not in the additional section")]
    OptPlace,
    /// More EDNS options than anybody needs.
    #[error("it has too many options")]
    ManyOptions,
}

/// Part of a reply that had to be left out, while the rest was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One record. Of a bad OPT record, the options before the fault were kept.
    Record {
        /// Where it stood.
        section: Section,
        /// Its owner, unless that is what is wrong.
        owner: Option<Name>,
        /// Its type, unless the message ended before.
        rtype: Option<RecordType>,
        /// What is wrong.
        why: Fault,
    },
    /// The message ends, or becomes unreadable, while the header promises more records.
    CutShort {
        /// The section in which it ends.
        section: Section,
        /// How many records of that section are missing by the count in the header.
        missing: usize,
    },
    /// The limit on records or on octets without compression was reached; the rest was not read.
    TooMuch {
        /// How many records had been read.
        records: usize,
    },
    /// Octets follow after the last record.
    Trailing {
        /// How many.
        octets: usize,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { section, owner, rtype, why } => {
                f.write_str("a ")?;
                if let Some(rtype) = rtype {
                    write!(f, "{} ", type_name(*rtype))?;
                }
                write!(f, "record ")?;
                if let Some(owner) = owner {
                    write!(f, "of {owner} ")?;
                }
                write!(f, "in the {section} section was dropped: {why}")
            }
            Self::CutShort { section, missing } => {
                write!(f, "the message ends in the {section} section with {missing} records missing")
            }
            Self::TooMuch { records } => write!(f, "the message was read no further than {records} records"),
            Self::Trailing { octets } => write!(f, "{octets} octets follow after the last record"),
        }
    }
}

/// `{"section", "owner", "type", "why"}`, null where the damage has no such thing.
impl Serialize for Damage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (section, owner, rtype, why) = match self {
            Self::Record { section, owner, rtype, why } => (Some(section), owner.as_ref(), *rtype, why.to_string()),
            Self::CutShort { section, .. } => (Some(section), None, None, self.to_string()),
            Self::TooMuch { .. } | Self::Trailing { .. } => (None, None, None, self.to_string()),
        };
        let mut fields = serializer.serialize_struct("Damage", 4)?;
        fields.serialize_field("section", &section)?;
        fields.serialize_field("owner", &owner)?;
        fields.serialize_field("type", &rtype.map(type_name))?;
        fields.serialize_field("why", &why)?;
        fields.end()
    }
}
