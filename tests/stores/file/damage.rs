//! State files that cannot be read: errors that name the file, and nothing is overwritten.

use std::{fs, time::Duration};

use tower_wechat::{
    TokenError,
    store::{Failure, FileStore, Lease, LeaseRequest, StoreError, TokenStore, Usage},
};

use crate::file::{LONG, TestDir, account, committed, granted, token};

/// The error of every call there is.
async fn errors(store: &FileStore, lease: &Lease) -> [StoreError; 5] {
    let account = account();
    let failure = Failure::new(TokenError::transient("busy"), lease.fence, LONG);
    [
        store.load(&account).await.map(drop).unwrap_err(),
        store.try_lease(&account, LeaseRequest::new(LONG, 0)).await.map(drop).unwrap_err(),
        store.renew(&account, lease).await.map(drop).unwrap_err(),
        store.commit(&account, lease, &token("t", lease), &Usage::default()).await.map(drop).unwrap_err(),
        store.abandon(&account, lease, Some(&failure), &Usage::default()).await.unwrap_err(),
    ]
}

async fn is_unreadable(dir: &TestDir, store: &FileStore, lease: &Lease, content: &[u8]) {
    fs::write(dir.file("json"), content).unwrap();
    for error in errors(store, lease).await {
        assert!(error.is_unreadable(), "{error}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(&format!("{}.json", account())), "{shown}");
        assert!(!shown.contains("SENTINEL"), "{shown}");
    }
    assert_eq!(fs::read(dir.file("json")).unwrap(), content, "left as it is");
}

#[tokio::test]
async fn a_torn_file_is_an_error_at_every_length() {
    let dir = TestDir::new();
    let store = dir.open();
    committed(&store, "SENTINEL").await;
    let lease = granted(&store, LONG).await;
    let failure = Failure::new(TokenError::transient("busy"), lease.fence, LONG);
    store.abandon(&account(), &lease, Some(&failure), &Usage::default()).await.unwrap();
    let lease = granted(&store, LONG).await;
    let whole = fs::read(dir.file("json")).unwrap();
    for length in 0..whole.len() {
        is_unreadable(&dir, &store, &lease, &whole[..length]).await;
    }
    let mut zeros = whole.clone();
    zeros[100..].fill(0);
    is_unreadable(&dir, &store, &lease, &zeros).await;

    fs::write(dir.file("json"), &whole).unwrap();
    assert!(store.renew(&account(), &lease).await.unwrap(), "whole again, good again");
}

#[tokio::test]
async fn a_foreign_or_future_file_is_an_error() {
    let dir = TestDir::new();
    let store = dir.open();
    let lease = committed(&store, "t").await;
    let record = |written: &str| {
        // It lives: from a moment that has been on, for very long.
        let term = r#"{"from":1,"life":9000000000000}"#;
        format!(r#"{{"v":2,"fence":1,"record":{{"written":{written:?},"term":{term}}}}}"#)
    };
    for content in [
        "SENTINEL",
        r#""SENTINEL""#,
        r#"{"v":"SENTINEL"}"#,
        r#"{"v":2,"fence":"SENTINEL"}"#,
        "\u{89}PNG\r\n",
        "[]",
        "null",
        "{}",
        r#"{"v":2}"#,
        r#"{"v":2,"fence":-1}"#,
        r#"{"v":2,"fence":1,"password":"SENTINEL"}"#,
        r#"{"v":1,"fence":1}"#,
        r#"{"v":3,"fence":1}"#,
        r#"{"access_token":"SENTINEL","expires_in":7200}"#,
        &record("SENTINEL"),
        &record(r#"{"v":2,"token":"SENTINEL"}"#),
        &record(r#"{"v":2,"token":"SENTINEL","generation":1,"life_ms":1,"check":"0123456789abcdef"}"#),
        &record(r#"{"v":3,"token":"SENTINEL","generation":1,"life_ms":1}"#),
    ] {
        is_unreadable(&dir, &store, &lease, content.as_bytes()).await;
    }
    fs::write(dir.file("json"), r#"{"v":3,"new":"x"}"#).unwrap();
    let error = store.load(&account()).await.unwrap_err();
    assert!(error.to_string().contains("update this program"), "{error}");

    fs::write(dir.file("json"), format!(r#"{{"v":2,"fence":{}}}"#, u64::MAX)).unwrap();
    let claim = store.try_lease(&account(), LeaseRequest::new(LONG, 0)).await;
    assert!(claim.unwrap_err().is_unreadable(), "no fence is above that");

    fs::remove_file(dir.file("json")).unwrap();
    fs::create_dir(dir.file("json")).unwrap();
    for error in errors(&store, &lease).await {
        assert!(error.to_string().contains(&format!("{}.json", account())), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_was_moved_away_starts_anew() {
    let dir = TestDir::new();
    let store = dir.open();
    let lease = committed(&store, "t").await;
    let mut watch = store.watch(&account());
    fs::rename(dir.file("json"), dir.file("json.damaged")).unwrap();
    tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.expect("that is a change too");
    assert!(store.load(&account()).await.unwrap().record.is_none());
    assert!(granted(&store, LONG).await.fence > lease.fence, "though nothing remembers that one");
}

#[tokio::test]
async fn one_changed_byte_of_a_token_is_an_error_and_the_file_stays() {
    let dir = TestDir::new();
    let store = dir.open();
    let lease = committed(&store, "TOKEN-SENTINEL").await;
    let damaged = fs::read_to_string(dir.file("json")).unwrap().replace("TOKEN-SENTINEL", "TOKEN-SENTIMEL");
    is_unreadable(&dir, &store, &lease, damaged.replace("SENTIMEL", "SENTINEM").as_bytes()).await;
    // Once its life is over it counts as absent: from a moment that is long past, for a second.
    let term = damaged.find(r#""term":{"from":"#).unwrap();
    let end = damaged[term..].find('}').unwrap() + term;
    let over = format!(r#"{}"term":{{"from":1,"life":1000{}"#, &damaged[..term], &damaged[end..]);
    fs::write(dir.file("json"), over).unwrap();
    assert!(store.load(&account()).await.unwrap().record.is_none());
    assert!(granted(&store, LONG).await.fence > lease.fence);
}
