//! `wechat-hub demo`: a hub over a WeChat on this machine, two workers, and what to try. The way in for whoever has no
//! account.

use std::{
    error::Error,
    fs::{self, DirBuilder},
    io::{Write, stdout},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use fake_wechat::FakeWeChat;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
use tokio::{runtime, time::sleep};
use tower::ServiceBuilder;
use tower_wechat::{
    Fingerprint, Platform, TokenCache, WeChatAuthLayer, WeChatError,
    issuer::{HubToken, StableToken},
};

use super::{End, signals::Signals};
use crate::{
    client::{Client, Right},
    hub::Hub,
    secret::ClientSecret,
};

/// Between two calls of a worker.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn run() -> Result<(), End> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(End::failure)?;
    runtime.block_on(demo()).map_err(End::failure)
}

async fn demo() -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::listen()?;
    let wechat = FakeWeChat::builder().control_calls().start().await;
    let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
    let secret = ClientSecret::generate()?;
    let client = Client::new("worker", secret.hash().to_string());
    let client = client.apps([FakeWeChat::APP_ID]).rights([Right::Token, Right::Refresh, Right::Proxy]);
    let hub = Hub::builder().app(FakeWeChat::APP_ID, TokenCache::new(issuer)).client(client).build()?;
    let folder = Folder::new()?;
    let socket = folder.0.join("hub.sock");
    let server = hub.serve_unix(&socket)?;
    for number in 1..=2 {
        tokio::spawn(work(number, worker(&socket, &secret, &wechat.url())?, wechat.url()));
    }
    say(&what_to_try(&socket, &secret, &wechat.url()))?;
    signals.next().await;
    server.shutdown().await;
    Ok(())
}

/// A worker's token cache: it knows the hub, and no app secret.
fn worker(socket: &Path, secret: &ClientSecret, wechat: &str) -> Result<TokenCache, tower_wechat::Error> {
    let issuer = HubToken::unix(socket, FakeWeChat::APP_ID, secret.expose());
    Ok(TokenCache::new(issuer.with_platform(Platform::wechat().with_origin(wechat)?)))
}

/// Calls an API again and again, and says when the token is another or a call fails.
async fn work(number: u32, cache: TokenCache, wechat: String) {
    let http = HttpClient::builder(TokioExecutor::new()).build_http::<_>();
    let client = ServiceBuilder::new().layer(WeChatAuthLayer::new(cache.clone())).service(http);
    let mut last: Option<Fingerprint> = None;
    let mut calls = 0_u64;
    loop {
        // A URL of the fake's is one.
        let request = Request::get(format!("{wechat}/cgi-bin/user/get")).body(Full::<Bytes>::default());
        let Ok(request) = request else { return };
        let failure = match client.send(request).await {
            Ok(response) => match response.into_body().collect().await {
                Ok(answer) => WeChatError::parse(&answer.to_bytes()).map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            },
            Err(error) => Some(error.to_string()),
        };
        calls += 1;
        let token = cache.current().map(|token| token.fingerprint());
        let line = match (failure, token) {
            (Some(failure), _) => format!("worker {number}: call {calls} failed: {failure}\n"),
            (None, Some(token)) if last != Some(token) => {
                last = Some(token);
                format!("worker {number}: call {calls} went well, with the token {token}\n")
            }
            (None, _) => String::new(),
        };
        // Who started the demo may not read it.
        let _ = say(&line);
        sleep(PAUSE).await;
    }
}

fn what_to_try(socket: &Path, secret: &ClientSecret, wechat: &str) -> String {
    let (app, secret, socket) = (FakeWeChat::APP_ID, secret.expose(), socket.display());
    format!(
        "A hub, two workers that call an API once a second, and a WeChat on this machine. Ctrl-C ends them.

Try in another terminal:

  # WeChat takes the token back: one mint, and no worker's call fails.
  curl -s -X POST '{wechat}/_fake/revoke'

  # What WeChat has counted.
  curl -s '{wechat}/_fake/counters'

  # The token, as a program in any language gets it.
  curl -s --unix-socket {socket} -H 'Authorization: Bearer {secret}' http://hub/v1/apps/{app}/token

  # A call of an API, without a token: the hub puts it in, and says what it has done.
  curl -si --unix-socket {socket} -H 'Authorization: Bearer {secret}' http://hub/cgi-bin/user/get

  # The token with the program, which shows a fingerprint; and the next one.
  export WECHAT_HUB_URL=unix:{socket} WECHAT_HUB_CLIENT_SECRET={secret}
  wechat-hub token {app}
  wechat-hub refresh {app}

"
    )
}

fn say(text: &str) -> std::io::Result<()> {
    stdout().write_all(text.as_bytes())?;
    stdout().flush()
}

/// A folder that nobody else can enter, for the socket. It is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("wechat-hub-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
