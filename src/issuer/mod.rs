//! Who mints tokens.
//!
//! An [`Issuer`] knows one account and how to ask for a new token for it. It neither caches nor retries: when to mint, and
//! how often, is the [`TokenCache`](crate::TokenCache)'s business.
//!
//! | issuer | endpoint | a second mint |
//! |---|---|---|
//! | [`StableToken`] | `POST /cgi-bin/stable_token` | is harmless: it returns the same token until its last five minutes |
//! | [`ClassicToken`] | `GET /cgi-bin/token` | ends the life of the token before, after five minutes at the most |
//! | [`WeCom`] | `GET /cgi-bin/gettoken` | is harmless, but WeCom blocks who asks often |
//! | [`HubToken`] (feature `hub`) | a token hub of yours | is harmless: the hub mints once for all who ask |
//!
//! # The client
//!
//! They ask through a built-in HTTP client, unless [`http_client`](StableToken::http_client) gives them another. It
//! has a connection within 3 seconds or gives up (name, TCP, proxy and TLS together), keeps none, and follows no redirects.
//! The issuers of a process share one, but those with [`root_certificates_pem`](StableToken::root_certificates_pem) have one
//! each.
//!
//! A call to the platform that has no answer within 3 seconds is given up and made once more, by whichever client: a front
//! server that hangs costs these three seconds, and not the whole
//! [`fetch_timeout`](crate::TokenCacheBuilder::fetch_timeout), which is all that limits the second call. The built-in
//! client makes that call at another address of the host if there is one.
//!
//! It goes through the proxies that the environment names when the client is first used, by the rules that reqwest has:
//! `HTTPS_PROXY` for https, `HTTP_PROXY` for http, `ALL_PROXY` for both, in capitals or small letters, but for
//! the hosts that `NO_PROXY` lists. None of them counts in a CGI script (`REQUEST_METHOD` is set). Https goes through a
//! tunnel (CONNECT); the proxy sees neither secret nor token. **Loopback hosts are no exception**, as they are none for
//! reqwest: where `HTTP_PROXY` or `ALL_PROXY` is set and a base URL is `http://127.0.0.1:…`, let `NO_PROXY` list
//! `localhost,127.0.0.1`. A proxy is spoken to over `http` or `https`; SOCKS needs an `http_client`.
//!
//! # A token from a server of your own
//!
//! ```
//! use std::time::Duration;
//! use tower_wechat::{
//!     Platform, TokenCache, TokenError,
//!     issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
//! };
//!
//! struct TokenServer {
//!     platform: Platform,
//! }
//!
//! impl Issuer for TokenServer {
//!     fn mint(&self, how: Mint) -> MintFuture<'_> {
//!         Box::pin(async move {
//!             // Ask your server here. Tell it which token was rejected, so
//!             // that it need not hand out that one again.
//!             let _rejected = how.rejected().map(|token| token.fingerprint());
//!             Ok(Minted::new("a-token", Duration::from_secs(7200)))
//!         })
//!     }
//!
//!     fn platform(&self) -> &Platform {
//!         &self.platform
//!     }
//!
//!     fn account(&self) -> AccountKey {
//!         AccountKey::new("of-ours", "https://tokens.example", "wx01", None)
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let cache = TokenCache::new(TokenServer { platform: Platform::wechat() });
//! assert_eq!(cache.token().await?.as_str(), "a-token");
//! # Ok::<(), TokenError>(())
//! # }).unwrap();
//! ```

mod account;
mod allowance;
pub(crate) mod answer;
mod classic;
mod client;
mod endpoint;
#[cfg(feature = "hub")]
mod hub;
mod mint;
#[cfg(test)]
mod over_sockets;
mod pointer;
mod secrets;
mod settings;
mod stable;
mod wecom;

use std::{future::Future, pin::Pin, time::Duration};

#[cfg(fuzzing)]
pub(crate) use self::answer::parse as parse_answer;
/// For the hub, whose calls take the same way as its mints.
#[doc(hidden)]
pub use self::client::Connector;
#[cfg(feature = "hub")]
#[cfg_attr(docsrs, doc(cfg(feature = "hub")))]
pub use self::hub::HubToken;
#[cfg(all(fuzzing, feature = "hub"))]
pub(crate) use self::hub::{Asked as AskedHub, read as read_hub};
pub use self::{
    account::AccountKey,
    allowance::Allowance,
    classic::ClassicToken,
    client::HttpClient,
    mint::{Mint, Minted},
    stable::StableToken,
    wecom::WeCom,
};

