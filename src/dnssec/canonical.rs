//! The canonical form of record sets (RFC 4034 §6), from data as it stood in the message.

use crate::wire::{Name, Part, Rdatas, RecordType, RrSet, layout};

/// Whether names inside the data of this type are in lower case in the canonical form: RFC 4034 §6.2, from which RFC
/// 6840 §5.1 takes NSEC. Types that came later, SVCB and HTTPS among them, keep their case (RFC 3597 §7).
fn has_lower_names(rtype: RecordType) -> bool {
    matches!(u16::from(rtype), 2..=9 | 12 | 14 | 15 | 17 | 18 | 21 | 24 | 26 | 30 | 33 | 35 | 36 | 39 | 46)
}

/// The data of one record in canonical form.
pub(super) fn canonical(rtype: RecordType, rdata: &[u8]) -> Vec<u8> {
    let mut data = rdata.to_vec();
    if !has_lower_names(rtype) {
        return data;
    }
    let mut at = 0;
    for part in layout(rtype) {
        match part {
            Part::Name => {
                let start = at;
                while let Some(length) = data.get(at).filter(|length| **length != 0) {
                    at += usize::from(*length) + 1;
                }
                at = (at + 1).min(data.len());
                // Length octets are at most 63 and no letters.
                data[start..at].make_ascii_lowercase();
            }
            Part::Octets(count) => at += count,
            Part::Text => at += 1 + data.get(at).map_or(0, |length| usize::from(*length)),
            Part::Rest => break,
        }
        if at > data.len() {
            break;
        }
    }
    data
}

/// Whether two records of this type have the same data: in the canonical form they have the same octets.
#[must_use]
pub fn is_same(rtype: RecordType, one: &[u8], other: &[u8]) -> bool {
    let may_be = || has_lower_names(rtype) && one.eq_ignore_ascii_case(other);
    one == other || may_be() && canonical(rtype, one) == canonical(rtype, other)
}

/// Whether two sets of this type have the same records, whichever stands first (RFC 2181 §5, RFC 4034 §6.3).
#[must_use]
pub fn are_same(rtype: RecordType, one: &Rdatas, other: &Rdatas) -> bool {
    let in_order = |rdatas: &Rdatas| {
        let mut all: Vec<Vec<u8>> = rdatas.iter().map(|rdata| canonical(rtype, rdata)).collect();
        all.sort_unstable();
        all
    };
    one == other || one.block().len() == other.block().len() && in_order(one) == in_order(other)
}

/// All records of `set` under `owner` in canonical form and order, each once, with the TTL that was signed
/// (RFC 4034 §3.1.8.1, §6.3).
pub(super) fn append(set: &RrSet, owner: &Name, original_ttl_secs: u32, out: &mut Vec<u8>) {
    let mut rdatas: Vec<Vec<u8>> = set.rdatas.iter().map(|rdata| canonical(set.rtype, rdata)).collect();
    rdatas.sort_unstable();
    rdatas.dedup();
    let owner = owner.to_lower();
    for rdata in rdatas {
        out.extend_from_slice(owner.wire());
        out.extend_from_slice(&u16::from(set.rtype).to_be_bytes());
        out.extend_from_slice(&1_u16.to_be_bytes());
        out.extend_from_slice(&original_ttl_secs.to_be_bytes());
        out.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&rdata);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// No data, however damaged, makes the search for names leave it.
        #[test]
        fn any_data_has_a_canonical_form(rtype in 0_u16..70, data in proptest::collection::vec(any::<u8>(), 0..60)) {
            let form = canonical(RecordType::from(rtype), &data);
            prop_assert!(form.eq_ignore_ascii_case(&data));
        }

        /// RFC 4034 §6.2: the names of these types are in lower case, and nothing before, between and behind them is
        /// touched, be it a serial that looks like letters.
        #[test]
        fn nothing_but_names_is_lowered(
            labels in proptest::collection::vec(proptest::collection::vec(b'A'..=b'Z', 1..4), 0..4),
            fill in b'A'..=b'Z',
        ) {
            let upper = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            for rtype in (0..300_u16).map(RecordType::from) {
                let form = |name: &Name| {
                    let part = |part: &Part| match part {
                        Part::Name => name.wire().to_vec(),
                        Part::Octets(count) => vec![fill; *count],
                        Part::Text => vec![2, fill, fill],
                        Part::Rest => vec![fill; 5],
                    };
                    layout(rtype).iter().map(part).collect::<Vec<_>>().concat()
                };
                let lower = if has_lower_names(rtype) { upper.to_lower() } else { upper.clone() };
                prop_assert_eq!(canonical(rtype, &form(&upper)), form(&lower), "{}", rtype);
            }
        }
    }

    /// RFC 2181 §5: names are the same in any case where the canonical form says so (RFC 4034 §6.2), other octets and
    /// names of later types are not; and no record comes first.
    #[test]
    fn what_is_the_same_is_the_same_in_canonical_form() {
        let set = |all: &[&[u8]]| all.iter().copied().collect::<Rdatas>();
        let (lower, upper, other) = (&b"\0\x0a\x01a\0"[..], &b"\0\x0a\x01A\0"[..], &b"\0\x0a\x01b\0"[..]);
        for (rtype, same) in [(RecordType::MX, true), (RecordType::HTTPS, false), (RecordType::TXT, false)] {
            assert_eq!(is_same(rtype, lower, upper), same, "{rtype}");
            assert_eq!(are_same(rtype, &set(&[lower, other]), &set(&[other, upper])), same, "{rtype}");
            assert!(is_same(rtype, lower, lower) && !is_same(rtype, lower, other), "{rtype}");
            assert!(are_same(rtype, &set(&[lower, other]), &set(&[other, lower])), "{rtype}");
            assert!(!are_same(rtype, &set(&[lower, lower]), &set(&[lower, other])), "{rtype}");
            assert!(!are_same(rtype, &set(&[lower]), &set(&[lower, other])), "{rtype}");
        }
        // The preference is no name: 0x41 and 0x61 are two numbers.
        assert!(!is_same(RecordType::MX, b"\0\x41\0", b"\0\x61\0"));
    }

    #[test]
    fn names_are_lowered_where_the_rfc_says_so() {
        let mx = [&[0, 10][..], b"\x04MAIL\x02EX\x00"].concat();
        assert_eq!(canonical(RecordType::MX, &mx), [&[0, 10][..], b"\x04mail\x02ex\x00"].concat());
        // Order, preference, flags, service, expression, and the name behind them.
        let naptr = [&[0, 1, 0, 2][..], b"\x01U\x03E2U\x02!A\x04HOST\x00"].concat();
        let lower = [&[0, 1, 0, 2][..], b"\x01U\x03E2U\x02!A\x04host\x00"].concat();
        assert_eq!(canonical(RecordType::NAPTR, &naptr), lower);
        let https = [&[0, 1][..], b"\x04MAIL\x02EX\x00"].concat();
        assert_eq!(canonical(RecordType::HTTPS, &https), https);
        assert_eq!(canonical(RecordType::NSEC, b"\x01B\x00\x00\x01\x40"), b"\x01B\x00\x00\x01\x40");
    }
}
