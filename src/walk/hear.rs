//! What came of the asks: replies, silence, failures.

use std::net::IpAddr;
use std::time::Duration;

use crate::cache::Shown;
use crate::time::{as_ms, as_us};
use crate::trace::{AskWhy, Event, Ignored, ServerAt, Transport, Unreachable, Verdict, Wrong};
use crate::wire::text::{Ascii, rcode_name};
use crate::wire::{Ede, Edns, Name, Reply, edns};

use super::ask::{Answered, Heard};
use super::at_zone::Chance;
use super::pending::Pending;
use super::scrub::{Clean, Dropped};
use super::{Reach, Turn, Walk, cookies, judge, scrub};

/// Bits of a name's mixed case that make a reply, with port and id, hard to forge.
const CASE_BITS: usize = 8;

impl Walk {
    /// Asks whose patience has run out: somebody else is asked, and they are still listened to.
    pub(super) fn notice_late(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.now;
        let mut late = Vec::new();
        for pending in self.pending.iter_mut().filter(|pending| !pending.late && pending.late_at <= now) {
            pending.late = true;
            let after_ms = as_ms(now - pending.sent);
            let event = Event::Late { ask: pending.id.0, server: pending.server.clone(), after_ms };
            turn.ready.extend_from_slice(&pending.followers);
            late.push((pending.goal, pending.server.addr, event));
            missed(turn, pending, Unreachable::Timeout);
        }
        for (goal, addr, event) in late {
            self.reached(addr, false);
            self.note(turn, goal, event);
            turn.ready.push(goal);
        }
    }

    pub(super) fn hear(&mut self, heard: Heard, turn: &mut Turn<'_, '_>) {
        let Heard { ask, came, ignored } = heard;
        let Some(at) = self.pending.iter().position(|pending| pending.id == ask) else { return };
        let pending = self.pending.swap_remove(at);
        let near_misses = ignored.len();
        // What ended the listening came from the server, which knows no better.
        if ignored.iter().any(|what| what.ends().is_none()) {
            turn.around.cache.guessed();
        }
        for what in ignored {
            let event = Event::Ignored { ask: ask.0, server: pending.server.clone(), what };
            self.note(turn, pending.goal, event);
        }
        // The last is taken first: who follows may then follow again.
        turn.ready.extend_from_slice(&pending.followers);
        turn.ready.push(pending.goal);
        match came {
            Ok(answered) => self.replied(&pending, answered, near_misses, turn),
            Err(why) => self.lost(&pending, why, turn),
        }
    }

    /// A reply came, after so many packets that were almost it.
    fn replied(&mut self, pending: &Pending, answered: Answered, near_misses: usize, turn: &mut Turn<'_, '_>) {
        let (ask, Answered { reply, bytes, rtt }) = (pending.id.0, answered);
        self.reached(pending.server.addr, true);
        self.reached_over(pending);
        self.meet_again(pending, turn);
        self.notice_lost_cookie(pending, turn);
        self.budget.received(bytes);
        let (cookie, guessed) = meet(pending, &reply, rtt, near_misses, turn);
        if guessed {
            let event = Event::Ignored { ask, server: pending.server.clone(), what: Ignored::Guessable };
            self.note(turn, pending.goal, event);
            return self.again(pending, Transport::Tcp, AskWhy::TcpAfterNearMiss);
        }
        let (mut beside, mut edes) = (beside(pending, &reply), explanation(reply.edns.as_ref()));
        let (clean, mut verdict, dropped) = self.read(pending, *reply, cookie, turn);
        if let Verdict::Wrong(Wrong::Rcode { said, .. }) = &mut verdict {
            *said = edes.next();
        }
        beside.extend(explained(pending, edes.collect()));
        for gone in dropped {
            let event = Event::Dropped { ask, owner: gone.owner, rtype: gone.rtype, why: gone.why };
            self.note(turn, pending.goal, event);
        }
        let event = Event::Heard {
            ask,
            server: pending.server.clone(),
            rtt_us: as_us(rtt),
            bytes,
            rcode: rcode_name(clean.rcode),
            aa: clean.aa,
            late: pending.late,
            cookie,
            verdict: shown(&verdict, pending, &clean),
        };
        self.note(turn, pending.goal, event);
        for event in beside {
            self.note(turn, pending.goal, event);
        }
        self.learn_server(pending, &verdict, turn);
        for follower in &pending.followers {
            let theirs = Pending { goal: *follower, followers: Vec::new(), ..pending.clone() };
            self.apply(&theirs, clean.clone(), verdict.clone(), turn);
        }
        self.apply(pending, clean, verdict, turn);
    }

