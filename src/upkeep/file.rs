//! Files that are never half written.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Nobody writes for so long.
const LEFT_ALONE: Duration = Duration::from_secs(3600);

/// Where the new text is written before it takes the place of the old one: nowhere that another process would.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    beside.into()
}

/// Where it lies.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes the new text of processes that have ended before it could take its place.
#[expect(clippy::disallowed_methods, reason = "a file is as old as the calendar says")]
fn sweep(path: &Path) -> io::Result<()> {
    let (name, now) = (path.file_name().unwrap_or_default().as_bytes(), SystemTime::now());
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let found = entry.file_name();
        let pid = found.as_bytes().strip_prefix(name).and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(b".new"));
        let is_old = |modified| now.duration_since(modified).is_ok_and(|age| age > LEFT_ALONE);
        let is_pid = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        if pid.is_some_and(is_pid) && is_old(entry.metadata()?.modified()?) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
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
    // What is left there is in nobody's way.
    let _ = sweep(path);
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
    File::open(folder(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_has_left_that_was_ended_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["root.zone.7.new", "root.zone.08.new", "root.zone.bak.new", "other.7.new", "root.zone..new"] {
            fs::write(path(name), "half").unwrap();
        }
        let past = fs::metadata(path("other.7.new")).unwrap().modified().unwrap() - 2 * LEFT_ALONE;
        for name in ["root.zone.7.new", "root.zone.bak.new", "other.7.new", "root.zone..new"] {
            File::options().write(true).open(path(name)).unwrap().set_modified(past).unwrap();
        }
        replace(&path("root.zone"), "whole").unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        // Another process may be writing, and other files are somebody else's.
        assert_eq!(left, ["other.7.new", "root.zone", "root.zone..new", "root.zone.08.new", "root.zone.bak.new"]);
        assert_eq!(fs::read_to_string(path("root.zone")).unwrap(), "whole");
    }
}
