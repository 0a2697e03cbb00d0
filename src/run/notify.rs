//! Telling the service manager that clients can come, and that the program ends (`sd_notify`(3)).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Clients are answered from now on.
pub(super) const READY: &str = "READY=1\nSTATUS=Answering queries\n";
/// What was read at the start is read again; [`READY`] follows.
pub(super) const RELOADING: &str = "RELOADING=1\nSTATUS=Reading the configuration\n";

/// The queries in hand are finished, and no others are taken.
pub(super) const STOPPING: &str = "STOPPING=1\nSTATUS=Finishing the queries in hand\n";

/// Tells `state` to whoever started this program, if it wants to know. That it cannot be told is no reason to end.
pub(super) fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!("the service manager is not told {:?}: {error}", state.lines().next().unwrap_or_default());
    }
}

/// The name of a socket is a path, or begins with @ and is abstract.
fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // A manager that does not read must not keep the resolver from its work.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_have_paths_or_abstract_names() {
        let name = format!("rootwalk-notify-{}", std::process::id());
        let path = env::temp_dir().join(&name);
        let bound = [
            (path.clone().into_os_string(), SocketAddr::from_pathname(&path).unwrap()),
            (format!("@{name}").into(), SocketAddr::from_abstract_name(&name).unwrap()),
        ];
        for (named, address) in bound {
            let manager = UnixDatagram::bind_addr(&address).unwrap();
            send(&named, READY).unwrap();
            let mut room = [0; 100];
            let len = manager.recv(&mut room).unwrap();
            assert_eq!(room[..len], *READY.as_bytes());
        }
        std::fs::remove_file(path).unwrap();
        assert!(send(OsStr::new("/nowhere/at/all"), READY).is_err());
    }
}
