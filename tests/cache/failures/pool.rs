//! Many accounts: each its own, and clear errors for the others.

use std::{
    collections::HashMap,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};
use tower_wechat::{
    AppId, ErrorKind, SkipAuth, TokenCache, TokenPool, WeChatAuth, WeChatAuthLayer,
    issuer::{ClassicToken, StableToken},
    testing::FakeWeChat,
};

use crate::failures::support::{Http, call, http, issuers::instant, mill::Mill, read, stable};

fn layered(pool: &TokenPool) -> WeChatAuth<Http<Full<Bytes>>> {
    WeChatAuthLayer::new(pool).layer(http())
}

fn call_of(wechat: &FakeWeChat, app: &str) -> Request<Full<Bytes>> {
    let mut request = call(wechat);
    request.extensions_mut().insert(AppId::from(app));
    request
}

#[tokio::test]
async fn a_thousand_apps_each_with_its_own_token() {
    let names: Vec<String> = (0..1000).map(|n| format!("wx{n:04}")).collect();
    let mut builder = FakeWeChat::builder();
    for name in &names {
        builder = builder.account(name.as_str(), &format!("secret-of-{name}"));
    }
    let wechat = builder.start().await;
    let url = wechat.url();
    let pool = TokenPool::with_factory(move |app: AppId| {
        let secret = format!("secret-of-{}", app.as_str());
        let issuer = ClassicToken::new(app, secret).base_url(&url).ok()?;
        Some(TokenCache::new(issuer))
    });
    // The factory's accounts are at a place of their own, which the pool learns with the first of them.
    assert!(pool.get(&names[0].as_str().into()).is_some());
    let client = layered(&pool);
    let all_call = || async {
        for some in names.chunks(100) {
            let mut calls = JoinSet::new();
            for name in some {
                for _ in 0..2 {
                    let sending = client.clone().oneshot(call_of(&wechat, name));
                    calls.spawn(async move { read(sending.await.unwrap()).await });
                }
            }
            for answer in calls.join_all().await {
                assert_eq!(answer.errcode(), Some(0), "{}", answer.text);
            }
        }
    };
    all_call().await;
    assert_eq!((pool.len(), wechat.mints()), (1000, 1000));
    let mut by_account: HashMap<_, u32> = HashMap::new();
    for seen in wechat.seen() {
        *by_account.entry(seen.account.unwrap()).or_default() += 1;
    }
    assert_eq!(by_account.len(), 1000);
    assert!(by_account.values().all(|calls| *calls == 2));

    wechat.revoke_account("wx0007");
    all_call().await;
    assert_eq!(wechat.mints(), 1001, "one app's token died, one was minted");
    assert_eq!(wechat.mints_of("wx0007"), 2);
}

#[tokio::test]
async fn no_account_and_an_unknown_one_are_errors_before_anything_is_sent() {
    let wechat = FakeWeChat::start().await;
    let pool = TokenPool::new();
    pool.insert(FakeWeChat::APP_ID.into(), TokenCache::new(stable(&wechat)));
    let client = layered(&pool);
    for (request, says) in
        [(call(&wechat), "must name its account"), (call_of(&wechat, "wxother"), "wxother")]
    {
        let error = client.clone().oneshot(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownApp);
        assert!(error.to_string().contains(says), "{error}");
    }
    let other = client.for_app("wxother".into());
    let error = other.oneshot(call_of(&wechat, FakeWeChat::APP_ID)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownApp, "the handle's app counts");
    assert_eq!((wechat.api_requests(), wechat.token_requests()), (0, 0));

    let ours = client.for_app(FakeWeChat::APP_ID.into());
    assert_eq!(read(ours.oneshot(call(&wechat)).await.unwrap()).await.errcode(), Some(0));
    let untouched = read(client.without_auth().oneshot(call(&wechat)).await.unwrap()).await;
    assert_eq!(untouched.errcode(), Some(41001));
    assert!(untouched.outcome.is_none());
    let mut skipped = call_of(&wechat, FakeWeChat::APP_ID);
    skipped.extensions_mut().insert(SkipAuth);
    assert_eq!(read(client.oneshot(skipped).await.unwrap()).await.errcode(), Some(41001));
}

#[tokio::test]
async fn accounts_come_and_go_while_it_runs() {
    let wechat = FakeWeChat::start().await;
    let app = || AppId::from("the app");
    let pool = TokenPool::new();
    let client = layered(&pool).for_app(app());
    let errcode = || async {
        let answer = client.clone().oneshot(call(&wechat)).await?;
        Ok::<_, tower_wechat::Error>(read(answer).await.errcode())
    };
    assert_eq!(errcode().await.unwrap(), Some(41001), "nobody's, so it is sent as it is");

    assert!(pool.insert(app(), TokenCache::new(stable(&wechat))).is_none());
    assert_eq!(errcode().await.unwrap(), Some(0));
    let wrong = StableToken::new(FakeWeChat::APP_ID, "wrong").base_url(&wechat.url()).unwrap();
    assert!(pool.insert(app(), TokenCache::new(wrong)).is_some());
    assert_eq!(errcode().await.unwrap_err().kind(), ErrorKind::Token);
    assert!(pool.remove(&app()).is_some());
    assert!(pool.remove(&app()).is_none());
    assert_eq!(errcode().await.unwrap_err().kind(), ErrorKind::UnknownApp);
    assert!(pool.is_empty());
    pool.insert(app(), TokenCache::new(stable(&wechat)));
    assert_eq!(errcode().await.unwrap(), Some(0));
}

