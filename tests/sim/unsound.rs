//! Signed zones all of whose servers but one are wrong in one way each: old signatures or none, other keys, proofs that
//! are missing or show something else, EDNS not understood, what is only odd, and plain lies.
//!
//! The rule: with one right server in each zone on the way, the answer is right, and secure where those that tell it
//! are signed from the root down (RFC 4035 §4.3, §5.5), whoever is right by turns, whether or not somebody has asked
//! with CD before, and with whatever is known by then. Where nobody is right, nothing false is secure.
//! What is not asked of a resolver: to see that a zone's server lies about unsigned zones below it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt, SeedableRng};
use rootwalk::lab::Lab;
use rootwalk::walk::ask::Ask;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{Name, Question, RecordType};

use super::doubt::doubted;
use super::lame::{addr, labels};
use super::oddity::{ODDITIES, Oddity};
use super::trouble::{Denies, FORGERIES, Forgery, Trouble, name};
use super::world::{World, internet};
use super::wrong::{Does, SIGNED, When, one};
use super::{story, told, truth_in, worlds};

/// In which way a server is wrong.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// One of its zones is signed otherwise, or not at all: the number of that Internet.
    Other(usize),
    Forged(Forgery),
    Odd(Oddity),
    Does(Does, When),
}

/// How a zone is signed, with the key that all share.
#[derive(Clone, Copy, Debug)]
struct Signed {
    nsec3: bool,
    split: bool,
    /// What is wrong with it.
    but: &'static str,
}

const BUTS: [&str; 5] = [
    "inception_secs = -3024000, expiration_secs = -432000",
    "inception_secs = 432000, expiration_secs = 3024000",
    "defect = \"bogus\"",
    "defect = \"no_denial\"",
    "defect = \"no_signatures\"",
];

impl Signed {
    fn text(self) -> String {
        let Self { nsec3, split, but } = self;
        let denial = if nsec3 { "nsec3" } else { "nsec" };
        format!(", sign = {{ algorithm = \"rsasha256\", denial = \"{denial}\", split_keys = {split}, {but} }}")
    }
}

#[derive(Clone, Debug)]
struct Zone {
    origin: String,
    signed: Option<Signed>,
    /// Whether all zones above are signed as well.
    secure: bool,
    servers: Vec<(String, u8)>,
    records: String,
}

/// An Internet, those who are wrong in it, each with the one of its zone who is right, and what to ask.
struct Made {
    zones: Vec<Zone>,
    lab: Lab,
    others: Vec<Lab>,
    wrong: Vec<(IpAddr, IpAddr, Name, Wrong)>,
    asks: Vec<Question>,
}

fn lab(zones: &[Zone]) -> Lab {
    let text = |zone: &Zone| {
        let ns: String = zone.servers.iter().map(|(server, _)| format!("@ 3600 NS {server}\n")).collect();
        let sign = zone.signed.map_or(String::new(), Signed::text);
        (sign, format!("@ 30 SOA h. a. 1 1 1 1 60\n{ns}{}", zone.records))
    };
    let texts: Vec<_> = zones.iter().map(|zone| (zone.origin.as_str(), text(zone))).collect();
    let texts: Vec<_> = texts.iter().map(|(origin, (sign, text))| (*origin, sign.as_str(), text.clone())).collect();
    let all: BTreeSet<_> = zones.iter().flat_map(|zone| &zone.servers).collect();
    let servers = all.iter().map(|server| {
        let ours = zones.iter().filter(|zone| zone.servers.contains(server)).map(|zone| zone.origin.as_str());
        (server.0.as_str(), server.1, ours.collect())
    });
    internet(&texts, &servers.collect::<Vec<_>>())
}

