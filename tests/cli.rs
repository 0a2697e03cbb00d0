//! The program as it is typed: what it prints where, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;
use std::process::{Command, Output};

fn rootwalk(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(arguments).env_clear().output().unwrap()
}

fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("rootwalk.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn check_accepts_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let output = rootwalk(&["check", &file(folder.path(), "[server]\nthreads = 1\n")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("is right"));
    assert!(output.stderr.is_empty());
}

#[test]
fn check_names_every_mistake_on_standard_error_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "[server]\nlisen = []\n[log]\nlevel = \"\u{9b}31mloud\"\n");
    let output = rootwalk(&["check", &path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(lines[0], format!("{path}:2:1: unknown key `lisen` in [server]; did you mean `listen`?"));
    assert!(lines[1].starts_with(&format!("{path}:4:")), "{lines:?}");
    assert!(!text(&output.stderr).contains('\u{9b}'), "what a file says must not steer the terminal");
}

#[test]
fn misuse_ends_with_2_and_help_with_0() {
    assert_eq!(rootwalk(&["chekc"]).status.code(), Some(2));
    assert_eq!(rootwalk(&["check"]).status.code(), Some(2));
    assert_eq!(rootwalk(&["check", "/nonexistent.toml"]).status.code(), Some(2));
    let help = rootwalk(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Exit codes:"));
    assert!(!text(&help.stdout).contains('\u{1b}'), "colours are for terminals");
}
