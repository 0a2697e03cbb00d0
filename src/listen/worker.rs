//! What one worker needs, whoever comes through its doors.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::quota::Quota;
use super::threads::Stop;
use super::turns::Turns;
use super::{ListenSettings, Now, Peer, Responder};

/// What one thread needs; the tasks on it share it.
pub(super) struct Worker<R> {
    pub(super) settings: ListenSettings,
    responder: RefCell<R>,
    pub(super) quota: Arc<Quota>,
    /// For those who shake hands.
    pub(super) turns: Turns,
    pub(super) stop: Stop,
    /// Whether nothing is looked up any more that is not in hand.
    pub(super) is_closing: Cell<bool>,
}

impl<R> Worker<R> {
    /// One that begins now.
    pub(super) fn new(settings: ListenSettings, responder: R, quota: Arc<Quota>, stop: Stop) -> Self {
        let (turns, is_closing) = (Turns::new(), Cell::new(false));
        Self { settings, responder: responder.into(), quota, turns, stop, is_closing }
    }

    /// One that is alone, for a test of what is done on it.
    #[cfg(test)]
    pub(super) fn alone(settings: ListenSettings, responder: R, stop: Stop) -> Self {
        let quota = Arc::new(Quota::new(settings.tcp_connections, settings.tcp_per_client));
        Self::new(settings, responder, quota, stop)
    }

    /// From now on `responder` answers.
    pub(super) fn renew(&self, responder: R) {
        self.responder.replace(responder);
    }
}

impl<R: Responder> Worker<R> {
    /// The responder's answer. A query on which it panics is dropped, and no door closes for it.
    pub(super) fn answer_now(&self, query: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Now {
        let responder = self.responder.borrow();
        catch_unwind(AssertUnwindSafe(|| responder.answer_now(query, peer, out))).unwrap_or(Now::Drop)
    }

    /// Shows the responder the queries that come next.
    pub(super) fn foresee<'a>(&self, queries: impl Iterator<Item = &'a [u8]>) {
        let responder = self.responder.borrow();
        // The one on which it panics is told of when it is to be answered.
        let _ = catch_unwind(AssertUnwindSafe(|| responder.foresee(queries)));
    }

    /// Whether a client may ask at all.
    pub(super) fn admits(&self, client: IpAddr) -> bool {
        self.responder.borrow().admits(client)
    }

    /// The responder's answer to a query that takes time.
    pub(super) async fn answer_later(&self, query: Vec<u8>, peer: Peer) -> Option<Vec<u8>> {
        let responder = self.responder.borrow().clone();
        responder.answer_later(query, peer).await
    }
}
