//! What was wrong with a message, piece by piece.

use super::{Name, RecordType};

/// A section of records (RFC 1035 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
