//! Which server of a zone is asked next.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::cache::{Cache, Doubt, NameServer, ServerState};
use crate::time::{Time, as_us};
use crate::trace::{Avoided, ChoiceWhy};
use crate::wire::{Name, RecordType};

use super::at_zone::AtZone;
use super::{Dice, WalkSettings};

/// Servers whose round-trip time is within this of the best share the questions (as Unbound does).
const BAND: Duration = Duration::from_millis(400);
/// One in this many choices looks outside the band, to notice servers that have become better.
const EXPLORE_ONE_IN: u32 = 20;

/// The addresses of one server: few have more.
pub(super) type Addresses = SmallVec<[IpAddr; 4]>;

/// A server that may be asked.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    /// Its name, where it is known.
    pub(super) name: Option<&'a Name>,
    /// Its address.
    pub(super) addr: IpAddr,
    /// What is known of it.
    pub(super) state: ServerState,
    /// How often in a row it was silent, or would be.
    pub(super) silences: u8,
    /// How often it was tried for this question.
    pub(super) tries: u32,
    /// Whether it was silent so often that others come first.
    pub(super) rests: bool,
    /// How likely it is that nothing will come from it.
    pub(super) doubt: Doubt,
    /// Since when nothing has come from it for the zone, if whole questions came to nothing.
    pub(super) silent_since: Option<Time>,
    /// Whether it did not know the zone a while ago.
    pub(super) lame: bool,
}

impl Candidate<'_> {
    /// What the round trip will probably cost. A server that was silent counts as slow.
    fn cost(&self) -> Duration {
        let known = self.state.srtt.unwrap_or_default();
        match self.silences {
            0 => known,
            n => known.max(BAND) + BAND * u32::from(n.min(8)),
        }
    }
}

/// Picks one of `candidates`: those tried least, among them at random inside the band of the best, the
/// faster ones more often. Those that rest are asked when nobody else is left.
pub(super) fn choose(candidates: &[Candidate<'_>], dice: &mut Dice) -> Option<(usize, ChoiceWhy)> {
    let all_rest = candidates.iter().all(|candidate| candidate.rests);
    let awake = || candidates.iter().enumerate().filter(move |(_, candidate)| all_rest || !candidate.rests);
    let least = awake().map(|(_, candidate)| candidate.tries).min()?;
    let fresh = || awake().filter(move |(_, candidate)| candidate.tries == least);
    let count = fresh().count();
    if all_rest {
        let (at, candidate) = fresh().nth(dice.below(count))?;
        return Some((at, ChoiceWhy::Resting { silences: candidate.state.silences }));
    }
    if count == 1 {
        let (only, candidate) = fresh().next()?;
        let is_alone = candidates.len() == 1 && least == 0;
        return Some((only, if is_alone { ChoiceWhy::Only } else { why_in_band(candidate, 1) }));
    }
    let best = fresh().map(|(_, candidate)| candidate.cost()).min()?;
    let band = || fresh().filter(move |(_, candidate)| candidate.cost() <= best + BAND);
    let in_band = band().count();
    if in_band < count && dice.one_in(EXPLORE_ONE_IN) {
        let mut rest = fresh().filter(|(_, candidate)| candidate.cost() > best + BAND);
        return rest.nth(dice.below(count - in_band)).map(|(at, _)| (at, ChoiceWhy::Explored));
    }
    // A weight of 1/(cost + 10 ms): fast servers get most questions, slow ones stay measured.
    let mut left = dice.below(band().map(|(_, candidate)| weight(candidate.cost())).sum());
    for (at, candidate) in band() {
        let weight = weight(candidate.cost());
        if left < weight {
            return Some((at, why_in_band(candidate, in_band)));
        }
        left -= weight;
    }
    None
}

fn weight(cost: Duration) -> usize {
    let millis = usize::try_from(cost.as_millis()).unwrap_or(usize::MAX).min(100_000);
    1_000_000 / (millis + 10)
}

fn why_in_band(candidate: &Candidate<'_>, band: usize) -> ChoiceWhy {
    match (candidate.tries, candidate.state.srtt) {
        (0, Some(srtt)) => ChoiceWhy::InBand { srtt_us: as_us(srtt), band },
        (0, None) => ChoiceWhy::Unknown { band },
        (tries, _) => ChoiceWhy::Again { tries },
    }
}

/// All addresses of one server of a zone, gathered in `room` if need be: its glue, or what is known of its name, or
/// what referrals to other zones agree on; when none of them answers, what the zone of its name was delegated with.
pub(super) fn addresses<'a>(
    server: &'a NameServer,
    at: &AtZone,
    tries: u32,
    (cache, now): (&Cache, Time),
    room: &'a mut Addresses,
) -> &'a [IpAddr] {
    if at.found.is_empty() && server.addrs.iter().any(|addr| !at.is_spent(*addr, tries)) {
        return &server.addrs;
    }
    let addrs = room;
    addrs.extend_from_slice(&server.addrs);
    if addrs.is_empty() {
        addrs.extend(known_addresses(&server.name, cache, now));
    }
    addrs.extend(at.found.iter().filter(|(name, _)| *name == server.name).map(|(_, addr)| *addr));
    if addrs.iter().all(|addr| at.is_spent(*addr, tries)) {
        addrs.extend(glue_of_its_own_zone(cache, &server.name, now));
    }
    addrs
}

