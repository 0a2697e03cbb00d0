//! From files to servers: read, put the DS records into the parents, sign, spoil, hand out.

use std::collections::BTreeMap;
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
use crate::wire::{Name, Record, RecordType};

const SETTINGS: &str = "lab.toml";
/// The TTL of the root's key in a trust anchor, where it means nothing.
const ANCHOR_TTL_SECS: u32 = 3600;

/// Loads and signs everything.
pub(super) fn load(files: &Files, now_unix_secs: u32) -> Result<Lab, LabError> {
    let text = files.read(SETTINGS)?;
    let file = files.display(SETTINGS);
    let settings: Settings =
        toml::from_str(&text).map_err(|source| LabError::Settings { file: file.clone(), source: Box::new(source) })?;
    if let Some(what) = settings.web.as_ref().and_then(Web::mistake) {
        return Err(Refusal::Mismatch(what).at(&file));
    }
    let source = Source::new(files, settings.zone, now_unix_secs).map_err(|refusal| refusal.at(&file))?;
    let (zones, trust_anchor) = finish(&source).map_err(|refusal| refusal.at(&file))?;
    let root_hints = hints(&settings.server);
    Ok(Lab {
        port: settings.port,
        authority: Authority::new(servers(settings.server, &zones).map_err(|what| Refusal::Mismatch(what).at(&file))?),
        root_hints,
        trust_anchor,
        healthy: settings.healthy,
        zoo: settings.zoo,
        web: settings.web.map(|web| web.read(files)).transpose()?,
        source,
    })
}

/// The servers of `lab` where its web origins have `port` for TLS in place of the one of `lab.toml`: the zones whose
/// records name that are made anew, with the keys that they have.
pub(super) fn with_tls_port(lab: &Lab, port: u16) -> Result<Authority, LabError> {
    let Some(usual) = lab.web.as_ref().map(|web| web.tls_port).filter(|usual| *usual != port) else {
        return Ok(lab.authority.clone());
    };
    let anew = || {
        let moved = Files::Moved { files: Box::new(lab.source.files.clone()), from: usual, to: port };
        let (before, mut after) = (read(&lab.source.files, &lab.source)?, read(&moved, &lab.source)?);
        delegate_securely(&mut after)?;
        let mut zones = Zones::new();
        for (name, draft) in after {
            // Delegations were added to one of the two; what is left is what differs.
            let differs = |before: &Draft<'_>| before.records.iter().any(|record| !draft.records.contains(record));
            if before.get(&name).is_some_and(differs) {
                zones.insert(name.clone(), Arc::new(draft.finish(&name, lab.source.now_unix_secs)?));
            }
        }
        Ok(zones)
    };
    let zones = anew().map_err(|refusal: Refusal| refusal.at(&lab.source.files.display(SETTINGS)))?;
    Ok(lab.authority.with_zones(&zones))
}

/// Every zone, signed and spoilt, and the trust anchor of the root.
fn finish(source: &Source) -> Result<(Zones, Option<TrustAnchor>), Refusal> {
    let mut drafts = read(&source.files, source)?;
    delegate_securely(&mut drafts)?;
    let root = source.signers.get(&Name::root());
    let trust_anchor = root.map(trust_anchor).transpose()?;
    let mut finished = Zones::new();
    for (name, draft) in drafts {
        finished.insert(name.clone(), Arc::new(draft.finish(&name, source.now_unix_secs)?));
    }
    Ok((finished, trust_anchor))
}

pub(super) type Zones = BTreeMap<Name, Arc<Zone>>;

/// What zones are made of.
#[derive(Clone)]
pub(super) struct Source {
    files: Files,
    zones: Arc<[ZoneSettings]>,
    signers: Arc<BTreeMap<Name, Signer>>,
    now_unix_secs: u32,
}

impl Source {
    fn new(files: &Files, zones: Vec<ZoneSettings>, now_unix_secs: u32) -> Result<Self, Refusal> {
        let mut signers = BTreeMap::new();
        for settings in &zones {
            if let Some(sign) = &settings.sign {
                signers.insert(settings.name.clone(), Signer::new(&settings.name, sign)?);
            }
        }
        Ok(Self { files: files.clone(), zones: zones.into(), signers: Arc::new(signers), now_unix_secs })
    }
}

/// Keys are nobody's business.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("zones", &self.zones).finish_non_exhaustive()
    }
}

/// A zone between reading and signing.
struct Draft<'a> {
    settings: &'a ZoneSettings,
    records: Vec<Record>,
    signer: Option<&'a Signer>,
}

