//! The lab's certificate authority.
//!
//! Its key is made anew at each start, stays in memory and ends with the process, and it may vouch for the names of
//! this lab's origins alone (RFC 5280 §4.2.1.10). So whoever trusts it for an afternoon gives nothing away.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::super::origin::Certificate;

const DAY_SECS: u64 = 86_400;
/// How long certificates are valid after the start: longer than any afternoon.
const LIFE_SECS: u64 = 30 * DAY_SECS;
/// A name that no origin has and for which the authority vouches all the same.
const WRONG_NAME: &str = "somebody-else.web.lab";

/// The name of the lab's resolver, which has a door with TLS.
pub const RESOLVER: &str = "resolver.lab";

/// The authority.
pub(super) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    now_unix_secs: u64,
}

impl Ca {
    /// An authority for `names`.
    pub(super) fn new(names: &[String], now_unix_secs: u32) -> Result<Self, CaError> {
        let now_unix_secs = u64::from(now_unix_secs);
        let begin = now_unix_secs - LIFE_SECS - DAY_SECS;
        let mut params = params("rootwalk lab: certificates for play", begin, now_unix_secs + LIFE_SECS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let names = names.iter().map(String::as_str).chain([WRONG_NAME, RESOLVER]);
        let permitted_subtrees = names.map(|name| GeneralSubtree::DnsName(name.to_owned())).collect();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?, now_unix_secs })
    }

    /// The authority's certificate in PEM.
    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's certificate in DER.
    pub(super) fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// What a server with `names` needs for TLS: HTTP/2 and HTTP/1.1.
    pub(super) fn server(&self, names: &[String], kind: Certificate) -> Result<ServerConfig, CaError> {
        let (chain, key) = self.certify(names, kind)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// A certificate for `names`, addresses among them, with those that vouch for it, and its key.
    pub(super) fn certify(&self, names: &[String], kind: Certificate) -> Result<Certified, CaError> {
        let names = if kind == Certificate::WrongName { &[WRONG_NAME.to_owned()] } else { names };
        let yesterday = self.now_unix_secs - DAY_SECS;
        let (begin, end) = match kind {
            Certificate::Expired => (yesterday - LIFE_SECS, yesterday),
            _ => (yesterday, self.now_unix_secs + LIFE_SECS),
        };
        let mut params = params(names.first().map_or("", String::as_str), begin, end);
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let chain = match kind {
            Certificate::SelfSigned => vec![params.self_signed(&key)?.der().clone()],
            // The authority comes along for clients that know it by the hash of its key, as Chromium does.
            _ => vec![params.signed_by(&key, &self.issuer)?.der().clone(), self.der()],
        };
        Ok((chain, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()))))
    }
}

/// A certificate with those that vouch for it, that of the server first, and its key.
pub type Certified = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate for nobody yet, valid between two moments in seconds since 1970.
fn params(name: &str, begin: u64, end: u64) -> CertificateParams {
    let at = |unix_secs| date_time_ymd(1970, 1, 1) + Duration::from_secs(unix_secs);
    let mut params = CertificateParams::default();
    params.not_before = at(begin);
    params.not_after = at(end);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// Not even the certificate.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// Nobody could use it.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}
