//! The second two octets of the header: flags, opcode and the low bits of the response code.

use std::fmt;

use super::{OpCode, ResponseCode};

/// Octets of a message header (RFC 1035 §4.1.1).
pub const HEADER: usize = 12;

/// The flag word of a header (RFC 1035 §4.1.1; AD and CD of RFC 4035 §3.2).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

/// Makes constants of bits, and how each is read and set.
macro_rules! bits {
    ($($(#[doc = $doc:literal])* $BIT:ident $is:ident $with:ident = $value:literal;)*) => {
        $(const $BIT: u16 = $value;)*

        impl Flags {
            $($(#[doc = $doc])*
            #[must_use]
            pub const fn $is(self) -> bool {
                self.0 & $BIT != 0
            }

            #[doc = concat!("The same with ", stringify!($BIT), " set to `on`.")]
            #[must_use]
            pub const fn $with(self, on: bool) -> Self {
                Self(if on { self.0 | $BIT } else { self.0 & !$BIT })
            })*
        }
    };
}

bits! {
    /// Whether this is a response.
    QR qr with_qr = 0x8000;
    /// Authoritative answer.
    AA aa with_aa = 0x0400;
    /// Truncated.
    TC tc with_tc = 0x0200;
    /// Recursion desired.
    RD rd with_rd = 0x0100;
    /// Recursion available.
    RA ra with_ra = 0x0080;
    /// Authentic data.
    AD ad with_ad = 0x0020;
    /// Checking disabled.
    CD cd with_cd = 0x0010;
}

/// No meaning.
const Z: u16 = 0x0040;

impl Flags {
    /// The opcode.
    #[must_use]
    pub fn opcode(self) -> OpCode {
        OpCode::from_u8((self.0 >> 11 & 0xf) as u8)
    }

    /// The low four bits of the response code; EDNS carries the upper eight.
    #[must_use]
    pub const fn rcode_low(self) -> u8 {
        (self.0 & 0xf) as u8
    }

    /// The same with another opcode.
    #[must_use]
    pub fn with_opcode(self, opcode: OpCode) -> Self {
        Self(self.0 & !0x7800 | u16::from(u8::from(opcode) & 0xf) << 11)
    }

    /// The same with the low four bits of `rcode`.
    #[must_use]
    pub fn with_rcode(self, rcode: ResponseCode) -> Self {
        Self(self.0 & !0xf | u16::from(rcode.low()))
    }

    /// The flags of the response to a query with these flags, without an error: QR set, opcode, RD
    /// (RFC 1035 §4.1.1) and CD (RFC 4035 §3.2.2) copied, everything else clear.
    #[must_use]
    pub const fn response(self) -> Self {
        Self(self.0 & (0x7800 | RD | CD) | QR)
    }
}

/// The flags that are set as dig names them: `qr rd ra`.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(QR, "qr"), (AA, "aa"), (TC, "tc"), (RD, "rd"), (RA, "ra"), (Z, "z"), (AD, "ad"), (CD, "cd")];
        let mut space = "";
        for (bit, name) in names {
            if self.0 & bit != 0 {
                write!(f, "{space}{name}")?;
                space = " ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self} {:#06x})", self.0)
    }
}

/// The response code of twelve bits from its number.
///
/// 16 is BADVERS here (RFC 6891 §9): hickory-proto takes it for BADSIG, which shares the number but
/// occurs inside TSIG records only.
#[must_use]
pub fn rcode(code: u16) -> ResponseCode {
    if code == 16 { ResponseCode::BADVERS } else { <ResponseCode as From<u16>>::from(code) }
}
