//! Server cookies (RFC 7873, in the form of RFC 9018): who shows one can be reached at the address that it claims.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use super::Octets;

/// Octets of a client's cookie, which stand first in the option.
pub const CLIENT: usize = 8;
/// Octets of a whole cookie of this server: the client's, version, reserved, time, hash.
pub const WHOLE: usize = 24;
/// A cookie younger than this is given back as it is (RFC 9018 §4.3).
const FRESH_SECS: i32 = 1800;
/// No cookie is older that counts (RFC 9018 §4.3).
const OLDEST_SECS: i32 = 3600;
/// How far the clock of another server with the same secret may be ahead (RFC 9018 §4.3).
const AHEAD_SECS: i32 = 300;

/// Whether an option has a length that cookies can have; others are answered with FORMERR (RFC 7873 §5.2.2).
#[must_use]
pub fn is_well_formed(option: &[u8]) -> bool {
    option.len() == CLIENT || (16..=40).contains(&option.len())
}

/// The option that answers `option` of the client at `from`: its own cookie while that is good and fresh, else a new
/// one. `now_secs` counts from 1970; `None` when the option has no length that cookies can have.
#[must_use]
pub fn answer(option: &[u8], from: IpAddr, secret: &[u8; 16], now_secs: u32) -> Option<[u8; WHOLE]> {
    let client = option.first_chunk::<CLIENT>().filter(|_| is_well_formed(option))?;
    if age_secs(option, from, secret, now_secs).is_some_and(|age_secs| age_secs < FRESH_SECS) {
        return option.try_into().ok();
    }
    Some(make(client, from, secret, now_secs))
}

/// Whether `option` has a cookie of this server that it has given to the client at `from` within the last hour.
#[must_use]
pub fn is_good(option: &[u8], from: IpAddr, secret: &[u8; 16], now_secs: u32) -> bool {
    age_secs(option, from, secret, now_secs).is_some()
}

/// The age of such a cookie.
fn age_secs(option: &[u8], from: IpAddr, secret: &[u8; 16], now_secs: u32) -> Option<i32> {
    let shown = <[u8; WHOLE]>::try_from(option).ok()?;
    let issued_secs = u32::from_be_bytes([shown[12], shown[13], shown[14], shown[15]]);
    // Serial number arithmetic (RFC 9018 §4.3): the count wraps in 2106.
    let age_secs = now_secs.wrapping_sub(issued_secs).cast_signed();
    let in_time = (-AHEAD_SECS..OLDEST_SECS).contains(&age_secs);
    (in_time && shown == make(shown.first_chunk()?, from, secret, issued_secs)).then_some(age_secs)
}

/// RFC 9018 §4: version 1, reserved 0, the time, and SipHash-2-4 over all of it and the client's address.
fn make(client: &[u8; CLIENT], from: IpAddr, secret: &[u8; 16], now_secs: u32) -> [u8; WHOLE] {
    let mut input = Vec::with_capacity(32);
    input.extend_from_slice(client);
    input.extend_from_slice(&[1, 0, 0, 0]);
    input.extend_from_slice(&now_secs.to_be_bytes());
    let mut whole = [0; WHOLE];
    whole[..16].copy_from_slice(&input);
    input.extend_from_slice(&Octets::from(from.to_canonical()));
    whole[16..].copy_from_slice(&SipHasher24::new_with_key(secret).hash(&input).to_le_bytes());
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(digits: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
    }

    /// RFC 9018 appendix A.1 and A.2.
    #[test]
    fn the_cookies_of_the_document() {
        let from = "198.51.100.100".parse().unwrap();
        let secret = hex("e5e973e5a6b2a43f48e7dc849e37bfcf");
        let first = answer(&hex::<8>("2464c4abcf10c957"), from, &secret, 1_559_731_985).unwrap();
        assert_eq!(first, hex("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
        // Fresh cookies come back as they are, old ones are renewed.
        assert_eq!(answer(&first, from, &secret, 1_559_731_985 + 1799), Some(first));
        assert_eq!(answer(&first, from, &secret, 1_559_731_985 - 299), Some(first));
        for (other, good) in [(1800, true), (3599, true), (3600, false), (-301, false)] {
            let now_secs = 1_559_731_985_u32.wrapping_add_signed(other);
            assert_eq!(is_good(&first, from, &secret, now_secs), good, "{other}");
            let renewed = answer(&first, from, &secret, now_secs).unwrap();
            assert_eq!(renewed[..8], first[..8]);
            assert_ne!(renewed, first);
        }
        let moved = answer(&first, "198.51.100.101".parse().unwrap(), &secret, 1_559_731_985).unwrap();
        assert_ne!(moved, first, "another address has another cookie");
    }

    #[test]
    fn lengths() {
        let from = "2001:db8::1".parse().unwrap();
        for len in 0..50 {
            let good = len == 8 || (16..=40).contains(&len);
            assert_eq!(answer(&vec![7; len], from, &[0; 16], 1).is_some(), good, "{len}");
        }
    }
}
