//! Small zones for tests: what the data of one comes to for any name, and the NSEC and NSEC3 records that it has.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE32HEX_NOPAD;
use proptest::prelude::*;

use super::place::{Hash, hash};
use crate::wire::{Name, RecordType, RrSet};

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const TXT: u16 = 16;
const DNAME: u16 = 39;
const DS: u16 = 43;
const RRSIG: u16 = 46;
const NSEC: u16 = 47;

/// The names of a zone that it has records at, each with its types.
#[derive(Clone, Debug)]
pub(super) struct Model(BTreeMap<Name, BTreeSet<u16>>);

/// What the data comes to (RFC 1034 §4.3.2, RFC 4592 §3.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    /// There are such records, or an alias.
    Data,
    /// The name is there, or made by a wildcard, and has no such records.
    NoData,
    /// There is no such name.
    NoName,
    /// The wildcard below this name has such records, or an alias.
    Made(Name),
    /// It is for another zone to say, or a DNAME leads elsewhere.
    NotHere,
}

/// The parameters of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) salt: &'static [u8],
    pub(super) iterations: u8,
    /// Whether unsigned delegations have no records (RFC 5155 §6).
    pub(super) opt_out: bool,
}

impl Model {
    pub(super) fn apex() -> Name {
        Name::root().prepend(b"z").unwrap()
    }

    fn new(names: Vec<(Name, &[u16])>) -> Self {
        let of = |types: &[u16]| types.iter().copied().collect::<BTreeSet<u16>>();
        // What a wildcard makes of NS and DNAME is not defined (RFC 4592 §4.2, §4.4), and one that exists for an
        // unsigned cut alone has no record under opt-out.
        let is_wild = |name: &Name| name.labels().any(|label| label == b"*");
        let all = names
            .into_iter()
            .filter(|(name, types)| !is_wild(name) || !types.iter().any(|at| [NS, DNAME].contains(at)));
        let mut nodes: BTreeMap<Name, BTreeSet<u16>> = all.map(|(name, types)| (name, of(types))).collect();
        nodes.insert(Self::apex(), of(&[NS, SOA, A]));
        let whole = Self(nodes);
        Self(
            whole
                .0
                .iter()
                .filter(|(name, _)| !whole.is_hidden(name))
                .map(|(name, types)| (name.clone(), types.clone()))
                .collect(),
        )
    }

    fn types(&self, name: &Name) -> Option<&BTreeSet<u16>> {
        self.0.get(name)
    }

    fn is_cut(&self, name: &Name) -> bool {
        self.types(name).is_some_and(|types| types.contains(&NS) && !types.contains(&SOA))
    }

    /// Whether a cut or a DNAME stands above the name.
    fn is_hidden(&self, name: &Name) -> bool {
        let ends = |above: &Name| self.is_cut(above) || self.types(above).is_some_and(|types| types.contains(&DNAME));
        (1..name.label_count()).any(|count| ends(&name.suffix(count)))
    }

    /// Whether the name has records, or names below it that have.
    pub(super) fn exists(&self, name: &Name) -> bool {
        self.0.keys().any(|node| node.is_within(name))
    }

    /// The longest part of the name that exists.
    fn encloser(&self, name: &Name) -> Name {
        (1..=name.label_count()).rev().map(|count| name.suffix(count)).find(|above| self.exists(above)).unwrap()
    }

    pub(super) fn truth(&self, name: &Name, qtype: RecordType) -> Truth {
        let has =
            |types: &BTreeSet<u16>| qtype == RecordType::ANY || types.contains(&qtype.into()) || types.contains(&CNAME);
        let is_ds = qtype == RecordType::DS;
        if self.is_hidden(name) || (is_ds && *name == Self::apex()) || (!is_ds && self.is_cut(name)) {
            return Truth::NotHere;
        }
        if self.exists(name) {
            return if self.types(name).is_some_and(has) { Truth::Data } else { Truth::NoData };
        }
        let encloser = self.encloser(name);
        let source = encloser.prepend(b"*").unwrap();
        match self.types(&source) {
            Some(types) if has(types) => Truth::Made(encloser),
            None if !self.exists(&source) => Truth::NoName,
            _ => Truth::NoData,
        }
    }

    /// What a referral or its denial may say of `name` (RFC 4035 §5.2): whether it is a cut without DS set; `None`
    /// where that is not for this zone to say, or not so.
    pub(super) fn unsigned_cut(&self, name: &Name) -> Option<bool> {
        let is_signed = self.types(name).is_some_and(|types| types.contains(&DS));
        (!self.is_hidden(name) && !is_signed).then(|| self.is_cut(name))
    }

    /// Whether nothing but what lies below `encloser` may stand for the name: `None` where no wildcard can.
    pub(super) fn leaves(&self, name: &Name, encloser: &Name) -> Option<bool> {
        let next_closer = name.suffix(encloser.label_count() + 1);
        (!self.is_hidden(&next_closer)).then(|| !self.exists(&next_closer))
    }

