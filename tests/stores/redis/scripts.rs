//! What the scripts do to a server's data.

use std::time::Duration;

use tower_wechat::{
    TokenError,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, RedisStore, StoreError, TokenStore, Usage},
    testing::store_conformance,
};

use crate::redis::{
    LIFE, account, commit, connect_patiently as connect, lease, proxy::Proxy, support::Server, token,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_store_keeps_the_rules() {
    let server = Server::start().await;
    let url = server.url();
    store_conformance(|| connect(&url)).await;
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let server = Server::start_with(&["--unixsocket", "redis.sock"]).await;
    let store = connect(&format!("redis+unix://{}", server.path("redis.sock").display())).await;
    commit(&store, &account("app"), "t").await.unwrap();
    assert_eq!(token(&store, &account("app")).await.as_deref(), Some("t"));
}

#[tokio::test]
async fn a_server_is_told_neither_app_nor_secret() {
    let server = Server::start().await;
    let store = RedisStore::builder(&server.url()).key_prefix("mine").connect().await.unwrap();
    let account = account("wxAPPID");
    commit(&store, &account, "t").await.unwrap();
    let keys = server.cli(&["KEYS", "*"]).await;
    assert_eq!(keys, format!("mine:{{{account}}}"), "one key an account");
    let all = server.cli(&["HGETALL", &keys]).await;
    assert!(!all.contains("APPID") && !all.contains("the-secret") && !keys.contains("APPID"), "{all}");
}

#[tokio::test]
async fn an_account_is_kept_a_day_after_its_token_has_expired() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    let key = format!("tower-wechat:{{{account}}}");
    let life = async || server.cli(&["PTTL", &key]).await.parse::<u64>().unwrap();

    let granted = lease(&store, &account).await.unwrap();
    assert!(life().await > DAY);
    let week = Duration::from_secs(7 * 24 * 3600);
    store
        .commit(&account, &granted, &Record::new("t", granted.fence, week, week), &Usage::default())
        .await
        .unwrap();
    assert!(life().await > 8 * DAY - 60_000);
    let granted = lease(&store, &account).await.unwrap();
    assert!(life().await > 8 * DAY - 60_000, "a lease does not shorten it");
    let failure = Failure::new(TokenError::transient("busy"), granted.fence, LIFE);
    store.abandon(&account, &granted, Some(&failure), &Usage::default()).await.unwrap();
    assert!(life().await > 8 * DAY - 60_000, "nor does a failure");
}

#[tokio::test]
async fn fences_are_exact_where_a_double_is_not() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    for floor in [9_999_999_999_999, (1 << 53) + 1, (1 << 62) + 1] {
        let claim = store.try_lease(&account, LeaseRequest::new(LIFE, floor)).await.unwrap();
        let Claim::Granted(lease, _) = claim else { panic!("{claim:?}") };
        assert_eq!(lease.fence, floor + 1);
        let late = Lease::new(floor, &LeaseRequest::new(LIFE, 0));
        let record = Record::new("t", floor, LIFE, LIFE);
        assert!(matches!(
            store.commit(&account, &late, &record, &Usage::default()).await.unwrap(),
            Commit::Fenced(_)
        ));
        assert!(!store.renew(&account, &late).await.unwrap());
        assert!(store.renew(&account, &lease).await.unwrap());
        store.abandon(&account, &lease, None, &Usage::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_forgot_its_scripts_is_told_them_again() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    for round in 0..2 {
        server.cli(&["SCRIPT", "FLUSH"]).await;
        let granted = lease(&store, &account).await.unwrap();
        server.cli(&["SCRIPT", "FLUSH"]).await;
        assert!(store.renew(&account, &granted).await.unwrap());
        server.cli(&["SCRIPT", "FLUSH"]).await;
        store.abandon(&account, &granted, None, &Usage::default()).await.unwrap();
        server.cli(&["SCRIPT", "FLUSH"]).await;
        commit(&store, &account, &round.to_string()).await.unwrap();
        server.cli(&["SCRIPT", "FLUSH"]).await;
        assert_eq!(token(&store, &account).await, Some(round.to_string()));
    }
}

#[tokio::test]
async fn a_wiped_server_takes_the_commit_of_a_lease_it_has_forgotten() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    commit(&store, &account, "old").await.unwrap();
    let granted = lease(&store, &account).await.unwrap();
    server.cli(&["FLUSHALL"]).await;
    assert!(!store.renew(&account, &granted).await.unwrap());
    let record = Record::new("new", granted.fence, LIFE, LIFE);
    assert!(matches!(
        store.commit(&account, &granted, &record, &Usage::default()).await.unwrap(),
        Commit::Done
    ));
    assert!(lease(&store, &account).await.unwrap().fence > granted.fence);
}

