//! The lab against its own data: every row, every server, every delegation, and the rules of an authoritative server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use rootwalk::lab::{Lab, Needs, Packet, Reaction};
use rootwalk::trace::Transport;
use rootwalk::wire::{Edns, Flags, Name, Question, Record, RecordType, Reply, ResponseCode, write_query};

/// A Saturday in November 2026.
const NOW_UNIX_SECS: u32 = 1_795_219_200;

fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::embedded(NOW_UNIX_SECS).unwrap())
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn query(question: &Question, edns: Option<&Edns>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_query(4711, question, Flags::default(), edns, &mut bytes);
    bytes
}

fn packets(server: IpAddr, transport: Transport, bytes: &[u8], nth: u64) -> Vec<Packet> {
    match lab().authority().react(server, transport, bytes, nth).unwrap() {
        Reaction::Packets(packets) => packets,
        Reaction::Refused => Vec::new(),
    }
}

/// One question over TCP, with DO.
fn ask(server: &str, owner: &str, qtype: RecordType) -> Reply {
    let bytes = query(&Question::new(name(owner), qtype), Some(&Edns::new(1232, true)));
    let sent = packets(address(server), Transport::Tcp, &bytes, 1);
    Reply::read(&sent.last().unwrap().bytes).unwrap()
}

fn types(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.rtype.to_string()).collect()
}

/// The right reply of a server, however it is to be had: over TCP, without EDNS, at the second try.
fn coax(server: IpAddr, question: &Question) -> Option<Reply> {
    let right = |sent: Vec<Packet>| {
        let mut replies = sent.iter().map(|packet| Reply::read(&packet.bytes).unwrap());
        replies.find(|reply| reply.id == 4711 && reply.question.as_ref().is_some_and(|asked| asked == question))
    };
    for edns in [Some(Edns::new(1232, false)), None] {
        let bytes = query(question, edns.as_ref());
        let mut reply = right(packets(server, Transport::Udp, &bytes, 1))?;
        if reply.flags.tc() {
            reply = right(packets(server, Transport::Tcp, &bytes, 1))?;
        }
        match reply.rcode {
            ResponseCode::FormErr => {}
            ResponseCode::NoError | ResponseCode::NXDomain => return Some(reply),
            _ => return None,
        }
    }
    None
}

/// A resolver of a few lines that knows no cache: the truth of the zones as the servers tell it.
struct Walker {
    asks: usize,
}

impl Walker {
    fn resolve(&mut self, question: &Question, depth: usize) -> Option<Reply> {
        let mut wanted = question.clone();
        let mut links = 0;
        loop {
            let reply = self.walk(&wanted, depth)?;
            let alias = |owner: &Name| {
                let found = reply.answer.iter().find(|r| r.rtype == RecordType::CNAME && r.owner == *owner);
                found.and_then(Record::target)
            };
            let mut last = wanted.name.clone();
            while let Some(target) = alias(&last) {
                last = target;
                links += 1;
                if links > 11 {
                    return None;
                }
            }
            if last == wanted.name || reply.answer.iter().any(|r| r.rtype == wanted.qtype && r.owner == last) {
                return Some(reply);
            }
            wanted.name = last;
        }
    }

    /// From the root down to the servers that answer with authority.
    fn walk(&mut self, question: &Question, depth: usize) -> Option<Reply> {
        let mut zone = Name::root();
        let mut servers: Vec<IpAddr> = lab().root_hints().into_iter().flat_map(|(_, addresses)| addresses).collect();
        loop {
            let reply = servers.iter().find_map(|server| {
                self.asks += 1;
                coax(*server, question)
            })?;
            let cut = reply.authority.iter().find(|r| r.rtype == RecordType::NS).map(|r| r.owner.clone());
            let Some(cut) = cut.filter(|_| !reply.flags.aa()) else { return Some(reply) };
            if self.asks > 300 || depth > 6 || !cut.is_below(&zone) {
                return None;
            }
            servers = self.addresses(&reply, depth);
            zone = cut;
        }
    }

