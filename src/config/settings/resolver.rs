//! How answers are looked up, and what is in them beyond what servers say.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::list::{list, not_empty};
use crate::config::nets::{mapped_net, private_nets};
use crate::config::section::section;
use crate::config::value::{Dns64Prefix, Domain, LocalRecord, ServerAddress};
use crate::upstream::UpstreamSettings;
use crate::walk::minimise::Minimisation;
use crate::wire::Name;

section! {
    /// How answers are looked up.
    resolver: Resolver {
        /// Ask servers over IPv4.
        ipv4: bool = true;
        /// Ask servers over IPv6.
        ipv6: bool = true;
        /// The port on which authoritative servers are asked; only a laboratory has another than 53.
        upstream_port: u16 = 53 => 1..=u16::MAX;
        /// Tell a server no more of the name than it needs (RFC 9156).
        qname_minimisation: Minimisation = Minimisation::Relaxed;
        /// Ask with random upper and lower case and insist on getting the same case back, which makes answers
        /// harder to forge (the 0x20 trick).
        case_randomisation: bool = true;
        /// Show servers a cookie (RFC 7873): for one that shows it back nobody else can speak.
        cookies: bool = true;
        /// Addresses of this machine from which servers are asked; of several of one IP version one is drawn for each
        /// query, which makes answers harder to forge (RFC 5452 §9.2). Where there is none the system chooses.
        source_addresses: Vec<IpAddr> = Vec::new();
        /// The first of the ports from which queries over UDP leave, each drawn at random. The fewer there are, the
        /// easier are answers to forge (RFC 5452 §9.2): only a firewall is a reason to have fewer. For queries whose
        /// random case makes up for that, the system draws from those of its own (`net.ipv4.ip_local_port_range`) that
        /// are among them: that is cheaper.
        source_port_min: u16 = *UpstreamSettings::default().ports.start() => 1024..=u16::MAX;
        /// The last of them.
        source_port_max: u16 = *UpstreamSettings::default().ports.end() => 1024..=u16::MAX;
        /// Ports between those two that are never used, because others listen to what comes there: 4791 (RoCE, which
        /// network cards take for themselves), 5353 (multicast DNS), 11211 (memcached, which filters drop).
        avoid_source_ports: Vec<u16> = UpstreamSettings::default().avoid_ports;
        /// Octets of the largest answer that servers may send over UDP (RFC 9715).
        udp_size: u16 = 1232 => 512..=4096;
        /// Questions that are looked up at once; when there are more, clients are told to ask again.
        walks: usize = 10_000 => 1..=1_000_000;
        /// Queries that may be on their way to one server at once. Beyond that another server of the zone is asked, or
        /// the question fails: servers that have stopped answering must not have everything wait for them.
        queries_per_server: usize = UpstreamSettings::default().queries_per_server => 1..=1_000_000;
        /// Ask servers for their identifier (RFC 5001), which traces show: of several machines behind one address it
        /// says which has answered. Off, as nobody needs it who does not look into traces.
        nsid: bool = false;
        /// Ask servers on loopback addresses; only a laboratory has any, elsewhere it is an attack.
        query_loopback: bool = false;
        /// Ask servers on addresses of private and link-local networks (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16,
        /// 100.64.0.0/10, 169.254.0.0/16, fc00::/7, fe80::/10). On the Internet a name server there is an attack or
        /// a mistake; a network with a root or with delegations of its own switches it on.
        query_private: bool = false;
        /// Networks whose addresses are never asked as name servers, on top of the two switches above.
        do_not_query: Vec<IpNet> = Vec::new();
        /// Networks to which no name on the Internet may lead: addresses in them are taken out of answers, with EDE
        /// 17 (Filtered; 18 is for clients that may not ask at all), so that a web page cannot be rebound to a
        /// machine of this network (DNS rebinding). A network of IPv4 counts inside of IPv6 too, where the address is
        /// mapped (::ffff:0:0/96) or behind a translator (64:ff9b::/96, `dns64.prefix`), and so do the address hints of
        /// HTTPS and SVCB records. Empty switches it off. Lists of mail senders that answer from 127.0.0.0/8 have to be
        /// private domains.
        private_addresses: Vec<IpNet> = private_nets();
        /// Names that may have such addresses, with all names below them.
        private_domains: Vec<Domain> = Vec::new();
    }
}

list! {
    /// The servers of the root zone from which a walk starts, one table for each address. The thirteen servers of the
    /// Internet are compiled in; one `[[root_hint]]` in the file replaces them all.
    root_hint: RootHint in root_hints, such as "name = \"a.root-servers.net.\"\naddress = \"198.41.0.4\"\n" {
        /// The name of the server.
        name: Name;
        /// One of its addresses.
        address: IpAddr;
    }
}