/// Zones that lead into one another, each with two or three servers of its own, or those of the zone above.
fn zones(rng: &mut StdRng) -> Vec<Zone> {
    let (mut hosts, mut zones) = (0_u8, Vec::<Zone>::new());
    for nth in 0..rng.random_range(3..=5_usize) {
        let above = if nth < 2 { 0 } else { rng.random_range(0..nth) };
        let under = zones.get(above).map_or("", |above| above.origin.trim_start_matches('.')).to_owned();
        let between = if above == 0 { String::new() } else { labels(rng, 2) };
        let origin = if nth == 0 { ".".to_owned() } else { format!("{between}z{nth}.{under}") };
        let mut server = || {
            hosts += 1;
            (format!("n{hosts}.{}", origin.trim_start_matches('.')), hosts)
        };
        let servers = match nth < 2 || rng.random_bool(0.8) {
            true => (0..rng.random_range(2..=3)).map(|_| server()).collect(),
            false => zones[above].servers.clone(),
        };
        let signed = Signed { nsec3: rng.random_bool(0.4), split: rng.random_bool(0.2), but: "" };
        let signed = Some(signed).filter(|_| nth == 0 || rng.random_bool(0.75));
        let secure = signed.is_some() && zones.get(above).is_none_or(|above| above.secure);
        let records = "www 300 A 198.51.100.1\nal 300 CNAME www\n*.w 300 TXT w\nx.ent 300 A 198.51.100.2\n\
                       *.v 300 CNAME www\n"
            .to_owned();
        zones.push(Zone { origin: origin.clone(), signed, secure, servers: servers.clone(), records });
        for (server, host) in &servers {
            let glue = format!("{server} 3600 A 192.0.2.{host}\n");
            let is_own = servers != zones[above].servers || nth == 0;
            zones[nth].records += if is_own { &glue } else { "" };
            if nth > 0 {
                let glue = if is_own { &glue } else { "" };
                write!(zones[above].records, "{origin} 3600 NS {server}\n{glue}").expect("a string");
            }
        }
    }
    for nth in 0..zones.len() {
        let mut origin = || zones[rng.random_range(0..zones.len())].origin.clone();
        let (alias, dname) = (origin().trim_start_matches('.').to_owned(), origin());
        let to = one(&["www.", "q.w.", "nope.", "ent.", "a.v.", "al."], rng);
        let text = &mut zones[nth].records;
        writeln!(text, "far 300 CNAME {to}{alias}\n*.f 300 CNAME {to}{alias}").expect("a string");
        // One in the root would be above all others.
        let below = if nth == 0 { "d.n" } else { "dn" };
        writeln!(text, "{below} 300 DNAME {dname}").expect("a string");
    }
    zones
}

/// In which way the server of a zone is wrong, and perhaps an Internet of its own for that. About what nobody can prove
/// it does not lie.
fn wrong(zones: &[Zone], nth: usize, others: &mut Vec<Lab>, rng: &mut StdRng) -> Wrong {
    const RIGHT: [Oddity; 5] =
        [Oddity::Backwards, Oddity::Twice, Oddity::ZeroTtl, Oddity::Capitals, Oddity::TruncatesWhole];
    let Some(signed) = zones[nth].signed.filter(|_| zones[nth].secure) else {
        let does = [Does::BeforeEdns, Does::Silent, Does::Fails, Does::Truncated, Does::TtlsDiffer, Does::Lower];
        return match rng.random_bool(0.3) {
            true => Wrong::Odd(one(&RIGHT, rng)),
            false => Wrong::Does(one(&does, rng), When::any(rng)),
        };
    };
    let denies = [Denies::NameBare, Denies::Name, Denies::TypeBare, Denies::Type].map(Forgery::DeniesCuts);
    match rng.random_range(0..10) {
        0..3 => {
            let mut other = zones.to_vec();
            let nsec3 = signed.nsec3 != rng.random_bool(0.3);
            // Both ways of signing are right at once while keys change (RFC 6781 §4.1.1.1).
            let split = signed.split != rng.random_bool(0.3);
            other[nth].signed = match rng.random_range(0..BUTS.len() + 2) {
                0 => None,
                1 => Some(Signed { nsec3, split, ..signed }),
                but => Some(Signed { nsec3, but: BUTS[but - 2], ..signed }),
            };
            others.push(lab(&other));
            Wrong::Other(others.len() - 1)
        }
        3 | 4 => {
            // What such a server says of an unsigned zone below nobody can prove.
            let astray = [Forgery::Invents, Forgery::AliasLoop, Forgery::EndlessAliases];
            let all_secure = zones.iter().all(|zone| zone.secure);
            let mut forgeries = [&FORGERIES[..], &denies].concat();
            forgeries.retain(|forgery| all_secure || !astray.contains(forgery));
            Wrong::Forged(one(&forgeries, rng))
        }
        // It refers to servers that there are not.
        5 => match one(&ODDITIES, rng) {
            Oddity::NsForSoa => Wrong::Odd(Oddity::NoSoa),
            oddity => Wrong::Odd(oddity),
        },
        _ => Wrong::Does(Does::any(rng), When::any(rng)),
    }
}

