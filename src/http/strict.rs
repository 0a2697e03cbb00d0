//! Where a request ends, read with no leniency at all.
//!
//! Requests are smuggled when two readers of one stream disagree about where a message ends. HTTP/1.1 leaves room for
//! that: bare line feeds, folded lines, a length and a transfer coding at once. So the octets are watched here
//! before the parser sees them, and the first one that could be read in two ways is replaced by one that no parser
//! takes: the request is refused with 400 and the connection is closed (RFC 9112 §11.2).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of one head; the parser behind takes fewer.
const HEAD: usize = 64 << 10;
/// A NUL, which stands nowhere in a head nor where a chunk begins; then the end of a head, for which parsers wait.
const POISON: &[u8] = b"\0\r\n\r\n";
/// The first line of HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// Follows the framing of HTTP/1.1 requests.
#[derive(Debug, Default)]
struct Framing {
    state: State,
    line: Vec<u8>,
    head: Head,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In a line of a head.
    #[default]
    Head,
    /// In a body of known length.
    Body(u64),
    /// In the line before a chunk.
    Size,
    /// In a chunk.
    Chunk(u64),
    /// Before the line end after a chunk.
    ChunkEnd,
    /// In a line behind the last chunk.
    Trailer,
    /// No HTTP/1.1 any more: HTTP/2, a tunnel, another protocol. The connection carries no further request.
    Raw,
}

/// What the lines of a head said so far.
#[derive(Debug, Default)]
struct Head {
    octets: usize,
    begun: bool,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    connects: bool,
    upgrades: bool,
}

impl Framing {
    /// Looks at what came.
    ///
    /// # Errors
    /// The place of the first octet that is refused.
    fn examine(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Raw => return Ok(()),
                State::Body(left) => {
                    let here = within(left, bytes.len() - at);
                    at += here;
                    self.state = if left == here as u64 { State::Head } else { State::Body(left - here as u64) };
                }
                State::Chunk(left) => {
                    let here = within(left, bytes.len() - at);
                    at += here;
                    self.state = if left == here as u64 { State::ChunkEnd } else { State::Chunk(left - here as u64) };
                }
                State::Head | State::Size | State::ChunkEnd | State::Trailer => {
                    self.octet(bytes[at]).ok_or(at)?;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// One octet of a line; `None` refuses it.
    fn octet(&mut self, byte: u8) -> Option<()> {
        // RFC 9112 §2.2: a line ends with CR LF, and neither stands alone.
        let ends = byte == b'\n';
        if ends != (self.line.last() == Some(&b'\r')) {
            return None;
        }
        // RFC 9112 §5.2: a line that begins with white space continues the one before, for some readers.
        if self.line.is_empty() && matches!(byte, b' ' | b'\t') {
            return None;
        }
        self.head.octets += 1;
        if self.head.octets > HEAD {
            return None;
        }
        if !ends {
            self.line.push(byte);
            return Some(());
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop();
        let fine = self.line_ends(&line);
        line.clear();
        self.line = line;
        fine
    }

    fn line_ends(&mut self, line: &[u8]) -> Option<()> {
        self.state = match self.state {
            State::Head if line.is_empty() && self.head.begun => self.head_ends()?,
            // RFC 9112 §2.2: an empty line before a request is ignored.
            State::Head if line.is_empty() => State::Head,
            State::Head if !self.head.begun && line == PREFACE => State::Raw,
            State::Head if !self.head.begun => {
                self.head.begun = true;
                self.head.connects = line.starts_with(b"CONNECT ");
                State::Head
            }
            State::Head => {
                self.field(line)?;
                State::Head
            }
            State::Size => {
                self.head.octets = 0;
                match size(line)? {
                    0 => State::Trailer,
                    size => State::Chunk(size),
                }
            }
            State::ChunkEnd if line.is_empty() => State::Size,
            State::Trailer if line.is_empty() => {
                self.head = Head::default();
                State::Head
            }
            State::Trailer if line.contains(&b':') => State::Trailer,
            State::ChunkEnd | State::Trailer => return None,
            state @ (State::Body(_) | State::Chunk(_) | State::Raw) => state,
        };
        Some(())
    }

    fn field(&mut self, line: &[u8]) -> Option<()> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let head = &mut self.head;
        if name.eq_ignore_ascii_case(b"content-length") {
            let given = number(value, 10)?;
            // One length, once: "5, 5" is a number for some readers, too.
            return head.length.replace(given).is_none().then_some(());
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let first = !std::mem::replace(&mut head.chunked, true);
            return (first && value.eq_ignore_ascii_case(b"chunked")).then_some(());
        }
        if name.eq_ignore_ascii_case(b"host") {
            head.hosts += 1;
            return (head.hosts == 1).then_some(());
        }
        head.upgrades |= name.eq_ignore_ascii_case(b"upgrade");
        Some(())
    }

    fn head_ends(&mut self) -> Option<State> {
        let head = std::mem::take(&mut self.head);
        match (head.chunked, head.length) {
            // RFC 9112 §6.3: both at once ought to be handled as an error.
            (true, Some(_)) => None,
            (true, None) | (false, Some(1..)) if head.connects => None,
            (true, None) => Some(State::Size),
            (false, Some(length @ 1..)) => Some(State::Body(length)),
            // Whether the change is granted is not known here. If it is not, the connection ends with the answer.
            (false, _) if head.connects || head.upgrades => Some(State::Raw),
            (false, _) => Some(State::Head),
        }
    }
}

fn within(left: u64, here: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(here)
}

/// The size of a chunk; extensions behind it mean nothing to us (RFC 9112 §7.1.1).
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?;
    number(digits.trim_ascii_end(), 16)
}

/// Digits and nothing else, not even a sign.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let only = !digits.is_empty() && digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok().filter(|_| only)
}

