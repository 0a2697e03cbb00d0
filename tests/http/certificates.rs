//! Journeys to nginx over TLS, with certificates good and bad from an authority of our own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rootwalk::config::LocalRecord;
use rootwalk::wire::text::parse_record;
use serde_json::Value;

use super::journey::{failure, journey, last};
use super::real::{free, start};
use super::{curl, lab};

/// What nginx shows at one port.
struct Shown {
    name: &'static str,
    /// For which names the certificate is.
    names: &'static [&'static str],
    years: (i32, i32),
    /// The authority that signs: the trusted one, the one below it, or one that nobody knows.
    by: By,
    /// More behind `listen`.
    more: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum By {
    Root,
    Below { sent: bool },
    Stranger,
}

const GOOD: (i32, i32) = (2020, 2090);

const ALL: &[Shown] = &[
    Shown { name: "good", names: &["good.example", "127.53.80.10"], years: GOOD, by: By::Root, more: "http2" },
    Shown { name: "a.chain", names: &["*.chain.example"], years: GOOD, by: By::Below { sent: true }, more: "http2" },
    Shown { name: "old", names: &["old.example"], years: GOOD, by: By::Root, more: "; ssl_protocols TLSv1.2" },
    Shown { name: "gap", names: &["gap.example"], years: GOOD, by: By::Below { sent: false }, more: "" },
    Shown { name: "stranger", names: &["stranger.example"], years: GOOD, by: By::Stranger, more: "" },
    Shown { name: "future", names: &["future.example"], years: (2080, 2090), by: By::Root, more: "" },
    Shown { name: "worst", names: &["else.example"], years: (2000, 2001), by: By::Stranger, more: "" },
];

struct Stage {
    server: SocketAddr,
    ports: Vec<(&'static str, u16)>,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn url(&self, name: &str) -> String {
        let (_, port) = self.ports.iter().find(|(given, _)| *given == name).unwrap();
        format!("https://{name}.example:{port}/")
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(1990, 1, 1), date_time_ymd(2095, 1, 1));
    params
}

/// Writes the certificate that is shown, and its key.
fn write(folder: &Path, shown: &Shown, signers: &[CertifiedIssuer<'_, KeyPair>; 3]) {
    let [root, below, stranger] = signers;
    let names: Vec<String> = shown.names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let (from, to) = shown.years;
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    let key = KeyPair::generate().unwrap();
    let signer = match shown.by {
        By::Root => root,
        By::Below { .. } => below,
        By::Stranger => stranger,
    };
    let mut pem = params.signed_by(&key, signer).unwrap().pem();
    if shown.by == (By::Below { sent: true }) {
        pem += &below.pem();
    }
    std::fs::write(folder.join(format!("{}.pem", shown.name)), pem).unwrap();
    std::fs::write(folder.join(format!("{}.key", shown.name)), key.serialize_pem()).unwrap();
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let key = || KeyPair::generate().unwrap();
    let root = CertifiedIssuer::self_signed(authority("the root"), key()).unwrap();
    let below = CertifiedIssuer::signed_by(authority("the one below"), key(), &root).unwrap();
    let stranger = CertifiedIssuer::self_signed(authority("a stranger"), key()).unwrap();
    std::fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
    let signers = [root, below, stranger];
    let (mut config, mut ports) = (String::new(), Vec::new());
    for shown in ALL {
        write(folder.path(), shown, &signers);
        let (address, name) = (free("127.53.80.10"), shown.name);
        ports.push((name, address.port()));
        let _ = writeln!(
            config,
            "server {{ listen {address} ssl {}; ssl_certificate {name}.pem; ssl_certificate_key {name}.key; \
             absolute_redirect off; location = /moved {{ return 301 here; }} location = / {{ return 301 /home; }} \
             location / {{ add_header Server-Timing 'db;dur=1.5'; return 200 'hello\\n'; }} }}",
            shown.more
        );
    }
    let config = format!(
        "daemon off; user root; worker_processes 1; pid nginx.pid; error_log error.log;\nevents {{}}\n\
         http {{\naccess_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; \
         scgi_temp_path s; ssl_protocols TLSv1.2 TLSv1.3;\n{config}}}\n"
    );
    std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
    let at = |(_, port): &(_, u16)| SocketAddr::from(([127, 53, 80, 10], *port));
    start(folder.path(), &ports.iter().map(at).collect::<Vec<_>>());
    let server = lab(|settings| {
        settings.fetch.ca = folder.path().join("ca.pem").display().to_string();
        let record = |shown: &Shown| format!("{}.example. 300 IN A 127.53.80.10", shown.name);
        settings.local.records = ALL.iter().map(|shown| LocalRecord(parse_record(&record(shown)).unwrap())).collect();
    });
    Stage { server, ports, _folder: folder }
});

