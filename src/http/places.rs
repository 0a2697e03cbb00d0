//! How many may do the same thing at once.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// So many places, and the sentence for whoever finds none.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    full: &'static str,
}

impl Places {
    pub(super) fn new(count: usize, full: &'static str) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), full }
    }

    /// A place, until what is returned is dropped.
    pub(super) fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, self.full);
        Arc::clone(&self.free).try_acquire_owned().map_err(full)
    }
}