use crate::{error::TokenError, platform::Platform, secret::Fingerprint, token::AccessToken};

/// A mint under way.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::issuer::{MintFuture, Minted};
///
/// fn mint() -> MintFuture<'static> {
///     Box::pin(async { Ok(Minted::new("a-token", Duration::from_secs(7200))) })
/// }
/// # drop(mint());
/// ```
pub type MintFuture<'a> = Pin<Box<dyn Future<Output = Result<Minted, TokenError>> + Send + 'a>>;

/// Mints tokens for one account.
///
/// `Box<dyn Issuer>` and `Arc<dyn Issuer>` are issuers too, for programs that choose one at run time:
///
/// ```
/// use tower_wechat::{TokenCache, issuer::{ClassicToken, Issuer, StableToken}};
///
/// fn cache(kind: &str, app: &str, secret: &str) -> TokenCache {
///     let issuer: Box<dyn Issuer> = match kind {
///         "classic" => Box::new(ClassicToken::new(app, secret)),
///         _ => Box::new(StableToken::new(app, secret)),
///     };
///     TokenCache::new(issuer)
/// }
/// # drop(cache("classic", "wx0123456789abcdef", "the-app-secret"));
/// ```
///
/// An issuer of your own needs three of the methods. The others tell the cache what it may do:
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::{
///     AppSecret, Fingerprint, Platform, TokenError,
///     issuer::{
///         AccountKey, Allowance, Issuer, Mint, MintFuture, Minted, News,
///     },
/// };
///
/// struct TokenServer {
///     platform: Platform,
///     password: AppSecret,
/// }
/// # struct Pushed;
/// # impl News for Pushed {
/// #     fn next<'a>(&'a mut self, _: Option<&'a tower_wechat::AccessToken>) -> MintFuture<'a> {
/// #         Box::pin(std::future::pending())
/// #     }
/// # }
/// # impl TokenServer {
/// #     async fn ask(&self, _: bool) -> Result<(String, u64), TokenError> { Ok(("a-token".into(), 7200)) }
/// #     fn has_new_ticket(&self) -> bool { false }
/// #     fn pushed(&self) -> Box<Pushed> { Box::new(Pushed) }
/// # }
///
/// impl Issuer for TokenServer {
///     fn mint(&self, how: Mint) -> MintFuture<'_> {
///         Box::pin(async move {
///             let (token, seconds) = self.ask(how.is_forced()).await?;
///             Ok(Minted::new(token, Duration::from_secs(seconds)))
///         })
///     }
///
///     fn platform(&self) -> &Platform {
///         &self.platform
///     }
///
///     fn account(&self) -> AccountKey {
///         AccountKey::new("of-ours", "https://tokens.example", "wx01", None)
///     }
///
///     fn mints_are_independent(&self) -> bool {
///         true // the server mints once, however many ask
///     }
///
///     fn refreshes(&self) -> Allowance {
///         Allowance::new(10, Duration::from_secs(60))
///     }
///
///     fn can_force(&self) -> bool {
///         true
///     }
///
///     fn credential(&self) -> Option<Fingerprint> {
///         Some(self.password.fingerprint())
///     }
///
///     fn was_mended(&self, failure: &TokenError) -> bool {
///         failure.errcode() == Some(61006) && self.has_new_ticket()
///     }
///
///     fn listen(&self) -> Option<Box<dyn News>> {
///         Some(self.pushed())
///     }
/// }
/// # let server = TokenServer { platform: Platform::wechat(), password: "a-password".into() };
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # tower_wechat::TokenCache::new(server).token().await.unwrap();
/// # });
/// ```
pub trait Issuer: Send + Sync + 'static {
    /// Asks for a token. When to ask, and whether to ask again after a failure, is the cache's business. A panic in here is
    /// caught, and is a failed mint.
    ///
    /// # When the future is dropped
    ///
    /// The cache runs it in a task of its own, so no caller that goes away drops it. Two things do, and only while it waits
    /// at an `.await`: [`fetch_timeout`](crate::TokenCacheBuilder::fetch_timeout), and the end of the runtime. So an issuer
    /// that gets something with the token that must not be lost, such as a new refresh token, saves it before its next
    /// `.await`, or in a task of its own.
    ///
    /// # Errors
    ///
    /// A [`TokenError`] that says whether it [is transient](TokenError::is_transient) and whether it
    /// [belongs to this host](TokenError::is_of_this_host). [`TokenError::from_answer`] makes it from an answer.
    ///
    /// Where the call goes through a layer with another account's token (that of a third-party platform), an answer that
    /// has an [`AuthOutcome`](crate::AuthOutcome) without a replay speaks of that token: its
    /// [`refresh_error`](crate::AuthOutcome::refresh_error) is why this account has none, and not what `from_answer` says.
    fn mint(&self, how: Mint) -> MintFuture<'_>;

    /// Where the token may go, and how its rejection looks.
    fn platform(&self) -> &Platform;

    /// Which account this is, in caches and stores.
    fn account(&self) -> AccountKey;

    /// Whether two mints at the same time do no harm. If so, a cache whose shared store is out of reach mints on its own
    /// rather than fail. `false` unless you say otherwise.
    fn mints_are_independent(&self) -> bool {
        false
    }

    /// How often a token may be replaced because the platform rejected it. That is counted for the account, by all who share
    /// its store. Unless you say otherwise: 60 at once, then one every 100 s, which leaves more than half of the 2 000 mints
    /// that WeChat allows a day
    /// (<https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html>).
    fn refreshes(&self) -> Allowance {
        Allowance::new(60, Duration::from_secs(100))
    }

    /// Whether [`Mint::forced`] makes the endpoint replace a token that it would otherwise hand out again. If so, the
    /// cache asks for that where a normal mint has returned the rejected token, within its budget. `false` unless you say
    /// otherwise.
    fn can_force(&self) -> bool {
        false
    }

    /// Which secret its mints depend on, by a short hash. A refusal that needs somebody to act (a wrong secret) holds back
    /// those processes only whose secret is the same: in a rolling restart with a new one, the old must not bring the new
    /// down. `None`, which is the same for all, unless you say otherwise.
    fn credential(&self) -> Option<Fingerprint> {
        None
    }

    /// Whether that which made a mint fail has been mended since: the secret was replaced, a new ticket has come. `failure`
    /// is what the mint failed with, here or in another process.
    ///
    /// A cache that holds back after a failure asks this when a token is wanted, at most once a second, and for the first
    /// time right after the failed mint. If so, it asks the endpoint at once. It is called on the runtime and should not block for long. `false` unless you say otherwise.
    fn was_mended(&self, failure: &TokenError) -> bool {
        let _ = failure;
        false
    }

    /// News of tokens that nobody here has asked for, where the issuer's source tells them. A cache without a store listens
    /// as long as it is in use, and has the next token before it meets a rejection of the last; with a store, the store
    /// tells. `None` unless you say otherwise.
    fn listen(&self) -> Option<Box<dyn News>> {
        None
    }
}

