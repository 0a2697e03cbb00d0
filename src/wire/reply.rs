//! Reading what a server sent: keep what is good, list what is not.

use super::cursor::Cursor;
use super::edns::{MAX_OPTIONS, OptFields, options};
use super::flags::rcode;
use super::{
    DNSClass, Damage, Edns, EdnsOption, Fault, Flags, HEADER, Name, Question, Record, RecordType, ResponseCode,
};
use super::{Section, rdata};

/// Most records that are read from one reply; 64 KiB hold no more than this many of any use.
const MAX_RECORDS: usize = 4096;
/// A pointer (RFC 1035 §4.1.4) to octet 12, where the header ends and the name in the question stands.
const TO_QUESTION: [u8; 2] = [0xc0, 12];
const _: () = assert!(HEADER == 12);
/// Most octets of names and data that one reply may become without compression.
const MAX_EXPANDED: usize = 1 << 20;

/// A reply as read from a server.
///
/// One odd record never loses the rest: what cannot be kept is described in `damage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The message id.
    pub id: u16,
    /// The flags of the header. QR is not checked here.
    pub flags: Flags,
    /// The response code, its upper eight bits from the OPT record.
    pub rcode: ResponseCode,
    /// The question, absent when the reply has none.
    pub question: Option<Question>,
    /// The answer section.
    pub answer: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
    /// The additional section without OPT and other records about the message.
    pub additional: Vec<Record>,
    /// What the OPT record says, if there is one.
    pub edns: Option<Edns>,
    /// What was left out.
    pub damage: Vec<Damage>,
}

/// Why a message cannot be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreadable {
    /// Less than a header.
    #[error("the message is shorter than a header")]
    Short,
    /// The question section cannot be read.
    #[error("the question cannot be read")]
    Question,
    /// More than one question (RFC 9619).
    #[error("the message has more than one question")]
    Questions,
}

impl Reply {
    /// Reads a message in time linear in its length.
    ///
    /// # Errors
    /// When the header or the question cannot be read; everything behind them is a matter of `damage`.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (header, _) = bytes.split_first_chunk::<HEADER>().ok_or(Unreadable::Short)?;
        let word = |nth: usize| u16::from_be_bytes([header[2 * nth], header[2 * nth + 1]]);
        let mut cursor = Cursor::new(bytes, HEADER);
        let flags = Flags(word(1));
        let mut hops = bytes.len();
        let question = match word(2) {
            0 => None,
            1 => Some(read_question(&mut cursor, &mut hops).map_err(|_| Unreadable::Question)?),
            // RFC 9619 §4: a message with QDCOUNT above 1 is malformed.
            _ => return Err(Unreadable::Questions),
        };
        let asked = question.as_ref().map(|question| &question.name);
        let mut reader =
            Reader { cursor, asked, hops, rcode_high: 0, edns: None, records: 0, expanded: 0, damage: Vec::new() };
        let mut sections = [const { Vec::new() }; 3];
        for (nth, section) in Section::ALL.into_iter().enumerate() {
            if !reader.section(section, word(3 + nth), &mut sections[nth]) {
                break;
            }
        }
        let octets = reader.cursor.rest().len();
        if octets > 0
            && !reader.damage.iter().any(|damage| matches!(damage, Damage::CutShort { .. } | Damage::TooMuch { .. }))
        {
            reader.damage.push(Damage::Trailing { octets });
        }
        let [answer, authority, additional] = sections;
        let rcode = rcode(u16::from(reader.rcode_high) << 4 | u16::from(flags.rcode_low()));
        let Reader { edns, damage, .. } = reader;
        Ok(Self { id: word(0), flags, rcode, question, answer, authority, additional, edns, damage })
    }
}

fn read_question(cursor: &mut Cursor<'_>, hops: &mut usize) -> Result<Question, Fault> {
    let name = cursor.name(hops)?;
    let qtype = RecordType::from(cursor.u16()?);
    let class = DNSClass::from(cursor.u16()?);
    Ok(Question { name, qtype, class })
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The name in the question.
    asked: Option<&'a Name>,
    /// Pointers that may still be followed: no more than the message has octets, so that names which are chains of them
    /// cost no more than others do. Honest servers need one or two for each name.
    hops: usize,
    rcode_high: u8,
    edns: Option<Edns>,
    records: usize,
    expanded: usize,
    damage: Vec<Damage>,
}

