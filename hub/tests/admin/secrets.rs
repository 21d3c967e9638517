//! No token and no secret shows, whatever has happened.

use fake_wechat::FakeWeChat;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::{
    scene::{OTHER_SECRET, Scene, ask},
    support::{SECRET, refresh, token},
};

#[test]
fn no_answer_has_a_token_or_a_secret_in_it() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let scene = Scene::new(|builder| builder.metrics(recorder.handle())).await;
            let server = scene.hub.serve_tcp("127.0.0.1:0").unwrap();
            let admin = scene.hub.serve_admin("127.0.0.1:0").unwrap();
            let mut hidden = scene.tokens.clone();
            let answer = token(&server, "").await;
            scene.wechat.revoke();
            hidden.extend([answer.token(), refresh(&server, answer.generation()).await.token()]);
            assert!(hidden.len() > 8);
            hidden.extend([SECRET, OTHER_SECRET, FakeWeChat::APP_SECRET].map(str::to_owned));
            for secret in [SECRET, OTHER_SECRET] {
                hidden.push(wechat_hub::SecretHash::of(secret).to_string());
            }
            for path in ["/", "/metrics", "/healthz", "/readyz", "/nothing"] {
                for headers in ["", "accept-language: zh\r\n", &format!("authorization: Bearer {SECRET}\r\n")]
                {
                    let answer = ask(&admin, "GET", path, headers).await;
                    for text in &hidden {
                        assert!(!format!("{} {}", answer.head, answer.body).contains(text), "{path}: {text}");
                    }
                }
            }
        });
    });
}
