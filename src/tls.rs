//! The certificate of this server, which every door with TLS shows: read from files, read again on request, and what is
//! wrong with it in one line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::wire::Name;

/// How long shaking hands may take (slow loris).
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// A certificate with its key; whoever serves with it has the newest one at each handshake.
#[derive(Clone, Debug)]
pub struct Certificate {
    kept: Arc<Kept>,
    http: Arc<ServerConfig>,
    dns: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Kept {
    /// Where chain and key come from; `None` where they were made for this process.
    files: Option<(PathBuf, PathBuf)>,
    current: RwLock<Current>,
}

/// What the files said when they were read last.
#[derive(Debug)]
struct Current {
    certified: Arc<CertifiedKey>,
    /// The names in the certificate; wildcards are left out.
    names: Vec<Name>,
}

/// A certificate that cannot be served with. Its `Display` is one line: which file, what is wrong, what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{file} ({setting}) cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// The key of the configuration that names it.
        setting: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file has something else in it.
    #[error("{file} ({setting}) {what}")]
    Content {
        /// The file.
        file: String,
        /// The key of the configuration that names it.
        setting: &'static str,
        /// What it has or lacks.
        what: String,
    },
    /// Two files that do not belong together.
    #[error(
        "the key in {key} (tls.key) does not belong to the first certificate in {chain} (tls.certificate); \
         that of the server comes first, those that vouch for it after it"
    )]
    Mismatch {
        /// The file with the key.
        key: String,
        /// The file with the certificates.
        chain: String,
    },
    /// The settings of TLS itself are refused.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

const CHAIN: &str = "tls.certificate";
const KEY: &str = "tls.key";

impl Certificate {
    /// Reads a chain of certificates, that of the server first, and its key, both in PEM.
    ///
    /// # Errors
    /// When one of them cannot be read or used, or they do not belong together.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        Self::with(Some((chain.to_owned(), key.to_owned())), read(chain, key)?)
    }

    /// A certificate with those that vouch for it, that of the server first, and its key, which are in no file.
    ///
    /// # Errors
    /// When they cannot be used, or do not belong together.
    pub fn made(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, CertificateError> {
        let names = chain.first().and_then(|leaf| Some(names(&X509Certificate::from_der(leaf).ok()?.1)));
        let certified = Arc::new(CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?);
        Self::with(None, Current { certified, names: names.unwrap_or_default() })
    }

    fn with(files: Option<(PathBuf, PathBuf)>, current: Current) -> Result<Self, CertificateError> {
        let kept = Arc::new(Kept { files, current: current.into() });
        // RFC 7858 §3.1: a client need not name a protocol. One that names others is none of this door, and is told so
        // before it has said anything that could be taken for DNS (RFC 7301 §3.2).
        let (http, dns) = (server(&kept, &[b"h2", b"http/1.1"])?, server(&kept, &[b"dot"])?);
        Ok(Self { kept, http, dns })
    }

    /// Whether there are files to be read again.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.kept.files.is_some()
    }

    /// Reads the files again, if there are any. What comes to shake hands from now on gets what they say.
    ///
    /// # Errors
    /// As [`Certificate::read`]; the former certificate is served then.
    pub fn read_again(&self) -> Result<(), CertificateError> {
        if let Some((chain, key)) = &self.kept.files {
            let new = read(chain, key)?;
            *self.kept.current.write() = new;
        }
        Ok(())
    }

    /// Whether `name` stands in the certificate as it is, and not by a wildcard.
    #[must_use]
    pub fn is_for(&self, name: &Name) -> bool {
        self.kept.current.read().names.contains(name)
    }

    /// The first name in the certificate, by which clients may call this server and find that it is so. No setting says
    /// another: one that the certificate does not have is one that nobody believes (RFC 9462 §4.2).
    #[must_use]
    pub fn name(&self) -> Option<Name> {
        self.kept.current.read().names.first().cloned()
    }

    /// What its clients will not like as of `now_unix_secs`, in seconds since 1970.
    #[must_use]
    pub fn warning(&self, now_unix_secs: u32) -> Option<String> {
        let certified = Arc::clone(&self.kept.current.read().certified);
        let (_, leaf) = X509Certificate::from_der(certified.cert.first()?).ok()?;
        let (validity, now) = (leaf.validity(), i64::from(now_unix_secs));
        if validity.not_after.timestamp() < now {
            return Some(format!("{self} expired on {}", validity.not_after));
        }
        let early = validity.not_before.timestamp() > now;
        early.then(|| format!("{self} is valid only from {}", validity.not_before))
    }

    /// Shakes hands with clients that speak HTTP/2 or HTTP/1.1.
    pub(crate) fn for_http(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.http))
    }

    /// Shakes hands with clients that speak DNS (RFC 7858).
    pub(crate) fn for_dns(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.dns))
    }
}

