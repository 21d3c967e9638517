//! WeChat in memory, in simulated time: a token endpoint with its whims, and an API that knows which tokens are good.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep};
use tower_wechat::{
    AccessToken, Platform, ReplayBody, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

/// The request's own number.
pub const NUMBER: &str = "x-number";
/// After a failed mint of a classic token the old one is trusted for no longer than this.
const TRUST: Duration = Duration::from_secs(240);
const FIVE_MINUTES: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A mint ends the token before, after this long.
    Classic { overlap: Duration },
    /// A mint returns the present token until its last five minutes, revoked or not, unless it is forced.
    Stable,
}

#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    start: Instant,
    platform: Platform,
}

pub struct State {
    pub rng: fastrand::Rng,
    kind: Kind,
    life: Duration,
    tokens: Vec<Token>,
    /// When the endpoint is down.
    pub outages: Vec<(Duration, Duration)>,
    /// How long the machine was asleep, while the world was not.
    suspended: Duration,
    /// Mints that took place, and those that the cache was told of.
    pub minted: u64,
    pub delivered: u64,
    pub forced: u64,
    /// When the endpoint was asked.
    asked: Vec<Duration>,
    /// Tokens that died early.
    pub kills: u64,
    failures: Vec<Duration>,
    sends: HashMap<u64, u32>,
    pub rejections: u64,
    /// When a call may last have failed for a reason.
    trouble: Duration,
    seen: Option<(AccessToken, Duration)>,
}

struct Token {
    text: String,
    until: Duration,
    revoked: bool,
}

impl World {
    pub fn new(seed: u64, kind: Kind, life: Duration) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                rng: fastrand::Rng::with_seed(seed),
                kind,
                life,
                tokens: Vec::new(),
                outages: Vec::new(),
                suspended: Duration::ZERO,
                minted: 0,
                delivered: 0,
                forced: 0,
                asked: Vec::new(),
                kills: 0,
                failures: Vec::new(),
                sends: HashMap::new(),
                rejections: 0,
                trouble: Duration::ZERO,
                seen: None,
            })),
            start: Instant::now(),
            platform: Platform::wechat(),
        }
    }

    /// Looks at the state, at this moment.
    pub fn with<T>(&self, look: impl FnOnce(&mut State, Duration) -> T) -> T {
        let state = &mut self.state.lock().unwrap();
        let now = self.start.elapsed() + state.suspended;
        look(state, now)
    }

    /// Takes the endpoint down for a third of the day, in pieces.
    pub fn with_outages(self) -> Self {
        self.with(|state, _| {
            let mut at = Duration::from_secs(state.rng.u64(60..3600));
            while at < Duration::from_secs(86_400) {
                let length = Duration::from_secs(state.rng.u64(1..3000));
                state.outages.push((at, at + length));
                at += length + Duration::from_secs(state.rng.u64(1..6000));
            }
        });
        self
    }

    /// The machine sleeps; its wall clock must be set forward as much.
    pub fn suspend(&self, by: Duration) {
        self.with(|state, _| state.suspended += by);
    }

    /// The present token dies.
    pub fn revoke(&self) {
        self.with(|state, now| {
            if let Some(token) = state.tokens.last_mut() {
                token.revoked = true;
                state.kills += 1;
                state.trouble = now;
            }
        });
    }

    /// Another program mints for the same app.
    pub fn mint_elsewhere(&self) {
        self.with(|state, now| {
            state.kills += 1;
            // The cache's token dies later, after the overlap.
            state.trouble = now + FIVE_MINUTES;
            state.mint(now, false);
        });
    }

    /// Answers a request of the API; checks that none comes a third time, and that the second is like the first.
    pub async fn answer(
        self,
        request: Request<ReplayBody<Full<Bytes>>>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let number: u64 = request.headers()[NUMBER].to_str().unwrap().parse().unwrap();
        let query = request.uri().query().unwrap().to_owned();
        let text = query.strip_prefix("lang=zh_CN&access_token=").expect("one token, at the end").to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("body of {number}"));
        sleep(self.with(|state, _| Duration::from_millis(state.rng.u64(5..80)))).await;
        let errcode = self.with(|state, now| {
            let sends = state.sends.entry(number).or_default();
            *sends += 1;
            assert!(*sends <= 2, "request {number} was sent {sends} times");
            let errcode = state.check(&text, now);
            state.rejections += u64::from(errcode != 0);
            errcode
        });
        let body = Full::from(format!(r#"{{"errcode":{errcode},"errmsg":"x"}}"#));
        Ok(Response::builder().header("content-type", "application/json").body(body).unwrap())
    }

    /// Looks at what the cache holds: never an earlier token after a later one, never none after a good one.
    pub fn observe(&self, current: Option<AccessToken>) {
        self.with(|state, now| {
            match (&state.seen, &current) {
                (Some((seen, _)), Some(current)) => {
                    assert!(current.generation() >= seen.generation(), "an older token replaced a newer one");
                }
                (Some((seen, since)), None) => {
                    let left = seen.expires_in();
                    let curtailed = state.failures.iter().any(|at| at >= since && *at + TRUST <= now);
                    let excused = curtailed && matches!(state.kind, Kind::Classic { .. });
                    assert!(left.is_zero() || excused, "a token with {left:?} to live was dropped");
                }
                (None, _) => {}
            }
            if let Some(current) = current {
                let newer =
                    state.seen.as_ref().is_none_or(|(seen, _)| current.generation() > seen.generation());
                if newer {
                    state.seen = Some((current, now));
                }
            }
        });
    }

    /// A call has failed: something must have happened lately to explain it.
    pub fn excuse(&self, what: &str) {
        self.with(|state, now| {
            let outage =
                state.outages.iter().any(|(from, to)| *from <= now && now <= *to + Duration::from_secs(60));
            let trouble = now <= state.trouble + Duration::from_secs(60);
            assert!(outage || trouble, "{what} at {now:?}, for no reason");
        });
    }
}

