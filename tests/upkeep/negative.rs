//! Negative trust anchors over real servers: needed as long as anything that they let through is bogus, and no longer.

use std::sync::Arc;

use rootwalk::config::NegativeTrustAnchor;
use rootwalk::drive::{World, unix_secs, walk};
use rootwalk::lab::Lab;
use rootwalk::lab::serve::Servers;
use rootwalk::run;
use rootwalk::trace::Event;
use rootwalk::upkeep::look;
use rootwalk::walk::outcome::Outcome;
use rootwalk::wire::{Question, RecordType, ResponseCode};
use tokio::task::JoinSet;

use super::signed_root::name;
use super::worker::on_a_worker;

/// A signed root above the signed zone `mended.`, whose A sets are bogus unless it is mended.
fn lab(mended: bool) -> Lab {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let root = format!("$ORIGIN .\n{soa}@ 3600 NS ns.\nns. 3600 A 127.53.250.1\nmended. 3600 NS ns.mended.\n");
    let root = root + "ns.mended. 3600 A 127.53.250.2\n";
    let child = format!("$ORIGIN mended.\n{soa}@ 3600 NS ns\nns 3600 A 127.53.250.2\nwww 3600 A 192.0.2.1\n");
    let defect = if mended { "" } else { ", defect = \"bogus\"" };
    // The keys for RSA are always the same.
    let rsa = "algorithm = \"rsasha256\"";
    let settings = format!(
        "port = 53\nzone = [{{ name = \".\", file = \"root\", sign = {{ {rsa} }} }}, {{ name = \"mended.\", file = \"child\", \
         sign = {{ {rsa}{defect} }} }}]\nserver = [{{ name = \"ns.\", address = \"127.53.250.1\", zones = [\".\"] }}, {{ name = \
         \"ns.mended.\", address = \"127.53.250.2\", zones = [\"mended.\"] }}]\n"
    );
    let files = [("root", root), ("child", child), ("lab.toml", settings)];
    Lab::of_texts(files.map(|(path, text)| (path.to_owned(), text)).into(), unix_secs()).unwrap()
}

async fn serve(lab: &Lab, port: u16) -> (u16, JoinSet<()>) {
    let servers = Servers::bind(Arc::new(lab.authority().clone()), port).await.unwrap();
    (servers.port(), servers.open())
}

async fn ask(world: &World) -> (Outcome, String) {
    let (outcome, trace) = walk(Question::new(name("www.mended."), RecordType::A), world).await;
    let judged = trace.steps.iter().filter(|step| matches!(step.event, Event::Proved { .. }));
    let text = judged.map(|step| step.event.to_string()).collect::<Vec<_>>().join("\n");
    (outcome, text)
}

/// RFC 7646 §2. The SOA record validates all the time: what clients asked for decides.
#[test]
fn an_anchor_is_lifted_when_the_zone_is_mended() {
    on_a_worker(async {
        let broken = lab(false);
        let (port, mut serving) = serve(&broken, 0).await;
        let mut settings = run::lab_settings(&broken);
        settings.resolver.upstream_port = port;
        settings.dnssec.negative_trust_anchors = vec![NegativeTrustAnchor { zone: name("mended."), until_secs: None }];
        let resolver = run::resolver(&settings);
        let world = resolver.world();
        let (outcome, why) = ask(world).await;
        assert!(outcome.failure.is_none() && !outcome.secure, "{why}");
        assert!(outcome.answer[0].ttl_secs <= 300, "not for longer than until somebody looks: {why}");
        assert_eq!(outcome.edes()[0].code, 33);
        look(world).await;
        let (outcome, why) = ask(world).await;
        assert_eq!(outcome.edes()[0].code, 33);
        assert!(why.contains("when that was last tried the signature over www.mended. A is not what key"), "{why}");
        serving.shutdown().await;
        // Nobody answers: that says nothing for the zone.
        look(world).await;
        let anchor = || world.settings.proofs.negative.at(&name("mended."), &name("."), world.moment());
        assert!(anchor().is_some());
        let (_, _serving) = serve(&lab(true), port).await;
        look(world).await;
        assert!(anchor().is_none());
        let (outcome, why) = ask(&world.forgotten()).await;
        assert_eq!((outcome.rcode, outcome.secure), (ResponseCode::NoError, true), "{why}");
    });
}
