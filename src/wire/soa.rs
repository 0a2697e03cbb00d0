//! The numbers of a SOA record, which end its data (RFC 1035 §3.3.13).

/// What a SOA record says of its zone, besides two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The version of the zone.
    pub serial: u32,
    /// Seconds after which a copy asks for news.
    pub refresh_secs: u32,
    /// Seconds after which it asks again when nobody answered.
    pub retry_secs: u32,
    /// Seconds after which it is of no use without news.
    pub expire_secs: u32,
    /// The longest TTL of a denial (RFC 2308 §4).
    pub minimum_secs: u32,
}

impl Soa {
    /// Reads the data of a SOA record; `None` when it is too short for one.
    #[must_use]
    pub fn read(rdata: &[u8]) -> Option<Self> {
        // Two root names and five numbers are the least that can be there.
        let (names, numbers) = rdata.split_last_chunk::<20>()?;
        let number = |nth: usize| numbers.as_chunks::<4>().0.get(nth).copied().map_or(0, u32::from_be_bytes);
        (names.len() >= 2).then(|| Self {
            serial: number(0),
            refresh_secs: number(1),
            retry_secs: number(2),
            expire_secs: number(3),
            minimum_secs: number(4),
        })
    }
}
