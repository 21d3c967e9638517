//! [`HubToken`]: tokens from a token hub, which alone knows the secrets of the accounts.
//!
//! - `place`: where the hub is. `unix`: a client that asks through a Unix socket.
//! - `ask`: the questions, each within its time. `failure`: why there is no answer to one.
//! - `wire`: what an answer means. `problem`: what a refusal means.
//! - `known`: the newest token that the hub has told of. `reach`: since when the hub is away.
//! - `news`: hears of the next token. `fallback`: whom to ask while the hub is away.

mod ask;
mod failure;
mod fallback;
mod known;
mod news;
mod place;
mod problem;
mod reach;
#[cfg(unix)]
mod unix;
mod wire;

use std::{fmt, sync::Arc, time::Duration};

#[cfg(fuzzing)]
pub(crate) use self::wire::{Asked, read};
use self::{
    ask::{ASK, Hub},
    failure::Failure,
    fallback::Fallback,
    news::HubNews,
    place::Place,
};
use super::{
    AccountKey, Allowance, Issuer, Mint, MintFuture, Minted, News, client::Client, settings::client_settings,
};
use crate::{
    error::{Error, ErrorKind, TokenError},
    platform::Platform,
    secret::{AppId, AppSecret, Fingerprint},
};

/// What a hub gets of a mint's time that is known to be away, where there is a fallback.
const ASK_AWAY: Duration = Duration::from_secs(2);

/// Asks a token hub: one process that alone knows the app secrets, mints, and gives the tokens to those who show it a client
/// secret of their own.
///
/// ```no_run
/// use std::time::Duration;
/// use tower_wechat::{TokenCache, issuer::{HubToken, StableToken}};
///
/// # #[cfg(unix)] {
/// // A hub on this machine.
/// let socket = "/run/wechat-hub/hub.sock";
/// let issuer = HubToken::unix(socket, "wx0123456789abcdef", "our-secret");
/// let cache = TokenCache::new(issuer);
/// # }
///
/// // One on another host; after a minute without it, the platform is asked.
/// let app = "wx0123456789abcdef";
/// let issuer = HubToken::tcp("https://hub.example:9190", app, "our-secret")?
///     .fallback(
///         StableToken::new(app, "the-app-secret"),
///         Duration::from_secs(60),
///     );
/// let cache = TokenCache::new(issuer);
/// # Ok::<(), tower_wechat::Error>(())
/// ```
///
/// A [`TokenCache`](crate::TokenCache) over it keeps the token, so that requests do not wait for the hub, and goes on
/// serving it while the hub is away. Without a store it also hears of each new token as the hub has it, over one connection
/// that waits, and so has the next token before it meets a rejection of the last. It needs no store: the hub is one.
///
/// # Limits
///
/// A question has an answer of at most 64 KiB within 6 s, or is an error. The wait for the next token is of 45 s, and begins
/// anew. Each question has a connection of its own, which is not kept. A hub that refuses the wait for good is left in peace
/// for 30 s each time, or for as long as it says.
///
/// # Errors
///
/// Those of a mint say which hub they are of, and have the platform's `errcode` and `rid` where the hub has passed them on.
///
/// - [transient](TokenError::is_transient): the hub is away, has no token at the moment or is asked too often, with its
///   [`retry_after`](TokenError::retry_after); its answer makes no sense. Where it is away, they are
///   [of this host](TokenError::is_of_this_host), but for time-outs.
/// - permanent: it does not know the client secret, the app or the right, or has tokens of another platform.
///
/// An app id or secret that cannot be one (empty, but for a Unix socket's; longer than 512 bytes, with white space or
/// control characters in it) makes every mint fail with [`ErrorKind::Config`], before anything is sent.
pub struct HubToken {
    hub: Hub,
    fallback: Option<Fallback>,
}

impl HubToken {
    /// A hub that listens at a Unix socket. It is an account of its own in caches and stores, by the path as it is given.
    ///
    /// With an empty secret none is shown: for a socket at which the hub takes whoever may open it for a client of its own
    /// (`unix_client` in the hub's configuration).
    #[cfg(unix)]
    #[must_use]
    pub fn unix(
        path: impl AsRef<std::path::Path>,
        app: impl Into<AppId>,
        client_secret: impl Into<AppSecret>,
    ) -> Self {
        let path = path.as_ref();
        Self::at(Place::unix(path), unix::client(path), app.into(), client_secret.into())
    }

