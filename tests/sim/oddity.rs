//! Servers that are odd and do not lie: what they say is right, and not said as others say it. Whoever reads with care
//! gets the answer from most of them, and from none of them a false one.

use rootwalk::lab::Packet;
use rootwalk::trace::Transport;
use rootwalk::walk::ask::Ask;
use rootwalk::wire::{Edns, EdnsOption, Flags, Record, RecordType, Reply, ResponseCode, edns, rcode};

use super::resolver::query_bytes;
use super::trouble::{message, rewrite};

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// FORMERR without OPT to every query with EDNS; in order without.
    NoEdns,
    /// Sends queries with EDNS back with FORMERR, their OPT record in it (RFC 8906 §8.2.1).
    EchoesEdns,
    /// BADVERS to every query with EDNS, whatever its version.
    BadVersion,
    /// A response code that is none for a server, and for each question another one.
    StrangeCode,
    /// Never sets AA.
    NeverAa,
    /// Sets AA, in referrals too.
    AlwaysAa,
    /// Sets RA, with AA where it has authority.
    SaysRa,
    /// TC over UDP, with the whole answer in it.
    TruncatesWhole,
    /// TC over UDP, with nothing in it, and silence over TCP.
    TruncatesSilent,
    /// UDP packets end within a record, without TC.
    CutsShort,
    /// UDP packets of more than 512 octets get lost.
    SmallOnly,
    /// Nothing listens on TCP.
    UdpOnly,
    /// Nothing comes over UDP.
    TcpOnly,
    /// Nothing listens on UDP.
    UdpClosed,
    /// Octets behind the message.
    Trailing,
    /// No question in the reply.
    NoQuestion,
    /// The question twice.
    TwoQuestions,
    /// Sends queries back as they are.
    Echoes,
    /// The records of each section in reverse order, those for proofs behind the others.
    Backwards,
    /// Each record twice.
    Twice,
    /// All TTLs are 0.
    ZeroTtl,
    /// All TTLs have the top bit set (RFC 8767 §4).
    NegativeTtl,
    /// Owners and targets in capital letters.
    Capitals,
    /// Referrals without glue.
    NoGlue,
    /// The SOA record is left out.
    NoSoa,
    /// Class CHAOS for half of the records, beside the right ones.
    OtherClass,
    /// REFUSED, SERVFAIL or nothing to the first query of all, as from who has just been started or counts queries.
    RefusesFirst,
    FailsFirst,
    SilentFirst,
    /// REFUSED, SERVFAIL or nothing to questions for which there is no data, as most minimised ones are.
    RefusesNoData,
    FailsNoData,
    SilentNoData,
    /// FORMERR, with OPT or without, or nothing to queries with a cookie.
    FormErrToCookies,
    BareFormErrToCookies,
    SilentToCookies,
    /// A cookie that is not ours, or is too short for one.
    OtherCookie,
    ShortCookie,
    /// BADCOOKIE to each cookie, whatever it is.
    BadCookie,
    /// EDNS version 1 in replies.
    NextVersion,
    /// Bits that are none of a server: AD, CD, RD and the one that must be zero.
    SetsBits,
    /// The NS set in place of the SOA record.
    NsForSoa,
}

pub(crate) const ODDITIES: [Oddity; 41] = [
    Oddity::NoEdns,
    Oddity::EchoesEdns,
    Oddity::BadVersion,
    Oddity::StrangeCode,
    Oddity::NeverAa,
    Oddity::AlwaysAa,
    Oddity::SaysRa,
    Oddity::TruncatesWhole,
    Oddity::TruncatesSilent,
    Oddity::CutsShort,
    Oddity::SmallOnly,
    Oddity::UdpOnly,
    Oddity::TcpOnly,
    Oddity::UdpClosed,
    Oddity::Trailing,
    Oddity::NoQuestion,
    Oddity::TwoQuestions,
    Oddity::Echoes,
    Oddity::Backwards,
    Oddity::Twice,
    Oddity::ZeroTtl,
    Oddity::NegativeTtl,
    Oddity::Capitals,
    Oddity::NoGlue,
    Oddity::NoSoa,
    Oddity::OtherClass,
    Oddity::RefusesFirst,
    Oddity::FailsFirst,
    Oddity::SilentFirst,
    Oddity::RefusesNoData,
    Oddity::FailsNoData,
    Oddity::SilentNoData,
    Oddity::FormErrToCookies,
    Oddity::BareFormErrToCookies,
    Oddity::SilentToCookies,
    Oddity::OtherCookie,
    Oddity::ShortCookie,
    Oddity::BadCookie,
    Oddity::NextVersion,
    Oddity::SetsBits,
    Oddity::NsForSoa,
];

