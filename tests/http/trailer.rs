//! What comes behind a body.

use super::journey::{ask, journey, last};
use super::origin::{Origin, send};
use super::{LAB, curl};

#[test]
fn what_the_server_says_behind_the_body_counts_as_well() {
    let origin = Origin::serve("127.53.80.10", |head, stream| {
        assert!(head.contains("te: trailers\r\n"), "{head}");
        // A metric without a time, and a time that nobody believes.
        send(
            stream,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Server-Timing\r\nServer-Timing: cache, lb;dur=1e300\r\n\r\n\
             3\r\nabc\r\n0\r\nServer-Timing: db;dur=0.5;desc=\"all rows\"\r\nX-Sum: 5\r\n\r\n",
        )
    });
    let url = format!("http://www.example.com:{}/", origin.port());
    let told = journey(*LAB, &url);
    let response = &last(&told)["response"];
    let timing = response["server_timing"].as_array().unwrap();
    let said: Vec<_> = timing.iter().map(|one| (one["name"].as_str().unwrap(), &one["in_trailer"])).collect();
    assert_eq!(said, [("cache", &false.into()), ("lb", &false.into()), ("db", &true.into())]);
    assert_eq!(response["trailers"][1], serde_json::json!(["x-sum", "5"]));
    let drawn = ask(*LAB, &url, &["-H", "Accept: text/plain"]);
    assert!(drawn.text().contains("% of all, all rows"), "{}", drawn.text());
    let har = curl(&[&format!("http://{}/j/{}.har", *LAB, told["id"].as_str().unwrap())]).json();
    let behind = &har["log"]["entries"][0]["response"]["_trailers"][0];
    assert_eq!((&behind["name"], &behind["value"]), (&"server-timing".into(), &"db;dur=0.5;desc=\"all rows\"".into()));
    let events = ask(*LAB, &url, &["-H", "Accept: text/event-stream"]);
    assert!(events.text().contains("event: trailer\n"), "{}", events.text());
}
