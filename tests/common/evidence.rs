//! Records as what they say, and a judge of it that asks for what it needs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rootwalk::dnssec::{
    Cut, Fact, Judge, Known, Learned, Limits, Settings, Span, Spent, Statement, Verdict, ZoneTrust,
};
use rootwalk::time::Time;
use rootwalk::trace::{Bogus, Proof};
use rootwalk::wire::{Name, Question, Rdatas, Record, RecordType, RrSet};

/// Records as sets with their signatures.
pub(crate) fn sets(records: &[Record]) -> Vec<RrSet> {
    let mut sets: Vec<RrSet> = Vec::new();
    for record in records {
        let rtype = record.covers().unwrap_or(record.rtype);
        let at = sets.iter().position(|set| set.owner == record.owner && set.rtype == rtype);
        let at = at.unwrap_or_else(|| {
            sets.push(RrSet::new(record.owner.clone(), rtype, record.ttl_secs, std::iter::empty()));
            sets.len() - 1
        });
        let all = |old: &Rdatas| old.iter().chain([&*record.rdata]).collect();
        match record.covers() {
            Some(_) => sets[at].sigs = all(&sets[at].sigs),
            None => sets[at].rdatas = all(&sets[at].rdatas),
        }
    }
    sets
}

/// What somebody says who is asked for the keys or the DS set of a zone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) answer: Option<RrSet>,
    /// The first alias that came instead.
    pub(crate) alias: Option<RrSet>,
    /// NSEC and NSEC3 sets that came instead.
    pub(crate) proof: Vec<RrSet>,
}

/// Whoever is asked; `None` when nobody answers.
type Asked<'a> = dyn Fn(&Question) -> Option<Heard> + 'a;

/// What has been asked for so far, and whom to ask for the rest.
pub(crate) struct Facts<'a> {
    ask: Box<Asked<'a>>,
    /// What came without being asked for.
    referrals: HashMap<Name, Cut>,
    cuts: HashMap<Name, Cut>,
    keys: HashMap<Name, Option<RrSet>>,
    zones: RefCell<HashMap<Name, Arc<ZoneTrust>>>,
    /// What came with the answer and may show more than what it says.
    told: Vec<RrSet>,
    /// What was proved before, and for how long it still is.
    pub(crate) proved: Vec<(RrSet, u32)>,
    /// The zones whose servers the operator names.
    own: Vec<Name>,
    /// What was proved and speaks of other questions.
    pub(crate) spans: Vec<Span>,
    /// What was proved of what came along.
    pub(crate) shown: Vec<RrSet>,
    /// The question for a proof that had the bad answer.
    pub(crate) fault: Option<Question>,
    /// What the last denial owes.
    pub(crate) unproved: Option<Bogus>,
    /// How often it was asked whether a zone begins at a name.
    pub(crate) looks: Cell<usize>,
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("cuts", &self.cuts).finish_non_exhaustive()
    }
}

impl Known for Facts<'_> {
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        self.zones.borrow().get(zone).cloned()
    }

    fn cut(&self, name: &Name) -> (Option<Cut>, bool) {
        self.looks.set(self.looks.get() + 1);
        let asked = self.cuts.get(name);
        (asked.or_else(|| self.referrals.get(name)).cloned(), asked.is_some())
    }

    fn told(&self) -> &[RrSet] {
        &self.told
    }

    fn own_zone(&self, name: &Name) -> Option<Name> {
        self.own.iter().filter(|own| name.is_within(own)).max_by_key(|own| own.label_count()).cloned()
    }

    fn keys(&self, zone: &Name) -> Fact<RrSet> {
        match self.keys.get(zone) {
            None => Fact::Unknown,
            Some(None) => Fact::Missing,
            Some(Some(set)) => Fact::Is(set.clone()),
        }
    }

    fn proved_secs(&self, set: &RrSet) -> Option<u32> {
        self.proved.iter().find(|(known, _)| known == set).map(|(_, secs)| *secs)
    }
}

impl<'a> Facts<'a> {
    pub(crate) fn new(ask: impl Fn(&Question) -> Option<Heard> + 'a) -> Self {
        Self {
            ask: Box::new(ask),
            referrals: HashMap::new(),
            cuts: HashMap::new(),
            keys: HashMap::new(),
            zones: RefCell::default(),
            told: Vec::new(),
            proved: Vec::new(),
            own: Vec::new(),
            spans: Vec::new(),
            shown: Vec::new(),
            fault: None,
            unproved: None,
            looks: Cell::new(0),
        }
    }

    /// Takes a zone for proved.
    pub(crate) fn trust(&mut self, trust: Arc<ZoneTrust>) {
        self.zones.borrow_mut().insert(trust.zone.clone(), trust);
    }

    /// Takes what a referral to `zone` brought along.
    pub(crate) fn refer(&mut self, zone: Name, cut: Cut) {
        self.referrals.insert(zone, cut);
    }

    /// Takes what came with the answer.
    pub(crate) fn tell(&mut self, told: Vec<RrSet>) {
        self.told = told;
    }

    /// Has the operator name the servers of a zone.
    pub(crate) fn own(&mut self, zone: Name) {
        self.own.push(zone);
    }

    fn fetch(&mut self, question: &Question) {
        let (name, heard) = (question.name.clone(), (self.ask)(question));
        let again = match question.qtype {
            RecordType::DNSKEY => self.keys.insert(name, heard.and_then(|heard| heard.answer)).is_some(),
            RecordType::DS => {
                let Heard { answer: ds, alias, proof } = heard.unwrap_or_default();
                self.cuts.insert(name, Cut { ds, alias, proof }).is_some()
            }
            other => panic!("nobody needs {other}"),
        };
        assert!(!again, "asked twice for {question}");
    }

    /// The verdict at a moment, whatever has to be asked for it, and what was proved on the way, each once.
    pub(crate) fn judge(
        &mut self,
        (settings, limits): (&Settings, &Limits),
        now_secs: u32,
        statement: &Statement<'_>,
        spent: &mut Spent,
    ) -> (Verdict, Vec<Proof>) {
        let mut all: Vec<Proof> = Vec::new();
        loop {
            let mut judge = Judge::new(settings, limits, self, (Time::ZERO, now_secs), spent);
            let verdict = judge.judge(statement);
            let Learned { zones, notes, spans, shown, fault, unproved } = judge.into_learned();
            (self.fault, self.unproved) = (fault, unproved);
            self.spans.extend(spans);
            self.shown.extend(shown);
            self.zones.borrow_mut().extend(zones.into_iter().map(|trust| (trust.zone.clone(), trust)));
            for note in notes {
                if !all.contains(&note) {
                    all.push(note);
                }
            }
            match verdict {
                Verdict::Needs(question) => self.fetch(&question),
                verdict => return (verdict, all),
            }
        }
    }
}
