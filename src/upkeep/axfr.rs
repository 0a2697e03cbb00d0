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
