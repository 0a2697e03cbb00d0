//! Asks whose replies have not come, and in which way each was sent.

use std::cell::OnceCell;

use crate::cache::Doubt;
use crate::time::Time;
use crate::trace::{AskWhy, GoalId, ServerAt, Source, Transport};
use crate::wire::{Name, Question};

use super::ask::AskId;

/// In which way a server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// UDP or TCP.
    pub(super) transport: Transport,
    /// With EDNS or without.
    pub(super) edns: bool,
    /// With a cookie or without.
    pub(super) cookie: bool,
    /// Why so.
    pub(super) why: AskWhy,
}

impl How {
    pub(super) fn over_udp(self) -> bool {
        self.transport == Transport::Udp
    }
}

/// An ask whose reply has not come.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Its number.
    pub(super) id: AskId,
    /// For which goal.
    pub(super) goal: GoalId,
    /// Other goals that would ask the same.
    pub(super) followers: Vec<GoalId>,
    /// The zone for which the server is asked.
    pub(super) zone: Name,
    /// Who was asked.
    pub(super) server: ServerAt,
    /// The question as sent.
    pub(super) question: Question,
    /// Whether that is less than the whole question.
    pub(super) minimised: bool,
    /// Whether the server was asked to do the looking up.
    pub(super) forwarded: bool,
    /// In which way.
    pub(super) how: How,
    /// Whether the reply has to repeat the case of the letters.
    pub(super) check_case: bool,
    /// How likely it is that nothing comes of it.
    pub(super) doubt: Doubt,
    /// Our part of the cookie that was sent.
    pub(super) cookie: Option<[u8; 8]>,
    /// When.
    pub(super) sent: Time,
    /// When another server is asked as well.
    pub(super) late_at: Time,
    /// Whether that moment has passed.
    pub(super) late: bool,
    /// Who says what comes of it.
    pub(super) source: OnceCell<Source>,
}

impl Pending {
    /// Who says what comes of it; all that is kept of one reply shares the value.
    pub(super) fn source(&self) -> Source {
        let source = || Source::server(self.zone.clone(), self.server.addr, self.server.name.clone());
        self.source.get_or_init(source).clone()
    }

    /// Whether a goal waits for it.
    pub(super) fn serves(&self, goal: GoalId) -> bool {
        self.goal == goal || self.followers.contains(&goal)
    }
}
