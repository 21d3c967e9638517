//! What the status page says is to be done.

use std::{fs, time::Duration};

use fake_wechat::{FakeWeChat, Fault};
use tower_wechat::{
    TokenCache, TokenError,
    issuer::{ClassicToken, StableToken},
    store::{FileStore, MemoryStore},
};
use wechat_hub::Hub;

use super::{
    scene::{Mill, Scene, look},
    support::{APP, Folder, cache, eventually},
};

fn stable(wechat: &FakeWeChat) -> StableToken {
    StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap()
}

/// The advice on the page of a hub with this app.
async fn advice(app: TokenCache) -> String {
    let hub = Hub::builder().app_on_demand(app.app().clone(), app).build().unwrap();
    let admin = hub.serve_admin("127.0.0.1:0").unwrap();
    of(&look(&admin, "/").await.body)
}

fn of(page: &str) -> String {
    let (_, rest) = page.split_once("<p class=\"advice\">").expect("there is trouble");
    rest.split_once("</p>").unwrap().0.to_owned()
}

#[tokio::test]
async fn it_fits_what_happened() {
    for (error, says) in [
        (TokenError::permanent("wrong").with_errcode(40125), "Compare the app secret"),
        (TokenError::transient("busy").with_errcode(-1), "Nothing to do"),
        (TokenError::transient("a gateway is away"), "Nothing to do"),
        (TokenError::transient("no way there").of_this_host(), "look at the network"),
        (TokenError::permanent("a redirect"), "The text says what to do"),
    ] {
        let app = TokenCache::new(Mill::new("wx", Some(error.clone())));
        app.token().await.unwrap_err();
        let advice = advice(app).await;
        assert!(advice.contains(says), "{error}: {advice}");
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_a_matter_of_the_network() {
    let wechat = FakeWeChat::start().await;
    wechat.fail_tokens(Fault::Hang);
    let app = TokenCache::builder(stable(&wechat)).fetch_timeout(Duration::from_millis(50)).build();
    app.token().await.unwrap_err();
    let advice = advice(app).await;
    assert!(advice.contains("look at the network"), "{advice}");
}

/// Another hub has met it.
#[tokio::test]
async fn the_failure_of_another_is_no_rejection() {
    let wechat = FakeWeChat::start().await;
    let store = MemoryStore::new();
    let [one, other] = [(); 2].map(|()| TokenCache::builder(stable(&wechat)).store(store.clone()).build());
    wechat.fail_tokens(Fault::Http(502));
    one.token().await.unwrap_err();
    other.token().await.unwrap_err();
    assert!(other.health().held_back.is_some() && other.health().last_failure.is_none());
    let advice = advice(other).await;
    assert!(advice.contains("Nothing to do"), "{advice}");
}

#[tokio::test]
async fn rejections_are_told_as_what_they_are() {
    let scene = Scene::new(|builder| builder).await;
    let admin = scene.hub.serve_admin("127.0.0.1:0").unwrap();
    let page = look(&admin, "/").await.body;
    let (_, spent) = page.split_once(">wx00spent00spent00<").unwrap();
    assert!(of(spent).contains("find out which API rejects them"), "{}", of(spent));

    // The endpoint hands out again what was rejected.
    let wechat = FakeWeChat::start().await;
    let app = cache(&wechat);
    let token = app.token().await.unwrap();
    wechat.revoke_unnoticed();
    let same = app.refresh(&token).await.unwrap();
    app.refresh(&same).await.unwrap_err();
    let advice = advice(app).await;
    assert!(advice.contains("find out which API rejects them"), "{advice}");
}

#[tokio::test]
async fn a_store_that_holds_back_a_classic_token_is_named() {
    let wechat = FakeWeChat::start().await;
    let classic = ClassicToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    let folder = Folder::new();
    let store = FileStore::open(folder.path().join("store")).unwrap();
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    let app = TokenCache::builder(classic).store(store).fetch_timeout(Duration::from_millis(50)).build();
    app.token().await.unwrap_err();
    eventually(|| app.health().held_back.is_some()).await;
    let advice = advice(app).await;
    assert!(advice.contains("The shared store cannot be used"), "{advice}");
}
