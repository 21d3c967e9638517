//! What the compiler promises.

use std::{convert::Infallible, fmt::Debug, future::Future, io};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{
    BodyExt, Empty, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use hyper::body::Incoming;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tower_wechat::{
    AccessToken, AuthOutcome, Error, PeekedBody, ReplayBody, ResponseFuture, TokenCache, TokenError,
    TokenPool, WeChatAuth, WeChatAuthLayer, testing::FakeWeChat,
};

use crate::stack::{
    scenario::{BoxError, serves, soon},
    support::{Http, client, post, read, stable},
};

type Auth = WeChatAuth<Http<Full<Bytes>>>;
type Sending = ResponseFuture<Http<Full<Bytes>>, Full<Bytes>, Incoming>;

assert_impl_all!(Auth: Clone, Send, Sync, Debug, Service<Request<Full<Bytes>>>);
assert_impl_all!(WeChatAuthLayer: Clone, Send, Sync, Debug);
assert_impl_all!(TokenCache: Clone, Send, Sync, Debug);
assert_impl_all!(TokenPool: Clone, Send, Sync, Debug, Default);
assert_impl_all!(AccessToken: Clone, Send, Sync, Debug);
assert_impl_all!(AuthOutcome: Clone, Send, Sync, Debug);
assert_impl_all!(Error: Send, Sync, Debug, std::error::Error);
assert_impl_all!(TokenError: Clone, Send, Sync, Debug, std::error::Error);
assert_impl_all!(ReplayBody<UnsyncBoxBody<Bytes, BoxError>>: Send, Sync, Unpin);
assert_impl_all!(PeekedBody<Incoming>: Send, Sync, Unpin, Debug);
// Neither `FollowRedirect` nor `Retry` can be put below the layer, where it would carry the token elsewhere.
assert_not_impl_any!(ReplayBody<Full<Bytes>>: Default, Clone);

/// The layer asks nothing of the service that the service does not need.
const _: fn() = || {
    struct Unsync(std::cell::Cell<()>);
    assert_not_impl_any!(WeChatAuth<Unsync>: Clone, Sync, Debug);
    let _ = |unsync: Unsync| unsync.0;
};

#[test]
fn the_future_is_small() {
    let size = size_of::<Sending>();
    assert!(size <= 1024, "{size} bytes");
}

fn spawnable<F: Future + Send + 'static>(future: F) -> F {
    future
}

#[tokio::test]
async fn boxed_and_shared_between_threads() {
    let wechat = FakeWeChat::start().await;
    let auth: BoxCloneSyncService<Request<Full<Bytes>>, Response<PeekedBody<Incoming>>, Error> =
        BoxCloneSyncService::new(client(&TokenCache::new(stable(&wechat))));
    serves(auth, &wechat).await;
}

#[tokio::test]
async fn bodies_in_boxes_in_spawned_tasks() {
    let wechat = FakeWeChat::start().await;
    let cache = TokenCache::new(stable(&wechat));
    let full = || Full::new(Bytes::from_static(b"{}"));

    // An error type that is itself a `Box<dyn Error>` fails to compile in an `async` block of `tokio::spawn`, over a bare
    // hyper client too ("not general enough"); as a future of its own it compiles.
    let boxed: UnsyncBoxBody<Bytes, BoxError> = full().map_err(Into::into).boxed_unsync();
    let one = client(&cache).oneshot(post(&wechat, "/cgi-bin/x", boxed));
    let one = tokio::spawn(spawnable(one));

    let named: UnsyncBoxBody<Bytes, io::Error> = full().map_err(|never| match never {}).boxed_unsync();
    let (auth, request) = (client(&cache), post(&wechat, "/cgi-bin/x", named));
    let two = tokio::spawn(async move { auth.oneshot(request).await });

    let infallible: BoxBody<Bytes, Infallible> = Empty::new().boxed();
    let (mut auth, request) = (client(&cache), post(&wechat, "/cgi-bin/x", infallible));
    let three = tokio::spawn(async move { auth.ready().await?.call(request).await });

    for response in [one, two, three] {
        let answer = read(soon(response).await.unwrap().unwrap()).await;
        assert_eq!(answer.errcode(), Some(0));
    }
    assert_eq!(wechat.mints(), 1);
}
