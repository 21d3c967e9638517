//! Faults, delays and holds.

use std::time::Duration;

use super::FakeWeChat;
use crate::{faults::Fault, gate::Hold, state::Early};

impl FakeWeChat {
    /// How long token endpoints take to answer from now on.
    ///
    /// ```
    /// # use fake_wechat::FakeWeChat;
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// fake.set_token_latency(Duration::from_millis(200));
    /// # }
    /// ```
    pub fn set_token_latency(&self, latency: Duration) {
        self.state().token_gate.set_latency(latency);
    }

    /// How long APIs take to answer from now on.
    ///
    /// ```
    /// # use fake_wechat::FakeWeChat;
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// fake.set_api_latency(Duration::from_millis(200));
    /// # }
    /// ```
    pub fn set_api_latency(&self, latency: Duration) {
        self.state().api_gate.set_latency(latency);
    }

    /// Has every call to a token endpoint fail like this, until [`heal`](Self::heal).
    ///
    /// ```
    /// use fake_wechat::{FakeWeChat, Fault};
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// fake.fail_tokens(Fault::Errcode(40164)); // not on the allow-list
    /// assert_eq!(get(mint).await["errcode"], 40164);
    /// # }
    /// ```
    pub fn fail_tokens(&self, fault: Fault) {
        self.state().token_gate.fail(fault);
    }

    /// Has the next calls to a token endpoint fail like this. Calls add up, and come before
    /// [`fail_tokens`](Self::fail_tokens).
    ///
    /// ```
    /// use fake_wechat::{FakeWeChat, Fault};
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// fake.fail_next_tokens(1, Fault::Busy);
    /// assert_eq!(get(mint.clone()).await["errcode"], -1);
    /// assert!(get(mint).await["access_token"].is_string());
    /// # }
    /// ```
    pub fn fail_next_tokens(&self, count: usize, fault: Fault) {
        self.state().token_gate.fail_next(count, fault);
    }

    /// Has every API call fail like this, until [`heal`](Self::heal).
    ///
    /// ```
    /// use fake_wechat::{FakeWeChat, Fault};
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// fake.fail_apis(Fault::Errcode(45009));
    /// assert_eq!(get(fake.url() + "/cgi-bin/user/get").await["errcode"], 45009);
    /// # drop(mint);
    /// # }
    /// ```
    pub fn fail_apis(&self, fault: Fault) {
        self.state().api_gate.fail(fault);
    }

    /// Has the next API calls fail like this. Calls add up, and come before [`fail_apis`](Self::fail_apis).
    ///
    /// ```
    /// use fake_wechat::{FakeWeChat, Fault};
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// fake.fail_next_apis(1, Fault::Busy);
    /// assert_eq!(get(fake.url() + "/cgi-bin/user/get").await["errcode"], -1);
    /// # drop(mint);
    /// # }
    /// ```
    pub fn fail_next_apis(&self, count: usize, fault: Fault) {
        self.state().api_gate.fail_next(count, fault);
    }

    /// Ends all faults and [`reject_all`](Self::reject_all). What hangs already goes on hanging.
    ///
    /// ```
    /// use fake_wechat::{FakeWeChat, Fault};
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// fake.fail_tokens(Fault::Http(502));
    /// fake.heal();
    /// assert!(get(mint).await["access_token"].is_string());
    /// # }
    /// ```
    pub fn heal(&self) {
        self.state().heal();
    }

    /// Keeps calls to token endpoints waiting until the hold is released or dropped. They are counted as they arrive.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// let hold = fake.hold_tokens();
    /// let asking = tokio::spawn(get(mint));
    /// fake.wait_for_token_requests(1).await;
    /// // Here it is known that the SDK waits for its token.
    /// hold.release();
    /// assert!(asking.await.unwrap()["access_token"].is_string());
    /// # }
    /// ```
    pub fn hold_tokens(&self) -> Hold {
        self.state().token_gate.hold()
    }

    /// Keeps API calls waiting until the hold is released or dropped. They are counted as they arrive; their token is
    /// judged when they go on.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// let hold = fake.hold_apis();
    /// let asking = tokio::spawn(get(fake.url() + "/cgi-bin/user/get"));
    /// fake.wait_for_api_requests(1).await;
    /// fake.revoke(); // while the request is on its way
    /// drop(hold);
    /// # asking.await.unwrap();
    /// # drop(mint);
    /// # }
    /// ```
    pub fn hold_apis(&self) -> Hold {
        self.state().api_gate.hold()
    }

    /// Has every API call answered with this code, whatever its token; `None` switches that off.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
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
    /// # let mint = format!("{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
    /// #     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    /// fake.reject_all(Some(40001)); // no token is good enough
    /// let token = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// let api = fake.url() + "/cgi-bin/user/get?access_token=" + &token;
    /// assert_eq!(get(api).await["errcode"], 40001);
    /// # drop(mint);
    /// # }
    /// ```
    pub fn reject_all(&self, errcode: Option<i64>) {
        self.state().lock().manner.reject_all = errcode;
    }

    /// Rejects a bad token before the upload is read, and reads that while the answer is on its way.
    ///
    /// ```
    /// # use fake_wechat::FakeWeChat;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// fake.answer_before_reading(true);
    /// fake.revoke();
    /// // An upload of the SDK under test is rejected while it still sends.
    /// # }
    /// ```
    pub fn answer_before_reading(&self, on: bool) {
        self.state().lock().manner.early = on.then_some(Early::Drain);
    }

    /// Rejects a bad token before the upload is read, and does not read it: the connection ends after the answer.
    ///
    /// ```
    /// # use fake_wechat::FakeWeChat;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// fake.answer_without_reading(true);
    /// fake.revoke();
    /// // An upload of the SDK under test is rejected, and cannot be sent on.
    /// # }
    /// ```
    pub fn answer_without_reading(&self, on: bool) {
        self.state().lock().manner.early = on.then_some(Early::Close);
    }
}
