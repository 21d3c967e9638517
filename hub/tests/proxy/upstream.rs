//! A platform that answers with the bytes that a test gives it, and tells what has come.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_wechat::{
    Platform, TokenCache,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};
use wechat_hub::{Hub, Server};

use super::support::{APP, PROXY_SECRET, all, classic, holder, proxy, serve};

/// The app's token.
pub const REAL: &str = "99_RealToken-OfTheApp_0123456789abcdefghijklmnopqrstuvwxyz";

/// A platform.
pub struct Upstream {
    pub url: String,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Answers each request with these bytes; in pieces, if there is more than one.
    pub async fn answering(answer: impl Fn(&str) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, log.clone(), answer.clone()));
            }
        });
        Self { url, seen, task }
    }

    /// Always the same answer.
    pub async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::answering(move |_| vec![answer.clone()]).await
    }

    /// The requests that have come, heads and bodies.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// A hub in front of it, with the clients `proxy`, `holder` and `all`.
    pub fn hub(&self) -> Server {
        let platform = Platform::wechat().with_origin(&self.url).unwrap();
        let cache = TokenCache::new(Fixed(platform));
        serve(Hub::builder().app_on_demand(APP, cache).client(proxy()).client(holder()).client(all()))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with this body.
pub fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A pass of the client `proxy`.
pub async fn pass(server: &Server) -> String {
    classic(server, PROXY_SECRET).await.token()
}

/// The account's token is always the same.
pub struct Fixed(pub Platform);

impl Issuer for Fixed {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        Box::pin(async { Ok(Minted::new(REAL, Duration::from_secs(7200))) })
    }

    fn platform(&self) -> &Platform {
        &self.0
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("fixed", "https://fixed.example", APP, None)
    }
}

async fn converse(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str) -> Vec<Vec<u8>>>,
) {
    while let Some(request) = read(&mut stream).await {
        log.lock().unwrap().push(request.clone());
        for piece in answer(&request) {
            // An empty one is the end of the connection.
            if piece.is_empty() || stream.write_all(&piece).await.is_err() {
                return;
            }
            // Each piece is one of its own on the way.
            tokio::task::yield_now().await;
        }
    }
}

/// One request, with its body.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let is_whole = match length {
                Some(length) => body.len() >= length.parse().unwrap(),
                None if head.contains("transfer-encoding: chunked") => {
                    body.ends_with("\r\n\r\n") && body.contains("0\r\n")
                }
                None => true,
            };
            if is_whole {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
