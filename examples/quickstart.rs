//! One authorised call, and one whose token dies under it.
//!
//! `cargo run --example quickstart` plays both against a fake WeChat inside the program. With `WECHAT_APP_ID` and
//! `WECHAT_APP_SECRET` set it makes one harmless call to the real one, where nothing is revoked.

#[path = "common/platform.rs"]
mod platform;

use std::error::Error;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use platform::{PATH, Platform};
use tower::{ServiceBuilder, ServiceExt};
use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wechat = Platform::wechat().await?;
    let cache = TokenCache::new(StableToken::new(&wechat.id, &wechat.secret).base_url(&wechat.base_url)?);

    // Any tower client of `http` requests will do.
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client = ServiceBuilder::new()
        .layer(WeChatAuthLayer::new(&cache))
        .service(Client::builder(TokioExecutor::new()).build(https));

    for scene in wechat.scenes() {
        println!("\n{scene}");

        // All that a program does: it sends an ordinary request, with no token in it.
        let request = Request::get(format!("{}{PATH}", wechat.base_url)).body(Empty::<Bytes>::new())?;
        let response = client.clone().oneshot(request).await?;

        let outcome = response.extensions().get().cloned();
        let answer = response.into_body().collect().await?.to_bytes();

        println!("   program sends   GET {PATH}");
        show_requests(&wechat);
        println!("   program gets    {}", String::from_utf8_lossy(&answer));
        wechat.tell(outcome.as_ref());
        if let Some(token) = cache.current() {
            let (fingerprint, left) = (token.fingerprint(), token.expires_in().as_secs());
            println!("   The cache holds <token {fingerprint}> (a short hash of it) for another {left} s.");
        }
        wechat.revoke();
    }
    Ok(())
}

/// What reached WeChat, as far as a fake one tells.
fn show_requests(wechat: &Platform) {
    for seen in wechat.fake.iter().flat_map(FakeWeChat::seen) {
        let token = seen.token.map(|token| format!("<token {token}>")).unwrap_or_default();
        println!("   layer sends     GET {}?{}", seen.path, seen.query.replace("***", &token));
        match seen.errcode {
            Some(errcode) if errcode != 0 => {
                println!("   WeChat answers  errcode {errcode}: this token is invalid");
            }
            _ => println!("   WeChat answers  ok"),
        }
    }
}
