//! Tokens without WeChat.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{runtime::Runtime, sync::Semaphore};
use tower_wechat::{
    Platform, TokenCache,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};
use wechat_mp_sdk::{
    WechatClient,
    token::TokenManager,
    types::{AppId, AppSecret},
};

/// As long as WeChat's are these days.
pub const LENGTH: usize = 136;
const APP: &str = "wx0123456789abcdef";

/// Mints at once, or when it is let.
pub struct Mints<F> {
    platform: Platform,
    gate: Option<Arc<Semaphore>>,
    minted: F,
}

impl<F: Fn() + Send + Sync + 'static> Mints<F> {
    pub fn new(gate: Option<Arc<Semaphore>>, minted: F) -> Self {
        Self { platform: Platform::wechat(), gate, minted }
    }
}

impl<F: Fn() + Send + Sync + 'static> Issuer for Mints<F> {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            if let Some(gate) = &self.gate {
                let _permit = gate.acquire().await;
            }
            (self.minted)();
            Ok(Minted::new("t".repeat(LENGTH), Duration::from_secs(7200)))
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("compare", "memory", APP, None)
    }
}

/// Our cache, with a token in it.
pub fn ours(runtime: &Runtime) -> TokenCache {
    let cache = TokenCache::new(Mints::new(None, || ()));
    runtime.block_on(cache.token()).unwrap();
    cache
}

/// The token manager of `wechat-mp-sdk`, with a token in it. It has no issuer that one could replace, but a base URL: for
/// its one fetch there is a server on this machine. Nothing that is measured goes there.
pub fn mp_sdk(runtime: &Runtime) -> Arc<TokenManager> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the request was cut short");
            request.extend_from_slice(&buffer[..read]);
        }
        let body = format!(r#"{{"access_token":"{}","expires_in":7200}}"#, "t".repeat(LENGTH));
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
        write!(stream, "{head} {}\r\n\r\n{body}", body.len()).unwrap();
    });
    let client = WechatClient::builder()
        .appid(AppId::new(APP).unwrap())
        .secret(AppSecret::new("0123456789abcdef0123456789abcdef").unwrap())
        .base_url(format!("http://{address}"))
        .build()
        .unwrap();
    let manager = TokenManager::new(client);
    runtime.block_on(manager.get_token()).unwrap();
    server.join().unwrap();
    Arc::new(manager)
}

/// A runtime to fetch the first token on.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
