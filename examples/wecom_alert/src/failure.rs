//! Why nothing was sent, for people.

use std::error::Error;

use tower_wechat::WeChatError;

pub type Failure = Box<dyn Error + Send + Sync>;

/// One line, with everything that led to it.
pub fn line(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// WeCom has not taken a message.
pub fn refused(error: &WeChatError) -> Failure {
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
