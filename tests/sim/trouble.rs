//! What servers do wrong in a world. They lie about what is not theirs; about their own zones a resolver without
//! DNSSEC has nobody else to ask, so there they may withhold, and lead astray, but not invent.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rootwalk::lab::Packet;
use rootwalk::trace::Transport;
use rootwalk::walk::ask::Ask;
use rootwalk::wire::{
    DNSClass, Flags, Name, Question, Record, RecordType, Reply, ResponseCode, RrSet, Section, Writer,
};

use super::oddity::{ODDITIES, Oddity};

/// The address to which liars lead: nobody is there, and nothing about it may be kept.
pub(crate) const TRAP: [u8; 4] = [6, 6, 6, 6];

/// What a server does to everybody in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    Silent,
    Refuses,
    Fails,
    Garbage,
    /// A reply with another id comes first.
    Forged,
    /// A reply to another question comes first.
    OtherQuestion,
    /// Two hundred guesses come first.
    Flood,
    TruncatesUdp,
    /// Over TCP as well.
    Truncates,
    LosesCase,
    /// As from before EDNS.
    FormErr,
    /// Adds answers for names that are not its own.
    Lies,
    /// Adds an NS set of the root and of a top level, with an address, to everything.
    LiesInAuthority,
    /// Adds addresses for the servers of others to everything.
    LiesAsGlue,
    /// Says that another's name is what its aliases lead to, and where that is.
    LiesAboutTargets,
    /// Answers everything with an upward referral.
    Lame,
    /// Refers to a zone beside its own.
    Sideways,
    /// Refers one label down to itself, as often as one asks.
    Endless,
    /// Refers down to thirty servers that do not exist (NXNSAttack).
    Nxns,
    /// Makes an alias of everything that leads back to itself.
    AliasLoop,
    /// Needs three seconds.
    Slow,
    /// Says NOERROR and nothing else, without AA.
    Empty,
    /// Answers as a resolver does: RA and no AA.
    Recursive,
    /// What is odd in a way of its own: the data is right.
    Odd(Oddity),
}

const TROUBLES: [Trouble; 23] = [
    Trouble::Silent,
    Trouble::Refuses,
    Trouble::Fails,
    Trouble::Garbage,
    Trouble::Forged,
    Trouble::OtherQuestion,
    Trouble::Flood,
    Trouble::TruncatesUdp,
    Trouble::Truncates,
    Trouble::LosesCase,
    Trouble::FormErr,
    Trouble::Lies,
    Trouble::LiesInAuthority,
    Trouble::LiesAsGlue,
    Trouble::LiesAboutTargets,
    Trouble::Lame,
    Trouble::Sideways,
    Trouble::Endless,
    Trouble::Nxns,
    Trouble::AliasLoop,
    Trouble::Slow,
    Trouble::Empty,
    Trouble::Recursive,
];

impl Trouble {
    /// One of them.
    pub(crate) fn any(rng: &mut StdRng) -> Self {
        let nth = rng.random_range(0..TROUBLES.len() + ODDITIES.len());
        TROUBLES.get(nth).copied().unwrap_or_else(|| Self::Odd(ODDITIES[nth - TROUBLES.len()]))
    }
}

/// A name for which liars have something to say; nobody asks for it, so nothing about it may be kept.
pub(crate) fn lie() -> Name {
    name("www.victim-of-lies.test.")
}

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn trap(owner: Name) -> Record {
    Record { owner, rtype: RecordType::A, class: DNSClass::IN, ttl_secs: 86_400, rdata: TRAP.to_vec().into() }
}

fn points(owner: Name, rtype: RecordType, to: &Name) -> Record {
    Record { owner, rtype, class: DNSClass::IN, ttl_secs: 86_400, rdata: to.wire().to_vec().into() }
}

