//! Names, record data, sets and messages to try.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::RngSeed;
use rootwalk::wire::{DNSClass, Edns, EdnsOption, Flags, Name, Question, Record, RecordType, RrSet, Section, Writer};

/// So many cases from a fixed seed, so that a run can be repeated; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` override.
pub(super) fn seeded(cases: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let is_unset = |name: &str| std::env::var_os(name).is_none();
    ProptestConfig {
        cases: if is_unset("PROPTEST_CASES") { cases } else { asked.cases },
        rng_seed: if is_unset("PROPTEST_RNG_SEED") { RngSeed::Fixed(1987) } else { asked.rng_seed },
        failure_persistence: None,
        ..asked
    }
}

/// Mostly short labels of few letters, so that names share tails and compression has work.
fn label() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(prop_oneof![Just(b'a'), Just(b'B'), Just(b'b'), Just(b'-')], 1..3),
        1 => vec(any::<u8>(), 1..64),
    ]
}

pub(super) fn name() -> impl Strategy<Value = Name> {
    let labels = vec(label(), 0..6);
    labels.prop_filter_map("too long", |labels| Name::from_labels(labels.iter().map(Vec::as_slice)).ok())
}

fn name_wire() -> impl Strategy<Value = Vec<u8>> {
    name().prop_map(|name| name.wire().to_vec())
}

fn octets(range: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), range)
}

/// A character-string.
fn text() -> impl Strategy<Value = Vec<u8>> {
    octets(0..20).prop_map(|text| counted(&text))
}

fn counted(octets: &[u8]) -> Vec<u8> {
    [&[u8::try_from(octets.len()).expect("short")], octets].concat()
}

/// A type bitmap with two windows: some of A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, RRSIG; CAA and some without a name.
fn bitmap() -> impl Strategy<Value = Vec<u8>> {
    octets(7).prop_map(|random| {
        let (masks, last) = ([0x66, 0x09, 0x80, 0x08, 0, 0x02], 0x40);
        let first: Vec<_> = masks.iter().zip(&random).map(|(mask, octet)| mask & octet).chain([1]).collect();
        [&[0], &counted(&first)[..], &[1, 5, last & random[6], 0, 0, 0, random[6] | 1]].concat()
    })
}

fn joined(parts: impl Strategy<Value = Vec<Vec<u8>>> + 'static) -> proptest::strategy::BoxedStrategy<Vec<u8>> {
    parts.prop_map(|parts| parts.concat()).boxed()
}

macro_rules! parts {
    ($($part:expr),+) => {{
        let parts: Vec<proptest::strategy::BoxedStrategy<Vec<u8>>> = vec![$($part.boxed()),+];
        joined(parts)
    }};
}

/// Well-formed data in uncompressed wire form, of a type that hickory-proto decodes and encodes as it is.
pub(super) fn plain_data() -> impl Strategy<Value = (RecordType, Vec<u8>)> {
    let named = prop_oneof![Just(RecordType::NS), Just(RecordType::CNAME), Just(RecordType::PTR)];
    let texts = vec(text(), 1..4).prop_map(|texts| texts.concat());
    prop_oneof![
        (Just(RecordType::A), octets(4)),
        (Just(RecordType::AAAA), octets(16)),
        (named, name_wire()),
        (Just(RecordType::SOA), parts![name_wire(), name_wire(), octets(20)]),
        (Just(RecordType::MX), parts![octets(2), name_wire()]),
        (Just(RecordType::SRV), parts![octets(6), name_wire()]),
        (Just(RecordType::TXT), texts),
        (Just(RecordType::Unknown(65280)), octets(1..30)),
    ]
}

/// Well-formed data of many types.
pub(super) fn data() -> impl Strategy<Value = (RecordType, Vec<u8>)> {
    let typed = |number: u16| Just(RecordType::from(number));
    let params = prop_oneof![
        Just(vec![]),
        Just(b"\0\x01\0\x06\x02h2\x02h3\0\x02\0\0\0\x03\0\x02\x01\xbb\0\x04\0\x04\xc0\0\x02\x01".to_vec()),
        octets(1..9).prop_map(|value| [&[2, 0x9b, 0], &counted(&value)[..]].concat()),
    ];
    let hash = octets(20).prop_map(|hash| counted(&hash));
    let salt = || octets(0..9).prop_map(|salt| counted(&salt));
    let tag = vec(prop_oneof![Just(b'i'), Just(b'Z'), Just(b'7')], 1..9).prop_map(|tag| counted(&tag));
    prop_oneof![
        8 => plain_data(),
        1 => (typed(39), name_wire()),
        1 => (typed(17), parts![name_wire(), name_wire()]),
        1 => (typed(18), parts![octets(2), name_wire()]),
        1 => (typed(35), parts![octets(4), text(), text(), text(), name_wire()]),
        1 => (typed(43), octets(5..40)),
        1 => (typed(44), octets(3..40)),
        1 => (typed(46), parts![octets(18), name_wire(), octets(1..40)]),
        1 => (typed(47), parts![name_wire(), bitmap()]),
        1 => (typed(48), octets(5..40)),
        1 => (typed(50), parts![octets(4), salt(), hash, bitmap()]),
        1 => (typed(51), parts![octets(4), salt()]),
        1 => (typed(52), octets(4..40)),
        1 => (typed(65), parts![octets(2), name_wire(), params]),
        1 => (typed(257), parts![octets(1), tag, octets(0..9)]),
    ]
}

