//! docs/trace.md is what the source says about the JSON form of a trace: `BLESS=1 cargo test --test trace_page`
//! writes it anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const MADE_FROM_HERE_ON: &str = "<!-- made from src/trace -->\n";

/// Types whose JSON form is written by hand, and what it is.
const BY_HAND: &[(&str, &str)] = &[
    (
        "Ede",
        "An extended error (RFC 8914): `code` (number), `name` (string, or null for a code without one) and `text` \
         (string, may be empty).",
    ),
    (
        "Source",
        "From whom something is known. `kind` is `hints` (the root hints), `local` (our own configuration, or a \
         failure of our own) or `server` (a reply); a server has `zone` (string, the zone for which it was asked), \
         `addr` (string, its address) and `name` (string or null).",
    ),
    (
        "ServerAt",
        "A server: `name` (string or null, the name under which the delegation lists it), `addr` (string, its address) and \
         `port` (number, where the operator has given it one of its own, or null).",
    ),
];

/// Types of Rust and what they become.
const PLAIN: &[(&str, &str)] = &[
    ("u8", "number"),
    ("u16", "number"),
    ("u32", "number"),
    ("u64", "number"),
    ("usize", "number"),
    ("GoalId", "number"),
    ("bool", "true or false"),
    ("String", "string"),
    ("Cow<'static, str>", "string"),
    // A section becomes one list of lines.
    ("RrSet", "string"),
    ("&'static str", "string"),
    ("Name", "string"),
    ("IpAddr", "string"),
    ("IpNet", "string"),
    // In words.
    ("Fault", "string"),
    ("SocketAddr", "string"),
    ("RecordType", "string"),
];

/// A struct, or one variant of an enum.
#[derive(Debug, Default, Clone)]
struct Shape {
    name: String,
    doc: String,
    /// Name, type, description.
    fields: Vec<(String, String, String)>,
}

/// A type of the source with what it says about itself.
#[derive(Debug, Default, Clone)]
struct Type {
    shape: Shape,
    variants: Vec<Shape>,
    /// The member that tells the variants apart, where they are objects.
    tag: Option<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The value of a key in an attribute: `rename = "type"`.
fn attribute<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_once(&format!("{key} = \""))?.1.split('"').next()
}

/// All public types of `src/trace`, as rustfmt lays them out.
fn types() -> Vec<Type> {
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("src/trace")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(&std::fs::read_to_string(file).unwrap())).collect()
}

fn read(source: &str) -> Vec<Type> {
    let mut types: Vec<Type> = Vec::new();
    let (mut doc, mut renamed, mut tag, mut inside) = (String::new(), None, None, false);
    for line in source.lines() {
        let code = line.trim();
        if let Some(text) = code.strip_prefix("/// ") {
            doc = format!("{doc}{}{text}", if doc.is_empty() { "" } else { " " });
        } else if code.starts_with("#[") {
            renamed = attribute(code, "rename").map(str::to_owned).or(renamed);
            tag = attribute(code, "tag").map(str::to_owned).or(tag);
            if code.contains("flatten") {
                renamed = Some(String::new());
            }
        } else {
            let header = code.strip_prefix("pub enum ").or_else(|| code.strip_prefix("pub struct "));
            if let (Some(name), true) = (header, line.starts_with("pub ") && line.ends_with('{')) {
                let name = name.split([' ', '<']).next().unwrap().to_owned();
                types.push(Type { shape: Shape { name, doc, ..Shape::default() }, tag: tag.take(), ..Type::default() });
                inside = true;
            } else if line == "}" {
                inside = false;
            } else if inside {
                member(types.last_mut().unwrap(), line, &doc, renamed.take().as_deref());
            }
            (doc, renamed, tag) = (String::new(), None, None);
        }
    }
    types
}