/// Spoils the packets of a server that is asked `ask` under `id`, its `nth` query.
pub(crate) fn spoil(trouble: Trouble, ask: &Ask, id: u16, nth: u64, packets: &mut Vec<Packet>) {
    if let Trouble::Odd(oddity) = trouble {
        return oddity.spoil(ask, id, nth, packets);
    }
    let udp = ask.transport == Transport::Udp;
    let says = |rcode| vec![message(id, Flags::default(), rcode, &ask.question, &[])];
    match trouble {
        Trouble::Silent => packets.clear(),
        Trouble::Refuses => *packets = says(ResponseCode::Refused),
        Trouble::Fails => *packets = says(ResponseCode::ServFail),
        Trouble::FormErr => *packets = says(ResponseCode::FormErr),
        Trouble::Empty => *packets = says(ResponseCode::NoError),
        Trouble::Garbage => *packets = vec![Packet { delay: Duration::ZERO, bytes: vec![0xff; 40] }],
        Trouble::Slow => packets.iter_mut().for_each(|packet| packet.delay += Duration::from_secs(3)),
        Trouble::Forged if udp => packets.insert(0, guess(id ^ 1, &ask.question)),
        Trouble::Flood if udp => {
            let guesses = (1..200).map(|nth| guess(id.wrapping_add(nth), &ask.question));
            packets.splice(0..0, guesses);
        }
        Trouble::OtherQuestion if udp => packets.insert(0, guess(id, &Question::new(lie(), RecordType::A))),
        Trouble::TruncatesUdp if !udp => {}
        Trouble::Truncates | Trouble::TruncatesUdp => {
            *packets = vec![message(id, Flags::default().with_tc(true), ResponseCode::NoError, &ask.question, &[])];
        }
        Trouble::None | Trouble::Forged | Trouble::Flood | Trouble::OtherQuestion => {}
        _ => packets.iter_mut().for_each(|packet| rewrite(packet, |reply| twist(trouble, &ask.question.name, reply))),
    }
}

/// Lies that are told in an otherwise right reply.
fn twist(trouble: Trouble, asked: &Name, reply: &mut Reply) {
    let evil = name("ns.evil.test.");
    let refer = |reply: &mut Reply, to: Name, servers: &[Name]| {
        // With the code that belongs to what it takes out it would deny what is there.
        (reply.flags, reply.rcode) = (reply.flags.with_aa(false), ResponseCode::NoError);
        (reply.answer, reply.additional) = (Vec::new(), Vec::new());
        reply.authority = servers.iter().map(|server| points(to.clone(), RecordType::NS, server)).collect();
    };
    match trouble {
        Trouble::LosesCase => {
            let question = reply.question.iter_mut();
            question.for_each(|question| question.name = question.name.to_lower());
        }
        Trouble::Lies => reply.answer.extend([trap(lie()), trap(name("com."))]),
        Trouble::LiesInAuthority => {
            // What lies above the question may be the liar's own.
            let zones = ["com.", "example.org."].map(name).into_iter().filter(|zone| !asked.is_within(zone));
            let zones = zones.chain([Name::root()]);
            reply.authority.extend(zones.map(|zone| points(zone, RecordType::NS, &evil)));
            reply.additional.push(trap(evil));
        }
        Trouble::LiesAsGlue if !asked.is_within(&name("com.")) => {
            reply.additional.extend(["a.root-servers.net.", "ns1.example.com."].map(name).map(trap));
        }
        Trouble::LiesAboutTargets => {
            let targets: Vec<Name> = reply
                .answer
                .iter()
                .filter(|record| record.rtype == RecordType::CNAME)
                .filter_map(Record::target)
                .collect();
            let foreign = targets.into_iter().filter(|target| target.common_labels(asked) == 0);
            reply.answer.extend(foreign.map(trap).collect::<Vec<_>>());
        }
        Trouble::Lame => {
            refer(reply, Name::root(), std::slice::from_ref(&evil));
            reply.additional.push(trap(evil));
        }
        Trouble::Sideways => refer(reply, name("victim-of-lies.test."), &[lie()]),
        Trouble::Endless => {
            let itself = reply.answer.iter().chain(&reply.authority).find(|record| record.rtype == RecordType::NS);
            let itself = itself.and_then(Record::target).unwrap_or_else(|| asked.clone());
            refer(reply, asked.clone(), &[itself]);
        }
        Trouble::Nxns => {
            let servers: Vec<Name> = (0..30).map(|nth| name(&format!("ns{nth}.no-such-zone.test."))).collect();
            refer(reply, asked.clone(), &servers);
        }
        Trouble::AliasLoop => reply.answer = vec![points(asked.clone(), RecordType::CNAME, asked)],
        Trouble::Recursive => reply.flags = reply.flags.with_aa(false).with_ra(true),
        _ => {}
    }
}

