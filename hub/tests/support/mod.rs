//! A hub over a fake WeChat, and the plainest of clients: what goes out and what comes back is seen as it is.

#![allow(dead_code, reason = "no test needs all of it")]

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use fake_wechat::FakeWeChat;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tower_wechat::{TokenCache, issuer::StableToken};
use wechat_hub::{Client, Hub, HubBuilder, Limits, ListenAddr, Right, Server};

pub const APP: &str = FakeWeChat::APP_ID;
/// Of the client `all`, which has all rights.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A cache over the fake.
pub fn cache(wechat: &FakeWeChat) -> TokenCache {
    let issuer = StableToken::new(APP, FakeWeChat::APP_SECRET).base_url(&wechat.url()).unwrap();
    TokenCache::new(issuer)
}

/// A hub with one app, whose token is fetched on demand, and the client `all`.
pub fn hub(wechat: &FakeWeChat) -> HubBuilder {
    Hub::builder().app_on_demand(APP, cache(wechat)).client(all())
}

pub fn all() -> Client {
    Client::new("all", SECRET).apps([APP]).rights([Right::Token, Right::Refresh, Right::Proxy])
}

/// The default limits but for this.
pub fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// The TCP address of a server.
pub fn tcp(server: &Server) -> SocketAddr {
    match server.local_addr() {
        ListenAddr::Tcp(address) => *address,
        other => panic!("{other} is no TCP address"),
    }
}

/// An answer: status, head and body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The token in it.
    pub fn token(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["access_token"].as_str().unwrap_or_else(|| panic!("no token: {self:?}")).to_owned()
    }

    pub fn generation(&self) -> u64 {
        self.json()["generation"].as_u64().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self
            .head
            .lines()
            .find(|line| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name)));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    /// That it is a refusal as documented, with this status.
    pub fn is_problem(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        for field in ["type", "title", "detail"] {
            assert!(!problem[field].as_str().unwrap().is_empty(), "{self:?}");
        }
        self
    }
}

/// Sends these bytes over a connection of its own, and reads the answer to its end.
pub async fn raw(server: &Server, request: impl AsRef<[u8]>) -> io::Result<Answer> {
    match server.local_addr() {
        ListenAddr::Tcp(address) => exchange(TcpStream::connect(address).await?, request).await,
        ListenAddr::Unix(path) => unix(path, request).await,
        _ => unreachable!(),
    }
}

pub async fn unix(path: &Path, request: impl AsRef<[u8]>) -> io::Result<Answer> {
    exchange(UnixStream::connect(path).await?, request).await
}

pub async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: impl AsRef<[u8]>,
) -> io::Result<Answer> {
    // A server may answer before it has read all, and close.
    let sent = stream.write_all(request.as_ref()).await;
    answer(&mut stream).await.or_else(|error| sent.and(Err(error)))
}

/// One answer, as long as its head says; the connection stays.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            let status = status.ok_or_else(|| io::Error::other(format!("no answer: {head}")))?;
            let mut answer = Answer { status, head, body: String::new() };
            let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
            while bytes.len() < end + 4 + length {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            answer.body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
            return Ok(answer);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A request with the client secret, and a body if there is one.
pub fn request(method: &str, path: &str, secret: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {secret}\r\n{length}\r\n{body}")
}

/// Asks for a token as the client `all`; `query` begins with `?` or is empty.
pub async fn token(server: &Server, query: &str) -> Answer {
    raw(server, request("GET", &format!("/v1/apps/{APP}/token{query}"), SECRET, "")).await.unwrap()
}

/// Says as the client `all` what was rejected.
pub async fn refresh(server: &Server, rejected: impl Into<Value>) -> Answer {
    let body = serde_json::json!({ "rejected": rejected.into() }).to_string();
    raw(server, request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body)).await.unwrap()
}

/// Comes back once the condition holds.
pub async fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came about");
}

/// A folder of the test's own, which is removed at its end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("hub-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client that calls through the hub, and gets passes.
pub const PROXY_SECRET: &str = "00000000000000000000000000000001";
/// A client that gets the real token.
pub const TOKEN_SECRET: &str = "00000000000000000000000000000002";

pub fn proxy() -> Client {
    Client::new("proxy", PROXY_SECRET).apps([APP]).rights([Right::Proxy])
}

pub fn holder() -> Client {
    Client::new("holder", TOKEN_SECRET).apps([APP]).rights([Right::Token])
}

/// A hub with the clients `proxy` and `holder`.
pub fn for_sdks(wechat: &FakeWeChat) -> HubBuilder {
    Hub::builder().app_on_demand(APP, cache(wechat)).client(proxy()).client(holder())
}

pub fn serve(hub: HubBuilder) -> Server {
    hub.build().unwrap().serve_tcp("127.0.0.1:0").unwrap()
}

/// A GET without any header of the client's own.
pub async fn get(server: &Server, target: &str) -> Answer {
    raw(server, format!("GET {target} HTTP/1.1\r\nhost: hub\r\n\r\n")).await.unwrap()
}

pub async fn post(server: &Server, target: &str, body: &str) -> Answer {
    let head = format!("POST {target} HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\n", body.len());
    raw(server, head + body).await.unwrap()
}

/// Asks as an SDK does at `/cgi-bin/token`.
pub async fn classic(server: &Server, secret: &str) -> Answer {
    get(server, &format!("/cgi-bin/token?grant_type=client_credential&appid={APP}&secret={secret}")).await
}

/// Asks as an SDK does at `/cgi-bin/stable_token`.
pub async fn stable(server: &Server, secret: &str, force: bool) -> Answer {
    let body = serde_json::json!({ "grant_type": "client_credential", "appid": APP, "secret": secret, "force_refresh": force });
    post(server, "/cgi-bin/stable_token", &body.to_string()).await
}

impl Answer {
    /// That it is a refusal in WeChat's shape, by the hub, with this code.
    pub fn is_refused(&self, errcode: i64) -> &Self {
        assert_eq!(self.json()["errcode"], errcode, "{self:?}");
        assert!(self.json()["errmsg"].as_str().unwrap().starts_with("wechat-hub: "), "{self:?}");
        assert_eq!(self.header("x-wechat-hub"), Some("refused"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert!(self.header("content-type").unwrap().starts_with("application/json"), "{self:?}");
        self
    }

    /// That it is an answer of WeChat's, without an error.
    pub fn is_success(&self) -> &Self {
        assert!(self.json().get("errcode").is_none_or(|errcode| errcode == 0), "{self:?}");
        self
    }
}
