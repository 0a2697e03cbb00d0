//! Bytes to names, queries and replies, and back.
//!
//! Reading is tolerant: one odd record never loses the rest of a message, and no count
//! field is trusted for an allocation. hickory-proto gives the vocabulary ([`RecordType`],
//! [`DNSClass`], [`OpCode`], [`ResponseCode`]); the bytes are read and written here.

pub mod cookie;
mod cursor;
mod damage;
pub mod ede;
pub mod edns;
mod flags;
mod life;
mod name;
mod octets;
mod plain;
mod query;
mod rdata;
mod record;
mod reply;
mod reverse;
mod soa;
pub mod svcb;
mod template;
pub mod text;
pub mod translator;
mod turn;
mod writer;

pub use hickory_proto::op::{OpCode, ResponseCode};
pub use hickory_proto::rr::{DNSClass, RecordType};

pub use damage::{Damage, Fault, Section};
pub use ede::Ede;
pub use edns::{Edns, EdnsOption};
pub use flags::{Flags, HEADER, rcode};
pub use life::life_secs;
#[cfg(test)]
pub(crate) use name::tests::name;
pub use name::{Name, NameError};
pub use octets::Octets;
pub use plain::PlainAnswer;
pub use query::{BadQuery, EdnsView, QueryFault, QueryView, answer_bad, spot_opt};
pub(crate) use rdata::{Part, is_aliased, layout};
pub(crate) use record::address;
pub use record::{Question, Rdatas, Record, RrSet};
pub use reply::{Reply, Unreadable};
pub use soa::Soa;
pub use template::{Extras, Sections, Template};
pub use writer::{Full, Writer, write_query};