    fn addresses(&mut self, referral: &Reply, depth: usize) -> Vec<IpAddr> {
        let named: Vec<Name> = referral.authority.iter().filter_map(Record::target).collect();
        let glue = referral.additional.iter().filter(|record| named.contains(&record.owner));
        let glue: Vec<IpAddr> = glue.filter_map(Record::address).collect();
        if !glue.is_empty() {
            return glue;
        }
        // One name is enough here: what is missing is found missing by all.
        let found = named.first().and_then(|host| self.resolve(&Question::new(host.clone(), RecordType::A), depth + 1));
        found.iter().flat_map(|reply| &reply.answer).filter_map(Record::address).collect()
    }
}

fn resolve(question: &Question) -> Option<Reply> {
    Walker { asks: 0 }.resolve(question, 0)
}

#[test]
fn every_healthy_row_holds() {
    assert!(lab().healthy().len() > 20);
    for row in lab().healthy() {
        let reply = resolve(&row.ask).unwrap_or_else(|| panic!("{:?} has no answer", row.ask));
        assert!(row.rcodes.contains(&reply.rcode), "{:?}: {}", row.ask, reply.rcode);
        assert!(reply.damage.is_empty(), "{:?}: {:?}", row.ask, reply.damage);
        let empty = reply.rcode == ResponseCode::NXDomain || row.what.contains("without data");
        assert_eq!(reply.answer.is_empty(), empty, "{:?}", row.ask);
    }
}

#[test]
fn every_row_of_the_zoo_is_what_it_says() {
    assert!(lab().zoo().len() > 35);
    for row in lab().zoo() {
        let rcode = resolve(&row.ask).map_or(ResponseCode::ServFail, |reply| reply.rcode);
        match row.needs {
            // Without DNSSEC the data of these rows is there for the taking.
            Needs::Validation => assert_ne!(rcode, ResponseCode::ServFail, "{}", row.name),
            Needs::Iteration | Needs::Defences => assert!(row.rcodes.contains(&rcode), "{}: {rcode}", row.name),
        }
    }
    let names: BTreeSet<&str> = lab().zoo().iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), lab().zoo().len(), "a name stands for one row");
}

#[test]
fn the_table_has_every_row() {
    let table = lab().list_table();
    for row in lab().zoo() {
        assert!(table.contains(&row.name) && table.contains(&row.what), "{}", row.name);
    }
    assert!(table.is_ascii() || table.contains('…'), "{table}");
}

#[test]
fn every_server_has_a_name_an_address_and_a_pointer() {
    for server in lab().authority().addresses() {
        let owner = lab().authority().name(server).unwrap();
        let IpAddr::V4(v4) = server else { panic!("{server}") };
        let [a, b, c, d] = v4.octets();
        let pointer = Question::new(name(&format!("{d}.{c}.{b}.{a}.in-addr.arpa")), RecordType::PTR);
        let targets: Vec<Name> = resolve(&pointer).unwrap().answer.iter().filter_map(Record::target).collect();
        assert_eq!(targets, std::slice::from_ref(owner), "{server}");
        // Broken servers do not tell their own address; the delegation above them does.
        if let Some(reply) = resolve(&Question::new(owner.clone(), RecordType::A)) {
            let told: Vec<IpAddr> = reply.answer.iter().filter_map(Record::address).collect();
            assert_eq!(told, [server], "{owner}");
        }
    }
}

