//! Who is told of what, and what happens if the message gets lost.

use std::time::Duration;

use tokio::time::timeout;
use tower_wechat::store::TokenStore;

use crate::redis::{RECOVERY, account, commit, connect, proxy::Proxy, support::Server, token};

const MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn every_store_is_told_of_the_accounts_it_watches() {
    let server = Server::start().await;
    let (writer, reader) = (connect(&server.url()).await, connect(&server.url()).await);
    let (one, other) = (account("one"), account("other"));
    let mut watches = [reader.watch(&one), reader.clone().watch(&one), writer.watch(&one)];
    let mut elsewhere = reader.watch(&other);
    commit(&writer, &one, "t").await.unwrap();
    for watch in &mut watches {
        timeout(RECOVERY, watch.changed()).await.expect("told");
    }
    assert!(timeout(MOMENT, elsewhere.changed()).await.is_err(), "of nothing else");
}

#[tokio::test]
async fn a_watch_that_nobody_holds_is_forgotten() {
    let server = Server::start().await;
    let store = connect(&server.url()).await;
    let watches: Vec<_> = (0..100).map(|i| store.watch(&account(&i.to_string()))).collect();
    assert!(format!("{store:?}").contains("watched: 100"));
    drop(watches);
    assert!(format!("{store:?}").contains("watched: 0"));
}

#[tokio::test]
async fn a_lost_message_is_made_up_for_by_reading_and_by_the_next_connection() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port).await;
    let (writer, reader) = (connect(&server.url()).await, connect(&proxy.url()).await);
    let account = account("app");
    let mut watch = reader.watch(&account);
    commit(&writer, &account, "heard").await.unwrap();
    timeout(RECOVERY, watch.changed()).await.expect("told");
    proxy.mute(true);
    commit(&writer, &account, "missed").await.unwrap();
    assert!(timeout(MOMENT, watch.changed()).await.is_err(), "the message did get lost");
    assert_eq!(token(&reader, &account).await.as_deref(), Some("missed"));
    proxy.cut();
    // Long before an idle connection is asked whether it is still there.
    timeout(RECOVERY / 2, watch.changed()).await.expect("told to look again");
    proxy.mute(false);
    commit(&writer, &account, "heard again").await.unwrap();
    timeout(RECOVERY, watch.changed()).await.expect("subscribed again");
}
