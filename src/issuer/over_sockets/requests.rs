//! What is sent, and what is not.

use super::*;
use crate::{platform::Platform, secret::AppSecret};

#[tokio::test]
async fn stable_posts_json_and_forces_only_when_allowed() {
    let (base, log, _) = serve_text(TOKEN).await;
    let rejecting = Mint::default().forced();
    for (issuer, how, force) in [
        (stable(&base), Mint::normal(), false),
        (stable(&base), rejecting.clone(), false),
        (stable(&base).allow_forced_refresh(), Mint::normal(), false),
        (stable(&base).allow_forced_refresh(), rejecting, true),
    ] {
        let minted = issuer.mint(how).await.unwrap();
        assert_eq!((&*minted.text, minted.expires_in), ("81_token", Duration::from_secs(7200)));
        let seen = log.one();
        assert_eq!((seen.method, &*seen.target), (Method::POST, "/cgi-bin/stable_token"));
        assert_eq!(seen.headers["content-type"], "application/json");
        assert_eq!(seen.headers["content-length"], seen.body.len().to_string());
        assert!(!seen.headers.contains_key("transfer-encoding"));
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&seen.body).unwrap(),
            serde_json::json!({
                "grant_type": "client_credential", "appid": "wx01", "secret": SECRET, "force_refresh": force,
            })
        );
    }
}

