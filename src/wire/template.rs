//! Answers ready to send: written once, then copied and patched for every client.

use super::edns::{BARE_OPT, EXTENDED_ERROR, OptFields, PADDING, write_option};
use super::turn::Turn;
use super::writer::{Full, MAX_MESSAGE, Writer};
use super::{Ede, Flags, HEADER, QueryView, Question, RecordType, Reply, ResponseCode, RrSet, Section};

/// An answer in wire form without its OPT record, and what must be known to patch it.
#[derive(Clone, Debug)]
pub struct Template {
    /// Header, question, sections.
    wire: Box<[u8]>,
    /// Where the TTL fields lie, ascending.
    ttls: Box<[u16]>,
    /// The borders at which the message may end, ascending; the first lies behind the question.
    cuts: Box<[Cut]>,
    rcode: ResponseCode,
    /// The first border with the whole answer and authority section.
    required: u16,
    /// Some of the answer did not fit into a message of any size.
    oversized: bool,
    min_ttl_secs: u32,
    /// What records are told whose time is over: the TTL of none sinks below that.
    stale_ttl_secs: u32,
    /// The last addresses of the answer, if they take turns.
    turn: Option<Turn>,
}

/// A border between record sets.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Where the message ends.
    end: u16,
    /// Records of the three sections up to there.
    counts: [u16; 3],
}

/// What an answer is made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sections<'a> {
    /// The answer section, in order.
    pub answer: &'a [RrSet],
    /// The authority section.
    pub authority: &'a [RrSet],
    /// The additional section; it is cut first and in silence.
    pub additional: &'a [RrSet],
    /// Whether AA is set.
    pub aa: bool,
    /// Whether RA is clear: no recursion for this client, or for this kind of question (RFC 1035 §4.1.1).
    pub no_recursion: bool,
}

/// What differs from client to client, besides the query itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// Whether AD is set. The caller decides, by RFC 6840 §5.8 among others.
    pub ad: bool,
    /// Extended errors; only clients with EDNS get them.
    pub edes: &'a [Ede],
    /// Further EDNS options by code.
    pub options: &'a [(u16, &'a [u8])],
    /// The largest UDP message in octets that this side takes.
    pub udp_size: u16,
    /// Whether the response is made as long as many others are (RFC 7830).
    pub padded: bool,
}

/// Responses are padded to a multiple of this many octets (RFC 8467 §4.1).
const PADDED_BLOCK: usize = 468;

impl Template {
    /// Writes an answer; signatures follow each set, and proofs of absence stand in authority, iff `dnssec_ok`. Sets
    /// that do not fit into 65535 octets are left out, and every response has TC set if they were part of answer or
    /// authority.
    #[must_use]
    pub fn build(question: &Question, rcode: ResponseCode, sections: &Sections<'_>, dnssec_ok: bool) -> Self {
        let mut wire = Vec::with_capacity(512);
        let mut ttls = Vec::new();
        let flags =
            Flags::default().with_qr(true).with_ra(!sections.no_recursion).with_aa(sections.aa).with_rcode(rcode);
        let mut writer = Writer::new(0, flags, &mut wire);
        writer.set_limit(MAX_MESSAGE - BARE_OPT);
        writer.question(question);
        let mut cuts = vec![Cut::after(&writer)];
        let (mut required, mut oversized, mut min_ttl_secs) = (cuts[0].end, false, u32::MAX);
        let mut turn = None;
        let lists = Section::ALL.into_iter().zip([sections.answer, sections.authority, sections.additional]);
        for (section, set) in lists.flat_map(|(section, sets)| sets.iter().map(move |set| (section, set))) {
            let is_required = section != Section::Additional;
            if oversized {
                break;
            }
            // Proofs of absence are for those who can check them (RFC 4035 §3.2.1).
            if section == Section::Authority && !dnssec_ok && matches!(set.rtype, RecordType::NSEC | RecordType::NSEC3)
            {
                continue;
            }
            let noted = ttls.len();
            if writer.set_noting(section, set, dnssec_ok, &mut ttls) == Err(Full) {
                oversized = is_required;
                continue;
            }
            if section == Section::Answer {
                turn = Turn::new(set.rtype, noted, set.rdatas.len()).or(turn);
            }
            let cut = Cut::after(&writer);
            cuts.push(cut);
            if is_required {
                required = cut.end;
                min_ttl_secs = min_ttl_secs.min(set.ttl_secs);
            }
        }
        writer.finish();
        let min_ttl_secs = if required == cuts[0].end { 0 } else { min_ttl_secs };
        let (wire, ttls, cuts) = (wire.into(), ttls.into(), cuts.into());
        Self { wire, ttls, cuts, rcode, required, oversized, min_ttl_secs, stale_ttl_secs: 0, turn }
    }

