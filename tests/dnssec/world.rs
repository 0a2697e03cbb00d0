//! The lab asked without a walk: the servers of each zone by name, and a judge that gets what it needs from them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::OnceLock;

use rootwalk::dnssec::{Accepts, Anchors, Limits, NegativeAnchors, Settings, Spent, Statement, Verdict};
use rootwalk::lab::{Lab, Reaction};
use rootwalk::trace::{Insecure, Proof, Transport};
use rootwalk::walk::limits::SetLimits;
use rootwalk::walk::scrub::{self, Clean};
use rootwalk::wire::{Edns, Flags, Name, Question, RecordType, Reply, ResponseCode, RrSet, text, write_query};

use crate::evidence::{Facts, Heard};

/// A Saturday in November 2026.
pub(crate) const NOW_UNIX_SECS: u32 = 1_795_219_200;

pub(crate) fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::embedded(NOW_UNIX_SECS).unwrap())
}

pub(crate) fn settings() -> Settings {
    let anchor = text::record_text(&lab().trust_anchor().unwrap().ds).to_string();
    Settings {
        anchors: anchor.parse::<Anchors>().unwrap(),
        negative: NegativeAnchors::default(),
        accepts: Accepts::default(),
        aggressive: true,
        key_tag_option: false,
        sentinel: true,
    }
}

fn ask_server(server: IpAddr, question: &Question) -> Option<Reply> {
    let mut bytes = Vec::new();
    write_query(4711, question, Flags::default(), Some(&Edns::new(1232, true)), &mut bytes);
    match lab().authority().react(server, Transport::Tcp, &bytes, 1)? {
        Reaction::Packets(packets) => Reply::read(&packets.last()?.bytes).ok(),
        Reaction::Refused => None,
    }
}

/// A server for each zone.
fn servers() -> &'static HashMap<Name, IpAddr> {
    static SERVERS: OnceLock<HashMap<Name, IpAddr>> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let zones = lab().zones();
        let serves = |zone: &Name, server: IpAddr| {
            let reply = ask_server(server, &Question::new(zone.clone(), RecordType::SOA));
            reply.is_some_and(|reply| reply.flags.aa() && reply.answer.iter().any(|soa| soa.owner == *zone))
        };
        let one = |zone: Name| {
            let server = lab().authority().addresses().find(|server| serves(&zone, *server))?;
            Some((zone, server))
        };
        zones.into_iter().filter_map(one).collect()
    })
}

/// The right server's reply, scrubbed.
pub(crate) fn ask(question: &Question) -> Option<(Name, Clean)> {
    let holds = |zone: &&Name| match question.qtype {
        RecordType::DS if !question.name.is_root() => question.name.is_below(zone),
        _ => question.name.is_within(zone),
    };
    let zone = servers().keys().filter(holds).max_by_key(|zone| zone.label_count())?;
    let reply = ask_server(servers()[zone], question)?;
    Some((zone.clone(), scrub::reply(zone, question, reply, &SetLimits::default(), &|_| true).0))
}

/// What the servers of the lab have been asked for so far.
pub(crate) fn facts() -> Facts<'static> {
    Facts::new(|question| {
        let clean = ask(question)?.1;
        Some(Heard { answer: clean.answer, alias: None, proof: clean.proof })
    })
}

/// The verdict on a statement, and what was proved.
pub(crate) fn judge(facts: &mut Facts<'_>, statement: &Statement<'_>, spent: &mut Spent) -> (Verdict, Vec<Proof>) {
    facts.judge((&settings(), &Limits::default()), NOW_UNIX_SECS, statement, spent)
}

/// The verdict on a statement with these trust anchors, within the usual limits.
pub(crate) fn verdict_by(anchors: &Anchors, facts: &mut Facts<'_>, statement: &Statement<'_>) -> Verdict {
    let settings = Settings { anchors: anchors.clone(), ..Settings::default() };
    facts.judge((&settings, &Limits::default()), NOW_UNIX_SECS, statement, &mut Spent::default()).0
}

/// The same, on a set that comes without a proof.
pub(crate) fn verdict_on(anchors: &Anchors, facts: &mut Facts<'_>, set: &RrSet) -> Verdict {
    verdict_by(anchors, facts, &Statement::Set { set, proof: &[] })
}

/// What an answer is made of, as its servers give it.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) rcode: ResponseCode,
    /// Sets with the proofs that came with them.
    pub(crate) sets: Vec<(RrSet, Vec<RrSet>)>,
    pub(crate) denial: Option<Denial>,
}

#[derive(Clone, Debug)]
pub(crate) struct Denial {
    pub(crate) question: Question,
    pub(crate) no_name: bool,
    pub(crate) soa: Option<RrSet>,
    pub(crate) proof: Vec<RrSet>,
}

impl Denial {
    pub(crate) fn statement(&self) -> Statement<'_> {
        let Self { question, no_name, soa, proof } = self;
        Statement::Denial { question, no_name: *no_name, soa: soa.as_ref(), proof }
    }
}

/// Asks zone after zone until the aliases end.
pub(crate) fn gather(question: &Question) -> Evidence {
    let mut evidence = Evidence { rcode: ResponseCode::NoError, sets: Vec::new(), denial: None };
    let mut question = question.clone();
    for _ in 0..16 {
        let (_, clean) = ask(&question).unwrap();
        evidence.rcode = clean.rcode;
        let mut made = false;
        for link in &clean.chain {
            if !made {
                evidence.sets.push((link.clone(), clean.proof.clone()));
            }
            made = link.rtype == RecordType::DNAME;
        }
        if let Some(answer) = clean.answer {
            // RFC 6672 §5.3.1: a CNAME made from a DNAME is not signed.
            if !made {
                evidence.sets.push((answer, clean.proof));
            }
            return evidence;
        }
        question.name = clean.end.clone();
        if clean.chain.is_empty() || clean.soa.is_some() {
            let no_name = clean.rcode == ResponseCode::NXDomain;
            evidence.denial = Some(Denial { question, no_name, soa: clean.soa, proof: clean.proof });
            return evidence;
        }
    }
    panic!("the aliases do not end");
}

/// The verdict on all of it: the worst of the single ones.
pub(crate) fn judge_all(evidence: &Evidence) -> (Verdict, Vec<Proof>) {
    let (mut facts, mut spent) = (facts(), Spent::default());
    let sets = evidence.sets.iter().map(|(set, proof)| Statement::Set { set, proof });
    let statements: Vec<Statement<'_>> = sets.chain(evidence.denial.as_ref().map(Denial::statement)).collect();
    let mut insecure: Option<Insecure> = None;
    let (mut least_secs, mut all) = (u32::MAX, Vec::new());
    for statement in &statements {
        let (verdict, notes) = judge(&mut facts, statement, &mut spent);
        all.extend(notes);
        match verdict {
            Verdict::Secure { ttl_secs } => least_secs = least_secs.min(ttl_secs),
            Verdict::Insecure(why) => {
                insecure.get_or_insert(why);
            }
            bad => return (bad, all),
        }
    }
    (insecure.map_or(Verdict::Secure { ttl_secs: least_secs }, Verdict::Insecure), all)
}
