//! Whether a packet is the reply to what was asked (RFC 5452 §9.1).

use crate::trace::{Ignored, Transport};
use crate::walk::ask::Ask;
use crate::wire::{HEADER, OpCode, Reply, ResponseCode};

/// Reads a packet that came from the asked address and port to the port of the query.
///
/// The name in its question gets small letters, once it was compared: the records of a reply point there for their
/// names, and the mixed case of a query (draft-vixie-dnsext-dns0x20-00) is nobody's business but ours.
///
/// # Errors
/// Says why it is not the reply that is awaited.
pub fn read(packet: &mut [u8], id: u16, ask: &Ask) -> Result<Box<Reply>, Ignored> {
    let Some(header) = packet.first_chunk::<HEADER>() else { return Err(Ignored::Unreadable) };
    let got = u16::from_be_bytes([header[0], header[1]]);
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
        // TCP needs no case to tell a forger, and must work where case is lost.
        Some(_) if ask.check_case && ask.transport == Transport::Udp && !keeps_case => return Err(Ignored::WrongCase),
        Some(_) => {}
    }
    Ok(Box::new(reply))
}

fn is_complaint(rcode: ResponseCode) -> bool {
    matches!(rcode, ResponseCode::FormErr | ResponseCode::ServFail | ResponseCode::NotImp | ResponseCode::Refused)
}
