//! Who may ask, and what is answered here without asking anybody.
//!
//! [`judge`] is a pure function of the question, the client and the settings. [`admits`] comes before the cache, so
//! that nobody who is not let in learns from the cache what others ask for. The rest comes after it: what is answered
//! here is never kept there, and a reload forgets the answers that were.

mod chaos;
mod designated;
mod local;
mod special;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};

pub use designated::{Designated, Door};
pub use local::LocalData;
pub use special::special_zones;

use crate::wire::{DNSClass, Ede, Name, Question, RecordType, ResponseCode, RrSet, ede, translator};

/// What the operator decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// Networks whose clients are answered.
    pub allow: Vec<IpNet>,
    /// Whether special-use names are answered here (RFC 6761, RFC 6303).
    pub locally_served_zones: bool,
    /// Whether ANY is looked up; else it gets a minimal answer (RFC 8482).
    pub any: bool,
    /// Records of the operator.
    pub local: Arc<LocalData>,
    /// Names that are said not to exist, with all below them that have no records in `local`.
    pub blocked: BTreeSet<Name>,
    /// Zones for which the operator names servers: special or not, those are asked.
    pub routed_zones: Vec<Name>,
    /// The prefix of the addresses that are made here (RFC 6147).
    pub translator: Option<Ipv6Net>,
    /// The encrypted doors that clients are told of.
    pub designated: Option<Designated>,
    /// What `id.server` says; `None` refuses the question.
    pub identity: Option<Box<str>>,
    /// What `version.server` says; `None` refuses the question.
    pub version: Option<Box<str>>,
}

/// An answer made here. The sets have the class of the question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalAnswer {
    /// The response code.
    pub rcode: ResponseCode,
    /// The answer section.
    pub answer: Vec<RrSet>,
    /// The authority section: the SOA that lets a negative answer be cached (RFC 2308 §3).
    pub authority: Vec<RrSet>,
    /// The additional section.
    pub additional: Vec<RrSet>,
    /// Whether it is authoritative: a zone that is served here (RFC 6303 §3).
    pub authoritative: bool,
    /// Whether recursion is not available to this client, or for this kind of question.
    pub no_recursion: bool,
    /// Why it was answered here.
    pub edes: Vec<Ede>,
}

impl LocalAnswer {
    fn records(answer: Vec<RrSet>, why: Ede) -> Self {
        Self { rcode: ResponseCode::NoError, answer, edes: vec![why], ..Self::default() }
    }

    fn error(rcode: ResponseCode, why: Ede) -> Self {
        Self { rcode, edes: vec![why], ..Self::default() }
    }

    /// What a client gets who is turned away.
    fn refused(why: Ede) -> Self {
        Self { no_recursion: true, ..Self::error(ResponseCode::Refused, why) }
    }
}

/// Whether the client may ask at all; [`judge`] looks again, this alone is for those that need no more.
#[must_use]
pub fn admits(client: IpAddr, settings: &PolicySettings) -> bool {
    // A socket that serves both families shows IPv4 clients as ::ffff:a.b.c.d.
    let client = client.to_canonical();
    settings.allow.iter().any(|net| net.contains(&client))
}

/// What this client gets to this question; `None` when it is looked up.
#[must_use]
pub fn judge(question: &Question, client: IpAddr, settings: &PolicySettings) -> Option<LocalAnswer> {
    if !admits(client, settings) {
        let why = "clients of this network are not served here (server.allow)";
        return Some(LocalAnswer::refused(Ede::new(ede::PROHIBITED, why)));
    }
    match question.class {
        DNSClass::IN => {}
        DNSClass::CH => return Some(chaos::answer(question, settings)),
        other => {
            let why = format!("class {} is not served here", u16::from(other));
            return Some(LocalAnswer::refused(Ede::new(ede::NOT_SUPPORTED, why)));
        }
    }
    let minimal = || (question.qtype == RecordType::ANY && !settings.any).then(|| minimal_any(question));
    meta_type(question.qtype).or_else(|| here(question, client, settings)).or_else(minimal)
}

