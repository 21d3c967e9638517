//! `wechat-hub serve`.

use fake_wechat::FakeWeChat;
use tokio::net::TcpStream;

use super::{
    process::{Process, app, client, config, folder, run, socket},
    support::{APP, Folder, SECRET, exchange, request, unix},
};

fn ask() -> String {
    request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "")
}

#[tokio::test]
async fn it_says_where_it_listens_keeps_tokens_warm_and_serves_them() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    assert_eq!(hub.lines[0], format!("listening on unix:{}", socket(&folder).display()));
    wechat.wait_for_token_requests(1).await;
    let on_unix = unix(&socket(&folder), ask()).await.unwrap();
    let stream = TcpStream::connect(hub.tcp()).await.unwrap();
    assert_eq!(exchange(stream, ask()).await.unwrap().token(), on_unix.token());
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn the_environment_alone_is_enough() {
    let wechat = FakeWeChat::start().await;
    let folder = Folder::new();
    let mut command = super::process::program();
    command
        .arg("serve")
        .env("WECHAT_HUB_LISTEN_UNIX", socket(&folder))
        .env("WECHAT_HUB_APP_ID", APP)
        .env("WECHAT_HUB_APP_SECRET", FakeWeChat::APP_SECRET)
        .env("WECHAT_HUB_APP_BASE_URL", wechat.url());
    let _hub = Process::start(&mut command, 1).await;
    let bare = format!("GET /v1/apps/{APP}/token HTTP/1.1\r\nhost: hub\r\n\r\n");
    assert_eq!(unix(&socket(&folder), bare).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_token_and_its_number_outlive_the_hub_in_a_file_store() {
    let wechat = FakeWeChat::start().await;
    let text = format!("{}[store]\nkind = \"file\"\ndir = \"tokens\"\n", config(&wechat));
    let folder = folder(&text);
    let before = {
        let _hub = Process::serve(&folder, 2).await;
        unix(&socket(&folder), ask()).await.unwrap()
    };
    // It was killed, and its socket is stale.
    let _hub = Process::serve(&folder, 2).await;
    let after = unix(&socket(&folder), ask()).await.unwrap();
    assert_eq!((after.token(), after.generation()), (before.token(), before.generation()));
    assert_eq!(wechat.mints(), 1);
}

#[tokio::test]
async fn tokens_in_memory_have_higher_numbers_after_a_restart() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let mut generations = Vec::new();
    for _ in 0..3 {
        let _hub = Process::serve(&folder, 2).await;
        generations.push(unix(&socket(&folder), ask()).await.unwrap().generation());
    }
    assert!(generations.is_sorted_by(|before, after| before < after), "{generations:?}");
}

#[tokio::test]
async fn a_live_hub_is_not_pushed_aside() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    let mut second = super::process::program();
    second.args(["serve", "--config"]).arg(folder.path().join("hub.toml"));
    let (code, out, err) = run(&mut second);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains(&format!("process {} listens there", hub.pid())), "{err}");
    assert_eq!(unix(&socket(&folder), ask()).await.unwrap().status, 200);
}

#[tokio::test]
async fn two_apps_have_two_tokens_and_each_client_its_own() {
    let wechat = FakeWeChat::builder()
        .account(APP, FakeWeChat::APP_SECRET)
        .account("wxsecond", FakeWeChat::APP_SECRET)
        .start()
        .await;
    let text =
        config(&wechat) + &app(&wechat, "wxsecond") + &client("second", "second", "wxsecond", "\"token\"");
    let folder = folder(&text);
    let _hub = Process::serve(&folder, 2).await;
    let first = unix(&socket(&folder), ask()).await.unwrap().token();
    let second = request("GET", "/v1/apps/wxsecond/token", "second", "");
    assert_ne!(unix(&socket(&folder), second).await.unwrap().token(), first);
    let foreign = request("GET", &format!("/v1/apps/{APP}/token"), "second", "");
    unix(&socket(&folder), foreign).await.unwrap().is_problem(404);
}

#[tokio::test]
async fn a_token_that_wechat_hands_out_again_though_it_rejects_it_is_replaced_by_force() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let _hub = Process::serve(&folder, 2).await;
    let old = unix(&socket(&folder), ask()).await.unwrap().token();
    wechat.revoke_unnoticed();
    let body = serde_json::json!({ "rejected": old }).to_string();
    let rejecting = request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body);
    let better = unix(&socket(&folder), &rejecting).await.unwrap().token();
    assert!(better != old && wechat.accepts(&better));
    assert_eq!(unix(&socket(&folder), &rejecting).await.unwrap().token(), better);
    assert_eq!(wechat.forced_requests(), 1);
}
