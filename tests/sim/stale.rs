//! What is served past its time (RFC 8767) while zones become signed, or the zones above them fail.

use std::time::Duration;

use rootwalk::lab::Lab;
use rootwalk::walk::WalkSettings;
use rootwalk::walk::outcome::Outcome;
use rootwalk::walk::stale::{StaleLimits, StaleView};
use rootwalk::wire::{Name, Question, RecordType};

use super::resolver::NOW_UNIX_SECS;
use super::story;
use super::trouble::Forgery;
use super::world::{World, internet};

const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const UNSIGNED: &str = "";
pub(crate) const SIGNED: &str = ", sign = {}";
/// With keys that all labs share: what is changed is what the zone says.
pub(crate) const SAME_KEYS: &str = ", sign = { algorithm = \"rsasha256\" }";
const OPT_OUT: &str = ", sign = { denial = \"nsec3\", opt_out = true }";
const EXPIRED: &str = ", sign = { inception_secs = -3024000, expiration_secs = -432000 }";

/// The root, `tld.` and `zone.tld.`, the latter two signed in these ways; on one server, or on one each.
pub(crate) fn lab(tld: &str, zone: &str, apart: bool) -> Lab {
    lab_with_alias(tld, zone, apart, "www")
}

/// The same, where `alias.zone.tld.` leads to this name. The server of `dead.zone.tld.` is none.
fn lab_with_alias(tld: &str, zone: &str, apart: bool, to: &str) -> Lab {
    let head = |ns: &str| format!("@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS {ns}\n");
    let names = if apart { ["ns.", "ns.tld.", "ns.zone.tld."] } else { ["ns."; 3] };
    let addresses = ["ns. 3600 A 192.0.2.1\n", "ns.tld. 3600 A 192.0.2.2\n", "ns.zone.tld. 3600 A 192.0.2.3\n"];
    let glue = |nth: usize| if apart { addresses[nth] } else { "" };
    let alias = format!("alias 60 CNAME {to}\ndead 3600 NS ns.dead\nns.dead 3600 A 192.0.2.99\n");
    let host = "host 60 A 198.51.100.2\n";
    let zones = [
        (".", SAME_KEYS, head(names[0]) + addresses[0] + &format!("tld. 3600 NS {}\n", names[1]) + glue(1)),
        ("tld.", tld, head(names[1]) + &format!("zone 3600 NS {}\n", names[2]) + glue(1) + glue(2) + host),
        ("zone.tld.", zone, head(names[2]) + glue(2) + "www 60 A 198.51.100.1\n" + &alias),
    ];
    match apart {
        true => internet(&zones, &[0, 1, 2].map(|nth| (names[nth], [1, 2, 3][nth], vec![zones[nth].0]))),
        false => internet(&zones, &[("ns.", 1, zones.iter().map(|(zone, ..)| *zone).collect())]),
    }
}

fn questions() -> Vec<Question> {
    let all = [("www", RecordType::A), ("alias", RecordType::A), ("none", RecordType::A), ("www", RecordType::TXT)];
    let ask = |(label, qtype): (&str, _)| Question::new(format!("{label}.zone.tld.").parse().expect("a name"), qtype);
    all.into_iter().map(ask).collect()
}

/// What is known, and what of it is served.
pub(crate) fn view<'w>(world: &'w World<'_>, judges: bool) -> StaleView<'w> {
    let (settings, cache) = (&world.resolver.settings, &world.resolver.cache);
    let WalkSettings { limits, private, .. } = settings;
    let over = StaleLimits { max: DAY, reply_ttl_secs: 30 };
    let moment = (world.resolver.now, NOW_UNIX_SECS);
    StaleView { cache, limits, private, over, judged_by: judges.then_some(settings), moment }
}

/// What is served when the servers give no answer any more; `None` when they do.
fn served(world: &mut World<'_>, question: &Question, admit_all: bool) -> Option<Option<Outcome>> {
    let failed = world.resolve(question).outcome.failure.is_some();
    let view = view(world, !admit_all);
    let told = view.answer(question).answer;
    let unsigned = view.may_be_unsigned(&question.name) || question.qtype == RecordType::RRSIG;
    assert!(told.is_none() || unsigned || told.as_ref().is_some_and(|told| told.outcome.secure), "{question}");
    failed.then(|| told.map(|told| told.outcome))
}

/// What is known of a question by now, stale or not.
pub(crate) fn known(world: &World<'_>, question: &Question) -> Option<Outcome> {
    view(world, true).answer(question).answer.map(|told| told.outcome)
}

