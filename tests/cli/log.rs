//! The log, and whoever reads it or does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Process, dig, lab, soon};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Octets that wait for a reader: here, and in the pipe.
const ROOM: usize = (1 << 20) + (1 << 16);

/// A terminal that was stopped, or a supervisor that hangs: nobody who asks waits for it, nor does the end.
#[test]
fn who_does_not_read_the_log_keeps_nobody_waiting() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["lab", "--listen", "127.0.0.1:0", "--authority-port", "0", "--no-web", "--set", "log.level=trace"]);
    let piped = command.env_clear().stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut lab = Process(piped.unwrap());
    let mut log = BufReader::new(lab.0.stderr.take().unwrap());
    let resolver = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it has ended");
        if let Some((_, address)) = line.split_once("The resolver listens on ") {
            break address.split_once(". Try:").unwrap().0.to_owned();
        }
    };
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(&resolver).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let ask = |nth: u32| {
        let query = format!("\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x06n{nth:05}\x07example\x03net\0\0\x01\0\x01");
        let mut answer = [0; 512];
        client.send(query.as_bytes()).unwrap();
        client.recv(&mut answer).map(|_| answer[3] & 15)
    };
    // Each is a walk with steps of more than a kibibyte together.
    let walks = u32::try_from(ROOM / 1024).unwrap();
    for nth in 0..walks {
        assert_eq!(ask(nth).unwrap(), 3, "{nth}");
    }
    // He who reads again is told what he has missed.
    let reader = std::thread::spawn(move || {
        let mut all = String::new();
        log.read_to_string(&mut all).map(|_| all)
    });
    assert!(soon(|| ask(walks).is_ok()));
    lab.signal("TERM");
    assert_eq!(lab.0.wait().unwrap().code(), Some(0));
    let log = reader.join().unwrap().unwrap();
    assert!(log.contains(" lines are missing here"), "{}", log.len());
    assert!(log.len() < 2 * ROOM, "{}", log.len());
}

/// A line for each frame of HTTP/2, or for each socket that is watched, would hide what was asked for.
#[test]
fn the_log_is_ours_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--set", "http.listen=127.0.0.1:0", "--set", "log.level=trace"]);
    command.args(["--set", "log.format=json"]).env_clear();
    let spawned = command.stdout(Stdio::null()).stderr(std::fs::File::create(&path).unwrap()).spawn();
    let mut serve = Process(spawned.unwrap());
    let log = || std::fs::read_to_string(&path).unwrap();
    assert!(soon(|| log().contains("\"ready\"")), "{}", log());
    let log_now = log();
    let (_, http) = log_now.split_once("http://").unwrap();
    let url = format!("http://{}/live", http.split_once('/').unwrap().0);
    let asked = Command::new("curl").args(["-sS", "--http2-prior-knowledge", "-o", "/dev/null", &url]).status();
    assert!(asked.unwrap().success());
    serve.signal("TERM");
    serve.0.wait().unwrap();
    let log = log();
    let foreign: Vec<&str> = log.lines().filter(|line| line.contains("frame") || line.contains("poll")).collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(log.contains("\"stopped\""), "{log}");
}

/// What has ended is named: a bare NOERROR would be that of the question.
#[test]
fn each_step_in_the_log_is_the_sentence_of_the_trace() {
    let lab = lab(&["--set", "log.level=trace"]);
    assert_eq!(dig(lab.resolver, "www.example.com").0, "NOERROR");
    assert!(soon(|| lab.log().contains("TRACE com. DNSKEY: NOERROR question=www.example.com. A")), "{}", lab.log());
    assert!(lab.log().contains("TRACE the list of root servers: NOERROR "), "{}", lab.log());
    assert!(!lab.log().contains("TRACE NOERROR "), "{}", lab.log());
}

/// A stream that takes nothing more until its other end, which comes first, is read.
fn stuck() -> (UnixStream, OwnedFd) {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    while writer.write(&[b'.'; 1024]).is_ok() {}
    writer.set_nonblocking(false).unwrap();
    (reader, writer.into())
}

