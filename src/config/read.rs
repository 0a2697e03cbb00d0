//! From text to [`Settings`]: the file, one variable, one assignment.

use std::path::Path;

use toml::de::DeTable;

use super::complaint::{Found, is_slip, nearest, not_a_section, unfit};
use super::list::InList as _;
use super::section::{Given, Key, Section};
use super::settings::{LISTS, SECTIONS};
use super::{Complaint, Problem, RootHint, Settings};

/// What an environment variable of ours starts with.
pub(super) const PREFIX: &str = "ROOTWALK_";
/// Keys of a section that are all named to whoever writes one that it does not have.
const FEW: usize = 4;
/// The list that a variable may hold as well, and how it is written there.
pub(super) const ROOT_HINT: &str = RootHint::LIST.name;
pub(super) const HINTS: &str = "a.root.=192.0.2.1,b.root.=2001:db8::1";

/// Takes over a file; what is wrong comes back in the order of the file.
pub(super) fn file(path: &Path, octets: &[u8], settings: &mut Settings) -> Vec<Complaint> {
    let text = match str::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => {
            let good = str::from_utf8(&octets[..error.valid_up_to()]).unwrap_or_default();
            return vec![Complaint::at(path, good, good.len(), Problem::NotText)];
        }
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    let syntax = |error: toml::de::Error| {
        let span = error.span().unwrap_or_default();
        let named = Some(error.message()).filter(|message| *message == "duplicate key").and(text.get(span.clone()));
        let again = |key: &str| format!("`{key}` stands here a second time");
        (span.start, Problem::Syntax(named.map_or_else(|| error.message().to_owned(), again)))
    };
    let mut found: Found = errors.into_iter().map(syntax).collect();
    if found.is_empty() {
        found = sections(document.get_ref(), text, settings);
    }
    found.sort_by_key(|(offset, _)| *offset);
    found.into_iter().map(|(offset, problem)| Complaint::at(path, text, offset, problem)).collect()
}

fn sections(document: &DeTable<'_>, text: &str, settings: &mut Settings) -> Found {
    let mut found = Found::new();
    for (name, value) in document {
        let (given, at) = (name.get_ref().as_ref(), name.span().start);
        if let Some(list) = LISTS.iter().find(|list| list.name == given) {
            found.extend(list.read(value.get_ref(), at, text, settings));
        } else if let Some(section) = section(given) {
            match value.get_ref().as_table() {
                Some(table) => found.extend(keys(section, table, text, settings)),
                None => found.push((at, not_a_section(given, "a section: [server]"))),
            }
        } else {
            found.push((at, unknown_section(given)));
        }
    }
    found
}

fn keys(section: &'static Section, table: &DeTable<'_>, text: &str, settings: &mut Settings) -> Found {
    let mut found = Found::new();
    for (name, value) in table {
        match key(section, name.get_ref()) {
            Err(problem) => found.push((name.span().start, problem)),
            Ok(key) if (key.set)(settings, Given::Toml(value.get_ref())) => {}
            Ok(key) => {
                let name = format!("{}.{}", section.name, key.name);
                found.push(unfit(name, (value.span(), text), (key.culprit)(value.get_ref()), key.expected));
            }
        }
    }
    found
}

/// Takes over `ROOTWALK_SECTION_KEY`, and says whether it is ours: variables of another form are not, unless a section
/// may have been meant.
pub(super) fn variable(name: &str, text: &str, settings: &mut Settings) -> Result<bool, Problem> {
    let Some(rest) = name.strip_prefix(PREFIX) else { return Ok(false) };
    let path = rest.to_ascii_lowercase();
    if path == ROOT_HINT {
        return hint_list(text, settings).map(|()| true);
    }
    // The longest name that fits: `local_root_file` is a key of [local_root] and not of [local].
    let fits = |section: &'static Section| Some((section, path.strip_prefix(section.name)?.strip_prefix('_')?));
    let ours = SECTIONS.iter().filter_map(fits).max_by_key(|(section, _)| section.name.len());
    let first = path.split('_').next().unwrap_or_default();
    match (section(&path), ours) {
        _ if is_of_a_platform(&path, text) => Ok(false),
        (Some(section), _) => Err(Problem::NoKey(section.name)),
        (None, Some((section, name))) => assign(section, name, text, settings).map(|()| true),
        // Others have variables of that form too: one slip of the finger is a mistake, more is another word.
        (None, None) if section_names().any(|name| is_slip(first, name)) => Err(unknown_section(first)),
        (None, None) => Ok(false),
    }
}

/// Whether the rest of a variable's name is of those that container platforms set by themselves for a service whose
/// name begins as ours: `ROOTWALK_SERVICE_HOST`, `ROOTWALK_DNS_SERVICE_PORT_UDP`, `ROOTWALK_PORT=tcp://10.0.0.1:53`,
/// `ROOTWALK_PORT_53_UDP_ADDR`.
fn is_of_a_platform(path: &str, text: &str) -> bool {
    let is_number = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    path.contains("service_host")
        || path.contains("service_port")
        || path.ends_with("port") && text.contains("://")
        || path.split("port_").skip(1).any(is_number)
}

/// Takes over `section.key=value`.
pub(super) fn assignment(text: &str, settings: &mut Settings) -> Result<(), Problem> {
    let (path, value) = text.split_once('=').ok_or(Problem::NotAnAssignment)?;
    if path.trim() == ROOT_HINT {
        return hint_list(value, settings);
    }
    let alone = || match unknown_section(path.trim()) {
        told if matches!(told, Problem::OnlyInFile(_)) || elsewhere(path.trim()).is_some() => told,
        _ => Problem::NotAnAssignment,
    };
    let (section, name) = path.trim().split_once('.').ok_or_else(alone)?;
    let section = self::section(section).ok_or_else(|| unknown_section(section))?;
    assign(section, name, value.trim(), settings)
}

