//! What shows: every log of every crate at TRACE, every error, every `Debug`.
//!
//! One test, since there is one global subscriber in a process and the token's own tasks write to it too.

use std::{
    error::Error as StdError,
    fmt::{Debug, Display, Write as _},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::trace::TraceLayer;
use tower_wechat::{
    AppId, AppSecret, AuthOutcome, Platform, TokenCache, TokenError, TokenPool, WeChatAuthLayer,
    issuer::{ClassicToken, Issuer, Mint, Minted, StableToken, WeCom},
    store::{Claim, Commit, Failure, Lease, LeaseRequest, MemoryStore, Record, Snapshot, TokenStore, Usage},
    testing::{Answer, FakeWeChat, Fault},
};

use crate::support::{call, classic, client, http, issuers::scripted, stable, wecom};

const SENTINEL: &str = "this-line-shows-that-the-capture-works";
/// A text that an issuer of somebody else's could hand out; parts of it would be escaped in a URI.
const ODD_TOKEN: &str = "odd+token/with=escapes";

/// All that showed so far.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shown {
    fn debug(&self, value: impl Debug) {
        let text = format!("{value:?} {value:#?}");
        assert!(text.len() > 4, "one that shows nothing hides no secret");
        self.line(&text);
    }

    /// An error and all that is underneath it, in both forms.
    fn error(&self, error: &(dyn StdError + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.shown(error);
            next = error.source();
        }
    }

    fn shown<T: Debug + Display + ?Sized>(&self, value: &T) {
        self.line(&format!("{value} {value:?} {value:#?}"));
    }

    fn line(&self, text: &str) {
        let mut line = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(line, "{text}");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line.as_bytes());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

fn subscribe() -> Shown {
    let shown = Shown::default();
    let writer = shown.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    shown
}

fn faults() -> Vec<Fault> {
    let quoting = format!(
        r#"{{"errcode":40013,"errmsg":"invalid appid {} {}"}}"#,
        FakeWeChat::APP_SECRET,
        FakeWeChat::CORP_SECRET
    );
    let elsewhere = Answer::default()
        .status(http::StatusCode::FOUND)
        .header(http::header::LOCATION, "/?access_token=x".parse().unwrap());
    vec![
        Fault::Busy,
        Fault::Errcode(40125),
        Fault::Errcode(40164),
        Fault::Errcode(45009),
        Fault::Http(502),
        Fault::Garbage,
        Fault::Empty,
        Fault::Answer(Answer::json(quoting)),
        Fault::Answer(elsewhere),
        Fault::Hang,
        Fault::Reset,
        Fault::CutOff,
        Fault::Lost,
        Fault::ExpiresIn(-1),
        Fault::Token("bad\u{7}token".into()),
    ]
}

/// What a run used that must not show.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn issued(&mut self, cache: &TokenCache) {
        if let Some(token) = cache.current() {
            self.0.push(token.as_str().to_owned());
        }
    }
}

/// A cold start, a rejection and its replay, and another that cannot be refreshed.
async fn a_life(wechat: &FakeWeChat, issuer: impl Issuer + Debug, shown: &Shown, secrets: &mut Secrets) {
    shown.debug(&issuer);
    shown.debug(issuer.platform());
    shown.shown(&issuer.account());
    let cache = TokenCache::builder(issuer);
    shown.debug(&cache);
    let cache = cache.wait_timeout(Duration::from_secs(10)).build();
    let traced = ServiceBuilder::new().layer(TraceLayer::new_for_http()).service(client(&cache));
    let send = || async {
        match traced.clone().oneshot(call(wechat)).await {
            Ok(response) => {
                shown.debug(response.extensions().get::<AuthOutcome>());
                shown.debug(response.map(|_| "a body"));
            }
            Err(error) => shown.error(&error),
        }
    };
    send().await;
    secrets.issued(&cache);
    shown.debug((&cache, cache.current(), cache.stats(), &client::<Full<Bytes>>(&cache)));
    shown.debug((traced.clone().into_inner(), WeChatAuthLayer::new(&cache)));
    wechat.revoke();
    send().await;
    secrets.issued(&cache);
    let token = cache.current().unwrap();
    shown.debug((&token, token.fingerprint(), Mint::rejecting(token.clone())));
    shown.debug(client::<Full<Bytes>>(&cache).oneshot(call(wechat)));
    wechat.revoke();
    wechat.fail_tokens(Fault::Http(500));
    send().await;
    wechat.fail_apis(Fault::Reset);
    send().await;
    wechat.heal();
    secrets.issued(&cache);
}

