//! Whose answer is at fault when something is bogus: what was asked for itself, or what was asked for to prove it. The
//! other servers of that zone are asked, and its server is the one that clients are told of.

use rootwalk::dnssec::{Anchors, Limits, Settings, Spent, Statement, Verdict};
use rootwalk::wire::{Question, RecordType, RrSet};

use crate::edges::name;
use crate::evidence::{Facts, Heard};
use crate::limits::Zone;
use crate::signer::Signer;
use crate::trust;
use crate::types::{A, NS, SOA};
use crate::world::NOW_UNIX_SECS;

/// What can be heard of `z.` and `s.z.`, and where trust begins.
#[derive(Clone)]
struct Way {
    anchors: Anchors,
    z_keys: Option<RrSet>,
    s_keys: Option<RrSet>,
    /// What is said of every DS set.
    ds: Heard,
}

impl Way {
    /// The question that had the bad answer, `None` when it was the one that `statement` answers.
    fn fault(&self, statement: &Statement<'_>) -> Option<String> {
        let settings = Settings { anchors: self.anchors.clone(), ..Settings::default() };
        let mut facts = Facts::new(|question: &Question| {
            let keys = if question.name == name("z.") { &self.z_keys } else { &self.s_keys };
            match question.qtype {
                RecordType::DNSKEY => Some(Heard { answer: keys.clone(), ..Heard::default() }),
                _ => Some(self.ds.clone()),
            }
        });
        let given = (&settings, &Limits::default());
        let verdict = facts.judge(given, NOW_UNIX_SECS, statement, &mut Spent::default()).0;
        assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
        facts.fault.map(|question| format!("{} {}", question.name, question.qtype))
    }
}

#[test]
fn the_answer_at_fault_is_named() {
    let [z, s, forger] = ["z.", "s.z.", "z."].map(|zone| Signer::new(zone, NOW_UNIX_SECS));
    let forged = |set: RrSet| forger.sign(set);
    let anchors = |signer: &Signer| Zone::new(signer, std::slice::from_ref(&signer.dnskey), 0).anchors;
    let no_ds = Heard { proof: vec![z.nsec("z.", "z.", &[NS, SOA])], ..Heard::default() };
    let whole = Way {
        anchors: anchors(&z),
        z_keys: Some(trust::keys(&z, 300)),
        s_keys: Some(trust::keys(&s, 300)),
        ds: no_ds.clone(),
    };
    let bare = |owner: &str| RrSet::new(name(owner), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let (www, below) = (bare("www.z."), bare("www.s.z."));
    let of = |way: &Way, set: &RrSet| way.fault(&Statement::Set { set, proof: &[] });
    // The statement itself.
    assert_eq!(of(&whole, &forged(www.clone())), None);
    // The keys of its zone, which are not there or are not those that are trusted.
    let bad_keys = forged(RrSet::new(name("z."), RecordType::DNSKEY, 300, [&z.dnskey[..]]));
    for z_keys in [None, Some(bad_keys.clone())] {
        let way = Way { z_keys, ..whole.clone() };
        assert_eq!(of(&way, &z.sign(www.clone())).as_deref(), Some("z. DNSKEY"));
    }
    // The DS set on the way to it, or the proof that there is none.
    let signed = z.one("s.z.", RecordType::DS, &trust::ds(&s, 15, 2));
    let bad_ds = RrSet { sigs: forged(signed.clone()).sigs, ..signed };
    for ds in [Heard::default(), Heard { answer: Some(bad_ds), ..Heard::default() }] {
        let way = Way { ds, ..whole.clone() };
        assert_eq!(of(&way, &s.sign(below.clone())).as_deref(), Some("s.z. DS"));
    }
    // A denial that shows nothing, although no more is known of a cut at its name.
    let (question, proof) = (Question::new(name("s.z."), RecordType::A), [z.nsec("s.z.", "z.", &[A, NS, SOA])]);
    let denial = Statement::Denial { question: &question, no_name: false, soa: None, proof: &proof };
    assert_eq!(Way { ds: Heard::default(), ..whole.clone() }.fault(&denial), None);
    // Of nested anchors one that leads nowhere is not at fault where another leads on.
    let mut nested = anchors(&z);
    nested.extend([anchors(&Signer::new("s.z.", NOW_UNIX_SECS + 1))]);
    let s_keys = Some(RrSet { sigs: forged(trust::keys(&s, 300)).sigs, ..trust::keys(&s, 300) });
    let way = Way { anchors: nested, s_keys, ..whole };
    assert_eq!(of(&way, &forged(below.clone())), None);
    // Where none does, it is the deepest.
    let way = Way { z_keys: Some(bad_keys), ..way };
    assert_eq!(of(&way, &s.sign(below)).as_deref(), Some("s.z. DNSKEY"));
}
