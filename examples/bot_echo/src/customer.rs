//! Messages to users beside the answers to callbacks: WeChat's customer messages (客服消息).

use std::{error::Error, time::Duration};

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::json;
use tower_wechat::{TokenCache, WeChatAuthLayer, WeChatError, issuer::StableToken};

use account::Account;

/// For the token and both sends of a call together. What takes longer would heap up behind a WeChat that does not answer.
const LONGEST: Duration = Duration::from_secs(20);

/// Sends messages to users who have written within 48 hours.
#[derive(Clone)]
pub struct Customer {
    client: ClientWithMiddleware,
    url: String,
}

impl Customer {
    pub fn new(account: &Account) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let issuer = StableToken::new(&account.id, &account.secret).base_url(&account.base_url)?;
        // reqwest would tell a host that it is redirected to the URL it came from, with the token in it.
        let http = reqwest::Client::builder().referer(false).timeout(LONGEST).build()?;

        // This is all that there is to do for the token: every request below has a good one.
        let client = ClientBuilder::new(http).with(WeChatAuthLayer::new(TokenCache::new(issuer))).build();

        Ok(Self { client, url: format!("{}/cgi-bin/message/custom/send", account.base_url) })
    }

    /// Sends a text to the user of this openid.
    pub async fn send_text(&self, open_id: &str, text: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let message = json!({ "touser": open_id, "msgtype": "text", "text": { "content": text } });
        let answer = self.client.post(&self.url).json(&message).send().await?;
        let answer = answer.error_for_status()?.bytes().await?;
        // WeChat says with status 200 that a call has failed.
        WeChatError::parse(&answer).map_or(Ok(()), |error| Err(error.into()))
    }
}
