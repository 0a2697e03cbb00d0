//! Those who can sign: whoever has a key of a world, and strangers who have keys of no zone.

use std::path::Path;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use data_encoding::BASE64;
use num_bigint::BigUint;
use rootwalk::run;
use rootwalk::wire::text::parse_record;

use crate::sign;
use crate::signer::{Pair, Signer};

/// The zone of the strangers, which nobody has delegated.
const STRANGE: &str = "stranger.";

/// The keys of zones that BIND's tools have made in `folder`, and those of strangers, some for each algorithm.
pub(crate) fn all(folder: &Path) -> (Vec<Signer>, Vec<Signer>) {
    for algorithm in [8, 10].into_iter().chain([13, 14, 15].repeat(5)) {
        sign::keygen(folder, STRANGE, algorithm, true);
    }
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|ending| ending == "private")).collect();
    files.sort();
    let all = files.iter().map(|file| pen(file));
    all.partition(|pen| pen.zone != STRANGE.parse().unwrap())
}

fn pen(private: &Path) -> Signer {
    let text = std::fs::read_to_string(private.with_extension("key")).unwrap();
    let record = parse_record(text.lines().find(|line| !line.starts_with(';')).unwrap()).unwrap();
    let dnskey = record.rdata.to_vec();
    let text = std::fs::read_to_string(private).unwrap();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        BASE64.decode(line.unwrap().as_bytes()).unwrap()
    };
    let ecdsa = |scheme, octets: usize| {
        let scalar = field("PrivateKey");
        let scalar = [vec![0; octets - scalar.len()], scalar].concat();
        let point = [&[4], &dnskey[4..]].concat();
        Pair::Ecdsa(EcdsaKeyPair::from_private_key_and_public_key(scheme, &scalar, &point).unwrap())
    };
    let pair = match dnskey[3] {
        13 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, 32),
        14 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, 48),
        15 => Pair::Ed25519(Ed25519KeyPair::from_seed_unchecked(&field("PrivateKey")).unwrap()),
        _ => {
            let number = |name| BigUint::from_bytes_be(&field(name));
            Pair::Rsa { modulus: number("Modulus"), private: number("PrivateExponent") }
        }
    };
    Signer { zone: record.owner, now_secs: run::unix_secs(), dnskey, pair }
}
