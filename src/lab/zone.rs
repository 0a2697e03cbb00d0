//! A zone as an authoritative server holds it: names in canonical order, cuts, wildcards.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::nsec3::Nsec3Chain;
use crate::wire::{Name, Record, RecordType, RrSet, text};

/// A loaded zone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) apex: Name,
    /// Every name with records, and every empty non-terminal, in canonical order.
    pub(super) nodes: BTreeMap<Name, Node>,
    /// The NSEC3 records lie outside of the tree of names (RFC 5155 §7.2.8).
    pub(super) nsec3: Option<Nsec3Chain>,
}

/// What stands at one name; nothing at an empty non-terminal.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) sets: Vec<RrSet>,
}

/// What a look-up comes upon (RFC 1034 §4.3.2, step 3).
#[derive(Debug)]
pub(super) enum Found<'z> {
    /// A zone cut at or above the name.
    Referral { cut: &'z Name, node: &'z Node },
    /// The name itself, perhaps empty.
    Node(&'z Node),
    /// The name does not exist, but a wildcard below its closest encloser does.
    Wildcard { source: &'z Name, node: &'z Node, encloser: Name },
    /// A DNAME above the name.
    Dname(&'z RrSet),
    /// The name does not exist.
    Missing { encloser: Name },
}

impl Node {
    /// The set of a type.
    pub(super) fn set(&self, rtype: RecordType) -> Option<&RrSet> {
        self.sets.iter().find(|set| set.rtype == rtype)
    }
}

impl Zone {
    /// A zone of records; signatures are put with the sets that they cover.
    pub(super) fn new(apex: &Name, records: &[Record]) -> Self {
        let (signatures, data): (Vec<_>, Vec<_>) =
            records.iter().cloned().partition(|record| record.rtype == RecordType::RRSIG);
        let mut sigs: HashMap<_, Vec<&Record>> = HashMap::new();
        for sig in &signatures {
            sigs.entry((&sig.owner, sig.covers())).or_default().push(sig);
        }
        let mut nodes: BTreeMap<Name, Node> = BTreeMap::new();
        let mut hashed = Vec::new();
        for mut set in super::master::sets(&data) {
            let over = sigs.get(&(&set.owner, Some(set.rtype))).into_iter().flatten();
            set.sigs = over.map(|sig| &*sig.rdata).collect();
            if set.rtype == RecordType::NSEC3 {
                hashed.push(set);
                continue;
            }
            // RFC 4592 §2.2.2: the names between an owner and the apex exist as well.
            for count in apex.label_count()..set.owner.label_count() {
                nodes.entry(set.owner.suffix(count)).or_default();
            }
            nodes.entry(set.owner.clone()).or_default().sets.push(set);
        }
        let params = nodes.get(apex).and_then(|node| node.set(RecordType::NSEC3PARAM));
        let nsec3 = params.and_then(|params| Nsec3Chain::new(params, hashed));
        Self { apex: apex.clone(), nodes, nsec3 }
    }

    /// A set at a name, whether it is authoritative or glue.
    pub(super) fn set(&self, name: &Name, rtype: RecordType) -> Option<&RrSet> {
        self.nodes.get(name).and_then(|node| node.set(rtype))
    }

    /// Looks a name of this zone up.
    pub(super) fn find(&self, name: &Name, qtype: RecordType) -> Found<'_> {
        let mut encloser = self.apex.clone();
        for count in self.apex.label_count()..=name.label_count() {
            let at = name.suffix(count);
            let Some((owner, node)) = self.nodes.get_key_value(&at) else { break };
            let is_apex = at == self.apex;
            let is_name = at == *name;
            // RFC 4035 §3.1.4.1: the DS set of a cut is the parent's own data.
            if !is_apex && node.set(RecordType::NS).is_some() && !(is_name && qtype == RecordType::DS) {
                return Found::Referral { cut: owner, node };
            }
            if is_name {
                return Found::Node(node);
            }
            // RFC 6672 §2.3: a DNAME redirects what lies below it, not its owner.
            if let Some(dname) = node.set(RecordType::DNAME) {
                return Found::Dname(dname);
            }
            encloser = at;
        }
        let wildcard = encloser.prepend(b"*").ok().and_then(|source| self.nodes.get_key_value(&source));
        match wildcard {
            Some((source, node)) => Found::Wildcard { source, node, encloser },
            None => Found::Missing { encloser },
        }
    }

    /// Changes every set, those of the NSEC3 chain included.
    pub(super) fn each_set_mut(&mut self, mut change: impl FnMut(&mut RrSet)) {
        self.nodes.values_mut().flat_map(|node| &mut node.sets).for_each(&mut change);
        self.nsec3.iter_mut().flat_map(Nsec3Chain::sets_mut).for_each(change);
    }
}

/// Master file lines, the SOA record first.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hashed = self.nsec3.iter().flat_map(Nsec3Chain::sets);
        let sets = self.nodes.values().flat_map(|node| &node.sets).chain(hashed);
        let (soa, rest): (Vec<_>, Vec<_>) = sets.partition(|set| set.rtype == RecordType::SOA);
        for set in soa.into_iter().chain(rest) {
            text::set_lines(set).try_for_each(|line| writeln!(f, "{line}"))?;
        }
        Ok(())
    }
}
