//! `wechat-hub check`: asks the platform for a token of each app, and says what to do where there is none.

use std::{
    io::{Write, stdout},
    time::Duration,
};

use tokio::runtime;
use tower_wechat::TokenCache;

use super::{End, apps::issuer, certificate::Certificate};
use crate::config::{App, Config, Given, Kind};

/// Longer than a fetch may take: what has gone wrong is what this is for.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn run(given: &Given) -> Result<(), End> {
    let config = Config::load(given).map_err(End::configuration)?;
    Certificate::of(&config).map_err(End::configuration)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(End::failure)?;
    let mut failed = 0;
    for app in &config.apps {
        let found = runtime.block_on(check(app));
        let (word, text) = match &found {
            Ok(text) => ("good", text.clone()),
            Err(end) => ("bad ", end.to_string()),
        };
        failed += usize::from(found.is_err());
        let line = format!("{word}  {}  {}: {text}\n", app.id.as_str(), kind(app.kind));
        stdout().write_all(line.as_bytes()).map_err(End::failure)?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(End::Failure(format!("{failed} of {} apps have no token", config.apps.len()))),
    }
}

/// One mint that does no harm: a stable token, where the app's own kind would end the life of the token that a running hub
/// has. Secret and address are the same for both.
async fn check(app: &App) -> Result<String, Box<dyn std::error::Error>> {
    let harmless = match app.kind {
        Kind::Classic => App { kind: Kind::Stable, ..app.clone() },
        Kind::Stable | Kind::WeCom => app.clone(),
    };
    let cache = TokenCache::builder(issuer(&harmless)?).wait_timeout(PATIENCE).build();
    let token = cache.token().await?;
    let advice = match app.kind {
        Kind::Classic => {
            "; it is set to \"classic\", where any other program that asks for this app's token ends the hub's: \"stable\" is safe \
             from that"
        }
        Kind::Stable | Kind::WeCom => "",
    };
    let seconds = token.expires_in().as_secs();
    Ok(format!(
        "the secret is right and this host's address is allowed; a token lives for {seconds} s more{advice}"
    ))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Stable => "stable",
        Kind::Classic => "classic",
        Kind::WeCom => "wecom",
    }
}