#[test]
fn every_web_origin_has_a_pointer_to_a_name_that_leads_back() {
    let text = include_str!("../zones/lab.toml");
    let table: toml::Table = text.parse().unwrap();
    let origins = table["web"]["origin"].as_array().unwrap();
    for origin in origins {
        let address = origin["address"].as_str().unwrap();
        let [a, b, c, d] = address.parse::<Ipv4Addr>().unwrap().octets();
        let pointer = Question::new(name(&format!("{d}.{c}.{b}.{a}.in-addr.arpa")), RecordType::PTR);
        let reply = resolve(&pointer).unwrap();
        let target = reply.answer.iter().find(|record| record.rtype == RecordType::PTR).and_then(Record::target);
        let target = target.unwrap_or_else(|| panic!("{address} has no name"));
        let reply = resolve(&Question::new(target.clone(), RecordType::A)).unwrap();
        let told: Vec<IpAddr> = reply.answer.iter().filter_map(Record::address).collect();
        assert_eq!(told, [address.parse::<IpAddr>().unwrap()], "{target}");
    }
}

#[test]
fn parent_and_child_agree_on_name_servers_and_glue() {
    for zone in lab().zones().iter().filter(|zone| !zone.is_root()) {
        let text = lab().authority().master_file(zone).unwrap();
        let lines_of = |text: &str, owner: &Name, rtype: &str| -> BTreeSet<String> {
            let fields = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let found = fields.filter(|line| line[0] == owner.to_string() && line[3] == rtype);
            found.map(|line| line[4].to_owned()).collect()
        };
        let above =
            lab().zones().into_iter().filter(|other| zone.is_below(other)).max_by_key(Name::label_count).unwrap();
        let parent = lab().authority().master_file(&above).unwrap();
        let (theirs, ours) = (lines_of(&parent, zone, "NS"), lines_of(&text, zone, "NS"));
        assert_eq!(theirs, ours, "{zone}");
        for server in ours.iter().map(|server| name(server)).filter(|server| server.is_within(zone)) {
            let glue = lines_of(&parent, &server, "A");
            assert_eq!(glue, lines_of(&text, &server, "A"), "{server}");
            assert!(!glue.is_empty(), "{server}");
        }
    }
}

#[test]
fn referrals_carry_ds_or_the_proof_that_there_is_none() {
    let secure = ask("127.53.1.1", "www.example.com", RecordType::A);
    assert!(!secure.flags.aa() && secure.answer.is_empty());
    assert_eq!(types(&secure.authority), ["NS", "NS", "DS", "RRSIG"]);
    assert_eq!(types(&secure.additional), ["A", "A"], "glue is not signed");
    for (server, owner, proof) in
        [("127.53.1.1", "www.example-brand.com", "NSEC3"), ("127.53.1.7", "www.slow.lab", "NSEC")]
    {
        let insecure = ask(server, owner, RecordType::A);
        assert!(types(&insecure.authority).iter().any(|rtype| rtype == proof), "{owner}: {:?}", insecure.authority);
        assert!(!types(&insecure.authority).iter().any(|rtype| rtype == "DS"), "{owner}");
    }
    // RFC 4035 §3.1.4.1: the DS set is answered by the parent, with authority.
    let ds = ask("127.53.1.1", "example.com", RecordType::DS);
    assert!(ds.flags.aa());
    assert_eq!(types(&ds.answer), ["DS", "RRSIG"]);
}