fn asks(zones: &[Zone], rng: &mut StdRng) -> Vec<Question> {
    let names = "@ www al q.w w ent x.ent nope no.pe a.v far q.f dn www.dn nope.dn al.dn q.w.dn www.www";
    let names: Vec<&str> = names.split(' ').collect();
    let types = [&SIGNED[..3], &SIGNED[5..], &[RecordType::A, RecordType::AAAA, RecordType::MX]].concat();
    let ask = |_| {
        let origin = zones.choose(rng).expect("there are some").origin.trim_start_matches('.');
        let label = one(&names, rng);
        let owner = if label == "@" { origin.to_owned() } else { format!("{label}.{origin}") };
        let owner = if owner.is_empty() { Name::root() } else { name(&owner) };
        Question::new(owner, one(&types, rng))
    };
    (0..12).map(ask).collect()
}

fn make(seed: u64) -> Made {
    let mut rng = StdRng::seed_from_u64(seed);
    let zones = zones(&mut rng);
    let (mut others, mut all, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (nth, zone) in zones.iter().enumerate().filter(|(_, zone)| seen.insert(zone.servers[0].1)) {
        // Who has an unsigned zone as well does nothing that nobody could see there.
        let worst = zones.iter().position(|other| other.servers == zone.servers && !other.secure).unwrap_or(nth);
        let right = rng.random_range(0..zone.servers.len());
        for own in (0..zone.servers.len()).filter(|own| *own != right) {
            let [own, right] = [own, right].map(|nth| addr(zone.servers[nth].1));
            all.push((own, right, name(&zone.origin), wrong(&zones, worst, &mut others, &mut rng)));
        }
    }
    if has_usual_limits(seed) {
        // So often somebody is doubted, one for all that he has told by then, and so many false signatures looked at.
        all.shuffle(&mut rng);
        all.truncate(1);
        all.retain(|(.., wrong)| !matches!(wrong, Wrong::Does(Does::Adds, _)));
    }
    let asks = asks(&zones, &mut rng);
    Made { lab: lab(&zones), zones, others, wrong: all, asks }
}

fn has_usual_limits(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

impl Made {
    /// Whether the zones that tell the answer are all signed, from the root down.
    fn is_secure(&self, question: &Question) -> bool {
        let (_, answer) = self.lab.truth(question);
        let (mut owners, mut last) = (vec![question.name.clone()], question.name.clone());
        while let Some(alias) = answer.iter().find(|set| set.owner == last && set.rtype == RecordType::CNAME) {
            last = alias.targets().next().expect("a target");
            if question.qtype == RecordType::CNAME || owners.contains(&last) {
                break;
            }
            owners.push(last.clone());
        }
        owners.extend(answer.iter().map(|set| set.owner.clone()));
        owners.iter().all(|owner| {
            // RFC 4035 §3.1.4.1: the zone above tells of a DS set.
            let is_told = |zone: &Name| *zone != *owner || question.qtype != RecordType::DS || zone.is_root();
            let mut on_the_way = self.zones.iter().filter(|zone| {
                let origin = name(zone.origin.as_str());
                owner.is_within(&origin) && is_told(&origin)
            });
            on_the_way.all(|zone| zone.signed.is_some())
        })
    }

    fn world(&self, seed: u64) -> World<'_> {
        let mut world = World::new(&self.lab, seed, 0.0, 0.0);
        let settings = &mut world.resolver.settings;
        if seed.is_multiple_of(5) {
            settings.minimisation = Minimisation::Off;
        }
        settings.proofs.aggressive = !seed.is_multiple_of(3);
        let limits = &mut settings.limits;
        if !has_usual_limits(seed) {
            (limits.bogus_retries, limits.proofs.failed_validations, limits.proofs.validations) = (30, 200, 1_000);
            (limits.queries, limits.queries_per_step, limits.bytes) = (1_000, 200, 1_000_000);
            limits.time *= 8;
        }
        world
    }

    /// Has these servers be wrong, each in its way, and all others right.
    fn spoil<'m>(&'m self, world: &mut World<'m>, wrong: &[(IpAddr, &'m Name, Wrong)]) {
        world.end_forgeries();
        for addr in self.lab.authority().addresses() {
            world.leave_behind(addr, &self.lab);
            world.set_trouble(addr, Trouble::None);
            world.set_twist(addr, Box::new(|_, _, _| {}));
        }
        for (addr, zone, wrong) in wrong {
            match *wrong {
                Wrong::Other(nth) => world.leave_behind(*addr, &self.others[nth]),
                Wrong::Forged(forgery) => world.set_forger(*addr, forgery),
                Wrong::Odd(oddity) => world.set_odd(*addr, oddity),
                Wrong::Does(does, when) => {
                    let (lab, zone) = (&self.lab, *zone);
                    let twist = move |ask: &Ask, _, packets: &mut _| does.spoil(when, (lab, zone), ask, packets);
                    world.set_twist(*addr, Box::new(twist));
                }
            }
        }
    }

    /// Who is wrong at first; when one of them and the right one of each zone have changed places; and when all are.
    fn rounds(&self) -> [Vec<(IpAddr, &Name, Wrong)>; 3] {
        let mut seen = BTreeSet::new();
        let places = self.wrong.iter().map(|(addr, right, ..)| if seen.insert(*right) { *right } else { *addr });
        let places: Vec<IpAddr> = places.collect();
        let later: Vec<_> =
            places.iter().zip(&self.wrong).map(|(addr, (.., zone, wrong))| (*addr, zone, *wrong)).collect();
        let at_first: Vec<_> = self.wrong.iter().map(|(addr, _, zone, wrong)| (*addr, zone, *wrong)).collect();
        let all = [&at_first[..], &later].concat();
        [at_first, later, all]
    }
}