    /// The response code, of twelve bits.
    #[must_use]
    pub const fn rcode(&self) -> ResponseCode {
        self.rcode
    }

    /// Octets on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.wire.len() + size_of_val(&*self.ttls) + size_of_val(&*self.cuts)
    }

    /// The least TTL in seconds in answer and authority; 0 if they are empty.
    #[must_use]
    pub const fn min_ttl_secs(&self) -> u32 {
        self.min_ttl_secs
    }

    /// Whether the answer section has this alias.
    #[must_use]
    pub fn has_alias(&self, link: &RrSet) -> bool {
        let records = Reply::read(&self.wire).map(|reply| reply.answer).unwrap_or_default();
        let mut aliases = records.iter().filter(|record| record.rtype == link.rtype && record.owner == link.owner);
        aliases.any(|record| record.target().is_some_and(|target| link.targets().any(|known| known == target)))
    }

    /// The same answer after `age_secs`, with `stale_ttl_secs` for the records whose time is over (RFC 8767 §4), which
    /// stay at that. The others go on counting down, and no further than to where they would be told as much again.
    #[must_use]
    pub fn aged(&self, age_secs: u32, stale_ttl_secs: u32) -> Self {
        let mut aged = Self { stale_ttl_secs, ..self.clone() };
        for at in &self.ttls {
            if let Some(field) = aged.wire.get_mut(usize::from(*at)..).and_then(<[u8]>::first_chunk_mut::<4>) {
                let left_secs = u32::from_be_bytes(*field).saturating_sub(age_secs);
                *field = if left_secs == 0 { stale_ttl_secs } else { left_secs }.to_be_bytes();
            }
        }
        aged
    }

    /// Appends the response to `query` to `out`. Allocates nothing if `out` has room.
    ///
    /// RD and CD are copied from the query, the question is echoed octet for octet, `age_secs` is taken
    /// from each TTL. The response has at most `limit` octets, where less than 512 counts as 512 (RFC 6891 §6.2.3):
    /// first additional sets go, then the sentences of the extended errors, then those errors, then sets, whole ones
    /// only, of each the last first; with TC for all but the first two (RFC 2181 §9, RFC 8914 §3). The OPT record stays
    /// in any case.
    pub fn respond(&self, query: &QueryView<'_>, age_secs: u32, extras: &Extras<'_>, limit: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let limit = limit.clamp(512, MAX_MESSAGE);
        let opt = query.edns().map(|edns| Opt::fit(extras, edns.dnssec_ok(), limit, usize::from(self.required)));
        let cut = self.cut(opt.map_or(limit, |opt| opt.room(limit)));
        let wire = &self.wire[..usize::from(cut.end)];
        out.extend_from_slice(wire);
        let message = &mut out[start..];
        let own = Flags(u16::from_be_bytes([wire[2], wire[3]]));
        let truncated = self.oversized || cut.end < self.required || opt.is_some_and(|opt| opt.is_cut(extras));
        let flags = Flags(own.0 | query.flags().response().0);
        let flags = flags.with_ad(extras.ad).with_tc(truncated);
        message[..2].copy_from_slice(&query.id().to_be_bytes());
        message[2..4].copy_from_slice(&flags.0.to_be_bytes());
        for (section, count) in cut.counts.into_iter().enumerate() {
            let count = count + u16::from(section == 2 && opt.is_some());
            message[6 + 2 * section..8 + 2 * section].copy_from_slice(&count.to_be_bytes());
        }
        // The same name in another case has the same length; another question than the template's is left alone.
        let question = query.question_bytes();
        if let Some(own) =
            message.get_mut(HEADER..usize::from(self.cuts[0].end)).filter(|own| own.len() == question.len())
        {
            own.copy_from_slice(question);
        }
        for at in self.ttls.iter().map(|at| usize::from(*at)).take_while(|at| *at < wire.len()) {
            if let Some(field) = message.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) {
                let ttl_secs = u32::from_be_bytes(*field);
                *field = ttl_secs.saturating_sub(age_secs).max(ttl_secs.min(self.stale_ttl_secs)).to_be_bytes();
            }
        }
        if let Some(turn) = self.turn {
            turn.take(wire, &self.ttls, query.id(), message);
        }
        if let Some(opt) = opt {
            opt.write(extras, self.rcode, start, out);
        }
    }

    /// The last border that leaves the message within `room` octets, or the first of all.
    fn cut(&self, room: usize) -> Cut {
        let fitting = self.cuts.partition_point(|cut| usize::from(cut.end) <= room);
        self.cuts[fitting.saturating_sub(1)]
    }
}

