//! What the resolver does although nobody asks, against the servers of the lab.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod local_root;
mod negative;
mod renewal;
mod signed_root;
mod tags;
#[path = "../common/worker.rs"]
mod worker;
mod zonemd;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dnssec::Anchors;
use rootwalk::dnssec::rollover::{self, State};
use rootwalk::drive::{World, unix_secs};
use rootwalk::lab::Lab;
use rootwalk::lab::serve::Servers;
use rootwalk::run;
use rootwalk::serve::Resolver;
use rootwalk::trace::Paint;
use rootwalk::upkeep::{AnchorKeeper, Keepers, Upkeep, replace, signal};
use rootwalk::upstream::UpstreamSettings;
use rootwalk::wire::Name;
use worker::on_a_worker;

/// Runs `then` in a resolver whose Internet is the lab.
fn in_the_lab<T>(then: impl AsyncFnOnce(&World) -> T) -> T {
    on_a_worker(async {
        let lab = Lab::embedded(unix_secs()).unwrap();
        let servers = Servers::bind(Arc::new(lab.authority().clone()), 0).await.unwrap();
        let mut settings = run::lab_settings(&lab);
        settings.resolver.upstream_port = servers.port();
        let _serving = servers.open();
        let resolver: Resolver = run::resolver(&settings);
        then(resolver.world()).await
    })
}

fn states(path: &Path) -> Vec<State> {
    let read = rollover::read(&fs::read_to_string(path).unwrap()).unwrap();
    read.into_iter().map(|(_, tracked)| tracked.state).collect()
}

#[test]
fn the_keys_of_the_root_are_followed_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors");
    in_the_lab(async |world| {
        let anchors = world.settings.proofs.anchors.clone();
        let before = anchors.tags(&Name::root());
        let mut keeper = AnchorKeeper::open(path.clone(), anchors.clone());
        let next = keeper.look(world).await;
        assert!(next.as_secs() >= 3600, "{next:?}");
        assert!(matches!(states(&path)[..], [State::Valid(_)]), "{:?}", states(&path));
        assert_eq!(anchors.tags(&Name::root()), before);
        // Nothing has changed, so nothing is written.
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        keeper.look(world).await;
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
        // A key that was revoked earlier stays so, although it is configured: what it signs is not believed.
        let text = fs::read_to_string(&path).unwrap();
        let (owner, mut tracked) = rollover::read(&text).unwrap().remove(0);
        tracked.state = State::Revoked(u64::from(unix_secs()));
        let revoked = rollover::Rollover::begin(&anchors, &[(owner, tracked)]);
        replace(&path, &rollover::write(&revoked)).unwrap();
        let _ = AnchorKeeper::open(path.clone(), anchors.clone());
        assert!(matches!(states(&path)[..], [State::Revoked(_)]));
    });
    let beside: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["anchors"], "no half-written file is left");
}

#[test]
fn a_damaged_file_is_put_aside_and_the_configured_anchors_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors");
    // The second is no text, as what a failing disk gives back.
    for damage in [&b"nonsense"[..], b"\xff\xfe\x00"] {
        fs::write(&path, damage).unwrap();
        in_the_lab(async |world| {
            let anchors = world.settings.proofs.anchors.clone();
            let before = anchors.tags(&Name::root());
            let mut keeper = AnchorKeeper::open(path.clone(), anchors.clone());
            assert_eq!(anchors.tags(&Name::root()), before);
            assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), damage);
            keeper.look(world).await;
            assert!(matches!(states(&path)[..], [State::Valid(_)]));
        });
    }
}

/// A disk that is mounted late, or a right to read that is given late: what the file says counts from then on, and
/// nothing is put in its place before.
#[test]
fn a_file_that_can_be_read_later_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    in_the_lab(async |world| {
        let anchors = world.settings.proofs.anchors.clone();
        let first = folder.path().join("first");
        AnchorKeeper::open(first.clone(), anchors.clone()).look(world).await;
        let (owner, mut tracked) = rollover::read(&fs::read_to_string(&first).unwrap()).unwrap().remove(0);
        tracked.state = State::Revoked(u64::from(unix_secs()));
        let revoked = rollover::write(&rollover::Rollover::begin(&anchors, &[(owner, tracked)]));
        // A folder that is not there yet, and a link that leads to itself, which not even root can read.
        let (absent, unreadable) = (folder.path().join("disk/anchors"), folder.path().join("link"));
        std::os::unix::fs::symlink(&unreadable, &unreadable).unwrap();
        for path in [absent, unreadable] {
            let mut keeper = AnchorKeeper::open(path.clone(), anchors.clone());
            assert_eq!(keeper.look(world).await.as_secs(), 3600, "tried again soon");
            assert!(!path.exists(), "nothing was written");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&path);
            fs::write(&path, &revoked).unwrap();
            keeper.look(world).await;
            assert!(matches!(states(&path)[..], [State::Revoked(_)]), "{} {:?}", path.display(), states(&path));
        }
    });
}

#[test]
fn a_file_that_cannot_be_written_keeps_nobody_from_trusting() {
    in_the_lab(async |world| {
        let anchors = world.settings.proofs.anchors.clone();
        let mut keeper = AnchorKeeper::open("/dev/null/anchors".into(), anchors.clone());
        assert_eq!(keeper.look(world).await.as_secs(), 3600, "tried again soon");
        assert!(!anchors.is_empty());
    });
}

/// What became of the trust anchors goes from one resolver to the next, also where it could not be written down.
#[test]
fn a_reload_trusts_what_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    for (path, is_kept) in [(PathBuf::from("/dev/null/anchors"), false), (folder.path().join("anchors"), true)] {
        in_the_lab(async |world| {
            let followed = world.settings.proofs.anchors.tags(&Name::root());
            let upkeep = || Upkeep { anchor_file: Some(path.clone()), ..Upkeep::default() };
            let mut keepers = Keepers::new(upkeep(), world);
            let forever = tokio::time::timeout(Duration::from_secs(2), keepers.run(world)).await;
            assert!(forever.is_err() && path.exists() == is_kept);
            // The configuration names another key now; that this one is trusted is known from the zone itself.
            let mut settings = world.settings.clone();
            settings.proofs.anchors = Anchors::ROOT[0].parse().unwrap();
            let second = world.renewed(settings, UpstreamSettings::default());
            let _ = keepers.renewed(upkeep(), world, &second);
            let tags = second.settings.proofs.anchors.tags(&Name::root());
            assert!(tags.len() == 2 && tags.contains(&followed[0]), "{tags:?} {followed:?}");
        });
    }
}

/// RFC 8145 §5.
#[test]
fn the_root_is_told_which_key_is_trusted() {
    in_the_lab(async |world| {
        let tags = world.settings.proofs.anchors.tags(&Name::root());
        for _ in 0..2 {
            let told = signal(world).await;
            let story = told[0].to_text(Paint::Plain);
            assert!(story.to_lowercase().contains(&format!("_ta-{:04x}. null to ", tags[0])), "{story}");
        }
    });
}