/// The answer to a question with which nobody is bothered: from the operator's records, and about names of ours.
fn here(question: &Question, client: IpAddr, settings: &PolicySettings) -> Option<LocalAnswer> {
    if let Some(answer) = settings.local.answer(question) {
        return Some(answer);
    }
    // Nobody but the operator has a word on the name itself; where his alias leads may be a name of ours again.
    if let Some((links, target)) = settings.local.way_out(question) {
        let end = answered_here(&Question { name: target, ..question.clone() }, client, settings)?;
        return Some(LocalAnswer { answer: links.into_iter().chain(end.answer).collect(), ..end });
    }
    // RFC 6147 §5.3.1: that an address is made here says more than in which block it lies, and its name is that of the
    // IPv4 address inside, which may be one of ours.
    if let Some(prefix) = settings.translator
        && let Some(inner) = translator::inner(prefix, question)
        && blocked(&question.name, settings).is_none()
    {
        let mut answer = here(&inner, client, settings)?;
        let why = translator::outer(prefix, &question.name, &mut answer.answer, &mut answer.authority);
        answer.edes.push(why);
        return Some(answer);
    }
    answered_here(question, client, settings)
}

/// The answer about a name of which the Internet is not asked: a blocked one, this server itself, a special one.
fn answered_here(question: &Question, client: IpAddr, settings: &PolicySettings) -> Option<LocalAnswer> {
    if let Some(answer) = blocked(&question.name, settings) {
        return Some(beside_records(answer, question, settings));
    }
    // That everything is forwarded says nothing about special names; that one zone is, does.
    let is_routed = |zone: &Name| !zone.is_root() && question.name.is_within(zone);
    let is_routed = settings.routed_zones.iter().any(is_routed);
    // This server, whatever Internet is around it.
    if let Some(designated) = settings.designated.as_ref().filter(|_| !is_routed)
        && let Some(answer) = designated.answer(question, client, &settings.local)
    {
        return Some(answer);
    }
    let is_ours = settings.designated.is_some() && designated::is_about_resolver(&question.name);
    if (settings.locally_served_zones || is_ours)
        && !is_routed
        && let Some(answer) = special::answer(question)
    {
        let answer = beside_records(answer, question, settings);
        // The names of addresses that are made here exist, whatever is asked of them (RFC 8020 §2).
        let is_made = settings.translator.is_some_and(|prefix| translator::is_about(prefix, &question.name));
        return Some(if is_made { existing(answer) } else { answer });
    }
    None
}

/// The denial of a name that the operator has taken out, or that lies below one.
fn blocked(name: &Name, settings: &PolicySettings) -> Option<LocalAnswer> {
    /// Clients notice within minutes that a name is not blocked any more.
    const TTL_SECS: u32 = 300;
    if settings.blocked.is_empty() {
        return None;
    }
    let zone = (0..=name.label_count()).map(|count| name.suffix(count)).find(|zone| settings.blocked.contains(zone))?;
    let soa = RrSet { ttl_secs: TTL_SECS, ..special::soa(&zone) };
    let why = Ede::new(ede::BLOCKED, format!("{zone} is blocked in the configuration"));
    Some(LocalAnswer { authority: vec![soa], ..LocalAnswer::error(ResponseCode::NXDomain, why) })
}

/// A name above one that has records exists, or whoever is told that it does not denies those as well (RFC 8020 §2).
fn beside_records(answer: LocalAnswer, question: &Question, settings: &PolicySettings) -> LocalAnswer {
    if settings.local.has_below(&question.name) { existing(answer) } else { answer }
}

/// The same about a name that exists.
fn existing(answer: LocalAnswer) -> LocalAnswer {
    match answer.rcode {
        ResponseCode::NXDomain => LocalAnswer { rcode: ResponseCode::NoError, ..answer },
        _ => answer,
    }
}

/// Types that no record in a zone can have (RFC 6895 §3.1), ANY excepted.
fn meta_type(qtype: RecordType) -> Option<LocalAnswer> {
    let code = u16::from(qtype);
    let answer = |rcode, code, why: String| Some(LocalAnswer::error(rcode, Ede::new(code, why)));
    match code {
        // RFC 9824 §3.5: NXNAME (128) stands in denials and is never asked for. The others are pseudo records.
        0 | 41 | 128..=250 => {
            answer(ResponseCode::FormErr, ede::INVALID_QUERY_TYPE, format!("type {code} cannot be asked for"))
        }
        251 | 252 => {
            let why = "a resolver has no zones that could be transferred";
            Some(LocalAnswer::refused(Ede::new(ede::NOT_SUPPORTED, why)))
        }
        // RFC 1035 §3.2.3: mailbox records are gone, and with them the types that ask for all of them.
        253 | 254 => answer(ResponseCode::NotImp, ede::NOT_SUPPORTED, format!("type {code} is obsolete")),
        _ => None,
    }
}

