//! What is typed wrongly, and files that are named and no good.

use std::process::Command;

use super::{file, lab, rootwalk, soon, text};

/// Else `@192.0.2.1` would be a name, and the question an honest NXDOMAIN.
#[test]
fn who_types_as_for_dig_is_told_what_a_trace_is() {
    for arguments in [&["@192.0.2.1"][..], &["@192.0.2.1", "example.com"], &["example.com", "+dnssec"]] {
        let output = rootwalk(&[&["trace", "--lab"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("a trace asks the servers of the zones itself"), "{output:?}");
    }
}

#[test]
fn misuse_ends_with_2_and_help_with_0() {
    assert_eq!(rootwalk(&["chekc"]).status.code(), Some(2));
    assert_eq!(rootwalk(&["check"]).status.code(), Some(2));
    for command in ["serve", "lab"] {
        let bare = rootwalk(&[command, "/etc/rootwalk.toml"]);
        assert!(bare.status.code() == Some(2) && text(&bare.stderr).contains("with '--config FILE'"), "{bare:?}");
        let portless = rootwalk(&[command, "--listen", "127.0.0.1"]);
        assert!(
            portless.status.code() == Some(2) && text(&portless.stderr).contains("such as 127.0.0.1:53"),
            "{portless:?}"
        );
    }
    assert_eq!(rootwalk(&["check", "/nonexistent.toml"]).status.code(), Some(2));
    for command in ["trace", "flush"] {
        let output = rootwalk(&[command, "https:/example.com/"]);
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains("this is a URL"), "{output:?}");
    }
    let help = rootwalk(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Exit codes:"));
    assert!(!text(&help.stdout).contains('\u{1b}'), "colours are for terminals");
    // An installed program has no folder with documents beside it.
    assert!(text(&rootwalk(&["keys"]).stdout) == include_str!("../../docs/config.md"), "not the page in docs/");
}

/// The unit for systemd has a service that ends with 2 not started again. One that cannot read its certificate is: that
/// may be about to be renewed.
#[test]
fn a_file_that_is_named_and_no_good_is_misuse_wherever_it_is_named() {
    let listen = ["--listen", "127.0.0.1:0", "--set", "http.listen="];
    let tls = |files: [&'static str; 2]| {
        [&["serve"], &listen[..], &["--set", "server.tls_listen=127.0.0.1:0", "--set", files[0], "--set", files[1]]]
            .concat()
    };
    for (code, arguments) in [
        (2, vec!["fetch", "--lab", "--ca", "/nowhere", "http://www.example.com/"]),
        (2, vec!["fetch", "--lab", "--ca", "/proc/version", "http://www.example.com/"]),
        (2, vec!["serve", "--set", "fetch.ca=/nowhere", "--set", "http.listen=127.0.0.1:0", listen[0], listen[1]]),
        (2, tls(["tls.key=/proc/version", "tls.certificate=/proc/version"])),
        (1, tls(["tls.key=/nowhere", "tls.certificate=/nowhere"])),
    ] {
        let output = rootwalk(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}

/// However few they are: the runtime would panic for want of some of its own.
#[test]
fn who_may_open_few_files_is_told_so() {
    let program = env!("CARGO_BIN_EXE_rootwalk");
    for files in 5..24 {
        let serve = format!("exec {program} serve --listen 127.0.0.1:0 --set http.listen= --set server.threads=8");
        let output = Command::new("sh").args(["-c", &format!("ulimit -n {files}; {serve}")]).output().unwrap();
        let told = text(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains("raise the limit (ulimit -n"), "{files}: {output:?}");
    }
}

/// As the service manager does it: one command after the other, until one fails.
#[test]
fn who_reloads_the_unit_is_told_of_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "");
    let lab = lab(&["--config", &path]);
    let pid = lab.process.0.id().to_string();
    let commands = include_str!("../../docs/rootwalk.service").lines().filter_map(|line| {
        let command = line
            .strip_prefix("ExecReload=")?
            .trim_start_matches('+')
            .replace("/usr/local/bin/rootwalk", env!("CARGO_BIN_EXE_rootwalk"));
        Some(command.replace("/etc/rootwalk.toml", &path).replace("$MAINPID", &pid))
    });
    let commands: Vec<String> = commands.collect();
    let is_done = |command: &String| Command::new("sh").args(["-c", command]).status().unwrap().success();
    file(folder.path(), "[server]\nlisen = []\n");
    assert!(!commands.iter().all(is_done), "{commands:?}");
    file(folder.path(), "[server]\nidentity = \"new\"\n");
    assert!(commands.iter().all(is_done), "{commands:?}");
    assert!(soon(|| lab.log().contains("read the configuration again")), "{}", lab.log());
    assert!(!lab.log().contains("the former configuration"), "{}", lab.log());
}
