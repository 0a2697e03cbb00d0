//! A trace as text for a terminal.
//!
//! One line for each event: when, for which goal (nested goals are indented), the zone that is asked, the number of
//! the ask, a mark, and what happened. A reply has the number of its ask, so that the two are found when many are
//! under way.

use std::collections::HashMap;

use crate::wire::text::type_name;

use super::entry::Entry;
use super::event::{Event, GoalId};
use super::fold::{Item, depths, fold, sentence, titles};
use super::likewise::{Likewise, Shown, ask_of};
use super::report::{Cost, Trace};
use super::tone::Tone;
use super::words::{Ms, counted};

/// Columns for the zone at most; a longer one moves the rest of its line.
const MAX_ZONE_WIDTH: usize = 28;
/// Columns before what stands in a line of the end: answer, why, cost.
const SENTENCE_OF_END: usize = 12;
/// Fields of an RRSIG record before its signature (RFC 4034 §3.2).
const BEFORE_SIGNATURE: usize = 12;

/// Whether to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Colours,
}

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colours if text.trim().is_empty() => text.to_owned(),
            Self::Colours => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    fn tone(self, tone: Tone, text: &str) -> String {
        self.code(tone.colour(), text)
    }

    fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.code("2", text)
    }
}

impl Tone {
    fn mark(self) -> &'static str {
        match self {
            Self::Heading => "?",
            Self::Asked => ">",
            Self::Good => "<",
            Self::Cache => "=",
            Self::Odd => "~",
            Self::Bad => "!",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Asked => "36",
            Self::Good => "32",
            Self::Cache => "34",
            Self::Odd => "33",
            Self::Bad => "31",
        }
    }
}

/// A line, and where in it a sentence begins; a record has none, and is left whole.
struct Row(String, Option<usize>);

impl Row {
    fn record(text: String) -> Self {
        Self(text, None)
    }

    /// The line for a terminal of `width` columns: what goes on stands below its own sentence, so that marks and depths
    /// are seen as before.
    fn folded(&self, width: usize) -> String {
        let Self(line, sentence) = self;
        let Some(indent) = sentence.map(|at| at.min(width / 2)) else { return line.clone() };
        let (mut out, mut column) = (String::with_capacity(line.len() + line.len() / 4), 0);
        for (nth, word) in line.split(' ').enumerate() {
            let long = columns(word);
            if nth > 0 && column > indent && column + 1 + long > width {
                out.extend(["\n", &" ".repeat(indent)]);
                column = indent;
            } else if nth > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += long;
        }
        out
    }
}

impl Trace {
    /// The trace as lines of text, one for each step. Everything in it is printable ASCII but for the µ of
    /// microseconds: names and data are escaped.
    #[must_use]
    pub fn to_text(&self, paint: Paint) -> String {
        self.text_rows(paint, &Likewise::default()).into_iter().map(|Row(line, _)| line + "\n").collect()
    }

    /// The same for a terminal of `width` columns: sentences are folded, and of queries that went wrong likewise the
    /// first is told.
    #[must_use]
    pub fn to_terminal(&self, paint: Paint, width: usize) -> String {
        self.text_rows(paint, &Likewise::of(&self.steps)).iter().map(|row| row.folded(width) + "\n").collect()
    }

    fn text_rows(&self, paint: Paint, likewise: &Likewise) -> Vec<Row> {
        let mut page = Page::new(&self.steps, paint);
        page.steps(&self.steps, likewise);
        self.end(paint, &mut page.rows);
        page.rows
    }

