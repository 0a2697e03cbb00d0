//! `rootwalk lab`: what it says, what it serves, and that it follows its files.

use std::process::Command;

use super::{dig, lab, rootwalk, soon, text};

#[test]
fn the_lab_says_ready_when_it_answers_and_ends_well_when_told_to() {
    for signal in ["INT", "TERM"] {
        let mut lab = lab(&[]);
        assert_eq!(dig(lab.resolver, "www.example.com"), ("NOERROR".to_owned(), "127.53.80.10".to_owned()));
        lab.process.signal(signal);
        assert_eq!(lab.process.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn the_trust_anchor_is_written_in_the_form_of_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let (records, keys) = (folder.path().join("root.anchor"), folder.path().join("bind.keys"));
    for path in [&records, &keys] {
        drop(lab(&["--trust-anchor-out", path.to_str().unwrap()]));
    }
    let records = std::fs::read_to_string(records).unwrap();
    let lines: Vec<&str> = records.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains(" IN DS ") && lines[1].contains(" IN DNSKEY 257 "), "{records}");
    let keys = std::fs::read_to_string(keys).unwrap();
    assert!(keys.starts_with("trust-anchors {") && keys.contains(". static-ds "), "{keys}");
}

#[test]
fn where_few_files_may_be_open_the_lab_says_how_to_have_more() {
    let lab = [env!("CARGO_BIN_EXE_rootwalk"), "lab", "--authority-port", "0", "--listen", "127.0.0.1:0"];
    let output = Command::new("prlimit").arg("--nofile=64:64").args(lab).output().unwrap();
    let message = text(&output.stderr);
    assert!(
        output.status.code() == Some(1) && message.contains("takes some 300; raise the limit (ulimit -n"),
        "{message}"
    );
}

/// A name that cannot be had is among what it says to try.
#[test]
fn what_it_says_to_fetch_can_be_fetched() {
    let lab = lab(&["--no-web", "--set", "http.listen=127.0.0.1:0"]);
    let said = lab.log();
    let fetch = |line: &str| Command::new("sh").args(["-c", &format!("{line} -sSf")]).output().unwrap();
    let told: Vec<_> = said.lines().filter(|line| line.starts_with("  curl ")).map(fetch).collect();
    assert!(told.len() == 2 && told.iter().all(|output| output.status.success()), "{said}: {told:?}");
    assert!(text(&told[0].stdout).contains("www.dead.lab. A: SERVFAIL\n"), "{}", text(&told[0].stdout));
}

/// Without web origins there is no certificate either, which is news to those alone who want one.
#[test]
fn who_asks_for_tls_and_has_no_certificate_is_told() {
    for (asked, is_told) in
        [(&[][..], false), (&["server.tls_listen=127.0.0.1:0"], true), (&["http.tls_listen=127.0.0.1:0"], true)]
    {
        let sets = asked.iter().flat_map(|set| ["--set", *set]);
        let lab = lab(&[&["--no-web", "--set", "http.listen="][..], &sets.collect::<Vec<_>>()].concat());
        assert_eq!(lab.log().contains("no TLS"), is_told, "{asked:?}: {}", lab.log());
    }
}

#[test]
fn the_lab_lists_itself_and_names_the_mistake_in_a_folder() {
    let list = rootwalk(&["lab", "--list"]);
    assert_eq!(list.status.code(), Some(0));
    assert!(text(&list.stdout).contains("truncated"));
    let folder = tempfile::tempdir().unwrap();
    let wrong = rootwalk(&["lab", "--zones", folder.path().to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("lab.toml"), "{}", text(&wrong.stderr));
    let rootless = "port = 10053\nserver = [{ name = \"a.\", address = \"127.53.0.1\", zones = [] }]\nzone = []\n";
    std::fs::write(folder.path().join("lab.toml"), rootless).unwrap();
    let wrong = rootwalk(&["lab", "--zones", folder.path().to_str().unwrap()]);
    let told = text(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && told.contains("lab.toml: no server has the zone `.`"), "{told}");
}

/// Whoever starts a lab of his own is told of names that are there.
#[test]
fn a_lab_of_ones_own_is_shown_by_its_own_names() {
    let folder = tempfile::tempdir().unwrap();
    let lab_toml = "port = 10053\nzone = [{ name = \".\", file = \"root.zone\" }]\n\
        server = [{ name = \"a.root.\", address = \"127.53.0.1\", zones = [\".\"] }]\n";
    let zone = "$TTL 60\n@ IN SOA a.root. a. 1 1 1 1 1\n@ IN NS a.root.\na.root. IN A 127.53.0.1\n";
    std::fs::write(folder.path().join("lab.toml"), lab_toml).unwrap();
    std::fs::write(folder.path().join("root.zone"), zone).unwrap();
    let path = folder.path().to_str().unwrap();
    let told = lab(&["--zones", path]).log();
    assert!(told.contains(&format!("rootwalk lab --zones {path} --list")) && told.contains(" . SOA +dnssec"), "{told}");
    assert!(!told.contains("example") && !told.contains("www"), "{told}");
    // Every line asks for what there is.
    assert!(told.contains("rootwalk trace . SOA --zones") && told.contains("resolve?name=.&type=SOA'"), "{told}");
    // An address that is not there is nobody else's fault.
    std::fs::write(folder.path().join("lab.toml"), lab_toml.replace("127.53.0.1", "192.0.2.1")).unwrap();
    let nowhere = rootwalk(&["trace", "a.root", "--zones", path]);
    let told = text(&nowhere.stderr);
    assert!(told.contains("192.0.2.1") && told.contains("addresses of this machine"), "{told}");
    assert!(!told.contains("another lab"), "{told}");
    assert!(lab(&[]).log().contains("www.example.com +dnssec"));
}

/// A zone and a server for it are not enough: without a delegation none or only some of its names are found.
#[test]
fn a_zone_to_which_nothing_leads_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    write(
        "lab.toml",
        "port = 10053\nzone = [{ name = \".\", file = \"root.zone\" }, { name = \"home.\", file = \"home.zone\" }]\n\
         server = [{ name = \"a.root.\", address = \"127.53.0.1\", zones = [\".\", \"home.\"] }]\n",
    );
    write("home.zone", "$TTL 60\n@ IN SOA a.root. a. 1 1 1 1 1\n@ IN NS a.root.\n");
    let root = "$TTL 60\n@ IN SOA a.root. a. 1 1 1 1 1\n@ IN NS a.root.\na.root. IN A 127.53.0.1\n";
    for (more, is_told) in [("", true), ("home. IN NS a.root.\n", false)] {
        write("root.zone", &format!("{root}{more}"));
        let traced = rootwalk(&["trace", "home", "SOA", "--zones", folder.path().to_str().unwrap()]);
        let told = "nothing leads to the zone home.: the zone . has no NS record for it";
        assert_eq!(text(&traced.stderr).contains(told), is_told, "{traced:?}");
    }
    assert!(!text(&rootwalk(&["trace", ".", "--lab"]).stderr).contains("nothing leads"));
}

/// Whoever edits a zone of his lab sees the change without a new start, and the keys stay those that they were.
#[test]
fn a_lab_that_was_edited_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let write = |door: &str, fault: &str| {
        let lab_toml = format!(
            "port = 10053\nzone = [{{ name = \".\", file = \"root.zone\", sign = {{}} }}]\n\
             server = [{{ name = \"a.root.\", address = \"127.53.0.1\", zones = [\".\"], faults = [{fault}] }}]\n"
        );
        let zone =
            format!("$TTL 3600\n@ IN SOA a.root. a. 1 1 1 1 1\n@ IN NS a.root.\na.root. IN A 127.53.0.1\n{door}\n");
        std::fs::write(folder.path().join("lab.toml"), lab_toml).unwrap();
        std::fs::write(folder.path().join("root.zone"), zone).unwrap();
    };
    let config = folder.path().join("rootwalk.toml");
    let set = |text: &str| std::fs::write(&config, text).unwrap();
    set("");
    write("door IN A 192.0.2.7", "");
    let lab = lab(&["--zones", folder.path().to_str().unwrap(), "--config", config.to_str().unwrap()]);
    let is = |status: &str, data: &str| {
        let wanted = (status.to_owned(), data.to_owned());
        soon(|| dig(lab.resolver, "door") == wanted)
    };
    let says = |what: &str| soon(|| lab.log().contains(what));
    assert!(is("NOERROR", "192.0.2.7"), "{}", lab.log());
    lab.process.signal("HUP");
    assert!(says("read the configuration again; the cache is kept"), "{}", lab.log());
    write("door IN A 192.0.2.8", "");
    lab.process.signal("HUP");
    assert!(is("NOERROR", "192.0.2.8"), "{}", lab.log());
    // What is wrong is told, and nothing changes.
    write("door IN A 192.0.2", "");
    lab.process.signal("HUP");
    assert!(says("root.zone:5:11: expected IPv4 address") && says("the former configuration"), "{}", lab.log());
    assert!(is("NOERROR", "192.0.2.8"), "{}", lab.log());
    write("door IN A 192.0.2.8", "{ rcode = 'REFUSED' }");
    lab.process.signal("HUP");
    assert!(is("SERVFAIL", ""), "{}", lab.log());
    write("door IN A 192.0.2.8", "");
    lab.process.signal("HUP");
    assert!(is("NOERROR", "192.0.2.8"), "{}", lab.log());
    // Settings that are refused leave the zones as they were, too.
    set("[resolver]\nsource_addresses = [\"192.0.2.77\"]\n");
    write("door IN A 192.0.2.8\nside IN A 192.0.2.9", "");
    lab.process.signal("HUP");
    assert!(says("192.0.2.77"), "{}", lab.log());
    assert_eq!(dig(lab.resolver, "side").0, "NXDOMAIN", "{}", lab.log());
    set("");
    lab.process.signal("HUP");
    let side = ("NOERROR".to_owned(), "192.0.2.9".to_owned());
    assert!(soon(|| dig(lab.resolver, "side") == side), "{}", lab.log());
}

/// Whoever reads the log of a service finds out why a name has no answer without asking again.
#[test]
fn the_line_of_a_walk_that_fails_says_why() {
    let lab = lab(&["--set", "log.level=debug"]);
    assert_eq!(dig(lab.resolver, "www.refused.lab").0, "SERVFAIL");
    let told = || {
        let line = lab.log().lines().find(|line| line.contains("www.refused.lab. A")).map(str::to_owned);
        line.is_some_and(|line| {
            line.contains("why=") && line.contains("ns1.refused.lab. (127.53.3.7) answered REFUSED")
        })
    };
    assert!(soon(told), "{}", lab.log());
}

/// Their table would have to grow while clients wait, and all threads for each processor.
#[test]
fn there_is_room_for_the_files_of_a_busy_resolver_from_the_start() {
    let lab = lab(&[]);
    let of_process = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", lab.process.0.id())).unwrap();
    let number = |text: &str, what: &str| -> u64 {
        let rest = text.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    let limit = number(&of_process("limits"), "Max open files");
    assert!(number(&of_process("status"), "FDSize:") >= limit.min(16_384));
}
