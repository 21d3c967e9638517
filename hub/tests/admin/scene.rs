//! Hubs to look at.

use std::time::Duration;

use fake_wechat::{FakeWeChat, Fault};
use tower_wechat::{
    Platform, TokenCache, TokenError,
    issuer::{AccountKey, ClassicToken, Issuer, Mint, MintFuture, Minted, StableToken},
    testing::ManualClock,
};
use wechat_hub::{Client, Hub, HubBuilder, Right, Server};

use super::support::{APP, Answer, SECRET, raw};

/// An issuer in memory: tokens of two hours, or this error.
pub struct Mill {
    app: String,
    error: Option<TokenError>,
    platform: Platform,
}

impl Mill {
    pub fn new(app: &str, error: Option<TokenError>) -> Self {
        Self { app: app.to_owned(), error, platform: Platform::wechat() }
    }
}

impl Issuer for Mill {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        let minted = Minted::new(format!("of the mill for {}", self.app), Duration::from_secs(7200));
        let minted = self.error.clone().map_or(Ok(minted), Err);
        Box::pin(async move { minted })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("mill", "", self.app.as_str(), None)
    }
}

/// What the admin address answers.
pub async fn look(server: &Server, path: &str) -> Answer {
    ask(server, "GET", path, "").await
}

/// The same, with further headers.
pub async fn ask(server: &Server, method: &str, path: &str, headers: &str) -> Answer {
    raw(server, format!("{method} {path} HTTP/1.1\r\nhost: hub\r\n{headers}\r\n")).await.unwrap()
}

/// A hub with an app in every state, and what it stands on.
pub struct Scene {
    pub hub: Hub,
    pub wechat: FakeWeChat,
    pub tokens: Vec<String>,
}

pub const OTHER_SECRET: &str = "a secret of another client";

impl Scene {
    pub async fn new(more: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        let wechat = FakeWeChat::builder()
            .account(APP, FakeWeChat::APP_SECRET)
            .account("wx00spent00spent00", FakeWeChat::APP_SECRET)
            .account("wx00refused0refuse", FakeWeChat::APP_SECRET)
            .start()
            .await;
        let mut tokens = Vec::new();

        let stable =
            |app: &str| StableToken::new(app, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
        let good = TokenCache::new(stable(APP));
        tokens.push(good.token().await.unwrap());

        let clock = ManualClock::new();
        let ends = TokenCache::builder(Mill::new("wx00ends00ends00en", None)).clock(&clock).build();
        tokens.push(ends.token().await.unwrap());
        clock.set_forward(Duration::from_secs(7170));

        let classic = ClassicToken::new("wx00spent00spent00", FakeWeChat::APP_SECRET).base_url(&wechat.url());
        let spent = TokenCache::new(classic.unwrap());
        let mut token = spent.token().await.unwrap();
        tokens.push(token.clone());
        wechat.revoke_account("wx00spent00spent00");
        while let Ok(better) = spent.refresh(&token).await {
            wechat.revoke_account("wx00spent00spent00");
            tokens.push(better.clone());
            token = better;
        }

        wechat.fail_tokens(Fault::Errcode(40164));
        let refused = TokenCache::new(stable("wx00refused0refuse"));
        refused.token().await.unwrap_err();
        wechat.heal();

        let apps =
            [APP, "wx00ends00ends00en", "wx00none00none00no", "wx00refused0refuse", "wx00spent00spent00"];
        let builder = Hub::builder()
            .app(APP, good)
            .app_on_demand("wx00ends00ends00en", ends)
            .app_on_demand("wx00none00none00no", TokenCache::new(Mill::new("wx00none00none00no", None)))
            .app_on_demand("wx00refused0refuse", refused)
            .app_on_demand("wx00spent00spent00", spent)
            .client(Client::new("all", SECRET).apps(apps).rights([
                Right::Token,
                Right::Refresh,
                Right::Proxy,
            ]))
            .client(Client::new("报表", OTHER_SECRET).apps([APP]).rights([Right::Token]));
        let hub = more(builder).build().unwrap();
        Self { hub, wechat, tokens: tokens.iter().map(|token| token.as_str().to_owned()).collect() }
    }
}