    /// What of a reply may be used, what it means, and what was dropped. `cookie` is whether it shows ours.
    fn read(
        &mut self,
        pending: &Pending,
        reply: Reply,
        cookie: bool,
        turn: &Turn<'_, '_>,
    ) -> (Clean, Verdict, Vec<Dropped>) {
        let settings = turn.around.settings;
        let trusted = !self.by_name && (cookie || self.is_trusted(pending, turn));
        let own = |name: &Name| settings.routes.own(name) == settings.routes.own(&pending.question.name);
        // A minimised question asks where the zone cuts are, and not what aliases lead to.
        let may_follow =
            |name: &Name| !pending.minimised && trusted && own(name) && settings.special_zone(name).is_none();
        let sets = &settings.limits.sets;
        let read = if pending.forwarded { scrub::forwarded } else { scrub::reply };
        let (mut clean, dropped) = read(&pending.zone, &pending.question, reply, sets, &may_follow);
        Self::bound_ttls(&mut clean, &turn.around.cache.ttl_limits());
        clean.cookie_refused = pending.cookie.is_some() && !cookie;
        let verdict = if pending.forwarded {
            judge::forwarder(&pending.question, &clean)
        } else {
            judge::reply(&pending.question, &clean)
        };
        let is_signed = pending.how.edns
            && !pending.forwarded
            && !settings.proofs.anchors.is_empty()
            && self.is_signed(pending.goal, turn)
            && !self.is_exempt(&pending.zone, turn);
        // It was asked without.
        let verdict = match verdict {
            Verdict::Wrong(Wrong::NoEdns) if !pending.how.edns => {
                Verdict::Wrong(Wrong::Rcode { rcode: rcode_name(clean.rcode).into_owned(), said: None })
            }
            // RFC 4035 §3.1.4: with its referrals a signed zone sends the DS set, or the proof that there is none. Who
            // does not may be out of date, or forged, and know of cuts that there are not: another is heard first.
            // Where nothing is to be proved (RFC 7646) it is a referral like any other.
            Verdict::Referral { zone, signed: false, .. } if clean.proof.is_empty() && is_signed => {
                Verdict::Wrong(Wrong::Unproved { zone })
            }
            // Nobody knows for which zone it speaks, which may be a signed one that has to prove it (RFC 4035 §5.4).
            Verdict::NxDomain if clean.soa.is_none() && clean.proof.is_empty() && is_signed => {
                Verdict::Wrong(Wrong::Bare)
            }
            verdict => verdict,
        };
        (clean, verdict, dropped)
    }

    /// Whether a reply may be read on behind an alias: it is so hard to forge, or will be proved, that asking again
    /// would show nothing (RFC 5452 §4). Else a single packet that gets through for some name would speak for another
    /// one.
    fn is_trusted(&mut self, pending: &Pending, turn: &Turn<'_, '_>) -> bool {
        let letters = pending.question.name.wire().iter().filter(|octet| octet.is_ascii_alphabetic()).count();
        pending.how.transport == Transport::Tcp
            || pending.check_case && letters >= CASE_BITS
            || self.validates(turn) && self.is_signed(pending.goal, turn)
    }

    /// Keeps count of which IP version works in this walk.
    fn reached(&mut self, addr: IpAddr, answered: bool) {
        let family = usize::from(addr.is_ipv6());
        self.in_reach[family] |= answered;
        self.out_of_reach[family] = !self.in_reach[family];
    }

    /// Over which of IPv4 and IPv6 there is no way out: nothing has come, to nobody for a while nor in this walk, which
    /// has tried, while the other one works. Whoever is only there is not asked in vain any more.
    pub(super) fn no_way_out(&self, turn: &Turn<'_, '_>) -> [bool; 2] {
        let any = [IpAddr::from([0; 4]), IpAddr::from([0; 16])];
        let is_dead = |family: usize| turn.around.servers.family_is_given_up(any[family]);
        [0, 1].map(|family| self.out_of_reach[family] && is_dead(family))
    }

