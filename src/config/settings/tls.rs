//! What all doors with TLS show.

use crate::config::section::section;

section! {
    /// The certificate of this server, which clients of `server.tls_listen` and of `http.tls_listen` are shown. A
    /// SIGHUP has both files read again.
    tls: Tls {
        /// A file with the certificate of this server and those that vouch for it, in this order, in PEM. The names
        /// in it count as `http.hosts`, and by the first of them clients that ask for `_dns.resolver.arpa` find the
        /// doors with TLS (RFC 9462).
        certificate: String = String::new();
        /// A file with the private key of that certificate, in PEM, without a password.
        key: String = String::new();
    }
}
