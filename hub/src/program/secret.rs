//! `wechat-hub secret`: a client's secret, and what the configuration has of it.

use std::io::{Write, stdout};

use super::End;
use crate::secret::ClientSecret;

pub(super) fn run() -> Result<(), End> {
    let secret = ClientSecret::generate().map_err(End::failure)?;
    let text = format!(
        "secret        = \"{}\"   # for the client, and for nobody else: it is not shown again\nsecret_sha256 = \"{}\"   \
         # for the hub's configuration\n",
        secret.expose(),
        secret.hash()
    );
    stdout().write_all(text.as_bytes()).map_err(End::failure)
}
