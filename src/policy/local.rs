//! Records of the operator: from the configuration, and from a hosts file.
//!
//! A name that has such a record is answered from these alone, with NODATA for types that it lacks; all other names,
//! those above and below included, are looked up as if there were none (what Unbound calls transparent).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Bound;

use crate::wire::{Ede, Name, Octets, Question, Record, RecordType, ResponseCode, RrSet, ede};

use super::LocalAnswer;
use super::special::soa;

/// The TTL of records that are made from a hosts file, and of what the operator's names lack, in seconds.
const HOSTS_TTL_SECS: u32 = 300;
/// Most aliases that are followed (RFC 1034 §3.6.2 allows none that lead to another, and everybody has them).
const MAX_ALIASES: usize = 8;

/// The sets by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalData(BTreeMap<Name, Vec<RrSet>>);

/// The least TTL and the data of a set.
type Members = (u32, Vec<Octets>);

impl LocalData {
    /// The records, and A, AAAA and PTR records made from hosts: the first name of an address is its PTR, unless an
    /// earlier line has given it one.
    #[must_use]
    pub fn new(records: &[Record], hosts: &[(IpAddr, Vec<Name>)]) -> Self {
        let mut groups: BTreeMap<(Name, u16), Members> = BTreeMap::new();
        let mut add = |owner: &Name, rtype: RecordType, ttl_secs: u32, rdata: Octets| {
            let (ttl, rdatas) = groups.entry((owner.clone(), rtype.into())).or_insert((ttl_secs, Vec::new()));
            *ttl = ttl_secs.min(*ttl);
            if !rdatas.contains(&rdata) {
                rdatas.push(rdata);
            }
        };
        for record in records {
            add(&record.owner, record.rtype, record.ttl_secs, record.rdata.clone());
        }
        let pointers = records.iter().filter(|record| record.rtype == RecordType::PTR);
        let mut known: BTreeSet<Name> = pointers.map(|record| record.owner.clone()).collect();
        for (addr, names) in hosts {
            for name in names {
                let rtype = if addr.is_ipv4() { RecordType::A } else { RecordType::AAAA };
                add(name, rtype, HOSTS_TTL_SECS, (*addr).into());
            }
            let reverse = Name::reverse(*addr);
            if let Some(first) = names.first().filter(|_| !known.contains(&reverse)) {
                add(&reverse, RecordType::PTR, HOSTS_TTL_SECS, first.wire().into());
                known.insert(reverse);
            }
        }
        let mut sets: BTreeMap<Name, Vec<RrSet>> = BTreeMap::new();
        for ((owner, rtype), (ttl_secs, rdatas)) in groups {
            let set = RrSet::new(owner.clone(), rtype.into(), ttl_secs, rdatas.iter().map(|rdata| &**rdata));
            sets.entry(owner).or_default().push(set);
        }
        Self(sets)
    }

