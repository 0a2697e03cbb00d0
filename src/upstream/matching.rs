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