impl Cut {
    fn after(writer: &Writer<'_>) -> Self {
        let end = u16::try_from(writer.octets()).unwrap_or(u16::MAX);
        Self { end, counts: Section::ALL.map(|section| writer.count(section)) }
    }
}

/// How much of the OPT record is sent.
#[derive(Clone, Copy)]
pub(super) struct Opt {
    dnssec_ok: bool,
    /// How many of the options and of the extended errors are sent.
    options: usize,
    edes: usize,
    /// How many of the extended errors keep their sentences.
    sentences: usize,
    /// Octets of all options.
    len: u16,
}

impl Opt {
    /// Everything if `required` octets of the message fit beside it. Else what is only there to explain goes before
    /// what is explained: "dropping EDE options before dropping other data" (RFC 8914 §3), their sentences before
    /// them, that of the first, which says the most, last. Records are cut when that is not enough, which a client sees
    /// by TC and asks again; the other options stay, as a cookie is a part of each exchange, and as many of them as fit
    /// beside the largest question.
    pub(super) fn fit(extras: &Extras<'_>, dnssec_ok: bool, limit: usize, required: usize) -> Self {
        let room = limit.saturating_sub(required + BARE_OPT);
        let with = |sentences: usize| Self::count(extras, dnssec_ok, sentences, room);
        let all_sent = |opt: &Self| opt.edes == extras.edes.len() && opt.options == extras.options.len();
        let full = with(extras.edes.len());
        if all_sent(&full) {
            return full;
        }
        let opt = (1..extras.edes.len()).rev().map(with).find(all_sent).unwrap_or_else(|| with(0));
        if opt.options == extras.options.len() {
            return opt;
        }
        // A question has at most 259 octets.
        Self::count(&Extras { edes: &[], ..*extras }, dnssec_ok, 0, limit - HEADER - 259 - BARE_OPT)
    }

    /// Whether extended errors are missing (RFC 8914 §3: then TC is set as well).
    fn is_cut(self, extras: &Extras<'_>) -> bool {
        self.edes < extras.edes.len()
    }

    /// How many of `limit` octets are left beside it.
    pub(super) fn room(self, limit: usize) -> usize {
        limit - BARE_OPT - usize::from(self.len)
    }