/// What a server does with its own data, against which signatures are all that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    NoSignatures,
    BrokenSignatures,
    NoProofs,
    NoDs,
    OtherKeys,
    OtherAddresses,
    /// An address for everything.
    Invents,
    /// Nothing exists.
    Denies,
    /// What stands behind an alias in the same reply has no signatures.
    UnsignedTargets,
    /// What stands behind an alias in the same reply is something else.
    OtherTargets,
    /// Proofs that prove nothing stand beside what is right: one without signature, one whose signature is wrong.
    MoreProofs,
    /// Everything is to be kept for a day.
    LongTtls,
    /// What has no such records has no such name either.
    NoSuchName,
    /// What has no such name has no such records.
    NoSuchType,
    /// Referrals do not show that there is no DS set.
    BareReferrals,
    /// Where it would refer, it denies this in the name of its own zone, without signatures.
    DeniesCuts(Denies),
    /// Everything is a zone of its own, of a server that says nothing.
    Delegates,
    /// Everything is an alias of itself.
    AliasLoop,
    /// Everything is an alias of a name below it.
    EndlessAliases,
    /// What it has is signed in the name of the zone so many labels above, which has never seen it, by this algorithm.
    SignsForAbove(usize, u8),
}

/// What is denied, and whether a SOA record shows who does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denies {
    NameBare,
    Name,
    TypeBare,
    Type,
}

pub(crate) const FORGERIES: [Forgery; 18] = [
    Forgery::NoSignatures,
    Forgery::BrokenSignatures,
    Forgery::NoProofs,
    Forgery::NoDs,
    Forgery::OtherKeys,
    Forgery::OtherAddresses,
    Forgery::Invents,
    Forgery::Denies,
    Forgery::UnsignedTargets,
    Forgery::OtherTargets,
    Forgery::MoreProofs,
    Forgery::LongTtls,
    Forgery::NoSuchName,
    Forgery::NoSuchType,
    Forgery::BareReferrals,
    Forgery::Delegates,
    Forgery::AliasLoop,
    Forgery::EndlessAliases,
];

