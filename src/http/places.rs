//! How many may do the same thing at once, in all and of each client.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;

use super::problem::Problem;
use crate::listen::{Quota, Seat};

/// The part of the places that each client may have once half of them are taken. The same part as of the connections,
/// by default: a client that keeps to one line of requests has as many places as connections.
const SHARE: usize = 8;

/// So many places, and the sentence for whoever finds none.
#[derive(Clone, Debug)]
pub(super) struct Places {
    quota: Arc<Quota>,
    full: &'static str,
}

impl Places {
    pub(super) fn new(count: usize, full: &'static str) -> Self {
        Self { quota: Arc::new(Quota::new(count, (count / SHARE).max(1))), full }
    }

    /// A place for `client`, until what is returned is dropped.
    pub(super) fn take(&self, client: IpAddr) -> Result<Seat, Problem> {
        self.quota.seat(client).ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, self.full))
    }
}
