//! Answers of a test's own.

use super::FakeWeChat;
use crate::{answer::Answer, state::Scripted};

impl FakeWeChat {
    /// Answers calls of this path like this whenever their token is good; always, where no token is asked for. That
    /// includes the token endpoints, which do not mint then. A path is replaced as a whole.
    pub fn set_answer(&self, path: &str, answer: Answer) {
        self.script(path, answer, false);
    }

    /// Answers calls of this path like this whatever their token, also those that have none: an endpoint that another
    /// secret or a ticket authorises, or one of your own. [`reject_all`](Self::reject_all) and faults go before it.
    ///
    /// ```
    /// use http_body_util::{BodyExt, Empty};
    /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use fake_wechat::{Answer, FakeWeChat};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeWeChat::start().await;
    /// fake.set_open_answer("/tokens/wx01", Answer::json(r#"{"token":"a","seconds":7200}"#));
    ///
    /// let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    /// let answer = client.get(format!("{}/tokens/wx01", fake.url()).parse()?).await?;
    /// assert_eq!(answer.into_body().collect().await?.to_bytes(), r#"{"token":"a","seconds":7200}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_open_answer(&self, path: &str, answer: Answer) {
        self.script(path, answer, true);
    }

    fn script(&self, path: &str, answer: Answer, open: bool) {
        self.state().lock().answers.insert(path.to_owned(), Scripted { answer, open });
    }

    /// Answers like this whenever a token is missing or not good; `None` brings the platform's own errors back.
    pub fn set_rejection(&self, answer: Option<Answer>) {
        self.state().lock().manner.rejection = answer;
    }
}
