//! The lab's servers, and the two resolvers beside each other.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use rootwalk::lab::Lab;
use rootwalk::run;
use rootwalk::wire::{Edns, Flags, Name, Question, Reply, write_query};
use tempfile::TempDir;

pub(crate) static LAB: LazyLock<Lab> = LazyLock::new(|| Lab::embedded(run::unix_secs()).unwrap());

/// Unbound tries for longer than half a minute where nobody answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// The file that the lab writes its trust anchor to.
const ANCHOR: &str = "anchor";

/// A program that ends with the test.
pub(crate) struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// Starts it, and waits until it takes connections there.
    fn start(mut command: Command, addr: SocketAddr) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let program = command.get_program().display();
        let mut started =
            Self(child.unwrap_or_else(|error| panic!("{program} cannot be run: {error}; ./test installs it")));
        while TcpStream::connect(addr).is_err() {
            assert!(started.0.try_wait().unwrap().is_none(), "{program} has ended before it listened on {addr}");
            std::thread::sleep(Duration::from_millis(5));
        }
        started
    }

    /// What it has used of the processor until now, all threads together.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        let of_task = |path: &Path| {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap();
            text.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        Duration::from_nanos(tasks.map(|task| of_task(&task.unwrap().path())).sum())
    }
}

/// The servers of the lab on port 53; the resolver that comes with them is not asked.
pub(crate) struct Servers {
    _program: Program,
    folder: TempDir,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addr = SocketAddr::from((LAB.root_hints()[0].1[0], 53));
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["lab", "--authority-port", "53", "--listen", "127.0.0.1:5399", "--no-web"]);
        let anchor = folder.path().join(ANCHOR);
        command.args(["--set", "http.listen=", "--trust-anchor-out", anchor.to_str().unwrap()]).env_clear();
        Self { _program: Program::start(command, addr), folder }
    }

    /// The DS record of the root, whose key is a new one each time.
    fn anchor(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join(ANCHOR)).unwrap();
        text.lines().find(|line| line.contains(" DS ")).unwrap().to_owned()
    }

    fn write(&self, file: &str, text: &str) -> String {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// One of the two resolvers; it knows nothing yet.
pub(crate) struct Resolver {
    pub(crate) program: Program,
    pub(crate) addr: SocketAddr,
}

fn hints() -> impl Iterator<Item = (Name, IpAddr)> {
    let servers = LAB.root_hints().into_iter();
    servers.flat_map(|(name, addrs)| addrs.into_iter().map(move |addr| (name.clone(), addr)))
}

/// This program.
pub(crate) fn ours(servers: &Servers) -> Resolver {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 5301));
    let mut text = format!(
        "[server]\nlisten = [\"{addr}\"]\nthreads = 1\n[http]\nlisten = []\n[resolver]\nquery_loopback = true\nipv6 = \
         false\nprivate_addresses = []\n[dnssec]\ntrust_anchors = [{:?}]\n",
        servers.anchor()
    );
    for (name, addr) in hints() {
        let _ = write!(text, "[[root_hint]]\nname = \"{name}\"\naddress = \"{addr}\"\n");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["serve", "--config", &servers.write("rootwalk.toml", &text)]).env_clear();
    Resolver { program: Program::start(command, addr), addr }
}

/// Unbound, told no more than it must be told.
pub(crate) fn unbound(servers: &Servers) -> Resolver {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 5302));
    let mut hint_lines = String::new();
    for (name, addr) in hints() {
        let _ = write!(hint_lines, ". 3600 NS {name}\n{name} 3600 A {addr}\n");
    }
    let (hints, anchor) = (servers.write("root.hints", &hint_lines), servers.write("root.ds", &servers.anchor()));
    let text = format!(
        "server:\n interface: {}@{}\n num-threads: 1\n do-daemonize: no\n do-ip6: no\n username: \"\"\n chroot: \"\"\n \
         directory: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n verbosity: 1\n do-not-query-localhost: no\n \
         root-hints: \"{hints}\"\n trust-anchor-file: \"{anchor}\"\n",
        addr.ip(),
        addr.port()
    );
    let path = servers.write("unbound.conf", &text);
    let mut command = Command::new("unbound");
    command.args(["-c", &path]);
    Resolver { program: Program::start(command, addr), addr }
}

/// What a resolver says to a question with DO and RD: over UDP, and over TCP when that is truncated.
pub(crate) fn ask(resolver: SocketAddr, question: &Question) -> Option<Reply> {
    let mut query = Vec::new();
    let edns = Edns { version: 0, udp_size: 1232, dnssec_ok: true, options: Vec::new() };
    write_query(4711, question, Flags::default().with_rd(true), Some(&edns), &mut query);
    let reply = over_udp(resolver, &query)?;
    if reply.flags.tc() { over_tcp(resolver, &query) } else { Some(reply) }
}

fn over_udp(resolver: SocketAddr, query: &[u8]) -> Option<Reply> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(query, resolver).unwrap();
    let mut reply = [0; 65_535];
    let len = socket.recv(&mut reply).ok()?;
    Some(Reply::read(&reply[..len]).unwrap())
}

fn over_tcp(resolver: SocketAddr, query: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(resolver).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let len = u16::try_from(query.len()).unwrap().to_be_bytes();
    stream.write_all(&[&len, query].concat()).ok()?;
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut reply = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut reply).ok()?;
    Some(Reply::read(&reply).unwrap())
}
