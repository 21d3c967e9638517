//! `HubToken` against a hub in this process.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use tower_wechat::{TokenCache, issuer::HubToken};

use super::support::{APP, Folder, SECRET, eventually, hub};

#[tokio::test]
async fn a_worker_has_the_next_token_before_it_meets_a_rejection_and_outlives_its_hub() {
    let wechat = FakeWeChat::start().await;
    let folder = Folder::new();
    let path = folder.path().join("hub.sock");
    let first_hub = hub(&wechat).build().unwrap();
    let server = first_hub.serve_unix(&path).unwrap();
    let [one, other] = [(); 2].map(|()| TokenCache::new(HubToken::unix(&path, APP, SECRET)));
    let first = one.token().await.unwrap();
    assert_eq!(other.token().await.unwrap().as_str(), first.as_str());
    assert_eq!(wechat.mints(), 1);
    eventually(|| first_hub.load().long_polls == 2).await;

    wechat.revoke();
    let held = other.current().unwrap();
    let second = one.refresh(&first).await.unwrap();
    let told =
        tokio::time::timeout(Duration::from_secs(2), other.newer_than(held.generation())).await.unwrap();
    assert_eq!(told.as_str(), second.as_str());
    assert_eq!(other.refresh(&held).await.unwrap().as_str(), second.as_str());
    assert_eq!(wechat.mints(), 2);

    server.shutdown().await;
    assert_eq!(one.token().await.unwrap().as_str(), second.as_str());
    wechat.revoke();
    let again = hub(&wechat).build().unwrap();
    let server = again.serve_unix(&path).unwrap();
    let third =
        tokio::time::timeout(Duration::from_millis(1500), one.newer_than(second.generation())).await.unwrap();
    assert_ne!(third.as_str(), second.as_str());
    assert_eq!(other.refresh(&told).await.unwrap().as_str(), third.as_str());

    for (app, secret, says) in
        [("wxother", SECRET, "no such app"), (APP, "wrong", "does not know this client secret")]
    {
        let error = TokenCache::new(HubToken::unix(&path, app, secret)).token().await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    server.shutdown().await;
    let error = TokenCache::new(HubToken::unix(&path, APP, SECRET)).token().await.unwrap_err();
    assert!(error.to_string().contains("hub.sock") && error.is_of_this_host(), "{error}");
}
