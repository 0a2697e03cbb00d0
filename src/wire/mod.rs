//! Bytes to names, queries and replies, and back.
//!
//! Reading is tolerant: one odd record never loses the rest of a message, and no count
//! field is trusted for an allocation. hickory-proto gives the vocabulary ([`RecordType`],
//! [`DNSClass`], [`OpCode`], [`ResponseCode`]); the bytes are read and written here.

mod name;
mod record;

pub use hickory_proto::op::{OpCode, ResponseCode};
pub use hickory_proto::rr::{DNSClass, RecordType};

pub use name::{Name, NameError};
pub use record::{Question, Rdatas, Record, RrSet};
