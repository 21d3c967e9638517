//! SIGHUP: a changed configuration is taken over, whole or not at all, and no connection is lost.

use std::time::Duration;

use fake_wechat::{FakeWeChat, Fault};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{
    process::{Process, app, client, config, folder, socket, write_config},
    support::{APP, SECRET, answer, eventually, request, unix},
};

fn ask(secret: &str) -> String {
    request("GET", &format!("/v1/apps/{APP}/token"), secret, "")
}

#[tokio::test]
async fn apps_clients_and_limits_are_taken_over_and_connections_go_on() {
    let wechat = FakeWeChat::builder()
        .account(APP, FakeWeChat::APP_SECRET)
        .account("wxsecond", FakeWeChat::APP_SECRET)
        .start()
        .await;
    let text = config(&wechat);
    let folder = folder(&text);
    let hub = Process::serve(&folder, 2).await;
    let mut kept = UnixStream::connect(socket(&folder)).await.unwrap();
    kept.write_all(ask(SECRET).as_bytes()).await.unwrap();
    let first = answer(&mut kept).await.unwrap();

    let next =
        text.clone() + &app(&wechat, "wxsecond") + &client("second", "second", "wxsecond", "\"token\"");
    write_config(&folder, &format!("{next}[limits]\nbody_bytes = 10\n"));
    hub.signal("HUP");
    hub.says("the configuration was taken over").await;
    let second = request("GET", "/v1/apps/wxsecond/token", "second", "");
    kept.write_all(second.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut kept).await.unwrap().status, 200, "on the connection that was there");
    let refresh = request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, r#"{"rejected": 12345}"#);
    unix(&socket(&folder), refresh).await.unwrap().is_problem(413);
    let again = unix(&socket(&folder), ask(SECRET)).await.unwrap();
    assert_eq!(
        (again.token(), again.generation()),
        (first.token(), first.generation()),
        "the app kept its cache"
    );
    assert_eq!(wechat.mints(), 2);

    // Back again: what is gone is gone.
    write_config(&folder, &text);
    hub.signal("HUP");
    eventually_refused(&folder, &request("GET", "/v1/apps/wxsecond/token", "second", "")).await;
}

async fn eventually_refused(folder: &super::support::Folder, request: &str) {
    for _ in 0..2000 {
        if unix(&socket(folder), request).await.unwrap().status == 401 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it is still let in");
}

#[tokio::test]
async fn a_bad_file_keeps_the_configuration_and_says_so() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat);
    let folder = folder(&text);
    let hub = Process::serve(&folder, 2).await;
    for (bad, says) in [
        ("unknown = 1\n".to_owned() + &text, "hub.toml:1: unknown field `unknown`"),
        (text.replace("\"token\"", "\"root\""), "there is no right \"root\""),
        (text.replace(FakeWeChat::APP_SECRET, ""), "is empty"),
        (String::new(), "there is no address to listen at"),
    ] {
        write_config(&folder, &bad);
        hub.signal("HUP");
        hub.says(says).await;
        hub.says("was not taken over, and all stays as it was").await;
        assert_eq!(unix(&socket(&folder), ask(SECRET)).await.unwrap().status, 200);
    }
    assert!(!hub.log().contains("the configuration was taken over"), "{}", hub.log());
}

#[tokio::test]
async fn what_needs_a_restart_is_said_and_the_rest_taken_over() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat);
    let folder = folder(&text);
    let hub = Process::serve(&folder, 2).await;
    let changed = text.replace("tcp = \"127.0.0.1:0\"", "tcp = \"127.0.0.1:1\"");
    let changed = changed + "[store]\nkind = \"file\"\ndir = \"d\"\n" + &client("b", "b", APP, "\"token\"");
    write_config(&folder, &changed);
    hub.signal("HUP");
    hub.says("but for what needs a restart: listen.tcp, store").await;
    assert_eq!(unix(&socket(&folder), ask("b")).await.unwrap().status, 200);
    assert!(TcpStream::connect(hub.tcp()).await.is_ok());
}

