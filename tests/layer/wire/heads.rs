//! Answers that are more than a head and a body, or less.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{Layer, ServiceExt};
use tower_wechat::{AuthOutcome, NotReplayed, TokenCache, WeChatAuthLayer};

use crate::wire::{
    client::{client, http_over, read, send, small, warm},
    frames::Frames,
    mints::Mints,
    raw::Raw,
    server::{ACCEPTED, Exchange, REJECTION, Server, WIRES, Wire, fed, json, text},
    settle, soon,
};

fn request(server: &Server, method: Method) -> Request<Full<Bytes>> {
    let mut request = small(server);
    *request.method_mut() = method;
    *request.body_mut() = Full::default();
    request
}

#[tokio::test]
async fn the_answer_to_a_head_request_passes_with_its_length() {
    for wire in WIRES {
        let server = Server::start(wire, |mut exchange| async move {
            exchange.read_all().await;
            Ok(Response::builder().header(header::CONTENT_LENGTH, REJECTION.len()).body(text("")).unwrap())
        })
        .await;
        let (mints, cache) = warm(&server).await;
        let client = client(&server, &cache);
        for _ in 0..2 {
            let answer = send(client.clone(), request(&server, Method::HEAD)).await.unwrap();
            assert_eq!(answer.headers[header::CONTENT_LENGTH], REJECTION.len().to_string());
            assert!(answer.bytes.is_empty() && answer.outcome.is_none());
        }
        assert_eq!((server.tokens(), mints.count()), (vec![1, 1], 1));
        assert_eq!(server.seen()[1].connection, 1, "the connection was free again");
    }
}

#[tokio::test]
async fn answers_without_a_body_pass() {
    for wire in WIRES {
        for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::RESET_CONTENT] {
            let server = Server::start(wire, move |mut exchange| async move {
                exchange.read_all().await;
                Ok(Response::builder().status(status).header("etag", "x").body(text("")).unwrap())
            })
            .await;
            let (_, cache) = warm(&server).await;
            let client = client(&server, &cache);
            for _ in 0..2 {
                let answer = send(client.clone(), request(&server, Method::GET)).await.unwrap();
                assert_eq!((answer.status, &answer.bytes[..]), (status, &b""[..]), "{wire:?}");
                assert!(answer.outcome.is_none());
                assert_eq!(answer.headers["etag"], "x");
            }
            assert_eq!(server.seen()[1].connection, 1, "the connection was free again");
        }
    }
}

