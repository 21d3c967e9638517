//! WeCom (企业微信, WeChat Work): another issuer, everything else as ever.
//!
//! `cargo run --example wecom` runs against a fake WeCom inside the program. With `WECOM_CORP_ID` and `WECOM_CORP_SECRET`
//! set it makes one harmless call to the real one, where nothing is revoked.

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
use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::WeCom};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let corp = Platform::wecom().await?;

    // Any tower client of `http` requests will do.
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let cache = TokenCache::new(WeCom::new(&corp.id, &corp.secret).base_url(&corp.base_url)?);
    let client = ServiceBuilder::new()
        .layer(WeChatAuthLayer::new(cache))
        .service(Client::builder(TokioExecutor::new()).build(https));

    for scene in corp.scenes() {
        println!("\n{scene}");

        // All that a program does: it sends an ordinary request, with no token in it.
        let request = Request::get(format!("{}{PATH}", corp.base_url)).body(Empty::<Bytes>::new())?;
        let response = client.clone().oneshot(request).await?;

        let outcome = response.extensions().get().cloned();
        let answer = response.into_body().collect().await?.to_bytes();
        println!("   answer  {}", String::from_utf8_lossy(&answer));
        corp.tell(outcome.as_ref());
        corp.revoke();
    }
    Ok(())
}