impl State {
    fn check(&self, text: &str, now: Duration) -> i64 {
        match self.tokens.iter().rev().find(|token| token.text == text) {
            Some(token) if token.revoked => 40001,
            Some(token) if token.until <= now => 42001,
            Some(_) => 0,
            None => 40014,
        }
    }

    fn mint(&mut self, now: Duration, forced: bool) -> Minted {
        if let (Kind::Stable, false, Some(token)) = (self.kind, forced, self.tokens.last())
            && token.until > now + FIVE_MINUTES
        {
            return Minted::new(&token.text, token.until.saturating_sub(now));
        }
        let overlap = match self.kind {
            Kind::Classic { overlap } => overlap,
            Kind::Stable if forced => Duration::ZERO,
            Kind::Stable => FIVE_MINUTES,
        };
        if let Some(last) = self.tokens.last_mut() {
            last.until = last.until.min(now + overlap);
        }
        self.minted += 1;
        let text = format!("token-{}", self.minted);
        self.tokens.push(Token { text: text.clone(), until: now + self.life, revoked: false });
        Minted::new(text, self.life)
    }

    /// Twice in a fetch, and fetches further and further apart while they fail.
    fn asked(&mut self, now: Duration) {
        self.asked.push(now);
        let minute = Duration::from_secs(60);
        let lately = self.asked.iter().rev().take_while(|at| **at + minute > now).count();
        assert!(lately <= 18, "asked {lately} times in a minute");
    }

    fn failed(&mut self, now: Duration) -> TokenError {
        self.failures.push(now);
        TokenError::transient("the endpoint is down")
    }
}

impl Issuer for World {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            let (down, way, latency) = self.with(|state, now| {
                state.asked(now);
                let down = state.outages.iter().any(|(from, to)| *from <= now && now < *to);
                (down, state.rng.u8(0..10), Duration::from_millis(state.rng.u64(20..800)))
            });
            sleep(latency).await;
            match way {
                _ if !down => Ok(self.with(|state, now| {
                    state.delivered += 1;
                    state.forced += u64::from(how.is_forced());
                    state.mint(now, how.is_forced())
                })),
                // It hangs for longer than the cache waits.
                0 => {
                    self.with(|state, now| drop(state.failed(now)));
                    sleep(Duration::from_secs(60)).await;
                    unreachable!("the cache gives up before")
                }
                // It mints, and its answer is lost.
                1 => Err(self.with(|state, now| {
                    state.kills += 1;
                    state.trouble = now + FIVE_MINUTES;
                    state.mint(now, how.is_forced());
                    state.failed(now)
                })),
                _ => Err(self.with(State::failed)),
            }
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("world", "memory", "wx0123456789abcdef", None)
    }

    fn mints_are_independent(&self) -> bool {
        self.with(|state, _| state.kind == Kind::Stable)
    }

    fn can_force(&self) -> bool {
        self.with(|state, _| state.kind == Kind::Stable)
    }
}