/// Makes a false reply of a right one.
pub(crate) fn forge(forgery: Forgery, asked: &Name, reply: &mut Reply) {
    let all = |reply: &mut Reply, change: &mut dyn FnMut(&mut Record)| {
        reply.answer.iter_mut().chain(&mut reply.authority).chain(&mut reply.additional).for_each(change);
    };
    let alias = |to: Name, reply: &mut Reply| {
        reply.answer = vec![points(asked.clone(), RecordType::CNAME, &to)];
        reply.authority.clear();
        (reply.flags, reply.rcode) = (reply.flags.with_aa(true), ResponseCode::NoError);
    };
    let without = |reply: &mut Reply, types: &[RecordType]| {
        let gone = |record: &Record| types.contains(&record.covers().unwrap_or(record.rtype));
        reply.answer.retain(|record| !gone(record));
        reply.authority.retain(|record| !gone(record));
    };
    match forgery {
        Forgery::NoSignatures => {
            reply.answer.retain(|record| record.rtype != RecordType::RRSIG);
            reply.authority.retain(|record| record.rtype != RecordType::RRSIG);
        }
        Forgery::BrokenSignatures => all(reply, &mut |record| flip(record, RecordType::RRSIG)),
        Forgery::OtherKeys => all(reply, &mut |record| flip(record, RecordType::DNSKEY)),
        Forgery::OtherAddresses => reply.answer.iter_mut().for_each(|record| flip(record, RecordType::A)),
        Forgery::BareReferrals | Forgery::DeniesCuts(_) if reply.flags.aa() => {}
        Forgery::DeniesCuts(denies) => deny_cut(denies, reply),
        Forgery::NoProofs | Forgery::BareReferrals => without(reply, &[RecordType::NSEC, RecordType::NSEC3]),
        Forgery::NoDs => without(reply, &[RecordType::DS]),
        Forgery::AliasLoop => alias(asked.clone(), reply),
        Forgery::EndlessAliases => alias(asked.prepend(b"x").unwrap_or_default(), reply),
        Forgery::SignsForAbove(above, algorithm) => {
            let signer = asked.suffix(asked.label_count() - above);
            let labels = u8::try_from(asked.label_count()).unwrap_or_default();
            let sig = |record: &Record| {
                let head = [&u16::from(record.rtype).to_be_bytes()[..], &[algorithm, labels]].concat();
                let times = [record.ttl_secs, u32::MAX / 2, 1].map(u32::to_be_bytes).concat();
                let rdata = [&head[..], &times, &[0, 7], signer.wire(), &[1; 64]].concat();
                Record { rtype: RecordType::RRSIG, rdata: rdata.into(), ..record.clone() }
            };
            let sigs: Vec<Record> = reply.answer.iter().map(sig).collect();
            reply.answer.extend(sigs);
        }
        Forgery::Invents => {
            reply.answer = vec![trap(asked.clone())];
            reply.authority.clear();
            (reply.flags, reply.rcode) = (reply.flags.with_aa(true), ResponseCode::NoError);
        }
        Forgery::Delegates => delegate(asked, reply),
        Forgery::UnsignedTargets => {
            reply.answer.retain(|record| record.owner == *asked || record.rtype != RecordType::RRSIG);
        }
        Forgery::OtherTargets => {
            let targets = reply.answer.iter_mut().filter(|record| record.owner != *asked);
            targets.for_each(|record| flip(record, RecordType::A));
        }
        Forgery::LongTtls => all(reply, &mut |record| record.ttl_secs = 86_400),
        Forgery::NoSuchName if reply.answer.is_empty() && reply.flags.aa() => reply.rcode = ResponseCode::NXDomain,
        Forgery::NoSuchType if reply.rcode == ResponseCode::NXDomain => reply.rcode = ResponseCode::NoError,
        Forgery::NoSuchName | Forgery::NoSuchType => {}
        Forgery::MoreProofs => add_false_proofs(asked, reply),
        Forgery::Denies => {
            reply.answer.clear();
            reply.authority.clear();
            (reply.flags, reply.rcode) = (reply.flags.with_aa(true), ResponseCode::NXDomain);
        }
    }
}

/// Makes a referral to one's own address of whatever there was.
fn delegate(asked: &Name, reply: &mut Reply) {
    reply.answer.clear();
    reply.authority = vec![points(asked.clone(), RecordType::NS, asked)];
    reply.additional = vec![trap(asked.clone())];
    (reply.flags, reply.rcode) = (reply.flags.with_aa(false), ResponseCode::NoError);
}