    /// Notes over what somebody has answered.
    fn reached_over(&mut self, pending: &Pending) {
        let local = ServerAt::LOCAL_ROOT.contains(&pending.server.addr);
        self.reach = match (pending.how.transport, self.reach) {
            (Transport::Udp, _) if !local => Reach::Udp,
            (Transport::Tcp, Reach::Nobody) if pending.how.why == AskWhy::TcpAfterSilence => Reach::TcpAlone,
            (_, known) => known,
        };
    }

    /// An exchange came to nothing.
    fn lost(&mut self, pending: &Pending, why: Unreachable, turn: &Turn<'_, '_>) {
        let wrong = Wrong::Unreachable { how: why, transport: pending.how.transport };
        // That a server is silent was said when it became late.
        if !(pending.late && why == Unreachable::Timeout) {
            let event = Event::Lost { ask: pending.id.0, server: pending.server.clone(), wrong: wrong.clone() };
            self.note(turn, pending.goal, event);
        }
        match why {
            Unreachable::CaseMismatch | Unreachable::NearMisses | Unreachable::Garbage if pending.how.over_udp() => {
                if let Some(at) = self.goal(pending.goal).at() {
                    at.tried(&pending.server).loses_case |= why == Unreachable::CaseMismatch;
                }
                return self.again(pending, Transport::Tcp, AskWhy::TcpAfterNearMiss);
            }
            Unreachable::NoCookie => return self.again(pending, Transport::Tcp, AskWhy::TcpAfterNoCookie),
            _ => {}
        }
        // What this machine did not send says nothing of the server, nor does garbage of the way to it.
        let is_missed = !pending.late && !why.is_ours() && why != Unreachable::Garbage;
        if is_missed {
            missed(turn, pending, why);
            self.reached(pending.server.addr, false);
        }
        // It has spoken: before it is given up, the whole question is tried (RFC 9156 §3, step 6e).
        let is_truncated = is_missed && pending.how.why == AskWhy::TcpAfterTruncation;
        if pending.minimised && (why == Unreachable::Garbage || is_truncated) {
            let is_over_tcp = matches!(pending.how.why, AskWhy::TcpAfterSilence | AskWhy::TcpAsBefore);
            self.goal(pending.goal).minimised.give_up();
            let transport = if is_over_tcp { Transport::Tcp } else { Transport::Udp };
            return self.again(pending, transport, AskWhy::FullAfterTrouble);
        }
        // Silence may be loss and is tried again; a refusal would be repeated. Who does without TCP is not lost because
        // somebody guesses, the next query leaves from another port, or because others do without UDP. Who has nothing
        // else to say over TCP is.
        let transport = pending.how.transport;
        let out = match transport {
            Transport::Udp => why != Unreachable::Timeout,
            Transport::Tcp if why == Unreachable::Garbage => true,
            Transport::Tcp => !matches!(pending.how.why, AskWhy::TcpAfterNearMiss | AskWhy::TcpAsBefore),
        };
        if let Some(at) = self.goal(pending.goal).at() {
            let tried = at.tried(&pending.server);
            tried.closed |= why == Unreachable::Refused && transport == Transport::Udp;
            // A server may end a connection at any time: one that spoke over UDP is asked again (RFC 7766 §6.2.4).
            if why == Unreachable::Closed && is_truncated && tried.chance == Chance::Undue {
                tried.chance = Chance::Due;
            }
            at.problem(&pending.server, wrong, out);
        }
    }
}

/// Remembers what a reply shows of its server. Whether it has our cookie, and whether somebody guesses.
fn meet(pending: &Pending, reply: &Reply, rtt: Duration, near_misses: usize, turn: &Turn<'_, '_>) -> (bool, bool) {
    let (over_udp, limits) = (pending.how.over_udp(), &turn.around.settings.limits);
    let theirs = cookies::shown(pending, reply.edns.as_ref());
    Walk::learn_cookie(pending, theirs, turn);
    // RFC 5452 §9.3: somebody guesses; neither TCP nor our cookie can be guessed.
    let guessed = over_udp && near_misses >= limits.near_misses && theirs.is_none();
    // Who complains of a query may have sent its OPT record back unread.
    let edns = !guessed && pending.how.edns && reply.edns.is_some() && !scrub::complains(reply.rcode);
    // That the local copy of the root answers says nothing of the network.
    if !ServerAt::LOCAL_ROOT.contains(&pending.server.addr) {
        let shown = Shown { rtt, over_udp, edns, cookie: pending.cookie.is_some() };
        turn.around.servers.heard(pending.server.addr, shown, turn.now);
    }
    (theirs.is_some(), guessed)
}

