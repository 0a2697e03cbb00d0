//! A network of one's own.

use std::process::Command;

/// Says to the test that it runs inside.
const INSIDE: &str = "ROOTWALK_TEST_INSIDE";

/// Runs `test`, which has this name, in a network namespace that has nothing but a loopback interface: the program of
/// the tests starts itself once more in there, for this test alone.
pub(crate) fn within(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let mut command = Command::new("unshare");
    // Who is not root becomes it in there: that much a user may.
    command.args([
        "--map-root-user",
        "--net",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        "ip link set lo up && exec \"$0\" \"$@\"",
    ]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    let status = command.env(INSIDE, "1").status();
    let status = status.unwrap_or_else(|error| panic!("unshare (Debian package util-linux) cannot be run: {error}"));
    assert!(status.success(), "{name} failed in its network namespace, or there can be none: {status}");
}
