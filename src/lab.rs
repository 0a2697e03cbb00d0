//! An Internet in one process: root, top level, authoritative and broken servers, all of it data under `zones/`.
//!
//! [`Lab`] loads and signs the zones; [`Authority`] is its servers as a pure function, which tests and the simulator
//! use in virtual time; [`serve`] puts the same servers on loopback sockets, and [`web`] the origins beside them.

mod answer;
mod authority;
mod defect;
mod denial;
mod embedded;
mod fault;
mod files;
mod list;
mod load;
mod master;
mod nsec3;
mod origin;
pub mod serve;
mod settings;
mod sign;
mod spelled;
pub mod web;
mod zone;

use std::net::IpAddr;
use std::path::Path;
use std::{fmt, io};

use crate::wire::{Name, Question, Record, ResponseCode, RrSet, text};

pub use authority::Authority;
pub use fault::{Packet, Reaction};
pub use list::expected;
pub use master::read_records;
pub use origin::{Visit, Web};
pub use settings::{Needs, Sample, ZooEntry};

use files::Files;

/// The lab, loaded and signed.
#[derive(Clone, Debug)]
pub struct Lab {
    port: u16,
    authority: Authority,
    root_hints: Vec<(Name, Vec<IpAddr>)>,
    trust_anchor: Option<TrustAnchor>,
    healthy: Vec<Sample>,
    zoo: Vec<ZooEntry>,
    web: Option<Web>,
    source: load::Source,
}

/// The key of the lab's root, in the two forms in which resolvers want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchor {
    /// The DS record (RFC 4034 §5).
    pub ds: Record,
    /// The DNSKEY record that it names (RFC 4034 §2).
    pub dnskey: Record,
}

/// Why a lab cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The lab that is compiled in has no such file.
    #[error("there is no file {path} among those of the lab")]
    Missing {
        /// The file.
        path: String,
    },
    /// A path leads out of the folder.
    #[error("{path} lies outside of the lab's folder; use a path below it")]
    Outside {
        /// The path.
        path: String,
    },
    /// A file is wrong as a whole: it lacks something, or names what is not there, or twice.
    #[error("{file}: {what}")]
    Mismatch {
        /// The file.
        file: String,
        /// What does not fit.
        what: String,
    },
    /// A file is wrong at one place.
    #[error("{file}:{line}:{column}: {what}\n  | {shown}")]
    Place {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong and what was expected.
        what: String,
        /// The line itself.
        shown: String,
    },
    /// A name is not fit for the signer.
    #[error("{name} is not a name that can be signed")]
    Name {
        /// The name.
        name: Name,
    },
    /// A key cannot be made.
    #[error("no key for {zone}: {why}")]
    Key {
        /// The zone.
        zone: Name,
        /// Why not.
        why: &'static str,
    },
    /// A zone cannot be signed.
    #[error("cannot sign {zone}: {why}")]
    Sign {
        /// The zone.
        zone: Name,
        /// Why not.
        why: String,
    },
}

impl Lab {
    /// The lab that is compiled in, signed as of `now_unix_secs`, in seconds since 1970.
    ///
    /// # Errors
    /// When a file of it is damaged, which a test rules out.
    pub fn embedded(now_unix_secs: u32) -> Result<Self, LabError> {
        load::load(&Files::Embedded, None, now_unix_secs)
    }

    /// The lab in a folder with a `lab.toml`, signed as of `now_unix_secs`, in seconds since 1970.
    ///
    /// # Errors
    /// When a file cannot be read or understood; the message says where and what was expected.
    pub fn load(folder: &Path, now_unix_secs: u32) -> Result<Self, LabError> {
        load::load(&Files::Folder(folder.to_owned()), None, now_unix_secs)
    }

    /// A lab of `files`, each a path and its text, one of them `lab.toml`; signed as of `now_unix_secs`, in seconds
    /// since 1970.
    ///
    /// # Errors
    /// When a file is missing or cannot be understood; the message says where and what was expected.
    pub fn of_texts(files: Vec<(String, String)>, now_unix_secs: u32) -> Result<Self, LabError> {
        load::load(&Files::Given(files), None, now_unix_secs)
    }

    /// The lab as its files are now, signed as of `now_unix_secs`, in seconds since 1970; `None` when its zones and
    /// servers have not changed. Zones that are signed in the same way keep their keys, and so does the trust anchor.
    ///
    /// # Errors
    /// As [`Lab::load`].
    pub fn load_again(&self, now_unix_secs: u32) -> Result<Option<Self>, LabError> {
        load::load_again(self, now_unix_secs)
    }

    /// The port of every authoritative server.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The servers of the root and their addresses.
    #[must_use]
    pub fn root_hints(&self) -> Vec<(Name, Vec<IpAddr>)> {
        self.root_hints.clone()
    }

    /// The trust anchor for the lab's root; `None` when its root is unsigned.
    #[must_use]
    pub const fn trust_anchor(&self) -> Option<&TrustAnchor> {
        self.trust_anchor.as_ref()
    }

    /// The servers.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The apexes of all zones that are served, in canonical order.
    #[must_use]
    pub fn zones(&self) -> Vec<Name> {
        self.authority.zones().into_iter().cloned().collect()
    }

    /// Zones to which nothing leads, each with the zone above, which says nothing of it.
    pub fn undelegated(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.source.undelegated()
    }

    /// Questions to the healthy part, and what to expect.
    #[must_use]
    pub fn healthy(&self) -> &[Sample] {
        &self.healthy
    }

    /// The zoo.
    #[must_use]
    pub fn zoo(&self) -> &[ZooEntry] {
        &self.zoo
    }

    /// The web origins; a lab may have none.
    #[must_use]
    pub const fn web(&self) -> Option<&Web> {
        self.web.as_ref()
    }

    /// The servers where the web origins have `port` for TLS in place of the one of `lab.toml`: the records that name
    /// it (RFC 9460) are signed anew with the other.
    ///
    /// # Errors
    /// When a zone cannot be signed.
    pub fn authority_with_tls_port(&self, port: u16) -> Result<Authority, LabError> {
        load::with_tls_port(self, port)
    }

    /// What all zones together say about a question, whatever is wrong with the servers: the response code, and
    /// the aliases and the set that the answer consists of.
    #[must_use]
    pub fn truth(&self, question: &Question) -> (ResponseCode, Vec<RrSet>) {
        self.authority.truth(question)
    }

    /// The table of `rootwalk lab --list`: name, fault, what to expect.
    #[must_use]
    pub fn list_table(&self) -> String {
        list::table(self)
    }
}

/// Two lines in the form of a master file, as `trust-anchor-file` of Unbound and BIND's tools take them.
impl fmt::Display for TrustAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for record in [&self.ds, &self.dnskey] {
            writeln!(f, "{}", text::record_text(record))?;
        }
        Ok(())
    }
}
