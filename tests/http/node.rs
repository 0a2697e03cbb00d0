//! Programs of others that run in Node.js: the schema of HTTP archives, a client and a server of WebSockets.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use super::lab;
use super::origin::{Origin, hello, send};
use super::real::free;

/// Where the packages are: beside what cargo builds, fetched once.
static PACKAGES: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
    if !folder.join("node_modules/ws").exists() || !folder.join("node_modules/har-validator").exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(&folder);
        npm.args(["ws@8.18.3", "har-validator@5.1.5"]);
        let output = npm.output().expect("npm is needed: ./test installs it");
        assert!(output.status.success(), "npm fetches ws and har-validator: {}", text(&output));
    }
    folder
});

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a script, which ends well or says why not.
fn node(script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("node");
    command.args(["-e", script, "--"]).args(arguments).env("NODE_PATH", PACKAGES.join("node_modules"));
    let output = command.output().expect("node is needed: ./test installs it");
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

const VALIDATE: &str = "
    const har = JSON.parse(require('fs').readFileSync(process.argv[1]));
    require('har-validator').har(har).then(
        har => console.log(JSON.stringify(har.log.entries.map(entry => [entry.request.url, entry.response.status]))),
        error => { console.error(JSON.stringify(error.errors)); process.exit(1) });
";

#[test]
fn archives_are_what_their_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journey.har");
    let strange = Origin::serve("127.0.0.1", |head, stream| match head.split(' ').nth(1) {
        Some("/") => send(
            stream,
            "HTTP/1.1 303 See\r\nSet-Cookie: a=b=c; Path=/\r\nLocation: /next?x=1&y=%20z&x\r\nContent-Length: 0\r\n\r\n",
        ),
        Some("/cut") => send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc") && head.is_empty(),
        _ => hello(head, stream),
    });
    let local = format!("http://127.0.0.1:{}", strange.port());
    let refused = free("127.0.0.1");
    // Redirects; an answer that is cut off; no answer; nobody there.
    for (url, hops, status) in [
        (format!("{local}/"), 2, 200),
        (format!("{local}/cut"), 1, 200),
        (format!("http://{refused}/"), 1, 0),
        ("http://127.0.0.2/".to_owned(), 1, 0),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["fetch", &url, "--set", "proxy.allow=127.0.0.1", "--har"]).arg(&path).env_clear();
        let output = command.output().unwrap();
        let entries: Vec<(String, u16)> = serde_json::from_str(&node(VALIDATE, &[path.to_str().unwrap()])).unwrap();
        assert_eq!((entries.len(), entries.last().unwrap().1), (hops, status), "{url}: {}", text(&output));
    }
}

/// A server that says back what it hears, and a client that comes through the proxy: once by an upgrade of an
/// absolute target, once through a tunnel.
const WEBSOCKETS: &str = "
    const { WebSocket, WebSocketServer } = require('ws'), http = require('http');
    const [proxyHost, proxyPort] = process.argv[1].split(':');
    const server = new WebSocketServer({ host: '127.53.80.10', port: +process.argv[2] });
    server.on('connection', socket => {
        socket.on('message', (data, binary) => socket.send(data, { binary }));
    });
    const target = 'www.example.com:' + process.argv[2];
    const proxied = { host: proxyHost, port: proxyPort };
    const large = Buffer.alloc(1 << 20, 'x');
    function talk(name, options) {
        return new Promise((done, failed) => {
            const socket = new WebSocket('ws://' + target + '/chat', options);
            const heard = [];
            socket.on('error', failed);
            socket.on('open', () => { socket.send('first'); socket.send(large); socket.ping() });
            socket.on('pong', () => heard.push('pong'));
            socket.on('message', data => {
                heard.push(data.length);
                if (data.length === large.length) socket.close(4000, 'enough');
            });
            socket.on('close', code => { console.log(name, heard.sort().join(' '), code); done() });
        });
    }
    function tunnel() {
        return new Promise((done, failed) => {
            const request = http.request({ ...proxied, method: 'CONNECT', path: target });
            request.on('connect', (answer, socket) => answer.statusCode === 200 ? done(socket) : failed(answer.statusCode));
            request.on('error', failed).end();
        });
    }
    server.on('listening', async () => {
        const connect = () => require('net').connect(proxied);
        const absolute = request => { request.path = 'http://' + target + '/chat'; request.end() };
        await talk('upgrade', { createConnection: connect, finishRequest: absolute });
        const socket = await tunnel();
        await talk('tunnel', { createConnection: () => socket });
        process.exit(0);
    });
";

#[test]
fn web_sockets_go_through() {
    let port = free("127.53.80.10").port();
    let proxy = lab(|settings| settings.proxy.connect_ports = vec![port]);
    let heard = node(WEBSOCKETS, &[&proxy.to_string(), &port.to_string()]);
    assert_eq!(heard, "upgrade 1048576 5 pong 4000\ntunnel 1048576 5 pong 4000\n");
}
