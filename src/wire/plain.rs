//! Answers of one record set under the very name that was asked: written anew for every client, which takes no longer
//! than to copy and patch one, and needs nothing but the set.

use super::edns::BARE_OPT;
use super::template::{Extras, Opt};
use super::turn;
use super::{DNSClass, Flags, HEADER, QueryView, RecordType, ResponseCode, RrSet};

/// Octets of a record besides its data, its owner written as a pointer to the question.
const PER_RECORD: usize = 12;

/// The records of the answer.
#[derive(Clone, Copy, Debug)]
pub struct PlainAnswer<'a> {
    /// Their TTL in seconds.
    pub ttl_secs: u32,
    /// Their data, a length of two octets before each.
    pub rdatas: &'a [u8],
    /// The data of the signatures likewise; clients get them that set DO.
    pub sigs: &'a [u8],
}

impl PlainAnswer<'_> {
    /// Whether the answer fits into every response without options, the smallest included (RFC 1035 §4.2.1), so that it
    /// hardly ever needs to be cut.
    #[must_use]
    pub fn fits(set: &RrSet) -> bool {
        let records = set.rdatas.len() + set.sigs.len();
        let octets = set.rdatas.block().len() + set.sigs.block().len() + records * (PER_RECORD - 2);
        HEADER + set.owner.wire().len() + 4 + octets <= 512 - BARE_OPT
    }

    /// Appends the response to `query` to `out`, which has at most `limit` octets if that is no less than 512: without
    /// records and with TC where they do not fit beside the options. Allocates nothing if `out` has room. RD and CD are
    /// copied from the query, and the question octet for octet.
    pub fn respond(&self, query: &QueryView<'_>, extras: &Extras<'_>, limit: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let flags = Flags(Flags::default().with_qr(true).with_ra(true).0 | query.flags().response().0);
        let flags = flags.with_ad(extras.ad);
        out.extend_from_slice(&query.id().to_be_bytes());
        out.extend_from_slice(&flags.0.to_be_bytes());
        out.extend_from_slice(&[0, 1, 0, 0, 0, 0, 0, u8::from(query.edns().is_some())]);
        out.extend_from_slice(query.question_bytes());
        let qtype = query.qtype();
        let mut count = match turn::octets(qtype, self.rdatas, query.id()) {
            0 => self.records(qtype, self.rdatas, out),
            first => {
                let (later, now) = self.rdatas.split_at(first);
                self.records(qtype, now, out) + self.records(qtype, later, out)
            }
        };
        if query.dnssec_ok() {
            count += self.records(RecordType::RRSIG, self.sigs, out);
        }
        let limit = limit.max(512);
        let opt = query.edns().map(|edns| Opt::fit(extras, edns.dnssec_ok(), limit, out.len() - start));
        if opt.is_some_and(|opt| out.len() - start > opt.room(limit)) {
            out.truncate(start + HEADER + query.question_bytes().len());
            out[start + 2..start + 4].copy_from_slice(&flags.with_tc(true).0.to_be_bytes());
            count = 0;
        }
        out[start + 6..start + 8].copy_from_slice(&count.to_be_bytes());
        if let Some(opt) = opt {
            opt.write(extras, ResponseCode::NoError, start, out);
        }
    }

    /// Appends records, and says how many.
    fn records(&self, rtype: RecordType, mut rdatas: &[u8], out: &mut Vec<u8>) -> u16 {
        let mut head = [0xc0, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0];
        head[2..4].copy_from_slice(&u16::from(rtype).to_be_bytes());
        head[4..6].copy_from_slice(&u16::from(DNSClass::IN).to_be_bytes());
        head[6..].copy_from_slice(&self.ttl_secs.to_be_bytes());
        let mut count = 0;
        while let Some((len, _)) = rdatas.split_first_chunk::<2>() {
            let end = (2 + usize::from(u16::from_be_bytes(*len))).min(rdatas.len());
            out.extend_from_slice(&head);
            out.extend_from_slice(&rdatas[..end]);
            rdatas = &rdatas[end..];
            count += 1;
        }
        count
    }
}
