//! Zones that lead into one another, each with servers of its own, one of which lies: whatever came from where, the one
//! that is not believed is the one that lied, and the others are asked.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::lab::Lab;
use rootwalk::trace::{Entry, Event};
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet};

use super::trouble::{FORGERIES, Forgery};
use super::world::{World, internet};
use super::{story, told, truth_in, worlds};

/// Each zone: its name, how it is signed, the hosts that serve it, and its records.
const ZONES: [(&str, &str, [u8; 2], &str); 13] = [
    (
        ".",
        ", sign = {}",
        [1, 2],
        "a. 3600 NS ns11.\na. 3600 NS ns12.\nb. 3600 NS ns21.\nb. 3600 NS ns22.\nopt. 3600 NS ns51.\nopt. 3600 NS ns52.\nspan. 3600 NS ns51.\nspan. 3600 NS ns52.\n",
    ),
    ("a.", ", sign = {}", [11, 12], A),
    (
        "b.",
        ", sign = { denial = \"nsec3\" }",
        [21, 22],
        "www 300 A 192.0.2.80\nx 300 CNAME www.s.a.\nc.d.e 300 A 192.0.2.81\nv.w.x.y 3600 NS ns31.\nplain 300 CNAME www.u.a.\n",
    ),
    ("u.a.", "", [31, 32], "www 300 A 192.0.2.82\nback 300 CNAME q.w.a.\n"),
    ("s.a.", ", sign = {}", [41, 22], "www 300 A 192.0.2.83\n*.q 300 A 192.0.2.84\n*.q 300 MX 0 www\n"),
    (
        "opt.",
        ", sign = { denial = \"nsec3\", opt_out = true }",
        [51, 52],
        "www 300 A 192.0.2.85\nu 3600 NS ns31.\nmail 300 CNAME q.w.a.\nc.d.e 300 A 192.0.2.91\nv.w.x 3600 NS ns31.\n",
    ),
    // The one span, from its own name to its own name, denies all names and the wildcard.
    (
        "span.",
        ", sign = { denial = \"nsec3\", opt_out = true }",
        [51, 52],
        "b.w 3600 NS ns31.\na.b.c.v 3600 NS ns31.\n",
    ),
    ("b.w.span.", "", [31, 32], "a 300 A 192.0.2.93\n"),
    ("a.b.c.v.span.", "", [31, 32], "@ 300 A 192.0.2.94\n"),
    ("u.opt.", "", [31, 32], "www 300 A 192.0.2.88\n"),
    ("v.w.x.opt.", "", [31, 32], "z 300 A 192.0.2.92\n"),
    ("under.far.a.", "", [31, 32], "x 300 A 192.0.2.89\n"),
    ("v.w.x.y.b.", "", [31, 32], "z 300 A 192.0.2.90\n"),
];

const A: &str = "www 300 A 192.0.2.86\n*.w 300 CNAME x.b.\n*.n 300 CNAME nope.b.\nd 300 DNAME b.\nc.d.e 300 A 192.0.2.87\n\
                 far 300 CNAME www.b.\nu 3600 NS ns31.\nu 3600 NS ns32.\ns 3600 NS ns41.\ns 3600 NS ns22.\n\
                 under.far 3600 NS ns31.\n";

fn lab() -> Lab {
    let server = |host: &u8| format!("ns{host}.");
    let hosts: BTreeSet<u8> = ZONES.iter().flat_map(|(_, _, hosts, _)| *hosts).collect();
    let glue: String = hosts.iter().map(|host| format!("{} 3600 A 192.0.2.{host}\n", server(host))).collect();
    let zones = ZONES.map(|(zone, sign, hosts, records)| {
        let ns: String = hosts.iter().map(|host| format!("@ 3600 NS {}\n", server(host))).collect();
        let glue = if zone == "." { &glue[..] } else { "" };
        (zone, sign, format!("@ 30 SOA h. a. 1 1 1 1 60\n{ns}{records}{glue}"))
    });
    let servers = hosts.iter().map(|host| {
        let ours = ZONES.iter().filter(|(_, _, hosts, _)| hosts.contains(host)).map(|(zone, ..)| *zone);
        (server(host), *host, ours.collect())
    });
    internet(&zones, &servers.collect::<Vec<_>>())
}

