//! [`Tls`]: a certificate that can be replaced while it is used.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::{clock::unix_seconds, error::Error};

/// A certificate and its key, for [`serve_tls`](crate::Hub::serve_tls). Both can be replaced while the hub is served:
/// connections that are there keep the one that they began with.
///
/// ```no_run
/// use wechat_hub::Tls;
///
/// let read = |name: &str| std::fs::read(format!("/etc/wechat-hub/{name}"));
/// let tls = Tls::from_pem(&read("tls.crt")?, &read("tls.key")?)?;
/// // After the certificate was renewed:
/// tls.replace(&read("tls.crt")?, &read("tls.key")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tls {
    present: Arc<Present>,
    config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Present(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Present {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// From PEM: the certificate with those that it was signed by, and its key.
    ///
    /// # Errors
    ///
    /// If there is no certificate or no key in the texts, they do not belong together, or the certificate has expired or is not
    /// valid yet.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let present = Arc::new(Present(ArcSwap::from_pointee(certified(certificates, key)?)));
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| Error::new(format!("TLS cannot be set up: {error}")))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(present.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { present, config: Arc::new(config) })
    }

    /// Takes another certificate and key from now on.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and those before stay.
    pub fn replace(&self, certificates: &[u8], key: &[u8]) -> Result<(), Error> {
        self.present.0.store(Arc::new(certified(certificates, key)?));
        Ok(())
    }
}

impl From<Tls> for Arc<ServerConfig> {
    fn from(tls: Tls) -> Self {
        tls.config
    }
}

/// That clients will take the certificate at this time of day.
fn check_life(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::new("the certificate cannot be read: it is no X.509"))?;
    let life = parsed.validity();
    let now = i64::try_from(unix_seconds()).unwrap_or(i64::MAX);
    if life.not_after.timestamp() < now {
        return Err(Error::new(format!(
            "the certificate expired on {}: put a new one in its place",
            life.not_after
        )));
    }
    if life.not_before.timestamp() > now {
        return Err(Error::new(format!(
            "the certificate is not valid before {}: is the clock right?",
            life.not_before
        )));
    }
    Ok(())
}

fn certified(certificates: &[u8], key: &[u8]) -> Result<CertifiedKey, Error> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let chain = chain.map_err(|error| Error::new(format!("the certificate cannot be read: {error}")))?;
    if chain.is_empty() {
        return Err(Error::new(
            "there is no certificate in the file: it has `-----BEGIN CERTIFICATE-----` in it",
        ));
    }
    check_life(&chain[0])?;
    // An error of the parser's quotes nothing of the key.
    let key = PrivateKeyDer::from_pem_slice(key);
    let key = key.map_err(|error| Error::new(format!("the certificate's key cannot be read: {error}")))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| Error::new(format!("certificate and key do not go together: {error}")))
}
