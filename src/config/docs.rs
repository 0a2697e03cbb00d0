//! `docs/config.md`, written from the table of settings.

use std::fmt::Write as _;

use super::read::{HINTS, PREFIX, ROOT_HINT};
use super::section::{Key, Section};
use super::settings::{LISTS, SECTIONS};

const HEAD: &str = "\
# Configuration

## Start here

This machine alone: no file is needed. `rootwalk serve` answers on 127.0.0.1:53 and [::1]:53, and asks from the root on.
A small network: where to listen besides, and who may ask; everybody else is refused.

```toml
[server]
listen = [\"127.0.0.1:53\", \"192.0.2.53:53\"]
allow = [\"127.0.0.0/8\", \"192.0.2.0/24\"]
```

Another resolver in place of the root servers, for either of them. Answers are proved all the same (DNSSEC), so it has
to pass signatures on; to trust it blindly add `validate = false` below a line `[dnssec]`.

```toml
[[forward]]
zone = \".\"
servers = [\"192.0.2.1\"]
```

## Where settings come from

`rootwalk serve` runs without a configuration. A file is TOML and is named with `--config FILE`; a key that does not
exist, or a value that does not fit, is refused with its file, line, column and what may have been meant.
`rootwalk check FILE` says whether a file is right, with the variables of the environment that it is run in, without
starting anything; `rootwalk keys` prints this page.

What stands in the environment overrides the file, what stands on the command line overrides both: each key can be given
as a variable (`ROOTWALK_SERVER_THREADS=2`) or as a flag (`--set server.threads=2`). There strings have no quotes, and a
list is written with commas (`--set server.allow=127.0.0.0/8,::1`; nothing behind the sign is an empty list) or as in
the file (`--set 'server.allow=[\"127.0.0.0/8\", \"::1\"]'`). Variables such as `ROOTWALK_SERVICE_HOST`, which container
platforms set by themselves, are left alone.

A SIGHUP (`systemctl reload`) has all of it read again, with every file that it names, without losing the cache. When
something is wrong the log says what, and the former configuration counts; `systemctl reload` fails then, as the unit in
`docs/rootwalk.service` checks the file first. These wait for the next start, as the log says when they change: where
and how clients are met (`server.listen`, `threads`, `waiting*`, `tcp_*` and `discard_after_ms`; `[http]`, `[proxy]`,
`[fetch]`, `[[balance]]`), the size and the TTLs of the cache, and `[log]`.
Records that are in the cache stay as they were found and judged, until their time is over; but it is empty after
`dnssec.validate` was switched off beside a `[[forward]]`, which passed on what was to be judged here. Negative trust
anchors that have lifted themselves are there again, unless what was read is refused.
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
            let default = (field.default)().map_or("required".to_owned(), |default| format!("`{default}` by default"));
            let text = format!("* `{}` ({default}): {} Takes {}.", field.name, field.doc.join(" "), (field.expected)());
            let _ = writeln!(page, "\n{}", filled(&text, "  "));
        }
        let where_else = match list.name {
            ROOT_HINT => format!("Variable: `{PREFIX}ROOT_HINT={HINTS}`."),
            _ => "Only in the file.".to_owned(),
        };
        let _ = write!(page, "\n```toml\n{}```\n\n{where_else}\n", list.example);
    }
    page
}

fn entry(section: &Section, key: &Key) -> String {
    let (default, expected) = ((key.default)(), (key.expected)());
    let variable = format!("{PREFIX}{}_{}", section.name, key.name).to_ascii_uppercase();
    let mut text = format!("\n### `{} = {default}`\n\n{}\n", key.name, prose(key.doc));
    for (nth, (word, meaning)) in (key.words)().into_iter().enumerate() {
        let border = if nth == 0 { "\n" } else { "" };
        let _ = writeln!(text, "{border}{}", filled(&format!("* `\"{word}\"`: {meaning}"), "  "));
    }
    let _ = writeln!(text, "\n{}", filled(&format!("Takes {expected}. Variable:{UNBROKEN}`{variable}`."), ""));
    text
}

fn prose(lines: &[&str]) -> String {
    filled(&lines.join(" "), "")
}

/// Columns of the page.
const WIDTH: usize = 120;
/// A space at which no line ends.
const UNBROKEN: char = '\u{a0}';

/// Text in lines that fit the page, each but the first after `indent`. What stands in backticks is not broken.
fn filled(text: &str, indent: &str) -> String {
    let (mut out, mut column, mut in_code) = (String::new(), 0, false);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        match column {
            0 => {}
            _ if !in_code && column + 1 + width > WIDTH => {
                out = out + "\n" + indent;
                column = indent.len();
            }
            _ => {
                out.push(' ');
                column += 1;
            }
        }
        out += word;
        column += width;
        in_code ^= word.matches('`').count() % 2 == 1;
    }
    out.replace(UNBROKEN, " ")
}
