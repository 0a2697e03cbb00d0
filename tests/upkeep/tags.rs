//! Which keys are trusted, as the servers of the root hear it (RFC 8145).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use rootwalk::config::Settings;
use rootwalk::drive::{World, unix_secs, walk};
use rootwalk::lab::{Lab, Reaction};
use rootwalk::run;
use rootwalk::trace::Transport;
use rootwalk::upkeep::signal;
use rootwalk::wire::{Name, QueryView, Question, RecordType};
use tokio::net::UdpSocket;

use super::worker::on_a_worker;

/// The option that names the tags (RFC 8145 §4.1).
const EDNS_KEY_TAG: u16 = 14;

/// What a server heard: the question, and the tags that came with it.
type Heard = (Question, Option<Vec<u8>>);

/// What the servers of the root hear while `then` goes on, of which nobody else answers.
fn heard(set: impl FnOnce(&mut Settings), then: impl AsyncFnOnce(&World)) -> Vec<Heard> {
    let all: Arc<Mutex<Vec<Heard>>> = Arc::default();
    on_a_worker(async {
        let lab = Arc::new(Lab::embedded(unix_secs()).unwrap());
        let mut settings = run::lab_settings(&lab);
        let addresses: Vec<IpAddr> = lab.root_hints().into_iter().flat_map(|(_, addresses)| addresses).collect();
        let mut port = 0;
        for address in addresses {
            let socket = UdpSocket::bind(SocketAddr::new(address, port)).await.unwrap();
            port = socket.local_addr().unwrap().port();
            tokio::task::spawn_local(answer(socket, Arc::clone(&lab), Arc::clone(&all)));
        }
        settings.resolver.upstream_port = port;
        set(&mut settings);
        then(run::resolver(&settings).world()).await;
    });
    let mut all = all.lock();
    std::mem::take(&mut *all)
}

async fn answer(socket: UdpSocket, lab: Arc<Lab>, all: Arc<Mutex<Vec<Heard>>>) {
    let own = socket.local_addr().unwrap().ip();
    let mut packet = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut packet).await.unwrap();
        let query = QueryView::read(&packet[..length]).unwrap();
        let tags = query.edns().and_then(|edns| edns.option(EDNS_KEY_TAG)).map(<[u8]>::to_vec);
        all.lock().push((query.question(), tags));
        let Some(Reaction::Packets(replies)) = lab.authority().react(own, Transport::Udp, &packet[..length], 1) else {
            continue;
        };
        for reply in replies {
            socket.send_to(&reply.bytes, from).await.unwrap();
        }
    }
}

/// RFC 8145 §4.2: with the question for the keys of the zone, and with no other.
#[test]
fn the_option_goes_with_the_question_for_keys() {
    for told in [true, false] {
        let heard = heard(
            |settings| settings.dnssec.key_tag_option = told,
            async |world| {
                let tags = world.settings.proofs.anchors.tags(&Name::root());
                let wanted: Vec<u8> = tags.iter().flat_map(|tag| tag.to_be_bytes()).collect();
                assert_eq!(wanted.len(), 2, "the lab has one anchor");
                walk(Question::new("nope-at-all.".parse().unwrap(), RecordType::A), world).await;
            },
        );
        let keys = |question: &Question| question.qtype == RecordType::DNSKEY && question.name.is_root();
        assert!(heard.iter().any(|(question, _)| keys(question)), "{heard:?}");
        for (question, tags) in &heard {
            assert_eq!(tags.is_some(), told && keys(question), "{question}: {heard:?}");
            assert!(tags.as_ref().is_none_or(|tags| tags.len() == 2), "{tags:?}");
        }
    }
}

/// RFC 8145 §5.1: a question of type NULL for `_ta-` and the tags in hexadecimal digits.
#[test]
fn the_question_names_the_tags() {
    let mut label = String::new();
    let heard = heard(
        |_| {},
        async |world| {
            let tags = world.settings.proofs.anchors.tags(&Name::root());
            label = format!("_ta-{:04x}.", tags[0]);
            signal(world).await;
        },
    );
    let wanted = Question::new(label.parse().unwrap(), RecordType::NULL);
    assert!(heard.iter().any(|(question, _)| *question == wanted), "{heard:?}");
}