fn assign(section: &'static Section, name: &str, text: &str, settings: &mut Settings) -> Result<(), Problem> {
    let key = key(section, name)?;
    if (key.set)(settings, Given::Text(text)) { Ok(()) } else { Err(wrong(section, key, text)) }
}

fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

fn key(section: &'static Section, name: &str) -> Result<&'static Key, Problem> {
    section.keys.iter().find(|key| key.name == name).ok_or_else(|| {
        let keys = || section.keys.iter().map(|key| key.name);
        let here = nearest(name, keys()).map(str::to_owned);
        // Where all can be named a key of the same name elsewhere is no help: `file` in [log] is no `local_root.file`.
        let (nearest, few) = match section.keys.len() <= FEW {
            true => (here, keys().collect()),
            false => (elsewhere(name).or(here), Vec::new()),
        };
        Problem::UnknownKey { section: section.name.to_owned(), key: name.to_owned(), nearest, few }
    })
}

/// The full name of a key that stands in the wrong section.
fn elsewhere(name: &str) -> Option<String> {
    let owner = SECTIONS.iter().find(|section| section.keys.iter().any(|key| key.name == name))?;
    Some(format!("{}.{name}", owner.name))
}

fn unknown_section(name: &str) -> Problem {
    if let Some(list) = LISTS.iter().find(|list| list.name == name) {
        return Problem::OnlyInFile(list.name);
    }
    let nearest = elsewhere(name).or_else(|| nearest(name, section_names()).map(str::to_owned));
    Problem::UnknownSection { name: name.to_owned(), nearest }
}

fn section_names() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|section| section.name).chain(LISTS.iter().map(|list| list.name))
}

/// What is wrong with text from elsewhere than the file. A list is shown with commas: a shell takes the quotes away.
fn wrong(section: &Section, key: &Key, text: &str) -> Problem {
    let in_file = (key.expected)();
    let list = in_file.split_once("[\"").and_then(|(head, rest)| Some((head, rest.split_once("\"]")?)));
    let with_commas = list.map(|(head, (list, tail))| format!("{head}{}{tail}", list.replace("\", \"", ",")));
    let (key, found) = (format!("{}.{}", section.name, key.name), format!("\"{text}\""));
    Problem::WrongValue { key, found, expected: with_commas.unwrap_or(in_file) }
}

/// The hints as one line of text: `name=address,name=address`.
fn hint_list(text: &str, settings: &mut Settings) -> Result<(), Problem> {
    let hint = |part: &str| {
        let (name, address) = part.trim().split_once('=')?;
        Some(RootHint { name: name.parse().ok()?, address: address.parse().ok()? })
    };
    let wrong = || Problem::WrongValue {
        key: ROOT_HINT.to_owned(),
        found: format!("\"{text}\""),
        expected: format!("names with addresses, such as \"{HINTS}\""),
    };
    let hints = text.split(',').map(hint).collect::<Option<Vec<_>>>();
    settings.root_hints = hints.ok_or_else(wrong)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        let found = file(Path::new("f"), text.as_bytes(), &mut Settings::default());
        found.iter().map(ToString::to_string).collect()
    }

    /// A key of the same name in another section is mostly for something else.
    #[test]
    fn the_keys_of_a_small_section_are_named_and_a_unit_that_was_left_out_is_seen() {
        for (given, said) in [
            ("[log]\nfile = \"/var/log/x\"\n", "unknown key `file` in [log], which has `level` and `format`"),
            ("[log]\nlevl = \"info\"\n", "unknown key `levl` in [log]; did you mean `level`?"),
            (
                "[fetch]\nhosts = 1\n",
                "unknown key `hosts` in [fetch], which has `ca`, `redirects`, `secs` and `body_size`",
            ),
            ("[cache]\nmax_ttl = 60\n", "unknown key `max_ttl` in [cache]; did you mean `max_ttl_secs`?"),
            ("[limits]\ntime = 900\n", "unknown key `time` in [limits]; did you mean `time_ms`?"),
            ("[[stub]]\nzone = \"a.\"\ntls = true\n", "in [stub], which has `zone`, `servers`, `prime` and `fallback`"),
        ] {
            let complaints = complaints(given);
            assert!(complaints[0].ends_with(said), "{complaints:?}");
        }
    }

    /// RFC 4007 §6: such an address is of an interface, and a server's cannot be said.
    #[test]
    fn a_link_local_address_that_cannot_be_reached_is_refused() {
        for server in ["fe80::1", "[fe80::1]:53", "fe80::1%eth0", "[fe80::1%2]:53"] {
            for key in ["[[forward]]\nzone = \".\"\nservers", "[local_root]\nservers"] {
                let complaints = complaints(&format!("{key} = [\"{server}\"]\n"));
                assert!(complaints[0].ends_with("and no link-local one"), "{complaints:?}");
            }
        }
        assert!(complaints("[server]\nlisten = [\"[fe80::1%2]:53\"]\n").is_empty());
        let by_name = complaints("[server]\nlisten = [\"[fe80::1%eth0]:53\"]\n");
        assert!(by_name[0].ends_with("has the number of its interface, as in \"[fe80::1%2]:53\""), "{by_name:?}");
    }
}
