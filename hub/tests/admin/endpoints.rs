//! `/healthz`, `/readyz`, `/metrics`, `/`, and what else may be asked.

use fake_wechat::FakeWeChat;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower_wechat::TokenCache;
use wechat_hub::Hub;

use super::{
    scene::{Mill, ask, look},
    support::{APP, cache, eventually, hub, tcp},
};

#[tokio::test]
async fn it_is_ready_once_every_warm_app_has_a_token() {
    let wechat = FakeWeChat::start().await;
    let hold = wechat.hold_tokens();
    let lazy = TokenCache::new(Mill::new("lazy", None));
    let hub = Hub::builder().app(APP, cache(&wechat)).app_on_demand("lazy", lazy).build().unwrap();
    let admin = hub.serve_admin("127.0.0.1:0").unwrap();
    wechat.wait_for_token_requests(1).await;
    let ready = look(&admin, "/readyz").await;
    assert_eq!((ready.status, ready.body), (503, format!("no token yet for \"{APP}\"\n")));
    assert_eq!(look(&admin, "/healthz").await.body, "ok\n", "it answers all the same");
    drop(hold);
    let mut ready = look(&admin, "/readyz").await;
    while ready.status != 200 {
        tokio::task::yield_now().await;
        ready = look(&admin, "/readyz").await;
    }
    assert_eq!(ready.body, "ready\n");
    hub.announce_end();
    let ending = look(&admin, "/readyz").await;
    assert_eq!((ending.status, ending.body.as_str()), (503, "the hub is ending\n"));
    assert_eq!(look(&admin, "/healthz").await.status, 200);
    assert!(look(&admin, "/").await.body.contains(">Ending<"));
}

#[tokio::test]
async fn without_a_recorder_metrics_says_so() {
    let wechat = FakeWeChat::start().await;
    let admin = hub(&wechat).build().unwrap().serve_admin("127.0.0.1:0").unwrap();
    let answer = look(&admin, "/metrics").await;
    assert_eq!(answer.status, 501);
    assert!(answer.body.contains("HubBuilder::metrics"), "{}", answer.body);
}

#[tokio::test]
async fn nothing_can_be_changed_and_browsers_may_do_little_with_it() {
    let wechat = FakeWeChat::start().await;
    let admin = hub(&wechat).build().unwrap().serve_admin("127.0.0.1:0").unwrap();
    for path in ["/", "/healthz", "/readyz", "/metrics", "/v1/apps", "/nothing"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let answer = ask(&admin, method, path, "content-length: 0\r\n").await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
        let answer = look(&admin, path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        for part in
            ["default-src 'none'", "style-src 'sha256-", "script-src 'sha256-", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
    }
    for path in ["/v1/apps", "/nothing", "//", "/../etc/passwd", "/healthz/"] {
        assert_eq!(look(&admin, path).await.status, 404, "{path}");
    }
    let mut stream = TcpStream::connect(tcp(&admin)).await.unwrap();
    stream.write_all(b"HEAD / HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut head = String::new();
    stream.read_to_string(&mut head).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(wechat.token_requests(), 0, "to look costs nothing");
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let wechat = FakeWeChat::start().await;
    let admin = hub(&wechat).build().unwrap().serve_admin("127.0.0.1:0").unwrap();
    let page = look(&admin, "/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(!page.body.contains("http://") && !page.body.contains("https://"));
    assert!(
        !page.body.contains(" style=") && !page.body.contains(" src=") && !page.body.contains(" onload=")
    );
}

#[tokio::test]
async fn those_who_look_take_no_place_from_clients() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let admin = hub.serve_admin("127.0.0.1:0").unwrap();
    let mut open = Vec::new();
    for _ in 0..70 {
        open.push(TcpStream::connect(tcp(&admin)).await.unwrap());
    }
    // Those that have been idle for longest made room.
    assert_eq!(look(&admin, "/healthz").await.status, 200);
    assert_eq!(hub.load().connections, 0);
    let address = tcp(&admin);
    admin.shutdown().await;
    eventually(|| std::net::TcpStream::connect(address).is_err()).await;
}
