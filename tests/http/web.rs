//! The lab's own web: every row of it by real curl, through the lab's own proxy.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use rootwalk::lab::web::Ports;
use rootwalk::lab::{Lab, Visit};
use rootwalk::run::{self, Stage, WebPorts};

use super::real::free;
use super::tls::{browse, key_hash};
use super::{curl, start, start_lab, through};

/// A lab with its web, and where the certificate of its authority is.
pub(super) struct Web {
    pub(super) proxy: SocketAddr,
    ports: Ports,
    pub(super) rows: Vec<Visit>,
    folder: tempfile::TempDir,
}

/// For what comes of it in the end, however busy this machine is.
pub(super) static WEB: LazyLock<Web> = LazyLock::new(|| Web::start(120));
/// For what nothing comes of, however long somebody waits.
static HASTY: LazyLock<Web> = LazyLock::new(|| Web::start(1));

impl Web {
    fn start(connect_secs: u64) -> Self {
        let rows = Lab::embedded(0).unwrap().web().unwrap().row.clone();
        let folder = tempfile::tempdir().unwrap();
        let web = WebPorts::At(Ports { http: 0, https: 0 });
        let stage = Stage { authority_port: 0, web, ca_out: Some(folder.path().join("ca.pem")) };
        let met = start(stage, |settings| settings.proxy.connect_secs = connect_secs);
        Self { proxy: met.http, ports: met.web.unwrap(), rows, folder }
    }

    /// Where a row is to be looked up.
    pub(super) fn of(row: &Visit) -> &'static Self {
        if row.name == "silence" { &HASTY } else { &WEB }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The same URL at the ports of this lab.
    pub(super) fn here(&self, url: &str) -> String {
        let Ports { http, https } = self.ports;
        url.replace(":10080/", &format!(":{http}/")).replace(":10443/", &format!(":{https}/"))
    }

