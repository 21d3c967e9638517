//! An HTTP/1.1 server on a free port of this machine, which it prints; it ends when its standard input does.
//!
//! It answers 403 to a request for `/cgi-bin/` without a token, so that nobody is fast by not sending one.

use std::{convert::Infallible, io::Read};

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower_wechat_compare::{answer::SMALL, token};

fn main() {
    token::runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            _ = ended => (),
            () = serve(&listener) => (),
        }
    });
}

async fn serve(listener: &TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        // A client that goes away is no failure.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let uri = request.uri();
    let token = uri.query().is_some_and(|query| query.contains("access_token="));
    let status = if uri.path().starts_with("/cgi-bin/") && !token { 403 } else { 200 };
    // The connection can only be used again once the request is read.
    let _ = request.into_body().collect().await;
    let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    Ok(response.body(Full::from(SMALL)).unwrap())
}
