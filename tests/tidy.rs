//! The rules of the house, as far as a machine can hold them. Each message names its rule.
//!
//! The tables below are the architecture: to move a border, change the table and ARCHITECTURE.md together.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where a module stands. Imports point from the root over the edge to the pure half and to the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    /// Words that everybody speaks: no clock, no socket, no chance, no log.
    Words,
    /// Decisions: as above.
    Pure,
    /// Sockets, tasks, the clock.
    Edge,
    /// Puts everything together.
    Root,
}
use Layer::{Edge, Pure, Root, Words};

/// Every module, its layer and what it may import. A file belongs to the longest entry that its path begins with;
/// `lab/` is what is in the folder, but not `lab.rs` beside it.
const MODULES: &[(&str, Layer, &[&str])] = &[
    ("time", Words, &[]),
    ("keyed", Words, &[]),
    ("wire", Words, &["time"]),
    ("trace", Words, &["wire", "time"]),
    ("policy", Pure, &["wire"]),
    ("dnssec", Pure, &["trace", "wire", "time"]),
    ("cache", Pure, &["dnssec", "trace", "wire", "time", "keyed"]),
    ("walk", Pure, &["cache", "dnssec", "trace", "wire", "time"]),
    ("journey", Pure, &["trace", "wire", "time"]),
    ("lab", Edge, &["wire"]),
    ("lab/", Pure, &["trace", "wire"]),
    ("lab/files", Edge, &["lab"]),
    ("lab/load", Edge, &["lab", "wire"]),
    ("lab/serve", Edge, &["lab", "trace", "wire"]),
    ("lab/sign", Edge, &["lab", "wire"]),
    ("lab/web", Edge, &["lab", "trace", "wire"]),
    ("sys", Edge, &[]),
    ("tls", Edge, &["wire"]),
    ("upstream", Edge, &["sys", "walk", "trace", "wire", "keyed"]),
    ("drive", Edge, &["sys", "upstream", "walk", "cache", "dnssec", "trace", "wire", "time"]),
    ("upkeep", Edge, &["drive", "upstream", "lab", "walk", "dnssec", "trace", "wire", "time"]),
    ("listen", Edge, &["sys", "tls", "wire", "time"]),
    ("serve", Edge, &["listen", "drive", "policy", "walk", "cache", "trace", "wire", "time", "keyed"]),
    ("http", Edge, &["journey", "serve", "listen", "tls", "trace", "wire", "time"]),
    ("config", Root, &["http", "listen", "upstream", "dnssec", "cache", "walk", "wire", "time"]),
    ("cli", Root, EVERYTHING),
    ("run", Root, EVERYTHING),
    ("lib", Root, EVERYTHING),
    ("main", Root, EVERYTHING),
];

const EVERYTHING: &[&str] = &["*"];

/// Folders inside of which imports point one way as well: each part may name those before it.
const ORDERS: &[(&str, &[&str])] = &[(
    "http",
    &[
        "hop", "here", "local", "strict", "watch", "fault", "problem", "places", "guard", "stream", "origin", "asked",
        "doh", "json", "traces", "flush", "proxy", "journey", "page", "routes", "bind", "worker",
    ],
)];

/// What the words and the pure half must not touch, and what they take instead.
const IMPURE: &[(&str, &str)] = &[
    ("Instant", "a clock: take `now: Time`"),
    ("SystemTime", "a clock: take `now: Time`"),
    ("tokio", "a task or a socket: return what is to be done"),
    ("std::thread", "a thread: return what is to be done"),
    ("UdpSocket", "a socket: return what is to be sent"),
    ("TcpStream", "a socket: return what is to be sent"),
    ("TcpListener", "a socket: return what is to be sent"),
    ("std::fs", "a file: take the text"),
    ("std::env", "the environment: take the value"),
    ("std::process", "a process: return what is to be done"),
    ("rand::rng", "chance: take the dice"),
    ("rand::random", "chance: take the dice"),
    ("RandomState", "chance: take the key"),
    ("SystemRandom", "chance: take the key"),
    ("tracing::", "the log: return an event"),
    ("println!", "the log: return an event"),
    ("eprintln!", "the log: return an event"),
    ("print!", "the log: return an event"),
    ("dbg!", "the log: return an event"),
];

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;
/// As rustfmt holds code, which leaves comments and strings alone; tables in strings may be wider.
const MAX_COMMENT_COLUMNS: usize = 120;