/// A world in which everything was asked for, which is over by now.
fn knowing<'l>(lab: &'l Lab, questions: &[Question]) -> World<'l> {
    let mut world = World::new(lab, 1, 0.0, 0.0);
    for question in questions {
        let ended = world.resolve(question);
        assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
    }
    world.resolver.now = world.resolver.now.plus_secs(7200);
    world
}

/// What was kept while a zone was unsigned, by whomever it was told, is bogus once the zone is signed, and so is not
/// served past its time; but for those who check for themselves.
#[test]
fn what_a_zone_said_before_it_was_signed_is_not_served_afterwards() {
    for apart in [true, false] {
        let before = lab(SIGNED, UNSIGNED, apart);
        let defects = ["\"bogus\"", "\"no_signatures\"", "\"no_key\""];
        for defect in &defects[..if apart { 3 } else { 1 }] {
            let after = lab(SIGNED, &format!(", sign = {{ defect = {defect} }}"), apart);
            let mut failed = 0;
            for question in questions() {
                let mut world = knowing(&before, &questions());
                world.change(&after);
                let told = served(&mut world, &question, true);
                assert!(told.is_none_or(|told| told.is_some()), "{defect} {question}");
                let told = served(&mut world, &question, false);
                failed += usize::from(told.is_some());
                assert!(told.is_none_or(|told| told.is_none()), "{defect} {question}");
                // Nor is it when nobody can be reached any more.
                world.silence();
                let told = served(&mut world, &question, false);
                assert!(told.is_none_or(|told| told.is_none_or(|told| told.secure)), "{defect} {question}");
            }
            assert!(failed > 1, "{defect}: {failed} failed");
        }
    }
}

/// What nobody has found good takes nothing from those who want it checked: neither what came for somebody who checks
/// for himself (CD), nor what was bogus.
#[test]
fn what_nobody_has_found_good_takes_nothing_away() {
    for zone in [UNSIGNED, SIGNED] {
        let lab = lab(SIGNED, zone, true);
        for question in questions() {
            let is_known =
                |world: &World<'_>| known(world, &question).is_some_and(|told| told.secure == (zone == SIGNED));
            let mut world = knowing(&lab, &questions());
            let unchecked = world.resolve_unchecked(&question);
            assert!(unchecked.outcome.failure.is_none(), "{}", story(&unchecked));
            world.resolver.now = world.resolver.now.plus_secs(7200);
            world.silence();
            assert!(world.resolve(&question).outcome.failure.is_some() && is_known(&world), "{zone} {question}");
            let mut world = knowing(&lab, &questions());
            world.set_forger([192, 0, 2, 3].into(), Forgery::BrokenSignatures);
            let is_bogus = world.resolve(&question).outcome.failure.is_some();
            assert!(is_bogus == (zone == SIGNED) && is_known(&world), "{zone} {question}");
        }
    }
}

/// RFC 8767 §5: an alias that its zone gives anew is refreshed, also when what it leads to cannot be had, so that
/// nothing is there to be judged as a whole; where the zone is signed, if its signature holds, as anybody may say
/// otherwise that it leads elsewhere.
#[test]
fn an_alias_that_leads_elsewhere_by_now_is_not_served_as_it_was() {
    for (zone, apart) in [(UNSIGNED, true), (UNSIGNED, false), (SAME_KEYS, true), (SAME_KEYS, false)] {
        let [before, after] = ["www", "www.dead"].map(|to| lab_with_alias(SAME_KEYS, zone, apart, to));
        let (asked, signed) = (&questions()[1], zone == SAME_KEYS);
        for forgery in [None, Some(Forgery::BrokenSignatures), Some(Forgery::NoSignatures)] {
            let mut world = knowing(&before, &questions());
            assert!(known(&world, asked).is_some_and(|told| told.answer.len() == 2 && told.secure == signed));
            world.change(&after);
            forgery.into_iter().for_each(|forgery| world.set_forger([192, 0, 2, 3].into(), forgery));
            for admit_all in [true, false] {
                let told = served(&mut world, asked, admit_all);
                let is_forged = signed && apart && forgery.is_some() && !admit_all;
                let old = told.clone().flatten().is_some_and(|told| told.secure && told.answer.len() == 2);
                assert!(told.is_some_and(|told| told.is_none()) != is_forged && old == is_forged, "{zone} {forgery:?}");
            }
        }
    }
}

