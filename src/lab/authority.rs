//! The servers of the lab as a function: an address and the bytes of a query in, packets out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::answer::{self, Draft};
use super::fault::{self, Fault, Packet, Reaction};
use super::zone::Zone;
use crate::trace::Transport;
use crate::wire::edns::{COOKIE, NSID};
use crate::wire::{
    self, BadQuery, Edns, EdnsOption, Name, QueryView, Question, Record, ResponseCode, RrSet, Section, Writer, cookie,
};

/// What cookies in the lab are made with, at any time and for any client: they show how it goes.
const SECRET: [u8; 16] = *b"the lab's secret";
const ANYBODY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
/// The largest UDP message that a server of the lab sends or takes, in octets (RFC 9715 §3).
const UDP_SIZE: u16 = 1232;

/// Every server of the lab, by address.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    servers: BTreeMap<IpAddr, Server>,
}

/// A server: what it has and what is wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) name: Name,
    pub(super) zones: Vec<Arc<Zone>>,
    pub(super) faults: Vec<Fault>,
}

impl Authority {
    pub(super) const fn new(servers: BTreeMap<IpAddr, Server>) -> Self {
        Self { servers }
    }

    /// One server at `address` that has one zone, of these records, and no faults.
    #[must_use]
    pub fn serving(apex: &Name, records: &[Record], address: IpAddr) -> Self {
        let zones = vec![Arc::new(Zone::new(apex, records))];
        Self::new([(address, Server { name: apex.clone(), zones, faults: Vec::new() })].into())
    }

    /// The same servers with some of their zones exchanged for others of the same name.
    pub(super) fn with_zones(&self, zones: &BTreeMap<Name, Arc<Zone>>) -> Self {
        let mut changed = self.clone();
        for zone in changed.servers.values_mut().flat_map(|server| &mut server.zones) {
            if let Some(other) = zones.get(&zone.apex) {
                *zone = Arc::clone(other);
            }
        }
        changed
    }

    /// The addresses of all servers.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.servers.keys().copied()
    }

    /// The name of the server at an address.
    #[must_use]
    pub fn name(&self, server: IpAddr) -> Option<&Name> {
        self.servers.get(&server).map(|server| &server.name)
    }

    pub(super) fn zone(&self, apex: &Name) -> Option<&Zone> {
        let mut zones = self.servers.values().flat_map(|server| &server.zones);
        zones.find(|zone| zone.apex == *apex).map(|zone| &**zone)
    }

    /// A zone as it is served, signatures included, as a master file that another server can load; `None` when nobody
    /// has it.
    #[must_use]
    pub fn master_file(&self, apex: &Name) -> Option<String> {
        self.zone(apex).map(ToString::to_string)
    }

    pub(super) fn zones(&self) -> BTreeSet<&Name> {
        self.servers.values().flat_map(|server| &server.zones).map(|zone| &zone.apex).collect()
    }

    /// Whether the server listens on TCP.
    #[must_use]
    pub fn listens_on_tcp(&self, server: IpAddr) -> bool {
        self.servers.get(&server).is_some_and(|server| !server.faults.contains(&Fault::RefuseTcp))
    }

    /// The answer of a server that has all zones and no faults.
    pub(super) fn truth(&self, question: &Question) -> (ResponseCode, Vec<RrSet>) {
        let zones: Vec<Arc<Zone>> = self.servers.values().flat_map(|server| server.zones.clone()).collect();
        let draft = answer::answer(&zones, question, false);
        (draft.rcode, draft.answer)
    }

    /// What the server at an address does with a query. `nth` is how many packets it had over this transport before,
    /// for the faults that come and go. `None` when there is no server at the address.
    #[must_use]
    pub fn react(&self, server: IpAddr, transport: Transport, query: &[u8], nth: u64) -> Option<Reaction> {
        let server = self.servers.get(&server)?;
        if transport == Transport::Tcp && server.faults.contains(&Fault::RefuseTcp) {
            return Some(Reaction::Refused);
        }
        if fault::is_silent(&server.faults, transport, nth) {
            return Some(Reaction::Packets(Vec::new()));
        }
        Some(Reaction::Packets(server.answer(transport, query)))
    }
}

