//! [`App`]: an app, its token, and what the hub knows of it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tower_wechat::{AccessToken, AppId, AppSecret, KeepWarm, TokenCache, TokenError};

use crate::{
    base::Base,
    clock::unix_seconds,
    day::Day,
    hub::{Hub, Secret},
    recent::{Needle, Recent, needles_of},
    secret::SecretHash,
    told::Told,
    verify::{Verifier, Verify},
};

/// An app, and its token.
pub(crate) struct App {
    pub(crate) cache: TokenCache,
    /// Where its calls go.
    pub(crate) base: Base,
    /// Whether its token is kept warm.
    pub(crate) is_warm: bool,
    warmth: OnceLock<KeepWarm>,
    day: Mutex<Day>,
    told: Told,
    recent: Recent,
    secret: Option<Arc<Secret>>,
    /// What finds the secret, as it was when it was looked at last, in both of its spellings.
    secret_needles: Mutex<Option<(SecretHash, Vec<Needle>)>>,
    verifier: OnceLock<Arc<Verifier>>,
}

impl App {
    pub(crate) fn new(cache: TokenCache, is_warm: bool) -> Self {
        // The cache keeps it from now on.
        drop(cache.replaced());
        let day = Mutex::new(Day::new(&cache.stats(), unix_seconds()));
        Self {
            base: Base::parse(&cache.platform().base_url()),
            cache,
            is_warm,
            warmth: OnceLock::new(),
            day,
            told: Told::default(),
            recent: Recent::default(),
            secret: None,
            secret_needles: Mutex::default(),
            verifier: OnceLock::new(),
        }
    }

    /// Where its secret is found.
    pub(crate) fn know_secret(&mut self, secret: Option<Arc<Secret>>) {
        self.secret = secret;
        self.secret();
    }

    /// Its secret, if the hub knows it.
    pub(crate) fn secret(&self) -> Option<AppSecret> {
        let secret = self.secret.as_ref().map(|secret| secret())?;
        let hash = SecretHash::of(secret.expose());
        let mut needles = self.secret_needles();
        if needles.as_ref().is_none_or(|(known, _)| *known != hash) {
            *needles = Some((hash, needles_of(secret.expose())));
        }
        drop(needles);
        Some(secret)
    }

    /// What finds the secret where it must not be seen.
    pub(crate) fn find_secret(&self) -> Vec<Needle> {
        self.secret_needles().as_ref().map_or_else(Vec::new, |(_, needles)| needles.clone())
    }

    fn secret_needles(&self) -> MutexGuard<'_, Option<(SecretHash, Vec<Needle>)>> {
        // Nothing panics while it is held.
        self.secret_needles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its present token and the one before.
    pub(crate) fn recent(&self) -> &Recent {
        self.recent.look(&self.cache);
        &self.recent
    }

    /// Makes sure that its token is still good, and has it replaced if it is not. An error says why that is not possible.
    pub(crate) async fn verify(&self, hub: &Hub, id: &AppId, token: &AccessToken) -> Result<(), TokenError> {
        match self.verifier.get() {
            Some(verifier) => verifier.verify(hub, id, &self.cache, token.generation()).await,
            None => Ok(()),
        }
    }

    /// Takes the verifier of another app of the same id where that is set in the same way; else gets one of its own.
    pub(crate) fn verify_as(&self, settings: &Arc<Verify>, before: Option<&Self>) {
        let same = before.and_then(|before| before.verifier.get()).filter(|same| same.is_set_as(settings));
        self.verifier.get_or_init(|| same.cloned().unwrap_or_else(|| Arc::new(Verifier::new(settings))));
    }

    /// Begins to keep the token warm. Must be called on a tokio runtime.
    pub(crate) fn warm(&self) {
        if self.is_warm {
            self.warmth.get_or_init(|| self.cache.keep_warm());
        }
    }

    /// The answer that tells of this token of its.
    pub(crate) fn answer(&self, token: &AccessToken) -> Bytes {
        self.told.json(token, self.cache.platform())
    }

    /// Counts what has happened since the last time, and says what the last day has brought.
    pub(crate) fn sample(&self) -> Day {
        let mut day = self.day();
        day.sample(&self.cache.stats(), unix_seconds());
        day.clone()
    }

    /// Takes the place of another app of the same id.
    pub(crate) fn take_over(&self, before: &Self) {
        let mut day = before.sample();
        day.follow(&self.cache.stats());
        *self.day() = day;
        self.recent.take_over(&before.recent);
    }

    fn day(&self) -> MutexGuard<'_, Day> {
        // Nothing panics while it is held.
        self.day.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
