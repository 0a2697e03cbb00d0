//! A machine that lets the program open few files. The limit is one of the process, so this test has its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use rootwalk::trace::{Transport, Unreachable};
use rootwalk::upstream::{Upstream, UpstreamSettings};
use rootwalk::walk::ask::{Ask, AskId, Heard};
use rootwalk::wire::{Question, RecordType};
use tokio::net::UdpSocket;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::sleep;

#[path = "common/worker.rs"]
mod worker;

use worker::on_a_worker;

const FILES: usize = 64;

/// A server that thinks for a while.
async fn server() -> SocketAddr {
    let socket = Rc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let at = socket.local_addr().unwrap();
    spawn_local(async move {
        let mut query = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut query).await {
            let mut reply = query[..len].to_vec();
            reply[2] |= 0x80;
            let socket = Rc::clone(&socket);
            spawn_local(async move {
                sleep(Duration::from_millis(20)).await;
                socket.send_to(&reply, from).await.unwrap();
            });
        }
    });
    at
}

fn ask(server: SocketAddr, nth: usize) -> Ask {
    Ask {
        id: AskId(1),
        server,
        transport: Transport::Udp,
        attempt: 1,
        near_misses: 16,
        question: Question::new(format!("n{nth}.example").parse().unwrap(), RecordType::A),
        edns: None,
        rd: false,
        cd: false,
        check_case: true,
        near: false,
        give_up: Duration::from_secs(20),
    }
}

#[test]
fn idle_lines_make_room_and_what_cannot_leave_is_held_against_nobody() {
    let pid = std::process::id().to_string();
    let limit = format!("--nofile={FILES}");
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    on_a_worker(async {
        let upstream = Rc::new(Upstream::new(UpstreamSettings::default()));
        for server in [server().await, server().await, server().await] {
            // Fewer than may be open, and more.
            for many in [FILES / 2, FILES * 3] {
                let mut exchanges = JoinSet::new();
                for nth in 0..many {
                    let upstream = Rc::clone(&upstream);
                    exchanges.spawn_local(async move { upstream.exchange(&Rc::new(ask(server, nth))).await });
                }
                let heard = exchanges.join_all().await;
                let answered = heard.iter().filter(|heard| heard.came.is_ok()).count();
                assert!(answered >= FILES / 2, "{answered} of {many}");
                // No server is blamed for what never left.
                let local = |heard: &&Heard| matches!(heard.came, Err(Unreachable::OutOfFiles));
                assert_eq!(answered + heard.iter().filter(local).count(), many, "{heard:?}");
            }
        }
    });
}