#[tokio::test]
async fn early_hints_before_a_rejection_are_no_answer_over_http_1() {
    let server = Raw::start().await;
    let cache = TokenCache::new(Mints::new(&server.url()));
    let client = WeChatAuthLayer::new(&cache).layer(http_over(Wire::Http1, None));
    let get = Request::get(format!("{}/cgi-bin/x", server.url())).body(Full::<Bytes>::default()).unwrap();
    let serving = async {
        let (_, mut stream) = server.accept().await;
        for body in [REJECTION, ACCEPTED] {
            let hints = "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n";
            let length = body.len();
            let answer = format!("{hints}{hints}HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut next = Vec::new();
            while body == REJECTION && !next.ends_with(b"\r\n\r\n") {
                next.push(stream.read_u8().await.unwrap());
            }
        }
        stream
    };
    let (answer, _stream) = soon(async { tokio::join!(send(client, get), serving) }).await;
    let answer = answer.unwrap();
    assert!(answer.replayed());
    assert_eq!(answer.bytes, ACCEPTED);
}

#[tokio::test]
async fn informational_answers_before_a_rejection_are_no_answer_over_http_2() {
    for status in [*b"103", *b"100"] {
        let server = Frames::listen().await;
        let cache = TokenCache::new(Mints::new(&server.url()));
        let client = WeChatAuthLayer::new(&cache).layer(http_over(Wire::Http2, None));
        let post = Request::post(format!("{}/cgi-bin/x", server.url()));
        let post = post.body(Full::<Bytes>::from("{}")).unwrap();
        let serving = async {
            let mut peer = server.accept().await;
            for body in [REJECTION, ACCEPTED] {
                let stream = peer.request().await;
                peer.informational(stream, status).await;
                peer.informational(stream, status).await;
                peer.answer(stream, body).await;
            }
            peer
        };
        let (answer, _peer) = soon(async { tokio::join!(send(client, post), serving) }).await;
        let answer = answer.unwrap();
        assert!(answer.replayed());
        assert_eq!(answer.bytes, ACCEPTED);
    }
}

/// Sends back what comes, until it ends.
async fn echo(upgraded: Upgraded) {
    let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

async fn echoes(upgraded: Upgraded) {
    let mut io = TokioIo::new(upgraded);
    io.write_all(b"over and out").await.unwrap();
    let mut back = [0; 12];
    soon(io.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"over and out");
}

#[tokio::test]
async fn an_upgrade_passes_through_the_layer() {
    let server = Server::start(Wire::Http1, |exchange: Exchange| async move {
        tokio::spawn(async move { echo(exchange.upgrade.await.unwrap()).await });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        Ok(response.header("connection", "upgrade").header("upgrade", "echo").body(text("")).unwrap())
    })
    .await;
    let (_, cache) = warm(&server).await;
    let mut get = request(&server, Method::GET);
    get.headers_mut().insert("connection", "upgrade".parse().unwrap());
    get.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let response = soon(client(&server, &cache).oneshot(get)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(response.extensions().get::<AuthOutcome>().is_none());
    echoes(soon(hyper::upgrade::on(response)).await.unwrap()).await;
    assert_eq!(server.tokens(), [1]);
}

#[tokio::test]
async fn an_upgrade_that_is_rejected_is_replayed_and_upgrades_then() {
    let server = Server::start(Wire::Http1, |exchange: Exchange| async move {
        if !exchange.is_accepted() {
            return json(REJECTION);
        }
        tokio::spawn(async move { echo(exchange.upgrade.await.unwrap()).await });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        Ok(response.header("connection", "upgrade").header("upgrade", "echo").body(text("")).unwrap())
    })
    .await;
    let (_, cache) = warm(&server).await;
    server.reject_below(2);
    let mut get = request(&server, Method::GET);
    get.headers_mut().insert("connection", "upgrade".parse().unwrap());
    get.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let response = soon(client(&server, &cache).oneshot(get)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(response.extensions().get::<AuthOutcome>().unwrap().replayed());
    echoes(soon(hyper::upgrade::on(response)).await.unwrap()).await;
    assert_eq!(server.tokens(), [1, 2]);
}

#[tokio::test]
async fn a_tunnel_passes_through_the_layer_without_a_token() {
    for wire in WIRES {
        let server = Server::start(wire, |exchange: Exchange| async move {
            tokio::spawn(async move { echo(exchange.upgrade.await.unwrap()).await });
            Ok(Response::new(text("")))
        })
        .await;
        let (_, cache) = warm(&server).await;
        let mut connect = request(&server, Method::CONNECT);
        if wire == Wire::Http1 {
            *connect.uri_mut() = server.url().strip_prefix("http://").unwrap().parse().unwrap();
        }
        let response = soon(client(&server, &cache).oneshot(connect)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.extensions().get::<AuthOutcome>().is_none());
        echoes(soon(hyper::upgrade::on(response)).await.unwrap()).await;
        assert_eq!(server.tokens(), [0], "{wire:?}: {}", server.seen()[0].head.uri);
    }
}

#[tokio::test]
async fn a_rejection_that_breaks_off_after_its_errcode_is_handed_on_as_it_is() {
    for wire in WIRES {
        for announced in [true, false] {
            let server = Server::start(wire, move |mut exchange| async move {
                exchange.read_all().await;
                if exchange.is_accepted() {
                    return json(ACCEPTED);
                }
                let (mut feed, body) = fed();
                tokio::spawn(async move {
                    feed.send_data(Bytes::from_static(br#"{"errcode":40001,"err"#)).await.unwrap();
                    settle().await;
                    feed.abort("the disk is gone".into());
                });
                let response = Response::builder();
                Ok(if announced {
                    response.header(header::CONTENT_LENGTH, 85).body(body).unwrap()
                } else {
                    response.body(body).unwrap()
                })
            })
            .await;
            let (mints, cache) = warm(&server).await;
            server.reject_below(2);
            let client = client(&server, &cache);
            let response = soon(client.clone().oneshot(small(&server))).await.unwrap();
            let outcome = response.extensions().get::<AuthOutcome>().unwrap().clone();
            assert_eq!(outcome.not_replayed(), Some(NotReplayed::AnswerIncomplete), "{wire:?}");
            let mut body = response.into_body();
            let frame = soon(body.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), &br#"{"errcode":40001,"err"#[..]);
            assert!(soon(body.frame()).await.unwrap().is_err(), "it broke off");
            // Those who come later have a new token.
            let next = read(soon(client.oneshot(small(&server))).await.unwrap()).await;
            assert!(next.outcome.is_none());
            assert_eq!((server.tokens(), mints.count()), (vec![1, 2], 2));
        }
    }
}
