//! What the built-in issuers have in common: an account at a token endpoint, and one mint there.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, header::CONTENT_TYPE};
use percent_encoding::{PercentEncode, utf8_percent_encode};

use super::{
    AccountKey, Minted, answer,
    client::{Answer, Client},
    secrets::{Secrets, check},
};
use crate::{
    error::{Error, ErrorKind, TokenError},
    platform::{Codes, Origin, Platform},
    secret::{AppId, AppSecret, Fingerprint},
    token::ESCAPED,
};

/// The answers that mean "wrong secret": 40001 on both platforms, 40125 WeChat's, 40091 WeCom's.
const WRONG_SECRET: [i64; 3] = [40001, 40125, 40091];

/// Which call of a mint a request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    First,
    /// The first had no answer, and may have been carried out.
    Again,
}

/// Which endpoint, and what its documentation calls things.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) base: &'static str,
    pub(super) id: &'static str,
    pub(super) secret: &'static str,
    pub(super) codes: Codes,
    /// Whether one id has several accounts, told apart by their secrets.
    pub(super) is_account_by_secret: bool,
}

impl Kind {
    /// The account of this id at the endpoint below `base`.
    fn account(&self, base: &str, id: AppId, secret: &AppSecret) -> AccountKey {
        AccountKey::new(self.name, base, id, self.is_account_by_secret.then_some(secret))
    }
}

/// An account at a token endpoint.
pub(super) struct Endpoint {
    kind: &'static Kind,
    /// Without a slash at its end.
    base: String,
    family: Platform,
    /// Where `base` is not the family's own.
    origin: Option<Origin>,
    /// The family's, and the origin.
    platform: Platform,
    account: AccountKey,
    secrets: Secrets,
    client: Client,
}

impl Endpoint {
    pub(super) fn new(kind: &'static Kind, platform: Platform, app: AppId, secret: AppSecret) -> Self {
        Self {
            kind,
            base: kind.base.to_owned(),
            family: platform.clone(),
            origin: None,
            platform,
            account: kind.account(kind.base, app, &secret),
            secrets: Secrets::new(secret),
            client: Client::default(),
        }
    }

    pub(super) fn at(self, url: &str) -> Result<Self, Error> {
        Ok(self.at_origin(Origin::parse(url)?, url))
    }

    /// Whatever the host, by plain http too.
    pub(super) fn dangerously_at(self, url: &str) -> Result<Self, Error> {
        Ok(self.at_origin(Origin::parse_dangerous_plain_http(url)?, url))
    }

    fn at_origin(mut self, origin: Origin, url: &str) -> Self {
        url.trim_end_matches('/').clone_into(&mut self.base);
        let canonical = if origin.is_wechats_own() { self.kind.base.to_owned() } else { origin.canonical() };
        self.account = self.kind.account(&canonical, self.account.app().clone(), &self.secrets.present());
        self.origin = Some(origin);
        self.with_whole_platform()
    }

    /// Another family of accounts, with the same endpoint.
    pub(super) fn of_family(self, family: Platform) -> Self {
        Self { family, ..self }.with_whole_platform()
    }

    fn with_whole_platform(mut self) -> Self {
        let family = self.family.clone();
        self.platform = match self.origin.clone() {
            Some(origin) => family.and(origin),
            None => family,
        };
        self
    }

    #[cfg(feature = "https")]
    pub(super) fn trusting(self, pem: &[u8]) -> Result<Self, Error> {
        Ok(Self { client: self.client.trusting(pem)?, ..self })
    }

    pub(super) fn through(self, client: Client) -> Self {
        Self { client, ..self }
    }

    pub(super) fn with_source(self, source: impl Fn() -> AppSecret + Send + Sync + 'static) -> Self {
        Self { secrets: self.secrets.with_source(Arc::new(source)), ..self }
    }

    pub(super) fn platform(&self) -> &Platform {
        &self.platform
    }

    pub(super) fn credential(&self) -> Fingerprint {
        self.secrets.present().fingerprint()
    }

    pub(super) fn account(&self) -> &AccountKey {
        &self.account
    }

    /// Asks once, and once more if the secret was refused and its source has another by now. A call that hangs is made once
    /// more. `request` makes the request from id and secret.
    pub(super) async fn mint(
        &self,
        request: impl Fn(&Self, &str, &str, Call) -> Result<Request<Bytes>, TokenError>,
    ) -> Result<Minted, TokenError> {
        let mut minted = self.mint_with(&self.secrets.present(), &request).await;
        if minted.as_ref().is_err_and(is_wrong_secret)
            && let Some(other) = self.secrets.next()
        {
            minted = self.mint_with(&other, &request).await;
        }
        minted.map_err(|error| error.for_app(self.account.app()))
    }

    async fn mint_with(
        &self,
        secret: &AppSecret,
        request: impl Fn(&Self, &str, &str, Call) -> Result<Request<Bytes>, TokenError>,
    ) -> Result<Minted, TokenError> {
        let app = self.account.app().as_str();
        check(self.kind.id, app)?;
        check(self.kind.secret, secret.expose())?;
        let first = request(self, app, secret.expose(), Call::First)?;
        let again = request(self, app, secret.expose(), Call::Again)?;
        let minted = match self.client.exchange(first, again).await {
            Ok(Answer { status, body, .. }) => answer::parse(status, &body, self.kind.codes),
            Err(error) => {
                let encoded = encode(secret.expose()).to_string();
                Err(error.into_error("the token endpoint", &[secret.expose(), &encoded]))
            }
        };
        if minted.as_ref().is_err_and(is_wrong_secret) {
            self.secrets.was_refused(secret);
        }
        minted
    }

    /// Whether the secret was wrong, and there is another by now.
    pub(super) fn was_mended(&self, failure: &TokenError) -> bool {
        is_wrong_secret(failure) && self.secrets.next().is_some()
    }

    /// A GET with this query, whose values are percent-encoded here.
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Request<Bytes>, TokenError> {
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let url = format!("{}{path}?{}", self.base, query.join("&"));
        finish(Request::builder().uri(url), Bytes::new())
    }

    /// A POST of this JSON.
    pub(super) fn post(&self, path: &str, json: &serde_json::Value) -> Result<Request<Bytes>, TokenError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json");
        finish(request, json.to_string().into())
    }

    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("app", self.account.app())
            .field("base_url", &self.base)
            .finish_non_exhaustive()
    }
}

fn is_wrong_secret(error: &TokenError) -> bool {
    error.errcode().is_some_and(|code| WRONG_SECRET.contains(&code))
}

fn finish(request: http::request::Builder, body: Bytes) -> Result<Request<Bytes>, TokenError> {
    // The base URL was checked and the rest is encoded; what is left is a URL of more than 64 KiB.
    request.body(body).map_err(|_| TokenError::new(ErrorKind::Config, "the token endpoint's URL is too long"))
}

fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}