    /// The answer to a question of class IN; `None` when it has to be looked up: the name has no records here, or an
    /// alias leads out of here.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Option<LocalAnswer> {
        let (answer, next) = self.follow(question);
        if next.is_some() {
            return None;
        }
        let is_answered = |set: &RrSet| set.rtype == question.qtype || question.qtype == RecordType::ANY;
        let authority = if answer.last().is_some_and(is_answered) {
            Vec::new()
        } else {
            // RFC 2308 §5: without it clients do not keep the answer, and ask for AAAA each time that they ask for A.
            let end = answer.last().and_then(|alias| alias.targets().next());
            let end = end.unwrap_or_else(|| question.name.clone());
            vec![RrSet { ttl_secs: HOSTS_TTL_SECS, ..soa(&end) }]
        };
        let why = Ede::new(ede::SYNTHESIZED, format!("{} has records in the configuration", question.name));
        let (rcode, edes) = (ResponseCode::NoError, vec![why]);
        Some(LocalAnswer { rcode, answer, authority, edes, authoritative: true, ..LocalAnswer::default() })
    }

    /// Whether a name below this one has records here.
    #[must_use]
    pub fn has_below(&self, name: &Name) -> bool {
        // In canonical order, names below another one come right behind it (RFC 4034 §6.1).
        let behind = (Bound::Excluded(name), Bound::Unbounded);
        self.0.range(behind).next().is_some_and(|(next, _)| next.is_within(name))
    }

    /// The aliases of a name that lead out of here, and where they lead.
    #[must_use]
    pub fn way_out(&self, question: &Question) -> Option<(Vec<RrSet>, Name)> {
        let (links, target) = self.follow(question);
        Some((links, target?)).filter(|(links, _)| !links.is_empty())
    }

    /// The names whose aliases lead out of here: the aliases, and where they lead.
    #[must_use]
    pub fn ways_out(&self) -> BTreeMap<Name, (Vec<RrSet>, Name)> {
        let way = |name: &Name| Some((name.clone(), self.way_out(&Question::new(name.clone(), RecordType::A))?));
        self.0.keys().filter_map(way).collect()
    }

    /// The sets that answer, aliases first, and the name that has to be looked up: the last one, where it has no
    /// records here.
    fn follow(&self, question: &Question) -> (Vec<RrSet>, Option<Name>) {
        let (mut answer, mut name) = (Vec::new(), question.name.clone());
        while let Some(sets) = self.0.get(&name) {
            let of_type = |rtype| sets.iter().find(|set| set.rtype == rtype);
            // RFC 1034 §4.3.2, step 3a: CNAME and ANY fit the alias itself.
            let fits = [RecordType::CNAME, RecordType::ANY].contains(&question.qtype);
            let cname = of_type(RecordType::CNAME).filter(|_| !fits);
            let Some((cname, target)) = cname.and_then(|set| Some((set, set.targets().next()?))) else {
                // RFC 8482 §4.1: one of the sets will do for ANY.
                let any = || sets.first().filter(|_| question.qtype == RecordType::ANY);
                answer.extend(of_type(question.qtype).or_else(any).cloned());
                return (answer, None);
            };
            // A loop ends as a name without records.
            if answer.len() >= MAX_ALIASES || answer.contains(cname) {
                return (answer, None);
            }
            answer.push(cname.clone());
            name = target;
        }
        (answer, Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::{parse_record, set_lines};

    fn data() -> LocalData {
        let lines = [
            "nas.lan 300 A 192.0.2.10",
            "nas.lan 60 A 192.0.2.11",
            "nas.lan TXT hello",
            "files.lan CNAME nas.lan",
            "www.lan CNAME www.example.com",
            "loop.lan CNAME loop2.lan",
            "loop2.lan CNAME loop.lan",
        ];
        let records = lines.map(|line| parse_record(line).unwrap());
        let host = |addr: &str, names: &[&str]| {
            (addr.parse::<IpAddr>().unwrap(), names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Name>>())
        };
        LocalData::new(&records, &[host("192.0.2.9", &["box.lan", "box"]), host("2001:db8::9", &["box.lan"])])
    }

    fn ask(name: &str, qtype: RecordType) -> Option<Vec<String>> {
        let answer = data().answer(&Question::new(name.parse().unwrap(), qtype))?;
        assert!(answer.authoritative && answer.rcode == ResponseCode::NoError && !answer.edes.is_empty());
        Some(answer.answer.iter().flat_map(set_lines).collect())
    }

    #[test]
    fn a_name_with_records_is_answered_and_all_others_are_looked_up() {
        let both = ["nas.lan. 60 IN A 192.0.2.10", "nas.lan. 60 IN A 192.0.2.11"].map(String::from).to_vec();
        assert_eq!(ask("NAS.lan", RecordType::A), Some(both.clone()));
        assert_eq!(ask("nas.lan", RecordType::AAAA), Some(Vec::new()));
        assert_eq!(ask("nas.lan", RecordType::ANY).map(|lines| lines.len()), Some(2));
        let alias = "files.lan. 3600 IN CNAME nas.lan.".to_owned();
        assert_eq!(ask("files.lan", RecordType::A), Some([vec![alias.clone()], both].concat()));
        for qtype in [RecordType::CNAME, RecordType::ANY] {
            assert_eq!(ask("files.lan", qtype), Some(vec![alias.clone()]), "{qtype:?}");
            let out = "www.lan. 3600 IN CNAME www.example.com.".to_owned();
            assert_eq!(ask("www.lan", qtype), Some(vec![out]), "{qtype:?}");
        }
        for name in ["lan", "a.nas.lan", "other.lan", ".", "www.example.com", "www.lan"] {
            assert_eq!(ask(name, RecordType::A), None, "{name}");
        }
        assert_eq!(ask("loop.lan", RecordType::A).map(|lines| lines.len()), Some(2));
        let lacks = |name: &str, qtype| {
            let told = data().answer(&Question::new(name.parse().unwrap(), qtype)).unwrap();
            told.authority.iter().map(|soa| (soa.owner.to_string(), soa.ttl_secs)).collect::<Vec<_>>()
        };
        for (name, end) in [("nas.lan", "nas.lan."), ("files.lan", "nas.lan."), ("loop.lan", "loop.lan.")] {
            assert_eq!(lacks(name, RecordType::AAAA), [(end.to_owned(), 300)], "who lacks it may be kept: {name}");
            assert!(lacks(name, RecordType::ANY).is_empty());
        }
        assert!(lacks("nas.lan", RecordType::A).is_empty() && lacks("files.lan", RecordType::A).is_empty());
    }

    /// RFC 2181 §5, §5.2: a set has no member twice, and one TTL, the least, in whatever order its records stand.
    #[test]
    fn records_that_stand_twice_are_one() {
        let lines = ["a.lan 60 A 192.0.2.1", "a.lan 300 A 192.0.2.1", "a.lan 600 A 192.0.2.2", "a.lan 300 A 192.0.2.2"];
        let data = LocalData::new(&lines.map(|line| parse_record(line).unwrap()), &[]);
        let told = data.answer(&Question::new("a.lan".parse().unwrap(), RecordType::A)).unwrap().answer;
        let told: Vec<String> = told.iter().flat_map(set_lines).collect();
        assert_eq!(told, ["a.lan. 60 IN A 192.0.2.1", "a.lan. 60 IN A 192.0.2.2"]);
    }

    #[test]
    fn no_more_aliases_are_followed_than_may_be() {
        let lines = (0..20).map(|nth| parse_record(&format!("n{nth}.lan CNAME n{}.lan", nth + 1)).unwrap());
        let data = LocalData::new(&lines.collect::<Vec<_>>(), &[]);
        for nth in 0..20 {
            let asked = Question::new(format!("n{nth}.lan").parse().unwrap(), RecordType::A);
            let (links, out) = data.follow(&asked);
            assert_eq!((links.len(), out.is_some()), ((20 - nth).min(MAX_ALIASES), 20 - nth <= MAX_ALIASES), "{nth}");
        }
    }

    #[test]
    fn names_above_a_record_are_known() {
        let records = ["a.b.lan A 192.0.2.1", "xb.lan A 192.0.2.1"].map(|line| parse_record(line).unwrap());
        let data = LocalData::new(&records, &[]);
        let above: Vec<&str> = [".", "lan", "b.lan", "B.Lan", "a.b.lan", "c.lan", "a.lan", "xb.lan", "an", "zone"]
            .into_iter()
            .filter(|name| data.has_below(&name.parse().unwrap()))
            .collect();
        assert_eq!(above, [".", "lan", "b.lan", "B.Lan"]);
    }

    #[test]
    fn an_alias_that_leads_out_names_what_is_to_be_looked_up() {
        let (links, next) = data().follow(&Question::new("www.lan".parse().unwrap(), RecordType::A));
        assert_eq!((links.len(), next.unwrap().to_string()), (1, "www.example.com.".to_owned()));
        assert_eq!(data().ways_out().keys().map(ToString::to_string).collect::<Vec<_>>(), ["www.lan."]);
    }

    #[test]
    fn hosts_have_addresses_and_are_found_by_them() {
        assert_eq!(ask("box", RecordType::A), Some(vec!["box. 300 IN A 192.0.2.9".to_owned()]));
        assert_eq!(ask("box.lan", RecordType::AAAA), Some(vec!["box.lan. 300 IN AAAA 2001:db8::9".to_owned()]));
        let reverse = "9.2.0.192.in-addr.arpa. 300 IN PTR box.lan.".to_owned();
        assert_eq!(ask("9.2.0.192.in-addr.arpa", RecordType::PTR), Some(vec![reverse]));
        let six = format!("9.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23));
        assert_eq!(ask(&six, RecordType::PTR).map(|lines| lines.len()), Some(1));
    }

    #[test]
    fn an_address_has_the_name_that_comes_first() {
        let pointer = |records: &[&str], hosts: &[&str]| {
            let records: Vec<Record> = records.iter().map(|line| parse_record(line).unwrap()).collect();
            let addr = IpAddr::from([192, 0, 2, 9]);
            let hosts: Vec<_> = hosts.iter().map(|name| (addr, vec![name.parse::<Name>().unwrap()])).collect();
            let asked = Question::new("9.2.0.192.in-addr.arpa".parse().unwrap(), RecordType::PTR);
            let told = LocalData::new(&records, &hosts).answer(&asked).unwrap().answer;
            told.iter().flat_map(RrSet::targets).map(|name| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(pointer(&[], &["one.lan", "two.lan"]), ["one.lan."]);
        let own = "9.2.0.192.in-addr.arpa PTR own.lan";
        assert_eq!(pointer(&[own], &["one.lan", "two.lan"]), ["own.lan."], "a record says more than a hosts file");
        assert_eq!(pointer(&["9.2.0.192.in-addr.arpa TXT rack-4"], &["one.lan"]), ["one.lan."]);
    }
}
