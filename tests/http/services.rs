//! HTTPS records (RFC 9460): where they send a journey, and a tunnel.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::LAB;
use super::journey::{ask, attempts, failure, hops, journey, last, with_records};
use super::origin::{Origin, hello};

#[test]
fn https_records_say_where_to_go() {
    let origin = Origin::serve("127.53.80.10", |_, _| false);
    let port = origin.port();
    let service = format!("svc.example. 300 IN HTTPS 1 . alpn=h2 port={port}");
    let ports = format!("multi.example. 300 IN HTTPS 2 second.example. port={port}");
    let server = with_records(
        &[
            "www.example. 300 IN HTTPS 0 svc.example.",
            &service,
            "svc.example. 300 IN A 127.53.80.10",
            &ports,
            "multi.example. 300 IN HTTPS 1 . alpn=h3 no-default-alpn",
            "multi.example. 300 IN HTTPS 3 . port=25",
            "multi.example. 300 IN HTTPS 4 . mandatory=key700 key700=x",
            "second.example. 300 IN A 127.53.80.10",
            "loop.example. 300 IN HTTPS 0 loop2.example.",
            "loop2.example. 300 IN HTTPS 0 loop.example.",
            "loop.example. 300 IN A 127.53.80.11",
            "hint.example. 300 IN HTTPS 1 gone.example. ipv4hint=127.0.0.1",
            "none.example. 300 IN HTTPS 0 .",
            "none.example. 300 IN A 127.53.80.11",
        ],
        |_| {},
    );
    let address = format!("127.53.80.10:{port}");
    let alias = journey(server, "https://www.example/");
    let (hop, services) = (last(&alias), &last(&alias)["services"]);
    assert_eq!((attempts(hop), &services["alias"]), (vec![(address.as_str(), "connected")], &"svc.example.".into()));
    assert_eq!(
        (&hop["tls"]["offered"], &hop["tls"]["server_name"]),
        (&serde_json::json!(["h2", "http/1.1"]), &"www.example".into())
    );
    let multi = journey(server, "https://multi.example/");
    assert_eq!(attempts(last(&multi)), [(address.as_str(), "connected")]);
    let unused = last(&multi)["services"]["unused"].to_string();
    assert!(unused.contains("h3") && unused.contains("port 25") && unused.contains("key 700"), "{unused}");
    for (url, host) in [("https://loop.example/", "leads back"), ("https://none.example/", "no such service")] {
        let told = journey(server, url);
        assert_eq!(attempts(last(&told)), [("127.53.80.11:443", "refused")], "the host itself is the last resort");
        assert!(last(&told)["services"]["unused"].to_string().contains(host), "{told}");
    }
    // A hint is judged like any address.
    let hint = journey(server, "https://hint.example/");
    assert_eq!(
        (attempts(last(&hint)), failure(&hint).0),
        (vec![("127.0.0.1:443", "prohibited")], "destination_ip_prohibited")
    );
    // http on its usual port goes where the record says; on others it stays.
    let upgraded = journey(server, "http://svc.example/x?y#z");
    assert_eq!(hops(&upgraded)[0]["end"], serde_json::json!({ "kind": "upgrade", "to": "https://svc.example/x?y" }));
    assert_eq!(attempts(last(&upgraded)), [(address.as_str(), "connected")]);
    let stays = journey(server, "http://svc.example:8080/");
    assert_eq!((hops(&stays).len(), attempts(last(&stays))), (1, vec![("127.53.80.10:8080", "refused")]));
}

#[test]
fn an_alias_is_no_https_record() {
    for (host, brought) in [("www.example.com", "found"), ("alias.example.com", "none")] {
        let told = ask(*LAB, &format!("https://{host}/"), &["-H", "Accept: text/plain"]);
        let line = format!("{host} HTTPS");
        let text = told.text();
        let line = text.lines().find(|row| row.contains(&line)).unwrap_or_default();
        assert!(line.contains(&format!(" {brought}, ")), "{text}");
    }
}

#[test]
fn an_alias_that_never_ends_is_given_up() {
    let mut records: Vec<String> =
        (0..20).map(|nth| format!("a{nth}.example. 300 IN HTTPS 0 a{}.example.", nth + 1)).collect();
    records.push("a0.example. 300 IN A 127.53.80.11".to_owned());
    let server = with_records(&records.iter().map(String::as_str).collect::<Vec<_>>(), |_| {});
    let told = journey(server, "https://a0.example/");
    assert!(last(&told)["services"]["unused"].to_string().contains("more than 8 aliases"), "{told}");
    assert_eq!(attempts(last(&told)), [("127.53.80.11:443", "refused")]);
    assert!(last(&told)["lookups"].as_array().unwrap().len() <= 3 * 10);
}

#[test]
fn a_tunnel_goes_where_the_https_record_says_as_far_as_its_port_is_allowed() {
    let origin = Origin::serve("127.53.80.10", hello);
    let port = origin.port();
    let record = format!("svc.example. 300 IN HTTPS 1 there.example. port={port}");
    let records = [record.as_str(), "there.example. 300 IN A 127.53.80.10", "svc.example. 300 IN A 127.53.80.11"];
    let ask = |proxy: SocketAddr| {
        let mut stream = TcpStream::connect(proxy).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"CONNECT svc.example:443 HTTP/1.1\r\nHost: svc.example:443\r\n\r\n").unwrap();
        let mut head = [0; 2048];
        let length = stream.read(&mut head).unwrap();
        String::from_utf8_lossy(&head[..length]).into_owned()
    };
    let proxy = with_records(&records, |settings| settings.proxy.connect_ports = vec![443, port]);
    // On a busy machine the record comes later than it is waited for (RFC 8305 §3), and is known the next time.
    let is_told = |answer: &String| answer.starts_with("HTTP/1.1 200 ");
    let allowed = (0..5).map(|_| ask(proxy)).find(is_told).unwrap_or_else(|| ask(proxy));
    assert!(allowed.starts_with("HTTP/1.1 200 ") && allowed.contains(&format!("\"127.53.80.10:{port}\"")), "{allowed}");
    let refused = ask(with_records(&records, |_| {}));
    assert!(refused.starts_with("HTTP/1.1 502 ") && refused.contains("127.53.80.11:443 refused"), "{refused}");
    assert!(!refused.contains(&format!(":{port}")), "{refused}");
}
