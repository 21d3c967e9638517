//! Whose token a request gets: one account's, or one of a pool's, picked by the request.

use http::{Request, Uri};

use super::{
    layer::Settings,
    scope::{SkipAuth, wants_token},
};
use crate::{
    cache::{TokenCache, TokenPool},
    error::{Error, ErrorKind},
    secret::AppId,
};

/// Where a layer's tokens come from; made from a [`TokenCache`] or a [`TokenPool`].
#[derive(Clone, Debug)]
pub struct Accounts(Source);

#[derive(Clone, Debug)]
enum Source {
    One(TokenCache),
    Pool(TokenPool),
}

/// Who picks the account.
#[derive(Clone, Debug)]
pub(super) enum Choice {
    /// The request's extensions.
    ByRequest,
    /// This handle of the service, for one account.
    App(AppId),
    /// This handle of the service, for none.
    Skip,
}

/// Where a request goes.
pub(super) enum Destination {
    /// Not to WeChat, or without a token of ours.
    Elsewhere,
    /// To WeChat, with a token of this account.
    Account(TokenCache),
    /// To WeChat, but it cannot be told for which account.
    Nowhere(Error),
}

impl Settings {
    pub(super) fn destination<B>(&self, choice: &Choice, request: &Request<B>) -> Destination {
        let extensions = request.extensions();
        let app = match choice {
            Choice::Skip => return Destination::Elsewhere,
            Choice::App(app) => Some(app),
            Choice::ByRequest if extensions.get::<SkipAuth>().is_some() => return Destination::Elsewhere,
            Choice::ByRequest => extensions.get::<AppId>(),
        };
        match &self.accounts.0 {
            Source::One(cache) => self.with_account(cache.clone(), request.uri()),
            Source::Pool(pool) => self.in_pool(pool, app, request.uri()),
        }
    }

    fn with_account(&self, cache: TokenCache, uri: &Uri) -> Destination {
        if wants_token(cache.platform(), &self.allowed, uri) {
            Destination::Account(cache)
        } else {
            Destination::Elsewhere
        }
    }

    fn in_pool(&self, pool: &TokenPool, app: Option<&AppId>, uri: &Uri) -> Destination {
        // The platforms of all accounts decide whether the request needs one, the account's own whether its token goes out.
        if !pool.platforms().iter().any(|platform| wants_token(platform, &self.allowed, uri)) {
            return Destination::Elsewhere;
        }
        let Some(app) = app else {
            let text = "a request to WeChat must name its account: give it an AppId extension, or SkipAuth";
            return Destination::Nowhere(Error::new(ErrorKind::UnknownApp, text));
        };
        match pool.find(app) {
            Ok(cache) => self.with_account(cache, uri),
            Err(error) => Destination::Nowhere(error),
        }
    }
}

impl From<TokenCache> for Accounts {
    fn from(cache: TokenCache) -> Self {
        Self(Source::One(cache))
    }
}

impl From<&TokenCache> for Accounts {
    fn from(cache: &TokenCache) -> Self {
        cache.clone().into()
    }
}

impl From<TokenPool> for Accounts {
    fn from(pool: TokenPool) -> Self {
        Self(Source::Pool(pool))
    }
}

impl From<&TokenPool> for Accounts {
    fn from(pool: &TokenPool) -> Self {
        pool.clone().into()
    }
}