    /// The answer and what it has cost.
    fn end(&self, paint: Paint, rows: &mut Vec<Row>) {
        // An extended error may also say something about a good answer.
        let (tone, ede_tone) = match &*self.rcode {
            "NOERROR" | "NXDOMAIN" => (Tone::Good, Tone::Odd),
            _ => (Tone::Bad, Tone::Bad),
        };
        if !self.steps.is_empty() {
            rows.push(Row::record(String::new()));
        }
        rows.push(Row::record(paint.tone(tone, &format!("{}: {}", self.title(), self.rcode))));
        let line = |section: &str, text: &str| format!("  {} {text}", paint.dim(&format!("{section:<9}")));
        for (section, records) in [("answer", &self.answer), ("authority", &self.authority)] {
            rows.extend(Self::records(records).enumerate().map(|(nth, record)| {
                let section = if nth == 0 { section } else { "" };
                Row::record(line(section, &shortened(&record)))
            }));
        }
        let edes = self.edes.iter().map(|ede| line("why", &paint.tone(ede_tone, &ede.to_string())));
        rows.extend(edes.map(|text| Row(text, Some(SENTENCE_OF_END))));
        let Cost { queries, bytes, time_us } = self.cost;
        let queries = counted(queries as usize, "query", "queries");
        rows.push(Row::record(line("cost", &format!("{queries}, {bytes} octets received, {}", Ms(time_us)))));
    }
}

/// The steps as they come to stand below one another.
struct Page {
    paint: Paint,
    rows: Vec<Row>,
    /// How deep each goal is nested.
    depths: HashMap<GoalId, usize>,
    /// What each goal is about.
    titles: HashMap<GoalId, String>,
    /// Columns for the zone that is asked.
    zone_width: usize,
    /// The ask that stands in the line above, if one does.
    above: Option<u32>,
}

impl Page {
    fn new(steps: &[Entry], paint: Paint) -> Self {
        let widths = steps.iter().map(|entry| match &entry.event {
            Event::Asked { zone, .. } => zone.to_string().len(),
            _ => 0,
        });
        let zone_width = widths.max().unwrap_or_default().min(MAX_ZONE_WIDTH);
        Self { paint, rows: Vec::new(), depths: depths(steps), titles: titles(steps), zone_width, above: None }
    }

    fn steps(&mut self, steps: &[Entry], likewise: &Likewise) {
        for told in fold(steps) {
            match told {
                Item::Step(entry) => match likewise.shown(entry) {
                    Shown::Whole => self.step(entry),
                    Shown::Nothing => {}
                    Shown::Instead(text) => self.line(entry, ask_of(&entry.event), entry.event.tone(), text),
                },
                Item::Dropped(entry, ask, text) => self.line(entry, Some(ask), Tone::Odd, &text),
            }
        }
    }

    fn step(&mut self, entry: &Entry) {
        let tone = entry.event.tone();
        let above = self.above.take();
        let paint = self.paint;
        match &entry.event {
            // The end of the client's own question is the answer, which stands at the end.
            Event::Ended { .. } if entry.goal == GoalId(0) => {}
            // Those who are asked stand in the lines below.
            Event::Entered { .. } => {}
            Event::Asked { ask, zone, server, name, qtype, transport, why, choice, .. } => {
                self.above = Some(*ask);
                let question = paint.tone(tone, &format!("{name} {}", type_name(*qtype)));
                let why = paint.dim(&format!("({why}; {choice})"));
                let said = format!("{question} to {server} {} {why}", server.over(*transport));
                self.write(entry, Some(*ask), &zone.to_string(), tone, &said);
            }
            Event::Heard { ask, server, rtt_us, bytes, rcode, aa, late, cookie, verdict } => {
                let from = if above == Some(*ask) { String::new() } else { format!("{server}: ") };
                let aa = if *aa { ", authoritative" } else { "" };
                let late = if *late { ", late" } else { "" };
                let cookie = if *cookie { ", with our cookie" } else { "" };
                let verdict = paint.tone(tone, &verdict.to_string());
                let how = paint.dim(&format!("({rcode}{aa}, {bytes} octets after {}{late}{cookie})", Ms(*rtt_us)));
                self.write(entry, Some(*ask), "", tone, &format!("{from}{verdict} {how}"));
            }
            event => {
                let text = sentence(entry, &self.titles);
                self.line(entry, ask_of(event), tone, &text);
            }
        }
    }

    /// A line that is all of one tone.
    fn line(&mut self, entry: &Entry, ask: Option<u32>, tone: Tone, text: &str) {
        self.write(entry, ask, "", tone, &self.paint.tone(tone, text));
    }

