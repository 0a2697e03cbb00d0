//! Trust anchors that follow their zones: the key sets are fetched, the state is kept in a file (RFC 5011).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dnssec::Anchors;
use crate::dnssec::rollover::{Change, Observed, RETRY_SECS, Rollover, State, Tracked, read, write};
use crate::drive::{World, unix_secs, walk_unchecked};
use crate::wire::{Name, Question, RecordType};

use super::file;

/// What it means that the file cannot be written.
const FORGETS: &str = "a new start would not know what became of the trust anchors (dnssec.anchor_file)";

/// The trust anchors of a resolver and the file with their state.
#[derive(Debug)]
pub struct AnchorKeeper {
    path: PathBuf,
    anchors: Anchors,
    all: Vec<Rollover>,
    /// Whether the file says what is.
    written: bool,
}

impl AnchorKeeper {
    /// Begins with the configured `anchors` and with what the file says. What cannot be read counts for nothing, and is
    /// kept beside for whoever wants to know.
    #[must_use]
    pub fn open(path: PathBuf, anchors: Anchors) -> Self {
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!("{shown}: {error}; the configured trust anchors count");
                None
            }
        };
        let known = text.and_then(|text| match read(&text) {
            Ok(known) => Some(known),
            Err(why) => {
                let aside = path.with_extension("damaged");
                let _ = fs::rename(&path, &aside);
                tracing::warn!(
                    "{shown} is of no use: {why}. The configured trust anchors count, and keys that were new begin their \
                     30 days again; the file is kept as {}",
                    aside.display()
                );
                None
            }
        });
        if let Err(error) = file::try_beside(&path) {
            tracing::warn!("{shown}: {error}; {FORGETS}");
        }
        let all = Rollover::begin(&anchors, &known.unwrap_or_default());
        let written = path.exists();
        let keeper = Self { path, anchors, all, written };
        keeper.tell();
        keeper
    }

    /// Whether it keeps the state in this file, which does not say what is.
    pub(super) fn is_unwritten(&self, path: &Path) -> bool {
        self.path == path && !self.written
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
        self.written &= self.path.exists();
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
            self.written &= observed.changes.is_empty();
            next_secs = next_secs.min(observed.next_secs);
        }
        if !self.written {
            self.tell();
            match file::replace(&self.path, &write(&self.all)) {
                Ok(()) => self.written = true,
                Err(error) => {
                    let path = self.path.display();
                    tracing::warn!("{path}: {error}; {FORGETS}");
                    next_secs = next_secs.min(RETRY_SECS);
                }
            }
        }
        Duration::from_secs(next_secs)
    }

    /// What is trusted now is what walks trust.
    fn tell(&self) {
        self.anchors.replace(self.all.iter().map(|rollover| (rollover.zone().clone(), rollover.anchors())).collect());
    }
}

/// What a file with the state of trust anchors says, a line for each key, as of `now_secs`, in seconds since 1970.
///
/// # Errors
/// When the file cannot be read, or is none.
pub fn anchors_in(path: &Path, now_secs: u64) -> io::Result<Vec<String>> {
    let known = read(&fs::read_to_string(path)?).map_err(|why| io::Error::new(ErrorKind::InvalidData, why))?;
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
