//! What each crate does alone, with the shared cache and behind the hub, counted at a `WeChat` on this machine.

mod by_hand;
mod http;
mod labrador;
mod measure;
mod minapp;
mod mp_sdk;
mod wx_rust;

use std::{future::Future, sync::Arc};

use measure::{APP, BoxError, Row, SECRET, Way, cache, measure};
use serde_json::{Value, json};
use tower_wechat::testing::Answer;
use wechat_minapp::{
    client::{ReqwestHttpClient, WechatMinapp},
    link::{Link, ShortLinkArgs},
};
use wechat_mp_sdk::api::MediaType;
use wx_rust_mp::config::{
    WxMpConfigStorage, WxMpHostConfig, r#impl::WxMpDefaultConfig,
};

const SHORT_LINK: &str = "/wxa/genwxashortlink";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("50 calls at the same time            cold            revoked");
    println!("                                mints  failed    mints  failed");
    by_hand().await?;
    mp_sdk().await?;
    minapp().await?;
    wx_rust().await?;
    labrador_asks_the_cache().await
}

fn show(name: &str, way: &str, [cold, revoked]: &[Row; 2]) {
    let name = format!("{name}, {way}");
    println!(
        "{name:<31} {:>5}  {:>6}    {:>5}  {:>6}",
        cold.mints, cold.failed, revoked.mints, revoked.failed
    );
}

async fn by_hand() -> Result<(), BoxError> {
    const NAME: &str = "a cache by hand";
    let message = json!({ "touser": "OPENID", "msgtype": "text", "text": { "content": "你好" } });
    let way = Way::alone().await;
    let own = by_hand::before::WeChat {
        http: reqwest::Client::new(),
        base: way.url(),
        app_id: APP.to_owned(),
        secret: SECRET.to_owned(),
        token: Arc::default(),
    };
    show(NAME, "before", &measure(&way, || accepted(own.send(&message))).await);
    let way = Way::alone().await;
    let own = by_hand::after::WeChat::new(&way.url(), APP, SECRET)?;
    show(NAME, "after", &measure(&way, || accepted(own.send(&message))).await);
    Ok(())
}

/// `WeChat` says in the answer whether it has done what was asked.
async fn accepted(
    answer: impl Future<Output = Result<Value, BoxError>>,
) -> Result<(), BoxError> {
    let answer = answer.await?;
    if answer["errcode"] == 0 { Ok(()) } else { Err(answer.to_string().into()) }
}

async fn mp_sdk() -> Result<(), BoxError> {
    const NAME: &str = "wechat-mp-sdk 0.3.0";
    let way = Way::alone().await;
    let sdk = mp_sdk::before::client(&way.url(), APP, SECRET)?;
    show(NAME, "alone", &measure(&way, || sdk.get_api_domain_ip()).await);
    let way = Way::alone().await;
    let sdk = mp_sdk::after::client(&way.url(), APP, SECRET, cache(&way)?)?;
    show(NAME, "layer", &measure(&way, || sdk.get_api_domain_ip()).await);
    way.wechat.revoke();
    let picture = vec![0; 100_000];
    sdk.upload_temp_media(MediaType::Image, "a.png", &picture).await?;
    println!("{NAME}, layer: an upload of 100 kB with a revoked token: ok");
    let way = Way::through_hub().await?;
    let sdk = mp_sdk::hub::client(&way.url(), APP, way.secret())?;
    show(NAME, "hub", &measure(&way, || sdk.get_api_domain_ip()).await);
    Ok(())
}

/// This one has `WeChat`'s addresses in its code: what it sends there goes to the one on this machine.
async fn minapp() -> Result<(), BoxError> {
    const NAME: &str = "wechat-minapp 3.4.3";
    let plain = || Arc::new(ReqwestHttpClient::new());
    let _: fn(&str, &str) -> WechatMinapp = minapp::before::client;

    let way = Way::alone().await;
    let link = Link::new(minapp::hub::client(&way.url(), APP, SECRET, plain()));
    show(NAME, "alone", &measure(&way, || short_link(&link, &way)).await);
    let way = Way::alone().await;
    let mut sdk = minapp::after::client(APP, SECRET, cache(&way)?);
    sdk.client = minapp::hub::client(&way.url(), APP, SECRET, sdk.client).client;
    let link = Link::new(sdk);
    show(NAME, "layer", &measure(&way, || short_link(&link, &way)).await);
    let way = Way::through_hub().await?;
    let link =
        Link::new(minapp::hub::client(&way.url(), APP, way.secret(), plain()));
    show(NAME, "hub", &measure(&way, || short_link(&link, &way)).await);
    Ok(())
}

async fn short_link(link: &Link, way: &Way) -> wechat_minapp::Result<()> {
    way.wechat.set_answer(
        SHORT_LINK,
        Answer::json(r##"{"errcode":0,"errmsg":"ok","link":"#"}"##),
    );
    link.short_link(ShortLinkArgs::builder().path("pages/index").build()?)
        .await
        .map(drop)
}

async fn wx_rust() -> Result<(), BoxError> {
    use wx_rust_mp::api::WxMpService;

    const NAME: &str = "wx-rust-mp 0.1.5";
    let config = |way: &Way| {
        let config = WxMpDefaultConfig::new(APP, way.secret());
        config.set_host_config(WxMpHostConfig {
            api_host: way.url(),
            ..WxMpHostConfig::new()
        });
        Arc::new(config)
    };
    let way = Way::alone().await;
    let sdk = wx_rust::before::service(config(&way));
    show(NAME, "alone", &measure(&way, || sdk.get_callback_ip()).await);
    let way = Way::alone().await;
    let sdk = wx_rust::after::Shared::new(
        config(&way),
        cache(&way)?,
        reqwest::Client::new(),
    );
    show(NAME, "layer", &measure(&way, || sdk.get_callback_ip()).await);
    let way = Way::through_hub().await?;
    let sdk = wx_rust::before::service(config(&way));
    show(NAME, "hub", &measure(&way, || sdk.get_callback_ip()).await);
    Ok(())
}

/// This one has `WeChat`'s addresses in its code, and takes no client: what it asks for a token can be seen, and no call.
async fn labrador_asks_the_cache() -> Result<(), BoxError> {
    drop(labrador::before::client(APP, SECRET));
    let way = Way::alone().await;
    let cache = cache(&way)?;
    let sdk = labrador::after::client(APP, cache.clone());
    let calls = std::cell::Cell::new(0);
    let answers = async || {
        calls.set(calls.get() + 1);
        let token = sdk.access_token(false).await?;
        // As WeChat would answer a call with it.
        if way.wechat.accepts(&token) {
            return Ok(());
        }
        let (errcode, errmsg) =
            ("40001".to_owned(), "invalid credential".to_owned());
        Err(::labrador::LabraError::ClientError { errcode, errmsg })
    };
    labrador::after::call(&cache, answers).await??;
    way.wechat.revoke();
    labrador::after::call(&cache, answers).await??;
    println!(
        "labrador 0.2.3, cache: {} mints, {} calls, none failed",
        way.wechat.mints(),
        calls.get()
    );
    Ok(())
}
