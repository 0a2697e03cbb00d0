//! Who answers in the place of the servers of the root (RFC 8806), in this process.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use crate::time::Time;
use crate::trace::{ServerAt, Transport, Unreachable};
use crate::upstream::read_reply;
use crate::walk::ask::{Answered, Ask, Heard};
use crate::wire::{Flags, write_query};

/// Answers queries from memory.
pub trait Answers: Debug + Send + Sync {
    /// The reply to a query as it would come over a wire; `None` when there is none any more.
    fn answer(&self, query: &[u8], now: Time) -> Option<Vec<u8>>;
}

/// Who answers, if anybody does; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Local(Arc<RwLock<Option<Arc<dyn Answers>>>>);

impl Local {
    /// From now on these answers are given, or none.
    pub fn set(&self, answers: Option<Arc<dyn Answers>>) {
        *self.0.write() = answers;
    }

    /// What comes of an ask that is for the local copy; `None` for asks that are not.
    pub(super) fn heard(&self, ask: &Ask, now: Time) -> Option<Heard> {
        if !ServerAt::LOCAL_ROOT.contains(&ask.server.ip()) {
            return None;
        }
        let mut query = Vec::new();
        write_query(0, &ask.question, Flags::default().with_cd(ask.cd), ask.edns.as_ref(), &mut query);
        let known = self.0.read().clone();
        let answered = known.and_then(|known| known.answer(&query, now)).and_then(|mut reply| {
            let (bytes, rtt) = (reply.len(), Duration::ZERO);
            read_reply(&mut reply, 0, ask).ok().map(|reply| Answered { reply, bytes, rtt })
        });
        Some(Heard { ask: ask.id, came: answered.ok_or(Unreachable::Refused), ignored: Vec::new() })
    }
}

/// Nothing is cut short in memory.
pub const TRANSPORT: Transport = Transport::Tcp;