/// What is told of a reply besides what it turned out to be.
fn beside(pending: &Pending, reply: &Reply) -> Vec<Event> {
    let ask = pending.id.0;
    let damaged = reply.damage.iter().filter_map(scrub::broken).map(|how| Event::Damaged { ask, how });
    let identity = reply.edns.as_ref().and_then(identity);
    let identified = identity.map(|identity| Event::Identified { ask, server: pending.server.clone(), identity });
    damaged.chain(identified).collect()
}

/// That a server has said why, if it has said anything.
fn explained(pending: &Pending, edes: Vec<Ede>) -> Option<Event> {
    if edes.is_empty() {
        return None;
    }
    Some(Event::Explained { ask: pending.id.0, server: pending.server.clone(), edes })
}

/// What a server calls itself (RFC 5001 §2.3: any octets), as far as it is fit to be shown.
fn identity(edns: &Edns) -> Option<String> {
    const MOST: usize = 64;
    let octets = edns.option(edns::NSID).filter(|octets| !octets.is_empty())?;
    Some(octets[..octets.len().min(MOST)].escape_ascii().to_string())
}

/// What a server says of its reply in extended errors, as much of it as is fit to be shown: they are a stranger's.
fn explanation(edns: Option<&Edns>) -> impl Iterator<Item = Ede> + use<> {
    const MOST: usize = 4;
    // Of three servers, so much fits into an answer: what does not is left out of it with all else that is said there.
    const LONGEST: usize = 120;
    let columns = |letter: char| Ascii(letter.encode_utf8(&mut [0; 4]).as_bytes()).columns();
    let short = |ede: Ede| {
        let mut room = LONGEST;
        let fits = |letter: &char| room.checked_sub(columns(*letter)).map(|left| room = left).is_some();
        Ede::new(ede.code, ede.text.chars().take_while(fits).collect::<String>())
    };
    let edes: Vec<Ede> = edns.into_iter().flat_map(Edns::edes).take(MOST).map(short).collect();
    edes.into_iter()
}

/// Remembers that nothing came from a server. That TCP leads nowhere says nothing of UDP, and the reverse.
fn missed(turn: &Turn<'_, '_>, pending: &Pending, why: Unreachable) {
    let (servers, addr) = (turn.around.servers, pending.server.addr);
    match pending.how.transport {
        Transport::Udp => servers.silent(addr, pending.sent, turn.now),
        Transport::Tcp if why == Unreachable::Timeout => servers.silent_over_tcp(addr, pending.sent, turn.now),
        Transport::Tcp => servers.tcp_broken(addr, turn.now),
    }
}

/// What the trace shows: a minimised question that found no cut says so.
fn shown(verdict: &Verdict, pending: &Pending, clean: &Clean) -> Verdict {
    if pending.minimised && judge::shows_no_cut(verdict, clean) { Verdict::Deeper } else { verdict.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::EdnsOption;

    /// What a stranger says must not be so long that our own sentence has no room.
    #[test]
    fn what_a_server_says_is_cut_by_what_it_takes_to_show_it() {
        let said = |text: &str| {
            let option = EdnsOption { code: edns::EXTENDED_ERROR, data: [b"\0\x06", text.as_bytes()].concat().into() };
            let mut opt = Edns::new(1232, false);
            opt.options.extend(vec![option; 9]);
            let edes: Vec<Ede> = explanation(Some(&opt)).collect();
            assert_eq!(edes.len(), 4);
            edes[0].to_string().strip_prefix("6 (DNSSEC Bogus): ").unwrap_or_default().len()
        };
        assert_eq!((said("no key fits"), said(&"x".repeat(300))), (11, 120));
        assert_eq!((said(&"漢".repeat(300)), said(&"\x07".repeat(300))), (120, 120));
        // Whatever it is, as much as fits.
        for octet in 0..=0x7f_u8 {
            assert_eq!(said(&char::from(octet).to_string().repeat(299)), 120, "{octet}");
        }
        assert_eq!(explanation(None).count(), 0);
    }
}
