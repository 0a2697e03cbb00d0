//! `docs/config.md`, written from the table of settings.

use std::fmt::Write as _;

use super::lists::LISTS;
use super::read::PREFIX;
use super::section::{Key, Section};
use super::settings::SECTIONS;

const HEAD: &str = "\
# Configuration

<!-- Made from src/config/settings/ by `BLESS=1 cargo test --test config`; edit there. -->

`rootwalk serve` runs without a configuration. A file is TOML and is named with `--config FILE`; a key that does not
exist, or a value that does not fit, is refused with its file, line, column and the nearest valid key.
`rootwalk check FILE` says whether a file is right without starting anything.

What stands in the environment overrides the file, what stands on the command line overrides both: each key can be given
as a variable (`ROOTWALK_SERVER_THREADS=2`) or as a flag (`--set server.threads=2`). There strings have no quotes, and a
list is written with commas (`--set server.allow=127.0.0.0/8,::1`; nothing behind the sign is an empty list) or as in the
file (`--set 'server.allow=[\"127.0.0.0/8\", \"::1\"]'`).
";

/// The reference of all keys, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for section in SECTIONS {
        let _ = write!(page, "\n## [{}]\n\n{}\n", section.name, prose(section.doc));
        for key in section.keys {
            page += &entry(section, key);
        }
    }
    for list in LISTS {
        let _ = writeln!(page, "\n## [[{}]]\n\n{}", list.name, prose(list.doc));
        for field in list.fields {
            let default = field.default.map_or("required".to_owned(), |default| format!("`{default}` by default"));
            let _ = writeln!(page, "\n* `{}` ({default}): {} Takes {}.", field.name, field.doc, (field.expected)());
        }
        let where_else = list.variable.map_or("Only in the file.".to_owned(), |text| format!("Variable: `{text}`."));
        let _ = write!(page, "\n```toml\n{}```\n\n{where_else}\n", list.example);
    }
    page
}

fn entry(section: &Section, key: &Key) -> String {
    let (default, expected) = ((key.default)(), (key.expected)());
    let variable = format!("{PREFIX}{}_{}", section.name, key.name).to_ascii_uppercase();
    let mut text = format!("\n### `{} = {default}`\n\n{}\n", key.name, prose(key.doc));
    for (nth, (word, meaning)) in (key.words)().iter().enumerate() {
        let border = if nth == 0 { "\n" } else { "" };
        let _ = writeln!(text, "{border}* `\"{word}\"`: {}", meaning.trim());
    }
    let _ = writeln!(text, "\nTakes {expected}. Variable: `{variable}`.");
    text
}

fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n")
}
