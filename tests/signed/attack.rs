//! Whoever means harm has keys too: those of zones of his own, and what the others have signed. None of it makes what
//! is not true secure, nor what can be proved insecure.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _, SliceRandom as _};
use rootwalk::dnssec::key_tag;
use rootwalk::wire::text::parse_record;
use rootwalk::wire::{Name, Question, RecordType, RrSet};

use crate::evidence::Heard;
use crate::judged::{Chain, Said, Servers};
use crate::mutate::pack;
use crate::signer::{Form, Signer, bitmap, with_tag};
use crate::surety::Surety;

const HOUR_SECS: u32 = 3600;
/// More of one zone are not looked at.
const MOST_PROOFS: usize = 14;

/// All that an attacker may use.
pub(crate) struct Scene<'s, 'w> {
    pub(crate) servers: &'s Servers<'w>,
    /// What is said and can be proved.
    pub(crate) pool: &'s [Said],
    pub(crate) questions: &'s [Question],
    /// The keys of the zones.
    pub(crate) pens: Vec<Signer>,
    /// Keys of no zone, one for each algorithm.
    pub(crate) strangers: Vec<Signer>,
}

/// What an attacker says, of a set or that there is none, and beside it what he says of the keys on the way there.
/// `None` when chance has chosen something with which it cannot be done.
pub(crate) type Attack = fn(&Scene<'_, '_>, &mut Chain<'_, '_>, &mut StdRng) -> Option<Said>;

/// Each with whether it is none: then what is said has to be proved, or the others show nothing.
pub(crate) const ATTACKS: &[(&str, bool, Attack)] = &[
    ("signed by the zone itself", true, |scene, chain, dice| scene.by_the_zone(chain, None, dice)),
    ("a signature with a flaw", false, |scene, chain, dice| {
        let flaw = Flaw::ALL.choose(dice).copied();
        scene.by_the_zone(chain, flaw, dice)
    }),
    ("another key of the zone, without SEP", true, |scene, chain, dice| scene.by_another_key(chain, 0x0100, 3, dice)),
    ("a key that signs no zones", false, |scene, chain, dice| {
        let (flags, protocol) = *[(0, 3), (1, 3), (0x0180, 3), (0x0181, 3), (0x0101, 2)].choose(dice)?;
        scene.by_another_key(chain, flags, protocol, dice)
    }),
    ("a set by somebody else", false, |scene, chain, dice| scene.foreign_set(chain, dice)),
    ("a denial by somebody else", false, |scene, chain, dice| scene.foreign_denial(chain, dice)),
    ("keys with the tag of the DS record", false, |scene, chain, dice| scene.same_tag(chain, dice)),
    ("a cut by somebody else", false, |scene, chain, dice| scene.foreign_cut(chain, dice)),
    ("no DS record, by true records", false, |scene, chain, dice| scene.replayed_cut(chain, dice)),
    ("a denial by true records", false, |scene, chain, dice| scene.replayed_denial(chain, dice)),
    ("an NSEC record that a wildcard makes", false, |scene, chain, dice| scene.expanded_nsec(chain, dice)),
    ("a set that a wildcard makes", false, |scene, chain, dice| scene.expanded_set(chain, dice)),
];

/// What is wrong with a signature that the zone has made.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    Covered,
    ManyLabels,
    FewLabels,
    LabelsAboveZone,
    Expired,
    Early,
    ExpiredBeforeValid,
    HalfTheCircle,
    Tag,
    SignerAbove,
    SignerBelow,
    Revoked,
}

impl Flaw {
    const ALL: &[Self] = &[
        Self::Covered,
        Self::ManyLabels,
        Self::FewLabels,
        Self::LabelsAboveZone,
        Self::Expired,
        Self::Early,
        Self::ExpiredBeforeValid,
        Self::HalfTheCircle,
        Self::Tag,
        Self::SignerAbove,
        Self::SignerBelow,
        Self::Revoked,
    ];

