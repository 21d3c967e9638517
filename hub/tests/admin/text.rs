//! What others have written is shown as text.

use fake_wechat::{Answer, FakeWeChat, Fault};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower_wechat::{TokenCache, TokenError};
use wechat_hub::{Client, Hub};

use super::{
    scene::{Mill, ask, look},
    support::{APP, cache},
};

const EVIL: &str = "<script>alert('1')</script>\"'&amp;\u{202e}";

fn shown() -> String {
    EVIL.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[tokio::test]
async fn html_in_names_and_errors_is_text() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let wechat = FakeWeChat::start().await;
    let platform = cache(&wechat);
    let errmsg =
        r#"{"errcode": 40013, "errmsg": "<script>alert('2')</script> rid: <b>x</b> hint: [<img src=x>]"}"#;
    wechat.fail_tokens(Fault::Answer(Answer::json(errmsg)));
    platform.token().await.unwrap_err();
    let error = TokenError::permanent(EVIL).with_errcode(40001).with_rid(EVIL).with_hint(EVIL);
    let evil = TokenCache::new(Mill::new(EVIL, Some(error)));
    evil.token().await.unwrap_err();
    let hub = Hub::builder()
        .app_on_demand(APP, platform)
        .app_on_demand(EVIL, evil)
        .client(Client::new(EVIL, "secret").apps([EVIL]).rights(["token"]))
        .metrics(recorder.handle())
        .build()
        .unwrap();
    let admin = hub.serve_admin("127.0.0.1:0").unwrap();
    for language in ["en", "zh"] {
        let page = ask(&admin, "GET", "/", &format!("accept-language: {language}\r\n")).await.body;
        assert!(
            page.matches(&shown()).count() >= 6,
            "the app, its error, rid and hint, the client and its app"
        );
        let (_, rest) = page.split_once("</style>").unwrap();
        let tags: Vec<_> = rest.match_indices("<script>").collect();
        assert_eq!(tags.len(), 1, "the page's own: {rest}");
        assert!(!rest.contains("<b>") && !rest.contains("<img"), "{rest}");
    }
    let ready = look(&admin, "/readyz").await;
    assert_eq!(ready.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn odd_names_do_not_break_the_metrics() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let id = "a\"b\\c\nwechat_hub_connections 77\n";
            let cache = TokenCache::new(Mill::new(id, None));
            let builder = Hub::builder().app_on_demand(id, cache).metrics(recorder.handle());
            let admin = builder.build().unwrap().serve_admin("127.0.0.1:0").unwrap();
            let metrics = look(&admin, "/metrics").await.body;
            assert!(metrics.contains(r#"app="a\"b\\c\nwechat_hub_connections 77\n""#), "{metrics}");
            assert_eq!(metrics.matches("\nwechat_hub_connections ").count(), 1, "{metrics}");
        });
    });
}
