//! The page in a real browser. Skipped, with a line that says so, where there is none.
//!
//! With `HUB_SCREENSHOTS` set to a folder, what was seen is kept there.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tower_wechat::{TokenCache, TokenError};
use wechat_hub::{Client, Hub};

use super::{
    devtools::Browser,
    scene::{Mill, Scene},
    support::tcp,
};

const SIZES: [(u32, bool); 4] = [(1280, false), (768, false), (360, true), (320, true)];

async fn resize(browser: &mut Browser, (width, mobile): (u32, bool)) {
    let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": mobile });
    browser.order("Emulation.setDeviceMetricsOverride", metrics).await;
}

async fn prefer(browser: &mut Browser, language: &str, scheme: &str) {
    let headers = json!({ "headers": { "Accept-Language": language } });
    browser.order("Network.setExtraHTTPHeaders", headers).await;
    let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    browser.order("Emulation.setEmulatedMedia", features).await;
}

async fn keep(browser: &mut Browser, name: &str) {
    let Some(folder) = std::env::var_os("HUB_SCREENSHOTS") else { return };
    let shot = browser.order("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
    let bytes = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
}

/// That nothing sticks out at the side: neither the page scrolls, nor does anything within it lie beyond.
async fn fits(browser: &mut Browser, what: &str) {
    let beyond = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5 || \
                  e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != 'inline').map(e => e.outerHTML.slice(0, 200))";
    assert_eq!(browser.value(beyond).await, json!([]), "{what}");
    let scrolls = browser.value("document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(scrolls, false, "{what}");
}

#[tokio::test]
async fn it_fits_every_width_in_both_languages_with_and_without_scripts() {
    let Some(mut browser) = Browser::start().await else { return };
    let scene = Scene::new(|builder| builder).await;
    let admin = scene.hub.serve_admin("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", tcp(&admin));
    for (language, title) in [("en", "2 of 5 apps need attention"), ("zh-CN", "2 / 5 个账号需要处理")]
    {
        for scripts in [true, false] {
            browser.order("Emulation.setScriptExecutionDisabled", json!({ "value": !scripts })).await;
            for scheme in ["light", "dark"] {
                prefer(&mut browser, language, scheme).await;
                for size in SIZES {
                    let what =
                        format!("{}-{language}-{scheme}{}", size.0, if scripts { "" } else { "-noscript" });
                    resize(&mut browser, size).await;
                    browser.go(&url).await;
                    fits(&mut browser, &what).await;
                    let shown = browser.value("document.title").await;
                    assert!(shown.as_str().unwrap().starts_with(title), "{what}: {shown}");
                    assert_eq!(
                        browser.value("document.querySelectorAll('article').length").await,
                        5,
                        "{what}"
                    );
                    let styled =
                        browser.value("getComputedStyle(document.querySelector('article')).display").await;
                    assert_eq!(styled, "grid", "{what}: the style is let in");
                    assert_eq!(browser.complaints().await, Vec::<String>::new(), "{what}");
                    let asked = browser.asked_for();
                    assert!(
                        asked.iter().all(|asked| *asked == url || asked.starts_with("data:")),
                        "{asked:?}"
                    );
                    let refreshes = "document.querySelector('meta[http-equiv=refresh]') != null";
                    assert_eq!(browser.value(refreshes).await, !scripts, "{what}");
                    if scripts || size.0 == 360 {
                        keep(&mut browser, &what).await;
                    }
                }
            }
        }
    }
    browser.end().await;
}

#[tokio::test]
async fn it_shows_itself_anew_and_says_when_the_hub_is_gone() {
    let Some(mut browser) = Browser::start().await else { return };
    let scene = Scene::new(|builder| builder).await;
    let admin = scene.hub.serve_admin("127.0.0.1:0").unwrap();
    browser.go(&format!("http://{}/", tcp(&admin))).await;
    browser.value("window.here = true").await;
    assert_eq!(browser.value("document.getElementById('lost').checkVisibility()").await, false);
    scene.hub.announce_end();
    browser.wait_for("document.querySelector('.top .state').textContent == 'Ending'").await;
    assert_eq!(browser.value("window.here && document.title.startsWith('Ending')").await, true, "in place");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    admin.shutdown().await;
    browser.wait_for("document.getElementById('lost').checkVisibility()").await;
    assert_eq!(browser.value("document.querySelectorAll('article').length").await, 5, "what was there stays");
    browser.end().await;
}

#[tokio::test]
async fn html_of_others_does_nothing() {
    let Some(mut browser) = Browser::start().await else { return };
    let evil =
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>".repeat(5);
    let name = &evil[..80];
    let cache =
        TokenCache::new(Mill::new(&evil, Some(TokenError::permanent(evil.clone()).with_errcode(40001))));
    cache.token().await.unwrap_err();
    let long = "x".repeat(128);
    let hub = Hub::builder()
        .app_on_demand(evil.as_str(), cache)
        .client(Client::new(name, "secret").apps([evil.as_str()]).rights(["token"]))
        .client(Client::new(long, "other").apps([evil.as_str()]).rights(["token", "refresh", "proxy"]))
        .build()
        .unwrap();
    let admin = hub.serve_admin("127.0.0.1:0").unwrap();
    resize(&mut browser, (360, true)).await;
    browser.go(&format!("http://{}/", tcp(&admin))).await;
    let title = browser.value("document.title").await;
    assert!(title.as_str().unwrap().starts_with("1 of 1"), "{title}");
    assert_eq!(browser.value("document.images.length + document.scripts.length").await, 1);
    assert_eq!(browser.value("document.querySelector('h3').textContent").await, Value::from(evil));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    fits(&mut browser, "long names").await;
    keep(&mut browser, "evil").await;
    browser.end().await;
}