/// The addresses that a server came with, or else what is known of it.
pub(super) fn given_addresses(server: &NameServer, cache: &Cache, now: Time) -> Addresses {
    if server.addrs.is_empty() {
        return known_addresses(&server.name, cache, now);
    }
    Addresses::from_slice(&server.addrs)
}

/// What is known of a server that came without glue: its own records, or what referrals to other zones agree on.
pub(super) fn known_addresses(server: &Name, cache: &Cache, now: Time) -> Addresses {
    let about = cache.about(server);
    let mut addrs = Addresses::new();
    for known in [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| about.set(rtype, now)) {
        addrs.extend(known.set.addresses());
    }
    if addrs.is_empty() {
        addrs.extend(cache.glue(server, now));
    }
    addrs
}

/// The addresses that a server's own zone, or one above it, was delegated with: as good as glue, and better than
/// none when the zone itself names an address that does not work.
fn glue_of_its_own_zone(cache: &Cache, server: &Name, now: Time) -> Addresses {
    /// Cuts above a name that are worth a look.
    const CUTS: usize = 4;
    let mut place = Some(server.clone());
    for _ in 0..CUTS {
        let Some(cut) = place.and_then(|place| cache.deepest(&place, now)) else { break };
        let glue = cut.servers.iter().find(|known| known.name == *server && !known.addrs.is_empty());
        if let Some(glue) = glue {
            return Addresses::from_slice(&glue.addrs);
        }
        place = cut.zone.parent();
    }
    Addresses::new()
}

impl WalkSettings {
    /// Whether servers are asked over the IP version of `addr`.
    pub(super) fn uses(&self, addr: IpAddr) -> bool {
        if addr.is_ipv4() { self.ipv4 } else { self.ipv6 }
    }

    /// Why a server of `zone`, which the operator may have `configured`, is not asked at `addr`. The operator's own
    /// zones may have private addresses all the way down.
    pub(super) fn avoids(&self, addr: IpAddr, zone: &Name, configured: bool) -> Option<Avoided> {
        let inside = |why: &Avoided| *why == Avoided::Private && self.routes.cover(zone);
        self.avoid.why(addr, configured).filter(|why| !inside(why))
    }
}

/// Which addresses are not asked, whoever names them as a server's.
#[derive(Clone, Debug, Default)]
pub struct Avoid {
    /// Loopback addresses: only a lab has servers there.
    pub loopback: bool,
    /// Addresses of private and link-local networks, which a name on the Internet has no business with.
    pub private: bool,
    /// Networks that the operator lists.
    pub nets: Vec<IpNet>,
}

