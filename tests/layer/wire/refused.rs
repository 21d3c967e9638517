//! The second request fails. Where nothing of it can have been carried out, WeChat's first answer is the answer; where it
//! may have been, the error is.

use std::{
    error::Error as _,
    future::{Future, ready},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::watch};
use tower::{
    Layer, Service, ServiceBuilder, limit::ConcurrencyLimit, load_shed::LoadShed, service_fn,
    timeout::error::Elapsed,
};
use tower_wechat::{Error, ErrorKind, NotReplayed, ReplayBody, TokenCache, WeChatAuthLayer};

use crate::wire::{
    BoxError,
    client::{Came, Http, client, http, http_over, layered, post, send, small, warm},
    frames::{ENHANCE_YOUR_CALM, Frames, NO_ERROR, Peer},
    mints::Mints,
    neighbour::Neighbour,
    server::{ACCEPTED, Answered, Exchange, REJECTION, Server, WIRES, Wire, json},
    settle, soon,
    stream::Stream,
};

type Body = ReplayBody<Full<Bytes>>;

/// The first answer, byte for byte.
fn is_first_answer(answer: Result<Came, Error>, why: NotReplayed, what: &str) {
    let answer = answer.unwrap_or_else(|error| panic!("{what}: {error:?}, {:?}", error.source()));
    assert_eq!(answer.not_replayed(), Some(why), "{what}");
    assert_eq!(answer.bytes, REJECTION, "{what}");
    assert_eq!(answer.headers["content-type"], "application/json", "{what}");
    assert_eq!(answer.outcome.unwrap().errcode(), 40001);
}

fn is_inner(answer: Result<Came, Error>, what: &str) -> Error {
    let Err(error) = answer else { panic!("{what}: no error") };
    assert_eq!(error.kind(), ErrorKind::Inner, "{what}");
    error
}

/// A server that rejects the first request and does this with the second.
async fn second<O>(wire: Wire, then: impl Fn(Exchange) -> O + Clone + Send + Sync + 'static) -> Server
where
    O: Future<Output = Answered> + Send + 'static,
{
    Server::start(wire, move |mut exchange| {
        let then = then.clone();
        async move {
            if exchange.number == 1 {
                exchange.read_all().await;
                return json(REJECTION);
            }
            then(exchange).await
        }
    })
    .await
}

#[tokio::test]
async fn a_replay_that_is_shed_leaves_the_first_answer() {
    for wire in WIRES {
        let gate = watch::Sender::new(false);
        let opening = gate.clone();
        let server = Server::start(wire, move |mut exchange| {
            let mut opening = opening.subscribe();
            async move {
                exchange.read_all().await;
                opening.wait_for(|open| *open).await.unwrap();
                json(REJECTION)
            }
        })
        .await;
        let (_, cache) = warm(&server).await;
        let limited = ConcurrencyLimit::new(http::<Body>(&server), 1);
        let client = WeChatAuthLayer::new(&cache).layer(LoadShed::new(limited.clone()));
        let sending = tokio::spawn(send(client, small(&server)));
        soon(server.requests(1)).await;
        let _neighbour = Neighbour::queue(&limited).await;
        gate.send_replace(true);
        is_first_answer(soon(sending).await.unwrap(), NotReplayed::Refused, &format!("{wire:?}"));
        assert_eq!(server.tokens(), [1]);
    }
}

/// Is ready so often, and then broken.
#[derive(Clone)]
struct Breaking<S>(S, Arc<AtomicUsize>);

impl<S, Q> Service<Q> for Breaking<S>
where
    S: Service<Q, Error: Into<BoxError>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            return Poll::Ready(Err("broken".into()));
        }
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let calling = self.0.call(request);
        Box::pin(async { calling.await.map_err(Into::into) })
    }
}