#[test]
fn names_are_matched_as_rfc_1034_says() {
    let case = |server, owner, qtype| {
        let reply = ask(server, owner, qtype);
        (reply.rcode, reply.flags.aa(), types(&reply.answer).join(" "), types(&reply.authority).join(" "))
    };
    let is = |rcode, aa, answer: &str, authority: &str| (rcode, aa, answer.to_owned(), authority.to_owned());
    use ResponseCode::{NXDomain, NoError, Refused};
    let ns1 = "127.53.2.1";
    assert_eq!(case(ns1, "www.example.com", RecordType::A), is(NoError, true, "A RRSIG", ""));
    assert_eq!(case(ns1, "WWW.eXample.com", RecordType::TXT), is(NoError, true, "", "SOA RRSIG NSEC RRSIG"));
    assert_eq!(case(ns1, "c.deep.example.com", RecordType::A), is(NoError, true, "", "SOA RRSIG NSEC RRSIG"));
    assert_eq!(case(ns1, "x.y.wild.example.com", RecordType::A), is(NoError, true, "A RRSIG", "NSEC RRSIG"));
    assert_eq!(case(ns1, "x.host.wild.example.com", RecordType::A).0, NXDomain, "a name that exists ends the wildcard");
    assert_eq!(case(ns1, "www.old.example.com", RecordType::A), is(NoError, true, "DNAME RRSIG CNAME", ""));
    assert_eq!(case(ns1, "alias.example.com", RecordType::A), is(NoError, true, "CNAME RRSIG", ""));
    assert_eq!(case(ns1, "www.example.org", RecordType::A), is(Refused, false, "", ""));
    assert!(!case(ns1, "a.shop.example.com", RecordType::A).1, "below a cut there is no authority");
    assert_eq!(case(ns1, "example.com", RecordType::AXFR), is(Refused, false, "", ""), "nobody gets a whole zone");
    // RFC 6604 §3: the response code is that of the last name of the chain.
    let chained = ask("127.53.3.22", "c20.chain.lab", RecordType::A);
    assert_eq!((types(&chained.answer).join(" "), chained.rcode), ("CNAME A".to_owned(), NoError));
}

/// RFC 1034 §4.3.2, step 3a, RFC 6672 §3.2.
#[test]
fn who_asks_for_everything_gets_the_alias_that_there_is() {
    let toml = "port = 1\nserver = [{ name = 'ns.test', address = '127.53.9.1', zones = ['test'] }]\n\
                zone = [{ name = 'test', file = 'test.zone' }]\n";
    let zone = "@ 1 SOA ns h 1 2 3 4 5\n@ 1 NS ns\nto DNAME by\nx.by A 192.0.2.1\ny.by CNAME x.by\n";
    let files = [("lab.toml", toml), ("test.zone", zone)].map(|(path, text)| (path.to_owned(), text.to_owned()));
    let lab = Lab::of_texts(files.into(), NOW_UNIX_SECS).unwrap();
    let answer = |owner: &str, qtype| {
        let bytes = query(&Question::new(name(owner), qtype), None);
        let sent = match lab.authority().react(address("127.53.9.1"), Transport::Udp, &bytes, 0).unwrap() {
            Reaction::Packets(sent) => sent,
            Reaction::Refused => Vec::new(),
        };
        types(&Reply::read(&sent[0].bytes).unwrap().answer).join(" ")
    };
    assert_eq!(answer("x.to.test", RecordType::ANY), "DNAME CNAME");
    assert_eq!(answer("x.to.test", RecordType::A), "DNAME CNAME A");
    assert_eq!(answer("y.by.test", RecordType::ANY), "CNAME");
    assert_eq!(answer("y.by.test", RecordType::A), "CNAME A");
}

#[test]
fn nothing_of_dnssec_without_do() {
    for (server, owner) in [("127.53.2.1", "nope.example.com"), ("127.53.1.1", "www.example.com")] {
        let bytes = query(&Question::new(name(owner), RecordType::A), Some(&Edns::new(1232, false)));
        let reply = Reply::read(&packets(address(server), Transport::Tcp, &bytes, 0)[0].bytes).unwrap();
        let dnssec = ["RRSIG", "NSEC", "NSEC3", "DS"];
        assert!(types(&reply.authority).iter().all(|rtype| !dnssec.contains(&rtype.as_str())), "{owner}");
    }
}

