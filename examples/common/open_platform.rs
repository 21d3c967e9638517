//! What a third-party platform needs of WeChat, on loopback: two token endpoints and an API.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A fake WeChat, which prints what it is asked.
pub struct OpenPlatform {
    base: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The tokens that are good, of whichever kind.
    good: HashSet<String>,
    minted: u32,
}

impl OpenPlatform {
    pub const SECRET: &str = "the-secret-of-the-platform";
    pub const TICKET: &str = "ticket@@@of-the-last-push";

    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                let service = service_fn(move |request| answer(request, state.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { base, state })
    }

    pub fn url(&self) -> String {
        self.base.clone()
    }

    /// Ends the life of all tokens. Refresh tokens stay.
    pub fn revoke(&self) {
        self.state.lock().unwrap().good.clear();
    }
}

impl State {
    fn mint(&mut self, kind: &str) -> String {
        self.minted += 1;
        let token = format!("{kind}-{}", self.minted);
        self.good.insert(token.clone());
        token
    }

    /// The code for a token that is missing or not good, or 0.
    fn check(&self, query: &str, parameter: &str) -> i64 {
        let token = query.split('&').find_map(|pair| pair.strip_prefix(parameter)?.strip_prefix('='));
        match token {
            Some(token) if self.good.contains(token) => 0,
            Some(_) => 40001,
            None => 41001,
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let asked: Value = serde_json::from_slice(&body.collect().await?.to_bytes()).unwrap_or_default();
    let answer = state.lock().unwrap().answer(head.uri.path(), head.uri.query().unwrap_or_default(), &asked);
    println!("   WeChat is asked {} {}", head.method, head.uri);
    println!("          answers  {answer}");
    Ok(Response::new(Full::from(answer.to_string())))
}

impl State {
    fn answer(&mut self, path: &str, query: &str, asked: &Value) -> Value {
        let refuse = |errcode: i64| json!({ "errcode": errcode, "errmsg": "refused" });
        match path {
            "/cgi-bin/component/api_component_token" => {
                if asked["component_appsecret"] != OpenPlatform::SECRET {
                    return refuse(40125);
                }
                if asked["component_verify_ticket"] != OpenPlatform::TICKET {
                    return refuse(61006);
                }
                json!({ "component_access_token": self.mint("component-token"), "expires_in": 7200 })
            }
            "/cgi-bin/component/api_authorizer_token" => {
                let code = self.check(query, "component_access_token");
                let app = asked["authorizer_appid"].as_str().unwrap_or_default();
                let refresh = asked["authorizer_refresh_token"].as_str().unwrap_or_default();
                if code != 0 {
                    return refuse(code);
                }
                if !refresh.starts_with(&format!("refresh-token-of-{app}-")) {
                    return refuse(61023);
                }
                json!({
                    "authorizer_access_token": self.mint(&format!("token-of-{app}")),
                    "expires_in": 7200,
                    "authorizer_refresh_token": format!("refresh-token-of-{app}-{}", self.minted),
                })
            }
            _ => match self.check(query, "access_token") {
                0 => json!({ "total": 2, "count": 2 }),
                code => refuse(code),
            },
        }
    }
}
