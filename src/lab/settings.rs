//! `lab.toml`: which zones there are, how they are signed, who serves them, what is wrong and what to expect.

use std::net::IpAddr;

use serde::Deserialize;

use super::fault::Fault;
use super::origin::Web;
use super::spelled;
use crate::wire::{Name, Question, ResponseCode};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The port of every authoritative server.
    #[serde(deserialize_with = "spelled::port")]
    pub(super) port: u16,
    pub(super) zone: Vec<ZoneSettings>,
    pub(super) server: Vec<ServerSettings>,
    #[serde(default)]
    pub(super) healthy: Vec<Sample>,
    #[serde(default)]
    pub(super) zoo: Vec<ZooEntry>,
    /// Web origins, if there are any.
    pub(super) web: Option<Web>,
}

/// One zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneSettings {
    #[serde(deserialize_with = "spelled::name")]
    pub(super) name: Name,
    /// The master file, relative to `lab.toml`.
    pub(super) file: String,
    /// How it is signed; a zone without this is unsigned.
    pub(super) sign: Option<SignSettings>,
}

/// How a zone is signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SignSettings {
    pub(super) algorithm: Algorithm,
    pub(super) denial: Denial,
    /// NSEC3 only: unsigned delegations are left out of the chain (RFC 5155 §6).
    pub(super) opt_out: bool,
    /// NSEC3 only: additional iterations; RFC 9276 §3.1 wants 0.
    pub(super) iterations: u16,
    /// NSEC3 only, in hex; RFC 9276 §3.1 wants none.
    pub(super) salt: String,
    /// When the signatures begin, in seconds after the moment of loading.
    pub(super) inception_secs: i64,
    /// When they end, in seconds after the moment of loading.
    pub(super) expiration_secs: i64,
    /// A key-signing key beside the zone-signing key, instead of one key for both.
    pub(super) split_keys: bool,
    pub(super) defect: Option<Defect>,
}

impl Default for SignSettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            denial: Denial::default(),
            opt_out: false,
            iterations: 0,
            salt: String::new(),
            inception_secs: -3600,
            expiration_secs: 14 * 86_400,
            split_keys: false,
            defect: None,
        }
    }
}

/// A signature algorithm (RFC 8624 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Algorithm {
    /// Number 13.
    #[default]
    EcdsaP256Sha256,
    /// Number 14.
    EcdsaP384Sha384,
    /// Number 15.
    Ed25519,
    /// Number 8, 2048 bit, with the key in `keys/`.
    RsaSha256,
}

/// How a signed zone says that something is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Denial {
    /// RFC 4034 §4.
    #[default]
    Nsec,
    /// RFC 5155.
    Nsec3,
}

/// What is deliberately wrong with the signing of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Defect {
    /// The signatures over A sets were made over other addresses.
    Bogus,
    /// Nothing but the DNSKEY set is signed.
    NoSignatures,
    /// The DS at the parent belongs to a key that the zone does not have.
    NoKey,
    /// There are no NSEC or NSEC3 records.
    NoDenial,
    /// The DS at the parent names an algorithm that nobody has defined.
    UnknownAlgorithm,
    /// Many keys with one tag, many signatures over each set but theirs, and none of them fits (KeyTrap,
    /// CVE-2023-50387).
    KeyTrap {
        /// How many keys share the tag, the real one included.
        keys: u8,
        /// How many signatures each of the other sets carries.
        signatures: u8,
    },
    /// What leads to nothing stands before what leads on.
    Decoys {
        /// So many DS records with the tag of the key and another digest.
        #[serde(default)]
        ds: u8,
        /// So many keys with the tag of the one that signs; they have to be of RSA.
        #[serde(default)]
        keys: u8,
        /// So many signatures over each A set that do not fit.
        #[serde(default)]
        signatures: u8,
    },
}

/// One server.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerSettings {
    #[serde(deserialize_with = "spelled::name")]
    pub(super) name: Name,
    pub(super) address: IpAddr,
    #[serde(deserialize_with = "spelled::names")]
    pub(super) zones: Vec<Name>,
    #[serde(default)]
    pub(super) faults: Vec<Fault>,
}

/// A question to the healthy part of the lab, and what its answer must be like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// What to ask.
    #[serde(deserialize_with = "spelled::question")]
    pub ask: Question,
    /// What it shows, in words.
    pub what: String,
    /// Any of these response codes is right.
    #[serde(deserialize_with = "spelled::rcodes")]
    pub rcodes: Vec<ResponseCode>,
    /// Whether a validating resolver sets AD.
    #[serde(default)]
    pub ad: bool,
}

/// One row of the zoo: what is wrong, what a client must see and what the trace must name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZooEntry {
    /// The name of the row.
    pub name: String,
    /// What to ask.
    #[serde(deserialize_with = "spelled::question")]
    pub ask: Question,
    /// What is wrong, in words.
    pub what: String,
    /// What a resolver must be able to do to meet the expectation.
    pub needs: Needs,
    /// Any of these response codes is right.
    #[serde(deserialize_with = "spelled::rcodes")]
    pub rcodes: Vec<ResponseCode>,
    /// All of these extended errors (RFC 8914) must be there. A SERVFAIL has at least one in any case.
    #[serde(default)]
    pub ede: Vec<u16>,
    /// Whether AD is set.
    #[serde(default)]
    pub ad: bool,
    /// What the trace must name, in words; may be empty.
    #[serde(default)]
    pub trace: String,
}

/// What a resolver must be able to do for a row of the zoo to come out as the row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// Walk from the root to the answer around broken servers.
    Iteration,
    /// Limits against costly zones, filters, and minimisation that relents.
    Defences,
    /// DNSSEC.
    Validation,
}
