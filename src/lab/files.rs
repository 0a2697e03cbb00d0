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
}

impl Files {
    /// The text of a file; `path` is relative to the source and must not leave it.
    pub(super) fn read(&self, path: &str) -> Result<Cow<'static, str>, LabError> {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(LabError::Outside { path: path.to_owned() });
        }
        match self {
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
            Self::Embedded | Self::Given(_) => path.to_owned(),
            Self::Folder(folder) => folder.join(path).display().to_string(),
        }
    }
}
