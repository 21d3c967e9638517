//! WeCom (企业微信, WeChat Work): another issuer, everything else as ever.
//!
//! `cargo run --example wecom` runs against a fake WeCom inside the program. With `WECOM_CORP_ID` and `WECOM_CORP_SECRET` set it makes one
//! harmless call to the real one, where nothing is revoked.

use std::{env, error::Error};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};
use tower_wechat::{
    AuthOutcome, TokenCache, WeChatAuthLayer,
    issuer::WeCom,
    testing::{Answer, FakeWeChat},
};

const PATH: &str = "/cgi-bin/get_api_domain_ip";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let corp = Corp::from_env().await?;

    // Any tower client of `http` requests will do.
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let cache = TokenCache::new(corp.issuer()?);
    let client = ServiceBuilder::new()
        .layer(WeChatAuthLayer::new(cache))
        .service(Client::builder(TokioExecutor::new()).build(https));

    for scene in corp.scenes() {
        println!("\n{scene}");

        // All that a program does: it sends an ordinary request, with no token in it.
        let request = Request::get(format!("{}{PATH}", corp.base_url)).body(Empty::<Bytes>::new())?;
        let response = client.clone().oneshot(request).await?;

        let outcome = response.extensions().get().cloned().unwrap_or_default();
        let answer = response.into_body().collect().await?.to_bytes();
        println!("   answer  {}", String::from_utf8_lossy(&answer));
        corp.tell(&outcome);
        corp.revoke();
    }
    Ok(())
}

/// A corp on the real WeCom, or on a fake one.
struct Corp {
    base_url: String,
    id: String,
    secret: String,
    boxed: Option<FakeWeChat>,
}

impl Corp {
    async fn from_env() -> Result<Self, Box<dyn Error>> {
        if let Ok(id) = env::var("WECOM_CORP_ID") {
            println!("This is the real WeCom, with your corp {id}. Its token is not revoked.");
            return Ok(Self {
                base_url: "https://qyapi.weixin.qq.com".to_owned(),
                id,
                secret: env::var("WECOM_CORP_SECRET").map_err(|_| "set WECOM_CORP_SECRET too")?,
                boxed: None,
            });
        }
        let boxed = FakeWeChat::start().await;
        boxed.set_answer(
            PATH,
            Answer::json(r#"{"errcode":0,"errmsg":"ok","ip_list":["101.226.62.77","101.226.62.78"]}"#),
        );
        println!("WeCom is a fake one inside this program, at {}.", boxed.url());
        println!("To call the real one, set WECOM_CORP_ID and WECOM_CORP_SECRET.");
        Ok(Self {
            base_url: boxed.url(),
            id: FakeWeChat::CORP_ID.to_owned(),
            secret: FakeWeChat::CORP_SECRET.to_owned(),
            boxed: Some(boxed),
        })
    }

    fn issuer(&self) -> Result<WeCom, tower_wechat::Error> {
        WeCom::new(&self.id, &self.secret).base_url(&self.base_url)
    }

    fn scenes(&self) -> &'static [&'static str] {
        match self.boxed {
            Some(_) => &[
                "1. The program starts: there is no token yet.",
                "2. WeCom has revoked the token, and the program does not know.",
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
                "   WeCom saw {requests} request(s) for this answer, and has minted {mints} token(s) so far."
            );
        }
    }
}