/// Queries that a wrong server may add to a walk: for all that it was asked for others are asked.
const EACH_ADDS: u32 = 16;

#[test]
fn one_right_server_of_each_zone_is_enough() {
    let costs = super::each(&worlds(20), |seed| {
        let made = make(seed);
        let (mut calm, mut world) = (made.world(seed), made.world(seed));
        let (mut rng, mut most) = (StdRng::seed_from_u64(!seed), 0);
        let mut asks = made.asks.clone();
        for (round, wrong) in made.rounds().iter().enumerate() {
            made.spoil(&mut world, wrong);
            asks.shuffle(&mut rng);
            for question in &asks {
                if rng.random_bool(0.2) {
                    world.resolve_unchecked(question);
                }
                let (ended, least) = (world.resolve(question), calm.resolve(question));
                let is_secure = ended.outcome.secure;
                let here = || {
                    let zones: String = made.zones.iter().map(|zone| format!("{zone:?}\n")).collect();
                    let wrong: String = wrong.iter().map(|wrong| format!("{wrong:?}\n")).collect();
                    format!("world {seed}, {round}: {question}\n{zones}{wrong}{}", story(&ended))
                };
                if round < 2 || is_secure {
                    assert_eq!(is_secure, made.is_secure(question), "{}", here());
                    let (mut told, truth) = (told(&ended.outcome), truth_in(&made.lab, question));
                    // There are several key sets, and all are right.
                    if question.qtype == RecordType::DNSKEY && !told.1.is_empty() {
                        told.1.clone_from(&truth.1);
                    }
                    assert_eq!(told, truth, "{}", here());
                    let adds = ended.budget.queries().saturating_sub(least.budget.queries());
                    let most_adds = EACH_ADDS * u32::try_from(wrong.len()).expect("few");
                    assert!(round == 2 || adds <= most_adds, "{adds} more: {}", here());
                    most = most.max(adds);
                }
                let later_secs = one(&[0, 1, 70, 400, 4_000], &mut rng);
                let both = [&mut calm, &mut world].into_iter();
                both.for_each(|world| world.resolver.now = world.resolver.now.plus_secs(later_secs));
            }
        }
        most
    });
    println!("{} worlds, in which who is wrong adds {:?} queries to a walk at most", costs.len(), costs.iter().max());
}

