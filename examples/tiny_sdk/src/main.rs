//! What the SDK looks like to its user.
//!
//! `cargo run -p tiny_sdk` plays it against a fake WeChat inside the program. With `WECHAT_APP_ID` and `WECHAT_APP_SECRET` set
//! it calls the real one: it makes a QR code that works for a minute, and no more. It ends with code 1 and the reason if that
//! does not work.

use std::{process::ExitCode, time::Duration};

use account::{Account, say};
use bytes::Bytes;
use fake_wechat::FakeWeChat;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tiny_sdk::{Answer, BoxError, Client, Error, MediaKind, NewQrCode};
use tower_wechat::{
    Accounts, ReplayBody, TokenCache, TokenError, TokenPool, WeChatAuth, issuer::StableToken,
};

/// What this program makes of the SDK, by a name that goes into a struct: hyper's client below the layer.
type Sdk = Client<WeChatAuth<legacy::Client<HttpsConnector<HttpConnector>, ReplayBody<Full<Bytes>>>>>;

const USER: &str = "oFollower0000000000000000001";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tiny_sdk: {}", account::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxError> {
    let account = Account::wechat().await?;
    let client = sdk(cache(&account.base_url, &account.id, &account.secret)?, &account.base_url);

    say!("\n1. A call: qrcode_create");
    let code = client.qrcode_create(&NewQrCode::temporary("shelf-7", Duration::from_secs(60))).await?;
    say!("   gives a QR code that works for {} s.", code.value.expire_seconds.unwrap_or_default());
    tell(&code);

    let Some(wechat) = account.fake() else {
        return Ok(());
    };

    say!("\n2. The three others: user_info, upload_media, send_text");
    let user = client.user_info(USER).await?.value;
    say!("   user_info says that {} {}.", user.openid, follows(user.subscribe));
    let media = client.upload_media(MediaKind::Image, "cat.png", b"\x89PNG").await?.value;
    say!("   upload_media gives a media_id of {} characters.", media.media_id.len());
    client.send_text(USER, "你好").await?;
    say!("   send_text has sent the message.");

    say!("\n3. WeChat has revoked the token, and the program does not know: user_info");
    wechat.revoke();
    let user = client.user_info(USER).await?;
    say!("   says that {} {}.", user.value.openid, follows(user.value.subscribe));
    tell(&user);

    say!("\n4. The user has not written for 48 hours: send_text");
    wechat.reject_all(Some(45015));
    explain(client.send_text(USER, "你好").await);
    wechat.heal();

    say!("\n5. The app secret is wrong: user_info");
    let stranger = sdk(cache(&account.base_url, &account.id, "not-the-secret")?, &account.base_url);
    explain(stranger.user_info(USER).await);

    say!("\n6. Two accounts, and one client for both: user_info for wx-shop");
    let wechat =
        FakeWeChat::builder().account("wx-news", "secret-1").account("wx-shop", "secret-2").start().await;
    let pool = TokenPool::new();
    for (app, secret) in [("wx-news", "secret-1"), ("wx-shop", "secret-2")] {
        pool.insert(app.into(), cache(&wechat.url(), app, secret)?);
    }
    let client = sdk(pool, &wechat.url());
    client.for_account("wx-shop").user_info(USER).await?;
    let account = wechat.seen().first().and_then(|seen| seen.account.clone());
    say!("   went out with a token of {}.", account.unwrap_or_default());
    Ok(())
}

/// Which account it is: that is the user's to say.
fn cache(base_url: &str, app: &str, secret: &str) -> Result<TokenCache, BoxError> {
    Ok(TokenCache::new(StableToken::new(app, secret).base_url(base_url)?))
}

/// The SDK over an HTTP client, which is the user's to bring, too.
fn sdk(accounts: impl Into<Accounts>, base_url: &str) -> Sdk {
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let http = legacy::Client::builder(TokioExecutor::new()).build(https);
    Client::new(WeChatAuth::new(http, accounts), base_url)
}

fn follows(subscribe: u8) -> &'static str {
    if subscribe == 1 { "follows the account" } else { "does not follow the account" }
}

/// What the layer did for an answer.
fn tell<T>(answer: &Answer<T>) {
    match &answer.auth {
        None => say!("   The token was good at once."),
        Some(auth) if auth.replayed() => {
            say!(
                "   WeChat rejected the token with {}: the layer sent the call again with a new one.",
                auth.errcode()
            );
        }
        Some(auth) => say!("   WeChat rejected the token with {}.", auth.errcode()),
    }
}

/// What an SDK's user can tell from an error.
fn explain<T>(result: Result<Answer<T>, Error>) {
    let Err(error) = result else { return say!("   went well.") };
    match (error.errcode(), error.token_error().map(TokenError::errcode)) {
        (Some(errcode), None) => say!("   fails: WeChat refused the call with errcode {errcode}."),
        (_, Some(Some(errcode))) => {
            say!("   fails: there is no token, because WeChat refused one with errcode {errcode}.");
        }
        _ => say!("   fails: there was no answer."),
    }
}
