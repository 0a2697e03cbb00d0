//! The program as it is typed: what it prints where, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

mod lab;
mod log;
mod misuse;
mod reload;
#[path = "../common/running.rs"]
mod running;

use running::{Process, Running};

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

/// What is checked is what `serve` would run.
#[test]
fn check_takes_the_environment_as_serve_does_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "[cache]\nmin_ttl_secs = 60\n");
    let check = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["check", &path]).env_clear().envs(variables.iter().copied()).output().unwrap()
    };
    let others = [("ROOTWALK_SERVICE_HOST", "10.0.0.1"), ("PATH", "/bin")];
    assert_eq!(text(&check(&others).stdout), format!("{path}: this configuration is right\n"));
    let ours = [("ROOTWALK_SERVER_THREADS", "2"), ("ROOTWALK_ROOT_HINT", "a.root.=192.0.2.1")];
    let right = check(&[&others[..], &ours].concat());
    let told = "with ROOTWALK_ROOT_HINT and ROOTWALK_SERVER_THREADS from the environment";
    assert_eq!(text(&right.stdout), format!("{path}: this configuration is right\n{told}\n"), "{right:?}");
    for (variable, said) in [
        (("ROOTWALK_SERVER_THREADS", "two"), "ROOTWALK_SERVER_THREADS"),
        (("ROOTWALK_CACHE_MAX_TTL_SECS", "30"), "cache.min_ttl_secs"),
    ] {
        let wrong = check(&[variable]);
        assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
        assert!(text(&wrong.stderr).contains(said), "{wrong:?}");
    }
}

#[test]
fn servers_are_asked_from_addresses_of_this_machine_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, flag) = (folder.path().join("rootwalk.toml"), "resolver.source_addresses=127.0.0.1,192.0.2.1");
    std::fs::write(&path, "[resolver]\nsource_addresses = [\"192.0.2.1\"]\n").unwrap();
    for (arguments, code) in [
        (&["check", path.to_str().unwrap()][..], 2),
        (&["trace", "example.com", "--lab", "--set", flag], 1),
        (&["fetch", "http://example.com/", "--set", flag], 1),
        (&["serve", "--listen", "127.0.0.1:0", "--set", flag], 1),
    ] {
        let output = rootwalk(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let message = text(&output.stderr);
        assert!(message.contains("192.0.2.1 (resolver.source_addresses)"), "{arguments:?}: {message}");
    }
    // The servers of the lab answer on any address of this machine.
    let told = rootwalk(&["trace", "www.example.com", "--lab", "--set", "resolver.source_addresses=127.0.0.9"]);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stdout));
}

/// A hosts file is read by `serve` alone, but what is wrong with it is nobody's secret.
#[test]
fn check_names_what_a_hosts_file_has_in_vain() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "192.0.2.1 a.lan\n||ads.example^\n").unwrap();
    let output = rootwalk(&["check", &file(folder.path(), &format!("[local]\nhosts = {hosts:?}\n"))]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("hosts: line 2: `||ads.example^` is no address"), "{output:?}");
}

/// A lab on free ports.
fn lab(more: &[&str]) -> Running {
    Running::start(&[&["--authority-port", "0"], more].concat())
}

