//! Trust anchors that follow their zones: the key sets are fetched, the state is kept in a file (RFC 5011).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dnssec::Anchors;
use crate::dnssec::rollover::{Change, Observed, RETRY_SECS, Rollover, State, StateError, Tracked, read, write};
use crate::drive::{World, unix_secs, walk_unchecked};
use crate::wire::{Name, Question, RecordType};

use super::file;

/// What it means that the file cannot be written.
const FORGETS: &str = "a new start would not know what became of the trust anchors (dnssec.anchor_file)";

/// How the file stands to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Nobody has read it yet: it is not there, or cannot be read. When the trouble ends (a disk is mounted, somebody
    /// has the right to read) it may know of keys that were revoked, and of new ones that have waited for most of their
    /// 30 days: it is looked at again before anything is put in its place.
    Unread,
    /// It does not say what is.
    Behind,
    /// It says what is.
    Current,
}

/// The trust anchors of a resolver and the file with their state.
#[derive(Debug)]
pub struct AnchorKeeper {
    path: PathBuf,
    anchors: Anchors,
    all: Vec<Rollover>,
    kept: Kept,
    /// Why the file cannot be written, if that was said.
    told: Option<ErrorKind>,
}

impl AnchorKeeper {
    /// Begins with the configured `anchors` and with what the file says. What is damaged counts for nothing, and is
    /// kept beside for whoever wants to know.
    #[must_use]
    pub fn open(path: PathBuf, anchors: Anchors) -> Self {
        let all = Rollover::begin(&anchors, &[]);
        let mut keeper = Self { path, anchors, all, kept: Kept::Unread, told: None };
        keeper.read();
        if let Err(error) = file::try_beside(&keeper.path) {
            keeper.complain(&error);
        }
        keeper.tell();
        keeper
    }

    /// Goes on where the file ends. Whether it may be written: what cannot be read may be better.
    fn read(&mut self) -> bool {
        let shown = self.path.display();
        match known(&self.path) {
            Ok(Ok(known)) => {
                self.all.iter_mut().for_each(|rollover| rollover.recall(&known));
                self.kept = Kept::Current;
            }
            Ok(Err(why)) => {
                let aside = self.path.with_extension("damaged");
                let kept = match fs::rename(&self.path, &aside) {
                    Ok(()) => format!("the file is kept as {}", aside.display()),
                    Err(error) => format!("the file cannot be put aside: {error}"),
                };
                tracing::warn!(
                    "{shown} is of no use: {why}. The configured trust anchors count, and keys that were new begin their \
                     30 days again; {kept}"
                );
                self.kept = Kept::Behind;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!("{shown}: {error}; it is left as it is, and the configured trust anchors count");
                return false;
            }
        }
        true
    }

    /// Whether it keeps the state in this file, which does not say what is.
    pub(super) fn is_unwritten(&self, path: &Path) -> bool {
        self.path == path && self.kept != Kept::Current
    }

    /// As [`AnchorKeeper::open`], with what this one knows in the place of what the file says.
    pub(super) fn renewed(self, anchors: Anchors) -> Self {
        let of = |rollover: &Rollover| {
            let zone = rollover.zone().clone();
            rollover.tracked().to_vec().into_iter().map(move |tracked| (zone.clone(), tracked))
        };
        let known: Vec<_> = self.all.iter().flat_map(of).collect();
        let keeper = Self { all: Rollover::begin(&anchors, &known), anchors, ..self };
        keeper.tell();
        keeper
    }

