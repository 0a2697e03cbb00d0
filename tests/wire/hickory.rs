//! hickory-proto as the judge of what is written and read.

use hickory_proto::op::Message;
use hickory_proto::serialize::binary::BinEncodable as _;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use rootwalk::wire::{Flags, QueryView, Record, Reply, write_query};

use super::strategies::{Parts, edns, mutated, parts, plain_data, question, seeded, write};

/// A record as hickory-proto understood it, in our own terms.
fn theirs(record: &hickory_proto::rr::Record) -> Option<Record> {
    let rdata = record.data.to_bytes().ok()?;
    Some(Record {
        owner: rootwalk::wire::Name::from_wire(&record.name.to_bytes().ok()?).ok()?,
        rtype: record.record_type(),
        class: record.dns_class,
        ttl_secs: record.ttl,
        rdata: rdata.to_ascii_lowercase().into(),
    })
}

fn ours(record: &Record) -> Record {
    Record { rdata: record.rdata.to_ascii_lowercase().into(), ..record.clone() }
}

/// hickory-proto compresses the two names of a SOA even when it encodes the data alone.
fn without_soa(mut parts: Parts) -> Parts {
    let soa = hickory_proto::rr::RecordType::SOA;
    parts.sections.iter_mut().for_each(|records| records.retain(|record| record.rtype != soa));
    parts
}

proptest! {
    #![proptest_config(seeded(256))]

    #[test]
    fn replies_mean_the_same_to_both(parts in parts(plain_data().boxed()).prop_map(without_soa)) {
        let bytes = write(&parts);
        let (reply, message) = (Reply::read(&bytes).expect("readable"), Message::from_vec(&bytes).expect("readable"));
        let metadata = &message.metadata;
        prop_assert_eq!(reply.id, metadata.id);
        prop_assert_eq!(reply.rcode, metadata.response_code);
        let flags = reply.flags;
        prop_assert_eq!(
            [flags.aa(), flags.tc(), flags.rd(), flags.ra(), flags.ad(), flags.cd()],
            [
                metadata.authoritative,
                metadata.truncation,
                metadata.recursion_desired,
                metadata.recursion_available,
                metadata.authentic_data,
                metadata.checking_disabled,
            ]
        );
        for (mine, other) in [
            (&reply.answer, &message.answers),
            (&reply.authority, &message.authorities),
            (&reply.additional, &message.additionals),
        ] {
            let mine: Vec<_> = mine.iter().map(ours).map(Some).collect();
            prop_assert_eq!(mine, other.iter().map(theirs).collect::<Vec<_>>());
        }
    }

    /// What hickory-proto encodes again, with its own compression, is still the same to us. SOA is in here.
    #[test]
    fn their_encoding_is_read(parts in parts(plain_data().boxed())) {
        let message = Message::from_vec(&write(&parts)).expect("readable");
        let reply = Reply::read(&message.to_vec().expect("writable")).expect("readable");
        prop_assert_eq!(&*reply.damage, &[][..]);
        let comparable = |records: Vec<Record>| records.iter().map(ours).collect::<Vec<_>>();
        let read = [reply.answer, reply.authority, reply.additional].map(comparable);
        prop_assert_eq!(read, parts.sections.map(comparable));
    }

    #[test]
    fn good_queries_mean_the_same_to_both(
        question in question(),
        edns in proptest::option::of(edns()),
        bits in any::<u16>(),
    ) {
        let mut bytes = Vec::new();
        write_query(bits, &question, Flags(bits & 0x0130), edns.as_ref(), &mut bytes);
        assert!(compare(&bytes), "both must take {bytes:?}");
    }

    /// When both take a damaged query, they take it for the same.
    #[test]
    fn odd_queries_mean_the_same_to_both(bytes in mutated((question(), edns()).prop_map(|(question, edns)| {
        let mut bytes = Vec::new();
        write_query(7, &question, Flags(0x0100), Some(&edns), &mut bytes);
        bytes
    }))) {
        compare(&bytes);
    }
}

/// Whether both read the query; panics when they read it differently.
fn compare(bytes: &[u8]) -> bool {
    let (Ok(view), Ok(message)) = (QueryView::read(bytes), Message::from_vec(bytes)) else { return false };
    let [query] = &*message.queries else { panic!("{} questions", message.queries.len()) };
    assert_eq!(view.id(), message.metadata.id);
    assert_eq!(view.flags().rd(), message.metadata.recursion_desired);
    assert_eq!(Some(view.qname_wire()), query.name().to_bytes().ok().as_deref());
    assert_eq!(view.qtype(), query.query_type());
    assert_eq!(view.qclass(), query.query_class());
    let mine = view.edns().map(|edns| (edns.udp_size(), edns.dnssec_ok(), edns.version()));
    let other = message.edns.as_ref().map(|edns| (edns.max_payload(), edns.flags().dnssec_ok, edns.version()));
    assert_eq!(mine, other);
    true
}
