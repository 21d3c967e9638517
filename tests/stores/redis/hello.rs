//! Servers and proxies without the command HELLO, which RESP3 and with it the subscription need, or without others that
//! the subscription needs.

use std::time::Duration;

use tokio::time::timeout;
use tower_wechat::store::{RedisStore, TokenStore};

use crate::redis::{
    RECOVERY, account, commit, connect,
    managed_proxy::Managed,
    recovers,
    support::{Server, eventually},
    token,
};

const MOMENT: Duration = Duration::from_millis(200);
const WITHOUT: [&str; 3] = ["--rename-command", "HELLO", ""];

/// Shares a token by reading alone.
async fn shares_without_the_bell(writer: &RedisStore, reader: &RedisStore) {
    let account = account("app");
    let mut watch = reader.watch(&account);
    commit(writer, &account, "t").await.unwrap();
    assert!(timeout(MOMENT, watch.changed()).await.is_err(), "nobody rings");
    assert_eq!(token(reader, &account).await.as_deref(), Some("t"));
}

#[tokio::test]
async fn a_server_without_it_shares_tokens_without_the_bell() {
    let mut server = Server::start_with(&[&WITHOUT[..], &["--requirepass", "pw"]].concat()).await;
    let url = format!("redis://:pw@127.0.0.1:{}/1", server.port);
    let (writer, reader) = (connect(&url).await, connect(&url).await);
    shares_without_the_bell(&writer, &reader).await;
    let keys = server.cli(&["-a", "pw", "-n", "1", "KEYS", "*"]).await;
    assert!(keys.contains("tower-wechat"), "database 1: {keys}");

    // The next connection is a gap like any other.
    let mut watch = reader.watch(&account("app"));
    server.kill();
    server.restart().await;
    recovers(&reader, &account("app")).await;
    timeout(RECOVERY, watch.changed()).await.expect("told to look again");
}

#[tokio::test]
async fn a_login_without_it_that_is_refused_is_said_to_be() {
    let server = Server::start_with(&[&WITHOUT[..], &["--requirepass", "right"]].concat()).await;
    for user in ["", ":SENTINEL@", "nobody:SENTINEL@"] {
        let store = connect(&format!("redis://{user}127.0.0.1:{}/", server.port)).await;
        let error = store.load(&account("app")).await.unwrap_err();
        let text = format!("{error} {error:?} {store:?}");
        assert!(text.contains("password") && !text.contains("SENTINEL"), "{user}: {text}");
    }
}

#[tokio::test]
async fn a_server_without_the_commands_of_the_bell_shares_tokens_without_it() {
    for command in ["SUBSCRIBE", "PUBLISH"] {
        let server = Server::start_with(&["--rename-command", command, ""]).await;
        let (writer, reader) = (connect(&server.url()).await, connect(&server.url()).await);
        shares_without_the_bell(&writer, &reader).await;
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_know_it_is_asked_in_the_older_protocol() {
    let server = Server::start().await;
    let proxy = Managed::to(server.port).await;
    let store = connect(&proxy.url()).await;
    eventually("connected", RECOVERY, async || format!("{store:?}").contains("up")).await;
}

#[tokio::test]
async fn a_cluster_without_it_shares_tokens_without_the_bell() {
    let server = Server::start_with(
        &[&WITHOUT[..], &["--cluster-enabled", "yes", "--cluster-port", "{extra}", "--requirepass", "pw"]]
            .concat(),
    )
    .await;
    server.cli(&["-a", "pw", "CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    eventually("the Cluster serves", Duration::from_secs(20), async || {
        server.cli(&["-a", "pw", "CLUSTER", "INFO"]).await.contains("cluster_state:ok")
    })
    .await;
    let url = |password| format!("redis-cluster://:{password}@127.0.0.1:{}", server.port);
    let (writer, reader) = (connect(&url("pw")).await, connect(&url("pw")).await);
    shares_without_the_bell(&writer, &reader).await;

    let stranger = connect(&url("SENTINEL")).await;
    let error = stranger.load(&account("app")).await.unwrap_err();
    let text = format!("{error} {error:?} {stranger:?}");
    assert!(text.contains("password") && !text.contains("SENTINEL"), "{text}");
}

#[tokio::test]
async fn a_primary_of_a_sentinel_without_it_shares_tokens_without_the_bell() {
    let primary = Server::start_with(&WITHOUT).await;
    let conf = format!("sentinel monitor mine 127.0.0.1 {} 1\n", primary.port);
    let sentinel = Server::start_from(&[("server.conf", &conf)], &["--sentinel"]).await;
    let url = format!("redis-sentinel://127.0.0.1:{}/mine", sentinel.port);
    let writer = connect(&url).await;
    recovers(&writer, &account("app")).await;
    let reader = connect(&url).await;
    recovers(&reader, &account("app")).await;
    shares_without_the_bell(&writer, &reader).await;
}
