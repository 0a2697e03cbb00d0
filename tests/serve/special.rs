//! Names that are answered here, for those who are led to them by somebody out there.

use rootwalk::config::{LocalRecord, Settings};
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::text::parse_record;
use rootwalk::wire::{ResponseCode, ede};

use super::mock::{Mock, Mood, Query};
use super::worker::on_a_worker;

fn settings(settings: &mut Settings) {
    settings.server.locally_served_zones = true;
    settings.resolver.qname_minimisation = Minimisation::Off;
    settings.local.records = ["nas.lan A 192.168.1.9", "nas.home.arpa A 192.168.1.9", "ten.lan A 192.0.2.10"]
        .map(|line| LocalRecord(parse_record(line).unwrap()))
        .into();
}

/// RFC 7686 §2, RFC 6761, RFC 6303: no alias has the Internet asked about a special name. And none leads into this
/// network: what has an address here by its own name has none behind an alias from out there.
#[test]
fn an_alias_from_out_there_does_not_lead_here() {
    on_a_worker(async {
        use ResponseCode::{NXDomain, NoError};
        for (target, rcode, here) in [
            ("foo.localhost", NoError, true),
            ("nas.home.arpa", NXDomain, true),
            // Nothing exists below what does not (RFC 8020).
            ("home.arpa", NoError, false),
            ("10.in-addr.arpa", NoError, false),
            ("abc.onion", NXDomain, false),
            ("foo.test", NXDomain, false),
            ("printer.local", NXDomain, false),
            ("1.0.0.10.in-addr.arpa", NXDomain, false),
        ] {
            let mock = Mock::begin(Mood::LeadsTo(target, 900)).await;
            let resolver = mock.resolver(settings);
            for dnssec_ok in [false, true] {
                let got = Query { dnssec_ok, ..Query::of("www.example") }.ask(&resolver).await;
                // The alias and no address.
                assert_eq!((got.rcode, got.addresses.len()), (rcode, 1), "{target}");
                assert_eq!(got.codes(), [ede::SYNTHESIZED], "{target}");
            }
            let direct = Query::of(target).ask(&resolver).await;
            assert_eq!(!direct.addresses.is_empty(), here, "{target}");
            assert_eq!(mock.asked(target), 0, "{target}");
        }
        // Of other names the operator has records for who asks by name; to an alias they are what they are out there.
        for target in ["nas.lan", "ten.lan"] {
            let mock = Mock::begin(Mood::LeadsTo(target, 900)).await;
            let resolver = mock.resolver(settings);
            let got = Query::of("www.example").ask(&resolver).await;
            assert_eq!((got.rcode, got.addresses.len(), mock.asked(target) > 0), (ResponseCode::ServFail, 0, true));
            assert_eq!(Query::of(target).ask(&resolver).await.addresses.len(), 1, "{target}");
        }
    });
}
