//! The configuration as an operator meets it: files, variables, assignments, messages, documentation.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rootwalk::config::{self, BalancedHost, Bytes, Settings, Sources};
use rootwalk::http::Policy;
use rootwalk::trace::Limit;
use rootwalk::walk::limits::Limits;
use rootwalk::walk::minimise::Minimisation;

struct Given {
    folder: tempfile::TempDir,
}

impl Given {
    fn file(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rootwalk.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("rootwalk.toml")
    }

    fn settings(&self) -> Settings {
        config::load(&Sources { file: Some(&self.path()), ..Sources::default() }).unwrap()
    }

    /// The complaints, one in each line, the folder taken away.
    fn complaints(&self) -> Vec<String> {
        let error = config::load(&Sources { file: Some(&self.path()), ..Sources::default() }).unwrap_err();
        let folder = format!("{}/", self.folder.path().display());
        error.to_string().lines().map(|line| line.replace(&folder, "")).collect()
    }
}

fn variables(pairs: &[(&str, &str)]) -> Result<Settings, config::ConfigError> {
    let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    config::load(&Sources { variables, ..Sources::default() })
}

fn assigned(assignments: &[&str]) -> Result<Settings, config::ConfigError> {
    let assignments: Vec<String> = assignments.iter().map(|&text| text.to_owned()).collect();
    config::load(&Sources { assignments: &assignments, ..Sources::default() })
}

#[test]
fn without_any_source_this_machine_alone_is_served_from_the_root() {
    let settings = config::load(&Sources::default()).unwrap();
    assert_eq!(settings, Settings::default());
    let listen: Vec<String> = settings.server.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:53", "[::1]:53"]);
    assert!(settings.server.allow.iter().all(|net| net.addr().is_loopback()));
    assert_eq!(settings.root_hints.len(), 26);
    assert_eq!(settings.cache.size, Bytes(64 << 20));
    assert_eq!(settings.limits.queries, 100);
}

#[test]
fn a_file_is_read() {
    let given = Given::file(
        r#"
        [server]
        listen = ["127.0.0.1:5300"]
        allow = ["10.0.0.0/8", "::1"]
        identity = "lab \"one\""
        [resolver]
        qname_minimisation = "strict"
        upstream_port = 10_053
        query_loopback = true
        [cache]
        size = "1 MiB"
        max_ttl_secs = 0x10
        [[root_hint]]
        name = "a.root."
        address = "127.53.0.1"
        [[root_hint]]
        name = "a.root."
        address = "::1"
        "#,
    );
    let settings = given.settings();
    assert_eq!(settings.server.listen, ["127.0.0.1:5300".parse().unwrap()]);
    assert_eq!(settings.server.allow[1].to_string(), "::1/128");
    assert_eq!(settings.server.identity, "lab \"one\"");
    assert_eq!(settings.resolver.qname_minimisation, Minimisation::Strict);
    assert_eq!(settings.resolver.upstream_port, 10_053);
    assert_eq!(settings.cache.size, Bytes(1 << 20));
    assert_eq!(settings.cache.max_ttl_secs, 16);
    assert_eq!(settings.root_hints.len(), 2);
    assert_eq!(settings.root_hints[0].address, "127.53.0.1".parse::<IpAddr>().unwrap());
    // What the file does not name keeps its default.
    assert_eq!(settings.limits, Settings::default().limits);
}

