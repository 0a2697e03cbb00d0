//! From files to servers: read, put the DS records into the parents, sign, spoil, hand out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::authority::{Authority, Server};
use super::files::Files;
use super::master;
use super::origin::Web;
use super::settings::{ServerSettings, Settings, ZoneSettings};
use super::sign::Signer;
use super::zone::Zone;
use super::{Lab, LabError, TrustAnchor, defect};
use crate::wire::svcb::{Svcb, key};
use crate::wire::{Name, Record, RecordType};

const SETTINGS: &str = "lab.toml";
/// The TTL of the root's key in a trust anchor, where it means nothing.
const ANCHOR_TTL_SECS: u32 = 3600;

/// Loads and signs everything; zones that are signed in the way in which they were `before` keep their keys.
pub(super) fn load(files: &Files, before: Option<&Source>, now_unix_secs: u32) -> Result<Lab, LabError> {
    let text = files.read(SETTINGS)?;
    let file = files.display(SETTINGS);
    let settings: Settings = toml::from_str(&text).map_err(|wrong| place(&file, &text, &wrong))?;
    let mistake = || settings.web.as_ref().and_then(Web::mistake).or_else(|| twice(&settings.zone));
    if let Some(what) = mistake() {
        return Err(LabError::Mismatch { file, what });
    }
    let zones = read(files, settings.zone, before)?;
    let source = Source { files: files.clone(), zones, servers: settings.server.into(), now_unix_secs };
    let servers = servers(&source.servers, &finish(&source)?);
    Ok(Lab {
        port: settings.port,
        authority: Authority::new(servers.map_err(|what| LabError::Mismatch { file, what })?),
        root_hints: hints(&source.servers),
        trust_anchor: source.trust_anchor()?,
        healthy: settings.healthy,
        zoo: settings.zoo,
        web: settings.web.map(|web| web.read(files)).transpose()?,
        source,
    })
}

/// What is wrong with `lab.toml`, with its place.
fn place(file: &str, text: &str, wrong: &toml::de::Error) -> LabError {
    let before = wrong.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let shown = text.lines().nth(line - 1).unwrap_or_default().to_owned();
    let (file, what) = (file.to_owned(), wrong.message().to_owned());
    LabError::Place { file, line, column, what, shown }
}

/// A zone that is there twice, in words.
fn twice(zones: &[ZoneSettings]) -> Option<String> {
    let mut names = BTreeSet::new();
    let twice = zones.iter().find(|zone| !names.insert(&zone.name))?;
    Some(format!("the zone {} is there twice", twice.name))
}

/// The lab as its files are now; `None` when its zones and servers are the same as before.
pub(super) fn load_again(lab: &Lab, now_unix_secs: u32) -> Result<Option<Lab>, LabError> {
    let anew = load(&lab.source.files, Some(&lab.source), now_unix_secs)?;
    let same = anew.source.servers == lab.source.servers && anew.source.zones == lab.source.zones;
    Ok((!same).then_some(anew))
}

/// The servers of `lab` where its web origins have `port` for TLS in place of the one of `lab.toml`: the zones whose
/// records name that are made anew, with the keys that they have.
pub(super) fn with_tls_port(lab: &Lab, port: u16) -> Result<Authority, LabError> {
    let Some(usual) = lab.web.as_ref().map(|web| web.tls_port).filter(|usual| *usual != port) else {
        return Ok(lab.authority.clone());
    };
    let mut zones = Zones::new();
    for (name, mut draft) in lab.source.drafts()? {
        let mut differs = false;
        for record in &mut draft.records {
            if let Some(moved) = moved(record, usual, port) {
                (*record, differs) = (moved, true);
            }
        }
        if differs {
            zones.insert(name.clone(), Arc::new(draft.finish(&name, lab.source.now_unix_secs)?));
        }
    }
    Ok(lab.authority.with_zones(&zones))
}

