//! The local copy of the root over its life: transferred, renewed by its serial, kept over a restart, given up.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rootwalk::dnssec::Anchors;
use rootwalk::drive::{World, unix_secs};
use rootwalk::upkeep::{Keepers, RootKeeper, RootSource, Upkeep};
use rootwalk::upstream::UpstreamSettings;
use rootwalk::walk::{LocalRoot, WalkSettings};
use rootwalk::wire::{Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::local_root::{alone, ask, is_local};
use super::signed_root::{SERIAL, SignedRoot};

/// A server that hands a zone over, and how often it was asked for its SOA record and for all of it.
#[derive(Clone)]
struct Primary {
    records: Arc<Mutex<Vec<Record>>>,
    asked: Arc<Mutex<[usize; 2]>>,
}

impl Primary {
    async fn open(root: &SignedRoot) -> (Self, SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let primary = Self { records: Arc::new(Mutex::new(root.records.clone())), asked: Arc::default() };
        let serving = tokio::spawn(primary.clone().serve(listener));
        (primary, address, serving)
    }

    async fn serve(self, listener: TcpListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Ok(length) = stream.read_u16().await {
                let mut query = vec![0; usize::from(length)];
                stream.read_exact(&mut query).await.unwrap();
                self.answer(&query, &mut stream).await;
            }
        }
    }

    /// In messages of 100 records.
    async fn answer(&self, query: &[u8], stream: &mut TcpStream) {
        let is_axfr = query[13..15] == u16::from(RecordType::AXFR).to_be_bytes();
        self.asked.lock()[usize::from(is_axfr)] += 1;
        let records = self.records.lock().clone();
        let all: Vec<&Record> = match is_axfr {
            true => records.iter().chain(&records[..1]).collect(),
            false => vec![&records[0]],
        };
        for part in all.chunks(100) {
            // The id of the query, QR and AA; no question, as RFC 5936 §2.2.1 allows after the first message.
            let count = u16::try_from(part.len()).unwrap().to_be_bytes();
            let mut message = [&query[..2], &[0x84, 0, 0, 0], &count, &[0; 4]].concat();
            for record in part {
                message.extend(record.owner.wire());
                message.extend(u16::from(record.rtype).to_be_bytes());
                message.extend([0, 1]);
                message.extend(record.ttl_secs.to_be_bytes());
                message.extend(u16::try_from(record.rdata.len()).unwrap().to_be_bytes());
                message.extend_from_slice(&record.rdata);
            }
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &message].concat()).await.unwrap();
        }
    }

    fn publish(&self, root: &SignedRoot) {
        *self.records.lock() = root.records.clone();
    }

    /// How often it was asked for SOA and AXFR since the last time.
    fn asked(&self) -> [usize; 2] {
        std::mem::take(&mut *self.asked.lock())
    }
}

fn keeper(file: Option<&Path>, servers: &[SocketAddr]) -> RootKeeper {
    RootKeeper::new(RootSource { file: file.map(Path::to_owned), servers: servers.to_vec() })
}

