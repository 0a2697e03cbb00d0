//! What is believed, and on whose word.

use crate::config::section::section;
use crate::config::trust::{NegativeTrustAnchor, TrustAnchor};
use crate::config::value::ServerAddress;

section! {
    /// Whether answers are proved, from a trust anchor down to the last record.
    dnssec: Dnssec {
        /// Validate every answer: what should be provable and is not becomes SERVFAIL with the reason (RFC 4035).
        /// Clients that set CD get the data all the same. Verified are RSA with SHA-256 and SHA-512 (8, 10), ECDSA (13,
        /// 14) and Ed25519 (15). Ed448 (16) is not, as no library of it that is kept has a stable release: zones that
        /// are signed with it alone count as unsigned (RFC 4035 §5.2), with EDE 1. Where it is off, what forwarders
        /// validate they validate for all clients, those that set CD among them.
        validate: bool = true;
        /// The keys from which trust begins: DS or DNSKEY records as they stand in a master file, of any zone; one
        /// that fits is enough. The default are the two keys of the root as IANA publishes them.
        trust_anchors: Vec<TrustAnchor> = TrustAnchor::root();
        /// Names at and below which nothing is validated for a while, because their owner has made a mistake
        /// (RFC 7646). Answers there are told with EDE 33 (Negative Trust Anchor). A trust anchor of its own for a name
        /// further below counts all the same. Each ends at its `until`, in UTC, and a week after it was read at the
        /// latest: a mistake that lasts is not one any more.
        negative_trust_anchors: Vec<NegativeTrustAnchor> = Vec::new();
        /// Seconds after which negative trust anchors without an `until` end, from the start or from when the
        /// configuration was read again; RFC 7646 §2 speaks of a day.
        negative_trust_anchor_secs: u32 = 86_400 => 60..=604_800;
        /// Seconds between two looks whether what lies below a negative trust anchor validates again: the SOA record of
        /// its name, and up to 8 of the questions that it has let through since the last look. When all of them do, it
        /// is lifted before its end (RFC 7646 §2), and what was let through is gone from the cache as much later as
        /// that. 0 keeps each until its end, for one that somebody wants to look at in peace.
        negative_trust_anchor_look_secs: u32 = 300 => 0..=86_400;
        /// Answer from what was proved for other questions: an NSEC or NSEC3 record that shows that there is nothing
        /// between two names answers for all names between them, so that a flood of random names costs the servers of
        /// a signed zone a few packets, and a wildcard that is known answers for all that it stands for (RFC 8198).
        aggressive: bool = true;
        /// A file in which the state of the trust anchors is kept, so that they follow their zones when keys are rolled
        /// over: a new key is trusted after 30 days in which the old ones have signed it, a revoked one is not any more
        /// (RFC 5011). The folder must be there and be writable. A file that cannot be read at the start is left as it
        /// is and read as soon as that is possible; one that is damaged is put aside (`.damaged`). Empty follows
        /// nothing: the anchors are those above, and new ones come with new versions of this program or of this file.
        /// That is the default because no folder is writable everywhere, and both keys of the root are known long
        /// before they are used.
        anchor_file: String = String::new();
        /// Answer questions for `root-key-sentinel-is-ta-NUMBER` and `root-key-sentinel-not-ta-NUMBER` with SERVFAIL
        /// where that key of the root is not, or is, trusted here, so that users can find out before a rollover
        /// (RFC 8509, which wants this on).
        root_key_sentinel: bool = true;
        /// Tell the zones of trust anchors once a day which keys are trusted here, by a question such as `_ta-4f66`
        /// (RFC 8145). It helps those who roll over the key of the root when many resolvers do it; off, because it
        /// sends what nobody has asked for.
        key_tag_signal: bool = false;
        /// Tell the same to the servers of those zones in the questions for their keys that are asked anyway (the EDNS
        /// option edns-key-tag, RFC 8145 §4). Off for the same reason, and because some of what stands before servers
        /// drops packets with options that it does not know.
        key_tag_option: bool = false;
        /// Let signatures and DS records with SHA-1 count; otherwise zones that have no others are treated as
        /// unsigned, as RFC 9905 allows.
        sha1: bool = false;
        /// Bits of the shortest RSA key that counts; a zone with shorter ones alone is treated as unsigned. RFC 5702
        /// §2.1 allows 512 and more, but keys of that size are factored within hours, and zones have not used keys
        /// below 1024 for many years.
        rsa_min_bits: u16 = 1024 => 512..=4096;
    }
}

section! {
    /// A copy of the root zone in this process, in which each walk begins: no question for a name under a top-level
    /// domain that does not exist leaves this machine, and a root out of reach is not missed (RFC 8806). It is used
    /// only while its ZONEMD record fits and is signed by the root (RFC 8976), and until the time in its SOA record is
    /// over; otherwise walks begin at the servers of the root, as they do by default: most resolvers ask them too
    /// seldom to gain anything from 2 MB that are fetched twice a day.
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
}
