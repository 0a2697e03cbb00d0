//! Writing messages: compression in bounded work, record sets whole or not at all.

use smallvec::SmallVec;

use super::edns::{BARE_OPT, OptFields, write_option};
use super::rdata::{self, Part};
use super::{
    DNSClass, Edns, Flags, HEADER, Name, OpCode, Question, Rdatas, Record, RecordType, ResponseCode, RrSet, Section,
};

/// Most places remembered as targets of compression pointers; bounds the work per name (RUSTSEC-2026-0119).
const MAX_PLACES: usize = 120;
/// Longest message (RFC 1035 §4.2.2).
pub(crate) const MAX_MESSAGE: usize = 65_535;

/// Writes one message behind what `out` already holds (the length prefix of TCP, say).
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    flags: Flags,
    rcode: ResponseCode,
    counts: [u16; 4],
    limit: usize,
    places: Places,
    /// The class of the sets: CHAOS where the question is of that class, IN otherwise.
    class: DNSClass,
}

/// A record or set did not fit; nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room left in the message")]
pub struct Full;

impl<'b> Writer<'b> {
    /// Begins a message of at most 65535 octets. The response code is taken from `flags`.
    #[must_use]
    pub fn new(id: u16, flags: Flags, out: &'b mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&[0; HEADER - 2]);
        let rcode = ResponseCode::from_low(flags.rcode_low());
        let (places, class) = (Places::default(), DNSClass::IN);
        Self { out, start, flags, rcode, counts: [0; 4], limit: MAX_MESSAGE, places, class }
    }

    /// Sets the longest that the message may become, in octets; leave [`Writer::opt_len`] octets for the OPT record,
    /// which is written without regard to the limit.
    pub fn set_limit(&mut self, octets: usize) {
        self.limit = octets.min(MAX_MESSAGE);
    }

    /// The flags, to be changed until [`Writer::finish`].
    pub fn flags_mut(&mut self) -> &mut Flags {
        &mut self.flags
    }

    /// Sets the response code; [`Writer::opt`] carries its upper bits if it comes later.
    pub fn set_rcode(&mut self, rcode: ResponseCode) {
        self.rcode = rcode;
        self.flags = self.flags.with_rcode(rcode);
    }

