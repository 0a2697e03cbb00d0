//! A name whose address changes while it is in use: what DNS says is followed to the second, and what runs goes on.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rootwalk::config::{ServerAddress, StubZone};
use rootwalk::lab::Authority;
use rootwalk::lab::serve::Servers;
use rootwalk::wire::text::parse_record;
use tokio::sync::oneshot;

use super::origin::{Origin, hello, send};
use super::{lab, until};

/// Where the name server of the zone is.
const SERVER: &str = "127.53.92.53";
/// How long its address is good for.
const TTL_SECS: u64 = 2;

/// A name server for `moving.test`, until it is stopped.
struct NameServer {
    port: u16,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl NameServer {
    /// Says that `www` is at `address`.
    fn start(port: u16, address: IpAddr) -> Self {
        let apex = "moving.test.".parse().unwrap();
        let records = [
            "moving.test. 60 IN SOA ns.moving.test. a. 1 60 60 60 0".to_owned(),
            format!("moving.test. {TTL_SECS} IN NS ns.moving.test."),
            format!("ns.moving.test. {TTL_SECS} IN A {SERVER}"),
            format!("www.moving.test. {TTL_SECS} IN A {address}"),
        ];
        let records: Vec<_> = records.iter().map(|text| parse_record(text).unwrap()).collect();
        let authority = Authority::serving(&apex, &records, SERVER.parse().unwrap());
        let ((stop, stopped), (told, ready)) = (oneshot::channel(), mpsc::channel());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let servers = Servers::bind(Arc::new(authority), port).await.unwrap();
                told.send(servers.port()).unwrap();
                let mut serving = servers.open();
                stopped.await.unwrap_or_default();
                serving.shutdown().await;
            });
        });
        Self { port: ready.recv().unwrap(), stop, thread }
    }

    /// From now on it is there.
    fn moves_to(self, address: IpAddr) -> Self {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        Self::start(self.port, address)
    }
}

fn get(proxy: SocketAddr, host: &str, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let request = format!("GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

fn rest(mut stream: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a promise about the clock")]
fn an_address_that_leaves_dns_is_drained_within_its_ttl() {
    // A page that takes longer than the address lives.
    let origins = Origin::serve_all(&["127.53.92.1", "127.53.92.2"], |head, stream| match head.contains("/slow") {
        false => hello(head, stream),
        true => {
            send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
                && (0..40).all(|_| {
                    std::thread::sleep(Duration::from_millis(125));
                    send(stream, "x")
                })
        }
    });
    let [old, new] = [&origins[0], &origins[1]];
    let dns = NameServer::start(0, old.address.ip());
    let proxy = lab(|settings| {
        let server = ServerAddress { addr: SERVER.parse().unwrap(), port: Some(dns.port) };
        let zone = "moving.test.".parse().unwrap();
        settings.stub = vec![StubZone { zone, servers: vec![server], prime: false, fallback: false }];
        settings.cache.prefetch = false;
    });
    let host = format!("www.moving.test:{}", old.port());
    let slow = get(proxy, &host, "/slow");
    until("the old address is asked", || !old.heads().is_empty());
    // The answer that led there is at most this old.
    let learned = Instant::now();
    let dns = dns.moves_to(new.address.ip());
    // The last that was sent to the old address, and the first that was sent to the new one.
    let (mut last, mut first) = (None, None);
    while first.is_none() {
        let (sent, before) = (Instant::now(), new.heads().len());
        let text = rest(get(proxy, &host, "/"));
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        if new.heads().len() == before {
            last = Some(sent);
        } else {
            first = Some(sent);
        }
        assert!(learned.elapsed() < Duration::from_secs(60), "the address never changes");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ttl = Duration::from_secs(TTL_SECS);
    // What was known is used while it is good, and no request begins with it later than that.
    assert!(last.is_none_or(|last| last <= learned + ttl), "{:?}", last.map(|last| last - learned));
    let seen = old.heads().len();
    for _ in 0..10 {
        assert!(rest(get(proxy, &host, "/")).ends_with("hello\n"));
    }
    assert_eq!(old.heads().len(), seen, "no new request goes to the address that left");
    // The one that was under way is not cut off.
    let text = rest(slow);
    assert!(text.ends_with(&"x".repeat(40)), "{text}");
    assert_eq!(old.heads().iter().filter(|(_, head)| head.contains("/slow")).count(), 1);
    drop(dns);
}
