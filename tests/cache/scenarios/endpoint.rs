//! A token endpoint that does as it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::StatusCode;
use tokio::time::{Instant, sleep};
use tower_wechat::{
    Platform, TokenError,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

use crate::scenarios::script::{Behaviour, Kind, Settings};

/// The stable endpoint hands out a new token in the last five minutes of the present one.
const LAST_MINUTES: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub struct Endpoint {
    state: Arc<Mutex<State>>,
    kind: Kind,
    life: Duration,
    latency: Duration,
    platform: Platform,
}

struct State {
    behaviour: Behaviour,
    asked: u64,
    minted: u64,
    /// The end of the present token.
    end: Instant,
}

impl Endpoint {
    pub fn new(settings: &Settings) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                behaviour: Behaviour::Answers,
                asked: 0,
                minted: 0,
                end: Instant::now(),
            })),
            kind: settings.endpoint,
            life: Duration::from_secs_f64(settings.life),
            latency: Duration::from_secs_f64(settings.latency),
            platform: Platform::wechat(),
        }
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    /// How often it was asked, and how many tokens it made.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap();
        (state.asked, state.minted)
    }

    fn token(&self, state: &mut State, forced: bool) -> Minted {
        let now = Instant::now();
        let left = state.end.saturating_duration_since(now);
        if self.kind == Kind::Classic || forced || left <= LAST_MINUTES {
            state.minted += 1;
            state.end = now + self.life;
        }
        Minted::new(format!("t{}", state.minted), state.end - now)
    }
}

impl Issuer for Endpoint {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            self.state.lock().unwrap().asked += 1;
            sleep(self.latency).await;
            let behaviour = {
                let mut state = self.state.lock().unwrap();
                match state.behaviour {
                    Behaviour::Answers => return Ok(self.token(&mut state, how.is_forced())),
                    Behaviour::Loses => drop(self.token(&mut state, how.is_forced())),
                    Behaviour::LosesOne => {
                        self.token(&mut state, how.is_forced());
                        state.behaviour = Behaviour::Answers;
                        return Err(TokenError::transient("the answer was lost"));
                    }
                    Behaviour::Busy | Behaviour::Refuses | Behaviour::Limited | Behaviour::Hangs => {}
                }
                state.behaviour
            };
            match behaviour {
                Behaviour::Busy => Err(TokenError::transient("busy").with_errcode(-1)),
                Behaviour::Refuses => Err(TokenError::permanent("the secret is wrong").with_errcode(40125)),
                Behaviour::Limited => {
                    let answer = br#"{"errcode":45011,"errmsg":"api minute-quota reach limit"}"#;
                    Err(TokenError::from_answer(StatusCode::OK, answer, &self.platform)
                        .expect("it is an error"))
                }
                Behaviour::Hangs => std::future::pending().await,
                _ => Err(TokenError::transient("the answer was lost")),
            }
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("scenario", "memory", "wx0123456789abcdef", None)
    }

    fn mints_are_independent(&self) -> bool {
        self.kind != Kind::Classic
    }

    fn can_force(&self) -> bool {
        self.kind == Kind::Stable
    }
}
