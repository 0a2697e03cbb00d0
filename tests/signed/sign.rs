//! Keys and signatures by BIND's tools, which share nothing with the code under test.

use std::path::Path;
use std::process::Command;

use crate::model::{Denial, Ds, Keys, Signing, Zone};
use crate::records;

/// Runs a program in a folder and returns what it printed.
fn run(folder: &Path, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program} (Debian package bind9-utils) cannot be run: {error}; ./test installs it")
    });
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {told}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a key and returns the name of its files.
pub(crate) fn keygen(folder: &Path, zone: &str, algorithm: u8, is_ksk: bool) -> String {
    let number = algorithm.to_string();
    let mut args = vec!["-q", "-a", &number];
    if matches!(algorithm, 8 | 10) {
        args.extend(["-b", "1280"]);
    }
    if is_ksk {
        args.extend(["-f", "KSK"]);
    }
    args.extend(["-n", "ZONE", zone]);
    run(folder, "dnssec-keygen", &args).trim().to_owned()
}

/// The names of key files.
#[derive(Default)]
struct KeyFiles {
    signing: Vec<String>,
    waiting: Vec<String>,
    /// Those of which the parent has a DS record.
    ds: Vec<String>,
}

fn keys(folder: &Path, zone: &str, signing: &Signing) -> KeyFiles {
    let mut files = KeyFiles::default();
    for algorithm in &signing.algorithms {
        let make = |is_ksk| keygen(folder, zone, *algorithm, is_ksk);
        let ksk = make(true);
        files.ds.push(ksk.clone());
        files.signing.push(ksk);
        match signing.keys {
            Keys::Common => {}
            Keys::Split | Keys::SplitApart => files.signing.push(make(false)),
            Keys::Double => files.signing.extend([make(false), make(false)]),
            Keys::Waiting => {
                files.signing.push(make(false));
                let next = make(true);
                files.ds.push(next.clone());
                files.waiting.extend([next, make(false)]);
            }
            Keys::Revoked => {
                let old = make(true);
                let revoked = run(folder, "dnssec-revoke", &["-r", &old]).trim().to_owned();
                files.signing.extend([make(false), revoked]);
            }
        }
    }
    files
}

fn ds_of(folder: &Path, key: &str, digest: &str) -> String {
    run(folder, "dnssec-dsfromkey", &["-a", digest, &format!("{key}.key")]).trim().to_owned()
}

fn ds_lines(folder: &Path, zone: &str, signing: &Signing, files: &KeyFiles) -> Vec<String> {
    let all = |digest: &str| files.ds.iter().map(|key| ds_of(folder, key, digest)).collect::<Vec<_>>();
    let absent = || ds_of(folder, &keygen(folder, zone, signing.algorithms[0], true), "SHA-256");
    let unknown = || {
        all("SHA-256").into_iter().map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            format!("{} IN DS {} {} 99 0123456789ABCDEF", fields[0], fields[3], fields[4])
        })
    };
    match signing.ds {
        Ds::Sha256 => all("SHA-256"),
        Ds::Sha384 => all("SHA-384"),
        Ds::Both => [all("SHA-256"), all("SHA-384")].concat(),
        Ds::AndSha1 => [all("SHA-1"), all("SHA-256")].concat(),
        Ds::AndUnknown => unknown().chain(all("SHA-256")).collect(),
        Ds::AndAbsent => [vec![absent()], all("SHA-256")].concat(),
        Ds::Unknown => unknown().collect(),
        Ds::Absent => vec![absent()],
        Ds::Missing => Vec::new(),
    }
}

/// Signs all zones into `folder`, those below before those above; returns their files and the DS set of the root.
pub(crate) fn sign(folder: &Path, zones: &[Zone]) -> (Vec<String>, Vec<String>) {
    let mut files = vec![String::new(); zones.len()];
    let mut cuts: Vec<Vec<String>> = vec![Vec::new(); zones.len()];
    let mut root = Vec::new();
    for at in (0..zones.len()).rev() {
        let zone = &zones[at];
        let apex = records::text(&zone.name);
        let mut lines = zone.lines.clone();
        lines.append(&mut cuts[at]);
        let mut of_parent = zone.cut.clone();
        let file = format!("{at}.zone");
        if let Some(signing) = &zone.signing {
            let keys = keys(folder, &apex, signing);
            for key in keys.signing.iter().chain(&keys.waiting) {
                let text = std::fs::read_to_string(folder.join(format!("{key}.key"))).unwrap();
                lines.extend(text.lines().filter(|line| !line.starts_with(';')).map(str::to_owned));
            }
            let ds = ds_lines(folder, &apex, signing, &keys);
            match zone.parent {
                Some(_) => of_parent.extend(ds),
                None => root = ds,
            }
            write(folder, "unsigned", &lines);
            sign_one(folder, &apex, signing, &keys, &file);
        } else {
            write(folder, &file, &lines);
        }
        if let Some(parent) = zone.parent {
            cuts[parent].append(&mut of_parent);
        }
        files[at] = file;
    }
    (files, root)
}

fn write(folder: &Path, file: &str, lines: &[String]) {
    let text = format!("$TTL 300\n{}\n", lines.join("\n"));
    std::fs::write(folder.join(file), text).unwrap();
}

fn sign_one(folder: &Path, apex: &str, signing: &Signing, keys: &KeyFiles, file: &str) {
    // A day before now is inside of what an expired signature was good for.
    let times = if signing.expired { ["-s", "now-10d", "-e", "now-1d"] } else { ["-s", "now-1h", "-e", "now+30d"] };
    // What is wrong on purpose must not be put right; and no more processors than there are.
    let mut args = vec!["-q", "-P", "-n", "1", "-O", "full", "-o", apex, "-f", file];
    args.extend(times);
    let (iterations, salt);
    if let Denial::Nsec3 { iterations: number, salt: hex, opt_out } = &signing.denial {
        (iterations, salt) = (number.to_string(), hex.clone());
        args.extend(["-3", &salt, "-H", &iterations]);
        args.extend(opt_out.then_some("-A"));
    }
    match signing.keys {
        Keys::Common => args.push("-z"),
        Keys::SplitApart => args.push("-x"),
        _ => {}
    }
    args.push("unsigned");
    args.extend(keys.signing.iter().map(String::as_str));
    run(folder, "dnssec-signzone", &args);
}