/// The fixed part of a record, and where its data lies.
struct Head<'a> {
    owner: Result<Name, Fault>,
    rtype: RecordType,
    class: u16,
    ttl: u32,
    data: Cursor<'a>,
    len: usize,
}

impl<'a> Reader<'a> {
    /// Reads up to `count` records; false when nothing behind can be read.
    fn section(&mut self, section: Section, count: u16, into: &mut Vec<Record>) -> bool {
        for nth in 0..count {
            if self.records >= MAX_RECORDS || self.expanded >= MAX_EXPANDED {
                self.damage.push(Damage::TooMuch { records: self.records });
                return false;
            }
            let Ok(head) = self.head() else {
                // Without its length, the start of the next record is unknown.
                self.damage.push(Damage::CutShort { section, missing: usize::from(count - nth) });
                return false;
            };
            self.records += 1;
            if let Some(record) = self.record(section, head) {
                self.expanded += record.owner.wire().len() + record.rdata.len();
                into.push(record);
            }
        }
        true
    }

    /// Passes over one record.
    fn head(&mut self) -> Result<Head<'a>, Fault> {
        let mut cursor = self.cursor;
        let owner = self.owner(&mut cursor);
        if owner.is_err() {
            // The owner may be bad and its end known all the same.
            cursor.skip_name()?;
        }
        let rtype = RecordType::from(cursor.u16()?);
        let class = cursor.u16()?;
        let ttl = cursor.u32()?;
        let len = usize::from(cursor.u16()?);
        let data = cursor;
        cursor.take(len)?;
        self.cursor = cursor;
        Ok(Head { owner, rtype, class, ttl, data, len })
    }

    /// The owner of a record: most are the name that was asked, by a pointer to the question.
    fn owner(&mut self, cursor: &mut Cursor<'a>) -> Result<Name, Fault> {
        match self.asked {
            Some(asked) if cursor.rest().starts_with(&TO_QUESTION) => {
                cursor.take(TO_QUESTION.len())?;
                Ok(asked.clone())
            }
            _ => cursor.name(&mut self.hops),
        }
    }

    fn record(&mut self, section: Section, head: Head<'a>) -> Option<Record> {
        let Head { owner, rtype, class, ttl, data, len } = head;
        let outcome = match &owner {
            Err(why) => Err(*why),
            Ok(owner) if rtype == RecordType::OPT => self.opt(section, owner, class, ttl, data, len).map(|()| None),
            Ok(_) if !rdata::is_data(rtype) => Err(Fault::MetaType),
            Ok(_) => rdata::read(data, len, rtype, &mut self.hops).map(Some),
        };
        match (outcome, owner) {
            (Ok(Some(rdata)), Ok(owner)) => {
                Some(Record { owner, rtype, class: DNSClass::from(class), ttl_secs: ttl, rdata })
            }
            (Ok(_), _) => None,
            (Err(why), owner) => {
                self.damage.push(Damage::Record { section, owner: owner.ok(), rtype: Some(rtype), why });
                None
            }
        }
    }

    fn opt(
        &mut self,
        section: Section,
        owner: &Name,
        class: u16,
        ttl: u32,
        data: Cursor<'_>,
        len: usize,
    ) -> Result<(), Fault> {
        if section != Section::Additional {
            return Err(Fault::OptPlace);
        }
        if !owner.is_root() {
            return Err(Fault::OptOwner);
        }
        if self.edns.is_some() {
            return Err(Fault::SecondOpt);
        }
        let OptFields { udp_size, rcode_high, version, dnssec_ok } = OptFields::read(class, ttl);
        self.rcode_high = rcode_high;
        let edns = self.edns.insert(Edns { version, ..Edns::new(udp_size, dnssec_ok) });
        for option in options(data.window(len)?.rest()) {
            let (code, data) = option?;
            if edns.options.len() == MAX_OPTIONS {
                return Err(Fault::ManyOptions);
            }
            edns.options.push(EdnsOption { code, data: data.into() });
        }
        Ok(())
    }
}
