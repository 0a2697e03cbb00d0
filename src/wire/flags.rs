//! The second two octets of the header: flags, opcode and the low bits of the response code.

use std::fmt;

use super::{OpCode, ResponseCode};

/// Octets of a message header (RFC 1035 §4.1.1).
pub const HEADER: usize = 12;

/// The flag word of a header (RFC 1035 §4.1.1; AD and CD of RFC 4035 §3.2).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

const QR: u16 = 0x8000;
const AA: u16 = 0x0400;
const TC: u16 = 0x0200;
const RD: u16 = 0x0100;
const RA: u16 = 0x0080;
const Z: u16 = 0x0040;
const AD: u16 = 0x0020;
const CD: u16 = 0x0010;

impl Flags {
    /// Whether this is a response.
    #[must_use]
    pub const fn qr(self) -> bool {
        self.0 & QR != 0
    }

    /// Authoritative answer.
    #[must_use]
    pub const fn aa(self) -> bool {
        self.0 & AA != 0
    }

    /// Truncated.
    #[must_use]
    pub const fn tc(self) -> bool {
        self.0 & TC != 0
    }

    /// Recursion desired.
    #[must_use]
    pub const fn rd(self) -> bool {
        self.0 & RD != 0
    }

    /// Recursion available.
    #[must_use]
    pub const fn ra(self) -> bool {
        self.0 & RA != 0
    }

    /// Authentic data.
    #[must_use]
    pub const fn ad(self) -> bool {
        self.0 & AD != 0
    }

    /// Checking disabled.
    #[must_use]
    pub const fn cd(self) -> bool {
        self.0 & CD != 0
    }

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

    /// The same with QR set to `on`.
    #[must_use]
    pub const fn with_qr(self, on: bool) -> Self {
        self.with(QR, on)
    }

    /// The same with AA set to `on`.
    #[must_use]
    pub const fn with_aa(self, on: bool) -> Self {
        self.with(AA, on)
    }

    /// The same with TC set to `on`.
    #[must_use]
    pub const fn with_tc(self, on: bool) -> Self {
        self.with(TC, on)
    }

    /// The same with RD set to `on`.
    #[must_use]
    pub const fn with_rd(self, on: bool) -> Self {
        self.with(RD, on)
    }

    /// The same with RA set to `on`.
    #[must_use]
    pub const fn with_ra(self, on: bool) -> Self {
        self.with(RA, on)
    }

    /// The same with AD set to `on`.
    #[must_use]
    pub const fn with_ad(self, on: bool) -> Self {
        self.with(AD, on)
    }

    /// The same with CD set to `on`.
    #[must_use]
    pub const fn with_cd(self, on: bool) -> Self {
        self.with(CD, on)
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

    const fn with(self, bit: u16, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
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
