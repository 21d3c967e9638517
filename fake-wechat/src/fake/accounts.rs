//! What befalls tokens, and when.

use std::time::Duration;

use super::FakeWeChat;

impl FakeWeChat {
    /// Kills every present token at once: 40001 from now on, 40014 on WeCom.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// let token = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// fake.revoke();
    /// assert!(!fake.accepts(&token));
    /// # }
    /// ```
    pub fn revoke(&self) {
        self.state().tokens(|tokens, _| tokens.revoke(None));
    }

    /// Kills the present tokens of this app or corp id at once. An id that is not there changes nothing.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let fake = FakeWeChat::builder()
    ///     .account("wx-news", "secret-1")
    ///     .account("wx-shop", "secret-2")
    ///     .start()
    ///     .await;
    /// let news = fake.mint_elsewhere("wx-news").unwrap();
    /// let shop = fake.mint_elsewhere("wx-shop").unwrap();
    /// fake.revoke_account("wx-shop");
    /// assert!(fake.accepts(&news) && !fake.accepts(&shop));
    /// # }
    /// ```
    pub fn revoke_account(&self, app: &str) {
        self.state().tokens(|tokens, _| tokens.revoke(Some(app)));
    }

    /// Kills every present token at once, and the stable endpoint and WeCom's do not notice: a normal call is answered
    /// with the dead token again until it would have run out. A forced refresh of a stable token helps.
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
    /// let gettoken = format!(
    ///     "{}/cgi-bin/gettoken?corpid={}&corpsecret={}",
    ///     fake.url(), FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET,
    /// );
    /// let before = get(gettoken.clone()).await;
    /// fake.revoke_unnoticed();
    /// let after = get(gettoken).await;
    /// assert_eq!(before["access_token"], after["access_token"]);
    /// assert!(!fake.accepts(after["access_token"].as_str().unwrap()));
    /// # }
    /// ```
    pub fn revoke_unnoticed(&self) {
        self.state().tokens(|tokens, _| tokens.revoke_unnoticed());
    }

    /// Ends the life of every present token at once: 42001 from now on.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// let token = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// fake.expire();
    /// assert!(!fake.accepts(&token));
    /// # }
    /// ```
    pub fn expire(&self) {
        self.state().tokens(|tokens, _| tokens.expire());
    }

    /// Mints a classic token for somebody else who uses the same account, so that the present one dies after the overlap.
    /// Returns its text, or `None` if there is no such official account. No counter counts it.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// let ours = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// let theirs = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// assert!(fake.accepts(&ours), "both are good for five minutes");
    ///
    /// fake.advance(Duration::from_secs(301));
    /// assert!(!fake.accepts(&ours) && fake.accepts(&theirs));
    /// # }
    /// ```
    #[must_use = "the token, or `None` for an unknown account"]
    pub fn mint_elsewhere(&self, app: &str) -> Option<String> {
        self.state().tokens(|tokens, now| tokens.mint_elsewhere(app, now)).map(|text| text.to_string())
    }

    /// A code as a login of this user gives it to a page or a mini program: `/sns/oauth2/access_token` and
    /// `/sns/jscode2session` take it once, for any official account. No other code is good.
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
    /// let login = format!(
    ///     "{}/sns/jscode2session?grant_type=authorization_code\
    ///      &appid={}&secret={}&js_code={}",
    ///     fake.url(), FakeWeChat::APP_ID, FakeWeChat::APP_SECRET,
    ///     fake.login_code("an-openid"),
    /// );
    /// assert_eq!(get(login.clone()).await["openid"], "an-openid");
    /// assert_eq!(get(login).await["errcode"], 40163); // the code was used
    /// # }
    /// ```
    #[must_use = "the code is good for one call"]
    pub fn login_code(&self, open_id: &str) -> String {
        self.state().lock().users.code(open_id)
    }

    /// Whether an API would accept this token now.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// let token = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// assert!(fake.accepts(&token));
    /// assert!(!fake.accepts("a-token-of-somebody-else"));
    /// # }
    /// ```
    #[must_use]
    pub fn accepts(&self, token: &str) -> bool {
        self.state().tokens(|tokens, now| tokens.judge(token, now).errcode) == 0
    }

    /// Moves the platform's own clock forward, by which tokens expire and quotas are renewed. It also runs with tokio's.
    ///
    /// ```
    /// use fake_wechat::FakeWeChat;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let fake = FakeWeChat::start().await;
    /// let token = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
    /// fake.advance(Duration::from_secs(7200));
    /// assert!(!fake.accepts(&token), "it has expired");
    /// # }
    /// ```
    pub fn advance(&self, by: Duration) {
        self.state().clock.advance(by);
    }
}
