//! What the cache knows of a name is shown.

use std::net::SocketAddr;

use super::{curl, lab};

/// What is known of a name, each with its type and its owner.
fn known(here: SocketAddr, name: &str) -> Vec<(String, String, String)> {
    let told = curl(&[&format!("http://{here}/api/cache?name={name}")]).json();
    let word = |piece: &serde_json::Value, key: &str| piece[key].as_str().unwrap().to_owned();
    let piece = |piece| (word(piece, "known"), word(piece, "type"), word(piece, "name"));
    told["known"].as_array().unwrap().iter().map(piece).collect()
}

#[test]
fn what_is_known_of_a_name_is_shown_with_where_it_is_from() {
    let here = lab(|_| {});
    let known = |name: &str| -> Vec<(String, String)> {
        known(here, name).into_iter().map(|(known, rtype, _)| (known, rtype)).collect()
    };
    let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(known, rtype)| ((*known).to_owned(), (*rtype).to_owned())).collect()
    };
    assert_eq!(known("www.example.com"), []);
    for asked in ["www.example.com", "www.example.com&type=MX", "nope.example.com", "www.refused.lab"] {
        curl(&[&format!("http://{here}/resolve?name={asked}")]);
    }
    assert_eq!(known("WWW.example.com"), pairs(&[("delegation", "NS"), ("set", "A"), ("no_data", "MX")]));
    assert_eq!(known("nope.example.com")[..2], pairs(&[("delegation", "NS"), ("nx_domain", "ANY")]));
    assert_eq!(known("www.refused.lab").last(), pairs(&[("failure", "A")]).last());
    let told = curl(&[&format!("http://{here}/api/cache?name=www.example.com")]).json();
    let set = &told["known"][1];
    assert_eq!((&set["rank"], &set["security"]), (&"authoritative".into(), &"secure".into()), "{set}");
    assert_eq!(
        (&set["records"][0], &set["source"]["zone"]),
        (&"A 127.53.80.10".into(), &"example.com.".into()),
        "{set}"
    );
    let browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let read = |accept| curl(&["-H", accept, &format!("http://{here}/api/cache?name=www.example.com")]);
    assert!(read(browser).header("content-type").unwrap().starts_with("text/plain"));
    let text = read("Accept: text/plain");
    assert!(text.text().contains("the cache knows the record set www.example.com. A, "), "{}", text.text());
    assert!(text.text().contains(", authoritative, secure\n  A 127.53.80.10\n"), "{}", text.text());
    curl(&["-X", "POST", &format!("http://{here}/api/flush?name=www.example.com")]);
    assert_eq!(known("www.example.com"), pairs(&[("delegation", "NS")]));
    curl(&["-X", "POST", &format!("http://{here}/api/flush?name=.&tree=1")]);
    assert_eq!(known("www.example.com"), []);
    let closed = lab(|settings| settings.http.past_allow = vec!["192.0.2.0/24".parse().unwrap()]);
    assert_eq!(curl(&[&format!("http://{closed}/api/cache?name=a")]).status, 403);
    assert_eq!(curl(&[&format!("http://{here}/api/cache?name=a..b")]).status, 400);
}

/// What a walk would take from above is shown below it, and that a name does not exist also where DS alone was asked.
#[test]
fn what_is_known_of_names_above_is_shown_where_it_answers() {
    let here = lab(|_| {});
    for asked in ["nope.example.com", "nothing.example.net&type=DS", "www.old.example.com", "nope.example.net"] {
        curl(&[&format!("http://{here}/resolve?name={asked}")]);
    }
    let last = |name: &str| known(here, name).pop().unwrap();
    let piece = |known: &str, rtype: &str, name: &str| (known.to_owned(), rtype.to_owned(), name.to_owned());
    assert_eq!(last("a.b.nope.example.com"), piece("no_tree", "ANY", "nope.example.com."));
    assert_eq!(last("nothing.example.net"), piece("nx_domain", "DS", "nothing.example.net."));
    assert_eq!(last("ftp.old.example.com"), piece("alias", "DNAME", "old.example.com."));
    for (name, queries) in [("a.b.nope.example.com", 0), ("nothing.example.net&type=DS", 0)] {
        let trace = curl(&[&format!("http://{here}/api/trace?name={name}")]).json();
        assert_eq!(trace["cost"]["queries"], queries, "{trace}");
    }
    // Unproved it answers for the name alone.
    assert_eq!(last("a.nope.example.net").0, "delegation");
}
