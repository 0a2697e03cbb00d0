//! What is remembered.

use crate::cache::TtlLimits;
use crate::config::section::section;
use crate::config::value::Bytes;

section! {
    /// What is remembered, and for how long.
    cache: Cache {
        /// Memory for everything that is remembered, keys and bookkeeping included. The log warns at the start where
        /// the system gives this program less than that, `http.past_size` and some 32 MiB for all else.
        size: Bytes = Bytes(64 << 20) => Bytes(1 << 20)..=Bytes(1 << 40);
        /// Records are kept at least this many seconds, also those with TTL 0, which by default serve only those who
        /// asked at the same time and are then forgotten. What is proved is kept no longer than it was signed for (RFC
        /// 4035 §5.3.3).
        min_ttl_secs: u32 = TtlLimits::default().positive_min_secs => 0..=86_400;
        /// Records are kept at most this many seconds (RFC 8767 §4).
        max_ttl_secs: u32 = TtlLimits::default().positive_max_secs => 0..=604_800;
        /// "There is no such name" and "no such type" are kept at least this many seconds, where a SOA record came
        /// along; when that is proved, no longer than it was signed for.
        min_negative_ttl_secs: u32 = TtlLimits::default().negative_min_secs => 0..=86_400;
        /// "There is no such name" and "no such type" are kept at most this many seconds (RFC 2308 §5).
        max_negative_ttl_secs: u32 = TtlLimits::default().negative_max_secs => 0..=86_400;
        /// Where a zone's servers are is kept at least this many seconds.
        min_delegation_ttl_secs: u32 = TtlLimits::default().delegation_min_secs => 0..=86_400;
        /// Where a zone's servers are is kept at most this many seconds, and then asked from the parent again.
        max_delegation_ttl_secs: u32 = TtlLimits::default().delegation_max_secs => 60..=604_800;
        /// Fetch an answer anew when it is asked for in the last tenth of its life and was asked for before, so that
        /// nobody has to wait for what is asked often.
        prefetch: bool = true;
        /// That is done from this many questions on that the cache has answered; 1 also fetches for nobody what was
        /// asked twice and never again.
        prefetch_hits: u8 = 2 => 1..=100;
        /// For this many seconds after its time an answer is served when no new one can be had, when that takes too
        /// long, or when the new one is bogus and the old one was not, with EDE 3 (Stale Answer) or 19 (Stale NXDOMAIN
        /// Answer) and, for what is bogus, its reason; 0 never (RFC 8767). AD is set while the signatures over it hold.
        /// What was kept while its zone was unsigned is not served once that is signed.
        max_stale_secs: u32 = 86_400 => 0..=604_800;
        /// The TTL that clients see in such an answer (RFC 8767 §4).
        stale_reply_ttl_secs: u32 = 30 => 1..=3600;
        /// How many milliseconds a client waits for a new answer before it gets the old one, while the search goes on;
        /// 0 gives it at once, and the new one to the next client (RFC 8767 §5).
        stale_client_timeout_ms: u64 = 1800 => 0..=60_000;
        /// When no new answer could be had, the old one is served for this many seconds before the next try
        /// (RFC 8767 §5), and never beyond `max_stale_secs`.
        stale_recheck_secs: u32 = 30 => 1..=3600;
    }
}
