//! All that speaks HTTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use crate::config::list::list;
use crate::config::nets::loopback_nets;
use crate::config::section::section;
use crate::config::value::Bytes;
use crate::http::Policy;
use crate::wire::Name;

/// Where HTTP is spoken unless configured otherwise.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8053);

section! {
    /// The front door for HTTP: DNS over HTTP, its JSON form, traces. `server.allow` says who may come in.
    http: Http {
        /// Where to listen, HTTP/1.1 and HTTP/2 alike, without TLS; an empty list for nowhere.
        listen: Vec<SocketAddr> = vec![HTTP];
        /// Where to listen with TLS, with the certificate of `[tls]`.
        tls_listen: Vec<SocketAddr> = Vec::new();
        /// Names under which this server may be called, besides `localhost` and IP addresses; the name of a reverse
        /// proxy in front of it, for example. Requests under other names are refused: a web page could have pointed
        /// its own name here (DNS rebinding).
        hosts: Vec<Name> = Vec::new();
        /// Connections at once, which take some 40 KiB each with TLS; fewer where few files may be open, as with
        /// `server.tcp_connections`. Tunnels of the proxy are counted by themselves.
        connections: usize = 1024 => 1..=100_000;
        /// Connections at once of one client, an IPv4 address or an IPv6 /64, when half of `connections` are taken;
        /// before that nobody else needs them. Some clients open one for each question, and have many while servers
        /// are slow; a reverse proxy is one client.
        connections_per_client: usize = 128 => 1..=100_000;
        /// Seconds that a connection may take for its next request, head complete (slow loris); down to an eighth of
        /// them as `connections` run out.
        idle_secs: u64 = 30 => 1..=600;
        /// Questions over HTTP that may wait for their answers at once, and as many that may be on their way in the
        /// body of a request. When half of these places are taken, or of those of `http.traces` or `proxy.tunnels`, a
        /// client gets no more than an eighth of them.
        waiting: usize = 1024 => 1..=1_000_000;
        /// Traces and journeys that may be made at once, each with walks of its own; more stand in line for up to ten
        /// seconds. The lab has 64, so that a class can click at the same moment.
        traces: usize = 8 => 1..=1000;
        /// Memory for the steps of past walks, so that the very answer that somebody has got can be explained: at some
        /// 6 KiB for each they are the last 2,500 or so. A quarter more is for journeys to pages. 0 keeps none.
        past_size: Bytes = Bytes(16 << 20) => Bytes(0)..=Bytes(1 << 40);
        /// The networks whose clients may see what others have looked up, which is nobody else's business (RFC 9076):
        /// the list of past walks and the live figures. All who are served may follow a link to one walk.
        past_allow: Vec<IpNet> = loopback_nets();
        /// The networks whose clients may have names flushed: whoever empties the cache all the time makes it useless.
        /// Through a reverse proxy on this machine everybody comes from here; an empty list lets nobody.
        flush_allow: Vec<IpNet> = loopback_nets();
    }
}

impl Http {
    /// Whether it is spoken anywhere.
    #[must_use]
    pub fn has_door(&self) -> bool {
        !self.listen.is_empty() || !self.tls_listen.is_empty()
    }
}

section! {
    /// The forward proxy: programs that are told to use `http.listen` as their proxy get pages through it, each name
    /// resolved by this resolver; browsers may use `http.tls_listen`, as an HTTPS proxy.
    proxy: Proxy {
        /// Fetch pages for clients.
        on: bool = true;
        /// Networks that may be connected to although they are private, loopback, link-local or otherwise not of the
        /// Internet. The proxy sees what its clients should not see: services of this machine, of its neighbours, the
        /// metadata of a cloud. Judged on the address that is connected to, whatever the name.
        allow: Vec<IpNet> = Vec::new();
        /// Ports to which CONNECT makes tunnels.
        connect_ports: Vec<u16> = vec![443];
        /// Seconds that looking up and connecting may take together.
        connect_secs: u64 = 10 => 1..=120;
        /// Seconds that an origin may take until the head of its answer is there, from the last octet of the request
        /// that went out.
        answer_secs: u64 = 120 => 1..=3600;
        /// Seconds that a tunnel may stay without an octet moving.
        tunnel_idle_secs: u64 = 600 => 10..=86_400;
        /// Tunnels at once.
        tunnels: usize = 512 => 1..=100_000;
        /// How one of several addresses of a host is chosen. An address that cannot be connected to comes last for 10
        /// seconds, longer each time; one that leaves DNS is used no more when its TTL is over. `[[balance]]` chooses
        /// otherwise for some hosts.
        balance: Policy = Policy::TwoChoices;
        /// Connections to origins that may wait for their next request.
        pooled: usize = 128 => 0..=10_000;
    }
}

list! {
    /// Hosts among whose addresses the proxy chooses otherwise than `proxy.balance` says.
    balance: BalancedHost in balance, such as "host = \"shop.example.\"\npolicy = \"least_time\"\n" {
        /// The host; names below it are meant as well. The deepest one counts.
        host: Name;
        /// How one of its addresses is chosen; `proxy.balance` explains the words.
        policy: Policy;
    }
}

section! {
    /// Pages that are fetched to show how: `rootwalk fetch` and `/api/journey`. What `proxy` says of addresses, time to
    /// connect and choice holds here too.
    fetch: Fetch {
        /// A file with certificate authorities, in PEM, that are trusted besides those of the system.
        ca: String = String::new();
        /// Redirects that are followed; browsers follow as many.
        redirects: usize = 20 => 0..=100;
        /// Seconds that a whole journey may take, so that an origin cannot keep its place for ever.
        secs: u64 = 60 => 1..=3600;
        /// Octets of an answer that are read: they are counted, not kept, and somebody has to pay for them.
        body_size: Bytes = Bytes(64 << 20) => Bytes(0)..=Bytes(1 << 40);
    }
}
