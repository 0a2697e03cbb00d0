//! The local copy of the root (RFC 8806): while there is one, it stands in for the servers of the root.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::trace::{RouteKind, ServerAt};
use crate::wire::Name;

use super::route::Route;

/// Whether there is a copy of the root, for all walks of a resolver.
#[derive(Clone, Debug, Default)]
pub struct LocalRoot(Arc<RwLock<Option<Arc<Route>>>>);

impl LocalRoot {
    /// There is one from now on, or there is none.
    pub fn set(&self, is_there: bool) {
        let servers = ServerAt::LOCAL_ROOT.map(|addr| (addr, None));
        let route = || Route { fallback: true, ..Route::new(RouteKind::LocalRoot, Name::root(), &servers) };
        *self.0.write() = is_there.then(|| Arc::new(route()));
    }

    /// The way to it, unless it has given no answer in this walk.
    pub(super) fn route(&self, without: &[Name]) -> Option<Arc<Route>> {
        self.0.read().clone().filter(|_| !without.iter().any(Name::is_root))
    }
}
