//! Where trust begins, and where it is suspended, as the validator takes it.

use std::net::SocketAddr;

use crate::config::{Dnssec, NegativeTrustAnchor, ServerAddress, Settings};
use crate::dnssec::{self, Accepts, Anchors, NegativeAnchor};
use crate::upkeep::{RootSource, Upkeep};

/// The longest life of a negative trust anchor: RFC 7646 §2 asks for no more than a week.
const NEGATIVE_MOST_SECS: u64 = 7 * 86_400;

/// How things are validated by a resolver that starts at `now_secs`, seconds since 1970 modulo 2^32. Without trust
/// anchors nothing is.
pub(super) fn proofs(settings: &Dnssec, now_secs: u32) -> dnssec::Settings {
    let mut anchors = Anchors::default();
    if settings.validate {
        anchors.extend(settings.trust_anchors.iter().filter_map(|anchor| anchor.0.parse::<Anchors>().ok()));
    }
    let negative = settings.negative_trust_anchors.iter().filter_map(|given| {
        let left_secs = u32::try_from(left_secs(given, settings, now_secs).min(NEGATIVE_MOST_SECS)).ok()?;
        Some(NegativeAnchor { zone: given.zone.clone(), until_secs: now_secs.wrapping_add(left_secs) })
    });
    let accepts = Accepts { sha1: settings.sha1, rsa_min_bits: settings.rsa_min_bits };
    dnssec::Settings {
        anchors,
        negative: negative.collect(),
        accepts,
        aggressive: settings.aggressive,
        sentinel: settings.root_key_sentinel,
    }
}

/// What is done although nobody asks.
pub(super) fn upkeep(settings: &Settings) -> Upkeep {
    let path = |text: &str| (!text.is_empty()).then(|| text.into());
    let given = &settings.local_root;
    let server = |server: &ServerAddress| SocketAddr::new(server.addr, server.port.unwrap_or(53));
    let servers = given.servers.iter().map(server).collect();
    Upkeep {
        anchor_file: path(&settings.dnssec.anchor_file),
        signal: settings.dnssec.key_tag_signal,
        root: RootSource { file: path(&given.file), servers },
    }
}

/// What the operator should know of negative trust anchors.
pub(super) fn warnings(settings: &Dnssec, now_secs: u32) -> Vec<String> {
    let warning = |given: &NegativeTrustAnchor| match left_secs(given, settings, now_secs) {
        0 => Some(format!("the negative trust anchor for {} has ended; it may be taken out", given.zone)),
        NEGATIVE_MOST_SECS.. if given.until_secs.is_some() => {
            Some(format!("the negative trust anchor for {} ends in a week: RFC 7646 allows no longer ones", given.zone))
        }
        _ => None,
    };
    settings.negative_trust_anchors.iter().filter_map(warning).collect()
}

/// Seconds for which the operator wants a negative trust anchor.
fn left_secs(given: &NegativeTrustAnchor, settings: &Dnssec, now_secs: u32) -> u64 {
    match given.until_secs {
        Some(until_secs) => until_secs.saturating_sub(now_secs.into()),
        None => settings.negative_trust_anchor_secs.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_anchors_end() {
        let now_secs = 1_795_219_200;
        let given = |until_secs| NegativeTrustAnchor { zone: "example.".parse().unwrap(), until_secs };
        let ends = [None, Some(1_795_219_260), Some(1_795_219_199), Some(1_795_219_200 + 9 * 86_400)];
        let settings = Dnssec { negative_trust_anchors: ends.map(given).into(), ..Dnssec::default() };
        let read = proofs(&settings, now_secs);
        let left: Vec<u32> = read.negative.iter().map(|off| off.until_secs - now_secs).collect();
        assert_eq!(left, [86_400, 60, 0, 7 * 86_400]);
        let at = |now_secs| read.negative_at(&"a.example.".parse().unwrap(), &crate::wire::Name::root(), now_secs);
        assert_eq!(at(now_secs).map(|(_, left_secs)| left_secs), Some(7 * 86_400), "the longest of one name counts");
        assert_eq!(at(now_secs + 7 * 86_400), None);
        let told = warnings(&settings, now_secs);
        assert!(told[0].contains("has ended") && told[1].contains("a week") && told.len() == 2, "{told:?}");
    }
}
