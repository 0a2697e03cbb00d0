//! The settings. Each key stands with its documentation, default and range in the table of its section, in the files
//! below; everything else is made from these tables.

mod cache;
mod http;
mod limits;
mod resolver;
mod server;
mod trust;

use super::hints;
use super::hosts::Hosts;
use super::section::{InSection as _, Section};
use super::tables::{BalancedHost, ForwardZone, RootHint, StubZone};

pub use cache::Cache;
pub use http::{Fetch, Http, Proxy};
pub use limits::Limits;
pub use resolver::{Dns64, Local, Resolver};
pub use server::{Log, Server};
pub use trust::{Dnssec, LocalRoot};

macro_rules! sections {
    ($($section:ident: $Section:ident,)*) => {
        /// Everything that can be configured; the default is what runs without a file.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $(#[doc = concat!("The section `[", stringify!($section), "]`.")] pub $section: $Section,)*
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
                Self {
                    $($section: $Section::default(),)*
                    root_hints: hints::internet(),
                    hosts: Hosts::default(),
                    forward: Vec::new(),
                    balance: Vec::new(),
                    stub: Vec::new(),
                }
            }
        }

        /// The sections, in the order in which they are documented.
        pub(super) static SECTIONS: &[Section] = &[$($Section::SECTION),*];
    };
}

sections! {
    server: Server,
    http: Http,
    proxy: Proxy,
    fetch: Fetch,
    resolver: Resolver,
    limits: Limits,
    dnssec: Dnssec,
    local_root: LocalRoot,
    cache: Cache,
    dns64: Dns64,
    local: Local,
    log: Log,
}
