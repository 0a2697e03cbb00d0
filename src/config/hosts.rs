//! The hosts file: an address and names in each line.

use std::net::IpAddr;

use super::value::Setting as _;
use crate::wire::Name;

/// Lines that are told of a file that says nothing in many: some lists of blocked names are no hosts files.
const TOLD: usize = 10;

/// What a hosts file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// The addresses with their names, the canonical name first.
    pub entries: Vec<(IpAddr, Vec<Name>)>,
    /// The first lines that say nothing, each with its number and what is wrong, and how many more there are.
    pub dropped: Vec<String>,
}

impl Hosts {
    /// What was dropped of the file with this name, a line each.
    pub fn warnings(&self, file: &str) -> impl Iterator<Item = String> {
        self.dropped.iter().map(move |line| format!("{file}: {line}"))
    }

    /// Reads the text of a hosts file. What cannot be understood is left out and listed.
    pub(super) fn read(text: &str) -> Self {
        let mut hosts = Self::default();
        for (nth, line) in text.lines().enumerate() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(first) = words.next() else { continue };
            let number = nth + 1;
            // Link-local addresses may name an interface, which no record can.
            let Ok(addr) = first.parse::<IpAddr>() else {
                hosts.dropped.push(format!("line {number}: `{}` is no address", first.escape_debug()));
                continue;
            };
            let mut names = Vec::new();
            for word in words {
                match Name::from_text(word) {
                    Some(name) if !name.is_root() => names.push(name),
                    _ => hosts.dropped.push(format!("line {number}: `{}` is no name", word.escape_debug())),
                }
            }
            if names.is_empty() {
                hosts.dropped.push(format!("line {number}: an address without a name"));
            } else {
                hosts.entries.push((addr, names));
            }
        }
        if let more @ 1.. = hosts.dropped.len().saturating_sub(TOLD) {
            hosts.dropped.truncate(TOLD);
            hosts.dropped.push(format!("{more} more of that kind"));
        }
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_does_not_flood_the_log() {
        let hosts = Hosts::read(&"||ads.example^\n".repeat(1000));
        assert_eq!((hosts.dropped.len(), &*hosts.dropped[TOLD]), (TOLD + 1, "990 more of that kind"));
    }

    #[test]
    fn what_is_good_is_kept_and_what_is_not_is_listed() {
        let hosts = Hosts::read(
            "# none\n\n192.0.2.1 a.lan a # x\n2001:db8::1\tb.lan\nfe80::1%eth0 c\nd.lan\n::1\n::2 x..y z\n::3 *.lan\n",
        );
        let names: Vec<Vec<String>> =
            hosts.entries.iter().map(|(_, names)| names.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(names, [vec!["a.lan.", "a."], vec!["b.lan."], vec!["z."]]);
        let lines: Vec<&str> = hosts.dropped.iter().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 5", "line 6", "line 7", "line 8", "line 9", "line 9"]);
    }
}