/// One Rust file of the tree.
struct Source {
    /// The path below the root of the repository, with slashes.
    path: String,
    lines: Vec<String>,
}

impl Source {
    /// The module path inside `src`, such as `walk/judge`; `None` for tests and benches.
    fn module(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.strip_suffix(".rs")
    }

    /// The line number and text of each line that is code of the program: no comments, no tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test_file = self.path.ends_with("/tests.rs") || self.module().is_none();
        let tests = self.lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
        let end = if is_test_file { 0 } else { tests.unwrap_or(self.lines.len()) };
        let numbered = self.lines[..end].iter().enumerate().map(|(nth, line)| (nth + 1, line.as_str()));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below the given places of the repository, sorted.
fn files(places: &[&str]) -> Vec<PathBuf> {
    let (mut open, mut found): (Vec<PathBuf>, Vec<PathBuf>) =
        (places.iter().map(|place| root().join(place)).collect(), Vec::new());
    while let Some(place) = open.pop() {
        if place.is_dir() {
            let inside = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
            open.extend(inside.filter(|path| !path.ends_with("target")));
        } else if place.is_file() {
            found.push(place);
        }
    }
    found.sort();
    found
}

fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn sources() -> Vec<Source> {
    let all = files(&["src", "tests", "benches", "examples", "fuzz"]);
    let rust = all.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        Source { path: below_root(&path), lines: text.lines().map(str::to_owned).collect() }
    };
    rust.map(read).collect()
}

/// The entry of [`MODULES`] that a module path belongs to.
fn entry(module: &str) -> Option<&'static (&'static str, Layer, &'static [&'static str])> {
    let inside = |name: &str, rest: &str| rest.is_empty() || rest.starts_with('/') || name.ends_with('/');
    let fits = |name: &str| module.strip_prefix(name).is_some_and(|rest| inside(name, rest));
    MODULES.iter().filter(|(name, ..)| fits(name)).max_by_key(|(name, ..)| name.len())
}

fn verdict(rule: &str, broken: &[String]) {
    let mut text = String::new();
    for line in broken {
        let _ = write!(text, "\n  {line}");
    }
    assert!(broken.is_empty(), "rule: {rule}{text}");
}

/// The top-level modules named behind `crate::` in a line, braces included.
fn imports(line: &str) -> Vec<String> {
    named(line, "crate::")
}

/// What is named behind `prefix` in a line, braces included.
fn named(line: &str, prefix: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        let rest = &line[at + prefix.len()..];
        if line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':')) {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group.split(',').map(|part| word(part.trim()))),
            None => found.push(word(rest)),
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

#[test]
fn imports_point_one_way() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        let Some((own, _, allowed)) = entry(module) else {
            broken.push(format!("{}: not in the table MODULES of tests/tidy.rs; give it a layer", source.path));
            continue;
        };
        let top = own.split('/').next().unwrap();
        for (number, line) in source.code() {
            for import in imports(line) {
                let fine = allowed == &EVERYTHING || import == top || allowed.contains(&import.as_str());
                // `crate::Type` of lib.rs and macros begin with other letters than modules do.
                let is_module = MODULES.iter().any(|(name, ..)| *name == import);
                if is_module && !fine {
                    broken.push(format!("{}:{number}: {own} must not import {import}", source.path));
                }
            }
        }
    }
    verdict("imports point one way: root, edge, pure, words (MODULES in tests/tidy.rs)", &broken);
}