/// Something in `lab.toml` that does not fit, or another error.
enum Refusal {
    Mismatch(String),
    Other(LabError),
}

impl Refusal {
    fn at(self, file: &str) -> LabError {
        match self {
            Self::Mismatch(what) => LabError::Mismatch { file: file.to_owned(), what },
            Self::Other(error) => error,
        }
    }
}

impl From<LabError> for Refusal {
    fn from(error: LabError) -> Self {
        Self::Other(error)
    }
}

fn read<'a>(files: &Files, source: &'a Source) -> Result<BTreeMap<Name, Draft<'a>>, Refusal> {
    let mut drafts = BTreeMap::new();
    for settings in &*source.zones {
        let records = master::read_zone(files, &settings.file, &settings.name)?;
        let signer = source.signers.get(&settings.name);
        if drafts.insert(settings.name.clone(), Draft { settings, records, signer }).is_some() {
            return Err(Refusal::Mismatch(format!("the zone {} is there twice", settings.name)));
        }
    }
    Ok(drafts)
}

/// Puts the DS record of each signed zone into the zone above, if that is signed as well.
fn delegate_securely(drafts: &mut BTreeMap<Name, Draft<'_>>) -> Result<(), LabError> {
    let names: Vec<Name> = drafts.keys().cloned().collect();
    for name in names.iter().filter(|name| !name.is_root()) {
        let above = names.iter().filter(|zone| name.is_below(zone)).max_by_key(|zone| zone.label_count());
        let Some(signer) = drafts.get(name).and_then(|draft| draft.signer) else { continue };
        let Some(parent) = above.and_then(|above| drafts.get(above)) else { continue };
        let cut = parent.records.iter().find(|record| record.rtype == RecordType::NS && record.owner == *name);
        let Some(cut) = cut.filter(|_| parent.signer.is_some()) else { continue };
        let ds = signer.ds_set(cut.ttl_secs)?;
        if let Some(parent) = above.and_then(|above| drafts.get_mut(above)) {
            parent.records.extend(ds);
        }
    }
    Ok(())
}

impl Draft<'_> {
    fn finish(self, name: &Name, now_unix_secs: u32) -> Result<Zone, LabError> {
        let records = match self.signer {
            Some(signer) => signer.sign(&self.records, now_unix_secs)?,
            None => self.records,
        };
        let mut zone = Zone::new(name, &records);
        if let Some(defect) = self.settings.sign.as_ref().and_then(|sign| sign.defect) {
            defect::apply(defect, &mut zone);
        }
        Ok(zone)
    }
}

fn trust_anchor(signer: &Signer) -> Result<TrustAnchor, LabError> {
    Ok(TrustAnchor { ds: signer.ds(ANCHOR_TTL_SECS)?, dnskey: signer.entry_dnskey(ANCHOR_TTL_SECS)? })
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

fn servers(settings: Vec<ServerSettings>, zones: &Zones) -> Result<BTreeMap<IpAddr, Server>, String> {
    let mut servers = BTreeMap::new();
    for server in settings {
        let zone = |name: &Name| zones.get(name).cloned().ok_or_else(|| unknown_zone(name, &server, zones));
        let held = server.zones.iter().map(zone).collect::<Result<Vec<_>, _>>()?;
        if servers.insert(server.address, Server { name: server.name, zones: held, faults: server.faults }).is_some() {
            return Err(format!("the address {} belongs to two servers", server.address));
        }
    }
    Ok(servers)
}

fn unknown_zone(name: &Name, server: &ServerSettings, zones: &Zones) -> String {
    let known = zones.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    format!("the server {} is to serve {name}, which is not among the zones: {known}", server.name)
}

/// Every zone with its settings, for the tests of signing.
#[cfg(test)]
pub(super) fn zones(files: &Files, now_unix_secs: u32) -> Result<Vec<(ZoneSettings, Arc<Zone>)>, LabError> {
    let settings: Settings = toml::from_str(&files.read(SETTINGS)?)
        .map_err(|source| LabError::Settings { file: SETTINGS.to_owned(), source: Box::new(source) })?;
    let named = |refusal: Refusal| refusal.at(SETTINGS);
    let (zones, _) =
        finish(&Source::new(files, settings.zone.clone(), now_unix_secs).map_err(named)?).map_err(named)?;
    Ok(settings.zone.into_iter().filter_map(|zone| zones.get(&zone.name).cloned().map(|found| (zone, found))).collect())
}
