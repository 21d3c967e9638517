//! [`Certificate`]: the certificate of the TLS address and its key, as they stand in their files.

use std::path::Path;

use crate::{
    config::{Config, Fault, Transport, read_file},
    error::Error,
    serve::Tls,
};

/// A certificate and its key in PEM, checked.
pub(super) struct Certificate {
    certificates: Vec<u8>,
    key: Vec<u8>,
    tls: Tls,
}

impl Certificate {
    /// Reads those of this configuration, if it has some. What is wrong is told with its place and the files' names.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, Fault> {
        let read = config.tcp.as_ref().map(|tcp| Self::read(&tcp.how)).transpose();
        Ok(read.map_err(|error| config.places.tls.fault(error))?.flatten())
    }

    fn read(how: &Transport) -> Result<Option<Self>, Error> {
        let Transport::Tls { certificate, key } = how else { return Ok(None) };
        let read = |path: &Path| {
            read_file(path).map_err(|what| Error::new(format!("`[listen.tls]`: {}: {what}", path.display())))
        };
        let (certificates, key_text) = (read(certificate)?, read(key)?);
        let tls = Tls::from_pem(&certificates, &key_text).map_err(|error| {
            Error::new(format!("`[listen.tls]` {}, {}: {error}", certificate.display(), key.display()))
        })?;
        Ok(Some(Self { certificates, key: key_text, tls }))
    }

    /// For a listener.
    pub(super) fn into_tls(self) -> Tls {
        self.tls
    }

    /// Puts them into the place of those that a listener has.
    pub(super) fn replace(&self, tls: &Tls) -> Result<(), Error> {
        tls.replace(&self.certificates, &self.key)
    }
}
