//! What was asked of the platform.

use std::collections::BTreeMap;

use super::FakeWeChat;
use crate::log::Seen;

impl FakeWeChat {
    /// How many tokens were issued anew, of all accounts.
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
    /// get(mint).await; // the SDK under test
    /// assert_eq!(fake.mints(), 1);
    /// # }
    /// ```
    #[must_use]
    pub fn mints(&self) -> u64 {
        self.state().tokens(|tokens, _| tokens.mints(None))
    }

    /// How many tokens were issued anew for this app or corp id.
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
    /// get(mint).await;
    /// assert_eq!(fake.mints_of(FakeWeChat::APP_ID), 1);
    /// assert_eq!(fake.mints_of(FakeWeChat::CORP_ID), 0);
    /// # }
    /// ```
    #[must_use]
    pub fn mints_of(&self, app: &str) -> u64 {
        self.state().tokens(|tokens, _| tokens.mints(Some(app)))
    }

    /// How many calls reached a token endpoint, whatever the answer.
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
    /// get(mint.replace("appid=wx", "appid=xx")).await; // 40013
    /// get(mint).await;
    /// assert_eq!((fake.token_requests(), fake.mints()), (2, 1));
    /// # }
    /// ```
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.state().token_gate.arrived()
    }

    /// How many of those asked the stable endpoint, with the right id and secret, for a forced refresh.
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
    /// get(mint).await;
    /// assert_eq!(fake.forced_requests(), 0); // of POST /cgi-bin/stable_token
    /// # }
    /// ```
    #[must_use]
    pub fn forced_requests(&self) -> u64 {
        self.state().tokens(|tokens, _| tokens.forced_requests())
    }

    /// How many calls reached an API, whatever the answer.
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
    /// get(fake.url() + "/cgi-bin/user/get").await; // 41001
    /// assert_eq!(fake.api_requests(), 1);
    /// # drop(mint);
    /// # }
    /// ```
    #[must_use]
    pub fn api_requests(&self) -> u64 {
        self.state().api_gate.arrived()
    }

    /// How often token endpoints answered each code, zero left out. Answers of a test's own are not counted.
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
    /// get(mint.replace("appid=wx", "appid=xx")).await;
    /// assert_eq!(fake.token_errors(), [(40013, 1)].into());
    /// # }
    /// ```
    #[must_use]
    pub fn token_errors(&self) -> BTreeMap<i64, u64> {
        self.state().token_gate.errors()
    }

    /// How often APIs answered each code, zero left out. Answers of a test's own are not counted.
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
    /// get(fake.url() + "/cgi-bin/user/get").await;
    /// assert_eq!(fake.api_errors(), [(41001, 1)].into());
    /// # drop(mint);
    /// # }
    /// ```
    #[must_use]
    pub fn api_errors(&self) -> BTreeMap<i64, u64> {
        self.state().api_gate.errors()
    }

    /// Comes back when that many calls, in all, have reached a token endpoint.
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
    /// fake.wait_for_token_requests(1).await; // no sleeping, no guessing
    /// assert!(!asking.is_finished());
    /// # drop(hold);
    /// # }
    /// ```
    pub async fn wait_for_token_requests(&self, count: u64) {
        self.state().token_gate.wait_for(count).await;
    }

    /// Comes back when that many calls, in all, have reached an API.
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
    /// let asking = tokio::spawn(get(fake.url() + "/cgi-bin/user/get"));
    /// fake.wait_for_api_requests(1).await;
    /// # drop((asking, mint));
    /// # }
    /// ```
    pub async fn wait_for_api_requests(&self, count: u64) {
        self.state().api_gate.wait_for(count).await;
    }

    /// The API requests in the order in which they came, the latest 10 000 unless the builder said otherwise.
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
    /// get(fake.url() + "/cgi-bin/user/get?next_openid=o1").await;
    /// let seen = &fake.seen()[0];
    /// assert_eq!(seen.path, "/cgi-bin/user/get");
    /// assert_eq!(seen.query, "next_openid=o1");
    /// assert_eq!(seen.errcode, Some(41001));
    /// # drop(mint);
    /// # }
    /// ```
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.state().lock().log.all()
    }

    /// Forgets what was seen. Counters stay.
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
    /// get(fake.url() + "/cgi-bin/user/get").await;
    /// fake.clear_seen();
    /// assert!(fake.seen().is_empty());
    /// assert_eq!(fake.api_requests(), 1);
    /// # drop(mint);
    /// # }
    /// ```
    pub fn clear_seen(&self) {
        self.state().lock().log.clear();
    }
}
