//! How a client is told: the answer in the form and size that it can take, with the extras that it asked for.

use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;

use super::counts::Count;
use super::{Resolver, ServeSettings};
use crate::cache::{Answer, AnswerKey, Delegation, Plain, Ready, Usage};
use crate::drive::unix_secs;
use crate::listen::{Now, Peer, Transport};
use crate::policy::LocalAnswer;
use crate::time::Time;
use crate::walk::Partial;
use crate::wire::{
    BadQuery, DNSClass, Ede, EdnsView, Extras, PlainAnswer, QueryFault, QueryView, RecordType, ResponseCode, RrSet,
    Sections, Template, answer_bad, cookie, ede, edns, spot_opt,
};

impl Resolver {
    pub(super) fn respond(&self, query: &QueryView<'_>, answer: &Answer, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        let edes: &[Ede] = if self.0.settings.ede { &answer.edes } else { &[] };
        // What is fresh lives no longer than its signatures do.
        let secure = answer.secure && (!answer.is_stopgap() || answer.is_signed(unix_secs()));
        self.extras(query, secure, edes, peer, |extras, limit| {
            answer.template.respond(query, answer.age_secs(now), extras, limit, out);
        });
    }

    pub(super) fn send(&self, query: &QueryView<'_>, ready: &Ready, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        match ready {
            Ready::Written(answer) => self.respond(query, answer, now, peer, out),
            Ready::Plain(plain) => self.respond_plain(query, plain, peer, out),
        }
    }

    pub(super) fn respond_plain(&self, query: &QueryView<'_>, plain: &Plain, peer: &Peer, out: &mut Vec<u8>) {
        let answer = PlainAnswer { ttl_secs: plain.ttl_secs, rdatas: plain.data(), sigs: plain.sigs.block() };
        self.extras(query, plain.secure, &[], peer, |extras, limit| answer.respond(query, extras, limit, out));
    }

    /// Hands `respond` what this client gets besides the records, and the octets that it can take.
    fn extras(
        &self,
        query: &QueryView<'_>,
        secure: bool,
        edes: &[Ede],
        peer: &Peer,
        respond: impl FnOnce(&Extras<'_>, usize),
    ) {
        // RFC 6840 §5.7, §5.8: for those who show that they know what AD means.
        let ad = secure && (query.dnssec_ok() || query.flags().ad());
        let cookie = option(query, edns::COOKIE).and_then(|shown| self.cookie(shown, peer));
        let cookie = cookie.as_ref().map(|cookie| (edns::COOKIE, &cookie[..]));
        // RFC 5001 §2.2: only who asks for it gets it.
        let nsid = Some(&*self.0.settings.nsid).filter(|id| !id.is_empty() && option(query, edns::NSID).is_some());
        let idle = peer.keepalive.map(tenths);
        let keepalive = idle.as_ref().map(|idle| (edns::TCP_KEEPALIVE, &idle[..]));
        let nsid = nsid.map(|id| (edns::NSID, id));
        let options: SmallVec<[(u16, &[u8]); 3]> = keepalive.into_iter().chain(cookie).chain(nsid).collect();
        let (udp_size, padded) = (self.0.settings.udp_size, pads(query.edns(), peer));
        let extras = Extras { ad, edes, options: &options, udp_size, padded };
        respond(&extras, self.limit(query, peer));
    }

    /// The cookie for a client that has `shown` this option (RFC 7873 §5.2).
    fn cookie(&self, shown: &[u8], peer: &Peer) -> Option<[u8; cookie::WHOLE]> {
        let ServeSettings { cookie_secret, .. } = &self.0.settings;
        cookie::answer(shown, peer.client.ip(), cookie_secret, unix_secs())
    }

    /// Octets that the client can take.
    fn limit(&self, query: &QueryView<'_>, peer: &Peer) -> usize {
        match peer.transport {
            Transport::Udp => query.udp_limit().min(self.0.settings.udp_size.into()),
            Transport::Tcp | Transport::Tls | Transport::Http => usize::from(u16::MAX),
        }
    }

    pub(super) fn answer_locally(&self, query: &QueryView<'_>, local: &LocalAnswer, peer: &Peer, out: &mut Vec<u8>) {
        let sections = Sections {
            answer: &local.answer,
            authority: &local.authority,
            additional: &local.additional,
            // RFC 1034 §3.7.1: nobody speaks with authority for all classes.
            aa: local.authoritative && query.qclass() != DNSClass::ANY,
            no_recursion: local.no_recursion,
        };
        let template = Template::build(&query.question(), local.rcode, &sections, query.dnssec_ok());
        let now = self.0.world.clock.now();
        let edes = local.edes.clone().into();
        let usage = Usage::stopgap(None);
        let answer = Answer { template, edes, stored: now, expires: now, secure: false, signed_until: 0, usage };
        self.respond(query, &answer, now, peer, out);
    }

    /// Gives the part of an answer that is known, and says whose servers have to be asked for the rest (RFC 1034
    /// §4.3.1); or refuses, where nothing is.
    pub(super) fn refer(&self, query: &QueryView<'_>, known: Partial, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        let rcode = if known.is_empty() { ResponseCode::Refused } else { ResponseCode::NoError };
        let Partial { links: answer, proof: mut authority, closest } = known;
        let mut why = String::from("recursion was not desired, and the answer is not in the cache");
        why += if answer.is_empty() { "" } else { ", but for aliases on the way" };
        let mut additional = Vec::new();
        if let Some(closest) = &closest {
            why += &format!(": the servers of {} may know it", closest.zone);
            referral(closest, query.dnssec_ok(), now, (&mut authority, &mut additional));
        }
        let edes = vec![Ede::new(ede::NOT_AUTHORITATIVE, why)];
        let local = LocalAnswer { rcode, answer, authority, additional, edes, ..LocalAnswer::default() };
        self.answer_locally(query, &local, peer, out);
    }

    pub(super) fn answer_unreadable(&self, bytes: &[u8], bad: BadQuery, peer: &Peer, out: &mut Vec<u8>) -> Now {
        self.0.counts.one(Count::Unreadable);
        let BadQuery::Answer { rcode, why } = bad else { return Now::Drop };
        let ServeSettings { ede, udp_size, cookie_secret, .. } = &self.0.settings;
        let edns = spot_opt(bytes);
        let shown = edns.and_then(|edns| edns.option(edns::COOKIE));
        let cookie = shown.and_then(|shown| Some((shown, self.cookie(shown, peer)?)));
        let rcode = match cookie {
            // RFC 7873 §5.4: it is about nothing but the cookie.
            Some((shown, _)) if why == QueryFault::QuestionCount(0) => {
                let now_secs = unix_secs();
                let is_good = || cookie::is_good(shown, peer.client.ip(), cookie_secret, now_secs);
                if shown.len() == cookie::CLIENT || is_good() { ResponseCode::NoError } else { ResponseCode::BADCOOKIE }
            }
            _ => rcode,
        };
        // A stranger gets no sentence, which would be several times what came in (RFC 5358).
        let is_error = !matches!(rcode, ResponseCode::NoError | ResponseCode::BADCOOKIE);
        let says_why = *ede && is_error && self.admits(peer.client.ip());
        let code = if why == QueryFault::Opcode { ede::NOT_SUPPORTED } else { ede::OTHER };
        let edes = says_why.then(|| Ede::new(code, why.to_string()));
        let options = cookie.as_ref().map(|(_, whole)| (edns::COOKIE, &whole[..]));
        let (options, padded) = (options.as_slice(), pads(edns, peer));
        let extras = Extras { edes: edes.as_slice(), options, udp_size: *udp_size, padded, ..Extras::default() };
        answer_bad(bytes, rcode, &extras, out);
        Now::Sent
    }
}

