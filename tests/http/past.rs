//! Walks of the past: kept, found again, and shown to those whom they concern.

use super::origin::{Origin, hello};
use super::{curl, lab};

const JSON: [&str; 2] = ["-H", "Accept: application/json"];
const HTML: [&str; 2] = ["-H", "Accept: text/html"];

fn json(url: &str) -> serde_json::Value {
    curl(&[JSON[0], JSON[1], url]).json()
}

#[test]
fn the_walk_that_brought_an_answer_can_be_read_later() {
    let here = lab(|_| {});
    let asked = curl(&[&format!("http://{here}/resolve?name=www.example.com&type=A")]).json();
    assert_eq!(asked["Status"], 0);
    // The answer comes from the cache now, and how it got there is still known.
    curl(&[&format!("http://{here}/resolve?name=www.example.com&type=A")]);
    let past = json(&format!("http://{here}/past?search=WWW.example"));
    let [row] = past["rows"].as_array().unwrap().as_slice() else { panic!("{past}") };
    assert_eq!(
        (&row["occasion"], &row["rcode"], &row["security"]),
        (&"query".into(), &"NOERROR".into(), &"secure".into())
    );
    let id = row["id"].as_str().unwrap();
    let walk = json(&format!("http://{here}/t/{id}"));
    assert_eq!((&walk["schema"], &walk["id"]), (&"rootwalk.trace/1".into(), &id.into()));
    assert!(walk["cost"]["queries"].as_u64().unwrap() > 3, "{walk}");
    assert_eq!(json(&format!("http://{here}/t/{id}")), curl(&[&format!("http://{here}/t/{id}.json")]).json());
    let entered = walk["steps"].as_array().unwrap().iter().filter(|step| step["event"] == "entered");
    let zones: Vec<&str> = entered.map(|step| step["zone"].as_str().unwrap()).collect();
    assert_eq!(zones, [".", "com.", "example.com."]);
    let text = curl(&[&format!("http://{here}/t/{id}")]);
    assert!(text.header("content-type").unwrap().starts_with("text/plain"));
    assert!(text.text().ends_with(&format!("  link      http://{here}/t/{id}\n")), "{}", text.text());
    // Watched again, each cache says what it has.
    let again = json(&format!("http://{here}/trace/www.example.com"));
    let events: Vec<&str> =
        again["steps"].as_array().unwrap().iter().map(|step| step["event"].as_str().unwrap()).collect();
    assert_eq!(events[..3], ["ready", "goal", "from_cache"], "{again}");
    assert_eq!(curl(&[&format!("http://{here}/t/000000000000")]).status, 404);
    let cut = curl(&[&format!("http://{here}/t/86d0dba09a8")]);
    assert_eq!(cut.status, 404);
    assert!(cut.text().contains("no link to a walk: its name is not twelve hexadecimal digits"), "{}", cut.text());
}