#[test]
fn every_mistake_is_named_with_its_place_and_what_would_be_right() {
    let given = Given::file(concat!(
        "[sever]\n",
        "x = 1\n",
        "[server]\n",
        "lisen = [\"127.0.0.1:53\"]\n",
        "threads = \"two\"\n",
        "allow = [\"::1\", \"10.0.0.0/33\"]\n",
        "ipv6 = false\n",
        "[cache]\n",
        "  max_ttl_secs = 604801\n",
        "size = \"64 MB\"\n",
        "[resolver]\n",
        "qname_minimisation = \"lax\"\n",
        "[[root_hint]]\n",
        "name = \"a..b\"\n",
        "adress = \"192.0.2.1\"\n",
        "[[root_hint]]\n",
        "name = \"a.\"\n",
    ));
    let expected = [
        "rootwalk.toml:1:2: unknown section `sever`; did you mean `server`?",
        "rootwalk.toml:4:1: unknown key `lisen` in [server]; did you mean `listen`?",
        "rootwalk.toml:5:11: `server.threads` cannot be \"two\": expected a whole number from 0 to 1024",
        "rootwalk.toml:6:17: `server.allow` cannot hold \"10.0.0.0/33\": expected a network, such as \"192.0.2.0/24\"",
        "rootwalk.toml:7:1: unknown key `ipv6` in [server]; did you mean `resolver.ipv6`?",
        "rootwalk.toml:9:18: `cache.max_ttl_secs` cannot be 604801: expected a whole number from 0 to 604800",
        "rootwalk.toml:10:8: `cache.size` cannot be \"64 MB\": expected a number of octets, or one with a unit, such \
         as \"64 MiB\" (KiB, MiB, GiB) from \"1 MiB\" to \"1024 GiB\"",
        "rootwalk.toml:12:22: `resolver.qname_minimisation` cannot be \"lax\": expected one of \"off\", \"relaxed\" or \
         \"strict\"",
        "rootwalk.toml:14:8: `root_hint.name` cannot be \"a..b\": expected a domain name, such as \"ns.example.\", without wildcard or port",
        "rootwalk.toml:15:1: unknown key `adress` in [root_hint]; did you mean `address`?",
        "rootwalk.toml:16:1: this [[root_hint]] has no `address`",
    ];
    assert_eq!(given.complaints(), expected);
}

#[test]
fn zones_with_servers_of_their_own_are_read() {
    let given = Given::file(
        r#"
        [[forward]]
        zone = "."
        servers = ["192.0.2.1", "[2001:db8::1]:5353"]
        fallback = true
        [[stub]]
        zone = "corp.example"
        servers = ["10.0.0.1"]
        prime = true
        "#,
    );
    let settings = given.settings();
    let (forward, stub) = (&settings.forward[0], &settings.stub[0]);
    assert!(forward.zone.is_root() && forward.fallback && stub.prime && !stub.fallback);
    let servers: Vec<_> = forward.servers.iter().map(|server| (server.addr.to_string(), server.port)).collect();
    assert_eq!(servers, [("192.0.2.1".to_owned(), None), ("2001:db8::1".to_owned(), Some(5353))]);
    // With a forwarder for everything no root server has to be in reach.
    Given::file("[resolver]\nipv4 = false\nipv6 = false\n[[forward]]\nzone = \".\"\nservers = [\"::2\"]").settings();
    let complaints = Given::file(concat!(
        "[[forward]]\n",
        "zone = \"a.\"\n",
        "severs = [\"192.0.2.1\"]\n",
        "[[forward]]\n",
        "zone = \"b.\"\n",
        "servers = []\n",
        "[stub]\n",
        "zone = \"c.\"\n",
    ));
    let expected = [
        "rootwalk.toml:3:1: unknown key `severs` in [forward]; did you mean `servers`?",
        "rootwalk.toml:6:11: `forward.servers` cannot be []: expected a list of IP addresses, with ports if need be, \
         such as [\"192.0.2.1\", \"[2001:db8::1]:5353\"]",
        "rootwalk.toml:7:2: `stub` must be a list of tables, each under a heading in two pairs of brackets",
    ];
    assert_eq!(complaints.complaints(), expected);
    let same = "[[stub]]\nzone = \"a.\"\nservers = [\"::1\", \"[::1]:5353\"]\n";
    assert!(Given::file(same).complaints()[0].contains("::1 stands twice"));
    let twice = "[[forward]]\nzone = \"a.\"\nservers = [\"::1\"]\n[[stub]]\nzone = \"A\"\nservers = [\"::1\"]\n";
    assert!(Given::file(twice).complaints()[0].contains("entries for the zone a."));
}