/// Makes a file look as if it had been written so long ago.
fn age(path: &Path, secs: u64) {
    #[expect(clippy::disallowed_methods, reason = "the time of a file is the calendar's")]
    let then = SystemTime::now() - Duration::from_secs(secs);
    File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

fn age_secs(path: &Path) -> u64 {
    fs::metadata(path).unwrap().modified().unwrap().elapsed().map_or(0, |age| age.as_secs())
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// RFC 1034 §4.3.5: the serial first, and all of the zone only where it has moved on.
#[test]
fn a_zone_is_handed_over_once_for_each_version() {
    let root = SignedRoot::new(300, unix_secs());
    alone(&root, async |world| {
        let (primary, address, _serving) = Primary::open(&root).await;
        let mut keeper = keeper(None, &[nobody().await, address]);
        assert_eq!(keeper.look(world).await.as_secs(), 1800, "its refresh time, although one server is away");
        assert!(ask(world, "nope.", RecordType::A).await.0.secure);
        assert_eq!(primary.asked(), [0, 1]);
        for _ in 0..3 {
            assert_eq!(keeper.look(world).await.as_secs(), 1800);
        }
        assert_eq!(primary.asked(), [3, 0]);
        primary.publish(&SignedRoot::version(301, unix_secs(), [SERIAL + 1, 3600, 900, 604_800]));
        assert_eq!(keeper.look(world).await.as_secs(), 3600);
        assert_eq!((primary.asked(), keeper.serial()), ([1, 1], Some(SERIAL + 1)));
        assert!(is_local(&ask(world, "tld00300.", RecordType::DS).await.1), "which the first version did not have");
        // A server that is behind, or whose zone is not what the root signs, changes nothing.
        primary.publish(&root);
        assert_eq!(keeper.look(world).await.as_secs(), 900, "its retry time");
        let mut forged = SignedRoot::version(300, unix_secs(), [SERIAL + 2, 1800, 900, 604_800]);
        forged.records.pop();
        primary.publish(&forged);
        assert_eq!(keeper.look(world).await.as_secs(), 900);
        assert_eq!((primary.asked(), keeper.serial()), ([2, 1], Some(SERIAL + 1)));
    });
}

/// Nobody has to be reached after a restart, as long as the SOA record allows.
#[test]
fn what_was_handed_over_is_there_after_a_restart() {
    let root = SignedRoot::new(50, unix_secs());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.zone");
    alone(&root, async |world| {
        let (_, address, serving) = Primary::open(&root).await;
        keeper(Some(&path), &[address]).look(world).await;
        age(&path, 1000);
        let mut second = keeper(Some(&path), &[address]);
        second.look(world).await;
        assert!(age_secs(&path) < 900, "it counts as new when a server has said that it is");
        serving.abort();
        let _ = serving.await;
    });
    alone(&root, async |world| {
        let mut third = keeper(Some(&path), &[nobody().await]);
        assert_eq!(third.look(world).await.as_secs(), 900, "asked for again soon");
        assert_eq!(third.serial(), Some(SERIAL));
        let (none, trace) = ask(world, "www.nope.", RecordType::A).await;
        assert!(none.secure && is_local(&trace));
        assert!(fs::read_to_string(&path).unwrap().starts_with("; The root zone as a server handed it over."));
    });
    // Nobody has renewed it for as long as its SOA record allows; then it is none.
    age(&path, 604_801);
    alone(&root, async |world| {
        let mut fourth = keeper(Some(&path), &[nobody().await]);
        fourth.look(world).await;
        assert_eq!(fourth.serial(), None);
        assert!(!is_local(&ask(world, "tld00002.", RecordType::DS).await.1));
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no half-written file is left");
}

/// A disk that is full, or not there, for a while: the copy is written when that is possible again, although the zone
/// has not moved on, and a file with another version does not count as renewed meanwhile.
#[test]
fn what_could_not_be_written_is_written_later() {
    let root = SignedRoot::new(50, unix_secs());
    let next = SignedRoot::version(51, unix_secs(), [SERIAL + 1, 1800, 900, 604_800]);
    let folder = tempfile::tempdir().unwrap();
    let (path, away) = (folder.path().join("disk/root.zone"), folder.path().join("away"));
    let serial = |world: &World| keeper(Some(&path), &[]).reading(world);
    alone(&root, async |world| {
        let (primary, address, _serving) = Primary::open(&root).await;
        let mut keeper = keeper(Some(&path), &[address]);
        keeper.look(world).await;
        fs::create_dir(path.parent().unwrap()).unwrap();
        keeper.look(world).await;
        assert_eq!(serial(world), Some(SERIAL));
        // Nothing can be written, and there is an old file.
        fs::rename(path.parent().unwrap(), &away).unwrap();
        primary.publish(&next);
        keeper.look(world).await;
        fs::rename(&away, path.parent().unwrap()).unwrap();
        age(&path, 1000);
        assert_eq!(serial(world), Some(SERIAL));
        keeper.look(world).await;
        assert_eq!(serial(world), Some(SERIAL + 1));
        // Somebody has cleaned up.
        fs::remove_file(&path).unwrap();
        keeper.look(world).await;
        assert_eq!(serial(world), Some(SERIAL + 1));
        assert_eq!(primary.asked(), [4, 2], "nothing is handed over twice");
    });
}

/// RFC 8806 §3: over is over, also for a walk that comes before anybody has looked.
#[test]
fn a_copy_that_is_over_is_given_up() {
    let root = SignedRoot::version(20, unix_secs(), [SERIAL, 1800, 900, 2]);
    alone(&root, async |world| {
        let (_, address, serving) = Primary::open(&root).await;
        let mut keeper = keeper(None, &[address]);
        assert_eq!(keeper.look(world).await.as_secs(), 60, "no later than its end, no sooner than is polite");
        assert_eq!(keeper.serial(), Some(SERIAL));
        serving.abort();
        let _ = serving.await;
        tokio::time::sleep(Duration::from_millis(2100)).await;
        let (answer, trace) = ask(world, "tld00002.", RecordType::DS).await;
        assert!(answer.failure.is_some() && is_local(&trace), "the copy was asked, and the servers after it");
        assert_eq!(keeper.look(world).await.as_secs(), 900);
        assert_eq!(keeper.serial(), None);
        assert!(!is_local(&ask(world, "tld00003.", RecordType::DS).await.1));
    });
}

/// Other settings for the rest of the resolver are no reason to have the zone handed over again, and no walk goes
/// without it meanwhile; other trust is.
#[test]
fn a_copy_goes_from_one_resolver_to_the_next() {
    let root = SignedRoot::new(50, unix_secs());
    let renewed = |world: &World| {
        let settings = WalkSettings { local_root: LocalRoot::default(), ..world.settings.clone() };
        world.renewed(settings, UpstreamSettings::default())
    };
    alone(&root, async |world| {
        let (primary, address, _serving) = Primary::open(&root).await;
        let wanted = || Upkeep { root: RootSource { file: None, servers: vec![address] }, ..Upkeep::default() };
        let mut keepers = Keepers::new(wanted(), world);
        let there = async {
            while !is_local(&ask(world, "nope.", RecordType::A).await.1) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = keepers.run(world) => {}
            () = there => {}
        }
        assert_eq!(primary.asked(), [0, 1]);
        let second = renewed(world);
        let keepers = keepers.renewed(wanted(), world, &second);
        assert!(is_local(&ask(&second, "tld00002.", RecordType::DS).await.1));
        assert_eq!(primary.asked(), [0, 0]);
        let mut third = renewed(world);
        third.settings.proofs.anchors = Anchors::default();
        let _ = keepers.renewed(wanted(), &second, &third);
        assert!(!is_local(&ask(&third, "tld00004.", RecordType::DS).await.1));
    });
}
