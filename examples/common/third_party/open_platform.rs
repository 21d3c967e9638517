//! [`OpenPlatform`]: what a third-party platform needs of WeChat, on loopback: two token endpoints and an API.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Log;

/// A fake WeChat, which logs what it is asked.
pub struct OpenPlatform {
    base: String,
    state: Arc<Mutex<State>>,
}

struct State {
    secret: String,
    ticket: String,
    ticket_has_expired: bool,
    /// The accounts that have authorised the platform, and their refresh tokens.
    authorised: HashMap<String, String>,
    /// The tokens that are good, of whichever kind.
    good: HashSet<String>,
    /// How many texts were made for each account, and for the platform.
    made: HashMap<String, u32>,
    log: Log,
}

impl OpenPlatform {
    pub async fn start(secret: &str, ticket: &str, log: Log) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State {
            secret: secret.to_owned(),
            ticket: ticket.to_owned(),
            ticket_has_expired: false,
            authorised: HashMap::new(),
            good: HashSet::new(),
            made: HashMap::new(),
            log,
        }));
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

    pub fn url(&self) -> &str {
        &self.base
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// An account authorises the platform, maybe once more. Returns its refresh token.
    pub fn authorise(&self, app: &str) -> String {
        let mut state = self.state();
        let token = state.text("refresh", app);
        state.authorised.insert(app.to_owned(), token.clone());
        token
    }

    /// An account authorises the platform no longer.
    pub fn withdraw(&self, app: &str) {
        let mut state = self.state();
        state.authorised.remove(app);
        state.good.retain(|token| !token.ends_with(app));
    }

    /// Ends the tokens of an account, or of the platform.
    pub fn revoke(&self, whose: &str) {
        self.state().good.retain(|token| !token.ends_with(whose));
    }

    /// Ends all tokens. Refresh tokens stay.
    pub fn revoke_all(&self) {
        self.state().good.clear();
    }

    /// From now on this ticket counts, and no other.
    pub fn push_ticket(&self, ticket: &str) {
        let mut state = self.state();
        ticket.clone_into(&mut state.ticket);
        state.ticket_has_expired = false;
    }

    /// The ticket has become twelve hours old.
    pub fn expire_ticket(&self) {
        self.state().ticket_has_expired = true;
    }

    /// Somebody has reset the platform's secret in the console.
    pub fn reset_secret(&self, secret: &str) {
        secret.clone_into(&mut self.state().secret);
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let asked: Value = serde_json::from_slice(&body.collect().await?.to_bytes()).unwrap_or_default();
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let name = path.rsplit_once("cgi-bin/").map_or(path, |(_, name)| name);
    let token = query.split_once("access_token=").map(|(_, token)| token);
    let mut state = state.lock().unwrap();
    let (said, answer) = match state.answer(path, token.unwrap_or_default(), &asked) {
        Ok((said, answer)) => (said, answer),
        Err((code, why)) => (format!("{code}: {why}"), json!({ "errcode": code, "errmsg": why })),
    };
    let shown = token.map_or_else(|| format!("({})", state.ticket), str::to_owned);
    state.log.say(format!("{name:30}  {shown:22}  -> {said}"));
    Ok(Response::new(Full::from(answer.to_string())))
}

type Answer = Result<(String, Value), (i64, &'static str)>;

impl State {
    fn answer(&mut self, path: &str, token: &str, asked: &Value) -> Answer {
        match path {
            "/cgi-bin/component/api_component_token" => self.component_token(asked),
            "/cgi-bin/component/api_authorizer_token" => self.authorizer_token(token, asked),
            _ => {
                self.check(token)?;
                Ok(("2 followers".to_owned(), json!({ "total": 2, "count": 2 })))
            }
        }
    }

    fn component_token(&mut self, asked: &Value) -> Answer {
        if asked["component_appsecret"] != *self.secret {
            return Err((40125, "invalid appsecret"));
        }
        if asked["component_verify_ticket"] != *self.ticket {
            return Err((61006, "component ticket is invalid"));
        }
        if self.ticket_has_expired {
            return Err((61005, "component ticket is expired"));
        }
        let token = self.mint("wx-platform");
        Ok((token.clone(), json!({ "component_access_token": token, "expires_in": 7200 })))
    }

    fn authorizer_token(&mut self, token: &str, asked: &Value) -> Answer {
        self.check(token)?;
        let app = asked["authorizer_appid"].as_str().unwrap_or_default();
        let Some(refresh_token) = self.authorised.get(app).cloned() else {
            return Err((61003, "component is not authorized by this account"));
        };
        if asked["authorizer_refresh_token"] != *refresh_token {
            return Err((61023, "refresh_token is invalid"));
        }
        let token = self.mint(app);
        let answer = json!({
            "authorizer_access_token": token,
            "expires_in": 7200,
            "authorizer_refresh_token": refresh_token,
        });
        Ok((token, answer))
    }

    fn mint(&mut self, whose: &str) -> String {
        let token = self.text("token", whose);
        self.good.insert(token.clone());
        token
    }

    fn text(&mut self, kind: &str, whose: &str) -> String {
        let number = self.made.entry(format!("{kind} of {whose}")).or_default();
        *number += 1;
        format!("{kind}-{number}-of-{whose}")
    }

    fn check(&self, token: &str) -> Result<(), (i64, &'static str)> {
        if self.good.contains(token) { Ok(()) } else { Err((40001, "invalid credential")) }
    }
}
