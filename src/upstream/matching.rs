//! Whether a packet is the reply to what was asked (RFC 5452 §9.1).

use crate::trace::{Ignored, Transport};
use crate::walk::ask::Ask;
use crate::wire::{HEADER, OpCode, Reply, ResponseCode, cookie, edns};

/// Reads a packet that came from the asked address and port to the port of the query.
///
/// The name in its question gets small letters, once it was compared: the records of a reply point there for their
/// names, and the mixed case of a query (draft-vixie-dnsext-dns0x20-00) is nobody's business but ours.
///
/// # Errors
/// Says why it is not the reply that is awaited.
pub fn read(packet: &mut [u8], id: u16, ask: &Ask) -> Result<Box<Reply>, Ignored> {
    let Some(got) = packet.first_chunk() else { return Err(Ignored::TooShort) };
    let got = u16::from_be_bytes(*got);
    if got != id {
        // Before anything is read: a flood of guesses must cost little.
        return Err(Ignored::WrongId { got, want: id });
    }
    let asked = &ask.question;
    let name = packet.get_mut(HEADER..HEADER + asked.name.wire().len()).unwrap_or_default();
    let keeps_case = name == asked.name.wire();
    if name.eq_ignore_ascii_case(asked.name.wire()) {
        name.make_ascii_lowercase();
    }
    let reply = Reply::read(packet).map_err(|_| Ignored::Unreadable)?;
    if !reply.flags.qr() || reply.flags.opcode() != OpCode::Query {
        return Err(Ignored::NotAResponse);
    }
    match &reply.question {
        // Servers that do not understand a query may send its header back and nothing else.
        None if is_complaint(reply.rcode) => {}
        None => return Err(Ignored::NoQuestion),
        Some(question) if question != asked => {
            return Err(Ignored::WrongQuestion { name: question.name.clone(), qtype: question.qtype });
        }
        Some(_) => {}
    }
    // TCP needs neither cookie nor case to tell a forger, and must work where they are lost.
    let is_sure = ask.transport == Transport::Tcp || shows_cookie(ask, &reply)?;
    if !is_sure && ask.check_case && !keeps_case && reply.question.is_some() {
        return Err(Ignored::WrongCase);
    }
    Ok(Box::new(reply))
}

/// Whether a reply shows the cookie that was sent, which nobody off the path can know (RFC 7873 §5.3).
fn shows_cookie(ask: &Ask, reply: &Reply) -> Result<bool, Ignored> {
    let Some(sent) = ask.edns.as_ref().and_then(|edns| edns.option(edns::COOKIE)) else { return Ok(false) };
    let got = reply.edns.as_ref().and_then(|edns| edns.option(edns::COOKIE));
    match got {
        Some(got) if cookie::is_well_formed(got) && got[..cookie::CLIENT] == sent[..cookie::CLIENT] => Ok(true),
        Some(_) => Err(Ignored::WrongCookie),
        // Who sends the server's part back has it from that server, which shows cookies then.
        None if sent.len() > cookie::CLIENT => Err(Ignored::NoCookie),
        None => Ok(false),
    }
}

