//! Servers that refuse, each in its own way, and what a person is told.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower_wechat::{
    ErrorKind,
    store::{Lease, LeaseRequest, Record, RedisStore, TokenStore, Usage},
};

use crate::redis::{
    LIFE, RECOVERY, account, commit, connect,
    support::{Server, eventually},
};

#[tokio::test]
async fn what_can_never_work_is_refused_at_once() {
    for builder in [
        RedisStore::builder("nonsense://:SENTINEL@host/"),
        RedisStore::builder("redis://:SENTINEL@host/").key_prefix("a{b"),
        RedisStore::builder("redis://:SENTINEL@host/").timeout(Duration::ZERO),
        RedisStore::builder("rediss://:SENTINEL@host/")
            .root_certificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        RedisStore::builder("rediss://:SENTINEL@host/").root_certificates("SENTINEL"),
    ] {
        let shown = format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = format!("{shown} {error} {error:?}");
        assert!(!text.contains("SENTINEL"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_may_be_mended_at_the_server() {
    let server = Server::start_with(&["--requirepass", "right"]).await;
    for url in [server.url(), format!("redis://:SENTINEL@127.0.0.1:{}/", server.port)] {
        let store = connect(&url).await;
        let error = store.load(&account("app")).await.unwrap_err();
        let text = format!("{error} {error:?} {store:?}");
        assert!(text.contains("password") && !text.contains("SENTINEL"), "{text}");
    }
    let store = connect(&format!("redis://:SENTINEL@127.0.0.1:{}/", server.port)).await;
    crate::redis::support::cli(server.port, &["-a", "right", "CONFIG", "SET", "requirepass", "SENTINEL"])
        .await;
    // It is not asked again at once.
    let login = Duration::from_secs(11);
    eventually("the store works", login, async || store.load(&account("app")).await.is_ok()).await;
    let store = connect(&format!("redis://default:SENTINEL@127.0.0.1:{}/", server.port)).await;
    store.load(&account("app")).await.unwrap();
}

#[tokio::test]
async fn a_user_may_lack_the_bell_but_not_the_commands() {
    let server = Server::start().await;
    let user =
        ["ACL", "SETUSER", "narrow", "on", ">pw", "~tower-wechat:*", "resetchannels", "+@all", "-evalsha"];
    server.cli(&user).await;
    let url = format!("redis://narrow:pw@127.0.0.1:{}/", server.port);
    let store = connect(&url).await;
    let error = commit(&store, &account("app"), "SENTINEL").await.unwrap_err();
    assert!(error.to_string().contains("allow it"), "{error}");
    server.cli(&["ACL", "SETUSER", "narrow", "+evalsha"]).await;
    commit(&store, &account("app"), "t").await.unwrap();
    eventually("the bell is refused", RECOVERY, async || {
        server.cli(&["ACL", "LOG"]).await.contains("tower-wechat:changed")
    })
    .await;
}

/// The rules of the commands that an error names.
fn commands_of(error: &str) -> Vec<String> {
    let (_, commands) = error.split_once("the commands ").unwrap();
    let (commands, _) = commands.split_once(';').unwrap();
    commands
        .split([',', ' '])
        .filter(|word| word.chars().all(char::is_uppercase) && !word.is_empty() && *word != "LOAD")
        .map(|command| format!("+{}", command.replace("SCRIPT", "SCRIPT|LOAD")))
        .collect()
}

#[tokio::test]
async fn a_user_needs_no_more_than_the_error_says() {
    for db in ["0", "1"] {
        let server = Server::start().await;
        let url = format!("redis://stranger:pw@127.0.0.1:{}/{db}", server.port);
        server.cli(&["ACL", "SETUSER", "stranger", "on", ">pw"]).await;
        let error = connect(&url).await.load(&account("app")).await.unwrap_err().to_string();
        let rules = commands_of(&error);
        let mut user = vec!["ACL", "SETUSER", "stranger", "~tower-wechat:*", "&tower-wechat:*"];
        user.extend(rules.iter().map(String::as_str));
        assert_eq!(server.cli(&user).await, "OK", "{user:?}");
        server.cli(&["ACL", "LOG", "RESET"]).await;

        let store = connect(&url).await;
        let mut watch = store.watch(&account("app"));
        commit(&store, &account("app"), "t").await.unwrap();
        tokio::time::timeout(RECOVERY, watch.changed()).await.expect("told");
        let granted = crate::redis::lease(&store, &account("app")).await.unwrap();
        assert!(store.renew(&account("app"), &granted).await.unwrap());
        store.abandon(&account("app"), &granted, None, &Usage::default()).await.unwrap();
        let denied = server.cli(&["ACL", "LOG"]).await;
        let denied: Vec<_> =
            denied.split("object\n").skip(1).filter_map(|entry| entry.lines().next()).collect();
        // What may be refused: whether the server evicts keys.
        assert!(denied.iter().all(|command| *command == "info"), "{denied:?}");
    }
}

#[tokio::test]
async fn a_user_of_a_database_needs_the_command_for_it() {
    let server = Server::start().await;
    let user = ["ACL", "SETUSER", "narrow", "on", ">pw", "~*", "&*", "+@all", "-select"];
    server.cli(&user).await;
    let url = |db: &str| format!("redis://narrow:pw@127.0.0.1:{}/{db}", server.port);
    connect(&url("0")).await.load(&account("app")).await.unwrap();
    let error = connect(&url("1")).await.load(&account("app")).await.unwrap_err();
    assert!(error.to_string().contains("SELECT"), "{error}");
}

#[tokio::test]
async fn a_server_without_the_commands_is_said_to_be_one_and_no_token_is_quoted() {
    for command in ["EVALSHA", "SCRIPT"] {
        let server = Server::start_with(&["--rename-command", command, ""]).await;
        let store = connect(&server.url()).await;
        let lease = Lease::new(1, &LeaseRequest::new(LIFE, 0));
        let record = Record::new("SENTINEL", 1, LIFE, LIFE);
        let error = store.commit(&account("app"), &lease, &record, &Usage::default()).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("disabled") && !text.contains("SENTINEL"), "{command}: {text}");
    }
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_said_not_to() {
    let server = Server::start().await;
    let store = connect(&format!("{}99", server.url())).await;
    let error = store.load(&account("app")).await.unwrap_err();
    assert!(error.to_string().contains("database"), "{error}");
}

#[tokio::test]
async fn a_server_with_too_many_clients_is_said_to_have_them() {
    let server = Server::start_with(&["--maxclients", "1"]).await;
    let first = connect(&server.url()).await;
    let error = connect(&server.url()).await.load(&account("app")).await.unwrap_err();
    assert!(error.to_string().contains("maxclients"), "{error}");
    first.load(&account("app")).await.unwrap();
}

#[tokio::test]
async fn a_full_server_is_said_to_be_full() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    commit(&store, &account("app"), "t").await.unwrap();
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = commit(&store, &account("app"), "t").await.unwrap_err();
    assert!(error.to_string().contains("maxmemory"), "{error}");
    assert!(store.load(&account("app")).await.unwrap().record.is_some(), "reading goes on");
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
    commit(&store, &account("app"), "t").await.unwrap();
}

#[tokio::test]
async fn a_server_that_still_loads_is_waited_for() {
    let mut server = Server::start_with(&["--enable-debug-command", "yes", "--rdbcompression", "no"]).await;
    server.cli(&["DEBUG", "POPULATE", "200", "key", "2000"]).await;
    server.cli(&["SAVE"]).await;
    let store = connect(&server.url()).await;
    server.kill();
    // A hundredth of a second a key, and clients are heard after every key.
    server.args(&["--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024"]);
    server.restart_without_waiting();
    eventually("the server says that it loads", RECOVERY, async || {
        store.load(&account("app")).await.is_err_and(|error| error.to_string().contains("loading"))
    })
    .await;
    eventually("the server has loaded", Duration::from_secs(5), async || {
        commit(&store, &account("app"), "t").await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn what_is_not_redis_is_said_not_to_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 1024]).await;
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let store = connect(&format!("redis://127.0.0.1:{port}/")).await;
    let error = store.load(&account("app")).await.unwrap_err();
    assert!(error.to_string().contains("protocol"), "{error}");
    server.abort();
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let limit = Duration::from_secs(2);
    let error = tokio::time::timeout(limit, async { connect(&url).await.load(&account("app")).await });
    let error = error.await.expect("in time").unwrap_err();
    assert!(error.to_string().contains("answer"), "{error}");
}
