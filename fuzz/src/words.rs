//! Takes decisions from bytes. When they are used up, every decision is the first one.

use std::net::Ipv4Addr;

use rootwalk::wire::{DNSClass, Name, Question, Record, RecordType};

/// What an attacker talks about: his own names, those of others, and those that lead round in circles.
const NAMES: [&str; 14] = [
    "evil.test.",
    "www.evil.test.",
    "a.evil.test.",
    "b.a.evil.test.",
    "ns.evil.test.",
    "ns2.a.evil.test.",
    "*.evil.test.",
    "victim.test.",
    "www.victim.test.",
    "ns.victim.test.",
    ".",
    "test.",
    "a.root.",
    "nowhere.",
];

const TYPES: [RecordType; 14] = [
    RecordType::A,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::SOA,
    RecordType::DNAME,
    RecordType::AAAA,
    RecordType::TXT,
    RecordType::MX,
    RecordType::DS,
    RecordType::NSEC,
    RecordType::NSEC3,
    RecordType::RRSIG,
    RecordType::DNSKEY,
    RecordType::ANY,
];

/// Addresses: the attacker's, those of others, and such as nobody has.
const ADDRS: [[u8; 4]; 6] =
    [[192, 0, 2, 66], [192, 0, 2, 67], [192, 0, 2, 1], [192, 0, 2, 3], [0, 0, 0, 0], [127, 0, 0, 1]];

/// Bytes, and how far they are used up.
pub struct Words<'b> {
    bytes: &'b [u8],
}

impl<'b> Words<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    pub fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    /// One of several.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.octet()) % of.len()]
    }

    pub fn name(&mut self) -> Name {
        self.one(&NAMES).parse().unwrap_or_else(|_| Name::root())
    }

    /// Mostly names of the attacker, with now and then one label more.
    pub fn question(&mut self) -> Question {
        let name: Name = self.one(&NAMES[..7]).parse().unwrap_or_else(|_| Name::root());
        let name = if self.octet() % 4 == 3 { name.prepend(b"x").unwrap_or(name) } else { name };
        Question::new(name, self.one(&TYPES[..9]))
    }

    pub fn record(&mut self, asked: &Name) -> Record {
        let owner = if self.octet().is_multiple_of(2) { asked.clone() } else { self.name() };
        let rtype = self.one(&TYPES);
        let ttl_secs = self.one(&[300, 0, 60, 86_400, u32::MAX]);
        let class = if self.octet() == 255 { DNSClass::CH } else { DNSClass::IN };
        Record { owner, rtype, class, ttl_secs, rdata: self.rdata(rtype).into() }
    }

    fn rdata(&mut self, rtype: RecordType) -> Vec<u8> {
        if self.octet() == 254 {
            let count = usize::from(self.octet());
            return self.take(count).to_vec();
        }
        let name = self.name();
        match rtype {
            RecordType::A => self.one(&ADDRS).to_vec(),
            RecordType::AAAA => Ipv4Addr::from(self.one(&ADDRS)).to_ipv6_mapped().octets().to_vec(),
            RecordType::NS | RecordType::CNAME | RecordType::DNAME => name.wire().to_vec(),
            RecordType::SOA => [name.wire(), name.wire(), &[0; 18], &[self.octet(), 0]].concat(),
            RecordType::MX => [&[0, 10], name.wire()].concat(),
            RecordType::NSEC => [name.wire(), &[0, 1, 0x40]].concat(),
            _ => {
                let count = usize::from(self.octet() % 64);
                self.take(count).to_vec()
            }
        }
    }
}
