//! What a scrubbed reply means.

use crate::trace::{Verdict, Wrong};
use crate::wire::text::rcode_name;
use crate::wire::{Name, Question, RecordType, ResponseCode};

use super::scrub::{ChainEnd, Clean};

/// Judges a reply of a server of `zone` to `asked`.
#[must_use]
pub fn reply(zone: &Name, asked: &Question, clean: &Clean) -> Verdict {
    if clean.tc {
        return Verdict::Truncated;
    }
    match clean.rcode {
        // RFC 6604 §3: the code speaks of the name at the end of the aliases.
        ResponseCode::NXDomain if clean.chain.is_empty() && clean.answer.is_none() => denial(clean, Verdict::NxDomain),
        ResponseCode::NoError | ResponseCode::NXDomain => no_error(zone, asked, clean),
        ResponseCode::YXDomain if clean.chain_end == ChainEnd::TooLong => Verdict::TooLong,
        ResponseCode::FormErr | ResponseCode::NotImp if !clean.edns => Verdict::Wrong(Wrong::NoEdns),
        code => Verdict::Wrong(Wrong::Rcode { rcode: rcode_name(code).into_owned() }),
    }
}

fn no_error(zone: &Name, asked: &Question, clean: &Clean) -> Verdict {
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
        return Verdict::Answer { records: answer.rdatas.len() };
    }
    if !clean.chain.is_empty() {
        return alias(zone, clean);
    }
    if let Some(referral) = &clean.referral {
        return match () {
            // RFC 4035 §3.1.4.1: DS lives at the parent, which answers instead of referring.
            () if asked.qtype == RecordType::DS && referral.ns.owner == asked.name => Verdict::Wrong(Wrong::Empty),
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
        // RFC 2308 §2.2: NODATA may come with an NS set; without AA and SOA it is a referral that leads nowhere.
        Some(to) if clean.soa.is_none() && !clean.aa => Verdict::Wrong(Wrong::UpwardReferral { to: to.clone() }),
        _ => denial(clean, Verdict::NoData),
    }
}

/// The aliases of this reply end without an answer: is that the end, or is there more to ask?
fn alias(zone: &Name, clean: &Clean) -> Verdict {
    // The same server denied the target, which lies in its zone (RFC 2308 §2.1 shows such replies).
    if clean.soa.as_ref().is_some_and(|soa| clean.end.is_within(&soa.owner)) && clean.end.is_within(zone) {
        return match clean.rcode {
            ResponseCode::NXDomain => Verdict::NxDomain,
            _ => Verdict::NoData,
        };
    }
    Verdict::Alias { target: clean.end.clone() }
}

fn denial(clean: &Clean, verdict: Verdict) -> Verdict {
    match (clean.aa, clean.ra) {
        (true, _) => verdict,
        (false, true) => Verdict::Wrong(Wrong::Recursive),
        // Without AA a SOA shows at least that the server holds the zone.
        (false, false) if clean.soa.is_some() || verdict == Verdict::NxDomain => verdict,
        (false, false) => Verdict::Wrong(Wrong::Empty),
    }
}
