//! The name under which the names of an address stand (RFC 1035 §3.5, RFC 3596 §2.5).

use std::net::IpAddr;

use super::{Name, NameError};

impl Name {
    /// The name whose PTR record names `address`.
    ///
    /// # Errors
    /// None that could come: digits and dots are a name, and not too long a one.
    pub fn reverse(address: IpAddr) -> Result<Self, NameError> {
        let text = match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(v6) => {
                let bits = u128::from(v6);
                (0..32).map(|nth| format!("{:x}.", bits >> (4 * nth) & 15)).collect::<String>() + "ip6.arpa"
            }
        };
        text.parse()
    }
}
