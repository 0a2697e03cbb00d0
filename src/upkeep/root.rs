//! The local copy of the root zone (RFC 8806): loaded, proved, renewed, and given up when its time is over.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::dnssec::zonemd::{self, Proved};
use crate::drive::{Answers, TRANSPORT, World, unix_secs};
use crate::lab::{Authority, Reaction, read_records};
use crate::time::Time;
use crate::trace::ServerAt;
use crate::wire::{Name, Record};

use super::axfr::{self, News};
use super::file;

/// Least and most seconds between two looks: a SOA record must not make this resolver a nuisance, nor let it sleep.
const LEAST_SECS: u64 = 60;
const MOST_SECS: u64 = 86_400;
/// When it is tried again as long as there is no copy, and so no SOA record that says it.
const RETRY_SECS: u64 = 900;

/// Where the copy comes from: servers that hand the zone over, or a file that somebody else renews.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootSource {
    /// A master file. With servers it is where what they handed over is kept from one start to the next.
    pub file: Option<PathBuf>,
    /// Servers that allow a transfer, asked in this order.
    pub servers: Vec<SocketAddr>,
}

impl RootSource {
    /// Whether a copy is wanted.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.file.is_some() || !self.servers.is_empty()
    }
}

/// What answers from a copy, until its time is over.
#[derive(Debug)]
struct Copy {
    authority: Arc<Authority>,
    expires: Time,
}

impl Answers for Copy {
    fn answer(&self, query: &[u8], now: Time) -> Option<Vec<u8>> {
        // RFC 8806 §3: what is over must not be served.
        if now >= self.expires {
            return None;
        }
        match self.authority.react(ServerAt::LOCAL_ROOT[0], TRANSPORT, query, 0)? {
            Reaction::Packets(packets) => packets.into_iter().next().map(|packet| packet.bytes),
            Reaction::Refused => None,
        }
    }
}

/// The copy in use.
#[derive(Debug)]
struct Held {
    authority: Arc<Authority>,
    proved: Proved,
    /// When the signatures over SOA and digest end: nobody can prolong that but a newer version.
    signed_until: Time,
    /// When it is over unless somebody renews it.
    expires: Time,
    /// When the file had the date that it has, if it came from one.
    modified: Option<SystemTime>,
    /// Whether the file has it.
    is_written: bool,
}

impl Held {
    /// Walks in `world` begin in the copy.
    fn stand_in(&self, world: &World) {
        let copy = Copy { authority: Arc::clone(&self.authority), expires: self.expires };
        world.local.set(Some(Arc::new(copy)));
        world.settings.local_root.set(true);
    }
}

/// Keeps the copy of the root of one resolver up to date.
#[derive(Debug, Default)]
pub struct RootKeeper {
    source: RootSource,
    held: Option<Held>,
}

impl RootKeeper {
    /// A keeper that has no copy yet.
    #[must_use]
    pub fn new(source: RootSource) -> Self {
        Self { source, held: None }
    }

    /// A keeper for `new`, which takes the place of `old`: the copy stays in use where it would be proved and had as it
    /// was.
    pub(super) fn renewed(self, source: RootSource, old: &World, new: &World) -> Self {
        let (before, after) = (&old.settings.proofs, &new.settings.proofs);
        let is_same = self.source == source && before.anchors == after.anchors && before.accepts == after.accepts;
        let held = self.held.filter(|_| is_same);
        if let Some(held) = &held {
            held.stand_in(new);
        }
        Self { source, held }
    }

    /// The version of the copy in use.
    #[must_use]
    pub fn serial(&self) -> Option<u32> {
        self.held.as_ref().map(|held| held.proved.soa.serial)
    }

    /// Keeps the copy up to date, for ever.
    pub async fn keep(&mut self, world: &World) {
        if !self.source.is_wanted() {
            return std::future::pending().await;
        }
        loop {
            let next = self.look(world).await;
            world.clock.sleep(next).await;
        }
    }

    /// Looks for a newer version, or for somebody who says that there is none, as a secondary server does (RFC 1034
    /// §4.3.5); says when to look again.
    pub async fn look(&mut self, world: &World) -> Duration {
        if self.held.is_none() || self.source.servers.is_empty() {
            self.read(world);
        }
        let renewed = self.source.servers.is_empty() || self.ask(world).await;
        let now = world.clock.now();
        if self.held.as_ref().is_some_and(|held| held.expires <= now) {
            tracing::warn!("the local copy of the root is over; walks begin at the servers of the root");
            self.held = None;
            world.settings.local_root.set(false);
            world.local.set(None);
        }
        let Some(Held { proved, expires, .. }) = &self.held else { return Duration::from_secs(RETRY_SECS) };
        let next_secs = if renewed { proved.soa.refresh_secs } else { proved.soa.retry_secs };
        let most_secs = (*expires - now).as_secs().min(MOST_SECS);
        Duration::from_secs(u64::from(next_secs).min(most_secs).max(LEAST_SECS))
    }