#[tokio::test]
async fn a_service_that_is_never_ready_again_leaves_the_first_answer() {
    for wire in WIRES {
        let server = second(wire, Exchange::usual).await;
        let (_, cache) = warm(&server).await;
        let inner = Breaking(http::<Body>(&server), Arc::new(AtomicUsize::new(1)));
        let answer = send(WeChatAuthLayer::new(&cache).layer(inner), small(&server)).await;
        is_first_answer(answer, NotReplayed::ServiceNotReady, &format!("{wire:?}"));
    }
}

#[tokio::test]
async fn a_replay_that_finds_no_server_leaves_the_first_answer() {
    for wire in WIRES {
        let server = second(wire, Exchange::usual).await;
        let (mints, cache) = warm(&server).await;
        mints.close();
        let sending = tokio::spawn(send(client(&server, &cache), small(&server)));
        soon(mints.begun(2)).await;
        server.stop_listening().await;
        soon(server.end_connections()).await;
        settle().await;
        mints.open();
        is_first_answer(soon(sending).await.unwrap(), NotReplayed::Refused, &format!("{wire:?}"));
        assert_eq!(server.tokens(), [1]);
    }
}

/// One connection, as a service.
enum Only {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

#[tokio::test]
async fn a_replay_on_a_connection_that_was_closed_before_leaves_the_first_answer() {
    for wire in [Wire::Http1, Wire::Http2] {
        let server = second(wire, Exchange::usual).await;
        let (mints, cache) = warm(&server).await;
        let io =
            TokioIo::new(TcpStream::connect(server.url().strip_prefix("http://").unwrap()).await.unwrap());
        let (sender, connection) = if wire == Wire::Http1 {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            (Only::Http1(sender), tokio::spawn(connection))
        } else {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            (Only::Http2(sender), tokio::spawn(connection))
        };
        let sender = Arc::new(Mutex::new(sender));
        let inner = service_fn(move |mut request: Request<Body>| {
            let path = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
            let sending: Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>> =
                match &mut *sender.lock().unwrap() {
                    Only::Http1(sender) => {
                        let host = request.uri().authority().unwrap().as_str().parse().unwrap();
                        request.headers_mut().insert("host", host);
                        *request.uri_mut() = path;
                        Box::pin(sender.send_request(request))
                    }
                    Only::Http2(sender) => Box::pin(sender.send_request(request)),
                };
            sending
        });
        mints.close();
        let sending = tokio::spawn(send(WeChatAuthLayer::new(&cache).layer(inner), small(&server)));
        soon(mints.begun(2)).await;
        soon(server.end_connections()).await;
        let _ = soon(connection).await.unwrap();
        mints.open();
        is_first_answer(soon(sending).await.unwrap(), NotReplayed::Refused, &format!("{wire:?}"));
        assert_eq!(server.tokens(), [1]);
    }
}

/// A call whose first request is rejected, and whose second meets this.
async fn over_frames(then: impl AsyncFnOnce(Peer, u32)) -> Result<Came, Error> {
    let server = Frames::listen().await;
    let cache = TokenCache::new(Mints::new(&server.url()));
    let http: Http<Body> = http_over(Wire::Http2, None);
    let request = Request::post(format!("{}/cgi-bin/x", server.url())).body(Full::from("{}")).unwrap();
    let sending = send(WeChatAuthLayer::new(&cache).layer(http), request);
    let serving = async {
        let mut peer = server.accept().await;
        let first = peer.request().await;
        peer.answer(first, REJECTION).await;
        let second = peer.request().await;
        assert_eq!((first, second), (1, 3));
        // Nobody who tries a second connection is answered there.
        drop(server);
        then(peer, second).await;
    };
    let (answer, ()) = soon(async { tokio::join!(sending, serving) }).await;
    answer
}

/// The first answer of [`over_frames`], which has no header.
fn is_first_of_frames(answer: Result<Came, Error>) {
    let answer = answer.unwrap_or_else(|error| panic!("{error:?}, {:?}", error.source()));
    assert_eq!(answer.not_replayed(), Some(NotReplayed::Refused));
    assert_eq!(answer.bytes, REJECTION);
}

#[tokio::test]
async fn a_replay_that_a_leaving_server_did_not_take_up_leaves_the_first_answer() {
    let answer = over_frames(async |mut peer, second| {
        peer.go_away(second - 2, NO_ERROR).await;
        soon(peer.closed()).await;
    });
    is_first_of_frames(answer.await);
    let answer = over_frames(async |mut peer, second| {
        peer.go_away(second - 2, NO_ERROR).await;
        // And the connection is gone at once.
    });
    is_first_of_frames(answer.await);
    let answer = over_frames(async |mut peer, second| {
        // As servers do that end in good order: the last stream is named when it is known.
        peer.go_away(u32::MAX >> 1, NO_ERROR).await;
        peer.go_away(second - 2, NO_ERROR).await;
        soon(peer.closed()).await;
    });
    is_first_of_frames(answer.await);
}

#[tokio::test]
async fn a_replay_after_the_server_has_left_goes_out_on_another_connection() {
    let server = Frames::listen().await;
    let cache = TokenCache::new(Mints::new(&server.url()));
    let http: Http<Body> = http_over(Wire::Http2, None);
    let request = Request::post(format!("{}/cgi-bin/x", server.url())).body(Full::from("{}")).unwrap();
    let sending = send(WeChatAuthLayer::new(&cache).layer(http), request);
    let serving = async {
        let mut peer = server.accept().await;
        let first = peer.request().await;
        peer.go_away(first, NO_ERROR).await;
        peer.answer(first, REJECTION).await;
        let mut other = server.accept().await;
        let second = other.request().await;
        other.answer(second, ACCEPTED).await;
        (peer, other)
    };
    let (answer, _peers) = soon(async { tokio::join!(sending, serving) }).await;
    let answer = answer.unwrap();
    assert!(answer.replayed());
    assert_eq!(answer.bytes, ACCEPTED);
}

#[tokio::test]
async fn a_replay_that_a_leaving_server_took_up_and_never_answered_fails() {
    for reason in [NO_ERROR, ENHANCE_YOUR_CALM] {
        let answer = over_frames(async |mut peer, second| peer.go_away(second, reason).await);
        is_inner(answer.await, "it may have been carried out");
        let answer = over_frames(async |mut peer, _| peer.go_away(u32::MAX >> 1, reason).await);
        is_inner(answer.await, "it may have been carried out");
    }
}

/// It may not know what it has taken up: only one that ends in good order is believed.
#[tokio::test]
async fn a_replay_to_a_server_that_leaves_for_another_reason_fails() {
    let answer = over_frames(async |mut peer, second| {
        peer.go_away(second - 2, ENHANCE_YOUR_CALM).await;
        soon(peer.closed()).await;
    });
    is_inner(answer.await, "it does not leave in good order");
}

#[tokio::test]
async fn a_replay_that_a_leaving_server_took_up_and_answers_is_the_answer() {
    let answer = over_frames(async |mut peer, second| {
        peer.go_away(second, NO_ERROR).await;
        peer.answer(second, ACCEPTED).await;
        soon(peer.closed()).await;
    });
    let answer = answer.await.unwrap();
    assert!(answer.replayed());
    assert_eq!(answer.bytes, ACCEPTED);
}

#[tokio::test]
async fn a_replay_whose_stream_was_refused_leaves_the_first_answer() {
    let refuse = |exchange: Exchange| {
        drop(exchange);
        ready(Answered::Err(h2::Error::from(h2::Reason::REFUSED_STREAM).into()))
    };
    for wire in [Wire::Http2, Wire::Http2Tls] {
        let server = second(wire, refuse).await;
        let (_, cache) = warm(&server).await;
        let answer = send(client(&server, &cache), small(&server)).await;
        is_first_answer(answer, NotReplayed::Refused, &format!("{wire:?}"));
        assert_eq!(server.tokens(), [1, 2]);

        // In the middle of a stream.
        let server = second(wire, refuse).await;
        let (_, cache) = warm(&server).await;
        let client = layered(&server, &WeChatAuthLayer::new(&cache));
        let answer = send(client, post(&server, Stream::new(4 << 20))).await;
        is_first_answer(answer, NotReplayed::Refused, &format!("{wire:?}, a stream"));
    }
}

#[tokio::test]
async fn a_replay_that_was_reset_for_another_reason_fails() {
    for wire in WIRES {
        for reason in [
            h2::Reason::NO_ERROR,
            h2::Reason::INTERNAL_ERROR,
            h2::Reason::CANCEL,
            h2::Reason::ENHANCE_YOUR_CALM,
        ] {
            let server = second(wire, move |mut exchange| async move {
                exchange.read_all().await;
                Err(h2::Error::from(reason).into())
            })
            .await;
            let (_, cache) = warm(&server).await;
            let answer = send(client(&server, &cache), small(&server)).await;
            is_inner(answer, &format!("{wire:?}, {reason}"));
            assert_eq!(server.tokens(), [1, 2]);
        }
    }
}

#[tokio::test]
async fn a_replay_whose_connection_was_cut_after_it_was_read_fails() {
    for wire in WIRES {
        for read_first in [true, false] {
            let server = second(wire, move |mut exchange| async move {
                if read_first {
                    exchange.read_all().await;
                }
                exchange.cut().await
            })
            .await;
            let (_, cache) = warm(&server).await;
            let answer = send(client(&server, &cache), small(&server)).await;
            is_inner(answer, &format!("{wire:?}"));
            assert_eq!(server.tokens(), [1, 2], "{wire:?}: not a third time");
        }
    }
}

#[tokio::test]
async fn a_replay_that_the_inner_service_gave_up_waiting_for_fails() {
    for wire in WIRES {
        let server = second(wire, |_| std::future::pending()).await;
        let (_, cache) = warm(&server).await;
        let inner = ServiceBuilder::new().timeout(Duration::from_millis(300)).service(http::<Body>(&server));
        let answer = send(WeChatAuthLayer::new(&cache).layer(inner), small(&server)).await;
        let error = is_inner(answer, &format!("{wire:?}"));
        assert!(error.downcast_ref::<Elapsed>().is_some());
    }
}

/// Fails with this after its first chunk has been sent twice.
struct Failing {
    sent: bool,
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
    error: Option<BoxError>,
}

impl http_body::Body for Failing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        if !std::mem::replace(&mut self.sent, true) {
            return Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(b"start")))));
        }
        std::task::ready!(self.wait.as_mut().poll(cx));
        Poll::Ready(self.error.take().map(Err))
    }
}

