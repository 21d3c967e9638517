//! Fifty calls at once, cold and after a revoke.

use std::{error::Error, future::Future, net::Ipv4Addr, time::Duration};

use futures_util::future::join_all;
use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
use wechat_hub::{Client, ClientSecret, Hub, Right, Server};

pub type BoxError = Box<dyn Error + Send + Sync>;

pub const APP: &str = FakeWeChat::APP_ID;
pub const SECRET: &str = FakeWeChat::APP_SECRET;

const CALLS: usize = 50;
const SLOW: Duration = Duration::from_millis(100);

/// The way of a program's calls to `WeChat`.
pub struct Way {
    pub wechat: FakeWeChat,
    hub: Option<(Server, String)>,
}

pub struct Row {
    pub mints: u64,
    pub failed: usize,
}

impl Way {
    pub async fn alone() -> Self {
        // All calls are on their way before the first has an answer.
        let wechat = FakeWeChat::builder()
            .token_latency(SLOW)
            .api_latency(SLOW)
            .start()
            .await;
        Self { wechat, hub: None }
    }

    pub async fn through_hub() -> Result<Self, BoxError> {
        let Self { wechat, .. } = Self::alone().await;
        let secret = ClientSecret::generate()?;
        let client = Client::new("sdk", secret.hash().to_string())
            .apps([APP])
            .rights([Right::Proxy]);
        let issuer = StableToken::new(APP, SECRET).base_url(&wechat.url())?;
        let hub = Hub::builder()
            .app(APP, TokenCache::new(issuer))
            .client(client)
            .build()?;
        let server = hub.serve_tcp((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { wechat, hub: Some((server, secret.expose().to_owned())) })
    }

    pub fn url(&self) -> String {
        match &self.hub {
            Some((server, _)) => format!("http://{}", server.local_addr()),
            None => self.wechat.url(),
        }
    }

    pub fn secret(&self) -> &str {
        self.hub.as_ref().map_or(SECRET, |(_, secret)| secret)
    }
}

pub fn cache(way: &Way) -> Result<TokenCache, BoxError> {
    Ok(TokenCache::new(StableToken::new(APP, SECRET).base_url(&way.wechat.url())?))
}

/// Cold, and with a token that has been revoked.
pub async fn measure<T, E, F>(way: &Way, call: impl Fn() -> F) -> [Row; 2]
where
    F: Future<Output = Result<T, E>>,
{
    // A hub may have minted already.
    let cold = herd(way, &call, 0).await;
    way.wechat.revoke();
    [cold, herd(way, &call, way.wechat.mints()).await]
}

async fn herd<T, E, F>(way: &Way, call: impl Fn() -> F, before: u64) -> Row
where
    F: Future<Output = Result<T, E>>,
{
    let answers = join_all((0..CALLS).map(|_| call())).await;
    Row {
        mints: way.wechat.mints() - before,
        failed: answers.iter().filter(|answer| answer.is_err()).count(),
    }
}