impl Avoid {
    /// Why `addr` is not asked; `None` when it may be. Glue may name any address (CVE-2026-50251). What the operator
    /// `configured` as a server may be anywhere but where no server can be.
    #[must_use]
    pub fn why(&self, addr: IpAddr, configured: bool) -> Option<Avoided> {
        let addr = addr.to_canonical();
        let (nowhere, private) = match addr {
            IpAddr::V4(v4) => {
                let [first, second, ..] = v4.octets();
                let shared = first == 100 && second & 0xc0 == 64;
                let nowhere = first == 0 || v4.is_multicast() || first >= 240;
                (nowhere, v4.is_private() || v4.is_link_local() || shared)
            }
            IpAddr::V6(v6) => {
                let nowhere = v6.is_unspecified() || v6.is_multicast();
                (nowhere, v6.is_unique_local() || v6.is_unicast_link_local())
            }
        };
        match () {
            () if nowhere => Some(Avoided::Nowhere),
            () if configured => None,
            () if self.loopback && addr.is_loopback() => Some(Avoided::Loopback),
            () if self.private && private => Some(Avoided::Private),
            () => self.nets.iter().find(|net| net.contains(&addr)).map(|net| Avoided::Listed { net: *net }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Delegation, Rank, TtlLimits};
    use crate::trace::Source;
    use crate::wire::{RrSet, name};

    fn candidate(last: u8, srtt_ms: Option<u64>, silences: u8, tries: u32) -> Candidate<'static> {
        let state = ServerState { srtt: srtt_ms.map(Duration::from_millis), ..ServerState::default() };
        Candidate {
            name: None,
            addr: IpAddr::from([192, 0, 2, last]),
            state,
            silences,
            tries,
            rests: false,
            doubt: Doubt::None,
            silent_since: None,
            lame: false,
        }
    }

    fn shares(candidates: &[Candidate<'_>]) -> Vec<usize> {
        let mut dice = Dice::seeded(7);
        let mut shares = vec![0; candidates.len()];
        for _ in 0..10_000 {
            shares[choose(candidates, &mut dice).expect("a choice").0] += 1;
        }
        shares
    }

    #[test]
    fn the_fast_are_asked_most_and_the_slow_now_and_then() {
        let shares =
            shares(&[candidate(1, Some(10), 0, 0), candidate(2, Some(100), 0, 0), candidate(3, Some(900), 0, 0)]);
        assert!(shares[0] > 7_000 && shares[1] > 800, "{shares:?}");
        assert!((300..700).contains(&shares[2]), "5 % explore: {shares:?}");
    }

    #[test]
    fn the_silent_and_the_tried_wait() {
        assert!(shares(&[candidate(1, Some(10), 2, 0), candidate(2, Some(100), 0, 0)])[0] < 700);
        assert_eq!(shares(&[candidate(1, Some(10), 0, 1), candidate(2, Some(2000), 3, 0)])[0], 0);
    }

    #[test]
    fn who_is_asked_once_more_is_said_to_be() {
        let why = |candidates: &[Candidate<'_>]| choose(candidates, &mut Dice::seeded(7)).expect("a choice").1;
        assert_eq!(why(&[candidate(1, Some(10), 0, 0)]), ChoiceWhy::Only);
        assert_eq!(why(&[candidate(1, None, 0, 0), candidate(2, None, 1, 1)]), ChoiceWhy::Unknown { band: 1 });
        for tries in [1, 2] {
            assert_eq!(why(&[candidate(1, Some(10), 1, tries)]), ChoiceWhy::Again { tries });
            assert_eq!(why(&[candidate(1, Some(10), 1, tries), candidate(2, None, 1, 3)]), ChoiceWhy::Again { tries });
            assert_eq!(why(&[candidate(1, None, 1, tries), candidate(2, None, 1, tries)]), ChoiceWhy::Again { tries });
        }
    }

    #[test]
    fn those_that_rest_are_asked_when_nobody_else_is_left() {
        let rests = |last| Candidate { rests: true, ..candidate(last, Some(10), 3, 0) };
        assert_eq!(shares(&[rests(1), candidate(2, Some(2000), 2, 2), rests(3)]), [0, 10_000, 0]);
        let shares = shares(&[rests(1), rests(2)]);
        assert!(shares.iter().all(|share| *share > 4_000), "{shares:?}");
    }

    #[test]
    fn special_addresses_are_never_asked() {
        let addr = |text: &str| text.parse::<IpAddr>().expect("an address");
        let strict = Avoid { loopback: true, private: true, nets: vec!["198.51.100.0/24".parse().expect("a net")] };
        for bad in
            "0.0.0.0 0.1.2.3 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ff02::1 ::ffff:0.0.0.0".split(' ')
        {
            assert_eq!(Avoid::default().why(addr(bad), true), Some(Avoided::Nowhere), "{bad}");
        }
        let rows = [
            (Avoided::Loopback, &["127.0.0.1", "127.53.0.1", "::1", "::ffff:127.0.0.1"][..]),
            (Avoided::Private, &["10.0.0.1", "172.16.0.1", "192.168.255.255", "169.254.1.1", "100.64.0.1"]),
            (Avoided::Private, &["fd00::1", "fe80::1", "::ffff:10.1.2.3"]),
            (Avoided::Listed { net: strict.nets[0] }, &["198.51.100.7"]),
        ];
        for (why, members) in rows {
            for member in members {
                assert_eq!(strict.why(addr(member), false), Some(why), "{member}");
                assert_eq!(strict.why(addr(member), true), None, "{member} as configured");
                assert_eq!(Avoid::default().why(addr(member), false), None, "{member} with all switches lifted");
            }
        }
        for good in ["198.41.0.4", "172.32.0.1", "100.128.0.1", "101.64.0.1", "192.0.2.1", "2001:503:ba3e::2:30"] {
            assert_eq!(strict.why(addr(good), false), None, "{good}");
        }
    }

    const NOW: Time = Time::from_secs(10);

    fn referral(zone: &str, server: &str, last: &[u8]) -> Delegation {
        let addrs = last.iter().map(|last| [192, 0, 2, *last].into()).collect();
        Delegation {
            zone: name(zone),
            servers: vec![NameServer { name: name(server), addrs }].into(),
            ds: None,
            proof: Box::default(),
            from: Source::Local,
            stored: NOW,
            requeried: Time::ZERO,
            expires: Time::from_secs(100),
        }
    }

    /// RFC 2181 §5.4.1: glue ranks below an answer.
    #[test]
    fn what_a_server_says_of_its_name_counts_for_more_than_referrals() {
        let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
        let server = name("ns.hoster.example");
        let known = || known_addresses(&server, &cache, NOW).to_vec();
        for zone in ["one.example", "two.example"] {
            assert!(known().is_empty());
            cache.put_glue(&referral(zone, "ns.hoster.example", &[1]), NOW);
        }
        assert_eq!(known(), [IpAddr::from([192, 0, 2, 1])]);
        let own = RrSet::new(server.clone(), RecordType::A, 60, [&[192, 0, 2, 2][..]]);
        cache.put_set(own, Rank::AuthAnswer, Source::Local, NOW);
        assert_eq!(known(), [IpAddr::from([192, 0, 2, 2])]);
    }

    #[test]
    fn a_server_is_where_the_zones_above_its_name_were_delegated_to() {
        let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
        let at = || glue_of_its_own_zone(&cache, &name("ns.sub.hoster.example"), NOW).to_vec();
        cache.put_delegation(referral("hoster.example", "ns.sub.hoster.example", &[1]), NOW);
        assert_eq!(at(), [IpAddr::from([192, 0, 2, 1])]);
        // One that names the server alone says nothing of where it is.
        cache.put_delegation(referral("sub.hoster.example", "ns.sub.hoster.example", &[]), NOW);
        assert_eq!(at(), [IpAddr::from([192, 0, 2, 1])]);
        cache.put_delegation(referral("sub.hoster.example", "ns.sub.hoster.example", &[2]), NOW);
        assert_eq!(at(), [IpAddr::from([192, 0, 2, 2])], "the nearest has the say");
    }
}
