//! What is wrong with a configuration, where, and what would be right.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};

use strsim::osa_distance;

use super::value::Culprit;
use crate::wire::Name;

/// Mistakes that are shown: who has more of them has mostly named a file of another kind, or left out a bracket.
const SHOWN: usize = 20;

/// What stands last in keys that hold a time.
const UNITS: [&str; 2] = ["_secs", "_ms"];

/// Everything that was found wrong, in the order of the file; never empty.
#[derive(Debug)]
pub struct ConfigError(pub Vec<Complaint>);

/// One mistake: where it stands and what it is.
#[derive(Debug)]
pub struct Complaint {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

/// Where a mistake stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file, at a line and a column that count from 1; a column counts characters.
    File {
        /// The file as the user named it.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// The file as a whole.
    WholeFile(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
    /// No single place: values that are right alone and wrong together.
    Together,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// The file is not in UTF-8, as TOML has to be.
    #[error("this is not UTF-8: save the file in that encoding")]
    NotText,
    /// The hosts file cannot be read.
    #[error("`local.hosts` names this file, which cannot be read: {0}")]
    NoHosts(std::io::Error),
    /// The text is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A section, or a key outside of all sections, that does not exist.
    #[error("unknown section `{}`{}", plain(name), hint(.nearest.as_deref()))]
    UnknownSection {
        /// What stands there.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A key that its section does not have.
    #[error("unknown key `{}` in [{section}]{}", plain(key), tip(.nearest.as_deref(), .few))]
    UnknownKey {
        /// The section.
        section: String,
        /// What stands there.
        key: String,
        /// What may have been meant.
        nearest: Option<String>,
        /// The keys of the section, where they are few.
        few: Vec<&'static str>,
    },
    /// A value that the key cannot take.
    #[error("`{key}` cannot be {}: expected {expected}", plain(found))]
    WrongValue {
        /// The key with its section.
        key: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// A value in a list that the key cannot take.
    #[error("`{key}` cannot hold {}: expected {expected}", plain(found))]
    WrongEntry {
        /// The key with its section.
        key: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// Something else where a section must stand.
    #[error("`{section}` must be {expected}")]
    NotASection {
        /// The name of the section.
        section: String,
        /// How it is written.
        expected: &'static str,
    },
    /// A table in a list that lacks a key.
    #[error("this [[{0}]] has no `{1}`")]
    Lacks(&'static str, &'static str),
    /// An alias that does not stand alone (RFC 1034 §3.6.2).
    #[error("`local.records` has an alias (CNAME) and another record for {0}: an alias stands alone")]
    BesideAlias(Name),
    /// An address that stands twice in a list of servers: what is known of a server goes by its address.
    #[error("{0} stands twice in the servers of one zone, where each address counts once, whatever its port")]
    SameAddress(IpAddr),
    /// A zone with two entries, of which only one could count.
    #[error("there are two [[forward]] or [[stub]] entries for the zone {0}: list all servers in one")]
    Twice(Name),
    /// A server to which questions are sent, and which is this one.
    #[error(
        "the zone {0} is looked up at {1}, where `server.listen` has this resolver itself: it would ask itself for ever"
    )]
    Itself(Name, SocketAddr),
    /// A list that must have an entry.
    #[error("`{0}` is empty: nothing could be done")]
    Empty(&'static str),
    /// Two addresses on which not both can be listened: one is the other, or all addresses.
    #[error("`{}` has {} and `{}` has {}, which is the same place: leave one out", .0.0, .0.1, .1.0, .1.1)]
    SamePlace((&'static str, SocketAddr), (&'static str, SocketAddr)),
    /// Validation with nothing to begin at.
    #[error(
        "`dnssec.validate` is on and `dnssec.trust_anchors` is empty, so nothing could be proved: list a key, or set \
         `dnssec.validate` to false"
    )]
    NoAnchor,
    /// TLS without anything to show.
    #[error("`{0}` needs a certificate and its key: set `tls.certificate` and `tls.key`")]
    NoCertificate(&'static str),
    /// A certificate that nobody would see.
    #[error(
        "`tls.certificate` and `tls.key` are for `server.tls_listen` and `http.tls_listen`, which are empty: nobody is \
         served by TLS"
    )]
    NoTls,
    /// A minimum above its maximum.
    #[error("`{0}` is greater than `{1}`")]
    Crossed(&'static str, &'static str),
    /// No port is left to ask from.
    #[error("`resolver.avoid_source_ports` lists all ports from {0} to {1}: none is left to ask from")]
    NoSourcePort(u16, u16),
    /// No server of the root can be asked.
    #[error(
        "no root server can be asked: `resolver.ipv4` and `resolver.ipv6` leave no address of the root hints, or \
         the hints are on loopback and `resolver.query_loopback` is off, or on private addresses and \
         `resolver.query_private` is off, or `resolver.do_not_query` lists them"
    )]
    NoWayOut,
    /// A list of tables, where one value is given.
    #[error("[[{0}]] is a list of tables, which only the file can have")]
    OnlyInFile(&'static str),
    /// A variable with the name of a section and nothing behind it.
    #[error("`{0}` is a section and no key: expected ROOTWALK_SECTION_KEY, such as ROOTWALK_SERVER_THREADS")]
    NoKey(&'static str),
    /// `--set` without an equals sign.
    #[error("expected SECTION.KEY=VALUE")]
    NotAnAssignment,
}

/// Problems with the byte at which each stands.
pub(super) type Found = Vec<(usize, Problem)>;

impl Complaint {
    /// A mistake at a byte of the file.
    pub(super) fn at(path: &Path, text: &str, offset: usize, problem: Problem) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { place: Place::File { path: path.to_owned(), line, column }, problem }
    }
}

