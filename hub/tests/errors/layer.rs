//! What the layer says of a request.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use fake_wechat::FakeWeChat;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tower::service_fn;
use tower_wechat::{Error, NotReplayed, ReplayBody, TokenCache, TokenPool, WeChatAuth, issuer::ClassicToken};

use crate::{cache::silent, catalogue::Catalogue, platform::stable};

type Nothing = Empty<Bytes>;

fn request(uri: &str) -> Request<Nothing> {
    Request::get(uri).body(Empty::new()).expect("a request")
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let answers = service_fn(|_: Request<ReplayBody<Nothing>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let user_get = format!("{}/cgi-bin/user/get", wechat.url());

    let long = format!("{}/cgi-bin/{}", wechat.url(), "x".repeat(65_400));
    seen.add("uri", refused(WeChatAuth::new(answers, cache.clone()).send(request(&long)).await));
    let renamed = stable(&wechat).with_platform(tower_wechat::Platform::wechat().with_parameter(""));
    let renamed = WeChatAuth::new(answers, TokenCache::new(renamed));
    seen.add("uri", refused(renamed.send(request(&user_get)).await));
    for (text, why) in [
        ("the token needs a whole URI: scheme, host and path", "such requests pass through"),
        ("the token needs a URI with a path", "such requests pass through"),
        ("the URI does not fit together", "parts that did before"),
        ("the token, or the name of its parameter, is not percent-encoded", "both are encoded before"),
    ] {
        seen.quote("uri", "", text, why);
    }

    let fails = service_fn(|_: Request<ReplayBody<Nothing>>| async {
        Err::<Response<Full<Bytes>>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    seen.add("inner", refused(WeChatAuth::new(fails, cache.clone()).send(request(&user_get)).await));
    seen.quote(
        "inner",
        "",
        "the error of the HTTP client shows the access_token, and is withheld",
        "a client whose errors quote the token in a way of its own",
    );
    body(&mut seen, &cache, &user_get).await;

    let pool = TokenPool::new();
    pool.insert("wx0123456789abcdef".into(), cache.clone());
    seen.add("no-account", refused(WeChatAuth::new(answers, pool).send(request(&user_get)).await));

    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let auth = WeChatAuth::new(client.clone(), TokenCache::new(silent()));
    let hurried = client.get("https://api.weixin.qq.com/cgi-bin/user/get").timeout(Duration::from_millis(50));
    seen.add("waited", auth.execute(hurried.build().expect("a request")).await.expect_err("no token"));
    seen.quote(
        "waited",
        "",
        "the inner service was not ready before the request's own time-out had passed",
        "a client that is busy for that long",
    );

    let classic = ClassicToken::new("wx0123456789abcdef", "secret");
    seen.add("base-url", classic.base_url("http://api.weixin.qq.com").expect_err("in the clear"));
    for why in [
        NotReplayed::RefreshFailed,
        NotReplayed::BackedOff,
        NotReplayed::BodyTooLarge,
        NotReplayed::ReplayMemoryFull,
        NotReplayed::BodyFailed,
        NotReplayed::AnswerIncomplete,
        NotReplayed::ServiceNotReady,
        NotReplayed::Refused,
        NotReplayed::TimedOut,
        NotReplayed::Uri,
    ] {
        seen.add("not-replayed", why);
    }
    seen
}

/// A body that fails on its way.
async fn body(seen: &mut Catalogue, cache: &TokenCache, url: &str) {
    type Failing = StreamBody<stream::Iter<std::vec::IntoIter<io::Result<Frame<Bytes>>>>>;
    let reads = service_fn(|request: Request<ReplayBody<Failing>>| async {
        request.into_body().collect().await.map(|_| Response::new(Full::<Bytes>::default()))
    });
    let failing = StreamBody::new(stream::iter(vec![Err(io::Error::other("the picture cannot be read"))]));
    let request = Request::post(url).body(failing).expect("a request");
    seen.add("body", refused(WeChatAuth::new(reads, cache.clone()).send(request).await));
    seen.quote(
        "body",
        "the HTTP client below the WeChat layer failed: ",
        "the request body had already failed",
        "a client that reads on after an error",
    );
    seen.quote(
        "body",
        "the HTTP client below the WeChat layer failed: ",
        "this send was given up, since its answer is not needed any more",
        "a client that goes on with a send that was dropped",
    );
}

fn refused<T>(outcome: Result<T, Error>) -> Error {
    outcome.err().expect("it is refused")
}