/// What an issuer's source tells by itself.
///
/// Here, tokens that a message queue brings:
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::{
///     AccessToken, TokenError,
///     issuer::{MintFuture, Minted, News},
/// };
///
/// struct Pushed {
///     tokens: tokio::sync::watch::Receiver<String>,
/// }
///
/// impl News for Pushed {
///     fn next<'a>(&'a mut self, held: Option<&'a AccessToken>) -> MintFuture<'a> {
///         Box::pin(async move {
///             let held = held.map(AccessToken::as_str);
///             let is_news = |text: &String| Some(text.as_str()) != held;
///             match self.tokens.wait_for(is_news).await {
///                 Ok(text) => {
///                     let life = Duration::from_secs(7200);
///                     Ok(Minted::new(text.as_str(), life))
///                 }
///                 Err(_) => Err(TokenError::transient("the queue is closed")),
///             }
///         })
///     }
/// }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let (_tx, tokens) = tokio::sync::watch::channel("a-token".to_owned());
/// # Pushed { tokens }.next(None).await.unwrap();
/// # });
/// ```
pub trait News: Send {
    /// Comes back once the source has another token than the one that is held here, however long that takes. It is dropped
    /// and called again from time to time; what it holds beyond that, it keeps in itself.
    ///
    /// # Errors
    ///
    /// Any. It is called again after a pause.
    fn next<'a>(&'a mut self, held: Option<&'a AccessToken>) -> MintFuture<'a>;
}