/// The same one: other files may say the same, today.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kept, &other.kept)
    }
}

impl Eq for Certificate {}

impl ResolvesServerCert for Kept {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().certified))
    }
}

/// TLS 1.2 and 1.3 for those who speak one of `protocols`. What a client needs to resume is in its ticket, so that it
/// may come back to any worker at a door of the same kind, and nothing is kept here for those who do not (RFC 8446
/// §4.6.1, RFC 5077); the key of the tickets lives in memory and changes every few hours.
fn server(kept: &Arc<Kept>, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(kept) as Arc<dyn ResolvesServerCert>);
    server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    server.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(server))
}

fn read(chain_file: &Path, key_file: &Path) -> Result<Current, CertificateError> {
    let (chain_text, key_text) = (text(chain_file, CHAIN)?, text(key_file, KEY)?);
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain_text)
        .collect::<Result<_, _>>()
        .map_err(|error| content(chain_file, CHAIN, format!("is no good PEM: {error}")))?;
    let Some(leaf) = chain.first() else {
        return Err(content(chain_file, CHAIN, lacks(&chain_text, "certificate")));
    };
    let unreadable =
        |error| content(chain_file, CHAIN, format!("begins with a certificate that cannot be read: {error}"));
    let names = names(&X509Certificate::from_der(leaf).map_err(unreadable)?.1);
    let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(|error| {
        let what = match error {
            PemError::NoItemsFound => lacks(&key_text, "private key"),
            other => format!("is no good PEM: {other}"),
        };
        content(key_file, KEY, what)
    })?;
    let files = || (chain_file.display().to_string(), key_file.display().to_string());
    let certified =
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let (chain, key) = files();
                CertificateError::Mismatch { key, chain }
            }
            other => content(key_file, KEY, format!("has a key that cannot be used: {other}")),
        })?;
    Ok(Current { certified: Arc::new(certified), names })
}

/// The names that a certificate is for; wildcards are left out.
fn names(certificate: &X509Certificate<'_>) -> Vec<Name> {
    let found = certificate.subject_alternative_name().ok().flatten();
    let names = found.iter().flat_map(|found| &found.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) if !name.contains('*') => name.parse().ok(),
        _ => None,
    });
    names.collect()
}

fn text(file: &Path, setting: &'static str) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(file).map_err(|source| CertificateError::Read { file: file.display().to_string(), setting, source })
}

fn content(file: &Path, setting: &'static str, what: String) -> CertificateError {
    CertificateError::Content { file: file.display().to_string(), setting, what }
}

/// What to do about a file that has no `wanted` in it.
fn lacks(text: &[u8], wanted: &str) -> String {
    let text = String::from_utf8_lossy(text);
    let has = |what: &str| text.contains(what);
    let but = if has("ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        "; its key is encrypted, which `openssl pkey -in FILE -out NEW` undoes"
    } else if wanted != "private key" && has("PRIVATE KEY-----") {
        "; it has a private key, so the two files may have changed places"
    } else if wanted != "certificate" && has("BEGIN CERTIFICATE") {
        "; it has a certificate, so the two files may have changed places"
    } else if text.starts_with('0') {
        "; it looks like DER, which `openssl x509 -inform der` and `openssl pkey -inform der` turn into PEM"
    } else {
        ""
    };
    format!("has no {wanted} in PEM (-----BEGIN {}-----){but}", wanted.to_uppercase())
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kept.files {
            Some((chain, _)) => write!(f, "the certificate in {}", chain.display()),
            None => f.write_str("the certificate that was made for this process"),
        }
    }
}
