//! Servers and clients that others wrote: nginx as front and as origin, kdig and curl over TLS.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use super::tls::browse;
use super::{LAB, curl, lab, through};

/// nginx with a certificate: a front for `/dns-query`, and a small site in the lab with TLS and without.
struct Nginx {
    folder: tempfile::TempDir,
    front: SocketAddr,
    plain: SocketAddr,
    tls: SocketAddr,
}

/// nginx ends with this process: it reads an end of file from us then.
static NGINX: LazyLock<Nginx> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let [front, plain, tls] = [free("127.0.0.1"), free("127.53.80.10"), free("127.53.80.10")];
    certificate(folder.path());
    std::fs::create_dir(folder.path().join("site")).unwrap();
    std::fs::write(folder.path().join("site/page.html"), "<p>page\n".repeat(100)).unwrap();
    let script = "fetch('page.html').then(r => r.text()).then(t => document.title = 'it says: ' + t)";
    std::fs::write(folder.path().join("site/live.html"), format!("<!doctype html><script>{script}</script>")).unwrap();
    let config = format!(
        "daemon off; user root; worker_processes 1; pid nginx.pid; error_log error.log;\n\
         events {{}}\n\
         http {{\n\
         access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; \
         scgi_temp_path s; types {{ text/html html; }} gzip on; gzip_proxied any; gzip_min_length 10;\n\
         ssl_certificate cert.pem; ssl_certificate_key key.pem;\n\
         server {{ listen {front} ssl http2; location / {{ proxy_pass http://{lab}; proxy_http_version 1.1; }} }}\n\
         server {{ listen {plain}; root site; }}\n\
         server {{ listen {tls} ssl http2; root site; }}\n\
         }}\n",
        lab = *LAB
    );
    std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
    start(folder.path(), &[front, plain, tls]);
    Nginx { folder, front, plain, tls }
});

/// A port of `ip` that nobody has at the moment.
pub(super) fn free(ip: &str) -> SocketAddr {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap()
}

/// Starts nginx under a shell that stops it when this process is gone, however it went, and waits for its addresses.
pub(super) fn start(folder: &Path, addresses: &[SocketAddr]) {
    let watch = "nginx -p \"$0\" -c \"$0/nginx.conf\" -e \"$0/error.log\" & read -r _; kill $!; wait";
    let mut command = Command::new("sh");
    command.args(["-c", watch]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null());
    #[expect(clippy::zombie_processes, reason = "it ends with this process, and is nobody's child then")]
    let mut child = command.spawn().expect("sh is needed");
    // The pipe stays open for as long as this process lives.
    std::mem::forget(child.stdin.take());
    for address in addresses {
        let comes = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            TcpStream::connect(address).is_ok()
        });
        let log = || std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        assert!(comes, "nginx is needed (./test installs it): {}", log());
    }
}

pub(super) fn certificate(folder: &Path) {
    certificate_for(folder, "DNS:localhost,DNS:www.example.com,IP:127.0.0.1");
}

/// The same for other names.
pub(super) fn certificate_for(folder: &Path, names: &str) {
    let names = format!("subjectAltName={names}");
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args(["-subj", "/CN=localhost", "-addext", &names, "-keyout", "key.pem", "-out", "cert.pem"]);
    let output = command.current_dir(folder).output().expect("openssl is needed: ./test installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Asks by both methods with kdig, which takes `more`.
pub(super) fn kdig_finds(server: SocketAddr, more: &[&str]) {
    for method in ["+https", "+https-get"] {
        let mut command = Command::new("kdig");
        command.args(["@127.0.0.1", "-p", &server.port().to_string(), method]).args(more);
        let output = command.args(["www.example.com", "A"]).output().expect("kdig is needed: ./test installs it");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("status: NOERROR") && text.contains("127.53.80.10") && text.contains("HTTP/2"), "{text}");
        // RFC 8467 §4.1: kdig pads, and so is answered; behind a server that has taken the TLS off too.
        assert!(text.contains("PADDING") && text.contains("Received 468 B"), "{text}");
    }
}

#[test]
fn kdig_asks_over_https_behind_nginx() {
    kdig_finds(NGINX.front, &[]);
}

#[test]
fn curl_finds_a_server_by_doh_url() {
    let doh = format!("https://{}/dns-query", NGINX.front);
    let url = format!("http://www.example.com:{}/page.html", NGINX.plain.port());
    let got = curl(&["--doh-insecure", "--doh-url", &doh, &url]);
    assert!(got.status == 200 && got.text().contains("<p>page"), "{got:?}");
}

#[test]
fn an_origin_keeps_its_ways_behind_the_proxy() {
    let url = format!("http://www.example.com:{}/page.html", NGINX.plain.port());
    let whole = through(*LAB, &[&url]);
    assert_eq!((whole.status, whole.body.len()), (200, 800));
    let part = through(*LAB, &["-r", "8-15", &url]);
    assert_eq!((part.status, part.text()), (206, "<p>page\n"));
    let tag = format!("If-None-Match: {}", whole.header("etag").unwrap());
    assert_eq!(through(*LAB, &["-H", &tag, &url]).status, 304);
    let head = through(*LAB, &["--head", &url]);
    assert_eq!((head.status, head.header("content-length")), (200, Some("800")));
    let packed = through(*LAB, &["--compressed", &url]);
    assert_eq!((packed.header("content-encoding"), packed.body.len()), (Some("gzip"), 800));
    assert_eq!(through(*LAB, &[&url.replace("page", "nothing")]).status, 404);
    assert_eq!(through(*LAB, &["--http1.0", &url]).body.len(), 800);
}

#[test]
fn tls_goes_through_a_tunnel_untouched() {
    let proxy = lab(|settings| settings.proxy.connect_ports = vec![NGINX.tls.port()]);
    let url = format!("https://www.example.com:{}/page.html", NGINX.tls.port());
    let trusted = NGINX.folder.path().join("cert.pem");
    let got = through(proxy, &["--suppress-connect-headers", "--cacert", trusted.to_str().unwrap(), "--http2", &url]);
    assert_eq!((got.status, got.body.len(), got.header("via")), (200, 800, None));
}

#[test]
fn a_browser_loads_pages_and_what_belongs_to_them() {
    let proxy = lab(|settings| settings.proxy.connect_ports = vec![NGINX.tls.port()]);
    for (scheme, port) in [("http", NGINX.plain.port()), ("https", NGINX.tls.port())] {
        let (proxy, url) =
            (format!("--proxy-server=http://{proxy}"), format!("{scheme}://www.example.com:{port}/live.html"));
        let page = browse("{}", &["--ignore-certificate-errors", &proxy, &url]);
        assert!(page.contains("it says: &lt;p&gt;page"), "{scheme}: {page}");
    }
}
