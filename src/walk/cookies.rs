//! Cookies towards servers (RFC 7873): a reply that shows ours comes from the server that was asked.

use crate::cache::{Cookies, ServerState};
use crate::trace::{AskWhy, ServerAt, Transport, Verdict, Wrong};
use crate::wire::{Edns, EdnsOption, Octets, cookie, edns};

use super::goal::{How, Pending};
use super::{Around, Turn, Walk};

/// From this attempt on a server that never answered is asked without a cookie.
const COOKIE_TRIES: u32 = 3;

impl Around<'_> {
    /// The OPT record that goes with a question, with a cookie where that may be: our part, and the server's where it
    /// has given one; and the question who it is, where that is wanted.
    pub(super) fn opt(&self, server: &ServerAt, state: &ServerState, how: How, attempt: u32) -> Option<Edns> {
        let mut edns = Edns::new(self.settings.udp_size, true);
        let mut data = Octets::from(self.servers.client_cookie(server.addr));
        // Some servers, or what stands before them, do not answer questions with options that they do not know.
        let may_be_dropped = attempt >= COOKIE_TRIES && state.srtt.is_none();
        let with_cookie = match &state.cookies {
            Cookies::Refused => false,
            Cookies::Given(theirs) => {
                data = [&data[..], theirs].concat().into();
                true
            }
            Cookies::Unknown => !may_be_dropped,
        };
        if self.settings.cookies && how.cookie && with_cookie {
            edns.options.push(EdnsOption { code: edns::COOKIE, data });
        }
        // RFC 5001 §2.1: empty in a query. A server that chokes on options gets this one no more than a cookie.
        if self.settings.nsid && how.cookie {
            edns.options.push(EdnsOption { code: edns::NSID, data: Octets::default() });
        }
        how.edns.then_some(edns)
    }
}

/// The server's part of the cookie in a reply, when it shows ours beside it. It may be empty.
pub(super) fn shown<'r>(pending: &Pending, reply: Option<&'r Edns>) -> Option<&'r [u8]> {
    let ours = pending.cookie?;
    let (shown, theirs) = reply?.option(edns::COOKIE)?.split_first_chunk::<{ cookie::CLIENT }>()?;
    (*shown == ours).then_some(theirs)
}

impl Walk {
    /// Notes when somebody who was silent to questions with a cookie answers one without: it does so again, and whoever
    /// stands before it may stand before others.
    pub(super) fn notice_without_cookie(&mut self, pending: &Pending, turn: &Turn<'_, '_>) {
        let (servers, addr) = (turn.around.servers, pending.server.addr);
        let left_out =
            turn.around.settings.cookies && pending.cookie.is_none() && pending.how.cookie && pending.how.edns;
        if left_out && servers.state(addr, turn.now).cookies == Cookies::Unknown {
            servers.cookies(addr, Cookies::Refused, turn.now);
            self.without_cookies = true;
        }
    }

    /// Remembers what a reply shows of the server's cookies, an error reply too (RFC 7873 §5.3).
    pub(super) fn learn_cookie(pending: &Pending, theirs: Option<&[u8]>, turn: &Turn<'_, '_>) {
        let (servers, addr) = (turn.around.servers, pending.server.addr);
        match theirs {
            // It has just refused its own.
            _ if pending.how.why == AskWhy::TcpAfterBadCookie => servers.cookies(addr, Cookies::Refused, turn.now),
            Some(theirs) if (8..=32).contains(&theirs.len()) => {
                servers.cookies(addr, Cookies::Given(theirs.into()), turn.now);
            }
            // Over TCP nobody can have left it out but the server itself.
            None if pending.cookie.is_some() && pending.how.transport == Transport::Tcp => {
                servers.cookies(addr, Cookies::Unknown, turn.now);
            }
            _ => {}
        }
    }

    /// Asks the same server again when its trouble is with the cookie; false when it is not.
    pub(super) fn mend_cookie(&mut self, pending: &Pending, verdict: &Verdict) -> bool {
        let (transport, why) = match verdict {
            Verdict::Wrong(Wrong::BadCookie) if pending.how.transport == Transport::Tcp => match pending.cookie {
                Some(_) => (Transport::Tcp, AskWhy::WithoutCookie),
                None => return false,
            },
            Verdict::Wrong(Wrong::BadCookie) if pending.how.why == AskWhy::FreshCookie => {
                (Transport::Tcp, AskWhy::TcpAfterBadCookie)
            }
            Verdict::Wrong(Wrong::BadCookie) => (Transport::Udp, AskWhy::FreshCookie),
            Verdict::Wrong(Wrong::NoCookies) => (pending.how.transport, AskWhy::WithoutCookie),
            _ => return false,
        };
        self.again(pending, transport, why);
        true
    }
}