pub(super) fn not_a_section(section: &str, expected: &'static str) -> Problem {
    Problem::NotASection { section: section.to_owned(), expected }
}

/// What is wrong with a value that `key` cannot take: the `culprit` among its entries, or all of it.
pub(super) fn unfit(
    key: String,
    (span, text): (Range<usize>, &str),
    culprit: Option<Culprit>,
    expected: fn() -> String,
) -> (usize, Problem) {
    let at = |span: Range<usize>| (span.start, text.get(span).unwrap_or_default().to_owned());
    match culprit {
        Some(Culprit { span, expected }) => {
            let (start, found) = at(span);
            (start, Problem::WrongEntry { key, found, expected })
        }
        None => {
            let (start, found) = at(span);
            (start, Problem::WrongValue { key, found, expected: expected() })
        }
    }
}

/// The entry of `valid` that is nearest to `given`, when it is near enough to have been meant.
pub(super) fn nearest<'a>(given: &str, valid: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // What is typed may be long; a key is not, so nothing far down can bring it nearer.
    let given: String = given.chars().take(64).collect();
    let enough = 1 + given.chars().count().min(40) / 3;
    // A number without the unit that stands last in its key: `max_ttl` for `max_ttl_secs`.
    let is_without_unit = |word: &str| word.strip_prefix(&given).is_some_and(|unit| UNITS.contains(&unit));
    let rated = valid.map(|word| (if is_without_unit(word) { 1 } else { osa_distance(&given, word) }, word));
    rated.min().filter(|(far, _)| *far <= enough).map(|(_, word)| word)
}

/// Whether `given` is `word` but for one letter at most.
pub(super) fn is_slip(given: &str, word: &str) -> bool {
    given.len() <= word.len() + 1 && osa_distance(given, word) <= 1
}

/// Text from a file or a variable, fit for a terminal: control characters escaped, and cut when long.
fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(120).flat_map(escape).collect();
    if text.chars().nth(120).is_some() {
        shown += "…";
    }
    shown
}

fn escape(character: char) -> impl Iterator<Item = char> {
    let (kept, escaped) = match character {
        '"' | '\'' => (Some(character), None),
        _ => (None, Some(character.escape_debug())),
    };
    kept.into_iter().chain(escaped.into_iter().flatten())
}

/// What may have been meant by a key; else the keys that there are.
fn tip(nearest: Option<&str>, few: &[&str]) -> String {
    match (nearest, few) {
        (None, [others @ .., last]) if !others.is_empty() => {
            format!(", which has `{}` and `{last}`", others.join("`, `"))
        }
        _ => hint(nearest),
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}: ", path.display()),
            Self::WholeFile(path) => write!(f, "{}: ", path.display()),
            Self::Variable(name) => write!(f, "environment variable {}: ", plain(name)),
            Self::Flag(text) => write!(f, "{}: ", plain(text)),
            Self::Together => Ok(()),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.problem)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, complaint) in self.0.iter().take(SHOWN).enumerate() {
            let border = if nth == 0 { "" } else { "\n" };
            write!(f, "{border}{complaint}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            1 => write!(f, "\n1 more mistake is not shown"),
            more => write!(f, "\n{more} more mistakes are not shown"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_and_a_far_one_is_not_invented() {
        let keys = ["listen", "threads", "allow", "identity"];
        assert_eq!(nearest("lisen", keys.into_iter()), Some("listen"));
        assert_eq!(nearest("lsiten", keys.into_iter()), Some("listen"));
        assert_eq!(nearest("thread", keys.into_iter()), Some("threads"));
        assert_eq!(nearest("colour", keys.into_iter()), None);
        assert_eq!(nearest("", keys.into_iter()), None);
    }

    #[test]
    fn columns_count_characters() {
        let text = "# é\ngrüße = 1\n";
        let offset = text.find('=').unwrap();
        let complaint = Complaint::at(Path::new("f"), text, offset, Problem::NoWayOut);
        assert_eq!(complaint.place, Place::File { path: "f".into(), line: 2, column: 7 });
    }

    #[test]
    fn a_terminal_is_safe_from_what_a_file_says() {
        assert_eq!(plain("a\u{1b}[31mb\"c\""), "a\\u{1b}[31mb\"c\"");
        assert_eq!(plain(&"x".repeat(500)).chars().count(), 121);
    }
}
