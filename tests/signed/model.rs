//! Zones made by chance: which there are, how they are signed, and what is in them.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use rootwalk::wire::Name;

use crate::records;

/// Servers: each serves zones of about one depth, and is at 127.0.1.1 and so on.
pub(crate) const HOSTS: u8 = 3;

/// A zone before it is signed.
pub(crate) struct Zone {
    pub(crate) name: Name,
    pub(crate) parent: Option<usize>,
    /// Which server has it.
    pub(crate) host: u8,
    pub(crate) signing: Option<Signing>,
    /// Its records without those of DNSSEC, and without those that its parent has of it.
    pub(crate) lines: Vec<String>,
    /// The NS records, with glue, as the parent has them as well.
    pub(crate) cut: Vec<String>,
}

/// How a zone is signed.
#[derive(Clone, Debug)]
pub(crate) struct Signing {
    pub(crate) algorithms: Vec<u8>,
    pub(crate) keys: Keys,
    pub(crate) denial: Denial,
    pub(crate) ds: Ds,
    /// Whether the signatures have ended.
    pub(crate) expired: bool,
}

/// Which keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// One for everything.
    Common,
    /// One for the keys and one for the rest.
    Split,
    /// As above, and the keys are signed by the first alone.
    SplitApart,
    /// Two for the rest, both of which sign.
    Double,
    /// Keys that wait for their turn, one of them with a DS record.
    Waiting,
    /// One that has been revoked.
    Revoked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    Nsec,
    Nsec3 { iterations: u16, salt: String, opt_out: bool },
}

/// What the parent says of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ds {
    Sha256,
    Sha384,
    Both,
    /// SHA-1 beside SHA-256.
    AndSha1,
    /// A digest that nobody has defined beside SHA-256.
    AndUnknown,
    /// A key that is not there, beside one that is.
    AndAbsent,
    /// A digest that nobody has defined alone.
    Unknown,
    /// A key that is not there alone.
    Absent,
    /// None: the zone is signed and nobody can tell.
    Missing,
}

/// The zones of one world: the root is the first, and parents come before their children.
pub(crate) fn zones(seed: u64) -> Vec<Zone> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut zones = vec![zone(Name::root(), None, &[], &mut dice)];
    for nth in 0..3 {
        let name = records::label(&mut dice, &format!("z{nth}"), &Name::root());
        let mut tld = zone(name, Some(0), &zones, &mut dice);
        // Whatever chance makes of the rest: each world has all three kinds of denial, and an unsigned cut below each.
        if let Some(signing) = &mut tld.signing {
            signing.denial = match (nth, signing.denial.clone()) {
                (0, _) => Denial::Nsec,
                (_, Denial::Nsec) => Denial::Nsec3 { iterations: 0, salt: "-".into(), opt_out: nth == 2 },
                (_, Denial::Nsec3 { iterations, salt, .. }) => Denial::Nsec3 { iterations, salt, opt_out: nth == 2 },
            };
        }
        zones.push(tld);
        let tld = zones.len() - 1;
        for nth in 0..dice.random_range(3..=4) {
            // Some cuts lie below names that have nothing but them.
            let above = zones[tld].name.clone();
            let above = if dice.random_bool(0.2) { records::label(&mut dice, "zent", &above) } else { above };
            let name = records::label(&mut dice, &format!("z{nth}"), &above);
            let mut child = zone(name, Some(tld), &zones, &mut dice);
            child.signing = child.signing.filter(|_| nth > 0);
            zones.push(child);
            let child = zones.len() - 1;
            if dice.random_bool(0.4) {
                let name = records::label(&mut dice, "z", &zones[child].name);
                let below = zone(name, Some(child), &zones, &mut dice);
                zones.push(below);
            }
        }
    }
    fill(&mut zones, &mut dice);
    zones
}

fn zone(name: Name, parent: Option<usize>, zones: &[Zone], dice: &mut StdRng) -> Zone {
    let depth = u8::try_from(name.label_count()).unwrap();
    // Some servers have a zone and the one above it.
    let host = match parent {
        Some(parent) if dice.random_bool(0.2) => zones[parent].host,
        _ => depth.min(HOSTS - 1),
    };
    // The first three are sound, so that there is something below which chance can do its worst.
    let leaf = depth > 1;
    let signing = (!leaf || dice.random_bool(0.8)).then(|| signing(leaf, depth > 2, dice));
    Zone { name, parent, host, signing, lines: Vec::new(), cut: Vec::new() }
}

