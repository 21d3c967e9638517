//! SIGTERM: mints are finished and written, requests answered, the socket removed.

use std::{fs, time::Duration};

use fake_wechat::FakeWeChat;
use tokio::{io::AsyncWriteExt, net::UnixStream, time::timeout};

use super::{
    process::{Process, config, folder, socket},
    support::{APP, SECRET, answer, eventually, request, unix},
};

#[tokio::test]
async fn a_mint_under_way_is_finished_answered_and_kept() {
    let wechat = FakeWeChat::start().await;
    let hold = wechat.hold_tokens();
    let text = format!("{}[store]\nkind = \"file\"\ndir = \"tokens\"\n", config(&wechat));
    let folder = folder(&text);
    let mut hub = Process::serve(&folder, 2).await;
    wechat.wait_for_token_requests(1).await;
    let mut waiting = UnixStream::connect(socket(&folder)).await.unwrap();
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    waiting.write_all(ask.as_bytes()).await.unwrap();
    // Taken, for another is answered after it.
    unix(&socket(&folder), request("GET", "/", SECRET, "")).await.unwrap().is_problem(404);
    hub.signal("TERM");
    eventually(|| !socket(&folder).exists()).await;
    drop(hold);
    let token = timeout(Duration::from_secs(10), answer(&mut waiting)).await.unwrap().unwrap().token();
    assert_eq!(hub.ended().await.code(), Some(0), "{}", hub.log());
    drop(hub);

    let _next = Process::serve(&folder, 2).await;
    assert_eq!(unix(&socket(&folder), &ask).await.unwrap().token(), token);
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn each_way_to_end_is_an_orderly_one() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    for signal in ["TERM", "INT"] {
        let mut hub = Process::serve(&folder, 2).await;
        hub.signal(signal);
        assert_eq!(hub.ended().await.code(), Some(0), "{}", hub.log());
        assert!(!socket(&folder).exists());
    }
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["hub.toml", "pass_key"]);
}

#[tokio::test]
async fn who_says_it_twice_does_not_want_to_wait() {
    let wechat = FakeWeChat::start().await;
    let hold = wechat.hold_tokens();
    let folder = folder(&config(&wechat));
    let mut hub = Process::serve(&folder, 2).await;
    wechat.wait_for_token_requests(1).await;
    hub.signal("TERM");
    hub.says("ending").await;
    hub.signal("TERM");
    assert_eq!(hub.ended().await.code(), Some(1));
    hub.says("a second time").await;
    drop(hold);
}