/// One of two servers of a signed zone, which have an unsigned one below it as well, loses what proves things. Nobody
/// else is left out for it: not who answers for the unsigned zone, nor who knows where an alias leads to that lacks the
/// proof of its wildcard.
#[test]
fn who_has_no_proof_is_left_out_alone() {
    let head = "@ 30 SOA h. a. 1 1 1 1 60\n@ 3600 NS ns1.\n@ 3600 NS ns2.\n";
    let cut = |zone: &str| format!("{zone} 3600 NS ns1.\n{zone} 3600 NS ns2.\n");
    let root = format!("{head}{}ns1. 3600 A 192.0.2.1\nns2. 3600 A 192.0.2.2\n", cut("example."));
    // Each with a proof of its own.
    let hosts = ["a", "b", "c", "d", "www"].map(|host| format!("{host} 300 A 198.51.100.1\n")).concat();
    let records = format!("{head}{}*.v 300 CNAME www\n{}", cut("plain"), hosts);
    let signed = Signed { nsec3: true, split: false, but: "" }.text();
    let zones = [
        (".", &signed[..], root),
        ("example.", &signed, records),
        ("plain.example.", "", format!("{head}www 300 A 198.51.100.2\n")),
    ];
    let all = zones.each_ref().map(|(zone, ..)| *zone).to_vec();
    let (lab, origin) = (internet(&zones, &[("ns1.", 1, all.clone()), ("ns2.", 2, all)]), name("example."));
    for (asked, qtype, does) in [
        ("www.plain.example.", RecordType::A, Does::IgnoresDo),
        ("q.v.example.", RecordType::TXT, Does::LosesSigs(RecordType::NSEC3)),
    ] {
        let (question, mut times) = (Question::new(name(asked), qtype), 0);
        for seed in 0..12 {
            let mut world = World::new(&lab, seed, 0.0, 0.0).with_even_paths();
            assert!(world.resolve(&Question::new(origin.clone(), RecordType::NS)).outcome.secure);
            let twist = |ask: &Ask, _, packets: &mut _| does.spoil(When::Always, (&lab, &origin), ask, packets);
            world.set_twist(addr(1), Box::new(twist));
            let ended = world.resolve(&question);
            assert_eq!(told(&ended.outcome), truth_in(&lab, &question), "{}", story(&ended));
            assert_eq!(ended.outcome.secure, qtype == RecordType::TXT, "{}", story(&ended));
            assert!(doubted(&ended) <= 1, "{}", story(&ended));
            times += doubted(&ended);
        }
        assert!(times > 0, "it was asked for {asked}");
    }
}
