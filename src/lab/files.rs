//! Where `lab.toml` and the zone files come from: the program itself, a folder, or texts.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use super::LabError;
use super::embedded;

/// A source of files.
#[derive(Clone, Debug)]
pub(super) enum Files {
    /// The files that are compiled in.
    Embedded,
    /// A folder.
    Folder(PathBuf),
    /// Paths and texts that somebody made up.
    Given(Vec<(String, String)>),
    /// Those of another source, where each HTTPS record that names one port names another (RFC 9460 §7.2, §9.1).
    Moved {
        /// The other source.
        files: Box<Files>,
        /// The port that is named.
        from: u16,
        /// The port to be named.
        to: u16,
    },
}

impl Files {
    /// The text of a file; `path` is relative to the source and must not leave it.
    pub(super) fn read(&self, path: &str) -> Result<Cow<'static, str>, LabError> {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(LabError::Outside { path: path.to_owned() });
        }
        match self {
            Self::Moved { files, from, to } => {
                let text = files.read(path)?;
                let words = [(format!("port={from}"), format!("port={to}")), (format!("_{from}."), format!("_{to}."))];
                let moved = |line: &str| {
                    if !line.contains("HTTPS") {
                        return line.to_owned();
                    }
                    let fields = line.split_inclusive(char::is_whitespace).map(|field| {
                        let found = words.iter().find(|(word, _)| {
                            field.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
                        });
                        found.map_or_else(|| field.to_owned(), |(word, other)| field.replacen(word, other, 1))
                    });
                    fields.collect()
                };
                Ok(text.split_inclusive('\n').map(moved).collect::<String>().into())
            }
            Self::Embedded => {
                let found = embedded::FILES.iter().find(|(name, _)| *name == path);
                found.map(|(_, text)| Cow::Borrowed(*text)).ok_or_else(|| LabError::Missing { path: path.to_owned() })
            }
            Self::Given(files) => {
                let found = files.iter().find(|(name, _)| *name == path);
                found.map(|(_, text)| text.clone().into()).ok_or_else(|| LabError::Missing { path: path.to_owned() })
            }
            Self::Folder(folder) => {
                let full = folder.join(path);
                let text = std::fs::read_to_string(&full);
                text.map(Cow::Owned).map_err(|source| LabError::Read { path: full.display().to_string(), source })
            }
        }
    }

    /// How the file is called in messages.
    pub(super) fn display(&self, path: &str) -> String {
        match self {
            Self::Moved { files, .. } => files.display(path),
            Self::Embedded | Self::Given(_) => path.to_owned(),
            Self::Folder(folder) => folder.join(path).display().to_string(),
        }
    }
}