impl Oddity {
    /// Whether nobody listens at all over a transport.
    pub(crate) fn refuses(self, transport: Transport) -> bool {
        match self {
            Self::UdpOnly => transport == Transport::Tcp,
            Self::UdpClosed => transport == Transport::Udp,
            _ => false,
        }
    }

    /// Whether the answer can be had where all servers are like this, when nothing has to be proved. From some there is
    /// none, and where all of them are silent at first the time of a walk is over before the end of a long way.
    pub(crate) fn answers(self) -> bool {
        let never =
            matches!(self, Self::StrangeCode | Self::NoQuestion | Self::TwoQuestions | Self::Echoes | Self::NoGlue);
        !never && !matches!(self, Self::TruncatesSilent | Self::SilentNoData | Self::SilentToCookies)
    }

    /// Whether only what there is can be had from such servers, and not that there is nothing.
    pub(crate) fn denies_nothing(self) -> bool {
        matches!(self, Self::RefusesNoData | Self::FailsNoData | Self::SilentNoData)
    }

    /// Makes the packets odd that answer `ask` under `id`; it is the `nth` query of the server, counted from 0.
    pub(super) fn spoil(self, ask: &Ask, id: u16, nth: u64, packets: &mut Vec<Packet>) {
        let udp = ask.transport == Transport::Udp;
        let says = |code| vec![message(id, Flags::default(), code, &ask.question, &[])];
        let cookie = ask.edns.as_ref().and_then(|edns| edns.option(edns::COOKIE));
        let all = |packets: &mut Vec<Packet>, change: &dyn Fn(&mut Reply)| {
            packets.iter_mut().for_each(|packet| rewrite(packet, change));
        };
        match self {
            _ if self.is_silent(udp, nth, cookie.is_some()) => packets.clear(),
            Self::NoEdns if ask.edns.is_some() => *packets = says(ResponseCode::FormErr),
            Self::EchoesEdns | Self::BadVersion if ask.edns.is_some() => {
                let code = if self == Self::EchoesEdns { ResponseCode::FormErr } else { ResponseCode::BADVERS };
                all(packets, &|reply| {
                    reply.rcode = code;
                    (reply.answer, reply.authority, reply.additional) = Default::default();
                    reply.edns.clone_from(&ask.edns);
                    reply.edns.iter_mut().filter(|_| self == Self::BadVersion).for_each(|edns| edns.options.clear());
                });
            }
            // What does not know EDNS does not send it.
            Self::NoEdns | Self::EchoesEdns | Self::BadVersion => all(packets, &|reply| reply.edns = None),
            Self::StrangeCode => {
                let codes = [9, 11, 12, 15, 10, 16, 22];
                let nth = ask.question.name.wire().len() % codes.len();
                all(packets, &|reply| {
                    // Codes above 15 have their upper bits in the OPT record (RFC 6891 §6.1.3).
                    let code = if reply.edns.is_some() { codes[nth] } else { codes[nth].min(15) };
                    reply.rcode = rcode(code);
                });
            }
            Self::NeverAa => all(packets, &|reply| reply.flags = reply.flags.with_aa(false)),
            Self::AlwaysAa => all(packets, &|reply| reply.flags = reply.flags.with_aa(true)),
            Self::SaysRa => all(packets, &|reply| reply.flags = reply.flags.with_ra(true)),
            Self::TruncatesWhole if udp => all(packets, &|reply| reply.flags = reply.flags.with_tc(true)),
            Self::TruncatesSilent => {
                *packets = vec![message(id, Flags::default().with_tc(true), ResponseCode::NoError, &ask.question, &[])];
            }
            Self::CutsShort if udp => packets.iter_mut().for_each(cut_short),
            Self::SmallOnly if udp => packets.retain(|packet| packet.bytes.len() <= 512),
            Self::Trailing => packets.iter_mut().for_each(|packet| packet.bytes.extend([0xff; 7])),
            Self::NoQuestion => all(packets, &|reply| reply.question = None),
            Self::TwoQuestions => packets.iter_mut().for_each(|packet| packet.bytes[5] = 2),
            Self::Echoes => packets.iter_mut().for_each(|packet| packet.bytes = query_bytes(ask, id)),
            Self::OtherClass => all(packets, &|reply| add_foreign(&mut reply.answer)),
            Self::RefusesFirst if nth == 0 => *packets = says(ResponseCode::Refused),
            Self::FailsFirst if nth == 0 => *packets = says(ResponseCode::ServFail),
            Self::RefusesNoData if is_denial(packets) => *packets = says(ResponseCode::Refused),
            Self::FailsNoData if is_denial(packets) => *packets = says(ResponseCode::ServFail),
            Self::SilentNoData if is_denial(packets) => packets.clear(),
            Self::FormErrToCookies if cookie.is_some() => {
                *packets = says(ResponseCode::FormErr);
                all(packets, &|reply| reply.edns = Some(Edns::new(1232, true)));
            }
            Self::BareFormErrToCookies if cookie.is_some() => *packets = says(ResponseCode::FormErr),
            Self::OtherCookie if cookie.is_some() => all(packets, &|reply| set_cookie(reply, b"12345678abcdefgh")),
            Self::ShortCookie if cookie.is_some() => all(packets, &|reply| set_cookie(reply, b"1234567")),
            Self::BadCookie if let Some(shown) = cookie => {
                *packets = says(ResponseCode::NoError);
                all(packets, &|reply| {
                    reply.rcode = ResponseCode::BADCOOKIE;
                    reply.edns = Some(Edns::new(1232, true));
                    set_cookie(reply, &[&shown[..8], b"abcdefgh"].concat());
                });
            }
            Self::NextVersion => all(packets, &|reply| reply.edns.iter_mut().for_each(|edns| edns.version = 1)),
            Self::SetsBits => all(packets, &|reply| reply.flags = Flags(reply.flags.0 | 0x0170)),
            _ => all(packets, &|reply| self.rearrange(reply)),
        }
    }

