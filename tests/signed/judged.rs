//! Statements of the servers of a world, and a judge of them that asks the servers for what it needs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rootwalk::dnssec::{Anchors, Cut, Fact, Judge, Known, Limits, Settings, Spent, Statement, Verdict, ZoneTrust};
use rootwalk::walk::limits::SetLimits;
use rootwalk::walk::scrub::{self, Clean};
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet};

use crate::peers::ask;
use crate::world::{World, address};

/// One thing that a server says.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Set { set: RrSet, proof: Vec<RrSet> },
    Denial { question: Question, no_name: bool, soa: Option<RrSet>, proof: Vec<RrSet> },
}

impl Said {
    pub(crate) fn statement(&self) -> Statement<'_> {
        match self {
            Self::Set { set, proof } => Statement::Set { set, proof },
            Self::Denial { question, no_name, soa, proof } => {
                Statement::Denial { question, no_name: *no_name, soa: soa.as_ref(), proof }
            }
        }
    }

    /// Which name it is about, and which type.
    pub(crate) fn about(&self) -> (&Name, RecordType) {
        match self {
            Self::Set { set, .. } => (&set.owner, set.rtype),
            Self::Denial { question, .. } => (&question.name, question.qtype),
        }
    }
}

/// What the servers of a world say, each asked once.
pub(crate) struct Servers<'w> {
    pub(crate) world: &'w World,
    pub(crate) settings: Settings,
    heard: RefCell<HashMap<(Name, u16), Clean>>,
}

impl<'w> Servers<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let mut anchors = Anchors::default();
        for line in world.told().anchors {
            let line: Anchors = line.parse().unwrap();
            let all =
                line.all().into_iter().flat_map(|(zone, all)| all.into_iter().map(move |one| (zone.clone(), one)));
            all.for_each(|(zone, anchor)| anchors.add(zone, anchor));
        }
        Self { world, settings: Settings { anchors, ..Settings::default() }, heard: RefCell::default() }
    }

    /// What the right server says.
    pub(crate) fn ask(&self, question: &Question) -> Clean {
        let key = (question.name.clone(), u16::from(question.qtype));
        if let Some(known) = self.heard.borrow().get(&key) {
            return known.clone();
        }
        let zone = &self.world.zones[self.world.zone_of(&question.name, question.qtype)];
        let reply = ask(SocketAddr::from((address(zone.host), 53)), question).expect("an answer");
        let clean = scrub::reply(&zone.name, question, reply, &SetLimits::default(), &|_| false).0;
        self.heard.borrow_mut().insert(key, clean.clone());
        clean
    }

    /// The first thing that the right server says.
    pub(crate) fn say(&self, question: &Question) -> Option<Said> {
        let clean = self.ask(question);
        let proof = clean.proof;
        if let Some(set) = clean.chain.into_iter().next().or(clean.answer) {
            return Some(Said::Set { set, proof });
        }
        clean.soa.as_ref()?;
        let no_name = clean.rcode == ResponseCode::NXDomain;
        Some(Said::Denial { question: question.clone(), no_name, soa: clean.soa, proof })
    }
}

/// What was asked for so far.
pub(crate) struct Facts<'s, 'w> {
    servers: &'s Servers<'w>,
    /// What somebody says in the place of the right server.
    pub(crate) instead: HashMap<(Name, u16), Clean>,
    cuts: HashMap<Name, Cut>,
    keys: HashMap<Name, Option<RrSet>>,
    zones: RefCell<HashMap<Name, Arc<ZoneTrust>>>,
}

impl std::fmt::Debug for Facts<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("cuts", &self.cuts).finish_non_exhaustive()
    }
}

impl Known for Facts<'_, '_> {
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        self.zones.borrow().get(zone).cloned()
    }

    fn cuts(&self, name: &Name) -> (Vec<Cut>, bool) {
        let cut = self.cuts.get(name);
        (cut.cloned().into_iter().collect(), cut.is_some())
    }

    fn told(&self) -> &[RrSet] {
        &[]
    }

    fn own_zone(&self, _: &Name) -> Option<Name> {
        None
    }

    fn keys(&self, zone: &Name) -> Fact<RrSet> {
        match self.keys.get(zone) {
            None => Fact::Unknown,
            Some(None) => Fact::Missing,
            Some(Some(set)) => Fact::Is(set.clone()),
        }
    }

    fn proved_secs(&self, _: &RrSet) -> Option<u32> {
        None
    }
}

impl<'s, 'w> Facts<'s, 'w> {
    pub(crate) fn new(servers: &'s Servers<'w>) -> Self {
        Self { servers, instead: HashMap::new(), cuts: HashMap::new(), keys: HashMap::new(), zones: RefCell::default() }
    }

    fn fetch(&mut self, question: &Question) {
        let key = (question.name.clone(), u16::from(question.qtype));
        let clean = self.instead.get(&key).cloned().unwrap_or_else(|| self.servers.ask(question));
        let name = question.name.clone();
        match question.qtype {
            RecordType::DNSKEY => drop(self.keys.insert(name, clean.answer)),
            _ => {
                let alias = clean.chain.first().cloned();
                self.cuts.insert(name, Cut { ds: clean.answer, alias, proof: clean.proof });
            }
        }
    }

    /// The verdict at a moment, whatever has to be asked for it.
    pub(crate) fn judge(&mut self, said: &Said, now_secs: u32, spent: &mut Spent) -> Verdict {
        let limits = Limits::default();
        for _ in 0..200 {
            let mut judge = Judge::new(&self.servers.settings, &limits, self, now_secs, spent);
            let verdict = judge.judge(&said.statement());
            let learned = judge.into_learned().0;
            self.zones.borrow_mut().extend(learned.into_iter().map(|trust| (trust.zone.clone(), trust)));
            match verdict {
                Verdict::Needs(question) => self.fetch(&question),
                verdict => return verdict,
            }
        }
        panic!("the judge is never content: {said:?}");
    }
}