#[tokio::test]
async fn an_upload_that_fails_by_itself_is_no_refusal_by_the_server() {
    // What a body may fail with that comes from another call of the program.
    let nobody: Http<Full<Bytes>> = http_over(Wire::Http1, None);
    let unreachable = async || nobody.get("http://127.0.0.1:1/".parse().unwrap()).await.unwrap_err();
    for wire in WIRES {
        let errors: [BoxError; 2] =
            [Box::new(tower::load_shed::error::Overloaded::new()), Box::new(unreachable().await)];
        for error in errors {
            let server = Server::start(wire, |mut exchange| async move {
                if exchange.number == 1 {
                    exchange.read(5).await;
                    exchange.keep();
                    return json(REJECTION);
                }
                exchange.read_all().await;
                json(ACCEPTED)
            })
            .await;
            let (_, cache) = warm(&server).await;
            let (fail, failing) = tokio::sync::oneshot::channel::<()>();
            let wait = Box::pin(async { drop(failing.await) });
            let body = Failing { sent: false, wait, error: Some(error) };
            let client = layered(&server, &WeChatAuthLayer::new(&cache));
            let sending = tokio::spawn(send(client, post(&server, body)));
            soon(server.requests(2)).await;
            drop(fail);
            is_inner(soon(sending).await.unwrap(), &format!("{wire:?}"));
        }
    }
}
