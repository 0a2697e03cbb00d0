//! Why no address of a name server is known.

use std::fmt;

use crate::wire::Name;

/// Why no address of a name server is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Its name does not exist.
    NoName,
    /// Its name has no address of the IP versions that are used here: both, or the one with this number.
    NoAddress(Option<u8>),
    /// Its name is an alias, as it must not be (RFC 2181 §10.3), and leads to no address.
    Alias,
    /// It lies inside the zone itself, and the servers above leave out the glue (RFC 9471 §3).
    NoGlue,
    /// Its address could not be looked up: no server of this zone gave an answer, if that is why.
    NoAnswer(Option<Name>),
    /// Its addresses are of the IP version that is not used here.
    OtherVersion,
    /// It was not looked up.
    Untried,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("does not exist"),
            Self::NoAddress(None) => f.write_str("has no address"),
            Self::NoAddress(Some(version)) => write!(f, "has no IPv{version} address"),
            Self::Alias => f.write_str("is an alias that leads to no address"),
            Self::NoGlue => f.write_str("lies inside the zone, and its address is missing above (glue)"),
            Self::NoAnswer(None) => f.write_str("could not be looked up"),
            Self::NoAnswer(Some(zone)) => write!(f, "could not be looked up, as no server of {zone} gave an answer"),
            Self::OtherVersion => f.write_str("has addresses of an IP version alone that is not used here"),
            Self::Untried => f.write_str("was not looked up"),
        }
    }
}