/// RFC 8482 §4.2: one HINFO record in place of all there is, which nobody can misuse to multiply traffic.
fn minimal_any(question: &Question) -> LocalAnswer {
    const TTL_SECS: u32 = 3600;
    let hinfo = RrSet::new(question.name.clone(), RecordType::HINFO, TTL_SECS, [&b"\x07RFC8482\x00"[..]]);
    LocalAnswer::records(vec![hinfo], Ede::new(ede::SYNTHESIZED, "ANY has a minimal answer (RFC 8482); ask for a type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn settings() -> PolicySettings {
        PolicySettings {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            locally_served_zones: true,
            any: false,
            local: Arc::default(),
            blocked: ["ads.example", "tracker.example.net"].map(|name| name.parse().unwrap()).into(),
            routed_zones: vec![Name::root(), "home.arpa".parse().unwrap()],
            translator: None,
            designated: None,
            identity: Some("lab".into()),
            version: None,
        }
    }

    /// As above, with these records of the operator.
    fn with_records(lines: &[&str]) -> PolicySettings {
        let records: Vec<_> = lines.iter().map(|line| crate::wire::text::parse_record(line).unwrap()).collect();
        PolicySettings { local: Arc::new(LocalData::new(&records, &[])), ..settings() }
    }

    fn designated() -> Designated {
        Designated::new("dns.example".parse().unwrap(), [(Door::Tls, "192.0.2.53".parse().unwrap(), 853)])
    }

    pub(super) fn ask(name: &str, qtype: RecordType, class: DNSClass) -> Option<LocalAnswer> {
        let question = Question { name: name.parse().unwrap(), qtype, class };
        judge(&question, "127.0.0.1".parse().unwrap(), &settings())
    }

    fn ask_by(own: &PolicySettings, name: &str, qtype: RecordType) -> Option<LocalAnswer> {
        judge(&Question::new(name.parse().unwrap(), qtype), "127.0.0.1".parse().unwrap(), own)
    }

    #[track_caller]
    fn answer_by(own: &PolicySettings, name: &str, qtype: RecordType) -> LocalAnswer {
        ask_by(own, name, qtype).unwrap()
    }

    /// Also where no name is special; but whoever names servers for the zone means those.
    #[test]
    fn clients_are_told_of_encrypted_doors() {
        let told = |own: PolicySettings| {
            ask_by(&own, "_dns.resolver.arpa", RecordType::SVCB).map(|answer| (answer.rcode, answer.answer.len()))
        };
        let (yes, no) = (Some((ResponseCode::NoError, 1)), Some((ResponseCode::NoError, 0)));
        let open = PolicySettings { designated: Some(designated()), ..settings() };
        assert_eq!(told(open.clone()), yes);
        let none_special = PolicySettings { locally_served_zones: false, ..open.clone() };
        assert_eq!(told(none_special.clone()), yes);
        // RFC 9462 §6.4: what else is asked of the zone, or by whom no door is open to, is asked nowhere else either.
        for (name, qtype) in [("_dns.resolver.arpa", RecordType::A), ("resolver.arpa", RecordType::NS)] {
            answer_by(&none_special, name, qtype);
        }
        assert_eq!(ask_by(&none_special, "xresolver.arpa", RecordType::A), None);
        assert_eq!(told(PolicySettings { routed_zones: vec!["resolver.arpa".parse().unwrap()], ..open }), None);
        assert_eq!(told(settings()), no);
    }

    #[test]
    fn strangers_are_refused_before_anything_else() {
        for stranger in ["192.0.2.1", "::1", "::ffff:192.0.2.1", "2001:db9::1"] {
            let question = Question::new("localhost".parse().unwrap(), RecordType::A);
            let LocalAnswer { rcode, edes, .. } = judge(&question, stranger.parse().unwrap(), &settings()).unwrap();
            assert_eq!((rcode, edes[0].code), (ResponseCode::Refused, ede::PROHIBITED), "{stranger}");
        }
        for friend in ["127.255.0.1", "::ffff:127.0.0.1", "2001:db8:ffff::1"] {
            assert!(admits(friend.parse().unwrap(), &settings()), "{friend}");
        }
    }

    #[test]
    fn a_special_zone_with_servers_of_its_own_is_looked_up() {
        assert_eq!(ask("nas.home.arpa", RecordType::A, DNSClass::IN), None);
        assert!(ask("printer.local", RecordType::A, DNSClass::IN).is_some());
    }

    /// Whoever wants no name to be special has none, but for those about this server where it tells of its doors.
    #[test]
    fn names_are_special_where_the_settings_say_so() {
        let names = ["localhost", "x.test", "1.10.in-addr.arpa", "ipv4only.arpa", "resolver.arpa", "a.resolver.arpa"];
        for (locally_served_zones, tells) in [(false, false), (false, true), (true, false), (true, true)] {
            let own = PolicySettings { locally_served_zones, designated: tells.then(designated), ..settings() };
            for name in names {
                let is_answered = ask_by(&own, name, RecordType::A).is_some();
                let is_ours = tells && name.ends_with("resolver.arpa");
                assert_eq!(is_answered, locally_served_zones || is_ours, "{name}: {own:?}");
            }
        }
    }

    /// RFC 8914 §4.16: "The server is unable to respond to the request because the domain is on a blocklist due to an
    /// internal security policy imposed by the operator of the server resolving or forwarding the query."
    #[test]
    fn what_is_blocked_does_not_exist_nor_does_anything_below_it() {
        for name in ["ads.example", "Www.ADS.example", "a.b.tracker.example.net"] {
            let answer = answer_by(&settings(), name, RecordType::A);
            assert_eq!((answer.rcode, answer.edes[0].code), (ResponseCode::NXDomain, ede::BLOCKED), "{name}");
            assert!(name.parse::<Name>().unwrap().is_within(&answer.authority[0].owner));
        }
        for name in ["example", "example.net", "bads.example", "ads.example.net"] {
            assert_eq!(ask(name, RecordType::A, DNSClass::IN), None, "{name}");
        }
        let own = with_records(&["good.ads.example A 192.0.2.1"]);
        assert_eq!(answer_by(&own, "good.ads.example", RecordType::A).answer.len(), 1);
    }

    #[test]
    fn what_is_denied_here_is_not_above_a_record_of_the_operator() {
        let lines = ["good.ads.example A 192.0.2.1", "a.b.test A 192.0.2.1", "4.3.2.10.in-addr.arpa PTR four.lan"];
        let own = with_records(&lines);
        let rcode = |name| {
            let answer = answer_by(&own, name, RecordType::TXT);
            (answer.rcode, answer.authority.len())
        };
        for name in ["ads.example", "b.test", "test", "3.2.10.in-addr.arpa", "2.10.in-addr.arpa"] {
            assert_eq!(rcode(name), (ResponseCode::NoError, 1), "{name}");
        }
        for name in ["bad.ads.example", "x.good.ads.example", "c.test", "b.b.test", "4.2.10.in-addr.arpa"] {
            assert_eq!(rcode(name), (ResponseCode::NXDomain, 1), "{name}");
        }
    }

    /// Where the alias leads is looked up, and nobody but the operator says what is at the name itself.
    #[test]
    fn an_alias_of_the_operator_that_leads_out_is_not_denied() {
        let names = ["www.lan", "good.ads.example", "printer.local", "a.b.test", "5.0.0.127.in-addr.arpa"];
        for name in names {
            let own = with_records(&[&format!("{name} CNAME www.example.com")]);
            assert_eq!(ask_by(&own, name, RecordType::A), None, "{name}");
        }
    }

    /// The Internet is asked about special names no more because the operator has an alias that leads to one.
    #[test]
    fn where_an_alias_of_the_operator_leads_is_judged_as_well() {
        for end in ["nobody.test", "b.10.in-addr.arpa", "ads.example", "localhost"] {
            let own = with_records(&[&format!("www.lan CNAME {end}")]);
            let [mut told, asked] = ["www.lan", end].map(|name| answer_by(&own, name, RecordType::A));
            assert_eq!(told.answer.remove(0).rtype, RecordType::CNAME, "{end}");
            assert_eq!(told, asked, "{end}");
        }
    }

    /// RFC 6147 §5.3.1: whatever block the prefix lies in, and as the IPv4 address inside is answered by itself.
    #[test]
    fn the_name_of_a_made_address_is_that_of_the_address_inside() {
        let lines = [
            "9.1.168.192.in-addr.arpa 60 PTR nas.lan",
            "1.2.0.192.in-addr.arpa CNAME 1.lan",
            "1.lan 50 PTR one.lan",
            "7.2.0.192.in-addr.arpa CNAME www.example.com",
        ];
        let records = lines.map(|line| crate::wire::text::parse_record(line).unwrap());
        let local = Arc::new(LocalData::new(&records, &[]));
        for (prefix, zone) in [
            ("fd64::/96", format!("{}4.6.d.f.ip6.arpa.", "0.".repeat(20))),
            ("fd64:0:0:100::/56", "1.0.0.0.0.0.0.0.0.0.4.6.d.f.ip6.arpa.".to_owned()),
            ("2001:4444::/96", format!("{}4.4.4.4.1.0.0.2.ip6.arpa.", "0.".repeat(16))),
        ] {
            let net: Ipv6Net = prefix.parse().unwrap();
            let own = PolicySettings { translator: Some(net), local: Arc::clone(&local), ..settings() };
            let judged = |question: &Question| judge(question, "127.0.0.1".parse().unwrap(), &own);
            let name = |v4: &str| {
                let made = translator::embed(net, v4.parse().unwrap()).unwrap();
                Name::reverse(made.into())
            };
            let told = |v4: &str| judged(&Question::new(name(v4), RecordType::PTR)).unwrap();
            for (v4, target, ttl_secs) in
                [("192.168.1.9", "nas.lan.", 60), ("127.0.0.1", "localhost.", 10_800), ("192.0.2.1", "one.lan.", 50)]
            {
                let answer = told(v4);
                let [ptr] = &answer.answer[..] else { panic!("{prefix} {v4}: {answer:?}") };
                let points_to = ptr.targets().next().unwrap().to_string();
                assert_eq!((&ptr.owner, &*points_to, ptr.ttl_secs), (&name(v4), target, ttl_secs), "{prefix}");
                assert!(answer.authority.is_empty() && answer.edes.iter().any(|ede| ede.text.contains("DNS64")));
            }
            for v4 in ["10.0.0.1", "192.168.1.8"] {
                let answer = told(v4);
                let [soa] = &answer.authority[..] else { panic!("{prefix} {v4}: {answer:?}") };
                assert_eq!((answer.rcode, soa.owner.to_string()), (ResponseCode::NXDomain, zone.clone()), "{v4}");
            }
            for v4 in ["198.18.0.1", "192.0.2.7"] {
                assert_eq!(judged(&Question::new(name(v4), RecordType::PTR)), None, "{prefix} {v4}");
            }
            // Nobody says here that the names, or those above, do not exist, whatever else is asked of them.
            for count in 4..=34 {
                let asked = Question::new(name("198.18.0.1").suffix(count), RecordType::TXT);
                match judged(&asked) {
                    Some(answer) => assert_eq!(answer.rcode, ResponseCode::NoError, "{asked}"),
                    None => assert!(!prefix.starts_with("fd"), "{asked}"),
                }
            }
            let blocked = [zone.parse().unwrap()].into();
            let own = PolicySettings { blocked, ..own.clone() };
            let question = Question::new(name("192.168.1.9"), RecordType::PTR);
            let denied = judge(&question, "127.0.0.1".parse().unwrap(), &own).unwrap();
            assert_eq!(denied.edes[0].code, ede::BLOCKED, "{prefix}");
        }
    }

    #[test]
    fn any_gets_one_hinfo() {
        let answer = answer_by(&settings(), "www.Example.com", RecordType::ANY);
        assert_eq!(answer.rcode, ResponseCode::NoError);
        assert_eq!(answer.answer[0].owner.to_string(), "www.Example.com.");
        assert_eq!(answer.answer[0].rdatas.iter().next(), Some(&b"\x07RFC8482\0"[..]));
        let full = PolicySettings { any: true, ..settings() };
        assert_eq!(ask_by(&full, "www.example.com", RecordType::ANY), None);
    }

    #[test]
    fn each_type_is_looked_up_or_turned_down_for_a_reason() {
        let mut looked_up = 0;
        for code in (0..=300).chain([65_280, u16::MAX]) {
            let Some(answer) = ask("www.example.com", RecordType::from(code), DNSClass::IN) else {
                looked_up += 1;
                continue;
            };
            let (rcode, why) = match code {
                251 | 252 => (ResponseCode::Refused, ede::NOT_SUPPORTED),
                253 | 254 => (ResponseCode::NotImp, ede::NOT_SUPPORTED),
                255 => (ResponseCode::NoError, ede::SYNTHESIZED),
                _ => (ResponseCode::FormErr, ede::INVALID_QUERY_TYPE),
            };
            assert_eq!((answer.rcode, answer.edes[0].code), (rcode, why), "type {code}");
        }
        assert_eq!(looked_up, 303 - 2 - 128);
    }

    #[test]
    fn other_classes_are_refused_with_their_number() {
        for class in [DNSClass::HS, DNSClass::NONE, DNSClass::ANY, DNSClass::from(77)] {
            let why = &ask("example.com", RecordType::A, class).unwrap().edes[0];
            assert!(why.text.contains(&u16::from(class).to_string()), "{why:?}");
        }
    }
}
