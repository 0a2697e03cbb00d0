//! Web servers of a few lines, which tell what they were sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server on an address of the lab.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    /// The heads of the requests that came, each with the number of its connection.
    pub(super) heads: Arc<Mutex<Vec<(usize, String)>>>,
}

/// What a server does with a request: it may answer, and says whether the connection goes on.
pub(super) type Answer = fn(&str, &mut BufReader<TcpStream>) -> bool;

impl Origin {
    /// Serves on a free port of `ip` for as long as this process runs.
    pub(super) fn serve(ip: &str, answer: Answer) -> Self {
        Self::listen(TcpListener::bind((ip, 0)).unwrap(), answer)
    }

    /// Serves on one port of several addresses.
    pub(super) fn serve_all(ips: &[&str], answer: Answer) -> Vec<Self> {
        let each = |port: u16| ips.iter().map(|ip| TcpListener::bind((*ip, port)).ok()).collect::<Option<Vec<_>>>();
        // Some port is free everywhere.
        let listeners = (20_000..30_000).find_map(each).unwrap();
        listeners.into_iter().map(|listener| Self::listen(listener, answer)).collect()
    }

    pub(super) fn listen(listener: TcpListener, answer: Answer) -> Self {
        let address = listener.local_addr().unwrap();
        let heads: Arc<Mutex<Vec<(usize, String)>>> = Arc::default();
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    while let Some(head) = head(&mut stream) {
                        seen.lock().unwrap().push((number, head.clone()));
                        if !answer(&head, &mut stream) {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, heads }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn heads(&self) -> Vec<(usize, String)> {
        self.heads.lock().unwrap().clone()
    }
}

/// Reads the head of a request.
fn head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// Sends bytes as they are.
pub(super) fn send(stream: &mut BufReader<TcpStream>, bytes: &str) -> bool {
    stream.get_mut().write_all(bytes.as_bytes()).is_ok()
}

/// A page that says hello, with a field that ends at the next hop.
pub(super) fn hello(_: &str, stream: &mut BufReader<TcpStream>) -> bool {
    send(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: x-mine\r\nX-Mine: 1\r\nX-Theirs: 2\r\n\r\nhello\n",
    )
}

/// Sends the body of the request back, chunked with a trailer if it came so.
pub(super) fn echo(head: &str, stream: &mut BufReader<TcpStream>) -> bool {
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).is_err() {
        return false;
    }
    let mut chunked = String::new();
    while lower.contains("transfer-encoding: chunked") && !chunked.ends_with("\r\n\r\n") {
        if stream.read_line(&mut chunked).is_err() {
            return false;
        }
    }
    if chunked.is_empty() {
        let body = String::from_utf8_lossy(&body).into_owned();
        return send(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    }
    send(stream, &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n{chunked}"))
}
