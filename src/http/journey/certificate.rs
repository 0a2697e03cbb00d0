//! Certificates in words: what they say, and everything that is wrong with them.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use rustls::pki_types::{CertificateDer, ServerName};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::journey::Certificate;
use crate::time::iso_ms;

/// Names of a certificate that are told; some have hundreds.
const MOST_NAMES: usize = 100;

/// Reads a certificate; `None` when it is none.
pub(super) fn describe(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, read) = X509Certificate::from_der(der).ok()?;
    let alternatives = read.subject_alternative_name().ok().flatten();
    let names = alternatives.iter().flat_map(|found| &found.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    });
    let validity = read.validity();
    let ms = |secs: i64| u64::try_from(secs).unwrap_or(0) * 1000;
    Some(Certificate {
        subject: read.subject().to_string(),
        names: names.take(MOST_NAMES).collect(),
        issuer: read.issuer().to_string(),
        not_before: ms(validity.not_before.timestamp()),
        not_after: ms(validity.not_after.timestamp()),
        key: key(&read),
        sha256: HEXLOWER.encode(digest(&SHA256, der).as_ref()),
    })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn key(read: &X509Certificate<'_>) -> String {
    match read.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {} bits", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("ECDSA {} bits", point.key_size()),
        _ => read.public_key().algorithm.algorithm.to_id_string(),
    }
}

/// What is wrong with the dates and the names of a chain, as far as anybody can say without knowing whom to trust.
pub(super) fn faults(chain: &[Certificate], wanted: &ServerName<'_>, now_ms: u64) -> Vec<String> {
    let mut faults = Vec::new();
    for (nth, one) in chain.iter().enumerate() {
        let whose = if nth == 0 { "the certificate".to_owned() } else { format!("the certificate of {}", one.subject) };
        if now_ms > one.not_after {
            faults.push(format!("{whose} expired at {}, {} ago", iso_ms(one.not_after), ago(now_ms - one.not_after)));
        } else if now_ms < one.not_before {
            faults.push(format!(
                "{whose} is valid from {} on, in {}",
                iso_ms(one.not_before),
                ago(one.not_before - now_ms)
            ));
        }
    }
    if let Some(own) = chain.first()
        && !own.names.iter().any(|name| is_for(name, wanted))
    {
        let names = if own.names.is_empty() { "no name at all".to_owned() } else { own.names.join(", ") };
        faults.push(format!("the certificate is not for {}: it is for {names}", wanted.to_str()));
    }
    faults
}

/// RFC 9525 §6.3: a star stands for one whole label, the first.
fn is_for(name: &str, wanted: &ServerName<'_>) -> bool {
    match wanted {
        ServerName::IpAddress(address) => name.parse() == Ok(IpAddr::from(*address)),
        ServerName::DnsName(wanted) => {
            let wanted = wanted.as_ref().trim_end_matches('.');
            let rest = wanted.split_once('.').map(|(_, rest)| rest);
            name.eq_ignore_ascii_case(wanted)
                || name.strip_prefix("*.").zip(rest).is_some_and(|(name, rest)| name.eq_ignore_ascii_case(rest))
        }
        _ => false,
    }
}

/// A span of time in the largest unit that fits.
fn ago(ms: u64) -> String {
    let secs = ms / 1000;
    let (count, unit) = match secs {
        0..120 => (secs, "second"),
        120..7200 => (secs / 60, "minute"),
        7200..172_800 => (secs / 3600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn made(names: &[&str]) -> Certificate {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2024, 2, 29), date_time_ymd(2025, 3, 1));
        describe(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    }

    fn of(names: &[&str], wanted: &str, day: u64) -> Vec<String> {
        let one = made(names);
        let begin = one.not_before;
        faults(&[one], &ServerName::try_from(wanted).unwrap(), begin + day * 86_400_000 + 1)
    }

    #[test]
    fn a_certificate_says_what_it_is() {
        let one = made(&["www.example", "192.0.2.1"]);
        assert_eq!(one.names, ["www.example", "192.0.2.1"]);
        assert_eq!(
            (iso_ms(one.not_before), iso_ms(one.not_after)),
            ("2024-02-29T00:00:00.000Z".into(), "2025-03-01T00:00:00.000Z".into())
        );
        assert_eq!((one.key.as_str(), one.sha256.len()), ("ECDSA 256 bits", 64));
        assert!(one.subject == one.issuer && describe(&CertificateDer::from(vec![1, 2, 3])).is_none());
    }

    #[test]
    fn names_are_compared_label_by_label() {
        for (names, wanted) in [
            (&["www.example"][..], "WWW.example"),
            (&["a.example", "*.www.example"], "b.www.example"),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["2001:db8::1"], "2001:db8::1"),
        ] {
            assert!(of(names, wanted, 1).is_empty(), "{names:?} {wanted}");
        }
        for (names, wanted) in [
            (&["www.example"][..], "example"),
            (&["*.www.example"], "www.example"),
            (&["*.example"], "a.b.example"),
            (&["192.0.2.1"], "192.0.2.2"),
        ] {
            let faults = of(names, wanted, 1);
            assert!(faults.len() == 1 && faults[0].contains(names[0]), "{faults:?}");
        }
    }

    #[test]
    fn dates_are_told_with_the_distance() {
        let faults = of(&["www.example"], "www.example", 400);
        assert_eq!(faults, ["the certificate expired at 2025-03-01T00:00:00.000Z, 34 days ago"]);
    }
}
