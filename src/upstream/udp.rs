//! A query over UDP, from a port that a forger has to guess.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::lines::{Come, Line, Lines};
use super::{Exchange, Upstream, note, unreachable};
use crate::sys::is_out_of_files;
use crate::trace::{Ignored, Unreachable};
use crate::walk::ask::Answered;

/// How long a query waits when no more files may be open: less than the least patience with any server.
const PAUSE: Duration = Duration::from_millis(40);

/// Sends the query and listens until the deadline. A random port makes the pair of port and id hard to guess, and a
/// connected socket gets packets of the server alone, and the ICMP errors about it (RFC 5452 §9.2).
pub(super) async fn exchange(
    upstream: &Upstream,
    exchange: &Exchange<'_>,
    ignored: &mut Vec<Ignored>,
) -> Result<Answered, Unreachable> {
    let mut misses = 0;
    let mut patient_until = None;
    let mut line = dial(upstream, exchange).map_err(|error| unreachable(&error))?;
    loop {
        let (sent, came) = match line.come(exchange.deadline).await {
            Come::Something { sent, came } => (sent, came),
            Come::Unsent(error) => {
                let now = Instant::now();
                // What is wrong with a line that was used before may concern a query before.
                if !line.is_used() {
                    let until = *patient_until.get_or_insert(exchange.deadline.min(now + PAUSE));
                    if !is_out_of_files(&error) || now >= until {
                        return Err(unreachable(&error));
                    }
                    // In a box: it is rare.
                    Box::pin(line.room(until)).await;
                }
                line = fresh(upstream, exchange, now).map_err(|error| unreachable(&error))?;
                continue;
            }
            Come::Nothing => return Err(Unreachable::Timeout),
        };
        // One event may stand for several packets; nobody is told of those that are left.
        loop {
            match line.receive() {
                Ok((bytes, Ok(reply))) => {
                    if ignored.is_empty() {
                        line.keep(exchange.peer, exchange.id, came);
                    }
                    return Ok(Answered { reply, bytes, rtt: came - sent });
                }
                // The network has doubled the reply to the query before.
                Ok((_, Err(Ignored::WrongId { got, .. }))) if Some(got) == line.last_id() => {}
                Ok((_, Err(other))) => {
                    if let Some(why) = other.ends() {
                        note(ignored, other);
                        return Err(why);
                    }
                    upstream.guesses.fetch_add(1, Ordering::Relaxed);
                    note(ignored, other);
                    misses += 1;
                    // Somebody guesses, and the reply may be lost among his packets.
                    if misses >= exchange.ask.near_misses {
                        return Err(Unreachable::NearMisses);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(unreachable(&error)),
            }
        }
    }
}

/// Sends the query over a line that is open, or a new one.
fn dial(upstream: &Upstream, exchange: &Exchange<'_>) -> io::Result<Line> {
    match Lines::here()?.take(&exchange.peer, exchange.began) {
        Some(line) => {
            line.send(exchange);
            Ok(line)
        }
        None => fresh(upstream, exchange, exchange.began),
    }
}

/// Sends the query over a new line, which is opened `now`.
fn fresh(upstream: &Upstream, exchange: &Exchange<'_>, now: Instant) -> io::Result<Line> {
    let line = Lines::here()?.open(upstream, exchange, now);
    line.send(exchange);
    Ok(line)
}
