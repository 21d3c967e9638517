//! [`Sender`]: one message to one open id.

use std::time::Duration;

use account::Account;
use reqwest::redirect::Policy;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error};
use serde_json::Value;
use tower_wechat::{
    AuthOutcome, NotReplayed, TokenCache, TokenError, WeChatAuthLayer, WeChatError, issuer::StableToken,
};

use crate::{
    BoxError,
    codes::{self, Verdict},
    message::Message,
    outcome::{Outcome, Why},
    recipients::Recipient,
};

/// Sends a message to one recipient after the other, or to many at once.
pub struct Sender {
    client: ClientWithMiddleware,
    url: String,
    message: Message,
}

/// What became of a send.
pub struct Sending {
    pub outcome: Outcome,
    /// WeChat rejected the token, and the layer sent the request again with another one.
    pub healed: bool,
}

impl Sender {
    pub fn new(account: &Account, message: Message) -> Result<Self, BoxError> {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(30))
            // A send over a connection that the server is just closing would be unknown.
            .pool_idle_timeout(Duration::from_secs(10))
            .build()?;
        let issuer = StableToken::new(&account.id, &account.secret).base_url(&account.base_url)?;

        // This is all that there is to do for the token: every send below has a good one.
        let client = ClientBuilder::new(http).with(WeChatAuthLayer::new(TokenCache::new(issuer))).build();

        Ok(Self { client, url: format!("{}/cgi-bin/message/template/send", account.base_url), message })
    }

    pub async fn send(&self, recipient: &Recipient) -> Sending {
        let response = match self.client.post(&self.url).json(&self.message.to(recipient)).send().await {
            Ok(response) => response,
            Err(error) => return Sending { outcome: without_answer(&error), healed: false },
        };
        let (status, auth) = (response.status(), response.extensions().get::<AuthOutcome>().cloned());
        let healed = auth.as_ref().is_some_and(AuthOutcome::replayed);
        let outcome = match response.bytes().await {
            Ok(answer) if status.is_success() => understand(&answer, auth.as_ref()),
            Ok(_) => Outcome::Unknown { why: format!("HTTP status {status}") },
            Err(_) => no_answer(),
        };
        Sending { outcome, healed }
    }
}

fn understand(answer: &[u8], auth: Option<&AuthOutcome>) -> Outcome {
    let Some(error) = WeChatError::parse(answer) else {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        return match answer["errcode"].as_i64() {
            Some(0) => Outcome::Sent { msgid: answer["msgid"].as_u64() },
            _ => Outcome::Unknown { why: "an answer that is not WeChat's".to_owned() },
        };
    };
    if auth.and_then(AuthOutcome::not_replayed) == Some(NotReplayed::TimedOut) {
        // The second request was on its way, and this is the answer to the first.
        return no_answer();
    }
    let errcode = error.errcode();
    let said = || match auth.and_then(AuthOutcome::refresh_error) {
        Some(error) => error.to_string(),
        None => format!("{errcode}, {}", codes::meaning(errcode)),
    };
    match codes::verdict(errcode) {
        Verdict::Refused => Outcome::Refused { errcode },
        Verdict::Unknown => Outcome::Unknown { why: said() },
        Verdict::SlowDown => Outcome::NotSent(Why::SlowDown(said())),
        Verdict::Quota => Outcome::NotSent(Why::Quota),
        Verdict::Stop => Outcome::NotSent(Why::Stop(said())),
    }
}

fn without_answer(error: &Error) -> Outcome {
    match error {
        // There was no token to send it with.
        Error::Middleware(error) => {
            let token = error.downcast_ref::<tower_wechat::Error>().and_then(|error| error.downcast_ref());
            let passes = token.is_some_and(|error: &TokenError| error.is_transient());
            let why = if passes { Why::SlowDown } else { Why::Stop };
            Outcome::NotSent(why(error.to_string()))
        }
        Error::Reqwest(error) if error.is_connect() => {
            Outcome::NotSent(Why::SlowDown("there is no connection to WeChat".to_owned()))
        }
        // It was under way.
        Error::Reqwest(_) => no_answer(),
    }
}

fn no_answer() -> Outcome {
    Outcome::Unknown { why: "no answer came".to_owned() }
}