    /// Puts it into the form of a signature over `set`; `None` where it would be none.
    fn put(self, form: &mut Form, set: &RrSet, now_secs: u32) -> Option<()> {
        // RFC 4034 section 3.1.3: the asterisk does not count.
        let is_wildcard = set.owner.labels().next() == Some(b"*");
        let own = u8::try_from(set.owner.label_count()).unwrap() - u8::from(is_wildcard);
        let zone = u8::try_from(form.signer.label_count()).unwrap();
        match self {
            Self::Covered => form.covered = Some(RecordType::from(u16::from(set.rtype) ^ 16)),
            Self::ManyLabels => form.labels = Some(own + 1),
            Self::FewLabels => form.labels = Some(own.checked_sub(1).filter(|labels| *labels >= zone)?),
            Self::LabelsAboveZone => form.labels = Some(zone.checked_sub(1)?),
            // More than clocks may be off, and than the test may take.
            Self::Expired => form.expiration = now_secs - 2 * HOUR_SECS,
            Self::Early => form.inception = now_secs + 2 * HOUR_SECS,
            Self::ExpiredBeforeValid => form.expiration = form.inception - 10,
            // RFC 4034 section 3.1.5: so far ahead is behind.
            Self::HalfTheCircle => form.expiration = now_secs.wrapping_add((1 << 31) + 10),
            Self::Tag => form.key_tag = form.key_tag.wrapping_add(1),
            Self::SignerAbove => form.signer = form.signer.parent()?,
            Self::SignerBelow => form.signer = form.signer.prepend(b"q").ok()?,
            Self::Revoked => {}
        }
        Some(())
    }
}

/// RFC 5011 section 7.
fn is_revoked(pen: &Signer) -> bool {
    pen.dnskey[1] & 0x80 != 0
}

/// Whether there is nothing that a signer would have to lower.
fn is_lower(set: &RrSet) -> bool {
    !set.rdatas.iter().any(|rdata| rdata.iter().any(u8::is_ascii_uppercase))
}

/// A set that no zone has.
fn lie(owner: &Name) -> RrSet {
    RrSet::new(owner.clone(), RecordType::A, 300, [&[203, 0, 113, 7][..]])
}

impl Scene<'_, '_> {
    /// A set that exists under its own name and can be proved, and its zone.
    fn victim(&self, dice: &mut StdRng) -> Option<(&RrSet, usize)> {
        let world = self.servers.world;
        let known = self.pool.iter().filter_map(|said| match said {
            Said::Set { set, .. } => {
                let at = world.zone_of(&set.owner, set.rtype);
                world.data[at].at(&set.owner, set.rtype).map(|_| (set, at))
            }
            Said::Denial { .. } => None,
        });
        known.choose(dice)
    }

    fn zone(&self, at: usize) -> &Name {
        &self.servers.world.zones[at].name
    }

    /// A zone below the root that can be proved.
    fn cut(&self, dice: &mut StdRng) -> Option<usize> {
        let world = self.servers.world;
        (1..world.zones.len()).filter(|at| world.surety(*at) == Surety::Secure).choose(dice)
    }

    /// The key set of a zone.
    fn keys(&self, zone: &Name) -> Option<RrSet> {
        self.servers.hear(&Question::new(zone.clone(), RecordType::DNSKEY)).answer
    }

    /// The DS set of a zone; for the root what is trusted.
    fn ds(&self, zone: &Name) -> Option<RrSet> {
        if !zone.is_root() {
            return self.servers.hear(&Question::new(zone.clone(), RecordType::DS)).answer;
        }
        let records: Vec<_> =
            self.servers.world.told().anchors.iter().map(|line| parse_record(line).unwrap()).collect();
        Some(RrSet::new(zone.clone(), RecordType::DS, 300, records.iter().map(|record| &record.rdata[..])))
    }

    /// Somebody who has no say over `place`: a stranger, or the owner of a zone that is not at or above it.
    fn foe(&self, place: &Name, dice: &mut StdRng) -> Option<&Signer> {
        let foes = self.pens.iter().filter(|pen| !place.is_within(&pen.zone));
        if dice.random_bool(0.2) { self.strangers.choose(dice) } else { foes.choose(dice) }
    }

    /// How a foe signs: as the one he is or as another, with his own key tag or with that of a key of the zone.
    fn foreign_form(&self, foe: &Signer, zone: &Name, dice: &mut StdRng) -> Form {
        let mut form = foe.form();
        form.signer = [foe.zone.clone(), zone.clone(), zone.parent().unwrap_or_default()].choose(dice).unwrap().clone();
        let same = self.pens.iter().filter(|pen| pen.zone == *zone && pen.dnskey[3] == foe.dnskey[3]);
        if let Some(pen) = same.choose(dice).filter(|_| dice.random()) {
            form.key_tag = pen.tag();
        }
        form
    }

