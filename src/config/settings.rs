//! The settings: one table of fields, each with its documentation, default and range.
//!
//! Everything else is made from this table: the reader of the file, of the environment and of `--set`,
//! the messages about mistakes and `docs/config.md`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use toml::de::DeValue;

use super::choices::{AnyAnswer, Balance, LogFormat, LogLevel, Minimisation};
use super::hosts::Hosts;
use super::nets::{loopback_nets, mapped_net, private_nets};
use super::tables::{BalancedHost, ForwardZone, RootHint, StubZone};
use super::trust::{NegativeTrustAnchor, TrustAnchor};
use super::value::{Bytes, Culprit, Dns64Prefix, Hex, LocalRecord, Secret, ServerAddress, Setting};
use crate::wire::Name;

/// A value on its way into a setting.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// From the file.
    Toml(&'a DeValue<'a>),
    /// From the environment or a flag.
    Text(&'a str),
}

impl Given<'_> {
    fn read<T: Setting>(self) -> Option<T> {
        match self {
            Self::Toml(value) => T::from_toml(value),
            Self::Text(text) => T::from_text(text),
        }
    }
}

/// One key of the file, as the reader and the documentation see it.
pub(super) struct Key {
    /// The name inside its section.
    pub(super) name: &'static str,
    /// The lines of documentation.
    pub(super) doc: &'static [&'static str],
    /// What may stand there, in words.
    pub(super) expected: fn() -> String,
    /// In a list that cannot be taken, the first entry that is at fault.
    pub(super) culprit: fn(&DeValue<'_>) -> Option<Culprit>,
    /// The words that may stand there, each with what it means.
    pub(super) words: fn() -> &'static [(&'static str, &'static str)],
    /// The default, as TOML.
    pub(super) default: fn() -> String,
    /// Takes a value over; `false` when it is not what is expected.
    pub(super) set: fn(&mut Settings, Given<'_>) -> bool,
}

/// One section of the file.
pub(super) struct Section {
    /// The name between the brackets.
    pub(super) name: &'static str,
    /// The lines of documentation.
    pub(super) doc: &'static [&'static str],
    /// The keys, in the order in which they are documented.
    pub(super) keys: &'static [Key],
}

