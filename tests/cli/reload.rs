//! What is read again.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};

use super::{Process, dug, soon};

/// A forwarder that has one address for those who check for themselves (CD), and another one for all others.
fn forwarder() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((_, from)) = socket.recv_from(&mut query) {
            let end = 12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 5;
            let last = if query[3] & 0x10 == 0 { 1 } else { 66 };
            (query[2], query[3]) = (0x81, 0x80);
            query[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
            let set = [0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 192, 0, 2, last];
            let _ = socket.send_to(&[&query[..end], &set].concat(), from);
        }
    });
    at
}

/// RFC 6840 §5.9: who checks has forwarders pass on what they would withhold. Once he does not any more, what he has
/// heard so is nothing to anybody.
#[test]
fn what_was_to_be_checked_here_is_asked_for_anew_where_nothing_is_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("rootwalk.toml"), folder.path().join("log"));
    let at = forwarder();
    let write = |validate: bool| {
        let text = format!("[dnssec]\nvalidate = {validate}\n[[forward]]\nzone = \".\"\nservers = [\"{at}\"]\n");
        std::fs::write(&config, text).unwrap();
    };
    write(true);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--set", "http.listen=", "--config"]).arg(&config).env_clear();
    let serve = Process(command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap());
    let log = || std::fs::read_to_string(&log).unwrap();
    assert!(soon(|| log().contains(" ready")), "{}", log());
    let address = log().split_once("listening on ").unwrap().1.split_once(',').unwrap().0.parse().unwrap();
    let is = |last: u8, more: &[&str]| {
        dug(address, "www.example", more).contains(&IpAddr::from([192, 0, 2, last]).to_string())
    };
    assert!(is(66, &["+cd"]) && !is(66, &[]), "{}", log());
    assert!(is(66, &["+cd"]), "{}", log());
    write(false);
    serve.signal("HUP");
    assert!(soon(|| log().contains("read the configuration again")), "{}", log());
    assert!(soon(|| is(1, &[])), "{}", log());
    assert!(is(1, &["+cd"]), "{}", log());
}