    /// Whether nothing comes of the `nth` query, over UDP or TCP, with a cookie or without.
    fn is_silent(self, udp: bool, nth: u64, cookie: bool) -> bool {
        match self {
            Self::TcpOnly => udp,
            Self::TruncatesSilent => !udp,
            Self::SilentFirst => nth == 0,
            Self::SilentToCookies => cookie,
            _ => false,
        }
    }

    fn rearrange(self, reply: &mut Reply) {
        let sections = [&mut reply.answer, &mut reply.authority, &mut reply.additional];
        match self {
            Self::Backwards => sections.into_iter().for_each(backwards),
            Self::Twice => sections.into_iter().for_each(|records| records.extend(records.clone())),
            Self::ZeroTtl => sections.into_iter().flatten().for_each(|record| record.ttl_secs = 0),
            Self::NegativeTtl => sections.into_iter().flatten().for_each(|record| record.ttl_secs |= 1 << 31),
            Self::Capitals => sections.into_iter().flatten().for_each(|record| {
                record.owner = record.owner.with_case(u128::MAX);
            }),
            Self::NoGlue => reply.additional.clear(),
            Self::NoSoa => reply
                .authority
                .retain(|record| record.rtype != RecordType::SOA && record.covers() != Some(RecordType::SOA)),
            Self::NsForSoa => {
                let soa = |record: &&mut Record| record.rtype == RecordType::SOA;
                for record in reply.authority.iter_mut().filter(soa) {
                    (record.rtype, record.rdata) = (RecordType::NS, record.owner.wire().to_vec().into());
                }
            }
            _ => {}
        }
    }
}

/// Whether there is nothing that was asked for, nor somebody else who could be asked.
fn is_denial(packets: &[Packet]) -> bool {
    let mut replies = packets.iter().filter_map(|packet| Reply::read(&packet.bytes).ok());
    let refers = |reply: &Reply| reply.authority.iter().any(|record| record.rtype == RecordType::NS);
    replies.all(|reply| reply.answer.is_empty() && !refers(&reply) && !reply.flags.tc())
}

fn set_cookie(reply: &mut Reply, octets: &[u8]) {
    let cookie = EdnsOption { code: edns::COOKIE, data: octets.to_vec().into() };
    reply.edns.iter_mut().for_each(|edns| edns.options = [cookie.clone()].into_iter().collect());
}

/// What is there for proofs stays in its order: attacks that put what fits behind what does not would be none.
fn backwards(records: &mut Vec<Record>) {
    let proves = |record: &mut Record| [RecordType::DS, RecordType::DNSKEY, RecordType::RRSIG].contains(&record.rtype);
    let proofs: Vec<Record> = records.extract_if(.., proves).collect();
    records.reverse();
    records.extend(proofs);
}

/// Takes the end off a packet that has any records, in the middle of one of those that matter.
fn cut_short(packet: &mut Packet) {
    let Ok(reply) = Reply::read(&packet.bytes) else { return };
    if reply.answer.is_empty() && reply.authority.is_empty() {
        return;
    }
    rewrite(packet, |reply| (reply.additional, reply.edns) = (Vec::new(), None));
    packet.bytes.truncate(packet.bytes.len() - 3);
}

fn add_foreign(records: &mut Vec<Record>) {
    let foreign =
        |record: &Record| Record { class: 3.into(), rdata: vec![6; record.rdata.len()].into(), ..record.clone() };
    let more: Vec<Record> = records.iter().filter(|record| record.rtype == RecordType::A).map(foreign).collect();
    records.splice(0..0, more);
}
