//! What an issuer makes of an answer.

use std::time::Duration;

use serde_json::Value;
use tower_wechat::{Platform, TokenError, issuer::Minted};

/// A successful answer, or the error that the built-in issuers would make of it.
pub async fn read(response: reqwest::Response, platform: &Platform) -> Result<Value, TokenError> {
    let (status, body) = (response.status(), response.bytes().await);
    let body = body.map_err(no_answer)?;
    match TokenError::from_answer(status, &body, platform) {
        Some(error) => Err(error),
        None => serde_json::from_slice(&body).map_err(|_| TokenError::transient("the answer is no JSON")),
    }
}

pub fn no_answer(error: reqwest::Error) -> TokenError {
    let is_of_this_host = error.is_connect() && !error.is_timeout();
    // The URL may have a token in it.
    let failure = TokenError::transient(error.without_url().to_string());
    if is_of_this_host { failure.of_this_host() } else { failure }
}

pub fn minted(answer: &Value, name: &str) -> Result<Minted, TokenError> {
    match (answer[name].as_str(), answer["expires_in"].as_u64()) {
        (Some(token), Some(life)) => Ok(Minted::new(token, Duration::from_secs(life))),
        _ => Err(TokenError::transient(format!("the answer has no {name} that can be used"))),
    }
}