#[tokio::test]
async fn an_app_whose_secret_was_replaced_keeps_its_token() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat);
    let folder = folder(&text.replace(FakeWeChat::APP_SECRET, "wrong"));
    let hub = Process::serve(&folder, 2).await;
    let refused = unix(&socket(&folder), ask(SECRET)).await.unwrap();
    refused.is_problem(503);
    write_config(&folder, &text);
    hub.signal("HUP");
    hub.says("the configuration was taken over").await;
    let first = unix(&socket(&folder), ask(SECRET)).await.unwrap();
    let mints = wechat.mints();
    // Another base URL of the same platform is another account, another secret is not.
    write_config(&folder, &text.replace(FakeWeChat::APP_SECRET, "another"));
    hub.signal("HUP");
    hub.says("the configuration was taken over").await;
    assert_eq!(unix(&socket(&folder), ask(SECRET)).await.unwrap().token(), first.token());
    assert_eq!(wechat.mints(), mints);
}

/// How often the platform was asked for a token, now and once there were so many questions.
async fn asked(wechat: &FakeWeChat, times: u64) {
    let waited = timeout(Duration::from_secs(30), wechat.wait_for_token_requests(times)).await;
    assert!(waited.is_ok(), "{} of {times}", wechat.token_requests());
}

#[tokio::test]
async fn a_reload_ends_the_pause_after_a_failure() {
    let wechat = FakeWeChat::start().await;
    // Until midnight, so that nobody asks again by itself for ten minutes.
    wechat.fail_tokens(Fault::Errcode(45009));
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    hub.says("could not mint a token").await;
    wechat.heal();
    unix(&socket(&folder), ask(SECRET)).await.unwrap().is_problem(503);
    hub.signal("HUP");
    hub.says("SIGHUP ends the pause after a failure: a token is asked for at once app=").await;
    hub.says("minted a token").await;
    assert_eq!(unix(&socket(&folder), ask(SECRET)).await.unwrap().status, 200);
    // Nobody waits, and a reload costs nothing.
    hub.signal("HUP");
    eventually(|| hub.log().matches("the configuration was taken over").count() == 2).await;
    assert_eq!(hub.log().matches("ends the pause").count(), 1);
    assert_eq!((wechat.token_requests(), wechat.mints()), (2, 1));
}

#[tokio::test]
async fn reloads_again_and_again_do_not_use_up_the_quota() {
    let wechat = FakeWeChat::start().await;
    wechat.fail_tokens(Fault::Errcode(45009));
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    for times in 1..=20 {
        // The failure of the reload before is there.
        let failures = times.min(6);
        eventually(|| hub.log().matches("could not mint a token").count() == failures).await;
        hub.signal("HUP");
        eventually(|| hub.log().matches("the configuration was taken over").count() == times).await;
    }
    asked(&wechat, 6).await;
    eventually(|| hub.log().matches("the pauses after failures stay").count() == 15).await;
    assert_eq!(hub.log().matches("ends the pause after a failure").count(), 5);
    assert_eq!(wechat.token_requests(), 6, "the first, and five of twenty");
}

