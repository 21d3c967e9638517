//! Certificates that the built-in client trusts, and what it does over TLS.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::error::Error;

/// The certificates that are trusted: Mozilla's, and the caller's own.
#[derive(Clone)]
pub(super) struct Roots(RootCertStore);

impl Roots {
    /// Mozilla's alone.
    pub(super) fn mozilla() -> Self {
        Self(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// Those before, or Mozilla's, and all certificates in a PEM text. What else is in it is skipped.
    pub(super) fn read(pem: &[u8], before: Option<&Self>) -> Result<Self, Error> {
        let Self(mut roots) = before.cloned().unwrap_or_else(Self::mozilla);
        let known = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            // Neither error says more than this, and the text may hold a private key.
            let certificate = certificate.map_err(|_| {
                Error::config("the root certificates cannot be read: the text is no valid PEM")
            })?;
            roots.add(certificate).map_err(|_| {
                Error::config("the root certificates cannot be read: one of them is no X.509 certificate")
            })?;
        }
        if roots.len() == known {
            return Err(Error::config(
                "there is no root certificate in the text: it must hold one in PEM, from `-----BEGIN CERTIFICATE-----` on",
            ));
        }
        Ok(Self(roots))
    }

    pub(super) fn tls(&self) -> Arc<ClientConfig> {
        // Named, not looked up: where several providers are compiled in, rustls's own choice is a panic.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            // Fails for a provider that has no suite for TLS 1.2 or 1.3; this one has suites for both.
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(self.0.clone())
            .with_no_client_auth();
        Arc::new(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_text_without_a_certificate_is_refused() {
        let key = rcgen::KeyPair::generate().unwrap();
        let good = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap().pem();
        for (text, says) in [
            (String::new(), "no root certificate"),
            ("SENTINEL".to_owned(), "no root certificate"),
            (key.serialize_pem(), "no root certificate"),
            (good.replace("-----END CERTIFICATE-----", ""), "no valid PEM"),
            (good.replacen("MII", "!!!", 1), "no valid PEM"),
            (
                "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n".to_owned(),
                "no X.509 certificate",
            ),
        ] {
            let error = Roots::read(text.as_bytes(), None).err().expect(says);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(!format!("{error:?}").contains("SENTINEL"));
        }
        let known = Roots::mozilla().0.len();
        let one = Roots::read(format!("{}\n{good}", key.serialize_pem()).as_bytes(), None).unwrap();
        let three = Roots::read(format!("a comment\n{good}{good}").as_bytes(), Some(&one)).unwrap();
        assert_eq!((one.0.len(), three.0.len()), (known + 1, known + 3), "they add up");
    }
}
