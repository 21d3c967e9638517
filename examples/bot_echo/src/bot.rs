//! [`Bot`]: what it knows, and what it does with a message.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{join, time::sleep};
use tokio_util::task::TaskTracker;

use crate::{crypto::Cipher, customer::Customer, echo, message::Message, recent::Recent, reply};

/// By how much the answer to a message is ahead of what follows. Both go to the user by way of WeChat, and nothing tells the
/// bot when the answer is there: without a lead the user may read the second before the first. With one that is the exception.
const LEAD: Duration = Duration::from_millis(500);

/// What receives the callbacks of one app.
pub struct Bot {
    /// The token of the callback's settings. It has nothing to do with an `access_token`.
    pub token: String,
    /// Without one, messages are plain. With one, a plain message is refused, since anybody could have written it.
    pub cipher: Option<Cipher>,
    /// Seconds since 1970.
    pub clock: fn() -> u64,
    customer: Customer,
    recent: Recent,
    follow_ups: TaskTracker,
}

impl Bot {
    pub fn new(token: String, cipher: Option<Cipher>, customer: Customer) -> Self {
        let (recent, follow_ups) = (Recent::default(), TaskTracker::new());
        Self { token, cipher, clock: seconds, customer, recent, follow_ups }
    }

    /// The answer to a message, at once; what takes time goes on in a task of its own.
    ///
    /// A message that comes again is answered again, since WeChat did not get the answer before. It is followed up once.
    pub fn respond(self: &Arc<Self>, message: &Message) -> Option<String> {
        if self.recent.is_new(&message.key()) {
            let (bot, message) = (self.clone(), message.clone());
            self.follow_ups.spawn(async move { bot.follow_up(&message).await });
        }
        echo::answer(message)
    }

    /// Comes back when nothing is left to be done after the answers.
    pub async fn followed_up(&self) {
        self.follow_ups.close();
        self.follow_ups.wait().await;
        self.follow_ups.reopen();
    }

    async fn follow_up(&self, message: &Message) {
        let (text, ()) = join!(echo::follow_up(message), sleep(LEAD));
        if let Some(text) = text
            && let Err(error) = self.customer.send_text(&message.from_user_name, reply::cut(&text)).await
        {
            tracing::warn!(error = account::with_causes(&*error), "a follow-up was not sent");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "not for the time of a token")]
fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