#[tokio::test]
async fn a_reload_gives_no_new_budget_of_refreshes_and_asks_for_nothing_that_nobody_needs() {
    let wechat = FakeWeChat::builder()
        .account(APP, FakeWeChat::APP_SECRET)
        .account("wxidle", FakeWeChat::APP_SECRET)
        .start()
        .await;
    let idle = app(&wechat, "wxidle") + "keep_warm = false\n";
    let classic = config(&wechat).replace("[[app]]\n", "[[app]]\nkind = \"classic\"\n");
    let folder = folder(&(classic + &idle));
    let hub = Process::serve(&folder, 2).await;
    let mut present = unix(&socket(&folder), ask(SECRET)).await.unwrap();
    let refresh = |generation: u64| {
        let body = format!("{{\"rejected\": {generation}}}");
        request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body)
    };
    while present.status == 200 {
        wechat.revoke();
        let rejected = present.generation();
        present = unix(&socket(&folder), refresh(rejected)).await.unwrap();
    }
    assert!(present.body.contains("the budget of refreshes is spent"), "{}", present.body);
    let asked = wechat.token_requests();
    for times in 1..=3 {
        hub.signal("HUP");
        eventually(|| hub.log().matches("the configuration was taken over").count() == times).await;
        let generation = unix(&socket(&folder), ask(SECRET)).await.unwrap().generation();
        unix(&socket(&folder), refresh(generation)).await.unwrap().is_problem(503);
    }
    assert!(!hub.log().contains("ends the pause after a failure"), "{}", hub.log());
    assert_eq!(wechat.token_requests(), asked);
}

#[tokio::test]
async fn from_the_environment_alone_a_reload_disturbs_nobody() {
    let wechat = FakeWeChat::start().await;
    let folder = super::support::Folder::new();
    let mut command = super::process::program();
    command
        .arg("serve")
        .env("WECHAT_HUB_LISTEN_UNIX", socket(&folder))
        .env("WECHAT_HUB_APP_ID", APP)
        .env("WECHAT_HUB_APP_SECRET", FakeWeChat::APP_SECRET)
        .env("WECHAT_HUB_APP_BASE_URL", wechat.url())
        .env("WECHAT_HUB_LISTEN_TPC", "127.0.0.1:1")
        .env("WECHAT_HUB_SERVICE_HOST", "10.0.0.1");
    let hub = Process::start(&mut command, 1).await;
    hub.says("WECHAT_HUB_LISTEN_TPC is none of the hub's").await;
    assert!(!hub.log().contains("SERVICE_HOST"), "{}", hub.log());
    let get = |query: &str| format!("GET /v1/apps/{APP}/token{query} HTTP/1.1\r\nhost: hub\r\n\r\n");
    let present = unix(&socket(&folder), get("")).await.unwrap();
    let mut waiting = UnixStream::connect(socket(&folder)).await.unwrap();
    let query = format!("?newer_than={}&wait=60", present.generation());
    waiting.write_all(get(&query).as_bytes()).await.unwrap();
    hub.signal("HUP");
    hub.says("the configuration was taken over").await;
    let body = format!("{{\"rejected\": {}}}", present.generation());
    let length = body.len();
    let refresh = format!(
        "POST /v1/apps/{APP}/refresh HTTP/1.1\r\nhost: hub\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    wechat.revoke();
    let next = unix(&socket(&folder), refresh).await.unwrap().token();
    assert_eq!(answer(&mut waiting).await.unwrap().token(), next);
}

#[tokio::test]
async fn a_file_that_does_not_come_holds_up_no_other_signal_for_long() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat);
    let folder = folder(&text);
    let mut hub = Process::serve(&folder, 2).await;
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // A secret, and a certificate; a private key is looked at before.
    std::fs::write(folder.path().join("key"), "").unwrap();
    std::fs::set_permissions(folder.path().join("key"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let secret = text.replacen("secret = ", "secret_file = \"pipe\" # ", 1);
    let certificate = text.replacen("tcp = ", "tls.cert = \"pipe\"\ntls.key = \"key\"\ntcp = ", 1);
    for (times, changed) in [(1, secret), (2, certificate)] {
        write_config(&folder, &changed);
        hub.signal("HUP");
        eventually(|| hub.log().matches("could not be read within 10 s").count() == times).await;
    }
    assert_eq!(unix(&socket(&folder), ask(SECRET)).await.unwrap().status, 200);
    hub.signal("TERM");
    assert_eq!(hub.ended().await.code(), Some(0));
}
