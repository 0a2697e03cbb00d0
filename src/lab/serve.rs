//! The lab's servers on loopback sockets: one UDP and one TCP socket for each address.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Authority, Packet, Reaction};
use crate::trace::Transport;

/// Most connections at a time to one server; answers a thousand idle ones.
const MAX_CONNECTIONS: usize = 150;
/// How long a connection may be idle (RFC 7766 §6.2.3).
const IDLE: Duration = Duration::from_secs(10);
/// Replies of one server that wait for their moment; what comes while there are more is lost, as on a real line.
const MAX_DELAYED: usize = 1000;

/// What the servers answer, which may change while they run.
#[derive(Clone, Debug)]
pub struct Playing(Arc<RwLock<Arc<Authority>>>);

impl Playing {
    /// From now on the servers answer as those of `authority` at the same addresses. Returns the addresses at which it
    /// listens to more than the servers before did.
    #[must_use]
    pub fn exchange(&self, authority: Authority) -> Vec<IpAddr> {
        let before = self.now();
        let is_deaf = |address: &IpAddr| {
            before.name(*address).is_none() || authority.listens_on_tcp(*address) && !before.listens_on_tcp(*address)
        };
        let unheard = authority.addresses().filter(is_deaf).collect();
        *self.0.write() = Arc::new(authority);
        unheard
    }

    fn now(&self) -> Arc<Authority> {
        Arc::clone(&self.0.read())
    }
}

/// The bound sockets of all servers.
#[derive(Debug)]
pub struct Servers {
    playing: Playing,
    port: u16,
    sockets: Vec<Sockets>,
}

#[derive(Debug)]
struct Sockets {
    server: IpAddr,
    udp: UdpSocket,
    tcp: Option<TcpListener>,
}

/// A server of the lab cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind the lab's server {address} ({transport}): {source}")]
pub struct BindError {
    /// Address and port.
    pub address: SocketAddr,
    /// Over what.
    pub transport: Transport,
    /// What the system says.
    pub source: io::Error,
}

impl Servers {
    /// Binds every server at `port`; with port 0 the system chooses one, the same for all.
    ///
    /// # Errors
    /// Names the first address that cannot be bound.
    pub async fn bind(authority: Arc<Authority>, port: u16) -> Result<Self, BindError> {
        let playing = Playing(Arc::new(RwLock::new(Arc::clone(&authority))));
        let mut bound = Self { playing, port, sockets: Vec::new() };
        for server in authority.addresses() {
            let address = SocketAddr::new(server, bound.port);
            let failed = |transport| move |source| BindError { address, transport, source };
            let udp = UdpSocket::bind(address).await.map_err(failed(Transport::Udp))?;
            bound.port = udp.local_addr().map_err(failed(Transport::Udp))?.port();
            let address = SocketAddr::new(server, bound.port);
            let failed = |source| BindError { address, transport: Transport::Tcp, source };
            let tcp = match authority.listens_on_tcp(server) {
                true => Some(TcpListener::bind(address).await.map_err(failed)?),
                false => None,
            };
            bound.sockets.push(Sockets { server, udp, tcp });
        }
        Ok(bound)
    }

    /// The port of all servers.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What they answer.
    #[must_use]
    pub fn playing(&self) -> Playing {
        self.playing.clone()
    }

    /// Serves until what is returned is dropped, or until it is shut down, when all sockets are closed.
    #[must_use]
    pub fn open(self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for Sockets { server, udp, tcp } in self.sockets {
            tasks.spawn(serve_udp(self.playing.clone(), server, udp));
            if let Some(tcp) = tcp {
                tasks.spawn(serve_tcp(self.playing.clone(), server, tcp));
            }
        }
        tasks
    }
}

