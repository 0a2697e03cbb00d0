//! How long an answer is good for as a whole.

use super::query::{behind_questions, read_record};
use super::{RecordType, Soa};

/// Seconds for which an HTTP cache may keep an answer (RFC 8484 §5.1): the least TTL of the answer section, and for a
/// denial the lesser of the TTL and the MINIMUM of its SOA (RFC 2308 §5). `None` for a failure, for a denial of which
/// nothing says how long it holds, and for what cannot be read. Reads the heads of the records and nothing else.
#[must_use]
pub fn life_secs(message: &[u8]) -> Option<u32> {
    let ([answer, authority, _], mut cursor) = behind_questions(message)?;
    // What has another code is no answer. Those above 15 have their low bits here, and no records.
    if !matches!(message[3] & 15, 0 | 3) {
        return None;
    }
    let mut least: Option<u32> = None;
    for nth in 0..answer + authority {
        let (rtype, _, ttl_secs, data) = read_record(&mut cursor).ok()?;
        let life_secs = match RecordType::from(rtype) {
            _ if nth < answer => ttl_secs,
            // A chain of aliases may end in a denial, which is good for as long as its SOA says.
            RecordType::SOA => ttl_secs.min(Soa::read(data)?.minimum_secs),
            _ => continue,
        };
        least = Some(least.map_or(life_secs, |least| least.min(life_secs)));
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, Name, Question, ResponseCode, RrSet, Section, Writer};

    fn message(rcode: ResponseCode, answer: &[(RecordType, u32)], authority: &[(RecordType, u32)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(0, Flags(0x8180), &mut out);
        writer.set_rcode(rcode);
        let name: Name = "www.example.com".parse().unwrap();
        writer.question(&Question::new(name.clone(), RecordType::A));
        for (section, records) in [(Section::Answer, answer), (Section::Authority, authority)] {
            for (rtype, ttl_secs) in records {
                // An SOA whose MINIMUM is 60.
                let soa = [&[0, 0][..], &[0; 16], &[0, 0, 0, 60]].concat();
                let rdata: &[u8] = if *rtype == RecordType::SOA { &soa } else { &[192, 0, 2, 1] };
                writer.set(section, &RrSet::new(name.clone(), *rtype, *ttl_secs, [rdata]), false).unwrap();
            }
        }
        writer.finish();
        out
    }

    #[test]
    fn an_answer_is_kept_no_longer_than_its_records() {
        use ResponseCode::{NXDomain, NoError, ServFail};
        let (a, soa, ns) = (RecordType::A, RecordType::SOA, RecordType::TXT);
        assert_eq!(life_secs(&message(NoError, &[(a, 300), (ns, 20)], &[])), Some(20));
        assert_eq!(life_secs(&message(NoError, &[(a, 300)], &[(ns, 5)])), Some(300), "authority is no answer");
        assert_eq!(life_secs(&message(NXDomain, &[], &[(soa, 3600)])), Some(60));
        assert_eq!(life_secs(&message(NXDomain, &[], &[(ns, 9), (soa, 30)])), Some(30));
        assert_eq!(life_secs(&message(NXDomain, &[(a, 10)], &[(soa, 30)])), Some(10));
        assert_eq!(life_secs(&message(NoError, &[], &[])), None);
        assert_eq!(life_secs(&message(ServFail, &[(a, 300)], &[])), None);
        let whole = message(NXDomain, &[(a, 10)], &[(soa, 30)]);
        assert!((0..whole.len()).all(|len| life_secs(&whole[..len]).is_none()), "cut short");
    }
}
