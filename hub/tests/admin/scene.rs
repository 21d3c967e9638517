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

/// Apps of a scene beside the one that is well.
const ENDS: &str = "wx00ends00ends00en";
const NONE: &str = "wx00none00none00no";
const REFUSED: &str = "wx00refused0refuse";
const SPENT: &str = "wx00spent00spent00";

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
            .account(SPENT, FakeWeChat::APP_SECRET)
            .account(REFUSED, FakeWeChat::APP_SECRET)
            .start()
            .await;
        let stable =
            |app: &str| StableToken::new(app, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
        let clock = ManualClock::new();
        let good = TokenCache::new(stable(APP));
        let ends = TokenCache::builder(Mill::new(ENDS, None)).clock(&clock).build();
        let none = TokenCache::new(Mill::new(NONE, None));
        let refused = TokenCache::new(stable(REFUSED));
        let classic = ClassicToken::new(SPENT, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
        let spent = TokenCache::new(classic);
        let all = [APP, ENDS, NONE, REFUSED, SPENT];
        let builder = Hub::builder()
            .app(APP, good.clone())
            .app_on_demand(ENDS, ends.clone())
            .app_on_demand(NONE, none)
            .app_on_demand(REFUSED, refused.clone())
            .app_on_demand(SPENT, spent.clone())
            .client(Client::new("all", SECRET).apps(all).rights([Right::Token, Right::Refresh, Right::Proxy]))
            .client(Client::new("报表", OTHER_SECRET).apps([APP]).rights([Right::Token]));
        let hub = more(builder).build().unwrap();

        let mut tokens = vec![good.token().await.unwrap(), ends.token().await.unwrap()];
        clock.set_forward(Duration::from_secs(7170));
        let mut token = spent.token().await;
        while let Ok(good) = token {
            wechat.revoke_account(SPENT);
            token = spent.refresh(&good).await;
            tokens.push(good);
        }
        wechat.fail_tokens(Fault::Errcode(40164));
        refused.token().await.unwrap_err();
        wechat.heal();
        Self { hub, wechat, tokens: tokens.iter().map(|token| token.as_str().to_owned()).collect() }
    }
}