/// An HTTPS record that names the port `from`, in its owner (RFC 9460 §9.1) or among its parameters (§7.2), with `to`
/// in that place; `None` for any other record.
fn moved(record: &Record, from: u16, to: u16) -> Option<Record> {
    let (from_octets, to_octets) = (from.to_be_bytes(), to.to_be_bytes());
    let mut svcb = Svcb::read(&record.rdata).filter(|_| record.rtype == RecordType::HTTPS)?;
    let is_port = |param: &&mut (u16, &[u8])| **param == (key::PORT, &from_octets[..]);
    svcb.params.iter_mut().filter(is_port).for_each(|(_, value)| *value = &to_octets);
    let mut moved = Record { rdata: svcb.write().into(), ..record.clone() };
    let mut labels = record.owner.labels();
    if labels.next() == Some(format!("_{from}").as_bytes()) {
        moved.owner = Name::from_labels([format!("_{to}").as_bytes()].into_iter().chain(labels)).ok()?;
    }
    (moved != *record).then_some(moved)
}

/// Every zone, signed and spoilt.
fn finish(source: &Source) -> Result<Zones, LabError> {
    let finished = source.drafts()?.into_iter().map(|(name, draft)| {
        let zone = draft.finish(&name, source.now_unix_secs)?;
        Ok((name, Arc::new(zone)))
    });
    finished.collect()
}

pub(super) type Zones = BTreeMap<Name, Arc<Zone>>;

/// What zones are made of.
#[derive(Clone)]
pub(super) struct Source {
    files: Files,
    zones: Arc<[Unsigned]>,
    servers: Arc<[ServerSettings]>,
    now_unix_secs: u32,
}

/// A zone as it was read, and how it is signed.
struct Unsigned {
    settings: ZoneSettings,
    records: Vec<Record>,
    signer: Option<Arc<Signer>>,
}

/// Who signs follows from the settings.
impl PartialEq for Unsigned {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && self.records == other.records
    }
}

/// Reads the zones. Those that are signed as `before` keep their keys.
fn read(files: &Files, zones: Vec<ZoneSettings>, before: Option<&Source>) -> Result<Arc<[Unsigned]>, LabError> {
    let read = zones.into_iter().map(|settings| {
        let name = &settings.name;
        let records = master::read_zone(files, &settings.file, name)?;
        let old = before.and_then(|before| before.zone(name)).filter(|old| old.settings.sign == settings.sign);
        let signer = match (old, &settings.sign) {
            (Some(old), _) => old.signer.clone(),
            (None, sign) => sign.as_ref().map(|sign| Signer::new(name, sign).map(Arc::new)).transpose()?,
        };
        Ok(Unsigned { settings, records, signer })
    });
    read.collect()
}

impl Source {
    fn zone(&self, name: &Name) -> Option<&Unsigned> {
        self.zones.iter().find(|zone| zone.settings.name == *name)
    }

    /// Zones to which nothing leads, each with the zone above, which says nothing of it.
    pub(super) fn undelegated(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.zones.iter().filter_map(|zone| {
            let name = &zone.settings.name;
            let above = self.zones.iter().filter(|above| name.is_below(&above.settings.name));
            let above = above.max_by_key(|above| above.settings.name.label_count())?;
            let apex = &above.settings.name;
            let leads = |owner: &Name| owner.is_below(apex) && name.is_within(owner);
            let is_found = above.records.iter().any(|record| record.rtype == RecordType::NS && leads(&record.owner));
            (!is_found).then_some((name, apex))
        })
    }

    fn trust_anchor(&self) -> Result<Option<TrustAnchor>, LabError> {
        let signer = self.zone(&Name::root()).and_then(|root| root.signer.as_ref());
        let anchor = |signer: &Arc<Signer>| {
            Ok(TrustAnchor { ds: signer.ds(ANCHOR_TTL_SECS)?, dnskey: signer.entry_dnskey(ANCHOR_TTL_SECS)? })
        };
        signer.map(anchor).transpose()
    }

