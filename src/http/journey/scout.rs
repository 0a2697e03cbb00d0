//! Goes ahead: asks the resolver, and notes each answer and each attempt as it comes.

use std::cell::RefCell;
use std::net::IpAddr;

use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use crate::http::origin::{Answer, Guide};
use crate::http::problem::Problem;
use crate::http::stream::{Listener, event};
use crate::journey::{Attempt, CacheLook, CacheName, Hop, Lookup, Plan};
use crate::serve::{Resolver, Telling};
use crate::time::as_us;
use crate::trace::{Event, Known, Trace};
use crate::wire::text::type_name;
use crate::wire::{DNSClass, Question, Record, RrSet};

/// Tells whoever listens what happens, as it happens.
#[derive(Clone, Debug, Default)]
pub(super) struct Teller(pub(super) Listener);

/// What is noted on the way to one URL.
pub(super) struct Scout<'a> {
    pub(super) resolver: Resolver,
    pub(super) client: IpAddr,
    /// When the journey began.
    pub(super) origin: Instant,
    /// The number of this hop.
    pub(super) nth: usize,
    pub(super) hop: &'a RefCell<Hop>,
    pub(super) teller: &'a Teller,
}

impl Scout<'_> {
    /// Microseconds since the journey began.
    pub(super) fn now(&self) -> u64 {
        as_us(self.origin.elapsed())
    }

    /// Tells of one thing that happened in this hop.
    pub(super) fn tell(&self, kind: &str, what: impl Serialize) {
        if let Some(listener) = &self.teller.0 {
            // Nobody listens any more: then the journey is about to be dropped.
            let _ = listener.send(event(kind, &json!({ "hop": self.nth, "at_us": self.now(), kind: what })));
        }
    }

    /// Notes which cache was looked at, and what it knew.
    pub(super) fn looked(&self, look: CacheLook) {
        self.tell("cache", &look);
        self.hop.borrow_mut().caches.push(look);
    }

    /// The caches that a walk took something from.
    fn looked_by_walk(&self, question: &Question, trace: &Trace) {
        let mut of_delegations = false;
        // What comes later was learned on the way, by this walk or by those beside it.
        let before = trace.steps.iter().take_while(|step| !matches!(step.event, Event::Asked { .. }));
        for step in before {
            let Event::FromCache { known, name, rtype, age_secs, left_secs, .. } = &step.event else { continue };
            let (cache, key) = match known {
                Known::Delegation => (CacheName::Delegations, name.to_string()),
                // It only saves a question about the delegation that is told of.
                Known::NoCut => continue,
                _ => (CacheName::Records, format!("{name} {}", type_name(*rtype))),
            };
            of_delegations |= cache == CacheName::Delegations;
            let (age_secs, left_secs) = (Some(*age_secs), Some(*left_secs));
            let known = |look: &CacheLook| look.cache == cache && look.key == key;
            if !self.hop.borrow().caches.iter().any(known) {
                self.looked(CacheLook { cache, key, found: true, age_secs, left_secs });
            }
        }
        if !of_delegations && trace.cost.queries > 0 {
            let absent = |cache, key| CacheLook { cache, key, found: false, age_secs: None, left_secs: None };
            self.looked(absent(CacheName::Records, question.to_string()));
            self.looked(absent(CacheName::Delegations, question.name.to_string()));
        }
    }
}

impl Guide for Scout<'_> {
    async fn find(&self, question: Question) -> Result<Answer, Problem> {
        let known = self.resolver.ready_secs(&question);
        self.looked(CacheLook {
            cache: CacheName::Answers,
            key: question.to_string(),
            found: known.is_some(),
            age_secs: known.map(|(age, _)| age.into()),
            left_secs: known.map(|(_, left)| left.into()),
        });
        let lookup = Lookup {
            name: question.name.clone(),
            qtype: type_name(question.qtype),
            begun_us: self.now(),
            ended_us: None,
            addresses: Vec::new(),
            id: None,
            trace: None,
        };
        self.tell("lookup", &lookup);
        let nth = self.hop.borrow().lookups.len();
        self.hop.borrow_mut().lookups.push(lookup);
        let mut watch = |entry: &_| self.tell("step", json!({ "lookup": nth, "step": entry }));
        let told = self.resolver.explain(question.clone(), self.client, Telling::default(), &mut watch).await;
        let trace = &told.kept.told.trace;
        self.looked_by_walk(&question, trace);
        let records: Vec<Record> = told.answer.iter().flat_map(records).collect();
        let answer = Answer { rcode: told.rcode, records, ede: told.edes.into_iter().next() };
        let mut hop = self.hop.borrow_mut();
        let lookup = &mut hop.lookups[nth];
        lookup.ended_us = Some(self.now());
        lookup.addresses = answer.addresses().into_iter().map(|(address, _)| address).collect();
        lookup.id = Some(told.kept.id.to_string());
        self.tell("found", &*lookup);
        lookup.trace = Some(trace.clone());
        Ok(answer)
    }

    fn saw(&self, attempt: &Attempt) {
        self.tell("attempt", attempt);
        if let Some(race) = &mut self.hop.borrow_mut().race {
            match race.attempts.iter_mut().find(|known| known.address == attempt.address) {
                Some(known) => *known = attempt.clone(),
                None => race.attempts.push(attempt.clone()),
            }
        }
    }

    fn planned(&self, plan: &Plan) {
        let mut hop = self.hop.borrow_mut();
        if *plan == Plan::default() {
            return;
        }
        self.tell("services", plan);
        let before = hop.services.take().unwrap_or_default();
        hop.services = Some(Plan {
            alias: plan.alias.clone().or(before.alias),
            endpoints: [before.endpoints, plan.endpoints.clone()].concat(),
            unused: [before.unused, plan.unused.clone()].concat(),
        });
    }
}

/// The records of a set, one by one.
fn records(set: &RrSet) -> impl Iterator<Item = Record> + '_ {
    set.rdatas.iter().map(|rdata| Record {
        owner: set.owner.clone(),
        rtype: set.rtype,
        class: DNSClass::IN,
        ttl_secs: set.ttl_secs,
        rdata: rdata.into(),
    })
}
