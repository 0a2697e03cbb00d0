//! What a scrubbed reply means.

use crate::trace::{Verdict, Wrong};
use crate::wire::text::rcode_name;
use crate::wire::{Question, RecordType, ResponseCode};

use super::scrub::{ChainEnd, Clean};

/// Judges a reply to `asked`.
#[must_use]
pub fn reply(asked: &Question, clean: &Clean) -> Verdict {
    if clean.tc {
        return Verdict::Truncated;
    }
    match clean.rcode {
        // RFC 6604 §3: the code speaks of the name at the end of the aliases, which is asked for by itself.
        ResponseCode::NXDomain if clean.chain.is_empty() && clean.answer.is_none() => denial(clean, Verdict::NxDomain),
        ResponseCode::NoError | ResponseCode::NXDomain => no_error(asked, clean),
        ResponseCode::YXDomain if clean.chain_end == ChainEnd::TooLong => Verdict::TooLong,
        ResponseCode::FormErr | ResponseCode::NotImp if !clean.edns => Verdict::Wrong(Wrong::NoEdns),
        ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS if clean.cookie_refused => {
            Verdict::Wrong(Wrong::NoCookies)
        }
        ResponseCode::BADCOOKIE => Verdict::Wrong(Wrong::BadCookie),
        code => Verdict::Wrong(Wrong::Rcode { rcode: rcode_name(code).into_owned() }),
    }
}

/// Judges a reply of a server that was asked to do the looking up.
#[must_use]
pub fn forwarder(asked: &Question, clean: &Clean) -> Verdict {
    let useful = clean.answer.is_some() || !clean.chain.is_empty() || clean.soa.is_some();
    let elsewhere = clean.referral.is_some() || clean.sideways.is_some();
    // RFC 2308 §2.2: NODATA may come with the NS set of the zone and without a SOA record; servers of a zone above
    // say nothing about this one.
    if !useful && !clean.tc && (clean.upward.is_some() || elsewhere && !clean.ra) {
        return Verdict::Wrong(Wrong::NotRecursive);
    }
    // It speaks from its cache as a rule (RA without AA), and not all of them pass a denial's SOA on.
    match reply(asked, &Clean { aa: true, ra: false, referral: None, above: None, ..clean.clone() }) {
        Verdict::Wrong(Wrong::Bare) => Verdict::NoData,
        verdict => verdict,
    }
}

fn no_error(asked: &Question, clean: &Clean) -> Verdict {
    // RA without AA: a resolver answers where an authority was delegated to.
    if clean.ra && !clean.aa && clean.referral.is_none() {
        return Verdict::Wrong(Wrong::Recursive);
    }
    match clean.chain_end {
        ChainEnd::Loop => return Verdict::AliasLoop { name: clean.end.clone() },
        ChainEnd::TooLong => return Verdict::TooLong,
        ChainEnd::Open => {}
    }
    if let Some(answer) = &clean.answer {
        let before = clean.chain.iter().filter(|_| asked.qtype == RecordType::ANY);
        return Verdict::Answer { records: before.chain([answer]).map(|set| set.rdatas.len()).sum() };
    }
    if clean.spoilt {
        return Verdict::Wrong(Wrong::Unusable);
    }
    if !clean.chain.is_empty() {
        return Verdict::Alias { target: clean.end.clone() };
    }
    if let Some(referral) = &clean.referral {
        return match () {
            // RFC 4035 §3.1.4.1: DS lives at the parent, which answers instead of referring. One that does not know
            // that says by its referral that it has none.
            () if asked.qtype == RecordType::DS && referral.ns.owner == asked.name => Verdict::Wrong(Wrong::Bare),
            () if clean.soa.is_some() => denial(clean, Verdict::NoData),
            () => Verdict::Referral {
                zone: referral.ns.owner.clone(),
                servers: referral.ns.rdatas.len(),
                glue: clean.glue.len(),
                signed: referral.ds.is_some(),
            },
        };
    }
    match &clean.sideways {
        // RFC 2308 §2.2: NODATA may come with an NS set; without AA and SOA it is a referral that leads nowhere,
        // and upwards it is one with AA as well.
        Some(to) if clean.soa.is_none() && (!clean.aa || clean.upward.is_some()) => {
            Verdict::Wrong(Wrong::UpwardReferral { to: to.clone() })
        }
        _ => denial(clean, Verdict::NoData),
    }
}

