//! Reads scenes. What is wrong with one stops the test with its line: they are written by hand.

use std::net::IpAddr;

use domain::base::iana::Class;
use domain::base::rdata::ComposeRecordData;
use domain::base::{Name as Owner, ToName};
use domain::zonefile::inplace::{Entry, Zonefile};
use rootwalk::trace::{Transport, Unreachable};
use rootwalk::wire::text::parse_type;
use rootwalk::wire::{DNSClass, Flags, Name, Question, Record, RecordType, ResponseCode, Section};

/// The TTL of records that have none, in seconds.
const TTL_SECS: u32 = 3600;

/// A scene, line by line.
pub(crate) struct Scene {
    lines: Vec<String>,
    /// What happens, with the line at which it stands.
    pub(crate) steps: Vec<(usize, Step)>,
}

/// One thing that happens.
pub(crate) enum Step {
    Zone(Zone),
    Server(Server),
    Set(String, String),
    Wait(u64),
    /// A round trip that was measured before, in milliseconds: the faster server is asked first.
    Rtt(IpAddr, u64),
    Ask(Question, Vec<(usize, Claim)>),
    /// The cache has this set or denial.
    Known(Question),
    /// It has not.
    Unknown(Question),
    /// The delegation of a zone lives for so many seconds more, or is not there.
    Cut(Name, Option<u64>),
}

/// What a scene says about an answer.
pub(crate) enum Claim {
    Rcode(String),
    Answer(Vec<Record>),
    Says(String),
    Never(String),
    Queries(u32),
    Millis(u64),
}

/// A zone of the pure lab.
#[derive(Clone)]
pub(crate) struct Zone {
    pub(crate) name: Name,
    pub(crate) signed: bool,
    pub(crate) text: String,
}

/// A server: zones with the faults of the lab, or what it says word by word.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) name: Name,
    pub(crate) addr: IpAddr,
    pub(crate) zones: Vec<Name>,
    pub(crate) faults: Vec<String>,
    pub(crate) delay_ms: u64,
    pub(crate) lines: Vec<Line>,
}

/// What a server says to one kind of question.
#[derive(Clone)]
pub(crate) struct Line {
    /// `None` for every question.
    pub(crate) asked: Option<Question>,
    pub(crate) transport: Option<Transport>,
    pub(crate) edns: Option<bool>,
    /// Only to questions with a cookie.
    pub(crate) cookie: bool,
    /// Only to questions in letters of both cases.
    pub(crate) mixed: bool,
    /// For the first time only.
    pub(crate) once: bool,
    /// Why nothing comes.
    pub(crate) lost: Option<Unreachable>,
    pub(crate) packets: Vec<Said>,
}

/// One packet.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) delay_ms: u64,
    pub(crate) flags: Flags,
    pub(crate) rcode: ResponseCode,
    pub(crate) edns: bool,
    pub(crate) edes: Vec<(u16, String)>,
    pub(crate) wrong_id: bool,
    pub(crate) lower_case: bool,
    pub(crate) question: Option<Question>,
    pub(crate) records: Vec<(Section, Record)>,
    pub(crate) raw: Option<Vec<u8>>,
    /// Octets that are missing at the end.
    pub(crate) cut: usize,
}

impl Said {
    fn nothing() -> Self {
        Self {
            delay_ms: 0,
            flags: Flags::default().with_qr(true),
            rcode: ResponseCode::NoError,
            edns: true,
            edes: Vec::new(),
            wrong_id: false,
            lower_case: false,
            question: None,
            records: Vec::new(),
            raw: None,
            cut: 0,
        }
    }
}

impl Scene {
    pub(crate) fn read(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut steps: Vec<(usize, Step)> = Vec::new();
        for (nth, line) in lines.iter().enumerate() {
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with([';', '|']) {
                continue;
            }
            let (word, rest) = bare.split_once(' ').unwrap_or((bare, ""));
            let rest = rest.trim();
            if line.starts_with(' ') {
                let (_, step) = steps.last_mut().unwrap_or_else(|| panic!("line {}: belongs to nothing", nth + 1));
                step.detail(nth + 1, bare, word, rest);
            } else {
                steps.push((nth + 1, Step::read(nth + 1, word, rest)));
            }
        }
        Self { lines, steps }
    }

