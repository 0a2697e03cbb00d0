//! How surely a thing is known.

/// How surely a record set is known: in the order of RFC 2181 §5.4.1, least first. Answers alone are kept as sets: glue
/// and the servers of a delegation have stores of their own.
///
/// What is known more surely is not replaced, as long as it is fresh, by what is known less surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// It stood behind an alias, where the question was for another name: good for that answer, and to be served when
    /// its time is over and there is nothing better (RFC 8767), but not as the answer to its own name.
    BehindAlias,
    /// From the answer section of a reply without AA; or a DS set that came with a referral, which has none either,
    /// once it has proved a zone.
    NonAuthAnswer,
    /// From the answer section of a reply with AA.
    AuthAnswer,
}

/// What DNSSEC has shown of a thing (RFC 4035 §4.3). What is bogus is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// It was not judged: only what validates it may use it.
    #[default]
    Unchecked,
    /// It cannot be proved, and need not be.
    Insecure,
    /// It was proved.
    Secure,
}
