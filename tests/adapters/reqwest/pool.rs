//! Accounts that a pool makes from a database, asked for through reqwest.

use std::{io, time::Duration};

use tokio::time::{Instant, sleep};

use super::*;

const PATIENCE: Duration = Duration::from_millis(300);

/// `slow` takes a second, `broken` fails, nobody knows any other but the fake's own.
fn pool(url: String) -> TokenPool {
    TokenPool::builder()
        .async_factory(move |app: AppId| {
            let url = url.clone();
            async move {
                match app.as_str() {
                    "slow" => sleep(Duration::from_secs(1)).await,
                    "broken" => return Err(io::Error::other("the database is away").into()),
                    FakeWeChat::APP_ID => tokio::task::yield_now().await,
                    _ => return Ok(None),
                }
                let issuer = tower_wechat::issuer::StableToken::new(app, FakeWeChat::APP_SECRET);
                Ok(Some(TokenCache::new(issuer.base_url(&url)?)))
            }
        })
        .build()
}

#[tokio::test]
async fn a_request_waits_for_its_account() {
    let wechat = FakeWeChat::start().await;
    let client = WeChatAuthLayer::new(pool(wechat.url())).layer(ConcurrencyLimit::new(http(), 1));
    let ours = client.for_app(FakeWeChat::APP_ID.into());
    let response = ours.execute(message(&wechat)).await.unwrap();
    assert_eq!(errcode(response).await, 0);
    assert_eq!(wechat.seen()[0].account, Some(FakeWeChat::APP_ID.into()));

    for (app, kind) in [("unknown", ErrorKind::UnknownApp), ("broken", ErrorKind::Store)] {
        let error = client.for_app(app.into()).execute(message(&wechat)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.downcast_ref::<io::Error>().is_some(), app == "broken");
    }
    assert_eq!(wechat.api_requests(), 1);
}

#[tokio::test]
async fn an_account_elsewhere_leaves_the_request_alone() {
    let (wechat, elsewhere) = (FakeWeChat::start().await, FakeWeChat::start().await);
    let client = WeChatAuthLayer::new(pool(elsewhere.url())).layer(ConcurrencyLimit::new(http(), 1));
    let response = client.for_app(FakeWeChat::APP_ID.into()).execute(message(&wechat)).await.unwrap();
    assert!(response.extensions().get::<AuthOutcome>().is_none());
    assert_eq!(errcode(response).await, 41001, "no token");
    assert_eq!(elsewhere.token_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_requests_own_time_out_covers_the_wait() {
    let pool = pool("https://api.weixin.qq.com".into());
    let client = WeChatAuthLayer::new(&pool).layer(http()).for_app("slow".into());
    let hasty = http().post("https://api.weixin.qq.com/x").timeout(PATIENCE).body("whole").build().unwrap();
    #[allow(clippy::disallowed_methods)] // Tokio's paused time, to see when.
    let now = Instant::now;
    let before = now();
    let error = client.execute(hasty).await.unwrap_err();
    assert_eq!((error.kind(), now() - before), (ErrorKind::Timeout, PATIENCE));
    assert!(error.to_string().contains("the request's own time-out"), "{error}");
    // The factory goes on for the next caller.
    pool.account(&"slow".into()).await.unwrap();
    assert_eq!(now() - before, Duration::from_secs(1));
}
