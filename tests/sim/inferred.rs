//! What follows from what was proved for other questions (RFC 8198), and where that ends.

use std::time::Duration;

use rootwalk::dnssec::{Place, Spans as _};
use rootwalk::time::Time;
use rootwalk::trace::{Event, Known};
use rootwalk::wire::{Name, Question, RecordType, ResponseCode};

use super::resolver::Ended;
use super::world::{World, hosted, one_server};
use super::{lives_secs, story, told, truth_in};

fn ask(name: &str) -> Question {
    Question::new(name.parse().expect("a name"), RecordType::A)
}

fn inferred(ended: &Ended) -> Vec<Name> {
    let about = |event: &Event| match event {
        Event::Inferred { inferred } => Some(inferred.name.clone()),
        _ => None,
    };
    ended.log.iter().filter_map(|entry| about(&entry.event)).collect()
}

/// RFC 8198 §5: nobody is asked for the address of a server whose name is known not to exist.
#[test]
fn servers_that_are_known_not_to_exist_are_not_asked_for() {
    let root = "e. 3600 NS ns2.\nz. 3600 NS a.gone.e.\nz. 3600 NS b.gone.e.\n";
    let lab = hosted(&[("e.", ", sign = {}", 2, "www 60 A 192.0.2.80\n")], root);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    assert_eq!(world.resolve(&ask("nope.e.")).outcome.rcode, ResponseCode::NXDomain);
    let ended = world.resolve(&ask("www.z."));
    let gone = inferred(&ended);
    assert!(gone.contains(&ask("a.gone.e.").name) && gone.contains(&ask("b.gone.e.").name), "{}", story(&ended));
    let is_asked = |event: &Event| matches!(event, Event::Asked { name, .. } if name.is_within(&ask("e.").name));
    assert!(!ended.log.iter().any(|entry| is_asked(&entry.event)), "{}", story(&ended));
}

/// RFC 8198 §5.3: what a wildcard's alias makes of other names is what the servers would have said, whatever is asked
/// for, and where a type stands beside aliases, they are asked. The proof goes with it.
#[test]
fn the_alias_of_a_wildcard_is_inferred() {
    use RecordType::{A, CNAME, DS, KEY, MX, NSEC, TXT};
    for sign in [", sign = {}", ", sign = { denial = \"nsec3\" }"] {
        let lab = one_server(&[("a.", sign, "*.w 300 CNAME www\nwww 300 A 192.0.2.80\n")]);
        for qtype in [A, CNAME, DS, KEY, MX, NSEC, TXT] {
            let asked = Question { qtype, ..ask("r.w.a.") };
            let cold = World::new(&lab, 1, 0.0, 0.0).resolve(&asked);
            let mut world = World::new(&lab, 1, 0.0, 0.0);
            world.resolve(&ask("q.w.a."));
            let warm = world.resolve(&asked);
            assert_eq!(told(&warm.outcome), told(&cold.outcome), "{asked}\n{}", story(&warm));
            assert!(warm.outcome.secure && cold.outcome.secure, "{asked}\n{}", story(&warm));
            let follows = !inferred(&warm).is_empty();
            assert_eq!(follows, ![DS, KEY, NSEC].contains(&qtype), "{asked}\n{}", story(&warm));
            let is_known = [A, CNAME].contains(&qtype);
            assert!(!is_known || warm.budget.queries() == 0, "{asked}\n{}", story(&warm));
        }
    }
}

/// What was proved says something for as long as it was told to live from the moment on at which the walk began that
/// brought it, however slow that was; and nothing where nobody wants anything inferred.
#[test]
fn what_says_something_of_other_names_ends_in_its_time() {
    let lab = one_server(&[("a.", ", sign = {}", "www 300 A 192.0.2.80\n")]);
    let zone = ask("a.").name;
    for aggressive in [true, false] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.resolver.settings.proofs.aggressive = aggressive;
        world.set_weather(600, 0.0);
        let begun = world.resolver.now;
        let ended = world.resolve(&ask("nope.a."));
        assert!(ended.took > Duration::from_secs(2), "{}", story(&ended));
        let known = |after_secs| {
            let (cache, at) = (&world.resolver.cache, begun.after_ttl(after_secs));
            [Place::Soa, Place::Nsec(zone.clone())].map(|place| cache.spans(at).at(&zone, &place).is_some())
        };
        assert_eq!([known(59), known(60)], [[aggressive; 2], [false; 2]], "{}", story(&ended));
        // Nor of what was kept for those who do.
        world.resolver.settings.proofs.aggressive = true;
        world.resolve(&ask("none.a."));
        world.resolver.settings.proofs.aggressive = aggressive;
        let again = world.resolve(&ask("nor.a."));
        assert_eq!(inferred(&again).is_empty(), !aggressive, "{}", story(&again));
    }
}

/// RFC 4035 §3.1.4.1, §5.2: the DS set that came with a referral, or was asked for as a proof, is the answer to whoever
/// asks for it once it was proved, for as long as it was told to live, although nobody can be asked any more, and the
/// trace says who told it. Before it was proved it is no answer, not even for those who check for themselves.
#[test]
fn the_ds_set_of_a_zone_that_was_proved_is_known() {
    let zone = ("a.", ", sign = {}", "www 300 A 192.0.2.80\n");
    let apart = hosted(&[(zone.0, zone.1, 2, zone.2)], "a. 3600 NS ns2.\n");
    let asked = Question { qtype: RecordType::DS, ..ask("a.") };
    for lab in [&apart, &one_server(&[zone])] {
        let mut world = World::new(lab, 1, 0.0, 0.0);
        assert!(world.resolve(&ask("www.a.")).outcome.secure);
        world.silence();
        let end = world.told_until(&asked.name, asked.qtype).expect("it came with the referral or was asked for");
        for left_secs in [3_000, 2] {
            world.resolver.now = Time::from_secs(end.secs() - left_secs);
            let ended = world.resolve(&asked);
            assert_eq!(told(&ended.outcome), truth_in(lab, &asked), "{}", story(&ended));
            assert!(ended.outcome.secure, "{}", story(&ended));
            assert_eq!(ended.budget.queries(), 0, "{}", story(&ended));
            let lives = lives_secs(&ended);
            assert!(lives.iter().all(|secs| (1..=left_secs).contains(&u64::from(*secs))), "{lives:?}");
            let by = ended.log.iter().find_map(|entry| match &entry.event {
                Event::FromCache { known: Known::Set, rtype: RecordType::DS, source, .. } => source.informant(),
                _ => None,
            });
            assert_eq!(by.map(|by| by.zone.clone()), Some(Name::root()), "{}", story(&ended));
        }
        world.resolver.now = end;
        assert!(world.resolve(&asked).outcome.failure.is_some());
    }
    for checked in [true, false] {
        let mut world = World::new(&apart, 1, 0.0, 0.0);
        assert!(world.resolve_unchecked(&ask("www.a.")).outcome.failure.is_none());
        world.silence();
        let ended = if checked { world.resolve(&asked) } else { world.resolve_unchecked(&asked) };
        assert!(ended.outcome.failure.is_some(), "{}", story(&ended));
    }
}
