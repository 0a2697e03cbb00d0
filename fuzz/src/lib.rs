//! What must hold whatever the input: the harnesses of the fuzz targets, which `tests/fuzz_smoke.rs` runs as well.
//!
//! `cargo +nightly fuzz run walk` in the root of the repository goes on for as long as you let it.

mod attacker;
#[path = "../../tests/common/resolver.rs"]
mod resolver;
mod words;

use rootwalk::config::{self, Settings, Sources};
use rootwalk::lab::Lab;
use rootwalk::wire::{BadQuery, Extras, QueryView, Reply, ResponseCode, Sections, Template, answer_bad, text};

pub use attacker::walk;

/// A message from a server: it is read or refused, and everything that is read can be shown.
pub fn message(bytes: &[u8]) {
    let Ok(reply) = Reply::read(bytes) else { return };
    let records = reply.answer.iter().chain(&reply.authority).chain(&reply.additional);
    assert!(records.clone().count() <= bytes.len() / 11, "a record has 11 octets at least");
    for record in records {
        let line = text::record_text(record).to_string();
        assert!(line.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{line}");
    }
}

/// A message from a client: it is read, or there is a short answer that says what is wrong with it; and the answer to
/// what is read fits into what the client takes.
pub fn query(bytes: &[u8]) {
    let mut out = Vec::new();
    match QueryView::read(bytes) {
        Ok(view) => {
            let question = view.question();
            assert_eq!(view.question_bytes().len(), question.name.wire().len() + 4);
            let sections = Sections { answer: &[], authority: &[], additional: &[], aa: false, no_recursion: false };
            let template = Template::build(&question, ResponseCode::NoError, &sections, view.dnssec_ok());
            template.respond(&view, 0, &Extras::default(), 512, &mut out);
            assert!(out.len() <= 512 && Reply::read(&out).is_ok_and(|reply| reply.flags.qr()));
        }
        Err(BadQuery::Drop(_)) => {}
        Err(BadQuery::Answer { rcode, .. }) => {
            answer_bad(bytes, rcode, &Extras::default(), &mut out);
            assert!(out.len() <= 512, "more comes out than goes in");
        }
    }
}

/// A zone file: it is loaded, or the message says in which line it is wrong.
pub fn zone(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let settings = r#"port = 53
        zone = [{ name = "example.", file = "zone" }]
        server = [{ name = "ns.example.", address = "192.0.2.1", zones = ["example."] }]"#;
    let files = [("lab.toml", settings), ("zone", text)].map(|(path, text)| (path.to_owned(), text.to_owned()));
    match Lab::of_texts(files.into(), 0) {
        Ok(lab) => assert_eq!(lab.zones().len(), 1),
        Err(error) => assert!(error.to_string().contains("zone"), "{error}"),
    }
}

/// The text of a configuration: every assignment and variable made of it is taken or refused with a place.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let assignments: Vec<String> = text.lines().map(str::to_owned).collect();
    let variables = text.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (format!("ROOTWALK_{name}"), value.to_owned())).collect();
    for sources in [
        Sources { assignments: &assignments, ..Sources::default() },
        Sources { variables, base: Settings::default(), ..Sources::default() },
    ] {
        match config::load(&sources) {
            Ok(settings) => assert!(!settings.server.listen.is_empty()),
            Err(error) => assert!(!error.0.is_empty() && !error.to_string().is_empty()),
        }
    }
}