#[test]
fn imports_inside_of_a_folder_point_one_way() {
    let mut broken = Vec::new();
    for (folder, order) in ORDERS {
        for source in sources() {
            let Some(inside) = source.module().and_then(|module| module.strip_prefix(folder)?.strip_prefix('/')) else {
                continue;
            };
            let part = inside.split('/').next().unwrap();
            let Some(own) = order.iter().position(|name| *name == part) else {
                broken.push(format!("{}: not among ORDERS of tests/tidy.rs; give {part} a place", source.path));
                continue;
            };
            // From a file of the folder `super` is the folder; from one further down it is one of its parts.
            let beside = if inside.contains('/') { None } else { Some("super::") };
            let prefixes = [Some(format!("crate::{folder}::")), beside.map(str::to_owned)];
            for (number, line) in source.code() {
                for import in prefixes.iter().flatten().flat_map(|prefix| named(line, prefix)) {
                    if order.iter().position(|name| *name == import).is_some_and(|other| other > own) {
                        broken.push(format!("{}:{number}: {part} must not import {import}", source.path));
                    }
                }
            }
        }
    }
    verdict("imports inside of a folder point one way, too (ORDERS in tests/tidy.rs)", &broken);
}

#[test]
fn the_table_itself_points_one_way() {
    let mut broken = Vec::new();
    for (name, layer, allowed) in MODULES {
        for import in allowed.iter().filter(|import| **import != "*") {
            let (_, below, _) = entry(import).unwrap_or_else(|| panic!("{import} is not in the table"));
            if below > layer {
                broken.push(format!("{name} ({layer:?}) may import {import} ({below:?})"));
            }
        }
    }
    verdict("no module imports from a layer above its own, and nobody but the root imports config", &broken);
}

#[test]
fn the_pure_half_is_pure() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some((_, layer, _)) = source.module().and_then(entry) else { continue };
        if *layer > Pure {
            continue;
        }
        for (number, line) in source.code() {
            for (word, instead) in IMPURE.iter().filter(|(word, _)| has_word(line, word)) {
                broken.push(format!("{}:{number}: `{word}` is {instead}", source.path));
            }
        }
    }
    verdict("the pure half has no clock, socket, task, file, chance or log", &broken);
}

/// Whether `word` stands in `line`, and not as a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    let longer =
        |at: usize| line[..at].ends_with(inner) || word.ends_with(inner) && line[at + word.len()..].starts_with(inner);
    line.match_indices(word).any(|(at, _)| !longer(at))
}

#[test]
fn files_are_short() {
    let long = |source: &Source| source.lines.len() > MAX_FILE_LINES;
    let broken: Vec<String> = sources()
        .iter()
        .filter(|source| long(source))
        .map(|source| format!("{}: {} lines", source.path, source.lines.len()))
        .collect();
    verdict(&format!("a file has at most {MAX_FILE_LINES} lines"), &broken);
}

#[test]
fn comments_are_narrow() {
    let is_wide = |line: &str| line.trim_start().starts_with("//") && line.chars().count() > MAX_COMMENT_COLUMNS;
    let mut broken = Vec::new();
    for source in sources() {
        let wide = source.lines.iter().enumerate().filter(|(_, line)| is_wide(line));
        broken.extend(wide.map(|(nth, _)| format!("{}:{}", source.path, nth + 1)));
    }
    verdict(&format!("a comment has at most {MAX_COMMENT_COLUMNS} columns"), &broken);
}

#[test]
fn functions_are_short() {
    let mut broken = Vec::new();
    for source in sources() {
        for (number, length) in functions(&source.lines) {
            if length > MAX_FUNCTION_LINES {
                broken.push(format!("{}:{number}: a function of {length} lines", source.path));
            }
        }
    }
    verdict(&format!("a function has at most {MAX_FUNCTION_LINES} lines"), &broken);
}

