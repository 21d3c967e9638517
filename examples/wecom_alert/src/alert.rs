//! One message: [`Agents::send`].

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tower_wechat::{AppId, AuthOutcome, WeChatError};

use crate::{
    agents::Agents,
    failure::{self, Failure},
    options::Options,
};

/// For the token and both sends of a call together.
const TIMEOUT: Duration = Duration::from_secs(20);

/// WeCom has taken a message, and says whom it does not send it to. Several have a `|` between them.
#[derive(Deserialize)]
struct Answer {
    /// Zero. What has none is not WeCom's.
    errcode: i64,
    /// Not there, or not to be reached by this agent.
    #[serde(default)]
    invaliduser: String,
    /// Without a licence for this.
    #[serde(default)]
    unlicenseduser: String,
}

impl Agents {
    /// Sends a message, and says so.
    pub async fn send(&self, options: &Options) -> Result<String, Failure> {
        let name = options.agent.name();
        match self.try_send(options).await {
            Ok(missed) if missed.is_empty() => Ok(format!("{name} has sent the message to {}", options.to)),
            Ok(missed) => {
                let missed = missed.join("|");
                Err(format!("{name}: the message was sent, but {missed} cannot be reached by this agent")
                    .into())
            }
            Err(failure) => Err(format!("{name}: {}", account::with_causes(&*failure)).into()),
        }
    }

    /// Sends a message, and says whom it does not reach.
    async fn try_send(&self, options: &Options) -> Result<Vec<String>, Failure> {
        let Options { agent, to, message } = options;
        let message = json!({
            "agentid": self.id(*agent)?, "touser": to, "msgtype": "text", "text": { "content": message },
        });
        let request = self.client.post(format!("{}/cgi-bin/message/send", self.base_url)).json(&message);
        let answer = request.with_extension(AppId::from(agent.name())).timeout(TIMEOUT).send().await?;
        let (status, auth) = (answer.status(), answer.extensions().get::<AuthOutcome>().cloned());
        let answer = answer.bytes().await?;

        // WeCom says with status 200 that a call has failed.
        if let Some(error) = WeChatError::parse(&answer) {
            return Err(failure::refused(&error, auth.as_ref().and_then(AuthOutcome::refresh_error)));
        }
        match serde_json::from_slice(&answer) {
            Ok(Answer { errcode: 0, invaliduser, unlicenseduser }) if status.is_success() => {
                Ok([invaliduser, unlicenseduser].into_iter().filter(|users| !users.is_empty()).collect())
            }
            _ => Err(failure::unreadable(status)),
        }
    }
}