fn questions() -> Vec<Question> {
    let names = [
        "www",
        "nope",
        "e",
        "d.e",
        "x.c.d.e",
        "c.d.e",
        "q.w",
        "q.r.w",
        "w",
        "q.n",
        "d",
        "www.d",
        "nope.d",
        "x.d",
        "plain.d",
        "c.d.e.d",
        "far",
        "x.far",
        "u",
        "www.u",
        "nope.u",
        "back.u",
        "s",
        "www.s",
        "nope.s",
        "q.q.s",
        "q.s",
        "x.under.far",
        "under.far",
        "v.w.x.y",
        "w.x.y",
        "z.v.w.x.y",
        "",
    ];
    let tops = ["a.", "b.", "opt."];
    let types = [RecordType::A, RecordType::MX, RecordType::DS, RecordType::CNAME, RecordType::DNSKEY, RecordType::SOA];
    let all = tops
        .iter()
        .flat_map(|top| names.iter().map(move |name| format!("{name}.{top}").trim_start_matches('.').to_owned()));
    let names: Vec<Name> = all.map(|text| text.parse().expect("a name")).collect();
    names.iter().flat_map(|name| types.map(|qtype| Question::new(name.clone(), qtype))).collect()
}

/// One of the servers of one zone lies, whoever asks: everybody gets an answer, unless aliases that nobody has signed
/// lead nowhere, and the truth where it can be proved, also when somebody who checks for himself has brought in the
/// lies before.
#[test]
fn a_liar_among_servers_of_several_zones_does_no_harm() {
    let lab = lab();
    let calm = |question: Question| {
        let secure = World::new(&lab, 1, 0.0, 0.0).resolve(&question).outcome.secure;
        (question, secure)
    };
    let questions: Vec<(Question, bool)> = questions().into_iter().map(calm).collect();
    let secure = questions.iter().filter(|(_, secure)| *secure).count();
    assert!(secure > 150 && secure + 50 < questions.len(), "{secure} of {} questions", questions.len());
    let signed = ZONES.iter().filter(|(zone, sign, ..)| *zone != "." && !sign.is_empty());
    let liars: Vec<u8> = signed.flat_map(|(_, _, hosts, _)| *hosts).collect();
    let counts = super::each(&worlds(60), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut doubted = 0;
        for liar in &liars {
            let forgery = FORGERIES[rng.random_range(0..FORGERIES.len())];
            let mut world = World::new(&lab, seed, 0.0, 0.0);
            world.set_forger([192, 0, 2, *liar].into(), forgery);
            for _ in 0..4 {
                let (question, secure) = &questions[rng.random_range(0..questions.len())];
                if rng.random_bool(0.3) {
                    world.resolve_unchecked(question);
                }
                let ended = world.resolve(question);
                let here = || format!("world {seed}, {liar} {forgery:?}: {question}\n{}", story(&ended));
                assert_eq!(ended.outcome.secure, *secure, "{}", here());
                let is_astray = [Forgery::AliasLoop, Forgery::EndlessAliases].contains(&forgery);
                assert!(ended.outcome.failure.is_none() || !secure && is_astray, "{}", here());
                // RFC 4035 §5.3.3: nothing that is proved lives longer than it was signed to.
                let signed_secs = |sig: &[u8]| u32::from_be_bytes([sig[4], sig[5], sig[6], sig[7]]);
                let is_long = |set: &RrSet| set.sigs.iter().any(|sig| set.ttl_secs > signed_secs(sig));
                let mut all = ended.outcome.answer.iter().chain(&ended.outcome.authority);
                assert!(!secure || !all.any(is_long), "{}", here());
                // Against lies about what nobody has signed nothing helps.
                assert!(!secure || told(&ended.outcome) == truth_in(&lab, question), "{}", here());
                let is_doubt = |entry: &Entry| matches!(entry.event, Event::Doubted { .. });
                doubted += ended.log.iter().filter(|entry| is_doubt(entry)).count();
            }
        }
        doubted
    });
    let doubted: usize = counts.iter().sum();
    println!("{} questions, {doubted} times a server was not believed", questions.len());
    assert!(doubted > counts.len(), "{doubted}");
}