    /// The true records that come near a name, of all zones at or above it or of one.
    fn proofs(&self, name: &Name, one: bool, dice: &mut StdRng) -> Vec<RrSet> {
        let world = self.servers.world;
        let zones: Vec<usize> = (0..world.zones.len()).filter(|at| name.is_within(&world.zones[*at].name)).collect();
        let only = zones.choose(dice).copied().filter(|_| one);
        let zones = zones.into_iter().filter(|at| only.is_none_or(|only| only == *at));
        let of_zone = zones.flat_map(|at| {
            let mut sets = world.data[at].denials.around(name, world.zones[at].name.label_count());
            sets.shuffle(dice);
            sets.truncate(MOST_PROOFS);
            sets
        });
        of_zone.collect()
    }

    /// What the owner of the zone says of it, with his own key.
    fn by_the_zone(&self, _: &mut Chain<'_, '_>, flaw: Option<Flaw>, dice: &mut StdRng) -> Option<Said> {
        let (victim, at) = self.victim(dice)?;
        let keys = self.keys(self.zone(at))?;
        let wanted = |pen: &&Signer| {
            let signs = keys.rdatas.iter().any(|dnskey| *dnskey == *pen.dnskey);
            pen.zone == *self.zone(at) && signs && is_revoked(pen) == matches!(flaw, Some(Flaw::Revoked))
        };
        let pen = self.pens.iter().filter(wanted).choose(dice)?;
        // The same once more, so that it is true; or something else.
        let set = if flaw.is_none() { victim.clone() } else { lie(&victim.owner) };
        let (mut form, proof) = (pen.form(), self.proofs(&set.owner, false, dice));
        if let Some(flaw) = flaw {
            flaw.put(&mut form, &set, pen.now_secs)?;
        }
        is_lower(&set).then(|| Said::Set { set: pen.sign_as(set, &form), proof })
    }

    /// The same, with a key that the zone has beside the others.
    fn by_another_key(&self, chain: &mut Chain<'_, '_>, flags: u16, protocol: u8, dice: &mut StdRng) -> Option<Said> {
        let (victim, at) = self.victim(dice)?;
        let (zone, stranger) = (self.zone(at), self.strangers.choose(dice)?);
        let dnskey = [&flags.to_be_bytes()[..], &[protocol], &stranger.dnskey[3..]].concat();
        let keys = self.keys(zone)?;
        let rdatas: Vec<Vec<u8>> = keys.rdatas.iter().map(<[u8]>::to_vec).chain([dnskey.clone()]).collect();
        let keys = RrSet { rdatas: pack(&rdatas), ..keys };
        let owners = self.pens.iter().filter(|pen| pen.zone == *zone && !is_revoked(pen));
        let sigs: Vec<Vec<u8>> = owners.map(|pen| pen.rrsig(&keys, &pen.form())).collect();
        chain.replace(zone, RecordType::DNSKEY, heard(RrSet { sigs: pack(&sigs), ..keys }));
        let valid = flags & 0x0180 == 0x0100 && protocol == 3;
        let set = if valid { victim.clone() } else { lie(&victim.owner) };
        let form = Form { signer: zone.clone(), key_tag: key_tag(&dnskey), ..stranger.form() };
        is_lower(&set).then(|| Said::Set { set: stranger.sign_as(set, &form), proof: Vec::new() })
    }

    fn foreign_set(&self, chain: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let said = self.pool.choose(dice)?;
        let (name, rtype) = said.about();
        let at = self.servers.world.zone_of(name, rtype);
        let zone = self.zone(at);
        let foe = self.foe(zone, dice)?;
        let mut set = lie(name);
        if let Said::Set { set: known, .. } = said
            && dice.random()
        {
            let mut rdatas: Vec<Vec<u8>> = known.rdatas.iter().map(<[u8]>::to_vec).collect();
            *rdatas.first_mut()?.last_mut()? ^= 1;
            set = RrSet { rdatas: pack(&rdatas), ..known.clone() };
        }
        let form = self.foreign_form(foe, zone, dice);
        let forged = foe.rrsig(&set, &form);
        let sigs: Vec<Vec<u8>> = [forged].into_iter().chain(set.sigs.iter().map(<[u8]>::to_vec)).collect();
        if dice.random() {
            self.slip_in(chain, zone, foe, dice)?;
        }
        let proof = self.proofs(name, false, dice);
        Some(Said::Set { set: RrSet { sigs: pack(&sigs), ..set }, proof })
    }

