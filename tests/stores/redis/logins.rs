//! A store that is refused says so at once, and does not knock all the time.

#![allow(clippy::disallowed_methods, reason = "a real server takes real time")]

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_wechat::store::TokenStore;

use crate::redis::{account, connect, recovers, scripted::Scripted, support::Server};

#[tokio::test]
async fn a_refused_login_is_tried_again_after_seconds_while_callers_are_told_at_once() {
    for (error, word) in [
        ("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "password"),
        ("-NOAUTH HELLO must be called with the client already authenticated\r\n", "password"),
        ("-NOPERM this user has no permissions to run the 'select' command\r\n", "may not"),
        ("-ERR DB index is out of range\r\n", "database"),
    ] {
        let server = Scripted::start(Duration::ZERO, move |_| error.into()).await;
        let store = connect(&format!("redis://:pw@127.0.0.1:{}/7", server.port)).await;
        let first = server.connections();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            let asked = Instant::now();
            let error = store.load(&account("app")).await.unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(asked.elapsed() < Duration::from_millis(100), "at once");
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(server.connections(), first, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_merely_down_is_looked_for_all_the_time() {
    let mut server = Server::start().await;
    let store = connect(&server.url()).await;
    server.kill();
    // Long enough for the pauses to have grown.
    sleep(Duration::from_secs(3)).await;
    server.restart().await;
    recovers(&store, &account("app")).await;
}
