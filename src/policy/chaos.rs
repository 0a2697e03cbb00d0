//! What a server says about itself in class CHAOS (RFC 4892).

use super::{LocalAnswer, PolicySettings, Verdict};
use crate::wire::{Ede, Question, RecordType, RrSet, ede};

/// The longest character string (RFC 1035 §3.3).
const MAX_STRING: usize = 255;

pub(super) fn judge(question: &Question, settings: &PolicySettings) -> Verdict {
    let text = match question.name.to_lower().to_string().as_str() {
        "id.server." | "hostname.bind." => &settings.identity,
        "version.server." | "version.bind." => &settings.version,
        _ => {
            let why = "class CHAOS has id.server and version.server here, and nothing else";
            return Verdict::Refuse(Ede::new(ede::NOT_SUPPORTED, why));
        }
    };
    let Some(text) = text else {
        return Verdict::Refuse(Ede::new(ede::PROHIBITED, "this server does not say"));
    };
    let asked = matches!(question.qtype, RecordType::TXT | RecordType::ANY);
    let rdata = strings(text);
    // TTL 0: what a server says about itself must not be cached, another may answer next time.
    let answer = asked.then(|| RrSet::new(question.name.clone(), RecordType::TXT, 0, [&rdata[..]]));
    Verdict::Answer(LocalAnswer { answer: answer.into_iter().collect(), ..LocalAnswer::default() })
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
    use crate::wire::{DNSClass, Extras, Flags, QueryView, Reply, Sections, Template, write_query};

    #[test]
    fn configured_names_speak_and_others_are_refused() {
        for name in ["id.server", "Hostname.BIND"] {
            let Verdict::Answer(answer) = ask(name, RecordType::TXT, DNSClass::CH) else { panic!("{name}") };
            assert_eq!(answer.answer[0].rdatas.iter().next(), Some(&b"\x03lab"[..]));
            assert_eq!(answer.answer[0].ttl_secs, 0);
        }
        assert!(matches!(ask("version.bind", RecordType::TXT, DNSClass::CH), Verdict::Refuse(_)));
        assert!(matches!(ask("localhost", RecordType::A, DNSClass::CH), Verdict::Refuse(_)));
        let Verdict::Answer(empty) = ask("id.server", RecordType::A, DNSClass::CH) else { panic!() };
        assert!(empty.answer.is_empty());
    }

    #[test]
    fn the_record_that_is_sent_has_class_chaos() {
        let Verdict::Answer(said) = ask("id.server", RecordType::TXT, DNSClass::CH) else { panic!() };
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