/// A fetch that fails, as its caller sees it.
async fn a_failure(issuer: impl Issuer, shown: &Shown) {
    let cache = TokenCache::builder(issuer)
        .wait_timeout(Duration::from_millis(250))
        .fetch_timeout(Duration::from_millis(250))
        .build();
    for _ in 0..2 {
        match cache.token().await {
            Ok(token) => shown.debug(token),
            Err(error) => {
                shown.error(&error);
                let error = tower_wechat::Error::from(error);
                shown.error(&error);
                shown.shown(&*error.into_inner());
            }
        }
    }
}

async fn requests_that_cannot_be(wechat: &FakeWeChat, shown: &Shown, secrets: &mut Secrets) {
    let odd = scripted(|_| std::future::ready(Ok(Minted::new(ODD_TOKEN, Duration::from_secs(60)))));
    let cache = TokenCache::new(odd);
    let too_long = format!("https://api.weixin.qq.com/?{}", "x".repeat(65_490));
    for uri in [too_long.as_str(), "https://api.weixin.qq.com/x"] {
        let inner = tower::service_fn(|_: Request<tower_wechat::ReplayBody<String>>| async {
            Err::<Response<String>, _>(io::Error::other("nothing of the request in here"))
        });
        let auth = WeChatAuthLayer::new(&cache).layer(inner);
        let request = Request::get(uri).body(String::new()).unwrap();
        shown.error(&auth.oneshot(request).await.unwrap_err());
    }
    secrets.issued(&cache);

    let pool = TokenPool::with_factory({
        let url = wechat.url();
        move |app: AppId| match app.as_str() {
            "panics" => panic!("{SENTINEL}"),
            "unknown" => None,
            _ => Some(TokenCache::new(
                StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&url).ok()?,
            )),
        }
    });
    let auth = WeChatAuthLayer::new(&pool)
        .allow_origin(&wechat.url())
        .unwrap()
        .layer(http::<tower_wechat::ReplayBody<Full<Bytes>>>());
    shown.debug((&pool, &auth));
    shown.error(&auth.clone().oneshot(call(wechat)).await.unwrap_err());
    for app in ["panics", "unknown", "one", "two"] {
        if let Err(error) = auth.for_app(app.into()).oneshot(call(wechat)).await {
            shown.error(&error);
        }
    }
    secrets.issued(&pool.get(&"one".into()).unwrap());
    shown.debug((&pool, &auth));

    for bad in ["https://u:SECRET-IN-URL@host", "ftp://host/?secret=SECRET-IN-URL"] {
        let issuer = StableToken::new("wx", "secret").base_url(bad);
        shown.error(&issuer.unwrap_err());
    }
    secrets.0.push("SECRET-IN-URL".into());
}

