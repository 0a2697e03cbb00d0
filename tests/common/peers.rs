//! Resolvers beside each other, as programs of their own: this one and Unbound; and what they say.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rootwalk::wire::text::{rcode_name, rdata_text, type_name};
use rootwalk::wire::{Edns, Flags, Name, Question, RecordType, Reply, ResponseCode, write_query};

/// Where this program says what it has done.
pub(crate) const FIGURES: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5303);

/// Unbound tries for longer than half a minute where nobody answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// As clients do, the question is repeated meanwhile: what comes too late is not sent, on a machine with too much to
/// do.
const TRIES: u32 = 6;

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
    pub(crate) fn start(mut command: Command, addr: SocketAddr) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let program = command.get_program().display();
        let mut started =
            Self(child.unwrap_or_else(|error| panic!("{program} cannot be run: {error}; ./test installs it")));
        for waited in 0.. {
            if TcpStream::connect(addr).is_ok() {
                break;
            }
            assert!(waited < 4000, "{program} does not listen on {addr}");
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

/// One of the two resolvers; it knows nothing yet.
pub(crate) struct Resolver {
    pub(crate) program: Program,
    pub(crate) addr: SocketAddr,
}

/// What a resolver has to be told of its world, and a folder for its configuration.
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    /// The DS records of the root.
    pub(crate) anchors: Vec<String>,
    /// The servers of the root.
    pub(crate) hints: Vec<(Name, IpAddr)>,
}

impl World {
    fn write(&self, file: &str, text: &str) -> String {
        let path = self.folder.join(file);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// This program.
    pub(crate) fn ours(&self) -> Resolver {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 5301));
        let mut text = format!(
            "[server]\nlisten = [\"{addr}\"]\nthreads = 1\n[http]\nlisten = [\"{FIGURES}\"]\n[resolver]\nquery_loopback = true\nipv6 \
             = false\nprivate_addresses = []\n[dnssec]\ntrust_anchors = {:?}\n",
            self.anchors
        );
        for (name, addr) in &self.hints {
            let _ = write!(text, "[[root_hint]]\nname = \"{name}\"\naddress = \"{addr}\"\n");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["serve", "--config", &self.write("rootwalk.toml", &text)]).env_clear();
        Resolver { program: Program::start(command, addr), addr }
    }

    /// Unbound, told no more than it must be told and these lines of its `server` clause.
    pub(crate) fn unbound(&self, more: &str) -> Resolver {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 5302));
        let mut hint_lines = String::new();
        for (name, addr) in &self.hints {
            let _ = write!(hint_lines, ". 3600 NS {name}\n{name} 3600 A {addr}\n");
        }
        let (hints, anchor) = (self.write("root.hints", &hint_lines), self.write("root.ds", &self.anchors.join("\n")));
        let text = format!(
            "server:\n interface: {}@{}\n num-threads: 1\n do-daemonize: no\n do-ip6: no\n username: \"\"\n chroot: \
             \"\"\n directory: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n verbosity: 1\n \
             do-not-query-localhost: no\n root-hints: \"{hints}\"\n trust-anchor-file: \"{anchor}\"\n{more}",
            addr.ip(),
            addr.port()
        );
        let path = self.write("unbound.conf", &text);
        let mut command = Command::new("unbound");
        command.args(["-c", &path]);
        Resolver { program: Program::start(command, addr), addr }
    }
}

/// What a resolver says to a question with DO and RD: over UDP, and over TCP when that is truncated.
pub(crate) fn ask(resolver: SocketAddr, question: &Question) -> Option<Reply> {
    let mut query = Vec::new();
    let edns = Edns::new(1232, true);
    write_query(4711, question, Flags::default().with_rd(true), Some(&edns), &mut query);
    let reply = over_udp(resolver, &query)?;
    if reply.flags.tc() { over_tcp(resolver, &query) } else { Some(reply) }
}

fn over_udp(resolver: SocketAddr, query: &[u8]) -> Option<Reply> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE / TRIES)).unwrap();
    let mut reply = [0; 65_535];
    let len = (0..TRIES).find_map(|_| {
        socket.send_to(query, resolver).unwrap();
        socket.recv(&mut reply).ok()
    })?;
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

/// What of a reply has to be the same: the code, AD, and the records of the answer; and what is said of why.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) rcode: ResponseCode,
    pub(crate) secure: bool,
    pub(crate) answer: Vec<String>,
    pub(crate) edes: Vec<String>,
    /// What stands in one section more than once (RFC 2181 section 5).
    pub(crate) again: Vec<String>,
}

impl Said {
    pub(crate) fn of(reply: &Reply) -> Self {
        let data = reply.answer.iter().filter(|record| record.rtype != RecordType::RRSIG);
        let lines = data.map(|record| Self::line(&record.owner, record.rtype, &record.rdata)).collect();
        let edes = reply.edns.iter().flat_map(Edns::edes).map(|ede| ede.to_string()).collect();
        let mut again = Vec::new();
        for section in [&reply.answer, &reply.authority] {
            let mut seen = HashSet::new();
            let lines = section.iter().map(|record| Self::line(&record.owner, record.rtype, &record.rdata));
            again.extend(lines.filter(|line| !seen.insert(line.clone())));
        }
        Self { edes, again, ..Self::new(reply.rcode, reply.flags.ad(), lines) }
    }

    pub(crate) fn new(rcode: ResponseCode, secure: bool, mut answer: Vec<String>) -> Self {
        answer.sort_unstable();
        answer.dedup();
        Self { rcode, secure, answer, edes: Vec::new(), again: Vec::new() }
    }

    /// A record as text, whatever its case.
    pub(crate) fn line(owner: &Name, rtype: RecordType, rdata: &[u8]) -> String {
        format!("{owner} {} {}", type_name(rtype), rdata_text(rtype, rdata)).to_lowercase()
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.rcode, self.secure, &self.answer) == (other.rcode, other.secure, &other.answer)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", rcode_name(self.rcode), if self.secure { " ad" } else { "" }, self.answer.join(" | "))?;
        self.edes.iter().try_for_each(|ede| write!(f, "\n             {ede}"))
    }
}

/// What both resolvers say to each of the questions.
pub(crate) fn both(questions: &[Question], ours: SocketAddr, theirs: SocketAddr) -> Vec<(Question, Said, Said)> {
    let said = |resolver, question: &Question| {
        let wanted = format!("an answer of {resolver} to {question}; here is {ours}, Unbound {theirs}");
        ask(resolver, question).as_ref().map(Said::of).expect(&wanted)
    };
    let both = |question: &Question| (question.clone(), said(ours, question), said(theirs, question));
    std::thread::scope(|scope| {
        let shares = questions.chunks(questions.len().div_ceil(16));
        let threads: Vec<_> =
            shares.map(|share| scope.spawn(move || share.iter().map(both).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
