//! What goes wrong between a right answer and the packets that leave: pure, driven by data.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::Deserialize;

use super::answer::Draft;
use super::spelled;
use crate::trace::Transport;
use crate::wire::{HEADER, Name, QueryView, Question, RecordType, ResponseCode, RrSet};

/// One thing that is wrong with a server. A server may have several; they act in the order given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fault {
    /// Every reply comes so many milliseconds late.
    DelayMs(u32),
    /// The first of every so many datagrams is lost.
    DropEvery(NonZeroU64),
    /// Nothing is ever answered.
    Silent,
    /// Every answer is this response code and nothing else.
    Rcode(#[serde(deserialize_with = "spelled::rcode")] ResponseCode),
    /// Every answer is a referral without AA that consists of these records, master file lines.
    Upward(#[serde(deserialize_with = "spelled::records")] Vec<RrSet>),
    /// Over UDP nothing but TC.
    TruncateUdp,
    /// Nobody listens on TCP.
    RefuseTcp,
    /// No fault: cookies are shown, and over UDP BADCOOKIE is all that a client gets whose cookie is not of this server
    /// (RFC 7873 §5.2.4).
    Cookies,
    /// FORMERR to a query with an OPT record, as servers from before EDNS give.
    FormerrOnEdns,
    /// The reply never has an OPT record, nor DNSSEC records.
    IgnoreEdns,
    /// The question comes back in lower case.
    LowerCase,
    /// A forged reply with another id comes first.
    WrongIdFirst,
    /// Over UDP so many forged replies with other ids come first, as from somebody who tries all of them.
    WrongIdsFirst(u16),
    /// Over UDP, where that can be forged, a reply to another question comes first.
    WrongQuestionFirst,
    /// The largest message there is, over TCP, of names that are chains of as many pointers as a name can have labels.
    CompressionBomb,
    /// Records that nobody asked for are added to every answer.
    Poison {
        /// Master file lines for the authority section.
        #[serde(default, deserialize_with = "spelled::records")]
        authority: Vec<RrSet>,
        /// Master file lines for the additional section.
        #[serde(default, deserialize_with = "spelled::records")]
        additional: Vec<RrSet>,
    },
    /// NXDOMAIN for an empty non-terminal.
    NxdomainOnEnt,
    /// Every reply comes twice.
    Duplicate,
}

/// What a server does with a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The port is closed: an ICMP error or a TCP reset.
    Refused,
    /// These packets leave, in this order; none is silence. Over TCP they have no length prefix.
    Packets(Vec<Packet>),
}

/// A packet that a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// How long after the query it leaves.
    pub delay: Duration,
    /// The message.
    pub bytes: Vec<u8>,
}

/// Whether the `nth` packet, counted from 0, stays without an answer.
pub(super) fn is_silent(faults: &[Fault], transport: Transport, nth: u64) -> bool {
    faults.iter().any(|fault| match fault {
        Fault::Silent => true,
        Fault::DropEvery(count) => transport == Transport::Udp && nth.is_multiple_of(count.get()),
        _ => false,
    })
}

/// Whether the server behaves as if the query had no OPT record.
pub(super) fn ignores_edns(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| matches!(fault, Fault::IgnoreEdns | Fault::FormerrOnEdns))
}

/// Makes a right answer wrong.
pub(super) fn spoil(faults: &[Fault], draft: &mut Draft, query: &QueryView<'_>, transport: Transport) {
    for fault in faults {
        match fault {
            Fault::Rcode(rcode) => *draft = Draft::bare(*rcode),
            Fault::FormerrOnEdns if query.edns().is_some() => *draft = Draft::bare(ResponseCode::FormErr),
            Fault::Upward(referral) => {
                *draft = Draft { authority: referral.clone(), ..Draft::bare(ResponseCode::NoError) };
            }
            Fault::TruncateUdp | Fault::CompressionBomb if transport == Transport::Udp => {
                *draft = Draft { truncated: true, aa: draft.aa, ..Draft::bare(draft.rcode) };
            }
            Fault::NxdomainOnEnt if draft.empty_non_terminal => draft.rcode = ResponseCode::NXDomain,
            Fault::Poison { authority, additional } => {
                draft.authority.extend_from_slice(authority);
                draft.additional.extend_from_slice(additional);
            }
            _ => {}
        }
    }
}

