//! A client's query as it lies in the packet: nothing is copied, nothing is allocated.

use super::cursor::Cursor;
use super::edns::{OptFields, options};
use super::template::{Extras, Opt};
use super::{DNSClass, Fault, Flags, HEADER, Name, OpCode, Question, RecordType, ResponseCode};

/// A query that is fit to be answered: opcode QUERY, one question, EDNS version 0 or none.
#[derive(Clone, Copy, Debug)]
pub struct QueryView<'a> {
    id: u16,
    flags: Flags,
    /// Name, type and class as they lie in the packet.
    question: &'a [u8],
    edns: Option<EdnsView<'a>>,
}

/// The OPT record of a query.
#[derive(Clone, Copy, Debug)]
pub struct EdnsView<'a> {
    fields: OptFields,
    options: &'a [u8],
}

/// What to do with bytes that are no query to resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// Nobody is to be answered.
    #[error("dropped: {0}")]
    Drop(QueryFault),
    /// The client gets an error; [`answer_bad`] writes it.
    #[error("{why}")]
    Answer {
        /// The response code to send.
        rcode: ResponseCode,
        /// What is wrong.
        why: QueryFault,
    },
}

/// What is wrong with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryFault {
    /// Less than a header.
    #[error("the message is shorter than a header")]
    Short,
    /// QR is set; to answer an answer would begin a loop.
    #[error("the message is a response")]
    Response,
    /// An opcode other than QUERY (RFC 8906 §3.1.4).
    #[error("the opcode is not QUERY")]
    Opcode,
    /// Not exactly one question (RFC 9619 §4).
    #[error("the message has {0} questions instead of one")]
    QuestionCount(u16),
    /// The question cannot be read.
    #[error("the question cannot be read: {0}")]
    Question(Fault),
    /// A record behind the question cannot be read.
    #[error("a record of the query cannot be read: {0}")]
    Record(Fault),
    /// The OPT record is bad.
    #[error("the OPT record is bad: {0}")]
    Opt(Fault),
    /// An EDNS version that nobody has defined (RFC 6891 §6.1.3).
    #[error("the EDNS version is {0} instead of 0")]
    Version(u8),
    /// A cookie of a wrong length (RFC 7873 §5.2.2).
    #[error("the cookie has neither 8 nor 16 to 40 octets")]
    Cookie,
}

impl BadQuery {
    const fn form_err(why: QueryFault) -> Self {
        Self::Answer { rcode: ResponseCode::FormErr, why }
    }
}

