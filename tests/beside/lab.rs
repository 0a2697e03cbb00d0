//! The lab's servers, and resolvers that know of no others.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::LazyLock;

use rootwalk::lab::Lab;
use rootwalk::run;
use tempfile::TempDir;

use super::peers::{Program, Resolver, World};

pub(crate) static LAB: LazyLock<Lab> = LazyLock::new(|| Lab::embedded(run::unix_secs()).unwrap());

/// The file that the lab writes its trust anchor to.
const ANCHOR: &str = "anchor";

/// The servers of the lab on port 53; the resolver that comes with them is not asked.
pub(crate) struct Servers {
    _program: Program,
    folder: TempDir,
}

impl Servers {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Those of the lab of attacks.
    pub(crate) fn of_attacks() -> Self {
        let zones = tempfile::tempdir().unwrap();
        super::attacks::write(zones.path());
        Self::with(&["--zones", zones.path().to_str().unwrap()])
    }

    fn with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addr = SocketAddr::from((LAB.root_hints()[0].1[0], 53));
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.args(["lab", "--authority-port", "53", "--listen", "127.0.0.1:5399", "--no-web"]);
        let anchor = folder.path().join(ANCHOR);
        command.args(["--set", "http.listen=", "--trust-anchor-out", anchor.to_str().unwrap()]).args(more).env_clear();
        Self { _program: Program::start(command, addr), folder }
    }

    /// The DS record of the root, whose key is a new one each time.
    fn anchor(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join(ANCHOR)).unwrap();
        text.lines().find(|line| line.contains(" DS ")).unwrap().to_owned()
    }

    fn world(&self) -> World {
        let servers = LAB.root_hints().into_iter();
        let hints = servers.flat_map(|(name, addrs)| addrs.into_iter().map(move |addr| (name.clone(), addr))).collect();
        World { folder: self.folder.path().to_owned(), anchors: vec![self.anchor()], hints }
    }

    /// This program, which knows nothing yet.
    pub(crate) fn ours(&self) -> Resolver {
        self.world().ours()
    }

    /// Unbound, which knows nothing yet.
    pub(crate) fn unbound(&self) -> Resolver {
        self.world().unbound("")
    }
}