    /// As many options and extended errors as have at most `room` octets.
    fn count(extras: &Extras<'_>, dnssec_ok: bool, sentences: usize, room: usize) -> Self {
        let mut opt = Self { dnssec_ok, options: 0, edes: 0, sentences, len: 0 };
        let mut longer = |more: usize| {
            let len = u16::try_from(usize::from(opt.len) + more).ok().filter(|len| usize::from(*len) <= room);
            opt.len = len.unwrap_or(opt.len);
            len.is_some()
        };
        let options = extras.options.iter().take_while(|(_, data)| longer(4 + data.len())).count();
        let text_len = |nth: usize, ede: &Ede| if nth < sentences { ede.text.len() } else { 0 };
        let edes = extras.edes.iter().enumerate().take_while(|(nth, ede)| longer(6 + text_len(*nth, ede))).count();
        Self { options, edes, ..opt }
    }

    /// Appends the record to the message that begins at `start`, of which it is the end.
    pub(super) fn write(self, extras: &Extras<'_>, rcode: ResponseCode, start: usize, out: &mut Vec<u8>) {
        let Self { dnssec_ok, .. } = self;
        let padding = if extras.padded { padding(out.len() - start + BARE_OPT + usize::from(self.len)) } else { None };
        let padding_len = padding.map_or(0, |octets| 4 + octets);
        // RFC 6891 §6.2.3, as for the client: less than 512 makes no sense.
        let udp_size = extras.udp_size.max(512);
        OptFields { udp_size, rcode_high: rcode.high(), version: 0, dnssec_ok }.write(self.len + padding_len, out);
        for (code, data) in &extras.options[..self.options] {
            write_option(*code, [data, &[]], out);
        }
        for (nth, ede) in extras.edes[..self.edes].iter().enumerate() {
            let text = if nth < self.sentences { ede.text.as_bytes() } else { &[] };
            write_option(EXTENDED_ERROR, [&ede.code.to_be_bytes(), text], out);
        }
        if let Some(octets) = padding {
            out.extend_from_slice(&PADDING.to_be_bytes());
            out.extend_from_slice(&octets.to_be_bytes());
            // RFC 7830 §3: zeros.
            out.resize(out.len() + usize::from(octets), 0);
        }
    }
}

/// Octets of padding for a response of `len` octets besides it: up to the next block, or to the longest message there
/// is; `None` where not even the option fits, as the records come first.
fn padding(len: usize) -> Option<u16> {
    let least = len + 4;
    let whole = least.next_multiple_of(PADDED_BLOCK).min(MAX_MESSAGE);
    whole.checked_sub(least).and_then(|octets| u16::try_from(octets).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Edns, write_query};

    #[test]
    fn what_is_stale_stays_and_what_is_fresh_counts_down_to_that() {
        let question = Question::new("a.example".parse().expect("a name"), RecordType::ANY);
        let set = |rtype, ttl_secs| RrSet::new(question.name.clone(), rtype, ttl_secs, [&[0; 4][..]]);
        let answer = [set(RecordType::A, 0), set(RecordType::TXT, 20), set(RecordType::NULL, 3600)];
        let sections = Sections { answer: &answer, ..Sections::default() };
        let template = Template::build(&question, ResponseCode::NoError, &sections, false).aged(0, 30);
        let mut query = Vec::new();
        write_query(7, &question, Flags::default(), Some(&Edns::new(1232, false)), &mut query);
        for (age_secs, expected) in [(0, [30, 20, 3600]), (10, [30, 20, 3590]), (3590, [30, 20, 30])] {
            let mut out = Vec::new();
            let query = QueryView::read(&query).expect("a good query");
            template.respond(&query, age_secs, &Extras::default(), 1232, &mut out);
            let told: Vec<u32> = Reply::read(&out).expect("readable").answer.iter().map(|rr| rr.ttl_secs).collect();
            assert_eq!(told, expected, "after {age_secs} s");
        }
    }

    #[test]
    fn padding_reaches_the_next_border_or_the_end_of_all_messages() {
        for (len, octets) in [(1, Some(463)), (464, Some(0)), (465, Some(467)), (932, Some(0))] {
            assert_eq!(padding(len), octets, "{len}");
        }
        for (len, octets) in [(65_520, Some(11)), (65_531, Some(0)), (65_532, None), (65_535, None)] {
            assert_eq!(padding(len), octets, "{len}");
        }
    }
}