#[tokio::test]
async fn classic_and_wecom_get_with_an_encoded_query() {
    let (base, log, _) =
        serve_text(r#"{"errcode":0,"errmsg":"ok","access_token":"t","expires_in":7200}"#).await;
    classic(&base).mint(Mint::normal()).await.unwrap();
    let seen = log.one();
    assert_eq!(seen.method, Method::GET);
    assert_eq!(
        seen.target,
        format!("/cgi-bin/token?grant_type=client_credential&appid=wx01&secret={ENCODED}")
    );
    assert!(seen.body.is_empty() && !seen.headers.contains_key("transfer-encoding"));

    let wecom = WeCom::new("ww&1", SECRET).base_url(&base).unwrap();
    wecom.mint(Mint::normal()).await.unwrap();
    let seen = log.one();
    assert_eq!(seen.method, Method::GET);
    assert_eq!(seen.target, format!("/cgi-bin/gettoken?corpid=ww%261&corpsecret={ENCODED}"));
}

#[tokio::test]
async fn a_prefix_is_kept_with_or_without_a_slash() {
    let (base, log, _) = serve_text(TOKEN).await;
    let plain = stable(&format!("{base}/wx/v1"));
    let slash = stable(&format!("{base}/wx/v1/"));
    for issuer in [&plain, &slash] {
        issuer.mint(Mint::normal()).await.unwrap();
        assert_eq!(log.one().target, "/wx/v1/cgi-bin/stable_token");
    }
    assert_eq!(plain.account(), slash.account());
    assert_ne!(plain.account(), stable(&base).account());
    assert!(admits(plain.platform(), &format!("{base}/wx/v1/x")));
    assert!(!admits(plain.platform(), &format!("{base}/x")), "the prefix bounds the scope");
    assert!(admits(plain.platform(), "https://api.weixin.qq.com/x"));
    let refused = StableToken::new("a", "b").base_url("http://10.0.0.1").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
}

#[test]
fn each_issuer_knows_what_it_is() {
    let (stable, classic, wecom) =
        (StableToken::new("id", "s"), ClassicToken::new("id", "s"), WeCom::new("id", "s"));
    assert!(stable.mints_are_independent() && wecom.mints_are_independent());
    assert!(!classic.mints_are_independent());
    assert!(!stable.can_force() && !classic.can_force() && !wecom.can_force());
    assert!(stable.allow_forced_refresh().can_force());
    assert_ne!(classic.account(), StableToken::new("id", "s").account());
    assert_ne!(classic.account(), wecom.account());
    assert_ne!(wecom.account(), WeCom::new("id", "other agent").account());
    assert!(admits(wecom.platform(), "https://qyapi.weixin.qq.com/x"));
}

#[test]
fn the_spelling_of_a_base_url_names_no_account_of_its_own() {
    let key = |base: &str| StableToken::new("id", "s").dangerous_plain_http_base_url(base).unwrap().account();
    let ours = StableToken::new("id", "s").account();
    for wechat in [
        "https://api.weixin.qq.com",
        "https://api.weixin.qq.com//",
        "https://API.Weixin.qq.com:443/",
        "https://api2.weixin.qq.com",
        "https://sh.api.weixin.qq.com/",
        "https://sz.api.weixin.qq.com:443",
        "https://hk.api.weixin.qq.com",
    ] {
        assert_eq!(key(wechat), ours, "{wechat}");
        let classic = |issuer: ClassicToken| issuer.account();
        assert_eq!(
            classic(ClassicToken::new("id", "s").base_url(wechat).unwrap()),
            classic(ClassicToken::new("id", "s")),
            "{wechat}"
        );
    }
    for other in [
        "http://api.weixin.qq.com",
        "https://api.weixin.qq.com:8443",
        "https://api.weixin.qq.com/prefix",
        "https://api.weixin.qq.com.example",
        "https://xapi.weixin.qq.com",
        "https://api.wechat.com",
        "https://proxy.example",
    ] {
        assert_ne!(key(other), ours, "{other}");
    }
    for (one, same) in [
        ("https://Proxy.example:443//", "https://proxy.example"),
        ("http://proxy.example:80", "http://PROXY.example/"),
        ("https://proxy.example/wx/", "https://proxy.example:443/wx"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ] {
        assert_eq!(key(one), key(same), "{one}");
    }
    for (one, other) in [
        ("https://proxy.example", "http://proxy.example"),
        ("https://proxy.example", "https://proxy.example:444"),
        ("https://proxy.example/a", "https://proxy.example/b"),
    ] {
        assert_ne!(key(one), key(other), "{one}");
    }
    let wecom = |base: &str| WeCom::new("id", "s").base_url(base).unwrap().account();
    assert_eq!(wecom("https://QYAPI.weixin.qq.com:443/"), WeCom::new("id", "s").account());
    assert_ne!(wecom("https://proxy.example"), WeCom::new("id", "s").account());
}

#[test]
fn a_rotated_secret_is_the_same_account_but_at_wecom() {
    for base in ["https://api.weixin.qq.com", "https://sh.api.weixin.qq.com", "https://proxy.example/wx"] {
        let stable = |secret: &str| StableToken::new("id", secret).base_url(base).unwrap().account();
        let classic = |secret: &str| ClassicToken::new("id", secret).base_url(base).unwrap().account();
        let wecom = |secret: &str| WeCom::new("id", secret).base_url(base).unwrap().account();
        assert_eq!(stable("old"), stable("new"), "{base}");
        assert_eq!(classic("old"), classic("new"), "{base}");
        assert_ne!(wecom("one agent"), wecom("another agent"), "{base}");
        assert_ne!(stable("old"), classic("old"), "{base}");
    }
}

#[test]
fn debug_shows_app_and_base_only() {
    let source = || AppSecret::from(SECRET);
    let shown = format!(
        "{:?} {:?} {:?}",
        StableToken::new("wx01", SECRET).secret_source(source),
        ClassicToken::new("wx01", SECRET).secret_source(source),
        WeCom::new("ww01", SECRET).secret_source(source),
    );
    assert!(!shown.contains("SENTINEL"), "{shown}");
    for part in ["StableToken", "ClassicToken", "WeCom", "wx01", "ww01", "https://qyapi.weixin.qq.com"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[tokio::test]
async fn what_cannot_be_an_id_or_a_secret_is_not_sent() {
    let (base, log, _) = serve_text(TOKEN).await;
    let endless = "x".repeat(513);
    for (id, secret, says) in [
        ("", "s", "app id is empty"),
        ("wx01", "", "app secret is empty"),
        (&*endless, "s", "app id is longer"),
        ("wx01", &*endless, "app secret is longer"),
        ("wx 01", "s", "app id has white space"),
        ("wx01\n", "s", "app id has white space"),
        ("wx01", "SENTINEL\r\n", "app secret has white space"),
        ("wx01", "SENTINEL\u{7f}", "app secret has white space"),
        ("wx01", "SENTINEL\u{3000}", "app secret has white space"),
    ] {
        let stable = StableToken::new(id, secret).base_url(&base).unwrap();
        let classic = ClassicToken::new(id, secret).base_url(&base).unwrap();
        for issuer in [&stable as &dyn Issuer, &classic] {
            let error = issuer.mint(Mint::normal()).await.expect_err(says);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!error.is_transient() && error.is_of_this_host());
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(!format!("{error:?}").contains("SENTINEL"));
        }
    }
    let wecom = WeCom::new("ww01", "").base_url(&base).unwrap();
    let error = wecom.mint(Mint::normal()).await.unwrap_err();
    assert!(error.to_string().contains("corp secret is empty"), "{error}");
    assert!(log.take().is_empty());
}

#[tokio::test]
async fn a_refused_secret_is_read_again_once_and_the_new_one_kept() {
    for code in [40001, 40125, 40091] {
        let (base, log, _) = serve(move |seen| {
            let fresh = seen.target.contains("secret=fresh");
            Response::new(Full::from(if fresh {
                TOKEN.to_owned()
            } else {
                format!(r#"{{"errcode":{code},"errmsg":"bad secret SENTINEL"}}"#)
            }))
        })
        .await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let issuer = classic(&base);
        let account = issuer.account();
        let issuer = issuer.secret_source(move || {
            count.fetch_add(1, Ordering::SeqCst);
            "fresh".into()
        });
        for (requests, calls) in [(2, 1), (1, 1)] {
            issuer.mint(Mint::normal()).await.unwrap();
            assert_eq!(log.take().len(), requests);
            assert_eq!(asked.load(Ordering::SeqCst), calls);
        }
        assert_eq!(issuer.account(), account);
    }
}

#[tokio::test]
async fn a_source_that_cannot_help_is_no_second_try() {
    let (base, log, _) = serve_text(r#"{"errcode":40125,"errmsg":"SENTINEL"}"#).await;
    for (given, requests) in [(SECRET, 1), ("", 1), ("half a line\n", 1), ("as-wrong", 2)] {
        let error = failure(&stable(&base).secret_source(move || given.into())).await;
        assert_eq!(error.errcode(), Some(40125));
        assert_eq!(log.take().len(), requests, "{given}");
    }
    let (base, log, _) = serve_text(r#"{"errcode":40013,"errmsg":"SENTINEL"}"#).await;
    failure(&stable(&base).secret_source(|| unreachable!("the secret was not refused"))).await;
    log.one();
}

#[tokio::test]
async fn a_refused_secret_is_mended_once_its_source_has_another() {
    let (base, log, _) = serve(|seen| {
        let fresh = seen.target.contains("secret=fresh");
        Response::new(Full::from(if fresh { TOKEN } else { r#"{"errcode":40125}"# }))
    })
    .await;
    let kept = Arc::new(Mutex::new(SECRET));
    let source = kept.clone();
    let issuer = classic(&base).secret_source(move || (*source.lock().unwrap()).into());
    let refused = failure(&issuer).await;
    for (in_source, mended) in [(SECRET, false), ("", false), ("half a line\n", false), ("fresh", true)] {
        *kept.lock().unwrap() = in_source;
        for _ in 0..2 {
            assert_eq!(issuer.was_mended(&refused), mended, "{in_source}");
        }
    }
    for other in [TokenError::permanent("").with_errcode(40164), TokenError::transient("")] {
        assert!(!issuer.was_mended(&other), "it was not the secret");
    }
    log.take();
    issuer.mint(Mint::normal()).await.unwrap();
    assert!(log.one().target.contains("secret=fresh"), "the refused one is not sent again");

    // Another process was refused, and this one has not asked yet.
    let elsewhere = classic(&base).secret_source(|| "fresh".into());
    assert!(elsewhere.was_mended(&refused));
    let same = classic(&base).secret_source(|| SECRET.into());
    assert!(!same.was_mended(&refused) && !classic(&base).was_mended(&refused));

    // Both the first and the source's were refused.
    *kept.lock().unwrap() = "as-wrong";
    let kept = kept.clone();
    let issuer = classic(&base).secret_source(move || (*kept.lock().unwrap()).into());
    let refused = failure(&issuer).await;
    assert!(!issuer.was_mended(&refused), "it was tried");
}

fn admits(platform: &Platform, uri: &str) -> bool {
    platform.scope(&uri.parse().unwrap(), &[]).is_ok()
}
