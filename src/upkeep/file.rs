//! Files that are never half written.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Where the new text is written before it takes the place of the old one: nowhere that another process would.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    beside.into()
}

/// Whether [`replace`] would find a folder in which it may write.
///
/// # Errors
/// When it would not.
pub(super) fn try_beside(path: &Path) -> io::Result<()> {
    let beside = beside(path);
    File::create(&beside)?;
    fs::remove_file(&beside)
}

/// Puts `text` in the place of the file: whoever reads it, and whenever the power fails, sees the old text or the new.
///
/// # Errors
/// When the file, or another beside it, cannot be written.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = beside(path);
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        // What is renamed before it is on the disk can be empty after a crash.
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
        return written;
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