macro_rules! settings {
    ($($(#[doc = $about:literal])* $section:ident: $Section:ident {
        $($(#[doc = $doc:literal])* $key:ident: $type:ty = $default:expr $(=> $range:expr)?;)*
    })*) => {
        $($(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Section { $($(#[doc = $doc])* pub $key: $type,)* }

        impl Default for $Section {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        })*

        /// Everything that can be configured; the default is what runs without a file.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $($(#[doc = $about])* pub $section: $Section,)*
            /// Name and address of each server of the root zone from which a walk starts.
            pub root_hints: Vec<RootHint>,
            /// What the hosts file says that `local.hosts` names.
            pub hosts: Hosts,
            /// Zones about which others are asked.
            pub forward: Vec<ForwardZone>,
            /// Hosts among whose addresses the proxy chooses in a way of their own.
            pub balance: Vec<BalancedHost>,
            /// Zones whose authoritative servers are given.
            pub stub: Vec<StubZone>,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($section: $Section::default(),)* root_hints: super::hints::internet(), hosts: Hosts::default(), forward: Vec::new(), balance: Vec::new(), stub: Vec::new() }
            }
        }

        pub(super) static SECTIONS: &[Section] = &[$(Section {
            name: stringify!($section),
            doc: &[$($about),*],
            keys: &[$(Key {
                name: stringify!($key),
                doc: &[$($doc),*],
                expected: || within::<$type>(&[$($range)?]),
                culprit: <$type as Setting>::culprit,
                words: <$type as Setting>::words,
                default: || <$type as Setting>::show(&$Section::default().$key),
                set: |settings, given| {
                    let Some(value) = given.read::<$type>() else { return false };
                    $(if !($range).contains(&value) {
                        return false;
                    })?
                    settings.$section.$key = value;
                    true
                },
            }),*],
        }),*];
    };
}

/// What a key takes, with the bounds where it has any.
fn within<T: Setting>(range: &[RangeInclusive<T>]) -> String {
    let bounds = |range: &RangeInclusive<T>| format!(" from {} to {}", range.start().show(), range.end().show());
    T::expected() + &range.iter().map(bounds).collect::<String>()
}

const LOOPBACK: [SocketAddr; 2] =
    [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 53)];

/// Where HTTP is spoken unless configured otherwise.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8053);

settings! {
    /// The front door: where clients are met, who is let in, and what is said about this server.
    server: Server {
        /// Where to listen, UDP and TCP alike.
        listen: Vec<SocketAddr> = LOOPBACK.to_vec();
        /// Threads that serve clients, each with its own sockets; 0 means one for each processor.
        threads: usize = 0 => 0..=1024;
        /// The networks whose clients are answered; all others get REFUSED with EDE 18 (Prohibited). An open
        /// resolver is a weapon in the hands of others (RFC 5358), so only this machine is let in by default.
        allow: Vec<IpNet> = loopback_nets();
        /// What `id.server` and `hostname.bind` in class CHAOS say (RFC 4892); empty refuses the question.
        identity: String = String::new();
        /// What `version.server` and `version.bind` in class CHAOS say; empty refuses the question.
        version: String = String::new();
        /// What an answer says when it is asked for the identifier of its server (NSID, RFC 5001), in hexadecimal digits;
        /// empty says nothing.
        nsid: Hex = Hex::default();
        /// What the cookies for clients are made with (RFC 9018), 32 hexadecimal digits; servers behind one address
        /// must have the same. Empty draws one at each start.
        cookie_secret: Secret = Secret::default();
        /// Answer special-use names here and never ask the Internet about them: localhost, invalid, test, onion,
        /// local, alt, home.arpa, resolver.arpa (RFC 6761, 7686, 6762, 9476, 8375, 9462), ipv4only.arpa unless there is
        /// DNS64, which is found by it (RFC 8880), and the reverse zones of private, shared, loopback, link-local and
        /// documentation addresses (RFC 6303, 7793). Laboratories that delegate such names switch it off.
        locally_served_zones: bool = true;
        /// What is told about ANY. Full answers come from the servers of the zone and are validated; they are large, and
        /// some servers give one of their sets.
        any: AnyAnswer = AnyAnswer::Minimal;
        /// Tell clients why something went wrong, in a sentence (RFC 8914).
        ede: bool = true;
        /// Octets of the largest answer over UDP; larger ones go over TCP, so that no answer has to be cut into
        /// fragments (RFC 9715).
        udp_size: u16 = 1232 => 512..=4096;
        /// Questions that may wait for their answers at once, in each thread (a flood of misses).
        waiting: usize = 4096 => 16..=1_000_000;
        /// As above, of one client: an IPv4 address or an IPv6 /64 (DNSBomb).
        waiting_per_client: usize = 500 => 1..=1_000_000;
        /// Milliseconds after which an answer over UDP is dropped when its client, an address that may be forged, has more
        /// than ten questions waiting (DNSBomb); 0 drops none.
        discard_after_ms: u64 = 1900 => 0..=60_000;
        /// TCP connections at once (RFC 7766 §6.2.2).
        tcp_connections: usize = 512 => 1..=100_000;
        /// TCP connections at once of one client: an IPv4 address or an IPv6 /64.
        tcp_per_client: usize = 32 => 1..=100_000;
        /// Questions of one TCP connection that may wait for their answers at once.
        tcp_pipeline: usize = 100 => 1..=10_000;
        /// Seconds for which a TCP connection may stay without a question (RFC 7766 §6.2.3); fewer when many are open.
        tcp_idle_secs: u64 = 10 => 1..=600;
    }

    /// The front door for HTTP: DNS over HTTP, its JSON form, traces. `server.allow` says who may come in.
    http: Http {
        /// Where to listen, HTTP/1.1 and HTTP/2 alike, without TLS; an empty list for nowhere.
        listen: Vec<SocketAddr> = vec![HTTP];
        /// Where to listen with TLS, which needs the two files below.
        tls_listen: Vec<SocketAddr> = Vec::new();
        /// A file with the certificate of this server and those that vouch for it, in this order, in PEM. The names
        /// in it count as `hosts`. A SIGHUP has both files read again, for certificates that are renewed.
        tls_certificate: String = String::new();
        /// A file with the private key of that certificate, in PEM, without a password.
        tls_key: String = String::new();
        /// Names under which this server may be called, besides `localhost` and IP addresses; the name of a reverse
        /// proxy in front of it, for example. Requests under other names are refused: a web page could have pointed
        /// its own name here (DNS rebinding).
        hosts: Vec<Name> = Vec::new();
        /// Connections at once.
        connections: usize = 512 => 1..=100_000;
        /// Connections at once of one client: an IPv4 address or an IPv6 /64.
        connections_per_client: usize = 128 => 1..=100_000;
        /// Seconds that a connection may take for its next request, head complete (slow loris).
        idle_secs: u64 = 30 => 1..=600;
        /// Questions over HTTP that may wait for their answers at once.
        waiting: usize = 1024 => 1..=1_000_000;
        /// Traces and journeys that may be made at once; each does walks of its own.
        traces: usize = 8 => 1..=1000;
        /// Memory for the steps of past walks, so that the very answer that somebody has got can be explained: at some
        /// 6 KiB for each they are the last 2,500 or so. A quarter more is for journeys to pages. 0 keeps none.
        past_size: Bytes = Bytes(16 << 20) => Bytes(0)..=Bytes(1 << 40);
        /// The networks whose clients may see what others have looked up, which is nobody else's business (RFC 9076):
        /// the list of past walks and the live figures. All who are served may follow a link to one walk.
        past_allow: Vec<IpNet> = loopback_nets();
    }

    /// The forward proxy: programs that are told to use `http.listen` as their proxy get pages through it, each name
    /// resolved by this resolver. Over HTTP/1.1 alone.
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
        /// Seconds that an origin may take until the head of its answer is there.
        answer_secs: u64 = 120 => 1..=3600;
        /// Seconds that a tunnel may stay without an octet moving.
        tunnel_idle_secs: u64 = 600 => 10..=86_400;
        /// Tunnels at once.
        tunnels: usize = 512 => 1..=100_000;
        /// How one of several addresses of a host is chosen. An address that cannot be connected to comes last for 10
        /// seconds, longer each time; one that leaves DNS is used no more when its TTL is over. `[[balance]]` chooses
        /// otherwise for some hosts.
        balance: Balance = Balance::TwoChoices;
        /// Connections to origins that may wait for their next request.
        pooled: usize = 128 => 0..=10_000;
    }

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
        /// Octets of the largest answer that servers may send over UDP (RFC 9715).
        udp_size: u16 = 1232 => 512..=4096;
        /// Questions that are looked up at once; when there are more, clients are told to ask again.
        walks: usize = 10_000 => 1..=1_000_000;
        /// Queries that may be on their way to one server at once. Beyond that another server of the zone is asked, or the
        /// question fails: servers that have stopped answering must not have everything wait for them.
        queries_per_server: usize = 2000 => 1..=1_000_000;
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
        /// 17 (Filtered), so that a web page cannot be rebound to a machine of this network (DNS rebinding). A
        /// network with bits of IPv4 counts for the forms in which IPv6 carries such an address too, and the address
        /// hints of HTTPS and SVCB records count as well. Empty switches it off. Lists of mail senders that answer
        /// from 127.0.0.0/8 have to be private domains.
        private_addresses: Vec<IpNet> = private_nets();
        /// Names that may have such addresses, with all names below them.
        private_domains: Vec<Name> = Vec::new();
    }

    /// What one question of a client may cost. Each limit answers an attack; nothing resets them on the way.
    limits: Limits {
        /// Packets sent to servers (NXNSAttack, CAMP).
        queries: u32 = 100 => 1..=10_000;
        /// Packets sent for one step: one name, at one zone cut.
        queries_per_step: u32 = 32 => 1..=10_000;
        /// Octets received from servers.
        bytes: usize = 100_000 => 10_000..=100_000_000;
        /// Time, in milliseconds.
        time_ms: u64 = 7000 => 100..=60_000;
        /// Servers of one zone that are considered (NXNSAttack).
        servers_per_zone: usize = 13 => 1..=100;
        /// Addresses of one server that are considered (self-pointed glue).
        addresses_per_server: usize = 6 => 1..=100;
        /// Servers of one zone whose addresses are looked up at once when none is known (NXNSAttack).
        lookups_at_once: usize = 2 => 1..=10;
        /// Look-ups of server names that may fail (NRDelegationAttack).
        failed_server_lookups: u32 = 5 => 1..=100;
        /// Links in a chain of CNAME and DNAME records (RFC 1034 §3.6.2).
        cname_links: u32 = 11 => 1..=100;
        /// Questions that wait for one another, such as the address of a server of a server (TsuNAME).
        depth: u32 = 16 => 1..=100;
        /// Referrals followed for one name.
        referrals: u32 = 30 => 1..=200;
        /// Times that one address is asked the same question (RFC 9520 §3.1).
        tries_per_address: u32 = 3 => 1..=10;
        /// Replies that almost match before UDP is not believed any more and TCP is used (RFC 5452 §9.3).
        near_misses: usize = 1 => 1..=100;
        /// Questions with a part of the name before the whole name is asked for (RFC 9156 §2.3).
        minimise_count: u32 = 10 => 1..=128;
        /// How many of those are longer by one label only (RFC 9156 §2.3).
        minimise_one_label: u32 = 4 => 0..=128;
        /// Servers in whose place another one of the zone is asked because what they said was bogus: one secondary may have
        /// old signatures, or none, or somebody may forge; each costs about what the question has cost so far.
        bogus_retries: u32 = 3 => 0..=10;
        /// Records of one set; a set that has more is not used (CVE-2024-1737, CVE-2024-25590).
        records_per_set: usize = 256 => 1..=1000;
        /// Octets of the data of one set; a set that has more is not used. What is larger than 16 kB with all that
        /// belongs to it is never cached.
        bytes_per_set: usize = 16_384 => 1_024..=65_535;
        /// Types of one name in one reply; those beyond are not used (CVE-2024-1737).
        types_per_name: usize = 100 => 1..=10_000;
        /// Signatures verified (KeyTrap).
        validations: u32 = 48 => 1..=10_000;
        /// Signatures that may turn out not to hold (KeyTrap).
        failed_validations: u32 = 4 => 1..=1000;
        /// Signatures over one record set that are verified until one holds (KeyTrap).
        signatures_per_set: usize = 4 => 1..=100;
        /// Keys of a zone with the same tag that are tried (KeyTrap).
        keys_per_tag: usize = 2 => 1..=100;
        /// DS records of one zone that are looked at.
        ds_per_zone: usize = 8 => 1..=100;
        /// NSEC3 iterations above which a denial is not proved but taken as insecure (RFC 9276 §3.2).
        nsec3_iterations: u16 = 50 => 0..=2500;
        /// NSEC3 hashes computed (CVE-2023-50868). A proof takes one for each label of the closest name that exists, and
        /// two more: 34 for the reverse of an IPv6 address.
        nsec3_hashes: u32 = 100 => 1..=100_000;
    }

    /// Whether answers are proved, from a trust anchor down to the last record.
    dnssec: Dnssec {
        /// Validate every answer: what should be provable and is not becomes SERVFAIL with the reason (RFC 4035).
        /// Clients that set CD get the data all the same. Verified are RSA with SHA-256 and SHA-512 (8, 10), ECDSA (13,
        /// 14) and Ed25519 (15). Ed448 (16) is not, as no library of it that is kept has a stable release: zones that
        /// are signed with it alone count as unsigned (RFC 4035 §5.2), with EDE 1.
        validate: bool = true;
        /// The keys from which trust begins: DS or DNSKEY records as they stand in a master file, of any zone; one
        /// that fits is enough. The default are the two keys of the root as IANA publishes them.
        trust_anchors: Vec<TrustAnchor> = TrustAnchor::root();
        /// Names at and below which nothing is validated for a while, because their owner has made a mistake
        /// (RFC 7646). Answers there are told with EDE 33 (Negative Trust Anchor). A trust anchor of its own for a name
        /// further below counts all the same. Each ends at its `until`, in UTC, and a week after the start at the
        /// latest: a mistake that lasts is not one any more.
        negative_trust_anchors: Vec<NegativeTrustAnchor> = Vec::new();
        /// Seconds after the start at which negative trust anchors without an `until` end; RFC 7646 §2 speaks of a day.
        negative_trust_anchor_secs: u32 = 86_400 => 60..=604_800;
        /// Seconds between two looks whether what lies below a negative trust anchor validates again: the SOA record of
        /// its name, and up to 8 of the questions that it has let through since the last look. When all of them do, it
        /// is lifted before its end (RFC 7646 §2), and what was let through is gone from the cache as much later as that.
        /// 0 keeps each until its end, for one that somebody wants to look at in peace.
        negative_trust_anchor_look_secs: u32 = 300 => 0..=86_400;
        /// Answer from what was proved for other questions: an NSEC or NSEC3 record that shows that there is nothing
        /// between two names answers for all names between them, so that a flood of random names costs the servers of
        /// a signed zone a few packets, and a wildcard that is known answers for all that it stands for (RFC 8198).
        aggressive: bool = true;
        /// A file in which the state of the trust anchors is kept, so that they follow their zones when keys are rolled
        /// over: a new key is trusted after 30 days in which the old ones have signed it, a revoked one is not any more
        /// (RFC 5011). The folder must be there and be writable. Empty follows nothing: the anchors are those above, and
        /// new ones come with new versions of this program or of this file. That is the default because no folder is
        /// writable everywhere, and both keys of the root are known long before they are used.
        anchor_file: String = String::new();
        /// Answer questions for `root-key-sentinel-is-ta-NUMBER` and `root-key-sentinel-not-ta-NUMBER` with SERVFAIL
        /// where that key of the root is not, or is, trusted here, so that users can find out before a rollover
        /// (RFC 8509, which wants this on).
        root_key_sentinel: bool = true;
        /// Tell the zones of trust anchors once a day which keys are trusted here, by a question such as `_ta-4f66`
        /// (RFC 8145). It helps those who roll over the key of the root when many resolvers do it; off, because it sends
        /// what nobody has asked for.
        key_tag_signal: bool = false;
        /// Tell the same to the servers of those zones in the questions for their keys that are asked anyway (the EDNS option
        /// edns-key-tag, RFC 8145 §4). Off for the same reason, and because some of what stands before servers drops
        /// packets with options that it does not know.
        key_tag_option: bool = false;
        /// Let signatures and DS records with SHA-1 count; otherwise zones that have no others are treated as
        /// unsigned, as RFC 9905 allows.
        sha1: bool = false;
        /// Bits of the shortest RSA key that counts; a zone with shorter ones alone is treated as unsigned. RFC 5702
        /// §2.1 allows 512 and more, but keys of that size are factored within hours, and zones have not used keys
        /// below 1024 for many years.
        rsa_min_bits: u16 = 1024 => 512..=4096;
    }

    /// A copy of the root zone in this process, in which each walk begins: no question for a name under a top-level
    /// domain that does not exist leaves this machine, and a root out of reach is not missed (RFC 8806). It is used only
    /// while its ZONEMD record fits and is signed by the root (RFC 8976), and until the time in its SOA record is over;
    /// otherwise walks begin at the servers of the root, as they do by default: most resolvers ask them too seldom to
    /// gain anything from 2 MB that are fetched twice a day.
    local_root: LocalRoot {
        /// A master file of the root zone. Without servers something else renews it, such as a job that fetches
        /// <https://www.internic.net/domain/root.zone>, and it is read again when its date has changed, as often as its
        /// SOA record says. With servers it is written here: what they handed over, so that a restart needs nobody
        /// until the time in its SOA record is over, counted from the date of the file. Empty is none.
        file: String = String::new();
        /// Servers that hand the zone over (AXFR), tried in this order; some of the root's own do, such as
        /// "170.247.170.2" (b.root-servers.net) and "192.33.4.12" (c.root-servers.net). As often as the SOA record says
        /// they are asked for its serial number, and for the zone when that has moved on.
        servers: Vec<ServerAddress> = Vec::new();
    }

    /// What is remembered, and for how long.
    cache: Cache {
        /// Memory for everything that is remembered, keys and bookkeeping included.
        size: Bytes = Bytes(64 << 20) => Bytes(1 << 20)..=Bytes(1 << 40);
        /// Records are kept at least this many seconds, also those with TTL 0, which by default serve only those who
        /// asked at the same time and are then forgotten.
        min_ttl_secs: u32 = 0 => 0..=86_400;
        /// Records are kept at most this many seconds (RFC 8767 §4).
        max_ttl_secs: u32 = 86_400 => 0..=604_800;
        /// "There is no such name" and "no such type" are kept at least this many seconds, where a SOA record came along.
        min_negative_ttl_secs: u32 = 0 => 0..=86_400;
        /// "There is no such name" and "no such type" are kept at most this many seconds (RFC 2308 §5).
        max_negative_ttl_secs: u32 = 3600 => 0..=86_400;
        /// Where a zone's servers are is kept at least this many seconds.
        min_delegation_ttl_secs: u32 = 60 => 0..=86_400;
        /// Where a zone's servers are is kept at most this many seconds, and then asked from the parent again.
        max_delegation_ttl_secs: u32 = 86_400 => 60..=604_800;
        /// Fetch an answer anew when it is asked for in the last tenth of its life and was asked for before, so that
        /// nobody has to wait for what is asked often.
        prefetch: bool = true;
        /// That is done from this many questions on that the cache has answered; 1 also fetches for nobody what was asked
        /// twice and never again.
        prefetch_hits: u8 = 2 => 1..=100;
        /// For this many seconds after its time an answer is served when no new one can be had, when that takes too long,
        /// or when the new one is bogus and the old one was not, with EDE 3 (Stale Answer) or 19 (Stale NXDOMAIN Answer)
        /// and, for what is bogus, its reason; 0 never (RFC 8767). AD is set while the signatures over it hold.
        max_stale_secs: u32 = 86_400 => 0..=604_800;
        /// The TTL that clients see in such an answer (RFC 8767 §4).
        stale_reply_ttl_secs: u32 = 30 => 1..=3600;
        /// How many milliseconds a client waits for a new answer before it gets the old one, while the search goes on;
        /// 0 gives it at once, and the new one to the next client (RFC 8767 §5).
        stale_client_timeout_ms: u64 = 1800 => 0..=60_000;
        /// When no new answer could be had, the old one is served for this many seconds before the next try
        /// (RFC 8767 §5).
        stale_recheck_secs: u32 = 30 => 1..=3600;
    }

    /// IPv6 addresses made for servers that have IPv4 alone, in networks with a translator (DNS64, RFC 6147).
    dns64: Dns64 {
        /// The prefix of the translator, such as `64:ff9b::/96`, of 32, 40, 48, 56, 64 or 96 bits; empty is off.
        /// A client that sets CD, to check for itself, gets nothing that is made.
        prefix: Dns64Prefix = Dns64Prefix(None);
        /// Networks whose AAAA records count as if they were not there (RFC 6147 §5.1.4).
        exclude: Vec<IpNet> = mapped_net();
        /// Names, with all below them, whose AAAA records are passed over where there are A records.
        ignore_aaaa: Vec<Name> = Vec::new();
    }

    /// Records of your own. A name that has any is answered from them alone (NODATA for the types that it lacks);
    /// all other names are looked up, those above and below it included.
    local: Local {
        /// Records as they stand in a zone file, such as `"nas.lan. 300 IN A 192.168.1.2"`; TTL (3600) and class may
        /// be left out. An alias (CNAME) may lead to a name on the Internet.
        records: Vec<LocalRecord> = Vec::new();
        /// A hosts file, such as `/etc/hosts`, that is read at the start: each line has an address and its names.
        /// Addresses are found by name and names by address. Empty is none.
        hosts: String = String::new();
    }

    /// The log, on standard error.
    log: Log {
        /// What is written.
        level: LogLevel = LogLevel::Info;
        /// How it is written.
        format: LogFormat = LogFormat::Text;
    }
}