    /// What curl says: the status, its own exit code, and the head and body as they came.
    fn fetch(&self, url: &str, more: &[&str]) -> (u16, i32, String) {
        let mut command = Command::new("curl");
        command.args(["-s", "-i", "-L", "--max-redirs", "10", "--max-time", "300", "--suppress-connect-headers"]);
        command.args(["-w", "\n%{http_code}", "--noproxy", "", "-x", &format!("http://{}", self.proxy)]);
        command.arg("--cacert").arg(self.ca()).args(more).arg(self.here(url)).env_clear();
        let output = command.output().expect("curl is needed: ./test installs it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (text, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), output.status.code().unwrap(), text.to_owned())
    }
}

/// What curl makes of each row that fails: its exit code, and the status that the proxy gives where it is at fault.
const FAILURES: &[(&str, i32, u16)] = &[
    ("redirect-loop", 47, 302),
    ("cut-off", 18, 200),
    ("nothing", 0, 502),
    ("silence", 0, 504),
    ("expired", 60, 0),
    ("wrong-name", 60, 0),
    ("self-signed", 60, 0),
];

#[test]
fn every_row_of_the_web_holds() {
    // curl takes no port from an HTTPS record, but the proxy does, and the record names the port that the origins got.
    // Where it is not there at once the address comes first, and at port 443 may be another lab.
    assert_eq!(curl(&[&format!("http://{}/resolve?name=www.example.com&type=HTTPS", WEB.proxy)]).status, 200);
    for row in &WEB.rows {
        let (status, exit, text) = Web::of(row).fetch(&row.url, &[]);
        let expected = match row.status {
            Some(status) => (status, 0),
            None => {
                let known = FAILURES.iter().find(|(name, ..)| *name == row.name);
                let (_, exit, status) = known.unwrap_or_else(|| panic!("{} is not in FAILURES", row.name));
                (*status, *exit)
            }
        };
        assert_eq!((status, exit), expected, "{}: {text}", row.name);
    }
}

#[test]
fn the_site_says_what_it_sends_and_whether_it_has_changed() {
    for (path, media_type) in [("", "text/html; charset=utf-8"), ("tree.svg", "image/svg+xml")] {
        for base in ["http://www.example.com:10080/", "https://www.example.com:10443/"] {
            let url = format!("{base}{path}");
            let (status, _, text) = WEB.fetch(&url, &[]);
            assert!(status == 200 && text.contains(&format!("content-type: {media_type}\r\n")), "{text}");
            let tag = text.split("etag: ").nth(1).unwrap().split("\r\n").next().unwrap();
            let known = format!("If-None-Match: \"other\", W/{tag}");
            assert_eq!(WEB.fetch(&url, &["-H", &known]).0, 304);
            assert_eq!(WEB.fetch(&url, &["-H", "If-None-Match: \"other\""]).0, 200);
        }
    }
    assert_eq!(WEB.fetch("http://www.example.com:10080/nothing", &[]).0, 404);
    assert_eq!(WEB.fetch("http://www.example.com:10080/", &["-X", "DELETE"]).0, 405);
    // Without the authority nobody believes the origins.
    assert_eq!(WEB.fetch("https://www.example.com:10443/", &["--cacert", "/etc/hostname"]).0, 0);
}

#[test]
fn the_shop_says_what_each_part_took() {
    let (mut balancers, mut refused) = (BTreeSet::new(), 0);
    for nth in 0..24 {
        let (status, _, text) = WEB.fetch("http://www.shop.example.com:10080/products?category=trees", &[]);
        assert_eq!(status, 200, "{text}");
        let timing = text.lines().find_map(|line| line.strip_prefix("server-timing: ")).unwrap();
        let shares: Vec<(&str, f64)> = timing
            .split(", ")
            .map(|part| {
                let (name, rest) = part.split_once(";dur=").unwrap();
                (name, rest.split(';').next().unwrap().parse().unwrap())
            })
            .collect();
        let [("lb", lb), ("app", app), ("db", db)] = shares.as_slice() else { panic!("{timing}") };
        assert!(*app > 0.0 && *db > 0.0, "{timing}");
        let balancer = text.lines().find_map(|line| line.strip_prefix("via: 1.1 ")).unwrap();
        // The third thinks for 300 ms, and says so.
        assert_eq!(*lb >= 300.0, balancer == "three.shop.example.com", "{nth}: {balancer} {timing}");
        assert!(text.contains("Walnut sapling") && !text.contains("Spade"), "{text}");
        balancers.insert(balancer.to_owned());
        let status = text.lines().find_map(|line| line.strip_prefix("proxy-status: ")).unwrap();
        refused += usize::from(status.contains("127.53.80.4:"));
    }
    // Nothing listens at the fourth address: no request fails for it, and most do not even try.
    assert!(refused <= 4, "tried {refused} times");
    assert!(balancers.len() > 1 && !balancers.contains("four.shop.example.com"), "{balancers:?}");
}

#[test]
fn products_are_data_as_well() {
    let json = ["-H", "Accept: application/json", "--no-include"];
    let (_, _, one) = WEB.fetch("http://www.shop.example.com:10080/products/7", &json);
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!((one["name"].as_str(), one["price_cents"].as_i64()), (Some("Spade"), Some(3200)));
    let (_, _, all) = WEB.fetch("http://www.shop.example.com:10080/products", &json);
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&all).unwrap().len(), 12);
    let sneaky = "http://www.shop.example.com:10080/products?category=x'%20OR%201=1--";
    for absent in ["http://www.shop.example.com:10080/products/99", sneaky] {
        assert_eq!(WEB.fetch(absent, &json).0, 404, "{absent}");
    }
}

#[test]
fn the_authority_is_for_this_lab_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let ca = std::fs::read_to_string(WEB.ca()).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----") && !ca.contains("KEY"), "{ca}");
    assert_eq!(std::fs::metadata(WEB.ca()).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(WEB.folder.path()).unwrap().count(), 1, "nothing else is written");
    let output = Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(WEB.ca()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Name Constraints: critical") && text.contains("DNS:www.example.com"), "{text}");
}