/// Where it leads to what is known, that is served, and as stale: the time of the keys by which it was proved is over.
#[test]
fn an_alias_that_leads_elsewhere_by_now_is_served_as_it_is() {
    for zone in [UNSIGNED, SAME_KEYS] {
        let [before, after] = ["www", "host.tld."].map(|to| lab_with_alias(SAME_KEYS, zone, true, to));
        let host = Question::new("host.tld.".parse().expect("a name"), RecordType::A);
        let asked = &questions()[1];
        let mut world = knowing(&before, &[asked.clone(), host.clone()]);
        world.change(&after);
        let failed = world.resolve_through(asked, |ask| ask.question.name != host.name);
        assert!(failed.outcome.failure.is_some(), "{}", story(&failed));
        let told = known(&world, asked).expect("all of it is known");
        let owners: Vec<&Name> = told.answer.iter().map(|set| &set.owner).collect();
        assert_eq!((owners, told.secure), (vec![&asked.name, &host.name], zone == SAME_KEYS));
        let ttls: Vec<u32> = told.answer.iter().map(|set| set.ttl_secs).collect();
        assert!(ttls[1] == 30 && (ttls[0] == 30) == told.secure, "{ttls:?}");
    }
}

/// What need not be proved is served: when nobody can be reached, and when the zone above is what is bogus.
#[test]
fn what_need_not_be_proved_is_served() {
    for apart in [true, false] {
        let before = lab(SIGNED, UNSIGNED, apart);
        let after = lab(EXPIRED, UNSIGNED, apart);
        for question in questions() {
            let mut world = knowing(&before, &questions());
            world.silence();
            let told = served(&mut world, &question, false).flatten();
            assert!(told.is_some_and(|told| !told.secure), "{question}");
            let mut world = knowing(&before, &questions());
            world.change(&after);
            let told = served(&mut world, &question, false).flatten();
            assert!(told.is_some_and(|told| !told.secure), "{question}");
        }
    }
}

/// What was proved is served where the signatures over what is told by now are over, also when somebody has asked
/// within the time that is granted to clocks: nothing lives by them then, which is no TTL of 0.
#[test]
fn what_signatures_do_not_let_live_ends_nothing() {
    let labs = [
        "",
        ", inception_secs = -864000, expiration_secs = -60",
        ", inception_secs = -3024000, expiration_secs = -432000",
    ];
    let sign = |more: &str| format!(", sign = {{ algorithm = \"rsasha256\"{more} }}");
    let [before, granted, over] = labs.map(|more| lab(SAME_KEYS, &sign(more), true));
    for question in questions() {
        let mut world = knowing(&before, &questions());
        world.change(&granted);
        let late = world.resolve(&question).outcome;
        let ttls_secs = || late.answer.iter().chain(&late.authority).map(|set| set.ttl_secs);
        assert!(late.secure && ttls_secs().all(|ttl_secs| ttl_secs == 0), "{question}: {late:?}");
        world.change(&over);
        let told = served(&mut world, &question, false).flatten();
        assert!(told.is_some_and(|told| told.secure), "{question}");
    }
}

/// Where nothing is known any more of the zone in which something was told, but that the one above is signed, nothing
/// is held against it: there was a cut.
#[test]
fn what_was_told_in_a_zone_of_which_nothing_is_known_any_more_is_served() {
    let lab = lab(SIGNED, UNSIGNED, true);
    for question in questions() {
        let mut world = knowing(&lab, &questions());
        world.resolver.cache.distrust();
        let above = world.resolve(&Question::new("none.tld.".parse().expect("a name"), RecordType::A));
        assert!(above.outcome.secure, "{}", story(&above));
        world.silence();
        assert!(world.resolve(&question).outcome.failure.is_some());
        let told = known(&world, &question);
        assert!(told.is_some_and(|told| !told.secure), "{question}");
    }
}

/// RFC 5155 §9.2: in an opt-out span nothing can be proved, and need not be.
#[test]
fn what_is_opted_out_is_served() {
    let lab = lab(OPT_OUT, UNSIGNED, true);
    let none = Question::new("none.tld.".parse::<Name>().expect("a name"), RecordType::A);
    let mut world = knowing(&lab, std::slice::from_ref(&none));
    world.silence();
    let failed = world.resolve(&none);
    assert!(failed.outcome.failure.is_some(), "{}", story(&failed));
    assert!(known(&world, &none).is_some_and(|told| !told.secure), "what cannot be proved has no AD");
}

/// Signatures that somebody asks for are not signed, be it in a zone that is.
#[test]
fn signatures_are_served() {
    let lab = lab(SIGNED, SIGNED, true);
    let sigs = Question::new("www.zone.tld.".parse::<Name>().expect("a name"), RecordType::RRSIG);
    let mut world = knowing(&lab, std::slice::from_ref(&sigs));
    world.silence();
    let told = served(&mut world, &sigs, false).flatten();
    assert!(told.is_some_and(|told| !told.secure && !told.answer.is_empty()));
}