async fn stores(shown: &Shown, secrets: &mut Secrets) {
    let (token, life) = ("TOKEN-IN-A-STORE", Duration::from_secs(60));
    secrets.0.push(token.into());
    let store = MemoryStore::new();
    let account = ClassicToken::new("wx", "secret").account();
    let record = Record::new(token, 1, life, life);
    let failure = Failure::new(TokenError::permanent("no"), 1, life);
    let Claim::Granted(lease, _) = store.try_lease(&account, LeaseRequest::new(life, 0)).await.unwrap()
    else {
        panic!("nobody else asks");
    };
    let commit = store.commit(&account, &lease, &record, &Usage::default()).await.unwrap();
    let snapshot = store.load(&account).await.unwrap();
    assert_eq!(&*snapshot.record.as_ref().unwrap().token, token);
    shown.debug((&store, &account, &record, &failure, &lease, &commit, &snapshot));
    shown.debug(Claim::Held(snapshot.clone()));
    shown.debug(Commit::Fenced(snapshot.clone()));
    shown.debug(Claim::Granted(Lease::new(1, &LeaseRequest::new(life, 0)), Snapshot::default()));
    shown.error(&Record::decode(br#"{"v":1,"token":"TOKEN-IN-A-STORE""#, life).unwrap_err());
    let cache = TokenCache::builder(ClassicToken::new("wx", "secret")).store(store);
    shown.debug(&cache);
    let cache = cache.build();
    assert_eq!(cache.token().await.unwrap().as_str(), token);
    shown.debug(&cache);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shows() {
    let shown = subscribe();
    let mut secrets = Secrets(vec![
        FakeWeChat::APP_SECRET.into(),
        FakeWeChat::CORP_SECRET.into(),
        "access_token=".into(),
        "odd%2Btoken".into(),
    ]);
    let wechat = FakeWeChat::start().await;
    a_life(&wechat, stable(&wechat), &shown, &mut secrets).await;
    a_life(&wechat, classic(&wechat), &shown, &mut secrets).await;
    wecom_life(&shown, &mut secrets).await;

    let mut failing = tokio::task::JoinSet::new();
    for fault in faults() {
        let shown = shown.clone();
        failing.spawn(async move {
            let wechat = FakeWeChat::start().await;
            wechat.fail_tokens(fault);
            a_failure(stable(&wechat), &shown).await;
            a_failure(classic(&wechat), &shown).await;
            a_failure(wecom(&wechat), &shown).await;
        });
    }
    failing.join_all().await;
    // A client of the caller's own that quotes all it was given.
    let quoting = tower::service_fn(|request: Request<Full<Bytes>>| async move {
        Err::<Response<Full<Bytes>>, _>(io::Error::other(format!("{request:?}")))
    });
    a_failure(classic(&wechat).http_client(quoting), &shown).await;
    a_failure(stable(&wechat).http_client(quoting), &shown).await;
    let panicking = scripted(|_| -> std::future::Ready<_> { panic!("no secret in here") });
    a_failure(panicking, &shown).await;

    requests_that_cannot_be(&wechat, &shown, &mut secrets).await;
    stores(&shown, &mut secrets).await;
    let secret = AppSecret::from(FakeWeChat::APP_SECRET);
    shown.debug((&secret, AppId::from("wx"), Platform::wecom(), Minted::new("x", Duration::ZERO)));

    // The controls: the capture works, in the log and beside it, for our crate and for others.
    tracing::trace!("{SENTINEL}");
    let text = shown.text();
    for sign in [SENTINEL, " INFO fetch{app=", "minted a token", "tower_http::trace", "cgi-bin/message"] {
        assert!(text.contains(sign), "no {sign:?} in what showed");
    }
    assert!(secrets.0.len() > 10, "{} secrets", secrets.0.len());
    for secret in &secrets.0 {
        if let Some(at) = text.find(secret.as_str()) {
            let line = text[..at].rfind('\n').map_or(0, |start| start + 1);
            let line = text[line..].lines().next().unwrap_or_default();
            panic!("{secret:?} showed:\n{line}");
        }
    }
}

/// WeCom's calls are answered like any other; its platform is one of its own.
async fn wecom_life(shown: &Shown, secrets: &mut Secrets) {
    let wechat = FakeWeChat::start().await;
    let issuer: WeCom = wecom(&wechat);
    a_life(&wechat, issuer, shown, secrets).await;
}

/// What shows nothing hides no secret, but helps nobody either.
#[test]
fn every_debug_says_what_it_is_of() {
    let issuer = || StableToken::new("wx", "secret");
    let cache = TokenCache::new(issuer());
    let pool = TokenPool::new();
    let client = WeChatAuthLayer::new(&cache).layer("the inner service");
    for (text, says) in [
        (format!("{client:?}"), ["WeChatAuth", "the inner service"]),
        (format!("{:?}", TokenCache::builder(issuer())), ["TokenCacheBuilder", "refresh_ahead: 240s"]),
        (format!("{cache:?}"), ["TokenCache", "token: None"]),
        (format!("{:?}", TokenPool::builder()), ["TokenPoolBuilder", "factory"]),
        (format!("{pool:?}"), ["TokenPool", "accounts: 0"]),
    ] {
        assert!(says.iter().all(|word| text.contains(word)), "{says:?} in {text:?}");
    }
}
