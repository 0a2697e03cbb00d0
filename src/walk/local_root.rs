//! The local copy of the root (RFC 8806): while there is one, it stands in for the servers of the root.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::trace::{RouteKind, ServerAt};
use crate::wire::Name;

use super::route::Route;

/// The address at which walks ask the copy: on no wire, and answered by whoever carries the walk out.
pub const LOCAL_V4: IpAddr = ServerAt::LOCAL_ROOT[0];
/// The same for those who do without IPv4.
pub const LOCAL_V6: IpAddr = ServerAt::LOCAL_ROOT[1];

/// Whether there is a copy of the root, for all walks of a resolver.
#[derive(Clone, Debug, Default)]
pub struct LocalRoot(Arc<RwLock<Option<Arc<Route>>>>);

impl LocalRoot {
    /// There is one from now on, or there is none.
    pub fn set(&self, is_there: bool) {
        let servers = [(LOCAL_V4, None), (LOCAL_V6, None)];
        let route = || Route { fallback: true, ..Route::new(RouteKind::LocalRoot, Name::root(), &servers) };
        *self.0.write() = is_there.then(|| Arc::new(route()));
    }

    /// The way to it, unless it has given no answer in this walk.
    pub(super) fn route(&self, without: &[Name]) -> Option<Arc<Route>> {
        self.0.read().clone().filter(|_| !without.iter().any(Name::is_root))
    }
}
