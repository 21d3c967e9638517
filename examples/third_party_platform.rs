//! A third-party platform (第三方平台), which calls APIs for the accounts that have authorised it:
//! `component_verify_ticket` → `component_access_token` → `authorizer_access_token`.
//!
//! `cargo run --example third_party_platform` plays it against a small fake WeChat inside the program: what happens when a
//! token dies, when the platform's own token dies, and when the platform cannot get another.
//!
//! Each of the two tokens has an issuer of one's own (`common/third_party/component.rs` and `authorizer.rs`) and a cache. The
//! authorizer's issuer makes its call through a client that has the platform's token from the platform's cache, and so is
//! healed like any other.

#[path = "common/third_party/mod.rs"]
mod third_party;

use std::{error::Error, sync::Arc, time::Duration};

use third_party::{Authorizer, Component, Log, OpenPlatform, Program, RefreshTokens};
use tower::Layer;
use tower_wechat::{AppId, Platform, TokenCache, TokenPool, WeChatAuthLayer};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let log = Log::default();
    let wechat = OpenPlatform::start("secret-1", "ticket-1", log.clone()).await?;
    let refresh_tokens = RefreshTokens::new(log.clone());
    let (component, program) = program(&wechat, &refresh_tokens, &log)?;
    for app in ["wx-shop", "wx-news", "wx-late"] {
        refresh_tokens.save(&app.into(), &wechat.authorise(app));
    }
    log.take();
    println!("Three accounts have authorised the platform wx-platform.");
    println!(
        "Each line is a call to WeChat: which API, with which token (or ticket), and what WeChat answers."
    );

    println!("\n1. Nobody has a token yet: a call for wx-shop.");
    program.call("wx-shop").await?;

    println!("\n2. A call for wx-news. The platform has a token by now.");
    program.call("wx-news").await?;

    println!("\n3. The token of wx-shop is revoked.");
    wechat.revoke("wx-shop");
    program.call("wx-shop").await?;

    println!("\n4. All tokens are revoked, the platform's own as well.");
    wechat.revoke_all();
    program.call("wx-shop").await?;

    println!("\n5. All are revoked again, and there are 20 calls at once for two accounts.");
    wechat.revoke_all();
    program.storm(20, ["wx-shop", "wx-news"]).await?;

    println!("\n6. All are revoked, the ticket has expired, and no other has come.");
    wechat.revoke_all();
    wechat.expire_ticket();
    program.call("wx-shop").await?; // It had a token.
    program.call("wx-late").await?; // It never had one.
    program.call("wx-late").await?;

    println!("\n7. WeChat pushes a ticket. Nobody has to wait for the end of a back-off.");
    wechat.push_ticket("ticket-2");
    component.take_ticket("ticket-2");
    a_second_later().await;
    program.call("wx-shop").await?;
    program.call("wx-late").await?;

    println!("\n8. Somebody has reset the platform's secret, and its token is revoked with that of wx-shop.");
    wechat.reset_secret("secret-2");
    wechat.revoke("wx-shop");
    wechat.revoke("wx-platform");
    program.call("wx-shop").await?;
    println!("   The program is told the new secret.");
    component.take_secret("secret-2");
    a_second_later().await;
    program.call("wx-shop").await?;

    println!("\n9. wx-news withdraws its authorisation. The others go on.");
    wechat.withdraw("wx-news");
    program.call("wx-news").await?;
    program.call("wx-shop").await?;
    println!("   wx-news authorises the platform again.");
    refresh_tokens.save(&"wx-news".into(), &wechat.authorise("wx-news"));
    a_second_later().await;
    program.call("wx-news").await?;

    println!(
        "\n10. wx-late has authorised the platform anew, and the program has missed its new refresh token."
    );
    let refresh_token = wechat.authorise("wx-late");
    wechat.revoke("wx-late");
    program.call("wx-late").await?;
    println!("   The program asks WeChat for the list of all refresh tokens (api_get_authorizer_list).");
    refresh_tokens.save(&"wx-late".into(), &refresh_token);
    a_second_later().await;
    program.call("wx-late").await?;
    Ok(())
}

/// A cache that holds back asks its issuer whether what was wrong has been mended, once a second at most.
async fn a_second_later() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// The platform's issuer, and a client for the APIs of all accounts.
fn program(
    wechat: &OpenPlatform,
    refresh_tokens: &RefreshTokens,
    log: &Log,
) -> Result<(Arc<Component>, Program), BoxError> {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;

    let parent = AppId::from("wx-platform");
    let platform = Platform::component().with_origin(wechat.url())?;
    let component = Component::new(platform, parent.clone(), "secret-1", "ticket-1", http.clone());
    let component = Arc::new(component);
    let parents_token = TokenCache::new(component.clone());
    let auth = WeChatAuthLayer::new(&parents_token).layer(http.clone());

    // One cache for each account that has authorised the platform, made when it is first needed.
    let platform = Platform::wechat().with_origin(wechat.url())?;
    let (issuer, client, refresh_tokens) = (component.clone(), http.clone(), refresh_tokens.clone());
    let pool = TokenPool::with_factory(move |app: AppId| {
        refresh_tokens.of(&app)?;
        Some(TokenCache::new(Authorizer {
            app,
            platform: platform.clone(),
            parent: parent.clone(),
            component: issuer.clone(),
            parents_token: parents_token.clone(),
            auth: auth.clone(),
            http: client.clone(),
            refresh_tokens: refresh_tokens.clone(),
            tried: None.into(),
            parent_failed: false.into(),
        }))
    });
    let client = WeChatAuthLayer::new(pool).layer(http.clone());
    let url = format!("{}/cgi-bin/user/get", wechat.url());
    Ok((component, Program::new(client, http, url, log.clone())))
}
