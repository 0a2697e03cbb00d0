//! The web of the lab as data: which origins there are, what each serves, what is wrong with it, what to expect.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::files::Files;
use super::{LabError, settings};
use crate::wire::Name;

/// The origins of a lab: the section `web` of `lab.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The port of all origins for HTTP.
    pub port: u16,
    /// The port of all origins for HTTP over TLS.
    pub tls_port: u16,
    /// The servers.
    pub(super) origin: Vec<Origin>,
    /// Pages to fetch, and what to expect.
    #[serde(default)]
    pub row: Vec<Visit>,
}

/// One page to fetch, and what comes of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// The name of the row.
    pub name: String,
    /// What to fetch, with the ports of `lab.toml`.
    pub url: String,
    /// What it shows, in words.
    pub what: String,
    /// The status of the last answer, where one can be had: redirects followed, the lab's certificates trusted.
    pub status: Option<u16>,
    /// Why none can be had, in words.
    pub fails: Option<String>,
}

/// One server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    pub(super) address: IpAddr,
    /// The names in its certificate; without any there is no TLS.
    #[serde(default, deserialize_with = "settings::names")]
    pub(super) names: Vec<Name>,
    pub(super) serves: Serves,
    /// How long it thinks before each answer.
    #[serde(default)]
    pub(super) delay_ms: u64,
    #[serde(default)]
    pub(super) certificate: Certificate,
}

/// What a server does with a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Serves {
    /// Sends files: the path of each in a URL, and where it stands.
    Files(BTreeMap<String, File>),
    /// Says under which name it was reached.
    Hello,
    /// Passes on to the application at this address.
    Balances(IpAddr),
    /// An application that reads its products from a database.
    Shop {
        /// SQL that makes the database.
        database: File,
        /// The style sheet.
        style: File,
    },
    /// Redirects so many times, the last time to TLS.
    Redirects(u8),
    /// Redirects to itself for ever.
    RedirectLoop,
    /// Sends its page a line at a time.
    Slow {
        /// How long it waits before each line.
        line_ms: u64,
    },
    /// Promises more than it sends.
    CutOff,
    /// Fails with this status.
    Status(u16),
    /// Nothing listens at the address.
    Nothing,
    /// The address takes no connection and says nothing.
    Silence,
}

/// The certificate that a server shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Certificate {
    /// Signed by the lab's authority, for the names of the server.
    #[default]
    Valid,
    /// It ended yesterday.
    Expired,
    /// It is for another name.
    WrongName,
    /// Nobody but itself vouches for it.
    SelfSigned,
}

/// A file of the lab: a path below `lab.toml`, then its text too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "String")]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl From<String> for File {
    fn from(path: String) -> Self {
        Self { path, text: String::new() }
    }
}

impl Web {
    /// Reads the files that are named.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn read(mut self, files: &Files) -> Result<Self, LabError> {
        let mut named: Vec<&mut File> = Vec::new();
        for origin in &mut self.origin {
            match &mut origin.serves {
                Serves::Files(pages) => named.extend(pages.values_mut()),
                Serves::Shop { database, style } => named.extend([database, style]),
                _ => {}
            }
        }
        for file in named {
            file.text = files.read(&file.path)?.into_owned();
        }
        Ok(self)
    }
}