    /// The zones as they are to be signed.
    fn drafts(&self) -> Result<BTreeMap<Name, Draft<'_>>, LabError> {
        let drafts = self.zones.iter().map(|zone| {
            let draft = Draft { zone, records: zone.records.clone() };
            (zone.settings.name.clone(), draft)
        });
        let mut drafts = drafts.collect();
        delegate_securely(&mut drafts)?;
        Ok(drafts)
    }
}

/// Keys are nobody's business.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("files", &self.files).finish_non_exhaustive()
    }
}

/// A zone between reading and signing: what was read, and those records with what is added to them.
struct Draft<'a> {
    zone: &'a Unsigned,
    records: Vec<Record>,
}

/// Puts the DS record of each signed zone into the zone above, if that is signed as well.
fn delegate_securely(drafts: &mut BTreeMap<Name, Draft<'_>>) -> Result<(), LabError> {
    let names: Vec<Name> = drafts.keys().cloned().collect();
    for name in names.iter().filter(|name| !name.is_root()) {
        let above = names.iter().filter(|zone| name.is_below(zone)).max_by_key(|zone| zone.label_count());
        let Some(signer) = drafts.get(name).and_then(|draft| draft.zone.signer.as_ref()) else { continue };
        let Some(parent) = above.and_then(|above| drafts.get(above)) else { continue };
        let cut = parent.records.iter().find(|record| record.rtype == RecordType::NS && record.owner == *name);
        let Some(cut) = cut.filter(|_| parent.zone.signer.is_some()) else { continue };
        let ds = signer.ds_set(cut.ttl_secs)?;
        if let Some(parent) = above.and_then(|above| drafts.get_mut(above)) {
            parent.records.extend(ds);
        }
    }
    Ok(())
}

impl Draft<'_> {
    fn finish(self, name: &Name, now_unix_secs: u32) -> Result<Zone, LabError> {
        let records = match &self.zone.signer {
            Some(signer) => signer.sign(&self.records, now_unix_secs)?,
            None => self.records,
        };
        let mut zone = Zone::new(name, &records);
        if let Some(defect) = self.zone.settings.sign.as_ref().and_then(|sign| sign.defect) {
            defect::apply(defect, &mut zone);
        }
        Ok(zone)
    }
}

fn hints(servers: &[ServerSettings]) -> Vec<(Name, Vec<IpAddr>)> {
    let of_root = servers.iter().filter(|server| server.zones.iter().any(Name::is_root));
    let mut hints: Vec<(Name, Vec<IpAddr>)> = Vec::new();
    for server in of_root {
        match hints.iter_mut().find(|(name, _)| *name == server.name) {
            Some((_, addresses)) => addresses.push(server.address),
            None => hints.push((server.name.clone(), vec![server.address])),
        }
    }
    hints
}

fn servers(settings: &[ServerSettings], zones: &Zones) -> Result<BTreeMap<IpAddr, Server>, String> {
    let mut servers = BTreeMap::new();
    for ServerSettings { name, address, zones: held, faults } in settings {
        let zone = |zone: &Name| zones.get(zone).cloned().ok_or_else(|| unknown_zone(zone, name, zones));
        let held = held.iter().map(zone).collect::<Result<Vec<_>, _>>()?;
        if servers.insert(*address, Server { name: name.clone(), zones: held, faults: faults.clone() }).is_some() {
            return Err(format!("the address {address} belongs to two servers"));
        }
    }
    Ok(servers)
}

fn unknown_zone(zone: &Name, server: &Name, zones: &Zones) -> String {
    let known = zones.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    format!("the server {server} is to serve {zone}, which is not among the zones: {known}")
}

/// Every zone with its settings, for the tests of signing.
#[cfg(test)]
pub(super) fn zones(files: &Files, now_unix_secs: u32) -> Result<Vec<(ZoneSettings, Arc<Zone>)>, LabError> {
    let lab = load(files, None, now_unix_secs)?;
    let found = |zone: &Unsigned| {
        let name = &zone.settings.name;
        lab.authority.zone(name).map(|found| (zone.settings.clone(), Arc::new(found.clone())))
    };
    Ok(lab.source.zones.iter().filter_map(found).collect())
}