#[test]
fn past_journeys_are_found_as_well() {
    let here = lab(|_| {});
    let origin = Origin::serve("127.53.80.10", hello);
    let (good, bad) = (format!("www.example.com:{}/there", origin.port()), "www.refused.lab:8080/".to_owned());
    for page in [&good, &bad] {
        curl(&[&format!("http://{here}/journey?url=http://{page}")]);
    }
    let rows = |search: &str| json(&format!("http://{here}/past?{search}"))["rows"].as_array().unwrap().clone();
    let urls = |search: &str| -> Vec<String> {
        rows(search).iter().map(|row| row["url"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(urls("kind=journey"), [format!("http://{bad}"), format!("http://{good}")]);
    assert_eq!(urls("search=/THERE"), [format!("http://{good}")]);
    assert_eq!(urls("verdict=200"), urls("search=/there"));
    assert_eq!(urls("kind=journey&verdict=failed"), [format!("http://{bad}")]);
    assert!(rows("kind=walk").iter().all(|row| row["kind"] == "walk" && row["name"].is_string()));
    assert!(rows("").len() > rows("kind=walk").len());
    let failed = &rows("kind=journey&verdict=failed")[0];
    assert!(failed["why"].as_str().unwrap().contains("REFUSED") && failed["status"].is_null(), "{failed}");
    // Each form leads to the journey itself.
    let link = format!("/j/{}", failed["id"].as_str().unwrap());
    assert!(curl(&[&format!("http://{here}/past?kind=journey")]).text().contains(&link));
    let page = curl(&[HTML[0], HTML[1], &format!("http://{here}/past?kind=journey")]);
    assert!(page.text().contains(&format!("<a href=\"{link}\">http://{bad}</a>")), "{}", page.text());
    assert_eq!(curl(&[&format!("http://{here}{link}")]).status, 200);
}

#[test]
fn past_walks_are_searched() {
    let here = lab(|_| {});
    for name in ["www.example.com", "www.refused.lab", "www.bogus.lab", "nope.example.com", "www.slow.lab"] {
        curl(&[&format!("http://{here}/trace/{name}")]);
    }
    let names = |search: &str| -> Vec<String> {
        let past = json(&format!("http://{here}/past?{search}"));
        let rows = past["rows"].as_array().unwrap();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").len(), 5);
    assert_eq!(names("search=example"), ["nope.example.com.", "www.example.com."]);
    assert_eq!(names("verdict=failed"), ["www.bogus.lab.", "www.refused.lab."]);
    assert_eq!(names("verdict=bogus&search="), ["www.bogus.lab."]);
    assert_eq!(names("verdict=nxdomain"), ["nope.example.com."]);
    assert_eq!(names("slow_ms=390"), ["www.slow.lab."]);
    assert_eq!(names("limit=1"), ["www.slow.lab."]);
    assert_eq!(curl(&[&format!("http://{here}/past?slow_ms=x")]).status, 400);
    let text = curl(&[&format!("http://{here}/past?verdict=bogus")]);
    assert_eq!(text.text().lines().count(), 1, "{}", text.text());
}

#[test]
fn a_walk_is_readable_without_javascript() {
    let here = lab(|_| {});
    let page = curl(&[HTML[0], HTML[1], &format!("http://{here}/trace/www.refused.lab?type=A")]);
    let (text, policy) = (page.text(), page.header("content-security-policy").unwrap());
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    assert!(text.contains("<h1>www.refused.lab. A</h1>") && text.contains("answered REFUSED"), "{text}");
    let sent = curl(&[&format!("http://{here}/trace?name=0/26.80.53.127.in-addr.arpa&type=SOA&cold=")]);
    let to = sent.header("location").unwrap().to_owned();
    assert_eq!((sent.status, to.as_str()), (303, "/trace/0%2F26.80.53.127.in-addr.arpa?type=SOA"));
    assert!(curl(&[&format!("http://{here}{to}")]).text().contains("0/26.80.53.127.in-addr.arpa. SOA: NOERROR"));
    for name in ["%3Cscript%3Ealert(1)%3C%2Fscript%3E.example.com", "%22onload=%22.example.com", "%26lt;.lab"] {
        for form in [HTML, JSON] {
            let page = curl(&[form[0], form[1], &format!("http://{here}/trace/{name}")]);
            assert_eq!(page.status, 200);
            assert!(form == JSON || !page.text().contains("<script>") && !page.text().contains("\"onload"), "{name}");
        }
    }
    assert_eq!(curl(&[HTML[0], HTML[1], &format!("http://{here}/trace/a..b")]).status, 400);
    // A picture and a diagram of the most hostile name.
    let name = "%3Cscript%3Ealert(1);%23%3C%2Fscript%3E.example.com";
    let walk = json(&format!("http://{here}/trace/{name}?cold=1"));
    let form = |suffix: &str| curl(&[&format!("http://{here}/t/{}.{suffix}", walk["id"].as_str().unwrap())]);
    let (picture, diagram) = (form("svg"), form("mmd"));
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    assert!(picture.text().contains("&lt;script&gt;") && !picture.text().contains("<script"), "{}", picture.text());
    assert!(diagram.text().starts_with("sequenceDiagram\n") && diagram.text().contains("R->>S0: "));
    assert!(!diagram.text().contains('<') && !diagram.text().contains("(1);"), "{}", diagram.text());
    assert_eq!(form("exe").status, 404);
    // Unchecked, what is bogus is shown.
    let unchecked = json(&format!("http://{here}/trace/www.bogus.lab?cd=1"));
    assert_eq!((&unchecked["rcode"], &unchecked["checking_disabled"]), (&"NOERROR".into(), &true.into()));
}

#[test]
fn what_others_look_up_is_not_for_everybody_and_may_be_kept_nowhere() {
    let closed = lab(|settings| settings.http.past_allow = vec!["192.0.2.0/24".parse().unwrap()]);
    let got = curl(&[&format!("http://{closed}/past")]);
    assert!(got.status == 403 && got.text().contains("has to list that address in http.past_allow"), "{got:?}");
    let page = curl(&[HTML[0], HTML[1], &format!("http://{closed}/past")]);
    assert!(page.text().contains("127.0.0.1") && page.text().contains("href=\"/\""), "nowhere to go: {page:?}");
    let walk = json(&format!("http://{closed}/trace/www.example.com"));
    assert_eq!(curl(&[&format!("http://{closed}/t/{}", walk["id"].as_str().unwrap())]).status, 200);
    let none = lab(|settings| settings.http.past_size.0 = 0);
    let walk = json(&format!("http://{none}/trace/www.example.com"));
    assert_eq!(curl(&[&format!("http://{none}/t/{}", walk["id"].as_str().unwrap())]).status, 404);
}

#[test]
fn figures_count_what_was_asked() {
    let here = lab(|_| {});
    for _ in 0..3 {
        curl(&[&format!("http://{here}/resolve?name=www.example.com")]);
    }
    for name in ["www.refused.lab", "localhost"] {
        curl(&[&format!("http://{here}/resolve?name={name}&cd=1")]);
    }
    let live = json(&format!("http://{here}/live"));
    let number = |name: &str| live[name].as_u64().unwrap();
    // In the lab no name is special.
    assert_eq!((number("hits"), number("misses"), number("walks"), number("failed_walks")), (2, 3, 2, 1), "{live}");
    assert_eq!(live["waits"].as_array().unwrap().iter().map(|waits| waits.as_u64().unwrap()).sum::<u64>(), 3);
    assert!(number("asked") > 6 && number("cache_bytes") > 0 && number("cache_limit_bytes") > 48 << 20, "{live}");
    assert!(!live["slowest"].as_array().unwrap().is_empty());
    let metrics = curl(&[&format!("http://{here}/metrics")]);
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in ["rootwalk_queries_total{by=\"cache\"} 2", "rootwalk_wait_seconds_bucket{le=\"+Inf\"} 3"] {
        assert!(metrics.text().lines().any(|shown| shown == line), "{line}\n{}", metrics.text());
    }
    let zoo = json(&format!("http://{here}/zoo"));
    let lame = zoo.as_array().unwrap().iter().find(|exhibit| exhibit["title"] == "lame").unwrap();
    assert_eq!((&lame["name"], &lame["edes"][0]), (&"www.lame.lab.".into(), &22.into()));
    for path in ["/live", "/zoo", "/past"] {
        let page = curl(&[HTML[0], HTML[1], &format!("http://{here}{path}")]);
        assert!(page.status == 200 && page.text().contains("<h1>"), "{path}");
    }
}