pub(super) fn record(data: impl Strategy<Value = (RecordType, Vec<u8>)>) -> impl Strategy<Value = Record> {
    (name(), 0..1_u32 << 31, data).prop_map(|(owner, ttl_secs, (rtype, rdata))| Record {
        owner,
        rtype,
        class: DNSClass::IN,
        ttl_secs,
        rdata: rdata.into(),
    })
}

pub(super) fn set() -> impl Strategy<Value = RrSet> {
    let fits = |number: u16| Just(RecordType::from(number));
    let members = prop_oneof![
        (fits(1), vec(octets(4), 1..12)),
        (fits(2), vec(name_wire(), 1..4)),
        (fits(65280), vec(octets(0..90), 1..9)),
    ];
    (name(), 0..100_000_u32, members, vec(octets(40..120), 0..3)).prop_map(
        |(owner, ttl_secs, (rtype, members), sigs)| {
            let mut set = RrSet::new(owner, rtype, ttl_secs, members.iter().map(Vec::as_slice));
            // What a signature needs to be read: 18 octets, the root as its signer, the rest.
            let sigs = sigs.iter().map(|sig| [&sig[..18], &[0], &sig[19..]].concat()).collect::<Vec<_>>();
            set.sigs = sigs.iter().map(Vec::as_slice).collect();
            set
        },
    )
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    (name(), 1..=300_u16).prop_map(|(name, qtype)| Question::new(name, qtype.into()))
}

pub(super) fn edns() -> impl Strategy<Value = Edns> {
    // Codes that hickory-proto does not decode: it refuses the whole message over a bad client subnet.
    let option = (10..=20_u16, octets(0..9)).prop_map(|(code, data)| EdnsOption { code, data: data.into() });
    (512..=u16::MAX, any::<bool>(), vec(option, 0..4))
        .prop_map(|(udp_size, dnssec_ok, options)| Edns { options: options.into(), ..Edns::new(udp_size, dnssec_ok) })
}

/// A reply in its parts.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) id: u16,
    pub(super) flags: Flags,
    pub(super) question: Question,
    pub(super) sections: [Vec<Record>; 3],
    pub(super) edns: Option<Edns>,
}

pub(super) fn parts(
    data: impl Strategy<Value = (RecordType, Vec<u8>)> + Clone + 'static,
) -> impl Strategy<Value = Parts> {
    let records = move || vec(record(data.clone()), 0..6);
    // Any flags but the reserved one, with opcode QUERY and the response codes that have a name.
    let flags = (any::<u16>(), 0..=10_u16).prop_map(|(bits, rcode)| Flags(0x8000 | bits & 0x07b0 | rcode));
    let sections = (records(), records(), records());
    (any::<u16>(), flags, question(), sections, proptest::option::of(edns())).prop_map(
        |(id, flags, question, (answer, authority, additional), edns)| Parts {
            id,
            flags,
            question,
            sections: [answer, authority, additional],
            edns,
        },
    )
}

pub(super) fn write(parts: &Parts) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(parts.id, parts.flags, &mut bytes);
    writer.question(&parts.question);
    for (section, records) in Section::ALL.into_iter().zip(&parts.sections) {
        records.iter().for_each(|record| writer.record(section, record).expect("small"));
    }
    parts.edns.iter().for_each(|edns| writer.opt(edns));
    writer.finish();
    bytes
}

/// Well-formed bytes with a few octets changed, some cut off and some appended.
pub(super) fn mutated(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    // Octets that mean something: counts, lengths, pointers.
    let octet = prop_oneof![any::<u8>(), Just(0), Just(0xc0), Just(12), Just(0xff), Just(41), Just(63)];
    let changes = vec((any::<proptest::sample::Index>(), octet), 0..6);
    let cut = prop_oneof![4 => Just(None), 1 => any::<proptest::sample::Index>().prop_map(Some)];
    (bytes, changes, cut, octets(0..4)).prop_map(|(mut bytes, changes, cut, tail)| {
        changes.iter().for_each(|(at, octet)| *at.get_mut(&mut bytes) = *octet);
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(tail);
        bytes
    })
}
