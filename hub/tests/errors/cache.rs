//! What a cache says by itself.

use std::{
    future::pending,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use fake_wechat::FakeWeChat;
use futures_util::FutureExt;
use tokio::{runtime, task::spawn_blocking, time::sleep};
use tower_wechat::{
    Platform, TokenCache, TokenError,
    issuer::{AccountKey, Allowance, ClassicToken, Issuer, Mint, MintFuture, Minted, StableToken},
    store::{LeaseRequest, MemoryStore, RedisStore, TokenStore},
};

use crate::catalogue::Catalogue;

const TWO_HOURS: Duration = Duration::from_secs(7200);

/// An issuer that does what a test says.
pub(crate) struct Scripted<F> {
    mint: F,
    platform: Platform,
}

pub(crate) fn scripted<F: Fn() -> MintFuture<'static>>(mint: F) -> Scripted<F> {
    Scripted { mint, platform: Platform::wechat() }
}

impl<F: Fn() -> MintFuture<'static> + Send + Sync + 'static> Issuer for Scripted<F> {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        (self.mint)()
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("scripted", "https://api.weixin.qq.com", FakeWeChat::APP_ID, None)
    }

    fn refreshes(&self) -> Allowance {
        Allowance::new(2, Duration::from_secs(100))
    }
}

/// One that always has this.
fn returns(text: &'static str, life: Duration) -> impl Issuer {
    scripted(move || Box::pin(async move { Ok(Minted::new(text, life)) }))
}

/// One that never answers.
pub(crate) fn silent() -> impl Issuer {
    scripted(|| Box::pin(pending()))
}

/// Where no real time passes.
pub(crate) async fn paused<F: Future<Output = Catalogue>>(
    of: impl FnOnce() -> F + Send + 'static,
) -> Catalogue {
    let run = move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(of())
    };
    spawn_blocking(run).await.expect("no panic")
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let wechat = FakeWeChat::start().await;
    let wrong =
        StableToken::new(FakeWeChat::APP_ID, "not-its-secret").base_url(&wechat.url()).expect("a URL");
    let wrong = TokenCache::new(wrong);
    let _ = wrong.token().await;
    seen.add("backed-off", failure(&wrong).await);
    refreshes(&mut seen).await;
    bugs(&mut seen).await;
    for secret in ["", "two words", &"x".repeat(600)] {
        seen.add("no-secret", failure(&TokenCache::new(StableToken::new(FakeWeChat::APP_ID, secret))).await);
    }
    let long = format!("https://api.example/{}", "x".repeat(65_500));
    let long = StableToken::new(FakeWeChat::APP_ID, "secret").base_url(&long).expect("a URL");
    seen.add("no-secret", failure(&TokenCache::new(long)).await);
    let cache = TokenCache::new(returns("t", TWO_HOURS));
    cache.token().await.expect("a token");
    seen.add("long-life", cache.token_with_min_ttl(2 * TWO_HOURS).await.expect_err("too long"));
    let cache = TokenCache::new(silent());
    cache.shutdown().await;
    seen.add("shut-down", failure(&cache).await);
    let outside = std::thread::spawn(|| TokenCache::new(silent()).token().now_or_never().expect("at once"));
    seen.add("no-runtime", outside.join().expect("no panic").expect_err("no runtime"));
    seen.quote(
        "shut-down",
        "no access_token for app wx0123456789abcdef: ",
        "every fetch was stopped under way: is a runtime being shut down?",
        "a runtime that ends at that very moment",
    );
    let store = RedisStore::connect("redis://127.0.0.1:1/").await.expect("a URL");
    let classic = ClassicToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    let cache = TokenCache::builder(classic).store(store).wait_timeout(Duration::from_millis(50)).build();
    seen.add("store-failed", failure(&cache).await);
    seen.extend(paused(waits).await);
    seen
}

async fn failure(cache: &TokenCache) -> TokenError {
    cache.token().await.expect_err("no token")
}

/// Tokens that are rejected again and again.
async fn refreshes(seen: &mut Catalogue) {
    let cache = TokenCache::new(returns("the same", TWO_HOURS));
    let first = cache.token().await.expect("a token");
    let second = cache.refresh(&first).await.expect("the same text");
    seen.add("same-token", cache.refresh(&second).await.expect_err("too early"));
    let anew = scripted(|| {
        static MINTED: AtomicU32 = AtomicU32::new(0);
        let number = MINTED.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(Minted::new(format!("token {number}"), TWO_HOURS)) })
    });
    let cache = TokenCache::new(anew);
    let mut token = cache.token().await.expect("a token");
    loop {
        match cache.refresh(&token).await {
            Ok(next) => token = next,
            Err(error) => break seen.add("budget", error),
        }
    }
}

/// Issuers that do what none may.
async fn bugs(seen: &mut Catalogue) {
    let panics = scripted(|| Box::pin(async { panic!("a bug") }));
    for cache in [
        TokenCache::new(returns("", TWO_HOURS)),
        TokenCache::new(returns("t", Duration::ZERO)),
        TokenCache::new(panics),
    ] {
        seen.add("issuers-bug", failure(&cache).await);
    }
}

/// What takes seconds.
async fn waits() -> Catalogue {
    let mut seen = Catalogue::default();
    seen.add("waited", failure(&TokenCache::new(silent())).await);
    let minute = Duration::from_secs(60);
    let patient = |issuer| TokenCache::builder(issuer).wait_timeout(minute);
    seen.add("no-answer", failure(&TokenCache::builder(silent()).wait_timeout(minute).build()).await);
    let late = scripted(|| {
        Box::pin(async {
            sleep(Duration::from_secs(3)).await;
            Ok(Minted::new("t", Duration::from_secs(1)))
        })
    });
    seen.add("issuers-bug", failure(&patient(late).build()).await);
    let (store, issuer) = (MemoryStore::new(), returns("t", TWO_HOURS));
    store.try_lease(&issuer.account(), LeaseRequest::new(10 * minute, 0)).await.expect("a lease");
    seen.add(
        "others-mint",
        failure(&TokenCache::builder(issuer).store(store).wait_timeout(minute).build()).await,
    );
    seen
}
