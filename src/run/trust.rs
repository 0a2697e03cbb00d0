//! Where trust begins, and where it is suspended, as the validator takes it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::{Dnssec, NegativeTrustAnchor, ServerAddress, Settings};
use crate::dnssec::{self, Accepts, Anchors, NegativeAnchor, NegativeAnchors};
use crate::time::Time;
use crate::upkeep::{RootSource, Upkeep, anchors_in};

/// The longest life of a negative trust anchor: RFC 7646 §2 asks for no more than a week.
const NEGATIVE_MOST_SECS: u64 = 7 * 86_400;

/// How things are validated by a resolver that begins with these settings `now`. Without trust anchors nothing is.
pub(super) fn proofs(settings: &Dnssec, now: Time) -> dnssec::Settings {
    let mut anchors = Anchors::default();
    if settings.validate {
        anchors.extend(settings.trust_anchors.iter().map(|anchor| anchor.anchors().clone()));
    }
    let negative = settings.negative_trust_anchors.iter().map(|given| {
        let until_secs = given.until_secs.map(|until| u32::try_from(until & u64::from(u32::MAX)).unwrap_or_default());
        let most_secs = until_secs.map_or(settings.negative_trust_anchor_secs.into(), |_| NEGATIVE_MOST_SECS);
        NegativeAnchor { zone: given.zone.clone(), expires: now.plus_secs(most_secs), until_secs }
    });
    dnssec::Settings {
        anchors,
        negative: NegativeAnchors::new(negative, settings.negative_trust_anchor_look_secs, now),
        accepts: accepts(settings),
        aggressive: settings.aggressive,
        sentinel: settings.root_key_sentinel,
        key_tag_option: settings.key_tag_option,
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

/// What trust rests on besides the configuration; `root` is the version of the root zone in its file.
pub(super) fn report(settings: &Settings, root: Option<u32>, now_secs: u32) -> Vec<String> {
    let (dnssec, mut lines) = (&settings.dnssec, warnings(&settings.dnssec, now_secs));
    for given in dnssec.negative_trust_anchors.iter().filter(|given| left_secs(given, dnssec, now_secs) > 0) {
        let hours = left_secs(given, dnssec, now_secs).min(NEGATIVE_MOST_SECS) / 3600;
        lines.push(format!("nothing is validated at and below {} for {hours} h at most", given.zone));
    }
    if !dnssec.anchor_file.is_empty() {
        let path = Path::new(&dnssec.anchor_file);
        match anchors_in(path, now_secs.into()) {
            Ok(keys) => lines.extend(keys.iter().map(|key| format!("{}: {key}", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let what = match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    Some(folder) if !folder.is_dir() => "cannot be written: there is no such folder",
                    _ => "written when the keys have been seen for the first time",
                };
                lines.push(format!("{}: {what}", path.display()));
            }
            Err(error) => lines.push(format!("{}: {error}; the configured trust anchors count", path.display())),
        }
    }
    let file = &settings.local_root.file;
    let otherwise = match settings.local_root.servers.is_empty() {
        true => "walks begin at the servers of the root",
        false => "its servers are asked for one",
    };
    match root {
        _ if file.is_empty() => {}
        Some(serial) => lines.push(format!("{file}: the root zone with serial {serial}, which is good")),
        None => lines.push(format!("{file}: no root zone that could be used; {otherwise}")),
    }
    lines
}

/// What the operator should know of trust anchors, negative ones too.
pub(super) fn warnings(settings: &Dnssec, now_secs: u32) -> Vec<String> {
    let warning = |given: &NegativeTrustAnchor| match left_secs(given, settings, now_secs) {
        0 => Some(format!("the negative trust anchor for {} has ended; it may be taken out", given.zone)),
        NEGATIVE_MOST_SECS.. if given.until_secs.is_some() => {
            Some(format!("the negative trust anchor for {} ends in a week: RFC 7646 allows no longer ones", given.zone))
        }
        _ => None,
    };
    let idle = proofs(settings, Time::ZERO).anchors.unusable(accepts(settings)).into_iter().map(|zone| {
        format!("no trust anchor of {zone} has an algorithm and a digest that count here: nothing there is validated")
    });
    settings.negative_trust_anchors.iter().filter_map(warning).chain(idle).collect()
}

fn accepts(settings: &Dnssec) -> Accepts {
    Accepts { sha1: settings.sha1, rsa_min_bits: settings.rsa_min_bits }
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
    use crate::trace::Insecure;
    use crate::wire::Name;

    #[test]
    fn anchors_that_prove_nothing_are_told() {
        let with = |anchor: &str| {
            let trust_anchors = vec![anchor.parse().unwrap()];
            warnings(&Dnssec { trust_anchors, ..Dnssec::default() }, 0)
        };
        assert!(warnings(&Dnssec::default(), 0).is_empty());
        let digest = "00".repeat(32);
        for odd in [". DS 20326 9 2", ". DS 20326 8 9", "example. DS 1 5 2"] {
            assert!(with(&format!("{odd} {digest}"))[0].starts_with("no trust anchor of "), "{odd}");
        }
        assert!(with(&format!(". DS 20326 8 2 {digest}")).is_empty());
    }

    #[test]
    fn negative_anchors_end() {
        let now_secs = 1_795_219_200;
        let given = |until_secs| NegativeTrustAnchor { zone: "example.".parse().unwrap(), until_secs };
        let ends = [None, Some(1_795_219_260), Some(1_795_219_199), Some(1_795_219_200 + 9 * 86_400)];
        let settings = Dnssec { negative_trust_anchors: ends.map(given).into(), ..Dnssec::default() };
        let read = proofs(&settings, Time::ZERO);
        let left = |after_secs: u32| {
            let moment = (Time::from_secs(after_secs.into()), now_secs + after_secs);
            match read.negative.at(&"a.example.".parse().unwrap(), &Name::root(), moment)?.1 {
                Insecure::NegativeAnchor { left_secs, .. } => Some(left_secs),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(left(0), Some(7 * 86_400), "the longest of one name counts, and none is longer than a week");
        assert_eq!(left(7 * 86_400), None);
        let told = report(&Settings { dnssec: settings, ..Settings::default() }, None, now_secs);
        assert!(told[0].contains("has ended") && told[1].contains("a week") && told.len() == 5, "{told:?}");
        assert_eq!(told[4], "nothing is validated at and below example. for 168 h at most");
    }
}