/// A field or a variant.
fn member(of: &mut Type, line: &str, doc: &str, renamed: Option<&str>) {
    let depth = line.len() - line.trim_start().len();
    let code = line.trim().trim_end_matches(',');
    let field = |code: &str| {
        let (name, kind) = code.trim_start_matches("pub ").split_once(": ")?;
        Some((renamed.unwrap_or(name).to_owned(), kind.to_owned(), doc.to_owned()))
    };
    let is_variant = depth == 4 && code.starts_with(|c: char| c.is_ascii_uppercase());
    if is_variant {
        let name = code.split([' ', '{', '(']).next().unwrap();
        let mut variant = Shape { name: snake(name), doc: doc.to_owned(), fields: Vec::new() };
        // One value without a name: it is nested under the name of the variant.
        if let Some((_, inner)) = code.split_once('(') {
            let inner = inner.rsplit("] ").next().unwrap().trim_end_matches(')');
            variant.fields.push((snake(name), inner.to_owned(), "In which way.".to_owned()));
        }
        of.variants.push(variant);
    } else if let Some(field) = field(code) {
        match of.variants.last_mut() {
            Some(variant) if depth == 8 => variant.fields.push(field),
            _ => of.shape.fields.push(field),
        }
    }
}

/// What a type is in JSON, and the types of the source in it.
fn json(kind: &str, used: &mut Vec<String>) -> String {
    let inner = |outer: &str| kind.strip_prefix(outer)?.strip_suffix('>').map(str::to_owned);
    let slice = |open| inner(open).map(|inner| inner.trim_end_matches(']').trim_end_matches("; 2").to_owned());
    if let Some(inner) =
        inner("Vec<").or_else(|| slice("Box<[")).or_else(|| slice("Arc<[")).or_else(|| slice("SmallVec<["))
    {
        return format!("array of {}", json(&inner, used));
    }
    // Where a value lies is nothing to a reader.
    if let Some(inner) = inner("Box<") {
        return json(&inner, used);
    }
    if let Some(inner) = inner("Option<") {
        return format!("{} or null", json(&inner, used));
    }
    if let Some((_, plain)) = PLAIN.iter().find(|(rust, _)| *rust == kind) {
        return (*plain).to_owned();
    }
    used.push(kind.to_owned());
    let anchor = kind.to_ascii_lowercase();
    format!("[{kind}](#{anchor})")
}

fn table(fields: &[(String, String, String)], used: &mut Vec<String>) -> String {
    let mut out = String::new();
    if fields.is_empty() {
        return out;
    }
    out += "| member | value | |\n|---|---|---|\n";
    for (name, kind, doc) in fields {
        let value = json(kind, used);
        match name.as_str() {
            // Flattened: the members of that type stand here.
            "" => writeln!(out, "| `event` and more | see {value} | {doc} |").unwrap(),
            name => writeln!(out, "| `{name}` | {value} | {doc} |").unwrap(),
        }
    }
    out + "\n"
}

fn section(kind: &Type, used: &mut Vec<String>) -> String {
    let Type { shape, variants, tag } = kind;
    let mut out = format!("## {}\n\n{}\n\n{}", shape.name, shape.doc, table(&shape.fields, used));
    match tag {
        Some(tag) if tag == "event" => {
            for variant in variants {
                writeln!(out, "### `{}`\n\n{}\n", variant.name, variant.doc).unwrap();
                out += &table(&variant.fields, used);
            }
        }
        Some(tag) => {
            writeln!(
                out,
                "An object; `{tag}` says which of these it is.\n\n| `{tag}` | | other members |\n|---|---|---|"
            )
            .unwrap();
            for variant in variants {
                let describe =
                    |(name, kind, doc): &(String, String, String)| format!("`{name}` ({}): {doc}", json(kind, used));
                let members: Vec<String> = variant.fields.iter().map(describe).collect();
                writeln!(out, "| `{}` | {} | {} |", variant.name, variant.doc, members.join(" ")).unwrap();
            }
            out += "\n";
        }
        None if !variants.is_empty() => {
            out += "A string.\n\n| value | |\n|---|---|\n";
            for variant in variants {
                writeln!(out, "| `{}` | {} |", variant.name, variant.doc).unwrap();
            }
            out += "\n";
        }
        None => {}
    }
    out
}

