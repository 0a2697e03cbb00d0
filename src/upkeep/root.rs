//! The local copy of the root zone (RFC 8806): loaded, proved, refreshed, and given up when its time is over.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::dnssec::zonemd::{self, Soa};
use crate::drive::{Answers, TRANSPORT, World, unix_secs};
use crate::lab::{Authority, Reaction, read_records};
use crate::time::Time;
use crate::walk::LOCAL_V4;
use crate::wire::{Name, Record};

use super::axfr;

/// Least and most seconds between two looks: a SOA record must not make this resolver a nuisance, nor let it sleep.
const LEAST_SECS: u32 = 60;
const MOST_SECS: u32 = 86_400;
/// When it is tried again as long as there is no copy, and so no SOA record that says it.
const RETRY_SECS: u32 = 900;

/// Where the copy comes from: servers that hand the zone over, or a file that somebody else renews.
#[derive(Clone, Debug, Default)]
pub struct RootSource {
    /// A master file.
    pub file: Option<PathBuf>,
    /// Servers that allow a transfer, asked in this order.
    pub servers: Vec<SocketAddr>,
}

/// A copy in use.
#[derive(Debug)]
struct Copy {
    authority: Authority,
    expires: Time,
}

impl Answers for Copy {
    fn answer(&self, query: &[u8], now: Time) -> Option<Vec<u8>> {
        // RFC 8806 §4: what is over must not be served.
        if now >= self.expires {
            return None;
        }
        match self.authority.react(LOCAL_V4, TRANSPORT, query, 0)? {
            Reaction::Packets(packets) => packets.into_iter().next().map(|packet| packet.bytes),
            Reaction::Refused => None,
        }
    }
}

impl RootSource {
    /// Whether a copy is wanted.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.file.is_some() || !self.servers.is_empty()
    }

    /// Keeps the copy up to date, for ever.
    pub async fn keep(&self, world: &World) {
        if !self.is_wanted() {
            return std::future::pending().await;
        }
        let mut known = None;
        loop {
            let next_secs = self.look(world, &mut known).await;
            tokio::time::sleep(Duration::from_secs(next_secs.clamp(LEAST_SECS, MOST_SECS).into())).await;
        }
    }

    /// Loads the zone, proves it and puts it in place; returns after how many seconds to do so again. `known` is the SOA
    /// of the copy in use.
    pub async fn look(&self, world: &World, known: &mut Option<(Soa, Time)>) -> u32 {
        let now = world.clock.now();
        let mut loaded = None;
        for server in &self.servers {
            match axfr::fetch(&Name::root(), *server).await {
                Ok(records) => {
                    loaded = self.prove(&records, &server.to_string(), 0, world);
                    if loaded.is_some() {
                        break;
                    }
                }
                Err(error) => tracing::warn!("{server} does not hand over the root zone: {error}"),
            }
        }
        if loaded.is_none() && (self.servers.is_empty() || known.is_none()) {
            loaded = self.read(world);
        }
        match (loaded, &known) {
            (Some((soa, expires)), _) => {
                *known = Some((soa, expires));
                soa.refresh_secs
            }
            (None, Some((soa, expires))) if *expires > now => soa.retry_secs,
            (None, gone) => {
                if gone.is_some() {
                    tracing::warn!("the local copy of the root is over; walks begin at the servers of the root");
                }
                world.settings.local_root.set(false);
                world.local.set(None);
                *known = None;
                RETRY_SECS
            }
        }
    }

    fn read(&self, world: &World) -> Option<(Soa, Time)> {
        let path = self.file.as_ref()?;
        let shown = path.display().to_string();
        let age = std::fs::metadata(path).and_then(|about| about.modified()).map(age_secs);
        let (text, age_secs) = match (std::fs::read_to_string(path), age) {
            (Ok(text), Ok(age_secs)) => (text, age_secs),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!("{shown}: {error}; there is no local copy of the root");
                return None;
            }
        };
        match read_records(&shown, &text, &Name::root()) {
            Ok(records) => self.prove(&records, &shown, age_secs, world),
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    }

    /// Puts a copy in place that is what the root's keys sign (RFC 8976), and not over since `age_secs`.
    fn prove(&self, records: &[Record], from: &str, age_secs: u64, world: &World) -> Option<(Soa, Time)> {
        let settings = &world.settings;
        let soa = match zonemd::verify(&Name::root(), records, &settings.proofs, &settings.limits.proofs, unix_secs()) {
            Ok(proved) => proved.soa,
            Err(fault) => {
                tracing::warn!("the root zone from {from} is not used: {fault}");
                return None;
            }
        };
        let left_secs = u64::from(soa.expire_secs).saturating_sub(age_secs);
        if left_secs == 0 {
            tracing::warn!("the root zone from {from} is not used: it has not been renewed for {age_secs} s");
            return None;
        }
        let expires = world.clock.now().plus_secs(left_secs);
        let authority = Authority::serving(&Name::root(), records, LOCAL_V4);
        world.local.set(Some(Arc::new(Copy { authority, expires })));
        world.settings.local_root.set(true);
        tracing::info!("the root zone from {from}, serial {}, is in use", soa.serial);
        Some((soa, expires))
    }
}

#[expect(clippy::disallowed_methods, reason = "a file is as old as the calendar says")]
fn age_secs(modified: SystemTime) -> u64 {
    SystemTime::now().duration_since(modified).map_or(0, |age| age.as_secs())
}
