//! What stands on the layer.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode, header::LOCATION};
use http_body_util::Full;
use tower::{Layer, ServiceBuilder, load_shed::error::Overloaded, retry::Policy, timeout::error::Elapsed};
use tower_http::{decompression::DecompressionLayer, follow_redirect::FollowRedirectLayer};
use tower_wechat::{
    TokenCache,
    testing::{Answer, FakeWeChat, Fault},
};

use crate::stack::{
    scenario::{CALLERS, errcode, serves, soon, together},
    support::{Http, call, client, post, stable},
};

fn layered(wechat: &FakeWeChat) -> tower_wechat::WeChatAuth<Http<Full<Bytes>>> {
    client(&TokenCache::new(stable(wechat)))
}

#[tokio::test]
async fn a_concurrency_limit() {
    let wechat = FakeWeChat::start().await;
    let inner = layered(&wechat);
    serves(ServiceBuilder::new().concurrency_limit(1).service(inner), &wechat).await;
}

#[tokio::test]
async fn a_buffer() {
    let wechat = FakeWeChat::start().await;
    let inner = layered(&wechat);
    serves(ServiceBuilder::new().buffer(1).service(inner), &wechat).await;
}

#[tokio::test]
async fn a_rate_limit_behind_a_buffer() {
    let wechat = FakeWeChat::start().await;
    let stack =
        ServiceBuilder::new().buffer(1).rate_limit(3, Duration::from_millis(20)).service(layered(&wechat));
    serves(stack, &wechat).await;
}

#[tokio::test]
async fn a_timeout() {
    let wechat = FakeWeChat::start().await;
    let stack = ServiceBuilder::new().timeout(Duration::from_secs(5)).service(layered(&wechat));
    serves(stack, &wechat).await;
}

#[tokio::test]
async fn a_timeout_that_strikes_during_the_fetch_costs_nobody_the_token() {
    let wechat = FakeWeChat::start().await;
    let inner = layered(&wechat);
    let hasty = ServiceBuilder::new().timeout(Duration::from_millis(50)).service(inner.clone());
    let held = wechat.hold_tokens();
    for answer in together(&hasty, &wechat).await {
        assert!(answer.unwrap_err().is::<Elapsed>());
    }
    held.release();
    assert_eq!(soon(errcode(inner, call(&wechat))).await.unwrap(), 0);
    assert_eq!((wechat.token_requests(), wechat.api_requests()), (1, 1));
}

#[tokio::test]
async fn load_shedding_that_sheds_nothing() {
    let wechat = FakeWeChat::start().await;
    let inner = layered(&wechat);
    serves(ServiceBuilder::new().load_shed().service(inner), &wechat).await;
}

#[tokio::test]
async fn load_shedding_that_sheds() {
    let wechat = FakeWeChat::start().await;
    let stack = ServiceBuilder::new().load_shed().concurrency_limit(1).service(layered(&wechat));
    for mints in 1..=2 {
        let held = wechat.hold_apis();
        let release = async {
            wechat.wait_for_api_requests(mints).await;
            held.release();
        };
        let (answers, ()) = tokio::join!(together(&stack, &wechat), release);
        let (served, shed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(served.len(), 1);
        assert!(served.into_iter().flatten().all(|errcode| errcode == 0));
        assert!(shed.into_iter().all(|shed| shed.unwrap_err().is::<Overloaded>()));
        assert_eq!(wechat.mints(), mints);
        wechat.revoke();
    }
}

/// Retries after errors, a few times.
#[derive(Clone)]
struct AfterErrors(u32, Arc<AtomicU64>);

impl<R, E> Policy<Request<Full<Bytes>>, R, E> for AfterErrors {
    type Future = future::Ready<()>;

    fn retry(&mut self, _: &mut Request<Full<Bytes>>, result: &mut Result<R, E>) -> Option<Self::Future> {
        self.0 = self.0.checked_sub(1)?;
        result.is_err().then(|| {
            self.1.fetch_add(1, Ordering::Relaxed);
            future::ready(())
        })
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn a_retry() {
    let wechat = FakeWeChat::start().await;
    let retries = Arc::new(AtomicU64::new(0));
    let stack = ServiceBuilder::new()
        .retry(AfterErrors(3, retries.clone()))
        .concurrency_limit(1)
        .service(layered(&wechat));
    serves(stack.clone(), &wechat).await;
    assert_eq!(retries.load(Ordering::Relaxed), 0);

    wechat.fail_next_apis(2, Fault::Reset);
    for answer in together(&stack, &wechat).await {
        assert_eq!(answer.unwrap(), 0);
    }
    assert!(retries.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn a_decompression() {
    let wechat = FakeWeChat::start().await;
    let stack = DecompressionLayer::new().layer(layered(&wechat));
    serves(stack, &wechat).await;
}

#[tokio::test]
async fn a_redirect() {
    let wechat = FakeWeChat::start().await;
    let moved = Answer::default()
        .status(StatusCode::FOUND)
        .header(LOCATION, "/cgi-bin/message/custom/send?lang=zh_CN".parse().unwrap());
    wechat.set_answer("/cgi-bin/old", moved);
    let stack = FollowRedirectLayer::new().layer(layered(&wechat));
    serves(stack.clone(), &wechat).await;

    wechat.clear_seen();
    let old = post(&wechat, "/cgi-bin/old", Full::from("{}"));
    assert_eq!(soon(errcode(stack, old)).await.unwrap(), 0);
    let seen = wechat.seen();
    let last = &seen[seen.len() - 2..];
    assert_eq!(last[0].path, "/cgi-bin/old");
    assert_eq!(last[1].query, "lang=zh_CN&access_token=***");
    assert_eq!(last[0].token, last[1].token, "both hops are authorised");
    assert!(wechat.api_requests() <= 3 * CALLERS + 3);
}
