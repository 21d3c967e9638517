//! A token call that hangs, as a caller of the cache meets it.

use std::time::Duration;

use tower_wechat::{
    TokenCache,
    issuer::Issuer,
    testing::{FakeWeChat, Fault},
};

use crate::issuer_client::{classic, issuers};

#[tokio::test]
async fn it_costs_three_seconds_and_no_more() {
    let (ours, theirs) = (FakeWeChat::start().await, FakeWeChat::start().await);
    let issuer = classic(&theirs.url()).http_client(crate::issuer_client::reqwest::client());
    tokio::join!(costs_three_seconds(&ours, issuers(&ours.url()).0), costs_three_seconds(&theirs, issuer));
}

async fn costs_three_seconds(wechat: &FakeWeChat, issuer: impl Issuer) {
    wechat.fail_next_tokens(1, Fault::Hang);
    let cache = TokenCache::new(issuer);
    let mut token = std::pin::pin!(cache.token());
    let early = tokio::time::timeout(Duration::from_millis(2500), &mut token).await;
    assert!(early.is_err(), "given up too early");
    let token = tokio::time::timeout(Duration::from_secs(2), token).await.expect("given up in time").unwrap();
    assert!(wechat.accepts(token.as_str()));
    assert_eq!((wechat.token_requests(), wechat.mints()), (2, 1));
}
