//! A world: its zones, signed, and the servers that have them.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

use rootwalk::wire::{Flags, Name, Question, Record, RecordType, Reply, write_query};
use tempfile::TempDir;

use crate::model::{self, HOSTS};
use crate::peers::{self, Program};
use crate::truth::Data;
use crate::{evidence, records, sign};

/// Zones and the servers that have them.
pub(crate) struct World {
    pub(crate) zones: Vec<model::Zone>,
    /// What is in each of them, as its server has it.
    pub(crate) data: Vec<Data>,
    anchors: Vec<String>,
    folder: TempDir,
    _servers: Vec<Program>,
}

/// The address of a server.
pub(crate) fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, host + 1)
}

impl World {
    /// Makes the zones, signs them and starts their servers.
    pub(crate) fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let zones = model::zones(seed);
        let (files, anchors) = sign::sign(folder.path(), &zones);
        let mut servers = Vec::new();
        for host in 0..HOSTS {
            let ours = zones.iter().zip(&files).filter(|(zone, _)| zone.host == host);
            let zones = ours.map(|(zone, file)| {
                format!(
                    "zone \"{}\" {{ type primary; file \"{file}\"; check-names ignore; }};\n",
                    records::text(&zone.name)
                )
            });
            let text = format!(
                "options {{ directory \"{}\"; pid-file none; session-keyfile none; listen-on {{ {}; }}; listen-on-v6 {{ none; \
                 }}; recursion no; dnssec-validation no; notify no; empty-zones-enable no; check-integrity no; max-cache-size 4M; \
                 minimal-responses yes; }};\ncontrols {{ }};\n{}",
                folder.path().display(),
                address(host),
                zones.collect::<String>(),
            );
            let path = folder.path().join(format!("named{host}.conf"));
            std::fs::write(&path, text).unwrap();
            // BIND listens on addresses that an interface has, and is not content with those that lead to it.
            let added =
                Command::new("ip").args(["addr", "add", &format!("{}/32", address(host)), "dev", "lo"]).output();
            drop(added.expect("ip (Debian package iproute2) cannot be run; ./test installs it"));
            let mut command = Command::new("named");
            command.args(["-f", "-n", "1", "-c", path.to_str().unwrap()]);
            servers.push(Program::start(command, SocketAddr::from((address(host), 53))));
        }
        let data = zones.iter().map(|zone| {
            let sets = evidence::sets(&transfer(address(zone.host), &zone.name));
            Data::new(&zone.name, sets, zone.signing.as_ref())
        });
        let data = data.collect();
        Self { zones, data, anchors, folder, _servers: servers }
    }

    /// What a resolver has to be told.
    pub(crate) fn told(&self) -> peers::World {
        let hints = vec![("r.".parse().unwrap(), address(self.zones[0].host).into())];
        peers::World { folder: self.folder.path().to_owned(), anchors: self.anchors.clone(), hints }
    }

    /// The zone that has the say over `name`; for the DS set of a zone that is the one above.
    pub(crate) fn zone_of(&self, name: &Name, qtype: RecordType) -> usize {
        let holds = |zone: &Name| match qtype {
            RecordType::DS if !name.is_root() => name.is_below(zone),
            _ => name.is_within(zone),
        };
        let holding = (0..self.zones.len()).filter(|at| holds(&self.zones[*at].name));
        holding.max_by_key(|at| self.zones[*at].name.label_count()).unwrap()
    }

    /// A zone and those above it, from the bottom up.
    pub(crate) fn above(&self, at: usize) -> Vec<usize> {
        std::iter::successors(Some(at), |at| self.zones[*at].parent).collect()
    }

    /// Every name of every zone, with its types; those of hashes are none (RFC 5155 section 7.2.8).
    pub(crate) fn names(&self) -> BTreeMap<Name, Vec<RecordType>> {
        let mut names: BTreeMap<Name, Vec<RecordType>> = BTreeMap::new();
        for (name, sets) in self.data.iter().flat_map(|data| &data.sets) {
            names.entry(name.clone()).or_default().extend(sets.iter().map(|set| set.rtype));
        }
        names
    }
}

/// All records of a zone (RFC 5936).
fn transfer(server: Ipv4Addr, zone: &Name) -> Vec<Record> {
    let mut stream = TcpStream::connect((server, 53)).unwrap();
    let mut query = Vec::new();
    write_query(1, &Question::new(zone.clone(), RecordType::AXFR), Flags::default(), None, &mut query);
    let len = u16::try_from(query.len()).unwrap().to_be_bytes();
    stream.write_all(&[&len, &query[..]].concat()).unwrap();
    let mut records: Vec<Record> = Vec::new();
    loop {
        let mut len = [0; 2];
        stream.read_exact(&mut len).unwrap_or_else(|error| panic!("transfer of {zone}: {error}"));
        let mut message = vec![0; u16::from_be_bytes(len).into()];
        stream.read_exact(&mut message).unwrap();
        let reply = Reply::read(&message).unwrap();
        assert!(!reply.answer.is_empty() && reply.damage.is_empty(), "transfer of {zone}: {:?}", reply.damage);
        records.extend(reply.answer);
        if records.len() > 1 && records.last().unwrap().rtype == RecordType::SOA {
            records.pop();
            return records;
        }
    }
}
