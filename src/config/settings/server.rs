//! How clients are met, and what is written about it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use tracing::Level;

use crate::config::choices::{AnyAnswer, LogFormat};
use crate::config::nets::loopback_nets;
use crate::config::section::section;
use crate::config::value::{Hex, Secret};
use crate::listen::ListenSettings;
use crate::time::as_ms;

const LOOPBACK: [SocketAddr; 2] =
    [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 53)];

section! {
    /// The front door: where clients are met, who is let in, and what is said about this server.
    server: Server {
        /// Where to listen, UDP and TCP alike. `0.0.0.0` is every IPv4 address of this machine, `[::]` every IPv6
        /// address and no other. A link-local address has the number of its interface: `[fe80::1%2]:53`.
        listen: Vec<SocketAddr> = LOOPBACK.to_vec();
        /// Where to listen for DNS over TLS (RFC 7858), usually at port 853, with the certificate of `[tls]`. What is
        /// said of TCP connections below holds for these too.
        tls_listen: Vec<SocketAddr> = Vec::new();
        /// Threads that serve clients, each with its own sockets; 0 means one for each processor.
        threads: usize = 0 => 0..=1024;
        /// The networks whose clients are answered; all others get REFUSED with EDE 18 (Prohibited), and over TLS a
        /// closed connection. An open resolver is a weapon in the hands of others (RFC 5358), so only this machine is
        /// let in by default.
        allow: Vec<IpNet> = loopback_nets();
        /// What `id.server` and `hostname.bind` in class CHAOS say (RFC 4892); empty refuses the question.
        identity: String = String::new();
        /// What `version.server` and `version.bind` in class CHAOS say; empty refuses the question.
        version: String = String::new();
        /// What an answer says when it is asked for the identifier of its server (NSID, RFC 5001), in hexadecimal
        /// digits; empty says nothing.
        nsid: Hex = Hex::default();
        /// What the cookies for clients are made with (RFC 9018), 32 hexadecimal digits; servers behind one address
        /// must have the same. Empty draws one at each start.
        cookie_secret: Secret = Secret::default();
        /// Answer special-use names here and never ask the Internet about them: localhost, invalid, test, onion,
        /// local, alt, home.arpa, resolver.arpa (RFC 6761, 7686, 6762, 9476, 8375, 9462), ipv4only.arpa unless there is
        /// DNS64, which is found by it (RFC 8880), and the reverse zones of private, shared, loopback, link-local and
        /// documentation addresses (RFC 6303, 7793). An alias that leads to one finds no records there, and a name
        /// server there is not looked up, but where the operator has named servers for the name. Laboratories that
        /// delegate such names switch it off.
        locally_served_zones: bool = true;
        /// What is told about ANY. Full answers come from the servers of the zone and are validated; they are large,
        /// and some servers give one of their sets.
        any: AnyAnswer = AnyAnswer::Minimal;
        /// Tell clients why something went wrong, in a sentence (RFC 8914).
        ede: bool = true;
        /// Octets of the largest answer over UDP; larger ones go over TCP, so that no answer has to be cut into
        /// fragments (RFC 9715).
        udp_size: u16 = 1232 => 512..=4096;
        /// Questions that may wait for their answers at once, in each thread (a flood of misses).
        waiting: usize = ListenSettings::default().waiting => 16..=1_000_000;
        /// As above, of one client: an IPv4 address or an IPv6 /64 (DNSBomb).
        waiting_per_client: usize = ListenSettings::default().waiting_per_client => 1..=1_000_000;
        /// Milliseconds after which an answer over UDP is dropped when its client, an address that may be forged, has
        /// more than ten questions waiting, but for ten a second in each thread (DNSBomb); 0 drops none.
        discard_after_ms: u64 = as_ms(ListenSettings::default().discard_after) => 0..=60_000;
        /// TCP connections at once (RFC 7766 §6.2.2), which take some 14 KiB each with TLS; fewer where so few files
        /// may be open (`ulimit -n`) that queries to servers would lack them, which the log says.
        tcp_connections: usize = ListenSettings::default().tcp_connections => 1..=100_000;
        /// TCP connections at once of one client, an IPv4 address or an IPv6 /64, when half of `tcp_connections` are
        /// taken; before that nobody else needs them.
        tcp_per_client: usize = ListenSettings::default().tcp_per_client => 1..=100_000;
        /// Questions of one TCP connection that may wait for their answers at once.
        tcp_pipeline: usize = ListenSettings::default().tcp_pipeline => 1..=10_000;
        /// Seconds for which a TCP connection may stay without a question (RFC 7766 §6.2.3); fewer when many are open.
        tcp_idle_secs: u64 = ListenSettings::default().tcp_idle.as_secs() => 1..=600;
        /// The same for a client that asks how long it may (RFC 7828), which means to ask more.
        tcp_keepalive_secs: u64 = ListenSettings::default().tcp_keepalive.as_secs() => 1..=6_000;
    }
}

section! {
    /// The log, on standard error. Nobody who asks waits for whoever reads it: lines for which there is no room in
    /// 1 MiB are lost, and their number stands there later.
    log: Log {
        /// What is written.
        level: Level = Level::INFO;
        /// How it is written.
        format: LogFormat = LogFormat::Text;
    }
}