/// A stream of requests from which everything that could be read in two ways is kept.
#[derive(Debug)]
pub(super) struct Strict<S> {
    stream: S,
    framing: Framing,
    /// What is given out instead, from the refused octet on.
    poison: Option<&'static [u8]>,
}

impl<S> Strict<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, framing: Framing::default(), poison: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.poison.is_none() {
            let before = into.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
            let Err(at) = self.framing.examine(&into.filled()[before..]) else { return Poll::Ready(Ok(())) };
            into.set_filled(before + at);
            self.poison = Some(POISON);
        }
        // When it is used up, the stream ends.
        if let Some(poison) = self.poison {
            let (now, later) = poison.split_at(poison.len().min(into.remaining()));
            into.put_slice(now);
            self.poison = Some(later);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use parking_lot::Mutex;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// The state after all octets, or the place of the refused one; the same however the octets are cut.
    fn end(bytes: &str) -> Result<State, usize> {
        let mut whole = Framing::default();
        let result = whole.examine(bytes.as_bytes()).map(|()| whole.state);
        let mut each = Framing::default();
        let single = bytes.bytes().enumerate().try_for_each(|(at, byte)| each.examine(&[byte]).map_err(|_| at));
        assert_eq!(single.map(|()| each.state), result, "{bytes:?}");
        result
    }

    #[test]
    fn whole_requests_leave_the_next_head() {
        for bytes in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n\r\n\r\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding:  Chunked \r\n\r\n3;x=\"y\"\r\na\nb\r\n0\r\nA: b\r\n\r\n",
        ] {
            assert_eq!(end(bytes), Ok(State::Head), "{bytes:?}");
        }
        assert_eq!(end("CONNECT a:443 HTTP/1.1\r\n\r\nany\nthing"), Ok(State::Raw));
        assert_eq!(end("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\n"), Ok(State::Raw));
        assert_eq!(end("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\n"), Ok(State::Raw));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\n";
        for rest in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Host: b\r\n",
            "X: y\r\n folded\r\n",
            "X: y\r\n\tfolded\r\n",
            "X: y\n",
            "X: y\rZ: z\r\n",
            "X\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\n",
            "Transfer-Encoding: chunked\r\n\r\n-5\r\n",
            "Transfer-Encoding: chunked\r\n\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0x3\r\n",
            "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
        ] {
            assert!(end(&format!("{head}{rest}")).is_err(), "{rest:?}");
        }
        assert!(end(" GET / HTTP/1.1\r\n").is_err());
        assert!(end("GET / HTTP/1.1\n").is_err());
        assert!(end("CONNECT a:443 HTTP/1.1\r\nContent-Length: 1\r\n\r\n").is_err());
        assert!(end(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(HEAD))).is_err());
    }

    /// The targets of the requests that the framing sees, as far as it lets the octets pass.
    fn targets(bytes: &[u8]) -> Vec<String> {
        let (mut framing, mut targets, mut begins) = (Framing::default(), Vec::new(), 0);
        for (at, byte) in bytes.iter().enumerate() {
            let begun = framing.head.begun;
            if framing.line.is_empty() {
                begins = at;
            }
            if framing.examine(&[*byte]).is_err() {
                break;
            }
            if !begun && framing.head.begun {
                let line = String::from_utf8_lossy(&bytes[begins..at]).into_owned();
                targets.extend(line.split(' ').nth(1).map(str::to_owned));
            }
        }
        targets
    }

    /// The targets of the requests that the server behind sees, each read to the end of its body.
    async fn served(bytes: Vec<u8>) -> Vec<String> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            told.lock().push(request.uri().to_string());
            async move {
                let read = Body::new(request.into_body()).collect().await;
                read.map(|_| hyper::Response::new(Body::empty()))
            }
        });
        let (mut client, server) = tokio::io::duplex(1 << 16);
        client.write_all(&bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let connection = http1::Builder::new().serve_connection(TokioIo::new(Strict::new(server)), service);
        let answers = async { client.read_to_end(&mut Vec::new()).await };
        let _ = tokio::join!(connection, answers);
        Arc::into_inner(seen).map(Mutex::into_inner).unwrap_or_default()
    }

    /// A request, or what looks like one.
    fn request() -> impl Strategy<Value = String> {
        let some = |of: &'static [&'static str], most: usize| {
            proptest::collection::vec(proptest::sample::select(of), 0..=most).prop_map(|some| some.concat())
        };
        (proptest::sample::select(STARTS), some(FIELDS, 2), proptest::sample::select(ENDS), some(BODIES, 3))
            .prop_map(|(start, fields, end, body)| format!("{start}{fields}{end}{body}"))
    }

    const STARTS: &[&str] =
        &["GET /# HTTP/1.1\r\nHost: a\r\n", "POST /# HTTP/1.1\r\nHost: a\r\n", "POST /# HTTP/1.0\r\n", "\r\n", ""];
    const FIELDS: &[&str] = &[
        "Content-Length: 5\r\n",
        "Content-Length: 43\r\n",
        "Content-Length: 0\r\n",
        "content-length : 43\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\tChunked \r\n",
        "Transfer-Encoding: identity\r\n",
        "Connection: keep-alive\r\n",
        "X: y\r\n",
        " folded\r\n",
    ];
    const ENDS: &[&str] = &["\r\n", "\r\n", "\n", ""];
    const BODIES: &[&str] = &[
        "abcde",
        "\r\n",
        "\n",
        "5;a=b\r\nabcde\r\n",
        "002b \r\nGET /inside HTTP/1.1\r\nHost: inside.test\r\n\r\n",
        "GET /inside HTTP/1.1\r\nHost: inside.test\r\n\r\n",
        "0\r\n\r\nGET /inside HTTP/1.1\r\nHost: inside.test\r\n\r\n",
        "0\r\nX: y\r\n\r\n",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Where the two saw a request begin at another place, one could be smuggled past the other.
        #[test]
        fn the_server_behind_sees_no_other_requests(requests in proptest::collection::vec(request(), 1..5)) {
            // Each has a number of its own.
            let numbered = requests.iter().enumerate().map(|(nth, request)| request.replace('#', &nth.to_string()));
            let bytes = numbered.collect::<String>().into_bytes();
            let ours = targets(&bytes);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let theirs = runtime.block_on(served(bytes.clone()));
            let text = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert!(ours.starts_with(&theirs), "{text:?}: {theirs:?} where we see {ours:?}");
        }
    }
}
