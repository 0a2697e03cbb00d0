//! Names and records made by chance.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rootwalk::wire::Name;

/// A name in the form that BIND and NSD read: what is neither letter nor digit is escaped (RFC 1035 §5.1).
pub(crate) fn text(name: &Name) -> String {
    let label = |label: &[u8]| {
        let octet = |octet: &u8| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(*octet).to_string(),
            b'*' if label.len() == 1 => "*".into(),
            other => format!("\\{other:03}"),
        };
        label.iter().map(octet).collect::<String>() + "."
    };
    if name.is_root() { ".".into() } else { name.labels().map(label).collect() }
}

/// A name below `above` whose label begins like this.
pub(crate) fn label(dice: &mut StdRng, begin: &str, above: &Name) -> Name {
    let mut label = format!("{begin}{}", letters(dice));
    if dice.random_bool(0.3) {
        label = label.to_uppercase();
    }
    above.prepend(label.as_bytes()).unwrap()
}

fn letters(dice: &mut StdRng) -> String {
    (0..dice.random_range(1..4)).map(|_| char::from(dice.random_range(b'a'..=b'y'))).collect()
}

/// A label as they are, or as they may be.
fn any_label(dice: &mut StdRng) -> Vec<u8> {
    match dice.random_range(0..14) {
        0 => vec![b'x'; 63],
        1 => vec![dice.random_range(0..=255)],
        2 => [&b"a"[..], &[*b". \\@\"*$".choose(dice).unwrap()], b"b"].concat(),
        3 => letters(dice).to_uppercase().into_bytes(),
        4 => format!("_{}", letters(dice)).into_bytes(),
        5 => dice.random_range(0..100).to_string().into_bytes(),
        6 => b"*".to_vec(),
        // Next to each other in the order of the zone.
        7 => [&b"b"[..], &vec![0; dice.random_range(0..3)]].concat(),
        _ => letters(dice).into_bytes(),
    }
}

/// The names of a zone that shall have records.
pub(crate) fn names(zone: &Name, dice: &mut StdRng) -> Vec<Name> {
    let mut names = vec![zone.clone()];
    for _ in 0..dice.random_range(6..14) {
        let above = if dice.random_bool(0.4) { names.choose(dice).unwrap().clone() } else { zone.clone() };
        // With nothing at the names between.
        let depth = *[1, 1, 1, 1, 2, 3, 12].choose(dice).unwrap();
        let deep = (0..depth).try_fold(above, |name, _| name.prepend(&any_label(dice)));
        names.extend(deep.ok().filter(|name| name.wire().len() < 230));
    }
    for _ in 0..dice.random_range(1..3) {
        let above = names.choose(dice).unwrap();
        names.extend(above.prepend(b"*").ok());
    }
    names
}

/// The records of one set.
pub(crate) fn set(owner: &str, ttl_secs: u32, targets: &[Name], dice: &mut StdRng) -> Vec<String> {
    const TYPES: &[&str] = &[
        "A",
        "A",
        "A",
        "AAAA",
        "AAAA",
        "TXT",
        "TXT",
        "MX",
        "SRV",
        "CAA",
        "PTR",
        "NAPTR",
        "HINFO",
        "TYPE65280",
        "LOC",
        "RP",
        "AFSDB",
        "KX",
        "URI",
        "SSHFP",
        "TLSA",
        "HTTPS",
        "SVCB",
        "PX",
        "TYPE300",
        "EUI48",
    ];
    let rtype = *TYPES.choose(dice).unwrap();
    let many = if matches!(rtype, "A" | "TXT" | "MX") { dice.random_range(1..5) } else { 1 };
    let many = if rtype == "TXT" && dice.random_bool(0.05) { 40 } else { many };
    (0..many).map(|_| format!("{owner} {ttl_secs} IN {rtype} {}", data(rtype, targets, dice))).collect()
}

fn data(rtype: &str, targets: &[Name], dice: &mut StdRng) -> String {
    let name = text(targets.choose(dice).unwrap());
    let name = if dice.random_bool(0.3) { name.to_uppercase() } else { name };
    let number: u8 = dice.random();
    match rtype {
        "A" => format!("192.0.2.{number}"),
        "AAAA" => format!("2001:db8::{number:x}"),
        "TXT" => format!("\"Text {number} {}\" \"\"", letters(dice)),
        "MX" | "AFSDB" | "KX" => format!("{number} {name}"),
        "SRV" => format!("{number} 0 53 {name}"),
        "CAA" => format!("0 issue \"ca{number}.example\""),
        "PTR" => name,
        "NAPTR" => format!("{number} 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" {name}"),
        "HINFO" => format!("\"PC{number}\" \"Unix\""),
        "LOC" => format!("52 22 {}.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", number % 60),
        "RP" => format!("{name} {name}"),
        "PX" => format!("{number} {name} {name}"),
        "URI" => format!("{number} 1 \"https://example/{number}\""),
        "SSHFP" => format!("4 2 {}", format!("{number:02X}").repeat(32)),
        "TLSA" => format!("3 1 1 {}", format!("{number:02X}").repeat(32)),
        "HTTPS" | "SVCB" => format!("1 {} alpn=h2 port={}", name, 1 + u16::from(number)),
        "EUI48" => format!("00-00-5e-00-53-{number:02x}"),
        _ => format!("\\# 3 0102{number:02X}"),
    }
}
