//! DNS over TLS as programs that others wrote speak it.

use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use rootwalk::config::Settings;
use rootwalk::lab::Lab;
use rootwalk::run::{self, Stage};

/// A lab that speaks TLS with a certificate that openssl made.
struct Met {
    tls: SocketAddr,
    folder: tempfile::TempDir,
}

impl Met {
    fn trusted(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

/// Starts the lab with TLS on a free port, and says where.
fn start(stage: Stage, change: impl FnOnce(&mut Settings)) -> SocketAddr {
    let lab = Lab::embedded(run::unix_secs()).unwrap();
    let mut settings = run::lab_settings(&lab);
    settings.server.listen = vec!["127.0.0.1:0".parse().unwrap()];
    settings.server.tls_listen = settings.server.listen.clone();
    settings.http.listen = Vec::new();
    change(&mut settings);
    let (told, ready) = mpsc::channel();
    // It runs for as long as this process.
    std::thread::spawn(move || {
        let load = |_: &Lab| Ok(settings.clone());
        run::lab(&lab, &stage, &settings, load, |listening| told.send(listening.tls[0]).unwrap()).unwrap();
    });
    ready.recv().unwrap()
}

static LAB: LazyLock<Met> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    command.args(["-subj", "/CN=localhost", "-addext", names, "-keyout", "key.pem", "-out", "cert.pem"]);
    let output = command.current_dir(folder.path()).output().expect("openssl is needed: ./test installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tls = start(Stage::default(), |settings| {
        settings.tls.certificate = folder.path().join("cert.pem").display().to_string();
        settings.tls.key = folder.path().join("key.pem").display().to_string();
    });
    Met { tls, folder }
});

/// What a program prints.
fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("./test installs what is needed");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn kdig(arguments: &[&str]) -> String {
    let (port, trusted) = (LAB.tls.port().to_string(), format!("+tls-ca={}", LAB.trusted().display()));
    let mut command = Command::new("kdig");
    command.args(["@127.0.0.1", "-p", &port, "+tls", &trusted, "+tls-hostname=localhost"]).args(arguments);
    said(&mut command)
}

#[test]
fn kdig_asks_over_tls_and_keeps_the_connection() {
    let text =
        kdig(&["+keepopen", "www.example.com", "A", "+keepopen", "www.example.com", "AAAA", "example.com", "MX"]);
    assert_eq!(text.matches("status: NOERROR").count(), 3, "{text}");
    assert!(text.contains("127.53.80.10") && text.contains("(TLS1.3)"), "{text}");
}

/// RFC 8467 §4.1: who pads learns nothing about the answer from its length; kdig pads unless it is told not to.
#[test]
fn answers_are_padded_for_who_pads() {
    for question in [
        "www.example.com A",
        "nope.example.com A +dnssec",
        "localhost A",
        "example.com ANY",
        "example.com TYPE0",
        ". NS",
    ] {
        for (how, is_padded) in [("+padding", true), ("+nopadding", false)] {
            let text = kdig(&[&question.split(' ').collect::<Vec<_>>()[..], &[how, "+edns"]].concat());
            let received = text.split_once(";; Received ").and_then(|(_, rest)| rest.split_once(" B")).unwrap().0;
            let len: usize = received.parse().unwrap();
            assert_eq!((len.is_multiple_of(468), text.contains("PADDING")), (is_padded, is_padded), "{text}");
        }
    }
}

/// RFC 9462: a client that knows nothing but an address finds the door and the name for which the certificate is.
#[test]
fn clients_find_the_door_by_asking() {
    let text = kdig(&["_dns.resolver.arpa", "TYPE64", "+nocrypto"]);
    let record = format!("1 localhost. alpn=dot port={} ipv4hint=127.0.0.1", LAB.tls.port());
    assert!(text.contains(&record) && text.contains("Flags: qr aa rd ra"), "{text}");
}