    /// Time, depth, and for what belongs to an ask its zone and number; then the mark, and what is said.
    fn write(&mut self, entry: &Entry, ask: Option<u32>, zone: &str, tone: Tone, said: &str) {
        let time = format!("{:>10}", Ms(entry.at_us).to_string());
        let depth = self.depths.get(&entry.goal).copied().unwrap_or_default();
        let mut line = format!("{}  {}", self.paint.dim(&time), "  ".repeat(depth));
        if let Some(number) = ask {
            let zone = format!("{zone:<width$}", width = self.zone_width);
            let number = format!("{:>3}", format!("#{number}"));
            line += &format!("  {} {} ", self.paint.bold(&zone), self.paint.dim(&number));
        }
        line += &format!("{} ", self.paint.tone(tone, tone.mark()));
        let sentence = columns(&line);
        self.rows.push(Row(line + said, Some(sentence)));
    }
}

/// The columns that a text takes, without what colours it.
fn columns(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().chars().count();
    parts.fold(first, |sum, part| sum + part.split_once('m').map_or(0, |(_, rest)| rest.chars().count()))
}

/// A record without the signature that only a machine reads; JSON has it.
fn shortened(record: &str) -> String {
    let fields: Vec<&str> = record.split(' ').collect();
    match fields.get(3) {
        Some(&"RRSIG") if fields.len() > BEFORE_SIGNATURE => format!("{} ...", fields[..BEFORE_SIGNATURE].join(" ")),
        _ => record.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::time::Time;
    use crate::trace::{AskWhy, ChoiceWhy, DropWhy, Known, Purpose, ServerAt, Source, Told, Transport, Verdict, Wrong};
    use crate::wire::{Question, RecordType, ResponseCode, RrSet, name};

    fn server(nth: u8) -> ServerAt {
        ServerAt::new(Some(name(&format!("ns{nth}.example."))), IpAddr::from([192, 0, 2, nth]), None)
    }

    fn asked(ask: u32, qname: &str) -> Event {
        Event::Asked {
            ask,
            zone: name("example."),
            server: server(1),
            name: name(qname),
            qtype: RecordType::A,
            transport: Transport::Udp,
            why: AskWhy::Full,
            choice: ChoiceWhy::Only,
            patience_ms: 400,
        }
    }

    fn heard(ask: u32) -> Event {
        let (rcode, verdict) = ("NOERROR".into(), Verdict::Answer { records: 1 });
        let (server, late, cookie) = (server(1), false, false);
        Event::Heard { ask, server, rtt_us: 1_250, bytes: 60, rcode, aa: true, late, cookie, verdict }
    }

    fn dropped_of(ask: u32) -> Event {
        Event::Dropped { ask, owner: name("o.example."), rtype: RecordType::A, why: DropWhy::NotAsked }
    }

    fn dropped(owner: &str, why: DropWhy) -> Event {
        Event::Dropped { ask: 1, owner: name(owner), rtype: RecordType::A, why }
    }

    fn goal(qname: &str, purpose: Purpose, parent: Option<GoalId>) -> Event {
        Event::Goal { name: name(qname), qtype: RecordType::A, purpose, parent }
    }

    fn trace(events: &[(u32, Event)]) -> Trace {
        trace_with(events, &[])
    }

    fn trace_with(events: &[(u32, Event)], answer: &[RrSet]) -> Trace {
        let steps = events.iter().map(|(goal, event)| Entry { at_us: 0, goal: GoalId(*goal), event: event.clone() });
        let told = Told { rcode: ResponseCode::NoError, answer, authority: &[], edes: &[] };
        let question = Question::new(name("www.example."), RecordType::A);
        Trace::new(&question, &told, Cost::new(1, 60, Time::ZERO, Time::ZERO), steps.collect())
    }

    fn lines(events: &[(u32, Event)]) -> Vec<String> {
        trace(events).to_text(Paint::Plain).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_reply_stands_below_its_ask_and_what_was_dropped_below_the_reply() {
        let mut events = vec![(0, asked(1, "wWw.eXample."))];
        events.extend((0..30).map(|nth| (0, dropped(&format!("n{nth}.example."), DropWhy::OutOfBailiwick))));
        events.push((0, dropped("other.example.", DropWhy::NotAsked)));
        events.push((0, heard(1)));
        let lines = lines(&events);
        assert!(lines[0].contains("example.  #1 > wWw.eXample. A to ns1.example. (192.0.2.1) over UDP"), "{lines:#?}");
        assert!(lines[1].contains("#1 < the answer, 1 record (NOERROR, authoritative, 60 octets after 1.2 ms)"));
        let first_few = "n0.example. A, n1.example. A, n2.example. A, n3.example. A and 26 more";
        assert!(lines[2].contains("#1 ~ dropped 30 records, outside the zone") && lines[2].ends_with(first_few));
        assert!(lines[3].contains("#1 ~ dropped 1 record, not what was asked: other.example. A"), "{lines:#?}");
        assert!(lines[4].is_empty() && lines[5] == "www.example. A: NOERROR", "{lines:#?}");
    }

    #[test]
    fn a_reply_that_comes_after_other_asks_says_from_whom_it_is() {
        let lines = lines(&[(0, asked(1, "a.example.")), (0, asked(2, "b.example.")), (0, heard(1)), (0, heard(2))]);
        assert!(lines[2].contains("#1 < ns1.example. (192.0.2.1): the answer"), "{lines:#?}");
        assert!(lines[3].contains("#2 < ns1.example. (192.0.2.1): the answer"), "{lines:#?}");
    }

    #[test]
    fn goals_are_nested_and_say_how_they_end() {
        let purpose = || Purpose::ServerAddress { zone: name("example.") };
        let ended = || Event::Ended { rcode: "NOERROR".into(), edes: Vec::new() };
        let lines = lines(&[
            (0, goal("www.example.", Purpose::Client, None)),
            (1, goal("ns1.other.", purpose(), Some(GoalId(0)))),
            (2, goal("ns2.other.", purpose(), Some(GoalId(1)))),
            (2, ended()),
            (0, ended()),
        ]);
        let depth = |line: &str| line.find(['?', '<']).expect("a mark");
        assert_eq!(depth(&lines[1]), depth(&lines[0]) + 2);
        assert_eq!(depth(&lines[2]), depth(&lines[0]) + 4);
        assert!(lines[3].ends_with("< ns2.other. A: NOERROR"), "{lines:#?}");
        assert!(lines[4].is_empty(), "the end of the client's question is the answer");
    }

    #[test]
    fn every_form_says_what_has_ended() {
        let trace = trace(&[
            (0, goal("www.example.", Purpose::Client, None)),
            (1, goal("ns.example.", Purpose::Proof, Some(GoalId(0)))),
            (1, Event::Ended { rcode: "NOERROR".into(), edes: Vec::new() }),
        ]);
        let end = "ns.example. A: NOERROR";
        assert!(trace.lines().iter().any(|line| line.text == end), "{:#?}", trace.lines());
        let picture = trace.to_svg();
        assert!(picture.contains(end) && picture.contains("1 query, 60 octets received, 0.0 ms"), "{picture}");
    }

    #[test]
    fn where_the_walk_has_been_is_no_news_of_the_cache() {
        let known = |known| {
            let (name, rtype, source) = (name("example."), RecordType::NS, Source::Hints);
            Event::FromCache { known, name, rtype, age_secs: 0, left_secs: 60, source }
        };
        let entered = || Event::Entered { zone: name("eXample."), servers: [].into() };
        let lines = lines(&[
            (0, known(Known::Delegation)),
            (0, entered()),
            (1, known(Known::Set)),
            (1, known(Known::Delegation)),
            (1, entered()),
        ]);
        assert!(lines[0].contains("= the cache knows the delegation example. NS"), "{lines:#?}");
        assert!(lines[1].contains("= the cache knows the record set") && lines[2].is_empty(), "{lines:#?}");
    }

    #[test]
    fn nothing_from_the_network_steers_the_terminal() {
        let evil = trace(&[(0, asked(1, r"\027[31m\010\155.example.")), (0, heard(1))]);
        for paint in [Paint::Plain, Paint::Colours] {
            let text = evil.to_text(paint).replace("\x1b[", "");
            assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{text:?}");
        }
        assert!(!evil.to_text(Paint::Plain).contains('\x1b'));
    }

    #[test]
    fn on_a_terminal_sentences_go_on_below_themselves_and_records_stay_whole() {
        let said = "a text that is longer than the terminal is wide, with spaces";
        // One that looks like a step, by the digit before it and the mark in it.
        let (long, text) = (format!("4.example. 300 IN TXT \"{said} > as a mark\""), format!("{said} > as a mark"));
        let text = [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let steps = [(0, asked(1, "www.example.")), (0, asked(2, "w.example.")), (0, heard(1))];
        let sets = ["n.example.", "4.example."].map(|owner| RrSet::new(name(owner), RecordType::TXT, 300, [&*text]));
        let told = trace_with(&steps, &sets);
        for paint in [Paint::Plain, Paint::Colours] {
            assert_eq!(told.to_terminal(paint, 1000), told.to_text(paint));
            let text = bare(&told.to_terminal(paint, 60));
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[0], "    0.0 ms    example.  #1 > www.example. A to ns1.example.");
            assert_eq!(lines[1], "                             (192.0.2.1) over UDP (the whole");
            assert!(lines.iter().all(|line| line.len() <= 60 || line.contains("example. 300 IN")), "{text}");
            assert!(lines.contains(&format!("            {long}").as_str()), "{text}");
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&text), words(&bare(&told.to_text(paint))));
        }
        // Where there is no room for that at all, half of the terminal is for sentences.
        assert!(told.to_terminal(Paint::Plain, 40).lines().nth(1).unwrap().starts_with(&" ".repeat(20)));
    }

    /// A text without what colours it.
    fn bare(text: &str) -> String {
        let mut parts = text.split('\x1b');
        let first = parts.next().unwrap_or_default();
        parts.fold(first.to_owned(), |bare, part| bare + part.split_once('m').map_or("", |(_, rest)| rest))
    }

    #[test]
    fn a_terminal_shows_the_first_of_those_that_went_wrong_likewise_and_a_pipe_each() {
        let lost = |ask| Event::Lost { ask, server: server(1), wrong: Wrong::Truncated };
        let pair = |(goal, ask), qname| [(goal, asked(ask, qname)), (goal, lost(ask))];
        // In two goals whose steps are mixed; of the second there are too few.
        let qname = |ask| if ask < 3 { "w.example." } else { "W.Example." };
        let goal_of = |ask| u32::from(ask % 2 == 1 && ask < 10);
        let mut events: Vec<_> = (0..14).flat_map(|ask| pair((goal_of(ask), ask), qname(ask))).collect();
        // Another question, another outcome, and one about which more is told.
        events.extend(pair((0, 14), "v.example."));
        events.extend([(0, asked(15, "w.example.")), (0, heard(15))]);
        events.extend([(0, asked(16, "w.example.")), (0, dropped_of(16)), (0, lost(16))]);
        let told = trace(&events);
        let text = told.to_terminal(Paint::Plain, 1000);
        let shown: Vec<&str> = text.lines().filter_map(|line| line.split_once('#')).map(|(_, line)| line).collect();
        let asks: Vec<&str> = shown.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(asks, "0 0 1 1 3 3 5 5 7 7 9 9 13 14 14 15 15 16 16 16".split(' ').collect::<Vec<_>>(), "{text}");
        let instead = "8 more queries, and each time the server truncated its answer and gave no whole one";
        assert_eq!(shown[12], format!("13 ! {instead} (`| cat` shows each)"));
        assert_eq!(told.to_text(Paint::Plain).lines().filter(|line| line.contains('#')).count(), 35);
    }

    #[test]
    fn signatures_are_shortened_and_nothing_else_is() {
        let signature = "www.example. 300 IN RRSIG A 13 3 300 20261205004943 20261120234943 26025 example. cZC9q694==";
        assert!(shortened(signature).ends_with(" 26025 example. ..."));
        let text = format!("www.example. 300 IN TXT \"{}\"", "x ".repeat(50));
        assert_eq!(shortened(&text), text);
    }
}
