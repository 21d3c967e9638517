//! Customer messages.

use serde::{Deserialize, Serialize};

use crate::{Answer, Client, Error, HttpService};

#[derive(Serialize)]
struct Message<'a> {
    touser: &'a str,
    msgtype: &'a str,
    text: Text<'a>,
}

#[derive(Serialize)]
struct Text<'a> {
    content: &'a str,
}

/// An answer in which nothing but the absence of an error counts.
#[derive(Deserialize)]
struct Done {}

impl<S: HttpService> Client<S> {
    /// Sends a text to a user.
    ///
    /// # Errors
    ///
    /// WeChat refuses (45015: the user has not written for 48 hours), or there is no answer. Where there is no answer, the
    /// message may have been sent.
    pub async fn send_text(&self, openid: &str, content: &str) -> Result<Answer<()>, Error> {
        let message = Message { touser: openid, msgtype: "text", text: Text { content } };
        let Answer { value: Done {}, auth } = self.post("/cgi-bin/message/custom/send", &message).await?;
        Ok(Answer { value: (), auth })
    }
}
