//! What a walk asks the edge to do, and what it hears back.

use std::net::SocketAddr;
use std::time::Duration;

use smallvec::SmallVec;

use crate::trace::{Ignored, Transport, Unreachable};
use crate::wire::{Edns, Question, Reply};

/// The number of an ask inside its walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskId(pub u32);

/// One exchange with one server, to be carried out as it stands: no retry, no fallback.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its number.
    pub id: AskId,
    /// Whom to ask.
    pub server: SocketAddr,
    /// Over what.
    pub transport: Transport,
    /// 1 for the first time that this walk asks this server, and so on: a repetition is sent although the first
    /// is still listened to.
    pub attempt: u32,
    /// The question, in the case in which it is to be sent.
    pub question: Question,
    /// The OPT record to send, if any.
    pub edns: Option<Edns>,
    /// Recursion desired: set only towards forwarders.
    pub rd: bool,
    /// Checking disabled: the walk judges for itself (RFC 6840 §5.9).
    pub cd: bool,
    /// Whether a reply must repeat the case of the question.
    pub check_case: bool,
    /// How many packets over UDP that are almost the reply end the listening, at least 1.
    pub near_misses: usize,
    /// How long to listen at most.
    pub give_up: Duration,
}

/// What one step of a walk has to ask: nearly always one thing.
pub type Asks = SmallVec<[Ask; 1]>;

/// What came of an ask.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A reply whose id, address, port and question match.
    Reply {
        /// The ask.
        ask: AskId,
        /// The reply.
        reply: Box<Reply>,
        /// Its size in octets.
        bytes: usize,
        /// How long it took.
        rtt: Duration,
        /// Packets that came before it and were not it.
        ignored: Vec<Ignored>,
    },
    /// Nothing came until the time to give up.
    Silence {
        /// The ask.
        ask: AskId,
        /// Packets that came and were not the reply.
        ignored: Vec<Ignored>,
    },
    /// It cannot come to anything.
    Failed {
        /// The ask.
        ask: AskId,
        /// Why.
        why: Unreachable,
        /// Packets that came and were not the reply.
        ignored: Vec<Ignored>,
    },
}
