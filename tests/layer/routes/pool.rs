//! A pool whose closure makes accounts with base URLs of their own.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_wechat::{
    AppId, Error, ErrorKind, TokenCache, TokenPool, WeChatAuth, WeChatAuthLayer, issuer::StableToken,
    testing::FakeWeChat,
};

use super::{get, soon};
use crate::routes::support::{self, Http, below::Below, call, http, read};

/// Two platforms with one account each, and a pool that knows both by its closure only.
struct Two {
    a: FakeWeChat,
    b: FakeWeChat,
    pool: TokenPool,
    /// How often the closure ran.
    runs: Arc<AtomicU64>,
}

impl Two {
    async fn start() -> Self {
        let a = FakeWeChat::builder().account("wxa", "secret-a").start().await;
        let b = FakeWeChat::builder().account("wxb", "secret-b").start().await;
        let (at_a, at_b, runs) = (a.url(), b.url(), Arc::new(AtomicU64::new(0)));
        let count = runs.clone();
        let pool = TokenPool::with_factory(move |app: AppId| {
            count.fetch_add(1, Ordering::SeqCst);
            let (secret, url) = match app.as_str() {
                "wxa" => ("secret-a", &at_a),
                "wxb" => ("secret-b", &at_b),
                _ => return None,
            };
            Some(TokenCache::new(StableToken::new(app, secret).base_url(url).ok()?))
        });
        Self { a, b, pool, runs }
    }

    fn client(&self) -> WeChatAuth<Http<Full<Bytes>>> {
        WeChatAuthLayer::new(&self.pool).layer(http())
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    /// Nothing has reached either platform.
    fn nothing_was_sent(&self) {
        for wechat in [&self.a, &self.b] {
            assert_eq!((wechat.token_requests(), wechat.api_requests()), (0, 0));
        }
    }
}

/// How a request names its account.
#[derive(Clone, Copy, Debug)]
enum By {
    Extension,
    Handle,
}

const WAYS: [By; 2] = [By::Extension, By::Handle];

async fn send(
    client: &WeChatAuth<Http<Full<Bytes>>>,
    by: By,
    app: &str,
    to: &FakeWeChat,
) -> Result<support::Answer, Error> {
    let mut request: Request<Full<Bytes>> = call(to);
    let sending = match by {
        By::Extension => {
            request.extensions_mut().insert(AppId::from(app));
            client.clone().oneshot(request)
        }
        By::Handle => client.for_app(app.into()).oneshot(request),
    };
    Ok(read(soon(sending).await?).await)
}

#[tokio::test]
async fn the_first_request_of_an_account_runs_the_closure_and_carries_a_token() {
    for by in WAYS {
        let two = Two::start().await;
        let answer = send(&two.client(), by, "wxa", &two.a).await.unwrap();
        assert_eq!(answer.errcode(), Some(0), "{by:?}");
        assert_eq!((two.runs(), two.pool.len(), two.a.mints()), (1, 1, 1), "{by:?}");
        let seen = two.a.seen();
        assert_eq!((seen.len(), seen[0].account.clone()), (1, Some("wxa".into())));
        // The rest of what the layer does for such an account works, too.
        two.a.revoke();
        assert!(send(&two.client(), by, "wxa", &two.a).await.unwrap().replayed());
        assert_eq!((two.runs(), two.b.api_requests(), two.b.token_requests()), (1, 0, 0));
    }
}

#[tokio::test]
async fn an_unknown_account_is_an_error_wherever_the_request_goes() {
    let two = Two::start().await;
    let elsewhere = FakeWeChat::start().await;
    for by in WAYS {
        for to in [&two.a, &elsewhere] {
            let error = send(&two.client(), by, "wxc", to).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::UnknownApp, "{by:?}");
            assert!(error.to_string().contains("wxc"), "{error}");
        }
    }
    two.nothing_was_sent();
    assert_eq!((two.runs(), two.pool.len(), elsewhere.api_requests()), (4, 0, 0));
}

#[tokio::test]
async fn without_an_account_a_request_to_a_known_origin_is_an_error() {
    let two = Two::start().await;
    let client = two.client();
    // Nobody has asked for an account yet, so the pool knows WeChat's own hosts.
    let below = Below::new("{}");
    let auth = WeChatAuthLayer::new(&two.pool).layer(below.clone());
    for known in ["https://api.weixin.qq.com/cgi-bin/x", "https://qyapi.weixin.qq.com/cgi-bin/x"] {
        let error = soon(auth.clone().oneshot(get(known))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownApp);
        assert!(error.to_string().contains("must name its account"), "{error}");
    }
    assert_eq!(below.take(), [""; 0]);

    // An account's own origin is known from its first request on.
    send(&client, By::Extension, "wxa", &two.a).await.unwrap();
    let error = soon(client.clone().oneshot(call(&two.a))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownApp);
    assert_eq!(two.a.api_requests(), 1, "the one that named it");

    let allowing = WeChatAuthLayer::new(&two.pool).allow_origin(&two.b.url()).unwrap();
    let error = soon(allowing.layer(http()).oneshot(call(&two.b))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownApp, "an origin that the layer names is known");
    assert_eq!((two.b.api_requests(), two.runs()), (0, 1));
}

#[tokio::test]
async fn without_an_account_a_request_to_an_unknown_host_passes_through() {
    let two = Two::start().await;
    let client = two.client();
    send(&client, By::Handle, "wxa", &two.a).await.unwrap();
    let answer = read(soon(client.clone().oneshot(call(&two.b))).await.unwrap()).await;
    assert_eq!(answer.errcode(), Some(41001), "nobody's, so it is sent as it is");
    assert!(answer.outcome.is_none());
    assert_eq!((two.b.seen()[0].token, two.b.token_requests(), two.runs()), (None, 0, 1));
}

#[tokio::test]
async fn an_accounts_token_never_goes_to_another_accounts_origin() {
    for by in WAYS {
        // Both for accounts that the pool has yet to make and for those that it has.
        for warm in [false, true] {
            let two = Two::start().await;
            let client = two.client();
            if warm {
                send(&client, by, "wxa", &two.a).await.unwrap();
                send(&client, by, "wxb", &two.b).await.unwrap();
            }
            let (at_a, at_b) = (two.a.token_requests(), two.b.token_requests());
            for (app, to) in [("wxa", &two.b), ("wxb", &two.a)] {
                to.clear_seen();
                let answer = send(&client, by, app, to).await.unwrap();
                assert_eq!(answer.errcode(), Some(41001), "{app} by {by:?}");
                assert!(answer.outcome.is_none(), "nor is that answer looked at");
                let seen = to.seen();
                assert_eq!((seen.len(), seen[0].token), (1, None));
                assert_eq!(seen[0].query, "lang=zh_CN");

                to.reject_all(Some(42001));
                let answer = send(&client, by, app, to).await.unwrap();
                assert_eq!((answer.errcode(), answer.rejected()), (Some(42001), false));
                to.heal();
            }
            assert_eq!((two.a.token_requests(), two.b.token_requests()), (at_a, at_b), "nothing was fetched");
        }
    }
}