#[test]
fn records_of_the_operator_and_a_hosts_file_are_read() {
    let given = Given::file("");
    let hosts = given.folder.path().join("hosts");
    std::fs::write(&hosts, "192.0.2.9 box.lan box\nnonsense\n").unwrap();
    let assignments = [
        "local.records=nas.lan A 192.0.2.1, www.lan 60 IN CNAME nas.lan".to_owned(),
        format!("local.hosts={}", hosts.display()),
        "dns64.prefix=2001:db8:64::/96".to_owned(),
    ];
    let settings = config::load(&Sources { assignments: &assignments, ..Sources::default() }).unwrap();
    let records: Vec<(String, u32)> =
        settings.local.records.iter().map(|record| (record.0.owner.to_string(), record.0.ttl_secs)).collect();
    assert_eq!(records, [("nas.lan.".to_owned(), 3600), ("www.lan.".to_owned(), 60)]);
    assert_eq!((settings.hosts.entries.len(), settings.hosts.dropped.len()), (1, 1));
    assert_eq!(settings.dns64.prefix.0.unwrap().to_string(), "2001:db8:64::/96");
    let wrong = |text: &str| Given::file(text).complaints().join("\n");
    let hosts = wrong("[local]\nhosts = \"/nonexistent\"");
    assert!(hosts.starts_with("/nonexistent: `local.hosts` names this file, which cannot be read"), "{hosts}");
    assert!(wrong("[local]\nrecords = [\"a CNAME b\", \"A TXT x\"]").contains("an alias stands alone"));
    assert!(wrong("[local]\nrecords = [\"*.a A 192.0.2.1\"]").contains("and no wildcard"));
    assert!(wrong("[dns64]\nprefix = \"64:ff9b::/95\"").contains("an IPv6 prefix of 32, 40"));
}

#[test]
fn a_host_may_be_balanced_in_its_own_way() {
    let settings = Given::file("[[balance]]\nhost = \"shop.example\"\npolicy = \"hash_url\"\n").settings();
    let [BalancedHost { host, policy }] = settings.balance.as_slice() else { panic!("{:?}", settings.balance) };
    assert_eq!((host.to_string().as_str(), *policy), ("shop.example.", Policy::HashUrl));
    let complaints = Given::file("[[balance]]\nhost = \"shop.example\"\npolicy = \"fair\"\n").complaints();
    assert!(complaints[0].contains("`balance.policy` cannot be \"fair\": expected one of"), "{complaints:?}");
}