list! {
    /// Zones about which other resolvers are asked, with recursion desired: everything at and below the zone goes to
    /// them, unless a deeper `[[forward]]` or `[[stub]]` is nearer. Several servers are chosen between by their
    /// round-trip times, as everywhere. What they say is checked as what any server says: they are believed about the
    /// name that was asked and nothing else. One from which nothing has come within a second is asked once more, beside
    /// another one where there is one, and over TCP after the next second; all are listened to until 4.5 s after the
    /// client's question, as a forwarder may have to look the name up itself. With `fallback`, or when all were silent
    /// to the questions before, each is asked once and given at least 1.5 s: one after the other, or with `fallback`
    /// the first and then all others. Addresses of private networks in their answers are withheld unless the zone is
    /// among `resolver.private_domains`. A forward zone other than `.` is asked although its name is special
    /// (`server.locally_served_zones`). Answers are validated as all are, so the forwarders have to pass signatures on;
    /// a zone that the rest of the world does not know is not, unless it has a trust anchor of its own
    /// (`dnssec.trust_anchors`). Where the root cannot be asked, name the zone in `dnssec.negative_trust_anchors`.
    forward: ForwardZone in forward, such as "zone = \"corp.example.\"\nservers = [\"192.0.2.1\", \"192.0.2.2:5353\"]\n" {
        /// The zone; `"."` is everything. The deepest zone above a name decides.
        zone: Name;
        /// The resolvers; more than `limits.servers_per_zone` are not used.
        servers: Vec<ServerAddress> where not_empty;
        /// When none of the servers gives an answer, look the name up from the root. Names of a private zone leak
        /// then.
        fallback: bool = false;
    }
}

list! {
    /// Zones whose authoritative servers are given: they are asked in place of those that the parent zone delegates
    /// to. Zones that they delegate are followed as anywhere, also to addresses of private networks; clients get such
    /// addresses of names in `resolver.private_domains` alone. A stub zone is asked although its name is special
    /// (`server.locally_served_zones`). Answers are validated as all are; a zone that the rest of the world does not
    /// know is not, nor is what lies below it, unless it has a trust anchor of its own (`dnssec.trust_anchors`). Where
    /// the root cannot be asked, name the zone in `dnssec.negative_trust_anchors`.
    stub: StubZone in stub, such as "zone = \"lan.example.\"\nservers = [\"192.0.2.1\"]\n" {
        /// The zone; `"."` is everything. The deepest zone above a name decides.
        zone: Name;
        /// The authoritative servers; more than `limits.servers_per_zone` are not used.
        servers: Vec<ServerAddress> where not_empty;
        /// Ask these servers for the zone's own list of servers first, and use that while it lasts and one of them
        /// answers.
        prime: bool = false;
        /// When none of the servers gives an answer, look the name up from the root. Names of a private zone leak
        /// then. Where all are silent over UDP and TCP, that begins after two seconds, with `prime` after four at most,
        /// and sooner for the names that are asked next.
        fallback: bool = false;
    }
}

section! {
    /// IPv6 addresses made for servers that have IPv4 alone, in networks with a translator (DNS64, RFC 6147).
    dns64: Dns64 {
        /// The prefix of the translator, such as `64:ff9b::/96`, of 32, 40, 48, 56, 64 or 96 bits; empty is off.
        /// A client that sets CD, to check for itself, gets nothing that is made. Wherever the prefix
        /// lies, the name of a made address (PTR) is that of the IPv4 address inside, from `local` and from zones that
        /// are answered here too. `resolver.private_addresses` and the proxy judge an address behind the prefix by the
        /// IPv4 address inside.
        prefix: Dns64Prefix = Dns64Prefix(None);
        /// Networks whose AAAA records count as if they were not there (RFC 6147 §5.1.4). Clients do not get them, not
        /// even out of a signed set, of which the rest is without proof then; one that sets CD gets all of it.
        exclude: Vec<IpNet> = mapped_net();
        /// Names, with all below them, whose AAAA records are passed over where there are A records.
        ignore_aaaa: Vec<Domain> = Vec::new();
    }
}

section! {
    /// Records of your own. A name that has any is answered from them alone (NODATA for the types that it lacks);
    /// all other names are looked up, those above and below it included. An alias from the Internet that leads to a
    /// name of yours does not lead to these records: what the name is there is asked there.
    local: Local {
        /// Records as they stand in a zone file, such as `"nas.lan. 300 IN A 192.168.1.2"`; TTL (3600) and class may
        /// be left out. An alias (CNAME) may lead to a name on the Internet.
        records: Vec<LocalRecord> = Vec::new();
        /// A hosts file, such as `/etc/hosts`, that is read at the start: each line has an address and its names.
        /// Addresses are found by name and names by address. Empty is none.
        hosts: String = String::new();
        /// Names that are said not to exist, with all names below them that have no records above: NXDOMAIN with EDE 15
        /// (Blocked); names above such records exist and are empty. It is the name that is asked for that counts, not
        /// one that its aliases lead to.
        blocked: Vec<Domain> = Vec::new();
    }
}