impl Process {
    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

#[test]
fn the_service_manager_hears_that_it_answers_and_that_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = || {
        let mut room = [0; 256];
        let len = manager.recv(&mut room).unwrap();
        text(&room[..len]).lines().next().unwrap().to_owned()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--set", "http.listen="]).env_clear();
    let spawned = command.env("NOTIFY_SOCKET", &path).stderr(Stdio::piped()).spawn();
    let mut serve = Process(spawned.unwrap());
    assert_eq!(told(), "READY=1");
    let log = BufReader::new(serve.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let before: Vec<String> = log.take_while(|line| !line.ends_with(" ready")).collect();
    let address = before.iter().find_map(|line| Some(line.split_once("listening on ")?.1.split_once(',')?.0));
    // A special name, which needs no server.
    assert_eq!(dig(address.unwrap().parse().unwrap(), "localhost"), ("NOERROR".to_owned(), "127.0.0.1".to_owned()));
    serve.signal("TERM");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(serve.0.wait().unwrap().code(), Some(0));
}

#[test]
fn the_journal_knows_the_time_of_each_line_itself() {
    for is_journal in [true, false] {
        let (reader, writer) = UnixStream::pair().unwrap();
        let stream = std::fs::metadata(format!("/proc/self/fd/{}", writer.as_raw_fd())).unwrap();
        // As the service manager names the stream that the journal reads.
        let named = if is_journal { format!("{}:{}", stream.dev(), stream.ino()) } else { "1:2".to_owned() };
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--set", "http.listen="]).env_clear();
        let spawned = command.env("JOURNAL_STREAM", named).stderr(OwnedFd::from(writer)).spawn();
        let _serve = Process(spawned.unwrap());
        let line = BufReader::new(reader).lines().map_while(Result::ok).find(|line| line.contains("listening on "));
        assert_eq!(line.unwrap().trim_start().starts_with("INFO "), is_journal);
    }
}

/// Whether something holds before long.
fn soon(holds: impl Fn() -> bool) -> bool {
    (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        holds()
    })
}

/// What `dig` prints of a name.
fn dug(server: SocketAddr, name: &str, more: &[&str]) -> String {
    let (at, port) = (format!("@{}", server.ip()), server.port().to_string());
    let output = Command::new("dig").args([&at, "-p", &port, name, "+tries=1"]).args(more).output().unwrap();
    text(&output.stdout).to_owned()
}

/// The status, and the data of the first answer.
fn dig(server: SocketAddr, name: &str) -> (String, String) {
    let text = dug(server, name, &[]);
    let status = text.split_once("status: ").and_then(|(_, rest)| rest.split_once(',')).unwrap().0;
    let data = text.split_once("ANSWER SECTION:\n").and_then(|(_, rest)| rest.lines().next()?.split('\t').next_back());
    (status.to_owned(), data.unwrap_or_default().to_owned())
}

#[test]
fn a_hangup_has_the_configuration_read_again_and_the_cache_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (path, hosts) = (folder.path().join("rootwalk.toml"), folder.path().join("hosts"));
    let write = |more: &str, nas: &str| {
        std::fs::write(&hosts, format!("{nas} nas.lan\n")).unwrap();
        std::fs::write(&path, format!("[local]\nhosts = {hosts:?}\n{more}")).unwrap();
    };
    write("", "192.0.2.7");
    let lab = lab(&["--config", path.to_str().unwrap()]);
    let until = |word: &str| {
        assert!(soon(|| lab.log().contains(word)), "not {word}: {}", lab.log());
        lab.log().lines().rfind(|line| line.contains(word)).unwrap().to_owned()
    };
    // The workers take the word when they come to it.
    let is = |name: &str, status: &str, data: &str| {
        let wanted = (status.to_owned(), data.to_owned());
        assert!(soon(|| dig(lab.resolver, name) == wanted), "{name} is not {wanted:?}: {}", lab.log());
    };
    is("nas.lan", "NOERROR", "192.0.2.7");
    is("www.example.com", "NOERROR", "127.53.80.10");
    is("mail.example.com", "NOERROR", "127.53.80.11");
    // What is known is blocked as well; what is changed in vain is told.
    write(
        "blocked = [\"www.example.com\"]\n[cache]\nsize = \"1 MiB\"\n[[balance]]\nhost = \"x.\"\npolicy = \"least_time\"\n",
        "192.0.2.8",
    );
    lab.process.signal("HUP");
    assert!(until("next start").ends_with("cache.size, [[balance]]"));
    until("read the configuration again");
    is("nas.lan", "NOERROR", "192.0.2.8");
    is("www.example.com", "NXDOMAIN", "");
    is("mail.example.com", "NOERROR", "127.53.80.11");
    // What is wrong is told, and nothing changes.
    write("bloked = []\n", "192.0.2.9");
    lab.process.signal("HUP");
    assert!(until("rootwalk.toml:3:1").contains("did you mean `blocked`?"));
    until("the former configuration");
    is("nas.lan", "NOERROR", "192.0.2.8");
    is("www.example.com", "NXDOMAIN", "");
}

