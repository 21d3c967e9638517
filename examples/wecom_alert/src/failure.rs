//! Why nothing was sent, for people.

use std::error::Error;

use reqwest::StatusCode;
use tower_wechat::{TokenError, WeChatError};

pub type Failure = Box<dyn Error + Send + Sync>;

/// There is an answer, of whoever is between this machine and WeCom.
pub fn unreadable(status: StatusCode) -> Failure {
    format!(
        "an answer that is not WeCom's (HTTP {status}), so it is not known whether the message was sent; look for a proxy on \
         the way, and at WECOM_BASE_URL"
    )
    .into()
}

/// WeCom has not taken a message. Where that is because of its token, there may be a reason why there is no other.
pub fn refused(error: &WeChatError, no_token: Option<&TokenError>) -> Failure {
    if let Some(why) = no_token {
        return format!(
            "WeCom refuses the token ({error}), and there is no other: {}",
            account::with_causes(why)
        )
        .into();
    }
    let advice = match error.errcode() {
        40056 | 301_002 => "the agent's number and its secret do not belong together",
        45009 => "too many messages; wait a minute, or an hour if that does not help",
        60011 | 81013 => {
            "nobody of those named sees this agent: see its visible range (可见范围) in WeCom's console"
        }
        82001 => "nobody is named whom WeCom knows",
        _ => return format!("WeCom refuses the message: {error}").into(),
    };
    format!("WeCom refuses the message: {error} ({advice})").into()
}
