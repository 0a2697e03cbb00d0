//! What the README, and the beginning of docs/config.md, tell people to write does what it says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;
use std::process::{Command, Output};

/// The fenced blocks of the README whose first line is a comment with the name of a file.
fn files() -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2).filter_map(|block| Some(block.split_once('\n')?.1));
    let named = blocks.filter_map(|text| {
        let name = text.lines().next()?.strip_prefix(['#', ';'])?.trim();
        name.contains('/').then(|| (name.to_owned(), text.to_owned()))
    });
    named.collect()
}

fn rootwalk(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rootwalk")).args(arguments).env_clear().output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_lab_of_your_own_answers() {
    let folder = tempfile::tempdir().unwrap();
    let files = files();
    let mine: Vec<_> = files.iter().filter_map(|(name, text)| Some((name.strip_prefix("my/")?, text))).collect();
    assert_eq!(mine.len(), 3, "{files:?}");
    for (name, text) in mine {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let output =
        rootwalk(&["trace", "door.home", "--zones", folder.path().to_str().unwrap(), "--set", "log.level=error"]);
    let story = text(&output.stdout);
    assert!(story.contains("door.home. 300 IN A 192.0.2.7") && story.contains("over TCP"), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_configuration_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let files = files();
    let (_, written) = files.iter().find(|(name, _)| name == "/etc/rootwalk.toml").unwrap();
    let path = folder.path().join("rootwalk.toml");
    std::fs::write(&path, written).unwrap();
    let output = rootwalk(&["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// What docs/config.md begins with, each file alone and both in one.
#[test]
fn the_configurations_to_start_with_are_right() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md")).unwrap();
    let (head, _) = page.split_once("## Where settings come from").unwrap();
    let blocks = head.split("```toml").skip(1).filter_map(|rest| rest.split_once("```"));
    let mut files: Vec<String> = blocks.map(|(file, _)| file.to_owned()).collect();
    assert_eq!(files.len(), 2);
    files.push(files.concat());
    let folder = tempfile::tempdir().unwrap();
    for file in &files {
        let path = folder.path().join("rootwalk.toml");
        std::fs::write(&path, file).unwrap();
        let output = rootwalk(&["check", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{file}{}", text(&output.stderr));
    }
}

/// A line of a trace without what is another each time: numbers, units, case, and which of several servers was asked.
fn shape(line: &str) -> String {
    let line = line.to_lowercase().replace(" us", " ms").replace(" µs", " ms");
    let line = line.split_once("; one of").map_or(line.as_str(), |(head, _)| head);
    // Who has answered is said when another could have.
    let line = match (line.split_once(" < "), line.split_once("): ")) {
        (Some((head, _)), Some((_, tail))) => &format!("{head} < {tail}"),
        _ => line,
    };
    let words = line.split_whitespace().map(|word| match word.split_once('.') {
        Some(("a" | "b" | "c" | "ns1" | "ns2", zone)) => format!("server.{zone}"),
        _ => word.replace(|letter: char| letter.is_ascii_digit(), "").trim_matches('.').to_owned(),
    });
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_trace_that_is_shown_is_one_that_is_printed() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, shown) = readme.split_once("$ rootwalk trace www.example.com --lab\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let printed = rootwalk(&["trace", "www.example.com", "--lab"]);
    let printed: Vec<String> = text(&printed.stdout).lines().map(shape).collect();
    let missing: Vec<&str> = shown.lines().filter(|line| !printed.contains(&shape(line))).collect();
    assert!(missing.is_empty(), "{missing:#?} in {printed:#?}");
}
