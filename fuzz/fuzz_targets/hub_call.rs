//! A client with a short list of paths may call anything: no panic, nothing beyond its list reaches the platform, and however the
//! platform quotes the call, neither the token nor the app's secret comes back.
//!
//! The input is a method, a target and a head, each on a line of its own. `$PASS` and `$SECRET` stand for the client's.

#![no_main]

use std::{
    cell::RefCell,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use axum::body::{Body, to_bytes};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use tower_wechat::{
    Platform, TokenCache,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};
use wechat_hub::{Client, Hub};

const TOKEN: &str = "99_the-token-itself-and-nothing-else";
const APP_SECRET: &str = "the-secret-of-the-app";
const SECRET: &str = "client-secret";

struct Fixed(Platform);

impl Issuer for Fixed {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        Box::pin(std::future::ready(Ok(Minted::new(TOKEN, Duration::from_secs(7200)))))
    }

    fn platform(&self) -> &Platform {
        &self.0
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("fixed", "", "wx", None)
    }
}

struct Scene {
    runtime: Runtime,
    hub: Hub,
    pass: String,
    /// The heads that the platform has got.
    heads: Arc<Mutex<Vec<String>>>,
}

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

fn new() -> Scene {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let platform =
        Platform::wechat().with_origin(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let log = heads.clone();
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| quote(stream, &log)));
    let client = Client::new("c", SECRET).apps(["wx"]).rights(["proxy"]);
    let client = client.paths(["/cgi-bin/user/**", "/sns/jscode2session"]);
    let hub = Hub::builder().app_on_demand("wx", TokenCache::new(Fixed(platform))).client(client);
    let hub = hub.app_secret("wx", || APP_SECRET.into()).build().unwrap();
    let question = format!("/cgi-bin/token?grant_type=client_credential&appid=wx&secret={SECRET}");
    let granted = runtime.block_on(ask(&hub, Request::get(question).body(Body::empty()).unwrap()));
    let pass = granted.split('"').nth(3).unwrap().to_owned();
    Scene { runtime, hub, pass, heads }
}

/// Answers with the head of the call.
fn quote(mut stream: TcpStream, heads: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.len();
    heads.lock().unwrap().push(head.clone());
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{head}");
    let _ = stream.write_all(answer.as_bytes());
}

/// All that comes back.
async fn ask(hub: &Hub, request: Request<Body>) -> String {
    let Ok(answer) = hub.service().oneshot(request).await;
    let (head, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    format!("{head:?}\n{}", String::from_utf8_lossy(&body))
}

fn request(text: &str) -> Option<Request<Body>> {
    let mut lines = text.lines();
    let mut request = Request::new(Body::from("body"));
    *request.method_mut() = Method::from_bytes(lines.next()?.as_bytes()).ok()?;
    *request.uri_mut() = lines.next()?.parse::<Uri>().ok()?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.trim())) else {
            continue;
        };
        if name != http::header::CONTENT_LENGTH {
            request.headers_mut().append(name, value);
        }
    }
    Some(request)
}

fuzz_target!(|bytes: &[u8]| {
    SCENE.with_borrow_mut(|scene| {
        let Scene { runtime, hub, pass, heads } = scene.get_or_insert_with(new);
        let text = String::from_utf8_lossy(bytes).replace("$PASS", pass).replace("$SECRET", SECRET);
        // The fuzzer sees what is looked for, and a client that knows it need not be told.
        let knows = text.contains(TOKEN) || text.contains(APP_SECRET);
        let Some(request) = request(&text).filter(|_| !knows) else { return };
        let said = runtime.block_on(ask(hub, request));
        assert!(!said.contains(TOKEN) && !said.contains(APP_SECRET), "{text}\n{said}");
        for head in heads.lock().unwrap().drain(..) {
            let target = head.split(' ').nth(1).unwrap();
            let path = target.split('?').next().unwrap();
            assert!(path.starts_with("/cgi-bin/user/") || path == "/sns/jscode2session", "{text}\n{head}");
            assert!(path.split('/').all(|segment| segment != "..") && !path.contains('%'), "{text}\n{head}");
            assert!(head.matches(TOKEN).count() + head.matches(APP_SECRET).count() <= 1, "{text}\n{head}");
            for pair in target.split_once('?').map_or("", |(_, query)| query).split('&') {
                let is_shown = pair.starts_with("access_token=wxhub_") || pair == "secret=client-secret";
                assert!(!is_shown, "{text}\n{head}");
            }
            let lower = head.to_ascii_lowercase();
            for name in ["\r\nauthorization:", "\r\nx-wechat-app:"] {
                assert!(!lower.contains(name), "{text}\n{head}");
            }
        }
    });
});
