//! A root zone of about the size of the real one, signed here with a key of its own: records by hand, so that nothing
//! of the program has a say in what is right, but for the digest of the zone, which RFC 8976 has examples for.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use rootwalk::dnssec::{key_tag, zonemd};
use rootwalk::wire::text::record_text;
use rootwalk::wire::{DNSClass, Name, Record, RecordType};

/// The serial of the zone.
pub(crate) const SERIAL: u32 = 2_026_112_100;

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A zone and who signs it.
pub(crate) struct SignedRoot {
    key: Ed25519KeyPair,
    now_secs: u32,
    pub(crate) records: Vec<Record>,
}

impl SignedRoot {
    /// A root with `tlds` top-level domains, `tld00000.` and so on, every other one of them signed.
    pub(crate) fn new(tlds: usize, now_secs: u32) -> Self {
        Self::version(tlds, now_secs, [SERIAL, 1800, 900, 604_800])
    }

    /// The same with these numbers in its SOA record: serial, refresh, retry, expire.
    pub(crate) fn version(tlds: usize, now_secs: u32, numbers: [u32; 4]) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let mut root = Self { key, now_secs, records: Vec::new() };
        let host = name("a.root-servers.example.");
        let serial = numbers[0];
        let numbers = [&numbers[..], &[86_400]].concat().into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>();
        root.add(&Name::root(), RecordType::SOA, 86_400, &[&[host.wire(), host.wire(), &numbers].concat()], true);
        root.add(&Name::root(), RecordType::NS, 518_400, &[host.wire()], true);
        root.add(&Name::root(), RecordType::DNSKEY, 172_800, &[&root.dnskey()], true);
        let names: Vec<Name> = (0..tlds).map(|nth| name(&format!("tld{nth:05}."))).collect();
        for (nth, tld) in names.iter().enumerate() {
            let servers: Vec<Name> = (0..4).map(|server| name(&format!("ns{server}.nic.{tld}"))).collect();
            let rdatas: Vec<&[u8]> = servers.iter().map(Name::wire).collect();
            root.add(tld, RecordType::NS, 172_800, &rdatas, false);
            for server in &servers {
                root.add(server, RecordType::A, 172_800, &[&[192, 0, 2, 1]], false);
                root.add(server, RecordType::AAAA, 172_800, &[&[0x20; 16]], false);
            }
            let is_signed = nth % 2 == 0;
            if is_signed {
                root.add(tld, RecordType::DS, 86_400, &[&[&[1, 2, 13, 2][..], &[9; 32]].concat()], true);
            }
            let next = names.get(nth + 1).cloned().unwrap_or_else(Name::root);
            // NS, RRSIG and NSEC, and DS where there is one (RFC 4034 §4.1.2).
            let types: &[u8] =
                if is_signed { &[0, 6, 0x20, 0, 0, 0, 0, 0x13] } else { &[0, 6, 0x20, 0, 0, 0, 0, 0x03] };
            root.add(tld, RecordType::NSEC, 86_400, &[&[next.wire(), types].concat()], true);
        }
        // NS, SOA, RRSIG, NSEC, DNSKEY and ZONEMD.
        let first = names.first().cloned().unwrap_or_else(Name::root);
        let types: &[u8] = &[0, 8, 0x22, 0, 0, 0, 0, 0x03, 0x80, 0x01];
        root.add(&Name::root(), RecordType::NSEC, 86_400, &[&[first.wire(), types].concat()], true);
        let digest = zonemd::sha384(&Name::root(), &root.records);
        let rdata = [&serial.to_be_bytes()[..], &[1, 1], &digest].concat();
        root.add(&Name::root(), RecordType::from(63), 86_400, &[&rdata], true);
        root
    }

    fn dnskey(&self) -> Vec<u8> {
        [&[1, 1, 3, 15], self.key.public_key().as_ref()].concat()
    }

    /// The trust anchor, as the configuration takes it.
    pub(crate) fn anchor(&self) -> String {
        format!(". DNSKEY 257 3 15 {}", data_encoding::BASE64.encode(self.key.public_key().as_ref()))
    }

    /// The zone as a master file.
    pub(crate) fn text(&self) -> String {
        self.records.iter().map(|record| record_text(record).to_string() + "\n").collect()
    }

    fn add(&mut self, owner: &Name, rtype: RecordType, ttl_secs: u32, rdatas: &[&[u8]], signed: bool) {
        let record = |rtype, rdata: &[u8]| Record {
            owner: owner.clone(),
            rtype,
            class: DNSClass::IN,
            ttl_secs,
            rdata: rdata.into(),
        };
        self.records.extend(rdatas.iter().map(|rdata| record(rtype, rdata)));
        if signed {
            // RFC 4034 §3.1.8.1: one record in each set here, so there is nothing to put in order.
            assert_eq!(rdatas.len(), 1);
            let labels = u8::try_from(owner.label_count()).unwrap();
            let mut head = [&u16::from(rtype).to_be_bytes()[..], &[15, labels]].concat();
            for number in [ttl_secs, self.now_secs + 864_000, self.now_secs - 86_400] {
                head.extend(number.to_be_bytes());
            }
            head.extend(key_tag(&self.dnskey()).to_be_bytes());
            head.push(0);
            let length = u16::try_from(rdatas[0].len()).unwrap().to_be_bytes();
            let fixed = [&u16::from(rtype).to_be_bytes()[..], &[0, 1], &ttl_secs.to_be_bytes(), &length].concat();
            let data = [&head[..], owner.wire(), &fixed, rdatas[0]].concat();
            let rdata = [&head[..], self.key.sign(&data).as_ref()].concat();
            self.records.push(record(RecordType::RRSIG, &rdata));
        }
    }
}
