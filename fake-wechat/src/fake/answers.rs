//! Answers of a test's own.

use super::FakeWeChat;
use crate::{answer::Answer, state::Scripted};

impl FakeWeChat {
    /// Answers calls of this path like this whenever their token is good; always, where no token is asked for. That
    /// includes the token endpoints, which do not mint then. A path is replaced as a whole.
    ///
    /// ```
    /// use fake_wechat::{Answer, FakeWeChat};
    ///
    /// # use http_body_util::{BodyExt, Empty};
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # async fn get(url: String) -> serde_json::Value {
    /// #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    /// #     let answer = client.get(url.parse().unwrap()).await.unwrap();
    /// #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
    /// #     serde_json::from_slice(&answer).unwrap_or_default()
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// fake.set_answer("/wxa/getwxacode", Answer::json(r#"{"errcode":45029}"#));
    ///
    /// let token = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// let url = fake.url() + "/wxa/getwxacode?access_token=" + &token;
    /// assert_eq!(get(url).await["errcode"], 45029);
    /// # }
    /// ```
    pub fn set_answer(&self, path: &str, answer: Answer) {
        self.script(path, answer, false);
    }

    /// Answers calls of this path like this whatever their token, also those that have none: an endpoint that another
    /// secret or a ticket authorises, or one of your own. [`reject_all`](Self::reject_all) and faults go before it.
    ///
    /// ```
    /// use fake_wechat::{Answer, FakeWeChat};
    ///
    /// # use http_body_util::{BodyExt, Empty};
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # async fn get(url: String) -> serde_json::Value {
    /// #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    /// #     let answer = client.get(url.parse().unwrap()).await.unwrap();
    /// #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
    /// #     serde_json::from_slice(&answer).unwrap_or_default()
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// let answer = Answer::json(r#"{"component_access_token":"a-token"}"#);
    /// let path = "/cgi-bin/component/api_component_token";
    /// fake.set_open_answer(path, answer);
    ///
    /// let answer = get(fake.url() + path).await;
    /// assert_eq!(answer["component_access_token"], "a-token");
    /// # }
    /// ```
    pub fn set_open_answer(&self, path: &str, answer: Answer) {
        self.script(path, answer, true);
    }

    fn script(&self, path: &str, answer: Answer, open: bool) {
        self.state().lock().answers.insert(path.to_owned(), Scripted { answer, open });
    }

    /// Answers like this whenever a token is missing or not good; `None` brings the platform's own errors back.
    ///
    /// ```
    /// use fake_wechat::{Answer, FakeWeChat};
    ///
    /// # use http_body_util::{BodyExt, Empty};
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # async fn get(url: String) -> serde_json::Value {
    /// #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    /// #     let answer = client.get(url.parse().unwrap()).await.unwrap();
    /// #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
    /// #     serde_json::from_slice(&answer).unwrap_or_default()
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// // Byte by byte, and the code as a string.
    /// let odd = Answer::json(r#"{"errcode":"42001"}"#).byte_by_byte();
    /// fake.set_rejection(Some(odd));
    ///
    /// let url = fake.url() + "/cgi-bin/user/get?access_token=bad";
    /// assert_eq!(get(url).await["errcode"], "42001");
    /// # }
    /// ```
    pub fn set_rejection(&self, answer: Option<Answer>) {
        self.state().lock().manner.rejection = answer;
    }
}