    /// The text of the scene with these traces below its questions, in order.
    pub(crate) fn with_traces(&self, traces: &[Vec<String>]) -> String {
        let mut traces = traces.iter();
        let mut out = String::new();
        let mut put = |out: &mut String| {
            let lines = traces.next().into_iter().flatten();
            out.extend(lines.map(|line| format!("  | {line}\n")));
        };
        let mut asking = false;
        for line in self.lines.iter().filter(|line| !line.trim_start().starts_with('|')) {
            if asking && !line.starts_with(' ') {
                put(&mut out);
                asking = false;
            }
            asking |= line.starts_with("ask ");
            out.push_str(line);
            out.push('\n');
        }
        if asking {
            put(&mut out);
        }
        out
    }
}

impl Step {
    fn read(at: usize, word: &str, rest: &str) -> Self {
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (word, &words[..]) {
            ("zone", [apex, more @ ..]) => {
                Self::Zone(Zone { name: name(apex), signed: more.contains(&"signed"), text: String::new() })
            }
            ("server", [host, addr, zones @ ..]) => Self::Server(Server {
                name: name(host),
                addr: addr.parse().unwrap_or_else(|_| panic!("line {at}: {addr} is no address")),
                zones: zones.iter().map(|zone| name(zone)).collect(),
                faults: Vec::new(),
                delay_ms: 10,
                lines: Vec::new(),
            }),
            ("set", [key, value @ ..]) => Self::Set((*key).to_owned(), value.join(" ")),
            ("rtt", [addr, ms]) => Self::Rtt(addr.parse().unwrap(), ms.parse().unwrap()),
            ("wait", [secs]) => Self::Wait(secs.parse().unwrap()),
            ("ask", _) => Self::Ask(question(rest), Vec::new()),
            ("known", _) => Self::Known(question(rest)),
            ("unknown", _) => Self::Unknown(question(rest)),
            ("cut", [zone, left]) => Self::Cut(name(zone), left.parse().ok()),
            _ => panic!("line {at}: `{word}` is none of zone, server, set, rtt, wait, ask, known, unknown, cut"),
        }
    }

    fn detail(&mut self, at: usize, whole: &str, word: &str, rest: &str) {
        match self {
            Self::Zone(zone) => zone.text.extend([whole, "\n"]),
            Self::Server(server) => server.detail(at, word, rest),
            Self::Ask(_, claims) => {
                let claim = match word {
                    "rcode" => Claim::Rcode(rest.to_owned()),
                    "answer" => Claim::Answer(if rest == "none" { Vec::new() } else { vec![record(rest)] }),
                    "says" => Claim::Says(rest.to_owned()),
                    "never" => Claim::Never(rest.to_owned()),
                    "queries" => Claim::Queries(rest.parse().unwrap()),
                    "ms" => Claim::Millis(rest.parse().unwrap()),
                    _ => panic!("line {at}: `{word}` is none of rcode, answer, says, never, queries, ms"),
                };
                match (claims.last_mut(), claim) {
                    (Some((_, Claim::Answer(records))), Claim::Answer(more)) => records.extend(more),
                    (_, claim) => claims.push((at, claim)),
                }
            }
            _ => panic!("line {at}: nothing can be said here"),
        }
    }
}