    pub(super) fn nsecs(&self) -> Vec<RrSet> {
        let next = self.0.keys().cycle().skip(1);
        let of = |((owner, types), next): ((&Name, &BTreeSet<u16>), &Name)| {
            let types: Vec<u16> = types.iter().copied().chain([RRSIG, NSEC]).collect();
            RrSet::new(owner.clone(), RecordType::NSEC, 60, [&[next.wire(), &bitmap(&types)].concat()[..]])
        };
        self.0.iter().zip(next).map(of).collect()
    }

    /// The names that have an NSEC3 record, and those that opt-out leaves without.
    fn hashed(&self, kind: Kind) -> (BTreeSet<Name>, BTreeSet<Name>) {
        let of = |kept: bool| -> BTreeSet<Name> {
            let is_left =
                |(name, types): &(&Name, &BTreeSet<u16>)| kind.opt_out && self.is_cut(name) && !types.contains(&DS);
            let nodes = self.0.iter().filter(|node| is_left(node) != kept).map(|(name, _)| name);
            nodes.flat_map(|name| (1..=name.label_count()).map(|count| name.suffix(count))).collect()
        };
        let (kept, left) = (of(true), of(false));
        let left = left.difference(&kept).cloned().collect();
        (kept, left)
    }

    /// Whether there is no record of the name itself although it exists.
    pub(super) fn is_left_out(&self, name: &Name, kind: Kind) -> bool {
        self.hashed(kind).1.contains(name)
    }

    pub(super) fn nsec3s(&self, kind: Kind) -> Vec<RrSet> {
        let of = |name: &Name| hash(name, kind.salt, kind.iterations.into());
        let (kept, left) = self.hashed(kind);
        let left: Vec<Hash> = left.iter().map(of).collect();
        let kept: BTreeMap<Hash, Vec<u16>> = kept
            .iter()
            .map(|name| (of(name), self.types(name).map_or_else(Vec::new, |types| types.iter().copied().collect())))
            .collect();
        let next = kept.keys().cycle().skip(1);
        let record = |((hash, types), next): ((&Hash, &Vec<u16>), &Hash)| {
            let within =
                |left: &Hash| if hash < next { hash < left && left < next } else { hash < left || left < next };
            let flags = u8::from(left.iter().any(within));
            let head =
                [&[1, flags, 0, kind.iterations, u8::try_from(kind.salt.len()).unwrap()], kind.salt, &[20], next]
                    .concat();
            let owner = Self::apex().prepend(BASE32HEX_NOPAD.encode(hash).as_bytes()).unwrap();
            RrSet::new(owner, RecordType::NSEC3, 60, [&[head, bitmap(types)].concat()[..]])
        };
        kept.iter().zip(next).map(record).collect()
    }

    /// The sets at wildcards, each as it is made for `name`, with the name that the wildcard stands below.
    pub(super) fn made(&self, name: &Name) -> Vec<(RrSet, Name)> {
        let wild = self.0.iter().filter(|(owner, _)| owner.labels().next() == Some(b"*"));
        let each = wild.flat_map(|(owner, types)| types.iter().map(move |rtype| (owner, *rtype)));
        let data = |rtype| if rtype == CNAME { &b"\x01x\x00"[..] } else { &[4, 1, 1, 1] };
        let set = |rtype| RrSet::new(name.clone(), RecordType::from(rtype), 60, [data(rtype)]);
        each.map(|(owner, rtype)| (set(rtype), owner.parent().unwrap())).collect()
    }
}

/// The bitmap of types of the first window (RFC 4034 §4.1.2); none at all for no types.
fn bitmap(types: &[u16]) -> Vec<u8> {
    let mut bits = vec![0, 32];
    bits.resize(34, 0);
    types.iter().for_each(|rtype| bits[2 + usize::from(rtype / 8)] |= 0x80 >> (rtype % 8));
    if types.is_empty() { Vec::new() } else { bits }
}

/// Names of the zone, with wildcards at any place.
pub(super) fn names() -> impl Strategy<Value = Name> {
    let label = proptest::sample::select(vec![&b"a"[..], b"b", b"c", b"*"]);
    proptest::collection::vec(label, 0..5)
        .prop_map(|labels| Name::from_labels(labels.into_iter().chain(Model::apex().labels())).unwrap())
}

pub(super) fn types() -> impl Strategy<Value = RecordType> {
    proptest::sample::select(vec![A, TXT, CNAME, NS, DS, 255]).prop_map(RecordType::from)
}

pub(super) fn models() -> impl Strategy<Value = Model> {
    let all: [&[u16]; 7] = [&[A], &[TXT], &[CNAME], &[NS], &[NS, DS], &[DNAME], &[A, DNAME]];
    proptest::collection::vec((names(), proptest::sample::select(all.to_vec())), 0..7).prop_map(Model::new)
}
