//! A zone as its servers hand it over: its SOA record first, and all of it (AXFR, RFC 5936) where that has news.
//!
//! Changes alone (IXFR, RFC 1995) are not asked for: the digest of the zone is over all of it, so all of it would have
//! to be kept as records beside what answers are made from, to save a megabyte or two twice a day.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::upstream::Upstream;
use crate::wire::{Flags, Name, Question, Record, RecordType, Reply, ResponseCode, Soa, write_query};

/// For how long nothing may come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most octets that a transfer may have: the root has 2.3 million, and a server must not fill memory, where each record
/// takes ten times as much as on the wire.
const MOST_BYTES: usize = 16 << 20;

/// What a server has of a zone.
#[derive(Debug)]
pub(super) enum News {
    /// The version that is known.
    Same,
    /// All records of a newer one. They begin with its SOA record, which ends a transfer as well and is there once.
    Zone(Vec<Record>),
}

/// Asks a server for a zone of which the version `known` is at hand, over one connection.
///
/// # Errors
/// When the server cannot be reached, refuses, falls silent, is behind, or sends what is no zone.
pub(super) async fn fetch(
    zone: &Name,
    server: SocketAddr,
    known: Option<u32>,
    upstream: &Upstream,
) -> io::Result<News> {
    let mut line = Line { stream: timeout(PATIENCE, upstream.connect(server)).await??, id: 0, bytes: 0 };
    if let Some(known) = known {
        line.ask(zone, RecordType::SOA).await?;
        let reply = line.hear().await?;
        let soa = reply.answer.iter().find(|record| is_soa(record, zone));
        let Soa { serial, .. } = soa
            .and_then(|soa| Soa::read(&soa.rdata))
            .ok_or_else(|| wrong("the server does not tell its SOA record"))?;
        // RFC 1982 §3.2: serial numbers go round.
        match serial.wrapping_sub(known) {
            0 => return Ok(News::Same),
            ahead if ahead < 1 << 31 => {}
            _ => return Err(wrong(&format!("its serial {serial} is older than {known}, which is at hand"))),
        }
    }
    line.ask(zone, RecordType::AXFR).await?;
    let mut records: Vec<Record> = Vec::new();
    loop {
        for record in line.hear().await?.answer {
            match (records.is_empty(), is_soa(&record, zone)) {
                (true, false) => return Err(wrong("the transfer does not begin with the SOA record")),
                // RFC 5936 §2.2: the SOA record again is the end.
                (false, true) => return Ok(News::Zone(records)),
                _ => records.push(record),
            }
        }
        if records.is_empty() {
            return Err(wrong("the transfer is empty"));
        }
    }
}

/// A connection to a server, and what has come over it.
struct Line {
    stream: TcpStream,
    id: u16,
    bytes: usize,
}

impl Line {
    async fn ask(&mut self, zone: &Name, qtype: RecordType) -> io::Result<()> {
        self.id = rand::random();
        let mut query = Vec::new();
        write_query(self.id, &Question::new(zone.clone(), qtype), Flags::default(), None, &mut query);
        let length = u16::try_from(query.len()).unwrap_or_default().to_be_bytes();
        timeout(PATIENCE, self.stream.write_all(&[&length[..], &query].concat())).await?
    }

