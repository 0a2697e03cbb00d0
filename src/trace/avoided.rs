//! Why a server is not asked.

use std::fmt;

use ipnet::IpNet;
use serde::Serialize;

/// Why the address of a server is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Avoided {
    /// No server can be there: 0.0.0.0/8, multicast, reserved.
    Nowhere,
    /// It is this machine (`resolver.query_loopback`).
    Loopback,
    /// It belongs to a private or link-local network (`resolver.query_private`).
    Private,
    /// The operator listed it (`resolver.do_not_query`).
    Listed {
        /// The entry of the list.
        net: IpNet,
    },
    /// Nothing has come from it for this zone, to one question after the other (RFC 9520 §3.2).
    Dead {
        /// For how many seconds.
        silent_secs: u64,
        /// Seconds until a question may see whether it is back.
        left_secs: u64,
    },
}

impl fmt::Display for Avoided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("no server can have this address"),
            Self::Loopback => f.write_str("a loopback address, and resolver.query_loopback is off"),
            Self::Private => f.write_str("a private address, and resolver.query_private is off"),
            Self::Listed { net } => write!(f, "resolver.do_not_query lists {net}"),
            Self::Dead { silent_secs, left_secs } => {
                write!(f, "it has been silent for {silent_secs} s, and is asked again in {left_secs} s")
            }
        }
    }
}