/// The servers of a lab are on the thread that greets its user.
#[test]
fn who_does_not_read_the_welcome_stops_no_lab() {
    let lab = |out: OwnedFd, err: OwnedFd| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["lab", "--listen", "127.0.0.1:0", "--authority-port", "0", "--no-web"]).env_clear();
        Process(command.stdout(out).stderr(err).spawn().unwrap())
    };
    let open = || {
        let (reader, writer) = UnixStream::pair().unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        (BufReader::new(reader), OwnedFd::from(writer))
    };
    let ((_unread, err), (mut out, writer)) = (stuck(), open());
    let _greets = lab(writer, err);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let ((_unread, out), (err, writer)) = (stuck(), open());
    let _ready = lab(out, writer);
    let welcome = err.lines().map_while(Result::ok).find(|line| line.contains("The resolver listens on "));
    let resolver = welcome.unwrap().split_once("listens on ").unwrap().1.split_once(". Try:").unwrap().0.to_owned();
    assert_eq!(dig(resolver.parse().unwrap(), "www.example.com").0, "NOERROR");
}

/// The one forwarder is there and says nothing: clients are told, and so is whoever reads the log, once.
#[test]
fn that_nobody_answers_stands_in_the_log_and_that_it_is_over() {
    let (forwarder, answers) = (UdpSocket::bind("127.0.0.1:0").unwrap(), Arc::new(AtomicBool::new(false)));
    let at = forwarder.local_addr().unwrap();
    let speaks = Arc::clone(&answers);
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((octets, from)) = forwarder.recv_from(&mut query) {
            // SERVFAIL, and all else as it was asked.
            (query[2], query[3]) = (query[2] | 0x80, 0x82);
            if speaks.load(Ordering::Relaxed) {
                let _ = forwarder.send_to(&query[..octets], from);
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let config = super::file(folder.path(), &format!("[[forward]]\nzone = \".\"\nservers = [\"{at}\"]\n"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["serve", "--config", &config, "--listen", "127.0.0.1:0", "--set", "http.listen="]).env_clear();
    let spawned = command.stdout(Stdio::null()).stderr(std::fs::File::create(&path).unwrap()).spawn();
    let _serve = Process(spawned.unwrap());
    let log = || std::fs::read_to_string(&path).unwrap();
    assert!(soon(|| log().contains(" ready")), "{}", log());
    let (_, address) =
        log().split_once("listening on ").map(|(before, after)| (before.len(), after.to_owned())).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(address.split_once(',').unwrap().0).unwrap();
    let asked = std::cell::Cell::new(0);
    // A new name each time, as failures are remembered.
    let says = |what: &str| {
        asked.set(asked.get() + 1);
        let query = format!("\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x06n{:05}\x07example\x03net\0\0\x01\0\x01", asked.get());
        client.send(query.as_bytes()).unwrap();
        log().contains(what)
    };
    assert!(soon(|| says("WARN no forwarder has answered for 1")), "{}", log());
    assert!(log().contains(&format!("the last to {at}")), "{}", log());
    answers.store(true, Ordering::Relaxed);
    assert!(soon(|| says("INFO servers answer again, after 1")), "{}", log());
    assert_eq!(log().matches("no forwarder").count(), 1, "{}", log());
}

/// What the page asks for leaves this machine like everything else that is looked up.
#[test]
fn a_walk_that_is_watched_is_in_the_log() {
    let lab = lab(&["--no-web", "--set", "log.level=debug", "--set", "http.listen=127.0.0.1:0"]);
    let said = lab.log();
    let (_, address) = said.split_once("It answers HTTP on http://").unwrap();
    let mut page = TcpStream::connect(address.split_once('/').unwrap().0).unwrap();
    page.write_all(b"GET /api/trace?name=www.example.com HTTP/1.0\r\n\r\n").unwrap();
    page.read_to_string(&mut String::new()).unwrap();
    let walked = |line: &str| line.contains("walked") && line.contains("www.example.com. A");
    assert!(soon(|| lab.log().lines().any(walked)), "{}", lab.log());
}
