//! `[admin] tcp`.

use fake_wechat::FakeWeChat;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    process::{Process, app, config, folder},
    support::{APP, Answer, SECRET, answer, exchange, request},
};

async fn look(address: &str, path: &str) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    exchange(stream, format!("GET {path} HTTP/1.1\r\nhost: hub\r\n\r\n")).await.unwrap()
}

#[tokio::test]
async fn it_shows_the_hub_from_its_beginning_to_its_end() {
    let wechat = FakeWeChat::start().await;
    let hold = wechat.hold_tokens();
    let folder = folder(&format!("[admin]\ntcp = \"127.0.0.1:0\"\n{}", config(&wechat)));
    let mut hub = Process::serve(&folder, 3).await;
    assert!(hub.lines[..2].iter().all(|line| line.starts_with("listening on ")), "{:?}", hub.lines);
    let admin = hub.address("admin on http://").to_owned();
    assert_eq!(look(&admin, "/healthz").await.status, 200);
    let ready = look(&admin, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains(APP));
    assert!(look(&admin, "/metrics").await.body.contains("\nwechat_hub_ready 0\n"));
    drop(hold);
    while look(&admin, "/readyz").await.status != 200 {}

    let mut client = TcpStream::connect(hub.tcp()).await.unwrap();
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    client.write_all(ask.as_bytes()).await.unwrap();
    let token = answer(&mut client).await.unwrap();
    let metrics = look(&admin, "/metrics").await.body;
    for line in [
        "wechat_hub_tokens_served_total{client=\"all\"} 1",
        "wechat_hub_ready 1",
        "wechat_hub_connections 1",
        "wechat_hub_idle_connections 1",
        "wechat_hub_long_polls{client=\"all\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    for begins in [
        "tower_wechat_mints_total{account=\"",
        "tower_wechat_mint_duration_seconds_bucket{account=\"",
        "tower_wechat_token_expiry_seconds{account=\"",
        "wechat_hub_app_info{app=\"",
        "# HELP wechat_hub_app_info ",
        "# HELP wechat_hub_tokens_served_total ",
    ] {
        assert!(metrics.lines().any(|found| found.starts_with(begins)), "{begins}: {metrics}");
    }

    // A mint under way, which the end waits for.
    let hold = wechat.hold_tokens();
    let body = format!("{{\"rejected\": {}}}", token.generation());
    let refresh = request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body);
    client.write_all(refresh.as_bytes()).await.unwrap();
    wechat.wait_for_token_requests(2).await;
    hub.signal("TERM");
    hub.says("ending").await;
    let ending = look(&admin, "/readyz").await;
    assert_eq!((ending.status, ending.body.as_str()), (503, "the hub is ending\n"));
    assert_eq!(look(&admin, "/healthz").await.status, 200);
    assert!(look(&admin, "/metrics").await.body.contains("\nwechat_hub_ready 0\n"));
    drop(hold);
    assert!(answer(&mut client).await.unwrap().generation() > token.generation());
    assert_eq!(hub.ended().await.code(), Some(0));
    assert!(TcpStream::connect(&admin).await.is_err());
}

#[tokio::test]
async fn after_a_reload_it_shows_what_there_is_now() {
    let wechat = FakeWeChat::builder()
        .account(APP, FakeWeChat::APP_SECRET)
        .account("wxsecond", FakeWeChat::APP_SECRET)
        .start()
        .await;
    let before = format!("[admin]\ntcp = \"127.0.0.1:0\"\n{}", config(&wechat));
    let folder = folder(&before);
    let hub = Process::serve(&folder, 3).await;
    let admin = hub.address("admin on http://").to_owned();
    while look(&admin, "/readyz").await.status != 200 {}
    super::process::write_config(&folder, &format!("{before}{}", app(&wechat, "wxsecond")));
    hub.signal("HUP");
    hub.says("taken over").await;
    while look(&admin, "/readyz").await.status != 200 {}
    let page = look(&admin, "/").await.body;
    assert!(page.contains("wxsecond"));
    // The first app goes on counting, and each has minted once.
    assert_eq!(page.matches("cause=&quot;cold&quot;}[1d])\">1</data>").count(), 2, "{page}");
    assert!(look(&admin, "/metrics").await.body.contains("app=\"wxsecond\""));
}
