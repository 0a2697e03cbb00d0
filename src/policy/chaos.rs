//! What a server says about itself in class CHAOS (RFC 4892).

use super::{LocalAnswer, PolicySettings};
use crate::wire::{Ede, Question, RecordType, RrSet, ede};

/// The longest character string (RFC 1035 §3.3).
const MAX_STRING: usize = 255;

pub(super) fn answer(question: &Question, settings: &PolicySettings) -> LocalAnswer {
    let text = match question.name.to_lower().to_string().as_str() {
        "id.server." | "hostname.bind." => &settings.identity,
        "version.server." | "version.bind." => &settings.version,
        _ => {
            let why = "class CHAOS has id.server and version.server here, and nothing else";
            return LocalAnswer::refused(Ede::new(ede::NOT_SUPPORTED, why));
        }
    };
    let Some(text) = text else {
        return LocalAnswer::refused(Ede::new(ede::PROHIBITED, "this server does not say"));
    };
    let asked = matches!(question.qtype, RecordType::TXT | RecordType::ANY);
    let rdata = strings(text);
    // TTL 0: what a server says about itself must not be cached, another may answer next time.
    let answer = asked.then(|| RrSet::new(question.name.clone(), RecordType::TXT, 0, [&rdata[..]]));
    LocalAnswer { answer: answer.into_iter().collect(), ..LocalAnswer::default() }
}

/// Text as the data of a TXT record: strings of at most 255 octets.
fn strings(text: &str) -> Vec<u8> {
    let mut rdata = Vec::with_capacity(text.len() + 1);
    for piece in text.as_bytes().chunks(MAX_STRING) {
        rdata.extend(u8::try_from(piece.len()));
        rdata.extend_from_slice(piece);
    }
    rdata
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::wire::{DNSClass, Extras, Flags, QueryView, Reply, ResponseCode, Sections, Template, write_query};

    #[test]
    fn configured_names_speak_and_others_are_refused() {
        for name in ["id.server", "Hostname.BIND"] {
            let answer = ask(name, RecordType::TXT, DNSClass::CH).unwrap();
            assert_eq!(answer.answer[0].rdatas.iter().next(), Some(&b"\x03lab"[..]));
            assert_eq!(answer.answer[0].ttl_secs, 0);
        }
        for (name, qtype) in [("version.bind", RecordType::TXT), ("localhost", RecordType::A)] {
            assert_eq!(ask(name, qtype, DNSClass::CH).unwrap().rcode, ResponseCode::Refused);
        }
        let empty = ask("id.server", RecordType::A, DNSClass::CH).unwrap();
        assert!(empty.rcode == ResponseCode::NoError && empty.answer.is_empty());
    }

    #[test]
    fn the_record_that_is_sent_has_class_chaos() {
        let said = ask("id.server", RecordType::TXT, DNSClass::CH).unwrap();
        let question = Question { class: DNSClass::CH, ..Question::new("id.server".parse().unwrap(), RecordType::TXT) };
        let (mut query, mut out) = (Vec::new(), Vec::new());
        write_query(7, &question, Flags::default(), None, &mut query);
        let sections = Sections { answer: &said.answer, ..Sections::default() };
        let template = Template::build(&question, said.rcode, &sections, false);
        let view = QueryView::read(&query).unwrap();
        template.respond(&view, 0, &Extras::default(), 512, &mut out);
        assert_eq!(Reply::read(&out).unwrap().answer[0].class, DNSClass::CH);
    }

    #[test]
    fn long_text_is_cut_into_strings() {
        let rdata = strings(&"x".repeat(300));
        assert_eq!((rdata[0], rdata[256], rdata.len()), (255, 45, 302));
    }
}