/// What openssl says while somebody types `typed` into it.
fn s_client(arguments: &[&str], typed: &[u8]) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &LAB.tls.to_string(), "-CAfile"]).arg(LAB.trusted()).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.spawn().expect("openssl is needed: ./test installs it");
    let _ = client.stdin.take().unwrap().write_all(typed);
    let output = client.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn openssl_finds_a_proper_server() {
    for version in ["-tls1_2", "-tls1_3"] {
        let text = s_client(&[version, "-alpn", "dot", "-verify_return_error"], b"Q\n");
        assert!(text.contains("ALPN protocol: dot") && text.contains("Verify return code: 0 (ok)"), "{text}");
    }
    let back = s_client(&["-tls1_2", "-reconnect"], b"Q\n");
    assert_eq!(back.matches("Reused, TLSv1.2").count(), 5, "{back}");
    // Older ones are refused, and so is to shake hands again (RFC 9325 §3.5).
    assert!(s_client(&["-tls1_1", "-cipher", "ALL@SECLEVEL=0"], b"Q\n").contains("no peer certificate available"));
    let again = s_client(&["-tls1_2"], b"R\n");
    assert!(again.contains("RENEGOTIATING") && again.contains("no renegotiation"), "{again}");
}

/// What a client is told by an Unbound that forwards to the lab.
fn by_unbound() -> String {
    let folder = tempfile::tempdir().unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "server:\n interface: {}@{}\n num-threads: 1\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \
         \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n do-not-query-localhost: no\n module-config: \
         \"iterator\"\n tls-cert-bundle: \"{}\"\nforward-zone:\n name: \".\"\n forward-tls-upstream: yes\n \
         forward-addr: 127.0.0.1@{}#localhost\n",
        free.ip(),
        free.port(),
        LAB.trusted().display(),
        LAB.tls.port()
    );
    let path = folder.path().join("unbound.conf");
    std::fs::write(&path, text).unwrap();
    let mut command = Command::new("unbound");
    let spawned = command.arg("-c").arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut unbound = spawned.expect("unbound is needed: ./test installs it");
    let port = free.port().to_string();
    let mut told = String::new();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        let client = ["@127.0.0.1", "-p", &port, "+time=2", "+retry=0", "www.example.com", "A"];
        told = said(Command::new("kdig").args(client));
        if told.contains("127.53.80.10") {
            break;
        }
    }
    unbound.kill().unwrap();
    unbound.wait().unwrap();
    told
}

#[test]
fn unbound_forwards_to_it() {
    // Somebody else may take the port that was free before Unbound does.
    let told: Vec<String> = (0..3).map(|_| by_unbound()).take_while(|told| !told.contains("127.53.80.10")).collect();
    assert!(told.len() < 3, "{told:?}");
}

#[test]
fn many_clients_with_many_questions_each_lose_none() {
    let questions = LAB.folder.path().join("questions");
    std::fs::write(&questions, "www.example.com A\nwww.example.com AAAA\nexample.com MX\nnope.example.com A\n")
        .unwrap();
    let port = LAB.tls.port().to_string();
    let mut command = Command::new("dnsperf");
    command.args(["-s", "127.0.0.1", "-p", &port, "-m", "dot", "-c", "20", "-q", "200", "-n", "2000", "-d"]);
    let text = said(command.arg(&questions));
    assert!(text.contains("Queries completed:    8000 (100.00%)"), "{text}");
}

/// Who has nothing prepared has a door all the same, and whoever trusts the lab's authority trusts it, by its name and
/// by the address by which it was found (RFC 9462 §4.2).
#[test]
fn a_lab_has_a_certificate_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let at = start(Stage { ca_out: Some(ca.clone()), ..Stage::default() }, |_| {});
    let (port, trusted) = (at.port().to_string(), format!("+tls-ca={}", ca.display()));
    let mut command = Command::new("kdig");
    command.args(["@127.0.0.1", "-p", &port, "+tls", &trusted, "+tls-hostname=resolver.lab"]);
    let text = said(command.args(["www.example.com", "A", "_dns.resolver.arpa", "TYPE64"]));
    assert!(text.contains("127.53.80.10"), "{text}");
    assert!(text.contains(&format!("1 resolver.lab. alpn=dot port={port} ipv4hint=127.0.0.1")), "{text}");
    for (name, code) in
        [("-verify_ip 127.0.0.1", 0), ("-verify_hostname resolver.lab", 0), ("-verify_ip 127.0.0.2", 64)]
    {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &at.to_string(), "-CAfile"]).arg(&ca).args(name.split(' '));
        let text = said(&mut command);
        assert!(text.contains(&format!("Verify return code: {code} ")), "{name}: {text}");
    }
}