#[test]
fn faults_do_what_they_say() {
    let sent = |server: &str, owner: &str, nth| {
        let bytes = query(&Question::new(name(owner), RecordType::A), Some(&Edns::new(1232, false)));
        packets(address(server), Transport::Udp, &bytes, nth)
    };
    let read = |packet: &Packet| Reply::read(&packet.bytes).unwrap();
    let of = |row: &str| {
        let text = lab().authority().master_file(&name(&format!("{row}.lab"))).unwrap();
        let ns1 = text.lines().find(|line| line.starts_with(&format!("ns1.{row}.lab. ")) && line.contains(" IN A "));
        ns1.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(sent(&of("slow"), "www.slow.lab", 0)[0].delay, Duration::from_millis(400));
    let lost: Vec<usize> = (0..6).map(|nth| sent(&of("lossy"), "www.lossy.lab", nth).len()).collect();
    assert_eq!(lost, [0, 1, 1, 0, 1, 1]);
    assert!(sent(&of("dead"), "www.dead.lab", 0).is_empty());
    let cut = read(&sent(&of("truncated"), "www.truncated.lab", 0)[0]);
    assert!(cut.flags.tc() && cut.answer.is_empty());
    assert!(!lab().authority().listens_on_tcp(address(&of("notcp"))));
    let old = read(&sent(&of("noedns"), "www.noedns.lab", 0)[0]);
    assert_eq!((old.rcode, old.edns), (ResponseCode::FormErr, None));
    assert_eq!(read(&sent(&of("ignoresedns"), "www.ignoresedns.lab", 0)[0]).edns, None);
    let lower = read(&sent(&of("case"), "WwW.CASE.lab", 0)[0]).question.unwrap();
    assert_eq!(lower.name.wire(), name("www.case.lab").wire());
    let forged: Vec<u16> = sent(&of("wrongid"), "www.wrongid.lab", 0).iter().map(|packet| read(packet).id).collect();
    assert!(forged[0] != 4711 && forged[1] == 4711);
    let other = read(&sent(&of("wrongquestion"), "www.wrongquestion.lab", 0)[0]);
    assert!(other.id == 4711 && other.question.unwrap().name != name("www.wrongquestion.lab"));
    let poison = read(&sent(&of("poison"), "www.poison.lab", 0)[0]);
    assert!(poison.authority.iter().chain(&poison.additional).all(|r| r.owner.is_within(&name("example.com"))));
    assert_eq!((poison.authority.len(), poison.additional.len()), (1, 2));
    let lame = read(&sent(&of("lame"), "www.lame.lab", 0)[0]);
    assert!(!lame.flags.aa() && lame.authority.iter().all(|record| record.owner.is_root()));
    assert_eq!(read(&sent(&of("ent"), "b.deep.ent.lab", 0)[0]).rcode, ResponseCode::NXDomain);
    assert!(read(&sent(&of("nxns"), "www.nxns.lab", 0)[0]).flags.tc(), "a hundred names do not fit");
}

#[test]
fn a_folder_is_as_good_as_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    let load = || Lab::load(folder.path(), NOW_UNIX_SECS);
    let toml = "port = 53\nserver = [{ name = \"ns.test.\", address = \"127.53.9.1\", zones = [\"test.\"] }]\n\
                zone = [{ name = \"test.\", file = \"test.zone\", sign = { denial = \"nsec3\", opt_out = true } }]\n";
    let good = "$ORIGIN test.\n$TTL 60\n@ IN SOA ns h 1 2 3 4 5\n@ 30 IN NS ns\n@ 90 IN NS NS2\n$INCLUDE more.inc\n";
    write("lab.toml", toml);
    write("test.zone", good);
    write(
        "more.inc",
        "ns IN A 127.53.9.1\nns2 IN A 127.53.9.1\nto IN DNAME a.longer.target.than.its.owner.test.\nodd IN TYPE65280 \\# 2 0102\n",
    );
    let lab = load().unwrap();
    let text = lab.authority().master_file(&name("test")).unwrap();
    assert!(
        text.contains("test. 30 IN NS NS2.test.") && text.contains("odd.test. 60 IN TYPE65280 \\# 2 0102"),
        "{text}"
    );
    // RFC 6672 §2.2: what a DNAME makes may be too long for a name.
    let long = format!("{0}.{0}.{0}.{1}.to.test", "x".repeat(60), "y".repeat(55));
    let bytes = query(&Question::new(name(&long), RecordType::A), None);
    let reaction = lab.authority().react(address("127.53.9.1"), Transport::Udp, &bytes, 0).unwrap();
    let Reaction::Packets(sent) = reaction else { panic!("{reaction:?}") };
    assert_eq!(Reply::read(&sent[0].bytes).unwrap().rcode, ResponseCode::YXDomain);
    assert!(lab.root_hints().is_empty() && lab.trust_anchor().is_none());

    write("loop.inc", "; again and again\n$INCLUDE loop.inc\n");
    let broken: BTreeMap<&str, &str> = BTreeMap::from([
        ("www IN AA 1.2.3.4", "test.zone:7:10: expected a record type"),
        ("www IN A 1.2.3.400", "test.zone:7:10: expected IPv4 address"),
        ("www IN MX 10", "test.zone:7:11: expected more fields"),
        ("www IN TXT ( \"a\"", "test.zone:7:12: expected a `)`"),
        ("www IN TXT \\300", "test.zone:7:12: expected one character behind `\\`, or three digits"),
        ("www IN CNAME a..b", "test.zone:7:1: expected CNAME data"),
        ("www.other. IN A 1.2.3.4", "test.zone:7:1: www.other. does not lie in the zone test."),
        ("ns IN CNAME www", "test.zone:7:1: a CNAME stands alone"),
        ("$INCLUDE ../lab.toml", "test.zone:7:1: ../lab.toml lies outside"),
        ("$INCLUDE\"test.zone", "test.zone:7:9: expected a blank between"),
        ("$INCLUDE test.zone", "test.zone:3:1: the zone has a second SOA record"),
        ("$INCLUDE loop.inc", "loop.inc:2:1: $INCLUDE is nested more than 8 deep"),
        (
            "www 1h IN A 1.2.3.4",
            "test.zone:7:7: expected a record type (A, NS, TXT, …, or TYPEnnn), or a TTL in seconds",
        ),
        ("$TTL 1h", "test.zone:7:8: expected a number in decimal digits; times are in seconds"),
    ]);
    for (line, said) in broken {
        write("test.zone", &format!("{good}{line}\n; the end\n"));
        let error = load().unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn garbage_never_hurts_and_answers_stay_within_bounds(
        server in 0..90usize,
        labels in proptest::collection::vec("[a-z*.]{1,5}", 0..6),
        zone in 0..60usize,
        qtype in prop_oneof![Just(1u16), Just(2), Just(5), Just(6), Just(28), Just(43), Just(46), Just(48), Just(50), Just(255), any::<u16>()],
        edns in proptest::option::of((0u16..5000, any::<bool>())),
        noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
    ) {
        let (servers, zones): (Vec<_>, Vec<_>) = (lab().authority().addresses().collect(), lab().zones());
        let below = labels.iter().map(String::as_bytes);
        let owner = Name::from_labels(below.chain(zones[zone % zones.len()].labels())).unwrap();
        let edns = edns.map(|(size, dnssec_ok)| Edns::new(size, dnssec_ok));
        let mut bytes = query(&Question::new(owner, RecordType::from(qtype)), edns.as_ref());
        for (at, octet) in noise {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        for transport in [Transport::Udp, Transport::Tcp] {
            for packet in packets(servers[server % servers.len()], transport, &bytes, 1) {
                let reply = Reply::read(&packet.bytes).unwrap();
                prop_assert!(reply.damage.is_empty(), "{:?}", reply.damage);
                prop_assert!(transport == Transport::Tcp || packet.bytes.len() <= 1232);
                prop_assert!(edns.is_some() || transport == Transport::Tcp || packet.bytes.len() <= 512);
            }
        }
    }
}
