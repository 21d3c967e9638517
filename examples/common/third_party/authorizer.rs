//! [`Authorizer`]: the issuer of the tokens of an account that has authorised the platform.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;
use tower_wechat::{
    AppId, AuthOutcome, Platform, TokenCache, TokenError, WeChatAuth,
    issuer::{AccountKey, Issuer, Mint, MintFuture},
};

use super::{
    Component, Log,
    answer::{minted, no_answer, read},
};

/// Mints the `authorizer_access_token` of one account, with a call that carries the platform's token.
pub struct Authorizer {
    pub app: AppId,
    /// Where the account's token goes.
    pub platform: Platform,
    pub parent: AppId,
    pub component: Arc<Component>,
    /// The platform's token.
    pub parents_token: TokenCache,
    /// Puts it into requests, and has it replaced when WeChat rejects it.
    pub auth: WeChatAuth<reqwest::Client>,
    pub http: reqwest::Client,
    pub refresh_tokens: RefreshTokens,
    /// The refresh token of the last try.
    pub tried: Mutex<Option<String>>,
    /// Whether the last try failed because the platform itself has no token.
    pub parent_failed: AtomicBool,
}

impl Issuer for Authorizer {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            let refresh_token = self.refresh_tokens.of(&self.app);
            self.tried.lock().unwrap().clone_from(&refresh_token);
            let Some(refresh_token) = refresh_token else {
                self.parent_failed.store(false, Ordering::Relaxed);
                return Err(TokenError::permanent("the account has withdrawn its authorisation"));
            };
            let json = json!({
                "component_appid": self.parent.as_str(),
                "authorizer_appid": self.app.as_str(),
                "authorizer_refresh_token": refresh_token,
            });
            let url = self.platform.base_url() + "/cgi-bin/component/api_authorizer_token";
            let request = self.http.post(url).json(&json).build().map_err(no_answer)?;
            let sent = self.auth.execute(request).await;
            // The platform may have no token, or none that is better than the one that WeChat has just rejected. That is why
            // this account has none, either: the error names the platform, and says what to do there.
            let of_parent = match &sent {
                Ok(response) => response.extensions().get().and_then(AuthOutcome::refresh_error),
                Err(error) => error.downcast_ref::<TokenError>(),
            };
            self.parent_failed.store(of_parent.is_some(), Ordering::Relaxed);
            if let Some(error) = of_parent {
                return Err(error.clone());
            }
            let response = sent.map_err(|_| TokenError::transient("api_authorizer_token did not answer"))?;
            let answer = read(response, &self.platform).await?;
            // Before the token is used, and without a wait in between: once the cache gives this mint up, nothing after the
            // next `.await` is done. A database takes an `.await`, so that is for a task of its own: `tokio::spawn(save).await`.
            // What the account's owner has changed in the meantime, by a new authorisation or by the end of one, is newer.
            if let Some(newest) = answer["authorizer_refresh_token"].as_str()
                && self.refresh_tokens.of(&self.app) == Some(refresh_token)
            {
                self.refresh_tokens.save(&self.app, newest);
            }
            minted(&answer, "authorizer_access_token")
        })
    }

    /// The account's own, which is that of any official account or mini program.
    fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The same account may have authorised another platform, too, and has other tokens there.
    fn account(&self) -> AccountKey {
        let authorised = format!("{}/{}", self.platform.base_url(), self.parent);
        AccountKey::new("authorizer", &authorised, self.app.clone(), None)
    }

    /// The platform is back, or the account has authorised it again.
    fn was_mended(&self, _failure: &TokenError) -> bool {
        if self.parent_failed.load(Ordering::Relaxed) {
            return self.component.has_news() || self.parents_token.health().held_back.is_none();
        }
        *self.tried.lock().unwrap() != self.refresh_tokens.of(&self.app)
    }
}

/// The refresh tokens of the accounts: a database in a real program, which must keep them.
#[derive(Clone)]
pub struct RefreshTokens {
    of: Arc<Mutex<HashMap<AppId, String>>>,
    log: Log,
}

impl RefreshTokens {
    pub fn new(log: Log) -> Self {
        Self { of: Arc::default(), log }
    }

    /// Of an account that has authorised the platform.
    pub fn of(&self, app: &AppId) -> Option<String> {
        self.of.lock().unwrap().get(app).cloned()
    }

    /// For the handler of authorisations (`api_query_auth`) as well.
    pub fn save(&self, app: &AppId, token: &str) {
        self.of.lock().unwrap().insert(app.clone(), token.to_owned());
        self.log.say(format!("the refresh token of {app} is saved"));
    }
}
