//! What a scrubbed reply means.

use crate::trace::{Verdict, Wrong};
use crate::wire::text::rcode_name;
use crate::wire::{Question, RecordType, ResponseCode};

use super::scrub::{self, ChainEnd, Clean, Referral};

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
        // Some say BADVERS where they do not know an option (RFC 8906 §8.2.3).
        code if scrub::complains(code) && clean.cookie_refused => Verdict::Wrong(Wrong::NoCookies),
        // RFC 6891 §6.1.3: it knows no version, or not the one that all know.
        ResponseCode::BADVERS => Verdict::Wrong(Wrong::NoEdns),
        ResponseCode::BADCOOKIE => Verdict::Wrong(Wrong::BadCookie),
        code => Verdict::Wrong(Wrong::Rcode { rcode: rcode_name(code).into_owned(), said: None }),
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
            () => refers(referral, clean),
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

fn refers(referral: &Referral, clean: &Clean) -> Verdict {
    Verdict::Referral {
        zone: referral.ns.owner.clone(),
        servers: referral.ns.rdatas.len(),
        glue: clean.glue.len(),
        signed: referral.ds.is_some(),
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
/// a cache is an answer, a bare denial is one by RFC 2308 §2; one without AA as well, as far as its server is known to
/// have the zone.
#[must_use]
pub fn last_resort(wrong: &Wrong, clean: &Clean) -> Option<Verdict> {
    let denied = if clean.rcode == ResponseCode::NXDomain { Verdict::NxDomain } else { Verdict::NoData };
    match wrong {
        Wrong::Bare | Wrong::Empty | Wrong::OtherZone { .. } => Some(denied),
        Wrong::Unproved { .. } => clean.referral.as_ref().map(|referral| refers(referral, clean)),
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
    use crate::wire::{DNSClass, Edns, Flags, Name, Record, Reply};

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

    /// What servers say of how it went.
    const CODES: [ResponseCode; 9] = [
        ResponseCode::NoError,
        ResponseCode::NXDomain,
        ResponseCode::YXDomain,
        ResponseCode::FormErr,
        ResponseCode::NotImp,
        ResponseCode::BADVERS,
        ResponseCode::BADCOOKIE,
        ResponseCode::ServFail,
        ResponseCode::Refused,
    ];

    /// What a server of `example.` may say about `www.b.example.`, in all ways in which the parts of a reply go
    /// together, each with what was asked.
    fn all_replies() -> Vec<(Question, Clean)> {
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let (zone, www, cut) = (name("example."), name("www.b.example."), name("b.example."));
        let record = |owner: &Name, rtype, rdata: &[u8]| {
            let rdata = rdata.to_vec().into();
            Record { owner: owner.clone(), rtype, class: DNSClass::IN, ttl_secs: 60, rdata }
        };
        let pointer = |owner: &Name, rtype, to: &str| record(owner, rtype, name(to).wire());
        let soa = |owner: &Name| record(owner, RecordType::SOA, &[0; 22]);
        let long = format!("{0}.{0}.{0}.{0}.", "a".repeat(60));
        let mut all = Vec::new();
        for (qtype, own) in [(RecordType::A, &www), (RecordType::DS, &cut), (RecordType::ANY, &www)] {
            let asked = Question::new(own.clone(), qtype);
            let found = record(own, if qtype == RecordType::ANY { RecordType::A } else { qtype }, &[1, 2, 3, 4]);
            let alias = pointer(own, RecordType::CNAME, "other.");
            let answers = [
                vec![],
                vec![found.clone()],
                vec![alias],
                vec![pointer(own, RecordType::CNAME, "c.example."), record(&name("c.example."), qtype, &[1, 2, 3, 4])],
                vec![pointer(own, RecordType::CNAME, &own.to_string())],
                vec![pointer(&zone, RecordType::DNAME, &long)],
                // More than a set may have.
                (0..3).map(|nth| record(own, qtype, &[1, 2, 3, nth])).collect(),
                vec![found, record(own, RecordType::MX, &[0, 1, 0])],
            ];
            let authorities = ["", "S", "s", "z", "c", "u", "x", "cS", "us", "zS", "uS"].map(|parts| {
                let part = |part| match part {
                    'S' => soa(&zone),
                    's' => soa(&Name::root()),
                    'z' => pointer(&zone, RecordType::NS, "ns."),
                    'c' => pointer(&cut, RecordType::NS, "ns."),
                    'u' => pointer(&Name::root(), RecordType::NS, "ns."),
                    _ => pointer(&name("x.example."), RecordType::NS, "ns."),
                };
                parts.chars().map(part).collect::<Vec<_>>()
            });
            for (bits, rcode) in (0..32_u8).flat_map(|bits| CODES.map(|rcode| (bits, rcode))) {
                let is = |bit: u8| bits >> bit & 1 == 1;
                for (answer, authority) in answers.iter().flat_map(|one| authorities.iter().map(move |two| (one, two)))
                {
                    let reply = Reply {
                        id: 0,
                        flags: Flags::default().with_qr(true).with_aa(is(0)).with_ra(is(1)).with_tc(is(2)),
                        rcode,
                        question: Some(asked.clone()),
                        answer: answer.clone(),
                        authority: authority.clone(),
                        additional: Vec::new(),
                        edns: is(3).then(|| Edns::new(1232, true)),
                        damage: Vec::new(),
                    };
                    let limits = SetLimits { records: 2, ..SetLimits::default() };
                    let mut clean = scrub::reply(&zone, &asked, reply, &limits, &|name| name.is_within(&zone)).0;
                    clean.cookie_refused = is(4);
                    all.push((asked.clone(), clean));
                }
            }
        }
        all
    }

    /// Whatever the parts of a reply say together, it says nothing that none of them does.
    #[test]
    fn a_verdict_follows_from_the_parts() {
        let mut seen = std::collections::BTreeMap::<String, u32>::new();
        for (asked, clean) in all_replies() {
            let verdict = reply(&asked, &clean);
            let told = || format!("{asked}: {clean:#?}");
            let (is_data, is_alias) = (clean.answer.is_some(), !clean.chain.is_empty());
            let says = matches!(clean.rcode, ResponseCode::NoError | ResponseCode::NXDomain);
            let trusted = clean.aa || !clean.ra;
            let kind = format!("{verdict:?}");
            *seen.entry(kind.split([' ', '(', '{']).take(2).collect()).or_default() += 1;
            // RFC 2181 §9: of a truncated reply nobody knows what is missing.
            assert_eq!(verdict == Verdict::Truncated, clean.tc, "{}", told());
            let Some(is_end) = (!clean.tc).then_some(clean.chain_end) else { continue };
            match &verdict {
                // RFC 6672 §2.2: by the code or by the DNAME.
                Verdict::TooLong => assert_eq!(is_end, ChainEnd::TooLong, "{}", told()),
                Verdict::AliasLoop { .. } => assert!(says && is_end == ChainEnd::Loop, "{}", told()),
                Verdict::Answer { records } => {
                    assert!(says && is_data && (trusted || clean.referral.is_some()), "{}", told());
                    let before: usize = clean.chain.iter().map(|set| set.rdatas.len()).sum();
                    let own = clean.answer.as_ref().map_or(0, |set| set.rdatas.len());
                    assert_eq!(*records, own + if asked.qtype == RecordType::ANY { before } else { 0 }, "{}", told());
                }
                // RFC 6604 §3: of the end of the aliases the code says nothing.
                Verdict::Alias { .. } => assert!(says && is_alias && !is_data, "{}", told()),
                // RFC 2308 §2.1: the code says it, and somebody with authority, or who at least has the zone.
                Verdict::NxDomain => {
                    let denies = clean.rcode == ResponseCode::NXDomain && !is_data && !is_alias;
                    assert!(denies && (clean.aa || clean.soa.is_some() && !clean.ra), "{}", told());
                    assert!(
                        clean.above.is_none() || clean.soa.is_some(),
                        "who has the zone above cannot say: {}",
                        told()
                    );
                }
                Verdict::NoData => {
                    assert!(says && !is_data && !is_alias && !clean.spoilt && trusted, "{}", told());
                    assert!(clean.rcode == ResponseCode::NoError && clean.soa.is_some(), "{}", told());
                }
                Verdict::Referral { zone, .. } => {
                    let is_to = clean.referral.as_ref().is_some_and(|to| to.ns.owner == *zone);
                    assert!(says && is_to && !is_data && !is_alias && clean.soa.is_none(), "{}", told());
                    assert!(asked.qtype != RecordType::DS || *zone != asked.name, "RFC 4035 §3.1.4.1: {}", told());
                }
                Verdict::Wrong(why) => is_wrong(why, &asked, &clean),
                Verdict::Truncated => {}
                Verdict::Deeper => panic!("nobody was asked for less than the whole name"),
            }
        }
        assert_eq!(seen.len(), 17, "{seen:?}");
    }

    /// What is refused has the fault that it is refused for; what has none is not refused.
    fn is_wrong(why: &Wrong, asked: &Question, clean: &Clean) {
        let told = || format!("{why:?}: {asked}: {clean:#?}");
        let says = matches!(clean.rcode, ResponseCode::NoError | ResponseCode::NXDomain);
        let useful = clean.answer.is_some() || !clean.chain.is_empty();
        let complains = scrub::complains(clean.rcode);
        match why {
            Wrong::NoEdns => {
                assert!(complains && (!clean.edns || clean.rcode == ResponseCode::BADVERS), "{}", told());
            }
            Wrong::NoCookies => {
                assert!(complains && clean.cookie_refused, "{}", told());
            }
            Wrong::BadCookie => assert_eq!(clean.rcode, ResponseCode::BADCOOKIE, "{}", told()),
            Wrong::Rcode { .. } => {
                assert!(!says && clean.rcode != ResponseCode::BADCOOKIE, "{}", told());
                assert!(!complains || !clean.cookie_refused, "{}", told());
                assert!(!complains || clean.edns && clean.rcode != ResponseCode::BADVERS, "{}", told());
            }
            Wrong::Recursive => assert!(says && clean.ra && !clean.aa, "{}", told()),
            Wrong::Unusable => assert!(says && clean.spoilt && !useful, "{}", told()),
            Wrong::OtherZone { .. } => assert!(says && !useful && clean.above.is_some() && clean.soa.is_none()),
            Wrong::UpwardReferral { .. } => {
                assert!(says && !useful && clean.soa.is_none() && clean.sideways.is_some(), "{}", told());
                assert!(!clean.aa || clean.upward.is_some(), "RFC 2308 §2.2: it may be NODATA: {}", told());
            }
            Wrong::Bare => {
                let is_ds = asked.qtype == RecordType::DS && clean.referral.is_some();
                assert!(says && !useful && (clean.soa.is_none() || is_ds), "{}", told());
                assert!(clean.aa || clean.rcode == ResponseCode::NXDomain || is_ds, "{}", told());
                assert!(
                    !clean.aa || clean.rcode == ResponseCode::NoError || is_ds,
                    "an NXDOMAIN needs no SOA: {}",
                    told()
                );
            }
            Wrong::Empty => {
                assert!(clean.rcode == ResponseCode::NoError && !useful, "{}", told());
                assert!(!clean.aa && clean.soa.is_none() && clean.sideways.is_none(), "{}", told());
            }
            other => panic!("{other:?}"),
        }
    }

    /// A reply with a fault is good for what it would mean without: its data, its aliases, what its code denies; from a
    /// resolver's cache a type is denied only by its SOA. And a part of a name is no zone cut if that is all it says.
    #[test]
    fn a_faulty_reply_is_good_for_what_it_says() {
        for (asked, clean) in all_replies() {
            let verdict = reply(&asked, &clean);
            let no_name = clean.rcode == ResponseCode::NXDomain;
            let is_bare = verdict == Verdict::Wrong(Wrong::Bare);
            let no_cut = matches!(verdict, Verdict::Answer { .. } | Verdict::NoData) || is_bare && !no_name;
            assert_eq!(shows_no_cut(&verdict, &clean), no_cut, "{verdict:?}: {clean:#?}");
            let Verdict::Wrong(wrong) = verdict else { continue };
            let denied = if no_name { Verdict::NxDomain } else { Verdict::NoData };
            let good_for = match (&wrong, &clean.answer) {
                (Wrong::Bare | Wrong::Empty | Wrong::OtherZone { .. }, _) => Some(denied),
                (Wrong::Recursive, Some(answer)) => Some(Verdict::Answer { records: answer.rdatas.len() }),
                (Wrong::Recursive, None) if !clean.chain.is_empty() => {
                    Some(Verdict::Alias { target: clean.end.clone() })
                }
                (Wrong::Recursive, None) => (no_name || clean.soa.is_some()).then_some(denied),
                _ => None,
            };
            assert_eq!(last_resort(&wrong, &clean), good_for, "{wrong:?}: {clean:#?}");
        }
    }

    /// Who was asked to look up is believed as long as he does: what he says without authority or SOA counts, where he
    /// sends us does not.
    #[test]
    fn a_forwarder_is_believed_as_long_as_he_looks_up() {
        for (asked, clean) in all_replies() {
            let verdict = forwarder(&asked, &clean);
            let told = || format!("{verdict:?}: {asked}: {clean:#?}");
            let useful = clean.answer.is_some() || !clean.chain.is_empty() || clean.soa.is_some();
            let elsewhere = clean.referral.is_some() || clean.sideways.is_some();
            let refers = clean.upward.is_some() || elsewhere && !clean.ra;
            let sends = !clean.tc && !useful && refers;
            assert_eq!(verdict == Verdict::Wrong(Wrong::NotRecursive), sends, "{}", told());
            assert_eq!(verdict == Verdict::Truncated, clean.tc, "{}", told());
            assert!(!matches!(verdict, Verdict::Referral { .. }), "{}", told());
            let says = matches!(clean.rcode, ResponseCode::NoError | ResponseCode::NXDomain);
            if says && !sends && !clean.spoilt {
                assert!(!matches!(verdict, Verdict::Wrong(_)), "{}", told());
            }
            if verdict == Verdict::NoData {
                assert!(clean.rcode == ResponseCode::NoError && clean.answer.is_none() && clean.chain.is_empty());
            }
        }
    }
}