/// Threads that all ask at the same moment, again and again; how often the closure ran in the worst round.
fn most_runs(yields: bool) -> u64 {
    const THREADS: usize = 8;
    const ROUNDS: usize = 500;
    let runs: Arc<Vec<AtomicU64>> = Arc::new((0..ROUNDS).map(|_| AtomicU64::new(0)).collect());
    let count = runs.clone();
    let pool = TokenPool::with_factory(move |app: AppId| {
        let round: usize = app.as_str().parse().ok()?;
        count[round].fetch_add(1, Ordering::SeqCst);
        if yields {
            std::thread::yield_now();
        }
        Some(TokenCache::new(StableToken::new(app, "secret").base_url("http://127.0.0.1:1").ok()?))
    });
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    barrier.wait();
                    assert!(pool.get(&round.to_string().into()).is_some());
                }
            });
        }
    });
    runs.iter().map(|runs| runs.load(Ordering::SeqCst)).max().unwrap()
}

#[test]
fn the_closure_runs_once_however_many_ask() {
    assert_eq!(most_runs(false), 1);
    assert_eq!(most_runs(true), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_share_the_closures_account() {
    let wechat = FakeWeChat::start().await;
    let runs = Arc::new(AtomicU64::new(0));
    let (count, url) = (runs.clone(), wechat.url());
    let pool = TokenPool::with_factory(move |app: AppId| {
        count.fetch_add(1, Ordering::SeqCst);
        Some(TokenCache::new(StableToken::new(app, FakeWeChat::APP_SECRET).base_url(&url).ok()?))
    });
    let mut calls = JoinSet::new();
    let client = WeChatAuthLayer::new(&pool).allow_origin(&wechat.url()).unwrap().layer(http());
    for _ in 0..100 {
        let sending = client.clone().oneshot(call_of(&wechat, FakeWeChat::APP_ID));
        calls.spawn(async move { read(sending.await.unwrap()).await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.errcode(), Some(0));
    }
    assert_eq!((runs.load(Ordering::SeqCst), wechat.mints()), (1, 1));
}

#[test]
fn no_such_account_is_not_remembered() {
    let runs = Arc::new(AtomicU64::new(0));
    let count = runs.clone();
    let pool = TokenPool::with_factory(move |_| {
        (count.fetch_add(1, Ordering::SeqCst) >= 2).then(|| TokenCache::new(instant().0))
    });
    let app = AppId::from("wx");
    assert!(pool.get(&app).is_none());
    assert!(pool.get(&app).is_none());
    assert!(pool.get(&app).is_some());
    assert!(pool.get(&app).is_some());
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_closure_that_panics_or_mixes_accounts_up_is_an_error() {
    let wechat = FakeWeChat::start().await;
    let one = TokenCache::new(stable(&wechat));
    let pool = TokenPool::with_factory(move |app: AppId| match app.as_str() {
        "panics" => panic!("in the closure"),
        _ => Some(one.clone()),
    });
    let client = WeChatAuthLayer::new(&pool).allow_origin(&wechat.url()).unwrap().layer(http());
    let calling = |app: &str| client.clone().oneshot(call_of(&wechat, app));
    for _ in 0..2 {
        let error = calling("panics").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownApp);
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    calling("wxfirst").await.unwrap();
    let error = calling("wxsecond").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("wxfirst") && error.to_string().contains("wxsecond"), "{error}");
    assert_eq!(wechat.api_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn accounts_that_nobody_uses_are_let_go_and_made_again() {
    const IDLE: Duration = Duration::from_secs(3600);
    let made = Arc::new(AtomicU64::new(0));
    let count = made.clone();
    let mill = Mill::new("pool", Duration::from_secs(7200));
    let factory = move |app: AppId| {
        count.fetch_add(1, Ordering::SeqCst);
        Some(TokenCache::new(mill.for_app(app.as_str())))
    };
    let pool = TokenPool::builder().factory(factory).evict_after(IDLE).build();
    pool.insert("kept".into(), TokenCache::new(Mill::new("kept", Duration::from_secs(7200))));
    for app in 0..100 {
        pool.get(&format!("app{app}").into()).unwrap().token().await.unwrap();
    }
    tokio::time::sleep(IDLE / 2).await;
    pool.get(&"app7".into()).unwrap().token().await.unwrap();
    tokio::time::sleep(IDLE / 2).await;
    pool.get(&"one more".into()).unwrap();
    assert_eq!(pool.len(), 3, "the one that was inserted, the one in use, the new one");
    assert_eq!(made.load(Ordering::SeqCst), 101);
    pool.get(&"app8".into()).unwrap().token().await.unwrap();
    pool.get(&"app7".into()).unwrap().token().await.unwrap();
    assert_eq!(made.load(Ordering::SeqCst), 102, "only the one that had gone");
}

#[tokio::test]
async fn one_account_under_two_ids_is_refused_whatever_else_is_removed() {
    let (issuer, _) = instant();
    let cache = TokenCache::new(issuer);
    let made = cache.clone();
    let pool = TokenPool::with_factory(move |_| Some(made.clone()));
    pool.insert("inserted".into(), cache);
    assert!(pool.get(&"made".into()).is_some());
    pool.remove(&"inserted".into());
    assert!(pool.get(&"made twice".into()).is_none());
    pool.remove(&"made".into());
    assert!(pool.get(&"made twice".into()).is_some());
}

#[test]
fn a_pool_is_empty_while_nothing_is_in_it() {
    let pool = TokenPool::new();
    assert!(pool.is_empty());
    pool.insert("wx".into(), TokenCache::new(instant().0));
    assert!(!pool.is_empty());
    pool.remove(&"wx".into());
    assert!(pool.is_empty());
}
