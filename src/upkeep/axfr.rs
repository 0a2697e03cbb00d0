//! A zone as its servers hand it over (AXFR, RFC 5936).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire::{Flags, Name, Question, Record, RecordType, Reply, ResponseCode, write_query};

/// For how long nothing may come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most octets that a transfer may have: the root has 2.3 million, and a server must not fill memory.
const MOST_BYTES: usize = 64 << 20;

/// Fetches all records of a zone. They begin with its SOA record, which ends them as well and is there once.
///
/// # Errors
/// When the server cannot be reached, refuses, falls silent, or sends what is no zone.
pub(super) async fn fetch(zone: &Name, server: SocketAddr) -> io::Result<Vec<Record>> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut stream = timeout(PATIENCE, TcpStream::connect(server)).await??;
    let id = rand::random();
    let mut query = Vec::new();
    write_query(id, &Question::new(zone.clone(), RecordType::AXFR), Flags::default(), None, &mut query);
    let length = u16::try_from(query.len()).unwrap_or_default();
    timeout(PATIENCE, stream.write_all(&[&length.to_be_bytes()[..], &query].concat())).await??;
    let (mut records, mut bytes): (Vec<Record>, usize) = (Vec::new(), 0);
    loop {
        let length = usize::from(timeout(PATIENCE, stream.read_u16()).await??);
        bytes += length;
        if bytes > MOST_BYTES {
            return Err(wrong("the transfer has no end"));
        }
        let mut message = vec![0; length];
        timeout(PATIENCE, stream.read_exact(&mut message)).await??;
        let reply = Reply::read(&message).map_err(|_| wrong("a message of the transfer cannot be read"))?;
        if reply.id != id || reply.rcode != ResponseCode::NoError {
            return Err(wrong("the server refuses the transfer"));
        }
        for record in reply.answer {
            let is_soa = record.rtype == RecordType::SOA && record.owner == *zone;
            match (records.is_empty(), is_soa) {
                (true, false) => return Err(wrong("the transfer does not begin with the SOA record")),
                // RFC 5936 §2.2: the SOA record again is the end.
                (false, true) => return Ok(records),
                _ => records.push(record),
            }
        }
        if records.is_empty() {
            return Err(wrong("the transfer is empty"));
        }
    }
}