    /// Octets of the message so far.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.out.len() - self.start
    }

    /// Records in a section so far.
    #[must_use]
    pub fn count(&self, section: Section) -> u16 {
        self.counts[1 + section as usize]
    }

    /// Adds a question, in the case in which it is given.
    pub fn question(&mut self, question: &Question) {
        self.name(&question.name);
        self.out.extend_from_slice(&u16::from(question.qtype).to_be_bytes());
        self.out.extend_from_slice(&u16::from(question.class).to_be_bytes());
        if question.class == DNSClass::CH {
            self.class = DNSClass::CH;
        }
        self.counts[0] += 1;
    }

    /// Adds one record.
    ///
    /// # Errors
    /// When it does not fit; the message is then as before.
    pub fn record(&mut self, section: Section, record: &Record) -> Result<(), Full> {
        let mark = self.mark();
        self.piece(&record.owner, record.rtype, record.class, record.ttl_secs, &record.rdata);
        self.keep(mark, section, 1)
    }

    /// Adds all records of a set and, if `with_sigs`, the signatures over it; in class CHAOS if the question is of
    /// that class, in IN otherwise.
    ///
    /// # Errors
    /// When the whole does not fit; the message is then as before.
    pub fn set(&mut self, section: Section, set: &RrSet, with_sigs: bool) -> Result<(), Full> {
        self.set_noting(section, set, with_sigs, &mut Vec::new())
    }

    /// As [`Writer::set`]; pushes the place of each TTL field in the message on `ttls`.
    pub(crate) fn set_noting(
        &mut self,
        section: Section,
        set: &RrSet,
        with_sigs: bool,
        ttls: &mut Vec<u16>,
    ) -> Result<(), Full> {
        let (mark, noted) = (self.mark(), ttls.len());
        let sigs = with_sigs.then_some(&set.sigs).into_iter().flat_map(Rdatas::iter);
        let members = set.rdatas.iter().map(|rdata| (set.rtype, rdata));
        let mut records = 0;
        for (rtype, rdata) in members.chain(sigs.map(|rdata| (RecordType::RRSIG, rdata))) {
            let ttl_at = self.piece(&set.owner, rtype, self.class, set.ttl_secs, rdata);
            ttls.extend(u16::try_from(ttl_at));
            records += 1;
            if self.octets() > self.limit {
                break;
            }
        }
        let kept = self.keep(mark, section, records);
        if kept.is_err() {
            ttls.truncate(noted);
        }
        kept
    }

    /// Octets that [`Writer::opt`] will add for `edns`.
    #[must_use]
    pub fn opt_len(edns: &Edns) -> usize {
        BARE_OPT + edns.options.iter().map(|option| 4 + option.data.len()).sum::<usize>()
    }

    /// Adds an OPT record to the additional section, limit or not; options beyond 65535 octets are left out.
    pub fn opt(&mut self, edns: &Edns) {
        write_opt(edns, self.rcode.high(), self.out);
        self.counts[3] += 1;
    }

    /// Sets flags and counts in the header and ends the message.
    pub fn finish(self) {
        let words = [self.flags.0, self.counts[0], self.counts[1], self.counts[2], self.counts[3]];
        let fields = self.out[self.start + 2..].chunks_exact_mut(2);
        fields.zip(words).for_each(|(field, word)| field.copy_from_slice(&word.to_be_bytes()));
    }

    fn mark(&self) -> (usize, usize) {
        (self.out.len(), self.places.count)
    }

    /// Counts what was written since `mark`, or takes it back when it is too much.
    fn keep(&mut self, mark: (usize, usize), section: Section, records: u16) -> Result<(), Full> {
        let count = self.counts[1 + section as usize].checked_add(records);
        if let Some(count) = count.filter(|_| self.octets() <= self.limit) {
            self.counts[1 + section as usize] = count;
            return Ok(());
        }
        self.out.truncate(mark.0);
        self.places.count = mark.1;
        Err(Full)
    }

    /// Writes a record; returns where in the message its TTL lies.
    fn piece(&mut self, owner: &Name, rtype: RecordType, class: DNSClass, ttl_secs: u32, rdata: &[u8]) -> usize {
        self.name(owner);
        self.out.extend_from_slice(&u16::from(rtype).to_be_bytes());
        self.out.extend_from_slice(&u16::from(class).to_be_bytes());
        let ttl_at = self.octets();
        self.out.extend_from_slice(&ttl_secs.to_be_bytes());
        let len_at = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        self.data(rtype, rdata);
        // Data is at most 65535 octets by the type that holds it, and compression never makes it longer.
        let len = u16::try_from(self.out.len() - len_at - 2).unwrap_or(u16::MAX);
        self.out[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes());
        ttl_at
    }

    fn data(&mut self, rtype: RecordType, rdata: &[u8]) {
        if !rdata::may_compress(rtype) {
            self.out.extend_from_slice(rdata);
            return;
        }
        let mut rest = rdata;
        for part in rdata::layout(rtype) {
            let len = match part {
                Part::Octets(len) => *len,
                Part::Name => name_len(rest),
                Part::Text | Part::Rest => rest.len(),
            };
            // Data of the wrong shape (the lab can send such) goes out as it is.
            let (piece, tail) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            let name = if *part == Part::Name { Name::from_wire(piece).ok() } else { None };
            match name {
                Some(name) => self.name(&name),
                None => self.out.extend_from_slice(piece),
            }
            rest = tail;
        }
        self.out.extend_from_slice(rest);
    }

    /// Writes a name, its tail as a pointer where the same tail stands before (RFC 1035 §4.1.4).
    fn name(&mut self, name: &Name) {
        let wire = name.wire();
        let tails = tails(wire);
        let mut end = wire.len();
        let mut pointer = None;
        let here = self.octets();
        let before = self.places.count;
        for (at, hash) in tails.iter().rev() {
            let found = self.places.find(before, *hash, &wire[*at..], &self.out[self.start..]);
            if let Some(place) = found {
                (end, pointer) = (*at, Some(place));
                break;
            }
            self.places.note(*hash, here + at);
        }
        self.out.extend_from_slice(&wire[..end]);
        if let Some(place) = pointer {
            self.out.extend_from_slice(&(0xc000 | place).to_be_bytes());
        }
    }
}

/// Length of the name at the start of `wire`, as far as there is one.
fn name_len(wire: &[u8]) -> usize {
    let mut at = 0;
    while let Some(len) = wire.get(at).filter(|len| **len > 0) {
        at += usize::from(*len) + 1;
    }
    at + 1
}

