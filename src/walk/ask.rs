//! What a walk asks the edge to do, and what it hears back.

use std::net::SocketAddr;
use std::time::Duration;

use smallvec::SmallVec;

use crate::trace::{Ignored, Transport, Unreachable};
use crate::wire::{Edns, Question, Reply};

/// A server that usually takes less is near: one on the same machine or in the next rack. Hardly any on
/// the Internet is.
pub const NEAR: Duration = Duration::from_micros(200);

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
    /// Whether the server usually takes less than [`NEAR`].
    pub near: bool,
    /// How long to listen at most.
    pub give_up: Duration,
}

/// What one step of a walk has to ask: nearly always one thing.
pub type Asks = SmallVec<[Ask; 1]>;

/// What came of an ask.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The ask.
    pub ask: AskId,
    /// The reply, or why there is none.
    pub came: Result<Answered, Unreachable>,
    /// Packets that came before it, or in its place, and were not it.
    pub ignored: Vec<Ignored>,
}

/// A reply whose id, address, port and question match.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The reply.
    pub reply: Box<Reply>,
    /// Its size in octets.
    pub bytes: usize,
    /// How long it took from the moment the query was sent.
    pub rtt: Duration,
}

impl Heard {
    /// Nothing has come that would have to be told of.
    #[must_use]
    pub const fn nothing(ask: AskId, why: Unreachable) -> Self {
        Self { ask, came: Err(why), ignored: Vec::new() }
    }
}
