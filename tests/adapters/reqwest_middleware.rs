//! The layer as a `reqwest_middleware::Middleware`.

use crate::support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response, Url};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};
use serde_json::Value;
use support::*;
use tokio::task::JoinSet;
use tower_wechat::{
    AppId, AuthOutcome, ErrorKind, SkipAuth, TokenCache, TokenError, TokenPool, WeChatAuthLayer,
    issuer::StableToken,
    testing::{FakeWeChat, Fault},
};

const SEND: &str = "/cgi-bin/message/custom/send?lang=zh_CN";

fn http() -> ClientBuilder {
    // reqwest wants a TLS provider, even for a client that never speaks TLS; whoever comes first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ClientBuilder::new(reqwest::Client::builder().tls_certs_only([]).referer(false).build().unwrap())
}

fn wechat_client(cache: &TokenCache) -> ClientWithMiddleware {
    http().with(WeChatAuthLayer::new(cache)).build()
}

async fn post(client: &ClientWithMiddleware, wechat: &FakeWeChat) -> Result<Response, Error> {
    let url = format!("{}{SEND}", wechat.url());
    client.post(url).body("twelve bytes").send().await
}

fn outcome(response: &Response) -> AuthOutcome {
    response.extensions().get::<AuthOutcome>().unwrap().clone()
}

async fn errcode(response: Response) -> i64 {
    response.json::<Value>().await.unwrap()["errcode"].as_i64().unwrap()
}

#[tokio::test]
async fn a_hundred_callers_cold_and_rejected() {
    let wechat = FakeWeChat::start().await;
    let client = wechat_client(&TokenCache::new(stable(&wechat)));
    for mints in 1..=2 {
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let (client, wechat) = (client.clone(), wechat.clone());
            callers.spawn(async move { errcode(post(&client, &wechat).await.unwrap()).await });
        }
        assert_eq!(callers.join_all().await, [0; 100]);
        assert_eq!(wechat.mints(), mints);
        wechat.revoke();
    }
    for seen in wechat.seen() {
        assert_eq!(seen.query, "lang=zh_CN&access_token=***");
        assert_eq!((seen.content_length(), &*seen.body), (Some(12), &b"twelve bytes"[..]));
    }
}

#[tokio::test]
async fn a_replayed_answer_shows_no_token() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    let response = post(&wechat_client(&cache), &wechat).await.unwrap();
    assert!(outcome(&response).replayed());
    assert_eq!(response.url().as_str(), format!("{}{SEND}", wechat.url()));
    assert_eq!(errcode(response).await, 0);
}

#[tokio::test]
async fn errors_of_the_layer_are_middleware_errors() {
    let wechat = FakeWeChat::start().await;
    wechat.fail_tokens(Fault::Errcode(40125));
    let client = wechat_client(&TokenCache::new(stable(&wechat)));
    let Err(Error::Middleware(error)) = post(&client, &wechat).await else {
        panic!("without a token nothing can be sent");
    };
    let error = error.downcast_ref::<tower_wechat::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Token);
    assert_eq!(error.downcast_ref::<TokenError>().unwrap().errcode(), Some(40125));
    assert_eq!(wechat.api_requests(), 0);
}

#[tokio::test]
async fn errors_of_the_client_come_as_they_were_without_the_token() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let token = cache.token().await.unwrap().as_str().to_owned();
    let client = wechat_client(&cache);
    let clean = |error: &Error| {
        assert!(error.url().unwrap().as_str().ends_with(SEND));
        assert!(!format!("{error} {error:?}").contains(&token));
    };

    wechat.fail_next_apis(1, Fault::Reset);
    let error = post(&client, &wechat).await.unwrap_err();
    assert!(matches!(error, Error::Reqwest(_)));
    clean(&error);

    let _held = wechat.hold_apis();
    let request = client.get(format!("{}{SEND}", wechat.url())).timeout(Duration::from_millis(50));
    let error = request.send().await.unwrap_err();
    assert!(error.is_timeout());
    clean(&error);
}

/// Counts what passes, in the request's extensions, and notes the URLs.
#[derive(Clone, Default)]
struct Counting(Arc<Mutex<Vec<Url>>>);

#[derive(Clone, Debug, PartialEq)]
struct Count(u8);

#[async_trait]
impl Middleware for Counting {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        self.0.lock().unwrap().push(request.url().clone());
        extensions.get_or_insert_with(|| Count(0)).0 += 1;
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn other_middlewares_see_their_part() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    cache.token().await.unwrap();
    wechat.revoke();
    let (outer, inner) = (Counting::default(), Counting::default());
    let client = http().with(outer.clone()).with(WeChatAuthLayer::new(&cache)).with(inner.clone()).build();
    let request = client.get(format!("{}{SEND}", wechat.url())).build().unwrap();
    let mut extensions = Extensions::new();
    let response = client.execute_with_extensions(request, &mut extensions).await.unwrap();
    assert_eq!(errcode(response).await, 0);
    assert_eq!(extensions.get(), Some(&Count(3)), "what they say to one another stays");
    let urls = outer.0.lock().unwrap().clone();
    assert_eq!(urls.len(), 1);
    assert!(!urls[0].as_str().contains("access_token"));
    assert_eq!(inner.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_request_picks_its_account() {
    let wechat = FakeWeChat::start().await;
    let pool = TokenPool::new();
    pool.insert(FakeWeChat::APP_ID.into(), TokenCache::builder(stable(&wechat)).build());
    let client = http().with(WeChatAuthLayer::new(pool)).build();
    let url = format!("{}{SEND}", wechat.url());

    let Err(Error::Middleware(error)) = client.get(&url).send().await else {
        panic!("a request must name its account");
    };
    let error = error.downcast_ref::<tower_wechat::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnknownApp);

    let named = client.get(&url).with_extension(AppId::from(FakeWeChat::APP_ID));
    assert_eq!(errcode(named.send().await.unwrap()).await, 0);

    let skipped = client.get(&url).with_extension(SkipAuth).send().await.unwrap();
    assert!(skipped.extensions().get::<AuthOutcome>().is_none());
    assert_eq!(errcode(skipped).await, 41001, "no token");
}

#[tokio::test]
async fn a_request_waits_for_the_account_that_it_picks() {
    let wechat = FakeWeChat::start().await;
    let base = wechat.url();
    let factory = move |app: AppId| {
        let base = base.clone();
        async move {
            tokio::task::yield_now().await;
            if app.as_str() != FakeWeChat::APP_ID {
                return Err("the database is away".into());
            }
            let issuer = StableToken::new(app, FakeWeChat::APP_SECRET).base_url(&base)?;
            Ok(Some(TokenCache::new(issuer)))
        }
    };
    let pool = TokenPool::builder().async_factory(factory).build();
    let client = http().with(WeChatAuthLayer::new(pool)).build();
    let url = format!("{}{SEND}", wechat.url());
    let named = |app| client.get(&url).with_extension(AppId::from(app)).send();
    assert_eq!(errcode(named(FakeWeChat::APP_ID).await.unwrap()).await, 0);
    let Err(Error::Middleware(error)) = named("another").await else {
        panic!("its account cannot be made");
    };
    assert_eq!(error.downcast_ref::<tower_wechat::Error>().unwrap().kind(), ErrorKind::Store);
    assert_eq!(wechat.api_requests(), 1);
}