    /// Fetches the key set of each zone and takes it in; returns when to look again.
    pub async fn look(&mut self, world: &World) -> Duration {
        let mut next_secs = u64::MAX;
        let was_read = self.kept != Kept::Unread;
        let may_write = was_read || self.read();
        // What was seen before it could be read does not stand there.
        if self.kept == Kept::Current && !(was_read && self.path.exists()) {
            self.kept = Kept::Behind;
        }
        for nth in 0..self.all.len() {
            let zone = self.all[nth].zone().clone();
            let asked = Question::new(zone.clone(), RecordType::DNSKEY);
            // From nothing, as only a new set tells news, and unchecked: a set that no trusted key signs may still
            // revoke one.
            let (outcome, _) = walk_unchecked(asked, &world.forgotten()).await;
            let Some(set) = outcome.answer.iter().find(|set| set.owner == zone && set.rtype == RecordType::DNSKEY)
            else {
                tracing::warn!("the keys of {zone} cannot be had, so its trust anchors stay as they are");
                next_secs = next_secs.min(RETRY_SECS);
                continue;
            };
            let (proofs, limits) = (&world.settings.proofs, &world.settings.limits.proofs);
            let observed = self.all[nth].observe(set, proofs.accepts, limits, unix_secs().into());
            report(&zone, &observed);
            if self.kept == Kept::Current && !observed.changes.is_empty() {
                self.kept = Kept::Behind;
            }
            next_secs = next_secs.min(observed.next_secs);
        }
        if self.kept != Kept::Current {
            self.tell();
            if !may_write || !self.write() {
                next_secs = next_secs.min(RETRY_SECS);
            }
        }
        Duration::from_secs(next_secs)
    }

    /// Writes down what is; whether that was possible.
    fn write(&mut self) -> bool {
        match file::replace(&self.path, &write(&self.all)) {
            Ok(()) => {
                self.kept = Kept::Current;
                if self.told.take().is_some() {
                    tracing::info!("{}: what became of the trust anchors is written there now", self.path.display());
                }
            }
            Err(error) => self.complain(&error),
        }
        self.kept == Kept::Current
    }

    /// Says that the file cannot be written: once, for as long as it is for the same reason.
    fn complain(&mut self, error: &io::Error) {
        if self.told.replace(error.kind()) != Some(error.kind()) {
            tracing::warn!("{}: {error}; {FORGETS}", self.path.display());
        }
    }

    /// What is trusted now is what walks trust.
    fn tell(&self) {
        self.anchors.replace(self.all.iter().map(|rollover| (rollover.zone().clone(), rollover.anchors())).collect());
    }
}

/// What the file says. What is no text is damaged as well.
fn known(path: &Path) -> io::Result<Result<Vec<(Name, Tracked)>, StateError>> {
    Ok(read(&String::from_utf8_lossy(&fs::read(path)?)))
}

/// What a file with the state of trust anchors says, a line for each key, as of `now_secs`, in seconds since 1970.
///
/// # Errors
/// When the file cannot be read, or is none.
pub fn anchors_in(path: &Path, now_secs: u64) -> io::Result<Vec<String>> {
    let known = known(path)?.map_err(|why| io::Error::new(ErrorKind::InvalidData, why))?;
    let line = |(zone, Tracked { key, state }): (Name, Tracked)| {
        let (word, since_secs) = match state {
            State::Pending(since) => ("new, and not trusted yet,", since),
            State::Valid(since) => ("trusted", since),
            State::Missing(since) => ("trusted, and missing", since),
            State::Revoked(since) => ("revoked", since),
            State::Removed(since) => ("out of use", since),
        };
        format!("key {} of {zone} is {word} for {} days", key.tag, now_secs.saturating_sub(since_secs) / 86_400)
    };
    Ok(known.into_iter().map(line).collect())
}

/// Changes of trust are for the log: nobody asked for them, and somebody should know.
fn report(zone: &Name, observed: &Observed) {
    if let Some(why) = &observed.failed {
        tracing::warn!("the keys of {zone} are signed by no trust anchor: {why}");
    }
    for (tag, change) in &observed.changes {
        let news = match change {
            Change::New => "is new, and will be trusted when it is still there in 30 days",
            Change::Trusted => "is a trust anchor",
            Change::Gone => "is gone before it was trusted",
            Change::Missing => "is not among the keys of its zone any more, and still a trust anchor",
            Change::Back => "is among the keys of its zone again",
            Change::Revoked => "was revoked by its owner, and is no trust anchor any more",
            Change::Removed => "was revoked 30 days ago",
            Change::Forgotten => "was not among the keys of its zone for a year, and is no trust anchor any more",
        };
        let news = format_args!("key {tag} of {zone} {news} (RFC 5011)");
        match change {
            Change::Revoked | Change::Missing | Change::Forgotten => tracing::warn!("{news}"),
            _ => tracing::info!("{news}"),
        }
    }
}
