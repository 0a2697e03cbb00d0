//! What the resolver does although nobody asks: it follows the keys of its trust anchors (RFC 5011) and tells their
//! zones which keys it trusts (RFC 8145), lifts negative trust anchors that are not needed any more (RFC 7646), and
//! keeps a copy of the root (RFC 8806).

mod anchors;
mod axfr;
mod file;
mod negative;
mod root;
mod signal;

use std::path::PathBuf;
use std::time::Duration;

use crate::drive::World;

pub use anchors::{AnchorKeeper, anchors_in};
pub use file::replace;
pub use negative::look;
pub use root::{RootKeeper, RootSource};
pub use signal::signal;

/// What is done.
#[derive(Clone, Debug, Default)]
pub struct Upkeep {
    /// Where the state of the trust anchors is kept; `None` leaves them as they are configured.
    pub anchor_file: Option<PathBuf>,
    /// Whether zones with trust anchors are told which keys are trusted.
    pub signal: bool,
    /// Where the local copy of the root comes from.
    pub root: RootSource,
}

/// How often trusted keys are told of where nobody follows them: as often as a set with a TTL of two days, which is
/// that of the root, is fetched anew (RFC 8145 §5.2, RFC 5011 §2.3).
const SIGNAL_EACH: Duration = Duration::from_secs(86_400);

impl Upkeep {
    /// Does it all, for ever.
    pub async fn run(&self, world: &World) {
        let mut root = RootKeeper::new(self.root.clone());
        tokio::join!(self.follow(world), negative::keep(world), root.keep(world));
    }

    /// Trust anchors.
    async fn follow(&self, world: &World) {
        let proofs = &world.settings.proofs;
        if proofs.anchors.is_empty() {
            return std::future::pending().await;
        }
        let mut keeper = self.anchor_file.as_ref().map(|file| AnchorKeeper::open(file.clone(), proofs.anchors.clone()));
        loop {
            let next = match &mut keeper {
                Some(keeper) => keeper.look(world).await,
                None if self.signal => SIGNAL_EACH,
                None => return std::future::pending().await,
            };
            if self.signal {
                signal(world).await;
            }
            tokio::time::sleep(next).await;
        }
    }
}
