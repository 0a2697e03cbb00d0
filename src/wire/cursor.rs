//! Reading names and numbers out of a message, each in bounded time.

use smallvec::SmallVec;

use super::name::{MAX_LABEL, MAX_WIRE};
use super::octets::Octets;
use super::{Fault, Name};

/// Most pointers followed in one name. A name has at most 127 labels and an honest pointer saves at least one.
const MAX_POINTERS: usize = 127;

/// A place in a message. Reads stop at `end`, names may point back to anywhere before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(message: &'a [u8], at: usize) -> Self {
        Self { message, at }
    }

    /// The octets that have not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.message.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let taken = self.rest().get(..count).ok_or(Fault::Short)?;
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let array = *self.rest().first_chunk::<N>().ok_or(Fault::Short)?;
        self.at += N;
        Ok(array)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    /// The same cursor for a message that ends `len` octets further on: what RDATA may read.
    pub(crate) fn window(&self, len: usize) -> Result<Self, Fault> {
        let message = self.message.get(..self.at + len).ok_or(Fault::Short)?;
        Ok(Self { message, at: self.at })
    }

    /// A name, which may be compressed. `hops` is how many pointers may still be followed in this message, each of
    /// which is taken from it. The cursor does not move when the name is bad; [`Cursor::skip_name`] may find its end.
    pub(crate) fn name(&mut self, hops: &mut usize) -> Result<Name, Fault> {
        let (name, end) = self.whole_name(hops)?;
        self.at = end;
        Ok(name)
    }

    /// The name at the cursor, and where it ends.
    fn whole_name(&self, hops: &mut usize) -> Result<(Name, usize), Fault> {
        let start = self.at;
        let mut end = None;
        // Each run of labels between two pointers is taken in one piece.
        let (mut runs, mut len) = (SmallVec::<[&[u8]; 4]>::new(), 0);
        // RFC 1035 §4.1.4: a pointer leads to a prior occurrence. Each must lead before the place from where the
        // last run of labels was read, which rules out loops.
        let (mut at, mut bound, mut pointers) = (start, start, 0);
        loop {
            let begin = at;
            let mut label = self.octet(at)?;
            while (1..=MAX_LABEL).contains(&label) && at - begin <= MAX_WIRE {
                at += label + 1;
                label = self.octet(at)?;
            }
            let is_end = label == 0;
            let run = self.message.get(begin..at + usize::from(is_end)).ok_or(Fault::Short)?;
            len += run.len();
            if len > MAX_WIRE {
                return Err(Fault::LongName);
            }
            if !run.is_empty() {
                runs.push(run);
            }
            if is_end {
                return Ok((Name::from_checked(joined(&runs, len)), end.unwrap_or(at + 1)));
            }
            // The first pointer ends the name where it stands.
            end.get_or_insert(at + 2);
            (at, pointers) = (self.pointer(at, bound)?, pointers + 1);
            bound = at;
            *hops = hops.checked_sub(1).filter(|_| pointers <= MAX_POINTERS).ok_or(Fault::Pointers)?;
        }
    }

    fn octet(&self, at: usize) -> Result<usize, Fault> {
        self.message.get(at).copied().map(usize::from).ok_or(Fault::Short)
    }

    fn pointer(&self, at: usize, bound: usize) -> Result<usize, Fault> {
        let [high, low] = *self.message.get(at..).and_then(<[u8]>::first_chunk).ok_or(Fault::Short)?;
        if high < 0xc0 {
            return Err(Fault::LabelKind);
        }
        let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
        if target < bound { Ok(target) } else { Err(Fault::Pointer) }
    }

    /// Passes over a name without following pointers; the cursor does not move if the end cannot be found.
    pub(crate) fn skip_name(&mut self) -> Result<(), Fault> {
        let mut at = self.at;
        loop {
            let len = usize::from(*self.message.get(at).ok_or(Fault::Short)?);
            at += match len {
                0 => 1,
                1..=MAX_LABEL => len + 1,
                0xc0.. => 2,
                // RFC 1035 §4.1.4 reserves 01 and 10; RFC 6891 §5 closed the extended labels.
                _ => return Err(Fault::LabelKind),
            };
            if at > self.message.len() {
                return Err(Fault::Short);
            }
            if len == 0 || len >= 0xc0 {
                self.at = at;
                return Ok(());
            }
        }
    }
}

/// Pieces of a name one behind the other, `len` octets in all.
fn joined(pieces: &[&[u8]], len: usize) -> Octets {
    let mut room = [0; MAX_WIRE];
    let all = &mut room[..len.min(MAX_WIRE)];
    let mut rest = &mut *all;
    for piece in pieces {
        let (to, behind) = rest.split_at_mut(piece.len().min(rest.len()));
        to.copy_from_slice(&piece[..to.len()]);
        rest = behind;
    }
    Octets::from(&*all)
}
