//! The settings. Each key stands with its documentation, default and range in the table of its section, in the files
//! below; everything else is made from these tables.

mod cache;
mod http;
mod limits;
mod resolver;
mod server;
mod tls;
mod trust;

use std::collections::BTreeSet;

use super::hints;
use super::hosts::Hosts;
use super::list::{InList as _, List};
use super::section::{InSection as _, Section};

/// Keys of sections, by their full names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named(BTreeSet<&'static str>);

impl Named {
    /// Whether somebody has set this one.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }

    pub(super) fn add(&mut self, key: &'static str) {
        self.0.insert(key);
    }
}

pub use cache::Cache;
pub use http::{BalancedHost, Fetch, Http, Proxy};
pub use limits::Limits;
pub use resolver::{Dns64, ForwardZone, Local, Resolver, RootHint, StubZone};
pub use server::{Log, Server};
pub use tls::Tls;
pub use trust::{Dnssec, LocalRoot};

macro_rules! settings {
    (sections { $($section:ident: $Section:ident,)* } lists { $($list:ident: $Row:ident = $default:expr,)* }) => {
        /// Everything that can be configured; the default is what runs without a file.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $(#[doc = concat!("The section `[", stringify!($section), "]`.")] pub $section: $Section,)*
            $(#[doc = concat!("Each [`", stringify!($Row), "`].")] pub $list: Vec<$Row>,)*
            /// What the hosts file says that `local.hosts` names.
            pub hosts: Hosts,
            /// The keys that somebody has set, be it to what they are by default.
            pub named: Named,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self {
                    $($section: $Section::default(),)*
                    $($list: $default,)*
                    hosts: Hosts::default(),
                    named: Named::default(),
                }
            }
        }

        /// The sections, in the order in which they are documented.
        pub(super) static SECTIONS: &[Section] = &[$($Section::SECTION),*];

        /// The lists, likewise.
        pub(super) static LISTS: &[List] = &[$($Row::LIST),*];
    };
}

settings! {
    sections {
        server: Server,
        tls: Tls,
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
    lists {
        root_hints: RootHint = hints::internet(),
        forward: ForwardZone = Vec::new(),
        stub: StubZone = Vec::new(),
        balance: BalancedHost = Vec::new(),
    }
}