#[test]
fn a_browser_loads_the_site_and_the_shop() {
    let Ports { http, https } = WEB.ports;
    // Browsers keep away from port 10080 and a few others unless told otherwise.
    let (proxy, port) = (format!("--proxy-server=http://{}", WEB.proxy), format!("--explicitly-allowed-ports={http}"));
    let known = format!("--ignore-certificate-errors-spki-list={}", key_hash(&WEB.ca()));
    for url in [format!("http://www.example.com:{http}/"), format!("https://www.example.com:{https}/")] {
        let page = browse("{}", &[&proxy, &port, &known, &url]);
        assert!(page.contains("You found www.example.com"), "{url}: {page}");
    }
    let page = browse("{}", &[&proxy, &known, &format!("https://www.shop.example.com:{https}/products")]);
    assert!(page.contains("Oak sapling"), "{page}");
}

#[test]
fn two_labs_stand_beside_each_other() {
    // Both would like port 10080.
    let ports = [(); 2].map(|()| start(Stage::default(), |_| {})).map(|met| (met.http, met.web.unwrap().http));
    let [(_, first), (_, second)] = ports;
    assert_ne!(first, second);
    for (proxy, port) in ports {
        let url = format!("http://www.example.com:{port}/");
        let got = through(proxy, &[&url]);
        assert!(got.status == 200 && got.text().contains("You found www.example.com"), "{got:?}");
    }
}

/// A lab with one origin, at ports of its own.
fn small(ports: Ports) -> Lab {
    let Ports { http, https } = ports;
    let settings = format!(
        "port = 10053\nzone = [{{ name = '.', file = 'root.zone', sign = {{}} }}]\n\
         server = [{{ name = 'a.', address = '127.53.0.1', zones = ['.'] }}]\n\
         [web]\nport = {http}\ntls_port = {https}\n\
         origin = [{{ address = '127.53.90.1', names = ['www.test.'], serves = 'hello' }}]\n"
    );
    let root = format!(
        "$ORIGIN .\n$TTL 60\n@ IN SOA a. b. 1 1 1 1 1\n@ IN NS a.\na. IN A 127.53.0.1\nwww.test. IN A 127.53.90.1\n\
         www.test. IN HTTPS 1 . alpn=h2 port={https}\nfar.test. IN HTTPS 1 www.test. alpn=h2 port={https}0\n"
    );
    let files = [("lab.toml", settings), ("root.zone", root)].map(|(path, text)| (path.to_owned(), text));
    Lab::of_texts(files.into(), run::unix_secs()).unwrap()
}

#[test]
fn urls_without_a_port_lead_to_the_lab_where_that_is_allowed() {
    // A port that is also the beginning of another.
    let https = (5000..6000).find(|port| TcpListener::bind(("127.53.90.1", *port)).is_ok()).unwrap();
    let ports = Ports { http: free("127.53.90.1").port(), https };
    let met = start_lab(small(ports), Stage::default(), |_| {});
    let got = through(met.http, &["http://www.test/"]);
    match met.unusual {
        None => assert!(got.status == 200 && got.text().contains("You asked for www.test"), "{got:?}"),
        // As somebody without the privilege.
        Some(why) => assert!(got.status == 502 && why.contains("ip_unprivileged_port_start"), "{why}: {got:?}"),
    }
    // Ports of its own leave 80 and 443 to the lab that has the usual ones.
    let web = WebPorts::At(Ports { http: 0, https: 0 });
    let beside = start_lab(small(ports), Stage { web, ..Stage::default() }, |_| {});
    assert!(beside.unusual.unwrap().contains("not those of lab.toml"));
    // Its records name the port that it got, proved as before, and no other number changes.
    let asked = |name: &str| {
        let url = format!("http://{}/resolve?name={name}&type=HTTPS&do=1", beside.http);
        let told = curl(&[&url]).json();
        (told["AD"].as_bool().unwrap(), told["Answer"][0]["data"].as_str().unwrap().to_owned())
    };
    let (proved, data) = asked("www.test");
    assert!(proved && data.contains(&format!("port={}", beside.web.unwrap().https)), "{data}");
    assert!(asked("far.test").1.contains(&format!("port={https}0")));
}
