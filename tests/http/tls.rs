//! TLS by the program itself: real clients, the limits inside of it, and certificates that are wrong or renewed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rootwalk::config::Settings;
use rootwalk::run::Stage;

use super::real::{certificate, certificate_for, kdig_finds};
use super::{Met, curl, start};

/// A lab that speaks TLS with a certificate that openssl made.
struct Tls {
    met: Met,
    folder: tempfile::TempDir,
}

impl Tls {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path());
        let met = start(Stage::default(), |settings| {
            settings.http.tls_listen = vec!["127.0.0.1:0".parse().unwrap()];
            settings.tls.certificate = folder.path().join("cert.pem").display().to_string();
            settings.tls.key = folder.path().join("key.pem").display().to_string();
            change(settings);
        });
        Self { met, folder }
    }

    fn address(&self) -> SocketAddr {
        self.met.https.unwrap()
    }

    fn trusted(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

static TLS: LazyLock<Tls> = LazyLock::new(|| Tls::new(|_| {}));

/// Runs a browser without a window, with these preferences, and returns the page as it stands in the end.
pub(super) fn browse(preferences: &str, arguments: &[&str]) -> String {
    let profile = tempfile::tempdir().unwrap();
    std::fs::write(profile.path().join("Local State"), preferences).unwrap();
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    command.args(["--disable-background-networking", "--virtual-time-budget=10000", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).args(arguments);
    let output = command.stderr(Stdio::null()).output().expect("chromium is needed: ./test installs it");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The SHA-256 of the key in a certificate, in base64, as Chromium takes it.
pub(super) fn key_hash(certificate: &Path) -> String {
    let pipe = "openssl x509 -in \"$0\" -pubkey -noout | openssl pkey -pubin -outform der | \
                openssl dgst -sha256 -binary | openssl base64 -A";
    let output = Command::new("sh").arg("-c").arg(pipe).arg(certificate).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn curl_speaks_both_versions_of_http_and_finds_servers() {
    let (port, trusted) = (TLS.address().port(), TLS.trusted());
    let trusted = trusted.to_str().unwrap();
    for (version, name) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let url = format!("https://localhost:{port}/resolve?name=www.example.com");
        let got = curl(&["--cacert", trusted, version, "-w", "%{http_version}", &url]);
        assert!(got.status == 200 && got.text().contains("127.53.80.10"), "{got:?}");
        assert!(got.text().ends_with(&format!("}}\n{name}")), "{got:?}");
    }
    // A name in the certificate is a name of this server; others are not.
    let resolve = format!("www.example.com:{port}:127.0.0.1");
    let named = format!("https://www.example.com:{port}/");
    assert_eq!(curl(&["--cacert", trusted, "--resolve", &resolve, &named]).status, 200);
    let localhost = format!("https://localhost:{port}/");
    assert_eq!(curl(&["--cacert", trusted, "-H", "Host: other.example", &localhost]).status, 421);
    // Links lead back by the way that the client has come, under the name that it used.
    for (target, named) in [("localhost", &localhost), ("127.0.0.1", &format!("https://127.0.0.1:{port}/"))] {
        let link = format!("link      https://{target}:{port}/t/");
        let lied = ["-H", "X-Forwarded-Proto: http", "-H", "Forwarded: proto=http;host=evil.example"];
        let got = curl(&[&["--cacert", trusted, &format!("{named}trace/www.example.com")][..], &lied[..]].concat());
        assert!(got.text().contains(&link), "{}", got.text());
    }
    // An HTTPS proxy.
    let (proxy, plain) = (format!("https://localhost:{port}"), format!("http://{}/", TLS.met.http));
    let refused = curl(&["--proxy-cacert", trusted, "-x", &proxy, "--noproxy", "", &plain]);
    assert_eq!((refused.status, refused.header("proxy-status").is_some()), (403, true), "{refused:?}");
    let absent = curl(&["--proxy-cacert", trusted, "-x", &proxy, "--noproxy", "", "http://nope.example.com/"]);
    assert!(absent.text().contains(&format!("\nhttps://localhost:{port}/t/")), "{absent:?}");
}

#[test]
fn kdig_asks_over_https() {
    kdig_finds(TLS.address(), &[&format!("+tls-ca={}", TLS.trusted().display()), "+tls-hostname=localhost"]);
}

/// It speaks HTTP/2 to its proxy, also where it asks for `http`.
#[test]
fn a_browser_goes_through_an_https_proxy() {
    let (proxy, web) = (format!("--proxy-server=https://localhost:{}", TLS.address().port()), TLS.met.web.unwrap());
    for (scheme, port) in [("http", web.http), ("https", web.https)] {
        let url = format!("{scheme}://www.shop.example.com:{port}/products");
        let allowed = format!("--explicitly-allowed-ports={port}");
        let page = browse("{}", &["--ignore-certificate-errors", &proxy, &allowed, &url]);
        assert!(page.contains("Oak sapling"), "{url}: {page}");
    }
}

#[test]
fn a_browser_finds_names_over_https() {
    let template = format!("https://127.0.0.1:{}/dns-query{{?dns}}", TLS.address().port());
    let secure = format!(r#"{{"dns_over_https": {{"mode": "secure", "templates": "{template}"}}}}"#);
    let known = format!("--ignore-certificate-errors-spki-list={}", key_hash(&TLS.trusted()));
    let port = TLS.met.web.unwrap().http;
    let allowed = format!("--explicitly-allowed-ports={port}");
    let page = browse(&secure, &[&known, &allowed, &format!("http://www.example.com:{port}/")]);
    assert!(page.contains("You found www.example.com"), "{page}");
}

/// Says something to a server over TLS and returns all that it answers.
fn say(server: SocketAddr, what: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &server.to_string()]).stderr(Stdio::null());
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("openssl is needed");
    client.stdin.as_mut().unwrap().write_all(what.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // Until the server ends the connection.
    client.stdout.as_mut().unwrap().read_to_end(&mut answer).unwrap();
    client.wait().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_inside_of_tls_too() {
    for fields in ["Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "X: y\r\n folded\r\n", "Host: b\r\n"] {
        let answer = say(TLS.address(), &format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{fields:?}: {answer}");
    }
    // Nor does what is no TLS at all disturb anybody.
    for garbage in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"\x16\x03\x01\xff\xff\x01", &[0xff; 4096]] {
        let mut stream = TcpStream::connect(TLS.address()).unwrap();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let fine = say(TLS.address(), "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(fine.starts_with("HTTP/1.1 200 "), "{fine}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a promise about the clock")]
fn limits_hold_before_and_inside_of_tls() {
    // Neither a handshake that does not begin nor a head that does not end may last.
    let hasty = Tls::new(|settings| settings.http.idle_secs = 1);
    let begun = Instant::now();
    let mut silent = TcpStream::connect(hasty.address()).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = silent.read_to_end(&mut Vec::new());
    say(hasty.address(), "GET / HTTP/1.1\r\nHost: ");
    let secs = begun.elapsed().as_secs_f32();
    assert!((1.0..8.0).contains(&secs), "{secs}");
    let narrow = Tls::new(|settings| (settings.http.connections, settings.http.connections_per_client) = (4, 2));
    let _held = [(); 2].map(|()| TcpStream::connect(narrow.address()).unwrap());
    let mut third = TcpStream::connect(narrow.address()).unwrap();
    third.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(third.read(&mut [0]), Ok(0)), "the third is closed");
}

#[test]
fn a_certificate_that_is_no_good_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (at, other) = (folder.path(), tempfile::tempdir().unwrap());
    certificate(at);
    certificate(other.path());
    std::fs::copy(other.path().join("key.pem"), at.join("other.pem")).unwrap();
    std::fs::write(at.join("empty.pem"), "").unwrap();
    let locked = "openssl pkey -in key.pem -aes256 -passout pass:x -out locked.pem && \
                  openssl x509 -in cert.pem -outform der -out cert.der";
    assert!(Command::new("sh").args(["-c", locked]).current_dir(at).status().unwrap().success());
    let check = |chain: &str, key: &str| {
        let config = format!("http.tls_listen = [\"127.0.0.1:0\"]\n[tls]\ncertificate = '{chain}'\nkey = '{key}'\n");
        std::fs::write(at.join("config.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        let output = command.args(["check", "config.toml"]).current_dir(at).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check("cert.pem", "key.pem"), (0, String::new()));
    for (chain, key, says) in [
        ("cert.pem", "other.pem", "the key in other.pem (tls.key) does not belong to the first certificate in cert"),
        ("key.pem", "cert.pem", "key.pem (tls.certificate) has no certificate in PEM"),
        ("cert.pem", "cert.pem", "cert.pem (tls.key) has no private key in PEM"),
        ("cert.pem", "locked.pem", "its key is encrypted, which `openssl pkey"),
        ("cert.der", "key.pem", "it looks like DER, which `openssl x509"),
        ("empty.pem", "key.pem", "empty.pem (tls.certificate) has no certificate in PEM"),
        ("nowhere.pem", "key.pem", "nowhere.pem (tls.certificate) cannot be read"),
        ("", "key.pem", "`http.tls_listen` needs a certificate and its key"),
    ] {
        let (code, text) = check(chain, key);
        assert!(code == 2 && text.contains(says) && text.lines().count() == 1, "{chain} {key}: {code} {text}");
    }
}

#[test]
fn a_renewed_certificate_is_served_after_a_hangup() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    certificate(at);
    // Another lab may have the usual place for DNS over TLS, or has it already.
    let _taken = TcpListener::bind("127.0.0.1:8530");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    let lab = ["lab", "--no-web", "--authority-port", "0", "--listen", "127.0.0.1:0"];
    let sets = ["http.listen=127.0.0.1:0", "http.tls_listen=127.0.0.1:0", "tls.certificate=cert.pem"];
    std::fs::write(at.join("config.toml"), "").unwrap();
    command
        .args(lab)
        .args(["--config", "config.toml"])
        .args(sets.iter().flat_map(|set| ["--set", set]))
        .args(["--set", "tls.key=key.pem"]);
    let mut lab = command.current_dir(at).env_clear().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(lab.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = lines.find_map(|line| {
        Some(line.strip_prefix("It answers HTTP over TLS on https://")?.split('/').next()?.to_owned())
    });
    let url = format!("https://{}/", address.unwrap());
    let fetch = |trusted: &str| {
        let mut command = Command::new("curl");
        command.args(["-s", "-o", "/dev/null", "--cacert", trusted, &url]).current_dir(at);
        command.status().unwrap().code().unwrap()
    };
    let pid = lab.id().to_string();
    let mut hang_up = || {
        assert!(Command::new("kill").args(["-s", "HUP", &pid]).status().unwrap().success());
        let said = lines.find(|line| line.contains("certificate")).unwrap();
        lines.find(|line| line.contains("read the configuration again") || line.contains("former conf")).unwrap();
        said
    };
    assert_eq!(fetch("cert.pem"), 0);
    std::fs::rename(at.join("cert.pem"), at.join("old.pem")).unwrap();
    let said = hang_up();
    assert!(said.contains("former certificate"), "{said}");
    assert_eq!(fetch("old.pem"), 0);
    // One for another name besides.
    let status = |host: &str| curl(&["-k", "-H", &format!("Host: {host}"), &url]).status;
    assert_eq!((status("www.example.com"), status("new.example")), (200, 421));
    certificate_for(at, "DNS:new.example,IP:127.0.0.1");
    let said = hang_up();
    assert!(said.contains("again"), "{said}");
    assert_eq!((fetch("cert.pem"), fetch("old.pem")), (0, 60));
    assert_eq!((status("www.example.com"), status("new.example")), (421, 200));
    // Settings that are refused keep nobody from the certificate, nor from its name (RFC 9462 §4.2).
    certificate_for(at, "DNS:newer.example,IP:127.0.0.1");
    std::fs::write(at.join("config.toml"), "nothing good").unwrap();
    let said = hang_up();
    let told = curl(&["-k", &format!("{url}resolve?name=_dns.resolver.arpa&type=SVCB")]);
    assert!(said.contains("again") && told.text().contains(" newer.example. alpn=h2"), "{said} {told:?}");
    assert_eq!((fetch("cert.pem"), status("newer.example")), (0, 200));
    lab.kill().unwrap();
    lab.wait().unwrap();
}

/// Half a handshake is nothing in hand, and a connection counts once.
#[test]
fn what_is_cut_off_in_the_end_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["lab", "--no-web", "--authority-port", "0", "--listen", "127.0.0.1:0"]);
    for set in ["http.listen=127.0.0.1:0", "http.tls_listen=127.0.0.1:0", "tls.certificate=cert.pem", "tls.key=key.pem"]
    {
        command.args(["--set", set]);
    }
    let mut lab =
        command.current_dir(folder.path()).env_clear().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(lab.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut connect = |start: &str| {
        let address = lines.find_map(|line| Some(line.strip_prefix(start)?.split('/').next()?.to_owned()));
        TcpStream::connect(address.unwrap()).unwrap()
    };
    let mut asks = connect("It answers HTTP on http://");
    let _shakes = connect("It answers HTTP over TLS on https://");
    // Nobody answers, which is known after seconds only.
    asks.write_all(b"GET /api/trace?name=www.dead.lab&cold=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    // What came after it was answered, so it is in hand.
    let mut other = TcpStream::connect(asks.peer_addr().unwrap()).unwrap();
    other.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    other.read_to_end(&mut Vec::new()).unwrap();
    assert!(Command::new("kill").args(["-s", "TERM", &lab.id().to_string()]).status().unwrap().success());
    let said = lines.find(|line| line.contains("cut off")).unwrap();
    assert!(said.ends_with(" 1 HTTP connections were cut off"), "{said}");
    lab.wait().unwrap();
}