/// The records of a referral to a zone.
fn referral(
    closest: &Delegation,
    dnssec_ok: bool,
    now: Time,
    (authority, additional): (&mut Vec<RrSet>, &mut Vec<RrSet>),
) {
    let Delegation { zone, servers, .. } = closest;
    let ttl_secs = closest.expires.secs_since(now);
    authority.push(RrSet::new(zone.clone(), RecordType::NS, ttl_secs, servers.iter().map(|server| server.name.wire())));
    if dnssec_ok {
        // RFC 4035 §3.1.4.
        let (ds, proof) = closest.signed(now);
        authority.extend(ds.into_iter().chain(proof).map(|set| RrSet { ttl_secs: set.ttl_secs.min(ttl_secs), ..set }));
    }
    let glue = servers.iter().flat_map(|server| server.addrs.iter().map(move |addr| (&server.name, addr)));
    additional.extend(glue.map(|(name, addr)| match addr {
        IpAddr::V4(v4) => RrSet::new(name.clone(), RecordType::A, ttl_secs, [&v4.octets()[..]]),
        IpAddr::V6(v6) => RrSet::new(name.clone(), RecordType::AAAA, ttl_secs, [&v6.octets()[..]]),
    }));
}

/// A time as clients are told it: in tenths of a second (RFC 7828 §3.1).
fn tenths(time: Duration) -> [u8; 2] {
    u16::try_from(time.as_millis() / 100).unwrap_or(u16::MAX).to_be_bytes()
}

/// Whether the answer is padded: for who has padded the query (RFC 8467 §4.1), where padding hides something (RFC 7830
/// §6).
pub(super) fn pads(edns: Option<EdnsView<'_>>, peer: &Peer) -> bool {
    peer.transport.is_encrypted() && edns.is_some_and(|edns| edns.option(edns::PADDING).is_some())
}

/// The data of an EDNS option of the query.
pub(super) fn option<'a>(query: &QueryView<'a>, code: u16) -> Option<&'a [u8]> {
    query.edns().and_then(|edns| edns.option(code))
}

/// Under which an answer is kept: what DO brings with it is another answer (RFC 4035 §3.2.1).
pub(super) fn key<'a>(query: &QueryView<'a>) -> AnswerKey<'a> {
    AnswerKey {
        qname_wire: query.qname_wire(),
        qtype: query.qtype().into(),
        dnssec_ok: query.dnssec_ok(),
        checking_disabled: query.flags().cd(),
    }
}