#[test]
fn what_is_not_toml_is_said_with_its_place() {
    let complaints = Given::file("[server]\nthreads = \n").complaints();
    assert!(complaints[0].starts_with("rootwalk.toml:2:11: "), "{complaints:?}");
    let twice = Given::file("[server]\nthreads = 1\nthreads = 2\n").complaints();
    assert_eq!(twice, ["rootwalk.toml:3:1: `threads` stands here a second time"]);
    assert!(Given::file("server = 3\n").complaints()[0].contains("must be a section"));
    assert!(Given::file("listen = []\n").complaints()[0].contains("did you mean `server.listen`?"));
    let latin = Given::file("");
    std::fs::write(latin.path(), b"# gr\xc3\xbc\xc3\x9fe\n[server]\nidentity = \"gr\xfc\xdfe\"\n").unwrap();
    assert_eq!(latin.complaints(), ["rootwalk.toml:3:15: this is not UTF-8: save the file in that encoding"]);
    let missing = config::load(&Sources { file: Some(Path::new("/nonexistent.toml")), ..Sources::default() });
    assert!(missing.unwrap_err().to_string().starts_with("/nonexistent.toml: cannot be read: "));
    // Of a file of another kind each line is a mistake.
    let prose = Given::file(&"not a word of this\n".repeat(300)).complaints();
    assert!(prose.len() == 21 && prose[20] == "280 more mistakes are not shown", "{prose:?}");
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    let wrong = |text: &str| Given::file(text).complaints().join("\n");
    assert!(wrong("[server]\nlisten = []").starts_with("rootwalk.toml: `server.listen` is empty"));
    assert!(assigned(&["server.listen="]).unwrap_err().to_string().starts_with("`server.listen` is empty"));
    assert!(
        wrong("[dnssec]\ntrust_anchors = []").contains("`dnssec.validate` is on and `dnssec.trust_anchors` is empty")
    );
    let cut = wrong("[dnssec]\ntrust_anchors = [\". DS 20326 8 2 E06D44\"]");
    assert!(cut.contains("cannot hold \". DS 20326 8 2 E06D44\": expected a DS or DNSKEY record"), "{cut}");
    assert!(assigned(&["dnssec.trust_anchors=", "dnssec.validate=false"]).is_ok());
    assert!(wrong("[cache]\nmin_ttl_secs = 60\nmax_ttl_secs = 30").contains("`cache.min_ttl_secs` is greater"));
    assert!(wrong("[cache]\nmin_negative_ttl_secs = 3601").contains("`cache.min_negative_ttl_secs` is greater"));
    let twice = wrong("[server]\nlisten = [\"[::1]:53\", \"127.0.0.1:53\", \"0.0.0.0:53\"]");
    assert!(twice.contains("`server.listen` has 127.0.0.1:53 and `server.listen` has 0.0.0.0:53"), "{twice}");
    assert!(assigned(&["server.listen=127.0.0.1:53,[::]:53,127.0.0.2:53", "http.listen=127.0.0.1:54"]).is_ok());
    assert!(assigned(&["server.listen=127.0.0.1:53", "http.listen=127.0.0.1:53"]).is_err());
    let usual = "server.listen=127.0.0.1:8053";
    assert!(assigned(&[usual]).is_ok(), "the usual place of HTTP is left out then");
    assert!(assigned(&[usual, "http.listen=127.0.0.1:8053"]).is_err(), "but not where somebody named it");
    let ports = "[resolver]\nsource_port_min = 40000\nsource_port_max = ";
    assert!(wrong(&format!("{ports}39999")).contains("`resolver.source_port_min` is greater"));
    let none = wrong(&format!("{ports}40001\navoid_source_ports = [40001, 40000]"));
    assert!(none.contains("all ports from 40000 to 40001"), "{none}");
    assert!(wrong("[resolver]\nipv4 = false\nipv6 = false").contains("no root server can be asked"));
    // Hints on loopback without leave to ask loopback: the walk could never begin.
    let loopback = "[[root_hint]]\nname = \"a.\"\naddress = \"127.0.0.1\"\n";
    assert!(wrong(loopback).contains("`resolver.query_loopback` is off"));
    Given::file(&format!("{loopback}[resolver]\nquery_loopback = true\n")).settings();
    let private = "[[root_hint]]\nname = \"a.\"\naddress = \"10.0.0.1\"\n";
    assert!(wrong(private).contains("`resolver.query_private` is off"));
    Given::file(&format!("{private}[resolver]\nquery_private = true\n")).settings();
    assert!(wrong("[resolver]\ndo_not_query = [\"0.0.0.0/0\", \"::/0\"]").contains("`resolver.do_not_query` lists"));
    // It is the file that is wrong, whatever variables others have set.
    let crossed = Given::file("[cache]\nmin_ttl_secs = 60\nmax_ttl_secs = 30");
    let variables = vec![("HOME".to_owned(), "/".to_owned())];
    let sources = Sources { file: Some(&crossed.path()), variables, ..Sources::default() };
    let told = config::load(&sources).unwrap_err().to_string();
    assert!(told.contains("rootwalk.toml: `cache.min_ttl_secs` is greater"), "{told}");
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let given = Given::file("[server]\nthreads = 1\n[limits]\nqueries = 11\ndepth = 3\n");
    let variables = [("ROOTWALK_SERVER_THREADS", "2"), ("ROOTWALK_LIMITS_QUERIES", "22")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let assignments = ["limits.queries=33".to_owned()];
    let sources = Sources { file: Some(&given.path()), variables, assignments: &assignments, ..Sources::default() };
    let settings = config::load(&sources).unwrap();
    assert_eq!((settings.limits.depth, settings.server.threads, settings.limits.queries), (3, 2, 33));
}

#[test]
fn variables_are_read_and_foreign_ones_left_alone() {
    let settings = variables(&[
        ("ROOTWALK_SERVER_ALLOW", "10.0.0.0/8, ::1"),
        ("ROOTWALK_SERVER_TCP_NOT_OURS_X", "1"),
        ("HOME", "x"),
    ]);
    let message = settings.unwrap_err().to_string();
    let expected = "environment variable ROOTWALK_SERVER_TCP_NOT_OURS_X: unknown key `tcp_not_ours_x` in [server]";
    assert_eq!(message, expected);
    let wrong = |name| variables(&[(name, "2")]).unwrap_err().to_string();
    assert!(wrong("ROOTWALK_SEVER_THREADS").ends_with("unknown section `sever`; did you mean `server`?"));
    assert!(wrong("ROOTWALK_SERVER").contains("`server` is a section and no key: expected ROOTWALK_SECTION_KEY"));
    assert!(wrong("ROOTWALK_LOCAL_ROOT").contains("`local_root` is a section"));
    assert!(wrong("ROOTWALK_FORWARD").contains("[[forward]] is a list of tables, which only the file can have"));
    // Kubernetes and Docker set such variables for services that are called rootwalk, rootwalk-dns and rootwalk-http.
    let settings = variables(&[
        ("ROOTWALK_SERVICE_HOST", "10.0.0.1"),
        ("ROOTWALK_PORT", "udp://10.0.0.1:53"),
        ("ROOTWALK_PORT_53_UDP", "udp://10.0.0.1:53"),
        ("ROOTWALK_PORT_53_UDP_PROTO", "udp"),
        ("ROOTWALK_DNS_SERVICE_PORT_UDP", "53"),
        ("ROOTWALK_DNS_PORT_53_UDP_ADDR", "10.0.0.1"),
        ("ROOTWALK_HTTP_SERVICE_HOST", "10.0.0.1"),
        ("ROOTWALK_HTTP_PORT", "tcp://10.0.0.1:80"),
        ("ROOTWALK_NAME", "/client/rootwalk"),
        ("ROOTWALK_ENV_PATH", "/bin"),
        ("ROOTWALK_DNS_NAME", "/client/dns"),
        ("ROOTWALK_TAG", "latest"),
        ("ROOTWALK_TEST", "1"),
        ("ROOTWALK_LAB", "1"),
        ("ROOTWALK_RESOLVER_QNAME_MINIMISATION", "off"),
        ("ROOTWALK_ROOT_HINT", "a.=192.0.2.1,b.=2001:db8::1"),
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.resolver.qname_minimisation, Minimisation::Off);
    assert_eq!(settings.root_hints.len(), 2);
}

#[test]
fn assignments_say_what_is_wrong_with_them() {
    let wrong = |text: &str| assigned(&[text]).unwrap_err().to_string();
    assert!(wrong("server.threads").contains("expected SECTION.KEY=VALUE"));
    assert!(wrong("server.treads=1").contains("did you mean `threads`?"));
    assert!(wrong("threads=1").contains("did you mean `server.threads`?"));
    assert!(wrong("treads=1").contains("expected SECTION.KEY=VALUE"));
    for list in ["forward.zone=x", "forward=.=192.0.2.1"] {
        assert!(wrong(list).contains("[[forward]] is a list of tables"));
    }
    assert!(wrong("log.level=loud").starts_with("--set log.level=loud: `log.level` cannot be \"loud\""));
    assert!(wrong("log.level=loud").ends_with("one of \"error\", \"warn\", \"info\", \"debug\" or \"trace\""));
    assert!(
        wrong("server.listen=[::1]")
            .ends_with(": expected a list of addresses with ports, such as 127.0.0.1:53,[::1]:53")
    );
    assert_eq!(assigned(&["server.identity=a=b"]).unwrap().server.identity, "a=b");
}

#[test]
fn a_certificate_that_nobody_would_see_is_a_mistake() {
    let told = assigned(&["tls.key=key.pem"]).unwrap_err().to_string();
    assert!(told.contains("`http.tls_listen`, which are empty"), "{told}");
    for door in ["server.tls_listen", "http.tls_listen"] {
        let told = assigned(&[&format!("{door}=127.0.0.1:853")]).unwrap_err().to_string();
        assert!(told.contains(&format!("`{door}` needs a certificate and its key")), "{told}");
        let (both, tls) = (format!("{door}=127.0.0.1:53"), ["tls.certificate=cert.pem", "tls.key=key.pem"]);
        let told = assigned(&[&both, tls[0], tls[1]]).unwrap_err().to_string();
        assert!(told.contains("`server.listen` has 127.0.0.1:53") && told.contains(door), "{told}");
    }
}

/// The lab has a certificate of its own, and its door can be moved and closed.
#[test]
fn who_begins_with_a_door_for_tls_brings_the_certificate() {
    let mut base = Settings::default();
    base.server.tls_listen = vec!["127.0.0.1:8530".parse().unwrap()];
    let assigned = |assignments: &[&str]| {
        let assignments: Vec<String> = assignments.iter().map(ToString::to_string).collect();
        config::load(&Sources { base: base.clone(), assignments: &assignments, ..Sources::default() })
    };
    for fine in [
        &["server.tls_listen=127.0.0.1:9853"][..],
        &["http.tls_listen=127.0.0.1:8443"],
        &["server.tls_listen="],
        &["tls.certificate=cert.pem", "tls.key=key.pem"],
    ] {
        assert!(assigned(fine).is_ok(), "{fine:?}");
    }
    assert!(assigned(&["tls.certificate=cert.pem"]).is_err(), "half of one is none");
}

#[test]
fn the_reference_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, config::reference()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == config::reference(),
        "docs/config.md does not say what src/config/settings/ says; run `BLESS=1 cargo test --test config`"
    );
}

