//! What one question may cost.

use crate::config::section::section;
use crate::time::as_ms;
use crate::walk;

/// The defaults, each with what speaks for it where it is spent.
fn walk() -> walk::limits::Limits {
    walk::limits::Limits::default()
}

section! {
    /// What one question of a client may cost. Each limit answers an attack; nothing resets them on the way.
    limits: Limits {
        /// Packets sent to servers (NXNSAttack, CAMP).
        queries: u32 = walk().queries => 1..=10_000;
        /// Packets sent for one step: one name, at one zone cut.
        queries_per_step: u32 = walk().queries_per_step => 1..=10_000;
        /// Octets received from servers (amplification towards this machine).
        bytes: usize = walk().bytes => 10_000..=100_000_000;
        /// Time, in milliseconds; clients give up after some 5 seconds, or ask again.
        time_ms: u64 = as_ms(walk().time) => 100..=60_000;
        /// Servers of one zone that are considered (NXNSAttack).
        servers_per_zone: usize = walk().servers_per_zone => 1..=100;
        /// Addresses of one server that are considered (self-pointed glue).
        addresses_per_server: usize = walk().addresses_per_server => 1..=100;
        /// Servers of one zone whose addresses are looked up at once when none is known (NXNSAttack).
        lookups_at_once: usize = walk().lookups_at_once => 1..=10;
        /// Look-ups of server names that may fail (NRDelegationAttack).
        failed_server_lookups: u32 = walk().failed_server_lookups => 1..=100;
        /// Links in a chain of CNAME and DNAME records (RFC 1034 §3.6.2).
        cname_links: u32 = walk().cname_links => 1..=100;
        /// Questions that wait for one another, such as the address of a server of a server (TsuNAME).
        depth: u32 = walk().depth => 1..=100;
        /// Referrals followed for one name (RFC 1034 §5.3.3).
        referrals: u32 = walk().referrals => 1..=200;
        /// Times that one address is asked the same question (RFC 9520 §3.1).
        tries_per_address: u32 = walk().tries_per_address => 1..=10;
        /// Replies that almost match before UDP is not believed any more and TCP is used (RFC 5452 §9.3).
        near_misses: usize = walk().near_misses => 1..=100;
        /// Questions with a part of the name before the whole name is asked for (RFC 9156 §2.3).
        minimise_count: u32 = walk().minimise_count => 1..=128;
        /// How many of those are longer by one label only (RFC 9156 §2.3).
        minimise_one_label: u32 = walk().minimise_one_label => 0..=128;
        /// Servers in whose place another one of the zone is asked because what they said was bogus: one secondary may
        /// have old signatures, or none, or somebody may forge; each costs about what the question has cost so far.
        bogus_retries: u32 = walk().bogus_retries => 0..=10;
        /// Records of one set; a set that has more is not used (CVE-2024-1737, CVE-2024-25590).
        records_per_set: usize = walk().sets.records => 1..=1000;
        /// Octets of the data of one set; a set that has more is not used. What is larger than 16 kB with all that
        /// belongs to it is never cached.
        bytes_per_set: usize = walk().sets.bytes => 1_024..=65_535;
        /// Types of one name in one reply; those beyond are not used (CVE-2024-1737).
        types_per_name: usize = walk().sets.types_per_name => 1..=10_000;
        /// Signatures verified (KeyTrap). A name four zones deep needs 9, and each alias into another signed zone up to
        /// 6 more.
        validations: u32 = walk().proofs.validations => 1..=10_000;
        /// Signatures that may turn out not to hold (KeyTrap).
        failed_validations: u32 = walk().proofs.failed_validations => 1..=1000;
        /// Signatures over one record set that are verified until one holds (KeyTrap).
        signatures_per_set: usize = walk().proofs.signatures_per_set => 1..=100;
        /// Keys of a zone with the same tag that are tried (KeyTrap).
        keys_per_tag: usize = walk().proofs.keys_per_tag => 1..=100;
        /// DS records of one zone that are compared with a key whose tag they have (KeyTrap).
        ds_per_zone: usize = walk().proofs.ds_per_zone => 1..=100;
        /// NSEC3 iterations above which a denial is not proved but taken as insecure (RFC 9276 §3.2).
        nsec3_iterations: u16 = walk().proofs.nsec3_iterations => 0..=2500;
        /// NSEC3 hashes computed (CVE-2023-50868). A proof takes one for each label of the closest name that exists,
        /// and two more: 34 for the reverse of an IPv6 address.
        nsec3_hashes: u32 = walk().proofs.nsec3_hashes => 1..=100_000;
    }
}
