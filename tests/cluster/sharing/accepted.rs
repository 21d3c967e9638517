//! That a refresh has helped is known to all: the next to see a rejection may be another process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};
use tower_wechat::{
    AuthOutcome, TokenCache, WeChatAuthLayer,
    store::{MemoryStore, TokenStore},
};

use crate::sharing::{process, support::issuers::instant};

/// Sends a request to an API that accepts this token only. Whether it was accepted in the end, and whether it was sent twice.
async fn call(cache: &TokenCache, good: &Arc<AtomicU64>) -> (bool, bool) {
    let good = format!("TOKEN-{}", good.load(Ordering::SeqCst));
    let api = service_fn(move |request: Request<_>| {
        let _: &tower_wechat::ReplayBody<Full<Bytes>> = request.body();
        let accepted = request.uri().query().is_some_and(|query| query.ends_with(&good));
        let errcode = if accepted { 0 } else { 40001 };
        async move {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(format!(
                r#"{{"errcode":{errcode}}}"#
            ))))
        }
    });
    let request =
        Request::get("https://api.weixin.qq.com/cgi-bin/user/get").body(Full::<Bytes>::default()).unwrap();
    let client = tower::ServiceBuilder::new().layer(WeChatAuthLayer::new(cache)).service(api);
    let answer = client.oneshot(request).await.unwrap();
    let replayed = answer.extensions().get::<AuthOutcome>().is_some_and(AuthOutcome::replayed);
    let answer = answer.into_body().collect().await.unwrap().to_bytes();
    (answer == r#"{"errcode":0}"#, replayed)
}

#[tokio::test(start_paused = true)]
async fn revocations_in_quick_succession_seen_by_turns_cost_nothing_but_the_share_of_the_day() {
    let store = MemoryStore::new();
    // Two handles on one issuer: they mint TOKEN-1, TOKEN-2, … together.
    let (issuer, mints) = instant();
    let issuer: Arc<dyn tower_wechat::issuer::Issuer> = Arc::new(issuer);
    let processes = [process(issuer.clone(), &store), process(issuer, &store)];
    for process in &processes {
        process.token().await.unwrap();
    }
    let good = Arc::new(AtomicU64::new(1));
    for round in 0..20 {
        sleep(Duration::from_secs(5)).await;
        // The token dies; the next one will be good.
        good.fetch_add(1, Ordering::SeqCst);
        let process = &processes[round % 2];
        assert_eq!(call(process, &good).await, (true, true), "round {round}: {:?}", process.stats());
    }
    assert_eq!(mints.load(Ordering::SeqCst), 21);
    let usage = store.load(processes[0].account()).await.unwrap().usage;
    assert_eq!(usage.futile, Duration::ZERO, "{usage:?}");
}

#[tokio::test(start_paused = true)]
async fn refreshes_that_do_not_help_are_few_for_all_of_them_together() {
    let store = MemoryStore::new();
    let (issuer, mints) = instant();
    let issuer: Arc<dyn tower_wechat::issuer::Issuer> = Arc::new(issuer);
    let processes = [process(issuer.clone(), &store), process(issuer, &store)];
    let good = Arc::new(AtomicU64::new(0));
    for round in 0..600 {
        call(&processes[round % 2], &good).await;
        sleep(Duration::from_secs(1)).await;
    }
    let mints = mints.load(Ordering::SeqCst);
    assert!((6..=9).contains(&mints), "{mints} in ten minutes: one, five, and one every five minutes");
}