/// Where each tail of a name begins and a hash of it without case, the shortest first and the root left out.
fn tails(wire: &[u8]) -> SmallVec<[(usize, u32); 16]> {
    let mut tails = SmallVec::new();
    let mut at = 0;
    while let Some(len) = wire.get(at).filter(|len| **len > 0) {
        tails.push((at, 0));
        at += usize::from(*len) + 1;
    }
    tails.reverse();
    let (mut hash, mut end) = (0x811c_9dc5_u32, at);
    for (at, of_tail) in &mut tails {
        // FNV-1a. A collision costs one comparison; at most MAX_PLACES of them are possible.
        for octet in &wire[*at..end] {
            hash = (hash ^ u32::from(octet.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
        }
        (*of_tail, end) = (hash, *at);
    }
    tails
}

/// The places in the message where a tail of a name begins.
#[derive(Debug)]
struct Places {
    known: [(u32, u16); MAX_PLACES],
    count: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self { known: [(0, 0); MAX_PLACES], count: 0 }
    }
}

impl Places {
    /// Remembers a tail, if there is room and a pointer of 14 bits can reach it.
    fn note(&mut self, hash: u32, at: usize) {
        if let (Some(free), Ok(at @ ..0x4000)) = (self.known.get_mut(self.count), u16::try_from(at)) {
            *free = (hash, at);
            self.count += 1;
        }
    }

    fn find(&self, among: usize, hash: u32, tail: &[u8], message: &[u8]) -> Option<u16> {
        let known = self.known[..among].iter().filter(|(known, _)| *known == hash);
        known.map(|(_, at)| *at).find(|at| stands_at(usize::from(*at), tail, message))
    }
}

/// Whether the uncompressed name `tail` stands at `at` in a message that this writer wrote.
fn stands_at(mut at: usize, tail: &[u8], message: &[u8]) -> bool {
    let mut rest = tail;
    loop {
        let Some(len) = message.get(at) else { return false };
        if *len >= 0xc0 {
            let Some(low) = message.get(at + 1) else { return false };
            at = usize::from(*len & 0x3f) << 8 | usize::from(*low);
            continue;
        }
        let label = usize::from(*len) + 1;
        let (Some(there), Some((wanted, left))) = (message.get(at..at + label), rest.split_at_checked(label)) else {
            return false;
        };
        // Length octets are no letters: ignoring case compares them as they are.
        if !there.eq_ignore_ascii_case(wanted) {
            return false;
        }
        if *len == 0 {
            return true;
        }
        (at, rest) = (at + label, left);
    }
}

/// Appends a query with one question and, if given, an OPT record. `flags` usually hold RD and CD alone.
pub fn write_query(id: u16, question: &Question, flags: Flags, edns: Option<&Edns>, out: &mut Vec<u8>) {
    // A single name has nothing to be compressed by: no writer is needed.
    for word in [id, flags.with_opcode(OpCode::Query).0, 1, 0, 0, u16::from(edns.is_some())] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(question.name.wire());
    out.extend_from_slice(&u16::from(question.qtype).to_be_bytes());
    out.extend_from_slice(&u16::from(question.class).to_be_bytes());
    if let Some(edns) = edns {
        write_opt(edns, 0, out);
    }
}

fn write_opt(edns: &Edns, rcode_high: u8, out: &mut Vec<u8>) {
    let Edns { version, udp_size, dnssec_ok, .. } = *edns;
    let mut len = 0u16;
    let fitting = edns.options.iter().take_while(|option| {
        let longer = u16::try_from(option.data.len() + 4).ok().and_then(|more| len.checked_add(more));
        longer.map(|longer| len = longer).is_some()
    });
    let fitting = fitting.count();
    OptFields { udp_size, rcode_high, version, dnssec_ok }.write(len, out);
    for option in &edns.options[..fitting] {
        write_option(option.code, [&option.data, &[]], out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hash_alike_are_told_apart() {
        let [one, other] = ["a.umb8oxc2", "a.kdqaegav"].map(|name| name.parse::<Name>().unwrap());
        assert_eq!(tails(one.wire()), tails(other.wire()));
        let mut out = Vec::new();
        let mut writer = Writer::new(7, Flags::default(), &mut out);
        writer.name(&one);
        writer.name(&other);
        assert_eq!(out[HEADER..], [one.wire(), other.wire()].concat());
    }
}