/// The packets that leave for an answer; `encode` writes a message for an id, a question and an answer.
pub(super) fn deliver(
    faults: &[Fault],
    draft: &Draft,
    query: &QueryView<'_>,
    transport: Transport,
    encode: impl Fn(u16, &Question, &Draft) -> Vec<u8>,
) -> Vec<Packet> {
    let question = query.question();
    let mut sent = Vec::new();
    let mut echoed = question.clone();
    let mut delay = Duration::ZERO;
    let mut copies = 1;
    for fault in faults {
        match fault {
            Fault::DelayMs(ms) => delay = Duration::from_millis(u64::from(*ms)),
            Fault::LowerCase => echoed.name = question.name.to_lower(),
            Fault::Duplicate => copies = 2,
            Fault::WrongIdFirst => sent.push(encode(query.id() ^ 0x5a5a, &question, &forged(draft, &question.name))),
            Fault::WrongIdsFirst(count) if transport == Transport::Udp => {
                let forged = forged(draft, &question.name);
                sent.extend((1..=*count).map(|other| encode(query.id() ^ other, &question, &forged)));
            }
            Fault::WrongQuestionFirst if transport == Transport::Udp => {
                let other = other_name(&question.name);
                let answer = forged(draft, &other);
                sent.push(encode(query.id(), &Question { name: other, ..question.clone() }, &answer));
            }
            _ => {}
        }
    }
    sent.extend(std::iter::repeat_n(encode(query.id(), &echoed, draft), copies));
    if transport == Transport::Tcp && faults.contains(&Fault::CompressionBomb) {
        sent.iter_mut().for_each(|bytes| swell(bytes, &question));
    }
    sent.into_iter().map(|bytes| Packet { delay, bytes }).collect()
}

/// Makes the largest message there is of one: its header and question, a record whose data is a chain of labels that
/// each point to the one before, and as many records as fit whose owner is the end of that chain.
fn swell(bytes: &mut Vec<u8>, question: &Question) {
    const CHAIN: [u8; 2] = [0xff, 0x00];
    bytes.truncate(HEADER + question.name.wire().len() + 4);
    let pointer = |to: usize| (u16::try_from(to).unwrap_or_default() | 0xc000).to_be_bytes();
    let fixed = |rtype: u16, octets: usize| {
        let ttl = [0, 0, 1, 44];
        let octets = u16::try_from(octets).unwrap_or_default();
        [&rtype.to_be_bytes()[..], &[0, 1], &ttl, &octets.to_be_bytes()].concat()
    };
    // Each link is a label of one octet and the pointer to the link before; the first one leads to the name asked for.
    let links = 255_usize.saturating_sub(question.name.wire().len()) / 2;
    bytes.extend(pointer(HEADER));
    bytes.extend(fixed(u16::from_be_bytes(CHAIN), links * 4));
    let mut before = HEADER;
    for _ in 0..links {
        let here = bytes.len();
        bytes.extend([1, b'a']);
        bytes.extend(pointer(before));
        before = here;
    }
    let record = [&pointer(before)[..], &fixed(1, 4), &[192, 0, 2, 1]].concat();
    let count = (usize::from(u16::MAX) - bytes.len()) / record.len();
    bytes.extend(record.repeat(count));
    let answers = u16::try_from(count + 1).unwrap_or_default().to_be_bytes();
    // The header's counts: one question, the answers, and nothing else.
    bytes[4..HEADER].copy_from_slice(&[0, 1, answers[0], answers[1], 0, 0, 0, 0]);
}

/// The answer with every owner `owner` and every address one that nobody has.
fn forged(draft: &Draft, owner: &Name) -> Draft {
    let forge = |set: &RrSet| match set.rtype {
        RecordType::A => RrSet::new(owner.clone(), set.rtype, set.ttl_secs, [&[127, 53, 3, 66][..]]),
        _ => RrSet { owner: owner.clone(), ..set.clone() },
    };
    Draft { answer: draft.answer.iter().map(forge).collect(), aa: draft.aa, ..Draft::bare(draft.rcode) }
}

/// A name beside `name`.
fn other_name(name: &Name) -> Name {
    let parent = name.parent().unwrap_or_else(Name::root);
    parent.prepend(b"not-what-you-asked").unwrap_or(parent)
}
