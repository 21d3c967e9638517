//! `wechat-hub token APP` and `wechat-hub refresh APP`: ask a running hub, as any client does.

use std::{
    io::{Write, stdout},
    path::PathBuf,
};

use tokio::runtime;
use tower_wechat::{AccessToken, Platform, TokenCache, TokenError, issuer::HubToken};

use super::End;
use crate::config::read_secret;

/// Which hub, which app, and as whom.
#[derive(clap::Args)]
pub(super) struct Ask {
    /// The app's id
    app: String,
    /// Where the hub is: `unix:/path`, `https://host:port`, or `http://127.0.0.1:port`
    #[arg(long, value_name = "PLACE", env = "WECHAT_HUB_URL")]
    hub: String,
    /// The file with the client's secret; or set `WECHAT_HUB_CLIENT_SECRET`. On a Unix socket that has a client of its own
    /// neither is needed
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Certificates in PEM to trust besides the usual ones
    #[arg(long, value_name = "FILE")]
    root_certificates: Option<PathBuf>,
    /// What the app's tokens are of: wechat, or wecom
    #[arg(long, value_name = "NAME", default_value = "wechat", value_parser = ["wechat", "wecom", "component", "suite", "provider"])]
    platform: String,
    /// Print the token itself, and nothing else; without this, a fingerprint
    #[arg(long)]
    reveal: bool,
}

/// The variable with the client's secret. It has no flag: other users see command lines.
const SECRET: &str = "WECHAT_HUB_CLIENT_SECRET";

impl Ask {
    /// The present token.
    pub(super) fn token(&self) -> Result<(), End> {
        self.run(&async |cache| cache.token().await)
    }

    /// A better token than the present one.
    pub(super) fn refresh(&self) -> Result<(), End> {
        self.run(&async |cache| {
            let present = cache.token().await?;
            cache.refresh(&present).await
        })
    }

    fn run(&self, ask: &impl AsyncFn(&TokenCache) -> Result<AccessToken, TokenError>) -> Result<(), End> {
        let cache = TokenCache::new(self.issuer()?);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(End::failure)?;
        let token = runtime.block_on(ask(&cache)).map_err(End::failure)?;
        let line = if self.reveal {
            format!("{}\n", token.as_str())
        } else {
            let seconds = token.expires_in().as_secs();
            format!(
                "{}: a token with the fingerprint {}, for {seconds} s more\n",
                self.app,
                token.fingerprint()
            )
        };
        stdout().write_all(line.as_bytes()).map_err(End::failure)
    }

    fn issuer(&self) -> Result<HubToken, End> {
        let secret = match &self.client_secret_file {
            Some(file) => {
                read_secret(file).map_err(|what| End::Configuration(format!("{}: {what}", file.display())))?
            }
            None => std::env::var(SECRET).unwrap_or_default(),
        };
        let mut issuer = match self.hub.strip_prefix("unix:") {
            Some(path) => HubToken::unix(path, self.app.as_str(), secret),
            None => HubToken::tcp(&self.hub, self.app.as_str(), secret)
                .map_err(|error| End::Configuration(format!("--hub is unix:/path, or a URL: {error}")))?,
        };
        if let Some(file) = &self.root_certificates {
            let pem = crate::config::read_file(file);
            let pem = pem.map_err(|what| End::Configuration(format!("{}: {what}", file.display())))?;
            issuer = issuer.root_certificates_pem(&pem).map_err(End::configuration)?;
        }
        Ok(issuer.with_platform(match self.platform.as_str() {
            "wecom" => Platform::wecom(),
            "component" => Platform::component(),
            "suite" => Platform::suite(),
            "provider" => Platform::provider(),
            _ => Platform::wechat(),
        }))
    }
}
