//! A placeholder that somebody forgot to replace by a token: said once, loudly. It is once in a process, so this is the
//! only test here.

use crate::support;
use crate::support::events;

use events::Events;
use http::Request;
use http_body_util::Full;
use support::{below::Below, issuers::instant};
use tower::{Layer, ServiceExt};
use tower_wechat::{TokenCache, WeChatAuthLayer};
use tracing::Level;

#[tokio::test]
async fn a_left_over_placeholder_is_a_warning_once_in_a_process() {
    let (events, _guard) = Events::catch();
    let mut warnings = Vec::new();
    for (number, value) in
        ["", "ACCESS_TOKEN", "null", "undefined", "None", "", "null"].into_iter().enumerate()
    {
        // Another layer each time: the code that forgets it builds all requests so.
        let below = Below::new(r#"{"errcode":41001}"#);
        let (issuer, _) = instant();
        let auth = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(below.clone());
        let uri = format!("https://api.weixin.qq.com/PATH?QUERY{number}&access_token={value}");
        auth.oneshot(Request::get(&uri).body(Full::<bytes::Bytes>::default()).unwrap()).await.unwrap();
        assert_eq!(below.take(), [uri], "sent as it is");

        let lines = events.take();
        let (warned, rest): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.level == Level::WARN);
        assert_eq!(rest.len(), 1, "{rest:?}");
        assert_eq!((rest[0].level, rest[0].target.as_str()), (Level::DEBUG, "tower_wechat"));
        assert!(rest[0].get("why").unwrap().contains("a placeholder"), "{rest:?}");
        warnings.extend(warned);
    }
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = &warnings[0];
    assert_eq!((warning.target.as_str(), warning.get("host")), ("tower_wechat", Some("api.weixin.qq.com")));
    for part in ["access_token=", "=ACCESS_TOKEN", "=null", "take the parameter out"] {
        assert!(warning.message.contains(part), "{warning:?}");
    }
    for hidden in ["PATH", "QUERY"] {
        assert!(!format!("{warning:?}").contains(hidden), "{warning:?}");
    }
}
