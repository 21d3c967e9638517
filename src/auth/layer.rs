//! [`WeChatAuthLayer`].

use std::sync::Arc;

use tower_layer::Layer;

use super::{accounts::Accounts, service::WeChatAuth};
use crate::{error::Error, platform::Origin};

/// [`Layer`] that authorises requests to WeChat with a shared access token.
///
/// See the [crate docs](crate) for what it does and how to order it among other layers. Cheap to clone.
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};
///
/// let cache = TokenCache::new(StableToken::new("wx0123456789abcdef", "the app's secret"));
/// let client = ServiceBuilder::new()
///     .layer(WeChatAuthLayer::new(cache))
///     .service(tower::service_fn(|_request: http::Request<tower_wechat::ReplayBody<String>>| async {
///         Ok::<_, std::io::Error>(http::Response::new(String::new()))
///     }));
/// ```
#[derive(Clone, Debug)]
pub struct WeChatAuthLayer {
    settings: Arc<Settings>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) accounts: Accounts,
    pub(super) allowed: Vec<Origin>,
    pub(super) replay_limit: usize,
    pub(super) inspect_limit: usize,
    /// In place of the platform's own.
    pub(super) rejection_codes: Option<Arc<[i64]>>,
}

impl WeChatAuthLayer {
    /// A layer over one account's [`TokenCache`](crate::TokenCache), or over a [`TokenPool`](crate::TokenPool).
    #[must_use]
    pub fn new(accounts: impl Into<Accounts>) -> Self {
        Self {
            settings: Arc::new(Settings {
                accounts: accounts.into(),
                allowed: Vec::new(),
                replay_limit: 1024 * 1024,
                inspect_limit: 4096,
                rejection_codes: None,
            }),
        }
    }

    /// How much of a streamed request body is kept for a replay, in bytes; 1 MiB by default. A longer stream goes out
    /// once, and its rejection is handed on. A body in one piece costs nothing and has no limit, and with 0 it is the only
    /// one that is replayed.
    #[must_use]
    pub fn replay_limit(self, bytes: usize) -> Self {
        self.with(|settings| settings.replay_limit = bytes)
    }

    /// How much of an answer is looked at for an errcode, in bytes; 4 KiB by default. WeChat's errors are far shorter.
    /// With 0 nothing is looked at, and nothing replayed.
    #[must_use]
    pub fn inspect_limit(self, bytes: usize) -> Self {
        self.with(|settings| settings.inspect_limit = bytes)
    }

    /// Takes these codes, and no others, for "the token was rejected". By default they are the account's own
    /// [`Platform::rejection_codes`](crate::Platform::rejection_codes).
    ///
    /// Name only codes that WeChat answers *before* it carries the request out: a request may be sent again for each.
    #[must_use]
    pub fn rejection_codes(self, codes: impl IntoIterator<Item = i64>) -> Self {
        let codes = codes.into_iter().collect();
        self.with(|settings| settings.rejection_codes = Some(codes))
    }

    /// Sends tokens to this origin too: a reverse proxy, a private deployment. The paths that never get a token
    /// (`/cgi-bin/token`, `/sns/`, …) are recognised at its root only, not behind a prefix. Where it has one, give it to
    /// the issuer as its [`base_url`](crate::issuer::StableToken::base_url).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but `https://host[:port][/prefix]`, or the same with
    /// `http` and a loopback host.
    pub fn allow_origin(self, url: &str) -> Result<Self, Error> {
        let origin = Origin::parse(url)?;
        Ok(self.with(|settings| settings.allowed.push(origin)))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for WeChatAuthLayer {
    type Service = WeChatAuth<S>;

    fn layer(&self, inner: S) -> WeChatAuth<S> {
        WeChatAuth::new(inner, self.settings.clone())
    }
}
