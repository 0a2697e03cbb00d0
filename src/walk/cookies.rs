//! Cookies towards servers (RFC 7873): a reply that shows ours comes from the server that was asked.

use crate::cache::{Cookies, ServerState};
use crate::trace::{AskWhy, ServerAt, Transport, Verdict, Wrong};
use crate::wire::{Edns, EdnsOption, Octets, cookie, edns};

use super::pending::{How, Pending};
use super::{Around, Turn, Walk};

/// From this attempt on a server that was silent to those before is asked without a cookie.
const COOKIE_TRIES: u8 = 3;
/// How often in a walk that has to happen, while nobody answers a question with a cookie, until servers that are not
/// known yet are shown none: two lost packets look the same.
const LOST_COOKIES: u8 = 2;

impl Around<'_> {
    /// The OPT record that goes with a question, with a cookie where that may be: our part, and the server's where it
    /// has given one; and the question who it is, where that is wanted.
    pub(super) fn opt(&self, server: &ServerAt, state: &ServerState, how: How, attempt: u32) -> Option<Edns> {
        let mut edns = Edns::new(self.settings.udp_size, true);
        let mut data = Octets::from(self.servers.client_cookie(server.addr));
        // Some servers, or what stands before them, do not answer questions with options that they do not know. Nobody
        // on the way looks into TCP, and who is silent over UDP may be so whatever is asked.
        let may_be_lost = how.over_udp() && attempt >= COOKIE_TRIES.into() && state.silences >= COOKIE_TRIES - 1;
        let with_options = match &state.cookies {
            _ if !how.cookie => false,
            Cookies::Refused => false,
            Cookies::Given(theirs) => {
                data = [&data[..], theirs].concat().into();
                true
            }
            Cookies::Unknown | Cookies::Doubted => !may_be_lost,
        };
        if self.settings.cookies && with_options {
            edns.options.push(EdnsOption { code: edns::COOKIE, data });
        }
        // RFC 5001 §2.1: empty in a query. A server that chokes on options gets this one no more than a cookie.
        if self.settings.nsid && with_options {
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
    /// Notes when somebody who was silent to questions with a cookie answers one without. Packets get lost: of a server
    /// that is believed the second time in a row.
    pub(super) fn notice_lost_cookie(&mut self, pending: &Pending, turn: &Turn<'_, '_>) {
        let (servers, addr) = (turn.around.servers, pending.server.addr);
        if !pending.how.edns || ServerAt::LOCAL_ROOT.contains(&addr) {
            return;
        }
        if pending.cookie.is_some() {
            // Nobody on the way looks into TCP.
            self.lost_cookies = self.lost_cookies.filter(|_| !pending.how.over_udp());
            return;
        }
        let left_out = turn.around.settings.cookies && pending.how.cookie;
        let learned = match servers.state(addr, turn.now).cookies {
            Cookies::Unknown if left_out => Cookies::Doubted,
            Cookies::Doubted if left_out => Cookies::Refused,
            _ => return,
        };
        servers.cookies(addr, learned, turn.now);
        self.lost_cookies = self.lost_cookies.map(|times| times.saturating_add(1));
    }

    /// Whether questions with a cookie come to nothing, whoever is asked: whoever stands before some servers may stand
    /// before others, and those that are not known yet are shown none.
    pub(super) fn loses_cookies(&self) -> bool {
        self.lost_cookies.is_some_and(|times| times >= LOST_COOKIES)
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
