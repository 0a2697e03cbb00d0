//! Numbers, lists and types in words.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::wire::RecordType;
use crate::wire::text::type_name;

/// `1 record`, `2 records`.
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Microseconds, shown as milliseconds: `1.2 ms`; where none of that would be left, as they are: `45 µs`.
pub(crate) struct Ms(pub(crate) u64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ 1..100 => write!(f, "{us} µs"),
            us => write!(f, "{}.{} ms", us / 1000, us % 1000 / 100),
        }
    }
}

/// Seconds in the largest unit that is filled twice.
pub(super) struct Span(pub(super) u32);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0;
        match secs {
            0..120 => write!(f, "{secs} s"),
            120..7200 => write!(f, "{} min", secs / 60),
            7200..172_800 => write!(f, "{} h", secs / 3600),
            _ => write!(f, "{} d", secs / 86_400),
        }
    }
}

/// The members with commas between.
pub(super) struct List<'a, T>(pub(super) &'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .enumerate()
            .try_for_each(|(nth, member)| write!(f, "{}{member}", if nth == 0 { "" } else { ", " }))
    }
}

/// The first so many of the members, and how many more there are.
pub(crate) struct Few<'a, T>(pub(crate) &'a [T], pub(crate) usize);

impl<T: fmt::Display> fmt::Display for Few<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(members, most) = *self;
        write!(f, "{}", List(&members[..most.min(members.len())]))?;
        match members.len().saturating_sub(most) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// For serde: a type as its mnemonic.
pub(super) fn type_text<S: Serializer>(rtype: &RecordType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&type_name(*rtype))
}

/// For serde: what stands behind a pointer.
pub(super) fn behind<T: Serialize + ?Sized, S: Serializer>(
    pointer: &impl Deref<Target = T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    pointer.serialize(serializer)
}

/// For serde: what the thing says of itself.
pub(super) fn words<T: fmt::Display, S: Serializer>(thing: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(thing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_span_has_its_unit() {
        let spans = [0, 119, 120, 7199, 7200, 172_799, 172_800].map(|secs| Span(secs).to_string());
        assert_eq!(spans, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
        let times = [0, 1, 99, 100, 1250, 61_000_000].map(|us| Ms(us).to_string());
        assert_eq!(times, ["0.0 ms", "1 µs", "99 µs", "0.1 ms", "1.2 ms", "61000.0 ms"]);
        assert_eq!(
            (List(&[1, 2]).to_string(), counted(1, "a", "b"), counted(0, "a", "b")),
            ("1, 2".into(), "1 a".into(), "0 b".into())
        );
    }
}
