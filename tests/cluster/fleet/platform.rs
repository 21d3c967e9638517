//! WeChat in memory: a token endpoint and an API that know which tokens are good, and count.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower_wechat::{
    Platform as Family, ReplayBody, TokenError,
    issuer::{AccountKey, Allowance, ClassicToken, Issuer, Mint, Minted, StableToken, WeCom},
};

const LIFE: Duration = Duration::from_secs(7200);
/// A classic token lives on for so long after the next was minted.
const OVERLAP: Duration = Duration::from_secs(300);
const MINT_TAKES: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Classic,
    Stable,
    /// Where the cache may force.
    StableForced,
    Wecom,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Secret {
    Right,
    Wrong,
}

#[derive(Clone)]
pub struct Platform(Arc<Mutex<State>>);

struct State {
    kind: Kind,
    start: Instant,
    /// Text, and when it dies.
    tokens: Vec<(String, Duration)>,
    counts: Counts,
    secret: Secret,
    rejects_all: bool,
    fails_when_forced: bool,
    /// How often all tokens there are die.
    revokes_every: Option<Duration>,
}

#[derive(Clone, Default)]
pub struct Counts {
    /// Calls of the token endpoint.
    pub asked: usize,
    /// New tokens.
    pub mints: usize,
    /// When a refresh was forced.
    pub forced: Vec<Duration>,
}

impl Platform {
    pub fn new(kind: Kind) -> Self {
        Self(Arc::new(Mutex::new(State {
            kind,
            start: Instant::now(),
            tokens: Vec::new(),
            counts: Counts::default(),
            secret: Secret::Right,
            rejects_all: false,
            fails_when_forced: false,
            revokes_every: None,
        })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, Duration) -> T) -> T {
        let mut state = self.0.lock().unwrap();
        let now = state.start.elapsed();
        act(&mut state, now)
    }

    pub fn counts(&self) -> Counts {
        self.with(|state, _| state.counts.clone())
    }

    pub fn secret(&self, secret: Secret) {
        self.with(|state, _| state.secret = secret);
    }

    pub fn rejects_all(&self) {
        self.with(|state, _| state.rejects_all = true);
    }

    pub fn fails_when_forced(&self) {
        self.with(|state, _| (state.rejects_all, state.fails_when_forced) = (true, true));
    }

    pub fn revokes_every(&self, interval: Duration) {
        self.with(|state, _| state.revokes_every = Some(interval));
    }

    pub fn issuer(&self) -> impl Issuer + use<> {
        let kind = self.with(|state, _| state.kind);
        // Budgets and account are those of the real thing.
        let real: Box<dyn Issuer> = match kind {
            Kind::Classic => Box::new(ClassicToken::new("wxfleet", "secret")),
            Kind::Stable => Box::new(StableToken::new("wxfleet", "secret")),
            Kind::StableForced => Box::new(StableToken::new("wxfleet", "secret").allow_forced_refresh()),
            Kind::Wecom => Box::new(WeCom::new("wwfleet", "secret")),
        };
        Endpoint { platform: self.clone(), real, family: Family::wechat() }
    }

    pub fn api(&self) -> Api {
        Api(self.clone())
    }
}

impl State {
    fn mint(&mut self, forced: bool, now: Duration) -> Result<Minted, TokenError> {
        self.counts.asked += 1;
        if self.secret == Secret::Wrong {
            return Err(TokenError::permanent("the secret is wrong").with_errcode(40001));
        }
        if forced {
            self.counts.forced.push(now);
            if self.fails_when_forced {
                return Err(TokenError::transient("the endpoint is busy").with_errcode(-1));
            }
        }
        let present = self.tokens.last().map_or(Duration::ZERO, |(_, dies)| dies.saturating_sub(now));
        if self.kind != Kind::Classic && !forced && present > Duration::from_secs(300) {
            let (text, _) = self.tokens.last().unwrap();
            return Ok(Minted::new(text.clone(), present));
        }
        for (_, dies) in &mut self.tokens {
            *dies = (*dies).min(now + OVERLAP);
        }
        self.counts.mints += 1;
        let text = format!("T{}", self.counts.mints);
        let revoked = self
            .revokes_every
            .map(|every| every * (u32::try_from(now.as_millis() / every.as_millis()).unwrap() + 1));
        self.tokens.push((text.clone(), revoked.unwrap_or(now + LIFE)));
        Ok(Minted::new(text, LIFE))
    }

    fn answers(&self, token: &str, now: Duration) -> i64 {
        let alive = self.tokens.iter().any(|(text, dies)| text == token && *dies > now);
        if alive && !self.rejects_all { 0 } else { 40001 }
    }
}

struct Endpoint {
    platform: Platform,
    real: Box<dyn Issuer>,
    family: Family,
}

impl Issuer for Endpoint {
    fn mint(
        &self,
        how: Mint,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Minted, TokenError>> + Send + '_>> {
        Box::pin(async move {
            sleep(MINT_TAKES).await;
            self.platform.with(|state, now| state.mint(how.is_forced(), now))
        })
    }

    fn platform(&self) -> &Family {
        &self.family
    }

    fn account(&self) -> AccountKey {
        self.real.account()
    }

    fn mints_are_independent(&self) -> bool {
        self.real.mints_are_independent()
    }

    fn refreshes(&self) -> Allowance {
        self.real.refreshes()
    }

    fn can_force(&self) -> bool {
        self.real.can_force()
    }
}

/// An ordinary API.
#[derive(Clone)]
pub struct Api(Platform);

impl tower::Service<Request<ReplayBody<Full<Bytes>>>> for Api {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReplayBody<Full<Bytes>>>) -> Self::Future {
        let token =
            request.uri().query().and_then(|query| query.strip_prefix("access_token=")).unwrap_or_default();
        let errcode = self.0.with(|state, now| state.answers(token, now));
        ready(Ok(Response::new(Full::from(format!(r#"{{"errcode":{errcode},"errmsg":"x"}}"#)))))
    }
}
