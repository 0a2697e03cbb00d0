//! The local copy of the root: from a file and by transfer, refused where it is not what the root signs, given up when
//! its time is over.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rootwalk::config::{RootHint, Settings, TrustAnchor};
use rootwalk::drive::{World, unix_secs, walk};
use rootwalk::run;
use rootwalk::trace::{Event, RouteKind, Trace};
use rootwalk::upkeep::RootSource;
use rootwalk::walk::outcome::Outcome;
use rootwalk::wire::{Name, Question, Record, RecordType, ResponseCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::in_the_lab;
use super::signed_root::{SERIAL, SignedRoot, name};

/// Runs `then` in a resolver that trusts `root` and whose servers of the root are silent.
fn alone<T>(root: &SignedRoot, then: impl AsyncFnOnce(&World) -> T) -> T {
    let mut settings = Settings::default();
    settings.dnssec.trust_anchors = vec![TrustAnchor(root.anchor())];
    settings.resolver.query_loopback = true;
    settings.resolver.upstream_port = 9;
    settings.limits.time_ms = 1000;
    settings.root_hints = vec![RootHint { name: name("a.root."), address: [127, 0, 0, 1].into() }];
    let resolver = run::resolver(&settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, then(resolver.world()))
}

async fn ask(world: &World, asked: &str, qtype: RecordType) -> (Outcome, Trace) {
    walk(Question::new(name(asked), qtype), world).await
}

fn source(file: PathBuf) -> RootSource {
    RootSource { file: Some(file), servers: Vec::new() }
}

fn is_local(trace: &Trace) -> bool {
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
        let mut known = None;
        assert_eq!(source(path).look(world, &mut known).await, 1800, "its refresh time");
        assert_eq!(known.unwrap().0.serial, SERIAL);
        let (none, trace) = ask(world, "www.nope.", RecordType::A).await;
        assert_eq!((none.rcode, none.secure), (ResponseCode::NXDomain, true), "{}", trace.title());
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
            let mut known = None;
            source(path.clone()).look(world, &mut known).await;
            assert!(known.is_none(), "{nth}");
        }
        fs::write(&path, root.text()).unwrap();
        let mut known = None;
        source(path.clone()).look(world, &mut known).await;
        assert!(known.is_some(), "unchanged it is used");
        world.settings.local_root.set(false);
        let (answer, trace) = ask(world, "nope.", RecordType::A).await;
        assert!(answer.failure.is_some() && !is_local(&trace), "the servers of the root are asked");
        // A good one that nobody has renewed for longer than its SOA record allows is no better.
        fs::write(&path, root.text()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the time of a file is the calendar's")]
        let old = SystemTime::now() - Duration::from_secs(604_801);
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let mut known = None;
        source(path.clone()).look(world, &mut known).await;
        assert!(known.is_none());
    });
}

/// Gives the zone to whoever asks for it, in messages of 100 records.
async fn hand_over(listener: TcpListener, records: Vec<Record>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.unwrap();
        let all: Vec<&Record> = records.iter().chain(&records[..1]).collect();
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
                message.extend(&record.rdata);
            }
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &message].concat()).await.unwrap();
        }
    }
}

#[test]
fn a_server_hands_the_zone_over() {
    let root = SignedRoot::new(300, unix_secs());
    alone(&root, async |world| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let serving = tokio::spawn(hand_over(listener, root.records.clone()));
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing: SocketAddr = silent.local_addr().unwrap();
        drop(silent);
        let source = RootSource { file: None, servers: vec![refusing, good] };
        let mut known = None;
        assert_eq!(source.look(world, &mut known).await, 1800);
        assert!(ask(world, "nope.", RecordType::A).await.0.secure);
        // The server goes away: the copy stays as long as its SOA record allows, and is asked for again soon.
        serving.abort();
        let _ = serving.await;
        assert_eq!(source.look(world, &mut known).await, 900, "its retry time");
        assert!(is_local(&ask(world, "tld00002.", RecordType::DS).await.1) && known.is_some());
        // Its time is over.
        let (soa, _) = known.unwrap();
        known = Some((soa, world.clock.now()));
        source.look(world, &mut known).await;
        assert!(known.is_none() && !is_local(&ask(world, "tld00003.", RecordType::DS).await.1));
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
