//! The built-in issuers against small servers on loopback: what they send, and what they make of what comes back.

mod clients;
mod failures;
mod hung;
mod requests;

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Channel, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::error::ErrorKind;

const TOKEN: &str = r#"{"access_token":"81_token","expires_in":7200}"#;
const SECRET: &str = "SENTINEL+&=%#é/";
const ENCODED: &str = "SENTINEL%2B%26%3D%25%23%C3%A9%2F";

struct Seen {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn one(&self) -> Seen {
        let mut all = self.take();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

/// A server that answers each request as told. Returns its base URL, what it saw and how many connections it took.
async fn serve<B>(
    answer: impl Fn(&Seen) -> Response<B> + Send + Sync + 'static,
) -> (String, Log, Arc<AtomicUsize>)
where
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (log, connections, answer) = (Log::default(), Arc::new(AtomicUsize::new(0)), Arc::new(answer));
    let (seen, count) = (log.clone(), connections.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let (seen, answer) = (seen.clone(), answer.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (seen, answer) = (seen.clone(), answer.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let request = Seen {
                        method: head.method,
                        target: head.uri.to_string(),
                        headers: head.headers,
                        body: body.collect().await.unwrap().to_bytes(),
                    };
                    let response = answer(&request);
                    seen.0.lock().unwrap().push(request);
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (base, log, connections)
}

async fn serve_text(text: &'static str) -> (String, Log, Arc<AtomicUsize>) {
    serve(move |_| Response::new(Full::from(text))).await
}

/// A server that reads a request's head, writes these bytes and hangs up.
async fn serve_raw(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    format!("http://{address}")
}

fn stable(base: &str) -> StableToken {
    StableToken::new("wx01", SECRET).base_url(base).unwrap()
}

fn classic(base: &str) -> ClassicToken {
    ClassicToken::new("wx01", SECRET).base_url(base).unwrap()
}

async fn failure(issuer: &dyn Issuer) -> TokenError {
    let error = issuer.mint(Mint::normal()).await.expect_err("a failure");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("SENTINEL") && !shown.contains("://"), "{shown}");
    assert!(shown.contains("wx01"), "the app is named: {shown}");
    assert!(std::error::Error::source(&error).is_none());
    error
}
