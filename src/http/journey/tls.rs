//! TLS to an origin: the handshake, and a judgement of its certificate in words.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{describe, faults};
use super::scout::Scout;
use crate::journey::{Certificate, End, Tls};

/// Certificates of a chain that are looked at.
const MOST_CERTIFICATES: usize = 10;

/// Whom to believe: the authorities of the system, and those of the settings. Read when first needed.
#[derive(Debug)]
pub(in crate::http) struct Trust {
    authorities: Vec<CertificateDer<'static>>,
    verifier: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
}

impl Trust {
    pub(in crate::http) fn new(authorities: Vec<CertificateDer<'static>>) -> Self {
        Self { authorities, verifier: OnceLock::new() }
    }

    fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, String> {
        let make = || {
            let mut roots = RootCertStore::empty();
            // A root of the system that cannot be read is one that nobody can be judged by; the others are.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            for authority in &self.authorities {
                roots
                    .add(authority.clone())
                    .map_err(|why| format!("an authority of the settings is unusable: {why}"))?;
            }
            let none = |_| "no authority is trusted here: neither the system nor the settings name one".to_owned();
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().map_err(none)
        };
        self.verifier.get_or_init(make).clone()
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

/// Shakes hands. Whatever comes of it is noted; a certificate that is not good ends the journey.
pub(super) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    offered: &[String],
    trust: &Trust,
    scout: &Scout<'_>,
) -> Result<TlsStream<S>, End> {
    let mut tls = Tls { begun_us: scout.now(), server_name: host.to_owned(), ..Tls::default() };
    tls.offered = offered.to_vec();
    let shaken = attempt(stream, host, trust, &mut tls).await;
    if let Ok(stream) = &shaken {
        let (_, session) = stream.get_ref();
        tls.ended_us = Some(scout.now());
        tls.version = session.protocol_version().map(|version| format!("{version:?}").replace("TLSv1_", "TLS 1."));
        tls.cipher = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        tls.key_exchange = session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
        tls.alpn = session.alpn_protocol().map(|alpn| alpn.escape_ascii().to_string());
    }
    scout.tell("tls", &tls);
    scout.hop.borrow_mut().tls = Some(tls);
    shaken
}

async fn attempt<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    trust: &Trust,
    tls: &mut Tls,
) -> Result<TlsStream<S>, End> {
    let failed = |error, why: String| End::Failed { error, why };
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| failed("tls_protocol_error", format!("{host} is no name for TLS")))?;
    let verifier = trust.verifier().map_err(|why| failed("tls_certificate_error", why))?;
    let judge = Arc::new(Judge { verifier, seen: Mutex::default() });
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let versions = versions.map_err(|why| failed("proxy_internal_error", why.to_string()))?;
    let verifying = versions.dangerous().with_custom_certificate_verifier(Arc::clone(&judge) as _);
    let mut config = verifying.with_no_client_auth();
    config.alpn_protocols = tls.offered.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let Verdict { chain, problems } = judge.seen.lock().take().unwrap_or_default();
    tls.trusted = !chain.is_empty() && problems.is_empty();
    (tls.certificates, tls.problems) = (chain, problems);
    shaken.map_err(|why| match tls.problems.is_empty() {
        false => failed("tls_certificate_error", tls.problems.join("; ")),
        true => failed("tls_protocol_error", format!("TLS with {host} failed: {why}")),
    })
}

/// What a chain looked like, and what is wrong with it.
#[derive(Debug, Default)]
struct Verdict {
    chain: Vec<Certificate>,
    problems: Vec<String>,
}

/// Judges as rustls does, and remembers what it saw.
struct Judge {
    verifier: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Verdict>>,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

impl Judge {
    /// Everything that is wrong, not only what was found first.
    fn problems(
        &self,
        chain: &[Certificate],
        presented: (&CertificateDer<'_>, &[CertificateDer<'_>]),
        name: &ServerName<'_>,
        now: UnixTime,
        found: &Error,
    ) -> Vec<String> {
        let Some(own) = chain.first() else { return vec!["what was shown is no certificate".to_owned()] };
        let mut problems = faults(chain, name, now.as_secs() * 1000);
        // On a day within its dates, and under a name of its own: would anybody here vouch for it?
        let day = UnixTime::since_unix_epoch(std::time::Duration::from_millis(own.not_before / 2 + own.not_after / 2));
        let own_name = own.names.iter().find_map(|name| ServerName::try_from(name.replace('*', "x")).ok());
        let own_name = own_name.unwrap_or_else(|| name.to_owned());
        let vouched = self.verifier.verify_server_cert(presented.0, presented.1, &own_name, &[], day);
        if matches!(vouched, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))) {
            problems.push(match own.subject == own.issuer {
                true => "the certificate is signed by itself, and by no authority that is trusted here".to_owned(),
                false => {
                    let last = chain.last().map_or(&own.issuer, |last| &last.issuer);
                    format!("no authority that is trusted here vouches for it: the chain ends at {last}")
                }
            });
        }
        if problems.is_empty() {
            problems.push(format!("the certificate is not accepted: {found}"));
        }
        problems
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let shown = std::iter::once(end_entity).chain(intermediates).take(MOST_CERTIFICATES);
        let chain: Vec<Certificate> = shown.filter_map(describe).collect();
        let problems = match &judged {
            Ok(_) => Vec::new(),
            Err(found) => self.problems(&chain, (end_entity, intermediates), server_name, now, found),
        };
        *self.seen.lock() = Some(Verdict { chain, problems });
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