    /// The keys of a zone and that of a foe, signed by him.
    fn slip_in(&self, chain: &mut Chain<'_, '_>, zone: &Name, foe: &Signer, dice: &mut StdRng) -> Option<()> {
        let keys = self.keys(zone)?;
        let rdatas: Vec<Vec<u8>> = keys.rdatas.iter().map(<[u8]>::to_vec).chain([foe.dnskey.clone()]).collect();
        let set = RrSet { rdatas: pack(&rdatas), ..keys.clone() };
        let form = Form { signer: zone.clone(), ..foe.form() };
        let mut sigs = vec![foe.rrsig(&set, &form)];
        sigs.extend(keys.sigs.iter().map(<[u8]>::to_vec));
        sigs.shuffle(dice);
        chain.replace(zone, RecordType::DNSKEY, heard(RrSet { sigs: pack(&sigs), ..set }));
        Some(())
    }

    fn foreign_denial(&self, chain: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let (name, rtype) = self.pool.choose(dice)?.about();
        let at = self.servers.world.zone_of(name, rtype);
        let (zone, data) = (self.zone(at), &self.servers.world.data[at]);
        let foe = self.foe(zone, dice)?;
        let next = name.prepend(b"\0").ok()?;
        let types: &[u16] = [&[46, 47][..], &[46, 47, 128], &[2, 46, 47]].choose(dice)?;
        let form = self.foreign_form(foe, zone, dice);
        let rdata = [next.to_lower().wire(), &bitmap(types)].concat();
        let nsec = RrSet::new(name.clone(), RecordType::NSEC, 300, [&rdata[..]]);
        let mut proof = vec![foe.sign_as(nsec, &form)];
        proof.extend(self.proofs(name, false, dice));
        if dice.random() {
            self.slip_in(chain, zone, foe, dice)?;
        }
        let soa = data.at(zone, RecordType::SOA).cloned().filter(|_| dice.random());
        Some(Said::Denial { question: Question::new(name.clone(), rtype), no_name: dice.random(), soa, proof })
    }

    /// A key that is named by tag and algorithm, but whose digest is another one, and what it signs.
    fn same_tag(&self, chain: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let (victim, at) = self.victim(dice)?;
        let zone = self.zone(*self.servers.world.above(at).choose(dice)?);
        let ds_set = self.ds(zone)?;
        let ds = ds_set.rdatas.iter().choose(dice)?;
        let tag = u16::from_be_bytes([ds[0], ds[1]]);
        let same = self.strangers.iter().filter(|pen| pen.dnskey[3] == ds[2]);
        let (stranger, dnskey) = same.filter_map(|pen| Some((pen, with_tag(&pen.dnskey, tag)?))).choose(dice)?;
        let mut rdatas: Vec<Vec<u8>> = vec![dnskey.clone()];
        if dice.random() {
            rdatas.extend(self.keys(zone)?.rdatas.iter().map(<[u8]>::to_vec));
        }
        let form = Form { signer: zone.clone(), key_tag: key_tag(&dnskey), ..stranger.form() };
        let keys = RrSet::new(zone.clone(), RecordType::DNSKEY, 300, rdatas.iter().map(Vec::as_slice));
        chain.replace(zone, RecordType::DNSKEY, heard(stranger.sign_as(keys, &form)));
        // In the zone itself what it signs, below it an unsigned cut.
        let set = lie(&victim.owner);
        if zone == self.zone(at) {
            return Some(Said::Set { set: stranger.sign_as(set, &form), proof: Vec::new() });
        }
        let below = self
            .servers
            .world
            .above(at)
            .into_iter()
            .find(|at| self.servers.world.zones[*at].parent.is_some_and(|parent| self.zone(parent) == zone))?;
        let nsec = nsec_of_cut(self.zone(below));
        let proof = vec![stranger.sign_as(nsec, &form)];
        chain.replace(self.zone(below), RecordType::DS, Heard { proof, ..Heard::default() });
        Some(Said::Set { set, proof: Vec::new() })
    }

