//! The HTTP front door, met by real clients: curl over HTTP/1.1 and HTTP/2.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]

mod api;
mod certificates;
mod doh;
mod drain;
mod flush;
mod journey;
mod known;
mod limits;
mod node;
mod origin;
mod past;
mod proxy;
mod real;
mod services;
mod tls;
mod trailer;
mod web;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use rootwalk::config::Settings;
use rootwalk::lab::Lab;
use rootwalk::lab::web::Ports;
use rootwalk::run::{self, Stage};

/// What curl brought back.
#[derive(Debug)]
struct Got {
    status: u16,
    /// The lines of the head, names in lower case.
    head: Vec<String>,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Runs curl and splits what it prints.
fn curl(arguments: &[&str]) -> Got {
    let mut command = Command::new("curl");
    command.args(["-s", "-i", "--max-time", "30"]).args(arguments).env_clear().stderr(Stdio::inherit());
    let output = command.output().expect("curl is needed: ./test installs it");
    let text = &output.stdout;
    // An interim response comes before the one that counts.
    let mut at = 0;
    let (head, body) = loop {
        let Some(end) = text[at..].windows(4).position(|four| four == b"\r\n\r\n") else {
            panic!("curl {arguments:?} ended with {}: {}", output.status, String::from_utf8_lossy(text));
        };
        let head = std::str::from_utf8(&text[at..at + end]).unwrap();
        at += end + 4;
        if !head.contains(" 100 ") {
            break (head, &text[at..]);
        }
    };
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let lower = |line: &str| line.split_once(':').map(|(name, value)| format!("{}:{value}", name.to_lowercase()));
    Got { status, head: lines.filter_map(lower).collect(), body: body.to_vec() }
}

/// The same through a proxy.
fn through(proxy: SocketAddr, arguments: &[&str]) -> Got {
    let proxy = format!("http://{proxy}");
    let mut all = vec!["-x", &proxy, "--noproxy", ""];
    all.extend(arguments);
    curl(&all)
}

/// Where a lab in this process is met.
struct Met {
    http: SocketAddr,
    https: Option<SocketAddr>,
    web: Option<Ports>,
    /// Why its origins are not at ports 80 and 443.
    unusual: Option<String>,
}

/// Starts the lab in this process, with HTTP on a free port.
fn start(stage: Stage, change: impl FnOnce(&mut Settings)) -> Met {
    start_lab(Lab::embedded(run::unix_secs()).unwrap(), stage, change)
}

/// The same with another lab.
fn start_lab(lab: Lab, stage: Stage, change: impl FnOnce(&mut Settings)) -> Met {
    let mut settings = run::lab_settings(&lab);
    settings.server.listen = vec!["127.0.0.1:0".parse().unwrap()];
    settings.http.listen = vec!["127.0.0.1:0".parse().unwrap()];
    change(&mut settings);
    let (told, ready) = mpsc::channel();
    // It runs for as long as this process.
    std::thread::spawn(move || {
        run::lab(
            &lab,
            &stage,
            &settings,
            |_| Ok(settings.clone()),
            |listening| {
                let https = listening.https.first().copied();
                let unusual = listening.web_unusual.map(str::to_owned);
                told.send(Met { http: listening.http[0], https, web: listening.web, unusual }).unwrap();
            },
        )
        .unwrap();
    });
    ready.recv().unwrap()
}

/// A lab where only the proxy, the API and DNS over HTTP count.
fn lab(change: impl FnOnce(&mut Settings)) -> SocketAddr {
    start(Stage::default(), change).http
}

/// Waits for something that comes soon.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}: never");
}

/// The lab that most tests share.
static LAB: LazyLock<SocketAddr> = LazyLock::new(|| lab(|_| {}));

fn url(path: &str) -> String {
    format!("http://{}{path}", *LAB)
}