fn is_complaint(rcode: ResponseCode) -> bool {
    matches!(rcode, ResponseCode::FormErr | ResponseCode::ServFail | ResponseCode::NotImp | ResponseCode::Refused)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::walk::ask::AskId;
    use crate::wire::{DNSClass, Edns, EdnsOption, Flags, Question, RecordType, name, write_query};

    const ID: u16 = 0x1234;
    const OURS: &[u8] = b"01234567";
    /// Ours, and what a server has given us for it.
    const BOTH: &[u8] = b"01234567abcdefgh";

    /// Codes, and whether they complain of a query that was not understood.
    const CODES: [(ResponseCode, bool); 7] = [
        (ResponseCode::NoError, false),
        (ResponseCode::NXDomain, false),
        (ResponseCode::YXDomain, false),
        (ResponseCode::FormErr, true),
        (ResponseCode::ServFail, true),
        (ResponseCode::NotImp, true),
        (ResponseCode::Refused, true),
    ];

    /// Cookies, and whether they show ours.
    const SHOWN: [(Option<&[u8]>, bool); 7] = [
        (None, false),
        (Some(OURS), true),
        (Some(BOTH), true),
        (Some(b"01234568abcdefgh"), false),
        (Some(b"0123456"), false),
        (Some(b"01234567a"), false),
        (Some(b"01234567abcdefghijklmnopqrstuvwxyz0123456"), false),
    ];

    fn ask(transport: Transport, check_case: bool, cookie: Option<&[u8]>) -> Ask {
        Ask {
            id: AskId(1),
            server: (Ipv4Addr::LOCALHOST, 53).into(),
            transport,
            attempt: 1,
            question: Question::new(name("wWw.eXample"), RecordType::A),
            edns: Some(with(cookie)),
            rd: false,
            cd: false,
            check_case,
            near_misses: 1,
            near: false,
            give_up: Duration::from_secs(1),
        }
    }

    fn with(cookie: Option<&[u8]>) -> Edns {
        let option = cookie.map(|data| EdnsOption { code: edns::COOKIE, data: data.into() });
        Edns { options: option.into_iter().collect(), ..Edns::new(1232, true) }
    }

    /// A packet with this header, and this question if any, that shows this cookie.
    fn packet(id: u16, flags: Flags, question: Option<&Question>, cookie: Option<&[u8]>) -> Vec<u8> {
        let (mut bytes, none) = (Vec::new(), Question::new(name("."), RecordType::A));
        write_query(id, question.unwrap_or(&none), flags, Some(&with(cookie)), &mut bytes);
        bytes[2..4].copy_from_slice(&flags.0.to_be_bytes());
        if question.is_none() {
            bytes[5] = 0;
            bytes.drain(HEADER..HEADER + 5);
        }
        bytes
    }

    /// Everything that a forger can get wrong, in all ways in which it goes together: of several faults the first is
    /// told, and what has none is the reply (RFC 5452 §9.1, RFC 7873 §5.3, draft-vixie-dnsext-dns0x20-00).
    #[test]
    fn a_reply_has_our_id_our_question_and_our_cookie_or_our_case() {
        let asked = Question::new(name("wWw.eXample"), RecordType::A);
        let questions = [
            Some(asked.clone()),
            Some(Question::new(name("www.example"), RecordType::A)),
            Some(Question::new(name("wWx.eXample"), RecordType::A)),
            Some(Question::new(name("wWw.eXample"), RecordType::AAAA)),
            Some(Question { class: DNSClass::CH, ..asked.clone() }),
            None,
        ];
        let qr = Flags::default().with_qr(true);
        let headers = [(ID, qr), (!ID, qr), (ID, Flags::default()), (ID, qr.with_opcode(OpCode::Notify))];
        for (transport, check_case, sent) in [Transport::Udp, Transport::Tcp]
            .into_iter()
            .flat_map(|transport| [true, false].map(|check_case| (transport, check_case)))
            .flat_map(|(transport, check_case)| {
                [None, Some(OURS), Some(BOTH)].map(|sent| (transport, check_case, sent))
            })
        {
            let ask = ask(transport, check_case, sent);
            let all = headers.iter().flat_map(|header| questions.iter().map(move |question| (header, question)));
            let all = all.flat_map(|some| CODES.iter().map(move |code| (some, code)));
            for (((&(id, flags), question), &(rcode, complains)), (got, is_ours)) in
                all.flat_map(|some| SHOWN.iter().map(move |shown| (some, *shown)))
            {
                let wrong = question.as_ref().filter(|question| **question != asked);
                let shows = is_ours && sent.is_some();
                let keeps_case = question.as_ref().is_none_or(|question| question.name.wire() == asked.name.wire());
                let over_udp = transport == Transport::Udp;
                let expected = if id != ID {
                    Err(Ignored::WrongId { got: id, want: ID })
                } else if flags != qr {
                    Err(Ignored::NotAResponse)
                } else if let Some(Question { name, qtype, .. }) = wrong.cloned() {
                    Err(Ignored::WrongQuestion { name, qtype })
                } else if question.is_none() && !complains {
                    Err(Ignored::NoQuestion)
                } else if over_udp && got.is_some() && sent.is_some() && !shows {
                    Err(Ignored::WrongCookie)
                } else if over_udp && got.is_none() && sent == Some(BOTH) {
                    Err(Ignored::NoCookie)
                } else if over_udp && check_case && !shows && !keeps_case {
                    Err(Ignored::WrongCase)
                } else {
                    Ok(rcode)
                };
                let mut bytes = packet(id, flags.with_rcode(rcode), question.as_ref(), got);
                let read = read(&mut bytes, ID, &ask);
                let told = read.as_ref().map(|reply| reply.rcode).map_err(Clone::clone);
                assert_eq!(told, expected, "{ask:?} {question:?} {flags} {rcode} {got:?}");
                // The mixed case is nobody's business but ours.
                let names = read.ok().and_then(|reply| reply.question).map(|question| question.name);
                assert!(names.is_none_or(|name| name.wire() == b"\x03www\x07example\0"));
            }
        }
    }

    /// Records point to the question for their names.
    #[test]
    fn what_points_to_the_question_has_small_letters() {
        let ask = ask(Transport::Udp, true, None);
        let mut bytes = packet(ID, Flags::default().with_qr(true), Some(&ask.question), None);
        bytes.truncate(HEADER + ask.question.name.wire().len() + 4);
        (bytes[7], bytes[11]) = (1, 0);
        bytes.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01X\xc0\x10");
        let reply = read(&mut bytes, ID, &ask).expect("the reply");
        assert_eq!(reply.answer[0].owner.wire(), b"\x03www\x07example\0");
        assert_eq!(&*reply.answer[0].rdata, b"\x01X\x07example\0", "what the server says itself is left as it is");
        assert_eq!(read(&mut [0x12], ID, &ask).unwrap_err(), Ignored::TooShort);
        assert_eq!(read(&mut [0x12, 0x34], ID, &ask).unwrap_err(), Ignored::Unreadable);
    }
}
