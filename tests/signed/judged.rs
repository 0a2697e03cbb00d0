//! Statements of the servers of a world, and a judge of them that asks the servers for what it needs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;

use rootwalk::dnssec::{Anchors, Limits, Settings, Spent, Statement, Verdict};
use rootwalk::walk::limits::SetLimits;
use rootwalk::walk::scrub::{self, Clean};
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet};

use crate::evidence::{Facts, Heard};
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
    fn ask(&self, question: &Question) -> Clean {
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

    /// What the right server says of the keys or the DS set of a zone.
    pub(crate) fn hear(&self, question: &Question) -> Heard {
        let Clean { answer, chain, proof, .. } = self.ask(question);
        Heard { answer, alias: chain.into_iter().next(), proof }
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

/// What was asked for so far, of the right servers, but for what somebody says in their place.
pub(crate) struct Chain<'s, 'w> {
    pub(crate) servers: &'s Servers<'w>,
    pub(crate) instead: HashMap<(Name, u16), Heard>,
}

impl<'s, 'w> Chain<'s, 'w> {
    pub(crate) fn new(servers: &'s Servers<'w>) -> Self {
        Self { servers, instead: HashMap::new() }
    }

    /// What is said of the keys or the DS set of a zone.
    pub(crate) fn hear(&self, question: &Question) -> Heard {
        let key = (question.name.clone(), u16::from(question.qtype));
        self.instead.get(&key).cloned().unwrap_or_else(|| self.servers.hear(question))
    }

    /// Puts something in the place of what the right server says.
    pub(crate) fn replace(&mut self, zone: &Name, qtype: RecordType, heard: Heard) {
        self.instead.insert((zone.clone(), u16::from(qtype)), heard);
    }

    /// The verdict at a moment, whatever has to be asked for it.
    pub(crate) fn judge(&self, said: &Said, now_secs: u32, spent: &mut Spent) -> Verdict {
        let mut facts = Facts::new(|question| Some(self.hear(question)));
        facts.judge((&self.servers.settings, &Limits::default()), now_secs, &said.statement(), spent).0
    }
}
