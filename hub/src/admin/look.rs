//! [`Look`]: what there is to see of a hub at one moment. `/metrics` and the status page tell the same, since both are made of it.

use std::{sync::Arc, time::Duration};

use tower_wechat::{AppId, Fingerprint, Health};

use crate::{app::App, clock::unix_seconds, day::Day, hub::Hub, hub::Load, known::Known};

/// What there is to see of a hub at one moment. It has tokens in it (as [`Health`] has), and no `Debug`.
pub(super) struct Look {
    pub(super) load: Load,
    pub(super) is_ending: bool,
    /// Those first that somebody should look after, then by their ids.
    pub(super) apps: Vec<AppLook>,
    /// By their names.
    pub(super) clients: Vec<ClientLook>,
}

/// An app at one moment.
pub(super) struct AppLook {
    pub(super) id: AppId,
    /// Its label in the metrics.
    pub(super) account: String,
    pub(super) platform: &'static str,
    pub(super) is_warm: bool,
    pub(super) health: Health,
    pub(super) token: Option<TokenLook>,
    pub(super) day: Day,
}

/// A token at one moment.
#[derive(Clone, Copy)]
pub(super) struct TokenLook {
    pub(super) fingerprint: Fingerprint,
    pub(super) age: Duration,
    pub(super) left: Duration,
}

/// How an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has a good token.
    Good,
    /// It has a good token, and the next one is due.
    NearEnd,
    /// It has none.
    None,
    /// It may not get another one at the moment.
    HeldBack,
}

/// Whether somebody should look after it, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mood {
    Bad,
    Warning,
    Good,
    Idle,
}

impl Mood {
    /// Its class in the page's style.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warning => "near",
            Self::Good => "good",
            Self::Idle => "idle",
        }
    }
}

/// A client at one moment.
pub(super) struct ClientLook {
    pub(super) known: Arc<Known>,
    /// How long ago it asked for anything.
    pub(super) seen_ago: Option<Duration>,
}

impl Look {
    pub(super) fn at(hub: &Hub) -> Self {
        let table = hub.table();
        let now = unix_seconds();
        let mut apps: Vec<_> = table.apps.iter().map(|(id, app)| AppLook::at(id, app)).collect();
        apps.sort_by(|one, other| {
            (one.mood() > Mood::Bad, &one.id).cmp(&(other.mood() > Mood::Bad, &other.id))
        });
        let client = |known: &Arc<Known>| ClientLook {
            known: known.clone(),
            seen_ago: known.last_seen().map(|seen| Duration::from_secs(now.saturating_sub(seen))),
        };
        let mut clients: Vec<_> = table.clients().map(client).collect();
        clients.sort_by(|one, other| one.known.name().cmp(other.known.name()));
        Self { load: hub.load(), is_ending: hub.is_ending(), apps, clients }
    }

    /// Whether clients may be sent here.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_ending && self.apps.iter().all(|app| !app.is_warm || app.token.is_some())
    }
}

impl AppLook {
    fn at(id: &AppId, app: &App) -> Self {
        let health = app.cache.health();
        let token = health.token.as_ref().zip(health.token_age).map(|(token, age)| TokenLook {
            fingerprint: token.fingerprint(),
            age,
            left: token.expires_in(),
        });
        Self {
            id: id.clone(),
            account: app.cache.account().to_string(),
            platform: app.cache.platform().name(),
            is_warm: app.is_warm,
            token,
            health,
            day: app.sample(),
        }
    }

    pub(super) fn state(&self) -> State {
        if self.health.held_back.is_some() {
            State::HeldBack
        } else if self.token.is_none() {
            State::None
        } else if self.health.is_due {
            State::NearEnd
        } else {
            State::Good
        }
    }

    pub(super) fn mood(&self) -> Mood {
        let lacks = self.token.is_none();
        match self.state() {
            _ if self.health.is_store_down => Mood::Bad,
            // One that is near its end is good still; one that may not be replaced before that was rejected.
            State::HeldBack if lacks || !self.health.is_due => Mood::Bad,
            State::None if self.is_warm || self.health.last_failure.is_some() => Mood::Bad,
            State::HeldBack | State::NearEnd => Mood::Warning,
            State::None => Mood::Idle,
            State::Good => Mood::Good,
        }
    }

    /// Of the present token's life, in whole seconds.
    pub(super) fn left(&self) -> u64 {
        self.token.map_or(0, |token| token.left.as_secs())
    }
}