/// The part of the page that is made: the document, then whatever it uses.
fn made() -> String {
    let types = types();
    let (mut open, mut done, mut out) = (vec!["Trace".to_owned()], BTreeSet::new(), String::from("\n"));
    while !open.is_empty() {
        let name = open.remove(0);
        if !done.insert(name.clone()) {
            continue;
        }
        if let Some((_, text)) = BY_HAND.iter().find(|(by_hand, _)| *by_hand == name) {
            write!(out, "## {name}\n\n{text}\n\n").unwrap();
            continue;
        }
        let found = types.iter().find(|kind| kind.shape.name == name);
        let kind = found.unwrap_or_else(|| panic!("{name} is part of a trace; describe it in src/trace or in BY_HAND"));
        out += &section(kind, &mut open);
    }
    format!("{}\n", out.trim_end())
}

fn page() -> PathBuf {
    root().join("docs/trace.md")
}

#[test]
fn the_page_says_what_the_source_says() {
    let page = page();
    let text = std::fs::read_to_string(&page).unwrap();
    let (head, is) = text.split_once(MADE_FROM_HERE_ON).expect("the mark behind which the page is made");
    let should = made();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&page, format!("{head}{MADE_FROM_HERE_ON}{should}")).unwrap();
        return;
    }
    assert!(is == should, "docs/trace.md does not say what src/trace says; run `BLESS=1 cargo test --test trace_page`");
}

/// All keys of all objects, and the values of those that tell kinds apart.
fn words(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                found.insert(key.clone());
                if let (true, Some(kind)) =
                    (["kind", "event", "why", "transport"].contains(&key.as_str()), value.as_str())
                {
                    found.insert(kind.to_owned());
                }
                words(value, found);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| words(value, found)),
        _ => {}
    }
}

#[test]
fn every_word_of_real_traces_is_on_the_page() {
    let page = std::fs::read_to_string(page()).unwrap();
    for name in
        ["alias.example.com", "www.halfdead.lab", "www.poison.lab", "www.noedns.lab", "www.cyclea.lab", "www.lame.lab"]
    {
        let mut rootwalk = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        let output = rootwalk.args(["trace", name, "--lab", "--json"]).env_clear().output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.replace(" µs", "").is_ascii(), "{text}");
        let trace: serde_json::Value = serde_json::from_str(&text).unwrap();
        // A key that is there twice would be lost on the way to a value and back.
        assert_eq!(serde_json::to_string_pretty(&trace).unwrap().lines().count(), text.lines().count(), "{name}");
        let mut found = BTreeSet::new();
        words(&trace, &mut found);
        let missing: Vec<_> = found.iter().filter(|word| !page.contains(&format!("`{word}`"))).collect();
        assert!(missing.is_empty(), "{name}: docs/trace.md does not have {missing:?}");
        assert!(!found.contains("qtype") && !found.contains("rtype"), "types are called `type`");
    }
}

#[test]
fn the_reader_of_the_source_reads() {
    assert!(Path::new(&page()).exists());
    let source = "/// A b.\n/// C.\n#[serde(tag = \"kind\")]\npub enum Verdict {\n    /// D.\n    NoData,\n    /// E.\n    Alias {\n        \
                  /// F.\n        #[serde(rename = \"type\", x)]\n        rtype: RecordType,\n    },\n}\n";
    let types = read(source);
    assert_eq!((types.len(), types[0].shape.doc.as_str(), types[0].tag.as_deref()), (1, "A b. C.", Some("kind")));
    assert_eq!(types[0].variants[0].name, "no_data");
    assert_eq!(types[0].variants[1].fields, [("type".to_owned(), "RecordType".to_owned(), "F.".to_owned())]);
}
