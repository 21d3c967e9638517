//! The layer over `reqwest`, in its own requests and responses.
//!
//! `cargo run --example reqwest` runs against a fake WeChat inside the program. With `WECHAT_APP_ID` and `WECHAT_APP_SECRET` set it makes
//! one harmless call to the real one, where nothing is revoked.

use std::{env, error::Error};

use serde_json::Value;
use tower::Layer;
use tower_wechat::{
    AuthOutcome, TokenCache, WeChatAuthLayer,
    issuer::StableToken,
    testing::{Answer, FakeWeChat},
};

const PATH: &str = "/cgi-bin/get_api_domain_ip";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wechat = WeChat::from_env().await?;

    // Without `referer(false)`, reqwest would tell the token to whomever a redirect leads to.
    let http = reqwest::Client::builder().referer(false).build()?;
    let cache = TokenCache::new(wechat.issuer()?);
    let client = WeChatAuthLayer::new(cache).layer(http.clone());

    for scene in wechat.scenes() {
        println!("\n{scene}");

        // All that a program does: it sends an ordinary request, with no token in it.
        let request = http.get(format!("{}{PATH}", wechat.base_url)).build()?;
        let response = client.execute(request).await?.error_for_status()?;

        println!("   response.url()  {}  (the token is not shown)", response.url());
        let outcome = response.extensions().get().cloned().unwrap_or_default();
        let answer: Value = response.json().await?;
        println!("   answer          {answer}");
        wechat.tell(&outcome);
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

    fn tell(&self, outcome: &AuthOutcome) {
        match outcome.errcode() {
            None => println!("   The layer fetched a token and put it into the request."),
            Some(errcode) if outcome.replayed() => {
                println!("   The layer saw {errcode}, fetched a new token and sent the request once more.");
            }
            Some(errcode) => println!("   The layer saw {errcode}, but: {:?}.", outcome.not_replayed()),
        }
        if let Some(boxed) = &self.boxed {
            let (requests, mints) = (boxed.seen().len(), boxed.mints());
            println!(
                "   WeChat saw {requests} request(s) for this answer, and has minted {mints} token(s) so far."
            );
        }
    }
}