    /// A hub that listens at `https://host[:port][/prefix]`, or at the same with `http` and a loopback host. It is asked
    /// through the [built-in client](super#the-client), also through the environment's proxy if there is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for any other URL.
    pub fn tcp(url: &str, app: impl Into<AppId>, client_secret: impl Into<AppSecret>) -> Result<Self, Error> {
        Ok(Self::at(Place::tcp(url)?, Client::default(), app.into(), client_secret.into()))
    }

    fn at(place: Place, client: Client, app: AppId, secret: AppSecret) -> Self {
        Self { hub: Hub::new(place, client, app, secret), fallback: None }
    }

    /// The tokens are of this family, in place of [`Platform::wechat`]. The hub says of each token which family it is of,
    /// and one of another is an error.
    ///
    /// ```
    /// use tower_wechat::{Platform, issuer::HubToken};
    ///
    /// let corp = "ww0123456789abcdef";
    /// let issuer = HubToken::tcp("https://hub.example:9190", corp, "our-secret")?
    ///     .with_platform(Platform::wecom());
    /// # drop(issuer);
    /// # Ok::<(), tower_wechat::Error>(())
    /// ```
    #[must_use]
    pub fn with_platform(mut self, platform: Platform) -> Self {
        self.hub.platform = platform;
        self
    }

    /// Asks this issuer for a token itself once the hub has been out of reach for `after`, counted from the first question
    /// that failed, with no answer since. What a hub refuses is no reason. Each mint asks the hub first, for 2 s by
    /// then, so that it goes back to the hub as soon as that answers.
    ///
    /// Take [`StableToken`](super::StableToken) or another issuer whose mints do no harm beside the hub's: one of
    /// [`ClassicToken`](super::ClassicToken)'s ends the life of the hub's token. Its tokens go where those of this issuer's
    /// [platform](Self::with_platform) go.
    #[must_use]
    pub fn fallback(self, issuer: impl Issuer, after: Duration) -> Self {
        Self { fallback: Some(Fallback { issuer: Arc::new(issuer), after }), ..self }
    }

    async fn ask(&self, how: Mint) -> Result<Minted, TokenError> {
        let due = self.fallback.as_ref().filter(|fallback| fallback.is_due(self.hub.reach.away_for()));
        let limit = if due.is_some() { ASK_AWAY } else { ASK };
        let told = match how.rejected() {
            Some(rejected) => self.hub.refresh(rejected, limit).await,
            None => self.hub.present(limit).await,
        };
        match (told, &self.fallback) {
            (Ok(told), _) => Ok(Minted::new(told.text, told.life)),
            (Err(Failure::Away(error)), Some(fallback)) if fallback.is_due(self.hub.reach.away_for()) => {
                fallback.mint(how, &error).await
            }
            (Err(failure), _) => Err(failure.into_error()),
        }
    }
}

client_settings!(
    HubToken,
    hub,
    "a question to the hub has 6 s, and the wait for its next token 55 s, so that a client with a time-out of its own \
     needs a longer one. This is for a hub by TCP: one at a Unix socket is asked through the socket all the same."
);

impl Issuer for HubToken {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        Box::pin(self.ask(how))
    }

    fn platform(&self) -> &Platform {
        &self.hub.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("hub", &self.hub.place.canonical, self.hub.app.clone(), None)
    }

    /// The hub mints once, however many ask. With a fallback it is the fallback's.
    fn mints_are_independent(&self) -> bool {
        self.fallback.as_ref().is_none_or(|fallback| fallback.issuer.mints_are_independent())
    }

    /// Many: the hub counts for all who ask it. With a fallback it is the fallback's.
    fn refreshes(&self) -> Allowance {
        let own = Allowance::new(1000, Duration::from_secs(1));
        self.fallback.as_ref().map_or(own, |fallback| fallback.issuer.refreshes())
    }

    fn credential(&self) -> Option<Fingerprint> {
        Some(self.hub.secret.fingerprint())
    }

    /// Whether the hub was away, and has answered since.
    fn was_mended(&self, failure: &TokenError) -> bool {
        let was_away = failure.is_of_this_host() || failure.kind() == ErrorKind::Timeout;
        was_away && self.hub.reach.away_for().is_none()
    }

    fn listen(&self) -> Option<Box<dyn News>> {
        Some(Box::new(HubNews::new(self.hub.clone())))
    }
}

impl fmt::Debug for HubToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubToken")
            .field("app", &self.hub.app)
            .field("hub", &self.hub.place.canonical)
            .finish_non_exhaustive()
    }
}