impl Server {
    fn detail(&mut self, at: usize, word: &str, rest: &str) {
        match word {
            "fault" => return self.faults.push(rest.to_owned()),
            "delay" if self.lines.is_empty() => return self.delay_ms = rest.parse().unwrap(),
            "on" => return self.lines.push(Line::read(rest)),
            _ => {}
        }
        let line = self.lines.last_mut().unwrap_or_else(|| panic!("line {at}: `{word}` before any `on`"));
        match word {
            "silent" => return line.packets.clear(),
            "closed" => return line.lost = Some(Unreachable::Refused),
            "hung-up" => return line.lost = Some(Unreachable::Closed),
            "then" => return line.packets.push(Said::nothing()),
            _ => {}
        }
        let said = line.packets.last_mut().expect("one is made with the line");
        match word {
            "delay" => said.delay_ms = rest.parse().unwrap(),
            "flags" => said.flags = rest.split(' ').fold(said.flags, flag),
            "rcode" => said.rcode = rcode(rest),
            "no-edns" => said.edns = false,
            "ede" => {
                let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
                said.edes.push((code.parse().unwrap(), text.to_owned()));
            }
            "wrong-id" => said.wrong_id = true,
            "lower-case" => said.lower_case = true,
            "cut" => said.cut = rest.parse().unwrap(),
            "question" => said.question = Some(question(rest)),
            "answer" => said.records.push((Section::Answer, record(rest))),
            "authority" => said.records.push((Section::Authority, record(rest))),
            "additional" => said.records.push((Section::Additional, record(rest))),
            "many" => {
                let (count, pattern) = rest.split_once(' ').expect("how many, and of what");
                let one = |nth: u32| (Section::Answer, record(&pattern.replace('%', &nth.to_string())));
                said.records.extend((0..count.parse().unwrap()).map(one));
            }
            "damaged" => {
                // An address of three octets.
                let broken = Record { rdata: vec![192, 0, 2].into(), ..record(rest) };
                said.records.push((Section::Answer, broken));
            }
            "raw" => said.raw = Some(rest.split(' ').map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect()),
            _ => panic!("line {at}: a reply has no `{word}`"),
        }
    }
}

impl Line {
    fn read(rest: &str) -> Self {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let asked = match &words[..] {
            ["*", ..] => None,
            [owner, rtype, ..] => Some(question(&format!("{owner} {rtype}"))),
            _ => panic!("`on {rest}` names no question"),
        };
        let has = |word| words.contains(&word);
        let transport = [("udp", Transport::Udp), ("tcp", Transport::Tcp)].into_iter().find(|(word, _)| has(word));
        let edns = [("edns", true), ("plain", false)].into_iter().find(|(word, _)| has(word));
        Self {
            asked,
            transport: transport.map(|(_, transport)| transport),
            edns: edns.map(|(_, edns)| edns),
            cookie: has("cookie"),
            mixed: has("mixed"),
            once: has("once"),
            lost: None,
            packets: vec![Said::nothing()],
        }
    }
}

fn flag(flags: Flags, word: &str) -> Flags {
    match word {
        "aa" => flags.with_aa(true),
        "tc" => flags.with_tc(true),
        "ra" => flags.with_ra(true),
        "query" => flags.with_qr(false),
        _ => panic!("`{word}` is none of aa, tc, ra, query"),
    }
}

fn rcode(text: &str) -> ResponseCode {
    let code = (0..24).map(rootwalk::wire::rcode).find(|code| rootwalk::wire::text::rcode_name(*code) == text);
    code.unwrap_or_else(|| panic!("`{text}` is no response code"))
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no name"))
}

fn question(text: &str) -> Question {
    let (owner, rtype) = text.split_once(' ').unwrap_or_else(|| panic!("`{text}` is no name with a type"));
    let rtype = rtype.split_whitespace().next().and_then(parse_type);
    Question::new(name(owner), rtype.unwrap_or_else(|| panic!("`{text}` has no type")))
}

/// A line of a master file: `owner [TTL] [IN] type data`.
pub(crate) fn record(text: &str) -> Record {
    let mut file = Zonefile::from(format!("$TTL {TTL_SECS}\n{text}\n").as_str());
    file.set_origin(Owner::root_bytes());
    file.set_default_class(Class::IN);
    let Ok(Some(Entry::Record(found))) = file.next_entry() else { panic!("`{text}` is no record") };
    let mut rdata = Vec::new();
    let _ = found.data().compose_rdata(&mut rdata);
    let owner: Owner<Vec<u8>> = found.owner().to_vec();
    Record {
        owner: Name::from_wire(owner.as_slice()).unwrap(),
        rtype: RecordType::from(found.rtype().to_int()),
        class: DNSClass::from(found.class().to_int()),
        ttl_secs: found.ttl().as_secs(),
        rdata: rdata.into(),
    }
}