impl Server {
    fn answer(&self, transport: Transport, bytes: &[u8]) -> Vec<Packet> {
        let query = match QueryView::read(bytes) {
            Ok(query) => query,
            Err(BadQuery::Drop(_)) => return Vec::new(),
            Err(BadQuery::Answer { rcode, .. }) => {
                let mut out = Vec::new();
                let extras = wire::Extras { udp_size: UDP_SIZE, ..wire::Extras::default() };
                wire::answer_bad(bytes, rcode, &extras, &mut out);
                return vec![Packet { delay: std::time::Duration::ZERO, bytes: out }];
            }
        };
        let edns = query.edns().filter(|_| !fault::ignores_edns(&self.faults));
        let dnssec_ok = edns.is_some_and(|edns| edns.dnssec_ok());
        let mut draft = answer::answer(&self.zones, &query.question(), dnssec_ok);
        fault::spoil(&self.faults, &mut draft, &query, transport);
        let shown = edns.and_then(|edns| edns.option(COOKIE)).filter(|_| self.faults.contains(&Fault::Cookies));
        let cookie = shown.and_then(|shown| cookie::answer(shown, ANYBODY, &SECRET, 0));
        if transport == Transport::Udp && cookie.is_some_and(|cookie| shown != Some(&cookie)) {
            draft = Draft::bare(ResponseCode::BADCOOKIE);
        }
        let options = cookie.iter().map(|cookie| EdnsOption { code: COOKIE, data: (*cookie).into() });
        // RFC 5001 §2.2: only who asks is told.
        let identity = edns.and_then(|edns| edns.option(NSID)).map(|_| self.name.to_string().into_bytes().into());
        let options = options.chain(identity.map(|data| EdnsOption { code: NSID, data }));
        let form = Form {
            query,
            edns: edns.map(|edns| Edns { options: options.collect(), ..Edns::new(UDP_SIZE, edns.dnssec_ok()) }),
            limit: match (transport, edns) {
                (Transport::Tcp, _) => usize::from(u16::MAX),
                (Transport::Udp, Some(edns)) => usize::from(edns.udp_size().min(UDP_SIZE)),
                // RFC 1035 §4.2.1.
                (Transport::Udp, None) => 512,
            },
        };
        fault::deliver(&self.faults, &draft, &query, transport, |id, question, draft| form.write(id, question, draft))
    }
}

/// How an answer is written.
struct Form<'q> {
    query: QueryView<'q>,
    edns: Option<Edns>,
    limit: usize,
}

impl Form<'_> {
    fn write(&self, id: u16, question: &Question, draft: &Draft) -> Vec<u8> {
        let mut out = Vec::new();
        let flags = self.query.flags().response().with_aa(draft.aa);
        let mut writer = Writer::new(id, flags, &mut out);
        writer.set_rcode(draft.rcode);
        writer.set_limit(self.limit.saturating_sub(self.edns.as_ref().map_or(0, Writer::opt_len)));
        writer.question(question);
        let sigs = self.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
        // RFC 2181 §9: a set of answer or authority section that does not fit makes the answer a truncated one;
        // RFC 9471 §3.1: so does glue. Other additional records are left out without a word.
        let needed = [
            (Section::Answer, &draft.answer),
            (Section::Authority, &draft.authority),
            (Section::Additional, &draft.glue),
        ];
        let mut needed = needed.into_iter().flat_map(|(section, sets)| sets.iter().map(move |set| (section, set)));
        let whole = needed.all(|(section, set)| writer.set(section, set, sigs).is_ok());
        if whole && !draft.truncated {
            for set in &draft.additional {
                let _ = writer.set(Section::Additional, set, sigs);
            }
        } else {
            let flags = writer.flags_mut();
            *flags = flags.with_tc(true);
        }
        if let Some(edns) = &self.edns {
            writer.opt(edns);
        }
        writer.finish();
        out
    }
}
