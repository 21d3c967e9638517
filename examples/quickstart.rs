//! One authorised call, and one whose token dies under it.
//!
//! `cargo run --example quickstart` plays both against a fake WeChat inside the program. With `WECHAT_APP_ID` and `WECHAT_APP_SECRET`
//! set it makes one harmless call to the real one, where nothing is revoked.

use std::{env, error::Error};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};
use tower_wechat::{
    AuthOutcome, TokenCache, WeChatAuthLayer,
    issuer::StableToken,
    testing::{Answer, FakeWeChat},
};

const PATH: &str = "/cgi-bin/get_api_domain_ip";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wechat = WeChat::from_env().await?;

    // Any tower client of `http` requests will do.
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let cache = TokenCache::new(wechat.issuer()?);
    let client = ServiceBuilder::new()
        .layer(WeChatAuthLayer::new(&cache))
        .service(Client::builder(TokioExecutor::new()).build(https));

    for scene in wechat.scenes() {
        println!("\n{scene}");

        // All that a program does: it sends an ordinary request, with no token in it.
        let request = Request::get(format!("{}{PATH}", wechat.base_url)).body(Empty::<Bytes>::new())?;
        let response = client.clone().oneshot(request).await?;

        let outcome = response.extensions().get().cloned().unwrap_or_default();
        let answer = response.into_body().collect().await?.to_bytes();
        wechat.tell(&outcome, &cache, &String::from_utf8_lossy(&answer));
        wechat.revoke();
    }
    Ok(())
}

/// The real WeChat, or a fake one.
struct WeChat {
    base_url: String,
    app_id: String,
    app_secret: String,
    boxed: Option<FakeWeChat>,
}

impl WeChat {
    async fn from_env() -> Result<Self, Box<dyn Error>> {
        if let Ok(app_id) = env::var("WECHAT_APP_ID") {
            println!("This is the real WeChat, with your app {app_id}. Its token is not revoked.");
            return Ok(Self {
                base_url: "https://api.weixin.qq.com".to_owned(),
                app_id,
                app_secret: env::var("WECHAT_APP_SECRET").map_err(|_| "set WECHAT_APP_SECRET too")?,
                boxed: None,
            });
        }
        let boxed = FakeWeChat::start().await;
        boxed.set_answer(PATH, Answer::json(r#"{"ip_list":["101.226.62.77","101.226.62.78"]}"#));
        println!("WeChat is a fake one inside this program, at {}.", boxed.url());
        println!("To call the real one, set WECHAT_APP_ID and WECHAT_APP_SECRET.");
        Ok(Self {
            base_url: boxed.url(),
            app_id: FakeWeChat::APP_ID.to_owned(),
            app_secret: FakeWeChat::APP_SECRET.to_owned(),
            boxed: Some(boxed),
        })
    }

    fn issuer(&self) -> Result<StableToken, tower_wechat::Error> {
        StableToken::new(&self.app_id, &self.app_secret).base_url(&self.base_url)
    }

    fn scenes(&self) -> &'static [&'static str] {
        match self.boxed {
            Some(_) => &[
                "1. The program starts: there is no token yet.",
                "2. WeChat has revoked the token, and the program does not know.",
            ],
            None => &["The program starts: there is no token yet."],
        }
    }

    fn revoke(&self) {
        if let Some(boxed) = &self.boxed {
            boxed.revoke();
            boxed.clear_seen();
        }
    }

    fn tell(&self, outcome: &AuthOutcome, cache: &TokenCache, answer: &str) {
        println!("   program sends   GET {PATH}");
        for seen in self.boxed.iter().flat_map(FakeWeChat::seen) {
            let token = seen.token.map(|token| format!("<token {token}>")).unwrap_or_default();
            println!("   layer sends     GET {}?{}", seen.path, seen.query.replace("***", &token));
            let verdict = match seen.errcode {
                Some(errcode) if errcode != 0 => format!("errcode {errcode}, this token is invalid"),
                _ => "ok".to_owned(),
            };
            println!("   WeChat answers  {verdict}");
        }
        println!("   program gets    {answer}");

        match outcome.errcode() {
            None => println!("   The layer fetched a token and put it into the request."),
            Some(errcode) if outcome.replayed() => {
                println!("   The layer saw {errcode}, fetched a new token and sent the request once more.");
            }
            Some(errcode) => println!("   The layer saw {errcode}, but: {:?}.", outcome.not_replayed()),
        }
        if let Some(token) = cache.current() {
            let (fingerprint, left) = (token.fingerprint(), token.expires_in().as_secs());
            println!(
                "   The cache now holds <token {fingerprint}> (a short hash of it) for another {left} s."
            );
        }
        if let Some(boxed) = &self.boxed {
            println!("   WeChat has minted {} token(s) so far.", boxed.mints());
        }
    }
}