fn told(name: &str) -> Value {
    journey(STAGE.server, &STAGE.url(name))
}

#[test]
fn what_is_agreed_on_is_what_the_other_end_can() {
    for (name, version, protocol, alpn) in [
        ("good", "TLS 1.3", "HTTP/2", "h2"),
        ("a.chain", "TLS 1.3", "HTTP/2", "h2"),
        ("old", "TLS 1.2", "HTTP/1.1", "http/1.1"),
    ] {
        let told = told(name);
        let hop = last(&told);
        assert_eq!((&hop["tls"]["version"], &hop["tls"]["alpn"]), (&version.into(), &alpn.into()), "{name}");
        assert_eq!(
            (&hop["response"]["version"], &hop["response"]["status"]),
            (&protocol.into(), &200.into()),
            "{name}"
        );
        assert_eq!(hop["tls"]["trusted"], true, "{name}");
        // The redirect, relative to its page, came before.
        assert!(hop["url"].as_str().unwrap().ends_with("/home"), "{name}");
        assert_eq!(hop["response"]["server_timing"][0]["part"], "database");
        let headers = hop["request"]["headers"].as_array().unwrap();
        assert_eq!(headers.iter().any(|field| field[0] == "host"), protocol == "HTTP/1.1");
    }
    assert_eq!(last(&told("a.chain"))["tls"]["certificates"].as_array().unwrap().len(), 2);
    let by_address = STAGE.url("good").replace("good.example", "127.53.80.10");
    assert_eq!(last(&journey(STAGE.server, &by_address))["response"]["status"], 200);
}

#[test]
fn everything_that_is_wrong_with_a_certificate_is_told() {
    for (name, faults) in [
        ("gap", &["the chain ends at CN=the one below"][..]),
        ("stranger", &["the chain ends at CN=a stranger"]),
        ("future", &["valid from 2080-01-01T00:00:00.000Z on"]),
        (
            "worst",
            &[
                "expired at 2001-01-01T00:00:00.000Z",
                "is not for worst.example: it is for else.example",
                "the chain ends at CN=a stranger",
            ],
        ),
    ] {
        let told = told(name);
        let (error, why) = failure(&told);
        assert_eq!(error, "tls_certificate_error", "{name}");
        let problems = last(&told)["tls"]["problems"].as_array().unwrap();
        assert_eq!(problems.len(), faults.len(), "{name}: {problems:?}");
        for fault in faults {
            assert!(why.contains(fault), "{name}: {why}");
        }
    }
}

#[test]
fn what_is_no_tls_is_named() {
    // A port where nobody speaks TLS.
    let url = format!("https://good.example:{}/", STAGE.server.port());
    let refused = journey(STAGE.server, &url);
    assert_eq!(failure(&refused).0, "connection_refused");
    let origin = super::origin::Origin::serve("127.53.80.10", super::origin::hello);
    let told = journey(STAGE.server, &format!("https://good.example:{}/", origin.port()));
    let (error, why) = failure(&told);
    assert!(error == "tls_protocol_error" && why.contains("TLS with good.example failed"), "{why}");
    // And the reverse: nginx says 400 to what is no TLS.
    let told = journey(STAGE.server, &STAGE.url("good").replace("https", "http"));
    assert_eq!(last(&told)["response"]["status"], 400);
}

#[test]
fn a_waterfall_names_the_certificate() {
    let url = format!("http://{}/api/journey?url={}", STAGE.server, STAGE.url("worst"));
    let text = curl(&["-H", "Accept: text/plain", &url]);
    assert!(
        text.text().contains("else.example: ECDSA 256 bits, 2000-01-01 to 2001-01-01, by CN=a stranger"),
        "{text:?}"
    );
}
