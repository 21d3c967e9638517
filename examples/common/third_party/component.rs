//! [`Component`]: the issuer of the platform's own token.

use std::sync::{Mutex, MutexGuard};

use serde_json::json;
use tower_wechat::{
    AppId, AppSecret, Fingerprint, Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture},
};

use super::answer::{minted, no_answer, read};

/// Mints the `component_access_token`, from the secret and the ticket that WeChat pushes every ten minutes.
pub struct Component {
    platform: Platform,
    app: AppId,
    http: reqwest::Client,
    /// What WeChat is shown.
    present: Mutex<Credentials>,
    /// What WeChat was shown last.
    tried: Mutex<Option<Credentials>>,
}

#[derive(Clone)]
struct Credentials {
    secret: AppSecret,
    ticket: String,
}

impl Component {
    pub fn new(platform: Platform, app: AppId, secret: &str, ticket: &str, http: reqwest::Client) -> Self {
        let present = Credentials { secret: secret.into(), ticket: ticket.to_owned() };
        Self { platform, app, http, present: Mutex::new(present), tried: Mutex::default() }
    }

    /// For the handler of WeChat's pushes. A real program keeps the ticket in its database, too: it lives for twelve hours, and
    /// a program that is started anew needs one at once.
    pub fn take_ticket(&self, ticket: impl Into<String>) {
        self.present().ticket = ticket.into();
    }

    pub fn take_secret(&self, secret: impl Into<AppSecret>) {
        self.present().secret = secret.into();
    }

    /// Whether another try may go better than the last.
    pub fn has_news(&self) -> bool {
        let present = self.present().clone();
        self.tried.lock().unwrap().as_ref().is_none_or(|tried| {
            (tried.secret.expose(), &tried.ticket) != (present.secret.expose(), &present.ticket)
        })
    }

    fn present(&self) -> MutexGuard<'_, Credentials> {
        self.present.lock().unwrap()
    }
}

impl Issuer for Component {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            let present = self.present().clone();
            *self.tried.lock().unwrap() = Some(present.clone());
            if present.ticket.is_empty() {
                return Err(TokenError::transient(
                    "no ticket has come yet: WeChat pushes one every ten minutes",
                ));
            }
            let json = json!({
                "component_appid": self.app.as_str(),
                "component_appsecret": present.secret.expose(),
                "component_verify_ticket": present.ticket,
            });
            let url = self.platform.base_url() + "/cgi-bin/component/api_component_token";
            let response = self.http.post(url).json(&json).send().await.map_err(no_answer)?;
            minted(&read(response, &self.platform).await?, "component_access_token")
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Without the secret: with a new one it is the same account.
    fn account(&self) -> AccountKey {
        AccountKey::new("component", &self.platform.base_url(), self.app.clone(), None)
    }

    fn credential(&self) -> Option<Fingerprint> {
        Some(self.present().secret.fingerprint())
    }

    fn was_mended(&self, _failure: &TokenError) -> bool {
        self.has_news()
    }
}