/// A reload has the rules of validation count at once, and not when the last has ended of what was proved, or not, by
/// the former.
#[test]
fn a_hangup_has_everything_proved_by_the_new_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rootwalk.toml");
    let write = |bits: u16| std::fs::write(&path, format!("[dnssec]\nrsa_min_bits = {bits}\n")).unwrap();
    write(1024);
    let lab = lab(&["--config", path.to_str().unwrap()]);
    let is_proved = || dug(lab.resolver, "www.shop.example.com", &[]).contains(";; flags: qr rd ra ad;");
    assert!(is_proved(), "{}", lab.log());
    for (bits, proved) in [(4096, false), (1024, true)] {
        write(bits);
        lab.process.signal("HUP");
        assert!(soon(|| is_proved() == proved), "{bits}: {}", lab.log());
    }
}

/// A lab whose calendar is off by what stands in the file `clock`.
fn lab_by(clock: &Path, more: &[&str]) -> Running {
    let library = Command::new("sh").args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"]).output().unwrap();
    assert!(library.status.success(), "there is no libfaketime (Debian package faketime); ./test installs it");
    let variables = [
        ("LD_PRELOAD", text(&library.stdout).trim()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    Running::start_in(&[&["--authority-port", "0"], more].concat(), &variables)
}

/// A negative trust anchor is for a day, however long that the calendar has jumped over: the machine that has found
/// the time of day in the network would have it no more.
#[test]
fn a_clock_that_is_set_ends_no_negative_trust_anchor() {
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    std::fs::write(&clock, "-30d").unwrap();
    let nothing_looks = "--set=dnssec.negative_trust_anchor_look_secs=0";
    let lab = lab_by(&clock, &["--set=dnssec.negative_trust_anchors=example.com.", nothing_looks]);
    let is_off = |name: &str| dug(lab.resolver, name, &[]).contains("EDE: 33:");
    assert!(is_off("www.example.com"), "{}", dug(lab.resolver, "www.example.com", &[]));
    std::fs::write(&clock, "+0d").unwrap();
    // The lab's signatures have ended by now, for whoever looks at them.
    assert_eq!(dig(lab.resolver, "www.example.org").0, "SERVFAIL");
    assert!(is_off("mail.example.com"), "{}", dug(lab.resolver, "mail.example.com", &[]));
}

/// Signatures (RFC 4034 §3.1.5) and cookies (RFC 9018 §4.3) are dated by the calendar as it is, also when it was set
/// while the program ran, as a machine without a battery does once it has found the network.
#[test]
fn a_clock_that_is_set_counts_at_once() {
    const DAYS: u32 = 20;
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    std::fs::write(&clock, "+0d").unwrap();
    let lab = lab_by(&clock, &[]);
    // What dig shows, and the moment in the server's cookie: behind that of the client, the version and three zeros.
    let ask = |name: &str| {
        let shown = dug(lab.resolver, name, &["+cookie"]);
        let cookie = shown.split_once("; COOKIE: ").unwrap().1;
        let made_secs = u32::from_str_radix(&cookie[24..32], 16).unwrap();
        (shown, made_secs)
    };
    let (before, then) = ask("www.example.com");
    assert!(before.contains(";; flags: qr rd ra ad;"), "{before}");
    std::fs::write(&clock, format!("+{DAYS}d")).unwrap();
    let (after, now) = ask("mail.example.com");
    assert!(after.contains("status: SERVFAIL") && after.contains("EDE: 7 (Signature Expired)"), "{after}");
    assert!(now - then >= DAYS * 86_400 && now - then < (DAYS + 1) * 86_400, "{then} {now}");
}

/// TTLs go on while a machine is suspended, and the monotonic clock of the system does not (clock_gettime(2)): what was
/// known in the evening is not served as new in the morning.
#[test]
fn what_is_known_grows_old_while_the_machine_sleeps() {
    const SHIM: &str = "#define _GNU_SOURCE\n\
        #include <stdlib.h>\n#include <sys/syscall.h>\n#include <time.h>\n#include <unistd.h>\n\
        int clock_gettime(clockid_t clock, struct timespec *since) {\n\
            long failed = syscall(SYS_clock_gettime, clock, since);\n\
            if (clock == CLOCK_BOOTTIME && access(getenv(\"SLEPT\"), F_OK) == 0) since->tv_sec += 7200;\n\
            return (int)failed;\n}\n";
    let folder = tempfile::tempdir().unwrap();
    let [slept, source, shim] = ["slept", "shim.c", "shim.so"].map(|name| folder.path().join(name));
    std::fs::write(&source, SHIM).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).status();
    assert!(compiled.unwrap().success());
    let lab = Running::start_in(
        &["--authority-port", "0", "--set", "server.threads=1"],
        &[("LD_PRELOAD", shim.to_str().unwrap()), ("SLEPT", slept.to_str().unwrap())],
    );
    let ttl_secs = || {
        let shown = dug(lab.resolver, "www.example.com", &["+noall", "+answer"]);
        shown.split_whitespace().nth(1).unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(ttl_secs(), 300);
    assert!(soon(|| ttl_secs() < 300), "{}", lab.log());
    // Whence the connection comes over which a server is asked that says nothing over UDP: idle, it is soon closed.
    let seen = |name: &str| {
        assert_eq!(dig(lab.resolver, name).0, "NXDOMAIN");
        let all = Command::new("ss").args(["-tnpH", "state", "established", "dst", "127.53.3.13"]).output().unwrap();
        let ours = format!("pid={},", lab.process.0.id());
        text(&all.stdout).lines().find(|line| line.contains(&ours))?.split_whitespace().nth(2).map(str::to_owned)
    };
    let connection = |name| (0..20).find_map(|nth| seen(&format!("x{nth}.{name}"))).expect("a connection");
    let kept = connection("one.truncated.lab");
    std::fs::write(&slept, "").unwrap();
    assert_eq!(ttl_secs(), 300, "it is asked for again");
    // Servers close what is idle for some seconds, and whoever stands between forgets it (RFC 7766 §6.2.3).
    assert_ne!(connection("two.truncated.lab"), kept);
}

/// What the program does although nobody asks is done by its main thread: trust anchors that follow their zones,
/// negative ones that lift themselves, the word to the root.
#[test]
fn what_nobody_asks_for_is_done_by_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchors");
    let anchors = format!("dnssec.anchor_file={}", file.display());
    let lab = lab(&[
        "--set",
        &anchors,
        "--set=dnssec.key_tag_signal=true",
        "--set=dnssec.negative_trust_anchors=example.com.",
        "--set=dnssec.negative_trust_anchor_look_secs=1",
    ]);
    let done = || file.exists() && lab.log().contains("example.com. validates again");
    assert!(soon(done), "{}", lab.log());
    assert_eq!(dig(lab.resolver, "www.example.com").0, "NOERROR");
    // What cannot be written is known at once, and not when the first key has changed.
    let nowhere = self::lab(&["--set=dnssec.anchor_file=/nowhere/anchors"]);
    assert!(nowhere.log().contains("/nowhere/anchors: No such file or directory"), "{}", nowhere.log());
    // And it is said once, although it was tried again when the keys had come.
    assert!(soon(|| nowhere.log().contains(" is a trust anchor (RFC 5011)")), "{}", nowhere.log());
    assert_eq!(dig(nowhere.resolver, "www.example.com").0, "NOERROR");
    assert_eq!(nowhere.log().matches("/nowhere/anchors").count(), 1, "{}", nowhere.log());
}

/// What runs in a terminal ends with it, as if it were told to.
#[test]
fn a_terminal_that_is_closed_takes_the_program_along() {
    const SCRIPT: &str = "import os, pty, sys\n\
        pid, terminal = pty.fork()\n\
        if pid == 0: os.execv(sys.argv[1], sys.argv[1:])\n\
        seen = b''\n\
        while b' ready' not in seen: seen += os.read(terminal, 1000)\n\
        os.close(terminal)\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n";
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT, env!("CARGO_BIN_EXE_rootwalk"), "serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(python.args(["--set", "http.listen="]).env_clear().status().unwrap().code(), Some(0));
}

#[test]
fn a_query_in_hand_is_finished_before_the_end() {
    let mut lab = lab(&[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // Its server takes 400 ms for each reply.
    let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x04slow\x03lab\x00\x00\x01\x00\x01";
    socket.send_to(query, lab.resolver).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    lab.process.signal("TERM");
    let mut answer = [0; 512];
    let len = socket.recv(&mut answer).unwrap();
    assert_eq!((answer[3] & 15, &answer[6..8]), (0, &[0, 1][..]), "{:?}", &answer[..len]);
    assert_eq!(lab.process.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_port_in_use_is_one_line_that_names_it_and_the_flag() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [&["lab", "--authority-port", "0", "--listen", &address][..], &["serve", "--listen", &address]] {
        let output = rootwalk(arguments);
        assert_eq!(output.status.code(), Some(1));
        let message = text(&output.stderr);
        assert!(
            message.contains(&address) && message.contains("--listen") && message.lines().count() == 1,
            "{message}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_trace_tells_the_walk_and_its_json_has_the_schema() {
    let told = rootwalk(&["trace", "www.example.com", "--lab"]);
    assert_eq!(told.status.code(), Some(0));
    let story = text(&told.stdout);
    assert!(story.contains("127.53.0.") && story.contains("127.53.1.") && story.contains("127.53.2."), "{story}");
    assert!(!story.contains('\u{1b}'), "colours are for terminals");
    assert!(story.is_ascii(), "no locale, no µ: {story}");
    let json = rootwalk(&["trace", "www.example.com", "AAAA", "--lab", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["schema"], "rootwalk.trace/1");
    assert_eq!(rootwalk(&["trace", "www.example.com", "NOTYPE", "--lab"]).status.code(), Some(2));
    let address = rootwalk(&["trace", "127.53.80.10", "--lab"]);
    assert!(text(&address.stdout).contains("10.80.53.127.in-addr.arpa. PTR: NOERROR"), "{}", text(&address.stdout));
    let url = rootwalk(&["trace", "http://www.example.com/", "--lab"]);
    assert!(url.status.code() == Some(2) && text(&url.stderr).contains("rootwalk fetch"), "{}", text(&url.stderr));
    let failed = rootwalk(&["trace", "www.refused.lab", "--lab"]);
    assert_eq!(failed.status.code(), Some(1));
}

#[test]
fn a_trace_of_a_special_name_asks_nobody() {
    let told = rootwalk(&["trace", "localhost"]);
    assert_eq!(told.status.code(), Some(0));
    let story = text(&told.stdout);
    assert!(story.contains("IN A 127.0.0.1") && story.contains("RFC 6761") && story.contains("0 queries"), "{story}");
    assert_eq!(rootwalk(&["trace", "example.com", "AXFR", "--lab"]).status.code(), Some(1));
}

/// As behind `head`, which reads a little and goes.
#[test]
fn a_reader_that_goes_is_no_failure() {
    for arguments in [&["lab", "--list"][..], &["trace", "localhost"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        let mut child =
            command.args(arguments).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{arguments:?}");
    }
    // Nor is one that goes before a complaint.
    let (reader, nobody) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    assert_eq!(command.args(["check", "/nowhere"]).env_clear().stderr(nobody).status().unwrap().code(), Some(2));
}

#[test]
fn what_is_made_here_stands_around_what_servers_say() {
    let told = |name: &str, qtype: &str, setting: &str| {
        let output = rootwalk(&["trace", name, qtype, "--lab", "--set", setting]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    // An alias of the operator leads into the lab; a name that has records here asks nobody.
    let records = "local.records=web.lan CNAME www.example.com,nas.lan 60 A 192.0.2.7";
    let alias = told("web.lan", "A", records);
    assert!(alias.contains("web.lan. 3600 IN CNAME www.example.com."), "{alias}");
    assert!(alias.contains("www.example.com. 300 IN A 127.53.80."), "{alias}");
    assert!(alias.contains("web.lan. leads to www.example.com."), "{alias}");
    let local = told("nas.lan", "A", records);
    assert!(local.contains("nas.lan. 60 IN A 192.0.2.7") && local.contains(" 0 queries"), "{local}");
    // Two walks, one story: the second has asks and goals of its own, and knows what the first has learned.
    let made = told("mail.example.com", "AAAA", "dns64.prefix=2001:db8:64::/96");
    assert!(made.contains("mail.example.com. 300 IN AAAA 2001:db8:64::7f35:"), "{made}");
    assert!(made.contains("29 (Synthesized)") && made.contains("resolve mail.example.com. A\n"), "{made}");
    assert_eq!(made.matches("ask the root for its own servers").count(), 1, "{made}");
    let kept = told("www.example.com", "AAAA", "dns64.prefix=2001:db8:64::/96");
    assert!(!kept.contains("2001:db8:64:"), "a name with an AAAA record keeps it: {kept}");
}