async fn serve_udp(playing: Playing, server: IpAddr, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let mut delayed = JoinSet::new();
    for nth in 0.. {
        while delayed.try_join_next().is_some() {}
        // An error here is the ICMP answer to an earlier reply; the socket lives on.
        let Ok((len, client)) = socket.recv_from(&mut buffer).await else { continue };
        let reaction = playing.now().react(server, Transport::Udp, &buffer[..len], nth);
        let Some(Reaction::Packets(packets)) = reaction else { continue };
        for Packet { delay, bytes } in packets {
            if delay.is_zero() {
                let _ = socket.send_to(&bytes, client).await;
            } else if delayed.len() < MAX_DELAYED {
                let socket = Arc::clone(&socket);
                delayed.spawn(async move {
                    sleep(delay).await;
                    let _ = socket.send_to(&bytes, client).await;
                });
            }
        }
    }
}

async fn serve_tcp(playing: Playing, server: IpAddr, listener: TcpListener) {
    let asked = Arc::new(AtomicU64::new(0));
    let serve = |stream, _| {
        let (playing, asked) = (playing.clone(), Arc::clone(&asked));
        async move {
            let _ = converse(&playing, server, stream, &asked).await;
        }
    };
    accept(listener, MAX_CONNECTIONS, serve).await;
}

/// Accepts connections, `most` at a time, until the task is aborted; each is served by what `serve` makes of it.
pub(super) async fn accept<F>(listener: TcpListener, most: usize, serve: impl Fn(TcpStream, IpAddr) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= most {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, client)) => drop(connections.spawn(serve(stream, client.ip()))),
            // Out of file descriptors, say: trying again at once would only burn time.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers the queries of one connection, one after another.
async fn converse(playing: &Playing, server: IpAddr, mut stream: TcpStream, asked: &AtomicU64) -> io::Result<()> {
    loop {
        let len = timeout(IDLE, stream.read_u16()).await??;
        let mut query = vec![0; usize::from(len)];
        timeout(IDLE, stream.read_exact(&mut query)).await??;
        let nth = asked.fetch_add(1, Ordering::Relaxed);
        let reaction = playing.now().react(server, Transport::Tcp, &query, nth);
        let Some(Reaction::Packets(packets)) = reaction else { return Ok(()) };
        for Packet { delay, bytes } in packets {
            sleep(delay).await;
            let Ok(len) = u16::try_from(bytes.len()) else { continue };
            // One write, so that length and message leave in one segment (RFC 7766 §8).
            let framed = [&len.to_be_bytes()[..], &bytes].concat();
            timeout(IDLE, stream.write_all(&framed)).await??;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Lab;
    use super::*;
    use crate::wire::{Edns, Flags, Question, RecordType, Reply, write_query};

    #[tokio::test]
    async fn the_same_answers_over_real_sockets() {
        let lab = Lab::embedded(0).unwrap();
        let servers = Servers::bind(Arc::new(lab.authority().clone()), 0).await.unwrap();
        let port = servers.port();
        let mut serving = servers.open();
        let question = Question::new("big.example.com".parse().unwrap(), RecordType::TXT);
        let mut query = Vec::new();
        write_query(7, &question, Flags::default(), Some(&Edns::new(4096, false)), &mut query);
        let server: IpAddr = [127, 53, 2, 1].into();

        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        udp.send_to(&query, (server, port)).await.unwrap();
        let mut buffer = vec![0; 4096];
        let (len, from) = udp.recv_from(&mut buffer).await.unwrap();
        assert_eq!(from, SocketAddr::new(server, port));
        assert!(Reply::read(&buffer[..len]).unwrap().flags.tc(), "1232 octets are not enough");

        let mut tcp = TcpStream::connect((server, port)).await.unwrap();
        for _ in 0..2 {
            tcp.write_all(&[&u16::try_from(query.len()).unwrap().to_be_bytes()[..], &query].concat()).await.unwrap();
            let mut answer = vec![0; usize::from(tcp.read_u16().await.unwrap())];
            tcp.read_exact(&mut answer).await.unwrap();
            assert_eq!(Reply::read(&answer).unwrap().answer.len(), 1);
        }
        let taken = Servers::bind(Arc::new(lab.authority().clone()), port).await.unwrap_err();
        assert!(taken.to_string().contains(&format!("127.53.0.1:{port} (UDP)")), "{taken}");
        serving.shutdown().await;
        assert!(TcpStream::connect((server, port)).await.is_err(), "stopped is stopped");
    }
}