#[tokio::test]
async fn a_lease_is_not_immortal_when_the_servers_clock_is_set_back() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    let old = lease(&store, &account).await.unwrap();
    // As if it had been granted an hour from now.
    let key = format!("tower-wechat:{{{account}}}");
    server.cli(&["HINCRBY", &key, "lease_end", "3600000"]).await;
    assert_eq!(store.load(&account).await.unwrap().leased, None);
    assert!(lease(&store, &account).await.unwrap().fence > old.fence);
}

#[tokio::test]
async fn an_answer_that_got_lost_does_not_cost_the_lease() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port).await;
    let store = connect(&proxy.url()).await;
    let account = account("app");
    // The scripts are loaded, so that the next answer is the lease itself.
    commit(&store, &account, "t").await.unwrap();
    proxy.swallow_next_answer();
    let lease = lease(&store, &account).await.unwrap();
    let key = format!("tower-wechat:{{{account}}}");
    assert_eq!(
        server.cli(&["HGET", &key, "fence"]).await,
        lease.fence.to_string(),
        "granted once, told twice"
    );
    let record = Record::new("new", lease.fence, LIFE, LIFE);
    proxy.swallow_next_answer();
    assert!(matches!(
        store.commit(&account, &lease, &record, &Usage::default()).await.unwrap(),
        Commit::Done
    ));
    assert_eq!(token(&store, &account).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_never_overwritten() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let whole = r#"{"v":2,"token":"SENTINEL","generation":1,"life_ms":9,"check":"0"}"#;
    let future = r#"{"v":3,"token":"SENTINEL"}"#;
    for (name, field, value) in [
        ("torn", "record", &whole[..30]),
        ("foreign", "record", "SENTINEL"),
        ("list", "record", "[1,2]"),
        ("future", "record", future),
        ("other shape", "record", r#"{"v":2,"token":["SENTINEL"]}"#),
        ("no fence", "fence", "SENTINEL"),
    ] {
        let account = account(name);
        let key = format!("tower-wechat:{{{account}}}");
        // It has life left.
        server.cli(&["HSET", &key, field, value, "record_end", "9999999999999"]).await;
        let before = server.cli(&["DUMP", &key]).await;
        let lease = Lease::new(7, &LeaseRequest::new(LIFE, 0));
        let record = Record::new("t", 7, LIFE, LIFE);
        unreadable(store.try_lease(&account, LeaseRequest::new(LIFE, 0)).await, &key);
        unreadable(store.commit(&account, &lease, &record, &Usage::default()).await, &key);
        if field == "record" {
            unreadable(store.load(&account).await, &key);
        }
        assert_eq!(server.cli(&["DUMP", &key]).await, before, "{name}");
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_named_and_never_overwritten() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    let key = format!("tower-wechat:{{{account}}}");
    server.cli(&["SET", &key, "mine"]).await;
    let lease = Lease::new(7, &LeaseRequest::new(LIFE, 0));
    let record = Record::new("t", 7, LIFE, LIFE);
    unreadable(store.load(&account).await, &key);
    unreadable(store.try_lease(&account, LeaseRequest::new(LIFE, 0)).await, &key);
    unreadable(store.renew(&account, &lease).await, &key);
    unreadable(store.commit(&account, &lease, &record, &Usage::default()).await, &key);
    unreadable(store.abandon(&account, &lease, None, &Usage::default()).await, &key);
    assert_eq!(server.cli(&["GET", &key]).await, "mine");
}

fn unreadable<T: std::fmt::Debug>(result: Result<T, StoreError>, key: &str) {
    let error = result.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(error.is_unreadable() && text.contains(key) && !text.contains("SENTINEL"), "{text}");
}

#[tokio::test]
async fn a_token_of_which_one_byte_was_changed_is_an_error_until_its_life_is_over() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let account = account("app");
    let key = format!("tower-wechat:{{{account}}}");
    commit(&store, &account, "TOKEN-SENTINEL").await.unwrap();
    let fence = server.cli(&["HGET", &key, "fence"]).await.parse::<u64>().unwrap();
    let damaged = server.cli(&["HGET", &key, "record"]).await.replace("TOKEN-SENTINEL", "TOKEN-SENTIMEL");
    server.cli(&["HSET", &key, "record", &damaged]).await;
    unreadable(store.load(&account).await, &key);
    unreadable(store.try_lease(&account, LeaseRequest::new(LIFE, 0)).await, &key);
    assert_eq!(server.cli(&["HGET", &key, "record"]).await, damaged, "left as it is");
    assert_eq!(server.cli(&["HEXISTS", &key, "lease_end"]).await, "0", "whoever can read it may mint");

    server.cli(&["HSET", &key, "record_end", "1000"]).await;
    assert!(store.load(&account).await.unwrap().record.is_none(), "its life is over");
    let granted = lease(&store, &account).await.unwrap();
    assert!(granted.fence > fence);
}
