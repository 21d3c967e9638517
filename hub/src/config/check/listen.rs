//! Where to listen.

use std::net::{SocketAddr, ToSocketAddrs};

use super::Checker;
use crate::config::{
    Tcp, Transport,
    place::{Fault, Value},
    raw,
};

impl Checker<'_> {
    pub(super) fn tcp(&self, listen: &raw::Listen) -> Result<Option<Tcp>, Fault> {
        let Some(tcp) = &listen.tcp else { return Ok(None) };
        let address = self.address(tcp)?;
        let how = match (&listen.tls.cert, &listen.tls.key) {
            (Some(certificate), Some(key)) => {
                let path = self.path(&key.is);
                self.hidden(&path, &key.at)?;
                Transport::Tls { certificate: self.path(&certificate.is), key: path }
            }
            (Some(only), None) => return Err(self.fault(&only.at, "`[listen.tls]` needs `key`, too")),
            (None, Some(only)) => return Err(self.fault(&only.at, "`[listen.tls]` needs `cert`, too")),
            (None, None) => {
                let is_asked_for = listen.insecure_plaintext.as_ref().is_some_and(|asked| asked.is);
                if !address.ip().is_loopback() && !is_asked_for {
                    return Err(self.fault(
                        &tcp.at,
                        format!(
                            "{address} is not a loopback address, and without TLS whoever listens on the way can read tokens and \
                             client secrets: name `cert` and `key` in `[listen.tls]`, or say `insecure_plaintext = true` in \
                             `[listen]` if nobody else is in that network"
                        ),
                    ));
                }
                Transport::Plain
            }
        };
        Ok(Some(Tcp { address, how }))
    }

    /// The first address of a text such as `127.0.0.1:9190` or `localhost:9190`.
    pub(super) fn address(&self, value: &Value<String>) -> Result<SocketAddr, Fault> {
        let addresses = value.is.to_socket_addrs();
        addresses.ok().and_then(|mut addresses| addresses.next()).ok_or_else(|| {
            self.fault(
                &value.at,
                format!(
                    "{:?} is no address: write it like 127.0.0.1:9190 (port 0 is any free one)",
                    value.is
                ),
            )
        })
    }
}
