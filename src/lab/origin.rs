//! The web of the lab as data: which origins there are, what each serves, what is wrong with it, what to expect.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::files::Files;
use super::{LabError, spelled};
use crate::wire::Name;

/// The origins of a lab: the section `web` of `lab.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The port of all origins for HTTP.
    #[serde(deserialize_with = "spelled::port")]
    pub port: u16,
    /// The port of all origins for HTTP over TLS.
    #[serde(deserialize_with = "spelled::tls_port")]
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
    #[serde(default, deserialize_with = "spelled::names")]
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
#[serde(rename_all = "snake_case", deny_unknown_fields)]
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
    /// What does not fit together, in words.
    pub(super) fn mistake(&self) -> Option<String> {
        self.origin.iter().enumerate().find_map(|(nth, origin)| {
            let address = origin.address;
            if self.origin[..nth].iter().any(|other| other.address == address) {
                return Some(format!("the address {address} belongs to two web origins"));
            }
            match &origin.serves {
                Serves::Balances(to) if !self.origin.iter().any(|other| other.address == *to && *to != address) => {
                    Some(format!("the web origin {address} is to pass on to {to}, where there is no other origin"))
                }
                Serves::Files(files) => files.keys().find(|path| !path.starts_with('/')).map(|path| {
                    format!("`{path}` of the web origin {address} is not a path in a URL: those begin with a slash")
                }),
                Serves::Status(code) if !(200..=599).contains(code) => {
                    Some(format!("the web origin {address} is to answer {code}, which is no status from 200 to 599"))
                }
                _ if origin.names.is_empty() && origin.certificate != Certificate::Valid => {
                    Some(format!("the web origin {address} has no names, and so no certificate that could be wrong"))
                }
                _ => None,
            }
        })
    }

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

#[cfg(test)]
mod tests {
    use super::super::Lab;

    fn load(origins: &str) -> Result<Lab, String> {
        let settings = format!(
            "port = 10053\nzone = [{{ name = '.', file = 'root.zone' }}]\n\
             server = [{{ name = 'a.', address = '127.53.0.1', zones = ['.'] }}]\n\
             [web]\nport = 10080\ntls_port = 10443\norigin = [{origins}]\n"
        );
        let root = "$ORIGIN .\n$TTL 60\n@ IN SOA a. b. 1 1 1 1 1\n@ IN NS a.\na. IN A 127.53.0.1\n";
        let files = [("lab.toml", settings.as_str()), ("root.zone", root), ("page.html", "<p>page")];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Lab::of_texts(files.into(), 0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_mistake_among_the_origins_is_named() {
        for (origins, says) in [
            (
                "{ address = '127.0.0.9', serves = 'hello' }, { address = '127.0.0.9', serves = 'hello' }",
                "two web origins",
            ),
            ("{ address = '127.0.0.9', serves = { balances = '127.0.0.8' } }", "127.0.0.8, where there is no other"),
            ("{ address = '127.0.0.9', serves = { balances = '127.0.0.9' } }", "127.0.0.9, where there is no other"),
            ("{ address = '127.0.0.9', serves = { files = { 'x' = 'page.html' } } }", "`x` of the web origin"),
            ("{ address = '127.0.0.9', serves = { files = { '/' = 'absent.html' } } }", "absent.html"),
            (
                "{ address = '127.0.0.9', serves = { files = { '/' = '../page.html' } } }",
                "lies outside of the lab's folder",
            ),
            ("{ address = '127.0.0.9', serves = { status = 99 } }", "99, which is no status"),
            ("{ address = '127.0.0.9', serves = 'hello', certificate = 'expired' }", "has no names"),
            ("{ address = '127.0.0.9', serves = 'tea' }", "unknown variant `tea`"),
        ] {
            let said = load(origins).expect_err(origins);
            assert!(said.contains(says), "{origins}: {said}");
        }
        let lab = load("{ address = '127.0.0.9', serves = { files = { '/' = 'page.html' } } }").unwrap();
        assert_eq!(lab.web().map(|web| (web.origin.len(), web.row.len())), Some((1, 0)));
    }
}
