//! Addresses take turns: many clients use the first one alone, and the order of a set means nothing (RFC 2181 §5). So
//! each response begins with another address, as the servers of a zone do it themselves (RFC 1794 §2) and as clients of
//! other resolvers are used to. What turns is the id of the query, which clients draw at random: nothing has to be
//! counted, and the same query gets the same response (over HTTP, where the id is zero, one is drawn for it). There is
//! no switch: who depends on an order depends on chance already.

use super::RecordType;

/// Octets of the data of one record, for the types that take turns: addresses, of which all are alike to a client.
fn len(rtype: RecordType) -> Option<usize> {
    match rtype {
        RecordType::A => Some(4),
        RecordType::AAAA => Some(16),
        _ => None,
    }
}

/// Octets of `rdatas`, a length of two octets before each, behind which the response to the query with this id begins.
pub(super) fn octets(rtype: RecordType, rdatas: &[u8], id: u16) -> usize {
    // Most answers are one address.
    if rdatas.len() < 2 * (2 + 4) {
        return 0;
    }
    let Some(len) = len(rtype) else { return 0 };
    let each = 2 + len;
    if rdatas.len() <= each || !rdatas.len().is_multiple_of(each) {
        return 0;
    }
    usize::from(id) % (rdatas.len() / each) * each
}

/// A set of addresses in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Octets of each.
    len: usize,
    /// Which of the TTL fields of the message are theirs: the first, and how many.
    first: usize,
    count: usize,
}

impl Turn {
    /// Octets between the beginning of a TTL field and the data: the TTL and the length.
    const TO_DATA: usize = 6;

    /// The set of `count` records that was just written, its TTL fields from the `first` on; none if it has no turns.
    pub(super) fn new(rtype: RecordType, first: usize, count: usize) -> Option<Self> {
        let len = len(rtype)?;
        (count > 1).then_some(Self { len, first, count })
    }

    /// Lets the addresses in `message`, a beginning of `wire`, take their turn.
    pub(super) fn take(self, wire: &[u8], ttls: &[u16], id: u16, message: &mut [u8]) {
        let Some(places) = ttls.get(self.first..self.first + self.count) else { return };
        let data = |place: u16| usize::from(place) + Self::TO_DATA..usize::from(place) + Self::TO_DATA + self.len;
        let by = usize::from(id) % self.count;
        for (to, from) in places.iter().zip(places.iter().cycle().skip(by)) {
            if let (Some(to), Some(from)) = (message.get_mut(data(*to)), wire.get(data(*from))) {
                to.copy_from_slice(from);
            }
        }
    }
}
