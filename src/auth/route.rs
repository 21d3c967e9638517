//! Which requests get a token, and whose.

use http::{Request, Uri};

use super::settings::{Settings, Source};
use crate::{
    cache::{TokenCache, TokenPool},
    error::{Error, ErrorKind},
    platform::{OutOfScope, Platform},
    request::{OwnCredential, own_credential},
    secret::AppId,
    telemetry::{self, PassedThrough},
};

/// A request with this extension goes out untouched, and so does its answer.
///
/// ```
/// use tower_wechat::SkipAuth;
///
/// let url = "https://api.weixin.qq.com/cgi-bin/get_api_domain_ip";
/// let request = http::Request::get(url).extension(SkipAuth).body(())?;
/// # drop(request);
/// # Ok::<(), http::Error>(())
/// ```
///
/// Where requests have no extensions (reqwest's), [`WeChatAuth::without_auth`](crate::WeChatAuth::without_auth) takes its
/// place.
#[allow(clippy::exhaustive_structs)] // A marker type; it never has fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SkipAuth;

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

/// What to do with a request.
pub(super) enum Route {
    /// It goes out as it is.
    PassThrough,
    /// It goes out with a token of this account.
    Authorize(TokenCache),
    /// Its account is being made; that account's platform says what to do. In a box, so that the others come in registers.
    Await(Box<(TokenPool, AppId)>),
    /// It goes to WeChat, but it cannot be told for which account.
    Refuse(Error),
}

impl Settings {
    pub(super) fn route<B>(&self, choice: &Choice, request: &Request<B>) -> Route {
        let (uri, extensions) = (request.uri(), request.extensions());
        let app = match choice {
            Choice::Skip => return pass_through(uri, PassedThrough::SkipAuth),
            Choice::App(app) => Some(app),
            Choice::ByRequest if extensions.get::<SkipAuth>().is_some() => {
                return pass_through(uri, PassedThrough::SkipAuth);
            }
            Choice::ByRequest => extensions.get::<AppId>(),
        };
        match &self.accounts.0 {
            Source::One(cache) => self.for_account(cache.clone(), uri),
            Source::Pool(pool) => self.in_pool(pool, app, uri),
        }
    }

    fn for_account(&self, cache: TokenCache, uri: &Uri) -> Route {
        if self.is_for(&cache, uri) { Route::Authorize(cache) } else { Route::PassThrough }
    }

    /// Whether a request gets a token of this account.
    pub(super) fn is_for(&self, cache: &TokenCache, uri: &Uri) -> bool {
        match self.judge(cache.platform(), uri) {
            Ok(()) => true,
            Err(why) => {
                telemetry::passed_through(uri, why);
                false
            }
        }
    }

    fn in_pool(&self, pool: &TokenPool, app: Option<&AppId>, uri: &Uri) -> Route {
        // The account first: only with it is it known which origins are its own.
        let unknown = match app.map(|app| (app, pool.find(app))) {
            Some((_, Ok(Some(cache)))) => return self.for_account(cache, uri),
            Some((app, Ok(None))) => return Route::Await(Box::new((pool.clone(), app.clone()))),
            // A factory's accounts may have origins that nobody else has.
            Some((_, Err(error))) if pool.has_factory() => return Route::Refuse(error),
            Some((_, Err(error))) => error,
            None => {
                let text =
                    "a request to WeChat must name its account: give it an AppId extension, or SkipAuth";
                Error::new(ErrorKind::UnknownApp, text)
            }
        };
        let mut why = PassedThrough::OtherHost;
        for platform in pool.platforms().iter() {
            match self.judge(platform, uri) {
                Ok(()) => return Route::Refuse(unknown),
                Err(PassedThrough::OtherHost) => {}
                Err(closer) => why = closer,
            }
        }
        pass_through(uri, why)
    }

    /// Whether a request gets a token of this platform: it is in its scope, and has no credential of the caller's own.
    fn judge(&self, platform: &Platform, uri: &Uri) -> Result<(), PassedThrough> {
        platform.scope(uri, &self.allowed).map_err(|why| match why {
            OutOfScope::NotAbsolute => PassedThrough::NotAbsolute,
            OutOfScope::OtherHost => PassedThrough::OtherHost,
            OutOfScope::OtherOrigin => PassedThrough::OtherOrigin,
            OutOfScope::OutsidePrefix => PassedThrough::OutsidePrefix,
            OutOfScope::ExemptPath => PassedThrough::ExemptPath,
        })?;
        match uri.query().and_then(|query| own_credential(query, platform.parameter_name())) {
            None => Ok(()),
            Some(OwnCredential::Token) => Err(PassedThrough::OwnToken),
            Some(OwnCredential::Placeholder) => Err(PassedThrough::Placeholder),
            Some(OwnCredential::Secret) => Err(PassedThrough::OwnSecret),
        }
    }
}

fn pass_through(uri: &Uri, why: PassedThrough) -> Route {
    telemetry::passed_through(uri, why);
    Route::PassThrough
}