/// RFC 8020 §2, RFC 5155 §9.2: that a part of a name is not there ends nothing unless it is certain: where servers say
/// it of names that only lead to others, to signed ones or to delegations inside an opt-out span, the whole is asked
/// for.
#[test]
fn a_part_that_may_be_there_is_no_end() {
    let lab = lab();
    for asked in ["c.d.e.a.", "c.d.e.b.", "c.d.e.opt.", "z.v.w.x.y.b.", "z.v.w.x.opt."] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        for host in [11, 12, 21, 22, 51, 52] {
            world.set_forger([192, 0, 2, host].into(), Forgery::NoSuchName);
        }
        let question = Question::new(asked.parse().expect("a name"), RecordType::A);
        let ended = world.resolve(&question);
        assert_eq!(told(&ended.outcome), truth_in(&lab, &question), "{question}\n{}", story(&ended));
        assert_eq!(ended.outcome.secure, asked.starts_with('c'), "{question}\n{}", story(&ended));
    }
}

/// The addresses of `asked` are found, and not proved, whatever these servers leave out.
fn is_found_unproved(lab: &Lab, asked: &str, forgery: Forgery, hosts: &[u8]) {
    let mut world = World::new(lab, 1, 0.0, 0.0);
    hosts.iter().for_each(|host| world.set_forger([192, 0, 2, *host].into(), forgery));
    let question = Question::new(asked.parse().expect("a name"), RecordType::A);
    let ended = world.resolve(&question);
    assert_eq!(told(&ended.outcome).1, truth_in(lab, &question).1, "{question}\n{}", story(&ended));
    assert!(ended.outcome.failure.is_none() && !ended.outcome.secure, "{question}\n{}", story(&ended));
}

/// RFC 5155 §6, §12.2: inside an opt-out span the denial of a name may be as good as one can be, and unsigned
/// delegations below it may be there all the same: where it is only a part of the name, it is not believed.
#[test]
fn what_an_opt_out_span_says_of_a_part_is_no_end() {
    let lab = lab();
    for asked in ["a.b.w.span.", "a.b.c.v.span.", "q.w.span.", "q.nope.span."] {
        is_found_unproved(&lab, asked, Forgery::NoSuchName, &[51, 52]);
    }
}

/// RFC 8020 §2: that a part of a name is proved not to exist is the answer, and costs no question more than for that
/// part itself.
#[test]
fn a_part_that_is_proved_not_to_be_there_is_the_end() {
    let lab = lab();
    for part in ["nope.a.", "nope.b.", "nope.c.d.e.b.", "nope.s.a."] {
        let costs = ["", "x.", "x.y.", "v.w.x.y.z."].map(|below| {
            let mut world = World::new(&lab, 1, 0.0, 0.0);
            world.resolver.settings.proofs.aggressive = false;
            let asked = format!("{below}{part}").parse().expect("a name");
            let ended = world.resolve(&Question::new(asked, RecordType::A));
            let told = (ended.outcome.rcode, ended.outcome.secure);
            assert_eq!(told, (ResponseCode::NXDomain, true), "{below}{part}\n{}", story(&ended));
            ended.budget.queries()
        });
        assert!(costs.iter().all(|cost| *cost == costs[0]), "{part} {costs:?}");
    }
}

/// RFC 4035 §3.1.4.1, §5.2: a referral that does not show that there is no DS set is made good by the questions for it,
/// one for each label on the way, be it an alias (RFC 1034 §3.6.2) or a name that only leads to others.
#[test]
fn what_a_referral_does_not_show_is_asked_for() {
    let lab = lab();
    for asked in ["www.u.a.", "x.under.far.a.", "z.v.w.x.y.b.", "www.u.opt.", "z.v.w.x.opt."] {
        is_found_unproved(&lab, asked, Forgery::BareReferrals, &[11, 12, 21, 22, 51, 52]);
    }
}
