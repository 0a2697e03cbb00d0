//! From a host to a connection: A, AAAA and, where they count, HTTPS records are asked at once (RFC 8305, RFC 9460);
//! `race` tries what they name.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Origins;
use super::race::Race;
use super::way::{Answer, Connected, Guide, Services, Way};
use crate::http::fault::Fault;
use crate::http::problem::Problem;
use crate::journey::{Attempt, AttemptEnd, Endpoint, plan};
use crate::wire::text::rcode_name;
use crate::wire::{Ede, Name, Question, Record, RecordType, ResponseCode};

/// How long the first addresses wait for better ones: IPv4 for IPv6 (RFC 8305 §3), both for HTTPS records.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// How long http waits to learn whether the host wants https. More than above, as it is about more than speed; not
/// for ever, as some servers never answer what they do not know.
const UPGRADE_DELAY: Duration = Duration::from_millis(500);
/// Aliases of HTTPS records that are followed one after the other (RFC 9460 §2.4.2 wants a limit).
const MOST_ALIASES: usize = 8;

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Host {
    /// An address.
    Address(IpAddr),
    /// A name that has addresses.
    Name(Name),
}

/// Why there is no connection.
#[derive(Debug)]
pub(in crate::http) enum Unconnected {
    /// The name has no addresses, or nobody can say which.
    Dns { rcode: ResponseCode, ede: Option<Ede> },
    /// The resolver could not be asked.
    Resolver(Problem),
    /// The addresses are not those of the Internet.
    Prohibited(String),
    /// Every address was tried.
    Refused(Vec<Attempt>),
    /// The time was up.
    Late(Vec<Attempt>),
    /// The host wants https.
    Upgrade,
}

impl Unconnected {
    /// What kind of fault it is, and the sentence.
    pub(in crate::http) fn told(&self, host: &str) -> (Fault, String) {
        let tried = |attempts: &[Attempt]| attempts.iter().map(Attempt::told).collect::<Vec<_>>().join("; ");
        match self {
            Self::Resolver(problem) => (Fault::Unasked, problem.sentence.clone().into_owned()),
            Self::Dns { rcode, ede } => {
                let fault = Fault::Dns { rcode: *rcode, info_code: ede.as_ref().map(|ede| ede.code) };
                (fault, format!("{host} cannot be reached: {}", dns_sentence(*rcode, ede.as_ref())))
            }
            Self::Prohibited(why) => (Fault::Prohibited, format!("{host} is not connected to: {why}")),
            Self::Refused(attempts) => (Fault::Refused, format!("no address of {host} answers: {}", tried(attempts))),
            Self::Late(attempts) if attempts.is_empty() => {
                (Fault::Unfound, format!("{host} could not be looked up in time"))
            }
            Self::Late(attempts) => {
                (Fault::Silent, format!("{host} could not be connected to in time: {}", tried(attempts)))
            }
            Self::Upgrade => (Fault::Denied, format!("{host} wants https, as its HTTPS record says")),
        }
    }
}

