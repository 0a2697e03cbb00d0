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

/// Those who do it, with what they know.
#[derive(Debug, Default)]
pub struct Keepers {
    anchors: Option<AnchorKeeper>,
    signal: bool,
    root: RootKeeper,
}

impl Keepers {
    /// Those who do in `world` what is `wanted`. What the file with the state of the trust anchors says is trusted
    /// there from now on.
    #[must_use]
    pub fn new(wanted: Upkeep, world: &World) -> Self {
        Self::default().renewed(wanted, world, world)
    }

    /// Those who do in `new`, which takes the place of `old`, what is `wanted` now; they go on where these stand. To be
    /// called before anybody asks `new`.
    #[must_use]
    pub fn renewed(self, wanted: Upkeep, old: &World, new: &World) -> Self {
        let anchors = &new.settings.proofs.anchors;
        let file = wanted.anchor_file.filter(|_| !anchors.is_empty());
        let unwritten = |path: &PathBuf| self.anchors.filter(|keeper| keeper.is_unwritten(path));
        let anchors = file.map(|path| match unwritten(&path) {
            Some(keeper) => keeper.renewed(anchors.clone()),
            None => AnchorKeeper::open(path, anchors.clone()),
        });
        Self { anchors, signal: wanted.signal, root: self.root.renewed(wanted.root, old, new) }
    }

    /// Does it all, for ever.
    pub async fn run(&mut self, world: &World) {
        let Self { anchors, signal, root } = self;
        tokio::join!(follow(anchors.as_mut(), *signal, world), negative::keep(world), root.keep(world));
    }
}

/// Trust anchors.
async fn follow(mut keeper: Option<&mut AnchorKeeper>, is_told: bool, world: &World) {
    if world.settings.proofs.anchors.is_empty() {
        return std::future::pending().await;
    }
    loop {
        let next = match &mut keeper {
            Some(keeper) => keeper.look(world).await,
            None if is_told => SIGNAL_EACH,
            None => return std::future::pending().await,
        };
        if is_told {
            signal(world).await;
        }
        world.clock.sleep(next).await;
    }
}
