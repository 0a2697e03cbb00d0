//! The lab as a user starts it, and `dig` as a user runs it.

use std::process::Command;

use super::running::Running;

impl Running {
    /// A lab on free ports. Without web origins: its records name the ports that those got, and only one lab of a
    /// machine gets the ones that the zones name.
    pub(crate) fn lab(more: &[&str]) -> Self {
        Self::start(&[&["--authority-port", "0", "--no-web"], more].concat())
    }

    /// What `dig` makes of one query.
    pub(crate) fn dig(&self, arguments: &str) -> Dug {
        Dug::read(&self.dig_text(arguments))
    }

    /// What `dig` prints.
    pub(crate) fn dig_text(&self, arguments: &str) -> String {
        let (ip, port) = (self.resolver.ip(), self.resolver.port());
        let mut dig = Command::new("dig");
        // -r: nobody's .digrc; cookies off, as they only make the output longer.
        dig.args(["-r", &format!("@{ip}"), "-p", &port.to_string(), "+tries=1", "+time=20", "+nocookie"]);
        let output = dig.args(arguments.split_whitespace()).output().unwrap_or_else(|error| {
            panic!("dig (Debian package bind9-dnsutils) cannot be run: {error}; ./test installs it")
        });
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A response as `dig` shows it.
#[derive(Debug, Default)]
pub(crate) struct Dug {
    /// All of it, for messages of failed tests.
    pub(crate) text: String,
    /// The response code.
    pub(crate) rcode: String,
    /// The flags: `qr rd ra`.
    pub(crate) flags: Vec<String>,
    /// The codes of the extended errors.
    pub(crate) edes: Vec<u16>,
    /// The question, as it came back.
    pub(crate) question: String,
    /// The answer section: owner, type and data, each with single blanks between, without TTL and class.
    pub(crate) answer: Vec<String>,
    /// The authority section likewise.
    pub(crate) authority: Vec<String>,
    /// The line that describes EDNS, where there is one.
    pub(crate) edns: Option<String>,
    /// Whether the answer came over TCP.
    pub(crate) over_tcp: bool,
    /// Octets.
    pub(crate) size: usize,
}

impl Dug {
    fn read(text: &str) -> Self {
        let mut dug = Self { text: text.to_owned(), ..Self::default() };
        let mut section = "";
        for line in text.lines() {
            if let Some((_, status)) = line.split_once(", status: ") {
                dug.rcode = status.split(',').next().unwrap().to_owned();
            } else if let Some(flags) = line.strip_prefix(";; flags:") {
                dug.flags = flags.split(';').next().unwrap().split_whitespace().map(str::to_owned).collect();
            } else if let Some(ede) = line.strip_prefix("; EDE: ") {
                dug.edes.push(ede.split([' ', ':']).next().unwrap().parse().unwrap());
            } else if line.starts_with("; EDNS:") {
                dug.edns = Some(line.to_owned());
            } else if let Some(size) = line.strip_prefix(";; MSG SIZE  rcvd: ") {
                dug.size = size.parse().unwrap();
            } else if line.starts_with(";; SERVER:") {
                dug.over_tcp = line.ends_with("(TCP)");
            } else if line.ends_with(" SECTION:") {
                section = line.trim_matches([';', ' ', ':']);
            } else if line.is_empty() {
                section = "";
            } else if section == "QUESTION SECTION" {
                dug.question = blanks(line.trim_start_matches(';'));
            } else if section == "ANSWER SECTION" {
                dug.answer.push(record(line));
            } else if section == "AUTHORITY SECTION" {
                dug.authority.push(record(line));
            }
        }
        dug
    }

    /// The record types in the answer section.
    pub(crate) fn answer_types(&self) -> Vec<&str> {
        self.answer.iter().filter_map(|record| record.split(' ').nth(1)).collect()
    }

    /// Whether a flag is set.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|set| set == flag)
    }
}

fn blanks(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `www.example. 300 IN A 192.0.2.1` as `www.example. A 192.0.2.1`.
pub(crate) fn record(line: &str) -> String {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [owner, _ttl, _class, rest @ ..] = fields.as_slice() else { panic!("no record: {line}") };
    format!("{} {}", owner.to_ascii_lowercase(), rest.join(" "))
}