fn denial(clean: &Clean, verdict: Verdict) -> Verdict {
    let of_another = clean.above.as_ref().filter(|_| clean.soa.is_none());
    match (clean.aa, clean.ra) {
        (false, true) => Verdict::Wrong(Wrong::Recursive),
        // It has authority over the zone above alone, where there is only the delegation.
        _ if let Some(zone) = of_another => Verdict::Wrong(Wrong::OtherZone { serves: zone.clone() }),
        // RFC 2308 §2.2 allows it, but broken servers say the same; another one is heard first.
        (true, _) if clean.soa.is_none() && verdict == Verdict::NoData => Verdict::Wrong(Wrong::Bare),
        (true, _) => verdict,
        // Without AA a SOA shows at least that the server holds the zone.
        (false, false) if clean.soa.is_some() => verdict,
        (false, false) if verdict == Verdict::NxDomain => Verdict::Wrong(Wrong::Bare),
        (false, false) => Verdict::Wrong(Wrong::Empty),
    }
}

/// Whether a reply to a part of a name says that there is no zone cut, and nothing else.
#[must_use]
pub fn shows_no_cut(verdict: &Verdict, clean: &Clean) -> bool {
    match verdict {
        Verdict::Answer { .. } | Verdict::NoData => true,
        Verdict::Wrong(Wrong::Bare) => clean.rcode != ResponseCode::NXDomain,
        _ => false,
    }
}

/// What a reply with this fault may still be good for when no server of the zone has a better one: an answer out of
/// a cache is an answer, a bare denial is one by RFC 2308 §2.
#[must_use]
pub fn last_resort(wrong: &Wrong, clean: &Clean) -> Option<Verdict> {
    let denied = if clean.rcode == ResponseCode::NXDomain { Verdict::NxDomain } else { Verdict::NoData };
    match wrong {
        Wrong::Bare | Wrong::OtherZone { .. } => Some(denied),
        Wrong::Recursive if clean.answer.is_some() => {
            clean.answer.as_ref().map(|answer| Verdict::Answer { records: answer.rdatas.len() })
        }
        Wrong::Recursive if !clean.chain.is_empty() => Some(Verdict::Alias { target: clean.end.clone() }),
        Wrong::Recursive if clean.soa.is_some() || denied == Verdict::NxDomain => Some(denied),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::SetLimits;
    use super::super::scrub;
    use super::*;
    use crate::wire::{DNSClass, Flags, Name, Record, Reply};

    /// A reply with these flags, an NS record in the authority section or none.
    fn heard(zone: &str, aa: bool, ra: bool, ns: Option<&str>) -> (Question, Clean) {
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let asked = Question::new(name("www.example"), RecordType::A);
        let ns = ns.map(|owner| Record {
            owner: name(owner),
            rtype: RecordType::NS,
            class: DNSClass::IN,
            ttl_secs: 60,
            rdata: name("ns.example").wire().into(),
        });
        let reply = Reply {
            id: 0,
            flags: Flags::default().with_qr(true).with_aa(aa).with_ra(ra),
            rcode: ResponseCode::NoError,
            question: Some(asked.clone()),
            answer: Vec::new(),
            authority: ns.into_iter().collect(),
            additional: Vec::new(),
            edns: None,
            damage: Vec::new(),
        };
        (asked.clone(), scrub::reply(&name(zone), &asked, reply, &SetLimits::default(), &|_| true).0)
    }

    #[test]
    fn a_forwarder_may_speak_without_authority_and_may_not_refer() {
        for (aa, ra) in [(false, true), (true, true), (true, false)] {
            let (asked, clean) = heard(".", aa, ra, None);
            assert_eq!(forwarder(&asked, &clean), Verdict::NoData, "aa {aa}, ra {ra}");
        }
        let (asked, clean) = heard(".", false, true, None);
        assert_eq!(reply(&asked, &clean), Verdict::Wrong(Wrong::Recursive));
        let (asked, clean) = heard(".", false, true, Some("example"));
        assert_eq!(forwarder(&asked, &clean), Verdict::NoData, "it does look up, and lists servers besides");
        let (asked, clean) = heard("example", false, true, Some("."));
        let below = forwarder(&asked, &clean);
        assert_eq!(
            below,
            Verdict::Wrong(Wrong::NotRecursive),
            "it lists the servers of a zone above the one it was given"
        );
        for ns in ["example", "."] {
            let (asked, clean) = heard(".", false, false, Some(ns));
            assert_eq!(forwarder(&asked, &clean), Verdict::Wrong(Wrong::NotRecursive), "{ns}");
        }
    }
}