impl<'a> QueryView<'a> {
    /// Reads the question and the OPT record of a query.
    ///
    /// # Errors
    /// Says whether the message gets no answer at all or an error, and which.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadQuery> {
        let (header, _) = bytes.split_first_chunk::<HEADER>().ok_or(BadQuery::Drop(QueryFault::Short))?;
        let flags = Flags(u16::from_be_bytes([header[2], header[3]]));
        if flags.qr() {
            return Err(BadQuery::Drop(QueryFault::Response));
        }
        if flags.opcode() != OpCode::Query {
            return Err(BadQuery::Answer { rcode: ResponseCode::NotImp, why: QueryFault::Opcode });
        }
        let count = u16::from_be_bytes([header[4], header[5]]);
        if count != 1 {
            return Err(BadQuery::form_err(QueryFault::QuestionCount(count)));
        }
        let question = read_question(bytes).map_err(|why| BadQuery::form_err(QueryFault::Question(why)))?;
        let edns = find_opt(bytes, HEADER + question.len()).map_err(BadQuery::form_err)?;
        if let Some(version) = edns.map(|edns| edns.version()).filter(|version| *version > 0) {
            return Err(BadQuery::Answer { rcode: ResponseCode::BADVERS, why: QueryFault::Version(version) });
        }
        Ok(Self { id: u16::from_be_bytes([header[0], header[1]]), flags, question, edns })
    }

    /// The message id.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// The flags of the header.
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The name asked for in uncompressed wire form, in the client's case.
    #[must_use]
    pub fn qname_wire(&self) -> &'a [u8] {
        &self.question[..self.question.len() - 4]
    }

    /// The name asked for. Allocates when it is too long to be kept in place.
    #[must_use]
    pub fn qname(&self) -> Name {
        Name::from_checked(self.qname_wire().into())
    }

    /// The type asked for.
    #[must_use]
    pub fn qtype(&self) -> RecordType {
        RecordType::from(self.last_word(4))
    }

    /// The class asked for.
    #[must_use]
    pub fn qclass(&self) -> DNSClass {
        DNSClass::from(self.last_word(2))
    }

    /// The question as a value of its own.
    #[must_use]
    pub fn question(&self) -> Question {
        Question { name: self.qname(), qtype: self.qtype(), class: self.qclass() }
    }

    /// The class in which the answer is looked for. A server answers a question for any class from those that it knows,
    /// never with authority (RFC 1034 §3.7.1); a resolver knows IN.
    #[must_use]
    pub fn class_sought(&self) -> DNSClass {
        match self.qclass() {
            DNSClass::ANY => DNSClass::IN,
            class => class,
        }
    }

    /// The question in the class in which its answer is looked for.
    #[must_use]
    pub fn question_sought(&self) -> Question {
        Question { class: self.class_sought(), ..self.question() }
    }

    /// The octets of name, type and class.
    #[must_use]
    pub const fn question_bytes(&self) -> &'a [u8] {
        self.question
    }

    /// The OPT record, if the client sent one.
    #[must_use]
    pub const fn edns(&self) -> Option<EdnsView<'a>> {
        self.edns
    }

    /// Whether the client wants DNSSEC records (RFC 3225).
    #[must_use]
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok())
    }

    /// The largest UDP response in octets that the client takes: 512 without EDNS (RFC 1035 §4.2.1).
    #[must_use]
    pub fn udp_limit(&self) -> usize {
        self.edns.map_or(512, |edns| usize::from(edns.udp_size()))
    }

    fn last_word(&self, octets: usize) -> u16 {
        let at = self.question.len() - octets;
        u16::from_be_bytes([self.question[at], self.question[at + 1]])
    }
}

impl<'a> EdnsView<'a> {
    /// The largest UDP message in octets that the client takes, at least 512 (RFC 6891 §6.2.3).
    #[must_use]
    pub const fn udp_size(&self) -> u16 {
        self.fields.udp_size
    }

    /// Whether the client wants DNSSEC records (RFC 3225).
    #[must_use]
    pub const fn dnssec_ok(&self) -> bool {
        self.fields.dnssec_ok
    }

    /// The EDNS version; 0 in every [`QueryView`].
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.fields.version
    }

    /// The data of the first option with this code.
    #[must_use]
    pub fn option(&self, code: u16) -> Option<&'a [u8]> {
        self.options().find(|(found, _)| *found == code).map(|(_, data)| data)
    }

    /// All options, however many there are.
    pub fn options(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        options(self.options).filter_map(Result::ok)
    }
}

/// The octets of the only question. Its name must not be compressed: there is nothing before it to point to.
fn read_question(bytes: &[u8]) -> Result<&[u8], Fault> {
    let mut at = HEADER;
    loop {
        let len = usize::from(*bytes.get(at).ok_or(Fault::Short)?);
        match len {
            0 => break,
            1..=63 => at += len + 1,
            0xc0.. => return Err(Fault::Pointer),
            _ => return Err(Fault::LabelKind),
        }
        if at - HEADER >= 255 {
            return Err(Fault::LongName);
        }
    }
    bytes.get(HEADER..at + 5).ok_or(Fault::Short)
}

/// Looks for the OPT record behind the question, which ends at `at`. Every record that the header counts must be there.
fn find_opt(bytes: &[u8], at: usize) -> Result<Option<EdnsView<'_>>, QueryFault> {
    let count = |nth: usize| usize::from(u16::from_be_bytes([bytes[nth], bytes[nth + 1]]));
    let (before, additional) = (count(6) + count(8), count(10));
    let mut cursor = Cursor::new(bytes, at);
    let mut edns = None;
    for nth in 0..before + additional {
        let is_root = cursor.rest().first() == Some(&0);
        let (rtype, class, ttl, data) = read_record(&mut cursor).map_err(QueryFault::Record)?;
        if rtype != 41 {
            continue;
        }
        let view = check_opt(class, ttl, data).map_err(QueryFault::Opt)?;
        // RFC 6891 §6.1.1: one OPT record at most, in the additional section; its owner is the root.
        let fault = match edns {
            _ if nth < before => Some(Fault::OptPlace),
            _ if !is_root => Some(Fault::OptOwner),
            Some(_) => Some(Fault::SecondOpt),
            None => None,
        };
        if let Some(fault) = fault {
            return Err(QueryFault::Opt(fault));
        }
        edns = Some(view);
    }
    Ok(edns)
}

