//! Messages to users beside the answers to callbacks: WeChat's customer messages (客服消息).

use std::time::Duration;

use account::Account;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use tower_wechat::{AuthOutcome, TokenCache, WeChatAuthLayer, WeChatError, issuer::StableToken};

use crate::Failure;

/// For the token and both sends of a call together. What takes longer would heap up behind a WeChat that does not answer.
const LONGEST: Duration = Duration::from_secs(20);

/// Sends messages to users who have written within 48 hours.
#[derive(Clone)]
pub struct Customer {
    client: ClientWithMiddleware,
    url: String,
}

impl Customer {
    pub fn new(account: &Account) -> Result<Self, Failure> {
        let issuer = StableToken::new(&account.id, &account.secret).base_url(&account.base_url)?;
        // reqwest would tell a host that it is redirected to the URL it came from, with the token in it.
        let http = reqwest::Client::builder().referer(false).timeout(LONGEST).build()?;

        // This is all that there is to do for the token: every request below has a good one.
        let client = ClientBuilder::new(http).with(WeChatAuthLayer::new(TokenCache::new(issuer))).build();

        Ok(Self { client, url: format!("{}/cgi-bin/message/custom/send", account.base_url) })
    }

    /// Sends a text to the user of this openid.
    pub async fn send_text(&self, open_id: &str, text: &str) -> Result<(), Failure> {
        let message = json!({ "touser": open_id, "msgtype": "text", "text": { "content": text } });
        let answer = self.client.post(&self.url).json(&message).send().await?;
        let (status, auth) = (answer.status(), answer.extensions().get::<AuthOutcome>().cloned());
        let answer = answer.bytes().await?;

        // WeChat says with status 200 that a call has failed.
        if let Some(error) = WeChatError::parse(&answer) {
            return Err(match auth.as_ref().and_then(AuthOutcome::refresh_error) {
                // WeChat's answer is then only that the old token is no good.
                Some(why) => {
                    format!("{error}; there is no other token: {}", account::with_causes(why)).into()
                }
                None => error.into(),
            });
        }
        let is_taken = serde_json::from_slice::<Value>(&answer).is_ok_and(|answer| answer["errcode"] == 0);
        if is_taken && status.is_success() {
            Ok(())
        } else {
            Err(format!("the answer (HTTP {status}) is not WeChat's; look for a proxy on the way").into())
        }
    }
}