/// A key of the reference: where it stands, its default as TOML, and the variable that sets it.
struct Documented {
    section: String,
    key: String,
    default: String,
    variable: String,
}

fn documented() -> Vec<Documented> {
    let (mut keys, mut section): (Vec<Documented>, _) = (Vec::new(), String::new());
    for line in config::reference().lines() {
        if let Some(name) = line.strip_prefix("## [").and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some(setting) = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`')) {
            let (key, default) = setting.split_once(" = ").unwrap();
            let (key, default, variable) = (key.to_owned(), default.to_owned(), String::new());
            keys.push(Documented { section: section.clone(), key, default, variable });
        } else if let Some((_, variable)) = line.split_once("Variable: `")
            && let Some(last) = keys.last_mut().filter(|last| last.variable.is_empty())
        {
            last.variable = variable.trim_end_matches("`.").to_owned();
        }
    }
    keys
}

#[test]
fn every_documented_key_takes_its_default_from_all_three_sources() {
    let keys = documented();
    assert!(keys.len() > 20, "{}", keys.len());
    let (mut file, mut section) = (String::new(), "");
    for key in &keys {
        if key.section != section {
            section = &key.section;
            file += &format!("[{section}]\n");
        }
        file += &format!("{} = {}\n", key.key, key.default);
    }
    let values = |loaded: Settings| Settings { named: Settings::default().named, ..loaded };
    assert_eq!(values(Given::file(&file).settings()), Settings::default());
    // As text a string has no quotes, and a list may be written as in the file.
    let plain = |key: &Documented| key.default.trim_matches('"').to_owned();
    let assignments: Vec<String> =
        keys.iter().map(|key| format!("{}.{}={}", key.section, key.key, plain(key))).collect();
    let sources = Sources { assignments: &assignments, ..Sources::default() };
    assert_eq!(values(config::load(&sources).unwrap()), Settings::default());
    let variables: Vec<(String, String)> = keys.iter().map(|key| (key.variable.clone(), plain(key))).collect();
    let sources = Sources { variables, ..Sources::default() };
    assert_eq!(values(config::load(&sources).unwrap()), Settings::default());
}