fn signing(leaf: bool, deep: bool, dice: &mut StdRng) -> Signing {
    let algorithms = match dice.random_range(0..8) {
        0 => vec![8],
        1 => vec![10],
        2 => vec![14],
        3 => vec![15],
        4 => vec![*[8, 15].choose(dice).unwrap(), 13],
        _ => vec![13],
    };
    let (sound, any) = (
        [Ds::Sha256, Ds::Sha256, Ds::Sha384, Ds::Both, Ds::AndSha1, Ds::AndUnknown, Ds::AndAbsent],
        [Ds::Unknown, Ds::Absent, Ds::Missing],
    );
    let ds = if leaf && dice.random_bool(0.25) { *any.choose(dice).unwrap() } else { *sound.choose(dice).unwrap() };
    let keys = [Keys::Common, Keys::Common, Keys::Split, Keys::SplitApart, Keys::Double, Keys::Waiting, Keys::Revoked];
    Signing {
        algorithms,
        keys: *keys.choose(dice).unwrap(),
        denial: denial(leaf, dice),
        ds,
        expired: deep && dice.random_bool(0.15),
    }
}

fn denial(leaf: bool, dice: &mut StdRng) -> Denial {
    if dice.random_bool(0.4) {
        return Denial::Nsec;
    }
    let iterations = match dice.random_range(0..8) {
        // RFC 9276 section 3.2: insecure.
        0 if leaf => 60,
        1 => 50,
        2 | 3 => dice.random_range(1..20),
        _ => 0,
    };
    let octets = *[0, 0, 1, 4, 8].choose(dice).unwrap();
    let salt = if octets == 0 {
        "-".into()
    } else {
        (0..octets).map(|_| format!("{:02X}", dice.random_range(0..=255_u8))).collect::<String>()
    };
    Denial::Nsec3 { iterations, salt, opt_out: dice.random_bool(0.4) }
}

/// Puts records into all zones.
fn fill(zones: &mut [Zone], dice: &mut StdRng) {
    // The names first: aliases lead anywhere.
    let names: Vec<Vec<Name>> = zones.iter().map(|zone| records::names(&zone.name, dice)).collect();
    let mut targets: Vec<Name> = names.iter().flatten().cloned().collect();
    targets.extend(zones.iter().map(|zone| zone.name.clone()));
    targets.extend(zones.iter().filter_map(|zone| zone.name.prepend(b"nowhere").ok()));
    let servers = zones[1].name.clone();
    for at in 0..zones.len() {
        let cuts: Vec<Name> =
            zones.iter().filter(|zone| zone.parent == Some(at)).map(|zone| zone.name.clone()).collect();
        let (lines, cut) = contents(&zones[at], &names[at], &cuts, &targets, &servers, dice);
        (zones[at].lines, zones[at].cut) = (lines, cut);
    }
    // The servers without glue.
    let hosts = (0..HOSTS).map(|host| format!("ns{host}.{servers} 300 IN A 127.0.1.{}", host + 1));
    zones[1].lines.extend(hosts);
}

fn contents(
    zone: &Zone,
    names: &[Name],
    cuts: &[Name],
    targets: &[Name],
    servers: &Name,
    dice: &mut StdRng,
) -> (Vec<String>, Vec<String>) {
    let apex = records::text(&zone.name);
    let minimum = dice.random_range(30..900);
    let mut lines = vec![format!("{apex} 600 IN SOA ns.nic.{apex} Host.{apex} 1 1800 900 604800 {minimum}")];
    if zone.name.is_root() {
        lines[0] = format!(". 600 IN SOA r. host. 1 1800 900 604800 {minimum}");
    }
    let address = format!("127.0.1.{}", zone.host + 1);
    let glueless = zone.name.label_count() > 1 && dice.random_bool(0.3);
    let cut = match (zone.name.is_root(), glueless) {
        (true, _) => vec![". 600 IN NS r.".to_owned(), format!("r. 600 IN A {address}")],
        (_, true) => vec![format!("{apex} 600 IN NS ns{}.{servers}", zone.host)],
        _ => vec![format!("{apex} 600 IN NS Ns.{apex}"), format!("ns.{apex} 600 IN A {address}")],
    };
    lines.extend(cut.iter().cloned());
    let (mut taken, mut plain): (BTreeSet<Name>, BTreeMap<Name, usize>) = (BTreeSet::new(), BTreeMap::new());
    let mut shuffled = names.to_vec();
    shuffled.shuffle(dice);
    for name in shuffled {
        if cuts.iter().any(|cut| name.is_within(cut)) || !taken.insert(name.to_lower()) {
            continue;
        }
        let alone = name != zone.name;
        let below = |name: &Name| names.iter().any(|other| other.is_below(name));
        let owner = records::text(&name);
        let ttl_secs = *[0, 60, 300, 3600].choose(dice).unwrap();
        let target = records::text(targets.choose(dice).unwrap());
        let mut more = match dice.random_range(0..10) {
            0 | 1 if alone => vec![format!("{owner} {ttl_secs} IN CNAME {target}")],
            2 if alone && !below(&name) && name.labels().next() != Some(b"*") => {
                vec![format!("{owner} {ttl_secs} IN DNAME {target}")]
            }
            _ => (0..dice.random_range(1..4)).flat_map(|_| records::set(&owner, ttl_secs, targets, dice)).collect(),
        };
        *plain.entry(name).or_default() += more.len();
        lines.append(&mut more);
    }
    // One set has one TTL, whatever its records were made with.
    (lines, cut)
}