/// Type, class, TTL and data of the record at the cursor.
pub(super) fn read_record<'a>(cursor: &mut Cursor<'a>) -> Result<(u16, u16, u32, &'a [u8]), Fault> {
    cursor.skip_name()?;
    let (rtype, class, ttl) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
    let len = usize::from(cursor.u16()?);
    Ok((rtype, class, ttl, cursor.take(len)?))
}

fn check_opt(class: u16, ttl: u32, data: &[u8]) -> Result<EdnsView<'_>, Fault> {
    let fields = OptFields::read(class, ttl);
    // RFC 6891 §6.1.3: options of a version that is not known here must not be looked at.
    if fields.version > 0 {
        return Ok(EdnsView { fields, options: &[] });
    }
    // However many there are: each costs four octets of the query, and nothing is kept of them.
    options(data).try_for_each(|option| option.map(drop))?;
    Ok(EdnsView { fields, options: data })
}

/// The first OPT record of a message, whatever else is wrong with the message or with the record itself: whoever sends
/// one gets one back in an error too, and can tell it from the word of a server without EDNS (RFC 6891 §6.1.1, §7).
#[must_use]
pub fn spot_opt(bytes: &[u8]) -> Option<EdnsView<'_>> {
    let ([answer, authority, additional], mut cursor) = behind_questions(bytes)?;
    for _ in 0..answer + authority + additional {
        let (rtype, class, ttl, data) = read_record(&mut cursor).ok()?;
        if rtype == 41 {
            let fields = OptFields::read(class, ttl);
            return Some(EdnsView { fields, options: if fields.version > 0 { &[] } else { data } });
        }
    }
    None
}

/// How many records there are said to be in each section, and the place of the first.
pub(super) fn behind_questions(message: &[u8]) -> Option<([usize; 3], Cursor<'_>)> {
    let (header, _) = message.split_first_chunk::<HEADER>()?;
    let count = |nth: usize| usize::from(u16::from_be_bytes([header[nth], header[nth + 1]]));
    let mut cursor = Cursor::new(message, HEADER);
    for _ in 0..count(4) {
        cursor.skip_name().ok()?;
        cursor.take(4).ok()?;
    }
    Some(([count(6), count(8), count(10)], cursor))
}

/// Appends the error response to a query that cannot be resolved: the header, the question if there is one that can
/// be read, and an OPT record if the query has one, with as many `extras` as fit any client. Appends nothing to `out`
/// when `bytes` is shorter than a header.
pub fn answer_bad(bytes: &[u8], code: ResponseCode, extras: &Extras<'_>, out: &mut Vec<u8>) {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return };
    let asked = Flags(u16::from_be_bytes([header[2], header[3]]));
    // Another opcode may mean another format of the message: what stands behind the header is not echoed as a question.
    let question = match header[4..6] {
        [0, 1] if asked.opcode() == OpCode::Query => read_question(bytes).unwrap_or_default(),
        _ => &[],
    };
    let edns = spot_opt(bytes);
    let start = out.len();
    out.extend_from_slice(&header[..2]);
    // Nothing was recognised that recursion could be offered for; a wrong EDNS version is a question all the same.
    let ra = !matches!(code, ResponseCode::FormErr | ResponseCode::NotImp);
    out.extend_from_slice(&asked.response().with_ra(ra).with_rcode(code).0.to_be_bytes());
    out.extend_from_slice(&[0, u8::from(!question.is_empty()), 0, 0, 0, 0, 0, u8::from(edns.is_some())]);
    out.extend_from_slice(question);
    if let Some(edns) = edns {
        Opt::fit(extras, edns.dnssec_ok(), 512, out.len() - start).write(extras, code, start, out);
    }
}