impl Origins {
    /// Looks the host up and connects to the first address that answers.
    pub(in crate::http) async fn connect<G: Guide>(
        &self,
        guide: &G,
        host: &Host,
        way: Way<'_>,
    ) -> Result<Connected, Unconnected> {
        let mut race = Race::new(self, guide, way);
        let mut looking = match host {
            Host::Address(address) => {
                race.only(*address);
                Looking { guide, way, open: Vec::new(), aliases: Vec::new(), failed: [None, None], first_at: None }
            }
            Host::Name(name) => {
                race.prepend(vec![Endpoint::host(name, way.name.1)]);
                Looking::at(name, guide, way)
            }
        };
        loop {
            let (candidates, deadline) = (race.candidates(), race.deadline);
            let more = !candidates.is_empty();
            let may_start = more && looking.is_ready(candidates.iter().any(|candidate| candidate.address.is_ipv6()));
            if looking.open.is_empty() && !more && !race.is_running() {
                return Err(why(race, looking.failed));
            }
            // A timer that is due already would still take a millisecond.
            if may_start && race.next_at() <= Instant::now() {
                match race.start(candidates) {
                    Some(won) => return Ok(won),
                    None => continue,
                }
            }
            let next_at = if may_start { race.next_at() } else { looking.ready_at() };
            tokio::select! {
                (want, answer) = next(&mut looking.open), if !looking.open.is_empty() => {
                    if looking.take(want, answer, &mut race) {
                        return Err(Unconnected::Upgrade);
                    }
                }
                won = race.step(), if race.is_running() => {
                    if let Some(won) = won {
                        return Ok(won);
                    }
                }
                () = sleep_until(next_at), if more => {}
                () = sleep_until(deadline) => {
                    race.end(&AttemptEnd::Silent);
                    return Err(Unconnected::Late(race.attempts));
                }
            }
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Want {
    /// The addresses of a name, of one family.
    Addresses(Name, RecordType),
    /// The HTTPS records at a name.
    Services(Name),
}

type Open<'a> = Pin<Box<dyn Future<Output = (Want, Result<Answer, Problem>)> + 'a>>;

/// The questions that are under way.
struct Looking<'a, G> {
    guide: &'a G,
    way: Way<'a>,
    open: Vec<Open<'a>>,
    /// Names whose addresses were asked for, the host first.
    aliases: Vec<Name>,
    /// Why the host itself has no addresses, for AAAA and A.
    failed: [Option<Unconnected>; 2],
    /// When the first address was there.
    first_at: Option<Instant>,
}

impl<'a, G: Guide> Looking<'a, G> {
    fn at(name: &Name, guide: &'a G, way: Way<'a>) -> Self {
        let (open, aliases) = (Vec::new(), Vec::new());
        let mut looking = Self { guide, way, open, aliases, failed: [None, None], first_at: None };
        let port = way.name.1;
        match way.services {
            Services::Ignored => {}
            // RFC 9460 §9.1: other ports than the usual one have a name of their own.
            Services::Followed(_) if port != 443 => {
                let named = name.prepend(b"_https").and_then(|name| name.prepend(format!("_{port}").as_bytes()));
                named.into_iter().for_each(|name| looking.ask(Want::Services(name)));
            }
            Services::Followed(_) | Services::Upgrade(_) => looking.ask(Want::Services(name.clone())),
        }
        looking.ask_addresses(name);
        looking
    }

    fn ask_addresses(&mut self, name: &Name) {
        if !self.aliases.contains(name) {
            self.aliases.push(name.clone());
            self.ask(Want::Addresses(name.clone(), RecordType::AAAA));
            self.ask(Want::Addresses(name.clone(), RecordType::A));
        }
    }

    fn ask(&mut self, want: Want) {
        let question = match &want {
            Want::Addresses(name, rtype) => Question::new(name.clone(), *rtype),
            Want::Services(name) => Question::new(name.clone(), RecordType::HTTPS),
        };
        let guide = self.guide;
        self.open.push(Box::pin(async move { (want, guide.find(question).await) }));
    }

    /// When the race may begin with what there is.
    fn ready_at(&self) -> Instant {
        let wait = if matches!(self.way.services, Services::Upgrade(_)) { UPGRADE_DELAY } else { RESOLUTION_DELAY };
        self.first_at.map_or_else(Instant::now, |first| first + wait)
    }

    /// Whether there is nothing better to wait for.
    fn is_ready(&mut self, v6_waits: bool) -> bool {
        self.first_at.get_or_insert_with(Instant::now);
        // RFC 8305 §3: IPv6 waits for nobody, unless HTTPS records may still say otherwise.
        let alone = matches!(self.way.services, Services::Ignored) && v6_waits;
        self.open.is_empty() || alone || self.ready_at() <= Instant::now()
    }

    /// Takes an answer over; whether it says that the host wants https.
    fn take(&mut self, want: Want, answer: Result<Answer, Problem>, race: &mut Race<'_, G>) -> bool {
        match want {
            Want::Addresses(name, rtype) => {
                let found = answer.as_ref().map(Answer::addresses).unwrap_or_default();
                if found.is_empty() && self.aliases.first() == Some(&name) {
                    self.failed[usize::from(rtype == RecordType::A)] = Some(match answer {
                        Ok(Answer { rcode, ede, .. }) => Unconnected::Dns { rcode, ede },
                        Err(problem) => Unconnected::Resolver(problem),
                    });
                }
                race.offer(&name, rtype, found);
                false
            }
            Want::Services(_) => {
                let records = answer.map(|answer| answer.records).unwrap_or_default();
                self.follow(&records, race)
            }
        }
    }

    fn follow(&mut self, records: &[Record], race: &mut Race<'_, G>) -> bool {
        let (spoken, port, upgrade) = match self.way.services {
            Services::Ignored => return false,
            Services::Followed(spoken) => (spoken, self.way.name.1, false),
            Services::Upgrade(spoken) => (spoken, 443, true),
        };
        let mut plan = plan(records, port, &spoken, rand::random());
        let known = plan.alias.as_ref().filter(|alias| self.aliases.contains(alias));
        if let Some(alias) = known {
            plan.unused.push(format!("the alias leads back to {alias}"));
            plan.alias = None;
        } else if plan.alias.is_some() && self.aliases.len() > MOST_ALIASES {
            plan.unused.push(format!("more than {MOST_ALIASES} aliases"));
            plan.alias = None;
        }
        self.guide.planned(&plan);
        if upgrade {
            return plan.is_usable();
        }
        if let Some(alias) = plan.alias {
            self.ask(Want::Services(alias.clone()));
            self.ask_addresses(&alias);
            race.prepend(vec![Endpoint::host(&alias, port)]);
        }
        plan.endpoints.iter().for_each(|endpoint| self.ask_addresses(&endpoint.target));
        race.prepend(plan.endpoints);
        false
    }
}

/// The first of the questions that is answered; it is taken out of the list.
async fn next(open: &mut Vec<Open<'_>>) -> (Want, Result<Answer, Problem>) {
    poll_fn(|context| {
        for at in 0..open.len() {
            if let Poll::Ready(answered) = open[at].as_mut().poll(context) {
                // In order, so that what was asked first is heard first where all are known.
                drop(open.remove(at));
                return Poll::Ready(answered);
            }
        }
        Poll::Pending
    })
    .await
}

/// Why there is no connection: what was tried counts more than what was not found.
fn why<G: Guide>(race: Race<'_, G>, failed: [Option<Unconnected>; 2]) -> Unconnected {
    let prohibited = race.attempts.iter().find_map(|attempt| match &attempt.end {
        Some(AttemptEnd::Prohibited { .. }) => Some(attempt.told()),
        _ => None,
    });
    let is_tried = |attempt: &Attempt| !matches!(attempt.end, Some(AttemptEnd::Prohibited { .. }));
    match prohibited {
        _ if race.attempts.iter().any(is_tried) => return Unconnected::Refused(race.attempts),
        Some(why) => return Unconnected::Prohibited(why),
        None => {}
    }
    let [v6, v4] = failed;
    // A failure says more than that there is no such record, and so does a sentence about one that was withheld.
    let nothing = |why: &Unconnected| matches!(why, Unconnected::Dns { rcode: ResponseCode::NoError, ede: None });
    let unknown = Unconnected::Dns { rcode: ResponseCode::ServFail, ede: None };
    match v4 {
        Some(why) if v6.is_none() || !nothing(&why) => why,
        _ => v6.unwrap_or(unknown),
    }
}

/// The sentence for a failure of DNS.
fn dns_sentence(rcode: ResponseCode, ede: Option<&Ede>) -> String {
    match (rcode, ede) {
        (_, Some(ede)) if !ede.text.is_empty() => format!("{}: {}", rcode_name(rcode), ede.text),
        (ResponseCode::NoError, _) => "the name exists but has no address".to_owned(),
        (ResponseCode::NXDomain, _) => "the name does not exist".to_owned(),
        _ => format!("the name cannot be resolved: {}", rcode_name(rcode)),
    }
}
