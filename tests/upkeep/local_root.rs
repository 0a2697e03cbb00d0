//! The local copy of the root: from a file and by transfer, refused where it is not what the root signs, given up when
//! its time is over.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rootwalk::config::{RootHint, Settings};
use rootwalk::drive::{World, unix_secs, walk};
use rootwalk::run;
use rootwalk::time::Time;
use rootwalk::trace::{Event, Paint, RouteKind, Trace};
use rootwalk::upkeep::{RootKeeper, RootSource};
use rootwalk::walk::outcome::Outcome;
use rootwalk::wire::{Name, Question, Record, RecordType, ResponseCode};

use super::in_the_lab;
use super::signed_root::{SERIAL, SignedRoot, name};
use super::worker::on_a_worker;

/// Runs `then` in a resolver that trusts `root` and whose servers of the root are silent.
pub(crate) fn alone<T>(root: &SignedRoot, then: impl AsyncFnOnce(&World) -> T) -> T {
    let mut settings = Settings::default();
    settings.dnssec.trust_anchors = vec![root.anchor().parse().unwrap()];
    settings.resolver.query_loopback = true;
    settings.resolver.upstream_port = 9;
    settings.limits.time_ms = 1000;
    settings.root_hints = vec![RootHint { name: name("a.root."), address: [127, 0, 0, 1].into() }];
    let resolver = run::resolver(&settings);
    on_a_worker(then(resolver.world()))
}

pub(crate) async fn ask(world: &World, asked: &str, qtype: RecordType) -> (Outcome, Trace) {
    walk(Question::new(name(asked), qtype), world).await
}

fn of_file(file: PathBuf) -> RootKeeper {
    RootKeeper::new(RootSource { file: Some(file), servers: Vec::new() })
}

pub(crate) fn is_local(trace: &Trace) -> bool {
    trace.steps.iter().any(|step| matches!(step.event, Event::Routed { kind: RouteKind::LocalRoot, .. }))
}

/// RFC 8806 §1: nothing for the root leaves this machine; what it says is proved as ever.
#[test]
fn a_walk_begins_in_the_copy() {
    let root = SignedRoot::new(1400, unix_secs());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.zone");
    fs::write(&path, root.text()).unwrap();
    println!("{} records, {} octets of text", root.records.len(), root.text().len());
    alone(&root, async |world| {
        let mut keeper = of_file(path);
        assert_eq!(keeper.look(world).await.as_secs(), 1800, "its refresh time");
        assert_eq!(keeper.serial(), Some(SERIAL));
        let (none, trace) = ask(world, "www.nope.", RecordType::A).await;
        assert_eq!((none.rcode, none.secure), (ResponseCode::NXDomain, true), "{}", trace.title());
        let story = trace.to_text(Paint::Plain);
        assert!(story.to_lowercase().contains("nope. a to the local copy of the root in memory ("), "{story}");
        assert!(is_local(&trace));
        for (asked, is_there) in [("tld00002.", true), ("tld00003.", false)] {
            let (ds, trace) = ask(world, asked, RecordType::DS).await;
            assert!(ds.secure && is_local(&trace), "{asked}");
            assert_eq!((ds.rcode, ds.answer.len()), (ResponseCode::NoError, usize::from(is_there)), "{asked}");
        }
        let (_, trace) = ask(world, "www.tld00700.", RecordType::A).await;
        let referred =
            trace.steps.iter().any(|step| step.event.to_string().contains("a referral to tld00700.: 4 servers"));
        assert!(referred && is_local(&trace));
    });
}

/// Whoever is cut off hears from the copy all the same, and is cut off nevertheless.
#[test]
fn the_copy_is_no_sign_of_a_network() {
    let root = SignedRoot::new(10, unix_secs());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.zone");
    fs::write(&path, root.text()).unwrap();
    alone(&root, async |world| {
        of_file(path).look(world).await;
        for last in 0..8 {
            world.servers.silent([192, 0, 2, last].into(), Time::ZERO, world.clock.now());
        }
        let (_, trace) = ask(world, "www.nope.", RecordType::A).await;
        assert!(is_local(&trace) && world.servers.is_cut_off(), "{}", trace.title());
    });
}

/// RFC 8976 §4: whoever changes, adds or leaves out anything, glue included, is found out.
#[test]
fn a_copy_that_was_changed_is_refused() {
    let root = SignedRoot::new(20, unix_secs());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.zone");
    let tries: [fn(&mut Vec<Record>); 4] = [
        |records| {
            let glue = records.iter_mut().find(|record| record.rtype == RecordType::A).unwrap();
            glue.rdata = [192, 0, 2, 66].into();
        },
        |records| records.retain(|record| record.owner != name("tld00004.")),
        |records| records.retain(|record| record.rtype != RecordType::from(63)),
        |records| {
            let zonemd = records.iter_mut().find(|record| record.rtype == RecordType::from(63)).unwrap();
            *zonemd.rdata.last_mut().unwrap() ^= 1;
        },
    ];
    alone(&root, async |world| {
        for (nth, change) in tries.iter().enumerate() {
            let mut other = SignedRoot::new(20, unix_secs());
            change(&mut other.records);
            fs::write(&path, other.text()).unwrap();
            let mut keeper = of_file(path.clone());
            assert_eq!(keeper.look(world).await.as_secs(), 900, "{nth}: tried again soon");
            assert_eq!(keeper.serial(), None, "{nth}");
        }
        fs::write(&path, root.text()).unwrap();
        let mut keeper = of_file(path.clone());
        keeper.look(world).await;
        assert_eq!(keeper.serial(), Some(SERIAL), "unchanged it is used");
        world.settings.local_root.set(false);
        let (answer, trace) = ask(world, "nope.", RecordType::A).await;
        assert!(answer.failure.is_some() && !is_local(&trace), "the servers of the root are asked");
        // A good one that nobody has renewed for longer than its SOA record allows is no better.
        fs::write(&path, root.text()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the time of a file is the calendar's")]
        let old = SystemTime::now() - Duration::from_secs(604_801);
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let mut keeper = of_file(path.clone());
        keeper.look(world).await;
        assert_eq!(keeper.serial(), None);
    });
}

/// RFC 8806 §3: a copy that has nothing to say any more keeps nobody from an answer.
#[test]
fn without_the_copy_the_servers_of_the_root_are_asked() {
    in_the_lab(async |world| {
        world.settings.local_root.set(true);
        let (answer, trace) = walk(Question::new(name("www.example.com."), RecordType::A), world).await;
        assert_eq!((answer.rcode, answer.secure), (ResponseCode::NoError, true), "{}", trace.title());
        let fell = trace.steps.iter().any(
            |step| matches!(&step.event, Event::FellBack { zone, kind: RouteKind::LocalRoot } if *zone == Name::root()),
        );
        assert!(is_local(&trace) && fell);
    });
}