/// First line and number of lines of each function; relies on rustfmt for the indentation of the closing brace.
fn functions(lines: &[String]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let head = line.trim_start();
        let words = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern", "\"C\""];
        let is_function = head.split_whitespace().find(|word| !words.contains(word)) == Some("fn");
        if !is_function || head.ends_with(['}', ';']) {
            continue;
        }
        let ends = |line: &String| {
            let end = line.get(indent..).unwrap_or_default();
            line.len() > indent
                && line[..indent].trim().is_empty()
                && (end == "}" || end.ends_with(';') && !end.starts_with(' '))
        };
        if let Some(more) = lines[first + 1..].iter().position(ends) {
            found.push((first + 1, more + 2));
        }
    }
    found
}

#[test]
fn lints_are_answered_with_a_reason() {
    let mut broken = Vec::new();
    // Put together here, so that this file does not break its own rule.
    let (outer, inner) = (concat!("#[", "allow("), concat!("#![", "allow("));
    for source in sources() {
        for (nth, line) in source.lines.iter().enumerate() {
            if line.trim_start().starts_with(outer) || line.trim_start().starts_with(inner) {
                broken.push(format!("{}:{}: {}", source.path, nth + 1, line.trim()));
            }
        }
    }
    verdict(
        "a lint is turned off with #[expect(.., reason = \"..\")], which says when it is no longer needed",
        &broken,
    );
}

#[test]
fn no_path_of_one_machine() {
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    let mut broken = Vec::new();
    let top = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let names: Vec<String> = top.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let ours = names.iter().map(String::as_str).filter(|name| ![".git", "target", "Cargo.lock"].contains(name));
    for path in files(&ours.collect::<Vec<_>>()) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (nth, line) in text.lines().enumerate() {
            if homes.iter().any(|home| line.contains(home)) {
                broken.push(format!("{}:{}: {}", below_root(&path), nth + 1, line.trim()));
            }
        }
    }
    verdict("the tree names no path that exists on one machine only", &broken);
}

#[test]
fn the_architecture_page_names_every_module() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let src = std::fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path());
    let modules: BTreeSet<String> = src.map(|path| path.file_stem().unwrap().display().to_string()).collect();
    let is_named = |module: &String| [".rs", "/"].iter().any(|end| page.contains(&format!(" {module}{end}")));
    let absent = modules.into_iter().filter(|module| !is_named(module));
    verdict("ARCHITECTURE.md names every module", &absent.collect::<Vec<_>>());
}

#[test]
fn these_checks_see_what_they_look_for() {
    assert_eq!(imports("use crate::walk::{self, Ask};"), ["walk"]);
    assert_eq!(imports("    let x = crate::time::Time::ZERO + crate::wire::f();"), ["time", "wire"]);
    assert_eq!(imports("use crate::{cache::Cache, wire};"), ["cache", "wire"]);
    assert_eq!(named("use super::{HttpSettings, doh, page::Past};", "super::"), ["HttpSettings", "doh", "page"]);
    assert!(named("use super::super::routes::Front;", "super::") == ["super"]);
    assert!(imports("pub(crate) fn f() {}").is_empty() && imports("$crate::x").len() == 1);
    assert_eq!(entry("lab/serve").unwrap().0, "lab/serve");
    assert_eq!(entry("lab/zone").unwrap().0, "lab/");
    assert_eq!(entry("lab").unwrap().0, "lab");
    assert_eq!(entry("serve").unwrap().0, "serve");
    assert!(entry("server").is_none());
    assert!(has_word("use std::time::Instant;", "Instant") && !has_word("NotInstant", "Instant"));
    assert!(has_word("rand::rng()", "rand::rng") && !has_word("rand::rngs::StdRng", "rand::rng"));
    let text = "impl X {\n    pub fn a(\n        x: u8,\n    ) -> u8 {\n        f(|| {\n        });\n    }\n    fn b();\n}\nfn c() {\n}";
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(functions(&lines), [(2, 6), (10, 2)]);
}