    async fn hear(&mut self) -> io::Result<Reply> {
        let length = usize::from(timeout(PATIENCE, self.stream.read_u16()).await??);
        self.bytes += length;
        if self.bytes > MOST_BYTES {
            return Err(wrong("the transfer has no end"));
        }
        let mut message = vec![0; length];
        timeout(PATIENCE, self.stream.read_exact(&mut message)).await??;
        let reply = Reply::read(&message).map_err(|_| wrong("a message of the transfer cannot be read"))?;
        match reply.rcode {
            ResponseCode::NoError if reply.id == self.id => Ok(reply),
            _ => Err(wrong("the server refuses the transfer")),
        }
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn is_soa(record: &Record, zone: &Name) -> bool {
    record.rtype == RecordType::SOA && record.owner == *zone
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::net::TcpListener;
    use tokio::runtime::Builder;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;
    use crate::upstream::UpstreamSettings;
    use crate::wire::name;

    const SERIAL: u32 = 7;

    fn record(owner: &Name, rtype: u16, rdata: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rdata.len()).expect("short enough").to_be_bytes();
        [owner.wire(), &rtype.to_be_bytes(), b"\0\x01\0\0\0\x3c", &len, rdata].concat()
    }

    fn soa(owner: &Name) -> Vec<u8> {
        record(owner, 6, &[&[0, 0][..], &SERIAL.to_be_bytes(), &[0; 16]].concat())
    }

    fn text(octets: u8) -> Vec<u8> {
        record(&Name::root(), 16, &[&[octets][..], &vec![0; octets.into()]].concat())
    }

    /// What comes of a transfer of the root, of which the version `known` is at hand, when the `nth` message of the
    /// server is an error or has these records; and how many it has sent.
    fn fetched(
        known: Option<u32>,
        message: impl Fn(usize) -> Option<Vec<Vec<u8>>> + 'static,
    ) -> (io::Result<News>, usize) {
        let serve = |listener: TcpListener, sent: Rc<Cell<usize>>| async move {
            let (mut stream, _) = listener.accept().await?;
            let mut query = Vec::new();
            for nth in 0.. {
                // The first question, and the one after the SOA record.
                if nth < 1 + usize::from(known.is_some()) {
                    query = vec![0; stream.read_u16().await?.into()];
                    stream.read_exact(&mut query).await?;
                }
                let records = message(nth);
                let count = records.as_ref().map_or(0, |all| u16::try_from(all.len()).expect("few")).to_be_bytes();
                let error = if records.is_some() { 0 } else { 5 };
                let head = [&query[..2], &[0x84, error, 0, 0], &count, &[0; 4]].concat();
                let message = [head, records.unwrap_or_default().concat()].concat();
                let length = u16::try_from(message.len()).expect("one message").to_be_bytes();
                stream.write_all(&[&length[..], &message].concat()).await?;
                sent.set(nth + 1);
            }
            io::Result::Ok(())
        };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a server");
            let (at, sent) = (listener.local_addr().expect("an address"), Rc::new(Cell::new(0)));
            let server = spawn_local(serve(listener, Rc::clone(&sent)));
            let upstream = Upstream::new(UpstreamSettings::default());
            let news = fetch(&Name::root(), at, known, &upstream).await;
            server.abort();
            (news, sent.get())
        })
    }

    fn told(known: Option<u32>, message: impl Fn(usize) -> Option<Vec<Vec<u8>>> + 'static) -> String {
        match fetched(known, message).0 {
            Ok(News::Same) => "the same".to_owned(),
            Ok(News::Zone(records)) => format!("{} records", records.len()),
            Err(error) => error.to_string(),
        }
    }

    /// RFC 5936 §2.2: a transfer begins and ends with the SOA record of the zone, and no other.
    #[test]
    fn a_transfer_is_what_stands_between_two_soa_records() {
        let (root, other) = (Name::root(), name("other."));
        let all = || vec![soa(&Name::root()), text(1), text(2), soa(&Name::root())];
        assert_eq!(told(None, move |_| Some(all())), "3 records");
        assert_eq!(
            told(None, move |nth| all().get(nth).map(|one| vec![one.clone()])),
            "3 records",
            "a message for each"
        );
        let odd = [soa(&root), soa(&other), text(1), soa(&root)];
        assert_eq!(told(None, move |_| Some(odd.to_vec())), "3 records", "another zone's SOA record is no end");
        for first in [text(1), soa(&other)] {
            let begins = [first, soa(&root), soa(&root)];
            let wrong = "the transfer does not begin with the SOA record";
            assert_eq!(told(None, move |_| Some(begins.to_vec())), wrong);
        }
        assert_eq!(told(None, |_| Some(Vec::new())), "the transfer is empty");
        assert_eq!(told(None, |_| None), "the server refuses the transfer");
        assert_eq!(told(None, move |nth| all().get(nth % 2).map(|one| vec![one.clone()])), "2 records");
    }

    /// RFC 1982 §3.2: serial numbers go round.
    #[test]
    fn a_version_is_fetched_when_it_is_newer_than_what_is_at_hand() {
        let half = 1_u32 << 31;
        for (behind, news) in
            [(0, "the same"), (1, "2 records"), (half - 1, "2 records"), (half, "old"), (u32::MAX, "old")]
        {
            let known = SERIAL.wrapping_sub(behind);
            let told = told(Some(known), |nth| {
                let end = (nth > 0).then(|| [text(1), soa(&Name::root())]);
                Some([soa(&Name::root())].into_iter().chain(end.into_iter().flatten()).collect())
            });
            let old = format!("its serial {SERIAL} is older than {known}, which is at hand");
            assert_eq!(told, if news == "old" { &old } else { news });
        }
        assert_eq!(told(Some(1), |_| Some(vec![soa(&name("other."))])), "the server does not tell its SOA record");
    }

    #[test]
    fn a_transfer_without_end_is_given_up() {
        let message = |nth| Some(if nth == 0 { vec![soa(&Name::root())] } else { vec![text(255); 200] });
        let (news, sent) = fetched(None, message);
        assert_eq!(news.map(drop).expect_err("no zone").to_string(), "the transfer has no end");
        let octets = 200 * text(255).len() + 12;
        // What is on its way besides is in the buffers of the system.
        let most = MOST_BYTES / octets..MOST_BYTES / octets + 200;
        assert!(most.contains(&sent), "{sent} messages of {octets} octets");
    }
}
