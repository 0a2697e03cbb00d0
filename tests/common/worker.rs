//! A thread as the program has its workers.

use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// Runs a test as a worker runs: on one thread, with tasks that stay there.
pub(crate) fn on_a_worker<T>(test: impl Future<Output = T>) -> T {
    LocalSet::new().block_on(&Builder::new_current_thread().enable_all().build().unwrap(), test)
}