    /// Asks the servers in their order until one has a newer version or the same; whether one had.
    async fn ask(&mut self, world: &World) -> bool {
        for server in self.source.servers.clone() {
            match axfr::fetch(&Name::root(), server, self.serial(), &world.upstream).await {
                Ok(News::Same) => {
                    self.renew(world, &server.to_string());
                    return true;
                }
                Ok(News::Zone(records)) => {
                    if self.take(&records, &server.to_string(), 0, world) {
                        self.keep_for_the_next_start();
                        return true;
                    }
                }
                Err(error) => tracing::warn!("{server} does not hand over the root zone: {error}"),
            }
        }
        false
    }

    /// The copy is still the newest version: its time begins anew, and the file is as good as new.
    fn renew(&mut self, world: &World, by: &str) {
        let Some(held) = &mut self.held else { return };
        tracing::debug!("the root zone at {by} still has serial {}", held.proved.soa.serial);
        held.expires = held.signed_until.min(world.clock.now().plus_secs(held.proved.soa.expire_secs.into()));
        held.stand_in(world);
        self.keep_for_the_next_start();
    }

    /// The version in the file, if that can be used now.
    #[must_use]
    pub fn reading(mut self, world: &World) -> Option<u32> {
        self.read(world);
        self.serial()
    }

    /// Loads the file, unless it is the one that is in use.
    pub fn read(&mut self, world: &World) {
        let Some(path) = self.source.file.clone() else { return };
        let shown = path.display().to_string();
        let read = modified(&path).and_then(|modified| Ok((modified, fs::read_to_string(&path)?)));
        let (modified, text) = match read {
            Ok(read) => read,
            // It is written when the first transfer has come.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.source.servers.is_empty() => return,
            Err(error) => return tracing::warn!("{shown}: {error}; it is no local copy of the root"),
        };
        if self.held.as_ref().is_some_and(|held| held.modified == Some(modified)) {
            return;
        }
        match read_records(&shown, &text, &Name::root()) {
            Ok(records) => {
                if self.take(&records, &shown, age_secs(modified), world)
                    && let Some(held) = &mut self.held
                {
                    (held.modified, held.is_written) = (Some(modified), true);
                }
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Puts a copy in use that is what the root's keys sign (RFC 8976) and that somebody has renewed `age_secs` ago;
    /// whether it is one.
    fn take(&mut self, records: &[Record], from: &str, age_secs: u64, world: &World) -> bool {
        let settings = &world.settings;
        let proved = zonemd::verify(&Name::root(), records, &settings.proofs, &settings.limits.proofs, unix_secs());
        let proved = match proved {
            Ok(proved) => proved,
            Err(fault) => {
                tracing::warn!("the root zone from {from} is not used: {fault}");
                return false;
            }
        };
        let left_secs = u64::from(proved.soa.expire_secs).saturating_sub(age_secs);
        if left_secs == 0 {
            tracing::warn!("the root zone from {from} is not used: it was not renewed for {age_secs} s");
            return false;
        }
        let now = world.clock.now();
        let signed_until = now.plus_secs(proved.left_secs.into());
        let expires = signed_until.min(now.plus_secs(left_secs));
        let authority = Arc::new(Authority::serving(&Name::root(), records, ServerAt::LOCAL_ROOT[0]));
        let held = Held { authority, signed_until, expires, modified: None, is_written: false, proved };
        held.stand_in(world);
        let proved = &held.proved;
        let by = proved.key_tag.map_or_else(|| "nobody".to_owned(), |tag| format!("key {tag}"));
        let (serial, hash, count) = (proved.soa.serial, proved.hash, records.len());
        tracing::info!(
            "the root zone from {from}, serial {serial}, is in use: {count} records, their {hash} signed by {by}"
        );
        self.held = Some(held);
        true
    }

    /// Gives the file the copy in use and the date of today. One with another version in it is not as good as new, and
    /// one that was lost, or for which there was no room, is written when that is possible again.
    fn keep_for_the_next_start(&mut self) {
        let (Some(path), Some(held)) = (&self.source.file, &mut self.held) else { return };
        if held.is_written && touch(path).is_ok() {
            return;
        }
        let head =
            "; The root zone as a server handed it over. Written by rootwalk; its date is that of the last look.";
        let zone = held.authority.master_file(&Name::root()).unwrap_or_default();
        let written = file::replace(path, &format!("{head}\n{zone}"));
        if let Err(error) = &written {
            tracing::warn!("{}: {error}; the next start begins with what is there", path.display());
        }
        held.is_written = written.is_ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "a file is as old as the calendar says")]
fn age_secs(modified: SystemTime) -> u64 {
    SystemTime::now().duration_since(modified).map_or(0, |age| age.as_secs())
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

#[expect(clippy::disallowed_methods, reason = "a file is as old as the calendar says")]
fn touch(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(SystemTime::now())
}
