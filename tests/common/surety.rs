//! How sure a validator is of an answer, and how sure BIND's `delv` is, which asks this program with CD and judges by
//! itself.

use std::net::SocketAddr;
use std::process::Command;

/// How sure something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Surety {
    Secure,
    Insecure,
    Bogus,
}

/// What `delv` makes of a question with the trust anchors in the file `keys`, and all that it says.
pub(crate) fn by_delv(resolver: SocketAddr, keys: &str, name: &str, rtype: &str) -> (Surety, String) {
    let mut delv = Command::new("delv");
    delv.args([&format!("@{}", resolver.ip()), "-p", &resolver.port().to_string(), "-a", keys, "+root=."]);
    delv.args(["-q", name, "-t", rtype]);
    let output = delv.output().expect("delv (Debian package bind9-dnsutils) cannot be run; ./test installs it");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    let surety = match () {
        () if text.contains("; unsigned answer") || text.contains("response, unsigned") => Surety::Insecure,
        () if text.contains("; fully validated") || text.contains("response, fully validated") => Surety::Secure,
        () => Surety::Bogus,
    };
    (surety, text)
}
