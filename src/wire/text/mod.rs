//! Presentation format: types and record data as text, printable ASCII only.

mod types;

use std::fmt;

pub use types::{class_name, parse_type, rcode_name, type_name};

/// Octets as text: what is not printable ASCII, and the backslash, as in RFC 1035 §5.1 with decimal escapes.
#[derive(Clone, Copy, Debug)]
pub struct Ascii<'a>(pub &'a [u8]);

impl fmt::Display for Ascii<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octet in self.0 {
            match octet {
                b'\\' => f.write_str("\\\\")?,
                0x20..=0x7e => write!(f, "{}", char::from(*octet))?,
                _ => write!(f, "\\{octet:03}")?,
            }
        }
        Ok(())
    }
}