/// That a default is taken would not be noticed if nothing were: each variable must be able to be wrong.
#[test]
fn what_a_trace_says_of_a_limit_is_where_it_is_set() {
    let (documented, limits) = (documented(), Limits::default());
    let fixed = Limit::ALL.iter().filter(|limit| limit.key().is_none()).count();
    assert_eq!(fixed, 1);
    for (limit, key) in Limit::ALL.iter().filter_map(|limit| Some((limit, limit.key()?))) {
        let setting = documented.iter().find(|setting| setting.section == "limits" && setting.key == key);
        let setting = setting.unwrap_or_else(|| panic!("limits.{key} is no setting"));
        let number: String = setting.default.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(number, limits.value(*limit).to_string(), "{key}");
        assert!(limit.to_string().ends_with(&format!("(limits.{key})")));
    }
}

#[test]
fn every_documented_variable_is_one() {
    for Documented { section, key, variable, .. } in documented() {
        let refused = variables(&[(&format!("{variable}_X"), "")]).unwrap_err().to_string();
        let expected = format!("environment variable {variable}_X: unknown key `{key}_x` in [{section}]");
        assert!(refused.starts_with(&expected), "{refused}");
    }
    let settings = variables(&[("ROOTWALK_LOCAL_ROOT_SERVERS", "192.0.2.1")]).unwrap();
    assert_eq!(settings.local_root.servers.len(), 1);
    assert_eq!(assigned(&["http.listen=[]", "proxy.connect_ports=[443, 8443]"]).unwrap().proxy.connect_ports.len(), 2);
}

