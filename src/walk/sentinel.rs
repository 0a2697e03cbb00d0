//! Which keys are trusted here, for those who roll them over: the root key sentinel (RFC 8509), a name that resolves
//! for those who trust a key of the root, or for those who do not, whoever signs the zone that it is in; and the tags
//! of trusted keys in questions for the keys of their zone (RFC 8145 §4).

use crate::dnssec;
use crate::trace::Event;
use crate::wire::{Ede, Edns, EdnsOption, Name, Question, RecordType, ResponseCode, ede, edns};

use super::outcome::Outcome;
use super::{CLIENT, Turn, Walk};

/// What such a name asks: the tag, and whether its key should be a trust anchor.
fn asked(question: &Question) -> Option<(u16, bool)> {
    if !matches!(question.qtype, RecordType::A | RecordType::AAAA) {
        return None;
    }
    let label = question.name.labels().next()?.to_ascii_lowercase();
    let (digits, wanted) = match label.strip_prefix(b"root-key-sentinel-is-ta-") {
        Some(digits) => (digits, true),
        None => (label.strip_prefix(b"root-key-sentinel-not-ta-")?, false),
    };
    // RFC 8509 §2: five digits, with zeros in front where there are fewer.
    let fits = digits.len() == 5 && digits.iter().all(u8::is_ascii_digit);
    let tag = fits.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()?;
    Some((tag, wanted))
}

/// RFC 8145 §4.2: the option that goes with a question for the keys of a zone that has trust anchors, and with no
/// other.
fn key_tags(proofs: &dnssec::Settings, question: &Question) -> Option<EdnsOption> {
    if !proofs.key_tag_option || question.qtype != RecordType::DNSKEY {
        return None;
    }
    let tags = proofs.anchors.tags(&question.name);
    let data: Vec<u8> = tags.into_iter().flat_map(u16::to_be_bytes).collect();
    (!data.is_empty()).then(|| EdnsOption { code: edns::KEY_TAG, data: data.into() })
}

impl Walk {
    /// RFC 8509 §2.2: an answer that was proved is withheld where the name says what is not so.
    pub(super) fn heed_sentinel(&mut self, outcome: &mut Outcome, turn: &Turn<'_, '_>) {
        let proofs = &turn.around.settings.proofs;
        let Some((tag, wanted)) = asked(&self.goals[0].question) else { return };
        // §2.1: by the name that the client has asked, and only where it could have checked nothing by itself.
        if !proofs.sentinel || !self.checking || !outcome.secure {
            return;
        }
        let trusted = proofs.anchors.tags(&Name::root()).contains(&tag);
        let event = Event::Sentinel { tag, wanted, trusted };
        let text = event.to_string();
        self.note(turn, CLIENT, event);
        if trusted != wanted {
            *outcome = Outcome {
                rcode: ResponseCode::ServFail,
                answer: Vec::new(),
                authority: Vec::new(),
                failure: None,
                notes: vec![Ede::new(ede::OTHER, text)],
                secure: false,
            };
        }
    }
}

/// Adds to a query which keys of the root are trusted, where that is told.
pub(super) fn tell_key_tags(edns: Option<&mut Edns>, proofs: &dnssec::Settings, question: &Question) {
    if let Some(edns) = edns {
        edns.options.extend(key_tags(proofs, question));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_with_questions_for_keys_alone() {
        let anchors =
            || [". DS 38696 8 2 00", ". DS 20326 8 2 00"].map(|anchor| anchor.parse::<dnssec::Anchors>().unwrap());
        let mut proofs = dnssec::Settings { key_tag_option: true, ..dnssec::Settings::default() };
        proofs.anchors.extend(anchors());
        let asked = |name: &str, qtype| Question::new(name.parse().unwrap(), qtype);
        let option = key_tags(&proofs, &asked(".", RecordType::DNSKEY)).unwrap();
        assert_eq!((option.code, &*option.data), (14, &[0x4f, 0x66, 0x97, 0x28][..]));
        assert_eq!(key_tags(&proofs, &asked("com.", RecordType::DNSKEY)), None);
        assert_eq!(key_tags(&proofs, &asked(".", RecordType::NS)), None);
        proofs.key_tag_option = false;
        assert_eq!(key_tags(&proofs, &asked(".", RecordType::DNSKEY)), None);
    }

    /// RFC 8509 §2.
    #[test]
    fn sentinel_names_are_read() {
        let of = |name: &str, qtype| asked(&Question::new(name.parse().unwrap(), qtype));
        assert_eq!(of("root-key-sentinel-is-ta-20326.example.", RecordType::A), Some((20326, true)));
        assert_eq!(of("Root-Key-Sentinel-NOT-ta-00042.", RecordType::AAAA), Some((42, false)));
        for name in ["root-key-sentinel-is-ta-20326", "root-key-sentinel-not-ta-20326"] {
            assert_eq!(of(name, RecordType::TXT), None);
        }
        for label in ["is-ta-2032", "is-ta-203266", "is-ta-2032x", "is-ta-99999", "was-ta-20326", "is-ta-+0326"] {
            assert_eq!(of(&format!("root-key-sentinel-{label}.example."), RecordType::A), None, "{label}");
        }
        assert_eq!(of("www.root-key-sentinel-is-ta-20326.example.", RecordType::A), None);
    }
}