/// Makes a denial of a referral, by the zone right above the cut.
fn deny_cut(denies: Denies, reply: &mut Reply) {
    let ns = reply.authority.iter().find(|record| record.rtype == RecordType::NS).cloned();
    let rdata = [&[0; 2][..], &60_u32.to_be_bytes().repeat(5)].concat();
    let soa = |ns: Record| {
        let owner = ns.owner.parent().unwrap_or_default();
        Record { owner, rtype: RecordType::SOA, rdata: rdata.into(), ..ns }
    };
    let has_soa = matches!(denies, Denies::Name | Denies::Type);
    (reply.authority, reply.additional) = (ns.filter(|_| has_soa).map(soa).into_iter().collect(), Vec::new());
    let no_name = matches!(denies, Denies::Name | Denies::NameBare);
    let rcode = if no_name { ResponseCode::NXDomain } else { ResponseCode::NoError };
    (reply.flags, reply.rcode) = (reply.flags.with_aa(true), rcode);
}

/// Adds NSEC sets for the name that was asked and for all names, unsigned and with another signature.
fn add_false_proofs(asked: &Name, reply: &mut Reply) {
    // From just before the name to the end of the zone, as far as that is known here.
    let zone = asked.parent().unwrap_or_default();
    let rdata = [zone.wire(), &[0, 1, 0x40]].concat();
    let owner = zone.prepend(b"!").unwrap_or_default();
    let nsec = Record { owner, rtype: RecordType::NSEC, class: DNSClass::IN, ttl_secs: 300, rdata: rdata.into() };
    let sigs = reply.answer.iter().chain(&reply.authority).find(|record| record.rtype == RecordType::RRSIG);
    let false_sig = sigs.map(|sig| {
        let rdata = [&47_u16.to_be_bytes()[..], &sig.rdata[2..]].concat();
        Record { owner: asked.clone(), rdata: rdata.into(), ..sig.clone() }
    });
    reply.authority.push(Record { owner: asked.clone(), ..nsec.clone() });
    reply.authority.extend(false_sig);
    reply.authority.push(nsec);
}

/// Changes the last octet of the data.
fn flip(record: &mut Record, rtype: RecordType) {
    if record.rtype == rtype && record.covers().is_none_or(|_| rtype == RecordType::RRSIG) {
        let mut rdata = record.rdata.to_vec();
        if let Some(last) = rdata.last_mut() {
            *last ^= 1;
        }
        record.rdata = rdata.into();
    }
}

/// A guess at the reply, with an address that must never be believed.
fn guess(id: u16, question: &Question) -> Packet {
    let set = RrSet::new(question.name.clone(), RecordType::A, 86_400, [&TRAP[..]]);
    message(id, Flags::default().with_aa(true), ResponseCode::NoError, question, &[(Section::Answer, set)])
}

pub(crate) fn message(
    id: u16,
    flags: Flags,
    rcode: ResponseCode,
    question: &Question,
    sets: &[(Section, RrSet)],
) -> Packet {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(id, flags.with_qr(true).with_rcode(rcode), &mut bytes);
    writer.question(question);
    for (section, set) in sets {
        let _ = writer.set(*section, set, false);
    }
    writer.finish();
    Packet { delay: Duration::ZERO, bytes }
}

/// Reads a packet, changes it and writes it again; what cannot be read stays as it is.
pub(crate) fn rewrite(packet: &mut Packet, change: impl FnOnce(&mut Reply)) {
    let Ok(mut reply) = Reply::read(&packet.bytes) else { return };
    change(&mut reply);
    let mut bytes = Vec::new();
    let mut writer = Writer::new(reply.id, reply.flags, &mut bytes);
    writer.set_rcode(reply.rcode);
    reply.question.iter().for_each(|question| writer.question(question));
    for (section, records) in [
        (Section::Answer, &reply.answer),
        (Section::Authority, &reply.authority),
        (Section::Additional, &reply.additional),
    ] {
        for record in records {
            let _ = writer.record(section, record);
        }
    }
    reply.edns.iter().for_each(|edns| writer.opt(edns));
    writer.finish();
    packet.bytes = bytes;
}
