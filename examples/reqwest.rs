//! The layer over `reqwest`, in its own requests and responses.
//!
//! `cargo run --example reqwest` runs against a fake WeChat inside the program. With `WECHAT_APP_ID` and
//! `WECHAT_APP_SECRET` set it makes one harmless call to the real one, where nothing is revoked.

#[path = "common/platform.rs"]
mod platform;

use std::error::Error;

use platform::{PATH, Platform};
use serde_json::Value;
use tower::Layer;
use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wechat = Platform::wechat().await?;

    // Without `referer(false)`, reqwest would tell the token to whomever a redirect leads to.
    let http = reqwest::Client::builder().referer(false).build()?;
    let cache = TokenCache::new(StableToken::new(&wechat.id, &wechat.secret).base_url(&wechat.base_url)?);
    let client = WeChatAuthLayer::new(cache).layer(http.clone());

    for scene in wechat.scenes() {
        println!("\n{scene}");

        // All that a program does: it sends an ordinary request, with no token in it.
        let request = http.get(format!("{}{PATH}", wechat.base_url)).build()?;
        let response = client.execute(request).await?.error_for_status()?;

        println!("   response.url()  {}  (the token is not shown)", response.url());
        let outcome = response.extensions().get().cloned();
        let answer: Value = response.json().await?;
        println!("   answer          {answer}");
        wechat.tell(outcome.as_ref());
        wechat.revoke();
    }
    Ok(())
}
