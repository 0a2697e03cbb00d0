//! Records.

use super::{Element, Setting};
use crate::wire::text::{parse_record, record_text};
use crate::wire::{Record, RecordType};

/// A record of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRecord(pub Record);

impl LocalRecord {
    /// Types that mean something only where a zone is served or signed, or that stand for other names as well.
    const REFUSED: [RecordType; 7] = [
        RecordType::SOA,
        RecordType::NS,
        RecordType::DNAME,
        RecordType::RRSIG,
        RecordType::NSEC,
        RecordType::NSEC3,
        RecordType::NSEC3PARAM,
    ];
}

impl Setting for LocalRecord {
    fn expected() -> String {
        "a record, such as \"nas.lan. 300 IN A 192.168.1.2\", and no wildcard, SOA, NS, DNAME or what signs a zone"
            .into()
    }

    fn from_text(text: &str) -> Option<Self> {
        let record = parse_record(text).ok()?;
        let is_wildcard = record.owner.labels().next() == Some(b"*");
        (!is_wildcard && !Self::REFUSED.contains(&record.rtype)).then_some(Self(record))
    }

    fn show(&self) -> String {
        record_text(&self.0).to_string().show()
    }
}

impl Element for LocalRecord {
    const PLURAL: &'static str = "records, such as [\"nas.lan. 300 IN A 192.168.1.2\"], without wildcards, SOA, NS, DNAME \
        and what signs a zone";
}
