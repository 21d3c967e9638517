//! The client of WeChat's APIs.

use std::time::Duration;

use account::Account;
use reqwest::redirect::Policy;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};

use crate::{BoxError, pictures::LARGEST};

/// A multipart body has a few hundred bytes around the picture.
const LARGEST_BODY: u64 = LARGEST + (1 << 16);

pub struct Client {
    pub http: ClientWithMiddleware,
    pub base_url: String,
    pub app_id: String,
}

impl Client {
    /// For so many uploads at once.
    pub fn new(account: &Account, concurrency: usize) -> Result<Self, BoxError> {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(10))
            // Not for a whole upload: that may take its time.
            .read_timeout(Duration::from_secs(60))
            .build()?;
        let cache =
            TokenCache::new(StableToken::new(&account.id, &account.secret).base_url(&account.base_url)?);
        // The pictures are streamed from disk. For a second send the layer records what it has sent, so it needs room for as
        // many of the largest as are under way.
        let largest = usize::try_from(LARGEST_BODY)?;
        let layer = WeChatAuthLayer::new(cache)
            .replay_limit(largest)
            .replay_memory(largest.saturating_mul(concurrency))
            // A large picture takes its time over a slow line, the second time, too.
            .replay_timeout(Duration::from_secs(300));

        // This is all that there is to do for the token: every request below has a good one.
        let http = ClientBuilder::new(http).with(layer).build();

        Ok(Self { http, base_url: account.base_url.clone(), app_id: account.id.clone() })
    }
}