#[test]
fn no_key_is_only_parsed() {
    let source = |path: &Path| std::fs::read_to_string(path).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = std::fs::read_dir(root.join("src/run")).unwrap().map(|file| source(&file.unwrap().path()));
    let users: String = run.chain([source(&root.join("src/cli/log.rs"))]).collect();
    let keys = config::reference();
    let keys = keys.lines().filter_map(|line| line.strip_prefix("### `")?.split_once(" = "));
    let idle: Vec<&str> = keys.map(|(key, _)| key).filter(|key| !users.contains(&format!(".{key}"))).collect();
    assert_eq!(idle, [""; 0], "these keys are read and nothing is done with them");
}

proptest! {
    /// Any text is read or refused with a place inside the file; nothing panics.
    #[test]
    fn any_text_is_read_or_refused(text in "(\\[|\\]|=|\"|\n|server|cache|root_hint|name|listen|threads|[0-9]|[ -~]|\\PC){0,60}") {
        let given = Given::file(&text);
        if let Err(error) = config::load(&Sources { file: Some(&given.path()), ..Sources::default() }) {
            prop_assert!(!error.0.is_empty());
            for complaint in &error.0 {
                if let config::Place::File { line, column, .. } = &complaint.place {
                    prop_assert!(*line <= text.matches('\n').count() + 1 && *column <= text.chars().count() + 1);
                }
            }
        }
    }
}