    /// What somebody says of a cut who is not the parent: the child as well.
    fn foreign_cut(&self, chain: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let at = self.cut(dice)?;
        let (zone, parent) = (self.zone(at), self.zone(self.servers.world.zones[at].parent?));
        let child = self.pens.iter().filter(|pen| pen.zone == *zone).choose(dice);
        let foe = if dice.random_bool(0.4) { child? } else { self.foe(parent, dice)? };
        let (form, stranger) = (self.foreign_form(foe, parent, dice), self.strangers.choose(dice)?);
        let said = |set| Some(Said::Set { set, proof: Vec::new() });
        let victim = lie(zone);
        if dice.random() {
            let proof = vec![foe.sign_as(nsec_of_cut(zone), &form)];
            chain.replace(zone, RecordType::DS, Heard { proof, ..Heard::default() });
            return said(victim);
        }
        // A digest that nobody knows, or that of the stranger's key.
        let data = [zone.to_lower().wire(), &stranger.dnskey].concat();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &data);
        let digest_type = *[2, 99].choose(dice)?;
        let ds = [&stranger.tag().to_be_bytes(), &[stranger.dnskey[3], digest_type], digest.as_ref()].concat();
        let ds = RrSet::new(zone.clone(), RecordType::DS, 300, [&ds[..]]);
        chain.replace(zone, RecordType::DS, heard(foe.sign_as(ds, &form)));
        let form = Form { signer: zone.clone(), ..stranger.form() };
        let keys = RrSet::new(zone.clone(), RecordType::DNSKEY, 300, [&stranger.dnskey[..]]);
        chain.replace(zone, RecordType::DNSKEY, heard(stranger.sign_as(keys, &form)));
        said(if digest_type == 2 { stranger.sign_as(victim, &form) } else { victim })
    }

    fn replayed_cut(&self, chain: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let zone = self.zone(self.cut(dice)?);
        let proof = self.proofs(zone, dice.random(), dice);
        chain.replace(zone, RecordType::DS, Heard { proof, ..Heard::default() });
        Some(Said::Set { set: lie(zone), proof: Vec::new() })
    }

    fn replayed_denial(&self, _: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let world = self.servers.world;
        let mut question = self.questions.choose(dice)?.clone();
        if dice.random_bool(0.3) {
            question.qtype = *[RecordType::A, RecordType::DS, RecordType::NS, RecordType::SOA].choose(dice)?;
        }
        let one = dice.random_bool(0.7);
        let proof = self.proofs(&question.name, one, dice);
        let signers = (0..world.zones.len()).filter(|at| question.name.is_within(self.zone(*at)));
        let at = signers.choose(dice)?;
        let soa = world.data[at].at(self.zone(at), RecordType::SOA).cloned().filter(|_| dice.random_bool(0.4));
        Some(Said::Denial { question, no_name: dice.random(), soa, proof })
    }

    /// CVE-2017-15105.
    fn expanded_nsec(&self, chain: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let world = self.servers.world;
        let at = (0..world.zones.len()).filter(|at| world.surety(*at) == Surety::Secure).choose(dice)?;
        let nsec = world.data[at].denials.of_wildcards().choose(dice)?;
        let above = nsec.owner.parent()?;
        let question = self.questions.iter().filter(|question| question.name.is_below(&above)).choose(dice)?.clone();
        let name = &question.name;
        // At the name itself, or at one before it.
        let owner = if dice.random() { name.clone() } else { above.prepend(b"\0").ok()? };
        let mut proof = vec![RrSet { owner, ..nsec.clone() }];
        if dice.random() {
            proof.extend(self.proofs(name, true, dice));
        }
        if world.zones.iter().any(|zone| zone.name == *name) {
            chain.replace(name, RecordType::DS, Heard { proof, ..Heard::default() });
            return Some(Said::Set { set: lie(name), proof: Vec::new() });
        }
        Some(Said::Denial { question, no_name: dice.random(), soa: None, proof })
    }

    /// RFC 4035 section 5.3.4: under the name of something that exists.
    fn expanded_set(&self, _: &mut Chain<'_, '_>, dice: &mut StdRng) -> Option<Said> {
        let world = self.servers.world;
        let at = (0..world.zones.len()).filter(|at| world.surety(*at) == Surety::Secure).choose(dice)?;
        let is_wildcard = |set: &&RrSet| set.owner.labels().next() == Some(b"*");
        let set = world.data[at].sets.values().flatten().filter(is_wildcard).choose(dice)?;
        let above = set.owner.parent()?;
        let name = &self.questions.iter().filter(|question| question.name.is_below(&above)).choose(dice)?.name;
        let proof = self.proofs(name, dice.random(), dice);
        Some(Said::Set { set: RrSet { owner: name.clone(), ..set.clone() }, proof })
    }
}

fn heard(answer: RrSet) -> Heard {
    Heard { answer: Some(answer), ..Heard::default() }
}

/// The record of an unsigned cut, whoever signs it.
fn nsec_of_cut(zone: &Name) -> RrSet {
    let next = zone.prepend(b"\0").unwrap();
    let rdata = [next.to_lower().wire(), &bitmap(&[2, 46, 47])].concat();
    RrSet::new(zone.clone(), RecordType::NSEC, 300, [&rdata[..]])
}
