//! What this bot says. The file to begin with for a bot of your own.

use crate::message::Message;

/// The answer to a message, at once; `None`: nothing. There are 5 seconds for it, so do nothing here that takes time.
pub fn answer(message: &Message) -> Option<String> {
    match (message.msg_type.as_str(), message.event.as_str()) {
        ("text", _) => Some("One moment, please.".to_owned()),
        ("event", "subscribe") => Some("Welcome! Write to me, and I write back.".to_owned()),
        _ => None,
    }
}

/// What is sent after that answer. This may take as long as it likes.
#[allow(clippy::unused_async, reason = "a bot that does more waits for it")]
pub async fn follow_up(message: &Message) -> Option<String> {
    (message.msg_type == "text").then(|| format!("You wrote: {}", message.content))
}
